"""Trajectories given counts: exactly by Pólya-gamma numbers, or proposed around their mode.

With psi = eta - log r, the negative binomial likelihood of a count y is, up to a constant,

    e^{y psi} / (1 + e^psi)^{y + r} ~ e^{(y - r) psi / 2} E[e^{-w psi^2 / 2}],  w ~ PG(y + r, 0)

so that given w ~ PG(y + r, psi) the trajectory is a Gaussian chain (Polson, Scott and Windle 2013,
theorem 1), and states can be drawn with it integrated out (`collapsed`). For Poisson counts there
is no such number; a window of the trajectory is proposed from the Gaussian around its mode and
accepted by the exact ratio.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurokit.clustering.sampling.dynamics import Dynamics, chain_precision
from neurokit.clustering.sampling.likelihood import curves, log_rates, pieces
from neurokit.solvers.gaussian_states import factor, log_densities, solve
from neurokit.solvers.polya_gamma import sample_polya_gamma

Array = NDArray[np.float64]
_WINDOW = 50  # bins proposed at once


class Pulls(NamedTuple):
    """What counts say of every trajectory, bin by bin: exp(-x' lam x / 2 + eta' x)."""

    lam: Array  # (K, T, q, q)
    eta: Array  # (K, T, q)


def augment(
    y: Array,
    keep: NDArray[np.bool_],
    r: Array,
    theta: Array,
    z: NDArray[np.int64],
    latents: Array,
    rng: np.random.Generator,
) -> Pulls:
    """Draw Pólya-gamma numbers, given which negative binomial counts are Gaussian in x."""
    log_r = np.log(r)[:, None]
    psi = log_rates(theta, z, latents) - log_r
    omega = sample_polya_gamma(np.where(keep, y + r[:, None], 0.0), psi, rng)
    pull = np.where(keep, 0.5 * (y - r[:, None]) + omega * (log_r - theta[:, :1]), 0.0)
    n_clusters, n_times, q = latents.shape
    pulls = Pulls(np.empty((n_clusters, n_times, q, q)), np.empty(latents.shape))
    for j in range(n_clusters):
        own = z == j
        load, squares = loads(theta[own])
        pulls.lam[j] = (omega[own].T @ squares).reshape(n_times, q, q)
        pulls.eta[j] = pull[own].T @ load
    return pulls


def loads(theta: Array) -> tuple[Array, Array]:
    """Return what multiplies a trajectory in the log rates, and its products: (n, q), (n, q q)."""
    n, q = theta.shape
    load = np.concatenate([np.ones((n, 1)), theta[:, 1:]], axis=1)
    return load, (load[:, :, None] * load[:, None, :]).reshape(n, q * q)


def draw_trajectories(
    pulls: Pulls,
    latents: Array,
    dynamics: Dynamics,
    xi: NDArray[np.int64],
    first: NDArray[np.bool_],
    rng: np.random.Generator,
) -> None:
    """Draw all trajectories (K, T, q) given what counts say of them and states, in place."""
    inverse = np.asarray(np.linalg.inv(dynamics.noise), np.float64)
    diagonal, lower, linear = chain_precision(dynamics.weight, inverse, xi, first)
    diagonal += pulls.lam
    linear += pulls.eta
    for j in range(len(latents)):
        own, back, ok = factor(diagonal[j], lower[j])
        if ok:
            latents[j] = solve(own, back, linear[j], rng.standard_normal(linear[j].shape))


class _Target:
    """Log posterior of one trajectory given its units, up to a constant, bin by bin."""

    def __init__(
        self,
        y: Array,
        keep: NDArray[np.bool_],
        r: Array,
        theta: Array,
        diagonal: Array,
        lower: Array,
        linear: Array,
    ) -> None:
        self.y, self.keep, self.r, self.theta = y, keep, r[:, None], theta
        self.whole = bool(keep.all())
        self.diagonal, self.lower, self.linear = diagonal, lower, linear
        self.load, self.squares = loads(theta)

    def __call__(self, x: Array) -> Array:
        """Return what every bin adds: (T,)."""
        return self.expand(x)[0]

    @np.errstate(over="ignore", invalid="ignore")  # rates without a number are refused later
    def expand(self, x: Array) -> tuple[Array, Array, Array]:
        """Return what every bin adds, and diagonal and linear term of the Gaussian near x."""
        bins, curved, linear = self._prior(x), self.diagonal.copy(), self.linear.copy()
        for units, times in pieces(len(self.y), len(x)):
            load, part = self.load[units], (units, times)
            inner = load @ x[times].T
            eta = inner + self.theta[units, :1]
            value, slope, curve = curves(self.y[part], eta, self.r[units])
            if not self.whole:
                off = ~self.keep[part]
                value[off] = slope[off] = curve[off] = 0.0
            bins[times] += value.sum(0)
            curved[times] += (curve.T @ self.squares[units]).reshape(curved[times].shape)
            linear[times] += (slope + curve * inner).T @ load
        return bins, curved, linear

    def _prior(self, x: Array) -> Array:
        s = 0.5 * np.einsum("tab,tb->ta", self.diagonal, x)
        s[1:] += np.einsum("tab,tb->ta", self.lower[1:], x[:-1])
        return np.asarray((x * (self.linear - s)).sum(1))


def around_mode(
    y: Array,
    keep: NDArray[np.bool_],
    r: Array,
    theta: Array,
    members: NDArray[np.int64],
    diagonal: Array,
    lower: Array,
    linear: Array,
) -> tuple[Array, Array, Array, bool]:
    """Find the mode of one trajectory by Newton's steps from zero.

    Returns mode (T, q), the two parts of the factor of minus the Hessian near it, and whether it
    was found.
    """
    target = _Target(
        y[members], keep[members], r[members], theta[members], diagonal, lower, linear
    )
    return _climb(target)


def _climb(target: _Target) -> tuple[Array, Array, Array, bool]:
    x = np.zeros_like(target.linear)
    quiet = np.zeros_like(x)
    bins, curved, pull = target.expand(x)
    value = bins.sum()
    for _ in range(60):
        own, back, ok = factor(curved, target.lower)
        if not ok:
            break
        step = solve(own, back, pull, quiet) - x
        size = np.abs(step).max()
        length = 1.0
        for _ in range(40):
            trial = x + length * step
            bins, curved, pull = target.expand(trial)
            new = bins.sum()
            if np.isfinite(new) and new >= value - 1e-9:
                break
            length *= 0.5
        else:
            break
        gain = new - value
        x, value = trial, new
        if size * length < 1e-2 or (length == 1.0 and gain < 1e-5):
            return x, own, back, True
    return x, own, back, False


def draw_around_mode(
    y: Array,
    keep: NDArray[np.bool_],
    r: Array,
    theta: Array,
    z: NDArray[np.int64],
    latents: Array,
    dynamics: Dynamics,
    xi: NDArray[np.int64],
    first: NDArray[np.bool_],
    rng: np.random.Generator,
) -> float:
    """Propose trajectories (K, T, q) window by window, in place; return the part accepted.

    Every second window is proposed at once, given the others: they know nothing of each other.
    """
    inverse = np.asarray(np.linalg.inv(dynamics.noise), np.float64)
    n_times = latents.shape[1]
    accepted, tried = 0, 0
    all_terms = chain_precision(dynamics.weight, inverse, xi, first)
    for j in range(len(latents)):
        terms = (all_terms[0][j], all_terms[1][j], all_terms[2][j])
        members = np.flatnonzero(z == j)
        edges = np.arange(int(rng.integers(_WINDOW)) + 1, n_times, _WINDOW)
        windows = list(zip([0, *edges], [*edges, n_times], strict=True))
        data = (y[members], keep[members], r[members], theta[members])
        for some in (windows[::2], windows[1::2]):
            if some:
                tried += len(some)
                accepted += _propose_windows(data, terms, latents[j], some, rng)
    return accepted / max(tried, 1)


def _propose_windows(
    data: tuple[Array, NDArray[np.bool_], Array, Array],
    terms: tuple[Array, Array, Array],
    x: Array,
    windows: list[tuple[int, int]],
    rng: np.random.Generator,
) -> int:
    y, keep, r, theta = data
    diagonal, lower, linear = terms
    bins = np.concatenate([np.arange(start, stop) for start, stop in windows])
    begins = np.cumsum([0, *(stop - start for start, stop in windows)])[:-1]
    d, low, h = diagonal[bins], lower[bins], linear[bins].copy()
    for at, (start, stop) in zip(begins, windows, strict=True):
        low[at] = 0.0
        if start > 0:
            h[at] -= lower[start] @ x[start - 1]
        if stop < len(x):
            h[at + stop - start - 1] -= lower[stop].T @ x[stop]
    target = _Target(y[:, bins], keep[:, bins], r, theta, d, low, h)
    mode, own, back, ok = _climb(target)
    noise = rng.standard_normal(h.shape)
    chances = np.log(rng.random(len(windows)))
    if not ok:
        return 0
    new, old = solve(own, back, np.zeros_like(h), noise) + mode, x[bins]
    ratio = target(new) - log_densities(own, back, mode, new)
    ratio -= target(old) - log_densities(own, back, mode, old)
    good = chances < np.add.reduceat(ratio, begins)
    for taken, at, (start, stop) in zip(good, begins, windows, strict=True):
        if taken:
            x[start:stop] = new[at : at + stop - start]
    return int(good.sum())
