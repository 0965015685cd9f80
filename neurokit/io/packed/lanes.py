# mypy: allow-untyped-defs, disable-error-code="import-untyped, attr-defined, misc, call-arg"
"""Whole numbers side by side in vector registers: what the loops of the coders are made of.

Numba's own vectoriser widens them to 64 bits, or does not see them. Each operation stands here as
the Python that defines it; compiled code takes the form for LLVM below it.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

LANES = 16
ROW = 32  # entries of a row of a table, 24 of them used
_PARTS = ((0, 16), (16, 8))
_SHORT, _INT, _LONG, _WIDE = (ir.IntType(n) for n in (16, 32, 64, 128))
_SHORTS, _INTS = ir.VectorType(_SHORT, LANES), ir.VectorType(_INT, LANES)
_PAIRS = ir.VectorType(_LONG, LANES // 2)


def adapt_and_sum(weights, w_at, gain, z, old, new, n):
    """Add ``gain * z[old + i] / 4`` to ``n`` weights; give their product with ``z[new + i]``.

    ``gain`` is of 16 bits, ``n`` a multiple of `LANES`, ``weights`` int32, ``z`` int16.
    """
    here = weights[w_at : w_at + n]
    here += (np.int32(gain) * z[old : old + n].astype(np.int32)) >> 2
    return np.int64(here.astype(np.int64) @ z[new : new + n].astype(np.int64))


def learn_and_sum(weights, w_at, gain, z, old, new, n):
    """Add ``gain * z[old + i]`` to ``n`` weights; sum their high halves times ``z[new + i]``.

    ``gain`` is of 16 bits, ``n`` a multiple of `LANES`, ``weights`` int32, ``z`` int16. The sum
    wraps at 32 bits.
    """
    here = weights[w_at : w_at + n]
    here += np.int32(gain) * z[old : old + n].astype(np.int32)
    return np.int64(((here >> 16) * z[new : new + n]).sum(dtype=np.int32))


def count_up_to(table, row, most):
    """Count the entries of a row of a table (int32, rows of 32, 24 used) of at most ``most``."""
    return int((table[row, :24] <= most).sum())


def move_row(table, row, token, rate, floor, top):
    """Move a row of cumulative shares towards a token, by the difference shifted by ``rate``."""
    j = np.arange(24, dtype=np.int32)
    aim = j * np.int32(floor) + np.where(j > token, np.int32(top), np.int32(0))
    table[row, :24] += (aim - table[row, :24]) >> np.int32(rate)


def count_leading_zeros(number):
    """Count the zeros before the first 1 of a number of 64 bits, 64 for zero."""
    return 64 - int(number).bit_length()


def multiply_high(a, b):
    """Give the high half of the product of two uint64."""
    return np.uint64((int(a) * int(b)) >> 64)


def _data(context, builder, signature, arguments, k):
    array = context.make_array(signature.args[k])
    return array(context, builder, arguments[k]).data


def _load(builder, data, at, kind, align):
    value = builder.load(builder.bitcast(builder.gep(data, [at]), kind.as_pointer()))
    value.align = align
    return value


def _spread(builder, number, n):
    """Return a vector of one number."""
    kind = ir.VectorType(number.type, n)
    none, first = ir.Constant(kind, ir.Undefined), ir.Constant(_INT, 0)
    same = ir.Constant(ir.VectorType(_INT, n), [0] * n)
    return builder.shuffle_vector(builder.insert_element(none, number, first), none, same)


def _same(number):
    return ir.Constant(_PAIRS, [number] * (LANES // 2))


def _multiply_exactly(builder, a, b):
    """Add up the 64-bit products of neighbours in two vectors of int32: exact, in two products."""
    a, b = (builder.bitcast(v, _PAIRS) for v in (a, b))
    half = _same(32)
    even = builder.mul(*(builder.ashr(builder.shl(v, half), half) for v in (a, b)))
    return builder.add(even, builder.mul(*(builder.ashr(v, half) for v in (a, b))))


def _multiply_halves(builder, a, b):
    """Multiply the high halves of a vector of int32 with another."""
    return builder.mul(builder.ashr(a, ir.Constant(_INTS, [16] * LANES)), b)


def _move_and_sum(kind, shift, multiply):
    """Make what moves weights by ``gain * z >> shift``, and sums products in lanes of ``kind``."""

    @intrinsic
    def apply(_, weights, w_at, gain, z, old, new, n):
        size = types.intp
        signature = types.int64(weights, size, types.int16, z, size, size, size)

        def generate(context, builder, signature, arguments):
            weights, z = (_data(context, builder, signature, arguments, k) for k in (0, 3))
            w_at, gain, _, old, new, n = arguments[1:]
            gains = builder.sext(_spread(builder, gain, LANES), _INTS)
            before, zero = builder.block, ir.Constant(n.type, 0)
            none = ir.Constant(kind, [0] * kind.count)
            loop, after = (builder.append_basic_block(name) for name in ("sum", "summed"))
            builder.cbranch(builder.icmp_signed("<", zero, n), loop, after)
            builder.position_at_end(loop)
            i, total = builder.phi(n.type), builder.phi(kind)
            at = builder.add(w_at, i)
            past, now = (
                builder.sext(_load(builder, z, builder.add(first, i), _SHORTS, 2), _INTS)
                for first in (old, new)
            )
            change = builder.mul(gains, past)
            if shift:
                change = builder.ashr(change, ir.Constant(_INTS, [shift] * LANES))
            moved = builder.add(_load(builder, weights, at, _INTS, 4), change)
            place = builder.bitcast(builder.gep(weights, [at]), _INTS.as_pointer())
            builder.store(moved, place).align = 4
            more = builder.add(total, multiply(builder, moved, now))
            following = builder.add(i, ir.Constant(n.type, LANES))
            for value, first, later in ((i, zero, following), (total, none, more)):
                value.add_incoming(first, before)
                value.add_incoming(later, loop)
            builder.cbranch(builder.icmp_signed("<", following, n), loop, after)
            builder.position_at_end(after)
            found = builder.phi(kind)
            found.add_incoming(none, before)
            found.add_incoming(more, loop)
            one = ir.FunctionType(kind.element, [kind])
            name = f"llvm.vector.reduce.add.v{kind.count}i{kind.element.width}"
            add_up = cgutils.get_or_insert_function(builder.module, one, name)
            found = builder.call(add_up, [found])
            return builder.sext(found, _LONG) if kind is _INTS else found

        return signature, generate

    return apply


_adapt_and_sum = _move_and_sum(_PAIRS, 2, _multiply_exactly)
_learn_and_sum = _move_and_sum(_INTS, 0, _multiply_halves)


def _row_parts(context, builder, signature, arguments):
    """Yield the vectors of one row: first entry, length, place and entries."""
    table = _data(context, builder, signature, arguments, 0)
    row = builder.mul(arguments[1], ir.Constant(arguments[1].type, ROW))
    for first, n in _PARTS:
        kind, at = ir.VectorType(_INT, n), builder.add(row, ir.Constant(row.type, first))
        place = builder.bitcast(builder.gep(table, [at]), kind.as_pointer())
        entries = builder.load(place)
        entries.align = 4
        yield first, n, place, entries


@intrinsic
def _count_up_to(_, table, row, most):
    signature = types.intp(table, types.intp, types.int32)

    def generate(context, builder, signature, arguments):
        total = ir.Constant(_LONG, 0)
        for _, n, _, entries in _row_parts(context, builder, signature, arguments):
            small = builder.icmp_signed("<=", entries, _spread(builder, arguments[2], n))
            bits = builder.bitcast(small, ir.IntType(n))
            total = builder.add(total, builder.zext(builder.ctpop(bits), _LONG))
        return total

    return signature, generate


@intrinsic
def _move_row(_, table, row, token, rate, floor, top):
    short = types.int32
    signature = types.void(table, types.intp, short, short, short, short)

    def generate(context, builder, signature, arguments):
        for first, n, place, entries in _row_parts(context, builder, signature, arguments):
            token, rate, floor, top = (_spread(builder, a, n) for a in arguments[2:])
            kind = ir.VectorType(_INT, n)
            j = ir.Constant(kind, list(range(first, first + n)))
            far = builder.select(
                builder.icmp_signed(">", j, token), top, ir.Constant(kind, [0] * n)
            )
            aim = builder.add(builder.mul(j, floor), far)
            moved = builder.add(entries, builder.ashr(builder.sub(aim, entries), rate))
            builder.store(moved, place).align = 4
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def _count_leading_zeros(_, number):
    signature = types.intp(types.int64)
    no = ir.Constant(ir.IntType(1), 0)
    return signature, lambda context, builder, signature, a: builder.ctlz(a[0], no)


@intrinsic
def _multiply_high(_, a, b):
    signature = types.uint64(types.uint64, types.uint64)

    def generate(context, builder, signature, arguments):
        a, b = (builder.zext(value, _WIDE) for value in arguments)
        high = builder.lshr(builder.mul(a, b), ir.Constant(_WIDE, 64))
        return builder.trunc(high, _LONG)

    return signature, generate


@overload(adapt_and_sum, inline="always")
def _(weights, w_at, gain, z, old, new, n):
    return lambda weights, w_at, gain, z, old, new, n: _adapt_and_sum(
        weights, w_at, gain, z, old, new, n
    )


@overload(learn_and_sum, inline="always")
def _(weights, w_at, gain, z, old, new, n):
    return lambda weights, w_at, gain, z, old, new, n: _learn_and_sum(
        weights, w_at, gain, z, old, new, n
    )


@overload(count_up_to, inline="always")
def _(table, row, most):
    return lambda table, row, most: _count_up_to(table, row, most)


@overload(move_row, inline="always")
def _(table, row, token, rate, floor, top):
    return lambda table, row, token, rate, floor, top: _move_row(
        table, row, token, rate, floor, top
    )


@overload(count_leading_zeros, inline="always")
def _(number):
    return lambda number: _count_leading_zeros(number)


@overload(multiply_high, inline="always")
def _(a, b):
    return lambda a, b: _multiply_high(a, b)
