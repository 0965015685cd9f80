"""Units given trajectories: which one each follows, and how.

For a unit and a cluster the posterior of theta = (delta, c) is log-concave with one mode. A
Student density around it, and the Laplace evidence of each cluster, propose a cluster and a theta
together, whatever both are now; the exact ratio accepts. Only the proposal is approximate.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from neurokit.clustering.sampling.likelihood import (
    curves,
    log_rates_of,
    pieces,
    unit_log_likelihoods,
)

Array = NDArray[np.float64]
FREEDOM = 8.0  # of the Student density: tails heavier than those of any posterior here


class Fits(NamedTuple):
    """Units fitted to a trajectory, or (a further axis) to each of some."""

    mode: Array  # (..., q)
    root: Array  # (..., q, q), the lower factor of minus the Hessian there
    evidence: Array  # (...,), Laplace's, of the log; minus infinity where no mode was found


class _Objective:
    """Log posterior of theta up to a constant, its gradient and minus its Hessian."""

    def __init__(
        self, y: Array, keep: NDArray[np.bool_], r: Array, x: Array, precision: float
    ) -> None:
        self.y, self.keep, self.r, self.x = y, keep, r[:, None], x
        self.whole = bool(keep.all())
        self.precision = precision
        q = x.shape[1]
        self.design = np.concatenate([np.ones((len(x), 1)), x[:, 1:]], axis=1)
        self.squares = (self.design[:, :, None] * self.design[:, None, :]).reshape(-1, q * q)

    @np.errstate(over="ignore", invalid="ignore")  # rates without a number are refused later
    def __call__(self, theta: Array, units: NDArray[np.int64]) -> tuple[Array, Array, Array]:
        q = theta.shape[1]
        total = -0.5 * self.precision * (theta**2).sum(1)
        gradient = -self.precision * theta
        hess = np.tile(self.precision * np.eye(q), (len(theta), 1, 1))
        for rows, times in pieces(len(units), len(self.x)):
            some = units[rows]
            eta = log_rates_of(theta[rows], self.x[times])
            value, slope, curve = curves(self.y[some, times], eta, self.r[some])
            if not self.whole:
                off = ~self.keep[some, times]
                value[off] = slope[off] = curve[off] = 0.0
            total[rows] += value.sum(1)
            gradient[rows] += slope @ self.design[times]
            hess[rows] += (curve @ self.squares[times]).reshape(-1, q, q)
        return total, gradient, hess


def fit_units(y: Array, keep: NDArray[np.bool_], r: Array, x: Array, precision: float) -> Fits:
    """Find the mode of every unit on one trajectory: y, keep (n, T); r (n,); x (T, q).

    The start depends on the counts and the trajectory alone.
    """
    n, q = len(y), x.shape[1]
    target = _Objective(y, keep, r, x, precision)
    mode, evidence = _beginning(y, keep, x), np.full(n, -np.inf)
    root = np.tile(np.eye(q), (n, 1, 1))
    units = np.arange(n)
    value, slope, hess = target(mode, units)
    for _ in range(60):
        factor, sound = _factor(value, hess)
        units, value, slope, hess = units[sound], value[sound], slope[sound], hess[sound]
        if not len(units):
            break
        root[units] = factor
        step = _solve(hess, factor, slope)
        gain = (step * slope).sum(1)
        near = gain < 1e-4  # the Hessian is that of a point this close to the mode
        done = units[near]
        mode[done] += step[near]
        diagonal = np.diagonal(root[done], axis1=-2, axis2=-1)
        evidence[done] = value[near] + 0.5 * gain[near] + 0.5 * q * np.log(precision)
        evidence[done] -= np.log(diagonal).sum(1)
        units, value, slope, hess, step = (
            part[~near] for part in (units, value, slope, hess, step)
        )
        trying, length = np.arange(len(units)), 1.0
        better = np.zeros(len(units), bool)
        for _ in range(40):
            if not len(trying):
                break
            trial = mode[units[trying]] + length * step[trying]
            new, new_slope, new_hess = target(trial, units[trying])
            good = np.isfinite(new) & (new > value[trying])
            taken = trying[good]
            mode[units[taken]] = trial[good]
            value[taken], slope[taken], hess[taken] = new[good], new_slope[good], new_hess[good]
            better[taken] = True
            trying, length = trying[~good], 0.5 * length
        units, value, slope, hess = (part[better] for part in (units, value, slope, hess))
    return Fits(mode, root, evidence)


def _beginning(y: Array, keep: NDArray[np.bool_], x: Array) -> Array:
    """Start at the offset that gives each unit its number of spikes."""
    mode = np.zeros((len(y), x.shape[1]))
    seen = keep.any(1)
    top = np.where(keep, x[:, 0], -np.inf).max(1, initial=-np.inf)[seen]
    offset = np.where(keep[seen], np.exp(np.minimum(x[:, 0] - top[:, None], 0.0)), 0.0).sum(1)
    total = np.where(keep, y, 0.0).sum(1)[seen]
    mode[seen, 0] = np.clip(np.log(total + 0.5) - np.log(offset) - top, -20.0, 20.0)
    return mode


def _factor(value: Array, hess: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return the Cholesky factors of the units that have one, and which these are.

    Rates without a number have none; rates of 1e20 spikes leave Hessians that rounding makes
    indefinite. No unit follows there.
    """
    sound = np.isfinite(value) & np.isfinite(hess).all((1, 2))
    try:
        root = np.linalg.cholesky(hess[sound])
    except np.linalg.LinAlgError:
        sound[sound] = [_has_factor(matrix) for matrix in hess[sound]]
        root = np.linalg.cholesky(hess[sound])
    return root.astype(np.float64, copy=False), sound


def _solve(hess: Array, factor: Array, slope: Array) -> Array:
    """Solve for Newton's steps; by the factors where elimination finds nothing to divide by."""
    try:
        step = np.linalg.solve(hess, slope[..., None])
    except np.linalg.LinAlgError:
        step = np.linalg.solve(factor, slope[..., None])
        step = np.linalg.solve(np.swapaxes(factor, -1, -2), step)
    return np.asarray(step[..., 0], np.float64)


def _has_factor(matrix: Array) -> bool:
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True


def fit_loadings(
    y: Array, keep: NDArray[np.bool_], r: Array, latents: Array, precision: float
) -> Fits:
    """Fit every unit to every trajectory: mode (N, K, q), root (N, K, q, q), evidence (N, K)."""
    each = [fit_units(y, keep, r, x, precision) for x in latents]
    return Fits(*(np.stack(parts, axis=1) for parts in zip(*each, strict=True)))


def log_student(theta: Array, mode: Array, root: Array) -> Array:
    """Log density of the proposal at ``theta``; all may have axes in front."""
    q = theta.shape[-1]
    away = ((theta - mode)[..., None, :] @ root)[..., 0, :]
    scale = np.log(np.diagonal(root, axis1=-2, axis2=-1)).sum(-1)
    constant = gammaln(0.5 * (FREEDOM + q)) - gammaln(0.5 * FREEDOM)
    constant -= 0.5 * q * np.log(FREEDOM * np.pi)
    distance = (away**2).sum(-1)
    return np.asarray(constant + scale - 0.5 * (FREEDOM + q) * np.log1p(distance / FREEDOM))


def draw_student(mode: Array, root: Array, rng: np.random.Generator) -> Array:
    """Draw from the proposal; axes in front are drawn one by one."""
    stretch = np.sqrt(0.5 * FREEDOM / rng.standard_gamma(0.5 * FREEDOM, mode.shape[:-1]))
    noise = rng.standard_normal(mode.shape) * stretch[..., None]
    upper = np.swapaxes(root, -1, -2)
    return np.asarray(mode + np.linalg.solve(upper, noise[..., None])[..., 0])


def log_theta(theta: Array, precision: float) -> Array:
    """Log density of the prior of theta (..., q)."""
    q = theta.shape[-1]
    square = (theta**2).sum(-1)
    return np.asarray(0.5 * q * np.log(precision / (2 * np.pi)) - 0.5 * precision * square)


@np.errstate(invalid="ignore")  # what a unit would be in a cluster that it cannot be fitted to
def reassign(
    y: Array,
    keep: NDArray[np.bool_],
    r: Array,
    latents: Array,
    z: NDArray[np.int64],
    theta: Array,
    concentration: float,
    precision: float,
    fits: Fits,
    rng: np.random.Generator,
) -> int:
    """Draw cluster and theta of every unit in turn; a unit alone in its cluster stays there.

    Clusters neither open nor close here, so that the set of choices is the same both ways. What a
    unit would be in each cluster is drawn beforehand, for all units at once: it hangs on no other
    unit. Returns how many proposals were accepted.
    """
    n_units, n_clusters = fits.evidence.shape
    new = draw_student(fits.mode, fits.root, rng)
    then = log_theta(new, precision) - log_student(new, fits.mode, fits.root) - fits.evidence
    now = np.empty(n_units)
    for k, x in enumerate(latents):
        then[:, k] += unit_log_likelihoods(y, keep, r, new[:, k], x)
        own = np.flatnonzero(z == k)
        now[own] = unit_log_likelihoods(y[own], keep[own], r[own], theta[own], x)
    rows = np.arange(n_units)
    now += log_theta(theta, precision) - fits.evidence[rows, z]
    now -= log_student(theta, fits.mode[rows, z], fits.root[rows, z])
    sizes = np.bincount(z, minlength=n_clusters)
    chances = np.log(rng.random(len(z)))
    levels = rng.random(len(z))
    accepted = 0
    for i in range(n_units):
        old = z[i]
        sizes[old] -= 1
        chosen = old
        if np.isfinite(fits.evidence[i, old]):
            if sizes[old] > 0:
                weight = np.log(sizes + concentration) + fits.evidence[i]
                weight = np.exp(weight - weight.max())
                below = weight.cumsum() <= levels[i] * weight.sum()
                chosen = min(int(below.sum()), n_clusters - 1)
            if chances[i] < then[i, chosen] - now[i]:
                z[i] = chosen
                theta[i] = new[i, chosen]
                accepted += 1
        sizes[z[i]] += 1
    return accepted
