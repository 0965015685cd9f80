"""Communities, cores and opposites: a stochastic block model of a weighted graph."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import scipy.sparse as sp
import xarray as xr
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import validate_data

from neurokit.connectomes.blocks.fit import Partition, fit_blocks, hierarchy
from neurokit.connectomes.blocks.likelihood import EXPONENTIAL, GAUSSIAN, NO_WEIGHTS
from neurokit.inputs.ranges import check_at_least
from neurokit.persistence import Saveable

if TYPE_CHECKING:
    from sklearn.utils import Tags

WEIGHTS = {
    "exponential": EXPONENTIAL,
    "gaussian": GAUSSIAN,
    "poisson": NO_WEIGHTS,
    "amount": NO_WEIGHTS,
    None: NO_WEIGHTS,
}


class WeightedSBM(ClusterMixin, Saveable, BaseEstimator):
    r"""Group the nodes of a weighted graph by whom they connect to, and how strongly.

    Nodes of one block have the same odds of an edge, and the same law of its weight, with each
    other block. Blocks may be communities (dense within), their opposite, cores and fringes, or
    differ in weights alone. All rates are integrated out, and the partition is the one with which
    the graph takes fewest nats to tell, so that the number of blocks is chosen too and a graph
    without structure is one block. What a partition costs stands in
    ``neurokit.connectomes.blocks.likelihood``: collapsed Beta or Gamma likelihoods of the edges,
    Gamma (exponential) or normal-inverse-gamma (Gaussian) ones of the weights, under priors whose
    centres and strengths are fitted, one for blocks with themselves and one for others.

    Parameters
    ----------
    weight : {"exponential", "gaussian", "poisson", "amount", None}, default="exponential"
        Law of the weights of edges. Counts ("poisson") have no edges apart from them; None looks
        at edges alone. "amount": weights are how much passes, and what counts is the sum between
        blocks, as in modularity; it is taken as a count in units of the mean square of weights
        over their mean, which is its variance over its mean if edges come by chance.
    degree_corrected : bool or "auto", default="auto"
        Whether nodes of one block may have degrees of their own (and, with exponential weights,
        strengths), so that hubs do not make a block for themselves; "auto" takes what is shorter
        to tell (with amounts: True).
    nested : bool, default=False
        Whether to group the blocks again, level by level, in ``levels_``, and to tell the rates
        between blocks by their groups where that is shorter; then smaller blocks are found.
    n_blocks : int, optional
        Number of blocks. Default: chosen.
    max_blocks : int, optional
        Most blocks. Default: four times the root of the number of nodes, at least 16.
    n_restarts : int, default=3
        Random starts for each number of blocks that is tried, beside spectral ones; graphs of
        more than 400 nodes begin from spectral and modular ones alone.
    random_state : int, Generator or None
        Seed; the same seed gives the same partition.

    Attributes
    ----------
    labels_ : int ndarray of shape (n_nodes,)
        Block of each node, the largest block first.
    levels_ : list of int ndarray of shape (n_nodes,)
        ``labels_``, and with ``nested=True`` what the blocks above it make of the nodes.
    n_blocks_ : int
    description_length_ : float
        In nats; weights in units of their mean (of their standard deviation if Gaussian). Of
        amounts it ranks partitions of one graph, and says no more.
    degree_corrected_ : bool
        What was chosen.
    density_ : ndarray of shape (n_blocks, n_blocks)
        Share of the pairs that are connected (with counts and amounts: their mean).
    mean_weight_ : ndarray of shape (n_blocks, n_blocks)
        Mean weight of edges; NaN where there is none.

    References
    ----------
    .. [1] Peixoto (2018), Nonparametric weighted stochastic block models, Phys. Rev. E 97, 012306.
    .. [2] Karrer and Newman (2011), Stochastic blockmodels and community structure in networks,
       Phys. Rev. E 83, 016107 (corrected degrees).

    Notes
    -----
    The graph is undirected: a matrix that is not symmetric is refused. Zeros are absent edges; the
    diagonal is not looked at and may be NaN. Nodes without edges are a block like others. Levels
    above the first are fitted to the counts of edges between the blocks below them. Where rates
    are told by groups of blocks, these are the second level; a third changes nothing below it.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> block = np.repeat([0, 1], 15)
    >>> strong = np.where(block[:, None] == block, 4.0, 1.0)
    >>> graph = np.triu(rng.exponential(strong), 1)
    >>> sbm = WeightedSBM(max_blocks=4, random_state=0).fit(graph + graph.T)
    >>> sbm.labels_.tolist() == block.tolist()
    True
    >>> sbm.mean_weight_.round(0).tolist()
    [[4.0, 1.0], [1.0, 4.0]]
    """

    labels_: NDArray[np.int64]

    def __init__(
        self,
        weight: str | None = "exponential",
        *,
        degree_corrected: bool | str = "auto",
        nested: bool = False,
        n_blocks: int | None = None,
        max_blocks: int | None = None,
        n_restarts: int = 3,
        random_state: int | np.random.Generator | None = None,
    ) -> None:
        self.weight = weight
        self.degree_corrected = degree_corrected
        self.nested = nested
        self.n_blocks = n_blocks
        self.max_blocks = max_blocks
        self.n_restarts = n_restarts
        self.random_state = random_state

    def __sklearn_tags__(self) -> "Tags":
        """Tell scikit-learn that X is a matrix of pairs, not negative."""
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = True
        tags.input_tags.positive_only = self.weight != "gaussian"
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: Any, y: object = None) -> Self:
        """Find the blocks of a graph.

        Parameters
        ----------
        X : array-like, sparse matrix or xarray.DataArray of shape (n_nodes, n_nodes)
            Symmetric weights; zero where there is no edge.
        y : ignored

        Returns
        -------
        WeightedSBM

        Raises
        ------
        ValueError
            If X is not square or not symmetric, holds NaN off the diagonal, its weights do not
            suit ``weight``, there are fewer than two nodes, or a parameter is out of range.
        """
        self._check()
        graph = self._graph(X)
        n_nodes = graph.shape[0]
        rng = np.random.default_rng(self.random_state)
        most = self.max_blocks or max(16, round(4 * np.sqrt(n_nodes)))
        if self.n_blocks is not None and not 1 <= self.n_blocks <= n_nodes:
            raise ValueError(
                f"WeightedSBM: n_blocks must lie between 1 and the {n_nodes} nodes, got"
                f" {self.n_blocks!r}."
            )
        counted = self.weight in ("poisson", "amount")
        options = [self.degree_corrected]
        if self.degree_corrected == "auto":
            options = [True] if self.weight == "amount" else [True, False]
        found: list[Partition] = []
        for corrected in options:
            found.append(
                fit_blocks(
                    _scaled(graph, self.weight),
                    WEIGHTS[self.weight],
                    poisson=counted,
                    corrected=bool(corrected),
                    n_blocks=self.n_blocks,
                    max_blocks=min(n_nodes, max(most, self.n_blocks or 0)),
                    n_random=self.n_restarts,
                    rng=rng,
                    first=[part.labels for part in found],
                    goal=min((part.length for part in found), default=np.inf),
                    nested=self.nested,
                )
            )
        best = min(found, key=lambda part: part.length)
        self.labels_ = best.labels
        self.n_blocks_ = int(best.labels.max()) + 1
        self.degree_corrected_ = best.corrected
        self.description_length_ = best.length
        self.levels_ = [best.labels]
        if self.nested:
            self.levels_ = hierarchy(graph, best.labels, rng, best.group)
        self._describe(graph)
        return self

    def _check(self) -> None:
        if self.weight not in WEIGHTS:
            raise ValueError(
                f"WeightedSBM: weight must be one of {tuple(WEIGHTS)}, got {self.weight!r}."
            )
        if self.degree_corrected not in (True, False, "auto"):
            raise ValueError(
                "WeightedSBM: degree_corrected must be True, False or 'auto', got"
                f" {self.degree_corrected!r}."
            )
        check_at_least(
            "WeightedSBM",
            n_restarts=(self.n_restarts, 0),
            max_blocks=(1 if self.max_blocks is None else self.max_blocks, 1),
        )

    def _graph(self, X: Any) -> sp.csr_matrix:
        """Check the matrix and return it sparse, symmetric and without diagonal."""
        if isinstance(X, xr.DataArray):
            if X.ndim == 2 and not isinstance(X.data, np.ndarray):
                X = X.load()
            X = np.asarray(X.values)
        if not sp.issparse(X) and np.ndim(X) == 2 and np.shape(X)[0] == np.shape(X)[1]:
            X = np.array(X)
            if np.issubdtype(X.dtype, np.floating):
                np.fill_diagonal(X, 0)  # a node with itself is not known, and not asked for
        X = validate_data(
            self, X, accept_sparse="csr", dtype=np.float64, ensure_min_samples=2, reset=True
        )
        if X.shape[0] != X.shape[1]:
            raise ValueError(
                f"WeightedSBM expects a square matrix of weights, got shape {X.shape}."
            )
        graph = sp.csr_matrix(X)
        graph.setdiag(0)
        graph.eliminate_zeros()
        size = abs(graph).max() if graph.nnz else 0.0
        if graph.nnz and abs(graph - graph.T).max() > 1e-6 * size:
            raise ValueError(
                "WeightedSBM takes undirected graphs, and this matrix is not symmetric; give"
                " (W + W.T) / 2 if direction does not matter."
            )
        if self.weight != "gaussian" and graph.nnz and graph.data.min() < 0:
            raise ValueError(
                f"Negative values in data passed to WeightedSBM: weight={self.weight!r} takes"
                f" weights above zero, got {graph.data.min():g}; weight='gaussian' takes any."
            )
        if self.weight == "poisson" and (graph.data != np.round(graph.data)).any():
            raise ValueError(
                "WeightedSBM: weight='poisson' takes whole numbers; weight='exponential' takes"
                " real ones."
            )
        graph = sp.csr_matrix((graph + graph.T) / 2)
        graph.sort_indices()
        return graph

    def _describe(self, graph: sp.csr_matrix) -> None:
        """Tell what stands between blocks."""
        member = np.eye(self.n_blocks_)[self.labels_]
        size = member.sum(axis=0)
        pairs = np.outer(size, size) - np.diag(size)
        edges = member.T @ (graph != 0) @ member
        total = member.T @ graph @ member
        count = total if self.weight in ("poisson", "amount") else edges
        self.density_ = np.divide(count, pairs, out=np.zeros_like(count), where=pairs > 0)
        self.mean_weight_ = np.divide(
            total, edges, out=np.full_like(total, np.nan), where=edges > 0
        )


def _scaled(graph: sp.csr_matrix, weight: str | None) -> sp.csr_matrix:
    """Measure weights in units of their own, so that priors suit them."""
    scaled = graph.copy()
    if weight is None or graph.nnz == 0:
        scaled.data = np.ones_like(scaled.data)
    elif weight == "exponential":
        scaled.data = scaled.data / scaled.data.mean()
    elif weight == "gaussian":
        scaled.data = (scaled.data - scaled.data.mean()) / (scaled.data.std() or 1.0)
    elif weight == "amount":
        scaled.data = scaled.data * (scaled.data.sum() / (scaled.data**2).sum())
    return scaled
