"""Search for the partition of least description length: annealing, moves, mergers, splits.

The steps are compiled; their order is not, since each would be compiled anew for each place that
it stands in.
"""

import numpy as np
from numpy.typing import NDArray

from neurokit.connectomes.blocks.likelihood import Floats, description_length, fit_hyper
from neurokit.connectomes.blocks.moves import best_merge, count_blocks, merge, sweep

Labels = NDArray[np.int64]
_ALL = np.zeros(0, np.int64)  # any block may be chosen
_ANY = 1e9  # priors as strong as they like


class Search:
    """One graph, and how its partitions are compared.

    Parameters
    ----------
    graph : tuple
        ``indptr``, ``indices`` and ``data`` of a sparse symmetric matrix, and whether its weights
        are counts that stand for so many edges.
    kinds : ndarray of two int
        Models of edges and of weights, as `likelihood` numbers them.
    corrected : bool
        Whether degrees are told apart from blocks.
    n_max : int
        Most blocks, and one more.
    rng : Generator
    upper : ndarray of shape (n_nodes,), optional
        Group of each node; a block is in that of most of its nodes. Rates between blocks are
        then centred on those of their two groups.
    """

    def __init__(
        self,
        graph: tuple[Labels, Labels, Floats, bool],
        kinds: NDArray[np.int64],
        corrected: bool,
        n_max: int,
        rng: np.random.Generator,
        upper: Labels | None = None,
    ) -> None:
        self.graph = graph
        self.kinds = kinds
        # as `pairs_within` wants it
        ends = graph[2].sum() if graph[3] else len(graph[2])
        self.root = float(np.sqrt(ends)) if corrected else 0.0
        self.n_max = n_max
        self.rng = rng
        self.upper = upper

    def run(
        self,
        start: Labels,
        n_blocks: int = 0,
        *,
        beta: float = 0.4,
        n_anneal: int = 0,
        n_rounds: int = 0,
        strongest: float = 256.0,
        goal: float = np.inf,
    ) -> tuple[Labels, float]:
        """Anneal, then move, merge and split until nothing gains; return labels and length.

        ``n_blocks`` above zero keeps that number of blocks. ``n_anneal`` sweeps are drawn first,
        at an inverse temperature that rises from ``beta`` to one, and to three at the end, with
        priors no stronger than ``strongest``. Rounds of mergers and splits end early where as
        good ones as the last would not lead below ``goal``.
        """
        labels, fixed = start.copy(), n_blocks > 0
        moving = _Blocks(self, labels)
        for k in range(n_anneal):
            warm = min(1.0, beta + (1 - beta) * k / (0.7 * n_anneal))
            now = warm if k < 0.9 * n_anneal else 3.0
            moving.sweep(now, self.rng.permutation(len(labels)), fixed=fixed, strongest=strongest)
        length = self.settle(labels, fixed)
        for left in range(n_rounds - 1, -1, -1):
            tried, better = self._improve(labels, length, fixed)
            if better >= length - 1e-6:
                break
            gain = length - better
            labels, length = tried, better
            if length - left * gain > goal:
                break
        return labels, length

    def settle(self, labels: Labels, fixed: bool = False) -> float:
        """Move nodes to where they gain most until none moves, in place; return the length.

        After a sweep only nodes that moved, and those they are joined to, are asked again, until
        none moves; then all are.
        """
        moving, n = _Blocks(self, labels), len(labels)
        asked, left = np.arange(n), 30 * n
        while left > 0:
            left -= len(asked)
            before = labels.copy()
            if moving.sweep(np.inf, self.rng.permutation(asked), fixed=fixed):
                asked = self._near(np.flatnonzero(labels != before))
            elif len(asked) == n:
                break
            else:
                asked = np.arange(n)
        return self.length(labels)

    def _near(self, nodes: Labels) -> Labels:
        """Return nodes and those they are joined to; all of them if that is most."""
        indptr, indices = self.graph[:2]
        near = np.zeros(len(indptr) - 1, np.bool_)
        near[nodes] = True
        for i in nodes:
            near[indices[indptr[i] : indptr[i + 1]]] = True
        return np.flatnonzero(near) if 2 * near.sum() < len(near) else np.arange(len(near))

    def length(self, labels: Labels) -> float:
        """Return the description length of a partition under the priors that fit it best."""
        blocks = _Blocks(self, labels)
        blocks.fit_priors()
        return description_length(
            self.kinds, self.root, len(labels), blocks.n_blocks, blocks.state, blocks.hyper
        )

    def groups(self, labels: Labels) -> Labels:
        """Return the group of each block."""
        blocks = _Blocks(self, labels)
        return np.unique(blocks.state[5][: blocks.n_blocks], return_inverse=True)[1]

    def _improve(self, labels: Labels, length: float, fixed: bool) -> tuple[Labels, float]:
        """Try the best mergers, and to split each block; return the best that was found."""
        if not fixed:
            labels, length = self._merge(labels, length)
        r = 0
        while r <= labels.max():
            tried = self._split(labels, r, fixed)
            if (
                tried is not None and self.length(tried) < length + 20.0
            ):  # else nothing comes of it
                value = self.settle(tried, fixed)
                if value < length - 1e-9:
                    labels, length = tried, value
            r += 1
        return labels, length

    def _merge(self, labels: Labels, length: float) -> tuple[Labels, float]:
        """Merge blocks two by two, for as long as that costs next to nothing."""
        tried = labels.copy()
        blocks = _Blocks(self, tried)
        for _ in range(blocks.n_blocks - 1):
            if blocks.merge_best(-5.0) is None:
                break
            candidate = tried.copy()
            value = self.settle(candidate)
            if value < length - 1e-9:
                labels, length = candidate, value
                tried = candidate.copy()
                blocks = _Blocks(self, tried)
        return labels, length

    def _split(self, labels: Labels, r: int, fixed: bool) -> Labels | None:
        """Cut block ``r`` in two by chance and let its nodes choose, in a few sweeps."""
        members = np.flatnonzero(labels == r)
        new = int(labels.max()) + 1
        if len(members) < 4 or new >= self.n_max:
            return None
        moved = self.rng.random(len(members)) < 0.5
        if moved.all() or not moved.any():
            return None
        tried = labels.copy()
        tried[members[moved]] = new
        blocks = _Blocks(self, tried)
        for k in range(12):
            warm = k < 8
            blocks.sweep(
                0.5 + 0.25 * k if warm else np.inf,
                self.rng.permutation(members),
                fixed=True,
                strongest=8.0 if warm else _ANY,
                among=np.array([r, new]),
            )
        if fixed:
            blocks.merge_best(-np.inf)
        return tried


class _Blocks:
    """Labels, the sums over them that moves keep up to date, and priors."""

    def __init__(self, search: Search, labels: Labels) -> None:
        self.search = search
        self.labels = labels
        self.n_blocks = int(labels.max()) + 1
        group, n_groups = np.zeros(search.n_max, np.int64), 1
        if search.upper is not None:
            n_groups = int(search.upper.max()) + 1
            members = np.zeros((self.n_blocks, n_groups))
            np.add.at(members, (labels, search.upper), 1)
            group[: self.n_blocks] = members.argmax(axis=1)
        indptr, indices, data, poisson = search.graph
        self.state = count_blocks(indptr, indices, data, labels, search.n_max, poisson, group)
        self.hyper = np.zeros((1 + n_groups**2, 8))

    def fit_priors(self, strongest: float = _ANY) -> None:
        """Fit priors to the present blocks."""
        given = self.search
        fit_hyper(given.kinds, given.root, self.n_blocks, self.state, self.hyper, strongest)

    def sweep(
        self,
        beta: float,
        movable: Labels,
        *,
        fixed: bool,
        strongest: float = _ANY,
        among: Labels = _ALL,
    ) -> int:
        """Fit priors, move each node once, and return how many moved."""
        self.fit_priors(strongest)
        given = self.search
        self.n_blocks, moves = sweep(
            given.graph, self.labels, self.state, given.kinds, given.root, self.hyper,
            self.n_blocks, beta, movable, among, fixed, given.rng,
        )  # fmt: skip
        return moves

    def merge_best(self, least: float) -> float | None:
        """Merge the two blocks that gain most, if no less than ``least``; return the gain."""
        self.fit_priors()
        given = self.search
        gain, one, other = best_merge(
            len(self.labels), self.n_blocks, given.kinds, given.root, self.state, self.hyper
        )
        if gain < least or one == other:  # or no two may be merged
            return None
        self.n_blocks = merge(one, other, self.n_blocks, self.labels, self.state)
        return gain
