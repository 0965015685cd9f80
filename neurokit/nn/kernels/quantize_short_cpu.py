"""Residual quantisation on processors with dot products of bytes (AVX-512 VNNI) by short lists.

Vectors ``y`` and code words ``t`` rounded to bytes, ``y'`` and ``t'``, have scores that are cheap
and wrong by no more than can be said beforehand. With the bias ``b``::

    |score' - score| <= |y - y'| |t'| + |y| |t - t'| + r (|y| |t| + |b|) = e

by Cauchy and Schwarz; ``r`` bounds the rounding of both sums. The code that is best in float32 has
a rounded score of at least the best one's less ``2 e``. Where only one code has that, it is the
answer; where some do, they are compared in float32, lanes summed in any order, and where that
cannot tell either, by the scores of `quantize_cpu`. So the codes are the same.
"""
# mypy: ignore-errors

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from neurokit.nn.kernels.registers import (
    _FLOAT,
    _FLOATS,
    _INT,
    _INTS,
    LANES,
    _call,
    _each,
    _fill,
    _fill_int,
    _fma,
    _larger,
    _load,
    _most,
    _spread,
    _store,
    _times,
    _total,
    floats,
    ints,
)

ROWS = 4
_NOWHERE, _LEAST = np.float32(-3e38), np.float32(-1e38)  # bias of codes that do not exist
_SCANNED = 64  # scores that are compared at once
_BYTE = ir.IntType(8)
_BYTES = ir.VectorType(_BYTE, LANES)


_magnitude, _round = _each("fabs"), _each("rint")


@intrinsic
def _store_bytes(typing, array, start, values):
    """Write whole numbers as bytes; give their sum."""

    def generate(context, builder, signature, args):
        array = context.make_array(signature.args[0])(context, builder, args[0])
        place = builder.gep(array.data, [args[1]])
        place = builder.bitcast(place, _BYTES.as_pointer())
        whole = builder.fptosi(args[2], _INTS)
        builder.store(builder.trunc(whole, _BYTES), place).align = 1
        return _call(builder, f"llvm.vector.reduce.add.v{LANES}i32", _INT, whole)

    return types.int32(array, types.intp, floats), generate


@intrinsic
def _load_four(typing, array, at):
    """Read four bytes of each of sixteen codes."""

    def generate(context, builder, signature, args):
        array = context.make_array(signature.args[0])(context, builder, args[0])
        place = builder.gep(array.data, [args[1]])
        value = builder.load(builder.bitcast(place, _INTS.as_pointer()))
        value.align = 1
        return value

    return ints(array, types.intp), generate


@intrinsic
def _add_products(typing, total, codes, array, at):
    """Add to each lane the products of its four bytes and four bytes of a vector."""

    def generate(context, builder, signature, args):
        total, codes, array, at = args
        array = context.make_array(signature.args[2])(context, builder, array)
        place = builder.bitcast(builder.gep(array.data, [at]), _INT.as_pointer())
        four = builder.load(place)
        four.align = 1
        values = _spread(builder, four, _INTS)
        return _call(builder, "llvm.x86.avx512.vpdpbusd.512", _INTS, total, codes, values)

    return ints(ints, ints, array, types.intp), generate


@intrinsic
def _as_floats(typing, values):
    """Convert whole numbers."""
    return floats(ints), lambda c, builder, s, args: builder.sitofp(args[0], _FLOATS)


@intrinsic
def _at_least(typing, array, start, least):
    """Set a bit for each of 64 scores that reaches ``least``."""

    def generate(context, builder, signature, args):
        array = context.make_array(signature.args[0])(context, builder, args[0])
        kind = ir.VectorType(_FLOAT, _SCANNED)
        place = builder.bitcast(builder.gep(array.data, [args[1]]), kind.as_pointer())
        values = builder.load(place)
        values.align = 4
        first = builder.insert_element(
            ir.Constant(kind, ir.Undefined), args[2], ir.Constant(_INT, 0)
        )
        order = ir.Constant(ir.VectorType(_INT, _SCANNED), [0] * _SCANNED)
        reached = builder.fcmp_ordered(">=", values, builder.shuffle_vector(first, first, order))
        return builder.bitcast(reached, ir.IntType(_SCANNED))

    return types.int64(array, types.intp, types.float32), generate


@intrinsic
def _lowest(typing, bits):
    """Count the zeros behind the last 1."""

    def generate(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), generate


@intrinsic
def _fma_one(typing, a, b, c):
    """Compute ``a * b + c`` with one rounding."""
    kind = types.float32
    return kind(kind, kind, kind), lambda c, b, s, args: _call(b, "llvm.fma.f32", _FLOAT, *args)


@njit(inline="always")
def _quantise(rest, at, n_padded, small):
    """Write a vector in bytes; give step, sum of the bytes, length, and length of the error."""
    most, squares = _fill(np.float32(0.0)), _fill(np.float32(0.0))
    for d in range(at, at + n_padded, LANES):
        values = _load(rest, d)
        most = _larger(_magnitude(values), most)
        squares = _fma(values, values, squares)
    step = _most(most) / np.float32(127.0)
    inverse = np.float32(1.0) / step if step > np.float32(1e-18) else np.float32(0.0)
    errors, sums = _fill(np.float32(0.0)), np.int32(0)
    for d in range(at, at + n_padded, LANES):
        values = _load(rest, d)
        whole = _round(_times(values, _fill(inverse)))
        sums += _store_bytes(small, d, whole)
        gap = _fma(whole, _fill(-step), values)
        errors = _fma(gap, gap, errors)
    return step, sums, np.sqrt(_total(squares)), np.sqrt(_total(errors))


@njit(inline="always")
def _score(bias, table, k, rest, at, n_dims):
    """Score a code as `quantize_cpu` does."""
    score = bias[k]
    word = (k // LANES * n_dims) * LANES + k % LANES
    for d in range(n_dims):
        score = _fma_one(rest[at + d], table[word + d * LANES], score)
    return score


@njit(inline="always")
def _decide(listed, bias, table, rows, rest, at, n_padded, n_dims, doubt):
    """Find the best of the listed codes: by quick sums, by careful ones where these are close."""
    top = second = np.float32(-np.inf)
    code = listed[0]
    for k in listed:
        total = _fill(np.float32(0.0))
        for d in range(0, n_padded, LANES):
            total = _fma(_load(rest, at + d), _load(rows, k * n_padded + d), total)
        score = _total(total) + bias[k]
        if score > top:
            top, second, code = score, top, k
        elif score > second:
            second = score
    if top - second > doubt:
        return code
    top = np.float32(-np.inf)
    for k in listed:  # in order: of equals the lowest
        score = _score(bias, table, k, rest, at, n_dims)
        if score > top:
            top, code = score, k
    return code


@njit(cache=True, nogil=True, error_model="numpy")
def search(x, tables, biases, words, coarse, rows, bounds, codes, room):
    n_vectors, n_dims = x.shape
    n_levels, n_blocks = tables.shape[:2]
    n_padded = -(-n_dims // LANES) * LANES
    n_fours = -(-n_dims // 4)
    rest, small, scores, listed, scale, slack, doubt, top, offset = room
    n_scores = scores.size // ROWS
    rounding = np.float32((n_dims + 16) * 2.0**-23)
    for n in range(0, n_vectors, ROWS):
        n_rows = min(ROWS, n_vectors - n)
        for j in range(n_rows):
            for d in range(n_dims):
                rest[j * n_padded + d] = x[n + j, d]
        for s in range(n_levels):
            exact, table, bias = biases[s], tables[s].reshape(-1), bounds[s, 5:]
            fours, plain = coarse[s].reshape(-1), rows[s].reshape(-1)
            unit, longest, coarsest, error, heaviest = bounds[s, :5]
            for j in range(ROWS):
                step, total, length, gap = _quantise(rest, j * n_padded, n_padded, small)
                offset[j] = np.int32(-128) * total
                scale[j] = step * unit
                doubt[j] = rounding * (length * longest + heaviest)
                e = gap * coarsest + length * error + doubt[j]
                # squares vanish below 1e-19, and a vector of nothing has no scale
                sound = np.float32(1e-15) < length < np.float32(1e15)
                sound = sound and np.float32(1e-15) < unit < np.float32(1e15)
                slack[j] = np.float32(2.01) * e if sound else np.float32(np.inf)
                doubt[j] = np.float32(4.0) * doubt[j] if sound else np.float32(np.inf)
            b0 = _fill(_NOWHERE)
            b1, b2, b3 = b0, b0, b0
            f0, f1, f2, f3 = _fill(scale[0]), _fill(scale[1]), _fill(scale[2]), _fill(scale[3])
            at = 0
            for block in range(n_blocks):
                p0, p1 = _fill_int(offset[0]), _fill_int(offset[1])
                p2, p3 = _fill_int(offset[2]), _fill_int(offset[3])
                for g in range(0, 4 * n_fours, 4):
                    four = _load_four(fours, at)
                    p0 = _add_products(p0, four, small, g)
                    p1 = _add_products(p1, four, small, n_padded + g)
                    p2 = _add_products(p2, four, small, 2 * n_padded + g)
                    p3 = _add_products(p3, four, small, 3 * n_padded + g)
                    at += 4 * LANES
                here = block * LANES
                start = _load(bias, here)
                s0, s1 = _fma(_as_floats(p0), f0, start), _fma(_as_floats(p1), f1, start)
                s2, s3 = _fma(_as_floats(p2), f2, start), _fma(_as_floats(p3), f3, start)
                _store(scores, here, s0)
                _store(scores, n_scores + here, s1)
                _store(scores, 2 * n_scores + here, s2)
                _store(scores, 3 * n_scores + here, s3)
                b0, b1, b2, b3 = _larger(s0, b0), _larger(s1, b1), _larger(s2, b2), _larger(s3, b3)
            top[0], top[1], top[2], top[3] = _most(b0), _most(b1), _most(b2), _most(b3)
            for j in range(n_rows):
                least, n_listed = max(top[j] - slack[j], _LEAST), 0
                for first in range(0, n_scores, _SCANNED):
                    there = _at_least(scores, j * n_scores + first, least)
                    while there:
                        listed[n_listed] = first + _lowest(there)
                        n_listed += 1
                        there &= there - 1
                code = listed[0]
                if n_listed > 1:
                    code = _decide(
                        listed[:n_listed], exact, table, plain, rest, j * n_padded, n_padded,
                        n_dims, doubt[j],
                    )  # fmt: skip
                codes[n + j, s] = code
                for d in range(n_dims):
                    rest[j * n_padded + d] -= words[s, code, d]


def make_room(n_codes, n_dims):
    """Make what a search works in: here, as compiling that takes longer than all else."""
    n_padded = -(-n_dims // LANES) * LANES
    n_scores = -(-n_codes // _SCANNED) * _SCANNED
    four = (np.zeros(ROWS, np.float32) for _ in range(4))
    return (
        np.zeros(ROWS * n_padded, np.float32),  # what is left of four vectors
        np.zeros(ROWS * n_padded, np.int8),  # and in bytes
        np.full(ROWS * n_scores, _NOWHERE),
        np.zeros(n_scores, np.int64),
        *four,
        np.zeros(ROWS, np.int32),
    )


def round_tables(table, bias):
    """Round code words to bytes, and say what is lost.

    Parameters
    ----------
    table : ndarray of shape (n_levels, n_codes, n_dims), float32
    bias : ndarray of shape (n_levels, n_codes), float32

    Returns
    -------
    coarse : ndarray of shape (n_levels, n_blocks, n_dims / 4, 16, 4), uint8
        Four bytes of sixteen codes side by side, 128 more than what they stand for.
    rows : ndarray of shape (n_levels, n_codes, n_padded), float32
        The code words, filled up with zeros.
    bounds : ndarray of shape (n_levels, 5 + n_blocks * 16), float32
        Step of the bytes, length of the longest word, of the longest rounded one, of the largest
        error, largest bias; then the biases themselves.
    """
    n_levels, n_codes, n_dims = table.shape
    n_blocks, n_padded = -(-n_codes // LANES), -(-n_dims // LANES) * LANES
    rows = np.zeros((n_levels, n_codes, n_padded), np.float32)
    rows[..., :n_dims] = table
    step = np.abs(rows).max((1, 2)) / np.float32(127)
    step[step == 0] = 1
    whole = np.rint(rows * (1 / step)[:, None, None])
    near = whole * step[:, None, None]
    bounds = np.full((n_levels, 5 + n_blocks * LANES), _NOWHERE, np.float32)
    bounds[:, 0] = step
    for k, values in enumerate((rows, near, rows - near)):  # float32: a little more than they are
        bounds[:, 1 + k] = np.sqrt(np.einsum("lkd,lkd->lk", values, values).max(-1)) * 1.0001
    bounds[:, 4] = np.abs(bias).max(-1)
    bounds[:, 5 : 5 + n_codes] = bias
    small = np.full((n_levels, n_blocks * LANES, n_padded), 128, np.uint8)
    small[:, :n_codes] = (whole + 128).astype(np.uint8)
    small = small[..., : -(-n_dims // 4) * 4]
    coarse = small.reshape(n_levels, n_blocks, LANES, -1, 4).swapaxes(2, 3)
    return np.ascontiguousarray(coarse), rows, bounds
