"""EEG that never was: every microvolt of it is known."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neurokit.datasets._noise import background, rhythm
from neurokit.datasets.head import HEAD_RADIUS, electrodes, sphere_leadfield
from neurokit.inputs.ranges import check_at_least
from neurokit.recording.clock import time_coordinates
from neurokit.recording.make import events, signal

# name: frequency in Hz (0: evoked), scalp amplitude in uV where it is largest, place (x, y, z)
_SOURCES: dict[str, tuple[float, float, tuple[float, float, float]]] = {
    "theta frontal": (6.0, 4.0, (0.0, 35.0, 50.0)),
    "alpha left": (10.0, 9.0, (-22.0, -55.0, 20.0)),
    "alpha right": (10.0, 9.0, (22.0, -55.0, 20.0)),
    "mu left": (11.5, 4.0, (-38.0, 2.0, 48.0)),
    "mu right": (11.5, 4.0, (38.0, 2.0, 48.0)),
    "visual": (0.0, 5.0, (0.0, -60.0, 15.0)),
    "p300": (0.0, 7.0, (0.0, -25.0, 55.0)),
}


class EEG(NamedTuple):
    """What `make_eeg` returns.

    Attributes
    ----------
    signal : xarray.DataArray of dims ("channel", "time")
        In uV against the common average.
    events : pandas.DataFrame
        Onset, duration and label (``"standard"`` or ``"target"``).
    truth : xarray.Dataset
        ``activity(source, time)`` in nAm and ``leadfield(channel, source)`` in uV/nAm, whose
        product is the recording without background; ``orientation(source, axis)``; on ``source``
        the coordinates ``frequency`` (Hz, 0 for evoked) and ``x y z`` (mm).
    """

    signal: xr.DataArray
    events: pd.DataFrame
    truth: xr.Dataset


class Trials(NamedTuple):
    """What `make_motor_imagery` and `make_ssvep` return.

    Attributes
    ----------
    trials : xarray.DataArray of dims ("trial", "channel", "time")
        In uV; on ``trial`` the coordinates ``label``, ``subject`` and ``session``.
    truth : xarray.Dataset
        See the function.
    """

    trials: xr.DataArray
    truth: xr.Dataset


def make_eeg(
    duration: float = 60.0,
    *,
    n_channels: int = 32,
    sampling_rate: float = 250.0,
    noise: float = 8.0,
    random_state: int | np.random.Generator | None = None,
) -> EEG:
    """Simulate an oddball session: rhythms, evoked responses and a 1/f background in a head.

    Five rhythms (theta, alpha, mu) and two evoked sources are dipoles in concentric spheres. A
    stimulus comes about every second, one in five is a target; all evoke the visual response at
    170 ms, only targets the P300 at 380 ms, its amplitude and latency varying from trial to
    trial. The background is 1/f^1.5 from 60 dipoles all over the brain, and sensor noise.

    Parameters
    ----------
    duration : float, default=60.0
        In seconds.
    n_channels : int, default=32
        The first of the 10-20 and 10-10 electrodes, at most 61.
    sampling_rate : float, default=250.0
        In Hz.
    noise : float, default=8.0
        Standard deviation of the background at the scalp, in uV.
    random_state : int, Generator or None
        Seed; the same seed gives the same recording.

    Returns
    -------
    EEG
        ``(signal, events, truth)``.

    Raises
    ------
    ValueError
        If the duration is shorter than two samples or ``n_channels`` out of range.

    Examples
    --------
    >>> from neurokit.datasets import make_eeg
    >>> signal, events, truth = make_eeg(10, n_channels=19, random_state=0)
    >>> signal.sizes["channel"], signal.sizes["time"], list(events.columns)
    (19, 2500, ['onset', 'duration', 'label'])
    """
    n_times = _n_samples("make_eeg", duration, sampling_rate)
    rng = np.random.default_rng(random_state)
    names, positions = electrodes(n_channels)
    places = np.array([place for *_, place in _SOURCES.values()])
    moments = _outward(rng, places, tilt=0.3)
    leadfield = _average_reference(sphere_leadfield(positions, places, moments))

    table = _oddball(rng, duration)
    activity = np.empty((len(_SOURCES), n_times), np.float32)
    for row, (name, (frequency, _, _)) in zip(activity, _SOURCES.items(), strict=True):
        if frequency:
            row[:] = rhythm(rng, (n_times,), sampling_rate, frequency)
        elif name == "visual":
            row[:] = _evoked(rng, table["onset"].to_numpy(), n_times, sampling_rate, 0.17, 0.025)
        else:
            targets = table["onset"].to_numpy()[table["label"] == "target"]
            row[:] = _evoked(rng, targets, n_times, sampling_rate, 0.38, 0.07)
    # a source as strong as its largest scalp amplitude says
    scalp = np.array([amplitude for _, amplitude, _ in _SOURCES.values()])
    activity *= (scalp / np.maximum(np.abs(leadfield).max(0), 1e-12))[:, None].astype(np.float32)

    values = leadfield.astype(np.float32) @ activity
    values += _brain_noise(rng, positions, (n_times,), sampling_rate, noise)
    recording = signal(
        values, sampling_rate=sampling_rate, channels=names, types="eeg", positions=positions
    )
    truth = xr.Dataset(
        {
            "activity": (("source", "time"), activity, {"units": "nAm"}),
            "leadfield": (("channel", "source"), leadfield, {"units": "uV/nAm"}),
            "orientation": (("source", "axis"), moments),
        },
        coords=time_coordinates(0, sampling_rate, n_times).assign(
            source=list(_SOURCES),
            channel=names,
            axis=["x", "y", "z"],
            frequency=("source", [frequency for frequency, _, _ in _SOURCES.values()]),
            x=("source", places[:, 0]),
            y=("source", places[:, 1]),
            z=("source", places[:, 2]),
        ),
    )
    return EEG(recording, table, truth)


def make_motor_imagery(
    n_subjects: int = 4,
    n_trials: int = 40,
    *,
    n_sessions: int = 1,
    n_channels: int = 25,
    sampling_rate: float = 128.0,
    duration: float = 3.0,
    shift: float = 1.0,
    noise: float = 5.0,
    random_state: int | np.random.Generator | None = None,
) -> Trials:
    """Simulate motor imagery of many people: mu and beta vanish over the other hand's cortex.

    Imagining one hand lowers the mu (9 to 13 Hz) and beta (twice that) power of the opposite
    hemisphere from 0.5 s after the cue. People differ in rhythm, in the strength of the effect,
    and in how the head mixes sources into channels; the last, a symmetric positive mixing matrix
    per subject (and a smaller one per session), is what alignment can undo.

    Parameters
    ----------
    n_subjects, n_trials : int, default=4, 40
        ``n_trials`` per subject and session, half left and half right, in random order.
    n_sessions : int, default=1
        Per subject.
    n_channels : int, default=25
        The first of the 10-20 and 10-10 electrodes, at most 61.
    sampling_rate : float, default=128.0
        In Hz.
    duration : float, default=3.0
        Length of a trial, in seconds; time 0 is the cue.
    shift : float, default=1.0
        How much subjects differ in their mixing; 0 is one head for all.
    noise : float, default=5.0
        Standard deviation of the background at the scalp, in uV.
    random_state : int, Generator or None
        Seed; the same seed gives the same trials.

    Returns
    -------
    Trials
        ``(trials, truth)``. Labels are ``"left"`` and ``"right"``. The truth holds
        ``power(trial, source)``, the mean power of the two mu sources after 0.5 s relative to
        rest; ``mixing(head, channel, mixed)``, by which the channels of each subject and
        session (coordinates on ``head``) were mixed; ``leadfield(channel, source)`` in uV/nAm;
        and on ``trial`` the subject's ``frequency`` (Hz) and ``effect`` (the part of the power
        that goes).

    Raises
    ------
    ValueError
        If a number is too small or ``n_channels`` out of range.

    Examples
    --------
    >>> from neurokit.datasets import make_motor_imagery
    >>> trials, truth = make_motor_imagery(2, 10, random_state=0)
    >>> trials.sizes["trial"], sorted(set(trials["label"].values.tolist()))
    (20, ['left', 'right'])
    """
    n_times = _n_samples("make_motor_imagery", duration, sampling_rate)
    check_at_least("make_motor_imagery", n_subjects=(n_subjects, 1), n_trials=(n_trials, 2))
    rng = np.random.default_rng(random_state)
    names, positions = electrodes(n_channels)
    places = np.array([_SOURCES["mu left"][2], _SOURCES["mu right"][2], _SOURCES["alpha left"][2]])
    leadfield = _average_reference(sphere_leadfield(positions, places, _outward(rng, places)))
    times = np.arange(n_times) / sampling_rate
    onset = 1 / (1 + np.exp(-(times - 0.5) / 0.08))  # of the desynchronisation
    late = times >= 0.5 if (times >= 0.5).any() else np.ones(n_times, bool)

    values, columns, power, mixings, heads = [], [], [], [], []
    for subject in range(n_subjects):
        peak, effect = rng.uniform(9.5, 12.5), rng.uniform(0.4, 0.9)
        amplitude = np.exp(0.25 * rng.standard_normal(3)) * [6.0, 6.0, 8.0]
        own = _symmetric(rng, n_channels, shift)
        for session in range(n_sessions):
            mixing = own @ _symmetric(rng, n_channels, 0.3 * shift)
            label = rng.permutation(np.arange(n_trials) % 2)  # 0 left hand, 1 right hand
            # the left source goes for the right hand, and the idle one grows a little
            goes = np.where(label[:, None] == [1, 0], effect, -0.15)
            goes = goes * np.clip(1 + 0.3 * rng.standard_normal(goes.shape), 0, 1.2)
            left = np.sqrt(np.clip(1 - goes[:, :, None] * onset, 0, None))
            mu = rhythm(rng, (n_trials, 2, n_times), sampling_rate, peak)
            beta = rhythm(rng, (n_trials, 2, n_times), sampling_rate, 2 * peak, 1.5)
            alpha = rhythm(rng, (n_trials, 1, n_times), sampling_rate, 10.0)
            sources = np.concatenate([left * (mu + 0.5 * beta), alpha], axis=1)
            wander = np.exp(0.35 * rng.standard_normal((n_trials, 3)))  # of arousal, by trial
            sources *= (wander * amplitude / np.abs(leadfield).max(0))[:, :, None]
            x = leadfield @ sources + _brain_noise(
                rng, positions, (n_trials, n_times), sampling_rate, noise
            )
            values.append((mixing @ x).astype(np.float32))
            power.append(np.mean(left[..., late] ** 2, axis=-1))
            mixings.append(mixing)
            heads.append((f"S{subject + 1:02d}", f"{session + 1}"))
            columns.append(
                pd.DataFrame(
                    {
                        "label": np.array(["left", "right"])[label],
                        "subject": f"S{subject + 1:02d}",
                        "session": f"{session + 1}",
                        "frequency": peak,
                        "effect": effect,
                    }
                )
            )
    table = pd.concat(columns, ignore_index=True)
    trials = signal(
        np.concatenate(values),
        sampling_rate=sampling_rate,
        channels=names,
        types="eeg",
        positions=positions,
        trials={name: table[name].to_numpy() for name in ("label", "subject", "session")},
    )
    truth = xr.Dataset(
        {
            "power": (("trial", "source"), np.concatenate(power)),
            "mixing": (("head", "channel", "mixed"), np.stack(mixings)),
            "leadfield": (("channel", "source"), leadfield[:, :2], {"units": "uV/nAm"}),
        },
        coords={
            "source": ["mu left", "mu right"],
            "channel": names,
            "subject": ("head", [subject for subject, _ in heads]),
            "session": ("head", [session for _, session in heads]),
            **{name: ("trial", table[name].to_numpy()) for name in ("frequency", "effect")},
        },
    )
    return Trials(trials, truth)


def make_ssvep(
    frequencies: tuple[float, ...] = (8.0, 10.0, 12.0, 15.0),
    n_trials: int = 10,
    *,
    n_subjects: int = 1,
    n_channels: int = 19,
    sampling_rate: float = 250.0,
    duration: float = 2.0,
    latency: float = 0.14,
    amplitude: float = 2.5,
    noise: float = 5.0,
    random_state: int | np.random.Generator | None = None,
) -> Trials:
    """Simulate steady-state visual responses: the flicker that is looked at sets the frequency.

    Targets flicker with phases 0.35 pi apart, as in joint frequency-phase coding. The occipital
    cortex follows after a latency, with two harmonics, and an amplitude that varies by trial.

    Parameters
    ----------
    frequencies : tuple of float, default=(8.0, 10.0, 12.0, 15.0)
        Frequency of each target, in Hz.
    n_trials : int, default=10
        Per target and subject.
    n_subjects : int, default=1
        Each with a phase and an amplitude of their own.
    n_channels : int, default=19
        The first of the 10-20 and 10-10 electrodes, at most 61.
    sampling_rate : float, default=250.0
        In Hz.
    duration : float, default=2.0
        Length of a trial, in seconds; time 0 is the start of the flicker.
    latency : float, default=0.14
        Delay of the response, in seconds.
    amplitude : float, default=2.5
        Size of the fundamental at the scalp where it is largest, in uV.
    noise : float, default=5.0
        Standard deviation of the background at the scalp, in uV.
    random_state : int, Generator or None
        Seed; the same seed gives the same trials.

    Returns
    -------
    Trials
        ``(trials, truth)``. Labels are the frequencies as text (``"8"``, ``"12.5"``). The truth
        holds ``response(trial, time)`` in nAm and ``leadfield(channel)`` in uV/nAm, whose
        product is the noise-free trial, and on ``trial`` the ``frequency`` in Hz.

    Raises
    ------
    ValueError
        If a frequency is not below a quarter of the sampling rate (its harmonic has to fit), two
        are equal, or ``n_channels`` is out of range.

    Examples
    --------
    >>> from neurokit.datasets import make_ssvep
    >>> trials, truth = make_ssvep((9, 12.5), n_trials=3, random_state=0)
    >>> sorted(set(trials["label"].values.tolist()))
    ['12.5', '9']
    """
    n_times = _n_samples("make_ssvep", duration, sampling_rate)
    targets = np.asarray(frequencies, float)
    if not ((targets > 0) & (targets < sampling_rate / 4)).all() or len({*targets}) < len(targets):
        raise ValueError(
            "make_ssvep: frequencies must differ and lie between 0 and a quarter of the sampling"
            f" rate, {sampling_rate / 4:g} Hz, got {tuple(frequencies)!r}."
        )
    rng = np.random.default_rng(random_state)
    names, positions = electrodes(n_channels)
    place = np.array([_SOURCES["visual"][2]])
    leadfield = _average_reference(sphere_leadfield(positions, place, _outward(rng, place)))[:, 0]
    times = np.arange(n_times) / sampling_rate
    which = np.concatenate(
        [rng.permutation(np.repeat(np.arange(len(targets)), n_trials)) for _ in range(n_subjects)]
    )
    subject = np.repeat(np.arange(n_subjects), len(targets) * n_trials)
    strength = np.exp(0.3 * rng.standard_normal(n_subjects))[subject]
    strength = strength * np.exp(0.2 * rng.standard_normal(len(which)))
    lag = rng.uniform(0, np.pi / 2, n_subjects)[subject]
    since = np.clip(times - latency, 0, None)
    response = np.zeros((len(which), n_times))
    for harmonic, share in ((1, 1.0), (2, 0.5), (3, 0.2)):
        angle = 2 * np.pi * targets[which, None] * since + 0.35 * np.pi * which[:, None]
        if harmonic * targets.max() < sampling_rate / 2:
            response += share * np.sin(harmonic * (angle - lag[:, None]))
    response *= strength[:, None] * (1 - np.exp(-since / 0.1)) * amplitude
    response /= np.abs(leadfield).max()
    values = leadfield[:, None] * response[:, None]
    for one in range(n_subjects):  # one head at a time, to keep the memory small
        mine = subject == one
        shape = (int(mine.sum()), n_times)
        values[mine] += _brain_noise(rng, positions, shape, sampling_rate, noise)
    trials = signal(
        values,
        sampling_rate=sampling_rate,
        channels=names,
        types="eeg",
        positions=positions,
        trials={
            "label": np.array([f"{f:g}" for f in targets])[which],
            "subject": np.array([f"S{one + 1:02d}" for one in subject]),
            "session": np.full(len(which), "1"),
        },
    )
    truth = xr.Dataset(
        {
            "response": (("trial", "time"), response, {"units": "nAm"}),
            "leadfield": ("channel", leadfield, {"units": "uV/nAm"}),
        },
        coords=time_coordinates(0, sampling_rate, n_times).assign(
            channel=names, frequency=("trial", targets[which])
        ),
    )
    return Trials(trials, truth)


def _n_samples(caller: str, duration: float, rate: float) -> int:
    n_times = round(duration * rate) if np.isfinite(duration * rate) else 0
    if n_times < 2:
        raise ValueError(
            f"{caller}: duration x sampling_rate must give at least 2 samples, got"
            f" {duration!r} s at {rate!r} Hz."
        )
    return n_times


def _oddball(rng: np.random.Generator, duration: float) -> pd.DataFrame:
    """Stimuli 0.8 to 1.2 s apart, a second from the ends, one in five a target."""
    onset = 0.5 + np.cumsum(rng.uniform(0.8, 1.2, int(duration / 0.8) + 1))
    onset = np.round(onset[onset < duration - 1.0], 3)
    label = np.where(rng.random(len(onset)) < 0.2, "target", "standard")
    label[:2] = ["standard", "target"][: len(label)]  # both, however short
    return events(onset, 0.1, label)


def _evoked(
    rng: np.random.Generator,
    onsets: NDArray[np.float64],
    n_times: int,
    rate: float,
    latency: float,
    width: float,
) -> NDArray[np.float32]:
    """Put a Gaussian bump after every onset; latency and amplitude vary between them."""
    activity = np.zeros(n_times, np.float32)
    reach = int(6 * width * rate) + 1
    for onset in onsets:
        peak = onset + latency + 0.5 * width * rng.standard_normal()
        height = max(0.0, 1 + 0.5 * rng.standard_normal())
        middle = round(peak * rate)
        at = np.arange(max(middle - reach, 0), min(middle + reach, n_times))
        activity[at] += height * np.exp(-0.5 * ((at / rate - peak) / width) ** 2)
    return activity


def _outward(
    rng: np.random.Generator, places: NDArray[np.float64], tilt: float = 0.0
) -> NDArray[np.float64]:
    """Moments of 1 nAm pointing out of the head, tilted at random."""
    moments = places / np.linalg.norm(places, axis=1, keepdims=True)
    moments = moments + tilt * rng.standard_normal(places.shape) / np.sqrt(3)
    unit: NDArray[np.float64] = moments / np.linalg.norm(moments, axis=1, keepdims=True)
    return unit


def _average_reference(leadfield: NDArray[np.float64]) -> NDArray[np.float64]:
    """Against the mean of all channels; one channel alone keeps the potential against infinity."""
    return leadfield - leadfield.mean(0) if len(leadfield) > 1 else leadfield


def _symmetric(rng: np.random.Generator, size: int, scale: float) -> NDArray[np.float64]:
    """Draw a symmetric positive matrix around the identity, of determinant near one."""
    a = rng.standard_normal((size, size)) * scale / np.sqrt(2 * size)
    value, vector = np.linalg.eigh((a + a.T) / np.sqrt(2))
    spread: NDArray[np.float64] = (vector * np.exp(value)) @ vector.T
    return spread


def _brain_noise(
    rng: np.random.Generator,
    positions: NDArray[np.float64],
    shape: tuple[int, ...],
    rate: float,
    scale: float,
) -> NDArray[np.float32]:
    """1/f noise of 60 dipoles all over the brain, and a tenth of white sensor noise."""
    places = rng.standard_normal((60, 3))
    places *= (
        HEAD_RADIUS * rng.uniform(0.3, 0.8, (60, 1)) / np.linalg.norm(places, axis=1)[:, None]
    )
    leadfield = _average_reference(
        sphere_leadfield(positions, places, _outward(rng, places, tilt=1.0))
    )
    leadfield *= scale / np.sqrt(np.mean(np.sum(leadfield**2, axis=1)))
    *lead, n_times = shape
    n_channels = len(positions)
    values = np.empty((*lead, n_channels, n_times), np.float32)
    rng.standard_normal(out=values, dtype=np.float32)
    values *= 0.1 * scale
    for first in range(0, 60, 15):  # a quarter at a time: a long recording would not fit
        some = background(rng, (*lead, 15, n_times), rate)
        values += leadfield[:, first : first + 15].astype(np.float32) @ some
    return values
