"""What it costs to tell the nodes' degrees and strengths, apart from blocks.

A model with corrected degrees and one without are compared by their description lengths, so that
each has to be told as briefly as it can be: else the plain model would win by dividing communities
into blocks of hubs and of others.
"""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import gammaln

Floats = NDArray[np.float64]
SPREADS = np.concatenate([[0.0], 2.0 ** np.arange(-16, 5)])  # variances that are tried
ROWS = 2**22  # pairs in hand at once


def degrees_cost(degree: Floats) -> float:
    """Nats to tell all degrees, less those that handing out the ends of edges saves.

    The shorter of two ways is taken. Told are how many nodes have each degree, among the
    partitions of the sum of all (by Hardy and Ramanujan's asymptote), and which nodes these are;
    or each degree by itself, as a count with a spread beyond Poisson's (negative binomial).
    """
    if not degree.any():
        return 0.0
    _, number = np.unique(degree, return_counts=True)
    total, n = degree.sum(), len(degree)
    partitions = np.pi * np.sqrt(2 * total / 3) - np.log(4 * np.sqrt(3) * total)
    which = gammaln(n + 1.0) - gammaln(number + 1.0).sum()
    alone = np.log(total) + np.log(len(SPREADS)) + _counts_cost(degree)
    told = min(max(partitions, 0.0) + which, alone) + np.log(2)
    return float(told - gammaln(degree + 1.0).sum())


def _counts_cost(count: Floats) -> float:
    """Nats of counts about their mean, variance ``m + v m^2`` with the best of `SPREADS`."""
    mean = count.mean()
    costs = [-(count * np.log(mean) - mean - gammaln(count + 1)).sum()]
    for spread in SPREADS[1:]:
        size = 1 / spread
        chance = gammaln(count + size) - gammaln(size) - gammaln(count + 1)
        chance += size * np.log(size / (size + mean)) + count * np.log(mean / (size + mean))
        costs.append(-chance.sum())
    return float(min(costs))


def even_strengths(weights: sp.csr_matrix) -> tuple[sp.csr_matrix, float]:
    """Divide weights by one factor for each of their nodes, so that all nodes' means are one.

    Returns
    -------
    csr_matrix
    float
        Nats that the weights themselves take beyond the even ones, the factors told with them.
    """
    degree = np.diff(weights.indptr)
    row = np.repeat(np.arange(len(degree)), degree)
    factor, even = np.ones(len(degree)), weights.copy()
    for _ in range(100):
        even.data = weights.data / (factor[row] * factor[weights.indices])
        mean = np.bincount(row, even.data, len(degree)) / np.maximum(degree, 1)
        mean[degree == 0] = 1.0
        if np.abs(mean - 1).max() < 1e-6:
            break
        factor *= np.sqrt(mean)
    return even, float((degree * np.log(factor)).sum()) + _factors_cost(degree, factor)


def _factors_cost(degree: NDArray[np.int64], factor: Floats) -> float:
    r"""Nats to tell the factors: they follow a power of the degree, with a spread.

    A factor is known from its ``k`` exponential weights to a variance of ``1 / k`` in its
    logarithm. With a normal prior of variance ``v`` about ``a + g log k`` it costs, integrated by
    Laplace, :math:`\frac{1}{2} \log(1 + k v) + \frac{1}{2} r^2 / (v + 1/k)` with the
    residual ``r``. Nothing, that is, where strength follows from degree.
    """
    here = degree > 0
    k, wanted = degree[here].astype(np.float64), np.log(factor[here])
    if len(k) == 0:
        return 0.0
    design = np.stack([np.ones_like(k), np.log(k)], axis=1)
    costs = []
    for spread in SPREADS:
        weight = 1 / np.sqrt(spread + 1 / k)
        line = np.linalg.lstsq(design * weight[:, None], wanted * weight, rcond=None)[0]
        rest = (wanted - design @ line) * weight
        costs.append(0.5 * np.log1p(k * spread).sum() + 0.5 * (rest**2).sum())
    return float(min(costs) + np.log(len(SPREADS)) + np.log(len(k)))


def repeats_cost(weights: sp.csr_matrix, labels: NDArray[np.int64]) -> float:
    r"""Nats that counts of edges spend on repeated edges and on edges of a node with itself.

    Corrected degrees count edges, as Poisson of rates :math:`\lambda_{ij}`. This graph has each
    edge once, which those rates give with probability :math:`\prod_{i<j} (1 + \lambda_{ij})
    e^{-\lambda_{ij}} \prod_i e^{-\lambda_{ii} / 2}`: on graphs known to be simple, they are
    shorter by minus its logarithm.
    """
    degree = np.diff(weights.indptr).astype(np.float64)
    n_blocks = int(labels.max()) + 1
    joins = sp.csr_matrix((np.ones(len(labels)), (np.arange(len(labels)), labels)))
    there = weights.copy()
    there.data = np.ones_like(there.data)
    between = (joins.T @ there @ joins).toarray()
    ends = np.maximum(between.sum(1), 1.0)
    # nodes of one block and one degree are alike
    kinds, number = np.unique(
        np.stack([labels, degree.astype(np.int64)]), axis=1, return_counts=True
    )
    block, own = kinds[0], kinds[1] / ends[kinds[0]]
    total = 0.0
    step = max(1, ROWS // max(len(own), n_blocks))
    for start in range(0, len(own), step):
        part = slice(start, start + step)
        rate = own[part, None] * own * between[block[part]][:, block]
        total += float((number[part] @ (rate - np.log1p(rate)) @ number).sum()) / 2
    alone = own**2 * between[block, block]  # the rate of a node with itself, twice
    return total + float((number * (alone / 2 - (alone - np.log1p(alone)) / 2)).sum())
