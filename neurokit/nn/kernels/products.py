# mypy: allow-untyped-defs, disable-error-code="call-arg"
"""Matrix products that run inside the passes over time, where rows still lie in the cache.

A tile of the result, four rows by a panel of columns, stays in vector registers while the sum
runs. Loops that the compiler vectorises by itself reach a fifth of this speed; library products
reach half on some processors, and cannot be called step by step without paying for it each time.

Spikes are mostly zeros. Where few items are not, `add_sparse_product` lists these and adds them
alone, in the same order: as zeros add nothing, the sums of whole tiles are the same to the bit.
"""

import numpy as np
from numba import njit

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
)

_FAST = {"contract"}
_SPARSE = 4  # one item in so many: adding a listed one takes about twice as long


def inside(function):
    """Compile a loop that only other loops call: a door for Python takes a seventh of the time."""
    options = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return njit(  # type: ignore[call-overload]
        cache=True, fastmath=_FAST, error_model="numpy", **options
    )(function)


def panel_width(dtype):
    """Return the number of columns of a panel, for a floating type of NumPy."""
    return VECTOR * VECTORS // dtype.itemsize


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


@inside
def _panel(
    a, a_at, a_row, a_step, b, b_at, b_step, out, out_at, out_row, n_rows, n_columns, n_steps, edge
):
    """Add a product to one panel of `out`, of which only `n_columns` may be touched."""
    width = edge.size // ROWS
    r = 0
    while r < n_rows:
        # The last rows are too few for a tile: each fills one with copies of itself.
        count = ROWS if n_rows - r >= ROWS else 1
        inside = count == ROWS and n_columns == width
        target, at, row = edge, 0, width
        if inside:
            target, at, row = out, out_at + r * out_row, out_row
        else:
            edge[:] = 0
        add_tile(
            a, a_at + r * a_row, a_row if count == ROWS else 0, a_step, b, b_at, b_step,
            target, at, row, n_steps,
        )  # fmt: skip
        if not inside:
            for q in range(count):
                to = out[out_at + (r + q) * out_row :]
                for n in range(n_columns):
                    to[n] += edge[q * width + n]
        r += count


@inside
def _rest(a, a_at, n_rows, n_steps, b, out, out_at, n_columns, edge, done):
    """Do `add_product` for the panels from number `done` on."""
    width, one = edge.size // ROWS, np.intp(1)
    for first in range(done * width, n_columns, width):
        _panel(
            a, a_at, n_steps, one, b, first * n_steps, width, out, out_at + first, n_columns,
            n_rows, min(width, n_columns - first), n_steps, edge,
        )  # fmt: skip


@inside
def _transposed_rest(a, a_at, n_rows, n_steps, b, b_at, out, n_columns, edge, done):
    """Do `add_transposed_product` for the panels from number `done` on."""
    width, one = edge.size // ROWS, np.intp(1)
    for first in range(done * width, n_columns, width):
        _panel(
            a, a_at, one, n_rows, b, b_at + first, n_columns, out, first, n_columns,
            n_rows, min(width, n_columns - first), n_steps, edge,
        )  # fmt: skip


@njit(cache=True, fastmath=_FAST, error_model="numpy", nogil=True)
def add_product(a, a_at, n_rows, n_steps, b, out, out_at, n_columns, edge):
    """Add ``a @ b`` to `out`: flat arrays of rows, from the places `a_at` and `out_at` on.

    `b` is laid out by `panels`; `edge` is four rows of one panel to work in.
    """
    _rest(a, a_at, n_rows, n_steps, b, out, out_at, n_columns, edge, np.intp(0))


@njit(cache=True, fastmath=_FAST, error_model="numpy", nogil=True)
def add_transposed_product(a, a_at, n_rows, n_steps, b, b_at, out, n_columns, edge):
    """Add ``a.T @ b`` to `out`, for `a` of (step, row) and `b` of (step, column).

    Reads up to one panel past the end of `b`.
    """
    _transposed_rest(a, a_at, n_rows, n_steps, b, b_at, out, n_columns, edge, np.intp(0))


@inside
def _list(a, a_at, n, edge, listed):
    """List the items of a row that are not zero; return how many there are."""
    lanes = edge.size // (ROWS * VECTORS)
    at, whole = np.intp(0), n - n % lanes
    for first in range(0, whole, 64):
        bits = np.uint64(0)  # of up to 64 items at once: each end of the loop is a wrong guess
        for k in range(first, min(first + 64, whole), lanes):
            bits |= nonzero(a, a_at + k) << np.uint64(k - first)
        while bits:
            listed[at] = first + lowest_one(bits)
            bits &= bits - np.uint64(1)
            at += 1
    for k in range(whole, n):
        if a[a_at + k] != 0:
            listed[at] = k
            at += 1
    return at


@inside
def _sparse(a, a_at, n, edge):
    """Tell whether few of `n` items are not zero; the last part of a vector is not looked at."""
    lanes = edge.size // (ROWS * VECTORS)
    there = np.intp(0)
    for first in range(0, n - lanes + 1, lanes):
        there += count_ones(nonzero(a, a_at + first))
    return _SPARSE * there <= n


@njit(cache=True, fastmath=_FAST, error_model="numpy", nogil=True)
def add_sparse_product(a, a_at, n_rows, n_steps, b, out, out_at, n_columns, edge, listed):
    """Do `add_product` where `a` may hold mostly zeros; `listed` has room for a row of it."""
    width = edge.size // ROWS
    panel, whole = width * n_steps, n_columns // width
    if not _sparse(a, a_at, n_rows * n_steps, edge):
        whole = 0
    _rest(a, a_at, n_rows, n_steps, b, out, out_at, n_columns, edge, whole)
    for r in range(n_rows if whole else 0):
        row_at, to = a_at + r * n_steps, out_at + r * n_columns
        n = _list(a, row_at, n_steps, edge, listed)
        for p in range(0, whole - 1, 2):
            at = to + p * width
            add_listed_twice(a, row_at, listed, n, b, p * panel, width, panel, out, at)
        if whole % 2:
            p = whole - 1
            at = to + p * width
            add_listed(a, row_at, listed, n, b, p * panel, width, panel, out, at)


@njit(cache=True, fastmath=_FAST, error_model="numpy", nogil=True)
def add_sparse_transposed_product(a, a_at, n_rows, n_steps, b, b_at, out, n_columns, edge, listed):
    """Do `add_transposed_product` where `a` may hold mostly zeros."""
    width = edge.size // ROWS
    whole = n_columns // width
    if not _sparse(a, a_at, n_rows * n_steps, edge):
        whole = 0
    _transposed_rest(a, a_at, n_rows, n_steps, b, b_at, out, n_columns, edge, whole)
    for k in range(n_steps if whole else 0):
        row_at, at = a_at + k * n_rows, b_at + k * n_columns
        n = _list(a, row_at, n_rows, edge, listed)
        for to in range(0, (whole - 1) * width, 2 * width):
            add_outer_twice(a, row_at, listed, n, b, at + to, out, to, n_columns)
        if whole % 2:
            to = (whole - 1) * width
            add_outer(a, row_at, listed, n, b, at + to, out, to, n_columns)
