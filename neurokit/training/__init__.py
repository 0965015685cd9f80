"""The one training loop of the package, and what it draws from."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "devices": ["import_torch", "resolve_device"],
        "examples": ["Examples", "LazyExamples", "TensorExamples"],
        "trainer": ["Trainer"],
    },
)
