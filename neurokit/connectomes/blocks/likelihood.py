# mypy: disable-error-code="call-arg"
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
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import gammaln

from neurokit.nn.kernels.vectors import stay_apart

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
_STRENGTHS = 2.0 ** np.arange(22)  # of a prior
BERNOULLI, COUNTS = 0, 1  # models of edges
NO_WEIGHTS, EXPONENTIAL, GAUSSIAN = 0, 1, 2


@njit(cache=True)
def edges_term(kind, n, e, hyper, which):  # type: ignore[no-untyped-def]
    """Log-probability of the edges between two blocks; ``hyper[which, 0:3]``: a, b, constant."""
    stay_apart()
    a, b = hyper[which, 0], hyper[which, 1]
    if kind == 0:
        there = math.lgamma(a + e) + math.lgamma(b + n - e)
        return there - math.lgamma(a + b + n) - hyper[which, 2]
    return math.lgamma(a + e) - (a + e) * math.log(b + n) - hyper[which, 2]


@njit(cache=True)
def prior_of(r, t, group, n_groups):  # type: ignore[no-untyped-def]
    """Return which prior holds between two blocks: 0 within, else that of their two groups."""
    if r == t:
        return 0
    one, other = group[r], group[t]
    if one > other:
        one, other = other, one
    return 1 + one * n_groups + other


@njit(cache=True)
def weights_term(kind, e, s, q, hyper, which):  # type: ignore[no-untyped-def]
    """Log-density of the weights between two blocks.

    ``hyper[which, 3:7]`` is strength, b, mean, constant.
    """
    stay_apart()
    if kind == 0 or e == 0:
        return 0.0
    more = hyper[which, 3] + e
    if kind == 1:
        return math.lgamma(more) - more * math.log(hyper[which, 4] + s) - hyper[which, 6]
    mean = s / e
    spread = max(q - s * mean, 0.0)
    off = mean - hyper[which, 5]
    b = hyper[which, 4] + 0.5 * spread + 0.5 * hyper[which, 3] * e * (off * off) / more
    a = 0.5 * more
    there = math.lgamma(a) - a * math.log(b) - 0.5 * math.log(more)
    return there - 0.9189385332046727 * e - hyper[which, 6]


@njit(cache=True)
def fill_terms(kinds, between, which, hyper, terms):  # type: ignore[no-untyped-def]
    """Write the log-probabilities of all that stands between pairs of blocks: edges, weights.

    Parameters
    ----------
    kinds : ndarray of two int
    between : ndarray of shape (4, n_pairs)
        Pairs of nodes, edges, sums of weights and of squares.
    which : ndarray of int, shape (n_pairs,)
        The prior of each.
    hyper : ndarray of shape (n_priors, 8)
    terms : ndarray of shape (2, n_pairs)
        Overwritten.
    """
    for k in range(len(which)):
        e, w = between[1, k], which[k]
        terms[0, k] = edges_term(kinds[0], between[0, k], e, hyper, w)
        terms[1, k] = weights_term(kinds[1], e, between[2, k], between[3, k], hyper, w)


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


class State(NamedTuple):
    """What a partition sums up to; rooms of blocks that are not there hold zeros."""

    size: Floats  # (n_max,)
    degree: Floats
    e: Floats  # (n_max, n_max), of edges; the diagonal counts each edge once
    s: Floats  # of weights
    q: Floats  # of squares
    group: NDArray[np.int64]  # (n_max,)
    sums: Floats  # (3, n_max, n_max), of which e, s and q are views


def between_blocks(
    state: State, root: float, r: Labels, t: Labels, n_groups: int
) -> tuple[Floats, Labels]:
    """Return what `fill_terms` wants to know of pairs of blocks: sums, and which prior holds."""
    size, degree, group = state.size, state.degree, state.group
    n = np.where(
        r == t,
        pairs_within.py_func(size[r], degree[r], root),
        pairs_between.py_func(size[r], degree[r], size[t], degree[t], root),
    )
    return np.stack([n, *state.sums[:, r, t]]), priors_of(r, t, group, n_groups)


def priors_of(r: Labels, t: Labels, group: Labels, n_groups: int) -> Labels:
    """Do `prior_of` for many blocks at once."""
    one, other = np.minimum(group[r], group[t]), np.maximum(group[r], group[t])
    return np.where(r == t, 0, 1 + one * n_groups + other)


def fit_hyper(
    kinds: Labels, root: float, n_blocks: int, state: State, hyper: Floats, strongest: float
) -> None:
    """Fit all priors to the present blocks; ``hyper`` of shape (n_priors, 8) is overwritten.

    No strength goes beyond ``strongest``: with a strong prior about equal rates, moves would carry
    no information while blocks are still at random.
    """
    n_tried = max(1, int(np.searchsorted(_STRENGTHS, strongest, "right")))
    n_pairs = n_blocks * (n_blocks + 1) // 2
    room = np.empty((4, n_pairs)), np.empty(n_pairs, np.int64), np.empty((len(hyper), 4))
    tried = np.empty((len(hyper), 8)), np.empty((len(hyper), 4))
    kept = state.size, state.degree, state.sums, state.group
    _fit(kinds, root, n_blocks, kept, hyper, n_tried, *room, *tried)


@njit(cache=True)
def _fit(  # type: ignore[no-untyped-def]
    kinds, root, n_blocks, state, hyper, n_tried, between, which, sums_of, tried, fits
):
    size, degree, sums, group = state
    n_priors, n_groups = len(hyper), int(math.sqrt(len(hyper) - 1) + 0.5)
    for p in range(n_priors):
        fits[p, 1] = fits[p, 2] = -np.inf
        for k in range(4):
            sums_of[p, k] = 0.0
    count = 0
    for r in range(n_blocks):
        for t in range(r, n_blocks):
            p = prior_of(r, t, group, n_groups)
            which[count] = p
            if r == t:
                between[0, count] = pairs_within(size[r], degree[r], root)
            else:
                between[0, count] = pairs_between(size[r], degree[r], size[t], degree[t], root)
            for k in range(3):
                between[1 + k, count] = sums[k, r, t]
            for k in range(4):
                sums_of[p, k] += between[k, count]
            count += 1
    for g in range(n_tried):
        for p in range(n_priors):
            _set_prior(kinds, 2.0**g, sums_of, tried, p)
            fits[p, 0] = fits[p, 3] = 0.0
        for k in range(count):
            p, e = which[k], between[1, k]
            fits[p, 0] += edges_term(kinds[0], between[0, k], e, tried, p)
            fits[p, 3] += weights_term(kinds[1], e, between[2, k], between[3, k], tried, p)
        for p in range(n_priors):
            if fits[p, 0] > fits[p, 1]:
                fits[p, 1] = fits[p, 0]
                for k in range(3):
                    hyper[p, k] = tried[p, k]
            if fits[p, 3] > fits[p, 2]:
                fits[p, 2] = fits[p, 3]
                for k in range(3, 8):
                    hyper[p, k] = tried[p, k]


@njit(cache=True)
def _set_prior(kinds, strength, sums_of, h, p):  # type: ignore[no-untyped-def]
    """Write a prior of that strength, centred on what all its blocks have together."""
    stay_apart()
    pairs, edges = sums_of[p, 0], sums_of[p, 1]
    density = (edges + 0.5) / (pairs + 1.0)
    if kinds[0] == 0:
        a, b = density * strength, (1 - density) * strength
        h[p, 2] = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    else:
        a, b = strength, strength / density
        h[p, 2] = math.lgamma(a) - a * math.log(b)
    h[p, 0], h[p, 1], h[p, 3] = a, b, strength
    if kinds[1] == 1:
        b = strength * ((sums_of[p, 2] + 1.0) / (edges + 1.0))
        h[p, 4], h[p, 6] = b, math.lgamma(strength) - strength * math.log(b)
    else:
        mean = sums_of[p, 2] / (edges + 1.0)
        variance = max((sums_of[p, 3] + 1.0) / (edges + 1.0) - mean * mean, 1e-9)
        a = 0.5 * strength
        b = a * variance
        h[p, 4], h[p, 5] = b, mean
        h[p, 6] = math.lgamma(a) - a * math.log(b) - 0.5 * math.log(strength)


def partition_cost(n_nodes: int, n_blocks: int, size: Floats) -> float:
    """Nats to tell a partition: number of blocks, their sizes, who is where."""
    cost = math.log(n_nodes) + math.lgamma(n_nodes + 1.0)
    cost += math.lgamma(n_nodes) - math.lgamma(n_blocks) - math.lgamma(n_nodes - n_blocks + 1.0)
    return cost - float(gammaln(size[:n_blocks] + 1.0).sum())


def description_length(
    kinds: Labels, root: float, n_nodes: int, n_blocks: int, state: State, hyper: Floats
) -> float:
    """Nats to tell partition, priors, edges and weights (constants of the graph left out)."""
    cost = partition_cost(n_nodes, n_blocks, state.size)
    n_groups = round(math.sqrt(len(hyper) - 1))
    between, which = between_blocks(state, root, *np.triu_indices(n_blocks), n_groups)
    terms = np.empty((2, len(which)))
    fill_terms(kinds, between, which, hyper, terms)
    cost -= float(terms.sum())
    if root > 0:
        cost -= sum(degree_term(d, root) for d in state.degree[:n_blocks].tolist())
    if n_groups > 1:  # which block is in which group
        members = np.bincount(state.group[:n_blocks], minlength=n_groups).astype(np.float64)
        cost += partition_cost(n_blocks, n_groups, members)
    # each prior tells a strength among 22 and a centre, for edges and for weights
    parts = 1 if kinds[1] == 0 else 2
    told = len(np.unique(which)) * parts
    return cost + told * (math.log(len(_STRENGTHS)) + 0.5 * math.log(float(between[1].sum()) + 1))
