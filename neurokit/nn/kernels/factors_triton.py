# mypy: ignore-errors
"""Triton kernels for one sweep of a non-negative factorisation over a packed symmetric tensor.

The tensor is (pairs, cells), pairs (i, j) with i <= j in the order of the upper triangle. Factors
of all restarts lie side by side: (rows, n_columns), each restart with ``R`` columns, the rank
rounded up to a power of two; columns beyond the rank are zero and stay so. Sums over splits of
the data are kept apart and added in a fixed order, so that a fit repeats to the bit.
"""

import triton
import triton.language as tl

TINY = tl.constexpr(1e-30)


@triton.jit
def to_pairs(
    values, rows_of_cells, out, n_pairs, n_cells, n_columns, share, n_lanes, each, n_groups,
    P: tl.constexpr, C: tl.constexpr, N: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Sum ``x_pc k_c`` over the cells of one split: (splits, n_pairs, n_columns).

    Programs go through the pairs of every split of `to_cells` from the last to the first: what
    that kernel is to read first has been read last, and is still in the cache.
    """
    group = tl.program_id(0) % n_groups  # those that read the same entries run side by side
    number = tl.program_id(0) // n_groups
    block = (number % n_lanes) * each + each - 1 - number // n_lanes
    pair = block * P + tl.arange(0, P)
    split = tl.program_id(1)
    column = group * N + tl.arange(0, N)
    there = pair < n_pairs
    first = split * share
    last = tl.minimum(first + share, n_cells)
    row = values + pair.to(tl.int64)[:, None] * n_cells
    total = tl.zeros((P, N), tl.float32)
    for start in range(first, last, C):
        cell = start + tl.arange(0, C)
        inside = cell < last
        x = tl.load(row + cell[None, :], mask=there[:, None] & inside[None, :], other=0.0)
        place = cell[:, None] * n_columns + column[None, :]
        k = tl.load(rows_of_cells + place, mask=inside[:, None], other=0.0)
        total = tl.dot(x, k, total, input_precision=PRECISION)
    at = (split * n_pairs + pair)[:, None].to(tl.int64) * n_columns + column[None, :]
    tl.store(out + at, total, mask=there[:, None])


@triton.jit
def multiply_pairs(
    units, source, target, out, n_pairs, n_columns, P: tl.constexpr, N: tl.constexpr
):
    """Multiply ``a_i a_j``, twice where (j, i) is another entry: (n_pairs, n_columns)."""
    pair = tl.program_id(0) * P + tl.arange(0, P)
    column = tl.program_id(1) * N + tl.arange(0, N)
    there = pair < n_pairs
    i = tl.load(source + pair, mask=there, other=0)
    j = tl.load(target + pair, mask=there, other=0)
    left = tl.load(units + i[:, None] * n_columns + column[None, :])
    right = tl.load(units + j[:, None] * n_columns + column[None, :])
    product = left * right * tl.where(i == j, 1.0, 2.0)[:, None]
    at = pair.to(tl.int64)[:, None] * n_columns + column[None, :]
    tl.store(out + at, product, mask=there[:, None])


@triton.jit
def to_cells(
    values, products, out, n_pairs, n_cells, n_columns, share, n_groups,
    P: tl.constexpr, C: tl.constexpr, N: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Sum ``x_pc a_i a_j`` over the pairs of one split: (splits, n_cells, n_columns)."""
    group = tl.program_id(0) % n_groups
    cell = tl.program_id(0) // n_groups * C + tl.arange(0, C)
    split = tl.program_id(1)
    column = group * N + tl.arange(0, N)
    there = cell < n_cells
    first = split * share
    last = tl.minimum(first + share, n_pairs)
    total = tl.zeros((N, C), tl.float32)
    for start in range(first, last, P):
        pair = start + tl.arange(0, P)
        inside = pair < last
        wide = pair.to(tl.int64)[:, None]
        mask = inside[:, None] & there[None, :]
        x = tl.load(values + wide * n_cells + cell[None, :], mask=mask, other=0.0)
        left = tl.load(
            products + wide * n_columns + column[None, :], mask=inside[:, None], other=0.0
        )
        total = tl.dot(tl.trans(left), x, total, input_precision=PRECISION)
    at = (split * n_cells + cell)[None, :].to(tl.int64) * n_columns + column[:, None]
    tl.store(out + at, total, mask=there[None, :])


@triton.jit
def _outer(rows):
    """F'F of a block of rows, in float64."""
    wide = rows.to(tl.float64)
    return tl.sum(wide[:, :, None] * wide[:, None, :], 0)


@triton.jit
def _gram(factor, n_rows, n_columns, column, R: tl.constexpr, B: tl.constexpr):
    """F'F of one restart, in float64."""
    total = tl.zeros((R, R), tl.float64)
    for start in range(0, n_rows, B):
        row = start + tl.arange(0, B)
        place = row[:, None] * n_columns + column[None, :]
        total += _outer(tl.load(factor + place, mask=(row < n_rows)[:, None], other=0.0))
    return total


@triton.jit
def _hals(factor, product, gram, R: tl.constexpr):
    """Improve every column of a block of rows in turn (Cichocki and Phan 2009, eq. 4.67)."""
    number = tl.arange(0, R)
    for r in tl.static_range(R):
        here = number == r
        column = tl.sum(tl.where(here[None, :], gram, 0.0), 1)
        scale = tl.sum(tl.where(here, column, 0.0), 0)
        fitted = tl.sum(factor * column[None, :], 1)
        wanted = tl.sum(tl.where(here[None, :], product, 0.0), 1)
        old = tl.sum(tl.where(here[None, :], factor, 0.0), 1)
        new = tl.maximum(old + (wanted - fitted) / tl.maximum(scale, TINY), 0.0)
        new = tl.where(scale > TINY, new, 0.0)
        factor = tl.where(here[None, :], new[:, None], factor)
    return factor


@triton.jit
def update_units(
    by_pair, units, gram, out, n_units, n_pairs, n_columns,
    R: tl.constexpr, J: tl.constexpr, SPLITS: tl.constexpr,
):  # fmt: skip
    """Update one unit of one restart against the last copy of all, and average the two."""
    i = tl.program_id(0)
    restart = tl.program_id(1)
    number = tl.arange(0, R)
    column = restart * R + number
    total = tl.zeros((R,), tl.float32)
    for start in range(0, n_units, J):
        j = start + tl.arange(0, J)
        there = (j < n_units)[:, None]
        low = tl.minimum(i, j)
        pair = low * n_units - (low * (low - 1)) // 2 + tl.maximum(i, j) - low
        place = pair.to(tl.int64)[:, None] * n_columns + column[None, :]
        product = tl.zeros((J, R), tl.float32)
        for split in tl.static_range(SPLITS):
            shift = split * n_pairs * n_columns
            product += tl.load(by_pair + shift + place, mask=there, other=0.0)
        own = tl.load(units + j[:, None] * n_columns + column[None, :], mask=there, other=0.0)
        total += tl.sum(product * own, 0)
    g = tl.load(gram + restart * R * R + number[:, None] * R + number[None, :]).to(tl.float32)
    old = tl.load(units + i * n_columns + column)
    new = _hals(old[None, :], total[None, :], g, R)
    tl.store(out + i * n_columns + column[None, :], (old[None, :] + new) / 2)


@triton.jit
def square_units(
    units, others, of_units, normal, n_units, n_others, n_columns,
    R: tl.constexpr, B: tl.constexpr,
):  # fmt: skip
    """Gram of the units of one restart, and the normal equations of its times."""
    restart = tl.program_id(0)
    number = tl.arange(0, R)
    column = restart * R + number
    at = restart * R * R + number[:, None] * R + number[None, :]
    found = _gram(units, n_units, n_columns, column, R, B)
    tl.store(of_units + at, found)
    tl.store(normal + at, found * found * _gram(others, n_others, n_columns, column, R, B))


@triton.jit
def _sum_splits(by_cell, time, w, mask, n_others, n_columns, column, size, SPLITS: tl.constexpr):
    cell = time[:, None] * n_others + w[None, :]
    place = cell.to(tl.int64)[:, :, None] * n_columns + column[None, None, :]
    total = tl.load(by_cell + place, mask=mask, other=0.0)
    for split in tl.static_range(1, SPLITS):
        total += tl.load(by_cell + split * size + place, mask=mask, other=0.0)
    return total


@triton.jit
def update_times(
    by_cell, times, others, normal, grams, towards, n_times, n_others, n_columns,
    R: tl.constexpr, T: tl.constexpr, W: tl.constexpr, SPLITS: tl.constexpr, ONCE: tl.constexpr,
):  # fmt: skip
    """Update a block of times; leave their share of the gram and of the next mode's product."""
    block = tl.program_id(0)
    restart = tl.program_id(1)
    number = tl.arange(0, R)
    column = restart * R + number
    time = block * T + tl.arange(0, T)
    there = time < n_times
    size = n_times * n_others * n_columns
    square = number[:, None] * R + number[None, :]
    at = time[:, None] * n_columns + column[None, :]
    gram = tl.load(normal + restart * R * R + square).to(tl.float32)
    old = tl.load(times + at, mask=there[:, None], other=0.0)
    w = tl.arange(0, W)
    seen = (w < n_others)[:, None]
    mask = there[:, None, None] & seen[None, :, :]
    y = _sum_splits(by_cell, time, w, mask, n_others, n_columns, column, size, SPLITS)
    factor = tl.load(others + w[:, None] * n_columns + column[None, :], mask=seen, other=0.0)
    product = tl.sum(y * factor[None, :, :], 1)
    if not ONCE:
        for start in range(W, n_others, W):
            w = start + tl.arange(0, W)
            seen = (w < n_others)[:, None]
            mask = there[:, None, None] & seen[None, :, :]
            more = _sum_splits(by_cell, time, w, mask, n_others, n_columns, column, size, SPLITS)
            place = others + w[:, None] * n_columns + column[None, :]
            product += tl.sum(more * tl.load(place, mask=seen, other=0.0)[None, :, :], 1)
    new = _hals(old, product, gram, R)
    tl.store(times + at, new, mask=there[:, None])
    tl.store(grams + (block * tl.num_programs(1) + restart) * R * R + square, _outer(new))
    w = tl.arange(0, W)
    left = (block * n_others + w)[:, None] * n_columns + column[None, :]
    tl.store(towards + left, tl.sum(y * new[:, None, :], 0), mask=(w < n_others)[:, None])
    if not ONCE:
        for start in range(W, n_others, W):
            w = start + tl.arange(0, W)
            seen = (w < n_others)[:, None]
            mask = there[:, None, None] & seen[None, :, :]
            more = _sum_splits(by_cell, time, w, mask, n_others, n_columns, column, size, SPLITS)
            left = (block * n_others + w)[:, None] * n_columns + column[None, :]
            tl.store(towards + left, tl.sum(more * new[:, None, :], 0), mask=seen)


@triton.jit
def update_others(
    others, of_units, grams, towards, gram, sums, sweep, n_others, n_blocks, n_columns,
    R: tl.constexpr, W: tl.constexpr, B: tl.constexpr, LAST: tl.constexpr,
):  # fmt: skip
    """Update the last mode of one restart, and measure the fit."""
    restart = tl.program_id(0)
    n_restarts = tl.num_programs(0)
    number = tl.arange(0, R)
    column = restart * R + number
    square = number[:, None] * R + number[None, :]
    of_times = tl.zeros((R, R), tl.float64)
    for start in range(0, n_blocks, B):
        b = start + tl.arange(0, B)
        place = (b * n_restarts + restart)[:, None, None] * R * R + square[None, :, :]
        of_times += tl.sum(
            tl.load(grams + place, mask=(b < n_blocks)[:, None, None], other=0.0), 0
        )
    units = tl.load(of_units + restart * R * R + square)
    pairs = units * units
    normal = (pairs * of_times).to(tl.float32)
    of_others = tl.zeros((R, R), tl.float64)
    inner = tl.zeros((R,), tl.float64)
    for start in range(0, n_others, W):
        w = start + tl.arange(0, W)
        seen = (w < n_others)[:, None]
        product = tl.zeros((W, R), tl.float32)
        for first in range(0, n_blocks, B):
            b = first + tl.arange(0, B)
            mask = (b < n_blocks)[:, None, None] & seen[None, :, :]
            row = b[:, None] * n_others + w[None, :]
            spot = row[:, :, None] * n_columns + column[None, None, :]
            product += tl.sum(tl.load(towards + spot, mask=mask, other=0.0), 0)
        at = w[:, None] * n_columns + column[None, :]
        new = tl.load(others + at, mask=seen, other=0.0)
        if LAST:
            new = _hals(new, product, normal, R)
            tl.store(others + at, new, mask=seen)
        of_others += _outer(new)
        inner += tl.sum(product.to(tl.float64) * new.to(tl.float64), 0)
    whole = of_times * of_others
    line = (sweep * n_restarts + restart) * 2
    tl.store(sums + line, tl.sum(inner, 0))  # sums: (sweeps, restarts, 2)
    tl.store(sums + line + 1, tl.sum(tl.sum(pairs * whole, 1), 0))
    tl.store(gram + restart * R * R + square, units * whole)  # for the units of the next sweep


@triton.jit
def multiply_cells(
    new_units, units, times, others, rows_of_cells, n_units, n_cells, n_others, n_columns,
    C: tl.constexpr, N: tl.constexpr,
):  # fmt: skip
    """Multiply out the factors of the cells, and take the new units over."""
    row = tl.program_id(0) * C + tl.arange(0, C)
    column = tl.program_id(1) * N + tl.arange(0, N)
    mask = (row < n_cells)[:, None]
    at_time = (row // n_others)[:, None] * n_columns + column[None, :]
    at_other = (row % n_others)[:, None] * n_columns + column[None, :]
    at_row = row[:, None] * n_columns + column[None, :]
    t = tl.load(times + at_time, mask=mask, other=0.0)
    w = tl.load(others + at_other, mask=mask, other=0.0)
    tl.store(rows_of_cells + at_row, t * w, mask=mask)
    mine = (row < n_units)[:, None]
    tl.store(units + at_row, tl.load(new_units + at_row, mask=mine, other=0.0), mask=mine)
