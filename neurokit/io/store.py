"""Save and load recordings, tokens, events and sessions: zarr or netCDF, exact round trip."""

import json
import os
import zlib
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from neurokit.atomic import atomic_path
from neurokit.io.full_disk import steady_file
from neurokit.io.readers.damage import refuse_special
from neurokit.io.readers.lazy import told
from neurokit.io.store_layout import (
    KEY,
    check_name,
    chunk_shape,
    pack,
    pack_table,
    read_note,
    unpack,
    unpack_table,
    write_note,
)
from neurokit.types import Json

FORMAT = 1

Recording = xr.DataArray | xr.Dataset | xr.DataTree | pd.DataFrame


def save(path: str | os.PathLike[str], obj: Recording) -> Path:
    """Write a recording, spikes, tokens, events or a whole session, to be read back the same.

    Values, dtypes, names, attributes and the exact clock come back as they were. The clock is
    kept as two fractions and a length, so times take no room. Each block carries a checksum.

    Parameters
    ----------
    path : path-like
        ``name.zarr``, or a name without suffix: a zarr folder. ``name.nc``: one netCDF-4 file.
        It is written beside and renamed: what stood there is replaced whole or not at all.
    obj : DataArray, Dataset, DataFrame or DataTree
        Lazy arrays are written block by block.

    Returns
    -------
    Path

    Raises
    ------
    TypeError
        If `obj`, a dtype, a name or an attribute is of a kind that has no place in the file.
    ValueError
        If the suffix is another one.
    OSError
        If `path` is a folder that ``save`` did not write, or cannot be written.

    Examples
    --------
    >>> import tempfile, neurokit, numpy as np
    >>> x = neurokit.signal(np.zeros((2, 500)), sampling_rate=1000 / 3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(folder + "/rest.nc", x)
    ...     load(path).xindexes["time"]
    SampleIndex(first=0, rate=1000/3, size=500)
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            f"save: the path comes first and what to save second, got {type(path).__name__} first."
        )
    path = Path(path)
    if path.suffix not in {".nc", ".zarr", ""}:
        raise ValueError(f"save: path must end in .zarr or .nc, got {str(path)!r}.")
    to_zarr = path.suffix != ".nc"
    if path.is_dir() and not (to_zarr and _header(path)) and any(path.iterdir()):
        raise FileExistsError(f"{path}: is a folder that save did not write; choose another name.")
    nodes, header = _nodes(obj)
    packed = {name: pack(node, to_zarr) for name, node in nodes.items()}
    root = packed["/"]
    root.attrs[KEY] = write_note(read_note(root.attrs[KEY]) | header)
    tree = xr.DataTree.from_dict(packed)
    encoding = {
        name: {key: _encoding(v, to_zarr) for key, v in node.variables.items()}
        for name, node in packed.items()
    }
    with atomic_path(path) as part:
        if to_zarr:
            tree.to_zarr(part, encoding=encoding, zarr_format=3, consolidated=False)
            _seal(part)
        else:
            with steady_file(part, path) as file:
                tree.to_netcdf(file, encoding=encoding, engine="h5netcdf")
    return path


def load(path: str | os.PathLike[str]) -> Any:
    """Read what ``save`` wrote.

    Arrays stay on disk until they are used; ``.load()`` brings one into memory. What is to be
    saved again under the same name should be loaded first.

    Parameters
    ----------
    path : path-like
        A zarr folder or a netCDF file.

    Returns
    -------
    DataArray, Dataset, DataFrame or DataTree
        Whichever was saved.

    Raises
    ------
    OSError
        If there is no such file, it was not written by ``save``, by a later version of it, or
        is damaged.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder.")
    if not path.is_dir():
        refuse_special(path)
    foreign = f"{path}: save did not write this, or it is damaged"
    if path.is_dir():
        header = _header(path)
        if header is None:
            raise OSError(f"{foreign}.")
        try:
            listing = _listing(path)
        except (ValueError, KeyError, TypeError) as error:
            raise OSError(f"{foreign} ({_first_line(error)}).") from error
        if header.get("files") != listing:
            raise OSError(f"{path}: damaged, files are missing, added or cut.")
    else:
        try:
            from neurokit.io.readers.hdf5 import look_through

            look_through(path)  # h5netcdf leaves what it cannot open half open
        except Exception as error:
            raise OSError(f"{foreign} ({_first_line(error)}).") from error
    options: Json = dict.fromkeys(
        ("mask_and_scale", "decode_times", "decode_timedelta", "concat_characters"), False
    )
    engine = "zarr" if path.is_dir() else "h5netcdf"
    options |= {"consolidated": False} if path.is_dir() else {}
    try:
        tree = xr.open_datatree(path, engine=engine, chunks=None, **options)
        header = read_note(tree.attrs[KEY])
        version = header["format"]
    except Exception as error:  # whatever the readers beneath meet, it is this one thing
        raise OSError(f"{foreign} ({_first_line(error)}).") from error
    if version != FORMAT:
        raise OSError(f"{path}: written in format {version}, this version reads {FORMAT}.")
    try:
        nodes = {n.path: unpack(told(path, n.to_dataset(inherit=False))) for n in tree.subtree}
    except Exception as error:
        raise OSError(f"{foreign} ({_first_line(error)}).") from error
    if header["kind"] == "DataTree":
        ordered = {name: nodes[name] for name in header["paths"]}
        return xr.DataTree.from_dict(ordered, name=header["name"])
    root = nodes["/"]
    if header["kind"] == "DataFrame":
        return unpack_table(root, header)
    if header["kind"] == "DataArray":
        return root[header["variable"]].rename(header["name"])
    return root


def _nodes(obj: Recording) -> tuple[dict[str, xr.Dataset], dict[str, object]]:
    """Return `obj` as datasets by path, and what it takes to make it of them again."""
    header: dict[str, object] = {"format": FORMAT, "kind": type(obj).__name__}
    if isinstance(obj, xr.DataTree):
        header["name"] = obj.name
        tree = obj if obj.parent is None else obj.copy(inherit=True)
        nodes = {n.path: n.to_dataset(inherit=False) for n in tree.subtree}
        return nodes, header | {"paths": list(nodes)}
    if isinstance(obj, xr.Dataset):
        return {"/": obj}, header
    if isinstance(obj, xr.DataArray):
        header["name"] = check_name(obj.name) if obj.name is not None else None
        variable = obj.name or "values"
        while variable in {*obj.coords, *obj.dims}:
            variable = f"{variable}_"
        header["variable"] = variable
        return {"/": obj.rename(variable).to_dataset()}, header
    if isinstance(obj, pd.DataFrame):
        return {"/": pack_table(obj, header)}, header
    raise TypeError(
        "save takes an xarray DataArray, Dataset or DataTree, or a DataFrame of events, got"
        f" {type(obj).__name__}; neurokit.signal and its like label plain arrays."
    )


def _encoding(variable: xr.Variable, to_zarr: bool) -> dict[str, object]:
    """Ask for blocks with checksums, and for no fill values."""
    text, empty = variable.dtype.kind == "O", 0 in variable.shape
    chunks: dict[str, object] = {"_FillValue": None} if not text else {}
    if to_zarr:
        from zarr.codecs import ZstdCodec

        # its own sum, of what is packed: another codec for a sum of the bytes costs a copy
        chunks["compressors"] = [ZstdCodec(level=1, checksum=True)]
        if variable.ndim and not empty:
            chunks["chunks"] = chunk_shape(variable)
    elif variable.ndim and not empty and not text:
        chunks |= {"chunksizes": chunk_shape(variable), "fletcher32": True}
    return chunks


def _seal(folder: Path) -> None:
    """Note in the root of a zarr folder which files belong to it, so that a loss is seen."""
    root = folder / "zarr.json"
    meta = json.loads(root.read_text())
    header = read_note(meta["attributes"][KEY]) | {"files": _listing(folder)}
    meta["attributes"][KEY] = write_note(header)
    root.write_text(json.dumps(meta, indent=2))


def _listing(folder: Path) -> list[int]:
    """Return number and bytes of the files in a zarr folder, and a checksum of its metadata."""
    number = total = checksum = 0
    for entry in sorted(folder.rglob("*")):
        if entry.name == "zarr.json":
            text = entry.read_text()
            if entry.parent == folder:  # without what _seal notes in it
                meta = json.loads(text)
                header = read_note(meta["attributes"][KEY])
                header.pop("files", None)
                text = json.dumps([meta | {"attributes": None}, header], sort_keys=True)
            checksum = zlib.crc32(text.encode(), checksum)
        elif entry.is_file():
            number, total = number + 1, total + entry.stat().st_size
    return [number, total, checksum]


def _header(folder: Path) -> Json | None:
    """Return what ``save`` noted in a zarr folder, None if it did not write it."""
    try:
        return read_note(json.loads((folder / "zarr.json").read_text())["attributes"][KEY])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200].rstrip(".")
