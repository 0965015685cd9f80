"""Spiking layers on CUDA: the functions that autograd sees, and how they launch the kernels.

A small layer is over sooner than Python can say what to do, so little is done here, and what
stays the same from call to call is worked out once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor

from neurokit.nn.kernels import lif_triton as kernels
from neurokit.nn.kernels.launching_cuda import Kernel, Launch

if TYPE_CHECKING:
    from neurokit.nn.neurons import Neuron

Number: TypeAlias = Tensor | float | None  # one for each unit, one for all, or none
Context: TypeAlias = Any  # what autograd keeps between forward and backward; torch says no type

_FILL = 132 * 4 * 128  # columns that keep the multiprocessors of a large device busy
_INPUT = [0]  # the places of what wants a gradient, where that is the input alone
_SAVED = object()  # stands for a tensor that autograd keeps


def run(
    x: Tensor, parameters: Sequence[Number], v: Tensor | None, i: Tensor | None, neuron: Neuron
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Run a layer without recurrent weights: spikes, last potential, last synaptic current.

    Autograd asks about every argument of each call: it sees those alone that want a gradient.
    """
    x = lay_out(x)
    plan = find_plan(x, parameters, neuron)
    if torch.is_grad_enabled():
        given = (x, *parameters, v, i)
        places = [k for k, t in enumerate(given) if isinstance(t, Tensor) and t.requires_grad]
        if places:
            return _Layer.apply((plan, given, places), *[given[k] for k in places])
    return plan.run(x, parameters, v, i, False)[:3]


class _Layer(torch.autograd.Function):
    """All steps of a layer without recurrent weights."""

    @staticmethod
    def forward(
        ctx: Context, call: tuple[Plan, tuple[Any, ...], list[int]], *wanted: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        plan, given, places = call
        x, decay, threshold, synaptic, v, i = given
        spikes, v_last, i_last, marks = plan.run(x, (decay, threshold, synaptic), v, i, True)
        if plan.shared and v is None and i is None:
            ctx.save_for_backward(x, marks)
            ctx.call = plan, given[1:4], places
        else:
            tensors = [t if isinstance(t, Tensor) else None for t in given]
            ctx.save_for_backward(x, marks, *tensors[1:])
            ctx.call = plan, [None if isinstance(t, Tensor) else t for t in given[1:4]], places
        ctx.set_materialize_grads(False)
        return spikes, v_last, i_last

    @staticmethod
    def backward(ctx: Context, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        plan, parameters, places = ctx.call
        x, marks, *rest = ctx.saved_tensors
        v = i = None
        if rest:
            *rest, v, i = rest
            parameters = [n if t is None else t for t, n in zip(rest, parameters, strict=True)]
        learned = places != _INPUT and any(0 < k < 4 for k in places)
        results = plan.run_backward(x, marks, parameters, v, i, grads, learned)
        if places == _INPUT:
            return None, results[0]
        given = (x, *parameters, v, i)
        return (None, *[_shape_like(given[k], results[k]) for k in places])


class Plan:
    """What stays the same when a layer runs again: options of the kernels, and what they became.

    Triton's own search for a compiled kernel takes longer than a small layer's launch.
    """

    def __init__(
        self,
        shape: torch.Size,
        dtype: torch.dtype,
        device: torch.device,
        per_unit: tuple[bool, ...],
        filtered: bool,
        neuron: Neuron,
    ) -> None:
        n_times, n_units, n_columns = shape[0], shape[-1], math.prod(shape[1:])
        block, self.warps, segment = _layout(n_times, n_columns)
        bits = sum(bit for bit, there in zip((1, 2, 4), per_unit, strict=True) if there)
        reset = bool(neuron.zero), bool(neuron.subtract)
        rest = bits, filtered, n_times % segment == 0, segment, block
        self.filtered = filtered
        self.shared = not any(per_unit)  # numbers for all units
        self.device = device
        self.index = device.index
        self.n_programs = -(-n_columns // block)
        self.n_columns = n_columns
        self.n_marks = (n_times - 1) // segment
        self.n_units = n_units
        # to make tensors like these takes half the time of telling their shapes
        self.step = _one(device).expand(shape[1:])
        self.marks = _one(device).expand(self.n_marks, 1 + filtered, n_columns)
        self.numbers = n_times, n_columns, n_units, neuron.scale, neuron.top
        self.forward = neuron.firing, *reset, *rest
        self.backward = neuron.firing, *reset, bool(neuron.attached), *rest
        self.launches: dict[object, Launch] = {}  # by direction, and which tensors there are

    def run(
        self,
        x: Tensor,
        parameters: Sequence[Number],
        v: Tensor | None,
        i: Tensor | None,
        keep: bool,
    ) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """Return spikes, last potential, last synaptic current, and marks to run again from."""
        spikes = torch.empty_like(x)
        v_last = torch.empty_like(self.step)
        i_last = torch.empty_like(v_last) if self.filtered else None
        marks = torch.empty_like(self.marks) if keep and self.n_marks else None
        values = self._give(parameters)
        pointers = x, *values, as_single(v), as_single(i), spikes, v_last, i_last, marks
        which = True, v is None, i is None, marks is None
        self._launch(kernels.forward, self.forward, pointers, which)
        return spikes, v_last, i_last, marks

    def run_backward(
        self,
        x: Tensor,
        marks: Tensor | None,
        parameters: Sequence[Number],
        v: Tensor | None,
        i: Tensor | None,
        grads: Sequence[Tensor | None],
        learned: bool,
    ) -> tuple[Tensor | None, ...]:
        """Return the gradients of x, decay, threshold, synaptic decay (by column), v and i."""
        gx = torch.empty_like(x)
        by_column: Any = None
        gv = gi = None
        if learned:
            by_column = x.new_empty((3, self.n_columns), dtype=torch.float32)
        if v is not None or i is not None:
            gv = x.new_empty(self.n_columns, dtype=torch.float32)
            gi = torch.empty_like(gv) if self.filtered else None
        gs, gv_last, gi_last = grads
        gs = None if gs is None else lay_out(gs)
        gv_last = None if gv_last is None else lay_out(gv_last)
        gi_last = None if gi_last is None else lay_out(gi_last)
        values = self._give(parameters)
        state = as_single(v), as_single(i)
        pointers = (
            x, gs, gv_last, gi_last, marks, *values, *state, gx, gv, gi, by_column,
        )  # fmt: skip
        which = (
            False, gs is None, gv_last is None, gi_last is None, v is None, i is None, learned,
        )  # fmt: skip
        self._launch(kernels.backward, self.backward, pointers, which)
        return gx, *(by_column if learned else (None, None, None)), gv, gi

    def _launch(
        self,
        kernel: Kernel,
        options: tuple[object, ...],
        pointers: tuple[object, ...],
        which: tuple[bool, ...],
    ) -> None:
        """Launch a kernel over all columns. Pointers are new tensors or those of `lay_out`."""
        if self.index != torch.cuda.current_device():
            with torch.cuda.device(self.device):
                self._launch(kernel, options, pointers, which)
            return
        launch = self.launches.get(which)
        if launch is None:
            launch = self.launches[which] = Launch(kernel, self.index, num_warps=self.warps)
        launch(self.n_programs, (*pointers, *self.numbers, *options))

    def _give(self, parameters: Sequence[Number]) -> list[Number]:
        if self.shared:  # an integer would be another kernel
            return [None if p is None else float(p) for p in parameters]
        return [give_to_kernel(p, self.n_units) for p in parameters]


_plan = lru_cache(256)(Plan)


@cache
def _one(device: torch.device) -> Tensor:
    return torch.empty(1, dtype=torch.float32, device=device)


def find_plan(x: Tensor, parameters: Sequence[Number], neuron: Neuron) -> Plan:
    """Return the plan for such a layer."""
    decay, threshold, synaptic = parameters
    tensors = (
        isinstance(decay, Tensor),
        isinstance(threshold, Tensor),
        isinstance(synaptic, Tensor),
    )
    return _plan(x.shape, x.dtype, x.device, tensors, synaptic is not None, neuron)


def _layout(n_times: int, n_columns: int) -> tuple[int, int, int]:
    """Choose columns and warps per program, and the steps of a segment, from runs on an H200.

    Two columns per thread, or one where they are too few to keep the device busy. Longer
    segments would leave too few registers; equal ones need not ask whether a step exists. Few
    lengths are used, as each is a kernel to compile.
    """
    block, warps, lengths = (
        (128, 2, (16, 10, 8)) if n_columns >= _FILL else (32, 1, (20, 16, 10, 8))
    )
    for segment in lengths:
        if n_times % segment == 0:
            return block, warps, segment
    return block, warps, min(16, 1 << (n_times - 1).bit_length())


def give_to_kernel(value: Number, n_units: int) -> Number:
    """Return a parameter as the kernels take it."""
    if isinstance(value, Tensor):
        if value.ndim == 0:
            value = value.expand(n_units)
        return as_single(value)
    return None if value is None else float(value)


def lay_out(x: Tensor) -> Tensor:
    """Lay a tensor out one element after the other, from a multiple of 16 bytes on."""
    x = x.contiguous()
    return x.clone() if x.data_ptr() % 16 else x


def as_single(x: Tensor | None) -> Tensor | None:
    """Lay out a tensor that the kernels read in float32."""
    if x is None:
        return None
    return lay_out(x if x.dtype == torch.float32 else x.float())


def save(ctx: Context, values: tuple[object, ...]) -> None:
    """Save the tensors among `values` for backward, and the rest beside them."""
    ctx.save_for_backward(*[x for x in values if isinstance(x, Tensor)])
    ctx.rest = [_SAVED if isinstance(x, Tensor) else x for x in values]


def read_saved(ctx: Context) -> list[Any]:
    """Return what `save` was given."""
    tensors = iter(ctx.saved_tensors)
    return [next(tensors) if x is _SAVED else x for x in ctx.rest]


def shape_grads(
    wanted: Sequence[bool], inputs: tuple[Tensor, ...], grads: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """Give every wanted gradient the shape and type of its input, summing over the batch."""
    return [
        None if grad is None or not want else _shape_like(x, grad)
        for want, x, grad in zip(wanted, inputs, grads, strict=False)
    ]


def _shape_like(x: Tensor, grad: Tensor) -> Tensor:
    if grad.shape == x.shape and grad.dtype == x.dtype:
        return grad
    if grad.numel() != x.numel():
        grad = grad.view(-1, x.numel() if x.ndim else grad.numel()).sum(0 if x.ndim else 1)
    return grad.view(x.shape).to(x.dtype)
