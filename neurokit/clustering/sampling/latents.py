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
from numba import njit
from numpy.typing import NDArray

from neurokit.clustering.sampling.dynamics import Dynamics, chain_precision
from neurokit.clustering.sampling.likelihood import curves, log_rates
from neurokit.solvers.gaussian_states import factor, log_density, solve
from neurokit.solvers.polya_gamma import sample_polya_gamma

Array = NDArray[np.float64]
_WINDOW = 50  # bins proposed at once


class Pulls(NamedTuple):
    """What counts say of every trajectory, bin by bin: exp(-x' lam x / 2 + eta' x)."""

    lam: Array  # (K, T, q, q), lower triangles
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
    psi = log_rates(theta, z, latents) - np.log(r)[:, None]
    omega = sample_polya_gamma(np.where(keep, y + r[:, None], 0.0), psi, rng)
    n_clusters, n_times, q = latents.shape
    pulls = Pulls(np.zeros((n_clusters, n_times, q, q)), np.zeros(latents.shape))
    for j in range(n_clusters):
        members = np.flatnonzero(z == j)
        _add_augmented(y, keep, r, theta, members, omega, pulls.lam[j], pulls.eta[j])
    return pulls


def draw_trajectories(
    pulls: Pulls,
    latents: Array,
    dynamics: Dynamics,
    xi: NDArray[np.int64],
    first: NDArray[np.bool_],
    rng: np.random.Generator,
) -> None:
    """Draw all trajectories (K, T, q) given what counts say of them and states, in place."""
    inverse = np.linalg.inv(dynamics.noise)
    for j in range(len(latents)):
        diagonal, lower, linear = chain_precision(dynamics.weight[j], inverse[j], xi, first)
        own, back, ok = factor(diagonal + pulls.lam[j], lower)
        if ok:
            linear += pulls.eta[j]
            latents[j] = solve(own, back, linear, rng.standard_normal(linear.shape))


@njit(cache=True, error_model="numpy", nogil=True)
def _add_augmented(y, keep, r, theta, members, omega, diagonal, linear):  # type: ignore[no-untyped-def]
    q = theta.shape[1]
    load = np.empty(q)
    for i in members:
        log_r = np.log(r[i])
        load[0] = 1.0
        for f in range(1, q):  # a slice would compile the making of an error message
            load[f] = theta[i, f]
        for t in range(y.shape[1]):
            if keep[i, t]:
                w = omega[i, t]
                pull = 0.5 * (y[i, t] - r[i]) + w * (log_r - theta[i, 0])
                for a in range(q):
                    linear[t, a] += pull * load[a]
                    for b in range(a + 1):
                        diagonal[t, a, b] += w * load[a] * load[b]


@njit(cache=True, error_model="numpy", nogil=True)
def log_posterior(y, keep, r, theta, members, diagonal, lower, linear, x):  # type: ignore[no-untyped-def]
    """Log posterior of one trajectory up to a constant."""
    n_times, q = x.shape
    total = 0.0
    for t in range(n_times):
        for a in range(q):
            s = 0.5 * diagonal[t, a, a] * x[t, a]
            for b in range(a):
                s += diagonal[t, a, b] * x[t, b]
            if t > 0:
                for b in range(q):
                    s += lower[t, a, b] * x[t - 1, b]
            total += x[t, a] * (linear[t, a] - s)
    for i in members:
        log_r = np.log(r[i])
        for t in range(n_times):
            if keep[i, t]:
                eta = theta[i, 0] + x[t, 0]
                for f in range(1, q):
                    eta += theta[i, f] * x[t, f]
                total += curves(y[i, t], eta, r[i], log_r)[0]
    return total


@njit(cache=True, error_model="numpy", nogil=True)
def around_mode(y, keep, r, theta, members, diagonal, lower, linear):  # type: ignore[no-untyped-def]
    """Find the mode of one trajectory by Newton's steps from zero.

    Returns mode (T, q), the two parts of the factor of minus the Hessian near it, and whether it
    was found.
    """
    n_times, q = linear.shape
    x = np.zeros((n_times, q))
    quiet = np.zeros((n_times, q))
    value = log_posterior(y, keep, r, theta, members, diagonal, lower, linear, x)
    own, back, ok = factor(diagonal, lower)
    for _ in range(60):
        curved, pull = diagonal.copy(), linear.copy()
        for i in members:
            log_r = np.log(r[i])
            for t in range(n_times):
                if keep[i, t]:
                    u = x[t, 0]
                    for f in range(1, q):
                        u += theta[i, f] * x[t, f]
                    _, s, c = curves(y[i, t], theta[i, 0] + u, r[i], log_r)
                    for a in range(q):
                        la = 1.0 if a == 0 else theta[i, a]
                        pull[t, a] += (s + c * u) * la
                        for b in range(a + 1):
                            curved[t, a, b] += c * la * (1.0 if b == 0 else theta[i, b])
        own, back, ok = factor(curved, lower)
        if not ok:
            return x, own, back, False
        step = solve(own, back, pull, quiet) - x
        size = np.abs(step).max()
        length, better = 1.0, False
        for _ in range(40):
            trial = x + length * step
            new = log_posterior(y, keep, r, theta, members, diagonal, lower, linear, trial)
            if np.isfinite(new) and new >= value - 1e-9:
                better = True
                break
            length *= 0.5
        if not better:
            return x, own, back, False
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
    """Propose trajectories (K, T, q) window by window, in place; return the part accepted."""
    inverse = np.linalg.inv(dynamics.noise)
    n_times = latents.shape[1]
    accepted, tried = 0, 0
    for j in range(len(latents)):
        diagonal, lower, linear = chain_precision(dynamics.weight[j], inverse[j], xi, first)
        members = np.flatnonzero(z == j)
        edges = np.arange(int(rng.integers(_WINDOW)) + 1, n_times, _WINDOW)
        for start, stop in zip([0, *edges], [*edges, n_times], strict=True):
            noise = rng.standard_normal((stop - start, latents.shape[2]))
            tried += 1
            accepted += _propose_window(
                y,
                keep,
                r,
                theta,
                members,
                diagonal,
                lower,
                linear,
                latents[j],
                start,
                stop,
                noise,
                rng.random(),
            )
    return accepted / max(tried, 1)


@njit(cache=True, error_model="numpy", nogil=True)
def _propose_window(  # type: ignore[no-untyped-def]
    y, keep, r, theta, members, diagonal, lower, linear, x, start, stop, noise, chance
):
    q = x.shape[1]
    d, low, h = diagonal[start:stop], lower[start:stop], linear[start:stop].copy()
    if start > 0:
        for a in range(q):
            for b in range(q):
                h[0, a] -= lower[start, a, b] * x[start - 1, b]
    if stop < len(x):
        for a in range(q):
            for b in range(q):
                h[-1, a] -= lower[stop, b, a] * x[stop, b]
    part, seen = y[:, start:stop], keep[:, start:stop]
    mode, own, back, ok = around_mode(part, seen, r, theta, members, d, low, h)
    if not ok:
        return False
    new = solve(own, back, np.zeros_like(h), noise) + mode
    old = x[start:stop].copy()
    ratio = log_posterior(part, seen, r, theta, members, d, low, h, new)
    ratio -= log_posterior(part, seen, r, theta, members, d, low, h, old)
    ratio += log_density(own, back, mode, old) - log_density(own, back, mode, new)
    if np.log(chance) < ratio:
        for t in range(start, stop):  # a slice would compile the making of an error message
            for a in range(q):
                x[t, a] = new[t - start, a]
        return True
    return False
