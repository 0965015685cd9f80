"""What a classifier of trials goes by: which channels, and when, speak for its answer."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from neurokit.decoders.networks.classifier import NetworkClassifier
from neurokit.inputs.classes import index_labels, read_labels
from neurokit.inputs.labels import find_space, keep_coords, labelled_or_plain
from neurokit.inputs.trials import Trials
from neurokit.recording.rate import sampling_rate
from neurokit.types import Doubles, Floats, Labelled, Recording, Targets

_BATCH = 64  # trials whose gradients are taken at once
FILLS = ("trials", "zero")


def integrate_gradients(
    estimator: BaseEstimator, X: Recording, y: Targets | None = None, *, n_steps: int = 32
) -> Labelled:
    """Share out a network's answer to every trial over channels and times [1]_.

    Gradients of the logarithm of a label's probability are averaged on the straight way from
    silence (every channel at its mean over the training trials) to the trial, and multiplied by
    the trial. They sum to what the trial has changed in that logarithm (not quite with spikes,
    whose gradients are surrogates).

    Parameters
    ----------
    estimator : fitted network classifier, or Pipeline that ends with one
        Behind other steps the shares are those of what the network takes.
    X : xarray.DataArray of dims (trial, channel, time), mne.Epochs, or array-like
    y : array-like of shape (n_trials,), optional
        Whose probability is shared out. Default: the label that is predicted.
    n_steps : int, default=32
        Points on the way, those of Gauss and Legendre.

    Returns
    -------
    xarray.DataArray of dims (trial, channel, time), or ndarray
        In nats; `neurokit.plotting.plot_topomap` draws its sum over ``time``.

    Raises
    ------
    TypeError
        If there is no network to take gradients of: see `occlude`.
    ValueError
        If ``n_steps`` is below 1.

    References
    ----------
    .. [1] Sundararajan, Taly and Yan (2017), Axiomatic attribution for deep networks, ICML
       3319-3328, eq. 1 and 3.

    Examples
    --------
    >>> from neurokit.datasets import make_motor_imagery
    >>> from neurokit.decoders import EEGNetClassifier, integrate_gradients
    >>> from neurokit.training import Trainer
    >>> x, _ = make_motor_imagery(1, 16, duration=1.0, n_channels=5, random_state=0)
    >>> decoder = EEGNetClassifier(trainer=Trainer(2, device="cpu"), random_state=0)
    >>> decoder = decoder.fit(x, x["label"])
    >>> integrate_gradients(decoder, x).sum("time").dims
    ('trial', 'channel')
    """
    if n_steps < 1:
        raise ValueError(f"integrate_gradients: n_steps must be at least 1, got {n_steps!r}.")
    network = read_network("integrate_gradients", estimator, X, y)
    nodes, weights = np.polynomial.legendre.leggauss(n_steps)
    shares = np.zeros(network.values.shape)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        shares += weight * network.gradients(np.float32(node) * network.values)
    return network.label(shares * network.values)


def occlude(
    estimator: BaseEstimator,
    X: Recording,
    y: Targets | None = None,
    *,
    width: float | None = None,
    fill: str = "trials",
    n_draws: int = 3,
    random_state: int | np.random.RandomState | None = 0,
) -> Labelled:
    """Say how much less likely a label becomes when a channel cannot be seen [1]_.

    Parameters
    ----------
    estimator : fitted classifier of trials with ``predict_proba``
        Any: a network, a pipeline of scikit-learn, MNE or pyRiemann.
    X : xarray.DataArray of dims (trial, channel, time), mne.Epochs, or array-like
    y : array-like of shape (n_trials,), optional
        Whose probability is looked at. Default: the label that is predicted.
    width : float, optional
        Hide a channel for so many seconds at a time (samples for plain arrays), one stretch
        after the other. Default: for the whole trial.
    fill : {"trials", "zero"}, default="trials"
        What is put there: the same channel and time of another trial of X, which keeps
        amplitudes as they are; or zero, which powers and covariances take for an answer.
    n_draws : int, default=3
        Other trials that are tried, on average.
    random_state : int, RandomState or None, default=0
        Which trials these are.

    Returns
    -------
    xarray.DataArray of dims (trial, channel[, time]), or ndarray
        The fall of the logarithm of the probability, in nats; `neurokit.plotting.plot_topomap`
        draws its mean over ``trial``. Stretches are named by their beginning.

    Raises
    ------
    TypeError
        If the estimator tells no probabilities.
    ValueError
        If a parameter is out of range, or there is a single trial to fill with.

    References
    ----------
    .. [1] Zeiler and Fergus (2014), Visualizing and understanding convolutional networks, ECCV
       818-833, section 4.2.

    Examples
    --------
    >>> from neurokit.datasets import make_motor_imagery
    >>> from neurokit.decoders import make_band_power, occlude
    >>> x, _ = make_motor_imagery(1, 40, n_channels=9, random_state=0)
    >>> decoder = make_band_power({"mu": (9, 13)}).fit(x, x["label"])
    >>> fall = occlude(decoder, x, x["label"]).mean("trial")
    >>> fall.dims
    ('channel',)
    """
    if not hasattr(estimator, "predict_proba"):
        raise TypeError(
            f"occlude: estimator must have predict_proba, got {type(estimator).__name__}; take a"
            " classifier that tells probabilities."
        )
    given = labelled_or_plain(X)
    space = find_space(estimator, given, "trial") if isinstance(given, xr.DataArray) else "channel"
    if isinstance(given, xr.DataArray):
        given = given.transpose("trial", space, "time")
    values = np.asarray(given)
    if values.ndim != 3 or fill not in FILLS or n_draws < 1 or (width is not None and width <= 0):
        raise ValueError(
            "occlude: X must have dims (trial, channel, time), fill be one of"
            f" {', '.join(FILLS)}, n_draws at least 1 and width positive, got shape"
            f" {values.shape}, {fill!r}, {n_draws!r} and {width!r}."
        )
    if fill == "trials" and len(values) < 2:
        raise ValueError("occlude: there is no other trial to fill with; give more, or 'zero'.")
    stretches = _cut(given, width)
    before, index = _unlikely(estimator, given, y)
    rng = check_random_state(random_state)
    fall = np.zeros((*values.shape[:2], len(stretches)))
    for _ in range(n_draws if fill == "trials" else 1):
        other = np.zeros_like(values)
        if fill == "trials":  # each from another trial, every trial once
            order = rng.permutation(len(values))
            other[order] = values[np.roll(order, 1)]
        for channel in range(values.shape[1]):
            for k, (start, stop) in enumerate(stretches):
                hidden = values.copy()
                hidden[:, channel, start:stop] = other[:, channel, start:stop]
                changed = given.copy(data=hidden) if isinstance(given, xr.DataArray) else hidden
                fall[:, channel, k] += _unlikely(estimator, changed, None, index)[0] - before
    fall /= n_draws if fill == "trials" else 1
    if width is None:
        fall = fall[..., 0]
    if not isinstance(given, xr.DataArray):
        return fall
    coords = keep_coords(given, ("trial", space))
    if width is not None and "time" in given.coords:
        coords["time"] = given["time"].values[[start for start, _ in stretches]]
    dims = ("trial", space, "time")[: fall.ndim]
    return xr.DataArray(fall, dims=dims, coords=coords, name="nat")


class NetworkTrials(NamedTuple):
    """Trials as a network takes them, and which label of each is meant."""

    classifier: NetworkClassifier
    values: NDArray[np.float32]  # (n_trials, n_channels, n_times), as the module takes them
    which: NDArray[np.intp]
    seen: Trials

    def gradients(self, values: NDArray[np.float32]) -> Doubles:
        """Return the gradients of the labels' log-probabilities at ``values``."""
        import torch

        found = []
        for begin in range(0, len(values), _BATCH):
            rows = slice(begin, begin + _BATCH)
            x = torch.from_numpy(values[rows]).requires_grad_()
            index = torch.from_numpy(self.which[rows])[:, None]
            likely = self.classifier._log_probabilities(self.classifier.module_, x)
            (gradient,) = torch.autograd.grad(likely.gather(1, index).sum(), x)
            found.append(gradient.double().numpy())
        return np.concatenate(found)

    def label(self, values: Floats) -> Labelled:
        """Give an array of the trials' shape the labels of these."""
        source = self.seen.source
        if source is None:
            return values
        return source.copy(data=values).drop_attrs()


def read_network(
    caller: str, estimator: BaseEstimator, X: Recording, y: Targets | None
) -> NetworkTrials:
    """Read trials as the network at the end of an estimator takes them.

    Parameters
    ----------
    caller : str
        Who refuses.
    estimator : fitted network classifier, or Pipeline that ends with one
    X : as the estimator takes it
    y : array-like of shape (n_trials,), optional
        Default: the labels that are predicted.

    Returns
    -------
    NetworkTrials

    Raises
    ------
    TypeError
        If it does not end with a network.
    """
    given: Any = X
    last = estimator
    if isinstance(estimator, Pipeline):
        check_is_fitted(estimator)
        last = estimator[-1]
        given = estimator[:-1].transform(X) if len(estimator) > 1 else X
    if not isinstance(last, NetworkClassifier):
        raise TypeError(
            f"{caller}: needs the gradients of a network at the end, got {type(last).__name__};"
            " occlude() takes any classifier with predict_proba."
        )
    seen = last._read(given)
    if y is None:
        index = last._decisions(seen).argmax(1)
    else:
        index = index_labels(last, read_labels(last, y, len(seen.values)))
    return NetworkTrials(last, last._prepare(seen.values), index, seen)


def _cut(given: Labelled, width: float | None) -> list[tuple[int, int]]:
    """Return where stretches of ``width`` begin and end, in samples."""
    n_times = given.shape[-1]
    if width is None:
        return [(0, n_times)]
    rate = 1.0
    if isinstance(given, xr.DataArray) and "time" in given.coords:
        rate = sampling_rate(given)
    step = max(1, round(width * rate))
    return [(start, min(start + step, n_times)) for start in range(0, n_times, step)]


def _unlikely(
    estimator: Any, X: Labelled, y: Targets | None, index: NDArray[np.intp] | None = None
) -> tuple[Doubles, NDArray[np.intp]]:
    """Return how unlikely a label of each trial is, and which label that is."""
    proba = np.asarray(estimator.predict_proba(X))
    if index is None and y is None:
        index = proba.argmax(1)
    elif index is None:
        index = index_labels(estimator, read_labels(estimator, y, len(proba)))
    likely = proba[np.arange(len(proba)), index]
    return -np.log(np.maximum(likely, np.finfo(np.float64).tiny)), index
