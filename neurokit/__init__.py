"""Tokenize, cluster, connect and decode brain recordings."""

import lazy_loader

from neurokit.families import FAMILIES

__version__ = "0.1.0"

# Loaded on first use: `import neurokit` stays quick, and torch and mne stay out of it.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules={
        *FAMILIES,
        "cli",
        "datasets",
        "io",
        "metrics",
        "nn",
        "persistence",
        "plotting",
        "recording",
        "streaming",
        "training",
    },
    submod_attrs={
        "recording": [
            "behaviour",
            "bin_spikes",
            "counts",
            "epoch",
            "events",
            "sampling_rate",
            "signal",
            "spikes",
            "stack",
            "traces",
        ],
    },
)
