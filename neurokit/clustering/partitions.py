"""Many partitions into one: how often two items stand together, the best summary, its ball."""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurokit.clustering.sampling.allocation import LOSSES, expected_losses, search

_EXAMINED = 200  # draws tried as summaries; more of them rarely add a better one


class CredibleBall(NamedTuple):
    """What `credible_ball` returns.

    Attributes
    ----------
    radius : float
        Variation of information from the centre, in bits, within which the stated part of the
        draws lies.
    finest, coarsest, farthest : ndarray of shape (n_items,)
        Draws inside the ball: those with most and with fewest clusters (of several, the one
        farthest from the centre), and the one farthest from the centre.
    """

    radius: float
    finest: NDArray[np.int64]
    coarsest: NDArray[np.int64]
    farthest: NDArray[np.int64]


def posterior_similarity(draws: Any) -> Any:
    """Count how often two items stand in the same cluster.

    Parameters
    ----------
    draws : array-like of int, (..., n_items), or xarray.DataArray
        Labels of partitions, one partition in a row; what a label is called does not matter. Of a
        DataArray the last dim is that of the items.

    Returns
    -------
    ndarray of shape (n_items, n_items), or xarray.DataArray
        Part of the draws in which both stand together; 1 on the diagonal. Labelled draws give the
        dims ``(item, other)`` by the name of the item's dim, with its coordinate on both.

    Raises
    ------
    ValueError
        If there are no draws, or labels are no whole numbers.

    Examples
    --------
    >>> posterior_similarity([[0, 0, 1], [2, 2, 2]]).tolist()
    [[1.0, 1.0, 0.5], [1.0, 1.0, 0.5], [0.5, 0.5, 1.0]]
    """
    labels = _read("posterior_similarity", draws)
    similarity = _similarity(labels)
    if not isinstance(draws, xr.DataArray):
        return similarity
    dim = str(draws.dims[-1])
    out = xr.DataArray(similarity, dims=(dim, "other"), attrs={"long_name": "similarity"})
    if dim in draws.coords:
        names = draws[dim].values
        out = out.assign_coords({dim: names, "other": names})
    return out


def summarize_partitions(
    draws: Any,
    loss: str = "vi",
    *,
    max_clusters: int | None = None,
    n_runs: int = 16,
    random_state: int | np.random.Generator | None = 0,
) -> NDArray[np.int64]:
    """Find the one partition that is closest to many, on average.

    Candidates are draws themselves, cuts of a tree of average linkage, and partitions built up
    item by item in random order; the best is then improved item by item until no move helps.

    Parameters
    ----------
    draws : array-like of int, (..., n_items), or xarray.DataArray
        Labels of partitions, one partition in a row.
    loss : {"vi", "binder", "pear"}, default="vi"
        What is minimised: the lower bound on the expected variation of information; the expected
        number of pairs told apart wrongly; or what is maximised, the posterior expected adjusted
        Rand index.
    max_clusters : int, optional
        Most clusters of the summary. Default: as many as the richest draw, and one.
    n_runs : int, default=16
        Random orders tried.
    random_state : int, Generator or None, default=0
        Seed of these orders.

    Returns
    -------
    ndarray of shape (n_items,)
        Labels 0, 1, ... in the order in which clusters appear.

    Raises
    ------
    ValueError
        If there are no draws, labels are no whole numbers, or ``loss`` is none of these.

    References
    ----------
    .. [1] Wade and Ghahramani (2018), Bayesian cluster analysis, Bayesian Analysis 13, 559-626,
       eq. 13 (variation of information).
    .. [2] Binder (1978), Bayesian cluster analysis, Biometrika 65, 31-38.
    .. [3] Fritsch and Ickstadt (2009), Improved criteria for clustering based on the posterior
       similarity matrix, Bayesian Analysis 4, 367-392 (PEAR).
    .. [4] Dahl, Johnson and Müller (2022), Search algorithms and loss functions for Bayesian
       clustering, J. Comput. Graph. Stat. 31, 1189-1201 (the search).

    Examples
    --------
    >>> summarize_partitions([[0, 0, 1], [5, 5, 2], [0, 1, 1]]).tolist()
    [0, 0, 1]
    """
    labels = _read("summarize_partitions", draws)
    if loss not in LOSSES:
        raise ValueError(
            f"summarize_partitions: loss must be one of {', '.join(LOSSES)}, got {loss!r}."
        )
    if max_clusters is not None and max_clusters < 1:
        raise ValueError(
            f"summarize_partitions: max_clusters must be at least 1, got {max_clusters!r}."
        )
    n_items = labels.shape[1]
    most = min(n_items, max_clusters or int(labels.max()) + 2)
    similarity = _similarity(labels)
    rng = np.random.default_rng(random_state)
    chosen = labels
    if len(labels) > _EXAMINED:
        chosen = labels[np.linspace(0, len(labels) - 1, _EXAMINED).astype(int)]
    candidates = [row for row in chosen if row.max() < most] + _tree_cuts(similarity, most)
    candidates.append(np.zeros(n_items, np.int64))
    starts = np.unique(np.stack(candidates), axis=0)
    losses = expected_losses(starts, similarity, loss)
    found = [starts[k] for k in np.argsort(losses, kind="stable")[:3]]
    orders = [rng.permutation(n_items) for _ in range(n_runs)]
    empty = np.full(n_items, -1)
    tried = [search(start, np.arange(n_items), similarity, loss, most) for start in found]
    tried += [search(empty, order, similarity, loss, most) for order in orders]
    tried += found
    best = np.argmin(expected_losses(np.stack(tried), similarity, loss))
    return relabel(tried[int(best)][None])[0]


def credible_ball(draws: Any, centre: Any = None, *, level: float = 0.95) -> CredibleBall:
    """Say how far from a summary the draws lie.

    Parameters
    ----------
    draws : array-like of int, (..., n_items), or xarray.DataArray
        Labels of partitions, one partition in a row.
    centre : array-like of int, shape (n_items,), optional
        Default: what `summarize_partitions` finds.
    level : float, default=0.95
        Part of the draws inside the ball.

    Returns
    -------
    CredibleBall
        ``(radius, finest, coarsest, farthest)``. A large ball means that the summary stands for
        very different partitions.

    Raises
    ------
    ValueError
        If ``level`` is not in (0, 1], or the centre has another number of items.

    References
    ----------
    .. [1] Wade and Ghahramani (2018), Bayesian cluster analysis, Bayesian Analysis 13, 559-626,
       section 5.

    Examples
    --------
    >>> credible_ball([[0, 0, 1, 1]] * 19 + [[0, 0, 0, 0]]).radius
    0.0
    >>> credible_ball([[0, 0, 1, 1]] * 2 + [[0, 0, 0, 0]]).coarsest.tolist()
    [0, 0, 0, 0]
    """
    labels = _read("credible_ball", draws)
    if not 0 < level <= 1:
        raise ValueError(f"credible_ball: level must lie above 0 and at most 1, got {level!r}.")
    middle = summarize_partitions(labels) if centre is None else np.asarray(centre)
    if middle.shape != labels.shape[1:]:
        raise ValueError(
            f"credible_ball: centre must have one label for each of {labels.shape[1]} items, got"
            f" shape {middle.shape}."
        )
    middle = relabel(middle[None])[0]
    distances = np.array([_variation_of_information(middle, row) for row in labels])
    order = np.argsort(distances, kind="stable")
    inside = order[: max(1, int(np.ceil(level * len(labels) - 1e-9)))]
    radius = float(distances[inside[-1]])
    inside = np.flatnonzero(distances <= radius)
    n_clusters = labels[inside].max(axis=1) + 1
    far = distances[inside]
    finest = inside[np.lexsort((far, n_clusters))[-1]]
    coarsest = inside[np.lexsort((far, -n_clusters))[-1]]
    return CredibleBall(radius, labels[finest], labels[coarsest], labels[inside[np.argmax(far)]])


def relabel(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Name clusters 0, 1, ... by first appearance, row by row."""
    out = np.empty(labels.shape, np.int64)
    for row, target in zip(labels, out, strict=True):
        _, first, inverse = np.unique(row, return_index=True, return_inverse=True)
        target[:] = np.argsort(np.argsort(first))[inverse]
    return out


def _read(caller: str, draws: Any) -> NDArray[np.int64]:
    """Read draws as rows of labels 0, 1, ... by first appearance."""
    labels = np.asarray(draws)
    if labels.ndim < 2 or 0 in labels.shape:
        raise ValueError(
            f"{caller}: draws must be partitions, (n_draws, n_items), got shape {labels.shape}."
        )
    if labels.dtype.kind not in "iub":
        raise ValueError(f"{caller}: labels must be whole numbers, got dtype {labels.dtype}.")
    return relabel(labels.reshape(-1, labels.shape[-1]))


def _similarity(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """One product of indicators, over a few hundred draws at a time."""
    n_draws, n_items = labels.shape
    counts = np.zeros((n_items, n_items))
    width = max(1, 2**24 // (n_items * (int(labels.max()) + 1)))
    for start in range(0, n_draws, width):
        part = labels[start : start + width]
        member = part[:, :, None] == np.arange(part.max() + 1)
        rows = member.transpose(1, 0, 2).reshape(n_items, -1).astype(np.float32)
        counts += rows @ rows.T
    return counts / n_draws


def _tree_cuts(similarity: NDArray[np.float64], most: int) -> list[NDArray[np.int64]]:
    """Partitions into 1, 2, ... clusters by average linkage of ``1 - similarity``."""
    from scipy.cluster.hierarchy import cut_tree, linkage
    from scipy.spatial.distance import squareform

    if len(similarity) < 2:
        return []
    apart = np.clip(1 - similarity, 0, 1)
    np.fill_diagonal(apart, 0)
    tree = linkage(squareform(apart, checks=False), "average")
    cuts = cut_tree(tree, n_clusters=list(range(1, min(most, len(similarity)) + 1)))
    return list(relabel(cuts.T))


def _variation_of_information(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    """Entropies of each given the other, summed, in bits."""
    table = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(table, (a, b), 1 / len(a))
    entropies = [
        -np.sum(p[p > 0] * np.log2(p[p > 0])) for p in (table, table.sum(0), table.sum(1))
    ]
    return max(0.0, 2 * entropies[0] - entropies[1] - entropies[2])
