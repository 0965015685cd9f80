"""Signals among named arrays: a matrix that is called so, its rate, and the names of its rows."""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from neurokit.recording.make import signal

_RATE = re.compile(r"(^|/)(fs|f_s|srate|sfreq|fps|fr|sr|samp(ling|le)_?rate|frame_?rate)$", re.I)
_MATRIX = re.compile(r"x|data|eeg|meg|s?eeg_?data|i?eeg|seeg|ecog|lfp|signals?|raw|samples", re.I)
_NAMES = re.compile(
    r"ch|ch(annel)?s?|ch(an(nel)?)?_?(names?|labels?|locs)|electrodes|labels", re.I
)
_LABELS = ("y", "label", "labels", "target", "targets")
_MOST = 1024  # channels


def rate_among(arrays: Mapping[str, object]) -> float | None:
    """Return the one number that is called a rate, in Hz."""
    found = []
    for name, value in arrays.items():
        number = np.asarray(value)
        if _RATE.search(name) and number.size == 1 and number.dtype.kind in "fiu":
            found.append(float(number.ravel()[0]))
    alike = {rate for rate in found if np.isfinite(rate) and rate > 0}
    return alike.pop() if len(alike) == 1 else None


def signal_of_arrays(path: Path, arrays: Mapping[str, object]) -> xr.DataArray | None:
    """Return the signal among arrays, None where none of them says that it is one.

    That takes a matrix called data, eeg, X or the like and one number called fs, srate, sfreq or
    the like. Its longer side is time, unless names of channels fit the other. With ``y`` or
    ``labels``, one for each row, rows are trials of one channel; three axes are trial, channel,
    time.
    """
    rate = rate_among(arrays)
    matrices = {n: np.asarray(v) for n, v in arrays.items() if _MATRIX.fullmatch(n)}
    wide = [
        n for n, v in matrices.items() if v.ndim in (2, 3) and v.dtype.kind in "fiu" and v.size
    ]
    if rate is None or len(wide) != 1:
        return None
    values = matrices[wide[0]]
    texts = _names(arrays)
    labels = next((v for v in map(np.ravel, _labels(arrays)) if len(v) == len(values)), None)
    if labels is not None and (values.ndim == 3 or len(labels) > 1) and len(labels) not in texts:
        values = values if values.ndim == 3 else values[:, None]
        trials = {"label": labels.astype(str) if labels.dtype == object else labels}
    elif values.ndim == 2:
        turned = len(values) not in texts and (
            values.shape[1] in texts or len(values) > values.shape[1]
        )
        values, trials = values.T if turned else values, None
    else:
        return None
    if values.shape[-2] > _MOST:
        return None
    warnings.warn(
        f"{path}: does not say the unit of {wide[0]}; its values are taken for microvolts.",
        stacklevel=5,
    )
    kind = "eeg" if "eeg" in wide[0].lower() and "i" not in wide[0].lower() else None
    return signal(
        values.astype(np.float32),
        sampling_rate=rate,
        channels=texts.get(values.shape[-2]),
        types=kind,
        trials=trials,
    )


def _names(arrays: Mapping[str, object]) -> dict[int, list[str]]:
    """Return what may be names of channels, by their number."""
    found = {}
    for name, value in arrays.items():
        texts = np.ravel(np.asarray(value))
        if _NAMES.fullmatch(name) and texts.size and _all_texts(texts):
            words = [str(text).strip() for text in texts]
            if len({*words}) == len(words):
                found[len(words)] = words
    return found


def _all_texts(values: np.ndarray) -> bool:
    return values.dtype.kind in "US" or all(isinstance(value, str) for value in values.tolist())


def _labels(arrays: Mapping[str, object]) -> list[np.ndarray]:
    return [np.asarray(arrays[n]) for n in arrays if n.lower() in _LABELS]
