"""Recordings of any montage, rate and length, and the windows that a model learns from."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from scipy.sparse import issparse
from sklearn.utils import check_array

from neurokit.inputs.labels import labelled_or_plain
from neurokit.inputs.signal import Signal, take_signal
from neurokit.pretraining.coding import find_codes
from neurokit.pretraining.fusing import fuse_regions
from neurokit.pretraining.patches import Sizes, make_patches, measure_levels
from neurokit.pretraining.places import read_places, read_regions, tell_places
from neurokit.recording.channels import BRAIN
from neurokit.solvers.resuming import fingerprint_of
from neurokit.training.examples import Examples, Rows
from neurokit.types import Codes, Flags, Floats, Recordings, State

if TYPE_CHECKING:
    import torch
    from sklearn.base import BaseEstimator
    from torch import Tensor

_MARGIN = 1  # s read on either side of a window, for the resampling filter
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
    elif isinstance(X, list | tuple) and (not X or any(_is_recording(one) for one in X)):
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


class Corpus(Examples):
    """Windows of recordings, read when their batch comes; a batch has one shape.

    Parameters
    ----------
    estimator : estimator
        The caller.
    recordings : list of (xarray.DataArray, Fraction)
    sizes : Sizes
    tokens : int
        Most tokens of a batch.
    space : str
        What channels tell of their places, see `neurokit.pretraining.places.tell_places`.
    fused : bool, default=False
        Whether the contacts of a region are one channel.
    tokenizer : estimator, optional
        Whose codes are to be told.
    """

    waits = True

    def __init__(
        self,
        estimator: BaseEstimator,
        recordings: list[Any],
        sizes: Sizes,
        tokens: int,
        space: str,
        fused: bool = False,
        tokenizer: object = None,
    ) -> None:
        self.sizes, self.tokens = sizes, tokens
        self.sources: list[State] = []
        rows: list[tuple[int, int, int, int]] = []  # source, trial, first frame, frames
        short = 0
        for whole, own in recordings:
            x = whole.isel(channel=brain_channels(whole))
            n_frames = sizes.frames_in(int(x.sizes["time"] * sizes.rate / own))
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
            mean, level, contacts = mean[fine], level[fine], x
            if fused:
                x = fuse_regions(x, mean, level, some_samples(x, own))
                mean, level = measure_levels(some_samples(x, own))
            places = read_places(x) if space != "none" else tell_places(x, space)
            self.sources.append(
                {
                    "all": whole,
                    "x": x,
                    "held": _hold(x),
                    "rate": own,
                    "mean": mean,
                    "level": level,
                    "places": places,  # that masks are drawn on
                    "told": tell_places(x, space),
                    "regions": read_regions(x),
                }
            )
            if tokenizer is not None:
                names = x["channel"].values.tolist() if fused else None
                self.sources[-1]["codes"] = find_codes(tokenizer, contacts, names, sizes, n_frames)
            length = min(sizes.window, n_frames)
            for trial in range(x.sizes.get("trial", 1)):
                for k in range(n_frames // length):
                    rows.append((len(self.sources) - 1, trial, k * length, length))
        if not rows:
            raise ValueError(
                f"{type(estimator).__name__}: no recording in X is as long as a patch and varies;"
                f" got {len(recordings)}, and a patch takes {float(sizes.hop / sizes.rate):g} s."
            )
        if short:
            warnings.warn(
                f"{type(estimator).__name__} leaves out {short} recordings that are shorter than"
                " a patch or hold no channel that varies.",
                stacklevel=4,
            )
        self.rows = np.array(rows)

    def number_regions(
        self, estimator: BaseEstimator, known: Sequence[str], *, more: bool
    ) -> list[str]:
        """Tell regions by their numbers; return their names, with ``more`` also new ones."""
        names = list(known)
        if more:
            own = {one for source in self.sources for one in source["regions"]}
            names += sorted(own - {""} - set(names))
        if not names:
            raise ValueError(
                f"{type(estimator).__name__}: space='regions' needs recordings with the coordinate"
                " region along channel, got none; neurokit.signal(regions=...) makes one."
            )
        for source in self.sources:
            source["told"] = tell_places(source["x"], "regions", names)
        return names

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
        """Read patches, places, whether patches are there, sources by number, and codes."""
        import torch

        found = [self._read(int(k)) for k in rows]
        patches, places, present = (np.stack(part) for part in zip(*found, strict=True))
        sources = torch.from_numpy(self.rows[rows, 0].copy())
        batch = *map(torch.from_numpy, (patches, places, present)), sources
        if "codes" not in self.sources[0]:
            return batch
        return *batch, torch.from_numpy(np.stack([self._codes(int(k)) for k in rows]))

    def near(self, device: torch.device) -> Examples:
        """Return the same windows, cut once and for all, where a GPU has the room for them."""
        if device.type != "cuda" or any(source["held"] is None for source in self.sources):
            return self
        import torch

        from neurokit.pretraining.held import HeldWindows

        shapes = [self.shape_of(k)[1:] for k in range(len(self))]
        n_samples = sum(n_channels * n_frames for n_channels, n_frames in shapes) * self.sizes.hop
        free, _ = torch.cuda.mem_get_info(device)
        return HeldWindows(self, shapes, device) if 5 * n_samples < free / 4 else self

    def fingerprint(self) -> str:
        """Return a name for sizes, levels and a few values."""
        parts = [(dict(s["x"].sizes), str(s["rate"])) for s in self.sources]
        arrays = [a for s in self.sources for a in (s["mean"], s["level"], s["told"])]
        some = [self._read(int(k))[0] for k in np.linspace(0, len(self) - 1, 8)]
        return fingerprint_of(self.sizes, self.tokens, self.rows, *parts, *arrays, *some)

    def measure_codes(self, tokenizer: BaseEstimator | None) -> tuple[int, int]:
        """Return how many codes a patch has, and how many words they may be."""
        found = [source["codes"] for source in self.sources]
        known = {} if tokenizer is None else tokenizer.get_params(deep=False)
        largest = int(max(codes.max() for codes in found)) + 1
        return found[0].shape[-1], max(largest, int(known.get("codebook_size") or 0))

    def _codes(self, k: int) -> Codes:
        source, trial, first, length = self.rows[k].tolist()
        found: Codes = self.sources[source]["codes"][trial, :, first : first + length]
        return found

    def _read(self, k: int) -> tuple[Floats, Floats, Flags]:
        source, trial, first, length = self.rows[k].tolist()
        held = self.sources[source]
        x, own, n_times = held["x"], held["rate"], held["x"].sizes["time"]
        rate, hop, step, _ = self.sizes
        begin = Fraction(first * step) / rate  # s
        start = max(int((begin - _MARGIN) * own), 0)
        # resampling keeps its grid only if the cut falls on it
        period = (rate / own).limit_denominator(10_000).denominator
        start -= start % period
        end = begin + Fraction((length - 1) * step + hop) / rate + _MARGIN
        stop = min(int(end * own) + 1, n_times)
        if held["held"] is not None:  # labels take longer than the samples
            values = held["held"][trial, :, start:stop]
        else:
            x = x.isel(trial=trial) if "trial" in x.dims else x
            values = x.isel(time=slice(start, stop)).transpose("channel", "time").values
        patches, present = make_patches(
            values, own, self.sizes, held["mean"], held["level"],
            first * step - int(start * rate / own), length,
        )  # fmt: skip
        return patches, held["told"].astype(np.float32), present


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
    return measure_levels(some_samples(x, rate))


def some_samples(x: xr.DataArray, rate: Fraction) -> Floats:
    """Read a minute that is spread over the recording, or all trials: (channel, sample)."""
    n, wanted = x.sizes["time"], int(_LEVELLED * rate)
    if "trial" in x.dims or n <= wanted:
        values: Floats = x.transpose("channel", ...).values
        return values.reshape(len(values), -1)
    size = wanted // 12
    starts = np.linspace(0, n - size, 12).astype(int)
    parts = [x.isel(time=slice(s, s + size)).transpose("channel", "time").values for s in starts]
    return np.concatenate(parts, 1)
