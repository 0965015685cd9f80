"""Torch modules and kernels: tensors in, tensors out. Knows nothing of xarray or scikit-learn."""

from neurokit.nn.quantize import (
    GroupedResidualVectorQuantizer,
    ResidualVectorQuantizer,
    VectorQuantizer,
)
from neurokit.nn.quantize_scalar import FiniteScalarQuantizer, LookupFreeQuantizer

__all__ = [
    "FiniteScalarQuantizer",
    "GroupedResidualVectorQuantizer",
    "LookupFreeQuantizer",
    "ResidualVectorQuantizer",
    "VectorQuantizer",
]
