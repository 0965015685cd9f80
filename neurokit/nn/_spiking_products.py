# mypy: allow-untyped-defs, disable-error-code="call-arg, import-untyped, attr-defined"
"""Matrix products that run inside the passes over time, where rows still lie in the cache.

A tile of the result, four rows by a panel of columns, stays in vector registers while the sum
runs. Loops that the compiler vectorises by itself reach a fifth of this speed, since they write
each partial sum to memory; library products reach half on some processors, and cannot be called
step by step without paying for it each time.
"""

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

_FAST = {"contract"}
_WIDE = bool(llvmlite.binding.get_host_cpu_features().get("avx512f"))
_VECTOR = 64 if _WIDE else 32  # bytes
_VECTORS = 4 if _WIDE else 2  # in a row of the tile: 16 or 8 registers hold its sums
ROWS = 4


def panel_width(dtype):
    """Return the number of columns of a panel, for a floating type of NumPy."""
    return _VECTOR * _VECTORS // dtype.itemsize


def panels(matrix):
    """Lay out a (row, column) matrix as panels of columns, (panel, row, column), flat.

    In this layout the sums read memory in one direction. The last panel ends with zeros.
    """
    n_rows, n_columns = matrix.shape
    width = panel_width(matrix.dtype)
    out = np.zeros((-(-n_columns // width), n_rows, width), matrix.dtype)
    for p, panel in enumerate(out):
        part = matrix[:, p * width : (p + 1) * width]
        panel[:, : part.shape[1]] = part
    return out.reshape(-1)


@intrinsic
def _add_tile(_, a, a_at, a_row, a_step, b, b_at, b_step, out, out_at, out_row, n_steps):
    """Add ``a @ b`` to `ROWS` rows of one panel; the arguments after an array place its items."""
    size = types.intp
    signature = types.void(a, size, size, size, b, size, size, out, size, size, size)

    def generate(context, builder, signature, arguments):
        arrays = [
            context.make_array(signature.args[k])(context, builder, arguments[k]).data
            for k in (0, 4, 7)
        ]
        a, b, out = arrays
        a_at, a_row, a_step = arguments[1:4]
        b_at, b_step = arguments[5:7]
        out_at, out_row, n_steps = arguments[8:]
        number = context.get_value_type(signature.args[0].dtype)
        bits = 64 if isinstance(number, ir.DoubleType) else 32
        lanes = 8 * _VECTOR // bits
        vector = ir.VectorType(number, lanes)
        lane = ir.IntType(32)
        undefined = ir.Constant(vector, ir.Undefined)
        everywhere = ir.Constant(ir.VectorType(lane, lanes), [0] * lanes)

        def index(value):
            return context.get_constant(types.intp, value)

        def place(array, *terms):
            offset = terms[0]
            for term in terms[1:]:
                offset = builder.add(offset, term)
            return builder.gep(array, [offset])

        def load(place):
            value = builder.load(builder.bitcast(place, vector.as_pointer()))
            value.align = bits // 8
            return value

        tile = [
            [
                place(out, out_at, builder.mul(out_row, index(r)), index(c * lanes))
                for c in range(_VECTORS)
            ]
            for r in range(ROWS)
        ]
        start = [[load(p) for p in row] for row in tile]
        before = builder.block
        loop = builder.append_basic_block("sum")
        after = builder.append_basic_block("summed")
        builder.branch(loop)
        builder.position_at_end(loop)
        step = builder.phi(ir.IntType(types.intp.bitwidth))
        sums = [[builder.phi(vector) for _ in row] for row in tile]
        b_now = builder.mul(step, b_step)
        a_now = builder.mul(step, a_step)
        columns = [load(place(b, b_at, b_now, index(c * lanes))) for c in range(_VECTORS)]
        added = []
        for r in range(ROWS):
            one = builder.load(place(a, a_at, a_now, builder.mul(a_row, index(r))))
            one = builder.insert_element(undefined, one, ir.Constant(lane, 0))
            one = builder.shuffle_vector(one, undefined, everywhere)
            added.append(
                [
                    builder.fadd(
                        builder.fmul(one, column, flags=["contract"]), s, flags=["contract"]
                    )
                    for column, s in zip(columns, sums[r], strict=True)
                ]
            )
        following = builder.add(step, index(1))
        step.add_incoming(index(0), before)
        step.add_incoming(following, loop)
        for r in range(ROWS):
            for c in range(_VECTORS):
                sums[r][c].add_incoming(start[r][c], before)
                sums[r][c].add_incoming(added[r][c], loop)
        builder.cbranch(builder.icmp_signed("<", following, n_steps), loop, after)
        builder.position_at_end(after)
        for r in range(ROWS):
            for c in range(_VECTORS):
                p = builder.bitcast(tile[r][c], vector.as_pointer())
                builder.store(added[r][c], p).align = bits // 8
        return context.get_dummy_value()

    return signature, generate


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _panel(
    a, a_at, a_row, a_step, b, b_at, b_step, out, out_at, out_row, n_rows, n_columns, n_steps, edge
):
    """Add a product to one panel of `out`, of which only `n_columns` may be touched."""
    width = edge.size // ROWS
    r = 0
    while r < n_rows:
        # Of the last rows, too few for a tile, each fills a tile with copies of itself.
        count = ROWS if n_rows - r >= ROWS else 1
        inside = count == ROWS and n_columns == width
        target, at, row = edge, 0, width
        if inside:
            target, at, row = out, out_at + r * out_row, out_row
        else:
            edge[:] = 0
        _add_tile(
            a, a_at + r * a_row, a_row if count == ROWS else 0, a_step, b, b_at, b_step,
            target, at, row, n_steps,
        )  # fmt: skip
        if not inside:
            for q in range(count):
                to = out[out_at + (r + q) * out_row :]
                for n in range(n_columns):
                    to[n] += edge[q * width + n]
        r += count


@njit(cache=True, fastmath=_FAST, error_model="numpy", nogil=True)
def add_product(a, a_at, n_rows, n_steps, b, out, out_at, n_columns, edge):
    """Add ``a @ b`` to `out`: flat arrays of rows, from the places `a_at` and `out_at` on.

    `b` is laid out by `panels`; `edge` is four rows of one panel to work in.
    """
    width, one = edge.size // ROWS, np.intp(1)
    for p in range(-(-n_columns // width)):
        first = p * width
        _panel(
            a, a_at, n_steps, one, b, first * n_steps, width, out, out_at + first, n_columns,
            n_rows, min(width, n_columns - first), n_steps, edge,
        )  # fmt: skip


@njit(cache=True, fastmath=_FAST, error_model="numpy", nogil=True)
def add_transposed_product(a, a_at, n_rows, n_steps, b, b_at, out, n_columns, edge):
    """Add ``a.T @ b`` to `out`, for `a` of (step, row) and `b` of (step, column).

    Reads up to one panel past the end of `b`.
    """
    width, one = edge.size // ROWS, np.intp(1)
    for first in range(0, n_columns, width):
        _panel(
            a, a_at, one, n_rows, b, b_at + first, n_columns, out, first, n_columns,
            n_rows, min(width, n_columns - first), n_steps, edge,
        )  # fmt: skip
