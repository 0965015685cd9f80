"""Units in clusters, each following a trajectory whose local dynamics switch between states."""

from typing import NamedTuple

import numpy as np
import xarray as xr

from neurokit.recording.clock import time_coordinates
from neurokit.recording.make import counts as label_counts


class Biclustering(NamedTuple):
    """What `make_biclustering` returns.

    Attributes
    ----------
    counts : xarray.DataArray of dims (unit, time)
        Spike counts in bins.
    truth : xarray.Dataset
        ``cluster(unit)`` and ``state(time)``, int; ``log_rate(unit, time)``, log of the expected
        count; ``latent(cluster, factor, time)`` with ``factor`` 0 the part that all units of a
        cluster share alike; ``loading(unit, factor)`` with ``factor`` 0 the offset; ``dynamics(
        cluster, state, factor_to, factor)``, the matrix of the step that leads into a bin of that
        state.
    """

    counts: xr.DataArray
    truth: xr.Dataset


def make_biclustering(
    n_units: int = 30,
    n_times: int = 500,
    *,
    n_clusters: int = 3,
    n_states: int = 2,
    n_factors: int = 2,
    observation: str = "negbin",
    dwell: float = 50.0,
    turn: float = np.pi / 20,
    growth: float = 1.01,
    noise: float = 0.01,
    dispersion: float = 10.0,
    bin_width: float = 0.1,
    random_state: int | np.random.Generator | None = None,
) -> Biclustering:
    """Simulate counts of units in clusters, with latent dynamics that switch between states.

    In state 0 latents are noise around zero. In every other state each cluster's latents turn
    about an axis of their own and grow slowly. States take turns, each lasting a Poisson number of
    bins; twice as many bins are made, and the later half is kept. The log of a unit's expected
    count is its offset, its cluster's common latent, and the others times the unit's loadings.

    Parameters
    ----------
    n_units, n_times : int, default=30, 500
        Units are shared evenly between clusters.
    n_clusters, n_states, n_factors : int, default=3, 2, 2
    observation : {"negbin", "poisson"}, default="negbin"
    dwell : float, default=50.0
        Mean time in a state, in bins; that of each state is Gamma(2 dwell) / 2.
    turn : float, default=pi / 20
        Angle per bin, in rad.
    growth : float, default=1.01
        Factor of the radius, per bin.
    noise : float, default=0.01
        Variance of each latent's noise, per bin.
    dispersion : float, default=10.0
        r of the negative binomial: the variance is ``mean + mean^2 / r``.
    bin_width : float, default=0.1
        In seconds.
    random_state : int, Generator or None
        Seed; the same seed gives the same counts.

    Returns
    -------
    Biclustering
        ``(counts, truth)``.

    Raises
    ------
    ValueError
        If a number is too small, or the observation is none of these.

    References
    ----------
    .. [1] Wei (2024), Bayesian bi-clustering of neural spiking activity with latent structures,
       ICLR, section 4 (the simulation).

    Examples
    --------
    >>> from neurokit.datasets import make_biclustering
    >>> counts, truth = make_biclustering(9, 200, random_state=0)
    >>> counts.sizes["unit"], truth["cluster"].values.tolist()
    (9, [0, 0, 0, 1, 1, 1, 2, 2, 2])
    """
    limits = {
        "n_clusters": (n_clusters, 1),
        "n_units": (n_units, n_clusters),
        "n_times": (n_times, 1),
        "n_states": (n_states, 1),
        "n_factors": (n_factors, 1),
        "dwell": (dwell, 1),
        "dispersion": (dispersion, 1e-3),
    }
    for name, (value, least) in limits.items():
        if not (np.isfinite(value) and value >= least):
            raise ValueError(f"make_biclustering: {name} must be at least {least:g}, got {value}.")
    if observation not in ("negbin", "poisson"):
        raise ValueError(
            f"make_biclustering: observation must be negbin or poisson, got {observation!r}."
        )
    rng = np.random.default_rng(random_state)
    state = _states(rng, 2 * n_times, n_states, dwell)
    q = n_factors + 1
    dynamics = np.empty((n_clusters, n_states, q, q))
    for j in range(n_clusters):
        dynamics[j, 0] = 0.01 * np.eye(q)
        for k in range(1, n_states):
            axes = np.linalg.qr(rng.standard_normal((q, q)))[0]
            angle = turn * (1 + 0.5 * (k - 1))
            plane = np.eye(q)
            plane[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
            dynamics[j, k] = growth * axes @ plane @ axes.T
    latent = np.zeros((2 * n_times, n_clusters, q))
    kicks = np.sqrt(noise) * rng.standard_normal(latent.shape)
    for t in range(1, 2 * n_times):
        latent[t] = np.einsum("jab,jb->ja", dynamics[:, state[t]], latent[t - 1]) + kicks[t]
    latent, state = latent[n_times:], state[n_times:]
    cluster = np.arange(n_units) * n_clusters // n_units
    loading = 0.5 * rng.standard_normal((n_units, q))
    log_rate = loading[:, :1] + latent[:, cluster, 0].T
    log_rate += np.einsum("uf,tuf->ut", loading[:, 1:], latent[:, cluster, 1:])
    mean = np.exp(np.clip(log_rate, -30, 10))
    gain = rng.gamma(dispersion, 1 / dispersion, mean.shape) if observation == "negbin" else 1.0
    truth = xr.Dataset(
        {
            "cluster": ("unit", cluster),
            "state": ("time", state),
            "log_rate": (("unit", "time"), log_rate),
            "latent": (("cluster", "factor", "time"), latent.transpose(1, 2, 0)),
            "loading": (("unit", "factor"), loading),
            "dynamics": (("cluster", "state_to", "factor_to", "factor"), dynamics),
        },
        coords=time_coordinates(0, 1 / bin_width, n_times).assign(unit=np.arange(n_units)),
    )
    return Biclustering(label_counts(rng.poisson(mean * gain), bin_width=bin_width), truth)


def _states(rng: np.random.Generator, n_times: int, n_states: int, dwell: float) -> np.ndarray:
    """States that take turns, each for a Poisson number of bins."""
    mean = rng.gamma(2 * dwell, 0.5, n_states)
    stays: list[np.ndarray] = []
    made, k = 0, int(rng.integers(n_states))
    while made < n_times:
        stays.append(np.full(max(1, rng.poisson(mean[k])), k))
        made += len(stays[-1])
        k = (k + 1) % n_states
    return np.concatenate(stays)[:n_times]
