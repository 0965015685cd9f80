"""Losses of a partition under a similarity, and the search that moves one item at a time.

With S(i, k) the similarity of item i to cluster k, summed over its members j,

* vi: the mean over i of log2 n(c_i) - 2 log2 S(i, c_i), up to a constant;
* binder: the sum over pairs i < j that stand together of 1/2 - similarity, up to a constant;
* pear: minus (A - B P / n2) / ((B + P) / 2 - B P / n2), where A sums the similarity of pairs that
  stand together, B counts them, P sums all similarities and n2 counts all pairs.
"""

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

LOSSES = ("vi", "binder", "pear")


def expected_losses(
    partitions: NDArray[np.int64] | Sequence[NDArray[np.int64]],
    similarity: NDArray[np.float64],
    loss: str,
) -> NDArray[np.float64]:
    """Evaluate each row of ``partitions``; lower is better."""
    n_items = len(similarity)
    n_pairs = n_items * (n_items - 1) / 2
    total = (similarity.sum() - n_items) / 2
    out = np.empty(len(partitions))
    for row, labels in enumerate(partitions):
        member = (labels[:, None] == np.arange(labels.max() + 1)).astype(float)
        inside = (similarity @ member)[np.arange(n_items), labels]
        together = (inside.sum() - n_items) / 2
        sizes = member.sum(0)
        pairs = (sizes * (sizes - 1)).sum() / 2
        if loss == "vi":
            out[row] = np.mean(np.log2(sizes[labels]) - 2 * np.log2(inside))
        elif loss == "binder":
            out[row] = pairs / 2 - together
        else:
            out[row] = _pear(together, pairs, total, n_pairs)
    return out


def search(
    start: NDArray[np.int64],
    order: NDArray[np.int64],
    similarity: NDArray[np.float64],
    loss: str,
    most: int,
) -> NDArray[np.int64]:
    """Move items in ``order`` to their best cluster until no move helps; -1: not yet placed."""
    labels = start.astype(np.int64).copy()
    near, sizes = np.zeros((len(labels), most)), np.zeros(most)
    _sweep(labels, order.astype(np.int64), similarity, LOSSES.index(loss), near, sizes)
    names = np.unique(labels, return_inverse=True)[1]
    return np.asarray(names, np.int64)


@njit(cache=True)
def _pear(together, pairs, total, n_pairs):  # type: ignore[no-untyped-def]
    if n_pairs == 0:
        return -1.0
    chance = pairs * total / n_pairs
    most = (pairs + total) / 2 - chance
    if most <= 1e-12:  # all pairs stand together, or none, in this partition and in all draws
        return -1.0
    return -(together - chance) / most


@njit(cache=True)
def _sweep(labels, order, similarity, loss, near, sizes):  # type: ignore[no-untyped-def]
    """Move items; ``near`` is the summed similarity of every item to every cluster."""
    n_items, most = near.shape
    together, pairs, total = 0.0, 0.0, 0.0
    for i in range(n_items):
        if labels[i] >= 0:
            pairs += sizes[labels[i]]
            together += near[i, labels[i]]
            sizes[labels[i]] += 1
            for j in range(n_items):
                near[j, labels[i]] += similarity[i, j]
        for j in range(i):
            total += similarity[i, j]
    n_pairs = n_items * (n_items - 1) / 2
    for _ in range(100):
        moved = 0
        for i in order:
            old = labels[i]
            if old >= 0:
                sizes[old] -= 1
                for j in range(n_items):
                    near[j, old] -= similarity[i, j]
                pairs -= sizes[old]
                together -= near[i, old]
                labels[i] = -1
            best, best_cost, opened = -1, np.inf, False
            for k in range(most):
                if sizes[k] == 0:
                    if opened:
                        continue  # one empty cluster is as good as another
                    opened = True
                if loss == 0:
                    cost = np.log2(sizes[k] + 1) - 2 * np.log2(near[i, k] + 1)
                    for j in range(n_items):
                        if labels[j] == k:
                            cost += np.log2((sizes[k] + 1) / sizes[k])
                            cost -= 2 * np.log2(1 + similarity[i, j] / near[j, k])
                elif loss == 1:
                    cost = sizes[k] / 2 - near[i, k]
                else:
                    cost = _pear(together + near[i, k], pairs + sizes[k], total, n_pairs)
                # what stands where it stood keeps its place in a tie
                if cost < best_cost - 1e-12 or (k == old and cost <= best_cost + 1e-12):
                    best, best_cost = k, cost
            labels[i] = best
            pairs += sizes[best]
            together += near[i, best]
            sizes[best] += 1
            for j in range(n_items):
                near[j, best] += similarity[i, j]
            moved += best != old
        if moved == 0:
            break
