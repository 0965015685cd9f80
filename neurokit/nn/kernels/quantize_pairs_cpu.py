"""Residual quantisation in few dimensions: pairs of 16-bit products, sixteen vectors at a time.

Where processors add up two products of 16 bits in one step (AVX-512 VNNI), vectors ``y`` and code
words ``t`` are rounded to whole numbers, the bias of a code to one more product, and the code's
number is added where all products leave bits free. So the largest sum names its code, and the
largest two are all that is kept. A lane holds a vector, which has its own scale ``a``::

    |score' - score| <= |y - y'| |t'| + |y| |t - t'| + |b - b'| + r (|y| |t| + |b|) = e

as in `quantize_short_cpu`. Where the second sum stays more than ``2 e`` behind, the first is the
answer; the few other vectors go through the search of `quantize_cpu`. The codes are the same.
"""
# mypy: ignore-errors

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from neurokit.nn.kernels.registers import (
    _FLOATS,
    _INT,
    _INTS,
    LANES,
    _call,
    _each,
    _fill,
    _fill_int,
    _first_best,
    _fma,
    _larger,
    _larger_at,
    _load,
    _spread,
    _store,
    _times,
    floats,
)

GROUP = 2 * LANES  # vectors that are searched together
_CODES = 4  # that are scored together
# Length of rounded vectors and words, with room for rounding up: twice its square, a product and a
# bias, is a number of 32 bits.
_MOST = np.float32(31700)
_NONE, _ONE, _TWICE, _HUGE = np.float32(0), np.float32(1), np.float32(2.01), np.float32(3e38)
_TINY, _GREAT = np.float32(1e-15), np.float32(1e15)  # squares are numbers


@intrinsic
def _turn(typing, rows, start, apart, out, to):
    """Write sixteen rows of sixteen numbers as columns."""
    size = types.intp
    signature = types.void(rows, size, size, out, size)

    def generate(context, builder, signature, arguments):
        rows, out = (
            context.make_array(signature.args[k])(context, builder, arguments[k]).data
            for k in (0, 3)
        )
        start, apart, to = (arguments[k] for k in (1, 2, 4))

        def place(array, at):
            return builder.bitcast(builder.gep(array, [at]), _FLOATS.as_pointer())

        values = []
        for r in range(LANES):
            at = builder.add(start, builder.mul(apart, ir.Constant(apart.type, r)))
            values.append(builder.load(place(rows, at), align=4))
        half = LANES // 2
        while half:  # swap the blocks beside the diagonal, then those within blocks
            low = [c + LANES - half if c & half else c for c in range(LANES)]
            high = [c + LANES if c & half else c + half for c in range(LANES)]
            for r in range(LANES):
                if not r & half:
                    a, b = values[r], values[r + half]
                    values[r] = builder.shuffle_vector(a, b, ir.Constant(_INTS, low))
                    values[r + half] = builder.shuffle_vector(a, b, ir.Constant(_INTS, high))
            half //= 2
        for r, value in enumerate(values):
            at = builder.add(to, ir.Constant(to.type, r * LANES))
            builder.store(value, place(out, at), align=4)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def _best_two(typing, vectors, words, first, n_codes, n_pairs, out):
    """Write the largest and the second largest sums of two times sixteen vectors."""
    size = types.intp
    signature = types.void(vectors, words, first, size, size, out)

    def generate(context, builder, signature, arguments):
        vectors, words, first, out = (
            context.make_array(signature.args[k])(context, builder, arguments[k]).data
            for k in (0, 1, 2, 5)
        )
        n_codes, n_pairs = arguments[3:5]
        kind = n_pairs.type

        def number(value):
            return ir.Constant(kind, value)

        def load(array, at):
            place = builder.bitcast(builder.gep(array, [at]), _INTS.as_pointer())
            return builder.load(place, align=4)

        def larger(a, b, sign=">"):
            return builder.select(builder.icmp_signed(sign, a, b), a, b)

        half = builder.mul(n_pairs, number(LANES))
        before = builder.block
        codes, pairs, done, after = (
            builder.append_basic_block(name) for name in ("codes", "pairs", "done", "after")
        )
        builder.branch(codes)
        builder.position_at_end(codes)
        k = builder.phi(kind)
        best = [builder.phi(_INTS) for _ in range(6)]  # first, second and code, of both halves
        starts, names = [], []
        for c in range(_CODES):
            code = builder.add(k, number(c))
            start = builder.load(builder.gep(first, [code]))
            starts.append(_spread(builder, start, _INTS))
            names.append(_spread(builder, builder.trunc(code, _INT), _INTS))
        word = builder.mul(k, n_pairs)
        rows = [
            builder.gep(words, [builder.add(word, builder.mul(n_pairs, number(c)))])
            for c in range(_CODES)
        ]
        builder.branch(pairs)
        builder.position_at_end(pairs)
        j = builder.phi(kind)
        sums = [[builder.phi(_INTS) for _ in range(2)] for _ in range(_CODES)]
        at = builder.mul(j, number(LANES))
        both = load(vectors, at), load(vectors, builder.add(at, half))
        added = []
        for c in range(_CODES):
            two = _spread(builder, builder.load(builder.gep(rows[c], [j])), _INTS)
            name = "llvm.x86.avx512.vpdpwssd.512"
            added.append([
                _call(builder, name, _INTS, total, x, two)
                for total, x in zip(sums[c], both, strict=True)
            ])  # fmt: skip
        following = builder.add(j, number(1))
        j.add_incoming(number(0), codes)
        j.add_incoming(following, pairs)
        for c in range(_CODES):
            for h in range(2):
                sums[c][h].add_incoming(starts[c], codes)
                sums[c][h].add_incoming(added[c][h], pairs)
        builder.cbranch(builder.icmp_signed("<", following, n_pairs), pairs, done)
        builder.position_at_end(done)
        new = list(best)
        for c in range(_CODES):
            for h in range(2):
                least = larger(new[h], added[c][h], "<")
                new[2 + h] = larger(new[2 + h], least)
                higher = builder.icmp_signed(">", added[c][h], new[h])
                new[4 + h] = builder.select(higher, names[c], new[4 + h])
                new[h] = larger(new[h], added[c][h])
        later = builder.add(k, number(_CODES))
        k.add_incoming(number(0), before)
        k.add_incoming(later, done)
        nothing = ir.Constant(_INTS, [-(2**31)] * LANES)
        for old, value in zip(best, new, strict=True):
            old.add_incoming(nothing, before)
            old.add_incoming(value, done)
        builder.cbranch(builder.icmp_signed("<", later, n_codes), codes, after)
        builder.position_at_end(after)
        for q, value in enumerate(new):
            place = builder.gep(out, [number(q * LANES)])
            builder.store(value, builder.bitcast(place, _INTS.as_pointer()), align=4)
        return context.get_dummy_value()

    return signature, generate


_round, _floor, _root = _each("rint"), _each("floor"), _each("sqrt")


@intrinsic
def _over(typing, a, b):
    """Divide."""
    return floats(floats, floats), lambda c, b, s, args: b.fdiv(*args)


@intrinsic
def _between(typing, values, least, most, inside, outside):
    """Choose by whether values lie between two numbers."""

    def generate(context, builder, signature, args):
        values, least, most, inside, outside = args
        above = builder.fcmp_ordered(">", values, _spread(builder, least, _FLOATS))
        below = builder.fcmp_ordered("<", values, _spread(builder, most, _FLOATS))
        outside = _spread(builder, outside, _FLOATS)
        return builder.select(builder.and_(above, below), inside, outside)

    one = types.float32
    return floats(floats, one, one, floats, one), generate


@intrinsic
def _store_pairs(typing, array, at, low, high):
    """Write whole numbers of 16 bits side by side."""

    def generate(context, builder, signature, args):
        array = context.make_array(signature.args[0])(context, builder, args[0])
        low, high = (builder.fptosi(args[k], _INTS) for k in (2, 3))
        low = builder.and_(low, ir.Constant(_INTS, [0xFFFF] * LANES))
        high = builder.shl(high, ir.Constant(_INTS, [16] * LANES))
        place = builder.bitcast(builder.gep(array.data, [args[1]]), _INTS.as_pointer())
        builder.store(builder.or_(low, high), place).align = 4
        return context.get_dummy_value()

    return types.void(array, types.intp, floats, floats), generate


@njit(inline="always")
def _lay_out(columns, n_dims, factor, counts, vectors, to):
    """Write sixteen vectors, in lanes, as pairs of whole numbers; give the squared errors."""
    back = _between(factor, _NONE, _HUGE, _over(_fill(_ONE), factor), _NONE)
    last, errors, minus = _fill(_NONE), _fill(_NONE), _fill(-_ONE)
    for d in range(n_dims):
        values = _load(columns, d * LANES)
        whole = _round(_times(values, factor))
        gap = _fma(_times(whole, minus), back, values)
        errors = _fma(gap, gap, errors)
        if d % 2:
            _store_pairs(vectors, to + d // 2 * LANES, last, whole)
        last = whole
    if n_dims % 2:
        _store_pairs(vectors, to + n_dims // 2 * LANES, last, counts)
    else:
        _store_pairs(vectors, to + n_dims // 2 * LANES, counts, _fill(_NONE))
    return errors


@njit(inline="always")
def _search_one(bias, table, rest, at, n_dims):
    """Find the best code as `quantize_cpu` does."""
    best, place = _fill(np.float32(-np.inf)), _fill_int(np.int32(0))
    for block in range(bias.size // LANES):
        score = _load(bias, block * LANES)
        word = block * n_dims * LANES
        for d in range(n_dims):
            score = _fma(_fill(rest[at + d]), _load(table, word + d * LANES), score)
        here = _fill_int(np.int32(block))
        place, best = _larger_at(score, best, here, place), _larger(score, best)
    return _first_best(best, place)


@njit(cache=True, nogil=True, error_model="numpy")
def search(x, tables, biases, rows, pairs, first, bounds, codes, room):
    n_vectors, n_dims = x.shape
    n_levels, _, n_padded = rows.shape
    n_codes, n_pairs = first.size, n_dims // 2 + 1
    rest, columns, ahead, vectors, best = room
    rounding = np.float32((n_dims + 32) * 2.0**-23)
    for n in range(0, n_vectors, GROUP):
        n_here = min(GROUP, n_vectors - n)
        for r in range(n_here):
            for d in range(n_dims):
                rest[r * n_padded + d] = x[n + r, d]
        for s in range(n_levels):
            longest, nearest, error, heaviest, unit, weight, coarse = bounds[s]
            half = np.float32(0.5) * coarse + rounding * heaviest
            usable = _HUGE if unit > 0 else _NONE
            exact, table, words = biases[s], tables[s].reshape(-1), rows[s].reshape(-1)
            for h in range(2):
                for d in range(0, n_padded, LANES):
                    start = h * LANES * n_padded + d
                    _turn(rest, start, n_padded, columns, d * LANES)
                squares = _fill(_NONE)
                for d in range(n_dims):
                    values = _load(columns, d * LANES)
                    squares = _fma(values, values, squares)
                length = _root(squares)
                size = _larger(length, _fill(weight))
                factor = _between(size, _TINY, _GREAT, _over(_fill(_MOST), size), _NONE)
                counts, steps = _fill(_NONE), unit * coarse
                if steps > 0:  # a whole number of the bias' units
                    counts = _floor(_times(factor, _fill(steps)))
                    factor = _over(counts, _fill(steps))
                gap = _lay_out(columns, n_dims, factor, counts, vectors, h * n_pairs * LANES)
                e = _fma(_root(gap), _fill(nearest), _fill(half))
                e = _fma(length, _fill(error + rounding * longest), e)
                # in units of the sums, and one for what their scale is rounded by
                needed = _fma(_times(factor, _fill(_TWICE * unit)), e, _fill(_ONE))
                _store(ahead, h * LANES, _between(factor, _NONE, usable, needed, _HUGE))
            _best_two(vectors, pairs[s].reshape(-1), first, n_codes, n_pairs, best)
            for r in range(n_here):
                one, two = best[r], best[GROUP + r]
                code = best[2 * GROUP + r]
                if not np.int64(one) - np.int64(two) > ahead[r]:
                    code = _search_one(exact, table, rest, r * n_padded, n_dims)
                codes[n + r, s] = code
                for d in range(0, n_padded, LANES):
                    at = r * n_padded + d
                    left = _fma(_fill(-_ONE), _load(words, code * n_padded + d),
                                _load(rest, at))  # fmt: skip
                    _store(rest, at, left)


def make_room(n_dims):
    """Make what a search works in."""
    n_padded, n_pairs = -(-n_dims // LANES) * LANES, n_dims // 2 + 1
    return (
        np.zeros(GROUP * n_padded, np.float32),  # what is left of the vectors
        np.zeros(LANES * n_padded, np.float32),  # of a half of them, a lane each
        np.zeros(GROUP, np.float32),  # how far ahead is sure
        np.zeros(2 * n_pairs * LANES, np.int32),
        np.zeros(6 * LANES, np.int32),
    )


def round_tables(table, bias, words):
    """Round code words and biases to 16 bits, and say what is lost.

    Parameters
    ----------
    table, words : ndarray of shape (n_levels, n_codes, n_dims), float32
    bias : ndarray of shape (n_levels, n_codes), float32

    Returns
    -------
    rows : ndarray of shape (n_levels, n_codes, n_padded), float32
        What codes take off, filled up with zeros.
    pairs : ndarray of shape (n_levels, n_filled, n_dims // 2 + 1), int32
        Two whole numbers each, the last the bias and nothing.
    first : ndarray of shape (n_filled,), int32
        Where sums begin: those of codes that fill up never win.
    bounds : ndarray of shape (n_levels, 7), float32
        Length of the longest word, of the longest rounded one, of the largest error, largest
        bias; steps to one of a word, length below which biases decide, one of the rounded bias.
    """
    n_levels, n_codes, n_dims = table.shape
    rows = np.zeros((n_levels, n_codes, -(-n_dims // LANES) * LANES), np.float32)
    rows[..., :n_dims] = words
    exact = table.astype(np.float64)
    length = np.sqrt((exact**2).sum(-1)).max(-1)
    heaviest = np.abs(bias).max(-1).astype(np.float64)
    sound = (length > 1e-15) & (length < 1e15) & (heaviest < 1e30)
    unit = np.where(sound, float(_MOST) / np.where(sound, length, 1), 0).astype(np.float32)
    per = np.where(unit > 0, unit, 1).astype(np.float64)[:, None, None]
    whole = np.where(sound[:, None, None], np.rint(exact * per), 0)
    near = whole / per
    coarse = np.where(sound, heaviest / float(_MOST), 0).astype(np.float32)
    counts = np.rint(bias / np.where(coarse > 0, coarse, 1).astype(np.float64)[:, None])
    counts = np.clip(np.where((coarse > 0)[:, None], counts, 0), -(2**15) + 1, 2**15 - 1)
    n_filled = -(-n_codes // _CODES) * _CODES
    numbers = np.zeros((n_levels, n_filled, n_dims // 2 + 1, 2), np.int64)
    flat = numbers.reshape(n_levels, n_filled, -1)
    flat[:, :n_codes, :n_dims], flat[:, :n_codes, n_dims] = whole, counts
    pairs = (numbers[..., 0] & 0xFFFF) | (numbers[..., 1] << 16)
    first = np.full(n_filled, -(2**31), np.int64)
    first[:n_codes] = 0
    bounds = np.zeros((n_levels, 7), np.float32)
    for k, values in enumerate((exact, near, exact - near)):
        bounds[:, k] = np.sqrt((values**2).sum(-1)).max(-1) * 1.0001
    bounds[:, 3], bounds[:, 4], bounds[:, 6] = heaviest, unit, coarse
    bounds[:, 5] = np.where(length > 0, heaviest / np.where(length > 0, length, 1), 0)
    return rows, pairs.astype(np.int32), first.astype(np.int32), bounds
