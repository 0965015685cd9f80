"""Tokens of a dask array, and signals of such tokens, by blocks of time that stand alone."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurokit.tokenizers import _level
from neurokit.tokenizers._frames import Frames
from neurokit.tokenizers._labels import check_codes
from neurokit.tokenizers._resample import Resampler
from neurokit.tokenizers._signal import Signal, finite, spans
from neurokit.tokenizers._stream import TokenStream

if TYPE_CHECKING:
    from neurokit.tokenizers._levelled import LevelledTokenizer

_PERIODS = 60  # of a block, at least


def lazy_tokens(estimator: LevelledTokenizer, signal: Signal, montage: Any) -> Any:
    """Tokens as a dask array: every block of time codes what it needs of the one before."""
    import dask.array as da
    from dask.delayed import delayed

    frames = estimator._frames(signal.rate)
    period, n_times = frames.level_period, signal.values.shape[-1]
    resampler = frames.leveller(1).resampler
    n_past = _finite_past(estimator, estimator._n_past()[0], "encoder", "recording")
    # The first two periods have not the level they should, which then is smoothed over steps.
    n_before = 2 + math.ceil((_level.SMOOTH / frames.n_steps + n_past) / period)
    held, coded = delayed(estimator), delayed(_code_block)
    there = delayed(montage)
    n_columns = len(estimator._columns_of(montage))
    n_rows = signal.values.shape[1] if montage is None else montage.n_rows
    pieces = []
    for first, last in spans(frames.count(n_times), max(_PERIODS, 4 * n_before) * period):
        begin = max(first // period - n_before, 0)
        a = resampler.first_input(begin * period * frames.size)
        b = min(resampler.last_input(last * frames.size - 1) + 1, n_times)
        part = signal.values[..., a:b]
        shape = (part.shape[0], n_rows, last - first, n_columns)
        block = coded(held, there, part, signal.rate, begin, first, last, b == n_times)
        pieces.append(da.from_delayed(block, shape, dtype=np.uint16))
    return da.concatenate(pieces, axis=-2)


def lazy_signal(
    estimator: LevelledTokenizer,
    tokens: Any,
    n_levels: int,
    frames: Frames,
    n_times: int,
    montage: Any,
) -> Any:
    """Signal (..., time) as a dask array of tokens (..., frame, level) that are one."""
    import dask.array as da
    from dask.delayed import delayed

    n_frames = tokens.shape[-2]
    back = Resampler(frames.model_rate, frames.rate)
    n_past = _finite_past(estimator, estimator._n_past()[1], "decoder", "tokens")
    n_before = max(n_past, math.ceil(_level.SMOOTH / frames.n_steps))
    n_block = max(_PERIODS, math.ceil(4 * n_before / frames.level_period)) * frames.level_period
    held, decoded, there = delayed(estimator), delayed(_decode_block), delayed(montage)
    n_channels = tokens.shape[-3] if montage is None else montage.n_channels
    pieces = []
    for first, last in spans(n_frames, n_block):
        start = back.n_out(first * frames.size)
        stop = n_times if last == n_frames else min(back.n_out(last * frames.size), n_times)
        if stop <= start:
            continue
        begin = max(back.first_input(start) // frames.size - n_before, 0)
        end = n_frames if stop == n_times else back.last_input(stop - 1) // frames.size + 1
        part = tokens[..., begin:end, :]
        ends = end >= n_frames
        block = decoded(held, there, part, n_levels, frames.rate, begin, start, stop, ends)
        shape = (*tokens.shape[:-3], n_channels, stop - start)
        pieces.append(da.from_delayed(block, shape, dtype=np.float32))
    return da.concatenate(pieces, axis=-1)


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
