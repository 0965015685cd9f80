# mypy: ignore-errors
# ruff: noqa: SIM102, SIM108, RUF005  (branches on compile-time constants; no starred tuples)
"""Triton kernels for leaky integrate-and-fire over time: one launch forward, one backward.

A program owns a block of columns (units of batch entries) and walks through time with the state
in registers. Nothing but the input is kept for the backward launch, and the state at the start
of each segment of time: it runs a segment forward again, potentials in registers, then backward.
Memory sees the input and the spikes going forward; the input and both gradients coming back.
That is 20 bytes per element in float32 and half a byte for the segments, where storing the
potentials costs 24.
"""

import triton
import triton.language as tl


@triton.jit
def fire(h, th, scale, top, MODE: tl.constexpr):
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
def slope_at(h, th, s, scale, top, MODE: tl.constexpr):
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
def reset_by(h, th, ZERO: tl.constexpr, SUBTRACT: tl.constexpr):
    """Return what one spike takes from the potential."""
    if ZERO:
        level = h
    elif SUBTRACT:
        level = th
    else:
        level = tl.zeros_like(h)
    return level


@triton.jit
def after_reset(h, th, scale, top, MODE: tl.constexpr, ZERO: tl.constexpr, SUBTRACT: tl.constexpr):
    """Return what finite potentials become in the reset, in few instructions."""
    level = reset_by(h, th, ZERO, SUBTRACT)
    if MODE < 3:
        v = tl.where(h >= th, h - level, h)
    else:
        v = h - fire(h, th, scale, top, MODE) * level
    return v


@triton.jit
def parameter(values, unit, mask, PER_UNIT: tl.constexpr):
    if PER_UNIT:
        value = tl.load(values + unit, mask=mask, other=0.5)
    else:
        value = values + tl.zeros(unit.shape, tl.float32)
    return value


@triton.jit
def load_state(values, cols, mask):
    """Load the state to start from, at rest without one."""
    if values is None:
        value = tl.zeros(cols.shape, tl.float32)
    else:
        value = tl.load(values + cols, mask=mask, other=0.0).to(tl.float32)
    return value


@triton.jit
def _live(mask, time, n_times, EVEN: tl.constexpr):
    """Tell which columns have this step, where the last segment may be short."""
    if EVEN:
        live = mask
    else:
        # every column asks: Triton's interpreter gives one answer for all the type of a number
        live = mask & (tl.zeros(mask.shape, tl.int32) + time < n_times)
    return live


@triton.jit
def _steps(values, first, n_times, stride, cols, mask, EVEN: tl.constexpr, K: tl.constexpr):
    """Load some steps at once: loads that follow a store would wait for one another."""
    for k in tl.static_range(K):
        live = _live(mask, first + k, n_times, EVEN)
        step = tl.load(values + (first + k) * stride + cols, mask=live, other=0.0)
        if k == 0:
            steps = (step,)
        else:
            steps = steps + (step,)
    return steps


@triton.jit(do_not_specialize=["n_times"])
def forward(
    x, decay, threshold, synaptic, v0, i0, spikes, v_last, i_last, marks,
    n_times, n_columns, n_units, scale, top,
    MODE: tl.constexpr, ZERO: tl.constexpr, SUBTRACT: tl.constexpr, PER_UNIT: tl.constexpr,
    FILTERED: tl.constexpr, EVEN: tl.constexpr, K: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    cols = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = cols < n_columns
    unit = cols % n_units
    b = parameter(decay, unit, mask, PER_UNIT & 1)
    th = parameter(threshold, unit, mask, PER_UNIT & 2)
    v = load_state(v0, cols, mask)
    if FILTERED:
        a = parameter(synaptic, unit, mask, PER_UNIT & 4)
        i = load_state(i0, cols, mask)
    stride = tl.cast(n_columns, tl.int64)  # offsets may pass 2^31
    for segment in range(tl.cdiv(n_times, K)):
        first = segment * K
        if marks is not None:
            if segment > 0:
                if FILTERED:
                    mark = marks + (segment - 1) * 2 * stride
                    tl.store(mark + stride + cols, i, mask=mask)
                else:
                    mark = marks + (segment - 1) * stride
                tl.store(mark + cols, v, mask=mask)
        drives = _steps(x, first, n_times, stride, cols, mask, EVEN, K)
        for k in tl.static_range(K):
            live = _live(mask, first + k, n_times, EVEN)
            drive = drives[k].to(tl.float32)
            if FILTERED:
                drive = a * i + drive
                i = tl.where(live, drive, i)
            h = b * v + drive
            s = fire(h, th, scale, top, MODE)
            at = spikes + (first + k) * stride
            tl.store(at + cols, s.to(spikes.dtype.element_ty), mask=live)
            after = h - s * reset_by(h, th, ZERO, SUBTRACT)
            if EVEN:
                v = after
            else:
                v = tl.where(live, after, v)
    tl.store(v_last + cols, v, mask=mask)
    if FILTERED:
        tl.store(i_last + cols, i, mask=mask)


@triton.jit(do_not_specialize=["n_times"])
def backward(
    x, grad_s, grad_v, grad_i, marks, decay, threshold, synaptic, v0, i0,
    gx, gv_first, gi_first, by_column,
    n_times, n_columns, n_units, scale, top,
    MODE: tl.constexpr, ZERO: tl.constexpr, SUBTRACT: tl.constexpr, ATTACHED: tl.constexpr,
    PER_UNIT: tl.constexpr, FILTERED: tl.constexpr, EVEN: tl.constexpr, K: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    cols = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = cols < n_columns
    unit = cols % n_units
    b = parameter(decay, unit, mask, PER_UNIT & 1)
    th = parameter(threshold, unit, mask, PER_UNIT & 2)
    gv = load_state(grad_v, cols, mask)
    zero = tl.zeros(cols.shape, tl.float32)
    g_b = zero
    g_th = zero
    if FILTERED:
        a = parameter(synaptic, unit, mask, PER_UNIT & 4)
        gi = load_state(grad_i, cols, mask)
        g_a = zero
        g = zero
    stride = tl.cast(n_columns, tl.int64)
    n_segments = tl.cdiv(n_times, K)
    for back in range(n_segments):
        segment = n_segments - 1 - back
        first = segment * K
        # Forward again from the state at the start of the segment.
        v = load_state(v0, cols, mask)
        if FILTERED:
            i = load_state(i0, cols, mask)
        if marks is not None:
            if segment > 0:
                if FILTERED:
                    mark = marks + (segment - 1) * 2 * stride
                    i = tl.load(mark + stride + cols, mask=mask, other=0.0)
                else:
                    mark = marks + (segment - 1) * stride
                v = tl.load(mark + cols, mask=mask, other=0.0)
        v_start = v
        drives = _steps(x, first, n_times, stride, cols, mask, EVEN, K)
        if grad_s is not None:
            grads = _steps(grad_s, first, n_times, stride, cols, mask, EVEN, K)
        for k in tl.static_range(K):
            drive = drives[k].to(tl.float32)
            if FILTERED:
                i = a * i + drive
                drive = i
            h = b * v + drive
            if k == 0:
                hs = (h,)
            else:
                hs = hs + (h,)
            if k < K - 1:
                v = after_reset(h, th, scale, top, MODE, ZERO, SUBTRACT)
        # And back.
        for r in tl.static_range(K):
            live = _live(mask, first + K - 1 - r, n_times, EVEN)
            h = hs[K - 1 - r]
            gs = zero
            if grad_s is not None:
                gs = grads[K - 1 - r].to(tl.float32)
            s = fire(h, th, scale, top, MODE)
            slope = slope_at(h, th, s, scale, top, MODE)
            level = reset_by(h, th, ZERO, SUBTRACT)
            through = gs  # gradient of the spike itself
            if ATTACHED:
                through = gs - gv * level
            gh = through * slope
            if not ZERO:
                gh += gv
            elif MODE < 3:
                gh += tl.where(h >= th, 0.0, gv)
            else:
                gh += gv * (1.0 - s)
            if by_column is not None:
                before = v_start
                if r < K - 1:
                    before = after_reset(hs[K - 2 - r], th, scale, top, MODE, ZERO, SUBTRACT)
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
            at = gx + (first + K - 1 - r) * stride
            tl.store(at + cols, gh.to(gx.dtype.element_ty), mask=live)
    if gv_first is not None:
        tl.store(gv_first + cols, gv, mask=mask)
        if FILTERED:
            tl.store(gi_first + cols, gi, mask=mask)
    if by_column is not None:
        tl.store(by_column + cols, g_b, mask=mask)
        tl.store(by_column + n_columns + cols, g_th, mask=mask)
        if FILTERED:
            g_a += g * load_state(i0, cols, mask)
            tl.store(by_column + 2 * n_columns + cols, g_a, mask=mask)
