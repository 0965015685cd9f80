"""Spikes with a hidden order: populations that take turns, motifs with many delays."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurokit.inputs.ranges import check_at_least
from neurokit.recording.clock import time_coordinates
from neurokit.recording.spikes import spikes


class Switching(NamedTuple):
    """What `make_switching` returns.

    Attributes
    ----------
    spikes : xarray.Dataset
        Spike times of the units.
    truth : xarray.Dataset
        ``state(time)`` int, ``activity(latent, time)``, ``population(unit)`` int,
        ``loading(unit, latent)`` (zero outside the unit's own population),
        ``baseline(unit)`` (log of Hz), ``transition(state_from, state_to)`` per step,
        ``dynamics(state_to, latent_to, latent_from)``: the latents of a population turn and decay
        by the matrix of the present state. On ``latent`` the coordinate ``population_of``. The
        rate of a unit is ``exp(baseline + loading . activity)`` Hz.
    """

    spikes: xr.Dataset
    truth: xr.Dataset


class Motifs(NamedTuple):
    """What `make_motifs` returns.

    Attributes
    ----------
    spikes : xarray.Dataset
        Spike times of the units, in the middle of their bins.
    truth : xarray.Dataset
        ``delay(motif, unit)``, the delay in bins at which a unit fires in a motif, -1 where it
        takes no part; ``occurrence(motif, time)``, bool, true at the bin of a motif's delay 0.
        ``time`` is the starts of the bins.
    """

    spikes: xr.Dataset
    truth: xr.Dataset


def make_switching(
    duration: float = 120.0,
    *,
    n_units: int = 60,
    n_states: int = 3,
    n_populations: int = 3,
    bin_width: float = 0.01,
    dwell: float = 2.0,
    rate: float = 8.0,
    random_state: int | np.random.Generator | None = None,
) -> Switching:
    """Simulate populations whose latent dynamics switch: a switching linear system with spikes.

    A hidden state jumps as a Markov chain. Each population has two latents of its own that turn
    at 0.5 to 3 Hz and are driven by noise; in each state one population (in turn) turns almost
    undamped, and the others decay quickly. Units fire as Poisson processes with a log rate linear
    in their population's latents.

    Parameters
    ----------
    duration : float, default=120.0
        In seconds.
    n_units, n_states, n_populations : int, default=60, 3, 3
        Units are shared evenly between populations.
    bin_width : float, default=0.01
        Step of the hidden dynamics, in seconds.
    dwell : float, default=2.0
        Mean time in a state, in seconds.
    rate : float, default=8.0
        Median firing rate at rest, in Hz.
    random_state : int, Generator or None
        Seed; the same seed gives the same spikes.

    Returns
    -------
    Switching
        ``(spikes, truth)``.

    Raises
    ------
    ValueError
        If a number is too small, or there are fewer units than populations.

    References
    ----------
    .. [1] Linderman et al. (2017), Bayesian learning and inference in recurrent switching linear
       dynamical systems, AISTATS (the model without recurrence).

    Examples
    --------
    >>> from neurokit.datasets import make_switching
    >>> spikes, truth = make_switching(20, n_units=9, random_state=0)
    >>> truth["population"].values.tolist()
    [0, 0, 0, 1, 1, 1, 2, 2, 2]
    """
    check_at_least(
        "make_switching",
        duration=(duration, 2 * bin_width),
        n_populations=(n_populations, 1),
        n_units=(n_units, n_populations),
        n_states=(n_states, 1),
        dwell=(dwell, bin_width),
    )
    rng = np.random.default_rng(random_state)
    n_times = round(duration / bin_width)
    stay = np.exp(-bin_width / dwell) if n_states > 1 else 1.0
    transition = np.full((n_states, n_states), (1 - stay) / max(n_states - 1, 1))
    np.fill_diagonal(transition, stay)
    # a jump goes to any of the others alike
    jumps = rng.random(n_times) >= stay
    jumps[0] = False
    state = (
        rng.integers(n_states) + np.cumsum(jumps * rng.integers(1, max(n_states, 2), n_times))
    ) % n_states

    n_latents = 2 * n_populations
    turns = 2 * np.pi * np.linspace(0.5, 3.0, n_populations) * bin_width
    dynamics = np.zeros((n_states, n_latents, n_latents))
    for k in range(n_states):
        for j, turn in enumerate(turns):
            life = 1.0 if j == k % n_populations else 0.05  # s
            rotation = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
            block = slice(2 * j, 2 * j + 2)
            dynamics[k, block, block] = np.exp(-bin_width / life) * np.array(rotation)
    # noise that would hold an undamped population at a variance of one
    kicks = rng.standard_normal((n_times, n_latents)) * np.sqrt(1 - np.exp(-2 * bin_width))
    latent = np.zeros((n_times, n_latents))
    for t in range(1, n_times):
        latent[t] = dynamics[state[t]] @ latent[t - 1] + kicks[t]

    population = np.arange(n_units) * n_populations // n_units
    mine = np.repeat(np.arange(n_populations), 2) == population[:, None]
    angle = rng.uniform(0, 2 * np.pi, n_units)
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    loading = np.where(mine, np.tile(direction, n_populations), 0.0)
    loading *= rng.uniform(0.5, 1.0, (n_units, 1))
    baseline = np.log(rate) + 0.3 * rng.standard_normal(n_units)
    intensity = np.exp(baseline + latent @ loading.T).T * bin_width
    times = _poisson_times(rng, np.minimum(intensity, 1000 * bin_width), bin_width)
    truth = xr.Dataset(
        {
            "state": ("time", state),
            "activity": (("latent", "time"), latent.T),
            "population": ("unit", population),
            "loading": (("unit", "latent"), loading),
            "baseline": ("unit", baseline, {"units": "log Hz"}),
            "transition": (("state_from", "state_to"), transition),
            "dynamics": (("state_to", "latent_to", "latent_from"), dynamics),
        },
        coords=time_coordinates(0, 1 / bin_width, n_times).assign(
            unit=np.arange(n_units), population_of=("latent", np.arange(n_latents) // 2)
        ),
    )
    return Switching(spikes(times, stop=n_times * bin_width), truth)


def make_motifs(
    n_units: int = 128,
    n_motifs: int = 144,
    *,
    n_delays: int = 31,
    n_steps: int = 1000,
    n_members: int = 32,
    motif_rate: float = 1.0,
    noise_rate: float = 10.0,
    reliability: float = 1.0,
    jitter: float = 0.0,
    bin_width: float = 0.001,
    random_state: int | np.random.Generator | None = None,
) -> Motifs:
    """Plant spike motifs with heterogeneous delays in Poisson noise.

    In a motif some units fire once each, at delays of their own. Motifs come back at random
    times, may overlap, and lie wholly inside the recording. Two spikes of one unit in one bin
    are one.

    Parameters
    ----------
    n_units, n_motifs : int, default=128, 144
        N and M in the paper.
    n_delays : int, default=31
        Delays run from 0 to ``n_delays - 1`` bins (D).
    n_steps : int, default=1000
        Length of the recording in bins (T).
    n_members : int, default=32
        Units that take part in a motif.
    motif_rate : float, default=1.0
        Occurrences of each motif per second.
    noise_rate : float, default=10.0
        Spikes of each unit outside motifs, per second.
    reliability : float, default=1.0
        Probability that a member does fire.
    jitter : float, default=0.0
        Standard deviation of a member's delay, in bins.
    bin_width : float, default=0.001
        In seconds.
    random_state : int, Generator or None
        Seed; the same seed gives the same spikes.

    Returns
    -------
    Motifs
        ``(spikes, truth)``.

    Raises
    ------
    ValueError
        If a number is too small, or a motif has more members than there are units.

    References
    ----------
    .. [1] Grimaldi and Perrinet (2023), Learning heterogeneous delays in a layer of spiking
       neurons for fast motion detection, Biol. Cybern. 117, 373-387.

    Examples
    --------
    >>> from neurokit.datasets import make_motifs
    >>> spikes, truth = make_motifs(20, 3, n_members=8, random_state=0)
    >>> (truth["delay"] >= 0).sum("unit").values.tolist()
    [8, 8, 8]
    """
    check_at_least(
        "make_motifs",
        n_members=(n_members, 1),
        n_units=(n_units, n_members),
        n_motifs=(n_motifs, 1),
        n_delays=(n_delays, 1),
        n_steps=(n_steps, n_delays),
        motif_rate=(motif_rate, 0),
        noise_rate=(noise_rate, 0),
    )
    rng = np.random.default_rng(random_state)
    delay = np.full((n_motifs, n_units), -1)
    for row in delay:
        row[rng.permutation(n_units)[:n_members]] = rng.integers(n_delays, size=n_members)
    occurrence = rng.random((n_motifs, n_steps)) < motif_rate * bin_width
    occurrence[:, n_steps - n_delays + 1 :] = False
    raster = rng.random((n_units, n_steps)) < noise_rate * bin_width
    for m, t in np.argwhere(occurrence):
        fires = (delay[m] >= 0) & (rng.random(n_units) < reliability)
        wander = np.round(jitter * rng.standard_normal(n_units)).astype(int)
        at = np.clip(t + delay[m] + wander, 0, n_steps - 1)
        raster[fires, at[fires]] = True
    times = [(np.flatnonzero(row) + 0.5) * bin_width for row in raster]
    truth = xr.Dataset(
        {"delay": (("motif", "unit"), delay), "occurrence": (("motif", "time"), occurrence)},
        coords=time_coordinates(0, 1 / bin_width, n_steps).assign(unit=np.arange(n_units)),
    )
    return Motifs(spikes(times, stop=n_steps * bin_width), truth)


def _poisson_times(
    rng: np.random.Generator, expected: NDArray[np.float64], bin_width: float
) -> list[NDArray[np.float64]]:
    """Draw the spike times of each unit from the expected number in each bin, spread over it."""
    starts = np.arange(expected.shape[1]) * bin_width
    times = []
    for row in rng.poisson(expected):
        at = np.repeat(starts, row)
        times.append(np.sort(at + bin_width * rng.uniform(0, 1 - 1e-6, len(at))))
    return times
