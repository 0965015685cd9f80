"""How fast a tokenizer is, whole and live."""

import pickle
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.base import BaseEstimator

from neurokit.recording.checks import check_dims
from neurokit.recording.rate import sampling_rate


def coding_speed(tokenizer: BaseEstimator, X: xr.DataArray, *, n_repeats: int = 3) -> pd.Series:
    """Measure how long a fitted tokenizer takes, to code, to decode, and for a live frame.

    Parameters
    ----------
    tokenizer : fitted tokenizer of signals
        With ``transform``, ``inverse_transform`` and ``stream``.
    X : xarray.DataArray of dims ("channel", "time")
        At least four seconds; a minute gives steady figures. Run alone on the machine, with the
        number of threads that you want to report.
    n_repeats : int, default=3
        Runs, after one that compiles what has to be; their median counts.

    Returns
    -------
    pandas.Series
        ``encode`` and ``decode``: real-time factors per channel, seconds of work per second of
        one channel. ``push_median`` and ``push_p99``: seconds that one live push of all channels
        takes, a frame long. ``delay``: seconds from the end of a frame to the end of the push
        that brought its tokens, the longest once two seconds have gone by; to within a push.
        ``model_bytes``: size of the saved estimator.

    Raises
    ------
    ValueError
        If the signal is shorter than four seconds.

    Examples
    --------
    >>> import neurokit
    >>> from neurokit.tokenizers import ScalarTokenizer
    >>> x = neurokit.signal(np.random.default_rng(0).normal(size=(2, 500)), sampling_rate=100)
    >>> cost = coding_speed(ScalarTokenizer().fit(x), x, n_repeats=1)
    >>> bool(cost["encode"] < 1), list(cost.index)[:2]
    (True, ['encode', 'decode'])
    """
    X = check_dims(X, ("channel", "time"), caller="coding_speed")
    rate = float(sampling_rate(X))
    seconds = X.sizes["time"] / rate
    if seconds < 4:
        raise ValueError(f"coding_speed: expects four seconds or more, got {seconds:g} s.")
    tokens = tokenizer.transform(X)
    tokenizer.inverse_transform(tokens)
    work = seconds * X.sizes["channel"]
    encode = [_took(lambda: tokenizer.transform(X)) / work for _ in range(n_repeats)]
    decode = [_took(lambda: tokenizer.inverse_transform(tokens)) / work for _ in range(n_repeats)]
    starts = tokens["frame"].values
    frame = (starts[-1] - starts[0]) / (len(starts) - 1)
    stream, size = tokenizer.stream(X.sizes["channel"], rate), max(round(frame * rate), 1)
    pushes, delays, n_frames = [], [0.0], 0
    for first in range(0, X.sizes["time"] - size + 1, size):
        chunk = X.values[:, first : first + size]
        began = time.perf_counter()
        n_new = stream.push(chunk).shape[1]
        pushes.append(time.perf_counter() - began)
        now = (first + size) / rate
        if n_new and now > 2:
            delays.append(now - (n_frames + 1) * frame)  # of the oldest of these frames
        n_frames += n_new
    row = {
        "encode": np.median(encode),
        "decode": np.median(decode),
        "push_median": np.median(pushes),
        "push_p99": np.quantile(pushes, 0.99),
        "delay": max(max(delays), 0.0),
        "model_bytes": _size(tokenizer),
    }
    return pd.Series(row, dtype=float)


@runtime_checkable
class _Saves(Protocol):
    def save(self, path: Path) -> Path:
        """Write a file."""


def _took(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _size(tokenizer: BaseEstimator) -> int:
    if not isinstance(tokenizer, _Saves):
        return len(pickle.dumps(tokenizer))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        tokenizer.save(path)
        return sum(file.stat().st_size for file in Path(folder).iterdir())
