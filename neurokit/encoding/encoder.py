"""What encoding models share: folds by stimulus, labelled predictions, scores that have names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, KFold
from sklearn.utils.validation import check_is_fitted

from neurokit.encoding.solution import Folds
from neurokit.inputs.past import select_known
from neurokit.inputs.samples import Responses, Samples, label_rows, responses, samples
from neurokit.metrics.encoding import correlation_scores, noise_ceiling, two_versus_two
from neurokit.persistence import Saveable
from neurokit.recording.labels import in_order_of
from neurokit.types import Doubles, Recording, Targets

if TYPE_CHECKING:
    from sklearn.utils import Tags

SCORES = ("r2", "pearson", "pearson_over_targets", "two_versus_two")
_WHAT = "the response to each row of X"


class LinearEncoder(Saveable, RegressorMixin, BaseEstimator):
    """Base of the linear encoding models: they predict every target from the columns of X.

    A subclass has the parameters ``alphas``, ``cv``, ``per_target`` and ``scale``, and leaves
    ``coef_`` (n_features, n_targets) and ``intercept_`` (n_targets,).
    """

    alphas: ArrayLike | None
    cv: Any
    per_target: bool
    scale: bool
    coef_: Any
    intercept_: Doubles
    past_mean_: Doubles | None = None  # in files written before there was one

    def predict(self, X: Recording) -> Any:
        """Predict the response to every row.

        Parameters
        ----------
        X : as in ``fit``

        Returns
        -------
        xarray.DataArray of dims (*rows of X, *targets of y), or ndarray
        """
        check_is_fitted(self)
        rows = samples(self, X, reset=False, past=True)
        return label_rows(self._predict(rows.values), rows, self.shape_, self.targets_)

    def score(
        self,
        X: Recording,
        y: Targets,
        sample_weight: ArrayLike | None = None,
        *,
        method: str = "r2",
    ) -> float:
        """Return the mean of one score, over the targets or the rows that it is of.

        Parameters
        ----------
        X, y : as in ``fit``
        sample_weight : array-like of shape (n_rows,), optional
            For "r2" alone.
        method : {"r2", "pearson", "pearson_over_targets", "two_versus_two"}, default="r2"
            "pearson" correlates over the rows, target by target, as most do;
            "pearson_over_targets" over the targets, row by row; they differ, and both are called
            "the correlation". Where one of the two sides does not vary, there is none, and the
            mean is over the others.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If ``method`` is not known.
        """
        if method not in SCORES:
            raise ValueError(
                f"{type(self).__name__}.score: method must be of {SCORES}, got {method!r}."
            )
        _, truth, found = self._compare(X, y)
        if method == "r2":
            return float(r2_score(truth.values, found, sample_weight=sample_weight))
        if method == "two_versus_two":
            return two_versus_two(truth.values, found)
        over = "samples" if method == "pearson" else "targets"
        each = correlation_scores(truth.values, found, over=over).values
        return float(np.nanmean(each)) if np.isfinite(each).any() else float("nan")

    def scores(self, X: Recording, y: Targets, *, repeats: ArrayLike | None = None) -> xr.Dataset:
        """Return every score, target by target and row by row.

        Parameters
        ----------
        X, y : as in ``fit``
        repeats : array-like of shape (n_repeats, n_rows, *targets), optional
            The single responses of which y is the mean; they tell how well the best possible
            model could do.

        Returns
        -------
        xarray.Dataset
            ``r2`` and ``pearson`` of each target (over the rows), ``pearson_over_targets`` of each
            row, ``two_versus_two`` (with two rows and more) and, with repeats,
            ``noise_ceiling`` of each target and ``pearson_of_ceiling``, their quotient.
        """
        rows, truth, found = self._compare(X, y)
        r2 = np.asarray(r2_score(truth.values, found, multioutput="raw_values"))
        pearson = correlation_scores(truth.values, found).values
        out = {"r2": self._by_target(r2), "pearson": self._by_target(pearson)}
        by_row = correlation_scores(truth.values, found, over="targets").values
        out["pearson_over_targets"] = self._by_row(by_row, rows)
        if len(found) > 1:
            out["two_versus_two"] = xr.DataArray(two_versus_two(truth.values, found))
        if repeats is not None:
            single = np.asarray(repeats, float)
            ceiling = noise_ceiling(single.reshape(len(single), len(found), -1)).values
            with np.errstate(invalid="ignore", divide="ignore"):
                share = np.where(ceiling > 0, pearson / ceiling, np.nan)
            out["noise_ceiling"] = self._by_target(ceiling)
            out["pearson_of_ceiling"] = self._by_target(share)
        return xr.Dataset(out)

    # ------------------------------------------------------------ for the subclasses

    def _begin(
        self, X: Recording, y: Targets | None, groups: ArrayLike | None
    ) -> tuple[Samples, Responses, Doubles, Folds]:
        """Read X and y; return them, the spread of the columns, and the folds."""
        X, y, groups = select_known(X, y, groups)
        rows = samples(self, X, reset=True, past=True)
        truth = responses(self, y, rows, what=_WHAT)
        if rows.known is not None and not rows.known.all():
            raise ValueError(
                f"{type(self).__name__}: Input X contains NaN where trials begin; leave those"
                " times out of X and y, as with X.isel(time=slice(n_lags - 1, None)), or give the"
                " history start='mean'."
            )
        self.shape_, self.targets_ = truth.shape, truth.labels
        spread = rows.values.std(0) if self.scale else np.ones(rows.values.shape[1])
        return rows, truth, np.where(spread > 0, spread, 1.0), self._fold(rows, truth, groups)

    def _finish(self, rows: Samples, truth: Responses, spread: Doubles, coef: Doubles) -> None:
        """Keep weights for columns as they come."""
        self.coef_ = coef / spread[:, None]
        self.intercept_ = truth.values.mean(0) - rows.values.mean(0) @ self.coef_

    def _grid(self) -> Doubles:
        name = type(self).__name__
        found = np.logspace(-2, 7, 19) if self.alphas is None else np.asarray(self.alphas, float)
        found = np.atleast_1d(found)
        if found.ndim != 1 or not len(found) or not (np.isfinite(found) & (found > 0)).all():
            raise ValueError(f"{name}: alphas must be positive numbers, got {self.alphas!r}.")
        return found

    def _fold(self, rows: Samples, truth: Responses, groups: ArrayLike | None) -> Folds:
        """Split the rows so that no stimulus stands on both sides."""
        n = len(rows.values)
        kept = self._together(rows, groups)
        if not isinstance(self.cv, int | np.integer):
            folds = self.cv if not hasattr(self.cv, "split") else None
            found = list(folds or self.cv.split(rows.values, truth.values, kept))
            return [(np.asarray(train), np.asarray(test)) for train, test in found]
        n_groups = n if kept is None else len(np.unique(kept))
        if self.cv < 2 or n_groups < 2:
            what = "rows" if kept is None else "groups of rows"
            raise ValueError(
                f"{type(self).__name__}: choosing penalties needs cv >= 2 and two {what} at least,"
                f" got cv={self.cv} and n_samples={n_groups}."
            )
        n_folds = min(int(self.cv), n_groups)
        splitter = KFold(n_folds) if kept is None else GroupKFold(n_folds)
        return list(splitter.split(rows.values, groups=kept))

    def _together(self, rows: Samples, groups: ArrayLike | None) -> NDArray[Any] | None:
        if groups is not None:
            found = np.asarray(groups)
            if found.shape != (len(rows.values),):
                raise ValueError(
                    f"{type(self).__name__}: groups must name the stimulus of each of the"
                    f" {len(rows.values)} rows, got shape {found.shape}."
                )
            return found
        stimulus = rows.coordinate("stimulus")
        if stimulus is not None:
            return stimulus
        return rows.along("trial") if "time" in rows.dims else None

    def _predict(self, values: Doubles) -> Doubles:
        return values @ self.coef_ + self.intercept_

    def _compare(self, X: Recording, y: Targets) -> tuple[Samples, Responses, Doubles]:
        check_is_fitted(self)
        rows = samples(self, X, reset=False, past=True)
        truth = responses(self, self._in_order(y), rows, what=_WHAT)
        if truth.values.shape[1] != len(self.intercept_):
            raise ValueError(
                f"{type(self).__name__}: y has {truth.values.shape[1]} targets, in fit there were"
                f" {len(self.intercept_)}; give the same, or fit again."
            )
        return rows, truth, self._predict(rows.values)

    def _in_order(self, y: Targets) -> Targets:
        """Put the targets of a labelled y in the order that ``fit`` has seen."""
        if isinstance(y, xr.DataArray):
            for dim in self.targets_.attrs["dims"]:
                if dim in y.coords and dim in self.targets_.coords:
                    names = self.targets_[dim].values.tolist()
                    y = in_order_of(type(self).__name__, "y", y, dim, names)
        return y

    def _by_target(self, values: Doubles, first: str | None = None) -> xr.DataArray:
        """Label numbers of shape ([n,] n_targets)."""
        lead = [] if first is None else [first]
        dims = list(self.targets_.attrs["dims"])
        shape = self.shape_ or (1,)
        cut = values.reshape(*values.shape[: len(lead)], *shape)
        return xr.DataArray(cut, dims=[*lead, *dims], coords=self.targets_.coords)

    def _by_row(self, values: Doubles, rows: Samples) -> xr.DataArray:
        labelled = label_rows(values[:, None], rows, (), xr.Dataset())
        if isinstance(labelled, xr.DataArray):
            return labelled
        return xr.DataArray(values, dims="row")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.required = True
        return tags
