"""Tokens of a dask array, and signals of such tokens, by blocks of time that stand alone."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from neurokit.inputs.signal import Signal, cut_spans, refuse_gaps
from neurokit.inputs.tokens import check_codes
from neurokit.tokenizers.framing.coding import Coding
from neurokit.tokenizers.framing.level import SMOOTH
from neurokit.tokenizers.framing.resample import Resampler
from neurokit.types import Codes, Floats

if TYPE_CHECKING:
    import dask.array as da

_PERIODS = 60  # of a block, at least
_VALUES = 2**16  # of a decoded block, at least: large enough to be a chunk of a file as it is


def encode_lazily(coding: Coding, signal: Signal) -> da.Array:
    """Code a dask array as one: every block of time codes what it needs of the one before."""
    frames, n_times = coding.frames, signal.n_times
    period = frames.level_period
    resampler = frames.leveller(1).resampler
    n_past = _bound_past(coding.name, coding.n_past[0], "encoder", "recording")
    # The first two periods have not the level they should, which then is smoothed over steps.
    n_before = 2 + math.ceil((SMOOTH / frames.n_steps + n_past) / period)
    pieces = []
    for first, last in cut_spans(frames.count(n_times), max(_PERIODS, 4 * n_before) * period):
        begin = max(first // period - n_before, 0)
        a = resampler.first_input(begin * period * frames.size)
        b = min(resampler.last_input(last * frames.size - 1) + 1, n_times)
        function = partial(_code_block, begin=begin, first=first, last=last, ends=b == n_times)
        pieces.append(Piece(function, a, b, last - first))
    lead = (signal.n_trials, coding.montage.n_rows)
    return by_pieces(pieces, signal.values, -1, coding, lead, (len(coding.columns),), np.uint16)


def decode_lazily(coding: Coding, tokens: da.Array, n_levels: int, n_times: int) -> da.Array:
    """Decode tokens (..., frame, level) that are a dask array to a signal that is one."""
    frames, n_frames = coding.frames, tokens.shape[-2]
    back = Resampler(frames.model_rate, frames.rate)
    n_past = _bound_past(coding.name, coding.n_past[1], "decoder", "tokens")
    n_before = max(n_past, math.ceil(SMOOTH / frames.n_steps))
    lead = (*tokens.shape[:-3], coding.montage.n_channels)
    n_least = _VALUES / (math.prod(lead) * float(frames.size * frames.rate / frames.model_rate))
    n_block = max(_PERIODS, math.ceil(max(4 * n_before, n_least) / frames.level_period))
    n_block *= frames.level_period
    pieces = []
    for first, last in cut_spans(n_frames, n_block):
        start = back.n_out(first * frames.size)
        stop = n_times if last == n_frames else min(back.n_out(last * frames.size), n_times)
        if stop <= start:
            continue
        begin = max(back.first_input(start) // frames.size - n_before, 0)
        end = n_frames if stop == n_times else back.last_input(stop - 1) // frames.size + 1
        end = min(end, n_frames)
        where = {"first": begin, "start": start, "stop": stop, "ends": end == n_frames}
        function = partial(_decode_block, n_levels=n_levels, **where)
        pieces.append(Piece(function, begin, end, stop - start))
    return by_pieces(pieces, tokens, -2, coding, lead, (), np.float32)


class Piece(NamedTuple):
    """A stretch of the result: what makes it, of which stretch of the source, and its length."""

    function: Callable[..., Floats | Codes]
    start: int
    stop: int
    size: int


def by_pieces(
    pieces: list[Piece],
    source: Any,
    axis: int,
    held: object,
    lead: tuple[int, ...],
    tail: tuple[int, ...],
    dtype: DTypeLike,
) -> da.Array:
    """Make a dask array (*lead, time, *tail) of ``pieces``.

    Each calls its function with ``held`` and its stretch of ``source`` along ``axis``. It is one
    layer of the graph: slices and joins of dask would make thousands, each of which lists the
    others, and the plan alone of a day's recording would not fit in memory.
    """
    import dask.array as da
    from dask.delayed import delayed
    from dask.highlevelgraph import HighLevelGraph

    axis += source.ndim
    source = source.rechunk({k: -1 for k in range(source.ndim) if k != axis})
    edges = np.cumsum([0, *source.chunks[axis]])
    shared = delayed(held, traverse=False)
    name = f"neurokit-{uuid.uuid4().hex}"
    graph: dict[Any, object] = {}
    for i, piece in enumerate(pieces):
        at = int(np.searchsorted(edges, piece.start, "right")) - 1
        stop = int(np.searchsorted(edges, piece.stop, "left"))
        place = [0] * source.ndim
        keys = [(source.name, *place[:axis], k, *place[axis + 1 :]) for k in range(at, stop)]
        part = slice(piece.start - int(edges[at]), piece.stop - int(edges[at]))
        function = partial(_on_stretch, piece.function, axis, part)
        key: tuple[str | int, ...] = (name, *[0] * len(lead), i, *[0] * len(tail))
        graph[key] = (function, shared.key, keys)
    whole = HighLevelGraph.from_collections(name, graph, dependencies=[source, shared])
    sizes = tuple(piece.size for piece in pieces)
    chunks = (*((n,) for n in lead), sizes, *((n,) for n in tail))
    return da.Array(whole, name, chunks, dtype=dtype)


def _on_stretch(
    function: Callable[..., Floats | Codes],
    axis: int,
    part: slice,
    held: object,
    blocks: list[Floats],
) -> Floats | Codes:
    """Call ``function`` with a part of some blocks, joined along ``axis``."""
    joined = np.concatenate(blocks, axis) if len(blocks) > 1 else blocks[0]
    return function(held, joined[(slice(None),) * axis + (part,)])


def _bound_past(name: str, n_past: float, part: str, given: str) -> int:
    """Return how far back a network looks; refuse one that looks back without end."""
    if math.isinf(n_past):
        raise ValueError(
            f"{name}: preset='biocodec' has a recurrent {part}, which no block of a"
            f" dask array can run alone; load the {given} first, with .load()."
        )
    return int(n_past)


def _code_block(coding: Coding, x: Floats, begin: int, first: int, last: int, ends: bool) -> Codes:
    """Code frames ``first`` to ``last``, from samples that begin with period ``begin``."""
    rows = refuse_gaps(np.asarray(x, np.float64), coding.name).reshape(-1, x.shape[-1])
    tokens = coding.stream(len(rows), begin).code(rows, last=ends)
    skip = first - begin * coding.frames.level_period
    tokens = tokens[:, skip : skip + last - first]
    return tokens.reshape(x.shape[0], -1, *tokens.shape[1:])


def _decode_block(
    coding: Coding,
    tokens: Codes,
    n_levels: int,
    first: int,
    start: int,
    stop: int,
    ends: bool,
) -> Floats:
    """Decode samples ``start`` to ``stop``, from tokens that begin with frame ``first``."""
    tokens = np.asarray(tokens)
    check_codes(f"{coding.name}.inverse_transform", tokens, list(coding.columns.values()))
    return coding.decode(tokens, n_levels, start, stop, first=first, ends=ends)
