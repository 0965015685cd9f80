# mypy: allow-untyped-defs, disable-error-code="import-untyped, attr-defined, misc, call-arg"
"""One choice of the token coder in vector registers: eight contexts side by side.

A choice looks up what each context expects, weighs that twice, and lets cells and weights learn.
Each step stands here as the Python that defines it; compiled code takes the form for LLVM below
it, with the same integers.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

CONTEXTS = 8
SETTLED = 250  # uses after which a cell keeps its pace
LEARN = 13  # a weight moves by the error times the log odds, shifted by this
_BYTE, _INT, _LONG, _FLOAT = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.FloatType()
_INTS, _LONGS = ir.VectorType(_INT, CONTEXTS), ir.VectorType(_LONG, CONTEXTS)
_FLOATS = ir.VectorType(_FLOAT, CONTEXTS)


def weigh(cells, places, leaf, hinted, stretch, held, odds, weights, row, other):
    """Give what two mixers say of the next bit, in 2**-16 of log odds in 1/256.

    Parameters
    ----------
    cells : ndarray of uint32
        22 bits of probability and 10 of use count.
    places : ndarray of shape (9,), int64
        First cell of each context, and one that is not read.
    leaf, hinted : int
        Which cell from there on; ``hinted`` is that of the context of runs, the fifth.
    stretch : ndarray of shape (4096,), int64
        Log odds of a probability.
    held, odds : ndarray of shape (8,), uint32 and int64
        Set to the cells and their log odds.
    weights : ndarray of int32
    row, other : int
        First weight of either mixer.
    """
    at = places[:CONTEXTS] + leaf
    at[4] += hinted - leaf
    held[:] = cells[at]
    odds[:] = np.where(held & 1023, stretch[held >> 20], 0)
    return (
        int(weights[row : row + CONTEXTS].astype(np.int64) @ odds),
        int(weights[other : other + CONTEXTS].astype(np.int64) @ odds),
    )


def teach(cells, places, leaf, hinted, held, odds, weights, row, other, misses, bit):
    """Let cells and weights learn the bit; ``misses`` are the errors of both mixers in 2**-15."""
    for first, miss in zip((row, other), misses, strict=True):
        change = (odds * miss) >> LEARN
        weights[first : first + CONTEXTS] += change.astype(np.int32)
    old, count = held.astype(np.int64) >> 10, held.astype(np.int64) & 1023
    target = (1 << 22) - 1 if bit else 0
    old += ((target - old) * (131072 // (2 * count + 3))) >> 16
    at = places[:CONTEXTS] + leaf
    at[4] += hinted - leaf
    cells[at] = (old << 10) | np.minimum(count + 1, SETTLED)


def _data(context, builder, signature, arguments, k):
    array = context.make_array(signature.args[k])
    return array(context, builder, arguments[k]).data


def _vector(builder, data, at, kind):
    place = builder.bitcast(builder.gep(data, [at]), kind.as_pointer())
    value = builder.load(place)
    value.align = 4
    return place, value


def _same(kind, number):
    return ir.Constant(kind, [number] * CONTEXTS)


def _spread(builder, number):
    none, first = ir.Constant(_LONGS, ir.Undefined), ir.Constant(_INT, 0)
    same = ir.Constant(_INTS, [0] * CONTEXTS)
    return builder.shuffle_vector(builder.insert_element(none, number, first), none, same)


def _cells(builder, cells, places, leaf, hinted):
    """Yield lane and address of each context's cell."""
    for j in range(CONTEXTS):
        place = builder.load(builder.gep(places, [ir.Constant(_LONG, j)]))
        at = builder.add(place, hinted if j == 4 else leaf)
        yield ir.Constant(_INT, j), builder.gep(cells, [at])


@intrinsic
def _weigh(_, cells, places, leaf, hinted, stretch, held, odds, weights, row, other):
    size = types.intp
    signature = types.UniTuple(types.int64, 2)(
        cells, places, size, size, stretch, held, odds, weights, size, size
    )

    def generate(context, builder, signature, arguments):
        cells, places, stretch, held, odds, weights = (
            _data(context, builder, signature, arguments, k) for k in (0, 1, 4, 5, 6, 7)
        )
        zero = ir.Constant(_LONG, 0)
        found, said = ir.Constant(_INTS, ir.Undefined), ir.Constant(_LONGS, ir.Undefined)
        for lane, address in _cells(builder, cells, places, arguments[2], arguments[3]):
            cell = builder.load(address)
            found = builder.insert_element(found, cell, lane)
            at = builder.zext(builder.lshr(cell, ir.Constant(_INT, 20)), _LONG)
            said = builder.insert_element(said, builder.load(builder.gep(stretch, [at])), lane)
        used = builder.and_(found, _same(_INTS, 1023))
        used = builder.icmp_signed("!=", used, _same(_INTS, 0))
        said = builder.select(used, said, _same(_LONGS, 0))
        said = builder.ashr(builder.shl(said, _same(_LONGS, 32)), _same(_LONGS, 32))
        builder.store(found, _vector(builder, held, zero, _INTS)[0]).align = 4
        builder.store(said, _vector(builder, odds, zero, _LONGS)[0]).align = 8
        kind = ir.FunctionType(_LONG, [_LONGS])
        name = f"llvm.vector.reduce.add.v{CONTEXTS}i64"
        add_up = cgutils.get_or_insert_function(builder.module, kind, name)
        sums = []
        for at in arguments[8:]:
            weight = builder.sext(_vector(builder, weights, at, _INTS)[1], _LONGS)
            sums.append(builder.call(add_up, [builder.mul(weight, said)]))
        return context.make_tuple(builder, signature.return_type, sums)

    return signature, generate


@intrinsic
def _teach(_, cells, places, leaf, hinted, held, odds, weights, row, other, misses, bit):
    size = types.intp
    both = types.UniTuple(types.int64, 2)
    signature = types.void(
        cells, places, size, size, held, odds, weights, size, size, both, types.int64
    )

    def generate(context, builder, signature, arguments):
        cells, places, held, odds, weights = (
            _data(context, builder, signature, arguments, k) for k in (0, 1, 4, 5, 6)
        )
        zero = ir.Constant(_LONG, 0)
        said = _vector(builder, odds, zero, _LONGS)[1]
        said = builder.ashr(builder.shl(said, _same(_LONGS, 32)), _same(_LONGS, 32))
        for k, first in enumerate(arguments[7:9]):
            place, weight = _vector(builder, weights, first, _INTS)
            miss = _spread(builder, builder.extract_value(arguments[9], k))
            miss = builder.ashr(builder.shl(miss, _same(_LONGS, 32)), _same(_LONGS, 32))
            change = builder.ashr(builder.mul(said, miss), _same(_LONGS, LEARN))
            moved = builder.add(weight, builder.trunc(change, _INTS))
            builder.store(moved, place).align = 4
        cell = _vector(builder, held, zero, _INTS)[1]
        old, count = builder.lshr(cell, _same(_INTS, 10)), builder.and_(cell, _same(_INTS, 1023))
        # 131072 / (2 count + 3) is 2**-17 of itself or more away from the next whole number
        twice = builder.add(builder.shl(count, _same(_INTS, 1)), _same(_INTS, 3))
        pace = builder.fdiv(_same(_FLOATS, 131072.0), builder.sitofp(twice, _FLOATS))
        pace = builder.zext(builder.fptosi(pace, _INTS), _LONGS)
        aim = builder.mul(arguments[10], ir.Constant(_LONG, (1 << 22) - 1))
        aim = builder.trunc(_spread(builder, aim), _INTS)
        off = builder.mul(builder.sext(builder.sub(aim, old), _LONGS), pace)
        off = builder.trunc(builder.ashr(off, _same(_LONGS, 16)), _INTS)
        moved = builder.shl(builder.add(old, off), _same(_INTS, 10))
        more = builder.add(count, _same(_INTS, 1))
        full = builder.icmp_signed(">", more, _same(_INTS, SETTLED))
        moved = builder.or_(moved, builder.select(full, _same(_INTS, SETTLED), more))
        for lane, address in _cells(builder, cells, places, arguments[2], arguments[3]):
            builder.store(builder.extract_element(moved, lane), address)
        return context.get_dummy_value()

    return signature, generate


@overload(weigh, inline="always")
def _(cells, places, leaf, hinted, stretch, held, odds, weights, row, other):
    return lambda cells, places, leaf, hinted, stretch, held, odds, weights, row, other: _weigh(
        cells, places, leaf, hinted, stretch, held, odds, weights, row, other
    )


@overload(teach, inline="always")
def _(cells, places, leaf, hinted, held, odds, weights, row, other, misses, bit):
    return lambda cells, places, leaf, hinted, held, odds, weights, row, other, misses, bit: (
        _teach(cells, places, leaf, hinted, held, odds, weights, row, other, misses, bit)
    )
