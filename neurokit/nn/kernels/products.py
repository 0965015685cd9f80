# mypy: allow-untyped-defs, disable-error-code="call-arg, import-untyped, var-annotated"
"""Matrix products that run inside the passes over time, where rows still lie in the cache.

A tile of the result, four rows by a panel of columns, stays in vector registers while the sum
runs. Loops that the compiler vectorises by itself reach a fifth of this speed; library products
reach half on some processors, and cannot be called step by step without paying for it each time.

Spikes are mostly zeros. Where few items are not, sparse forms list these and add them
alone, in the same order: as zeros add nothing, the sums of whole tiles are the same to the bit.
"""

import ctypes
import math
from functools import cache

import numpy as np
from llvmlite import ir
from numba import cfunc, types
from numba.extending import intrinsic
from numba.np.numpy_support import from_dtype

from neurokit.nn.kernels.columns import add, clear
from neurokit.nn.kernels.vectors import (
    ROWS,
    VECTOR,
    VECTORS,
    add_listed,
    add_listed_twice,
    add_outer,
    add_outer_twice,
    add_tile,
    count_ones,
    lowest_one,
    nonzero,
    panel_columns,
    place,
)

_FAST = {"contract"}
PLAIN, SPARSE, TRANSPOSED, SPARSE_TRANSPOSED = range(4)  # forms of a product
_SPARSE = 4  # one item in so many: adding a listed one takes about twice as long


def panel_width(dtype):
    """Return the number of columns of a panel, for a floating type of NumPy."""
    return VECTOR * VECTORS // dtype.itemsize


def aligned(n, dtype):
    """Make zeros that begin with a cache line: a vector across two of them is loaded twice."""
    dtype = np.dtype(dtype)
    room = np.zeros(n + VECTOR // dtype.itemsize, dtype)
    start = -room.ctypes.data % VECTOR // dtype.itemsize
    return room[start : start + n]


def panels(matrix):
    """Lay out a (row, column) matrix as panels of columns, (panel, row, column), flat.

    In this layout the sums read memory in one direction. The last panel ends with zeros.
    """
    n_rows, n_columns = matrix.shape
    width = panel_width(matrix.dtype)
    shape = -(-n_columns // width), n_rows, width
    out = aligned(math.prod(shape), matrix.dtype).reshape(shape)
    for p, panel in enumerate(out):
        part = matrix[:, p * width : (p + 1) * width]
        panel[:, : part.shape[1]] = part
    return out.reshape(-1)


def _multiply(a, n_rows, n_steps, b, out, n_columns, edge, listed, form):
    """Do `add_product`, with places in memory for arrays."""
    width = panel_columns(a)
    lanes, transposed = width // VECTORS, form >= TRANSPOSED
    length, lines = (n_rows, n_steps) if transposed else (n_steps, n_rows)
    a_row, a_step = (1, n_rows) if transposed else (n_steps, 1)
    b_panel, b_step = (width, n_columns) if transposed else (width * n_steps, width)
    whole = 0  # panels that only items that are not zero are added to
    if form in (SPARSE, SPARSE_TRANSPOSED):
        there = 0  # the last part of a vector is not looked at
        for first in range(0, n_rows * n_steps - lanes + 1, lanes):
            there += count_ones(nonzero(a, first))
        if _SPARSE * there <= n_rows * n_steps:
            whole = n_columns // width
    for p in range(whole, (n_columns + width - 1) // width):
        to, n_here = place(out, p * width), min(width, n_columns - p * width)
        r = 0
        while r < n_rows:
            # The last rows are too few for a tile: each fills one with copies of itself.
            count = ROWS if n_rows - r >= ROWS else 1
            apart = count < ROWS or n_here < width
            if apart:
                clear(ROWS * width, edge, 0)
            add_tile(
                place(a, r * a_row), a_row if count == ROWS else 0, a_step,
                place(b, p * b_panel), b_step,
                edge if apart else place(to, r * n_columns), width if apart else n_columns,
                n_steps,
            )  # fmt: skip
            if apart:
                for q in range(count):
                    add(n_here, edge, q * width, to, (r + q) * n_columns)
            r += count
    for line in range(lines if whole > 0 else 0):
        row = place(a, line * length)
        n, in_vectors = 0, length - length % lanes  # how many items are listed
        for first in range(0, in_vectors, 64):
            bits = np.uint64(0)  # of up to 64 items at once: each end of the loop is a wrong guess
            for k in range(first, min(first + 64, in_vectors), lanes):
                bits |= nonzero(row, k) << np.uint64(k - first)
            while bits:
                listed[n] = first + lowest_one(bits)
                bits &= bits - np.uint64(1)
                n += 1
        for k in range(in_vectors, length):
            if row[k] != 0:
                listed[n] = k
                n += 1
        for p in range(0, whole, 2):
            twice = p + 1 < whole
            if transposed:
                columns, to = place(b, line * n_columns + p * width), place(out, p * width)
                if twice:
                    add_outer_twice(row, listed, n, columns, to, n_columns)
                else:
                    add_outer(row, listed, n, columns, to, n_columns)
            else:
                columns, to = place(b, p * b_panel), place(out, line * n_columns + p * width)
                if twice:
                    add_listed_twice(row, listed, n, columns, width, b_panel, to)
                else:
                    add_listed(row, listed, n, columns, width, b_panel, to)


@cache
def multiplier(dtype):
    """Return the address of `_multiply` for a floating type of NumPy, compiled when first asked.

    The passes call it there: whatever they would link is optimised anew in each of them.
    """
    number, size = types.CPointer(from_dtype(dtype)), types.intp
    listed = types.CPointer(types.uint32)
    kinds = number, size, size, number, number, size, number, listed, size
    compiled = cfunc(types.void(*kinds), cache=True, fastmath=_FAST, error_model="numpy")
    return compiled(_multiply).address


@intrinsic
def multiply(_, address, a, n_rows, n_steps, b, out, n_columns, edge, listed, form):
    """Call what `multiplier` returns, with places for arrays."""
    size = types.intp
    kinds = size, a, size, size, b, out, size, edge, listed, size
    signature = types.void(*kinds)

    def generate(context, builder, signature, given):
        kind = ir.FunctionType(ir.VoidType(), [value.type for value in given[1:]])
        builder.call(builder.inttoptr(given[0], kind.as_pointer()), given[1:])
        return context.get_dummy_value()

    return signature, generate


_PLACE, _SIZE = ctypes.c_void_p, ctypes.c_ssize_t
_CALL = ctypes.CFUNCTYPE(
    None, _PLACE, _SIZE, _SIZE, _PLACE, _PLACE, _SIZE, _PLACE, _PLACE, _SIZE
)  # fmt: skip


def add_product(a, n_rows, n_steps, b, out, n_columns, form=PLAIN):
    """Add ``a @ b`` to `out`: contiguous arrays of one floating type, whatever their shapes.

    In the plain forms `b` is laid out by `panels`; in the transposed ones ``a.T`` is meant, of
    (step, row), `b` is of (step, column), and up to one panel past its end is read. In the sparse
    forms `a` may hold mostly zeros.
    """
    edge = np.empty(ROWS * panel_width(a.dtype), a.dtype)  # four rows of one panel to work in
    listed = np.empty(max(n_rows, n_steps), np.uint32)
    places = [x.ctypes.data for x in (a, b, out, edge, listed)]
    at_a, at_b, at_out, *room = places
    call = _CALL(multiplier(edge.dtype))
    call(at_a, n_rows, n_steps, at_b, at_out, n_columns, *room, form)
