# mypy: disable-error-code="call-arg"
"""Moves of nodes between blocks and mergers of blocks, with the sums that they change."""

import math

import numpy as np
from numba import njit
from scipy.special import gammaln

from neurokit.connectomes.blocks.likelihood import (
    Floats,
    Labels,
    State,
    between_blocks,
    degree_term,
    edges_term,
    fill_terms,
    pairs_between,
    pairs_within,
    prior_of,
    priors_of,
    weights_term,
)
from neurokit.nn.kernels.vectors import stay_apart


def count_blocks(
    indptr: Labels,
    indices: Labels,
    weight: Floats,
    labels: Labels,
    n_max: int,
    poisson: bool,
    group: Labels,
) -> State:
    """Sum up a partition: sizes, degrees, edges, weights and squares between blocks, groups."""
    r, t = np.repeat(labels, np.diff(indptr)), labels[indices]
    one = weight if poisson else np.ones(len(weight))
    share = np.where(r == t, 0.5, 1.0)  # each edge is seen from both its ends
    n_blocks = int(labels.max()) + 1
    sums = np.zeros((3, n_max, n_max))
    for k, x in enumerate((one, weight, weight * weight)):
        counted = np.bincount(r * n_blocks + t, share * x, n_blocks**2)
        sums[k, :n_blocks, :n_blocks] = counted.reshape(n_blocks, n_blocks)
    size = np.bincount(labels, minlength=n_max).astype(np.float64)
    degree = np.bincount(r, one, n_max).astype(np.float64)
    return State(size, degree, sums[0], sums[1], sums[2], group, sums)


@njit(cache=True)
def _shift(r, sign, size, degree, sums, n_blocks, own):  # type: ignore[no-untyped-def]
    """Add a node to block r (or take it out); ``own`` holds its edges to each block."""
    stay_apart()
    size[r] += sign
    for t in range(n_blocks):
        if own[0, t] != 0.0:
            degree[r] += sign * own[0, t]
            for k in range(3):
                sums[k, r, t] += sign * own[k, t]
                sums[k, t, r] = sums[k, r, t]


@njit(cache=True)
def _tabulate(hyper, table):  # type: ignore[no-untyped-def]
    """Write the log-gammas of whole numbers of edges into a table, for `_edges` and `_weights`."""
    stay_apart()
    for which in range(len(hyper)):
        a, b, c, w = hyper[which, 0], hyper[which, 1], hyper[which, 2], hyper[which, 3]
        for k in range(table.shape[2]):
            table[which, 0, k] = math.lgamma(a + k)
            table[which, 1, k] = math.lgamma(b + k)
            table[which, 2, k] = math.lgamma(a + b + k) + c
            table[which, 3, k] = math.lgamma(w + k) - hyper[which, 6]


@njit(cache=True)
def _weights(kinds, e, s, q, which, hyper, table):  # type: ignore[no-untyped-def]
    k = int(e)
    if kinds[1] == 1 and 0 < k < table.shape[2]:
        return table[which, 3, k] - (hyper[which, 3] + e) * math.log(hyper[which, 4] + s)
    return weights_term(kinds[1], e, s, q, hyper, which)


@njit(cache=True)
def _edges(kinds, n, e, which, hyper, table):  # type: ignore[no-untyped-def]
    k, there = int(n), int(e)
    if k < table.shape[2]:
        return table[which, 0, there] + table[which, 1, k - there] - table[which, 2, k]
    return edges_term(kinds[0], n, e, hyper, which)


@njit(cache=True)
def _gain(r, n_blocks, kinds, root, state, own, ends, n_groups, hyper, table, terms):  # type: ignore[no-untyped-def]
    """Log-probability gained by adding the node whose edges are ``own`` to block r."""
    stay_apart()
    size, degree, sums, group = state
    gain, larger = 0.0, size[r] + 1
    ends += degree[r]
    for t in range(n_blocks):
        if t == r:
            n = pairs_within(larger, ends, root)
        else:
            n = pairs_between(larger, ends, size[t], degree[t], root)
        which, d = prior_of(r, t, group, n_groups), own[0, t]
        edges = sums[0, r, t] + d
        if n > 0.0 or d != 0.0:
            gain += _edges(kinds, n, edges, which, hyper, table) - terms[0, r, t]
        if d != 0.0:
            s, q = sums[1, r, t] + own[1, t], sums[2, r, t] + own[2, t]
            gain += _weights(kinds, edges, s, q, which, hyper, table)
            gain -= terms[1, r, t]
    if root > 0:
        gain += degree_term(ends, root) - degree_term(degree[r], root)
    return gain + math.log(larger)  # sizes in the cost of the partition


@njit(cache=True)
def _row(r, n_blocks, kinds, root, state, own, n_groups, hyper, table, terms):  # type: ignore[no-untyped-def]
    """Write what stands between block r and each other into ``terms``: of edges, of weights.

    Weights with blocks where the node that moves has no edges are as they were.
    """
    stay_apart()
    size, degree, sums, group = state
    for t in range(n_blocks):
        if t == r:
            n = pairs_within(size[r], degree[r], root)
        else:
            n = pairs_between(size[r], degree[r], size[t], degree[t], root)
        which = prior_of(r, t, group, n_groups)
        e = sums[0, r, t]
        terms[0, r, t] = terms[0, t, r] = _edges(kinds, n, e, which, hyper, table)
        if own[0, t] != 0.0:
            value = _weights(kinds, e, sums[1, r, t], sums[2, r, t], which, hyper, table)
            terms[1, r, t] = terms[1, t, r] = value


@njit(cache=True)
def _more_blocks(n_nodes, n_blocks):  # type: ignore[no-untyped-def]
    """Log of how many more ways there are to choose the sizes of one block more."""
    return math.log((n_nodes - n_blocks) / max(n_blocks, 1))


def sweep(
    graph: tuple[Labels, Labels, Floats, bool],
    labels: Labels,
    state: State,
    kinds: Labels,
    root: float,
    hyper: Floats,
    n_blocks: int,
    beta: float,
    movable: Labels,
    options: Labels,
    fixed: bool,
    rng: np.random.Generator,
) -> tuple[int, int]:
    """Move each movable node once; returns the number of blocks and of moves.

    ``beta`` is the inverse temperature (infinite: to the best place); ``movable`` lists nodes in
    the order of the sweep; ``options`` lists blocks that may be chosen (empty: all, and a new
    one); ``fixed`` keeps the number of blocks.
    """
    n_max, length = len(state.size), 0
    if kinds[0] == 0:
        # as long as it is sure to be looked into more often than it takes to write
        length = int(min((state.size.max() + 1) ** 2, len(movable) * n_blocks))
    room = (
        np.empty((len(hyper), 4, length)),
        np.zeros((2, n_max, n_max)),
        np.empty((3, n_max)),
        np.empty((3, n_max + 1)),
        np.zeros(n_max, np.bool_),
    )
    kept = state.size, state.degree, state.sums, state.group
    found: tuple[int, int] = _sweep(
        graph, labels, kept, kinds, root, hyper, n_blocks, beta, movable, options, fixed, rng, room
    )
    return found


@njit(cache=True)
def _sweep(  # type: ignore[no-untyped-def]
    graph, labels, state, kinds, root, hyper, n_blocks, beta, movable, options, fixed, rng, room
):
    """Do `sweep`; what it works in is given, since making it here takes long to compile."""
    indptr, indices, weight, poisson = graph
    size, degree, sums, group = state
    table, terms, rows, own, wanted = room
    n_nodes, n_max = len(labels), len(size)
    n_groups = int(math.sqrt(len(hyper) - 1) + 0.5)
    _tabulate(hyper, table)
    for t in range(n_max):
        own[0, t] = 1.0
    for r in range(n_blocks):
        _row(r, n_blocks, kinds, root, state, own, n_groups, hyper, table, terms)
    moves = 0
    few = len(options) > 0
    for m in range(len(movable)):
        i = movable[m]
        r = labels[i]
        if size[r] == 1 and (fixed or few):
            continue
        for k in range(3):
            for t in range(n_blocks + 1):
                own[k, t] = 0.0
        ends = 0.0
        for k in range(indptr[i], indptr[i + 1]):
            t, w = labels[indices[k]], weight[k]
            one = w if poisson else 1.0
            ends += one
            own[0, t] += one
            own[1, t] += w
            own[2, t] += w * w
        for t in range(n_blocks):
            rows[0, t], rows[1, t] = terms[0, r, t], terms[1, r, t]
        n_before = n_blocks
        _shift(r, -1.0, size, degree, sums, n_blocks, own)
        _row(r, n_blocks, kinds, root, state, own, n_groups, hyper, table, terms)
        for t in range(n_blocks):
            wanted[t] = not few
        if few:
            for k in range(len(options)):
                wanted[options[k]] = True
        elif n_blocks > 24:  # blocks of neighbours, its own, and a few at random
            for t in range(n_blocks):
                wanted[t] = own[0, t] > 0 or t == r
            for _ in range(3):
                wanted[int(rng.random() * n_blocks)] = True
        alone = size[r] == 0.0  # an emptied block is the new one
        top, best = -np.inf, r
        n_choices = n_blocks
        if not (alone or few or fixed) and n_blocks < n_max:
            n_choices += 1  # a block of its own
            for k in range(2):
                for t in range(n_choices):
                    terms[k, n_blocks, t] = terms[k, t, n_blocks] = 0.0
            group[n_blocks] = group[r]
        for t in range(n_choices):
            rows[2, t] = -np.inf
            if t < n_blocks and not wanted[t]:
                continue
            n = max(n_blocks, t + 1)
            value = _gain(t, n, kinds, root, state, own, ends, n_groups, hyper, table, terms)
            if t == n_blocks:
                value -= _more_blocks(n_nodes, n_blocks)
            elif alone and t == r:
                value -= _more_blocks(n_nodes, n_blocks - 1)
            rows[2, t] = value
            if value > top:
                top, best = value, t
        if beta < np.inf:
            total = 0.0
            for t in range(n_choices):
                if rows[2, t] > -np.inf:
                    total += math.exp(beta * (rows[2, t] - top))
            u = rng.random() * total
            for t in range(n_choices):
                if rows[2, t] > -np.inf:
                    u -= math.exp(beta * (rows[2, t] - top))
                    if u <= 0:
                        best = t
                        break
        elif best != r and rows[2, r] >= top - 1e-9:
            best = r
        if best == n_blocks:
            n_blocks += 1
        labels[i] = best
        _shift(best, 1.0, size, degree, sums, n_blocks, own)
        if best == r:
            for t in range(n_before):
                for k in range(2):
                    terms[k, r, t] = terms[k, t, r] = rows[k, t]
            continue
        _row(best, n_blocks, kinds, root, state, own, n_groups, hyper, table, terms)
        moves += 1
        if size[r] == 0.0 and r < n_blocks:  # the last block takes the empty place
            _rename(n_blocks - 1, r, n_blocks, labels, size, degree, sums, group)
            n_blocks -= 1
            if r < n_blocks:
                for t in range(n_blocks):
                    own[0, t] = 1.0
                _row(r, n_blocks, kinds, root, state, own, n_groups, hyper, table, terms)
    return n_blocks, moves


@njit(cache=True)
def _rename(last, r, n_blocks, labels, size, degree, sums, group):  # type: ignore[no-untyped-def]
    """Give the last block the number r of an empty one, and clear the last."""
    stay_apart()
    if last != r:
        for j in range(len(labels)):
            if labels[j] == last:
                labels[j] = r
        size[r], degree[r], group[r] = size[last], degree[last], group[last]
        for k in range(3):
            within = sums[k, last, last]
            for t in range(n_blocks):
                sums[k, r, t] = sums[k, t, r] = sums[k, last, t]
            sums[k, r, r] = within
    size[last] = degree[last] = 0.0
    for k in range(3):
        for t in range(n_blocks):
            sums[k, last, t] = sums[k, t, last] = 0.0


def best_merge(
    n_nodes: int, n_blocks: int, kinds: Labels, root: float, state: State, hyper: Floats
) -> tuple[float, int, int]:
    """Find the two blocks whose merger gains most; returns gain and the two."""
    size, degree, sums, group = state.size, state.degree, state.sums, state.group
    n_groups, there = round(math.sqrt(len(hyper) - 1)), np.arange(n_blocks)
    terms = np.empty((2, n_blocks**2))
    first, second = (x.ravel() for x in np.indices((n_blocks, n_blocks)))
    fill_terms(kinds, *between_blocks(state, root, first, second, n_groups), hyper, terms)
    now = terms.sum(0).reshape(n_blocks, n_blocks)
    apart = gammaln(size[:n_blocks] + 1)
    if root > 0:
        apart += [degree_term(d, root) for d in degree[:n_blocks].tolist()]
    top, one, other = -np.inf, 0, 0
    for r in range(1, n_blocks):
        u = np.flatnonzero(group[:r] == group[r])
        if not len(u):
            continue
        joint, ends = (size[r] + size[u])[:, None], (degree[r] + degree[u])[:, None]
        itself, with_it = u[:, None] == there, there == r
        within = pairs_within.py_func(joint, ends, root)
        between = pairs_between.py_func(joint, ends, size[there], degree[there], root)
        edges = sums[:, r, None, :n_blocks] + sums[:, u, :n_blocks]
        own = sums[:, r, r, None] + sums[:, u, u] + sums[:, r, u]
        given = np.concatenate(
            [np.where(itself, within, between)[None], np.where(itself, own[:, :, None], edges)]
        )
        which = np.where(itself, 0, priors_of(np.full(n_blocks, r), there, group, n_groups))
        terms = np.empty((2, which.size))
        fill_terms(kinds, given.reshape(4, -1), which.ravel(), hyper, terms)
        gain = terms.sum(0).reshape(which.shape)
        gain -= np.where(
            itself, now[r, r] + now[u, u][:, None] + now[r, u][:, None], now[r] + now[u]
        )
        gain[:, with_it] = 0.0
        gains = gain.sum(1) + gammaln(joint[:, 0] + 1) - apart[r] - apart[u]
        if root > 0:
            gains += [degree_term(d, root) for d in ends[:, 0].tolist()]
        gains += _more_blocks.py_func(n_nodes, n_blocks - 1)
        k = int(gains.argmax())
        if gains[k] > top:
            top, one, other = float(gains[k]), r, int(u[k])
    return top, one, other


def merge(one: int, other: int, n_blocks: int, labels: Labels, state: State) -> int:
    """Put all of block ``one`` into ``other``; returns the number of blocks left."""
    size, degree, sums = state.size, state.degree, state.sums
    labels[labels == one] = other
    size[other] += size[one]
    degree[other] += degree[one]
    within = sums[:, other, other] + sums[:, one, one] + sums[:, one, other]
    sums[:, other] += sums[:, one]
    sums[:, :, other] = sums[:, other]
    sums[:, other, other] = within
    size[one] = 0.0
    _rename(n_blocks - 1, one, n_blocks, labels, size, degree, sums, state.group)
    return n_blocks - 1
