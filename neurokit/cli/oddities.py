"""What is odd about samples: missing, flat, clipped and copied channels, units, hum."""

import hashlib
from collections.abc import Hashable, Sequence

import numpy as np
import xarray as xr
from scipy.signal import welch
from tqdm import tqdm

from neurokit.recording.rate import sampling_rate

_WHOLE = 2e7  # samples up to which a signal is looked at whole
_STRETCHES = 20  # looked at of longer ones


def look(x: xr.DataArray) -> tuple[list[str], str]:
    """Look through the samples, block by block; of a very long recording at some of them."""
    n_channels, names = x.sizes["channel"], [str(n) for n in x["channel"].values.tolist()]
    stretches, part = _stretches(x)
    values = np.concatenate(
        [
            np.asarray(stretch.transpose("channel", ...).values, np.float32).reshape(
                n_channels, -1
            )
            for stretch in tqdm(stretches, desc="looking", leave=False, disable=None)
        ],
        axis=1,
    )
    good = np.isfinite(values)
    low = np.where(good, values, np.inf).min(axis=1)
    high = np.where(good, values, -np.inf).max(axis=1)
    oddities = []
    if not good.all():
        which = [names[k] for k in np.flatnonzero(~good.all(axis=1))]
        oddities.append(
            f"{np.mean(~good):.2%} of the samples are missing or infinite, in {listed(which)}."
        )
    kinds = x["type"].values if "type" in x.coords else np.full(n_channels, "")
    flat = (low == high) & (kinds != "stim")
    if flat.any():
        which = [names[k] for k in np.flatnonzero(flat)]
        oddities.append(f"{many(len(which), 'channel')} flat: {listed(which)}.")
    live = np.flatnonzero((high > low) & (kinds != "stim"))
    oddities += _clipped(values, low, high, live, names)
    oddities += _copies(values, live, names)
    if x.attrs.get("units") == "uV":
        oddities += _scale(values, good & (kinds == "eeg")[:, None])
    if "trial" not in x.dims and x.sizes["time"] > 1:
        first = values[:, : stretches[0].sizes["time"]]
        oddities += _mains(first, live, rate_of(x))
    return oddities, part


def _stretches(x: xr.DataArray) -> tuple[list[xr.DataArray], str]:
    n_times = x.sizes["time"]
    if x.size <= _WHOLE:
        return [x], ""
    if "trial" in x.dims:
        n_trials = max(1, int(_WHOLE / x.size * x.sizes["trial"]))
        return [x.isel(trial=slice(n_trials))], f"the first {many(n_trials, 'trial')}"
    size = max(1, int(_WHOLE / _STRETCHES / x.sizes["channel"]))
    starts = np.linspace(0, n_times - size, _STRETCHES).astype(int).tolist()
    words = f"{_STRETCHES} stretches of {size:,} samples spread over the recording"
    return [x.isel(time=slice(k, k + size)) for k in starts], words


def _clipped(
    values: np.ndarray, low: np.ndarray, high: np.ndarray, live: np.ndarray, names: list[str]
) -> list[str]:
    """Find channels that stand at their largest or smallest value for long."""
    stuck = []
    for k in live.tolist():
        at_end = np.sum((values[k] == low[k]) | (values[k] == high[k]))
        # a signal of few steps, a marker channel say, is often at its ends
        if at_end > max(0.01 * values.shape[1], 20) and len(np.unique(values[k])) > 50:
            stuck.append(names[k])
    if not stuck:
        return []
    return [
        f"{many(len(stuck), 'channel')} at the end of the range for over 1 % of the time"
        f" (clipped?): {listed(stuck)}."
    ]


def _copies(values: np.ndarray, live: np.ndarray, names: list[str]) -> list[str]:
    """Find channels that hold the same samples."""
    seen: dict[bytes, str] = {}
    pairs = []
    for k in live.tolist():
        key = hashlib.blake2b(values[k].tobytes()).digest()
        if key in seen:
            pairs.append(f"{names[k]} = {seen[key]}")
        seen.setdefault(key, names[k])
    return [f"Channels with the same samples: {listed(pairs)}."] if pairs else []


def _scale(values: np.ndarray, good: np.ndarray) -> list[str]:
    """Compare EEG with what a scalp gives, to find units that are wrong by powers of ten."""
    square = np.sum(np.where(good, values, 0.0) ** 2, axis=1, dtype=np.float64)
    rms = np.sqrt(square / np.maximum(good.sum(axis=1), 1))
    if not (rms > 0).any() or 0.1 <= (typical := float(np.median(rms[rms > 0]))) <= 5000:
        return []
    return [
        f"EEG of {typical:.3g} uV (median RMS) is out of the range of scalps; the file may state a"
        " wrong unit."
    ]


def _mains(values: np.ndarray, live: np.ndarray, rate: float) -> list[str]:
    """Find hum: power at 50 or 60 Hz far above that on both sides."""
    good = [k for k in live if np.isfinite(values[k]).all()]
    if not good or rate < 100 or values.shape[1] < 4 * rate:
        return []
    frequency, power = welch(values[good], rate, nperseg=int(2 * rate))
    power = np.median(power, axis=0)
    for hum in (50.0, 60.0):
        here = np.abs(frequency - hum) <= 1.0
        beside = (np.abs(frequency - hum) > 2.0) & (np.abs(frequency - hum) <= 6.0)
        if frequency[-1] < hum + 3:
            continue
        ratio = power[here].max() / max(float(np.median(power[beside])), 1e-30)
        if ratio > 30:
            return [f"Mains hum: the power at {hum:g} Hz is {ratio:,.0f} times that beside it."]
    return []


def rate_of(x: xr.DataArray) -> float:
    """Return the sampling rate, infinity where there is none."""
    try:
        return sampling_rate(x)
    except ValueError:
        return float("inf")


def listed(names: Sequence[Hashable], most: int = 12) -> str:
    """Join names, the first of many."""
    words = ", ".join(str(name) for name in names[:most])
    return words + (f", ... ({len(names)} in all)" if len(names) > most else "")


def many(number: int, what: str) -> str:
    """Say how many there are of something."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
