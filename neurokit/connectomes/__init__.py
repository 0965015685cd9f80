"""Functional connectomes: affinities of units over time, and what repeats in them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "affinity": ["Affinity", "differential_affinity"],
        "cp": ["CP", "NonnegativeCP"],
        "dynamic": ["DynamicConnectome"],
        "graphs": [
            "from_mne_connectivity",
            "from_networkx",
            "louvain",
            "to_mne_connectivity",
            "to_networkx",
        ],
        "ranks": ["choose_rank", "core_consistency"],
        "sbm": ["WeightedSBM"],
        "spikes": ["SpikeConnectivity"],
    },
)
