"""A hand that reaches, and motor cortex that knows where it is going."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.linalg import expm

from neurokit.inputs.ranges import check_at_least
from neurokit.recording.bins import bin_spikes
from neurokit.recording.clock import exact, time_coordinates
from neurokit.recording.make import behaviour, events
from neurokit.recording.rate import sampling_rate
from neurokit.recording.spikes import spikes

_SPEED = 10.0  # 1/s: of each of the four stages between target and hand
_REACH = 50.0  # mm: standard deviation of the targets along each axis
_TREMOR = 30.0  # mm/s^0.5: what moves the hand besides the target
_KNOT = 5.0  # s: between the times at which the drifting tuning is kept


class Reaching(NamedTuple):
    """What `make_reaching` returns.

    Attributes
    ----------
    spikes : xarray.Dataset
        Spike times of the units.
    behaviour : xarray.DataArray of dims ("time", "feature")
        ``x y`` (mm), ``vx vy`` (mm/s) of the hand and ``target_x target_y`` (mm), one sample per
        bin; the value at a bin's start.
    events : pandas.DataFrame
        One row for each new target, its place in the columns ``x`` and ``y``.
    truth : xarray.Dataset
        ``baseline(unit)`` (log of Hz), ``tuning(knot, unit, axis)`` (log of gain per mm/s),
        ``lag(unit)`` (s, positive: the unit leads the hand), with which the rate of a unit is
        ``exp(baseline + tuning . velocity(t + lag))`` Hz; ``knot`` is in seconds, and between
        knots the tuning is interpolated.
    """

    spikes: xr.Dataset
    behaviour: xr.DataArray
    events: pd.DataFrame
    truth: xr.Dataset


def make_reaching(
    duration: float = 300.0,
    *,
    n_units: int = 96,
    bin_width: float = 0.004,
    max_lag: float = 0.16,
    rate: float = 6.0,
    depth: float = 0.2,
    drift: float = 0.0,
    random_state: int | np.random.Generator | None = None,
) -> Reaching:
    """Simulate a random-target reaching session with spikes tuned to the hand's velocity.

    A target jumps to a new place every 0.8 to 1.4 s; the hand follows with bell-shaped speed (four
    equal low-pass stages) and a tremor of its own. Each unit fires as a Poisson process whose log
    rate is linear in the velocity a while later: linear, nonlinear, Poisson, with cosine tuning.
    As targets are Gaussian and the hand is linear in them, the best possible decoder is known:
    `optimal_velocity`.

    Parameters
    ----------
    duration : float, default=300.0
        In seconds.
    n_units : int, default=96
        How many are recorded.
    bin_width : float, default=0.004
        Step of the hand's clock, in seconds.
    max_lag : float, default=0.16
        Units lead the hand by 0 to ``max_lag`` seconds.
    rate : float, default=6.0
        Median firing rate at rest, in Hz; rates of units differ log-normally.
    depth : float, default=0.2
        Median change of the log rate when the velocity changes by its standard deviation.
    drift : float, default=0.0
        How far the tuning of a unit walks in a minute, relative to its depth; 0 keeps it.
    random_state : int, Generator or None
        Seed; the same seed gives the same session.

    Returns
    -------
    Reaching
        ``(spikes, behaviour, events, truth)``.

    Raises
    ------
    ValueError
        If the duration is under 3 s or a number is out of range.

    Examples
    --------
    >>> from neurokit.datasets import make_reaching
    >>> spikes, hand, targets, truth = make_reaching(10, n_units=5, random_state=0)
    >>> hand.sizes["time"], hand["feature"].values.tolist()[:4]
    (2500, ['x', 'y', 'vx', 'vy'])
    """
    check_at_least(
        "make_reaching",
        duration=(duration, 3.0),
        n_units=(n_units, 1),
        bin_width=(bin_width, 1e-4),
        max_lag=(max_lag, 0.0),
        drift=(drift, 0.0),
    )
    rng = np.random.default_rng(random_state)
    n_times = round(duration / bin_width)
    n_late = int(np.ceil(max_lag / bin_width)) + 1  # the hand must be known after the end
    jumps = np.cumsum(rng.uniform(0.8, 1.4, int(duration / 0.8) + 2))
    steps = np.concatenate([[0], np.round(jumps / bin_width).astype(int)])
    steps = steps[steps < n_times]
    targets = _REACH * rng.standard_normal((len(steps), 2))
    position, velocity, target = _hand(rng, targets, steps, n_times + n_late, bin_width)

    lag = np.round(rng.uniform(0, max_lag, n_units) / bin_width).astype(int)
    baseline = np.log(rate) + 0.6 * rng.standard_normal(n_units)
    knots = np.arange(0, duration + 2 * _KNOT, _KNOT)
    tuning = _tuning(rng, n_units, knots, depth / _velocity_sd(bin_width), drift)
    times = []
    clock = np.arange(n_times) * bin_width
    left = np.minimum((clock / _KNOT).astype(int), len(knots) - 2)
    right = clock / _KNOT - left
    for unit in range(n_units):
        w = tuning[left, unit] * (1 - right)[:, None] + tuning[left + 1, unit] * right[:, None]
        seen = velocity[lag[unit] : lag[unit] + n_times]
        intensity = np.exp(baseline[unit] + np.einsum("ta,ta->t", w, seen))
        number = rng.poisson(np.minimum(intensity, 1000.0) * bin_width)
        at = np.repeat(clock, number)
        times.append(np.sort(at + bin_width * rng.uniform(0, 1 - 1e-6, len(at))))

    hand = behaviour(
        np.concatenate([position, velocity, target], axis=1)[:n_times],
        sampling_rate=1 / bin_width,
        features=["x", "y", "vx", "vy", "target_x", "target_y"],
        units=["mm", "mm", "mm/s", "mm/s", "mm", "mm"],
    )
    table = events(
        clock[steps],
        np.diff(np.append(clock[steps], duration)),
        "target",
        x=targets[:, 0],
        y=targets[:, 1],
    )
    truth = xr.Dataset(
        {
            "baseline": ("unit", baseline, {"units": "log Hz"}),
            "tuning": (("knot", "unit", "axis"), tuning, {"units": "s/mm"}),
            "lag": ("unit", lag * bin_width, {"units": "s"}),
        },
        coords={"unit": np.arange(n_units), "knot": knots, "axis": ["x", "y"]},
    )
    recorded = spikes(times, stop=n_times * bin_width, channels=range(n_units))
    return Reaching(recorded, hand, table, truth)


def optimal_velocity(
    session: Reaching, *, causal: bool = False, bin_width: float = 0.02
) -> xr.DataArray:
    """Decode the hand's velocity knowing all that a decoder could ever learn: the ceiling.

    The posterior mean given the spikes, by a point-process filter (and a backward smoother, when
    the future may be used) with the true tuning, lags and dynamics of the hand, and the times
    (not the places) of the targets. Its only approximation is that the posterior is Gaussian. No
    decoder of the same spikes can be expected to do better.

    Parameters
    ----------
    session : Reaching
        As made by `make_reaching`.
    causal : bool, default=False
        Whether only the spikes up to the end of each bin are used: the ceiling in real time.
        Otherwise those before and after.
    bin_width : float, default=0.02
        Step of the decoder, in seconds.

    Returns
    -------
    xarray.DataArray of dims ("time", "feature")
        ``vx vy`` in mm/s. ``time`` is the mean time of the hand's samples in each bin, which is
        what the values are for.
        ``attrs["posterior_sd"]`` is the error that the decoder believes to make.

    References
    ----------
    .. [1] Eden, Frank, Barbieri, Solo and Brown (2004), Dynamic analysis of neural encoding by
       point process adaptive filtering, Neural Comput. 16, 971-998.
    .. [2] Rauch, Tung and Striebel (1965), Maximum likelihood estimates of linear dynamic
       systems, AIAA J. 3, 1445-1450 (the backward pass).

    Examples
    --------
    >>> session = make_reaching(10, n_units=8, random_state=0)
    >>> best = optimal_velocity(session, bin_width=0.05)
    >>> best.dims, best["feature"].values.tolist()
    (('time', 'feature'), ['vx', 'vy'])
    """
    truth = session.truth
    counted = bin_spikes(session.spikes, bin_width).values.T
    n_bins = len(counted)
    lags = np.round(truth["lag"].values / bin_width).astype(int)
    middle = (np.arange(n_bins) + 0.5) * bin_width
    knots, tuning = truth["knot"].values, truth["tuning"].values
    left = np.minimum(np.searchsorted(knots, middle, side="right") - 1, len(knots) - 2)
    right = ((middle - knots[left]) / (knots[1] - knots[0]))[:, None, None]
    w = tuning[left] * (1 - right) + tuning[left + 1] * right  # (bin, unit, axis)
    # The hand runs ahead of the spikes. In real time it does so by the longest lag, and the past
    # velocities that the other units speak of are kept in the state; otherwise each unit's
    # spikes are moved to the moment that they speak of.
    n_ahead = int(lags.max()) if causal else 0
    delay = n_ahead - lags if causal else np.zeros_like(lags)
    moved = np.zeros((n_bins + n_ahead, len(lags)))
    watched, moved_w = np.zeros(moved.shape, bool), np.zeros((*moved.shape, 2))
    for unit, late in enumerate(np.full_like(lags, n_ahead) if causal else lags):
        n_kept = min(n_bins, len(moved) - late)
        moved[late : late + n_kept, unit] = counted[:n_kept, unit]
        watched[late : late + n_kept, unit] = True
        moved_w[late : late + n_kept, unit] = w[:n_kept, unit]
    jump = np.zeros(len(moved), bool)
    # bins stand for their middles: a target that comes after one moves the hand in the next bin
    late = (session.events["onset"].to_numpy() / bin_width + 0.5).astype(int)
    jump[late[late < len(jump)]] = True
    mean, variance = _decode(
        moved, watched, moved_w, delay, truth["baseline"].values, jump, bin_width, causal
    )
    values = xr.DataArray(
        mean[n_ahead:],
        dims=("time", "feature"),
        coords={"feature": ["vx", "vy"], "units": ("feature", ["mm/s", "mm/s"])},
        attrs={"posterior_sd": float(np.sqrt(variance[n_ahead:].mean()))},
    )
    # the mean of the hand's samples in a bin, each of which holds until the next
    step = 1 / sampling_rate(session.behaviour)
    middle_of_bin = (1 - exact(step) / exact(bin_width)) / 2
    return values.assign_coords(time_coordinates(middle_of_bin, 1 / exact(bin_width), n_bins))


def _dynamics(step: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Transition and noise of (target, four stages) along one axis; the tremor enters stage 1."""
    a = np.diag([0.0] + [-_SPEED] * 4) + np.diag([_SPEED] * 4, -1)
    noise = np.zeros((5, 5))
    noise[1, 1] = _TREMOR**2
    # Van Loan's block exponential gives both at once
    block = expm(np.block([[-a, noise], [np.zeros((5, 5)), a.T]]) * step)
    transition = block[5:, 5:].T
    return transition, transition @ block[:5, 5:]


_READ_VELOCITY = np.array([0.0, 0.0, 0.0, _SPEED, -_SPEED])


def _hand(
    rng: np.random.Generator,
    targets: NDArray[np.float64],
    steps: NDArray[np.int64],
    n_times: int,
    step: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Position, velocity and target, (time, axis), by the dynamics that the ceiling assumes."""
    transition, noise = _dynamics(step)
    root = np.linalg.cholesky(noise + 1e-12 * np.eye(5))
    kicks = rng.standard_normal((n_times, 2, 5)) @ root.T
    state = np.empty((n_times, 2, 5))
    now = np.zeros((2, 5))
    segment = np.searchsorted(steps, np.arange(n_times), side="right") - 1
    goal = targets[segment]
    for t in range(n_times):
        now[:, 0] = goal[t]
        now = now @ transition.T + kicks[t]
        state[t] = now
    return state[..., 4], state @ _READ_VELOCITY, goal


def _velocity_sd(step: float) -> float:
    """Compute the standard deviation of the velocity from the mean covariance over a reach."""
    transition, noise = _dynamics(step)
    covariance, total, n_total = np.zeros((5, 5)), 0.0, 0
    for _ in range(6):  # reaches of the mean length, until the start is forgotten
        covariance[0], covariance[:, 0] = 0.0, 0.0
        covariance[0, 0] = _REACH**2
        total, n_total = 0.0, round(1.1 / step)
        for _ in range(n_total):
            covariance = transition @ covariance @ transition.T + noise
            total += _READ_VELOCITY @ covariance @ _READ_VELOCITY
    return float(np.sqrt(total / n_total))


def _tuning(
    rng: np.random.Generator, n_units: int, knots: NDArray[np.float64], depth: float, drift: float
) -> NDArray[np.float64]:
    """Preferred direction times depth, (knot, unit, axis), walking at random when it drifts."""
    angle = rng.uniform(0, 2 * np.pi, n_units)
    size = depth * np.exp(0.5 * rng.standard_normal(n_units))
    first = size[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    walk = rng.standard_normal((len(knots), n_units, 2)) * size[:, None] / np.sqrt(2)
    walk[0] = 0.0
    return first + drift * np.sqrt(_KNOT / 60) * np.cumsum(walk, axis=0)


def _decode(
    number: NDArray[np.float64],
    watched: NDArray[np.bool_],
    w: NDArray[np.float64],
    delay: NDArray[np.int64],
    baseline: NDArray[np.float64],
    jump: NDArray[np.bool_],
    step: float,
    causal: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance of the velocity, the longest delay ago (causal) or now (smoothed).

    The state is that of the hand, 5 numbers for each axis, then the velocities 1, 2, ... bins ago.
    """
    one, one_noise = _dynamics(step)
    n_delays, n_bins = int(delay.max()), len(number)
    size = 10 + 2 * n_delays
    read = np.zeros((n_delays + 1, 2, size))
    read[0, :, :10] = np.kron(np.eye(2), _READ_VELOCITY)
    read[1:] = np.eye(size)[10:].reshape(n_delays, 2, size)
    forward, noise = np.zeros((size, size)), np.zeros((size, size))
    forward[:10, :10], noise[:10, :10] = np.kron(np.eye(2), one), np.kron(np.eye(2), one_noise)
    forward[10:] = read[:-1].reshape(2 * n_delays, size)
    fresh = np.zeros((size, size))  # a new target is drawn, the old one forgotten
    fresh[0, 0] = fresh[5, 5] = _REACH**2
    forgetting = forward * np.where(np.diag(fresh) > 0, 0.0, 1.0)
    arrival = noise + forward @ fresh @ forward.T

    x, p = np.zeros(size), fresh.copy()
    filtered, predicted = np.empty((n_bins, size)), np.empty((n_bins, size))
    p_filtered, p_predicted = np.empty((n_bins, size, size)), np.empty((n_bins, size, size))
    for t in range(n_bins):
        move, add = (forgetting, arrival) if jump[t] else (forward, noise)
        x, p = move @ x, move @ p @ move.T + add
        predicted[t], p_predicted[t] = x, p
        design = np.einsum("ua,uas->us", w[t] * watched[t, :, None], read[delay])
        expected = np.exp(np.minimum(baseline + design @ x, 7.0)) * step * watched[t]
        information = (design * expected[:, None]).T @ design
        posterior = np.linalg.solve(np.eye(size) + p @ information, p)
        x = x + posterior @ (design.T @ (number[t] - expected))
        p = (posterior + posterior.T) / 2
        filtered[t], p_filtered[t] = x, p
    if not causal:
        for t in range(n_bins - 2, -1, -1):
            move = forgetting if jump[t + 1] else forward
            back = np.linalg.solve(p_predicted[t + 1], move @ p_filtered[t]).T
            p_filtered[t] += back @ (p_filtered[t + 1] - p_predicted[t + 1]) @ back.T
            filtered[t] += back @ (filtered[t + 1] - predicted[t + 1])
    look = read[-1]
    return filtered @ look.T, np.einsum("as,tsr,ar->ta", look, p_filtered, look)
