"""Calcium traces of communities that drive one another."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy.signal import lfilter

from neurokit.datasets._noise import shaped_noise
from neurokit.recording.clock import time_coordinates
from neurokit.recording.make import traces


class Calcium(NamedTuple):
    """What `make_calcium` returns.

    Attributes
    ----------
    traces : xarray.DataArray of dims ("unit", "time")
        dF/F.
    truth : xarray.Dataset
        ``community(unit)`` int; ``coupling(source, target)``, the rate that one spike per unit
        and frame of one community adds to the next frame of another's (zero where there is no
        connection); ``event(source, time)`` bool, frames in which a community is excited from
        outside; ``spikes(unit, time)``, spikes in each frame; ``calcium(unit, time)``, the
        traces without noise and drift.
    """

    traces: xr.DataArray
    truth: xr.Dataset


def make_calcium(
    duration: float = 300.0,
    *,
    n_units: int = 60,
    n_communities: int = 3,
    sampling_rate: float = 10.0,
    density: float = 0.5,
    rise: float = 0.07,
    decay: float = 0.7,
    noise: float = 0.1,
    random_state: int | np.random.Generator | None = None,
) -> Calcium:
    """Simulate calcium imaging of communities of units that excite and hush one another.

    Communities burst when excited from outside, and pass their activity on, a frame later, along
    a sparse directed matrix; units fire as Poisson processes at their community's rate times a
    gain of their own. A spike lets the trace rise and decay exponentially; noise, a slow drift
    and a saturating indicator come on top.

    Parameters
    ----------
    duration : float, default=300.0
        In seconds.
    n_units, n_communities : int, default=60, 3
        Units are shared evenly between communities.
    sampling_rate : float, default=10.0
        Frames per second.
    density : float, default=0.5
        Share of the pairs of communities that are connected, in each direction.
    rise, decay : float, default=0.07, 0.7
        Time constants of the indicator, in seconds.
    noise : float, default=0.1
        Standard deviation of the sensor's noise, in dF/F.
    random_state : int, Generator or None
        Seed; the same seed gives the same traces.

    Returns
    -------
    Calcium
        ``(traces, truth)``.

    Raises
    ------
    ValueError
        If a number is out of range, or there are fewer units than communities.

    Examples
    --------
    >>> from neurokit.datasets import make_calcium
    >>> traces, truth = make_calcium(30, n_units=6, random_state=0)
    >>> traces.sizes["time"], truth["community"].values.tolist()
    (300, [0, 0, 1, 1, 2, 2])
    """
    n_times = round(duration * sampling_rate)
    if not 1 <= n_communities <= n_units or n_times < 2 or not 0 < rise < decay:
        raise ValueError(
            "make_calcium: expects at least two frames, 1 <= n_communities <= n_units and"
            f" 0 < rise < decay, got {n_times} frames, {n_communities} communities, {n_units}"
            f" units, rise {rise!r} s and decay {decay!r} s."
        )
    rng = np.random.default_rng(random_state)
    community = np.arange(n_units) * n_communities // n_units
    coupling = _coupling(rng, n_communities, density)
    step = 1 / sampling_rate
    rest = 0.2 * step  # spikes per frame
    event = rng.random((n_communities, n_times)) < 0.08 * step
    gain = np.exp(0.4 * rng.standard_normal(n_units))
    spikes = np.zeros((n_units, n_times), np.int16)
    mean = np.zeros(n_communities)
    members = np.stack([(community == k) / np.sum(community == k) for k in range(n_communities)])
    drive = lfilter([1.0], [1.0, -np.exp(-step / 0.4)], event, axis=1) * 5.0 * step
    for t in range(n_times):
        expected = np.clip(rest + drive[:, t] + coupling.T @ mean, 0, 30 * step)
        spikes[:, t] = rng.poisson(gain * expected[community])
        mean = members @ spikes[:, t]
    # difference of two exponentials, its peak at one
    fast, slow = np.exp(-step / rise), np.exp(-step / decay)
    response = lfilter([1.0], [1.0, -(fast + slow), fast * slow], spikes, axis=1)
    kernel = lfilter(
        [1.0], [1.0, -(fast + slow), fast * slow], np.eye(1, int(5 * decay / step) + 2)
    )
    calcium = response / kernel.max() * 0.3
    calcium = calcium / (1 + calcium / 6.0)  # the indicator saturates
    drift = shaped_noise(
        rng, (n_units, n_times), sampling_rate, lambda f: np.exp(-f / 0.01) + 1e-9
    )
    values = calcium + noise * rng.standard_normal(calcium.shape) + 0.5 * noise * drift
    truth = xr.Dataset(
        {
            "community": ("unit", community),
            "coupling": (("source", "target"), coupling),
            "event": (("source", "time"), event),
            "spikes": (("unit", "time"), spikes),
            "calcium": (("unit", "time"), calcium.astype(np.float32), {"units": "dF/F"}),
        },
        coords=time_coordinates(0, sampling_rate, n_times).assign(unit=np.arange(n_units)),
    )
    return Calcium(traces(values, sampling_rate=sampling_rate), truth)


def _coupling(rng: np.random.Generator, n: int, density: float) -> np.ndarray:
    """Draw self-excitation on the diagonal, sparse excitation and inhibition off it; stable."""
    strength = rng.uniform(0.3, 0.6, (n, n)) * np.where(rng.random((n, n)) < 0.75, 1, -1)
    coupling = np.where(rng.random((n, n)) < density, strength, 0.0)
    np.fill_diagonal(coupling, 0.3)
    radius = np.abs(np.linalg.eigvals(np.abs(coupling))).max()
    return coupling * min(1.0, 0.7 / radius)
