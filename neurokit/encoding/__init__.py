"""Models that predict what a brain does from what it was shown, and how it adapts to that."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "banded": ["BandedRidge"],
        "bands": ["join_bands"],
        "gain": ["GainControl"],
        "ridge": ["RidgeEncoder"],
    },
)
