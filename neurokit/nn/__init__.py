"""Torch modules and kernels: tensors in, tensors out. Knows nothing of xarray or scikit-learn."""

from typing import Any

import lazy_loader

_attach, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "credit": ["accumulate_gradients"],
        "delays": ["Delay", "DelayLinear"],
        "quantizers.embedded": ["EmbeddedScalarQuantizer"],
        "quantizers.grouped": ["GroupedResidualVectorQuantizer"],
        "quantizers.residual": ["ResidualVectorQuantizer", "VectorQuantizer"],
        "quantizers.scalar": ["FiniteScalarQuantizer", "LookupFreeQuantizer"],
        "neurons": ["LIFState", "leaky", "lif"],
        "spiking": ["LIF", "LeakyIntegrator", "RecurrentLIF", "SpikingSequential"],
    },
)


def __getattr__(name: str) -> Any:
    """Import what a name stands for, or say which extra it takes."""
    try:
        return _attach(name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ImportError(
            f'neurokit.nn.{name} needs torch: pip install "neurokit-brain[torch]".', name="torch"
        ) from None
