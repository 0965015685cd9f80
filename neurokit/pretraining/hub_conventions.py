"""What public models of EEG expect of their input: one table for all of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neurokit.types import Floats

_LEFT = ("FP1-F7", "F7-T7", "T7-P7", "P7-O1", "FP1-F3", "F3-C3", "C3-P3", "P3-O1")
_RIGHT = ("FP2-F8", "F8-T8", "T8-P8", "P8-O2", "FP2-F4", "F4-C4", "C4-P4", "P4-O2")
_BIPOLAR_16 = (*_LEFT[:4], *_RIGHT[:4], *_LEFT[4:], *_RIGHT[4:])


class Convention(NamedTuple):
    """What one model expects, and under which licence its weights are given."""

    architecture: str  # class of braindecode.models
    sampling_rate: float  # Hz
    scaling: str  # "hundred": uV / 100; "zscore": of the trial, clipped at 15; "percentile": 95th
    places: str  # what tells channels apart: "metres", "names", "bipolar" or "order"
    patch: float  # s: windows are a whole number of these
    window: float  # s: longest
    channels: tuple[str, ...] | None  # exactly these, in this order; None takes any
    licence: str
    gated: bool  # weights are given on agreement, and may not be passed on


_REVE = Convention(
    "REVE", 200, "zscore", "metres", 1.0, 10.0, None,
    "agreement of brain-bzh; no redistribution", True,
)  # fmt: skip
_LABRAM = Convention(
    "Labram", 200, "hundred", "names", 1.0, 15.0, None, "BSD-3-Clause copy of MIT", False
)
_CBRAMOD = Convention(
    "CBraMod", 200, "hundred", "order", 1.0, 30.0, None, "BSD-3-Clause (model card)", False
)
_BIOT = Convention(
    "BIOT",
    200,
    "percentile",
    "bipolar",
    1.0,
    10.0,
    tuple(_BIPOLAR_16),
    "read the model card",
    False,
)
_BIOT_18 = _BIOT._replace(channels=(*_BIPOLAR_16, "C3-A2", "C4-A1"))

CONVENTIONS = {
    "brain-bzh/reve-base": _REVE,
    "brain-bzh/reve-small": _REVE,
    "brain-bzh/reve-large": _REVE,
    "braindecode/labram-pretrained": _LABRAM,
    "braindecode/cbramod-pretrained": _CBRAMOD,
    "braindecode/biot-pretrained-prest-16chs": _BIOT,
    "braindecode/biot-pretrained-shhs-prest-18chs": _BIOT_18,
    "braindecode/biot-pretrained-six-datasets-18chs": _BIOT_18,
}
ARCHITECTURES = {"REVE": _REVE, "Labram": _LABRAM, "CBraMod": _CBRAMOD, "BIOT": _BIOT}


def scale_windows(x: Floats, scaling: str) -> Floats:
    """Bring windows to the scale that a model was trained on.

    Parameters
    ----------
    x : ndarray of shape (n_windows, n_channels, n_times)
        In uV.
    scaling : {"hundred", "zscore", "percentile"}

    Returns
    -------
    ndarray of the same shape
        A silent channel stays zero.

    Examples
    --------
    >>> scale_windows(np.full((1, 1, 2), 50.0), "hundred").tolist()
    [[[0.5, 0.5]]]
    """
    if scaling == "hundred":
        return x / 100
    if scaling == "zscore":
        spread = x.std(-1, keepdims=True)
        apart = x - x.mean(-1, keepdims=True)
        return np.clip(apart / np.where(spread > 0, spread, 1.0), -15, 15)
    size = np.percentile(np.abs(x), 95, axis=-1, keepdims=True)
    return x / np.where(size > 0, size, 1.0)
