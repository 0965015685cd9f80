"""Files cut short behind MNE's readers, which read on as if nothing were missing."""

import re
import warnings
from pathlib import Path
from typing import Any


def tell_if_short(path: Path, form: str, inst: Any) -> None:
    """Warn if the samples of an open Raw are fewer than its header promises.

    Raises
    ------
    OSError
        If the samples lie in a file of their own that is too short for them.
    """
    extras = getattr(inst, "_raw_extras", None) or [{}]
    if form == "BrainVision":
        _look_at_brainvision(path, inst, extras[0])
    elif form == "EEGLAB":
        _look_at_fdt(path, inst)
    elif form == "GDF":
        _look_at_gdf(path, extras[0])


def _look_at_brainvision(path: Path, inst: Any, extras: dict[str, Any]) -> None:
    text = path.read_bytes()[:20000].decode("latin-1")
    said = re.search(r"(?im)^DataPoints\s*=\s*(\d+)", text)
    if said and int(said[1]) > inst.n_times:
        warnings.warn(
            f"{path}: is cut short, {inst.n_times} of {said[1]} samples are there and are read.",
            stacklevel=6,
        )
        return
    width = {"int": 4, "short": 2, "single": 4, "double": 8}.get(inst.orig_format, 0)
    names = [Path(name) for name in inst.filenames if name is not None]
    if not (width and names and names[0].exists() and "orig_nchan" in extras):
        return
    if rest := names[0].stat().st_size % (width * extras["orig_nchan"]):
        warnings.warn(
            f"{names[0]}: is cut short, as it ends {rest} bytes into a sample; what lies before"
            " is read.",
            stacklevel=6,
        )


def _look_at_fdt(path: Path, inst: Any) -> None:
    for name in getattr(inst, "filenames", ()):
        if name is None or Path(name).suffix != ".fdt":
            continue
        there, promised = Path(name).stat().st_size, 4 * len(inst.ch_names) * inst.n_times
        if there < promised:
            raise OSError(
                f"{path}: is cut short, as {Path(name).name} has {there} of {promised} bytes of"
                " samples; copy it again."
            )


def _look_at_gdf(path: Path, extras: dict[str, Any]) -> None:
    if not {"n_records", "n_samps", "data_offset", "dtype_byte"} <= set(extras):
        return
    record = int(sum(extras["n_samps"])) * int(extras["dtype_byte"])
    there = (path.stat().st_size - int(extras["data_offset"])) // max(record, 1)
    if there < int(extras["n_records"]):
        warnings.warn(
            f"{path}: is cut short, {max(there, 0)} of {int(extras['n_records'])} records are"
            " there; what follows is not to be trusted.",
            stacklevel=6,
        )
