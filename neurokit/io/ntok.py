"""Files of tokens: small, checked, and read only where they are needed."""

import base64
import json
import os
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from neurokit.io._atomic import atomic_path
from neurokit.io._blocks import Container, write_container
from neurokit.io._pack import from_json, to_json
from neurokit.sample_index import SampleIndex

DIMS = ("trial", "channel", "frame", "level")
_GROUP = 8  # channels that are coded together
_TOKENS = 1 << 17  # in one block, about
_LEVEL = struct.Struct("<qB")  # smallest token and bits, of each level


def write_tokens(
    path: str | os.PathLike[str],
    tokens: xr.DataArray,
    *,
    events: pd.DataFrame | None = None,
    model_hash: str | None = None,
) -> Path:
    """Write tokens to a ``.ntok`` file, entropy coded, with all that labels them.

    Coordinates, attributes and types come back exactly. Blocks of up to eight channels can be
    read without the others, and each is decoded once before the file takes its name. Lazy
    tokens are computed block by block.

    Parameters
    ----------
    path : path-like
        The file to write.
    tokens : DataArray of dims (frame) and any of (trial, channel, level)
        Integers, in any order of dims.
    events : DataFrame, optional
        Annotations to keep with them: ``onset``, ``duration``, ``label``, further columns.
    model_hash : str, optional
        Names the weights that decode these tokens; `read_tokens` can insist on it.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    TypeError
        If `tokens` is not a DataArray of integers, or an attribute cannot be stored.
    ValueError
        If the dims are others.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, xarray as xr
    >>> tokens = xr.DataArray(
    ...     np.arange(24).reshape(2, 4, 3) % 5,
    ...     dims=("channel", "frame", "level"),
    ...     coords={"channel": ["Cz", "Pz"], "frame": [0.0, 0.1, 0.2, 0.3]},
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_tokens(Path(folder) / "a.ntok", tokens, model_hash="5ab1e")
    ...     read_tokens(path, channels=["Pz"]).values[0, 0]
    array([2, 3, 4])
    """
    if not isinstance(tokens, xr.DataArray) or tokens.dtype.kind not in "iu":
        kind = f"a DataArray of {tokens.dtype}" if isinstance(tokens, xr.DataArray) else None
        raise TypeError(
            f"write_tokens: expects a DataArray of integers, got {kind or type(tokens).__name__};"
            " use a tokenizer's transform."
        )
    dims = tuple(str(d) for d in tokens.dims)
    if "frame" not in dims or not set(dims) <= set(DIMS):
        raise ValueError(
            f"write_tokens: expects dims (trial, channel, frame, level), frame at least, got"
            f" {dims}; rename them."
        )
    coords, sections = _pack_coordinates(tokens)
    full = _to_four(tokens)
    step = _steps(full.shape)
    header = {
        "kind": "tokens",
        "dims": dims,
        "shape": full.shape,
        "step": step,
        "dtype": tokens.dtype.newbyteorder("<").str,
        "name": to_json(tokens.name, "tokens"),
        "attrs": to_json(dict(tokens.attrs), "tokens"),
        "coords": coords,
        "events": None if events is None else _pack_events(events),
        "model": model_hash,
    }
    with atomic_path(path) as part:
        with part.open("wb") as file:
            write_container(file, header, _payloads(full, step, sections))
        Container(part)
    return Path(path)


def read_tokens(
    path: str | os.PathLike[str],
    *,
    channels: Sequence[str] | None = None,
    start: int | None = None,
    stop: int | None = None,
    expect_model: str | None = None,
    force: bool = False,
    recover: bool = False,
) -> xr.DataArray:
    """Read tokens from a ``.ntok`` file; what was chosen is checked now and decoded when used.

    Parameters
    ----------
    path : path-like
        A file written by `write_tokens`.
    channels : sequence of str, optional
        Names of the channels to read, in this order; all by default.
    start, stop : int, optional
        First frame, and the one after the last.
    expect_model : str, optional
        Hash of the model that is to decode the tokens. Tokens of another are refused.
    force : bool, default=False
        Take tokens of another model all the same.
    recover : bool, default=False
        Leave out frames whose blocks are damaged, with a warning that counts them, instead of
        refusing the file.

    Returns
    -------
    DataArray
        The tokens as they were written. Each access decodes the blocks that it touches; call
        ``.load()`` to keep them.

    Raises
    ------
    OSError
        If the file is damaged, or no file of tokens.
    ValueError
        If it holds tokens of another model or lacks some of `channels`.

    See Also
    --------
    token_info : What a file holds, without its tokens.
    """
    container = _open(path, recover=recover)
    header = container.header
    if expect_model is not None and header["model"] != expect_model and not force:
        raise ValueError(
            f"read_tokens: {container.path} holds tokens of model {header['model']!r}, expected"
            f" {expect_model!r}; decode them with their own model, or pass force=True."
        )
    reader = _Tokens(container)
    tokens = xr.DataArray(
        xr.Variable(DIMS, indexing.LazilyIndexedArray(reader)), name=from_json(header["name"])
    )
    gone = [d for d in DIMS if d not in header["dims"]]
    tokens = tokens.isel(dict.fromkeys(gone, 0)).transpose(*header["dims"])
    tokens = tokens.assign_coords(_unpack_coordinates(container)).assign_attrs(
        from_json(header["attrs"])
    )
    rows = np.arange(reader.shape[1])
    if channels is not None:
        rows = _find(tokens, channels, container.path)
    first, last, _ = slice(start, stop).indices(reader.shape[2])
    lost = reader.damaged(rows, first, max(first, last), stop_at_first=not recover)
    if channels is not None:
        tokens = tokens.isel(channel=rows)
    keep = np.ones(reader.shape[2], bool)
    for _, begin, end in lost:
        keep[begin:end] = False
    if lost:
        warnings.warn(
            f"{container.path}: blocks {[i for i, _, _ in lost]} of {len(reader)} are damaged;"
            f" {int((~keep[first:last]).sum())} of {last - first} frames were left out.",
            stacklevel=2,
        )
        return tokens.isel(frame=np.flatnonzero(keep[first:last]) + first)
    return tokens.isel(frame=slice(first, last))


def token_info(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Tell what a ``.ntok`` file of tokens holds without decoding it.

    Parameters
    ----------
    path : path-like
        A file written by `write_tokens`.

    Returns
    -------
    dict
        ``sizes`` of the dims, ``model_hash``, ``events`` (DataFrame or None), ``bytes`` of the
        file, and ``bits_per_token`` with everything in the file counted.

    Raises
    ------
    OSError
        If the file is damaged, or no file of tokens.
    """
    container = _open(path)
    header = container.header
    sizes = dict(zip(DIMS, header["shape"], strict=True))
    return {
        "sizes": {d: sizes[d] for d in header["dims"]},
        "model_hash": header["model"],
        "events": None if header["events"] is None else _unpack_events(header["events"]),
        "bytes": container.size,
        "bits_per_token": 8 * container.size / max(1, int(np.prod(header["shape"]))),
    }


def _open(path: str | os.PathLike[str], *, recover: bool = False) -> Container:
    container = Container(path, recover=recover)
    kind = container.header.get("kind")
    if kind != "tokens":
        raise OSError(
            f"{container.path}: holds a recording compressed without loss, no tokens; use"
            " decompress."
            if kind == "lossless"
            else f"{container.path}: holds {kind!r}, which this release does not know."
        )
    return container


def _find(tokens: xr.DataArray, channels: Sequence[str], path: Path) -> np.ndarray:
    there = tokens["channel"].values.tolist() if "channel" in tokens.coords else []
    if missing := [name for name in channels if name not in there]:
        raise ValueError(f"read_tokens: {path} has no channels {missing}; it has {there}.")
    return np.array([there.index(name) for name in channels], dtype=np.intp)


# Blocks


def _to_four(tokens: xr.DataArray) -> xr.DataArray:
    """Bare tokens with all four dims, in order."""
    bare = tokens.drop_vars(list(tokens.coords))
    return bare.expand_dims([d for d in DIMS if d not in bare.dims]).transpose(*DIMS)


def _steps(shape: tuple[int, ...]) -> list[int]:
    """Trials, channels and frames of a block."""
    n_trials, n_channels, n_frames, n_levels = shape
    group = max(1, min(_GROUP, n_channels))
    frames = max(1, min(n_frames, _TOKENS // (group * max(1, n_levels))))
    trials = max(1, _TOKENS // (group * frames * max(1, n_levels))) if frames == n_frames else 1
    return [max(1, min(trials, n_trials)), group, frames]


def _corners(shape: Sequence[int], step: Sequence[int]) -> list[tuple[int, int, int]]:
    """First (trial, frame, channel) of each block, in the order of the file."""
    n_trials, n_channels, n_frames, _ = shape
    return list(
        product(
            range(0, n_trials, step[0]), range(0, n_frames, step[2]), range(0, n_channels, step[1])
        )
    )


def _payloads(
    full: xr.DataArray, step: list[int], sections: list[bytes]
) -> Iterator[tuple[int, bytes]]:
    from neurokit.io._token_coder import encode_tokens

    yield 0, b"".join(struct.pack("<I", len(part)) + part for part in sections)
    seen: tuple[int, int] | None = None
    values: np.ndarray = np.empty(0, full.dtype)
    for trial, frame, channel in _corners(full.shape, step):
        if seen != (trial, frame):  # all channels at once: lazy tokens are computed once
            seen = (trial, frame)
            part = {"trial": slice(trial, trial + step[0]), "frame": slice(frame, frame + step[2])}
            values = full.isel(part).values
        block = values[:, channel : channel + step[1]].transpose(0, 2, 1, 3)
        block = np.ascontiguousarray(block).reshape(-1, *block.shape[2:])
        low = block.min(axis=(0, 1), initial=np.iinfo(full.dtype).max)
        high = block.max(axis=(0, 1), initial=np.iinfo(full.dtype).min)
        spans = [int(b) - int(a) if block.size else 0 for a, b in zip(low, high, strict=True)]
        if max(spans, default=0) >= 2**31:
            raise ValueError(
                f"write_tokens: expects the tokens of a level to span less than 2**31, got"
                f" {max(spans)}; renumber them."
            )
        widths = np.array([span.bit_length() for span in spans], np.int64)
        small = (block.astype(np.int64) - low.astype(np.int64)).astype(np.int32)
        head = b"".join(
            _LEVEL.pack(int(a) if block.size else 0, int(w))
            for a, w in zip(low, widths, strict=True)
        )
        payload = head + encode_tokens(small, widths)
        back = _decode_block(payload, block.shape, block.dtype)
        if not np.array_equal(back, block):
            raise OSError("write_tokens: a block does not decode to what it was made from.")
        yield trial * full.shape[2] + frame, payload


def _decode_block(payload: bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    from neurokit.io._token_coder import decode_tokens

    size = _LEVEL.size * shape[2]
    levels = list(_LEVEL.iter_unpack(payload[:size]))
    low = np.array([a for a, _ in levels], np.int64)
    widths = np.array([w for _, w in levels], np.int64)
    small = decode_tokens(payload[size:], widths, (shape[0], shape[1], shape[2]))
    return (small.astype(np.int64) + low).astype(dtype)


class _Tokens(BackendArray):
    """The array that xarray indexes; it decodes the blocks that are touched."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.shape = tuple(container.header["shape"])
        self.dtype = np.dtype(container.header["dtype"])
        self.step = container.header["step"]

    def __len__(self) -> int:
        return len(_corners(self.shape, self.step))

    def __deepcopy__(self, memo: object) -> Self:
        return self  # a file, read only: nothing to copy

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._read
        )

    def damaged(
        self, rows: np.ndarray, first: int, last: int, *, stop_at_first: bool
    ) -> list[tuple[int, int, int]]:
        """Blocks of some channels and frames that are not what they were, and their frames."""
        found = []
        trials, frames = np.arange(self.shape[0]), np.arange(first, last)
        for i, (_, _, frame), _ in self._blocks(trials, rows, frames):
            try:
                if i >= len(self.container.blocks):
                    raise OSError(
                        f"{self.container.path}: ends before block {i} of {len(self) + 1}; get"
                        " another copy."
                    )
                self.container.read(i)
            except OSError:
                if stop_at_first:
                    raise
                found.append((i, frame, frame + self.step[2]))
        return found

    def _blocks(
        self, *wanted: np.ndarray
    ) -> Iterator[tuple[int, tuple[int, ...], tuple[int, ...]]]:
        """Yield number, first (trial, channel, frame) and extent of each block that is touched."""
        touched = [np.unique(w // s).tolist() for w, s in zip(wanted, self.step, strict=True)]
        per_axis = [-(-n // s) for n, s in zip(self.shape, self.step, strict=False)]
        for t, f, c in product(touched[0], touched[2], touched[1]):
            begin = tuple(k * s for k, s in zip((t, c, f), self.step, strict=True))
            extent = tuple(
                min(s, n - b) for s, n, b in zip(self.step, self.shape, begin, strict=False)
            )
            yield 1 + (t * per_axis[2] + f) * per_axis[1] + c, begin, extent

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        wanted = [np.atleast_1d(np.arange(n)[k]) for n, k in zip(self.shape, key, strict=True)]
        *axes, levels = wanted
        out = np.empty([len(w) for w in wanted], self.dtype)
        for i, begin, extent in self._blocks(*axes) if out.size else ():
            n_trials, n_channels, n_frames = extent
            shape = (n_trials * n_frames, n_channels, self.shape[3])
            block = _decode_block(self.container.read(i), shape, self.dtype)
            block = block.reshape(n_trials, n_frames, n_channels, -1).transpose(0, 2, 1, 3)
            inside = [
                np.flatnonzero((w >= b) & (w < b + n))
                for w, b, n in zip(axes, begin, extent, strict=True)
            ]
            local = [w[k] - b for w, k, b in zip(axes, inside, begin, strict=True)]
            out[np.ix_(*inside, np.arange(len(levels)))] = block[np.ix_(*local, levels)]
        drop = tuple(0 if isinstance(k, int | np.integer) else slice(None) for k in key)
        return out[drop]


# Labels


def _pack_coordinates(tokens: xr.DataArray) -> tuple[list[dict[str, Any]], list[bytes]]:
    specs: list[dict[str, Any]] = []
    sections: list[bytes] = []
    for name, coord in tokens.coords.items():
        index = tokens.xindexes.get(name)
        spec: dict[str, Any] = {
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


def _pack_array(a: np.ndarray, name: object) -> dict[str, Any]:
    """Describe an array of labels and its bytes, exactly."""
    spec: dict[str, Any] = {"dtype": a.dtype.newbyteorder("<").str, "shape": list(a.shape)}
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


def _unpack_array(spec: dict[str, Any], data: bytes) -> np.ndarray:
    raw = zlib.decompress(data)
    dtype, shape = np.dtype(spec["dtype"]), spec["shape"]
    if dtype.kind in "OU":
        values = json.loads(raw)
        out = np.empty(len(values), dtype)
        out[:] = values
        return out.reshape(shape)
    n = int(np.prod(shape))
    flat = np.ascontiguousarray(np.frombuffer(raw, np.uint8).reshape(dtype.itemsize, n).T)
    if dtype.itemsize in (1, 2, 4, 8):
        bits = flat.view(f"<u{dtype.itemsize}").reshape(-1)
        for _ in range(2):
            bits = np.cumsum(bits, dtype=bits.dtype)
        return bits.view(dtype).reshape(shape).astype(dtype.newbyteorder("="))
    return flat.view(dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _unpack_coordinates(container: Container) -> xr.Coordinates:
    payload, sections, at = container.read(0), [], 0
    while at < len(payload):
        (length,) = struct.unpack_from("<I", payload, at)
        sections.append(payload[at + 4 : at + 4 + length])
        at += 4 + length
    parts = iter(sections)
    variables: dict[Any, xr.Variable] = {}
    indexes: dict[Any, xr.Index] = {}
    for spec in container.header["coords"]:
        name = from_json(spec["name"])
        if "first" in spec:
            index = SampleIndex(
                Fraction(spec["first"]),
                Fraction(spec["rate"]),
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


def _pack_events(events: pd.DataFrame) -> dict[str, Any]:
    columns = {}
    for name in events.columns:
        spec = _pack_array(events[name].to_numpy(), name)
        columns[str(name)] = spec | {"data": base64.b64encode(spec["data"]).decode()}
    return columns


def _unpack_events(columns: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(
        {n: _unpack_array(c, base64.b64decode(c["data"])) for n, c in columns.items()}
    )
