"""One recording as a masked model takes it: fused where it fuses, brought to a level, cut."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator

from neurokit.inputs.signal import Signal
from neurokit.pretraining import recordings
from neurokit.pretraining.design import option, sizes_of
from neurokit.pretraining.fusing import fuse_regions
from neurokit.pretraining.patches import make_trial_patches, measure_levels
from neurokit.pretraining.places import tell_places
from neurokit.types import Flags, Floats, Json, Recording


def read_fused(estimator: BaseEstimator, X: Recording, design: Json) -> Signal:
    """Read a recording, the contacts of its regions fused where the model fuses them."""
    signal = recordings.read_recording(estimator, X, design["sampling_rate"])
    if option(design, "fuse") == "channel":
        return signal
    if signal.source is None:
        raise ValueError(
            "MaskedModel: fuse='region' needs a labelled recording with the coordinate region"
            " along channel, got a plain array; make one by neurokit.signal(regions=...)."
        )
    whole = signal.source.transpose(..., "channel", "time")
    some = recordings.some_samples(whole, signal.rate)
    fused = fuse_regions(whole, *measure_levels(some), some)
    return recordings.read_recording(estimator, fused, design["sampling_rate"])


def cut_signal(
    signal: Signal, design: Json
) -> tuple[Floats, Floats, Flags, tuple[Floats, Floats]]:
    """Return patches (trial, channel, frame, sample), places, what is there, and levels."""
    sizes = sizes_of(design)
    values = np.asarray(signal.values[...], np.float64)
    if np.isinf(values).any():
        raise ValueError("MaskedModel: X holds infinity; set what is lost to NaN.")
    mean, level = measure_levels(values)
    mean, level = np.nan_to_num(mean), np.nan_to_num(level)
    patches, present = make_trial_patches(values, signal.rate, sizes, mean, level)
    if patches.shape[2] == 0:
        raise ValueError(
            f"MaskedModel: X must be as long as a patch, {float(sizes.hop / sizes.rate):g} s,"
            f" got {float(signal.n_times / signal.rate):g} s."
        )
    places = np.full((signal.n_channels, 3), np.nan)
    if signal.source is not None:
        places = tell_places(signal.source, design["space"], option(design, "regions"))
    return patches, places, present, (mean, level)
