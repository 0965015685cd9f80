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
