"""The door to spiking layers on CUDA, recurrent or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from neurokit.nn.kernels import lif_cuda
from neurokit.nn.kernels.lif_cuda import Number
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
    if weight is None:
        return lif_cuda.run(x, parameters, state[0], state[1], neuron)
    fixed = neuron, torch.is_grad_enabled()
    return Recurrent.apply(x, weight, *parameters, *state, fixed)
