"""What a recording is: how one is made, its exact clock, its bins and its epochs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "bins": ["bin_spikes"],
        "channels": ["select_channels"],
        "checks": ["check_dims", "check_spikes"],
        "clock": ["SampleIndex"],
        "epochs": ["epoch"],
        "joins": ["join"],
        "make": ["behaviour", "counts", "events", "signal", "traces"],
        "observed": ["observed_duration"],
        "rate": ["contiguous_runs", "sampling_rate"],
        "resample": ["resample"],
        "spikes": ["select_time", "select_units", "shift_time", "spikes"],
        "stack": ["stack"],
    },
)
