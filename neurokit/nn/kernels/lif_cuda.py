"""Spiking layers on CUDA: the functions that autograd sees, and how they launch the kernels.

A small layer is over sooner than Python can say what to do, so little is done here, and what
stays the same from call to call is worked out once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor
from triton.runtime import driver

from neurokit.nn.kernels import lif_triton as kernels

if TYPE_CHECKING:
    from neurokit.nn.neurons import Neuron

Number: TypeAlias = Tensor | float | None  # one for each unit, one for all, or none
Context: TypeAlias = Any  # what autograd keeps between forward and backward; torch says no type
Kernel: TypeAlias = Any  # of Triton, compiled or not, which says none either

_FILL = 132 * 4 * 128  # columns that keep the multiprocessors of a large device busy
_SAVED = object()  # stands for a tensor that autograd keeps


def run(
    x: Tensor, parameters: Sequence[Number], v: Tensor | None, i: Tensor | None, neuron: Neuron
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Run a layer without recurrent weights: spikes, last potential, last synaptic current.

    Autograd asks about every argument of each call: it sees those alone that want a gradient.
    """
    x = lay_out(x)
    plan = find_plan(x, parameters, neuron)
    given = (x, *parameters, v, i)
    places = [k for k, value in enumerate(given) if _wants_grad(value)]
    if places and torch.is_grad_enabled():
        return _Layer.apply((plan, given, places), *[given[k] for k in places])
    return plan.run(x, parameters, v, i, False)[:3]


def _wants_grad(value: Number) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


class _Layer(torch.autograd.Function):
    """All steps of a layer without recurrent weights."""

    @staticmethod
    def forward(
        ctx: Context, call: tuple[Plan, tuple[Any, ...], list[int]], *wanted: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        plan, given, places = call
        x, *parameters, v, i = given
        spikes, v_last, i_last, marks = plan.run(x, parameters, v, i, True)
        tensors = [value if isinstance(value, Tensor) else None for value in given]
        ctx.save_for_backward(marks, *tensors)
        ctx.plan, ctx.places = plan, places
        ctx.numbers = [None if isinstance(value, Tensor) else value for value in parameters]
        ctx.set_materialize_grads(False)
        return spikes, v_last, i_last

    @staticmethod
    def backward(ctx: Context, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        marks, *given = ctx.saved_tensors
        places = ctx.places
        parameters = [
            number if value is None else value
            for value, number in zip(given[1:4], ctx.numbers, strict=True)
        ]
        learned = any(0 < k < 4 for k in places)
        results = ctx.plan.run_backward(given[0], marks, parameters, *given[4:], grads, learned)
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
        self.device = device
        self.n_programs = -(-n_columns // block)
        self.n_columns = n_columns
        self.n_marks = (n_times - 1) // segment
        self.marks = self.n_marks, 1 + filtered, n_columns
        self.step, self.n_units = shape[1:], n_units
        self.numbers = n_times, n_columns, n_units, neuron.scale, neuron.top
        self.forward = neuron.firing, *reset, *rest
        self.backward = neuron.firing, *reset, bool(neuron.attached), *rest
        self.grid = self.n_programs, 1, 1
        self.launches: dict[object, Launch] = {}  # by kernel, and which of its tensors there are

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
        v_last = torch.empty(self.step, dtype=torch.float32, device=self.device)
        i_last = torch.empty_like(v_last) if self.filtered else None
        marks = None
        if keep and self.n_marks:
            marks = torch.empty(self.marks, dtype=torch.float32, device=self.device)
        values = self._give(parameters)
        pointers = x, *values, as_single(v), as_single(i), spikes, v_last, i_last, marks
        self._launch(kernels.forward, self.forward, pointers)
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
        grads = [None if grad is None else lay_out(grad) for grad in grads]
        values = self._give(parameters)
        state = as_single(v), as_single(i)
        pointers = x, *grads, marks, *values, *state, gx, gv, gi, by_column
        self._launch(kernels.backward, self.backward, pointers)
        return gx, *(by_column if learned else (None, None, None)), gv, gi

    def _launch(
        self, kernel: Kernel, options: tuple[object, ...], pointers: tuple[object, ...]
    ) -> None:
        """Launch a kernel over all columns. Pointers are new tensors or those of `lay_out`."""
        if self.device.index != torch.cuda.current_device():
            with torch.cuda.device(self.device):
                self._launch(kernel, options, pointers)
            return
        key = (kernel, *[x is None for x in pointers])
        launch = self.launches.get(key)
        if launch is None:
            compiled = kernel[(self.n_programs,)](
                *pointers, *self.numbers, *options, num_warps=self.warps
            )
            self.launches[key] = Launch(compiled, self.grid, (*self.numbers, *options))
            return
        launch(driver.active.get_current_stream(self.device.index), pointers)

    def _give(self, parameters: Sequence[Number]) -> list[Number]:
        return [give_to_kernel(p, self.n_units) for p in parameters]


class Launch:
    """A compiled kernel, launched as ``compiled[grid]`` would for each call, without its search.

    Parameters
    ----------
    compiled : CompiledKernel
    grid : tuple of int
    rest : tuple
        What the kernel takes after its tensors.
    """

    def __init__(
        self, compiled: Kernel, grid: tuple[int, int, int], rest: tuple[object, ...]
    ) -> None:
        self.compiled, self.grid, self.rest = compiled, grid, rest
        self.head: tuple[object, ...] | None = None
        try:
            self.run = compiled.run
            self.head = compiled.function, compiled.packed_metadata, None, None, None
        except AttributeError:  # another version of Triton
            pass

    def __call__(self, stream: int, pointers: tuple[object, ...]) -> None:
        """Launch the kernel on these tensors, laid out as those that it was compiled for."""
        if self.head is not None:
            try:
                self.run(*self.grid, stream, *self.head, *pointers, *self.rest)
            except TypeError:  # another version of Triton
                self.head = None
            else:
                return
        self.compiled[self.grid](*pointers, *self.rest)


_plan = lru_cache(256)(Plan)


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
