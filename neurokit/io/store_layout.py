"""Turn recordings into what zarr and netCDF can hold, and back."""

import json
import math
import re
import uuid
import zlib
from collections.abc import Hashable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.recording.checks import carry_spikes, plain_spikes
from neurokit.recording.clock import SampleIndex
from neurokit.types import Json

KEY = "neurokit"  # the one attribute, JSON, that holds what zarr and netCDF cannot say
_SHOWN = ("units", "long_name", "description", "sample_dimension")  # also left readable to others
_FRACTION = re.compile(r"-?\d{1,700}(/\d{1,700})?", re.ASCII)
_BLOCK = 2**22  # bytes of one chunk on disk
_LARGE = 2**26  # bytes from which an array on disk is copied block by block, never loaded whole


def pack(node: xr.Dataset, to_zarr: bool) -> xr.Dataset:
    """Put a dataset into kinds that the file has: clocks, texts and attributes become JSON."""
    node = plain_spikes(node)
    clocks = {
        check_name(name): {"first": str(index.first), "rate": str(index.rate), "size": index.size}
        | {"dim": index.transform.dim, "attrs": to_json(node[name].attrs, str(name))}
        for name, index in node.xindexes.items()
        if isinstance(index, SampleIndex)
    }
    if many := [
        n for n, index in node.xindexes.items() if len(node.xindexes.get_all_coords(n)) > 1
    ]:
        raise TypeError(f"save: {many[0]!r} is one level of a multi-index; use reset_index first.")
    variables = {
        check_name(name): _pack_variable(variable, check_name(name), to_zarr)
        for name, variable in node.variables.items()
        if name not in clocks
    }
    coords = {name: variables.pop(name) for name in map(str, node.coords) if name in variables}
    # a file holds no indexes: making them would take longer than the rest of this
    packed = xr.Dataset(variables, coords=xr.Coordinates(coords, indexes={}))
    packed.attrs = _shown(node.attrs) | {
        KEY: write_note({"attrs": to_json(node.attrs, "dataset"), "clocks": clocks})
    }
    return packed


def _pack_variable(variable: xr.Variable, name: str, to_zarr: bool) -> xr.Variable:
    """Give a variable a dtype that the file has, and blocks if it is large."""
    for dim in variable.dims:
        check_name(dim)
    held: dict[str, object] = {"attrs": to_json(variable.attrs, name)}
    kind, dtype = variable.dtype.kind, variable.dtype
    packed = variable.to_base_variable()
    if kind in "OUST":
        data = np.asarray(variable.values, dtype=object)
        if kind == "S":
            data = np.vectorize(lambda text: text.decode("latin-1"), otypes=[object])(data)
        if strange := [type(v).__name__ for v in data.flat if not isinstance(v, str)]:
            raise TypeError(f"save: {name} holds objects of type {strange[0]}, not only text.")
        held |= {"dtype": "T" if kind == "T" else dtype.str, "crc": _crc(data)}
        packed = xr.Variable(variable.dims, data)
    elif kind in "mM":
        packed = xr.Variable(variable.dims, variable.values.view(np.int64))
        held["dtype"] = dtype.str
    elif kind not in "biufc" or dtype.itemsize > 8 * (1 + (kind == "c")):
        raise TypeError(f"save: {name} has dtype {dtype}, which has no place in the file.")
    elif not to_zarr and (kind == "c" or dtype == np.float16):
        raise TypeError(f"save: netCDF has no {dtype}, the dtype of {name}; save it as .zarr.")
    packed = packed.copy(deep=False)
    packed.attrs = _shown(variable.attrs) | {KEY: write_note(held)}
    packed.encoding = {}
    if packed.chunks is not None or (packed.nbytes > _LARGE and not packed._in_memory):
        blocks = dict(zip(packed.dims, chunk_shape(packed), strict=True))
        packed = packed.chunk(blocks, name=f"{name}-{uuid.uuid4().hex}")
    return packed


def chunk_shape(variable: xr.Variable) -> tuple[int, ...]:
    """Return the shape of one chunk: whole, then halved along time and the longest dim.

    Blocks of dask that are alike and of fair size stay as they are: where dask joins neighbours
    that share what they are made of, it keeps a part of the recording that grows with its length.
    """
    if variable.chunks is not None:
        blocks = tuple(sizes[0] for sizes in variable.chunks)
        alike = all(
            {*sizes[:-1]} <= {first} and sizes[-1] <= first
            for sizes, first in zip(variable.chunks, blocks, strict=True)
        )
        if alike and _BLOCK // 16 <= math.prod(blocks) * variable.dtype.itemsize <= 4 * _BLOCK:
            return blocks
    shape = [max(1, size) for size in variable.shape]
    itemsize = variable.dtype.itemsize
    while np.prod(shape, dtype=np.int64) * itemsize > _BLOCK:
        along = variable.dims.index("time") if "time" in variable.dims else 0
        if shape[along] <= 4096:  # then time windows are short enough
            along = int(np.argmax(shape))
        shape[along] = -(-shape[along] // 2)
    return tuple(shape)


def unpack(packed: xr.Dataset) -> xr.Dataset:
    """Undo ``_pack``."""
    held = read_note(packed.attrs[KEY])
    node = packed.copy()
    for name, variable in packed.variables.items():
        inner = read_note(variable.attrs[KEY])
        attrs = from_json(inner["attrs"])
        if "crc" in inner and _crc(variable.values) != inner["crc"]:
            raise ValueError(f"the texts of {name} are not those that were saved")
        if "dtype" in inner:
            node[name] = (variable.dims, _as_was(variable.values, inner["dtype"]), attrs)
        else:
            node[name].attrs = attrs
    for name, clock in held["clocks"].items():
        first, rate = read_fraction(clock["first"]), read_fraction(clock["rate"])
        index = SampleIndex(first, rate, clock["size"], name, clock["dim"])
        node = node.assign_coords(xr.Coordinates.from_xindex(index))
        node[name].attrs = from_json(clock["attrs"])
    node.attrs = from_json(held["attrs"])
    node = node.drop_encoding()
    if "spike_time" not in node.data_vars or node.get("spike_count", node).dims != ("unit",):
        return node
    return carry_spikes(node) if "unit" in node.coords else node


def _as_was(values: np.ndarray, dtype: str) -> np.ndarray:
    if np.dtype(dtype).kind in "mM":
        return values.view(dtype)
    texts = values.astype(object)
    if np.dtype(dtype).kind == "S":
        return np.char.encode(texts.astype(str), "latin-1").astype(dtype)
    return texts if dtype == "|O" else texts.astype(dtype)


def pack_table(table: pd.DataFrame, header: Json) -> xr.Dataset:
    """Return a table as one variable for each column; missing texts are noted in the header."""
    columns: dict[str, object] = {}
    header |= {"columns": [check_name(name) for name in table.columns], "rows": len(table)}
    header |= {"dtypes": {}, "missing": {}}
    if len(set(header["columns"])) != len(header["columns"]):
        raise TypeError(f"save: the columns of a table must differ, got {header['columns']}.")
    if not isinstance(table.index, pd.RangeIndex) or table.index.start or table.index.step != 1:
        if table.index.dtype.kind not in "iufOTU":
            raise TypeError("save: the index of a table must be numbers or text; reset_index it.")
        header["index"] = table.index.name
        table = table.assign(**{f"{KEY}_index": table.index})
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


def unpack_table(node: xr.Dataset, header: Mapping[str, Any]) -> pd.DataFrame:
    """Return the table that a group holds."""
    columns: Json = {}
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
        table.index = pd.Index(columns[f"{KEY}_index"], name=header["index"])
    table.attrs = dict(node.attrs)
    return table


def check_name(name: Hashable) -> str:
    """Return a name that a group can have, or refuse it."""
    if not isinstance(name, str) or "/" in name or name == KEY:
        raise TypeError(f"save: names must be text without a slash, got {name!r}; rename it.")
    return name


def write_note(held: Mapping[str, object]) -> str:
    """Return what the attribute holds: JSON with its own checksum."""
    return json.dumps({"crc": zlib.crc32(json.dumps(held).encode()), "held": held})


def read_note(text: str) -> Json:
    """Return what ``write_note`` wrote, if not a bit of it has changed."""
    note = json.loads(text)
    if zlib.crc32(json.dumps(note["held"]).encode()) != note["crc"]:
        raise ValueError("its notes are not those that were saved")
    return note["held"]


def read_fraction(text: str) -> Fraction:
    """Return the fraction that ``str`` wrote: digits alone, as "1e999999999" would never end.

    Raises
    ------
    ValueError
        If it is something else, or has more digits than any clock.
    """
    if not isinstance(text, str) or not _FRACTION.fullmatch(text):
        raise ValueError(f"{str(text)[:20]!r} is no fraction")
    return Fraction(text)


def _shown(attrs: Mapping[Any, Any]) -> dict[str, str]:
    return {name: attrs[name] for name in _SHOWN if isinstance(attrs.get(name), str)}


def to_json(value: object, where: str) -> Any:
    """Return `value` as JSON can hold it, with the kinds it lacks marked by name."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {check_name(key): to_json(inner, where) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        inner = [to_json(item, where) for item in value]
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


def from_json(value: Any) -> Any:
    """Return the value that `to_json` wrote."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "/tuple" in value:
        return tuple(from_json(value["/tuple"]))
    if "/fraction" in value:
        return read_fraction(value["/fraction"])
    if "/array" in value:
        return np.array(value["/array"], dtype=value["dtype"])
    if "/scalar" in value:
        return np.dtype(value["dtype"]).type(value["/scalar"])
    return {key: from_json(inner) for key, inner in value.items()}


def _crc(texts: np.ndarray) -> int:
    return zlib.crc32("\0".join(map(str, texts.flat)).encode("utf-8", "surrogatepass"))
