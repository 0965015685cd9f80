"""Power in frequency bands: the classic features of EEG."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xarray as xr
from scipy.fft import next_fast_len, rfft, rfftfreq
from scipy.signal.windows import dpss, hann
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from neurokit.inputs.lazily import by_trials, first_trial, has_lazy_trials
from neurokit.inputs.rates import require_rate
from neurokit.inputs.trials import Trials, trials
from neurokit.metrics.cost import Cost, multiply
from neurokit.persistence import Saveable
from neurokit.types import Floats, Names, Recording

if TYPE_CHECKING:
    from sklearn.utils import Tags

BANDS = {"alpha": (8.0, 13.0), "beta": (13.0, 30.0)}
_TAPERS = 7  # at most: all that 4 s at 2 Hz allow, .96 of what any number would get out of noise
_AT_ONCE = 2**15  # samples, 256 kB


class BandPower(Saveable, TransformerMixin, BaseEstimator):
    """Log power of every channel in a few bands: trials become rows of features.

    The spectrum is integrated from an edge of a band up to, but not with, the upper one,
    so that a sine of amplitude ``a`` inside it counts ``a**2 / 2``. The feature is the natural
    logarithm of that. A channel that is flat over a trial has no power; it gets the logarithm of
    the smallest float32, about -87.

    Parameters
    ----------
    bands : mapping of str to (low, high), optional
        Edges in Hz. Default: alpha, 8 to 13, and beta, 13 to 30.
    method : {"multitaper", "hann"}, default="multitaper"
        Mean over several orthogonal tapers, which varies less from trial to trial, or one Hann
        window.
    bandwidth : float, default=2.0
        Full width in Hz over which multitaper smooths. As many tapers fit into it as trials are
        long, but no more than seven are used: trials of more than ``8 / bandwidth`` seconds are
        smoothed over 8 divided by their length instead, and cost in proportion to it.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.
    picks : {"brain", "all"}, default="brain"
        Channels to take where ``channel`` carries ``type`` or ``bad``: those of the brain that are
        not bad, or all. A warning says once what was left out; ``left_out_`` keeps it.

    Attributes
    ----------
    bands_ : dict of str to (low, high)
    method_, bandwidth_
        What ``fit`` was given.
    sampling_rate_ : float
    n_features_in_ : int
        Number of channels.
    channels_ : list
        Names of the channels, where they had names.

    Raises
    ------
    ValueError
        If a band is empty or reaches above half the sampling rate, or trials are shorter than one
        cycle of the lowest edge. A plain two-dimensional array, one sample per trial, passes:
        its spectrum is flat.

    References
    ----------
    .. [1] Thomson (1982), Spectrum estimation and harmonic analysis, Proc. IEEE 70(9), 1055-1096.

    Examples
    --------
    >>> import neurokit
    >>> t = np.arange(500) / 250
    >>> x = neurokit.signal(4 * np.sin(2 * np.pi * 10 * t)[None, None], sampling_rate=250)
    >>> power = BandPower(method="hann").fit_transform(x)
    >>> power["band"].values.tolist(), round(float(np.exp(power[0, 0])), 2)
    (['alpha', 'beta'], 8.0)
    """

    def __init__(
        self,
        bands: Mapping[str, tuple[float, float]] | None = None,
        *,
        method: str = "multitaper",
        bandwidth: float = 2.0,
        sampling_rate: float | None = None,
        picks: str = "brain",
    ) -> None:
        self.bands = bands
        self.method = method
        self.bandwidth = bandwidth
        self.sampling_rate = sampling_rate
        self.picks = picks

    def fit(self, X: Recording, y: object = None) -> Self:
        """Check the bands against the sampling rate; nothing is learnt from the data.

        Parameters
        ----------
        X : xarray.DataArray with dims (trial, channel, time), mne.Epochs, or array-like
        y : None
            Ignored.

        Returns
        -------
        self
        """
        source = trials(self, first_trial(X), reset=True)
        if self.method not in ("multitaper", "hann") or not self.bandwidth > 0:
            raise ValueError(
                'BandPower: method must be "multitaper" or "hann" and bandwidth positive, got'
                f" {self.method!r} and {self.bandwidth!r}."
            )
        self.sampling_rate_ = require_rate(self, source.sampling_rate)
        self._keep_plan()
        for name, (low, high) in self.bands_.items():
            if not 0 <= low < high <= self.sampling_rate_ / 2:
                raise ValueError(
                    f"BandPower: band {name!r} must lie between 0 and"
                    f" {self.sampling_rate_ / 2:g} Hz, the lower edge first, got {(low, high)}."
                )
        self._check_length(source)
        return self

    def transform(self, X: Recording) -> Any:
        """Return the log power in each band.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray of dims (trial, feature), or ndarray
            All channels of the first band, then of the next; ``feature`` has the coordinates
            ``channel`` and ``band``.
        """
        check_is_fitted(self)
        if has_lazy_trials(X):
            return by_trials(self, "transform", X)
        source = trials(self, X, reset=False)
        require_rate(self, source.sampling_rate)
        self._check_length(source)
        power = self._power(source.values)
        floor = np.finfo(np.float32).tiny
        out = np.log(np.maximum(power, floor)).reshape(len(power), -1)
        return out if source.source is None else self._label(out, source)

    def _plan(self) -> dict[str, object]:
        bands = dict(BANDS if self.bands is None else self.bands)
        return {"bands_": bands, "method_": self.method, "bandwidth_": self.bandwidth}

    def cost(self, X: Recording) -> Cost:
        """Return what the fitted estimator costs for each trial.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        neurokit.metrics.cost.Cost
            The tapers, their Fourier transforms (1.25 n log2 n each), and the sums over bands.
        """
        check_is_fitted(self)
        _, n_channels, n_times = trials(self, X, reset=False).values.shape
        tapers, n_fft = self._tapers(n_times), self._count_fft(n_times)
        each = n_times + 1.25 * n_fft * np.log2(n_fft) + n_fft + 2  # squares of both parts
        macs = n_channels * (len(tapers) * each + len(self.bands_) * (n_fft // 2 + 1))
        return multiply(macs, n_parameters=tapers.size)

    def get_feature_names_out(self, input_features: object = None) -> Names:
        """Return ``"channel band"`` for every column.

        Parameters
        ----------
        input_features : None
            Ignored: the names seen in ``fit`` are used.

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self)
        channels = getattr(self, "channels_", None) or list(range(self.n_features_in_))
        names = [f"{channel} {band}" for band in self.bands_ for channel in channels]
        return np.array(names, dtype=object)

    def _power(self, x: Floats) -> Floats:
        """Power in each band, shape (n_trials, n_bands, n_channels)."""
        n_trials, n_channels, n_times = x.shape
        tapers = self._tapers(n_times)
        n_fft = self._count_fft(n_times)
        at = rfftfreq(n_fft, 1 / self.sampling_rate_)
        # one-sided: every line but those at 0 and half the sampling rate stands for two
        weight = np.where((at == 0) | (at == self.sampling_rate_ / 2), 1.0, 2.0) / n_fft
        inside = np.array([(low <= at) & (at < high) for low, high in self.bands_.values()])
        lines = np.flatnonzero(inside.any(0))  # of what lies outside the bands nothing is needed
        some = slice(lines[0], lines[-1] + 1) if len(lines) else slice(0, 1)
        pick = (inside * weight)[:, some].T / len(tapers)
        rows = x.reshape(-1, n_times)  # a few channels at once stay in the cache
        out = np.empty((len(rows), pick.shape[1]))
        # four are transformed side by side; of long ones two, as more leave the cache
        step = max(4 if n_fft <= _AT_ONCE else 2, _AT_ONCE // n_fft)
        for start in range(0, len(rows), step):
            row = rows[start : start + step].astype(np.float64)
            density = np.zeros((len(row), len(pick)))
            for taper in tapers:
                spectrum = rfft(row * taper, n_fft)[:, some]
                density += spectrum.real**2
                density += spectrum.imag**2
            out[start : start + step] = density @ pick
        return out.reshape(n_trials, n_channels, -1).transpose(0, 2, 1)

    def _count_fft(self, n_times: int) -> int:
        """Return the samples of a transform: four lines or more in the narrowest band."""
        narrowest = min(high - low for low, high in self.bands_.values())
        return next_fast_len(max(n_times, int(4 * self.sampling_rate_ / narrowest)), real=True)

    def _tapers(self, n_times: int) -> Floats:
        """Tapers of unit energy, shape (n_tapers, n_times)."""
        product = self.bandwidth_ / 2 * n_times / self.sampling_rate_  # time x half bandwidth
        if self.method_ == "multitaper" and 1 <= product < n_times / 2:
            return _make_tapers(n_times, min(product, (_TAPERS + 1) / 2))
        window = hann(n_times + 2, sym=True)[1:-1]
        return (window / np.linalg.norm(window))[None]

    def _check_length(self, source: Trials) -> None:
        n_times = source.values.shape[2]
        lowest = min(low or high for low, high in self.bands_.values())
        if n_times > 1 and n_times / self.sampling_rate_ < 1 / lowest:
            raise ValueError(
                f"BandPower: trials of {n_times / self.sampling_rate_:g} s are shorter than one"
                f" cycle at {lowest:g} Hz, an edge of a band; cut longer trials."
            )

    def _label(self, out: Floats, source: Trials) -> xr.DataArray:
        n_bands = len(self.bands_)
        names = source.source[source.space].values  # type: ignore[index]
        labelled = xr.DataArray(
            out, dims=("trial", "feature"), coords=source.coords("trial")
        ).assign_coords(
            {
                source.space: ("feature", np.tile(names, n_bands)),
                "band": ("feature", np.repeat(list(self.bands_), len(names))),
            }
        )
        unit = source.source.attrs.get("units")  # type: ignore[union-attr]
        labelled.attrs["units"] = f"log({unit}^2)" if unit else "log"
        return labelled

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


@lru_cache(maxsize=4)  # an eigenproblem as long as the trial: not anew at each call
def _make_tapers(n_times: int, product: float) -> Floats:
    tapers = dpss(n_times, product, max(1, int(2 * product) - 1))
    tapers.flags.writeable = False
    return tapers
