"""Ridge regression with a penalty of its own for each feature space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from neurokit.encoding.bands import join_bands, read_bands
from neurokit.encoding.encoder import LinearEncoder
from neurokit.encoding.solving import solve_banded
from neurokit.types import Recording, Targets


class BandedRidge(LinearEncoder):
    """Predict responses from several feature spaces, each with its own penalty, with himalaya.

    One penalty for all lets a large space of little use spoil a small one that tells much. Here
    every target weighs the spaces for itself [1]_: weights are drawn from a Dirichlet
    distribution, the penalty from a grid, and the best pair in cross-validation is kept.

    Parameters
    ----------
    bands : mapping of str to sequence, or str, optional
        Columns of each feature space, by name or position; or the coordinate along the columns
        that names the space. Default: the coordinate ``band``, which `join_bands` makes; without
        it, one space.
    alphas : array-like of shape (n_alphas,), optional
        Penalties that are tried. Default: 19 from 0.01 to 10 million, evenly in the logarithm.
    n_iter : int, default=60
        Weightings of the spaces that are tried.
    cv, per_target, scale : optional
        See `RidgeEncoder`.
    random_state : int, RandomState or None, default=None
        Seed of the search.
    verbose : int, default=0
        1 shows the progress.

    Attributes
    ----------
    coef_, intercept_, alphas_, targets_, shape_, n_features_in_, channels_
        See `RidgeEncoder`; ``alphas_`` is that of weights that add to 1.
    bands_ : list of str
        Names of the spaces.
    band_index_ : ndarray of shape (n_features,)
        Number of the space of every column.
    deltas_ : ndarray of shape (n_bands, n_targets)
        Logarithm of weight over penalty, as himalaya has it.
    cv_scores_ : ndarray of shape (n_iter, n_targets)
        Best of each weighting: minus the mean squared error in the folds.

    Raises
    ------
    ValueError
        If a column stands in no space or in two, or as in `RidgeEncoder`.
    ImportError
        If himalaya is not installed (extra ``encoding``).

    References
    ----------
    .. [1] Dupre la Tour et al. (2022), Feature-space selection with banded ridge regression,
       NeuroImage 264, 119728, sections 2.3 and 2.6.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> motion = xr.DataArray(rng.normal(size=(80, 2)), dims=("trial", "feature"))
    >>> words = xr.DataArray(rng.normal(size=(80, 30)), dims=("trial", "feature"))
    >>> y = xr.DataArray(motion.values @ rng.normal(size=(2, 3)), dims=("trial", "voxel"))
    >>> x = join_bands({"motion": motion, "words": words})
    >>> encoder = BandedRidge(n_iter=20, random_state=0).fit(x[:60], y[:60])
    >>> encoder.split_r2(x[60:], y[60:]).mean("voxel").round(1).sel(band="motion").item()
    1.0
    """

    def __init__(
        self,
        bands: Mapping[str, Sequence[Any]] | str | None = None,
        *,
        alphas: ArrayLike | None = None,
        n_iter: int = 60,
        cv: Any = 5,
        per_target: bool = True,
        scale: bool = True,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.bands = bands
        self.alphas = alphas
        self.n_iter = n_iter
        self.cv = cv
        self.per_target = per_target
        self.scale = scale
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X: Recording | xr.Dataset,
        y: Targets | None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Choose weights and penalties, and solve.

        Parameters
        ----------
        X : as in `RidgeEncoder`, or xarray.Dataset
            A Dataset has one variable for each feature space, see `join_bands`.
        y, groups : as in `RidgeEncoder`

        Returns
        -------
        self
        """
        name = type(self).__name__
        if self.n_iter < 1:
            raise ValueError(f"{name}: n_iter must be 1 or more, got {self.n_iter!r}.")
        rows, truth, spread, folds = self._begin(_join(X), y, groups)
        self.bands_, self.band_index_ = read_bands(
            name, self.bands, rows.source, rows.values.shape[1]
        )
        solved = solve_banded(
            name,
            rows.values / spread,
            truth.values,
            self.band_index_,
            self._grid(),
            folds,
            n_iter=int(self.n_iter),
            per_target=bool(self.per_target),
            seed=int(check_random_state(self.random_state).randint(2**31)),
            verbose=bool(self.verbose),
        )
        self.alphas_, self.deltas_, self.cv_scores_ = solved.alphas, solved.deltas, solved.scores
        self._finish(rows, truth, spread, solved.coef)
        return self

    def predict(self, X: Recording | xr.Dataset) -> Any:
        """Predict the response to every row.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray of dims (rows of X, targets of y), or ndarray
        """
        return super().predict(_join(X))

    def split_r2(self, X: Recording | xr.Dataset, y: Targets) -> xr.DataArray:
        """Return what every feature space adds to R2; over the spaces, it adds up to R2.

        Parameters
        ----------
        X, y : as in `fit`

        Returns
        -------
        xarray.DataArray of dims (band, targets of y)
            The product measure: a space whose prediction agrees with the responses and with the
            other spaces shares with these what they have in common. It may be below zero.
        """
        check_is_fitted(self)
        rows, truth, found = self._compare(X, y)
        apart = truth.values - truth.values.mean(0)
        # of two predictions that are off by a constant, no space is the reason: it is shared out
        offset = (found.mean(0) - truth.values.mean(0)) / len(self.bands_)
        total = (apart**2).sum(0)
        middle = rows.values.mean(0)
        parts = []
        for k in range(len(self.bands_)):
            own = self.band_index_ == k
            part = (rows.values[:, own] - middle[own]) @ self.coef_[own] + offset
            parts.append(part)
        whole = np.sum(parts, axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            split = [np.where(total > 0, (p * (2 * apart - whole)).sum(0) / total, np.nan)
                     for p in parts]  # fmt: skip
        return self._by_target(np.stack(split), "band").assign_coords(band=self.bands_)

    def _compare(self, X: Any, y: Targets) -> Any:
        return super()._compare(_join(X), y)


def _join(X: Any) -> Any:
    return join_bands(X) if isinstance(X, xr.Dataset) else X
