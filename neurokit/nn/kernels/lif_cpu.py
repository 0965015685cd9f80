# mypy: allow-untyped-defs, disable-error-code="call-arg"
"""Spiking layers on the CPU: the function that autograd sees, around the fused passes."""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from neurokit.nn.kernels.lif_loops import CHUNK, backward, forward
from neurokit.nn.kernels.products import aligned, multiplier, panel_width, panels
from neurokit.nn.kernels.vectors import ROWS

_FORWARD = "scale", "top", "zero", "subtract"
_BACKWARD = *_FORWARD, "attached"
_TOGETHER = 64  # rows that a product takes at a time
_AHEAD = 256  # where they are those of several steps: inputs and sums fit the second-level cache
_LONG = 512  # items: shorter arrays begin anywhere
_CACHED = 8192  # columns of which ten rows fit in the second-level cache
_WORTH_THREADS = 10**7  # multiplications: a few hundred microseconds
_TORCH = {"f": torch.float32, "d": torch.float64}

# Blocks of a few megabytes go back to the system when freed, and come again page by page, which
# takes as long as a pass; unless a larger one was freed before (glibc). This one is not touched.
torch.empty(31 * 2**20, dtype=torch.uint8)


def run(x, weights, parameters, state, neuron):
    """Run all steps of a layer.

    Parameters
    ----------
    x : Tensor of shape (time, ..., unit) or (time, ..., input)
        Currents; or inputs, if there are input weights.
    weights : tuple
        Input weight (unit, input) and bias (unit,), recurrent weight (unit, unit); or None.
    parameters : tuple
        Decay, threshold, and synaptic decay or None: numbers, or tensors (unit,).
    state : tuple
        Potential, synaptic current and spikes (..., unit) to go on from; or None.
    neuron : Neuron
        How a unit fires and resets.

    Returns
    -------
    spikes : Tensor of shape (time, ..., unit)
    potential, current : Tensor of shape (..., unit)
        After the last step; current is None without synaptic decay.
    """
    return _Layer.apply(x, *weights, *parameters, *state, neuron, torch.is_grad_enabled())


class _Layer(torch.autograd.Function):
    """All steps of a layer with its connections; keeps the potentials for the way back."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Any:
        *inputs, neuron, training = inputs  # type: ignore[assignment]
        x, w_in, bias, w_rec, *parameters = inputs[:7]
        plan = _Plan(x.shape, x.dtype, (w_in, bias, w_rec), parameters)
        v, i, s0 = plan.states(inputs[7:])
        keep = training and any(ctx.needs_input_grad)
        spikes = torch.empty((plan.n_times, *plan.state_shape), dtype=_TORCH[plan.dtype.char])
        h = torch.empty_like(spikes if keep else spikes[: plan.ahead])
        sources = plan.panels(None if w_in is None else w_in.T)
        recurrent = plan.panels(None if w_rec is None else w_rec.T)
        constant = plan.zeros(plan.n_units) if bias is None else plan.flat(bias)
        arrays = *plan.parameters, v, i, s0, plan.flat(h), plan.flat(spikes)
        flat_x = plan.flat(x)
        numbers = [plan.dtype.type(getattr(neuron, name)) for name in _FORWARD]

        def block(first, last):
            forward(
                flat_x, plan.ahead, sources, plan.n_inputs, constant, recurrent,
                *plan.product(), plan.sizes(first, last), *arrays, *numbers,
                neuron.firing,
            )  # fmt: skip

        plan.each(block)
        if keep:
            seen = x if ctx.needs_input_grad[1] else None
            saved = h, seen, *inputs[1:]
            ctx.save_for_backward(*(t if isinstance(t, torch.Tensor) else None for t in saved))
            ctx.numbers = [None if isinstance(t, torch.Tensor) else t for t in saved]
            ctx.like = [
                (t.shape, t.dtype) if isinstance(t, torch.Tensor) else None for t in inputs
            ]
            ctx.neuron = neuron
            ctx.set_materialize_grads(False)
        last = None if parameters[2] is None else plan.state(i)
        return spikes.to(x.dtype), plan.state(v), last

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        h, x, w_in, bias, w_rec, *rest = (
            number if t is None else t
            for t, number in zip(ctx.saved_tensors, ctx.numbers, strict=True)
        )
        plan = _Plan(ctx.like[0][0], h.dtype, (w_in, bias, w_rec), rest[:3])
        grad_s, *grads_last = grads
        gv, gi, gs0 = plan.states((*grads_last, None))
        for_x, for_in, for_bias, for_rec, *for_parameters = ctx.needs_input_grad[:7]
        gx = torch.zeros(ctx.like[0][0] if for_x else 0, dtype=h.dtype)
        arrays = (
            plan.flat(torch.zeros_like(h) if grad_s is None else grad_s), plan.flat(h),
            plan.flat(x if for_in else None), plan.ahead, plan.panels(w_in if for_x else None),
            plan.n_inputs, plan.panels(w_rec),
        )  # fmt: skip
        shared = *plan.parameters, *plan.states(rest[3:]), gv, gi, gs0, plan.flat(gx)
        numbers = [plan.dtype.type(getattr(ctx.neuron, name)) for name in _BACKWARD]
        tile = plan.parameters[0].size
        shapes = [
            (plan.n_inputs, plan.n_units if for_in else 0),
            (tile if for_bias else 0,),
            (plan.n_units, plan.n_units if for_rec else 0),
            *[(tile if any(for_parameters) else 0,)] * 3,
        ]

        def block(first, last):
            sums = [plan.zeros(*shape) for shape in shapes]
            width = (last - first) * plan.n_units
            recurrent = width * (w_rec is not None)
            room = (
                plan.zeros(max(2, plan.ahead) * width + plan.edge_size),
                plan.zeros(recurrent),
                plan.zeros(width if any(for_parameters) else recurrent),
                plan.zeros(3 * tile),
            )
            backward(
                *arrays, *plan.product(), plan.sizes(first, last), *shared,
                *(a.reshape(-1) for a in sums), *room, *numbers, ctx.neuron.firing,
            )  # fmt: skip
            return sums

        by_block = zip(*plan.each(block), strict=True)
        g_in, g_bias, g_rec, *by_unit = (sum(parts[1:], parts[0]) for parts in by_block)
        results = g_in.T, g_bias, g_rec.T, *by_unit, gv, gi, gs0
        wanted = zip(results, ctx.like[1:], ctx.needs_input_grad[1:], strict=False)
        gradients = [_shape_grad(g, *like) if wants else None for g, like, wants in wanted]
        return (gx.to(ctx.like[0][1]) if for_x else None, *gradients, None, None)


def _shape_grad(grad, shape, dtype):
    """Give a gradient the shape and type of its input, adding up its repeats."""
    grad = torch.from_numpy(grad)
    if grad.numel() != shape.numel():
        grad = grad.view(-1, *shape).sum(0)
    return grad.reshape(shape).to(dtype)


class _Plan:
    """Sizes of one call, how its batch entries are divided, and arrays to go with them."""

    def __init__(self, shape, dtype, weights, parameters):
        w_in, _, w_rec = weights
        self.dtype = np.dtype("float64" if dtype == torch.float64 else "float32")
        self.n_times = shape[0]
        self.n_inputs = 0 if w_in is None else shape[-1]
        self.n_units = shape[-1] if w_in is None else len(w_in)
        self.n_entries = math.prod(shape[1:-1])
        self.state_shape = (*shape[1:-1], self.n_units)
        self.has = True, parameters[2] is not None, w_rec is not None  # potential, current, spikes
        repeats = min(max(1, CHUNK // self.n_units), self.n_entries)
        self.parameters = [self._repeated(values, repeats) for values in parameters]
        self.edge_size = ROWS * panel_width(self.dtype)
        connected = self.n_inputs or w_rec is not None
        self.multiplier = multiplier(self.dtype) if connected else 0
        n_connections = self.n_inputs + (0 if w_rec is None else self.n_units)
        per_block = max(_TOGETHER if n_connections else 1, _CACHED // self.n_units)
        work = self.n_times * self.n_entries * self.n_units * (n_connections + 10)
        self.n_threads = torch.get_num_threads() if work > _WORTH_THREADS else 1
        if self.n_threads > 1:
            share = -(-self.n_entries // self.n_threads)
            per_block = min(per_block, -(-share // ROWS) * ROWS)
        self.blocks = [
            (first, min(first + per_block, self.n_entries))
            for first in range(0, self.n_entries, per_block)
        ]
        # With one block the rows of successive steps follow each other: few entries, more steps.
        alone = self.n_inputs and len(self.blocks) == 1
        self.ahead = min(max(1, _AHEAD // self.n_entries), self.n_times) if alone else 1

    def _repeated(self, values, repeats):
        if values is None:
            return self.zeros(0)
        if isinstance(values, torch.Tensor):
            values = self.flat(values)
        if np.size(values) == 1:
            return np.full(self.n_units * repeats, values, self.dtype)
        return np.tile(values, repeats) if repeats > 1 else values

    def sizes(self, first, last):
        return self.n_times, self.n_entries, first, last, self.n_units

    def product(self):
        """Return what adds products, and room for four rows of a panel and the items of a row."""
        listed = np.empty(max(self.n_inputs, self.n_units), np.uint32)
        return self.multiplier, self.zeros(self.edge_size), listed

    def zeros(self, *shape):
        size = math.prod(shape)
        if size < _LONG:
            return np.zeros(shape, self.dtype)
        return aligned(size, self.dtype).reshape(shape)

    def array(self, values):
        """Return the values of a tensor, shared if they have the right type."""
        return values.detach().to(_TORCH[self.dtype.char]).numpy()

    def flat(self, values):
        """Return the values of a tensor in one row, to be read; nothing for None.

        Passes want contiguous rows: an expanded tensor, as a sum's gradient is, is written out.
        """
        if values is None:
            return self.zeros(0)
        return np.ascontiguousarray(self.array(values)).reshape(-1)

    def panels(self, weight):
        """Lay out a weight (source, unit) for products; nothing for None."""
        return self.zeros(0) if weight is None else panels(self.array(weight))

    def states(self, values):
        """Copy potential, current and spikes, to be written to; empty if the layer has none."""
        n_columns = self.n_entries * self.n_units
        return [
            self.zeros(n_columns if there else 0)
            if value is None or not there
            else self.array(value).flatten()
            for value, there in zip(values, self.has, strict=True)
        ]

    def state(self, values):
        """Return one step's values as a tensor."""
        return torch.from_numpy(values.reshape(self.state_shape))

    def each(self, function):
        """Call a function with every block; return the results in order."""
        if self.n_threads == 1 or len(self.blocks) == 1:
            return [function(*block) for block in self.blocks]
        # No pool outlives the call: it would not survive a fork.
        with ThreadPoolExecutor(self.n_threads) as pool:
            return list(pool.map(lambda block: function(*block), self.blocks))


_TORCH = {"f": torch.float32, "d": torch.float64}

# Blocks of a few megabytes go back to the system when freed, and come again page by page, which
# takes as long as a pass; unless a larger one was freed before (glibc). This one is not touched.
torch.empty(31 * 2**20, dtype=torch.uint8)
