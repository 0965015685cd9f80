"""Files of tokens: small, checked, and read only where they are needed."""

import math
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from xarray.core import indexing

from neurokit.atomic import atomic_path
from neurokit.io.packed.blocks import (
    DIMS,
    StoredTokens,
    block_steps,
    digits_of,
    payloads,
    stages_of,
    to_four,
)
from neurokit.io.packed.container import VERSION, Container, write_container
from neurokit.io.packed.labels import (
    pack_coordinates,
    pack_events,
    unpack_coordinates,
    unpack_events,
)
from neurokit.io.store_layout import from_json, to_json
from neurokit.types import Json


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
    if not tokens.sizes.get("level", 1):
        raise ValueError("write_tokens: tokens need one level or more, got none.")
    coords, sections = pack_coordinates(tokens)
    full = to_four(tokens)
    step = block_steps(full.shape)
    header = {
        "kind": "tokens",
        "dims": dims,
        "shape": full.shape,
        "step": step,
        "dtype": tokens.dtype.newbyteorder("<").str,
        "name": to_json(tokens.name, "tokens"),
        "attrs": to_json(dict(tokens.attrs), "tokens"),
        "coords": coords,
        "events": None if events is None else pack_events(events),
        "model": model_hash,
    }
    digits = None
    if stages := stages_of(tokens):
        header["stages"] = stages
        digits = digits_of(tokens.attrs["code_digits"], stages)
    with atomic_path(path) as part:
        with part.open("wb") as file:
            write_container(file, header, payloads(full, step, sections, digits), VERSION)
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
    model = header.get("model")
    if expect_model is not None and model != expect_model and not force:
        raise ValueError(
            f"read_tokens: {container.path} holds tokens of model {model!r}, expected"
            f" {expect_model!r}; decode them with their own model, or pass force=True."
        )
    with container.blame():
        reader = StoredTokens(container, whole=not recover)
        tokens = _label(container, reader)
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


def _label(container: Container, reader: StoredTokens) -> xr.DataArray:
    header = container.header
    stored = xr.Variable(DIMS, indexing.LazilyIndexedArray(reader))
    tokens = xr.DataArray(stored, name=from_json(header["name"]))
    gone = [d for d in DIMS if d not in header["dims"]]
    tokens = tokens.isel(dict.fromkeys(gone, 0)).transpose(*header["dims"])
    tokens = tokens.assign_coords(unpack_coordinates(container))
    return tokens.assign_attrs(from_json(header["attrs"]))


def token_info(path: str | os.PathLike[str]) -> Json:
    """Tell what a ``.ntok`` file of tokens holds without decoding it.

    Parameters
    ----------
    path : path-like
        A file written by `write_tokens`.

    Returns
    -------
    dict
        ``sizes`` of the dims, ``model_hash``, ``events`` (DataFrame or None), ``bytes`` of the
        file, and ``bits_per_token`` with everything in the file counted; NaN of no tokens.

    Raises
    ------
    OSError
        If the file is damaged, or no file of tokens.
    """
    container = _open(path)
    header = container.header
    with container.blame():
        reader = StoredTokens(container, whole=False)
        sizes = dict(zip(DIMS, reader.shape, strict=True))
        return {
            "sizes": {d: sizes[d] for d in header["dims"]},
            "model_hash": header["model"],
            "events": None if header["events"] is None else unpack_events(header["events"]),
            "bytes": container.size,
            "bits_per_token": 8 * container.size / (math.prod(reader.shape) or math.nan),
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
