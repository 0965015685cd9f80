"""Torch modules and kernels: tensors in, tensors out. Knows nothing of xarray or scikit-learn."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
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
