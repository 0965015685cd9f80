"""What comes into an estimator: labelled arrays, plain arrays or MNE objects, read alike.

An estimator calls :func:`trials` (EEG-like: one row per trial) or :func:`series` (decoders along
time: one row per time step) first in ``fit``, with ``reset=True``, and first in every other
method, with ``reset=False``. What was seen in ``fit`` is remembered on the estimator as
scikit-learn does (``n_features_in_``: the number of channels or units), and by name where there
are names (``channels_``), so that a recording with its channels in another order is put right and
one that lacks a channel is refused.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from sklearn.utils.validation import validate_data

from neurokit.recording.clock import SampleIndex
from neurokit.recording.rate import contiguous_runs, sampling_rate

SPACES = ("channel", "unit", "feature")  # the dim that estimators see as features


class Trials(NamedTuple):
    """Trials as an array, and the labels that they came with."""

    values: np.ndarray  # (n_trials, n_channels, n_times)
    sampling_rate: float | None  # Hz; None for plain arrays without sampling_rate=
    source: xr.DataArray | None  # the labelled input, dims (trial, space, time); None if plain
    space: str  # name of the middle dim
    single: bool  # the input was one continuous recording, without a trial dim

    def coords(self, *dims: str) -> dict[str, Any]:
        """Coordinates of the input that lie along ``dims`` only, and the scalar ones."""
        return _kept_coords(self.source, dims)

    def coordinate(self, name: str) -> np.ndarray | None:
        """Values of a coordinate of ``trial`` such as ``subject``; None where there is none."""
        if self.source is None or name not in self.source.coords:
            return None
        found = self.source.coords[name]
        return np.broadcast_to(found.values, len(self.values)) if found.ndim < 2 else None


class Series(NamedTuple):
    """Samples along time as rows, the stretches without a jump, and the labels."""

    values: np.ndarray  # (n_samples, n_units); trials stand one below the other
    runs: list[slice]  # stretches of rows that follow each other in time
    sampling_rate: float | None  # Hz
    source: xr.DataArray | None  # the labelled input, dims ([trial,] time, space)
    space: str

    def label(self, rows: np.ndarray, dim: str, names: Sequence[Any] | None) -> Any:
        """Give rows made from ``values`` the labels of the input; plain input, plain output.

        Parameters
        ----------
        rows : ndarray of shape (n_samples, n_columns) or (n_samples,)
        dim : str
            Name of the dim of the columns.
        names : sequence, optional
            Coordinate of ``dim``.
        """
        if self.source is None:
            return rows
        lead = [name for name in self.source.dims if name != self.space]
        shape = [self.source.sizes[name] for name in lead]
        dims = [*lead, dim] if rows.ndim == 2 else lead
        labelled = xr.DataArray(
            rows.reshape(*shape, *rows.shape[1:]),
            dims=dims,
            coords=_kept_coords(self.source, tuple(map(str, lead))),
        )
        return labelled if names is None else labelled.assign_coords({dim: list(names)})


def trials(estimator: Any, X: Any, *, reset: bool) -> Trials:
    """Read ``X`` as trials of channels over time.

    Parameters
    ----------
    estimator : estimator
        The caller. Its parameter ``sampling_rate``, if it has one, is the rate of plain arrays.
    X : xarray.DataArray, array-like, or mne.Epochs, mne.io.Raw, mne.Evoked
        Labelled: dims ``trial``, one of ``channel``, ``unit``, ``feature``, and ``time``, in any
        order; without ``trial`` it is one continuous recording. Plain: (n_trials, n_channels,
        n_times), or (n_trials, n_channels) with one time sample.
    reset : bool
        True in ``fit``: what is seen is remembered. False elsewhere: it is compared.

    Returns
    -------
    Trials

    Raises
    ------
    TypeError, ValueError
        If ``X`` is of another kind or shape, holds NaN or infinity, or does not fit what ``fit``
        has seen.
    """
    X = _labelled_or_plain(X)
    if not isinstance(X, xr.DataArray):
        values = validate_data(
            estimator, X, reset=reset, allow_nd=True, dtype=[np.float64, np.float32]
        )
        if values.ndim > 3:
            raise ValueError(
                f"{_name(estimator)}: X must have dims (trial, channel, time), got shape"
                f" {values.shape}."
            )
        _remember(estimator, None, reset)
        values = values[:, :, None] if values.ndim == 2 else values
        return Trials(values, _given_rate(estimator), None, "channel", single=False)
    space = _space(estimator, X, "trial")
    single = "trial" not in X.dims
    X = X.expand_dims("trial") if single else X
    X = _same_channels(estimator, X.transpose("trial", space, "time"), space, reset)
    values = validate_data(
        estimator, X.values, reset=reset, allow_nd=True, dtype=[np.float64, np.float32]
    )
    rate = _rate(estimator, X)
    return Trials(values, rate, X, space, single)


def series(estimator: Any, X: Any, *, reset: bool) -> Series:
    """Read ``X`` as rows along time.

    Parameters
    ----------
    estimator : estimator
        The caller. Its parameter ``sampling_rate``, if it has one, is the rate of plain arrays.
    X : xarray.DataArray, array-like or mne.io.Raw
        Labelled: dims ``time`` and one of ``channel``, ``unit``, ``feature``, in any order, and
        perhaps ``trial``, each a stretch of its own. Plain: (n_times, n_units), rows being
        samples as everywhere in scikit-learn, one stretch.
    reset : bool
        True in ``fit``: what is seen is remembered. False elsewhere: it is compared.

    Returns
    -------
    Series

    Raises
    ------
    TypeError, ValueError
        If ``X`` is of another kind or shape, holds NaN or infinity, or does not fit what ``fit``
        has seen.
    """
    X = _labelled_or_plain(X)
    if not isinstance(X, xr.DataArray):
        values = validate_data(estimator, X, reset=reset, dtype=[np.float64, np.float32])
        _remember(estimator, None, reset)
        return Series(values, [slice(0, len(values))], _given_rate(estimator), None, "unit")
    space = _space(estimator, X, "trial")
    X = _same_channels(estimator, X.transpose(..., "time", space), space, reset)
    n_times = X.sizes["time"]
    rows = validate_data(
        estimator,
        X.values.reshape(-1, X.sizes[space]),
        reset=reset,
        dtype=[np.float64, np.float32],
    )
    rate = _rate(estimator, X)
    within = contiguous_runs(X)
    runs = [
        slice(start + run.start, start + run.stop)
        for start in range(0, len(rows), n_times)
        for run in within
    ]
    return Series(rows, runs, rate, X, space)


class Target(NamedTuple):
    """What is to be predicted at each row of a :class:`Series`."""

    values: np.ndarray  # (n_samples, n_features) float64
    names: list[Any] | None  # of the features
    flat: bool  # y came as one column without a second dim: predictions go out alike
    dim: str  # name of the dim of the columns


def target(estimator: Any, y: Any, rows: Series) -> Target:
    """Read ``y`` as one row of numbers per row of X.

    Parameters
    ----------
    estimator : estimator
        The caller.
    y : xarray.DataArray or array-like
        Labelled: dims ``time`` and perhaps ``feature`` and ``trial``, in any order. Plain:
        (n_samples,) or (n_samples, n_features).
    rows : Series
        X as :func:`series` has read it.

    Returns
    -------
    Target

    Raises
    ------
    ValueError
        If ``y`` is missing, holds NaN, has another length than X or another clock.
    """
    from sklearn.utils.validation import check_array, check_consistent_length

    if y is None:
        raise ValueError(
            f"{_name(estimator)} requires y to be passed, but the target y is None: give the"
            " behaviour at each time step."
        )
    names, dim = None, "feature"
    if isinstance(y, xr.DataArray):
        others = [str(name) for name in y.dims if name not in ("trial", "time")]
        if "time" not in y.dims or len(others) > 1:
            raise ValueError(
                f"{_name(estimator)}: y must have dims (time, feature), got {tuple(y.dims)}."
            )
        if rows.source is not None and y.sizes["time"] == rows.source.sizes["time"]:
            _same_clock(estimator, rows.source, y)
        if others:
            dim = others[0]
            names = y[dim].values.tolist() if dim in y.coords else None
        y = y.transpose(..., "time", *others)
        y = y.values.reshape(-1, *y.shape[y.ndim - len(others) :])
    values = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
    check_consistent_length(rows.values, values)
    flat = values.ndim == 1
    return Target(values[:, None] if flat else values, names, flat, dim)


def _labelled_or_plain(X: Any) -> Any:
    """Turn MNE objects into labelled arrays and leave the rest."""
    if _is_mne(X):
        from neurokit.io import from_mne

        return from_mne(X)
    if isinstance(X, list) and X and all(_is_mne(one) for one in X):
        from neurokit.io import from_mne  # scikit-learn picks Epochs one by one into a list

        pieces = [from_mne(one) for one in X]
        return xr.concat(pieces, "trial", coords="different", compat="equals", join="exact")
    if isinstance(X, xr.Dataset):
        raise TypeError(
            "expected a DataArray, got a Dataset; neurokit.bin_spikes() turns spikes into counts."
        )
    return X


def _is_mne(X: Any) -> bool:
    return hasattr(X, "info") and hasattr(X, "ch_names") and hasattr(X, "get_data")


def _space(estimator: Any, X: xr.DataArray, *optional: str) -> str:
    spaces = [str(dim) for dim in X.dims if dim in SPACES]
    if len(spaces) != 1 or not {"time"} <= set(X.dims) <= {spaces[0], "time", *optional}:
        raise ValueError(
            f"{_name(estimator)}: X must have the dims time and one of {', '.join(SPACES)}, and"
            f" may have {', '.join(optional)}, got {tuple(X.dims)}."
        )
    if X.dtype.kind not in "biuf":
        raise ValueError(f"{_name(estimator)}: X must hold real numbers, got dtype {X.dtype}.")
    return spaces[0]


def _same_channels(estimator: Any, X: xr.DataArray, space: str, reset: bool) -> xr.DataArray:
    """Remember the names of the channels, or put those of ``X`` in the remembered order."""
    names = X[space].values.tolist() if space in X.coords else None
    known = getattr(estimator, "channels_", None)
    if not reset and names is not None and known is not None and names != known:
        if set(names) != set(known):
            missing = [name for name in known if name not in names]
            extra = [name for name in names if name not in known]
            raise ValueError(
                f"{_name(estimator)} was fitted on {space}s {known}; X lacks {missing} and has"
                f" {extra} besides."
            )
        X = X.sel({space: known})
    _remember(estimator, names, reset)
    return X


def _remember(estimator: Any, names: list[Any] | None, reset: bool) -> None:
    if not reset:
        return
    if names is not None:
        estimator.channels_ = names
    elif hasattr(estimator, "channels_"):
        del estimator.channels_


def _same_clock(estimator: Any, X: xr.DataArray, y: xr.DataArray) -> None:
    if "time" not in y.coords or "time" not in X.coords or X.sizes["time"] < 2:
        return
    apart = np.abs(X["time"].values - y["time"].values).max()
    if apart > 0.5 / sampling_rate(X):
        raise ValueError(
            f"{_name(estimator)}: the times of X and y are up to {apart:g} s apart, more than"
            " half a step; align them first, for example with xarray.align(X, y)."
        )


def _kept_coords(source: xr.DataArray | None, dims: tuple[str, ...]) -> Any:
    if source is None:
        return {}
    drop = [name for name, c in source.coords.items() if not set(c.dims) <= set(dims)]
    return source.coords.to_dataset().drop_vars(drop).coords


def _rate(estimator: Any, X: xr.DataArray) -> float | None:
    """Rate of a labelled array; a single sample knows it only by an index of ours."""
    if X.sizes["time"] > 1 or isinstance(X.xindexes.get("time"), SampleIndex):
        return sampling_rate(X)
    return _given_rate(estimator)


def _given_rate(estimator: Any) -> float | None:
    rate = getattr(estimator, "sampling_rate", None)
    return None if rate is None else float(rate)


def _name(estimator: Any) -> str:
    return type(estimator).__name__
