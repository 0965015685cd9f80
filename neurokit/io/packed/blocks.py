"""Blocks of a file of tokens: where they lie, what is in them, and reading those touched."""

import math
import os
import struct
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from neurokit.io.packed.container import Container
from neurokit.io.store_layout import from_json

DIMS = ("trial", "channel", "frame", "level")
_GROUP = 8  # channels that are coded together
_TOKENS = 1 << 17  # in one block, about


def to_four(tokens: xr.DataArray) -> xr.DataArray:
    """Bare tokens with all four dims, in order."""
    bare = tokens.drop_vars(list(tokens.coords))
    return bare.expand_dims([d for d in DIMS if d not in bare.dims]).transpose(*DIMS)


def block_steps(shape: tuple[int, ...]) -> list[int]:
    """Trials, channels and frames of a block."""
    n_trials, n_channels, n_frames, n_levels = shape
    group = max(1, min(_GROUP, n_channels))
    frames = max(1, min(n_frames, _TOKENS // (group * max(1, n_levels))))
    trials = max(1, _TOKENS // (group * frames * max(1, n_levels))) if frames == n_frames else 1
    return [max(1, min(trials, n_trials)), group, frames]


def _corners(shape: Sequence[int], step: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return the first (trial, frame, channel) of each block, in the order of the file."""
    n_trials, n_channels, n_frames, _ = shape
    return list(
        product(
            range(0, n_trials, step[0]), range(0, n_frames, step[2]), range(0, n_channels, step[1])
        )
    )


def stages_of(tokens: xr.DataArray) -> list[int] | None:
    """Stage of each level whose digits ``attrs["code_digits"]`` tells of; None for other tokens.

    The attribute holds one group per stage, ``"0 0 1;2 1"``: the entries that the stage's digits
    belong to. Levels are found by their labels, as some may have been left out; 0 has no digits.
    """
    if "code_digits" not in tokens.attrs or "level" not in tokens.coords:
        return None
    known = [str(k + 1) for k in range(len(tokens.attrs["code_digits"].split(";")))]
    labels = [str(label) for label in np.atleast_1d(tokens["level"].values)]
    stages = [int(label) if label in known else 0 for label in labels]
    return stages if any(stages) else None


def digits_of(groups: str, stages: list[int]) -> list[list[int]]:
    """Entries that each level's digits belong to."""
    entries = [[], *([int(i) for i in group.split()] for group in groups.split(";"))]
    return [entries[k] for k in stages]


def payloads(
    full: xr.DataArray,
    step: list[int],
    sections: list[bytes],
    digits: list[list[int]] | None = None,
) -> Iterator[tuple[int, bytes]]:
    """Yield the bytes of every block of tokens."""
    from neurokit.io.packed.coder import encode_tokens
    from neurokit.io.packed.digits import join_digits, split_digits
    from neurokit.io.packed.plans import choose_plan

    yield 0, b"".join(struct.pack("<I", len(part)) + part for part in sections)
    seen: tuple[int, int] | None = None
    values: np.ndarray = np.empty(0, full.dtype)
    source = _Once(full)
    plan: np.ndarray | None = None
    planned = False
    for trial, frame, channel in _corners(full.shape, step):
        if seen != (trial, frame):  # all channels at once: lazy tokens are computed once
            seen = (trial, frame)
            values = source.read(slice(trial, trial + step[0]), frame, frame + step[2])
        block = values[:, channel : channel + step[1]].transpose(0, 2, 1, 3)
        block = np.ascontiguousarray(block).reshape(-1, *block.shape[2:])
        columns = split_digits(block.astype(np.int64), digits) if digits else block
        if digits and not np.array_equal(join_digits(columns, digits), block):
            raise ValueError(
                "write_tokens: expects tokens with the digits that attrs['code_digits'] tells of,"
                " got larger or negative ones; drop that attribute."
            )
        low = columns.min(axis=(0, 1), initial=np.iinfo(columns.dtype).max)
        high = columns.max(axis=(0, 1), initial=np.iinfo(columns.dtype).min)
        spans = [int(b) - int(a) if block.size else 0 for a, b in zip(low, high, strict=True)]
        if max(spans, default=0) >= 2**31:
            raise ValueError(
                f"write_tokens: expects the tokens of a level to span less than 2**31, got"
                f" {max(spans)}; renumber them."
            )
        widths = np.array([span.bit_length() for span in spans], np.int64)
        small = (columns.astype(np.int64) - low.astype(np.int64)).astype(np.int32)
        least = [int(a) if block.size else 0 for a in low]
        if not planned and small.size:
            plan, planned = choose_plan(small, widths), True
        payload = _pack_levels(least, widths.tolist()) + encode_tokens(small, widths, plan)
        back = _decode_block(payload, block.shape, block.dtype, digits)
        if not np.array_equal(back, block):
            raise OSError("write_tokens: a block does not decode to what it was made from.")
        yield trial * full.shape[2] + frame, payload


class _Once:
    """Tokens read one stretch of frames after the other; blocks of dask are computed once each.

    As many of them are computed together as keep all processors busy.
    """

    def __init__(self, full: xr.DataArray) -> None:
        self._full = full
        chunks = full.chunksizes.get("frame")
        self._ends = None if chunks is None else np.cumsum(chunks)
        self._trials: slice | None = None
        self._held: np.ndarray = np.empty(0)  # frames from self._first on
        self._first = 0

    def read(self, trials: slice, start: int, stop: int) -> np.ndarray:
        stop = min(stop, self._full.sizes["frame"])
        if self._ends is None or start == stop:
            return self._full.isel(trial=trials, frame=slice(start, stop)).values
        if trials != self._trials:
            self._trials, self._first = trials, start
            n_trials = len(range(*trials.indices(self._full.shape[0])))
            self._held = np.empty(
                (n_trials, self._full.shape[1], 0, self._full.shape[3]), self._full.dtype
            )
        self._held, self._first = self._held[:, :, start - self._first :], start
        known = start + int(self._held.shape[2])
        if known < stop:
            k = int(np.searchsorted(self._ends, stop)) + 2 * (os.cpu_count() or 1)
            end = int(self._ends[min(k, len(self._ends) - 1)])
            new = self._full.isel(trial=trials, frame=slice(known, end)).values
            self._held = np.concatenate([self._held, new], 2)
        return self._held[:, :, : stop - start]


def _decode_block(
    payload: bytes,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    digits: list[list[int]] | None = None,
) -> np.ndarray:
    from neurokit.io.packed.coder import decode_tokens
    from neurokit.io.packed.digits import join_digits

    n_columns = shape[2]
    if digits:
        n_columns = sum(not d for d in digits) + len({i for entries in digits for i in entries})
    low, widths, size = _unpack_levels(payload, n_columns)
    small = decode_tokens(payload[size:], widths, (shape[0], shape[1], n_columns))
    if digits:
        return join_digits(small + low, digits).astype(dtype)
    if dtype.itemsize < 4:  # wraps as the sum of larger numbers does
        return small.astype(dtype) + low.astype(dtype)
    return (small + low).astype(dtype)


def _pack_levels(low: list[int], widths: list[int]) -> bytes:
    """Bits of each level, then its smallest token: sign last, seven bits a byte, low ones first.

    The top bit of a byte says that another follows.
    """
    out = bytearray()
    for smallest, width in zip(low, widths, strict=True):
        out.append(width)
        rest = 2 * smallest if smallest >= 0 else -2 * smallest - 1
        while rest > 127:
            out.append(rest & 127 | 128)
            rest >>= 7
        out.append(rest)
    return bytes(out)


def _unpack_levels(
    payload: bytes, n_columns: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Undo `_pack_levels`; say also how many bytes that took."""
    low, widths = np.zeros(n_columns, np.int64), np.empty(n_columns, np.int64)
    at = 0
    for k in range(n_columns):
        widths[k], at = payload[at], at + 1
        code = shift = 0
        more = True
        while more:
            code |= (payload[at] & 127) << shift
            more, shift, at = payload[at] > 127 and shift < 63, shift + 7, at + 1
        low[k] = -(code + 1) // 2 if code & 1 else code // 2
    return low, widths, at


class StoredTokens(BackendArray):
    """The array that xarray indexes; it decodes the blocks that are touched."""

    def __init__(self, container: Container, *, whole: bool = True) -> None:
        self.container = container
        self.shape = tuple(container.header["shape"])
        self.dtype = np.dtype(container.header["dtype"])
        self.step = container.header["step"]
        self._check(whole)
        self.digits = None
        if stages := container.header.get("stages"):
            attrs = from_json(container.header["attrs"])
            self.digits = digits_of(attrs["code_digits"], stages)
            if len(self.digits) != self.shape[3]:
                raise ValueError(f"digits of {len(self.digits)} levels instead of {self.shape[3]}")

    def _check(self, whole: bool) -> None:
        """Hold what the header says against itself and, of a whole file, its blocks."""
        numbers = [*self.shape, *self.step]
        if len(self.shape) != 4 or len(self.step) != 3 or self.dtype.kind not in "iu":
            raise ValueError("tokens are integers of four dims, in blocks along three")
        if not all(type(n) is int and 0 <= n < 2**48 for n in numbers) or 0 in self.step:
            raise ValueError(f"shape {self.shape} and blocks {self.step}")
        if math.prod(self.step) * self.shape[3] > max(4 * _TOKENS, _GROUP * self.shape[3]):
            raise ValueError(f"blocks of {self.step}, larger than any that are written")
        if whole and len(self.container.blocks) != len(self) + 1:
            raise ValueError(f"{len(self.container.blocks)} blocks instead of {len(self) + 1}")
        if len(self) > 2**24 or self.shape[3] > 2**20 or max(self.shape) > 2**36:
            raise ValueError(f"shape {self.shape}")

    def __len__(self) -> int:
        return math.prod(-(-n // s) for n, s in zip(self.shape, self.step, strict=False))

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
            payload = self.container.read(i)
            with self.container.blame(f"block {i}"):
                block = _decode_block(payload, shape, self.dtype, self.digits)
            block = block.reshape(n_trials, n_frames, n_channels, -1).transpose(0, 2, 1, 3)
            inside = [
                np.flatnonzero((w >= b) & (w < b + n))
                for w, b, n in zip(axes, begin, extent, strict=True)
            ]
            local = [w[k] - b for w, k, b in zip(axes, inside, begin, strict=True)]
            if all(map(_follow, [*inside, *local, levels])):  # slices, ten times as quick
                there = *map(_span, inside), slice(None)
                out[there] = block[tuple(map(_span, [*local, levels]))]
            else:
                out[np.ix_(*inside, np.arange(len(levels)))] = block[np.ix_(*local, levels)]
        drop = tuple(0 if isinstance(k, int | np.integer) else slice(None) for k in key)
        return out[drop]


def _follow(numbers: np.ndarray) -> bool:
    return len(numbers) > 0 and bool((np.diff(numbers) == 1).all())


def _span(numbers: np.ndarray) -> slice:
    return slice(int(numbers[0]), int(numbers[-1]) + 1)
