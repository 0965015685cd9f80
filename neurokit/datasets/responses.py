"""Responses of several people to pictures and to speech, with the best possible decoder."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from neurokit.datasets.head import HEAD_RADIUS, electrodes, sphere_leadfield
from neurokit.recording.make import signal

Array = NDArray[np.float64]
_NOISE = 10.0  # uV
_MEMORY = 0.3  # s: how long a response to speech goes on


class StimulusResponses(NamedTuple):
    """Trials, the embeddings of their stimuli, and what made the ones from the others."""

    trials: xr.DataArray  # (trial, channel, time) uV, with subject and stimulus
    embeddings: xr.DataArray  # (trial, feature[, time]): of each trial's stimulus
    gallery: xr.DataArray  # (stimulus, feature[, time]): of each stimulus once
    clean: xr.DataArray  # the trials without outliers
    truth: xr.Dataset  # mixing, kernel, weights, noise covariance

    def ideal(self, trials: xr.DataArray, gallery: xr.DataArray) -> xr.DataArray:
        """Return the log-likelihood of every candidate: no decoder retrieves better.

        Parameters
        ----------
        trials : xarray.DataArray of dims (trial, channel, time)
            Without outliers.
        gallery : xarray.DataArray of dims (stimulus, feature[, time])

        Returns
        -------
        xarray.DataArray of dims (trial, candidate)
            Up to a constant of each trial.
        """
        truth = self.truth
        sources = _activate(gallery.values, truth["weights"].values, truth["kernel"].values)
        out = np.empty((trials.sizes["trial"], gallery.sizes["stimulus"]))
        for k, person in enumerate(truth["subject"].values):
            own = np.flatnonzero(trials["subject"].values == person)
            mixing = truth["mixing"].values[k]
            seen = np.linalg.solve(truth["noise"].values[k], mixing)  # (channel, source)
            x = np.einsum("nct,cs->nst", trials.values[own].astype(float), seen)
            power = np.einsum("mst,su,mut->m", sources, mixing.T @ seen, sources, optimize=True)
            flat = sources.reshape(len(sources), -1)
            out[own] = x.reshape(len(own), -1) @ flat.T - power / 2
        names = gallery["stimulus"].values
        coords = {"subject": trials["subject"], "candidate": names}
        return xr.DataArray(out, dims=("trial", "candidate"), coords=coords)


def make_stimulus_responses(
    n_stimuli: int = 200,
    *,
    n_repeats: int = 1,
    n_subjects: int = 3,
    n_features: int = 16,
    n_channels: int = 19,
    n_sources: int = 6,
    duration: float = 0.6,
    sampling_rate: float = 100.0,
    snr: float = 0.1,
    outliers: float = 0.0,
    random_state: int | np.random.Generator | None = None,
) -> StimulusResponses:
    """Simulate responses to pictures whose embeddings are known.

    Sources in the head answer, each at its latency, to combinations of the features of a picture;
    every person mixes them differently to the same electrodes; the noise is normal, and shared
    between electrodes in a way of that person's. So the likelihood of each candidate is known, and
    nothing can decode better than by it (``StimulusResponses.ideal``).

    Parameters
    ----------
    n_stimuli : int, default=200
        Pictures; each person sees all of them.
    n_repeats : int, default=1
        Times that they see each.
    n_subjects : int, default=3
    n_features : int, default=16
        Size of an embedding.
    n_channels : int, default=19
    n_sources : int, default=6
    duration : float, default=0.6
        Length of a trial, in s.
    sampling_rate : float, default=100.0
        In Hz.
    snr : float, default=0.1
        Power of the response over that of the noise, mean over channels and times.
    outliers : float, default=0.0
        Share of channels, trial by trial, in which an electrode jumps by a thousand times the
        noise for a tenth of the trial.
    random_state : int, Generator or None, default=None

    Returns
    -------
    StimulusResponses

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> from neurokit.metrics import retrieval_scores
    >>> made = make_stimulus_responses(50, random_state=0)
    >>> found = made.ideal(made.clean, made.gallery)
    >>> names, wanted = found["candidate"], made.trials["stimulus"]
    >>> bool(retrieval_scores(found, wanted, gallery=names)["top_k"][0] > 0.5)  # chance is 0.02
    True
    """
    return _make("make_stimulus_responses", False, **locals())


def make_speech_responses(
    n_stimuli: int = 200,
    *,
    n_repeats: int = 1,
    n_subjects: int = 3,
    n_features: int = 8,
    n_channels: int = 19,
    n_sources: int = 6,
    duration: float = 1.0,
    sampling_rate: float = 60.0,
    snr: float = 0.1,
    outliers: float = 0.0,
    random_state: int | np.random.Generator | None = None,
) -> StimulusResponses:
    """Simulate responses to segments of speech, whose features go on along time.

    As `make_stimulus_responses`, but the features of a stimulus vary over 50 ms or so, and every
    source answers to their past 300 ms; segments begin in silence.

    Parameters
    ----------
    n_stimuli, n_repeats, n_subjects, n_features, n_channels, n_sources : int
        See `make_stimulus_responses`; stimuli are segments.
    duration : float, default=1.0
        Length of a segment, in s.
    sampling_rate : float, default=60.0
        In Hz, of features and responses.
    snr, outliers, random_state
        See `make_stimulus_responses`.

    Returns
    -------
    StimulusResponses

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> made = make_speech_responses(20, n_subjects=2, random_state=0)
    >>> made.trials.shape, made.gallery.dims
    ((40, 19, 60), ('stimulus', 'feature', 'time'))
    """
    return _make("make_speech_responses", True, **locals())


def _make(
    caller: str,
    speech: bool,
    *,
    n_stimuli: int,
    n_repeats: int,
    n_subjects: int,
    n_features: int,
    n_channels: int,
    n_sources: int,
    duration: float,
    sampling_rate: float,
    snr: float,
    outliers: float,
    random_state: int | np.random.Generator | None,
) -> StimulusResponses:
    n_times = round(duration * sampling_rate)
    counts = (n_stimuli, n_repeats, n_subjects, n_features, n_channels, n_sources, n_times)
    if min(counts) < 1 or not 0 < snr < np.inf or not 0 <= outliers <= 1:
        raise ValueError(
            f"{caller}: expects one stimulus, repeat, subject, feature, channel, source and sample"
            f" at least, snr over 0 and outliers from 0 to 1, got {counts}, {snr!r} and"
            f" {outliers!r}."
        )
    rng = np.random.default_rng(random_state)
    names, places = electrodes(n_channels)
    e = rng.standard_normal((n_stimuli, n_features, *((n_times,) if speech else ())))
    if speech:
        e = gaussian_filter1d(e, 0.02 * sampling_rate, axis=-1)
        e /= e.std()
    weights = rng.standard_normal((n_sources, n_features)) / np.sqrt(n_features)
    kernel = _draw_kernels(rng, n_sources, n_times, sampling_rate, speech)
    sources = _activate(e, weights, kernel)
    mixing, noise = _draw_people(rng, places, n_sources, n_subjects)
    power = np.mean([np.mean((m @ sources) ** 2) for m in mixing])
    mixing *= _NOISE * np.sqrt(snr / power)
    which = np.tile(np.arange(n_stimuli), n_repeats * n_subjects)
    who = np.repeat(np.arange(n_subjects), n_repeats * n_stimuli)
    values = np.empty((len(which), n_channels, n_times))
    for k in range(n_subjects):
        own = who == k
        drawn = rng.standard_normal((own.sum(), n_channels, n_times))
        values[own] = mixing[k] @ sources[which[own]] + np.linalg.cholesky(noise[k]) @ drawn
    people = [f"s{k + 1}" for k in range(n_subjects)]
    stimuli = [f"{'segment' if speech else 'picture'} {k + 1}" for k in range(n_stimuli)]
    along = {"subject": np.array(people)[who], "stimulus": np.array(stimuli)[which]}
    clean = signal(
        values, sampling_rate=sampling_rate, channels=names, positions=places, trials=along
    )
    spoilt = clean.copy(data=_spoil(rng, clean.values, outliers))
    dims = ("stimulus", "feature", "time")[: e.ndim]
    gallery = xr.DataArray(e.astype(np.float32), dims=dims, coords={"stimulus": stimuli})
    if speech:
        gallery = gallery.assign_coords(time=clean["time"])
    each = gallery.isel(stimulus=xr.DataArray(which, dims="trial"))
    each = each.assign_coords(subject=("trial", along["subject"])).transpose("trial", ...)
    truth = xr.Dataset(
        {
            "mixing": (("subject", "channel", "source"), mixing),
            "noise": (("subject", "channel", "other"), noise),
            "weights": (("source", "feature"), weights),
            "kernel": (("source", "lag"), kernel),
        },
        coords={"subject": people, "channel": names},
        attrs={"snr": snr, "along_time": int(speech)},
    )
    return StimulusResponses(spoilt, each, gallery, clean, truth)


def _activate(e: NDArray[np.floating], weights: Array, kernel: Array) -> Array:
    """Activity of the sources, (stimulus, source, time): by latency, or by lagged features."""
    drive = np.einsum("sf,nf...->ns...", weights, e.astype(float))
    if e.ndim == 2:
        return drive[..., None] * kernel
    out = np.zeros_like(drive)
    for lag in range(kernel.shape[1]):
        out[..., lag:] += kernel[:, lag, None] * drive[..., : drive.shape[-1] - lag]
    return out


def _draw_kernels(
    rng: np.random.Generator, n_sources: int, n_times: int, rate: float, speech: bool
) -> Array:
    n = max(1, min(round(_MEMORY * rate), n_times)) if speech else n_times
    latency = rng.uniform(0.15, 0.75, n_sources) * n / rate
    width = rng.uniform(0.02, 0.05, n_sources)
    late = (np.arange(n) / rate - latency[:, None]) / width[:, None]
    return np.exp(-(late**2) / 2) * np.cos(late)


def _draw_people(
    rng: np.random.Generator, places: Array, n_sources: int, n_subjects: int
) -> tuple[Array, Array]:
    """Mixing (subject, channel, source) and noise covariance (subject, channel, channel)."""
    inside = rng.standard_normal((n_sources, 3))
    inside[:, 2] = np.abs(inside[:, 2])
    inside *= 0.75 * HEAD_RADIUS / np.linalg.norm(inside, axis=1, keepdims=True)
    mixing, noise = [], []
    for _ in range(n_subjects):
        moments = rng.standard_normal((n_sources, 3))  # folded otherwise in everyone
        seen = sphere_leadfield(places, inside, moments)
        mixing.append(seen / np.sqrt((seen**2).mean(0)))
        shared = rng.standard_normal((len(places), 4))
        covariance = 0.5 * np.eye(len(places)) + shared @ shared.T / 8
        noise.append(_NOISE**2 * covariance * len(places) / np.trace(covariance))
    return np.stack(mixing), np.stack(noise)


def _spoil(
    rng: np.random.Generator, values: NDArray[np.float32], share: float
) -> NDArray[np.float32]:
    out = values.copy()
    n_times = values.shape[2]
    length = max(1, n_times // 10)
    for trial, channel in np.argwhere(rng.random(values.shape[:2]) < share):
        start = rng.integers(0, n_times - length + 1)
        jump = 1000 * _NOISE * rng.choice([-1.0, 1.0])
        out[trial, channel, start : start + length] += jump
    return out
