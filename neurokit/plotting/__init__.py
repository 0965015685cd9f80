"""Pictures of recordings, of what tokens keep of them, and of what was decoded from them.

Each function draws on ``ax``, or on a new figure when there is none, and returns the Axes. Colours
are those of Okabe and Ito, which people with any colour vision can tell apart.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_style": ["COLORS"],
        "clustering": ["plot_chains", "plot_latents", "plot_similarity", "plot_states"],
        "connectomes": ["plot_components", "plot_connectome", "plot_graph", "plot_ranks"],
        "decoding": ["plot_confusion", "plot_decoding"],
        "graphs": ["plot_edge_appearance", "plot_edge_traffic"],
        "sensors": ["plot_sensors", "plot_topomap"],
        "signal": ["plot_psd", "plot_signal", "plot_spectrogram"],
        "spikes": ["plot_raster", "plot_traces"],
        "states": ["plot_connections", "plot_dwell_times"],
        "tokens": [
            "plot_band_fidelity",
            "plot_codebook_use",
            "plot_rate_distortion",
            "plot_reconstruction",
        ],
        "trials": [
            "plot_erp",
            "plot_erp_image",
            "plot_psth",
            "plot_trajectories",
            "plot_tuning",
        ],
    },
)
