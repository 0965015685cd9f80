"""The door to spiking layers on CUDA, recurrent or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from neurokit.nn.kernels.lif_cuda import Layer, Number
from neurokit.nn.kernels.recurrent_cuda import Recurrent

if TYPE_CHECKING:
    from neurokit.nn.neurons import Neuron


def run(
    x: Tensor,
    weight: Tensor | None,
    parameters: Sequence[Number],
    state: Sequence[Tensor | None],
    neuron: Neuron,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Run all steps of a layer; return spikes, last potential and last synaptic current."""
    fixed = neuron, torch.is_grad_enabled()
    if weight is None:
        return Layer.apply(x, *parameters, *state[:2], fixed)
    return Recurrent.apply(x, weight, *parameters, *state, fixed)
