"""One door for calcium traces: suite2p, imaging in NWB, matrices in MAT and HDF5 files."""

import os
from pathlib import Path

import numpy as np
import xarray as xr

from neurokit.io.readers.damage import say_which
from neurokit.io.readers.nwb_file import find_series, kind_of, open_nwb, read_clock, read_whole
from neurokit.io.readers.trace_matrix import read_matrix
from neurokit.recording.clock import SampleIndex
from neurokit.recording.make import traces


def read_traces(
    path: str | os.PathLike[str],
    *,
    sampling_rate: float | None = None,
    series: str | None = None,
    neuropil: float = 0.7,
    cells_only: bool = True,
) -> xr.DataArray:
    """Read calcium traces as units along time.

    Parameters
    ----------
    path : path
        A folder of suite2p (with ``F.npy``, or with ``plane0``, ``plane1``, ...), an NWB file
        with ROI response series, or a MAT or HDF5 file with a matrix of traces, whose longer
        side is taken for time.
    sampling_rate : float, optional
        Frames per second. Needed for suite2p, whose rate stands in ``ops.npy``: that is a pickle,
        which could run code, and is not read. Needed for MAT and HDF5, unless time stamps stand
        in the file; for NWB only if its clock is not even.
    series : str, optional
        Name of the ROI response series of an NWB file. Default: the one that holds dF/F, or the
        only one. In MAT and HDF5 files the name of the matrix. Default: the only one whose name
        speaks of traces, activity or fluorescence, or the only one at all.
    neuropil : float, default=0.7
        How much of the neuropil of suite2p (``Fneu.npy``) is taken off; left alone where the file
        is missing.
    cells_only : bool, default=True
        Whether regions that ``iscell.npy`` of suite2p says are no cells are left out.

    Returns
    -------
    xarray.DataArray of dims ("unit", "time")
        In the unit of the file ("a.u." for suite2p). On ``unit`` what is known: ``plane``,
        ``roi``, ``cell_probability``, and ``constant``, true where nothing was ever recorded: the
        trace (before neuropil is taken off) does not change.

    Raises
    ------
    FileNotFoundError
        If there is no such path.
    OSError
        If it is no folder of suite2p and no NWB file, or is damaged.
    ValueError
        If the rate is missing, planes differ in length, or no or several series could be meant.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> np.save(folder / "F.npy", np.arange(12.0).reshape(2, 6))
    >>> read_traces(folder, sampling_rate=30).sizes
    Frozen({'unit': 2, 'time': 6})
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder.")
    if path.is_dir():
        return _read_suite2p(path, sampling_rate, neuropil, cells_only)
    if path.suffix.lower() in (".mat", ".h5", ".hdf5"):
        return read_matrix(path, sampling_rate, series)
    return _read_nwb(path, sampling_rate, series)


def _read_suite2p(
    path: Path, sampling_rate: float | None, neuropil: float, cells_only: bool
) -> xr.DataArray:
    planes = [path] if (path / "F.npy").exists() else sorted(path.glob("plane*/"), key=_number)
    if not planes or not all((plane / "F.npy").exists() for plane in planes):
        raise OSError(
            f"{path}: holds neither F.npy nor planes with it, so it is no folder of suite2p."
        )
    if sampling_rate is None:
        raise ValueError(
            f"{path}: the rate of suite2p stands in a pickle, ops.npy, which is not read; give"
            " sampling_rate= in frames per second."
        )
    values, coords = [], []
    for number, plane in enumerate(planes):
        found = _array(plane / "F.npy", 2)
        flat = np.ptp(found, axis=1) == 0
        if (plane / "Fneu.npy").exists():
            around = _array(plane / "Fneu.npy", 2)
            if around.shape != found.shape:
                raise OSError(
                    f"{plane}: F.npy has shape {found.shape} and Fneu.npy {around.shape}."
                )
            found = found - np.float32(neuropil) * around
        rois, odds = np.arange(len(found)), np.full(len(found), np.nan)
        if (plane / "iscell.npy").exists():
            cells = _array(plane / "iscell.npy", 2)
            if len(cells) != len(found):
                raise OSError(
                    f"{plane}: F.npy has {len(found)} regions and iscell.npy {len(cells)}."
                )
            odds = cells[:, -1]
            if cells_only:
                rois = np.flatnonzero(cells[:, 0] > 0)
        values.append(found[rois])
        coords.append(np.column_stack([np.full(len(rois), number), rois, odds[rois], flat[rois]]))
    if len(lengths := {x.shape[1] for x in values}) > 1:
        raise ValueError(f"{path}: planes have {sorted(lengths)} frames; read them one by one.")
    plane, roi, odds, flat = np.concatenate(coords).T
    x = traces(np.concatenate(values), sampling_rate=sampling_rate, units="a.u.")
    names = [
        f"{int(p)}-{int(r)}" if len(planes) > 1 else int(r)
        for p, r in zip(plane, roi, strict=True)
    ]
    return x.assign_coords(
        unit=names,
        constant=("unit", flat.astype(bool)),
        plane=("unit", plane.astype(int)),
        roi=("unit", roi.astype(int)),
        cell_probability=("unit", odds),
    )


def _read_nwb(path: Path, sampling_rate: float | None, wanted: str | None) -> xr.DataArray:
    with open_nwb(path) as file, say_which(path):
        found = {s.name: s for s in find_series(file) if kind_of(s) == "RoiResponseSeries"}
        names = [name for name in found if wanted in (None, name, name.rsplit("/", 1)[-1])]
        if wanted is None and len(names) > 1:
            relative = [name for name in names if "df" in name.lower()]
            names = relative if len(relative) == 1 else names
        if len(names) != 1:
            raise ValueError(
                f"{path}: expects one ROI response series"
                + (f" {wanted!r}" if wanted else "")
                + f", found {names or list(found) or 'none'}; choose by series=."
            )
        series = found[names[0]]
        values, unit = read_whole(series)
        clock = read_clock(series, len(values))
        if isinstance(clock, SampleIndex):
            rate, start = float(clock.rate), float(clock.first / clock.rate)
        elif sampling_rate is None:
            raise ValueError(
                f"{path}: the frames of {names[0]} are not evenly spaced; give sampling_rate= to"
                " count them as if they were."
            )
        else:
            rate, start = sampling_rate, float(clock[0])
        x = traces(
            values.T.astype(np.float32),
            sampling_rate=rate,
            start=start,
            units=unit if unit not in ("", "n.a.", "lumens") else "a.u.",
        )
        if "rois" in series and len(series["rois"]) == len(x):
            x = x.assign_coords(roi=("unit", series["rois"][:].astype(int)))
        return x.assign_coords(constant=("unit", np.ptp(x.values, axis=1) == 0))


def _array(path: Path, ndim: int) -> np.ndarray:
    """Read an array that is no pickle."""
    try:
        found = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise OSError(f"{path}: cannot be read as an array without pickle: {error}") from error
    if not isinstance(found, np.ndarray) or found.ndim != ndim:
        raise OSError(f"{path}: expects an array of {ndim} dims, got {np.shape(found)}.")
    return found.astype(np.float32, copy=False)


def _number(folder: Path) -> tuple[int, str]:
    digits = "".join(c for c in folder.name if c.isdigit())
    return (int(digits) if digits else -1, folder.name)
