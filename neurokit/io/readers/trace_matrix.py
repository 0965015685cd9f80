"""Traces that stand as a matrix in a MAT or HDF5 file."""

import re
from pathlib import Path

import h5py
import numpy as np
import xarray as xr

from neurokit.io.readers.array_signals import rate_among
from neurokit.io.readers.damage import say_which
from neurokit.io.readers.mat_file import check_mat
from neurokit.recording.clock import SampleIndex
from neurokit.recording.make import traces

_OTHER = re.compile(
    r"pos|coord|centroid|velo|speed|angle|time|stim|behav|label|roi|xy", re.IGNORECASE
)
_TELLING = re.compile(r"trace|activ|df|dff|fluo|calcium|gcamp|^f$|^c(_raw)?$", re.IGNORECASE)
_CLOCKS = re.compile(
    r"(^|/|_)(time|times|t|timestamps?|timestamp_confocal|timevec)$", re.IGNORECASE
)


def read_matrix(path: Path, sampling_rate: float | None, series: str | None) -> xr.DataArray:
    """Read the matrix of traces; see `neurokit.io.read_traces`."""
    held = _read(path)
    names = _candidates(held, series)
    if len(names) != 1:
        raise ValueError(
            f"{path}: expects one matrix of traces{f' {series!r}' if series else ''}, found"
            f" {names or list(held)[:12] or 'none'}; choose by series=."
        )
    values = np.asarray(held[names[0]], dtype=np.float32)
    values = values if values.shape[1] >= values.shape[0] else values.T
    start = 0.0
    if sampling_rate is None:
        sampling_rate, start = _clock(path, held, values.shape[1])
    x = traces(values, sampling_rate=sampling_rate, start=start, units="a.u.")
    with np.errstate(invalid="ignore"):
        return x.assign_coords(constant=("unit", ~(np.ptp(x.values, axis=1) > 0)))


def list_matrices(path: Path) -> list[str]:
    """Return the names of the matrices that may be the traces of a file, the plainest first."""
    return sorted(_candidates(_read(path), None), key=lambda name: (len(name), name))


def _read(path: Path) -> dict[str, np.ndarray]:
    with say_which(path):
        return _hdf5(path) if h5py.is_hdf5(path) else _mat(path)


def _candidates(held: dict[str, np.ndarray], series: str | None) -> list[str]:
    flat = {n: v for n, v in held.items() if v.ndim == 2 and min(v.shape) > 0 and max(v.shape) > 9}
    if series:
        return [n for n in flat if series in (n, n.rsplit("/", 1)[-1])]
    wide = {
        n: v
        for n, v in flat.items()
        if max(v.shape) > 3 * min(v.shape) > 3 and not _OTHER.search(n.rsplit("/", 1)[-1])
    }
    names = [n for n in wide if _TELLING.search(n.rsplit("/", 1)[-1])] or list(wide)
    largest = max((wide[n].size for n in names), default=0)
    return [n for n in names if wide[n].size == largest]


def _clock(path: Path, held: dict[str, np.ndarray], n: int) -> tuple[float, float]:
    if (rate := rate_among(held)) is not None:
        return rate, 0.0
    for name, value in held.items():
        if _CLOCKS.search(name) and value.size == n and value.dtype.kind in "fiu":
            try:
                index = SampleIndex.from_times(np.ravel(value))
            except ValueError:
                step = float(np.median(np.diff(np.ravel(value))))
                hint = f" ({name} comes about every {step:.4g} s, and not evenly)"
                break
            return float(index.rate), float(index.first / index.rate)
    else:
        hint = ""
    raise ValueError(
        f"{path}: does not say how many frames there are in a second{hint}; give sampling_rate=."
    )


def _hdf5(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}

    def look(name: str, thing: object) -> None:
        wanted = isinstance(thing, h5py.Dataset) and thing.dtype.kind in "fiu" and thing.ndim < 3
        if wanted and not name.startswith("#"):
            found[name] = thing[()]  # type: ignore[index]

    with h5py.File(path, "r") as file:
        file.visititems(look)
    return {name: np.asarray(value) for name, value in found.items()}


def _mat(path: Path) -> dict[str, np.ndarray]:
    from scipy.io import loadmat

    check_mat(path)
    return {
        name: value
        for name, value in loadmat(path).items()
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiu"
    }
