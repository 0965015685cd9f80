"""Sixteen numbers in a vector register: what the searches on the processor are made of.

Numba's own vectoriser does not find these forms; LLVM maps sixteen lanes to whatever the processor
has.
"""
# mypy: ignore-errors

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

LANES = 16
ROWS = 4  # vectors that share each load of the codes
_FLOAT, _INT = ir.FloatType(), ir.IntType(32)
_FLOATS, _INTS = ir.VectorType(_FLOAT, LANES), ir.VectorType(_INT, LANES)


class _Floats(types.Type):
    """Sixteen float32 in one vector register."""

    def __init__(self) -> None:
        super().__init__(name="float32x16")


class _Ints(types.Type):
    """Sixteen int32 in one vector register."""

    def __init__(self) -> None:
        super().__init__(name="int32x16")


@register_model(_Floats)
class _FloatsModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, _FLOATS)


@register_model(_Ints)
class _IntsModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, _INTS)


floats, ints = _Floats(), _Ints()


def _call(builder, name, result, *args):
    kind = ir.FunctionType(result, [arg.type for arg in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)


def _spread(builder, value, kind):
    nothing = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(nothing, value, ir.Constant(_INT, 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(_INTS, [0] * LANES))


def _address(context, builder, signature, args):
    array = context.make_array(signature.args[0])(context, builder, args[0])
    return builder.bitcast(builder.gep(array.data, [args[1]]), _FLOATS.as_pointer())


@intrinsic
def _load(typing, array, start):
    """Read ``array[start : start + 16]`` of a flat float32 array."""

    def generate(context, builder, signature, args):
        return builder.load(_address(context, builder, signature, args), align=4)

    return floats(array, types.intp), generate


@intrinsic
def _store(typing, array, start, values):
    """Write ``array[start : start + 16]``."""

    def generate(context, builder, signature, args):
        address = _address(context, builder, signature, args)
        builder.store(args[2], address, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, floats), generate


@intrinsic
def _fill(typing, value):
    """Copy one float32 to all lanes."""
    return floats(types.float32), lambda c, builder, s, args: _spread(builder, args[0], _FLOATS)


@intrinsic
def _fill_int(typing, value):
    """Copy one int32 to all lanes."""
    return ints(types.int32), lambda c, builder, s, args: _spread(builder, args[0], _INTS)


@intrinsic
def _fma(typing, a, b, c):
    """Compute ``a * b + c`` with one rounding."""

    def generate(context, builder, signature, args):
        return _call(builder, f"llvm.fma.v{LANES}f32", _FLOATS, *args)

    return floats(floats, floats, floats), generate


@intrinsic
def _larger(typing, a, b):
    """Keep ``a`` where it is larger, else ``b``."""

    def generate(context, builder, signature, args):
        return builder.select(builder.fcmp_ordered(">", args[0], args[1]), args[0], args[1])

    return floats(floats, floats), generate


@intrinsic
def _larger_at(typing, a, b, i, j):
    """Keep ``i`` where ``a`` is larger than ``b``, else ``j``."""

    def generate(context, builder, signature, args):
        return builder.select(builder.fcmp_ordered(">", args[0], args[1]), args[2], args[3])

    return ints(floats, floats, ints, ints), generate


@intrinsic
def _times(typing, a, b):
    """Multiply."""
    return floats(floats, floats), lambda c, b, s, args: b.fmul(*args)


def _by_halves(join):
    """Make what joins all lanes to one float32: halves, then halves of these."""

    @intrinsic
    def apply(typing, values):
        def generate(context, builder, signature, args):
            values, half = args[0], LANES // 2
            while half:
                order = [(lane + half) % LANES for lane in range(LANES)]
                other = builder.shuffle_vector(values, values, ir.Constant(_INTS, order))
                values, half = join(builder, values, other), half // 2
            return builder.extract_element(values, ir.Constant(_INT, 0))

        return types.float32(floats), generate

    return apply


def _larger_of(builder, a, b):
    return builder.select(builder.fcmp_ordered(">", b, a), b, a)


_total = _by_halves(lambda builder, a, b: builder.fadd(a, b))
_most = _by_halves(_larger_of)


def _each(name):
    """Make what LLVM's function of that name makes of each lane."""

    @intrinsic
    def apply(typing, values):
        def generate(context, builder, signature, args):
            return _call(builder, f"llvm.{name}.v{LANES}f32", _FLOATS, *args)

        return floats(floats), generate

    return apply


@intrinsic
def _maximum(typing, values):
    """Find the largest lane."""

    def generate(context, builder, signature, args):
        return _call(builder, f"llvm.vector.reduce.fmax.v{LANES}f32", _FLOAT, args[0])

    return types.float32(floats), generate


@intrinsic
def _first_best(typing, values, blocks):
    """Find the code of the largest lane; of equals, the lowest code."""

    def generate(context, builder, signature, args):
        values, blocks = args
        best = _call(builder, f"llvm.vector.reduce.fmax.v{LANES}f32", _FLOAT, values)
        first = builder.mul(blocks, ir.Constant(_INTS, [LANES] * LANES))
        codes = builder.add(first, ir.Constant(_INTS, list(range(LANES))))
        equal = builder.fcmp_ordered("==", values, _spread(builder, best, _FLOATS))
        none = ir.Constant(_INTS, [2**31 - 1] * LANES)
        codes = builder.select(equal, codes, none)
        return _call(builder, f"llvm.vector.reduce.umin.v{LANES}i32", _INT, codes)

    return types.int32(floats, ints), generate


@intrinsic
def _scores(typing, bias, bias_at, table, table_at, rows, rows_at, n_dims):
    """Score sixteen codes for four vectors: ``bias + sum_d rows[4 d + j] * table[16 d :]``.

    Fused multiply-adds in the order of ``d``; the items of an array begin at the place after it.
    """
    size = types.intp
    result = types.UniTuple(floats, ROWS)
    signature = result(bias, size, table, size, rows, size, size)

    def generate(context, builder, signature, args):
        bias, table, rows = (
            builder.gep(
                context.make_array(signature.args[k])(context, builder, args[k]).data,
                [args[k + 1]],
            )
            for k in (0, 2, 4)
        )
        begin = builder.load(builder.bitcast(bias, _FLOATS.as_pointer()), align=4)
        n_dims = args[6]
        before = builder.block
        loop, after = builder.append_basic_block("dims"), builder.append_basic_block("scored")
        none = ir.Constant(n_dims.type, 0)
        builder.cbranch(builder.icmp_signed("<", none, n_dims), loop, after)
        builder.position_at_end(loop)
        d = builder.phi(n_dims.type)
        sums = [builder.phi(_FLOATS) for _ in range(ROWS)]
        codes = builder.gep(table, [builder.mul(d, ir.Constant(d.type, LANES))])
        codes = builder.load(builder.bitcast(codes, _FLOATS.as_pointer()), align=4)
        first = builder.mul(d, ir.Constant(d.type, ROWS))
        added = []
        for j, total in enumerate(sums):
            at = builder.add(first, ir.Constant(d.type, j))
            one = _spread(builder, builder.load(builder.gep(rows, [at])), _FLOATS)
            added.append(_call(builder, f"llvm.fma.v{LANES}f32", _FLOATS, one, codes, total))
        following = builder.add(d, ir.Constant(d.type, 1))
        d.add_incoming(none, before)
        d.add_incoming(following, loop)
        for total, more in zip(sums, added, strict=True):
            total.add_incoming(begin, before)
            total.add_incoming(more, loop)
        builder.cbranch(builder.icmp_signed("<", following, n_dims), loop, after)
        builder.position_at_end(after)
        totals = [builder.phi(_FLOATS) for _ in sums]
        for total, more in zip(totals, added, strict=True):
            total.add_incoming(begin, before)
            total.add_incoming(more, loop)
        return context.make_tuple(builder, signature.return_type, totals)

    return signature, generate
