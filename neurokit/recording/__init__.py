"""What a recording is: how one is made, its exact clock, its bins and its epochs."""

import lazy_loader

import neurokit.accessor  # noqa: F401 - x.nk is there as soon as there are recordings

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "bads": ["interpolate_bads", "reject"],
        "bins": ["bin_spikes"],
        "channels": ["select_channels"],
        "checks": ["check_dims", "check_spikes"],
        "clock": ["SampleIndex"],
        "epochs": ["epoch"],
        "filtering": ["filter_band", "notch"],
        "glance": ["describe"],
        "joins": ["join"],
        "make": ["behaviour", "counts", "events", "signal", "traces"],
        "montage": ["clean_channel_names", "place_channels"],
        "observed": ["observed_duration"],
        "rate": ["contiguous_runs", "sampling_rate"],
        "references": ["rereference"],
        "resample": ["resample"],
        "spikes": ["select_time", "select_units", "shift_time", "spikes"],
        "stack": ["stack"],
    },
)
