"""Models that learn from recordings without labels, and what is built on top of them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "spikes": ["SpikeTransformer"],
