"""Convolutions of three or two taps along time with fewer multiplications, ELU on the way.

Four outputs of three taps come of six products in place of twelve (Winograd 1980), four of two
taps of five in place of eight: inputs are mixed, multiplied with mixed weights, and mixed again. A
*group* is the four outputs of one row, as many samples apart as the convolution is dilated. Some
groups are taken through all that belongs together, so that only inputs and outputs leave the
second-level cache. Rounding is two or three times that of plain sums, and within a group what is
loud rounds what came before it.
"""
# mypy: ignore-errors

import math

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from neurokit.nn.kernels.registers import (
    _FLOATS,
    _INT,
    _INTS,
    LANES,
    _call,
    _fill,
    _fma,
    _load,
    _spread,
    _store,
    _total,
    floats,
)

GROUPS = 32  # that are taken through together
ROWS = 8 if llvmlite.binding.get_host_cpu_features().get("avx512f") else 2  # of a tile
_LEAST = -87.0  # exp of less is no normal number
# Two to the power of -.5 to .5, to 8e-8 of it in float32, exact at 0.
_POWERS = (1.0, 0.6931471824645996, 0.24022647738456726, 0.055503323674201965)
_POWERS += (0.00961843691766262, 0.0013398875016719103, 0.00015353361959569156)
_P0, _P2, _P4, _P8 = np.float32(0), np.float32(2), np.float32(4), np.float32(8)
_M2, _M3, _M4, _M5 = np.float32(-2), np.float32(-3), np.float32(-4), np.float32(-5)


def _tile(n_vectors):
    """Make what writes a product of `ROWS` rows and one panel of that many vectors."""

    @intrinsic
    def multiply(_, a, a_at, a_row, b, b_at, out, out_at, n_steps):
        size = types.intp
        signature = types.void(a, size, size, b, size, out, size, size)

        def generate(context, builder, signature, arguments):
            a, b, out = (
                context.make_array(signature.args[k])(context, builder, arguments[k]).data
                for k in (0, 3, 5)
            )
            a_at, a_row, b_at, out_at, n_steps = (arguments[k] for k in (1, 2, 4, 6, 7))
            kind = n_steps.type

            def place(array, at, vector):
                at = builder.add(at, ir.Constant(kind, vector * LANES))
                return builder.bitcast(builder.gep(array, [at]), _FLOATS.as_pointer())

            rows = [builder.mul(a_row, ir.Constant(kind, r)) for r in range(ROWS)]
            starts = [builder.gep(a, [builder.add(a_at, row)]) for row in rows]
            before = builder.block
            loop = builder.append_basic_block("sum")
            after = builder.append_basic_block("summed")
            builder.branch(loop)
            builder.position_at_end(loop)
            step = builder.phi(kind)
            sums = [[builder.phi(_FLOATS) for _ in range(n_vectors)] for _ in rows]
            now = builder.add(b_at, builder.mul(step, ir.Constant(kind, n_vectors * LANES)))
            columns = [builder.load(place(b, now, c), align=4) for c in range(n_vectors)]
            added = []
            for start, row in zip(starts, sums, strict=True):
                one = _spread(builder, builder.load(builder.gep(start, [step])), _FLOATS)
                pairs = zip(columns, row, strict=True)
                name = f"llvm.fma.v{LANES}f32"
                added.append([_call(builder, name, _FLOATS, one, c, s) for c, s in pairs])
            following = builder.add(step, ir.Constant(kind, 1))
            step.add_incoming(ir.Constant(kind, 0), before)
            step.add_incoming(following, loop)
            zeros = ir.Constant(_FLOATS, [0.0] * LANES)
            for row, new in zip(sums, added, strict=True):
                for total, value in zip(row, new, strict=True):
                    total.add_incoming(zeros, before)
                    total.add_incoming(value, loop)
            builder.cbranch(builder.icmp_signed("<", following, n_steps), loop, after)
            builder.position_at_end(after)
            for r, new in enumerate(added):
                for c, value in enumerate(new):
                    builder.store(value, place(out, out_at, r * n_vectors + c), align=4)
            return context.get_dummy_value()

        return signature, generate

    return multiply


_multiply_two, _multiply_three = _tile(2), _tile(3)


@intrinsic
def _add(typing, a, b):
    return floats(floats, floats), lambda c, b, s, args: b.fadd(*args)


@intrinsic
def _less(typing, a, b):
    """Subtract."""
    return floats(floats, floats), lambda c, b, s, args: b.fsub(*args)


@intrinsic
def _elu(typing, values):
    """Keep what is positive; give exp(x) - 1 of the rest. NaN stays."""

    def generate(context, builder, signature, args):
        def each(value):
            return ir.Constant(_FLOATS, [value] * LANES)

        def fma(a, b, c):
            return _call(builder, f"llvm.fma.v{LANES}f32", _FLOATS, a, b, c)

        (x,) = args
        held = builder.select(builder.fcmp_ordered(">", x, each(_LEAST)), x, each(_LEAST))
        halves = builder.fmul(held, each(1 / math.log(2)))
        whole = _call(builder, f"llvm.rint.v{LANES}f32", _FLOATS, halves)
        rest = builder.fsub(halves, whole)
        series = each(_POWERS[-1])
        for factor in reversed(_POWERS[:-1]):
            series = fma(series, rest, each(factor))
        if ROWS > 2:
            kinds = [_FLOATS, _FLOATS, _FLOATS, ir.IntType(LANES), _INT]
            kind = ir.FunctionType(_FLOATS, kinds)
            name = "llvm.x86.avx512.mask.scalef.ps.512"
            scale = cgutils.get_or_insert_function(builder.module, kind, name)
            every, rounding = ir.Constant(ir.IntType(LANES), -1), ir.Constant(_INT, 4)
            power = builder.call(scale, [series, whole, series, every, rounding])
        else:
            exponent = builder.shl(builder.fptosi(whole, _INTS), ir.Constant(_INTS, [23] * LANES))
            power = builder.add(builder.bitcast(series, _INTS), exponent)
            power = builder.bitcast(power, _FLOATS)
        below = builder.fsub(power, each(1.0))
        return builder.select(builder.fcmp_ordered("<", x, each(0.0)), below, x)

    return floats(floats), generate


_INSIDE = {"cache": True, "error_model": "numpy", "no_cpython_wrapper": True}
_INSIDE["no_cfunc_wrapper"] = True


@njit(**_INSIDE)
def _multiply(a, a_at, a_row, b, b_at, out, out_at, n_steps, n_vectors):
    if n_vectors == 3:
        _multiply_three(a, a_at, a_row, b, b_at, out, out_at, n_steps)
    else:
        _multiply_two(a, a_at, a_row, b, b_at, out, out_at, n_steps)


@njit(cache=True, nogil=True, error_model="numpy")
def elu_rows(x, out, first, last):
    """Write ELU of the items from ``first`` to ``last``, whole vectors of them."""
    for k in range(first, last, LANES):
        _store(out, k, _elu(_load(x, k)))


@njit(**_INSIDE)
def _mix_three(e, base, apart, u, to, part, width):
    """Mix six samples of a row for the products of a convolution of three taps."""
    minus_two, four, minus_four, minus_five = _fill(_M2), _fill(_P4), _fill(_M4), _fill(_M5)
    two = _fill(_P2)
    for v in range(0, width, LANES):
        at = base + v
        d0, d1, d2 = _load(e, at), _load(e, at + apart), _load(e, at + 2 * apart)
        d3, d4, d5 = _load(e, at + 3 * apart), _load(e, at + 4 * apart), _load(e, at + 5 * apart)
        a, b = _fma(minus_four, d2, d4), _fma(minus_four, d1, d3)
        c, f = _less(d4, d2), _less(d3, d1)
        at = to + v
        _store(u, at, _fma(four, d0, _fma(minus_five, d2, d4)))
        _store(u, at + part, _add(a, b))
        _store(u, at + 2 * part, _less(a, b))
        _store(u, at + 3 * part, _fma(two, f, c))
        _store(u, at + 4 * part, _fma(minus_two, f, c))
        _store(u, at + 5 * part, _fma(four, d1, _fma(minus_five, d3, d5)))


@njit(**_INSIDE)
def _mix_two(e, base, apart, u, to, part, width):
    """Mix five samples of a row for the products of a convolution of two taps."""
    two, minus_two, minus_three = _fill(_P2), _fill(_M2), _fill(_M3)
    for v in range(0, width, LANES):
        at = base + v
        d0, d1, d2 = _load(e, at), _load(e, at + apart), _load(e, at + 2 * apart)
        d3, d4 = _load(e, at + 3 * apart), _load(e, at + 4 * apart)
        at = to + v
        _store(u, at, _add(_fma(minus_two, d2, _less(d3, d1)), _add(d0, d0)))
        _store(u, at + part, _less(_fma(minus_two, d1, d3), d2))
        _store(u, at + 2 * part, _fma(two, d1, _fma(minus_three, d2, d3)))
        _store(u, at + 3 * part, _less(d3, d1))
        _store(u, at + 4 * part, _fma(two, _less(d1, d3), _less(d4, d2)))


@njit(cache=True, nogil=True, error_model="numpy")
def convolve_three(
    x, e, n_apart, width, n_in, n_vectors, first, last, w, bias, point, point_bias, room
):
    """Add to ``x`` what a residual unit adds: three taps of ``e``, ELU, and a product.

    Groups ``first`` to ``last`` alone; ``n_apart`` rows of ``width`` lie between taps, and ``e``
    (ELU of ``x``) begins two taps earlier than ``x``.
    """
    u, m, y = room
    columns, apart, part = n_vectors * LANES, n_apart * width, GROUPS * width
    tile, panel = ROWS * columns, n_in * columns
    four, eight, two = _fill(_P4), _fill(_P8), _fill(_P2)
    for start in range(first, last, GROUPS):
        n = min(GROUPS, last - start)
        for q in range(n):
            base = ((start + q) // n_apart * 4 * n_apart + (start + q) % n_apart) * width
            _mix_three(e, base, apart, u, q * width, part, width)
        for c in range(0, width, columns):
            weights = c // columns * 6 * panel
            for r in range(0, n, ROWS):
                for j in range(6):
                    _multiply(
                        u, j * part + r * width, width, w, weights + j * panel, m, j * tile,
                        n_in, n_vectors,
                    )  # fmt: skip
                for q in range(ROWS):
                    to = (r + q) * width + c
                    for v in range(0, columns, LANES):
                        at = q * columns + v
                        m1, m2 = _load(m, at + tile), _load(m, at + 2 * tile)
                        m3, m4 = _load(m, at + 3 * tile), _load(m, at + 4 * tile)
                        b = _load(bias, c + v)
                        p, k, f, s = _add(m1, m2), _less(m1, m2), _add(m3, m4), _less(m3, m4)
                        p, k = _add(p, b), _add(k, b)
                        _store(y, to + v, _add(_load(m, at), _add(p, f)))
                        _store(y, to + v + part, _fma(two, s, k))
                        _store(y, to + v + 2 * part, _fma(four, f, p))
                        k = _fma(eight, s, k)
                        _store(y, to + v + 3 * part, _add(_load(m, at + 5 * tile), k))
        for i in range(4):
            for k in range(i * part, i * part + n * width, LANES):
                _store(y, k, _elu(_load(y, k)))
        for c in range(0, width, columns):
            for i in range(4):
                for r in range(0, n, ROWS):
                    _multiply(
                        y, i * part + r * width, width, point, c // columns * panel, m, 0, n_in,
                        n_vectors,
                    )  # fmt: skip
                    for q in range(min(ROWS, n - r)):
                        g = start + r + q
                        row = (g // n_apart * 4 + i) * n_apart + g % n_apart
                        for v in range(0, columns, LANES):
                            to = row * width + c + v
                            new = _add(_load(m, q * columns + v), _load(point_bias, c + v))
                            _store(x, to, _add(_load(x, to), new))


@njit(cache=True, nogil=True, error_model="numpy")
def convolve_two(e, y, n_rows, width, n_in, wide, stride, n_vectors, first, last, w, bias, room):
    """Write to ``y`` (rows of ``wide``) the ``stride`` samples for each one of ``e``."""
    u, m = room
    columns, apart, part = n_vectors * LANES, n_rows * width, GROUPS * width
    tile, panel = ROWS * columns, n_in * columns
    four, eight, two = _fill(_P4), _fill(_P8), _fill(_P2)
    for start in range(first, last, GROUPS):
        n = min(GROUPS, last - start)
        for q in range(n):
            base = ((start + q) // n_rows * 4 * n_rows + (start + q) % n_rows) * width
            _mix_two(e, base, apart, u, q * width, part, width)
        for c in range(0, stride * wide, columns):
            weights, k, inside = c // columns * 5 * panel, c // wide, c % wide
            for r in range(0, n, ROWS):
                for j in range(5):
                    _multiply(
                        u, j * part + r * width, width, w, weights + j * panel, m, j * tile,
                        n_in, n_vectors,
                    )  # fmt: skip
                for q in range(min(ROWS, n - r)):
                    g = start + r + q
                    row = (g // n_rows * 4 * stride + k) * n_rows + g % n_rows
                    step = stride * n_rows * wide
                    for v in range(0, columns, LANES):
                        at, to = q * columns + v, row * wide + inside + v
                        b, m3 = _load(bias, inside + v), _load(m, at + 3 * tile)
                        m1, m2 = _load(m, at + tile), _load(m, at + 2 * tile)
                        p, f = _add(_add(m1, m2), b), _add(_less(m1, m2), b)
                        _store(y, to, _add(_load(m, at), _add(p, m3)))
                        _store(y, to + step, _fma(two, m3, f))
                        _store(y, to + 2 * step, _fma(four, m3, p))
                        f = _fma(eight, m3, f)
                        _store(y, to + 3 * step, _add(_load(m, at + 4 * tile), f))


@njit(cache=True, nogil=True, error_model="numpy")
def convolve_to_one(e, y, n_rows, width, first, last, w, bias):
    """Write the items ``first`` to ``last`` of ``y``: all taps of ``w`` (tap, width)."""
    for start in range(first, last, 4):
        n = min(start, last - 4)  # the last four begin earlier; less than four are left alone
        if n < first:
            for n in range(first, last):
                total = _fill(_P0)
                for k in range(w.size // width):
                    at = (n + k * n_rows) * width
                    for v in range(0, width, LANES):
                        total = _fma(_load(e, at + v), _load(w, k * width + v), total)
                y[n] = _total(total) + bias
            return
        s0 = s1 = s2 = s3 = _fill(_P0)
        for k in range(w.size // width):
            at = (n + k * n_rows) * width
            for v in range(0, width, LANES):
                tap = _load(w, k * width + v)
                s0 = _fma(_load(e, at + v), tap, s0)
                s1 = _fma(_load(e, at + width + v), tap, s1)
                s2 = _fma(_load(e, at + 2 * width + v), tap, s2)
                s3 = _fma(_load(e, at + 3 * width + v), tap, s3)
        y[n], y[n + 1] = _total(s0) + bias, _total(s1) + bias
        y[n + 2], y[n + 3] = _total(s2) + bias, _total(s3) + bias
