# mypy: allow-untyped-defs, disable-error-code="call-arg"
"""Leaky integrate-and-fire over time on the CPU: one pass forward, one pass backward.

Arrays are flat, (time, batch entry, unit) in memory. A pass walks through time with some batch
entries at once, whose rows stay in the second-level cache, and goes over a row in chunks that stay
in the first. Inner loops run along columns (a column is one unit of one entry) and touch few
arrays each: with more, the compiler gives up proving that they differ and does not vectorise.
One compilation per floating type serves every firing function and every reset.
"""

import math

import numpy as np
from numba import njit

from neurokit.nn.kernels.products import (
    add_product,
    add_sparse_product,
    add_sparse_transposed_product,
    inside,
)

CHUNK = 1024  # columns
# "contract" alone (fused multiply-add): NaN keeps its meaning and sums keep their order.
_FAST = {"contract"}

# The firing functions, numbered as in neurokit.nn.neurons.
SUPERSPIKE, ATAN, SIGMOID, SOFT, INTEGER, IDENTITY = range(6)


@inside
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


@inside
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


@inside
def copy_row(row, out):
    # Assigning to a slice would compile the making of an error message: three seconds.
    for n in range(row.size):
        out[n] = row[n]


@inside
def _charge(h, v, decay):
    """Turn one row of drive into potentials."""
    for n in range(h.size):
        h[n] = decay[n] * v[n] + h[n]


@inside
def _filter(h, i, synaptic):
    """Turn one row of drive into synaptic currents."""
    for n in range(h.size):
        i[n] = synaptic[n] * i[n] + h[n]
        h[n] = i[n]


@inside
def _reset(h, s, threshold, zero, subtract, v):
    """Write the potentials that a row of spikes leaves."""
    for n in range(h.size):
        v[n] = h[n] - s[n] * (zero * h[n] + subtract * threshold[n])


@njit(cache=True, fastmath=_FAST, error_model="numpy", nogil=True)
def forward(
    x, ahead, w_in, n_inputs, bias, w_rec, edge, sizes, decay, threshold, synaptic, v, i, s0, h, s,
    scale, top, zero, subtract, mode,
):  # fmt: skip
    """Run some entries of the batch through all steps; fill `s`, update `v` and `i` in place.

    `sizes` are steps, entries, the first entry and the one past the last, and units; decay,
    threshold and synaptic decay (or nothing) hold whole units, repeated up to about a chunk.
    `x` holds currents, or nothing where `h` holds them already, or inputs of the weights `w_in`
    (as `panels`); `w_rec` (as `panels`, or nothing) those from the units' last spikes. `h` keeps
    the potentials of all steps, or of `ahead` steps where they are not needed again.
    """
    n_times, n_entries, first, last, n_units = sizes
    keep = h.size == s.size
    row, start = n_entries * n_units, first * n_units
    width = (last - first) * n_units
    listed = np.empty(max(n_inputs, n_units), np.uint32)
    for t in range(n_times):
        to = (t if keep else t % ahead) * row + start
        if w_in.size > 0:
            # The drive of several steps at once, where the entries alone make too few rows.
            if t % ahead == 0:
                n_rows = min(ahead, n_times - t) * (last - first)
                for n in range(0, n_rows * n_units, n_units):
                    copy_row(bias, h[to + n : to + n + n_units])
                at = (t * n_entries + first) * n_inputs
                add_sparse_product(x, at, n_rows, n_inputs, w_in, h, to, n_units, edge, listed)
        elif x.size > 0:
            copy_row(x[t * row + start : t * row + start + width], h[to : to + width])
        if w_rec.size > 0:
            before, at = (s, (t - 1) * row + start) if t > 0 else (s0, start)
            add_sparse_product(
                before, at, last - first, n_units, w_rec, h, to, n_units, edge, listed
            )  # fmt: skip
        for tile in range(0, width, decay.size):
            end = min(decay.size, width - tile)
            for n in range(0, end, CHUNK):
                m = min(n + CHUNK, end)
                ht, vt = h[to + tile + n : to + tile + m], v[start + tile + n : start + tile + m]
                st = s[t * row + start + tile + n : t * row + start + tile + m]
                if synaptic.size > 0:
                    _filter(ht, i[start + tile + n : start + tile + m], synaptic[n:m])
                _charge(ht, vt, decay[n:m])
                _fire(ht, threshold[n:m], scale, top, mode, st)
                _reset(ht, st, threshold[n:m], zero, subtract, vt)


@inside
def _carry(h, threshold, s, slope, zero, subtract, attached, carried):
    """Write how much of a potential reaches the next step: d v / d h."""
    one = h.dtype.type(1)
    by_zero, by_threshold = attached * zero, attached * subtract
    for n in range(h.size):
        level = by_zero * h[n] + by_threshold * threshold[n]
        carried[n] = one - zero * s[n] - level * slope[n]


@inside
def _join(gs, slope, carried, gv, gx):
    """Write the gradient of the potentials, from spikes and from the next step."""
    for n in range(gs.size):
        gx[n] = gs[n] * slope[n] + gv[n] * carried[n]


@inside
def _threshold_back(gs, h, threshold, s, slope, gv, zero, subtract, attached, mode, work, out):
    """Add the gradient of the thresholds to `out`."""
    if mode == INTEGER:
        for n in range(h.size):
            slope[n] *= h[n] / threshold[n]
    by_zero, by_threshold = attached * zero, attached * subtract
    for n in range(h.size):
        level = by_zero * h[n] + by_threshold * threshold[n]
        work[n] = subtract * s[n] - level * slope[n]
    for n in range(h.size):
        out[n] -= gs[n] * slope[n] + gv[n] * work[n]


@inside
def _synaptic_back(after, h, v, decay, out):
    """Add the gradient of the synaptic decays to `out`: the current was ``h - decay v``."""
    for n in range(h.size):
        out[n] += after[n] * (h[n] - decay[n] * v[n])


@inside
def _add_scaled(factor, row, out):
    for n in range(row.size):
        out[n] += factor[n] * row[n]


@inside
def _scale(factor, row, out):
    for n in range(row.size):
        out[n] = factor[n] * row[n]


@inside
def _add(row, out):
    for n in range(row.size):
        out[n] += row[n]


@njit(cache=True, fastmath=_FAST, error_model="numpy", nogil=True)
def backward(
    grad_s, h, x, ahead, w_in, n_inputs, w_rec, edge, sizes, decay, threshold, synaptic, v0, i0,
    s0, gv, gi, gs0, gx_out, g_in, g_bias, g_rec, g_decay, g_threshold, g_synaptic,
    scale, top, zero, subtract, attached, mode,
):  # fmt: skip
    """Add the exact gradients of `forward`; those whose array is empty are not wanted.

    `w_in` and `w_rec` hold weights from unit to input and from unit to unit, as `panels`. `gv` and
    `gi` hold the gradients of the last state on entry, those of the first on return. `gx_out` is
    the gradient of the inputs, or of the currents where `n_inputs` is 0. Those of the weights are
    laid out (source, unit). Potentials are kept, spikes computed from them again.
    """
    n_times, n_entries, first, last, n_units = sizes
    filtered, recurrent = synaptic.size > 0, w_rec.size > 0
    with_parameters = g_decay.size > 0
    row, start = n_entries * n_units, first * n_units
    width = (last - first) * n_units
    rows = max(2, ahead)  # of gx: this step and the next, or as many as one product takes
    gx = np.zeros(rows * width + edge.size, h.dtype)
    gs = np.zeros(width if recurrent else 0, h.dtype)
    before = np.zeros(width if recurrent or with_parameters else 0, h.dtype)
    scratch = np.zeros((4, CHUNK), h.dtype)
    listed = np.empty(max(n_inputs, n_units), np.uint32)
    zeroth = np.intp(0)  # a literal would be a type of its own, and compile all again
    for t in range(n_times - 1, -1, -1):
        at = t * row + start
        here, after = t % rows * width, (t + 1) % rows * width
        grad, grad_at = grad_s, at
        if recurrent:
            copy_row(grad_s[at : at + width], gs)
            grad, grad_at = gs, 0
            if t < n_times - 1:
                add_product(gx, after, last - first, n_units, w_rec, gs, zeroth, n_units, edge)
        for tile in range(0, width, decay.size):
            end = min(decay.size, width - tile)
            for n in range(0, end, CHUNK):
                m = min(n + CHUNK, end)
                lo, hi = tile + n, tile + m
                s, slope = scratch[0, : m - n], scratch[1, : m - n]
                work, vp = scratch[2, : m - n], scratch[3, : m - n]
                b, th = decay[n:m], threshold[n:m]
                ht, gvt = h[at + lo : at + hi], gv[start + lo : start + hi]
                gst, gxt = grad[grad_at + lo : grad_at + hi], gx[here + lo : here + hi]
                _fire(ht, th, scale, top, mode, s)
                _slope(ht, th, s, scale, top, mode, slope)
                _carry(ht, th, s, slope, zero, subtract, attached, work)
                _join(gst, slope, work, gvt, gxt)
                if before.size > 0:
                    bt = before[lo:hi]
                    if t > 0:
                        hp = h[at - row + lo : at - row + hi]
                        _fire(hp, th, scale, top, mode, bt)
                        if with_parameters:
                            _reset(hp, bt, th, zero, subtract, vp)
                    else:
                        copy_row(v0[start + lo : start + hi], vp)
                        if recurrent:
                            copy_row(s0[start + lo : start + hi], bt)
                if with_parameters:
                    _threshold_back(
                        gst, ht, th, s, slope, gvt, zero, subtract, attached, mode, work,
                        g_threshold[n:m],
                    )  # fmt: skip
                    _add_scaled(gxt, vp, g_decay[n:m])
                _scale(b, gxt, gvt)
                if filtered:
                    a, git = synaptic[n:m], gi[start + lo : start + hi]
                    if with_parameters and t < n_times - 1:
                        _synaptic_back(gx[after + lo : after + hi], ht, vp, b, g_synaptic[n:m])
                    _add(git, gxt)
                    _scale(a, gxt, git)
                    if with_parameters and t == 0:
                        _add_scaled(gxt, i0[start + lo : start + hi], g_synaptic[n:m])
                if g_bias.size > 0:
                    _add(gxt, g_bias[n:m])
        if g_rec.size > 0:
            add_sparse_transposed_product(
                before, zeroth, n_units, last - first, gx, here, g_rec, n_units, edge, listed
            )  # fmt: skip
        if n_inputs == 0:
            if gx_out.size > 0:
                copy_row(gx[here : here + width], gx_out[at : at + width])
        elif t % ahead == 0:
            n_rows = min(ahead, n_times - t) * (last - first)
            x_at = (t * n_entries + first) * n_inputs
            if g_in.size > 0:
                add_sparse_transposed_product(
                    x, x_at, n_inputs, n_rows, gx, here, g_in, n_units, edge, listed
                )  # fmt: skip
            if gx_out.size > 0:
                add_product(gx, here, n_rows, n_units, w_in, gx_out, x_at, n_inputs, edge)
    if gs0.size > 0:
        add_product(gx, zeroth, last - first, n_units, w_rec, gs0, start, n_units, edge)
