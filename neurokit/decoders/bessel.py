"""Smoothing with a maximally flat group delay, for whole recordings and live."""

import warnings
from typing import Any, Self

import numpy as np
from scipy.optimize import brentq
from scipy.signal import bessel, sosfilt, sosfilt_zi, sosfiltfilt, sosfreqz
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from neurokit.inputs.chunks import ChunkLabels
from neurokit.inputs.lazily import filter_lazily, first_samples, is_lazy
from neurokit.inputs.rates import require_rate
from neurokit.inputs.series import series
from neurokit.metrics.cost import Cost, multiply
from neurokit.persistence import Saveable
from neurokit.streaming import check_chunk
from neurokit.types import Doubles, Recording

_MODES = ("causal", "offline", "block_last", "block_middle")
_ROOM = 256  # samples a stream takes before the past moves to the front of its buffer


class BesselFilter(Saveable, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Bessel low-pass along ``time``: a movement keeps its shape, and its delay is told.

    Decoded movements are noisy from step to step. This smooths them (or spike counts, signals,
    behaviour) with one of four readings of the same filter:

    * ``"causal"``: the filter itself, sample by sample.
    * ``"block_last"``: the newest ``block`` samples are filtered forward and backward, and the
      newest result is kept: it waits for nothing.
    * ``"block_middle"``: the same, but the middle result is kept: smoother, and ``block / 2``
      samples late.
    * ``"offline"``: forward and backward over the whole recording; it needs the future.

    Filtering a block of fixed length is linear, so "filter the block, keep one row" is exactly
    one row of weights. The block modes are computed so: a single convolution, not one call of
    ``filtfilt`` per sample.

    **The output is never shifted.** In every mode but ``"offline"``, the value at ``t`` is what
    is known at ``t``: it uses samples up to ``t`` and none after it. Scores of it against the
    behaviour are therefore real-time scores; ``neurokit.metrics.decoding_r2`` gives the aligned
    one beside it.

    Before a stretch of recording begins, the signal is taken to have stood at its first value, so
    a constant comes out unchanged from the first sample on. Stretches on either side of a jump
    of the clock are filtered apart. In ``"offline"`` both ends are continued by SciPy's odd
    reflection.

    Parameters
    ----------
    cutoff : float, default=6.25
        Cutoff of one pass, in Hz, by the convention that ``norm`` names. Where the gain has truly
        fallen by 3 dB, in the chosen mode, is ``cutoff_3db_``.
    order : int, default=4
        Number of poles.
    mode : {"block_last", "block_middle", "causal", "offline"}, default="block_last"
    block : int, default=32
        Samples in a block, for the block modes.
    norm : {"phase", "delay", "mag"}, default="phase"
        As in `scipy.signal.bessel`.
    sampling_rate : float, optional
        In Hz; needed for plain arrays, which carry no clock.
    picks : {"brain", "all"}, default="brain"
        Channels to take where ``channel`` carries ``type`` or ``bad``: those of the brain that are
        not bad, or all. A warning says once what was left out; ``left_out_`` keeps it.

    Attributes
    ----------
    sos_ : ndarray of shape (n_sections, 6)
        The one-pass filter, as second-order sections.
    taps_ : ndarray of shape (block,) or None
        In the block modes, the weight of the sample ``k`` steps back, newest first.
    cutoff_3db_ : float
        Frequency in Hz where the gain has fallen by 3 dB; infinite if it never does.
    latency_ : float
        Seconds for which an output waits, beyond the step that it is stamped with: 0 for
        ``"causal"`` and ``"block_last"``, the samples between middle and end for
        ``"block_middle"``, infinite for ``"offline"``.
    group_delay_ : float
        Seconds by which slow movements come late (group delay at 0 Hz). Shift by it to align.
    mode_ : str
        What ``fit`` was given.
    sampling_rate_ : float
        In Hz.
    n_features_in_ : int

    Warns
    -----
    UserWarning
        If the filter leaves the signal as it is, as ``"block_last"`` does where the block is long
        beside one period of the cutoff; what would filter is named.

    Raises
    ------
    ValueError
        If the cutoff is not below half the sampling rate, or a parameter is out of range.

    References
    ----------
    .. [1] Thomson (1949), Delay networks having maximally flat frequency characteristics,
       Proc. IEE 96(44), 487-490.
    .. [2] Zhou, Sun and Basu (2025), Combining SNNs with filtering for efficient neural decoding
       in implantable brain-machine interfaces, Neuromorph. Comput. Eng. 5, 014013.

    Examples
    --------
    >>> from neurokit.recording import behaviour
    >>> velocity = behaviour(np.random.default_rng(0).normal(size=(500, 2)), sampling_rate=250)
    >>> smooth = BesselFilter(mode="block_middle").fit(velocity)
    >>> round(smooth.latency_, 3), round(smooth.cutoff_3db_, 2)
    (0.064, 3.12)
    >>> smooth.transform(velocity).dims
    ('time', 'feature')
    """

    def __init__(
        self,
        cutoff: float = 6.25,
        *,
        order: int = 4,
        mode: str = "block_last",
        block: int = 32,
        norm: str = "phase",
        sampling_rate: float | None = None,
        picks: str = "brain",
    ) -> None:
        self.cutoff = cutoff
        self.order = order
        self.mode = mode
        self.block = block
        self.norm = norm
        self.sampling_rate = sampling_rate
        self.picks = picks

    def fit(self, X: Recording, y: object = None) -> Self:
        """Design the filter for the sampling rate of ``X``.

        Parameters
        ----------
        X : xarray.DataArray with dims ([trial,] time, feature | unit | channel), or array-like
            of shape (n_times, n_features)
        y : None
            Ignored.

        Returns
        -------
        self
        """
        rows = series(self, first_samples(X), reset=True)  # nothing is learned from the values
        rate = require_rate(self, rows.sampling_rate)
        self._check(rate)
        self.sampling_rate_ = rate
        self._design(rate)
        self.cutoff_3db_ = self._cutoff_3db()
        if not np.isfinite(self.cutoff_3db_):
            warnings.warn(self._say_identity(rate), stacklevel=2)
        return self

    def transform(self, X: Recording) -> Any:
        """Smooth ``X``.

        Parameters
        ----------
        X : as in `fit`
            At the same sampling rate.

        Returns
        -------
        xarray.DataArray or ndarray
            It has the dims, labels and units of ``X``; at least float32. Lazy (dask) if ``X`` is,
            but in mode "offline".
        """
        check_is_fitted(self)
        if is_lazy(X) and self.mode_ != "offline":
            return filter_lazily(self, X)
        rows = series(self, X, reset=False)
        out = np.empty_like(rows.values, order="C")
        for run in rows.runs:
            out[run] = self._smooth(rows.values[run])
        if rows.source is None:
            return out
        data = out.reshape(rows.source.shape)
        dims = getattr(X, "dims", (rows.space, "time"))  # MNE's order
        return rows.source.copy(data=data).transpose(*dims)

    def _plan(self) -> dict[str, object]:
        return {"mode_": self.mode}

    def stream(self) -> "_Stream":
        """Begin a live recording.

        Returns
        -------
        stream
            ``push(chunk)`` takes an array of shape (n, n_features) with the next ``n`` samples
            and returns as many outputs, those of `transform` for the whole recording, to the
            bit. ``flush()`` returns no more: nothing waits. NaN and infinity are refused, and the
            stream goes on as if they had not come.

        Raises
        ------
        ValueError
            In mode ``"offline"``, which needs the future.
        """
        check_is_fitted(self)
        if self.mode_ == "offline":
            raise ValueError(
                'BesselFilter: mode="offline" needs the whole recording and cannot run live; use'
                ' "causal", "block_last" or "block_middle".'
            )
        return _Stream(
            np.array(self.sos_), self.taps_, self.n_features_in_, ChunkLabels.of_fit(self)
        )

    def cost(self, X: Recording | None = None) -> Cost:
        """Return what the fitted estimator costs at each time step.

        Parameters
        ----------
        X : object
            Not used: the cost is the same for all.

        Returns
        -------
        neurokit.metrics.cost.Cost
            Every tap, or coefficient of a section, multiplies every column.
        """
        check_is_fitted(self)
        size = self.sos_.size if self.taps_ is None else self.taps_.size
        macs = self.n_features_in_ * size
        return multiply(macs, n_parameters=size, latency=self.latency_)

    def _smooth(self, x: Doubles) -> Doubles:
        """Filter one stretch, rows along time."""
        sos = np.array(
            self.sos_
        )  # SciPy wants it writable; that of a memory-mapped estimator is not
        if self.mode_ == "offline":
            return _both_ways(sos, x)
        if self.taps_ is None:
            return sosfilt(sos, x, axis=0, zi=_standing(sos, x[0]))[0]
        from neurokit.decoders._fir import convolve

        first = np.repeat(x[:1], len(self.taps_) - 1, axis=0)
        out = np.empty(x.shape, x.dtype)
        convolve(np.concatenate([first, x]), self.taps_, out)
        return out

    def _check(self, rate: float) -> None:
        if self.mode not in _MODES:
            raise ValueError(f"BesselFilter: mode must be one of {_MODES}, got {self.mode!r}.")
        if not 0 < self.cutoff < rate / 2:
            raise ValueError(
                f"BesselFilter: cutoff must lie between 0 and {rate / 2:g} Hz (half the sampling"
                f" rate), got {self.cutoff!r}."
            )
        if self.order < 1 or self.block < 2:
            raise ValueError(
                "BesselFilter: order must be at least 1 and block at least 2, got"
                f" {self.order!r} and {self.block!r}."
            )

    def _design(self, rate: float) -> None:
        """Work out sections and taps, and how late the output comes."""
        self._keep_plan()
        self.sos_ = bessel(self.order, self.cutoff, norm=self.norm, output="sos", fs=rate)
        self.taps_: Doubles | None = None
        if self.mode.startswith("block"):
            keep = self.block - 1 if self.mode == "block_last" else self.block // 2 - 1
            # row `keep` of "filter a block", read backwards: the newest sample's weight first
            self.taps_ = _both_ways(self.sos_, np.eye(self.block))[keep, ::-1].copy()
            self.latency_ = (self.block - 1 - keep) / rate
            self.group_delay_ = float(self.taps_ @ np.arange(self.block) / self.taps_.sum()) / rate
        else:
            offline = self.mode == "offline"
            self.latency_ = np.inf if offline else 0.0
            self.group_delay_ = 0.0 if offline else _group_delay(self.sos_) / rate

    def _say_identity(self, rate: float) -> str:
        """Say that the filter leaves the signal as it is, and which settings would not."""
        ways = ['mode="causal"']
        if self._works(rate, mode="block_middle"):
            ways.append('mode="block_middle"')
        lower = self.cutoff * 0.9 ** np.arange(1, 40)
        found = next((c for c in lower if self._works(rate, cutoff=float(c))), None)
        if found is not None:
            ways.append(f"cutoff={0.95 * found:.2g}")
        blocks = sorted(range(4, 65), key=lambda block: abs(block - self.block))
        short = next((b for b in blocks if self._works(rate, block=b)), None)
        if short is not None:
            ways.append(f"block={short}")
        return (
            f"BesselFilter: at {rate:g} Hz, mode={self.mode!r} with cutoff={self.cutoff:g} and"
            f" block={self.block} leaves the signal as it is: it lowers no frequency by 3 dB, but"
            f" it would with {', or '.join(ways)}."
        )

    def _works(self, rate: float, **changes: Any) -> bool:
        """Whether the filter lowers anything with other settings."""
        twin = BesselFilter(**self.get_params() | changes)
        twin.sampling_rate_ = rate
        twin._design(rate)
        return bool(np.isfinite(twin._cutoff_3db(512)))

    def _cutoff_3db(self, n_grid: int = 8192) -> float:
        """Find the first frequency where the gain of the whole filter crosses -3 dB."""

        def excess(frequency: Any) -> Any:
            if self.taps_ is not None:
                turns = np.multiply.outer(frequency, np.arange(self.block)) / self.sampling_rate_
                gain = np.abs(np.exp(-2j * np.pi * turns) @ self.taps_)
            else:
                where = np.atleast_1d(frequency)
                gain = np.abs(sosfreqz(self.sos_, worN=where, fs=self.sampling_rate_)[1])
                gain = gain ** (2 if self.mode == "offline" else 1)
            return gain - np.sqrt(0.5)

        grid = np.linspace(0, self.sampling_rate_ / 2, n_grid)
        below = np.flatnonzero(excess(grid) < 0)
        if not below.size:
            return np.inf
        low, high = grid[below[0] - 1], grid[below[0]]
        return float(brentq(lambda f: float(np.squeeze(excess(f))), low, high))


class _Stream:
    """State of one live recording: the last samples, or the filter's own memory."""

    def __init__(
        self, sos: Doubles, taps: Doubles | None, n_features: int, labels: ChunkLabels
    ) -> None:
        self._labels = labels
        self._sos = sos
        self._taps = taps
        self._n_features = n_features
        self._rows: Doubles | None = None
        self._end = 0
        self._memory: Doubles | None = None
        if taps is not None:
            from neurokit.decoders._fir import convolve_next

            self._convolve_next = convolve_next

    def push(self, chunk: Doubles) -> Doubles:
        plain = type(chunk) is np.ndarray and chunk.ndim == 2 and chunk.dtype.kind == "f"
        if not plain or not chunk.flags.c_contiguous:
            chunk = _as_chunk(chunk, self._labels)
        n, n_features = chunk.shape
        if n_features != self._n_features:
            raise ValueError(
                f"BesselFilter: a chunk must have {self._n_features} columns, got {n_features}."
            )
        out = np.empty((n, n_features), chunk.dtype)
        if self._taps is None:
            if self._memory is None and n:
                self._memory = _standing(self._sos, chunk[0])
            if n:
                check_chunk("BesselFilter", chunk, n_features, "values")
                out[:], self._memory = sosfilt(self._sos, chunk, axis=0, zi=self._memory)
            return out
        if self._rows is None:
            if not n:
                return out
            self._end = past = len(self._taps) - 1
            self._rows = np.empty((past + _ROOM, n_features))
            self._rows[:past] = chunk[0]
        if n <= _ROOM:
            end = self._convolve_next(self._rows, self._end, chunk, self._taps, out)
            if end < 0:
                raise ValueError("BesselFilter.stream: the values hold NaN or infinity.")
            self._end = end
        else:
            for start in range(0, n, _ROOM):
                out[start : start + _ROOM] = self.push(chunk[start : start + _ROOM])
        return out

    def flush(self) -> Doubles:
        return np.empty((0, self._n_features))


def _as_chunk(chunk: Recording, labels: ChunkLabels) -> Doubles:
    chunk = chunk if isinstance(chunk, np.ndarray) else labels(chunk)
    if chunk.ndim != 2:
        raise ValueError(
            f"BesselFilter: a chunk must have the shape (n_times, n_features), got {chunk.shape}."
        )
    return np.ascontiguousarray(chunk, None if chunk.dtype.kind == "f" else np.float64)


def _standing(sos: Doubles, first: Doubles) -> Doubles:
    """Memory of a filter that has seen ``first`` for ever."""
    return sosfilt_zi(sos)[:, :, None] * first


def _both_ways(sos: Doubles, x: Doubles) -> Doubles:
    """Filter forward and backward, as SciPy pads by default, or by less where ``x`` is short."""
    zeros = min((sos[:, 2] == 0).sum(), (sos[:, 5] == 0).sum())
    usual = 3 * (2 * len(sos) + 1 - zeros)
    return sosfiltfilt(sos, x, axis=0, padlen=min(usual, len(x) - 1))


def _group_delay(sos: Doubles) -> float:
    """Group delay at 0 Hz in samples: minus the slope of the phase there, section by section."""
    powers = np.arange(3)
    b, a = sos[:, :3], sos[:, 3:]
    return float((b @ powers / b.sum(1) - a @ powers / a.sum(1)).sum())
