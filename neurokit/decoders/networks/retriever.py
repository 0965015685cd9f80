"""Finding stimuli by their embeddings: candidates, ranks, scores."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_consistent_length

from neurokit.decoders.networks.embeddings import Embeddings, number_stimuli, read_people
from neurokit.inputs.trials import Trials
from neurokit.metrics.retrieval import retrieval_scores
from neurokit.types import Codes, Floats, Recording, Targets


class Retriever:
    """Base of decoders that embed trials, and find stimuli by their embeddings.

    A subclass has ``by_``, ``normalize_`` and ``target_shape_``, and says how trials and galleries
    are read (`_read`, `_read_gallery`), embedded (`_embed`) and standardised (`_standardise`).
    """

    by_: str | None
    normalize_: str
    target_shape_: tuple[int, ...]

    def similarity(
        self, X: Recording, gallery: Targets, groups: ArrayLike | None = None
    ) -> xr.DataArray:
        """Return how well every candidate fits every trial.

        Parameters
        ----------
        X, groups : as in `transform`
        gallery : xarray.DataArray of dims (stimulus, feature[, time]), or array-like
            Embeddings of the candidates, of the kind of ``fit``.

        Returns
        -------
        xarray.DataArray of dims (trial, candidate)
            Candidates are called by the coordinate ``stimulus``, else by number.
        """
        import torch

        from neurokit.nn.contrast import compare

        seen, index = self._read(X, groups)
        held = self._read_gallery(gallery)
        z = torch.from_numpy(self._embed(seen.values, index))
        y = torch.from_numpy(self._standardise(held.values))
        table = compare(z, y, self.normalize_).numpy()
        names = np.arange(len(table[0])) if held.stimuli is None else held.stimuli
        coords = {} if seen.source is None else seen.coords("trial")
        return xr.DataArray(table, dims=("trial", "candidate"), coords=coords).assign_coords(
            candidate=names
        )

    def retrieve(
        self, X: Recording, gallery: Targets, k: int = 10, groups: ArrayLike | None = None
    ) -> xr.Dataset:
        """Return the candidates that fit every trial best.

        Parameters
        ----------
        X, gallery, groups : as in `similarity`
        k : int, default=10

        Returns
        -------
        xarray.Dataset
            ``candidate(trial, rank)``, the name, and ``similarity(trial, rank)``; rank 1 is best.
        """
        table = self.similarity(X, gallery, groups)
        n = table.sizes["candidate"]
        if not 1 <= k <= n:
            raise ValueError(
                f"{type(self).__name__}.retrieve: k must lie between 1 and the {n} candidates of"
                f" the gallery, got {k!r}."
            )
        order = np.argsort(-table.values, axis=1, kind="stable")[:, :k]
        dims = ("trial", "rank")
        found = xr.Dataset(
            {
                "candidate": (dims, table["candidate"].values[order]),
                "similarity": (dims, np.take_along_axis(table.values, order, 1)),
            },
            coords=table.drop_vars("candidate").coords,
        )
        return found.assign_coords(rank=np.arange(1, k + 1))

    def evaluate(
        self,
        X: Recording,
        y: Targets,
        gallery: Targets | None = None,
        groups: ArrayLike | None = None,
        k: tuple[int, ...] = (1, 5, 10),
    ) -> xr.Dataset:
        """Return how near the top of the gallery the right stimulus stands.

        Parameters
        ----------
        X, y, groups : as in `fit`
        gallery : as in `similarity`, optional
            Default: the different stimuli of y.
        k : tuple of int, default=(1, 5, 10)

        Returns
        -------
        xarray.Dataset
            See `neurokit.metrics.retrieval_scores`; by person where people are told.
        """
        name = type(self).__name__
        seen, _ = self._read(X, groups)
        targets = self._read_gallery(y, name="Y")
        check_consistent_length(seen.values, targets.values)
        wanted = number_stimuli(seen, targets)
        if gallery is None:
            names, first = np.unique(wanted, return_index=True)
            held = xr.DataArray(
                targets.values[first],
                dims=("stimulus", *("feature", "time")[: len(self.target_shape_)]),
            )
            gallery = held.assign_coords(stimulus=names)
        table = self.similarity(X, gallery, groups)
        people = read_people(name, seen, self.by_, groups)
        return retrieval_scores(
            table.values, wanted, gallery=table["candidate"].values, groups=people, k=k
        )

    def score(
        self,
        X: Recording,
        y: Targets,
        gallery: Targets | None = None,
        groups: ArrayLike | None = None,
        k: int = 10,
    ) -> float:
        """Return how often the right stimulus is among the k that fit best.

        Parameters
        ----------
        X, y, gallery, groups : as in `evaluate`
        k : int, default=10

        Returns
        -------
        float
            Chance is k over the size of the gallery.
        """
        return float(self.evaluate(X, y, gallery, groups, (k,))["top_k"][0])

    # ------------------------------------------------------------ for the subclasses

    def _read(self, X: Recording, groups: ArrayLike | None) -> tuple[Trials, Codes]:
        raise NotImplementedError

    def _read_gallery(self, gallery: Targets, *, name: str = "the gallery") -> Embeddings:
        raise NotImplementedError

    def _embed(self, values: Floats, index: Codes) -> NDArray[np.float32]:
        raise NotImplementedError

    def _standardise(self, values: Floats) -> NDArray[np.float32]:
        raise NotImplementedError
