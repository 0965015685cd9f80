"""Search for the partition of least description length: single moves, merges, splits."""

import math

import numpy as np
from numba import njit

from neurokit.connectomes.blocks.likelihood import (
    degree_term,
    description_length,
    fit_hyper,
    pairs_within,
    term,
)


@njit(cache=True)
def count_blocks(indptr, indices, weight, labels, n_max, poisson):  # type: ignore[no-untyped-def]
    """Sum up a partition: sizes, degrees, and edges, weights and squares between blocks."""
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
    return size, degree, e, s, q


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
def _gain(r, n_blocks, kinds, corrected, size, degree, e, s, q, d, dw, dq, own, hyper, terms):  # type: ignore[no-untyped-def]
    """Log-probability gained by adding the node whose edges are ``d`` to block r."""
    gain = 0.0
    for t in range(n_blocks):
        n = pairs_within(size[r] + 1, corrected) if t == r else (size[r] + 1) * size[t]
        if n > 0.0 or d[t] != 0.0:
            h = hyper[0 if t == r else 1]
            gain += term(kinds, n, e[r, t] + d[t], s[r, t] + dw[t], q[r, t] + dq[t], h)
            gain -= terms[r, t]
    if corrected:
        gain += degree_term(size[r] + 1, degree[r] + own) - degree_term(size[r], degree[r])
    return gain + math.log(size[r] + 1.0)  # sizes in the cost of the partition


@njit(cache=True)
def _row(r, n_blocks, kinds, corrected, size, e, s, q, hyper, terms):  # type: ignore[no-untyped-def]
    """Write what stands between block r and each other into ``terms``."""
    for t in range(n_blocks):
        n = pairs_within(size[r], corrected) if t == r else size[r] * size[t]
        value = term(kinds, n, e[r, t], s[r, t], q[r, t], hyper[0 if t == r else 1])
        terms[r, t] = value
        terms[t, r] = value


@njit(cache=True)
def _blocks_cost(n_nodes, n_blocks):  # type: ignore[no-untyped-def]
    """Log of the number of ways to choose the sizes of that many blocks."""
    return math.lgamma(n_nodes) - math.lgamma(n_blocks) - math.lgamma(n_nodes - n_blocks + 1.0)


@njit(cache=True)
def sweep(  # type: ignore[no-untyped-def]
    graph, labels, state, kinds, corrected, hyper, n_blocks, beta, movable, options, fixed, rng
):
    """Move each movable node once; returns the number of blocks and of moves.

    ``beta`` is the inverse temperature (infinite: to the best place); ``movable`` lists nodes in
    the order of the sweep; ``options`` lists blocks that may be chosen (empty: all, and a new
    one); ``fixed`` keeps the number of blocks.
    """
    indptr, indices, weight, poisson = graph
    size, degree, e, s, q = state
    n_nodes, n_max = len(labels), len(size)
    terms = np.zeros((n_max, n_max))
    for r in range(n_blocks):
        _row(r, n_blocks, kinds, corrected, size, e, s, q, hyper, terms)
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
        _shift(r, -1.0, size, degree, e, s, q, d, dw, dq)
        _row(r, n_blocks, kinds, corrected, size, e, s, q, hyper, terms)
        for t in range(n_blocks):
            wanted[t] = not few
        if few:
            for t in options:
                wanted[t] = True
        elif n_blocks > 24:  # blocks of neighbours, its own, and a few at random
            for t in range(n_blocks):
                wanted[t] = d[t] > 0 or t == r
            for _ in range(3):
                wanted[rng.integers(0, n_blocks)] = True
        alone = size[r] == 0.0  # an emptied block is the new one
        top, best = -np.inf, r
        for t in range(n_blocks):
            gains[t] = -np.inf
            if not wanted[t]:
                continue
            value = _gain(
                t, n_blocks, kinds, corrected, size, degree, e, s, q, d, dw, dq, own, hyper, terms
            )
            if alone and t == r:
                value -= _blocks_cost(n_nodes, n_blocks) - _blocks_cost(n_nodes, n_blocks - 1)
            gains[t] = value
            if value > top:
                top, best = value, t
        n_choices = n_blocks
        if not (alone or few or fixed) and n_blocks < n_max:
            t = n_blocks
            for u in range(n_blocks + 1):
                terms[t, u] = 0.0
                terms[u, t] = 0.0
            value = _gain(
                t,
                n_blocks + 1,
                kinds,
                corrected,
                size,
                degree,
                e,
                s,
                q,
                d,
                dw,
                dq,
                own,
                hyper,
                terms,
            )
            value -= _blocks_cost(n_nodes, n_blocks + 1) - _blocks_cost(n_nodes, n_blocks)
            gains[t] = value
            n_choices += 1
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
        _row(best, n_blocks, kinds, corrected, size, e, s, q, hyper, terms)
        moves += best != r
        if size[r] == 0.0 and r < n_blocks:  # the last block takes the empty place
            last = n_blocks - 1
            _rename(last, r, n_blocks, labels, size, degree, e, s, q)
            n_blocks -= 1
            if r < n_blocks:
                _row(r, n_blocks, kinds, corrected, size, e, s, q, hyper, terms)
    return n_blocks, moves


@njit(cache=True)
def _rename(last, r, n_blocks, labels, size, degree, e, s, q):  # type: ignore[no-untyped-def]
    """Give the last block the number r of an empty one, and clear the last."""
    if last != r:
        for j in range(len(labels)):
            if labels[j] == last:
                labels[j] = r
        size[r], degree[r] = size[last], degree[last]
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
def best_merge(n_nodes, n_blocks, kinds, corrected, state, hyper):  # type: ignore[no-untyped-def]
    """Find the two blocks whose merger gains most; returns gain and the two."""
    size, degree, e, s, q = state
    top, one, other = -np.inf, 0, 0
    terms = np.zeros((n_blocks, n_blocks))
    for r in range(n_blocks):
        _row(r, n_blocks, kinds, corrected, size, e, s, q, hyper, terms)
    fewer = _blocks_cost(n_nodes, n_blocks) - _blocks_cost(n_nodes, n_blocks - 1)
    for r in range(n_blocks):
        for u in range(r):
            joint = size[r] + size[u]
            gain = math.lgamma(joint + 1) - math.lgamma(size[r] + 1) - math.lgamma(size[u] + 1)
            gain += fewer - terms[r, r] - terms[u, u] - terms[r, u]
            gain += term(
                kinds,
                pairs_within(joint, corrected),
                e[r, r] + e[u, u] + e[r, u],
                s[r, r] + s[u, u] + s[r, u],
                q[r, r] + q[u, u] + q[r, u],
                hyper[0],
            )
            if corrected:
                gain += degree_term(joint, degree[r] + degree[u])
                gain -= degree_term(size[r], degree[r]) + degree_term(size[u], degree[u])
            for t in range(n_blocks):
                if t not in (r, u):
                    gain -= terms[r, t] + terms[u, t]
                    gain += term(
                        kinds,
                        joint * size[t],
                        e[r, t] + e[u, t],
                        s[r, t] + s[u, t],
                        q[r, t] + q[u, t],
                        hyper[1],
                    )
            if gain > top:
                top, one, other = gain, r, u
    return top, one, other


@njit(cache=True)
def merge(one, other, n_blocks, labels, state):  # type: ignore[no-untyped-def]
    """Put all of block ``one`` into ``other``; returns the number of blocks left."""
    size, degree, e, s, q = state
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
    _rename(n_blocks - 1, one, n_blocks, labels, size, degree, e, s, q)
    return n_blocks - 1


@njit(cache=True)
def search(  # type: ignore[no-untyped-def]
    graph, start, kinds, corrected, n_max, n_blocks, rng, beta, n_anneal, n_rounds, cap=8.0
):
    """Anneal, then move, merge and split until nothing gains; returns labels and length.

    ``n_blocks`` above zero keeps that number of blocks. ``n_anneal`` sweeps are drawn first, at
    an inverse temperature that rises from ``beta`` to one, and to three at the end.
    """
    n_nodes = len(start)
    fixed = n_blocks > 0
    labels = start.copy()
    n_now = labels.max() + 1
    everything = np.zeros(0, np.int64)
    hyper = np.zeros((2, 8))
    indptr, indices, weight, poisson = graph
    state = count_blocks(indptr, indices, weight, labels, n_max, poisson)
    for k in range(n_anneal):
        now = min(1.0, beta + (1 - beta) * k / (0.7 * n_anneal)) if k < 0.9 * n_anneal else 3.0
        size, _, e, s, q = state
        fit_hyper(kinds, corrected, n_now, size, e, s, q, hyper, cap)
        order = rng.permutation(n_nodes)
        n_now, _ = sweep(
            graph,
            labels,
            state,
            kinds,
            corrected,
            hyper,
            n_now,
            now,
            order,
            everything,
            fixed,
            rng,
        )
    length = _settle(graph, labels, kinds, corrected, n_max, fixed, hyper, rng)
    for _ in range(n_rounds):
        tried, better = _round(graph, labels, kinds, corrected, n_max, fixed, length, rng)
        if better >= length - 1e-6:
            break
        labels, length = tried, better
    return labels, length


@njit(cache=True)
def _settle(graph, labels, kinds, corrected, n_max, fixed, hyper, rng):  # type: ignore[no-untyped-def]
    """Move greedily, refitting priors, until nothing moves; labels are changed in place."""
    indptr, indices, weight, poisson = graph
    n_now = labels.max() + 1
    state = count_blocks(indptr, indices, weight, labels, n_max, poisson)
    size, _, e, s, q = state
    nothing = np.zeros(0, np.int64)
    for _ in range(30):
        fit_hyper(kinds, corrected, n_now, size, e, s, q, hyper, 1e9)
        order = rng.permutation(len(labels))
        n_now, moves = sweep(
            graph,
            labels,
            state,
            kinds,
            corrected,
            hyper,
            n_now,
            np.inf,
            order,
            nothing,
            fixed,
            rng,
        )
        if moves == 0:
            break
    return _length(graph, labels, kinds, corrected, n_max, hyper)


@njit(cache=True)
def _length(graph, labels, kinds, corrected, n_max, hyper):  # type: ignore[no-untyped-def]
    """Return the description length of a partition under the priors that fit it best."""
    indptr, indices, weight, poisson = graph
    n_now = labels.max() + 1
    size, degree, e, s, q = count_blocks(indptr, indices, weight, labels, n_max, poisson)
    fit_hyper(kinds, corrected, n_now, size, e, s, q, hyper, 1e9)
    return description_length(kinds, corrected, len(labels), n_now, size, degree, e, s, q, hyper)


@njit(cache=True)
def _round(graph, labels, kinds, corrected, n_max, fixed, length, rng):  # type: ignore[no-untyped-def]
    """Try every split and the best mergers from the present labels; returns the best found."""
    indptr, indices, weight, poisson = graph
    best_labels, best = labels.copy(), length
    hyper = np.zeros((2, 8))
    n_now = best_labels.max() + 1
    if not fixed:  # mergers, as long as they gain
        tried = best_labels.copy()
        state = count_blocks(indptr, indices, weight, tried, n_max, poisson)
        for _ in range(n_now - 1):
            size, _, e, s, q = state
            fit_hyper(kinds, corrected, n_now, size, e, s, q, hyper, 1e9)
            gain, one, other = best_merge(len(labels), n_now, kinds, corrected, state, hyper)
            if gain < -5.0:
                break
            n_now = merge(one, other, n_now, tried, state)
            candidate = tried.copy()
            value = _settle(graph, candidate, kinds, corrected, n_max, fixed, hyper, rng)
            if value < best - 1e-9:
                best, best_labels = value, candidate
                tried = candidate.copy()
                n_now = tried.max() + 1
                state = count_blocks(indptr, indices, weight, tried, n_max, poisson)
    r = 0
    while r < best_labels.max() + 1:  # splits of each block
        members = np.flatnonzero(best_labels == r)
        n_now = best_labels.max() + 1
        if len(members) >= 4 and n_now < n_max:
            tried = best_labels.copy()
            for i in members:
                if rng.random() < 0.5:
                    tried[i] = n_now
            if (tried == n_now).sum() > 0 and (tried == r).sum() > 0:
                state = count_blocks(indptr, indices, weight, tried, n_max, poisson)
                size, _, e, s, q = state
                options = np.array([r, n_now])
                for k in range(12):
                    beta = 0.5 + 0.25 * k if k < 8 else np.inf
                    fit_hyper(
                        kinds, corrected, n_now + 1, size, e, s, q, hyper, 8.0 if k < 8 else 1e9
                    )
                    order = rng.permutation(members)
                    _, _ = sweep(
                        graph,
                        tried,
                        state,
                        kinds,
                        corrected,
                        hyper,
                        n_now + 1,
                        beta,
                        order,
                        options,
                        True,
                        rng,
                    )
                if fixed:
                    fit_hyper(kinds, corrected, n_now + 1, size, e, s, q, hyper, 1e9)
                    _, one, other = best_merge(
                        len(labels), n_now + 1, kinds, corrected, state, hyper
                    )
                    merge(one, other, n_now + 1, tried, state)
                near = _length(graph, tried, kinds, corrected, n_max, hyper)
                if near < best + 20.0:  # else nothing will come of it
                    value = _settle(graph, tried, kinds, corrected, n_max, fixed, hyper, rng)
                    if value < best - 1e-9:
                        best, best_labels = value, tried
        r += 1
    return best_labels, best
