"""Recurrent spiking layers on CUDA: one kernel for all steps forward, and one backward.

Wide layers are shared among programs that wait for one another after every step; where a device
has too few multiprocessors for that, they run step by step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from neurokit.nn.kernels import recurrent_triton as kernels
from neurokit.nn.kernels.lif_cuda import (
    Number,
    as_single,
    find_plan,
    give_to_kernel,
    lay_out,
    read_saved,
    save,
    shape_grads,
)

if TYPE_CHECKING:
    from neurokit.nn.neurons import Neuron

_MOST_UNITS = 128  # whose weights fit into a multiprocessor
_ROWS = 16  # of a batch per program: the fewest that its matrix units take
_PART, _HELD = 32, 256  # units per program of a wide layer, and the widest whose weights it holds
_GROUPS = 4  # groups of programs that find room at once, in whatever streams they are


class _Launch(NamedTuple):
    """What a kernel is launched with, beside its tensors."""

    values: list[Number]  # decay, threshold, synaptic decay
    grid: tuple[int]
    sizes: tuple[float, ...]
    neuron: tuple[object, ...]  # firing, reset by zero, by subtraction, attached
    options: tuple[object, ...]
    tickets: Tensor | None
    n_warps: int


class Recurrent(torch.autograd.Function):
    """All steps of a layer with recurrent weights."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        decay: Number,
        threshold: Number,
        synaptic: Number,
        v: Tensor | None,
        i: Tensor | None,
        s: Tensor | None,
        fixed: tuple[Neuron, bool],
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        neuron, training = fixed
        keep = training and any(ctx.needs_input_grad)
        parameters = decay, threshold, synaptic
        run = _forward if _fits(weight) else _forward_by_steps
        spikes, v_last, i_last, kept = run(lay_out(x), weight, parameters, v, i, s, neuron, keep)
        if keep:
            save(ctx, (*kept, spikes, x, weight, *parameters, v, i, s))
            ctx.neuron = neuron
            ctx.set_materialize_grads(False)
        return spikes, v_last, i_last

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        *kept, spikes, x, weight, decay, threshold, synaptic, v, i, s = read_saved(ctx)
        wanted = ctx.needs_input_grad
        parameters = decay, threshold, synaptic
        run = _backward if _fits(weight) else _backward_by_steps
        gx: Any
        gx, *rest = run(kept, weight, parameters, v, i, grads, ctx.neuron, any(wanted[2:5]))
        g_weight = g_s = None
        if wanted[1]:
            first = torch.zeros_like(spikes[0]) if s is None else s.to(spikes.dtype)
            before = torch.cat((first[None], spikes[:-1])).to(gx.dtype)
            g_weight = gx.flatten(0, -2).T @ before.flatten(0, -2)
        if wanted[7]:
            g_s = gx[0] @ weight.float()
        inputs = x, weight, *parameters, v, i, s
        return (*shape_grads(wanted, inputs, (gx, g_weight, *rest, g_s)), None)


def _fits(weight: Tensor) -> bool:
    """Return whether all programs that share a layer's units can run at once."""
    n_units = len(weight)
    if n_units <= _MOST_UNITS or not weight.is_cuda:
        return True
    device = torch.cuda.get_device_properties(weight.device)
    return -(-n_units // _PART) * _GROUPS <= device.multi_processor_count


def _forward(
    x: Tensor,
    weight: Tensor,
    parameters: Sequence[Number],
    v: Tensor | None,
    i: Tensor | None,
    s: Tensor | None,
    neuron: Neuron,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor | None, tuple[Tensor | None]]:
    """Return spikes, last potential, last synaptic current, and the potentials."""
    launch = _prepare(x, parameters, neuron)
    if launch.tickets is None:
        spikes = torch.empty_like(x)
    else:  # the group reads the step before from memory, before the first one the state
        history = x.new_empty((len(x) + 1, *x.shape[1:]), dtype=torch.float32)
        history[0] = 0.0 if s is None else s
        spikes = history[1:]
    potentials = torch.empty_like(x, dtype=torch.float32) if keep else None
    v_last = x.new_empty(x.shape[1:], dtype=torch.float32)
    i_last = None if parameters[2] is None else torch.empty_like(v_last)
    with torch.cuda.device(x.get_device()):
        kernels.forward[launch.grid](
            x, as_single(weight), *launch.values, as_single(v), as_single(i), as_single(s),
            spikes, potentials, v_last, i_last, launch.tickets, *launch.sizes, *launch.neuron[:3],
            *launch.options, num_warps=launch.n_warps,
        )  # fmt: skip
    return spikes.to(x.dtype), v_last, i_last, (potentials,)


def _backward(
    kept: Sequence[Tensor],
    weight: Tensor,
    parameters: Sequence[Number],
    v: Tensor | None,
    i: Tensor | None,
    grads: Sequence[Tensor | None],
    neuron: Neuron,
    learned: bool,
) -> tuple[Tensor | None, ...]:
    """Return the gradients of x, decay, threshold, synaptic decay (by column), v and i."""
    (potentials,) = kept
    launch = _prepare(potentials, parameters, neuron)
    gx = torch.empty_like(potentials)
    n_columns = potentials[0].numel()
    by_column: Any = gx.new_empty(3, n_columns) if learned else None
    gv = gi = None
    if v is not None or i is not None:
        gv = gx.new_empty(n_columns)
        gi = None if parameters[2] is None else torch.empty_like(gv)
    grads = [None if grad is None else lay_out(grad) for grad in grads]
    with torch.cuda.device(gx.get_device()):
        kernels.backward[launch.grid](
            as_single(weight), *grads, potentials, *launch.values, as_single(v), as_single(i),
            gx, gv, gi, by_column, launch.tickets, *launch.sizes, *launch.neuron,
            *launch.options, num_warps=launch.n_warps,
        )  # fmt: skip
    return gx, *(by_column if learned else (None, None, None)), gv, gi


def _prepare(x: Tensor, parameters: Sequence[Number], neuron: Neuron) -> _Launch:
    """Choose what the kernels run with for currents of the shape of `x`."""
    n_times, n_units, n_rows = len(x), x.shape[-1], x.shape[1:-1].numel()
    values = [give_to_kernel(p, n_units) for p in parameters]
    per_unit = sum(
        bit for bit, p in zip((1, 2, 4), parameters, strict=True) if isinstance(p, Tensor)
    )
    n_groups = -(-n_rows // _ROWS)
    padded = max(16, 1 << (n_units - 1).bit_length())
    units, members, held, block, n_warps, tickets = padded, 1, True, padded, 8, None
    if n_units > _MOST_UNITS:
        units, members, n_warps = _PART, -(-n_units // _PART), 4
        held = n_units <= _HELD
        block = padded if held else 64
        tickets = torch.zeros(1 + n_groups, dtype=torch.int32, device=x.device)
    firing, scale, top, zero, subtract, attached = neuron
    return _Launch(
        values,
        (n_groups * members,),
        (n_times, n_rows, n_units, scale, top),
        (firing, bool(zero), bool(subtract), bool(attached)),
        (per_unit, values[2] is not None, _ROWS, units, members, tickets is not None, held, block),
        tickets,
        n_warps,
    )


def _forward_by_steps(
    x: Tensor,
    weight: Tensor,
    parameters: Sequence[Number],
    v: Tensor | None,
    i: Tensor | None,
    s: Tensor | None,
    neuron: Neuron,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor | None, tuple[Tensor | None, ...]]:
    """Run as one matrix product and one step of the layer after the other."""
    currents = x.float()
    spikes, kept = torch.empty_like(currents), []
    v = torch.zeros_like(currents[0]) if v is None else v
    sources = weight.float().T
    plan = find_plan(currents[:1], parameters, neuron)
    for t, current in enumerate(currents):
        if s is not None:
            before = s.float().reshape(-1, len(weight))
            current = torch.addmm(current.reshape(before.shape), before, sources).view(v.shape)
        step = lay_out(current)[None]
        if keep:
            kept += [step, v, i]
        fired, v, i, _ = plan.run(step, parameters, v, i, keep=False)
        spikes[t] = s = fired[0]
    return spikes.to(x.dtype), v, i, tuple(kept)


def _backward_by_steps(
    kept: Sequence[Tensor],
    weight: Tensor,
    parameters: Sequence[Number],
    v: Tensor | None,
    i: Tensor | None,
    grads: Sequence[Tensor | None],
    neuron: Neuron,
    learned: bool,
) -> tuple[Tensor | None, ...]:
    """Return the gradients of x, decay, threshold, synaptic decay (by column), v and i."""
    grad_s, gv, gi = grads
    w = weight.float()
    gx = torch.empty((len(kept) // 3, *kept[0].shape[1:]), device=w.device)
    plan = find_plan(gx[:1], parameters, neuron)
    totals: list[Any] = [None, None, None]
    for t in reversed(range(len(gx))):
        step, v_before, i_before = kept[3 * t : 3 * t + 3]
        gs = torch.zeros_like(gx[t]) if grad_s is None else grad_s[t].float()
        if t < len(gx) - 1:
            gs = gs + gx[t + 1] @ w
        g: Any
        g, *by_column, gv, gi = plan.run_backward(
            step, None, parameters, v_before, i_before, (gs[None], gv, gi), learned
        )
        gx[t] = g[0]
        if learned:
            totals = [a if b is None else b + a for a, b in zip(by_column, totals, strict=True)]
    return gx, *totals, gv, gi
