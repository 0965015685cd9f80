"""A network of spiking units whose connections are known."""

from typing import NamedTuple

import numpy as np
import xarray as xr

from neurokit.inputs.ranges import check_at_least, check_positive
from neurokit.recording.clock import time_coordinates
from neurokit.recording.spikes import spikes
from neurokit.solvers.membranes import integrate_and_fire


class SpikingNetwork(NamedTuple):
    """What `make_spiking_network` returns.

    Attributes
    ----------
    spikes : xarray.Dataset
        Spike times of the units, in the middle of their steps.
    truth : xarray.Dataset
        ``coupling(source, target)``, what a spike of the source adds to the membrane of the
        target, in units of the threshold (zero where there is no connection);
        ``excitatory(unit)`` bool; ``input(unit, time)``, what reached each membrane from outside
        in each step; attributes ``time_constant`` (s), ``refractory`` (steps) and ``delay``
        (steps).
    """

    spikes: xr.Dataset
    truth: xr.Dataset


def make_spiking_network(
    duration: float = 120.0,
    *,
    n_units: int = 40,
    density: float = 0.1,
    excitatory: float = 0.8,
    weight: float = 0.25,
    inhibition: float = 2.0,
    rate: float = 8.0,
    noise: float = 0.25,
    time_constant: float = 0.015,
    delay: int = 2,
    step: float = 0.001,
    random_state: int | np.random.Generator | None = None,
) -> SpikingNetwork:
    r"""Simulate leaky integrate-and-fire units that excite and inhibit one another.

    .. math:: v_j(t) = e^{-dt/\tau} v_j(t-1) + x_j(t) + \sum_i w_{ij} s_i(t - d)

    where :math:`x_j` is a constant drive with white noise. A unit spikes when its membrane
    reaches one, is reset to zero and rests for 2 ms. All connections of a unit have one sign
    (Dale); their sizes are log-normal. The constant drive of each unit is set so
    that the unit, unconnected, would fire at a rate drawn around ``rate``.

    Parameters
    ----------
    duration : float, default=120.0
        In seconds.
    n_units : int, default=40
    density : float, default=0.1
        Share of the ordered pairs that are connected.
    excitatory : float, default=0.8
        Share of the units that excite.
    weight : float, default=0.25
        Median size of an excitatory connection, in units of the threshold.
    inhibition : float, default=2.0
        How many times larger the inhibitory ones are.
    rate : float, default=8.0
        Median rate of the unconnected units, in Hz.
    noise : float, default=0.25
        Standard deviation of the membrane that the noise alone would give, in units of the
        threshold.
    time_constant : float, default=0.015
        Time constant of the membrane, in seconds.
    delay : int, default=2
        Steps from a spike to its effect, at least 1.
    step : float, default=0.001
        Time step, in seconds.
    random_state : int, Generator or None
        Seed; the same seed gives the same spikes.

    Returns
    -------
    SpikingNetwork
        ``(spikes, truth)``.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> from neurokit.datasets import make_spiking_network
    >>> spikes, truth = make_spiking_network(5, n_units=10, random_state=0)
    >>> int((truth["coupling"] != 0).sum()), truth["coupling"].dims
    (9, ('source', 'target'))
    """
    check_positive(
        "make_spiking_network",
        rate=rate,
        noise=noise,
        weight=weight,
        time_constant=time_constant,
        step=step,
    )
    check_at_least(
        "make_spiking_network",
        n_units=(n_units, 2),
        delay=(delay, 1),
        duration=(duration, 2 * step),
        inhibition=(inhibition, 0),
    )
    if not (0 <= density <= 1 and 0 <= excitatory <= 1):
        raise ValueError(
            "make_spiking_network: density and excitatory are shares from 0 to 1, got"
            f" {density!r} and {excitatory!r}."
        )
    rng = np.random.default_rng(random_state)
    n_times = round(duration / step)
    keep, rest = np.exp(-step / time_constant), round(0.002 / step)
    excites = np.arange(n_units) < round(excitatory * n_units)
    coupling = _coupling(rng, excites, density, weight, inhibition)

    kick = noise * np.sqrt(1 - keep**2)
    wanted = rate * np.exp(0.3 * rng.standard_normal(n_units)) * step
    constant = _constant_drive(rng, wanted, kick, keep, rest)
    drive = constant[:, None] + kick * rng.standard_normal((n_units, n_times))
    drive = drive.astype(np.float32)
    own = np.zeros((0, n_times), np.bool_)  # synapses carry the network's own spikes
    raster = integrate_and_fire(drive, coupling, keep, rest, delay, own)
    times = [(np.flatnonzero(row) + 0.5) * step for row in raster]
    truth = xr.Dataset(
        {
            "coupling": (("source", "target"), coupling),
            "excitatory": ("unit", excites),
            "input": (("unit", "time"), drive),
        },
        coords=time_coordinates(0, 1 / step, n_times).assign(unit=np.arange(n_units)),
        attrs={"time_constant": time_constant, "refractory": rest, "delay": delay},
    )
    return SpikingNetwork(spikes(times, stop=n_times * step), truth)


def _coupling(
    rng: np.random.Generator,
    excites: np.ndarray,
    density: float,
    weight: float,
    inhibition: float,
) -> np.ndarray:
    n = len(excites)
    size = weight * np.exp(0.4 * rng.standard_normal((n, n)))
    signed = np.where(excites[:, None], size, -inhibition * size)
    others = np.flatnonzero(~np.eye(n, dtype=bool))
    there = rng.permutation(others)[: round(density * len(others))]
    coupling = np.zeros(n * n)
    coupling[there] = signed.ravel()[there]
    return coupling.reshape(n, n)


def _constant_drive(
    rng: np.random.Generator, wanted: np.ndarray, kick: float, keep: float, rest: int
) -> np.ndarray:
    """Find, on a grid, the drive at which an unconnected unit has the wanted spikes per step."""
    grid = np.linspace(0.0, 1.5, 61) * (1 - keep)
    alone = grid[:, None] + kick * rng.standard_normal((len(grid), 50_000))
    nothing = np.zeros((len(grid), len(grid)))
    own = np.zeros((0, alone.shape[1]), np.bool_)
    raster = integrate_and_fire(alone.astype(np.float32), nothing, keep, rest, 1, own)
    fires = raster.mean(axis=1)
    return np.interp(wanted, np.maximum.accumulate(fires), grid)
