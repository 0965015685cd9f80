"""Moves of nodes between blocks and mergers of blocks, with the sums that they change."""

import math

import numpy as np
from numba import njit

from neurokit.connectomes.blocks.likelihood import (
    degree_term,
    edges_term,
    pairs_between,
    pairs_within,
    prior_of,
    term,
    weights_term,
)


@njit(cache=True)
def count_blocks(indptr, indices, weight, labels, n_max, poisson, group):  # type: ignore[no-untyped-def]
    """Sum up a partition: sizes, degrees, edges, weights and squares between blocks, groups."""
    size, degree = np.zeros(n_max), np.zeros(n_max)
    e, s, q = np.zeros((n_max, n_max)), np.zeros((n_max, n_max)), np.zeros((n_max, n_max))
    for i in range(len(labels)):
        r = labels[i]
        size[r] += 1
        for k in range(indptr[i], indptr[i + 1]):
            t, w = labels[indices[k]], weight[k]
            one = w if poisson else 1.0
            degree[r] += one
            share = 0.5 if r == t else 1.0  # each edge is seen from both its ends
            e[r, t] += share * one
            s[r, t] += share * w
            q[r, t] += share * w * w
    return size, degree, e, s, q, group


@njit(cache=True)
def _shift(r, sign, size, degree, e, s, q, d, dw, dq):  # type: ignore[no-untyped-def]
    """Add a node to block r (or take it out), ``d`` being its edges to each block."""
    n_blocks = len(d)
    size[r] += sign
    for t in range(n_blocks):
        if d[t] != 0.0:
            degree[r] += sign * d[t]
            e[r, t] += sign * d[t]
            s[r, t] += sign * dw[t]
            q[r, t] += sign * dq[t]
            if t != r:
                e[t, r], s[t, r], q[t, r] = e[r, t], s[r, t], q[r, t]


@njit(cache=True)
def _tabulate(kinds, hyper, length):  # type: ignore[no-untyped-def]
    """Write the log-gammas of whole numbers of edges into a table, for `_edges` and `_weights`."""
    table = np.empty((len(hyper), 4, length if kinds[0] == 0 else 0))
    for which in range(len(hyper)):
        h = hyper[which]
        for k in range(table.shape[2]):
            table[which, 0, k] = math.lgamma(h[0] + k)
            table[which, 1, k] = math.lgamma(h[1] + k)
            table[which, 2, k] = math.lgamma(h[0] + h[1] + k) + h[2]
            table[which, 3, k] = math.lgamma(h[3] + k) - h[6]
    return table


@njit(cache=True)
def _weights(kinds, e, s, q, which, h, table):  # type: ignore[no-untyped-def]
    k = int(e)
    if kinds[1] == 1 and 0 < k < table.shape[2]:
        return table[which, 3, k] - (h[3] + e) * math.log(h[4] + s)
    return weights_term(kinds[1], e, s, q, h)


@njit(cache=True)
def _edges(kinds, n, e, which, h, table):  # type: ignore[no-untyped-def]
    k, there = int(n), int(e)
    if k < table.shape[2]:
        return table[which, 0, there] + table[which, 1, k - there] - table[which, 2, k]
    return edges_term(kinds[0], n, e, h)


@njit(cache=True)
def _gain(r, n_blocks, kinds, root, state, d, dw, dq, own, hyper, table, terms):  # type: ignore[no-untyped-def]
    """Log-probability gained by adding the node whose edges are ``d`` to block r."""
    size, degree, e, s, q, group = state
    gain, n_groups = 0.0, round(math.sqrt(len(hyper) - 1))
    larger, ends = size[r] + 1, degree[r] + own
    for t in range(n_blocks):
        if t == r:
            n = pairs_within(larger, ends, root)
        else:
            n = pairs_between(larger, ends, size[t], degree[t], root)
        which = prior_of(r, t, group, n_groups)
        h, edges = hyper[which], e[r, t] + d[t]
        if n > 0.0 or d[t] != 0.0:
            gain += _edges(kinds, n, edges, which, h, table) - terms[0, r, t]
        if d[t] != 0.0:
            gain += _weights(kinds, edges, s[r, t] + dw[t], q[r, t] + dq[t], which, h, table)
            gain -= terms[1, r, t]
    if root > 0:
        gain += degree_term(ends, root) - degree_term(degree[r], root)
    return gain + math.log(larger)  # sizes in the cost of the partition


@njit(cache=True)
def _row(r, n_blocks, kinds, root, state, d, hyper, table, terms):  # type: ignore[no-untyped-def]
    """Write what stands between block r and each other into ``terms``: of edges, of weights.

    Weights with blocks where ``d`` is zero are as they were.
    """
    size, degree, e, s, q, group = state
    n_groups = round(math.sqrt(len(hyper) - 1))
    for t in range(n_blocks):
        if t == r:
            n = pairs_within(size[r], degree[r], root)
        else:
            n = pairs_between(size[r], degree[r], size[t], degree[t], root)
        which = prior_of(r, t, group, n_groups)
        h = hyper[which]
        terms[0, r, t] = _edges(kinds, n, e[r, t], which, h, table)
        terms[0, t, r] = terms[0, r, t]
        if d[t] != 0.0:
            terms[1, r, t] = _weights(kinds, e[r, t], s[r, t], q[r, t], which, h, table)
            terms[1, t, r] = terms[1, r, t]


@njit(cache=True)
def _blocks_cost(n_nodes, n_blocks):  # type: ignore[no-untyped-def]
    """Log of the number of ways to choose the sizes of that many blocks."""
    return math.lgamma(n_nodes) - math.lgamma(n_blocks) - math.lgamma(n_nodes - n_blocks + 1.0)


@njit(cache=True)
def sweep(  # type: ignore[no-untyped-def]
    graph, labels, state, kinds, root, hyper, n_blocks, beta, movable, options, fixed, rng
):
    """Move each movable node once; returns the number of blocks and of moves.

    ``beta`` is the inverse temperature (infinite: to the best place); ``movable`` lists nodes in
    the order of the sweep; ``options`` lists blocks that may be chosen (empty: all, and a new
    one); ``fixed`` keeps the number of blocks.
    """
    indptr, indices, weight, poisson = graph
    size, degree, e, s, q, group = state
    n_nodes, n_max = len(labels), len(size)
    # as long as it is sure to be looked into more often than it takes to write
    table = _tabulate(kinds, hyper, int(min((size.max() + 1) ** 2, len(movable) * n_blocks)))
    terms = np.zeros((2, n_max, n_max))
    ones = np.ones(n_max)
    for r in range(n_blocks):
        _row(r, n_blocks, kinds, root, state, ones, hyper, table, terms)
    before = np.zeros((2, n_max))
    gains = np.empty(n_max)
    wanted = np.zeros(n_max, np.bool_)
    moves = 0
    few = len(options) > 0
    for i in movable:
        r = labels[i]
        if size[r] == 1 and (fixed or few):
            continue
        d, dw, dq = np.zeros(n_blocks + 1), np.zeros(n_blocks + 1), np.zeros(n_blocks + 1)
        own = 0.0
        for k in range(indptr[i], indptr[i + 1]):
            t, w = labels[indices[k]], weight[k]
            one = w if poisson else 1.0
            own += one
            d[t] += one
            dw[t] += w
            dq[t] += w * w
        before[:, :n_blocks] = terms[:, r, :n_blocks]
        n_before = n_blocks
        _shift(r, -1.0, size, degree, e, s, q, d, dw, dq)
        _row(r, n_blocks, kinds, root, state, d, hyper, table, terms)
        for t in range(n_blocks):
            wanted[t] = not few
        if few:
            for t in options:
                wanted[t] = True
        elif n_blocks > 24:  # blocks of neighbours, its own, and a few at random
            for t in range(n_blocks):
                wanted[t] = d[t] > 0 or t == r
            for _ in range(3):
                wanted[int(rng.random() * n_blocks)] = True
        alone = size[r] == 0.0  # an emptied block is the new one
        top, best = -np.inf, r
        n_choices = n_blocks
        if not (alone or few or fixed) and n_blocks < n_max:
            n_choices += 1  # a block of its own
            terms[:, n_blocks, :n_choices] = 0.0
            terms[:, :n_choices, n_blocks] = 0.0
            group[n_blocks] = group[r]
        for t in range(n_choices):
            gains[t] = -np.inf
            if t < n_blocks and not wanted[t]:
                continue
            n = max(n_blocks, t + 1)
            value = _gain(t, n, kinds, root, state, d, dw, dq, own, hyper, table, terms)
            if t == n_blocks:
                value -= _blocks_cost(n_nodes, n_blocks + 1) - _blocks_cost(n_nodes, n_blocks)
            elif alone and t == r:
                value -= _blocks_cost(n_nodes, n_blocks) - _blocks_cost(n_nodes, n_blocks - 1)
            gains[t] = value
            if value > top:
                top, best = value, t
        if beta < np.inf:
            total = 0.0
            for t in range(n_choices):
                if gains[t] > -np.inf:
                    total += math.exp(beta * (gains[t] - top))
            u = rng.random() * total
            for t in range(n_choices):
                if gains[t] > -np.inf:
                    u -= math.exp(beta * (gains[t] - top))
                    if u <= 0:
                        best = t
                        break
        elif best != r and gains[r] >= top - 1e-9:
            best = r
        if best == n_blocks:
            n_blocks += 1
        labels[i] = best
        _shift(best, 1.0, size, degree, e, s, q, d, dw, dq)
        if best == r:
            for t in range(n_before):
                for k in range(2):
                    terms[k, r, t] = terms[k, t, r] = before[k, t]
            continue
        _row(best, n_blocks, kinds, root, state, d, hyper, table, terms)
        moves += 1
        if size[r] == 0.0 and r < n_blocks:  # the last block takes the empty place
            last = n_blocks - 1
            _rename(last, r, n_blocks, labels, state)
            n_blocks -= 1
            if r < n_blocks:
                _row(r, n_blocks, kinds, root, state, ones, hyper, table, terms)
    return n_blocks, moves


@njit(cache=True)
def _rename(last, r, n_blocks, labels, state):  # type: ignore[no-untyped-def]
    """Give the last block the number r of an empty one, and clear the last."""
    size, degree, e, s, q, group = state
    if last != r:
        for j in range(len(labels)):
            if labels[j] == last:
                labels[j] = r
        size[r], degree[r], group[r] = size[last], degree[last], group[last]
        for a in (e, s, q):
            within = a[last, last]
            for t in range(n_blocks):
                a[r, t] = a[last, t]
                a[t, r] = a[last, t]
            a[r, r] = within
    size[last] = 0.0
    degree[last] = 0.0
    for a in (e, s, q):
        for t in range(n_blocks):
            a[last, t] = 0.0
            a[t, last] = 0.0


@njit(cache=True)
def best_merge(n_nodes, n_blocks, kinds, root, state, hyper):  # type: ignore[no-untyped-def]
    """Find the two blocks whose merger gains most; returns gain and the two."""
    size, degree, e, s, q, group = state
    n_groups, no_table = round(math.sqrt(len(hyper) - 1)), np.empty((len(hyper), 4, 0))
    top, one, other = -np.inf, 0, 0
    both, ones = np.zeros((2, n_blocks, n_blocks)), np.ones(n_blocks)
    for r in range(n_blocks):
        _row(r, n_blocks, kinds, root, state, ones, hyper, no_table, both)
    terms = both[0] + both[1]
    fewer = _blocks_cost(n_nodes, n_blocks) - _blocks_cost(n_nodes, n_blocks - 1)
    for r in range(n_blocks):
        for u in range(r):
            if group[u] != group[r]:
                continue
            joint, ends = size[r] + size[u], degree[r] + degree[u]
            gain = math.lgamma(joint + 1) - math.lgamma(size[r] + 1) - math.lgamma(size[u] + 1)
            gain += fewer - terms[r, r] - terms[u, u] - terms[r, u]
            gain += term(
                kinds,
                pairs_within(joint, ends, root),
                e[r, r] + e[u, u] + e[r, u],
                s[r, r] + s[u, u] + s[r, u],
                q[r, r] + q[u, u] + q[r, u],
                hyper[0],
            )
            if root > 0:
                gain += degree_term(ends, root) - degree_term(degree[r], root)
                gain -= degree_term(degree[u], root)
            for t in range(n_blocks):
                if t not in (r, u):
                    gain -= terms[r, t] + terms[u, t]
                    gain += term(
                        kinds,
                        pairs_between(joint, ends, size[t], degree[t], root),
                        e[r, t] + e[u, t],
                        s[r, t] + s[u, t],
                        q[r, t] + q[u, t],
                        hyper[prior_of(r, t, group, n_groups)],
                    )
            if gain > top:
                top, one, other = gain, r, u
    return top, one, other


@njit(cache=True)
def merge(one, other, n_blocks, labels, state):  # type: ignore[no-untyped-def]
    """Put all of block ``one`` into ``other``; returns the number of blocks left."""
    size, degree, e, s, q, _ = state
    for j in range(len(labels)):
        if labels[j] == one:
            labels[j] = other
    size[other] += size[one]
    degree[other] += degree[one]
    for a in (e, s, q):
        a[other, other] += a[one, one] + a[one, other]
        for t in range(n_blocks):
            if t not in (one, other):
                a[other, t] += a[one, t]
                a[t, other] = a[other, t]
    size[one] = 0.0
    _rename(n_blocks - 1, one, n_blocks, labels, state)
    return n_blocks - 1
