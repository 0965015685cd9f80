"""Recordings of any montage, rate and length, and the windows that a model learns from."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from scipy.signal import resample_poly
from scipy.sparse import issparse
from sklearn.utils import check_array

from neurokit.inputs.labels import labelled_or_plain
from neurokit.inputs.signal import Signal, take_signal
from neurokit.pretraining.places import read_places, read_regions
from neurokit.recording.channels import BRAIN
from neurokit.training.checkpoint import fingerprint_of
from neurokit.training.examples import Examples, Rows
from neurokit.types import Flags, Floats, Recordings

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from torch import Tensor

_MARGIN = 1  # s read on either side of a window, for the resampling filter
_LOUDEST = 15.0  # levels; what is beyond is drawn in
_LEVELLED = 60.0  # s of a recording that its levels are taken from
_FAR = 20.0  # times the median level; such channels are not of the brain


def list_recordings(
    estimator: BaseEstimator, X: Recordings, plain_rate: float | None
) -> list[Any]:
    """Return recordings of dims (channel, time) or (trial, channel, time), lazy where they were.

    Parameters
    ----------
    estimator : estimator
        The caller.
    X : xarray.DataArray, array, MNE object, path of a file or folder, DataTree, or a list or \
mapping of these
    plain_rate : float or None
        Rate of plain arrays, in Hz.
    """
    found = []
    for one in _walk(X):
        signal = read_recording(estimator, one, plain_rate)
        source = signal.source
        if source is None:
            values = signal.values[0] if signal.single else signal.values
            dims = ("trial", "channel", "time")[3 - values.ndim :]
            source = xr.DataArray(values, dims=dims)
        found.append((source, signal.rate))
    if not found:
        raise ValueError(f"{type(estimator).__name__}: X holds no recording that can be read.")
    return found


def read_recording(estimator: BaseEstimator, X: Recordings, plain_rate: float | None) -> Signal:
    """Read one recording; plain arrays are looked at as scikit-learn does."""
    plain = not (isinstance(X, xr.DataArray) or hasattr(X, "get_data") or hasattr(X, "dask"))
    if plain:
        X = check_array(X, allow_nd=True, estimator=estimator, ensure_all_finite="allow-nan")
    return take_signal(estimator, X, plain_rate)


def _walk(X: Recordings) -> Iterator[Any]:
    if isinstance(X, str | os.PathLike):
        yield from _files(Path(X))
    elif isinstance(X, xr.DataTree):
        for node in X.leaves:
            if "signal" in node.dataset and "time" in node.dataset["signal"].dims:
                yield node.dataset["signal"]
    elif isinstance(X, Mapping) and not isinstance(X, xr.Dataset) and not issparse(X):
        for value in X.values():
            yield from _walk(value)
    elif isinstance(X, list | tuple) and any(_is_recording(one) for one in X):
        for one in X:
            yield from _walk(one)
    else:
        yield labelled_or_plain(X)


def _is_recording(one: object) -> bool:
    kinds = (xr.DataArray, xr.DataTree, Mapping, str, os.PathLike)
    return isinstance(one, kinds) or hasattr(one, "get_data") or getattr(one, "ndim", 0) >= 2


def _files(path: Path) -> Iterator[Any]:
    """Read a file, or every file of a folder that holds a signal, in the order of their names."""
    from neurokit.io import read_signal

    inside = sorted(path.iterdir()) if path.is_dir() and path.suffix != ".zarr" else None
    for one in [path] if inside is None else inside:
        if one.name.startswith("."):
            continue
        if one.is_dir() and one.suffix not in (".zarr", ".mff"):
            yield from _files(one)
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                yield read_signal(one)
        except ValueError:
            if inside is None:
                raise


def brain_channels(x: xr.DataArray) -> list[int]:
    """Find the channels that are of the brain and not bad."""
    good = np.ones(x.sizes["channel"], bool)
    if "type" in x.coords and x["type"].dims == ("channel",):
        brain = np.array([str(kind).lower() in BRAIN for kind in x["type"].values])
        good = brain if brain.any() else good
    if "bad" in x.coords and x["bad"].dims == ("channel",):
        good &= ~x["bad"].values.astype(bool)
    return np.flatnonzero(good).tolist()


def convert_rate(values: Floats, rate: Fraction, wanted: Fraction) -> Floats:
    """Resample along the last axis by the exact ratio of two rates."""
    ratio = wanted / rate
    if ratio == 1:
        return values
    up, down = ratio.limit_denominator(10_000).as_integer_ratio()
    beyond = "line" if values.shape[-1] > 1 else "mean"  # no line goes through one sample
    found: Floats = resample_poly(values, up, down, axis=-1, padtype=beyond)
    return found


def measure_levels(values: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of channels, (channel,); NaN is left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # channels without any value
        flat = np.moveaxis(values, -2, 0).reshape(values.shape[-2], -1)
        return np.nanmean(flat, 1), np.nanstd(flat, 1)


def cut_patches(values: Floats, hop: int) -> Floats:
    """Cut (..., time) into whole patches (..., frame, sample)."""
    n = values.shape[-1] // hop
    return values[..., : n * hop].reshape(*values.shape[:-1], n, hop)


def bring_to_level(values: Floats, mean: Floats, level: Floats) -> Floats:
    """Subtract the mean of each channel, divide by its level, and draw in what is far beyond."""
    scale = np.where(level > 0, level, 1.0)
    found = (values - mean[:, None]) / scale[:, None]
    return np.clip(found, -_LOUDEST, _LOUDEST)


class Corpus(Examples):
    """Windows of recordings, read when their batch comes; a batch has one shape.

    Parameters
    ----------
    estimator : estimator
        The caller.
    recordings : list of (xarray.DataArray, Fraction)
    rate : Fraction
        Rate of the model, in Hz.
    hop : int
        Samples of a patch.
    window : int
        Frames of an example.
    tokens : int
        Most tokens of a batch.
    placed : bool
        Whether channels tell their places.
    """

    waits = True

    def __init__(
        self,
        estimator: BaseEstimator,
        recordings: list[Any],
        rate: Fraction,
        hop: int,
        window: int,
        tokens: int,
        placed: bool,
    ) -> None:
        self.rate, self.hop, self.tokens = rate, hop, tokens
        self.sources: list[dict[str, Any]] = []
        rows: list[tuple[int, int, int, int]] = []  # source, trial, first frame, frames
        short = 0
        for whole, own in recordings:
            x = whole.isel(channel=brain_channels(whole))
            n_frames = int(x.sizes["time"] * rate / own) // hop
            if n_frames == 0 or x.sizes["channel"] == 0:
                short += 1
                continue
            mean, level = _levels(x, own)
            if not np.isfinite(level[~np.isnan(level)]).all() or _has_infinity(x):
                raise ValueError(
                    f"{type(estimator).__name__}: X holds infinity; set what is lost to NaN."
                )
            mean, level = np.nan_to_num(mean), np.nan_to_num(level)
            usual = np.median(level[level > 0]) if (level > 0).any() else 0.0
            fine = (level > 0) & (level <= _FAR * usual)
            if not fine.any():
                short += 1
                continue
            x = x.isel(channel=np.flatnonzero(fine))
            places = read_places(x) if placed else np.full((int(fine.sum()), 3), np.nan)
            self.sources.append(
                {
                    "all": whole,
                    "x": x,
                    "held": _hold(x),
                    "rate": own,
                    "mean": mean[fine],
                    "level": level[fine],
                    "places": places,
                    "regions": read_regions(x),
                }
            )
            length = min(window, n_frames)
            for trial in range(x.sizes.get("trial", 1)):
                for k in range(n_frames // length):
                    rows.append((len(self.sources) - 1, trial, k * length, length))
        if not rows:
            raise ValueError(
                f"{type(estimator).__name__}: no recording in X is as long as a patch and varies;"
                f" got {len(recordings)}, and a patch takes {float(hop / rate):g} s."
            )
        if short:
            warnings.warn(
                f"{type(estimator).__name__} leaves out {short} recordings that are shorter than"
                " a patch or hold no channel that varies.",
                stacklevel=4,
            )
        self.rows = np.array(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def shape_of(self, k: int) -> tuple[int, int, int]:
        """Return the source of an example, and its channels and frames."""
        source, _, _, length = self.rows[k].tolist()
        return source, self.sources[source]["x"].sizes["channel"], length

    def divide(self, rows: Rows, batch_size: int) -> list[Rows]:
        """Fill batches with examples of one shape, up to the budget of tokens."""
        buckets: dict[tuple[int, int], list[int]] = {}
        for k in rows.tolist():
            buckets.setdefault(self.shape_of(k)[1:], []).append(k)
        place = {k: at for at, k in enumerate(rows.tolist())}
        parts = []
        for (n_channels, n_frames), members in buckets.items():
            size = max(min(self.tokens // (n_channels * n_frames), batch_size), 1)
            parts += [members[at : at + size] for at in range(0, len(members), size)]
        parts.sort(key=lambda part: place[part[0]])  # sets are mixed, not one after another
        return [np.array(part, dtype=np.intp) for part in parts]

    def take(self, rows: Rows) -> tuple[Tensor, ...]:
        """Read patches, places, whether patches are there, and the numbers of the sources."""
        import torch

        found = [self._read(int(k)) for k in rows]
        patches, places, present = (np.stack(part) for part in zip(*found, strict=True))
        sources = torch.from_numpy(self.rows[rows, 0].copy())
        return (
            torch.from_numpy(patches),
            torch.from_numpy(places),
            torch.from_numpy(present),
            sources,
        )

    def fingerprint(self) -> str:
        """Return a name for sizes, levels and a few values."""
        parts = [(dict(s["x"].sizes), str(s["rate"])) for s in self.sources]
        arrays = [a for s in self.sources for a in (s["mean"], s["level"], s["places"])]
        some = [self._read(int(k))[0] for k in np.linspace(0, len(self) - 1, 8)]
        return fingerprint_of(self.hop, self.tokens, self.rows, *parts, *arrays, *some)

    def _read(self, k: int) -> tuple[Floats, Floats, Flags]:
        source, trial, first, length = self.rows[k].tolist()
        held = self.sources[source]
        x, own, n_times = held["x"], held["rate"], held["x"].sizes["time"]
        begin = Fraction(first * self.hop) / self.rate  # s
        start = max(int((begin - _MARGIN) * own), 0)
        # resampling keeps its grid only if the cut falls on it
        period = (self.rate / own).limit_denominator(10_000).denominator
        start -= start % period
        end = begin + Fraction(length * self.hop) / self.rate + _MARGIN
        stop = min(int(end * own) + 1, n_times)
        if held["held"] is not None:  # labels take longer than the samples
            values = held["held"][trial, :, start:stop]
        else:
            x = x.isel(trial=trial) if "trial" in x.dims else x
            values = x.isel(time=slice(start, stop)).transpose("channel", "time").values
        patches, present = make_patches(
            values, own, self.rate, self.hop, held["mean"], held["level"],
            first * self.hop - int(start * self.rate / own), length,
        )  # fmt: skip
        return patches, held["places"].astype(np.float32), present


def make_patches(
    values: Floats,
    own: Fraction,
    rate: Fraction,
    hop: int,
    mean: Floats,
    level: Floats,
    skip: int = 0,
    length: int | None = None,
) -> tuple[Floats, Flags]:
    """Make levelled patches at the model's rate, and say which of them are there in full."""
    gaps = ~np.isfinite(values)
    filled = bring_to_level(np.where(gaps, mean[:, None], values), mean, level)
    found = convert_rate(filled, own, rate)[..., skip:]
    patches = cut_patches(found, hop)[..., :length, :]
    present: Flags = np.ones(patches.shape[:-1], bool)
    if gaps.any():
        at = np.arange(skip, skip + patches.shape[-2] * hop) * float(own / rate)
        lost = gaps[:, np.minimum(at.astype(int), gaps.shape[1] - 1)]
        present = np.logical_not(lost.reshape((*present.shape, hop)).any(-1))
    return np.ascontiguousarray(patches, np.float32), present


def _hold(x: xr.DataArray) -> Floats | None:
    """Return what is in memory as (trial, channel, time); None for a lazy recording."""
    if not x.variable._in_memory:
        return None
    x = x if "trial" in x.dims else x.expand_dims("trial")
    held: Floats = x.transpose("trial", "channel", "time").values
    return held


def _has_infinity(x: xr.DataArray) -> bool:
    """Look through what is in memory; a lazy recording shows it in its levels, if at all."""
    return x.variable._in_memory and bool(np.isinf(x.values).any())


def _levels(x: xr.DataArray, rate: Fraction) -> tuple[Floats, Floats]:
    """Measure channels over a minute that is spread over the recording."""
    n, wanted = x.sizes["time"], int(_LEVELLED * rate)
    if "trial" in x.dims or n <= wanted:
        values = x.transpose("channel", ...).values
        return measure_levels(values.reshape(len(values), -1))
    size = wanted // 12
    starts = np.linspace(0, n - size, 12).astype(int)
    parts = [x.isel(time=slice(s, s + size)).transpose("channel", "time").values for s in starts]
    return measure_levels(np.concatenate(parts, 1))
