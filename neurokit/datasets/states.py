"""Recordings of a hidden state: connections that change with it, jumps seen through noise."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurokit.inputs.ranges import check_at_least, check_positive
from neurokit.recording.clock import time_coordinates
from neurokit.recording.make import counts

KINDS = ("inhibitory", "none", "excitatory")


class OneHotGLM(NamedTuple):
    """What `make_onehot_glm` returns.

    Attributes
    ----------
    counts : xarray.DataArray
        Dims ``(trial, unit, time)``.
    truth : xarray.Dataset
        ``state(trial, time)`` int, ``weight(state, target, source)``, ``bias(target)``,
        ``connection(target, source, kind)`` (probabilities, shared by all states),
        ``sign(state, target, source)`` (-1, 0, 1), ``transition(state_from, state_to)``,
        ``kernel(lag)`` (what past bins weigh; sums to 1), ``rate(trial, target, time)`` (mean
        count of the bin).
    """

    counts: xr.DataArray
    truth: xr.Dataset


def make_onehot_glm(
    n_trials: int = 50,
    n_times: int = 2000,
    *,
    n_units: int = 20,
    n_states: int = 5,
    sparsity: float = 0.2,
    n_lags: int = 5,
    decay: float = 1.0,
    stay: float = 0.98,
    link: str = "sigmoid",
    bin_width: float = 0.02,
    random_state: int | np.random.Generator | None = None,
) -> OneHotGLM:
    r"""Simulate units whose connections change with a hidden state, but seldom their sign.

    In every state each connection is inhibitory, absent or excitatory, drawn from probabilities
    :math:`P_{ij} \sim \mathrm{Dirichlet}(2 [s/2, 1-s, s/2])` that all states share, with a
    strength :math:`\log(1 + 3u)`, :math:`u` uniform. A bin's count is Poisson with the mean
    :math:`f(b_i + \sum_j w_{z,ij} \sum_k \phi_k x_{j,t-k})`.

    Parameters
    ----------
    n_trials, n_times : int, default=50, 2000
        Sequences, and bins of each.
    n_units, n_states : int, default=20, 5
    sparsity : float, default=0.2
        Part of the connections that are there, half of them excitatory.
    n_lags : int, default=5
        Bins of the past that count.
    decay : float, default=1.0
        Their weights are :math:`\phi_k \propto e^{-\mathrm{decay}\, k}`.
    stay : float, default=0.98
        Probability to stay in a state from one bin to the next.
    link : {"sigmoid", "softplus", "exp"}, default="sigmoid"
        :math:`f`.
    bin_width : float, default=0.02
        In seconds.
    random_state : int, Generator or None
        Seed; the same seed gives the same counts.

    Returns
    -------
    OneHotGLM
        ``(counts, truth)``.

    Raises
    ------
    ValueError
        If a number is out of range, or the link is another.

    References
    ----------
    .. [1] Li et al. (2024), One-hot generalized linear model for switching brain state discovery,
       ICLR, section 4 (the synthetic set).

    Examples
    --------
    >>> from neurokit.datasets import make_onehot_glm
    >>> x, truth = make_onehot_glm(2, 100, n_units=4, n_states=2, random_state=0)
    >>> dict(x.sizes), truth["weight"].shape
    ({'trial': 2, 'unit': 4, 'time': 100}, (2, 4, 4))
    """
    caller = "make_onehot_glm"
    check_at_least(
        caller, n_trials=(n_trials, 1), n_times=(n_times, 2), n_units=(n_units, 1),
        n_states=(n_states, 1), n_lags=(n_lags, 1), decay=(decay, 0),
    )  # fmt: skip
    check_positive(caller, bin_width=bin_width)
    links = {
        "sigmoid": lambda eta: 1.0 / (1.0 + np.exp(-eta)),
        "softplus": lambda eta: np.logaddexp(0.0, eta),
        "exp": lambda eta: np.exp(np.minimum(eta, 5.0)),
    }
    if link not in links or not (0 <= sparsity < 1 and 0 <= stay <= 1):
        raise ValueError(
            f"{caller}: link must be one of {', '.join(links)}, sparsity and stay parts of one,"
            f" got {link!r}, {sparsity!r}, {stay!r}."
        )
    rng = np.random.default_rng(random_state)
    alpha = 2.0 * np.array([sparsity / 2, 1 - sparsity, sparsity / 2]) + 1e-12
    connection = rng.dirichlet(alpha, (n_units, n_units))
    level = rng.random((n_states, n_units, n_units, 1))
    sign = (level > np.cumsum(connection, -1)[..., :2]).sum(-1) - 1
    weight = sign * np.log1p(3.0 * rng.random(sign.shape))
    bias = rng.uniform(-0.05, 0.05, n_units)
    kernel = np.exp(-decay * np.arange(n_lags))
    kernel /= kernel.sum()
    transition = _leaves_alike(n_states, stay)
    state = _draw_chain(rng, transition, n_trials, n_times)

    x = np.zeros((n_trials, n_times, n_units))
    rate = np.empty_like(x)
    for t in range(n_times):
        past = x[:, max(t - n_lags, 0) : t][:, ::-1]
        drive = np.einsum("k,rkj->rj", kernel[: past.shape[1]], past)
        eta = bias + np.einsum("rij,rj->ri", weight[state[:, t]], drive)
        rate[:, t] = links[link](eta)
        x[:, t] = rng.poisson(rate[:, t])
    truth = xr.Dataset(
        {
            "state": (("trial", "time"), state),
            "weight": (("state", "target", "source"), weight),
            "sign": (("state", "target", "source"), sign),
            "bias": ("target", bias),
            "connection": (("target", "source", "kind"), connection),
            "transition": (("state_from", "state_to"), transition),
            "kernel": ("lag", kernel),
            "rate": (("trial", "target", "time"), rate.transpose(0, 2, 1)),
        },
        coords=time_coordinates(0, 1 / bin_width, n_times).assign(
            kind=list(KINDS), lag=np.arange(1, n_lags + 1)
        ),
    )
    return OneHotGLM(counts(x.transpose(0, 2, 1).astype(int), bin_width=bin_width), truth)


def _leaves_alike(n_states: int, stay: float) -> NDArray[np.float64]:
    """Return transitions that stay with one probability and go anywhere else alike."""
    if n_states == 1:
        return np.ones((1, 1))
    transition = np.full((n_states, n_states), (1 - stay) / (n_states - 1))
    np.fill_diagonal(transition, stay)
    return transition


def _draw_chain(
    rng: np.random.Generator, transition: NDArray[np.float64], n_trials: int, n_times: int
) -> NDArray[np.int64]:
    """Draw sequences of states that begin anywhere alike."""
    sums = np.cumsum(transition, 1)
    state = np.empty((n_trials, n_times), np.int64)
    state[:, 0] = rng.integers(len(sums), size=n_trials)
    level = rng.random((n_trials, n_times))
    for t in range(1, n_times):
        state[:, t] = (level[:, t, None] >= sums[state[:, t - 1], :-1]).sum(1)
    return state


class Jumps(NamedTuple):
    """What `make_jumps` returns.

    Attributes
    ----------
    signal : xarray.DataArray
        Dims ``(feature, time)``: the level of the state, seen through Gaussian noise.
    labels : xarray.DataArray
        Dim ``(time,)``: the state at each sample, some of them wrong.
    truth : xarray.Dataset
        ``state(time)``, ``rate(state_from, state_to)`` in 1/s (rows sum to zero),
        ``level(state)``, ``stationary(state)``.
    """

    signal: xr.DataArray
    labels: xr.DataArray
    truth: xr.Dataset


def flashing_ratchet(
    barrier: float = 1.0, switching: float = 1.0, diffusion: float = 1.0
) -> NDArray[np.float64]:
    r"""Return the rates of a particle on three sites under a potential that is on or off.

    States 0, 1, 2 are the sites with the potential on, 3, 4, 5 the same with it off. On, the
    particle goes from site i to j at :math:`e^{-V (j - i) / 2}`; off, at one rate to any; the
    potential switches at one rate. It has no detailed balance.

    Parameters
    ----------
    barrier : float, default=1.0
        :math:`V`, the step of the potential from site to site.
    switching, diffusion : float, default=1.0
        In 1/s.

    Returns
    -------
    ndarray of shape (6, 6)
        In 1/s; rows sum to zero.

    Examples
    --------
    >>> from neurokit.datasets import flashing_ratchet
    >>> flashing_ratchet()[0].round(3).tolist()
    [-1.974, 0.607, 0.368, 1.0, 0.0, 0.0]
    """
    site = np.arange(3)
    on = np.exp(-barrier * (site[None, :] - site[:, None]) / 2)
    rate = np.zeros((6, 6))
    rate[:3, :3], rate[3:, 3:] = on, diffusion
    rate[site, site + 3] = rate[site + 3, site] = switching
    np.fill_diagonal(rate, 0.0)
    np.fill_diagonal(rate, -rate.sum(1))
    return rate


def make_jumps(
    duration: float = 1000.0,
    *,
    rates: NDArray[np.float64] | None = None,
    sampling_rate: float = 10.0,
    noise: float = 0.2,
    wrong: float = 0.0,
    random_state: int | np.random.Generator | None = None,
) -> Jumps:
    """Simulate a Markov jump process in continuous time, sampled and seen through noise.

    Parameters
    ----------
    duration : float, default=1000.0
        In seconds.
    rates : array-like of shape (n_states, n_states), optional
        In 1/s, from the state of the row to that of the column; the diagonal is ignored. Default:
        `flashing_ratchet`.
    sampling_rate : float, default=10.0
        In Hz.
    noise : float, default=0.2
        Standard deviation about the levels, which lie 1 apart.
    wrong : float, default=0.0
        Part of the labels that are another state's, any alike.
    random_state : int, Generator or None
        Seed; the same seed gives the same jumps.

    Returns
    -------
    Jumps
        ``(signal, labels, truth)``.

    Raises
    ------
    ValueError
        If a number is out of range, or a rate is negative.

    References
    ----------
    .. [1] Berghaus et al. (2024), Foundation inference models for Markov jump processes, NeurIPS,
       section 4 (the discrete flashing ratchet).
    .. [2] Gillespie (1977), Exact stochastic simulation of coupled chemical reactions, J. Phys.
       Chem. 81(25).

    Examples
    --------
    >>> from neurokit.datasets import make_jumps
    >>> signal, labels, truth = make_jumps(10, rates=[[0, 1], [2, 0]], random_state=0)
    >>> labels.sizes["time"], truth["stationary"].values.round(3).tolist()
    (100, [0.667, 0.333])
    """
    caller = "make_jumps"
    check_positive(caller, duration=duration, sampling_rate=sampling_rate)
    check_at_least(caller, noise=(noise, 0), wrong=(wrong, 0))
    Q = np.array(flashing_ratchet() if rates is None else rates, float)
    if Q.ndim != 2 or Q.shape[0] != Q.shape[1]:
        raise ValueError(f"{caller}: rates must be a square matrix, got shape {Q.shape}.")
    np.fill_diagonal(Q, 0.0)
    if Q.min() < 0 or not np.isfinite(Q).all() or wrong >= 1:
        raise ValueError(f"{caller}: rates must be 0 or more, and wrong below 1, got others.")
    leaving = Q.sum(1)
    np.fill_diagonal(Q, -leaving)
    n_states = len(Q)
    system = np.vstack([Q.T, np.ones(n_states)])
    known = np.append(np.zeros(n_states), 1.0)
    held = np.clip(np.linalg.lstsq(system, known, rcond=None)[0], 0, None)
    held /= held.sum()

    rng = np.random.default_rng(random_state)
    times, states = [0.0], [int(rng.choice(n_states, p=held))]
    while leaving[states[-1]] > 0:
        now = states[-1]
        times.append(times[-1] + rng.exponential(1 / leaving[now]))
        if times[-1] >= duration:
            times.pop()
            break
        odds = Q[now] / leaving[now]
        odds[now] = 0.0
        states.append(int(rng.choice(n_states, p=odds / odds.sum())))
    n_times = round(duration * sampling_rate)
    at = np.searchsorted(times, np.arange(n_times) / sampling_rate, side="right") - 1
    state = np.array(states)[at]
    labels = state.copy()
    if n_states > 1:
        lie = rng.random(n_times) < wrong
        labels[lie] = (state[lie] + rng.integers(1, n_states, lie.sum())) % n_states
    seen = state + noise * rng.standard_normal(n_times)
    clock = time_coordinates(0, sampling_rate, n_times)
    truth = xr.Dataset(
        {
            "state": ("time", state),
            "rate": (("state_from", "state_to"), Q, {"units": "1/s"}),
            "level": ("state", np.arange(n_states, dtype=float)),
            "stationary": ("state", held),
        },
        coords=clock,
    )
    signal = xr.DataArray(seen[None], dims=("feature", "time"), coords=clock)
    return Jumps(
        signal.assign_coords(feature=["level"]),
        xr.DataArray(labels, dims="time", coords=clock, name="state"),
        truth,
    )
