# mypy: disable-error-code="call-arg, var-annotated"
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

from neurokit.nn.kernels.vectors import place, stay_apart

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
_STRENGTHS = 2.0 ** np.arange(22)  # of a prior
BERNOULLI, COUNTS = 0, 1  # models of edges
NO_WEIGHTS, EXPONENTIAL, GAUSSIAN = 0, 1, 2


@njit(cache=True)
def edges_term(kind, n, e, h):  # type: ignore[no-untyped-def]
    """Log-probability of the edges between two blocks; ``h[0:3]`` is a, b, constant."""
    stay_apart()
    if kind == 0:
        there = math.lgamma(h[0] + e) + math.lgamma(h[1] + n - e)
        return there - math.lgamma(h[0] + h[1] + n) - h[2]
    return math.lgamma(h[0] + e) - (h[0] + e) * math.log(h[1] + n) - h[2]


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
def weights_term(kind, e, s, q, h):  # type: ignore[no-untyped-def]
    """Log-density of the weights between two blocks; ``h[3:7]`` is strength, b, mean, constant."""
    stay_apart()
    if kind == 0 or e == 0:
        return 0.0
    more = h[3] + e
    if kind == 1:
        return math.lgamma(more) - more * math.log(h[4] + s) - h[6]
    mean = s / e
    spread = max(q - s * mean, 0.0)
    off = mean - h[5]
    b = h[4] + 0.5 * spread + 0.5 * h[3] * e * (off * off) / more
    a = 0.5 * more
    there = math.lgamma(a) - a * math.log(b) - 0.5 * math.log(more)
    return there - 0.9189385332046727 * e - h[6]


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
    count = len(which)
    n, e = place(between, 0), place(between, count)
    s, q = place(between, 2 * count), place(between, 3 * count)
    edges, weights = place(terms, 0), place(terms, count)
    for k in range(count):
        h = place(hyper, 8 * which[k])
        edges[k] = edges_term(kinds[0], n[k], e[k], h)
        weights[k] = weights_term(kinds[1], e[k], s[k], q[k], h)


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
    sizes, degrees, sums, groups = state
    n_max, n_priors, n_pairs = len(sizes), len(hyper), len(which)
    n_groups = int(math.sqrt(n_priors - 1) + 0.5)
    edges_kind, weights_kind = kinds[0], kinds[1]
    size, degree, group, prior = (
        place(sizes, 0), place(degrees, 0), place(groups, 0), place(which, 0)
    )  # fmt: skip
    n, e = place(between, 0), place(between, n_pairs)
    s, q = place(between, 2 * n_pairs), place(between, 3 * n_pairs)
    for p in range(n_priors):
        fit, found = place(fits, 4 * p), place(sums_of, 4 * p)
        fit[1] = fit[3] = -np.inf
        found[0] = found[1] = found[2] = found[3] = 0.0
    count = 0
    for r in range(n_blocks):
        for t in range(r, n_blocks):
            prior[count] = prior_of(r, t, group, n_groups)
            if r == t:
                n[count] = pairs_within(size[r], degree[r], root)
            else:
                n[count] = pairs_between(size[r], degree[r], size[t], degree[t], root)
            here, found = place(sums, r * n_max + t), place(sums_of, 4 * prior[count])
            e[count] = here[0]
            s[count] = here[n_max * n_max]
            q[count] = here[2 * n_max * n_max]
            found[0] += n[count]
            found[1] += e[count]
            found[2] += s[count]
            found[3] += q[count]
            count += 1
    for g in range(n_tried):
        for p in range(n_priors):
            _set_prior(kinds, 2.0**g, place(sums_of, 4 * p), place(tried, 8 * p))
            fit = place(fits, 4 * p)
            fit[0] = fit[2] = 0.0
        for k in range(count):
            h, fit = place(tried, 8 * prior[k]), place(fits, 4 * prior[k])
            fit[0] += edges_term(edges_kind, n[k], e[k], h)
            fit[2] += weights_term(weights_kind, e[k], s[k], q[k], h)
        for p in range(n_priors):
            fit, h, best = place(fits, 4 * p), place(tried, 8 * p), place(hyper, 8 * p)
            for part in range(2):  # edges, weights
                if fit[2 * part] > fit[2 * part + 1]:
                    fit[2 * part + 1] = fit[2 * part]
                    for k in range(3 * part, 3 + 5 * part):
                        best[k] = h[k]


@njit(cache=True)
def _set_prior(kinds, strength, found, h):  # type: ignore[no-untyped-def]
    """Write a prior of that strength, centred on what all its blocks have together."""
    stay_apart()
    pairs, edges = found[0], found[1]
    density = (edges + 0.5) / (pairs + 1.0)
    if kinds[0] == 0:
        a, b = density * strength, (1 - density) * strength
        h[2] = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    else:
        a, b = strength, strength / density
        h[2] = math.lgamma(a) - a * math.log(b)
    h[0], h[1], h[3] = a, b, strength
    if kinds[1] == 1:
        b = strength * ((found[2] + 1.0) / (edges + 1.0))
        h[4], h[6] = b, math.lgamma(strength) - strength * math.log(b)
    else:
        mean = found[2] / (edges + 1.0)
        variance = max((found[3] + 1.0) / (edges + 1.0) - mean * mean, 1e-9)
        a = 0.5 * strength
        b = a * variance
        h[4], h[5] = b, mean
        h[6] = math.lgamma(a) - a * math.log(b) - 0.5 * math.log(strength)


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
