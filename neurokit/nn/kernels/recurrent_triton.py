# mypy: ignore-errors
"""Triton kernels for recurrent layers: all steps in one launch forward, and one backward.

A program owns some rows of the batch, with all their units or, in wide layers, with some of them.
It keeps the state of its part from the first step to the last, and the weights where they fit.
The next step's values are on their way while it works on this one. Products are in three TF32
parts, float32 but for the last bit or two.

The programs that share the rows of a wide layer are a group: each reads what the others wrote in
the last step, and they meet after every step. Programs take their part by ticket, so that those
who started first make up whole groups, and none waits for one that cannot start.
"""

import triton
import triton.language as tl

from neurokit.nn.kernels.lif_triton import (
    after_reset,
    fire,
    load_state,
    parameter,
    reset_by,
    slope_at,
)


@triton.jit
def _take_part(tickets, MEMBERS: tl.constexpr, SHARED: tl.constexpr):
    """Return the number of the group of rows, and of the part of its units."""
    if SHARED:
        ticket = tl.atomic_add(tickets, 1)
        group = ticket // MEMBERS
        part = ticket % MEMBERS
    else:
        group = tl.program_id(0)
        part = 0
    return group, part


@triton.jit
def _meet(arrivals, n_arrivals):
    """Wait until the whole group has written its step."""
    tl.debug_barrier()
    tl.atomic_add(arrivals, 1, sem="release")
    while tl.atomic_add(arrivals, 0, sem="acquire") < n_arrivals:
        pass
    tl.debug_barrier()


@triton.jit
def _add_product(total, written, row, weight, out_stride, in_stride, unit, there, n_rows, n_units,
                 w, HELD: tl.constexpr, BLOCK: tl.constexpr):  # fmt: skip
    """Add the product of what the group has written with the weights."""
    block = tl.arange(0, BLOCK)
    if HELD:
        mask = (row < n_rows) & (block[None, :] < n_units)
        values = tl.load(
            written + row * n_units + block[None, :], mask=mask, other=0.0, cache_modifier=".cg"
        )
        total = tl.dot(values, w, acc=total, input_precision="tf32x3")
    else:
        for first in tl.range(0, n_units, BLOCK, num_stages=3):
            source = first + block
            mask = (row < n_rows) & (source[None, :] < n_units)
            values = tl.load(
                written + row * n_units + source[None, :],
                mask=mask, other=0.0, cache_modifier=".cg",
            )  # fmt: skip
            part = tl.load(
                weight + unit * out_stride + source[:, None] * in_stride,
                mask=there & (source[:, None] < n_units), other=0.0,
            )  # fmt: skip
            total = tl.dot(values, part, acc=total, input_precision="tf32x3")
    return total


@triton.jit(do_not_specialize=["n_times", "n_rows"])
def forward(
    x, weight, decay, threshold, synaptic, v0, i0, s0, spikes, potentials, v_last, i_last, tickets,
    n_times, n_rows, n_units, scale, top,
    MODE: tl.constexpr, ZERO: tl.constexpr, SUBTRACT: tl.constexpr, PER_UNIT: tl.constexpr,
    FILTERED: tl.constexpr, ROWS: tl.constexpr, UNITS: tl.constexpr, MEMBERS: tl.constexpr,
    SHARED: tl.constexpr, HELD: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    # Where units are shared, the spikes before the first step lie in memory before `spikes`.
    group, part = _take_part(tickets, MEMBERS, SHARED)
    row = group * ROWS + tl.arange(0, ROWS)[:, None]
    unit = part * UNITS + tl.arange(0, UNITS)[None, :]
    there = unit < n_units
    mask = (row < n_rows) & there
    cols = row * n_units + unit
    w = weight
    if HELD:
        source = tl.arange(0, BLOCK)[:, None]
        w = tl.load(weight + unit * n_units + source, mask=there & (source < n_units), other=0.0)
    b = parameter(decay, unit, there, PER_UNIT & 1)
    th = parameter(threshold, unit, there, PER_UNIT & 2)
    v = load_state(v0, cols, mask)
    s = load_state(s0, cols, mask)
    if FILTERED:
        a = parameter(synaptic, unit, there, PER_UNIT & 4)
        i = load_state(i0, cols, mask)
    stride = tl.cast(n_rows, tl.int64) * n_units
    ahead = tl.load(x + cols, mask=mask, other=0.0)
    for t in tl.range(0, n_times, num_stages=1):
        drive = ahead.to(tl.float32)
        ahead = tl.load(x + tl.minimum(t + 1, n_times - 1) * stride + cols, mask=mask, other=0.0)
        if SHARED:
            drive = _add_product(
                drive, spikes + (t - 1) * stride, row, weight, n_units, 1, unit, there, n_rows,
                n_units, w, HELD, BLOCK,
            )  # fmt: skip
        else:
            drive = tl.dot(s, w, acc=drive, input_precision="tf32x3")
        if FILTERED:
            i = a * i + drive
            drive = i
        h = b * v + drive
        s = fire(h, th, scale, top, MODE)
        v = h - s * reset_by(h, th, ZERO, SUBTRACT)
        at = t * stride + cols
        tl.store(spikes + at, s.to(spikes.dtype.element_ty), mask=mask)
        if potentials is not None:
            tl.store(potentials + at, h, mask=mask)
        if SHARED:
            _meet(tickets + 1 + group, (t + 1) * MEMBERS)
    tl.store(v_last + cols, v, mask=mask)
    if FILTERED:
        tl.store(i_last + cols, i, mask=mask)


@triton.jit(do_not_specialize=["n_times", "n_rows"])
def backward(
    weight, grad_s, grad_v, grad_i, potentials, decay, threshold, synaptic, v0, i0,
    gx, gv_first, gi_first, by_column, tickets,
    n_times, n_rows, n_units, scale, top,
    MODE: tl.constexpr, ZERO: tl.constexpr, SUBTRACT: tl.constexpr, ATTACHED: tl.constexpr,
    PER_UNIT: tl.constexpr, FILTERED: tl.constexpr, ROWS: tl.constexpr, UNITS: tl.constexpr,
    MEMBERS: tl.constexpr, SHARED: tl.constexpr, HELD: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    group, part = _take_part(tickets, MEMBERS, SHARED)
    row = group * ROWS + tl.arange(0, ROWS)[:, None]
    unit = part * UNITS + tl.arange(0, UNITS)[None, :]
    there = unit < n_units
    mask = (row < n_rows) & there
    cols = row * n_units + unit
    w = weight
    if HELD:
        target = tl.arange(0, BLOCK)[:, None]
        w = tl.load(weight + target * n_units + unit, mask=there & (target < n_units), other=0.0)
    b = parameter(decay, unit, there, PER_UNIT & 1)
    th = parameter(threshold, unit, there, PER_UNIT & 2)
    gv = load_state(grad_v, cols, mask)
    v_first = load_state(v0, cols, mask)
    g = tl.zeros((ROWS, UNITS), tl.float32)  # gradient of the current of the step after
    g_b = g
    g_th = g
    if FILTERED:
        a = parameter(synaptic, unit, there, PER_UNIT & 4)
        gi = load_state(grad_i, cols, mask)
        g_a = g
    stride = tl.cast(n_rows, tl.int64) * n_units
    last = (n_times - 1) * stride
    h = tl.load(potentials + last + cols, mask=mask, other=0.0)
    ahead = g
    if grad_s is not None:
        ahead = tl.load(grad_s + last + cols, mask=mask, other=0.0).to(tl.float32)
    for back in tl.range(0, n_times, num_stages=1):
        t = n_times - 1 - back
        through = ahead
        earlier = tl.maximum(t - 1, 0) * stride + cols
        h_before = tl.load(potentials + earlier, mask=mask, other=0.0)
        if grad_s is not None:
            ahead = tl.load(grad_s + earlier, mask=mask, other=0.0).to(tl.float32)
        if SHARED:
            if back > 0:
                through = _add_product(
                    through, gx + (t + 1) * stride, row, weight, 1, n_units, unit, there, n_rows,
                    n_units, w, HELD, BLOCK,
                )  # fmt: skip
        else:
            through = tl.dot(g, w, acc=through, input_precision="tf32x3")
        s = fire(h, th, scale, top, MODE)
        if ATTACHED:
            through -= gv * reset_by(h, th, ZERO, SUBTRACT)
        step = through * slope_at(h, th, s, scale, top, MODE)
        gh = step
        if ZERO:
            gh += gv * (1.0 - s)
        else:
            gh += gv
        if by_column is not None:
            before = after_reset(h_before, th, scale, top, MODE, ZERO, SUBTRACT)
            before = tl.where(t > 0, before, v_first)
            if MODE == 4:
                step = step * h / th
            if SUBTRACT:
                step += gv * s
            g_th -= step
            g_b += gh * before
            if FILTERED:
                g_a += g * (h - b * before)
        gv = b * gh
        if FILTERED:
            gh += gi
            gi = a * gh
        g = gh
        h = h_before
        tl.store(gx + t * stride + cols, g, mask=mask)
        if SHARED:
            _meet(tickets + 1 + group, (back + 1) * MEMBERS)
    if gv_first is not None:
        tl.store(gv_first + cols, gv, mask=mask)
        if FILTERED:
            tl.store(gi_first + cols, gi, mask=mask)
    if by_column is not None:
        n_columns = n_rows * n_units
        tl.store(by_column + cols, g_b, mask=mask)
        tl.store(by_column + n_columns + cols, g_th, mask=mask)
        if FILTERED:
            g_a += g * load_state(i0, cols, mask)
            tl.store(by_column + 2 * n_columns + cols, g_a, mask=mask)
