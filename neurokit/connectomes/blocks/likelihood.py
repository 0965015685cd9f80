r"""What a partition of a weighted graph costs, in nats, and how priors are fitted to it.

Between each two blocks stand ``n`` pairs of nodes, ``e`` edges, their sum of weights ``s`` and of
squares ``q``. Rates are integrated out under conjugate priors:

* edges there or not, Beta: :math:`B(a + e, b + n - e) / B(a, b)`;
* counts (and with corrected degrees), Gamma: :math:`b^a \Gamma(a+e) / \Gamma(a) (b+n)^{a+e}`;
* exponential weights, Gamma: :math:`b^a \Gamma(a + e) / \Gamma(a) (b + s)^{a + e}`;
* Gaussian weights: the normal-inverse-gamma evidence.

Priors are two sets: one for blocks with themselves, one for blocks with others; where blocks are
grouped, one for each two groups. Each is centred on what all its blocks have together, and how
much single blocks may differ from that is chosen among powers of two. Where blocks hardly differ,
a further block costs little, and small ones are found.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BERNOULLI, COUNTS = 0, 1  # models of edges
NO_WEIGHTS, EXPONENTIAL, GAUSSIAN = 0, 1, 2


@njit(cache=True)
def edges_term(kind, n, e, h):  # type: ignore[no-untyped-def]
    """Log-probability of the edges between two blocks; ``h[0:3]`` is a, b, constant."""
    if kind == 0:
        there = math.lgamma(h[0] + e) + math.lgamma(h[1] + n - e)
        return there - math.lgamma(h[0] + h[1] + n) - h[2]
    return math.lgamma(h[0] + e) - (h[0] + e) * math.log(h[1] + n) - h[2]


@njit(cache=True)
def prior_of(r, t, group, n_groups):  # type: ignore[no-untyped-def]
    """Return which prior holds between two blocks: 0 within, else that of their two groups."""
    if r == t:
        return 0
    one, other = min(group[r], group[t]), max(group[r], group[t])
    return 1 + one * n_groups + other


@njit(cache=True)
def weights_term(kind, e, s, q, h):  # type: ignore[no-untyped-def]
    """Log-density of the weights between two blocks; ``h[3:7]`` is strength, b, mean, constant."""
    if kind == 0 or e == 0:
        return 0.0
    if kind == 1:
        return math.lgamma(h[3] + e) - (h[3] + e) * math.log(h[4] + s) - h[6]
    mean = s / e
    spread = max(q - s * mean, 0.0)
    b = h[4] + 0.5 * spread + 0.5 * h[3] * e * (mean - h[5]) ** 2 / (h[3] + e)
    a = 0.5 * (h[3] + e)
    return (
        math.lgamma(a) - a * math.log(b) - 0.5 * math.log(h[3] + e) - 0.9189385332046727 * e - h[6]
    )


@njit(cache=True)
def term(kinds, n, e, s, q, h):  # type: ignore[no-untyped-def]
    """Log-probability of all that stands between two blocks."""
    return edges_term(kinds[0], n, e, h) + weights_term(kinds[1], e, s, q, h)


@njit(cache=True)
def pairs_within(size, degree, root):  # type: ignore[no-untyped-def]
    """Pairs in a block: of different nodes, or what the degrees of its nodes let expect.

    ``root`` is the square root of the sum of all degrees where degrees are told apart from
    blocks, else zero. With it, a rate of one is a graph whose nodes join by their degrees alone.
    """
    return 0.5 * (degree / root) ** 2 if root > 0 else 0.5 * size * (size - 1)


@njit(cache=True)
def pairs_between(size, degree, other_size, other_degree, root):  # type: ignore[no-untyped-def]
    """Pairs between two blocks, as `pairs_within` counts them."""
    return degree * other_degree / root**2 if root > 0 else size * other_size


@njit(cache=True)
def degree_term(degree, root):  # type: ignore[no-untyped-def]
    """Log-probability of how a block's ends of edges meet its nodes, but for constants.

    The degrees are told beforehand, for all nodes together, so that each way to hand out the ends
    is as likely as another: one in ``degree!`` over the product of the nodes' own factorials.
    """
    return degree * math.log(degree / root) - math.lgamma(degree + 1) if degree > 0 else 0.0


@njit(cache=True)
def _pairs(r, t, size, degree, root):  # type: ignore[no-untyped-def]
    if t == r:
        return pairs_within(size[r], degree[r], root)
    return pairs_between(size[r], degree[r], size[t], degree[t], root)


@njit(cache=True)
def set_hyper(kinds, edge_strength, density, weight_strength, mean, variance, h):  # type: ignore[no-untyped-def]
    """Write a prior of given centres and strengths into ``h``."""
    if kinds[0] == 0:
        h[0], h[1] = density * edge_strength, (1 - density) * edge_strength
        h[2] = math.lgamma(h[0]) + math.lgamma(h[1]) - math.lgamma(h[0] + h[1])
    else:
        h[0], h[1] = edge_strength, edge_strength / density
        h[2] = math.lgamma(h[0]) - h[0] * math.log(h[1])
    h[3] = weight_strength
    if kinds[1] == 1:
        h[4] = weight_strength * mean
        h[6] = math.lgamma(h[3]) - h[3] * math.log(h[4])
    else:
        a = 0.5 * weight_strength
        h[4], h[5] = a * variance, mean
        h[6] = math.lgamma(a) - a * math.log(h[4]) - 0.5 * math.log(weight_strength)


@njit(cache=True)
def fit_hyper(kinds, root, n_blocks, state, hyper, strongest):  # type: ignore[no-untyped-def]
    """Fit all priors to the present blocks; ``hyper`` of shape (n_priors, 8) is overwritten.

    No strength goes beyond ``strongest``: with a strong prior about equal rates, moves would carry
    no information while blocks are still at random.
    """
    size, degree, e, s, q, group = state
    n_grid, n_groups = 22, round(math.sqrt(len(hyper) - 1))
    rows, columns = np.empty(n_blocks**2, np.int64), np.empty(n_blocks**2, np.int64)
    for which in range(len(hyper)):
        count = 0
        pairs, edges, total, squares = 0.0, 0.0, 0.0, 0.0
        for r in range(n_blocks):
            for t in range(r, n_blocks):
                if prior_of(r, t, group, n_groups) == which:
                    rows[count], columns[count] = r, t
                    count += 1
                    pairs += _pairs(r, t, size, degree, root)
                    edges += e[r, t]
                    total += s[r, t]
                    squares += q[r, t]
        density = (edges + 0.5) / (pairs + 1.0)
        mean = (total + 1.0) / (edges + 1.0) if kinds[1] == 1 else total / (edges + 1.0)
        variance = max((squares + 1.0) / (edges + 1.0) - mean * mean, 1e-9)
        h = hyper[which]
        best_edges, best_weights = 1.0, 1.0
        top_edges, top_weights = -np.inf, -np.inf
        for g in range(n_grid):
            strength = 2.0**g
            if strength > strongest or count == 0:
                break
            set_hyper(kinds, strength, density, strength, mean, variance, h)
            sum_edges, sum_weights = 0.0, 0.0
            for k in range(count):
                r, t = rows[k], columns[k]
                n = _pairs(r, t, size, degree, root)
                sum_edges += edges_term(kinds[0], n, e[r, t], h)
                sum_weights += weights_term(kinds[1], e[r, t], s[r, t], q[r, t], h)
            if sum_edges > top_edges:
                top_edges, best_edges = sum_edges, strength
            if sum_weights > top_weights:
                top_weights, best_weights = sum_weights, strength
        set_hyper(kinds, best_edges, density, best_weights, mean, variance, h)


@njit(cache=True)
def partition_cost(n_nodes, n_blocks, size):  # type: ignore[no-untyped-def]
    """Nats to tell a partition: number of blocks, their sizes, who is where."""
    cost = math.log(n_nodes) + math.lgamma(n_nodes + 1.0)
    cost += math.lgamma(n_nodes) - math.lgamma(n_blocks) - math.lgamma(n_nodes - n_blocks + 1.0)
    for r in range(n_blocks):
        cost -= math.lgamma(size[r] + 1.0)
    return cost


@njit(cache=True)
def description_length(kinds, root, n_nodes, n_blocks, state, hyper):  # type: ignore[no-untyped-def]
    """Nats to tell partition, priors, edges and weights (constants of the graph left out)."""
    size, degree, e, s, q, group = state
    cost = partition_cost(n_nodes, n_blocks, size)
    edges, n_groups = 0.0, round(math.sqrt(len(hyper) - 1))
    used = np.zeros(len(hyper), np.bool_)
    for r in range(n_blocks):
        for t in range(r, n_blocks):
            n = _pairs(r, t, size, degree, root)
            which = prior_of(r, t, group, n_groups)
            used[which] = True
            cost -= term(kinds, n, e[r, t], s[r, t], q[r, t], hyper[which])
            edges += e[r, t]
        if root > 0:
            cost -= degree_term(degree[r], root)
    if n_groups > 1:  # which block is in which group
        members = np.zeros(n_groups)
        for r in range(n_blocks):
            members[group[r]] += 1
        cost += partition_cost(n_blocks, n_groups, members)
    # each prior tells a strength among 22 and a centre, for edges and for weights
    parts = 1 if kinds[1] == 0 else 2
    return cost + used.sum() * parts * (math.log(22.0) + 0.5 * math.log(edges + 1.0))
