# mypy: allow-untyped-defs
"""Networks one time step after the other, without torch: for live use, and for `predict`.

All arrays are float64 and given; nothing is allocated. Sums run in one fixed order, so a recording
gives the same spikes whole, in chunks, and step by step. ``every`` > 0 puts the state back to rest
every so many steps, for networks that start anew in each window.
"""

import math

import numpy as np
from numba import njit


@njit(cache=True, error_model="numpy")
def spiking_layer(
    x, weight, bias, recurrent, decay, threshold, synaptic, v, i, s, zero, subtract, fires, every,
    out,
):  # fmt: skip
    """Run connections and leaky units; only inputs that are not zero cost anything.

    `weight` and `recurrent` have one row per source; `recurrent`, `synaptic` may be empty. Writes
    spikes to `out`, or potentials of units that do not fire; updates `v`, `i`, `s`.
    """
    n_units = v.size
    for t in range(len(x)):
        if every > 0 and t % every == 0:
            for n in range(n_units):
                v[n] = 0.0
            for n in range(i.size):
                i[n] = 0.0
            for n in range(s.size):
                s[n] = 0.0
        for n in range(n_units):
            out[t, n] = bias[n]
        for k in range(x.shape[1]):
            a = x[t, k]
            if a != 0.0:
                for n in range(n_units):
                    out[t, n] += a * weight[k, n]
        for k in range(len(recurrent)):
            a = s[k]
            if a != 0.0:
                for n in range(n_units):
                    out[t, n] += a * recurrent[k, n]
        for n in range(n_units):
            current = out[t, n]
            if synaptic.size > 0:
                i[n] = current = synaptic[n] * i[n] + current
            h = decay[n] * v[n] + current
            if fires:
                s[n] = 1.0 if h >= threshold[n] else 0.0
                v[n] = h - s[n] * (zero * h + subtract * threshold[n])
                out[t, n] = s[n]
            else:
                v[n] = out[t, n] = h


@njit(cache=True)
def delayed(rows, delay, every, out):
    """Write each input as many steps later as its delay says; `rows` begin with the past."""
    past = len(rows) - len(out)
    for t in range(len(out)):
        for k in range(delay.size):
            begun = every == 0 or t % every >= delay[k]
            out[t, k] = rows[past + t - delay[k], k] if begun else 0.0


@njit(cache=True, error_model="numpy")
def _copy_row(row, out):
    # Assigning to a slice would compile the making of an error message: three seconds.
    for n in range(row.size):
        out[n] = row[n]


@njit(cache=True, error_model="numpy")
def _affine(x, weight, bias, out):
    """Write ``x @ weight + bias`` for one row, a row of `weight` per source."""
    _copy_row(bias, out)
    for k in range(x.size):
        a = x[k]
        if a != 0.0:
            for n in range(out.size):
                out[n] += a * weight[k, n]


@njit(cache=True, error_model="numpy")
def _logistic(x):
    return 1.0 / (1.0 + math.exp(-x))


@njit(cache=True, error_model="numpy")
def gru_layer(x, w_in, b_in, w_hidden, b_hidden, h, gates, kept, out):
    """Gated recurrent unit; the gates stand in the order reset, update, new."""
    n_units = h.size
    for t in range(len(x)):
        _affine(x[t], w_in, b_in, gates)
        _affine(h, w_hidden, b_hidden, kept)
        for n in range(n_units):
            reset = _logistic(gates[n] + kept[n])
            update = _logistic(gates[n_units + n] + kept[n_units + n])
            new = math.tanh(gates[2 * n_units + n] + reset * kept[2 * n_units + n])
            h[n] = (1.0 - update) * new + update * h[n]
        _copy_row(h, out[t])


@njit(cache=True, error_model="numpy")
def lstm_layer(x, w_in, b_in, w_hidden, b_hidden, h, c, gates, kept, out):
    """Long short-term memory; the gates stand in the order input, forget, cell, output."""
    n_units = h.size
    for t in range(len(x)):
        _affine(x[t], w_in, b_in, gates)
        _affine(h, w_hidden, b_hidden, kept)
        for n in range(n_units):
            enter = _logistic(gates[n] + kept[n])
            forget = _logistic(gates[n_units + n] + kept[n_units + n])
            new = math.tanh(gates[2 * n_units + n] + kept[2 * n_units + n])
            leave = _logistic(gates[3 * n_units + n] + kept[3 * n_units + n])
            c[n] = forget * c[n] + enter * new
            h[n] = leave * math.tanh(c[n])
        _copy_row(h, out[t])


@njit(cache=True, error_model="numpy")
def elm_layer(
    x, w_trace, keep_trace, w_hidden, b_hidden, w_memory, b_memory, keep, take, m, trace, heard,
    hidden, change, out,
):  # fmt: skip
    """Leaky synaptic traces, and leaky memories that a small network of both rewrites."""
    n_inputs, n_memories = x.shape[1], m.size
    for t in range(len(x)):
        for k in range(n_inputs):
            trace[k] = keep_trace * trace[k] + w_trace[k] * x[t, k]
            heard[k] = trace[k]
        for n in range(n_memories):
            m[n] *= keep[n]
            heard[n_inputs + n] = m[n]
        _affine(heard, w_hidden, b_hidden, hidden)
        for n in range(hidden.size):
            hidden[n] = max(hidden[n], 0.0)
        _affine(hidden, w_memory, b_memory, change)
        for n in range(n_memories):
            m[n] += take[n] * math.tanh(change[n])
        _copy_row(m, out[t])


@njit(cache=True, error_model="numpy")
def dense_layer(x, weight, bias, rectified, out):
    """Weighted sums, without or with their negative part."""
    for t in range(len(x)):
        _affine(x[t], weight, bias, out[t])
        if rectified:
            for n in range(out.shape[1]):
                out[t, n] = max(out[t, n], 0.0)


@njit(cache=True, error_model="numpy")
def window_sums(rows, width, out):
    """Sum each part of ``width`` rows of the window that ends at every row.

    `out` has the shape (n_windows, n_parts, n_columns); window ``t`` begins at row ``t``.
    """
    n_parts, n_columns = out.shape[1:]
    for t in range(len(out)):
        for part in range(n_parts):
            first = t + part * width
            for n in range(n_columns):
                out[t, part, n] = 0.0
            for k in range(first, first + width):
                for n in range(n_columns):
                    out[t, part, n] += rows[k, n]


@njit(cache=True, error_model="numpy")
def normalise(x, gain, offset, epsilon):
    """Bring each window to mean 0 and variance 1, then scale and shift, in place."""
    n_parts, n_columns = x.shape[1:]
    for t in range(len(x)):
        mean = 0.0
        for k in range(n_parts):
            for n in range(n_columns):
                mean += x[t, k, n]
        mean /= n_parts * n_columns
        variance = 0.0
        for k in range(n_parts):
            for n in range(n_columns):
                variance += (x[t, k, n] - mean) ** 2
        scale = 1.0 / np.sqrt(variance / (n_parts * n_columns) + epsilon)
        for k in range(n_parts):
            for n in range(n_columns):
                x[t, k, n] = (x[t, k, n] - mean) * scale * gain[k, n] + offset[k, n]
