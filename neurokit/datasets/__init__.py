"""Recordings with the truth attached: simulators and public sets."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "archives": ["fetch_dandi", "fetch_openneuro"],
        "biclustering": ["Biclustering", "make_biclustering"],
        "calcium": ["Calcium", "make_calcium"],
        "communities": ["DynamicCommunities", "make_dynamic_communities"],
        "eeg": ["EEG", "Trials", "make_eeg", "make_motor_imagery", "make_ssvep"],
        "fetch": [
            "fetch_bnci2014_001",
            "fetch_eegmmidb",
            "fetch_nakanishi2015",
            "fetch_reaching",
        ],
        "head": ["electrodes", "sphere_leadfield"],
        "network": ["SpikingNetwork", "make_spiking_network"],
        "reaching": ["Reaching", "make_reaching", "optimal_velocity"],
        "responses": [
            "StimulusResponses",
            "make_speech_responses",
            "make_stimulus_responses",
        ],
        "states": ["Jumps", "OneHotGLM", "flashing_ratchet", "make_jumps", "make_onehot_glm"],
        "spikes": ["Motifs", "Switching", "make_motifs", "make_switching"],
    },
)
