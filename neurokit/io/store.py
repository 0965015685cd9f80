"""Save and load recordings, tokens, events and sessions: zarr or netCDF, exact round trip."""

import json
import os
import uuid
from collections.abc import Hashable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.io._atomic import atomic_path
from neurokit.sample_index import SampleIndex

FORMAT = 1
_KEY = "neurokit"  # the one attribute, JSON, that holds what zarr and netCDF cannot say
_SHOWN = ("units", "long_name", "description", "sample_dimension")  # also left readable to others
_BLOCK = 2**24  # bytes of one chunk on disk
_LARGE = 2**26  # bytes from which an array is written block by block, never loaded whole

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
    >>> import tempfile, neurokit
    >>> x = neurokit.signal(np.zeros((2, 500)), sampling_rate=1000 / 3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(folder + "/rest.nc", x)
    ...     load(path).xindexes["time"]
    SampleIndex(first=0, rate=1000/3, size=500)
    """
    path = Path(path)
    if path.suffix not in {".nc", ".zarr", ""}:
        raise ValueError(f"save: path must end in .zarr or .nc, got {str(path)!r}.")
    to_zarr = path.suffix != ".nc"
    if path.is_dir() and not (to_zarr and _header(path)) and any(path.iterdir()):
        raise FileExistsError(f"{path}: is a folder that save did not write; choose another name.")
    nodes, header = _nodes(obj)
    packed = {name: _pack(node, to_zarr) for name, node in nodes.items()}
    root = packed["/"]
    root.attrs[_KEY] = json.dumps(json.loads(root.attrs[_KEY]) | header)
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
            tree.to_netcdf(part, encoding=encoding, engine="h5netcdf")
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
    foreign = f"{path}: save did not write this, or it is damaged"
    if path.is_dir():
        header = _header(path)
        if header is None:
            raise OSError(f"{foreign}.")
        if header.get("files") != _listing(path):
            raise OSError(f"{path}: damaged, files are missing, added or cut.")
    options: dict[str, Any] = dict.fromkeys(
        ("mask_and_scale", "decode_times", "decode_timedelta", "concat_characters"), False
    )
    engine = "zarr" if path.is_dir() else "h5netcdf"
    options |= {"consolidated": False} if path.is_dir() else {}
    try:
        tree = xr.open_datatree(path, engine=engine, chunks=None, **options)
        header = json.loads(tree.attrs[_KEY])
        version = header["format"]
    except Exception as error:  # whatever the readers beneath meet, it is this one thing
        raise OSError(f"{foreign} ({_first_line(error)}).") from error
    if version != FORMAT:
        raise OSError(f"{path}: written in format {version}, this version reads {FORMAT}.")
    try:
        nodes = {n.path: _unpack(n.to_dataset(inherit=False)) for n in tree.subtree}
    except Exception as error:
        raise OSError(f"{foreign} ({_first_line(error)}).") from error
    if header["kind"] == "DataTree":
        ordered = {name: nodes[name] for name in header["paths"]}
        return xr.DataTree.from_dict(ordered, name=header["name"])
    root = nodes["/"]
    if header["kind"] == "DataFrame":
        return _to_frame(root, header)
    if header["kind"] == "DataArray":
        return root[header["variable"]].rename(header["name"])
    return root


def _nodes(obj: Recording) -> tuple[dict[str, xr.Dataset], dict[str, Any]]:
    """Return `obj` as datasets by path, and what it takes to make it of them again."""
    header: dict[str, Any] = {"format": FORMAT, "kind": type(obj).__name__}
    if isinstance(obj, xr.DataTree):
        header["name"] = obj.name
        tree = obj if obj.parent is None else obj.copy(inherit=True)
        nodes = {n.path: n.to_dataset(inherit=False) for n in tree.subtree}
        return nodes, header | {"paths": list(nodes)}
    if isinstance(obj, xr.Dataset):
        return {"/": obj}, header
    if isinstance(obj, xr.DataArray):
        header["name"] = _name(obj.name) if obj.name is not None else None
        variable = obj.name or "values"
        while variable in {*obj.coords, *obj.dims}:
            variable = f"{variable}_"
        header["variable"] = variable
        return {"/": obj.rename(variable).to_dataset()}, header
    if isinstance(obj, pd.DataFrame):
        return {"/": _from_frame(obj, header)}, header
    raise TypeError(
        "save takes an xarray DataArray, Dataset or DataTree, or a DataFrame of events, got"
        f" {type(obj).__name__}; neurokit.signal and its like label plain arrays."
    )


def _pack(node: xr.Dataset, to_zarr: bool) -> xr.Dataset:
    """Put a dataset into kinds that the file has: clocks, texts and attributes become JSON."""
    clocks = {
        _name(name): {"first": str(index.first), "rate": str(index.rate), "size": index.size}
        | {"dim": index.transform.dim, "attrs": _to_json(node[name].attrs, str(name))}
        for name, index in node.xindexes.items()
        if isinstance(index, SampleIndex)
    }
    if many := [
        n for n, index in node.xindexes.items() if len(node.xindexes.get_all_coords(n)) > 1
    ]:
        raise TypeError(f"save: {many[0]!r} is one level of a multi-index; use reset_index first.")
    variables = {
        _name(name): _pack_variable(variable, _name(name), to_zarr)
        for name, variable in node.variables.items()
        if name not in clocks
    }
    coords = {name: variables.pop(name) for name in map(str, node.coords) if name in variables}
    packed = xr.Dataset(variables)
    packed = packed.assign_coords(coords)
    packed.attrs = _shown(node.attrs) | {
        _KEY: json.dumps({"attrs": _to_json(node.attrs, "dataset"), "clocks": clocks})
    }
    return packed


def _pack_variable(variable: xr.Variable, name: str, to_zarr: bool) -> xr.Variable:
    """Give a variable a dtype that the file has, and blocks if it is large."""
    for dim in variable.dims:
        _name(dim)
    held: dict[str, Any] = {"attrs": _to_json(variable.attrs, name)}
    kind, dtype = variable.dtype.kind, variable.dtype
    packed = variable.to_base_variable()
    if kind in "OUST":
        data = np.asarray(variable.values, dtype=object)
        if kind == "S":
            data = np.vectorize(lambda text: text.decode("latin-1"), otypes=[object])(data)
        if strange := [type(v).__name__ for v in data.flat if not isinstance(v, str)]:
            raise TypeError(f"save: {name} holds objects of type {strange[0]}, not only text.")
        held["dtype"] = "T" if kind == "T" else dtype.str
        packed = xr.Variable(variable.dims, data)
    elif kind in "mM":
        packed = xr.Variable(variable.dims, variable.values.view(np.int64))
        held["dtype"] = dtype.str
    elif kind not in "biufc" or dtype.itemsize > 8 * (1 + (kind == "c")):
        raise TypeError(f"save: {name} has dtype {dtype}, which has no place in the file.")
    elif not to_zarr and (kind == "c" or dtype == np.float16):
        raise TypeError(f"save: netCDF has no {dtype}, the dtype of {name}; save it as .zarr.")
    packed = packed.copy(deep=False)
    packed.attrs = _shown(variable.attrs) | {_KEY: json.dumps(held)}
    packed.encoding = {}
    if packed.nbytes > _LARGE or packed.chunks is not None:
        blocks = dict(zip(packed.dims, _block(packed), strict=True))
        packed = packed.chunk(blocks, name=f"{name}-{uuid.uuid4().hex}")
    return packed


def _block(variable: xr.Variable) -> tuple[int, ...]:
    """Return the shape of one chunk: whole, then halved along time and the longest dim."""
    shape = [max(1, size) for size in variable.shape]
    itemsize = variable.dtype.itemsize
    while np.prod(shape, dtype=np.int64) * itemsize > _BLOCK:
        along = variable.dims.index("time") if "time" in variable.dims else 0
        if shape[along] <= 4096:  # then time windows are short enough
            along = int(np.argmax(shape))
        shape[along] = -(-shape[along] // 2)
    return tuple(shape)


def _encoding(variable: xr.Variable, to_zarr: bool) -> dict[str, Any]:
    """Ask for blocks with checksums, and for no fill values."""
    text, empty = variable.dtype.kind == "O", 0 in variable.shape
    chunks: dict[str, Any] = {"_FillValue": None} if not text else {}
    if to_zarr:
        from zarr.codecs import Crc32cCodec, ZstdCodec

        chunks["compressors"] = [ZstdCodec(level=1), Crc32cCodec()]
        if variable.ndim and not empty:
            chunks["chunks"] = _block(variable)
    elif variable.ndim and not empty and not text:
        chunks |= {"chunksizes": _block(variable), "fletcher32": True}
    return chunks


def _unpack(packed: xr.Dataset) -> xr.Dataset:
    """Undo ``_pack``."""
    held = json.loads(packed.attrs[_KEY])
    node = packed.copy()
    for name, variable in packed.variables.items():
        inner = json.loads(variable.attrs[_KEY])
        attrs = _from_json(inner["attrs"])
        if "dtype" in inner:
            node[name] = (variable.dims, _as_was(variable.values, inner["dtype"]), attrs)
        else:
            node[name].attrs = attrs
    for name, clock in held["clocks"].items():
        first, rate = Fraction(clock["first"]), Fraction(clock["rate"])
        index = SampleIndex(first, rate, clock["size"], name, clock["dim"])
        node = node.assign_coords(xr.Coordinates.from_xindex(index))
        node[name].attrs = _from_json(clock["attrs"])
    node.attrs = _from_json(held["attrs"])
    return node.drop_encoding()


def _as_was(values: np.ndarray, dtype: str) -> np.ndarray:
    if np.dtype(dtype).kind in "mM":
        return values.view(dtype)
    texts = values.astype(object)
    if np.dtype(dtype).kind == "S":
        return np.char.encode(texts.astype(str), "latin-1").astype(dtype)
    return texts if dtype == "|O" else texts.astype(dtype)


def _from_frame(table: pd.DataFrame, header: dict[str, Any]) -> xr.Dataset:
    """Return a table as one variable for each column; missing texts are noted in the header."""
    columns: dict[str, Any] = {}
    header |= {"columns": [_name(name) for name in table.columns], "rows": len(table)}
    header |= {"dtypes": {}, "missing": {}}
    if len(set(header["columns"])) != len(header["columns"]):
        raise TypeError(f"save: the columns of a table must differ, got {header['columns']}.")
    if not isinstance(table.index, pd.RangeIndex) or table.index.start or table.index.step != 1:
        if table.index.dtype.kind not in "iufOTU":
            raise TypeError("save: the index of a table must be numbers or text; reset_index it.")
        header["index"] = table.index.name
        table = table.assign(**{f"{_KEY}_index": table.index})
    for name, column in table.items():
        kind = str(column.dtype)
        if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biufmM":
            columns[str(name)] = ("event", column.to_numpy())
        elif kind in {"object", "str", "string"}:
            missing = np.flatnonzero(column.isna())
            header["missing"][name] = missing.tolist()
            header["dtypes"][name] = kind
            columns[str(name)] = ("event", column.astype(object).fillna("").to_numpy(object))
        else:
            raise TypeError(
                f"save: column {name!r} has dtype {kind}; columns are numbers, times or text."
            )
    return xr.Dataset(columns, attrs=table.attrs)


def _to_frame(node: xr.Dataset, header: Mapping[str, Any]) -> pd.DataFrame:
    columns: dict[str, Any] = {}
    for name, variable in node.variables.items():
        values = variable.values
        if name in header["dtypes"]:
            values = values.astype(object)
            values[header["missing"][name]] = np.nan
            columns[str(name)] = pd.Series(values, dtype=header["dtypes"][name])
        else:
            columns[str(name)] = pd.Series(values)
    table = pd.DataFrame({name: columns[name] for name in header["columns"]})
    table = table if len(table.columns) else pd.DataFrame(index=range(header["rows"]))
    if "index" in header:
        table.index = pd.Index(columns[f"{_KEY}_index"], name=header["index"])
    table.attrs = dict(node.attrs)
    return table


def _name(name: Hashable) -> str:
    if not isinstance(name, str) or "/" in name or name == _KEY:
        raise TypeError(f"save: names must be text without a slash, got {name!r}; rename it.")
    return name


def _shown(attrs: Mapping[Any, Any]) -> dict[str, str]:
    return {name: attrs[name] for name in _SHOWN if isinstance(attrs.get(name), str)}


def _to_json(value: Any, where: str) -> Any:
    """Return `value` as JSON can hold it, with the kinds it lacks marked by name."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {_name(key): _to_json(inner, where) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        inner = [_to_json(item, where) for item in value]
        return inner if isinstance(value, list) else {"/tuple": inner}
    if isinstance(value, Fraction):
        return {"/fraction": str(value)}
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufU":
        mark = "/array" if isinstance(value, np.ndarray) else "/scalar"
        return {mark: value.tolist(), "dtype": value.dtype.str}
    raise TypeError(
        f"save: an attribute of {where} is of type {type(value).__name__}; attributes may be"
        " numbers, text, arrays, lists and dicts of these."
    )


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "/tuple" in value:
        return tuple(_from_json(value["/tuple"]))
    if "/fraction" in value:
        return Fraction(value["/fraction"])
    if "/array" in value:
        return np.array(value["/array"], dtype=value["dtype"])
    if "/scalar" in value:
        return np.dtype(value["dtype"]).type(value["/scalar"])
    return {key: _from_json(inner) for key, inner in value.items()}


def _seal(folder: Path) -> None:
    """Note in the root of a zarr folder which files belong to it, so that a loss is seen."""
    root = folder / "zarr.json"
    meta = json.loads(root.read_text())
    header = json.loads(meta["attributes"][_KEY]) | {"files": _listing(folder)}
    meta["attributes"][_KEY] = json.dumps(header)
    root.write_text(json.dumps(meta, indent=2))


def _listing(folder: Path) -> list[int]:
    """Return number and total bytes of the files in a zarr folder, but for its root's own."""
    sizes = [
        entry.stat().st_size
        for entry in folder.rglob("*")
        if entry.is_file() and entry != folder / "zarr.json"
    ]
    return [len(sizes), sum(sizes)]


def _header(folder: Path) -> dict[str, Any] | None:
    """Return what ``save`` noted in a zarr folder, None if it did not write it."""
    try:
        return json.loads(json.loads((folder / "zarr.json").read_text())["attributes"][_KEY])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200].rstrip(".")
