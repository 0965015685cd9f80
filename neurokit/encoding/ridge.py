"""Ridge regression from stimuli to responses."""

from __future__ import annotations

from typing import Any, Self

from numpy.typing import ArrayLike

from neurokit.encoding.encoder import LinearEncoder
from neurokit.encoding.solving import solve_ridge
from neurokit.encoding.tall import solve_tall_ridge
from neurokit.types import Recording, Targets


class RidgeEncoder(LinearEncoder):
    """Predict the response of every voxel, channel or unit by ridge regression, with himalaya.

    Each target has the penalty that serves it best in cross-validation, in which no stimulus
    stands on both sides: a picture shown again would be recognised instead of predicted.

    Parameters
    ----------
    alphas : array-like of shape (n_alphas,), optional
        Penalties that are tried. Default: 19 from 0.01 to 10 million, evenly in the logarithm.
    cv : int, splitter or iterable of (train, test), default=5
        Folds: a number makes blocks of rows, or of stimuli where these are known.
    per_target : bool, default=True
        A penalty for each target; else one for all.
    scale : bool, default=True
        Columns are divided by their standard deviation before they are penalised.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features, n_targets)
        For columns as they come, not scaled.
    intercept_ : ndarray of shape (n_targets,)
    alphas_ : ndarray of shape (n_targets,)
        Penalty of each target.
    cv_scores_ : ndarray of shape (n_targets,)
        Minus the mean squared error in the folds, with that penalty.
    targets_ : Dataset
        Labels of the targets: their dims and coordinates (voxel, region).
    shape_ : tuple of int
        Sizes of the dims of the targets.
    n_features_in_ : int
    channels_ : list
        Names of the columns, where they had names.

    Raises
    ------
    ValueError
        If a penalty is not positive, or there are fewer than two rows or stimuli.
    ImportError
        If himalaya is not installed (extra ``encoding``).

    Notes
    -----
    For a stimulus that goes on, put `neurokit.features.LagWindow` before: ``make_pipeline(
    LagWindow(window=0.3), RidgeEncoder())`` is a temporal response function.

    References
    ----------
    .. [1] Dupre la Tour et al. (2022), Feature-space selection with banded ridge regression,
       NeuroImage 264, 119728, section 2.2.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> rng = np.random.default_rng(0)
    >>> x = xr.DataArray(rng.normal(size=(60, 4)), dims=("trial", "feature"))
    >>> y = xr.DataArray(x.values @ rng.normal(size=(4, 3)), dims=("trial", "voxel"))
    >>> encoder = RidgeEncoder().fit(x[:40], y[:40])
    >>> encoder.predict(x[40:]).dims, round(encoder.score(x[40:], y[40:]), 3)
    (('trial', 'voxel'), 1.0)
    """

    def __init__(
        self,
        alphas: ArrayLike | None = None,
        *,
        cv: Any = 5,
        per_target: bool = True,
        scale: bool = True,
    ) -> None:
        self.alphas = alphas
        self.cv = cv
        self.per_target = per_target
        self.scale = scale

    def fit(self, X: Recording, y: Targets | None, groups: ArrayLike | None = None) -> Self:
        """Choose the penalties and solve for the weights.

        Parameters
        ----------
        X : xarray.DataArray of dims (trial, feature), (time, feature) or (trial, time, feature), \
or array-like of shape (n_rows, n_features)
            The rows may be called anything.
        y : xarray.DataArray of the dims of the rows and any others, or array-like
            Responses; what is no row is a target.
        groups : array-like of shape (n_rows,), optional
            Stimulus of each row. Default: the coordinate ``stimulus`` of X; else, where X has
            trials of time, the trial.

        Returns
        -------
        self
        """
        rows, truth, spread, folds = self._begin(X, y, groups)
        x, grid, per_target = rows.values / spread, self._grid(), bool(self.per_target)
        if x.shape[1] <= len(x):
            solved = solve_tall_ridge(x, truth.values, grid, folds, per_target=per_target)
        else:
            name = type(self).__name__
            solved = solve_ridge(name, x, truth.values, grid, folds, per_target=per_target)
        self.alphas_ = solved.alphas
        self.cv_scores_ = solved.scores[0]
        self._finish(rows, truth, spread, solved.coef)
        return self
