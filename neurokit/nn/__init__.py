"""Torch modules and kernels: tensors in, tensors out. Knows nothing of xarray or scikit-learn."""

from neurokit.nn.credit import accumulate_gradients
from neurokit.nn.delays import DelayLinear
from neurokit.nn.quantize import (
    GroupedResidualVectorQuantizer,
    ResidualVectorQuantizer,
    VectorQuantizer,
)
from neurokit.nn.quantize_scalar import FiniteScalarQuantizer, LookupFreeQuantizer
from neurokit.nn.spiking import (
    LIF,
    LeakyIntegrator,
    LIFState,
    RecurrentLIF,
    SpikingSequential,
    leaky,
    lif,
)

__all__ = [
    "LIF",
    "DelayLinear",
    "FiniteScalarQuantizer",
    "GroupedResidualVectorQuantizer",
    "LIFState",
    "LeakyIntegrator",
    "LookupFreeQuantizer",
    "RecurrentLIF",
    "ResidualVectorQuantizer",
    "SpikingSequential",
    "VectorQuantizer",
    "accumulate_gradients",
    "leaky",
    "lif",
]
