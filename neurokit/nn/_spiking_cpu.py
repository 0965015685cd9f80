# mypy: allow-untyped-defs, disable-error-code="call-arg"
"""Leaky integrate-and-fire over time on the CPU: one pass forward, one pass backward.

The arrays are (time, column), a column being one unit of one batch entry. Columns are walked in
blocks so that the state stays in the first-level cache, and the inner loops run along columns so
that they vectorise. Written as rows of small loops, chosen outside the loop: one compilation per
floating type serves every firing function and every reset.
"""

import math

import numpy as np
import torch
from numba import njit

_BLOCK = 512  # columns: ten rows of 2 KiB stay in the first-level cache
# "contract" alone (fused multiply-add): NaN keeps its meaning and sums keep their order.
_FAST = {"contract"}

# The firing functions, numbered as in neurokit.nn.spiking.
SUPERSPIKE, ATAN, SIGMOID, SOFT, INTEGER, IDENTITY = range(6)


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _fire(h, threshold, scale, top, mode, s):
    """Write the spikes of one row of potentials; NaN in, NaN out."""
    one = h.dtype.type(1)
    zero = h.dtype.type(0)
    if mode == SOFT:
        for n in range(h.size):
            s[n] = one / (one + math.exp(-scale * (h[n] - threshold[n])))
    elif mode == INTEGER:
        for n in range(h.size):
            u = h[n] / threshold[n]
            s[n] = np.rint(top if u > top else (zero if u < zero else u))
    elif mode == IDENTITY:
        for n in range(h.size):
            s[n] = h[n]
    else:
        for n in range(h.size):
            s[n] = one if h[n] >= threshold[n] else (zero if h[n] < threshold[n] else h[n])


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _slope(h, threshold, s, scale, top, mode, g):
    """Write the (surrogate) derivative of the spikes with respect to the potential."""
    one = h.dtype.type(1)
    zero = h.dtype.type(0)
    half = h.dtype.type(0.5)
    if mode == SUPERSPIKE:
        for n in range(h.size):
            d = scale * abs(h[n] - threshold[n]) + one
            g[n] = one / (d * d)
    elif mode == ATAN:
        c = h.dtype.type(math.pi / 2) * scale
        a = half * scale
        for n in range(h.size):
            u = c * (h[n] - threshold[n])
            g[n] = a / (one + u * u)
    elif mode == SIGMOID:
        for n in range(h.size):
            p = one / (one + math.exp(-scale * (h[n] - threshold[n])))
            g[n] = scale * p * (one - p)
    elif mode == SOFT:
        for n in range(h.size):
            g[n] = scale * s[n] * (one - s[n])
    elif mode == INTEGER:
        for n in range(h.size):
            u = h[n] / threshold[n]
            g[n] = one / threshold[n] if (u >= zero) & (u <= top) else zero
    else:
        for n in range(h.size):
            g[n] = one


@njit(cache=True, fastmath=_FAST, error_model="numpy", nogil=True)
def forward(x, decay, threshold, synaptic, v, i, h, s, scale, top, zero, subtract, mode):
    """Run the layer; `v` and `i` are updated in place, `s` is filled, and so is `h` if kept.

    `synaptic` and `i` are empty for a neuron without synaptic current; `h` has one row when the
    potentials need not be kept for a backward pass.
    """
    n_times, n_columns = x.shape
    keep = h.shape[0] == n_times
    filtered = synaptic.size > 0
    for first in range(0, n_columns, _BLOCK):
        block = slice(first, min(first + _BLOCK, n_columns))
        b, th, vb = decay[block], threshold[block], v[block]
        for t in range(n_times):
            xt, ht, st = x[t, block], h[t if keep else 0, block], s[t, block]
            if filtered:
                a, ib = synaptic[block], i[block]
                for n in range(xt.size):
                    ib[n] = a[n] * ib[n] + xt[n]
                    ht[n] = b[n] * vb[n] + ib[n]
            else:
                for n in range(xt.size):
                    ht[n] = b[n] * vb[n] + xt[n]
            _fire(ht, th, scale, top, mode, st)
            _reset(ht, st, th, zero, subtract, vb)


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _reset(h, s, threshold, zero, subtract, v):
    """Write the potentials that a row of spikes leaves."""
    for n in range(h.size):
        v[n] = h[n] - s[n] * (zero * h[n] + subtract * threshold[n])


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _step_back(
    gs, h, v_before, gx_after, b, th, a, gv, gi, gx, gb, gth, ga, rows,
    scale, top, zero, subtract, attached, mode, with_parameters,
):  # fmt: skip
    """Go one step back in time for one row; spikes are recomputed from the kept potential."""
    # Loops with few arrays each: with more, the compiler gives up proving that they differ.
    one = h.dtype.type(1)
    size = h.size
    s, slope, level, carried, work = rows
    _fire(h, th, scale, top, mode, s)
    _slope(h, th, s, scale, top, mode, slope)
    # The charge is h = b v + x, the reset v = h - s (zero h + subtract threshold).
    for n in range(size):
        level[n] = attached * (zero * h[n] + subtract * th[n])
    for n in range(size):
        carried[n] = one - zero * s[n] - level[n] * slope[n]
    if with_parameters:
        for n in range(size):
            work[n] = slope[n]
        if mode == INTEGER:
            for n in range(size):
                work[n] *= h[n] / th[n]
        for n in range(size):
            level[n] = subtract * s[n] - level[n] * work[n]
        for n in range(size):
            gth[n] -= gs[n] * work[n] + gv[n] * level[n]
    for n in range(size):
        gx[n] = gs[n] * slope[n] + gv[n] * carried[n]
    if with_parameters:
        for n in range(size):
            gb[n] += gx[n] * v_before[n]
    for n in range(size):
        gv[n] = b[n] * gx[n]
    if a.size > 0:
        if with_parameters:  # the current of this step reached the next one by a
            for n in range(size):
                ga[n] += gx_after[n] * (h[n] - b[n] * v_before[n])
        for n in range(size):
            gx[n] += gi[n]
        for n in range(size):
            gi[n] = a[n] * gx[n]


@njit(cache=True, fastmath=_FAST, error_model="numpy", nogil=True)
def backward(
    grad_s, h, decay, threshold, synaptic, v0, i0, gv, gi, gx, g_decay, g_threshold, g_synaptic,
    scale, top, zero, subtract, attached, mode, with_parameters,
):  # fmt: skip
    """Exact gradient of `forward`.

    `gv` and `gi` hold the gradients of the last state on entry, those of the first on return.
    """
    n_times, n_columns = h.shape
    filtered = synaptic.size > 0
    width = min(_BLOCK, n_columns)
    scratch = np.zeros((7, width), h.dtype)
    for first in range(0, n_columns, _BLOCK):
        block = slice(first, min(first + _BLOCK, n_columns))
        size = block.stop - first
        b, th, a = decay[block], threshold[block], synaptic[block]
        gvb, gib = gv[block], gi[block]
        gb, gth, ga = g_decay[block], g_threshold[block], g_synaptic[block]
        rows = (
            scratch[0, :size], scratch[1, :size], scratch[2, :size], scratch[3, :size],
            scratch[4, :size],
        )  # fmt: skip
        vp, nothing = scratch[5, :size], scratch[6, :size]
        for t in range(n_times - 1, -1, -1):
            if with_parameters:
                if t > 0:
                    _fire(h[t - 1, block], th, scale, top, mode, rows[0])
                    _reset(h[t - 1, block], rows[0], th, zero, subtract, vp)
                else:
                    vp[:] = v0[block]
            after = gx[t + 1, block] if t < n_times - 1 else nothing
            _step_back(
                grad_s[t, block], h[t, block], vp, after, b, th, a, gvb, gib, gx[t, block],
                gb, gth, ga, rows, scale, top, zero, subtract, attached, mode, with_parameters,
            )  # fmt: skip
        if filtered and with_parameters:
            ga += gx[0, block] * i0[block]


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _add_rows(factors, rows, out):
    """Add ``factors @ rows`` to `out`, four rows at a time."""
    n_rows = factors.size
    whole = n_rows - n_rows % 4
    for j in range(0, whole, 4):
        f0, f1, f2, f3 = factors[j], factors[j + 1], factors[j + 2], factors[j + 3]
        r0, r1, r2, r3 = rows[j], rows[j + 1], rows[j + 2], rows[j + 3]
        for n in range(out.size):
            out[n] += (f0 * r0[n] + f1 * r1[n]) + (f2 * r2[n] + f3 * r3[n])
    for j in range(whole, n_rows):
        f0, r0 = factors[j], rows[j]
        for n in range(out.size):
            out[n] += f0 * r0[n]


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _add_active(factors, rows, out):
    """Add ``factors @ rows`` to `out`, skipping the units that are silent."""
    for j in range(factors.size):
        f, row = factors[j], rows[j]
        if f != 0:  # NaN is active
            for n in range(out.size):
                out[n] += f * row[n]


@njit(cache=True, fastmath=_FAST, error_model="numpy", nogil=True)
def forward_recurrent(
    x, sources, decay, threshold, synaptic, v, i, s0, h, s, scale, top, zero, subtract, mode
):
    """Run a recurrent layer, (time, batch, unit), one batch entry after the other.

    Row j of `sources` holds the weights from unit j: only the spikes that occur cost anything.
    """
    n_times, n_batch, n_units = x.shape
    keep = h.shape[0] == n_times
    drive = np.empty(n_units, x.dtype)
    for k in range(n_batch):
        vb = v[k]
        for t in range(n_times):
            drive[:] = x[t, k]
            _add_active(s[t - 1, k] if t > 0 else s0[k], sources, drive)
            ht, st = h[t if keep else 0, k], s[t, k]
            if synaptic.size > 0:
                ib = i[k]
                for n in range(n_units):
                    ib[n] = synaptic[n] * ib[n] + drive[n]
                drive[:] = ib
            for n in range(n_units):
                ht[n] = decay[n] * vb[n] + drive[n]
            _fire(ht, threshold, scale, top, mode, st)
            _reset(ht, st, threshold, zero, subtract, vb)


@njit(cache=True, fastmath=_FAST, error_model="numpy", nogil=True)
def backward_recurrent(
    grad_s, h, s, weight, decay, threshold, synaptic, v0, i0, s0, gv, gi, gs0, gx, g_sources,
    g_decay, g_threshold, g_synaptic,
    scale, top, zero, subtract, attached, mode, with_parameters,
):  # fmt: skip
    """Exact gradient of `forward_recurrent`; `g_sources` is laid out as its `sources`."""
    n_times, n_batch, n_units = h.shape
    scratch = np.zeros((8, n_units), h.dtype)
    rows = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    vp, nothing, gs = scratch[5], scratch[6], scratch[7]
    for k in range(n_batch):
        gib = gi[k] if synaptic.size > 0 else synaptic
        for t in range(n_times - 1, -1, -1):
            gs[:] = grad_s[t, k]
            after = gx[t + 1, k] if t < n_times - 1 else nothing
            if t < n_times - 1:
                _add_rows(after, weight, gs)
            if with_parameters:
                if t > 0:
                    _reset(h[t - 1, k], s[t - 1, k], threshold, zero, subtract, vp)
                else:
                    vp[:] = v0[k]
            _step_back(
                gs, h[t, k], vp, after, decay, threshold, synaptic, gv[k], gib, gx[t, k],
                g_decay, g_threshold, g_synaptic, rows,
                scale, top, zero, subtract, attached, mode, with_parameters,
            )  # fmt: skip
            before = s[t - 1, k] if t > 0 else s0[k]
            for j in range(n_units):
                f, row, g = before[j], g_sources[j], gx[t, k]
                if f != 0:
                    for n in range(n_units):
                        row[n] += f * g[n]
        _add_rows(gx[0, k], weight, gs0[k])
        if synaptic.size > 0 and with_parameters:
            g_synaptic += gx[0, k] * i0[k]


def run(current, parameters, v, i, neuron, keep):
    """Run all steps; return spikes, last potential, last synaptic current, and what to keep."""
    dtype = torch.float64 if current.dtype == torch.float64 else torch.float32
    x = current.detach().to(dtype).flatten(1)
    shape = current.shape[1:]
    decay, threshold, synaptic = _columns(parameters, shape, dtype)
    v = _copy(v, x[0])
    i = _copy(i, x[0]) if synaptic.size else torch.empty(0, dtype=dtype)
    h = torch.empty_like(x if keep else x[:1])
    s = torch.empty_like(x)
    forward(
        x.numpy(), decay, threshold, synaptic, v.numpy(), i.numpy(), h.numpy(), s.numpy(),
        *_numbers(neuron, decay), neuron.firing,
    )  # fmt: skip
    spikes = s.view(current.shape).to(current.dtype)
    last = i.view(shape) if synaptic.size else None
    return spikes, v.view(shape), last, (h.view(current.shape),) if keep else ()


def run_backward(kept, parameters, v, i, grads, neuron, with_parameters):
    """Return the gradients of current, decay, threshold, synaptic decay (by column), v and i."""
    shape = kept[0].shape[1:]
    h = kept[0].flatten(1)
    grad_s, grad_v, grad_i = grads
    columns = h[0]
    decay, threshold, synaptic = _columns(parameters, shape, h.dtype)
    empty = torch.empty(0, dtype=h.dtype)
    filtered = synaptic.size > 0
    grad_s = torch.zeros_like(h) if grad_s is None else grad_s.to(h.dtype).reshape(h.shape)
    gv = _copy(grad_v, columns)
    gi = _copy(grad_i, columns) if filtered else empty
    by_column = torch.zeros((3, columns.numel() if with_parameters else 0), dtype=h.dtype)
    gx = torch.empty_like(h)
    backward(
        grad_s.contiguous().numpy(), h.numpy(), decay, threshold, synaptic,
        _copy(v, columns).numpy(), (_copy(i, columns) if filtered else empty).numpy(),
        gv.numpy(), gi.numpy(), gx.numpy(), *by_column.numpy(),
        *_numbers(neuron, decay), decay.dtype.type(neuron.attached), neuron.firing,
        with_parameters,
    )  # fmt: skip
    return gx, *by_column, gv, gi if filtered else None


def run_recurrent(current, weight, parameters, v, i, s, neuron, keep):
    """Run all steps of a recurrent layer, as `run` does for one without recurrence."""
    dtype = torch.float64 if current.dtype == torch.float64 else torch.float32
    shape = current.shape[1:]
    x = current.detach().to(dtype).view(len(current), -1, shape[-1])
    decay, threshold, synaptic = _columns(parameters, shape[-1:], dtype)
    v, s = _copy(v, x[0]), _copy(s, x[0])
    i = _copy(i, x[0]) if synaptic.size else x.new_empty((0, 0))
    h = torch.empty_like(x if keep else x[:1])
    spikes = torch.empty_like(x)
    forward_recurrent(
        x.numpy(), weight.detach().to(dtype).T.contiguous().numpy(), decay, threshold, synaptic,
        v.numpy(), i.numpy(), s.numpy(), h.numpy(), spikes.numpy(),
        *_numbers(neuron, decay), neuron.firing,
    )  # fmt: skip
    last = i.view(shape) if synaptic.size else None
    spikes = spikes.view(current.shape).to(current.dtype)
    return spikes, v.view(shape), last, (h,) if keep else ()


def run_recurrent_backward(
    kept, spikes, weight, parameters, v, i, s, grads, neuron, with_parameters
):
    """Return the gradients of current, weight, parameters (by unit), v, i and s."""
    (h,) = kept
    grad_s, grad_v, grad_i = grads
    decay, threshold, synaptic = _columns(parameters, h.shape[2:], h.dtype)
    filtered = synaptic.size > 0
    one = h[0]
    grad_s = torch.zeros_like(h) if grad_s is None else grad_s.to(h.dtype).reshape(h.shape)
    gv, gs = _copy(grad_v, one), torch.zeros_like(one)
    gi = _copy(grad_i, one) if filtered else h.new_empty((0, 0))
    by_unit = h.new_zeros((3, h.shape[2] if with_parameters else 0))
    gx, g_sources = torch.empty_like(h), h.new_zeros(weight.shape)
    backward_recurrent(
        grad_s.contiguous().numpy(), h.numpy(), spikes.detach().to(h.dtype).view(h.shape).numpy(),
        weight.detach().to(h.dtype).contiguous().numpy(), decay, threshold, synaptic,
        _copy(v, one).numpy(), (_copy(i, one) if filtered else gi).numpy(),
        _copy(s, one).numpy(), gv.numpy(), gi.numpy(), gs.numpy(), gx.numpy(),
        g_sources.numpy(), *by_unit.numpy(), *_numbers(neuron, decay),
        decay.dtype.type(neuron.attached), neuron.firing, with_parameters,
    )  # fmt: skip
    return gx, g_sources.T, *by_unit, gv, gi if filtered else None, gs


def _columns(parameters, shape, dtype):
    """Spread decay, threshold and synaptic decay over all columns; empty if there is none."""
    spread = []
    for values in parameters:
        if values is None:
            column = torch.empty(0, dtype=dtype)
        else:
            column = torch.as_tensor(values, dtype=dtype).detach()
            column = column.expand(shape).reshape(-1)
        spread.append(column.contiguous().numpy())
    return spread


def _copy(values, like):
    """Copy one step's values into the layout of `like`, zero where there are none."""
    if values is None:
        return torch.zeros_like(like)
    return values.detach().to(like.dtype, copy=True).contiguous().view(like.shape)


def _numbers(neuron, like):
    kind = like.dtype.type
    return kind(neuron.scale), kind(neuron.top), kind(neuron.zero), kind(neuron.subtract)
