"""Recordings with the truth attached: simulators and public sets."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "calcium": ["Calcium", "make_calcium"],
        "eeg": ["EEG", "Trials", "make_eeg", "make_motor_imagery", "make_ssvep"],
        "fetch": [
            "fetch_bnci2014_001",
            "fetch_eegmmidb",
            "fetch_nakanishi2015",
            "fetch_reaching",
        ],
        "head": ["electrodes", "sphere_leadfield"],
        "reaching": ["Reaching", "make_reaching", "optimal_velocity"],
        "spikes": ["Motifs", "Switching", "make_motifs", "make_switching"],
    },
)
