# mypy: disable-error-code="call-arg, var-annotated"
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
from neurokit.nn.kernels.vectors import place, stay_apart


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
def _shift(r, sign, size, degree, sums, n_max, n_blocks, own):  # type: ignore[no-untyped-def]
    """Add a node to block r (or take it out); ``own`` holds its edges to each block."""
    stay_apart()
    size[r] += sign
    for t in range(n_blocks):
        if own[t] != 0.0:
            degree[r] += sign * own[t]
            for k in range(3):
                at = (k * n_max + r) * n_max + t
                sums[at] += sign * own[k * n_max + t]
                sums[(k * n_max + t) * n_max + r] = sums[at]


@njit(cache=True)
def _tabulate(h, table, length):  # type: ignore[no-untyped-def]
    """Write the log-gammas of whole numbers of edges under one prior, for `_edges`, `_weights`."""
    stay_apart()
    for k in range(length):
        table[k] = math.lgamma(h[0] + k)
        table[length + k] = math.lgamma(h[1] + k)
        table[2 * length + k] = math.lgamma(h[0] + h[1] + k) + h[2]
        table[3 * length + k] = math.lgamma(h[3] + k) - h[6]


@njit(cache=True)
def _weights(kind, e, s, q, h, table, length):  # type: ignore[no-untyped-def]
    k = int(e)
    if kind == 1 and 0 < k < length:
        return table[3 * length + k] - (h[3] + e) * math.log(h[4] + s)
    return weights_term(kind, e, s, q, h)


@njit(cache=True)
def _edges(kind, n, e, h, table, length):  # type: ignore[no-untyped-def]
    k, there = int(n), int(e)
    if k < length:
        return table[there] + table[length + k - there] - table[2 * length + k]
    return edges_term(kind, n, e, h)


@njit(cache=True)
def _compare(  # type: ignore[no-untyped-def]
    r, n_blocks, kinds, root, size, degree, sums, group, own, ends, added, n_groups, hyper,
    table, length, terms, n_max,
):  # fmt: skip
    """Return what block r gains if the node is added, whose edges are ``own``.

    Where it is not ``added``, but there already, write what stands between block r and each other
    into ``terms``: of edges, of weights. Weights with blocks where the node has no edges are as
    they were.
    """
    stay_apart()
    gain, larger = 0.0, size[r] + added
    ends = degree[r] + added * ends
    for t in range(n_blocks):
        if t == r:
            n = pairs_within(larger, ends, root)
        else:
            n = pairs_between(larger, ends, size[t], degree[t], root)
        which, d = prior_of(r, t, group, n_groups), own[t]
        h, looked_up = place(hyper, 8 * which), place(table, 4 * length * which)
        at, other = r * n_max + t, t * n_max + r
        e = sums[at] + added * d
        if n > 0.0 or d != 0.0 or added == 0.0:
            value = _edges(kinds[0], n, e, h, looked_up, length)
            gain += value - terms[at]
            if added == 0.0:
                terms[at] = terms[other] = value
        if d != 0.0:
            area = n_max * n_max
            s = sums[area + at] + added * own[n_max + t]
            q = sums[2 * area + at] + added * own[2 * n_max + t]
            value = _weights(kinds[1], e, s, q, h, looked_up, length)
            gain += value
            gain -= terms[area + at]
            if added == 0.0:
                terms[area + at] = terms[area + other] = value
    if root > 0:
        gain += degree_term(ends, root) - degree_term(degree[r], root)
    return gain + math.log(larger) if larger > 0 else gain  # sizes in the cost of the partition


def _more_blocks(n_nodes: int, n_blocks: int) -> float:
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
        np.empty(4 * len(hyper) * length),
        np.zeros(2 * n_max**2),
        np.empty(3 * n_max),
        np.empty(3 * n_max),
        np.zeros(n_max, np.bool_),
    )
    kept = state.size, state.degree, state.sums, state.group
    # As many numbers as can be needed are drawn, and what was not is given back: to hand over the
    # generator takes longer, each time and to compile.
    before = rng.bit_generator.state
    drawn = rng.random(len(movable) * ((beta < np.inf) + 3 * (len(options) == 0)))
    n_blocks, moves, used = _sweep(
        graph, labels, kept, kinds, root, hyper, n_blocks, beta, movable, options, fixed, drawn,
        room, length,
    )  # fmt: skip
    if used < len(drawn):
        rng.bit_generator.state = before
        rng.random(used)
    return n_blocks, moves


@njit(cache=True)
def _sweep(  # type: ignore[no-untyped-def]
    graph, labels_of, state, kinds_of, root, priors, n_blocks, beta, movable, options, fixed,
    drawn, room, length,
):  # fmt: skip
    """Do `sweep`; what it works in is given, since making it here takes long to compile.

    Arrays are read at places: each index of an array costs as much to compile as ten of these.
    """
    n_nodes, n_max, n_priors = len(labels_of), len(state[0]), len(priors)
    indptr, indices, weight = place(graph[0], 0), place(graph[1], 0), place(graph[2], 0)
    labels, kinds, hyper = place(labels_of, 0), place(kinds_of, 0), place(priors, 0)
    size, degree, sums, group = (
        place(state[0], 0), place(state[1], 0), place(state[2], 0), place(state[3], 0)
    )  # fmt: skip
    table, terms, rows = place(room[0], 0), place(room[1], 0), place(room[2], 0)
    own, wanted, among = place(room[3], 0), room[4], place(options, 0)
    order, area = place(movable, 0), n_max * n_max
    poisson, n_groups, few = graph[3], int(math.sqrt(n_priors - 1) + 0.5), len(options) > 0
    for p in range(n_priors):
        _tabulate(place(hyper, 8 * p), place(table, 4 * length * p), length)
    for t in range(n_max):
        own[t] = 1.0
    for r in range(n_blocks):
        _compare(
            r, n_blocks, kinds, root, size, degree, sums, group, own, 0.0, 0.0, n_groups, hyper,
            table, length, terms, n_max,
        )  # fmt: skip
    moves, used = 0, 0
    for m in range(len(movable)):
        i = order[m]
        r = labels[i]
        if size[r] == 1 and (fixed or few):
            continue
        for t in range(min(n_blocks + 1, n_max)):
            own[t] = own[n_max + t] = own[2 * n_max + t] = 0.0
        ends = 0.0
        for k in range(indptr[i], indptr[i + 1]):
            t, w = labels[indices[k]], weight[k]
            one = w if poisson else 1.0
            ends += one
            own[t] += one
            own[n_max + t] += w
            own[2 * n_max + t] += w * w
        for t in range(n_blocks):
            rows[t], rows[n_max + t] = terms[r * n_max + t], terms[area + r * n_max + t]
        n_before = n_blocks
        _shift(r, -1.0, size, degree, sums, n_max, n_blocks, own)
        _compare(
            r, n_blocks, kinds, root, size, degree, sums, group, own, 0.0, 0.0, n_groups, hyper,
            table, length, terms, n_max,
        )  # fmt: skip
        for t in range(n_blocks):  # blocks of neighbours, its own, and a few at random, if many
            wanted[t] = not few and (n_blocks <= 24 or own[t] > 0 or t == r)
        for k in range(len(options)):
            wanted[among[k]] = True
        if n_blocks > 24 and not few:
            for _ in range(3):
                wanted[int(drawn[used] * n_blocks)] = True
                used += 1
        alone = size[r] == 0.0  # an emptied block is the new one
        top, best = -np.inf, r
        n_choices = n_blocks
        if not (alone or few or fixed) and n_blocks < n_max:
            n_choices += 1  # a block of its own
            for t in range(n_choices):
                at, other = n_blocks * n_max + t, t * n_max + n_blocks
                terms[at] = terms[other] = terms[area + at] = terms[area + other] = 0.0
            group[n_blocks] = group[r]
        gains = place(rows, 2 * n_max)
        for t in range(n_choices):
            gains[t] = -np.inf
            if t < n_blocks and not wanted[t]:
                continue
            value = _compare(
                t, max(n_blocks, t + 1), kinds, root, size, degree, sums, group, own, ends, 1.0,
                n_groups, hyper, table, length, terms, n_max,
            )  # fmt: skip
            if t == n_blocks or (alone and t == r):  # a block more to be told
                others = n_blocks if t == n_blocks else max(n_blocks - 1, 1)
                value -= math.log((n_nodes - others) / others)
            gains[t] = value
            if value > top:
                top, best = value, t
        if beta < np.inf:
            total = 0.0
            for t in range(n_choices):
                if gains[t] > -np.inf:
                    total += math.exp(beta * (gains[t] - top))
            u = drawn[used] * total
            used += 1
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
        _shift(best, 1.0, size, degree, sums, n_max, n_blocks, own)
        if best == r:
            for t in range(n_before):
                at, other = r * n_max + t, t * n_max + r
                terms[at] = terms[other] = rows[t]
                terms[area + at] = terms[area + other] = rows[n_max + t]
            continue
        moves += 1
        _compare(
            best, n_blocks, kinds, root, size, degree, sums, group, own, 0.0, 0.0, n_groups,
            hyper, table, length, terms, n_max,
        )  # fmt: skip
        if size[r] == 0.0 and r < n_blocks:  # the last block takes the empty place
            _rename(n_blocks - 1, r, n_blocks, n_nodes, labels, size, degree, sums, group, n_max)
            n_blocks -= 1
            for t in range(n_blocks):
                own[t] = 1.0
            if r < n_blocks:
                _compare(
                    r, n_blocks, kinds, root, size, degree, sums, group, own, 0.0, 0.0, n_groups,
                    hyper, table, length, terms, n_max,
                )  # fmt: skip
    return n_blocks, moves, used


@njit(cache=True)
def _rename(last, r, n_blocks, n_nodes, labels, size, degree, sums, group, n_max):  # type: ignore[no-untyped-def]
    """Give the last block the number r of an empty one, and clear the last."""
    stay_apart()
    if last != r:
        for j in range(n_nodes):
            if labels[j] == last:
                labels[j] = r
        size[r], degree[r], group[r] = size[last], degree[last], group[last]
    size[last] = degree[last] = 0.0
    for k in range(3):
        to, of = (k * n_max + r) * n_max, (k * n_max + last) * n_max
        if last != r:
            within = sums[of + last]
            for t in range(n_blocks):
                sums[to + t] = sums[(k * n_max + t) * n_max + r] = sums[of + t]
            sums[to + r] = within
        for t in range(n_blocks):
            sums[of + t] = sums[(k * n_max + t) * n_max + last] = 0.0


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
        gains += _more_blocks(n_nodes, n_blocks - 1)
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
    last = n_blocks - 1
    if last != one:  # the last block takes the empty place
        labels[labels == last] = one
        size[one], degree[one], state.group[one] = size[last], degree[last], state.group[last]
        within = sums[:, last, last].copy()
        sums[:, one] = sums[:, last]
        sums[:, :, one] = sums[:, one]
        sums[:, one, one] = within
    size[last] = degree[last] = 0.0
    sums[:, last] = sums[:, :, last] = 0.0
    return last
