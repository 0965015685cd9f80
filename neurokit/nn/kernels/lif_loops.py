# mypy: allow-untyped-defs, disable-error-code="call-arg, var-annotated"
"""Leaky integrate-and-fire over time on the CPU: one pass forward, one pass backward.

Arrays are flat, (time, batch entry, unit) in memory. A pass walks through time with some batch
entries at once, whose rows stay in the second-level cache, and goes over a row by the loops of
`lif_columns` (a column is one unit of one entry), in tiles as long as the units' numbers are
repeated. One compilation per floating type serves every firing function and every reset; arrays
to work in are given, since making them here would take a tenth of a second more to compile.
"""

from numba import njit

from neurokit.nn.kernels import lif_columns as columns
from neurokit.nn.kernels.columns import add, copy
from neurokit.nn.kernels.products import PLAIN, SPARSE, SPARSE_TRANSPOSED, multiply
from neurokit.nn.kernels.vectors import place

CHUNK = 1024  # columns
# "contract" alone (fused multiply-add): NaN keeps its meaning and sums keep their order.
_FAST = {"contract"}

# The firing functions, numbered as in neurokit.nn.neurons.
SUPERSPIKE, ATAN, SIGMOID, SOFT, INTEGER, IDENTITY = range(6)


@njit(cache=True, fastmath=_FAST, error_model="numpy", nogil=True)
def forward(
    x, ahead, w_in, n_inputs, bias, w_rec, product, edge_array, listed_array, sizes, decay,
    threshold, synaptic, v, i, s0, h, s, scale, top, zero, subtract, mode,
):  # fmt: skip
    """Run some entries of the batch through all steps; fill `s`, update `v` and `i` in place.

    `sizes` are steps, entries, the first entry and the one past the last, and units; decay,
    threshold and synaptic decay (or nothing) hold whole units, repeated up to about a chunk.
    `x` holds currents, or nothing where `h` holds them already, or inputs of the weights `w_in`
    (as `panels`); `w_rec` (as `panels`, or nothing) those from the units' last spikes. `h` keeps
    the potentials of all steps, or of `ahead` steps where they are not needed again. `product`
    is what `multiplier` returns, `edge_array` and `listed_array` are room for it.
    """
    n_times, n_entries, first, last, n_units = sizes
    keep = h.size == s.size
    row, start = n_entries * n_units, first * n_units
    width = (last - first) * n_units
    edge, listed = place(edge_array, 0), place(listed_array, 0)
    for t in range(n_times):
        to = (t if keep else t % ahead) * row + start
        if w_in.size > 0:
            # The drive of several steps at once, where the entries alone make too few rows.
            if t % ahead == 0:
                n_rows = min(ahead, n_times - t) * (last - first)
                for n in range(0, n_rows * n_units, n_units):
                    copy(n_units, bias, 0, h, to + n)
                multiply(
                    product, place(x, (t * n_entries + first) * n_inputs), n_rows, n_inputs,
                    place(w_in, 0), place(h, to), n_units, edge, listed, SPARSE,
                )  # fmt: skip
        elif x.size > 0:
            copy(width, x, t * row + start, h, to)
        if w_rec.size > 0:
            multiply(
                product, place(s, (t - 1) * row + start) if t > 0 else place(s0, start),
                last - first, n_units, place(w_rec, 0), place(h, to), n_units, edge, listed,
                SPARSE,
            )  # fmt: skip
        for tile in range(0, width, decay.size):
            n = min(decay.size, width - tile)
            ht, vt, st = to + tile, start + tile, t * row + start + tile
            if synaptic.size > 0:
                columns.filter_current(n, h, ht, i, vt, synaptic, 0)
            columns.step(
                n, h, ht, v, vt, s, st, decay, 0, threshold, 0, zero, subtract, scale, top, mode
            )  # fmt: skip


@njit(cache=True, fastmath=_FAST, error_model="numpy", nogil=True)
def backward(
    grad_s, h, x, ahead, w_in, n_inputs, w_rec, product, edge_array, listed_array, sizes, decay,
    threshold, synaptic, v0, i0, s0, gv, gi, gs0, gx_out, g_in, g_bias, g_rec, g_decay,
    g_threshold, g_synaptic, gx, gs, before, scratch, scale, top, zero, subtract, attached, mode,
):  # fmt: skip
    """Add the exact gradients of `forward`; those whose array is empty are not wanted.

    `w_in` and `w_rec` hold weights from unit to input and from unit to unit, as `panels`. `gv` and
    `gi` hold the gradients of the last state on entry, those of the first on return. `gx_out` is
    the gradient of the inputs, or of the currents where `n_inputs` is 0. Those of the weights are
    laid out (source, unit). Potentials are kept, spikes computed from them again. `gx`, `gs`,
    `before` and `scratch` are room: `rows` steps and an edge, a step, a step and three tiles.
    """
    n_times, n_entries, first, last, n_units = sizes
    filtered, recurrent = synaptic.size > 0, w_rec.size > 0
    with_parameters = g_decay.size > 0
    row, start = n_entries * n_units, first * n_units
    width = (last - first) * n_units
    rows = max(2, ahead)  # of gx: this step and the next, or as many as one product takes
    size = decay.size
    s, slope, vp = 0, size, 2 * size  # places in scratch
    edge, listed = place(edge_array, 0), place(listed_array, 0)
    for t in range(n_times - 1, -1, -1):
        at = t * row + start
        here, after = t % rows * width, (t + 1) % rows * width
        grad, grad_at = grad_s, at
        if recurrent:
            copy(width, grad_s, at, gs, 0)
            grad, grad_at = gs, 0
            if t < n_times - 1:
                multiply(
                    product, place(gx, after), last - first, n_units, place(w_rec, 0),
                    place(gs, 0), n_units, edge, listed, PLAIN,
                )  # fmt: skip
        for tile in range(0, width, size):
            n = min(size, width - tile)
            ht, gvt, gst, gxt = at + tile, start + tile, grad_at + tile, here + tile
            if with_parameters:
                columns.back(
                    n, h, ht, threshold, 0, grad, gst, gv, gvt, gx, gxt, scratch, s, scratch,
                    slope, zero, subtract, scale, top, attached, mode,
                )  # fmt: skip
            else:
                columns.carry(
                    n, h, ht, threshold, 0, grad, gst, gv, gvt, gx, gxt, decay, 0,
                    zero, subtract, scale, top, attached, mode,
                )  # fmt: skip
            if before.size > 0:
                if t > 0:
                    columns.fire_again(
                        n, h, ht - row, threshold, 0, before, tile, scratch, vp, zero, subtract,
                        scale, top, mode,
                    )  # fmt: skip
                else:
                    copy(n, v0, start + tile, scratch, vp)
                    if recurrent:
                        copy(n, s0, start + tile, before, tile)
            if with_parameters:
                if mode == INTEGER:
                    columns.integer_threshold(n, scratch, slope, h, ht, threshold, 0)
                columns.threshold_back(
                    n, grad, gst, h, ht, threshold, 0, scratch, s, scratch, slope, gv, gvt,
                    g_threshold, 0, zero, subtract, attached,
                )  # fmt: skip
                columns.add_scaled(n, gx, gxt, scratch, vp, g_decay, 0)
                columns.scale(n, decay, 0, gx, gxt, gv, gvt)
            if filtered:
                if with_parameters and t < n_times - 1:
                    columns.synaptic_back(
                        n, gx, after + tile, h, ht, scratch, vp, decay, 0, g_synaptic, 0
                    )  # fmt: skip
                add(n, gi, start + tile, gx, gxt)
                columns.scale(n, synaptic, 0, gx, gxt, gi, start + tile)
                if with_parameters and t == 0:
                    columns.add_scaled(n, gx, gxt, i0, start + tile, g_synaptic, 0)
            if g_bias.size > 0:
                add(n, gx, gxt, g_bias, 0)
        if g_rec.size > 0:
            multiply(
                product, place(before, 0), n_units, last - first, place(gx, here),
                place(g_rec, 0), n_units, edge, listed, SPARSE_TRANSPOSED,
            )  # fmt: skip
        if n_inputs == 0:
            if gx_out.size > 0:
                copy(width, gx, here, gx_out, at)
        elif t % ahead == 0:
            n_rows = min(ahead, n_times - t) * (last - first)
            x_at = (t * n_entries + first) * n_inputs
            if g_in.size > 0:
                multiply(
                    product, place(x, x_at), n_inputs, n_rows, place(gx, here), place(g_in, 0),
                    n_units, edge, listed, SPARSE_TRANSPOSED,
                )  # fmt: skip
            if gx_out.size > 0:
                multiply(
                    product, place(gx, here), n_rows, n_units, place(w_in, 0), place(gx_out, x_at),
                    n_inputs, edge, listed, PLAIN,
                )  # fmt: skip
    if gs0.size > 0:
        multiply(
            product, place(gx, 0), last - first, n_units, place(w_rec, 0), place(gs0, start),
            n_units, edge, listed, PLAIN,
        )  # fmt: skip
