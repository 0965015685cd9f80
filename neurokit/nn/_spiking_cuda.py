# mypy: ignore-errors
# ruff: noqa: SIM102, SIM108, RUF005  (branches on compile-time constants; no starred tuples)
"""Leaky integrate-and-fire over time on CUDA: one launch forward, one launch backward.

A program owns a block of columns (units of batch entries) and walks through time with the state
in registers. Nothing but the input is kept for the backward launch, and the state at the start
of each segment of time: it runs a segment forward again, potentials in registers, then backward.
Memory sees the input and the spikes going forward; the input and both gradients coming back.
That is 20 bytes per element in float32 and one for the segments, where storing potentials
costs 24.
"""

import torch
import triton
import triton.language as tl

_FILL = 132 * 4 * 128  # columns that keep the multiprocessors of a large device busy


@triton.jit
def _fire(h, th, scale, top, MODE: tl.constexpr):
    if MODE == 3:
        s = 1.0 / (1.0 + tl.exp(-scale * (h - th)))
    elif MODE == 4:
        u = tl.div_rn(h, th)
        u = tl.where(u > top, top, tl.where(u < 0.0, 0.0, u))
        s = (u + 12582912.0) - 12582912.0  # round half to even: float32 has no bits below one
    elif MODE == 5:
        s = h
    else:
        s = tl.where(h >= th, 1.0, tl.where(h < th, 0.0, h))
    return s


@triton.jit
def _slope(h, th, s, scale, top, MODE: tl.constexpr):
    if MODE == 0:
        d = scale * tl.abs(h - th) + 1.0
        g = 1.0 / (d * d)
    elif MODE == 1:
        u = 1.5707963267948966 * scale * (h - th)
        g = 0.5 * scale / (1.0 + u * u)
    elif MODE == 2:
        p = 1.0 / (1.0 + tl.exp(-scale * (h - th)))
        g = scale * p * (1.0 - p)
    elif MODE == 3:
        g = scale * s * (1.0 - s)
    elif MODE == 4:
        u = tl.div_rn(h, th)
        g = tl.where((u >= 0.0) & (u <= top), 1.0 / th, 0.0)
    else:
        g = tl.full(h.shape, 1.0, tl.float32)
    return g


@triton.jit
def _level(h, th, ZERO: tl.constexpr, SUBTRACT: tl.constexpr):
    """Return what one spike takes from the potential."""
    if ZERO:
        level = h
    elif SUBTRACT:
        level = th
    else:
        level = tl.zeros_like(h)
    return level


@triton.jit
def _parameter(values, unit, mask, PER_UNIT: tl.constexpr):
    if PER_UNIT:
        value = tl.load(values + unit, mask=mask, other=0.5)
    else:
        value = values + tl.zeros(unit.shape, tl.float32)
    return value


@triton.jit
def _first(values, cols, mask):
    """Load the state to start from, at rest without one."""
    if values is None:
        value = tl.zeros(cols.shape, tl.float32)
    else:
        value = tl.load(values + cols, mask=mask, other=0.0).to(tl.float32)
    return value


@triton.jit
def _forward(
    x, decay, threshold, synaptic, v0, i0, spikes, v_last, i_last, marks,
    n_times, n_columns, n_units, scale, top,
    MODE: tl.constexpr, ZERO: tl.constexpr, SUBTRACT: tl.constexpr, PER_UNIT: tl.constexpr,
    FILTERED: tl.constexpr, EVEN: tl.constexpr, K: tl.constexpr, NEAR: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    cols = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = cols < n_columns
    unit = cols % n_units
    b = _parameter(decay, unit, mask, PER_UNIT & 1)
    th = _parameter(threshold, unit, mask, PER_UNIT & 2)
    v = _first(v0, cols, mask)
    if FILTERED:
        a = _parameter(synaptic, unit, mask, PER_UNIT & 4)
        i = _first(i0, cols, mask)
    stride = tl.zeros(cols.shape, tl.int64) + n_columns  # offsets may pass 2^31
    row = cols.to(tl.int64)
    for segment in range(tl.cdiv(n_times, K)):
        if marks is not None:
            if segment > 0:
                if FILTERED:
                    mark = marks + (segment - 1) * 2 * stride + cols
                    tl.store(mark + n_columns, i, mask=mask)
                else:
                    mark = marks + (segment - 1) * stride + cols
                tl.store(mark, v, mask=mask)
        for near in range(K // NEAR):
            for k in tl.static_range(NEAR):
                if EVEN:
                    live = mask
                else:
                    live = mask & (segment * K + near * NEAR + k < n_times)
                drive = tl.load(x + row, mask=live, other=0.0).to(tl.float32)
                if FILTERED:
                    drive = a * i + drive
                    i = tl.where(live, drive, i)
                h = b * v + drive
                s = _fire(h, th, scale, top, MODE)
                tl.store(spikes + row, s.to(spikes.dtype.element_ty), mask=live)
                after = h - s * _level(h, th, ZERO, SUBTRACT)
                if EVEN:
                    v = after
                else:
                    v = tl.where(live, after, v)
                row += n_columns
    tl.store(v_last + cols, v, mask=mask)
    if FILTERED:
        tl.store(i_last + cols, i, mask=mask)


@triton.jit
def _backward(
    x, grad_s, grad_v, grad_i, marks, decay, threshold, synaptic, v0, i0,
    gx, gv_first, gi_first, by_column,
    n_times, n_columns, n_units, scale, top,
    MODE: tl.constexpr, ZERO: tl.constexpr, SUBTRACT: tl.constexpr, ATTACHED: tl.constexpr,
    PER_UNIT: tl.constexpr, FILTERED: tl.constexpr, EVEN: tl.constexpr, K: tl.constexpr,
    NEAR: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    cols = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = cols < n_columns
    unit = cols % n_units
    b = _parameter(decay, unit, mask, PER_UNIT & 1)
    th = _parameter(threshold, unit, mask, PER_UNIT & 2)
    gv = _first(grad_v, cols, mask)
    zero = tl.zeros(cols.shape, tl.float32)
    g_b = zero
    g_th = zero
    if FILTERED:
        a = _parameter(synaptic, unit, mask, PER_UNIT & 4)
        gi = _first(grad_i, cols, mask)
        g_a = zero
        g = zero
    stride = tl.zeros(cols.shape, tl.int64) + n_columns
    n_segments = tl.cdiv(n_times, K)
    for back in range(n_segments):
        segment = n_segments - 1 - back
        row = segment * K * stride + cols
        # Forward again from the state at the start of the segment.
        v = _first(v0, cols, mask)
        if FILTERED:
            i = _first(i0, cols, mask)
        if marks is not None:
            if segment > 0:
                if FILTERED:
                    mark = marks + (segment - 1) * 2 * stride + cols
                    i = tl.load(mark + n_columns, mask=mask, other=0.0)
                else:
                    mark = marks + (segment - 1) * stride + cols
                v = tl.load(mark, mask=mask, other=0.0)
        v_start = v
        for k in tl.static_range(K):
            if EVEN:
                live = mask
            else:
                live = mask & (segment * K + k < n_times)
            drive = tl.load(x + row, mask=live, other=0.0).to(tl.float32)
            if FILTERED:
                i = a * i + drive
                drive = i
            h = b * v + drive
            if k == 0:
                hs = (h,)
            else:
                hs = hs + (h,)
            if k < K - 1:
                s = _fire(h, th, scale, top, MODE)
                v = h - s * _level(h, th, ZERO, SUBTRACT)
            row += n_columns
            if k % NEAR == NEAR - 1:
                tl.debug_barrier()  # loads further ahead than this would thrash the page tables
        # And back.
        for r in tl.static_range(K):
            row -= n_columns
            if EVEN:
                live = mask
            else:
                live = mask & (segment * K + (K - 1 - r) < n_times)
            h = hs[K - 1 - r]
            gs = zero
            if grad_s is not None:
                gs = tl.load(grad_s + row, mask=live, other=0.0).to(tl.float32)
            s = _fire(h, th, scale, top, MODE)
            slope = _slope(h, th, s, scale, top, MODE)
            level = _level(h, th, ZERO, SUBTRACT)
            through = gs  # gradient of the spike itself
            if ATTACHED:
                through = gs - gv * level
            gh = through * slope
            if ZERO:
                gh += gv * (1.0 - s)
            else:
                gh += gv
            if by_column is not None:
                before = v_start
                if r < K - 1:
                    hp = hs[K - 2 - r]
                    sp = _fire(hp, th, scale, top, MODE)
                    before = hp - sp * _level(hp, th, ZERO, SUBTRACT)
                step = through * slope
                if MODE == 4:
                    step = step * h / th
                if SUBTRACT:
                    step += gv * s
                g_th -= tl.where(live, step, 0.0)
                g_b += tl.where(live, gh * before, 0.0)
                if FILTERED:
                    g_a += tl.where(live, g * (h - b * before), 0.0)
            if EVEN:
                gv = b * gh
            else:
                gv = tl.where(live, b * gh, gv)
            if FILTERED:
                gh += gi
                if EVEN:
                    gi = a * gh
                    g = gh
                else:
                    gi = tl.where(live, a * gh, gi)
                    g = tl.where(live, gh, g)
            tl.store(gx + row, gh.to(gx.dtype.element_ty), mask=live)
            if r % NEAR == NEAR - 1:
                tl.debug_barrier()
    if gv_first is not None:
        tl.store(gv_first + cols, gv, mask=mask)
        if FILTERED:
            tl.store(gi_first + cols, gi, mask=mask)
    if by_column is not None:
        tl.store(by_column + cols, g_b, mask=mask)
        tl.store(by_column + n_columns + cols, g_th, mask=mask)
        if FILTERED:
            g_a += g * _first(i0, cols, mask)
            tl.store(by_column + 2 * n_columns + cols, g_a, mask=mask)


def run(current, parameters, v, i, neuron, keep):
    """Run all steps; return spikes, last potential, last synaptic current, and what to keep."""
    n_times, n_units = current.shape[0], current.shape[-1]
    n_columns = current.numel() // n_times
    block, warps, segment, near = _layout(n_times, n_columns)
    filtered = parameters[2] is not None
    spikes = torch.empty_like(current)
    v_last = current.new_empty(current.shape[1:], dtype=torch.float32)
    i_last = torch.empty_like(v_last) if filtered else None
    n_marks = (n_times - 1) // segment
    marks = None
    if keep and n_marks:
        marks = v_last.new_empty((n_marks, 1 + filtered, n_columns))
    values, per_unit = _values(parameters, n_units)
    _forward[(triton.cdiv(n_columns, block),)](
        current, *values, _row(v), _row(i), spikes, v_last, i_last, marks,
        n_times, n_columns, n_units, neuron.scale, neuron.top,
        neuron.firing, bool(neuron.zero), bool(neuron.subtract), per_unit, filtered,
        n_times % segment == 0, segment, min(near, segment), block,
        num_warps=warps,
    )  # fmt: skip
    return spikes, v_last, i_last, (current, marks) if keep else ()


def run_backward(kept, parameters, v, i, grads, neuron, with_parameters):
    """Return the gradients of current, decay, threshold, synaptic decay (by column), v and i."""
    current, marks = kept
    n_times, n_units = current.shape[0], current.shape[-1]
    n_columns = current.numel() // n_times
    block, warps, segment, near = _layout(n_times, n_columns)
    filtered = parameters[2] is not None
    gx = torch.empty_like(current)
    by_column = None
    if with_parameters:
        by_column = current.new_empty((3, n_columns), dtype=torch.float32)
    gv = gi = None
    if v is not None or i is not None:
        gv = current.new_empty(n_columns, dtype=torch.float32)
        gi = torch.empty_like(gv) if filtered else None
    values, per_unit = _values(parameters, n_units)
    _backward[(triton.cdiv(n_columns, block),)](
        current, *(_row(g) for g in grads), marks, *values, _row(v), _row(i),
        gx, gv, gi, by_column,
        n_times, n_columns, n_units, neuron.scale, neuron.top,
        neuron.firing, bool(neuron.zero), bool(neuron.subtract), bool(neuron.attached), per_unit,
        filtered, n_times % segment == 0, segment, min(near, segment), block,
        num_warps=warps,
    )  # fmt: skip
    return gx, *(by_column if with_parameters else (None, None, None)), gv, gi


def _layout(n_times, n_columns):
    """Choose columns and warps per program, and the number of steps per segment.

    With columns for all multiprocessors: four per thread, and short segments (measured on an
    H200: with 16 or 32 steps in flight, each in a far-off page, the passes take twice as long).
    Else one column per thread, and longer segments, whose loads are in flight together.
    """
    if n_columns < _FILL:
        block, warps, longest, near = 32, 1, 16, 16
    else:
        block, warps, longest, near = 512, 4, 8, 8
    if n_times <= longest:
        return block, warps, triton.next_power_of_2(n_times), near
    return block, warps, longest, near


def _values(parameters, n_units):
    """Return the parameters as numbers or per-unit tensors, and which of them are tensors."""
    values, per_unit = [], 0
    for bit, value in zip((1, 2, 4), parameters, strict=True):
        if isinstance(value, torch.Tensor):
            value = value.detach().float().expand(n_units).contiguous()
            per_unit |= bit
        values.append(value)
    return values, per_unit


def _row(values):
    return None if values is None else values.detach().contiguous()
