"""Figures of merit, each by its published definition."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "regression": ["DecodingR2", "decoding_r2"],
    },
)
