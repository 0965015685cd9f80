"""Features for probes: what a linear classifier is to read labels from."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from neurokit.metrics.fidelity import BANDS, frequencies_of, pair, rate_of
from neurokit.types import Recording, Tokens

if TYPE_CHECKING:
    import torch


def log_band_power(
    X: Recording,
    *,
    sampling_rate: float | None = None,
    bands: Mapping[str, tuple[float, float]] | None = None,
) -> np.ndarray:
    """Log power of each channel in each band: the control that learned features must beat.

    Parameters
    ----------
    X : DataArray with ``time``, or array-like of shape (..., n_times)
        Trials.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.
    bands : mapping of name to (low, high), default=`neurokit.metrics.BANDS`
        In Hz; those without a bin below half the rate are left out.

    Returns
    -------
    ndarray of shape (..., n_bands)
        Natural log of the mean squared signal in the band; of silence, that of 1e-12 times the
        loudest.

    Raises
    ------
    ValueError
        If no band has a bin.

    Examples
    --------
    >>> t = np.arange(500) / 250
    >>> power = log_band_power(np.sin(2 * np.pi * 10 * t), sampling_rate=250)
    >>> int(power.argmax()), round(float(np.exp(power.max())), 6)
    (2, 0.5)
    """
    rate = rate_of(X, sampling_rate, "log_band_power")
    a, _, _ = pair(X, X, "log_band_power")
    f, weight = frequencies_of(a.shape[-1], rate)
    density = weight * np.abs(np.fft.rfft(a)) ** 2 / a.shape[-1] ** 2
    kept = [(f >= low) & (f < high) for low, high in (BANDS if bands is None else bands).values()]
    if not any(k.any() for k in kept):
        raise ValueError(f"log_band_power: no band has a bin below {rate / 2:g} Hz.")
    power = np.stack([density[..., k].sum(-1) for k in kept if k.any()], axis=-1)
    floor = 1e-12 * max(float(power.max(initial=0.0)), np.finfo(float).tiny)
    return np.log(np.maximum(power, floor))


def layer_outputs(
    module: "torch.nn.Module", call: Callable[[], object], layers: Sequence[str]
) -> dict[str, np.ndarray]:
    """Collect what some layers of a network give while something runs, for a sweep of probes.

    Parameters
    ----------
    module : torch.nn.Module
        The network, or that of a fitted estimator, ``module_``: estimators that work on copies of
        it are heard as well.
    call : callable without arguments
        What to run, for example ``lambda: codec.embed(trials)``.
    layers : sequence of str
        Names as in ``module.named_modules()``.

    Returns
    -------
    dict of ndarray
        By name: outputs of the layer, those of several batches joined along the first axis.

    Raises
    ------
    ValueError
        If there is no such layer, or it was not used.

    Examples
    --------
    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU())
    >>> layer_outputs(net, lambda: net(torch.ones(5, 3)), ["0", "1"])["1"].shape
    (5, 4)
    """
    known = dict(module.named_modules())
    if missing := [name for name in layers if name not in known]:
        raise ValueError(f"layer_outputs: no layers {missing}. The module has {list(known)}.")
    found: dict[str, list[np.ndarray]] = {name: [] for name in layers}

    def listen(name: str) -> "Callable[[object, object, torch.Tensor], None]":
        return lambda _, __, output: found[name].append(output.detach().cpu().numpy())

    handles = [known[name].register_forward_hook(listen(name)) for name in layers]
    try:
        call()
    finally:
        for handle in handles:
            handle.remove()
    if unused := [name for name, outputs in found.items() if not outputs]:
        raise ValueError(f"layer_outputs: layers {unused} gave nothing while it ran.")
    return {name: np.concatenate(outputs) for name, outputs in found.items()}


def concatenation_pool(features: Recording, n_segments: int) -> np.ndarray:
    """Average features over each of several stretches of time and put the averages side by side.

    One average over a whole trial forgets when things happened; this keeps it at the price of
    more features.

    Parameters
    ----------
    features : array-like of shape (n_trials, ..., n_frames, n_features)
        Embeddings or latents by frame.
    n_segments : int
        Stretches, as equal as they can be.

    Returns
    -------
    ndarray of shape (n_trials, ..., n_segments * n_features)
        For `neurokit.protocols.probe`.

    Raises
    ------
    ValueError
        If there are fewer frames than stretches.

    Examples
    --------
    >>> concatenation_pool([[[0.0], [2.0], [5.0], [7.0]]], 2)
    array([[1., 6.]])
    """
    values = np.asarray(features, dtype=np.float64)
    if values.ndim < 3 or not 1 <= n_segments <= values.shape[-2]:
        raise ValueError(
            "concatenation_pool: expects features (trial, ..., frame, feature) with at least"
            f" {n_segments} frames, got shape {values.shape}."
        )
    parts = np.array_split(values, n_segments, axis=-2)
    return np.concatenate([part.mean(-2) for part in parts], axis=-1)


def code_histogram(
    tokens: Tokens, codebook_sizes: Sequence[int], n_segments: int = 1
) -> np.ndarray:
    """One-hot codes pooled over time: how often each code of each level occurs.

    Parameters
    ----------
    tokens : DataArray (trial, channel, frame, level), or array-like of that shape
        Integers from 0 on.
    codebook_sizes : sequence of int
        Codes of each level.
    n_segments : int, default=1
        Stretches of time that are counted apart.

    Returns
    -------
    ndarray of shape (n_trials, n_channels, n_segments * sum of codebook_sizes)
        Frequencies, for `neurokit.protocols.probe`.

    Raises
    ------
    ValueError
        If the shape does not fit.

    Examples
    --------
    >>> code_histogram([[[[0], [2], [2], [2]]]], [3])
    array([[[0.25, 0.  , 0.75]]])
    """
    if isinstance(tokens, xr.DataArray):
        tokens = tokens.transpose("trial", "channel", "frame", "level").values
    codes = np.asarray(tokens)
    if codes.ndim != 4 or codes.shape[-1] != len(codebook_sizes):
        raise ValueError(
            "code_histogram: expects tokens (trial, channel, frame, level) with"
            f" {len(codebook_sizes)} levels, got shape {codes.shape}."
        )
    total, offset = int(np.sum(codebook_sizes)), np.cumsum([0, *codebook_sizes])[:-1]
    parts = []
    for part in np.array_split(codes + offset, n_segments, axis=2):
        rows = part.reshape(codes.shape[0] * codes.shape[1], -1)
        flat = (np.arange(len(rows))[:, None] * total + rows).ravel()
        counts = np.bincount(flat, minlength=len(rows) * total).reshape(len(rows), total)
        parts.append(counts / max(part.shape[2], 1))
    return np.concatenate(parts, axis=1).reshape(*codes.shape[:2], -1)
