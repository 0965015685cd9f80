"""Tokens of a dask array, and signals of such tokens, by blocks of time that stand alone."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurokit.tokenizers._signal import Signal, finite, spans
from neurokit.tokenizers.framing import level
from neurokit.tokenizers.framing.encode import TokenStream
from neurokit.tokenizers.framing.frames import Frames
from neurokit.tokenizers.framing.labels import check_codes
from neurokit.tokenizers.framing.resample import Resampler

if TYPE_CHECKING:
    from neurokit.tokenizers.base import LevelledTokenizer

_PERIODS = 60  # of a block, at least
_VALUES = 2**16  # of a decoded block, at least: large enough to be a chunk of a file as it is


def lazy_tokens(estimator: LevelledTokenizer, signal: Signal, montage: Any) -> Any:
    """Tokens as a dask array: every block of time codes what it needs of the one before."""
    frames = estimator._frames(signal.rate)
    period, n_times = frames.level_period, signal.values.shape[-1]
    resampler = frames.leveller(1).resampler
    n_past = _finite_past(estimator, estimator._n_past()[0], "encoder", "recording")
    # The first two periods have not the level they should, which then is smoothed over steps.
    n_before = 2 + math.ceil((level.SMOOTH / frames.n_steps + n_past) / period)
    n_rows = signal.values.shape[1] if montage is None else montage.n_rows
    pieces = []
    for first, last in spans(frames.count(n_times), max(_PERIODS, 4 * n_before) * period):
        begin = max(first // period - n_before, 0)
        a = resampler.first_input(begin * period * frames.size)
        b = min(resampler.last_input(last * frames.size - 1) + 1, n_times)
        where = {"begin": begin, "first": first, "last": last, "ends": b == n_times}
        function = partial(_code_block, rate=signal.rate, **where)
        pieces.append(_Piece(function, a, b, last - first))
    lead, n_columns = (signal.values.shape[0], n_rows), len(estimator._columns_of(montage))
    held = (estimator, montage)
    return _by_pieces(pieces, signal.values, -1, held, lead, (n_columns,), np.uint16)


def lazy_signal(
    estimator: LevelledTokenizer,
    tokens: Any,
    n_levels: int,
    frames: Frames,
    n_times: int,
    montage: Any,
) -> Any:
    """Signal (..., time) as a dask array of tokens (..., frame, level) that are one."""
    n_frames = tokens.shape[-2]
    back = Resampler(frames.model_rate, frames.rate)
    n_past = _finite_past(estimator, estimator._n_past()[1], "decoder", "tokens")
    n_before = max(n_past, math.ceil(level.SMOOTH / frames.n_steps))
    n_channels = tokens.shape[-3] if montage is None else montage.n_channels
    n_rows = math.prod(tokens.shape[:-3]) * n_channels
    n_least = _VALUES / (n_rows * float(frames.size * frames.rate / frames.model_rate))
    n_block = max(_PERIODS, math.ceil(max(4 * n_before, n_least) / frames.level_period))
    n_block *= frames.level_period
    pieces = []
    for first, last in spans(n_frames, n_block):
        start = back.n_out(first * frames.size)
        stop = n_times if last == n_frames else min(back.n_out(last * frames.size), n_times)
        if stop <= start:
            continue
        begin = max(back.first_input(start) // frames.size - n_before, 0)
        end = n_frames if stop == n_times else back.last_input(stop - 1) // frames.size + 1
        end = min(end, n_frames)
        where = {"first": begin, "start": start, "stop": stop, "ends": end == n_frames}
        function = partial(_decode_block, n_levels=n_levels, rate=frames.rate, **where)
        pieces.append(_Piece(function, begin, end, stop - start))
    lead, held = (*tokens.shape[:-3], n_channels), (estimator, montage)
    return _by_pieces(pieces, tokens, -2, held, lead, (), np.float32)


class _Piece(NamedTuple):
    """A stretch of the result: what makes it, of which stretch of the source, and its length."""

    function: Callable[..., NDArray[Any]]
    start: int
    stop: int
    size: int


def _by_pieces(
    pieces: list[_Piece],
    source: Any,
    axis: int,
    held: tuple[Any, ...],
    lead: tuple[int, ...],
    tail: tuple[int, ...],
    dtype: Any,
) -> Any:
    """Dask array (*lead, time, *tail) of ``pieces``, each of ``held`` and a stretch of ``source``.

    It is one layer of the graph. Slices and joins of dask would make thousands, each of which
    lists the others: the plan alone of a day's recording would not fit in memory.
    """
    import dask.array as da
    from dask.delayed import delayed
    from dask.highlevelgraph import HighLevelGraph

    axis += source.ndim
    source = source.rechunk({k: -1 for k in range(source.ndim) if k != axis})
    edges = np.cumsum([0, *source.chunks[axis]])
    objects = [delayed(item) for item in held]
    name = f"neurokit-{uuid.uuid4().hex}"
    graph: dict[Any, Any] = {}
    for i, piece in enumerate(pieces):
        at = int(np.searchsorted(edges, piece.start, "right")) - 1
        stop = int(np.searchsorted(edges, piece.stop, "left"))
        place = [0] * source.ndim
        keys = [(source.name, *place[:axis], k, *place[axis + 1 :]) for k in range(at, stop)]
        part = slice(piece.start - int(edges[at]), piece.stop - int(edges[at]))
        function = partial(_on_stretch, piece.function, axis, part)
        key = (name, *[0] * len(lead), i, *[0] * len(tail))
        graph[key] = (function, [item.key for item in objects], keys)
    whole = HighLevelGraph.from_collections(name, graph, dependencies=[source, *objects])
    sizes = tuple(piece.size for piece in pieces)
    chunks = (*((n,) for n in lead), sizes, *((n,) for n in tail))
    return da.Array(whole, name, chunks, dtype=dtype)


def _on_stretch(
    function: Callable[..., NDArray[Any]],
    axis: int,
    part: slice,
    held: list[Any],
    blocks: list[NDArray[Any]],
) -> NDArray[Any]:
    """Call ``function`` with a part of some blocks, joined along ``axis``."""
    joined = np.concatenate(blocks, axis) if len(blocks) > 1 else blocks[0]
    return function(*held, joined[(slice(None),) * axis + (part,)])


def _finite_past(estimator: LevelledTokenizer, n_past: float, part: str, given: str) -> int:
    if math.isinf(n_past):
        raise ValueError(
            f"{estimator._name}: preset='biocodec' has a recurrent {part}, which no block of a"
            f" dask array can run alone; load the {given} first, with .load()."
        )
    return int(n_past)


def _code_block(
    estimator: LevelledTokenizer,
    montage: Any,
    x: NDArray[Any],
    rate: Fraction,
    begin: int,
    first: int,
    last: int,
    ends: bool,
) -> NDArray[Any]:
    """Tokens of frames ``first`` to ``last``, from samples that begin with period ``begin``."""
    frames = estimator._frames(rate)
    rows = finite(np.asarray(x, np.float64), estimator._name).reshape(-1, x.shape[-1])
    stream = TokenStream(estimator._name, frames, estimator._encoder(montage), len(rows), begin)
    tokens = stream.code(rows, last=ends)
    skip = first - begin * frames.level_period
    tokens = tokens[:, skip : skip + last - first]
    return tokens.reshape(x.shape[0], -1, *tokens.shape[1:])


def _decode_block(
    estimator: LevelledTokenizer,
    montage: Any,
    tokens: NDArray[Any],
    n_levels: int,
    rate: Fraction,
    first: int,
    start: int,
    stop: int,
    ends: bool,
) -> NDArray[Any]:
    """Decode samples ``start`` to ``stop``, from tokens that begin with frame ``first``."""
    tokens = np.asarray(tokens)
    check_codes(estimator._name, tokens, list(estimator._columns_of(montage).values()))
    frames = estimator._frames(rate)
    return estimator._signal(
        tokens, n_levels, frames, start, stop, montage, first=first, ends=ends
    )
