"""Calcium traces of several animals in which communities of units take turns."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy.signal import lfilter

from neurokit.datasets._noise import shaped_noise
from neurokit.inputs.ranges import check_at_least, check_positive
from neurokit.recording.clock import time_coordinates


class DynamicCommunities(NamedTuple):
    """What `make_dynamic_communities` returns.

    Attributes
    ----------
    traces : xarray.DataArray of dims ("animal", "unit", "time")
        dF/F; NaN for the units that an animal lacks.
    truth : xarray.Dataset
        ``community(unit)`` int, the component that a unit belongs to, -1 for none;
        ``loading(unit, component)``, how strongly a unit takes part (zero outside its own);
        ``activity(component, time)``, the calcium of a community at loading and strength one;
        ``event(component, time)`` bool, frames in which it is excited;
        ``strength(animal, component)``; ``known(animal, unit)`` bool; ``calcium(animal, unit,
        time)``, the traces without noise and drift, for missing units too.
    """

    traces: xr.DataArray
    truth: xr.Dataset


def make_dynamic_communities(
    duration: float = 200.0,
    *,
    n_animals: int = 10,
    n_units: int = 60,
    n_communities: int = 4,
    sampling_rate: float = 4.0,
    events_per_minute: float = 2.0,
    spread: float = 0.6,
    loners: float = 0.1,
    missing: float = 0.2,
    noise: float = 0.1,
    rise: float = 0.5,
    decay: float = 2.5,
    random_state: int | np.random.Generator | None = None,
) -> DynamicCommunities:
    """Simulate animals that see one stimulus, to which communities of units answer in turn.

    The moments at which a community is excited are those of all animals; how strongly it answers
    is the animal's own. A member's trace is its community's activity times its loading. Units
    that belong to no community have events of their own. Noise and a slow drift come on top, and
    some units were not found in some animals.

    Parameters
    ----------
    duration : float, default=200.0
        In seconds.
    n_animals, n_units, n_communities : int, default=10, 60, 4
    sampling_rate : float, default=4.0
        Frames per second.
    events_per_minute : float, default=2.0
        How often each community is excited.
    spread : float, default=0.6
        Standard deviation of the logarithm of an animal's strength.
    loners : float, default=0.1
        Share of the units that belong to no community.
    missing : float, default=0.2
        Share of the units that an animal lacks. Every unit is found in at least one animal.
    noise : float, default=0.1
        Standard deviation of the sensor's noise, in dF/F; events reach about 1 dF/F.
    rise, decay : float, default=0.5, 2.5
        Time constants of a transient, in seconds.
    random_state : int, Generator or None
        Seed; the same seed gives the same traces.

    Returns
    -------
    DynamicCommunities
        ``(traces, truth)``.

    Raises
    ------
    ValueError
        If a number is out of range, or a community would have fewer than two units.

    Examples
    --------
    >>> from neurokit.datasets import make_dynamic_communities
    >>> traces, truth = make_dynamic_communities(60, n_animals=3, n_units=20, random_state=0)
    >>> dict(traces.sizes), truth["community"].values.tolist()[:6]
    ({'animal': 3, 'unit': 20, 'time': 240}, [0, 0, 0, 0, 0, 1])
    """
    _check(duration, sampling_rate, n_animals, n_units, n_communities, loners, missing, noise)
    check_positive("make_dynamic_communities", events_per_minute=events_per_minute, rise=rise)
    check_at_least("make_dynamic_communities", spread=(spread, 0), decay=(decay, rise * 1.01))
    rng = np.random.default_rng(random_state)
    n_times, step = round(duration * sampling_rate), 1 / sampling_rate
    n_loners = round(loners * n_units)
    n_members = n_units - n_loners
    community = np.full(n_units, -1)
    community[:n_members] = np.arange(n_members) * n_communities // n_members
    own = community[:, None] == np.arange(n_communities)
    loading = np.where(own, rng.uniform(0.5, 1.0, (n_units, 1)), 0.0)

    chance = events_per_minute / 60 * step
    event = rng.random((n_communities, n_times)) < chance
    for row in event:  # a community that never acts cannot be found
        if not row.any():
            row[rng.integers(max(1, n_times - round(decay / step)))] = True
    activity = _transients(event * rng.uniform(0.7, 1.3, event.shape), step, rise, decay)
    strength = np.exp(spread * rng.standard_normal((n_animals, n_communities)))
    strength /= strength.mean(axis=0)

    calcium = np.einsum("uk,ak,kt->aut", loading, strength, activity)
    alone = rng.random((n_animals, n_loners, n_times)) < chance
    calcium[:, n_members:] += _transients(alone, step, rise, decay)
    drift = shaped_noise(rng, calcium.shape, sampling_rate, lambda f: np.exp(-f / 0.01) + 1e-9)
    values = calcium + noise * rng.standard_normal(calcium.shape) + 0.5 * noise * drift

    known = rng.random((n_animals, n_units)) >= missing
    nobody = ~known.any(axis=0)
    known[rng.integers(n_animals, size=nobody.sum()), np.flatnonzero(nobody)] = True
    values[~known] = np.nan

    names = {"animal": [f"animal {i}" for i in range(n_animals)], "unit": np.arange(n_units)}
    coords = time_coordinates(0, sampling_rate, n_times).assign(names)
    dims = ("animal", "unit", "time")
    truth = xr.Dataset(
        {
            "community": ("unit", community),
            "loading": (("unit", "component"), loading),
            "activity": (("component", "time"), activity, {"units": "dF/F"}),
            "event": (("component", "time"), event),
            "strength": (("animal", "component"), strength),
            "known": (("animal", "unit"), known),
            "calcium": (dims, calcium.astype(np.float32), {"units": "dF/F"}),
        },
        coords=coords,
    )
    traces = xr.DataArray(values.astype(np.float32), coords, dims, attrs={"units": "dF/F"})
    return DynamicCommunities(traces, truth)


def _transients(drive: np.ndarray, step: float, rise: float, decay: float) -> np.ndarray:
    """Answer each excitation by a difference of two exponentials that peaks at one."""
    fast, slow = np.exp(-step / rise), np.exp(-step / decay)
    poles = [1.0, -(fast + slow), fast * slow]
    peak = lfilter([1.0], poles, np.eye(1, int(5 * decay / step) + 2)).max()
    return np.asarray(lfilter([1.0 / peak], poles, drive, axis=-1))


def _check(
    duration: float,
    sampling_rate: float,
    n_animals: int,
    n_units: int,
    n_communities: int,
    loners: float,
    missing: float,
    noise: float,
) -> None:
    check_positive("make_dynamic_communities", sampling_rate=sampling_rate)
    check_at_least(
        "make_dynamic_communities",
        duration=(duration, 2 / sampling_rate),
        n_animals=(n_animals, 1),
        n_communities=(n_communities, 1),
        noise=(noise, 0),
    )
    if not (0 <= loners < 1 and 0 <= missing < 1):
        raise ValueError(
            "make_dynamic_communities: loners and missing are shares from 0 to below 1, got"
            f" {loners!r} and {missing!r}."
        )
    n_members = n_units - round(loners * n_units)
    if n_members < 2 * n_communities:
        raise ValueError(
            "make_dynamic_communities: a community needs two units, got"
            f" {n_members} members for {n_communities} communities; ask for more units."
        )
