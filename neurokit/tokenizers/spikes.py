"""Spike trains as sequences of tokens, exactly invertible to the bin."""

from __future__ import annotations

import math
import warnings
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from neurokit.inputs.spikes import UNKNOWN, Events, known_units, take_spikes
from neurokit.inputs.tokens import order_levels
from neurokit.persistence import Saveable
from neurokit.recording.clock import SampleIndex, exact, time_coordinates
from neurokit.recording.edges import find_bins
from neurokit.recording.spikes import spikes
from neurokit.types import Codes, Spikes, Tokens

if TYPE_CHECKING:
    from sklearn.utils import Tags

PAD, END = 0, 1  # tokens of the level "unit" that are no unit
_FIRST_UNIT = 2


class SpikeTokenizer(Saveable, TransformerMixin, BaseEstimator):
    """Write every spike as two tokens, its unit and its bin inside a window [1]_.

    The recording is cut into windows; the spikes of a window follow each other in order of
    time, and inside a bin in order of the units; an end marker closes each window, an empty one
    too. Two spikes of a unit in one bin are two tokens, so counts are kept.
    ``inverse_transform`` gives the spikes back, each at the start of its bin.

    ========== =========================== ==============================================
    level      values                      meaning
    ========== =========================== ==============================================
    ``unit``   0, 1, 2 ... n_units + 1     padding, end of window, the units seen in fit
    ``time``   0 ... bins per window - 1   bin inside the window; 0 where there is no unit
    ========== =========================== ==============================================

    Parameters
    ----------
    bin_width : float, default=0.01
        In s.
    window : float, default=0.05
        In s; a whole number of bins.
    max_tokens : int, optional
        Default: one sequence of any length, dims (frame, level), from which nothing is ever
        left out. A number: one row of so many tokens for each window, dims (trial, frame,
        level), filled up with padding. Windows with more spikes than fit beside the end marker
        are cut short, with a warning that counts what was lost; the coordinate ``dropped`` of
        ``trial`` says where.

    Attributes
    ----------
    units_ : list
        Ids of the units, in the order of their tokens.
    n_tokens_ : tuple of int
        Size of the vocabulary of the two levels.
    bin_width_, max_tokens_
        As ``fit`` was given them.
    channels_, n_features_in_ : list, int
        Units seen in ``fit``, as in every estimator.

    References
    ----------
    .. [1] Antoniades et al. (2024), Neuroformer, arXiv:2311.00136, section 3.1.

    Examples
    --------
    >>> import neurokit as nk
    >>> X = nk.spikes({"a": [0.001, 0.012, 0.013], "b": [0.012, 0.061]}, stop=0.1)
    >>> tokens = SpikeTokenizer().fit(X).transform(X)
    >>> tokens.sel(level="unit").values.tolist()
    [2, 2, 2, 3, 1, 3, 1]
    >>> tokens.sel(level="time").values.tolist()
    [0, 1, 1, 1, 0, 1, 0]
    """

    def __init__(
        self, bin_width: float = 0.01, *, window: float = 0.05, max_tokens: int | None = None
    ) -> None:
        self.bin_width = bin_width
        self.window = window
        self.max_tokens = max_tokens

    def fit(self, X: Spikes, y: object = None) -> Self:
        """Learn which units there are.

        Parameters
        ----------
        X : xarray.Dataset of spikes, or counts: DataArray with dims (unit, time) or (time, unit)
            array-like
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is out of range, or ``X`` holds other things than counts.
        """
        self._check()
        take_spikes(self, X, bin_width=self.bin_width, reset=True)
        self._keep_plan()
        self.units_ = known_units(self)
        self.n_tokens_ = (len(self.units_) + _FIRST_UNIT, _count_bins(self.window, self.bin_width))
        return self

    def transform(self, X: Spikes) -> Any:
        """Write spikes as tokens.

        Parameters
        ----------
        X : as in `fit`
            Its units may be fewer, and in another order.

        Returns
        -------
        xarray.DataArray or ndarray, dims (frame, level) or (trial, frame, level)
            uint16 (uint32 where the vocabulary needs it). Labelled windows have the coordinates
            ``onset`` (s) and ``dropped``.

        Raises
        ------
        ValueError
            If ``X`` has units that ``fit`` has not seen, or bins of another width.
        """
        check_is_fitted(self)
        events = take_spikes(self, X, bin_width=self.bin_width_, reset=False)
        self._check_known(X, events)
        rate, n_bins = 1 / exact(self.bin_width_), self.n_tokens_[1]
        first = exact(events.start) * rate
        span = (exact(events.stop) * rate - first) - Fraction(1, 10**6)
        n_windows = max(-(-math.ceil(span) // n_bins), 1)
        bins = find_bins(events.time, float(first / rate), float(1 / rate))
        if len(bins) and bins.max() >= n_windows * n_bins:  # a spike right at the end
            n_windows += 1
        n_units = len(self.units_)
        keys = np.sort(bins * n_units + events.unit)  # by time, and inside a bin by unit
        bins, unit = np.divmod(keys, n_units)
        window, time = np.divmod(bins, n_bins)
        dtype = np.uint16 if max(self.n_tokens_) <= 1 << 16 else np.uint32
        count = np.bincount(window, minlength=n_windows)
        if self.max_tokens_ is None:
            tokens = np.zeros((len(keys) + n_windows, 2), dtype)
            at = np.arange(len(keys)) + window  # behind the markers of the windows before
            tokens[np.cumsum(count) + np.arange(n_windows), 0] = END
            tokens[at, 0], tokens[at, 1] = unit + _FIRST_UNIT, time
        else:
            tokens = np.zeros((n_windows, self.max_tokens_, 2), dtype)
            place = np.arange(len(keys)) - np.repeat(np.cumsum(count) - count, count)
            fits = place < self.max_tokens_ - 1
            tokens[window[fits], place[fits], 0] = unit[fits] + _FIRST_UNIT
            tokens[window[fits], place[fits], 1] = time[fits]
            kept = np.minimum(count, self.max_tokens_ - 1)
            tokens[np.arange(n_windows), kept, 0] = END
            if lost := int((count - kept).sum()):
                warnings.warn(
                    f"SpikeTokenizer: {lost} of {len(keys)} spikes were left out, from"
                    f" {int((count > kept).sum())} windows with more than {self.max_tokens_ - 1};"
                    f" max_tokens={int(count.max()) + 1} would hold them all.",
                    stacklevel=2,
                )
        if not events.labelled:
            return tokens
        dims = ("frame", "level") if tokens.ndim == 2 else ("trial", "frame", "level")
        out = xr.DataArray(tokens, dims=dims, coords={"level": ["unit", "time"]}, name="tokens")
        if tokens.ndim == 3:
            onset = time_coordinates(first / n_bins, rate / n_bins, n_windows)["time"].values
            out = out.assign_coords(onset=("trial", onset), dropped=("trial", count - kept))
        return out.assign_attrs(start=events.start, stop=events.stop)

    def inverse_transform(self, tokens: Tokens) -> xr.Dataset:
        """Give the spikes back, each at the start of its bin.

        Parameters
        ----------
        tokens : xarray.DataArray or array-like, dims (frame, level) or (trial, frame, level)
            As `transform` gives them: windows one after the other, from the start.

        Returns
        -------
        xarray.Dataset
            Spikes as `neurokit.spikes` makes them. Plain tokens start at 0 s.

        Raises
        ------
        ValueError
            If ``tokens`` have other dims, or hold units or bins that do not exist.
        """
        check_is_fitted(self)
        unit, time, window = self._take_tokens(tokens)
        attrs = tokens.attrs if isinstance(tokens, xr.DataArray) else {}
        rate, n_bins = 1 / exact(self.bin_width_), self.n_tokens_[1]
        start = float(attrs.get("start", 0.0))
        if isinstance(tokens, xr.DataArray) and "onset" in tokens.coords:  # perhaps a choice
            place = (tokens["onset"].values - start) * float(rate) / n_bins
            window = np.repeat(np.round(place).astype(np.int64), tokens.sizes["frame"])
        n_windows = int(window.max(initial=-1)) + 1
        edges = SampleIndex(exact(start) * rate, rate, n_windows * n_bins + 1).values
        stop = float(attrs.get("stop", edges[-1]))
        is_spike = unit >= _FIRST_UNIT
        at = edges[window[is_spike] * n_bins + time[is_spike]]
        which = unit[is_spike] - _FIRST_UNIT
        order = np.argsort(which, kind="stable")  # spikes() sorts inside a unit if need be
        number = np.bincount(which, minlength=len(self.units_))
        trains = np.split(at[order], np.cumsum(number)[:-1])
        return spikes(trains, start=start, stop=stop, ids=self.units_)

    # ------------------------------------------------------------ inside

    def _plan(self) -> dict[str, object]:
        return {"bin_width_": self.bin_width, "max_tokens_": self.max_tokens}

    def _check(self) -> None:
        if not self.bin_width > 0 or not self.window >= self.bin_width:
            raise ValueError(
                "SpikeTokenizer: bin_width must be positive and window at least as long, got"
                f" {self.bin_width!r} and {self.window!r} s."
            )
        n_bins = _count_bins(self.window, self.bin_width)
        if abs(self.window / self.bin_width - n_bins) > 1e-6:
            raise ValueError(
                f"SpikeTokenizer: window must be a whole number of bins of {self.bin_width:g} s,"
                f" got {self.window!r} s."
            )
        if self.max_tokens is not None and self.max_tokens < 2:
            raise ValueError(
                "SpikeTokenizer: max_tokens must leave room for a spike and the end marker, 2 at"
                f" least, got {self.max_tokens!r}."
            )

    def _check_known(self, X: Spikes, events: Events) -> None:
        if isinstance(X, xr.Dataset):
            if (events.unit == UNKNOWN).any():
                extra = [unit for unit in X["unit"].values.tolist() if unit not in self.units_]
                raise ValueError(
                    f"SpikeTokenizer was fitted without the units {extra}, which fire in X; fit it"
                    " on all recordings that it is to write, or leave these units out."
                )
            return
        width = events.bin_width if events.labelled else None
        if width is not None and abs(width / self.bin_width_ - 1) > 1e-6:
            raise ValueError(
                f"SpikeTokenizer: X has bins of {width:g} s, expected bin_width="
                f"{self.bin_width_:g} s; count anew with bin_spikes(), or set bin_width and fit"
                " again."
            )

    def _take_tokens(self, tokens: Tokens) -> tuple[Codes, Codes, Codes]:
        """Return unit, bin and window of every token, in one sequence."""
        if isinstance(tokens, xr.DataArray):
            lead = ("trial",) if "trial" in tokens.dims else ()
            if set(tokens.dims) != {*lead, "frame", "level"}:
                raise ValueError(
                    "SpikeTokenizer.inverse_transform takes dims ([trial,] frame, level), got"
                    f" {tuple(tokens.dims)}."
                )
            if "level" in tokens.coords:
                tokens = order_levels("SpikeTokenizer.inverse_transform", tokens, ["unit", "time"])
            tokens = tokens.transpose(*lead, "frame", "level").values
        values = np.asarray(tokens)
        if values.ndim not in (2, 3) or values.shape[-1] != 2 or values.dtype.kind not in "iu":
            raise ValueError(
                "SpikeTokenizer.inverse_transform takes integers of dims ([trial,] frame, level)"
                f" with two levels, got {values.dtype} of shape {values.shape}."
            )
        flat = values.reshape(-1, 2)
        for k, (level, size) in enumerate(zip(("unit", "time"), self.n_tokens_, strict=True)):
            low, high = int(flat[:, k].min(initial=0)), int(flat[:, k].max(initial=0))
            if low < 0 or high >= size:
                raise ValueError(
                    f"SpikeTokenizer.inverse_transform: {level} must lie between 0 and {size - 1},"
                    f" got {low} to {high}; these are tokens of another tokenizer."
                )
        flat = flat.astype(np.int64)
        if values.ndim == 3:
            window = np.repeat(np.arange(len(values)), values.shape[1])
        else:
            ended = flat[:, 0] == END
            window = np.cumsum(ended) - ended
        return flat[:, 0], flat[:, 1], window

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = []  # tokens are integers
        return tags


def _count_bins(window: float, bin_width: float) -> int:
    return round(exact(window) / exact(bin_width))
