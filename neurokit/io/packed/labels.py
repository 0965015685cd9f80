"""Labels of a file of tokens: coordinates and events, packed and read back exactly."""

import base64
import json
import math
import struct
import zlib
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.io.packed.container import Container
from neurokit.io.store_layout import from_json, read_fraction, to_json
from neurokit.recording.clock import SampleIndex
from neurokit.types import Json


def pack_coordinates(tokens: xr.DataArray) -> tuple[list[Json], list[bytes]]:
    """Return the specifications and the bytes of the coordinates of tokens."""
    specs: list[Json] = []
    sections: list[bytes] = []
    for name, coord in tokens.coords.items():
        index = tokens.xindexes.get(name)
        spec: Json = {
            "name": to_json(name, "tokens"),
            "dims": list(coord.dims),
            "attrs": to_json(dict(coord.attrs), f"coordinate {name!r}"),
            "index": index is not None,
        }
        if isinstance(index, SampleIndex):
            spec |= {"first": str(index.first), "rate": str(index.rate), "size": index.size}
        elif isinstance(index, xr.indexes.PandasMultiIndex):
            raise TypeError(
                f"write_tokens: {name!r} is a multi-index; use reset_index on it first."
            )
        else:
            spec |= _pack_array(np.asarray(coord.values), name)
            sections.append(spec.pop("data"))
        specs.append(spec)
    return specs, sections


def _pack_array(a: np.ndarray, name: object) -> Json:
    """Describe an array of labels and its bytes, exactly."""
    spec: Json = {"dtype": a.dtype.newbyteorder("<").str, "shape": list(a.shape)}
    if a.dtype.kind in "OUT":
        values = a.ravel().tolist()
        if a.dtype.kind != "U":
            spec["dtype"] = "O"
            to_json(values, f"coordinate {name!r}")  # refuses what JSON cannot hold
        return spec | {"data": zlib.compress(json.dumps(values).encode(), 9)}
    if a.dtype.kind not in "biufmMc":
        raise TypeError(
            f"write_tokens: coordinate {name!r} is of type {a.dtype}, which cannot be stored;"
            " convert it to numbers or text."
        )
    # Times and counts rise evenly: their bits, differenced twice, are nearly all zero.
    flat = np.ascontiguousarray(a.astype(a.dtype.newbyteorder("<"))).reshape(-1)
    size = flat.dtype.itemsize
    if size in (1, 2, 4, 8):
        flat = _difference(_difference(flat.view(f"<u{size}")))
    raw = flat.view(np.uint8).reshape(-1, size).T
    return spec | {"data": zlib.compress(raw.tobytes(), 9)}


def _difference(flat: np.ndarray) -> np.ndarray:
    return np.concatenate([flat[:1], flat[1:] - flat[:-1]])  # unsigned: wraps, exactly


def _unpack_array(spec: Json, data: bytes) -> np.ndarray:
    dtype, shape = np.dtype(spec["dtype"]), [int(n) for n in spec["shape"]]
    n = math.prod(shape)
    if dtype.kind not in "OUbiufmMc" or min(shape, default=0) < 0:
        raise ValueError(f"labels of type {dtype} and shape {shape}")
    texts = dtype.kind in "OU"
    most = (1 << 24) + 20 * len(data) if texts else n * dtype.itemsize
    if texts and n * dtype.itemsize > 4 * most:
        raise ValueError(f"{n} labels of type {dtype} in {len(data)} bytes")
    raw = zlib.decompressobj().decompress(data, most + 1)
    if len(raw) > most:
        raise ValueError(f"labels of more than {most} bytes")
    if texts:
        values = json.loads(raw)
        if len(values) != n:
            raise ValueError(f"{len(values)} labels instead of {n}")
        out = np.empty(len(values), dtype)
        out[:] = values
        return out.reshape(shape)
    flat = np.ascontiguousarray(np.frombuffer(raw, np.uint8).reshape(dtype.itemsize, n).T)
    if dtype.itemsize in (1, 2, 4, 8):
        bits = flat.view(f"<u{dtype.itemsize}").reshape(-1)
        for _ in range(2):
            bits = np.cumsum(bits, dtype=bits.dtype)
        return bits.view(dtype).reshape(shape).astype(dtype.newbyteorder("="))
    return flat.view(dtype).reshape(shape).astype(dtype.newbyteorder("="))


def unpack_coordinates(container: Container) -> xr.Coordinates:
    """Return the coordinates that `pack_coordinates` packed."""
    payload, sections, at = container.read(0), [], 0
    while at < len(payload):
        (length,) = struct.unpack_from("<I", payload, at)
        sections.append(payload[at + 4 : at + 4 + length])
        at += 4 + length
    parts = iter(sections)
    sizes = dict(
        zip(("trial", "channel", "frame", "level"), container.header["shape"], strict=True)
    )
    variables: dict[Any, xr.Variable] = {}
    indexes: dict[Any, xr.Index] = {}
    for spec in container.header["coords"]:
        name = from_json(spec["name"])
        expected = [sizes[dim] for dim in spec["dims"]]
        if expected != ([spec["size"]] if "first" in spec else list(spec["shape"])):
            raise ValueError(f"the labels {str(name)[:50]!r} are not as many as the tokens")
        if "first" in spec:
            index = SampleIndex(
                read_fraction(spec["first"]),
                read_fraction(spec["rate"]),
                spec["size"],
                name,
                spec["dims"][0],
            )
            made = xr.Coordinates.from_xindex(index)
            variables[name] = made[name].variable
            variables[name].attrs.update(from_json(spec["attrs"]))
            indexes[name] = index
            continue
        values = _unpack_array(spec, next(parts))
        variables[name] = xr.Variable(spec["dims"], values, from_json(spec["attrs"]))
        if spec["index"]:
            plain = xr.indexes.PandasIndex.from_variables({name: variables[name]}, options={})
            variables[name] = plain.create_variables({name: variables[name]})[name]
            indexes[name] = plain
    return xr.Coordinates(variables, indexes)


def pack_events(events: pd.DataFrame) -> Json:
    """Return a table of events as JSON."""
    columns = {}
    for name in events.columns:
        spec = _pack_array(events[name].to_numpy(), name)
        columns[str(name)] = spec | {"data": base64.b64encode(spec["data"]).decode()}
    return columns


def unpack_events(columns: Json) -> pd.DataFrame:
    """Return the table that `pack_events` packed."""
    return pd.DataFrame(
        {n: _unpack_array(c, base64.b64decode(c["data"])) for n, c in columns.items()}
    )
