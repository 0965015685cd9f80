"""Units given trajectories: which one each follows, and how.

For a unit and a cluster the posterior of theta = (delta, c) is log-concave with one mode. A
Student density around it, and the Laplace evidence of each cluster, propose a cluster and a theta
together, whatever both are now; the exact ratio accepts. Only the proposal is approximate.
"""

import math

import numpy as np
from numba import njit

from neurokit.clustering.sampling.filters import root_of
from neurokit.clustering.sampling.likelihood import curves, unit_log_likelihood

FREEDOM = 8.0  # of the Student density: tails heavier than those of any posterior here


@njit(cache=True, error_model="numpy", nogil=True)
def _objective(y, keep, r, log_r, x, theta, precision, slope, hess):  # type: ignore[no-untyped-def]
    """Log posterior of theta up to a constant; fills its gradient and minus its Hessian."""
    n_times, q = x.shape
    value = 0.0
    for a in range(q):
        value -= 0.5 * precision * theta[a] ** 2
        slope[a] = -precision * theta[a]
        for b in range(q):
            hess[a, b] = precision if a == b else 0.0
    for t in range(n_times):
        if keep[t]:
            eta = theta[0] + x[t, 0]
            for f in range(1, q):
                eta += theta[f] * x[t, f]
            v, s, c = curves(y[t], eta, r, log_r)
            value += v
            slope[0] += s
            hess[0, 0] += c
            for a in range(1, q):
                slope[a] += s * x[t, a]
                ca = c * x[t, a]
                hess[a, 0] += ca
                for b in range(1, a + 1):
                    hess[a, b] += ca * x[t, b]
    return value


@njit(cache=True, error_model="numpy", nogil=True)
def fit_loading(y, keep, r, x, precision, mode, root):  # type: ignore[no-untyped-def]
    """Find the mode for one unit and one trajectory; return the log evidence.

    It is minus infinity where no mode was found.

    y, keep (T,); x (T, q); ``mode`` (q,) and ``root`` (q, q), the Cholesky factor of minus the
    Hessian there, are filled. The start depends on the counts and the trajectory alone.
    """
    n_times, q = x.shape
    log_r = np.log(r)
    total, offset, n_kept, top = 0.0, 0.0, 0, -np.inf
    for t in range(n_times):
        if keep[t]:
            total += y[t]
            n_kept += 1
            top = max(top, x[t, 0])
    for t in range(n_times):
        if keep[t]:
            offset += np.exp(x[t, 0] - top)
    slope, step = np.zeros(q), np.zeros(q)
    hess = np.zeros((q, q))
    mode[:] = 0.0
    if n_kept > 0:
        mode[0] = np.log(total + 0.5) - np.log(offset) - top
        mode[0] = min(max(mode[0], -20.0), 20.0)
    value = _objective(y, keep, r, log_r, x, mode, precision, slope, hess)
    if not np.isfinite(value):
        return -np.inf
    trial = np.empty(q)
    for _ in range(60):
        if not root_of(hess, root):
            return -np.inf
        for a in range(q):
            s = slope[a]
            for b in range(a):
                s -= root[a, b] * step[b]
            step[a] = s / root[a, a]
        gain = 0.0
        for a in range(q):
            gain += step[a] ** 2
        for a in range(q - 1, -1, -1):
            s = step[a]
            for b in range(a + 1, q):
                s -= root[b, a] * step[b]
            step[a] = s / root[a, a]
        if gain < 1e-4:  # the Hessian is that of a point this close to the mode
            for a in range(q):
                mode[a] += step[a]
            value += 0.5 * gain
            break
        length = 1.0
        better = False
        for _ in range(40):
            for a in range(q):
                trial[a] = mode[a] + length * step[a]
            new = _objective(y, keep, r, log_r, x, trial, precision, slope, hess)
            if np.isfinite(new) and new > value:
                better = True
                break
            length *= 0.5
        if not better:
            return -np.inf
        for a in range(q):  # a slice would compile the making of an error message
            mode[a] = trial[a]
        value = new
    evidence = value + 0.5 * q * np.log(precision)
    for a in range(q):
        evidence -= np.log(root[a, a])
    return evidence


@njit(cache=True, error_model="numpy", nogil=True)
def fit_loadings(y, keep, r, latents, precision, modes, roots, evidence):  # type: ignore[no-untyped-def]
    """Fit every unit to every trajectory: modes (N, K, q), roots (N, K, q, q), evidence (N, K)."""
    for i in range(len(y)):
        for k in range(len(latents)):
            evidence[i, k] = fit_loading(
                y[i], keep[i], r[i], latents[k], precision, modes[i, k], roots[i, k]
            )


@njit(cache=True, error_model="numpy", nogil=True)
def log_student(theta, mode, root):  # type: ignore[no-untyped-def]
    """Log density of the proposal at ``theta``."""
    q = len(theta)
    distance, scale = 0.0, 0.0
    for a in range(q):
        s = 0.0
        for b in range(a, q):
            s += root[b, a] * (theta[b] - mode[b])
        distance += s * s
        scale += np.log(root[a, a])
    constant = math.lgamma(0.5 * (FREEDOM + q)) - math.lgamma(0.5 * FREEDOM)
    constant -= 0.5 * q * np.log(FREEDOM * np.pi)
    return constant + scale - 0.5 * (FREEDOM + q) * np.log1p(distance / FREEDOM)


@njit(cache=True, error_model="numpy", nogil=True)
def draw_student(mode, root, rng, theta):  # type: ignore[no-untyped-def]
    """Draw from the proposal into ``theta``."""
    q = len(theta)
    stretch = np.sqrt(0.5 * FREEDOM / rng.standard_gamma(0.5 * FREEDOM))
    for a in range(q - 1, -1, -1):
        s = rng.standard_normal() * stretch
        for b in range(a + 1, q):
            s -= root[b, a] * (theta[b] - mode[b])
        theta[a] = mode[a] + s / root[a, a]


@njit(cache=True, error_model="numpy", nogil=True)
def log_theta(theta, precision):  # type: ignore[no-untyped-def]
    """Log density of the prior of theta."""
    total = 0.5 * len(theta) * np.log(precision / (2 * np.pi))
    for a in range(len(theta)):
        total -= 0.5 * precision * theta[a] ** 2
    return total


@njit(cache=True, error_model="numpy", nogil=True)
def reassign(  # type: ignore[no-untyped-def]
    y, keep, r, latents, z, theta, sizes, concentration, precision, modes, roots, evidence, rng
):
    """Draw cluster and theta of every unit in turn; a unit alone in its cluster stays there.

    Clusters neither open nor close here, so that the set of choices is the same both ways.
    Returns how many proposals were accepted.
    """
    n_units, n_clusters = evidence.shape
    q = theta.shape[1]
    weight, new = np.empty(n_clusters), np.empty(q)
    accepted = 0
    for i in range(n_units):
        old = z[i]
        sizes[old] -= 1
        alone = sizes[old] == 0
        top = -np.inf
        for k in range(n_clusters):
            weight[k] = np.log(sizes[k] + concentration) + evidence[i, k]
            if alone and k != old:
                weight[k] = -np.inf
            top = max(top, weight[k])
        chosen = old
        if np.isfinite(top) and np.isfinite(weight[old]):
            total = 0.0
            for k in range(n_clusters):
                total += np.exp(weight[k] - top)
            left = rng.random() * total
            for k in range(n_clusters):
                left -= np.exp(weight[k] - top)
                if left < 0:
                    chosen = k
                    break
            draw_student(modes[i, chosen], roots[i, chosen], rng, new)
            now = unit_log_likelihood(y[i], keep[i], theta[i, 0], theta[i, 1:], r[i], latents[old])
            now += log_theta(theta[i], precision) + np.log(sizes[old] + concentration)
            now -= weight[old] + log_student(theta[i], modes[i, old], roots[i, old])
            then = unit_log_likelihood(y[i], keep[i], new[0], new[1:], r[i], latents[chosen])
            then += log_theta(new, precision) + np.log(sizes[chosen] + concentration)
            then -= weight[chosen] + log_student(new, modes[i, chosen], roots[i, chosen])
            if np.log(rng.random()) < then - now:
                z[i] = chosen
                for a in range(len(new)):  # as a slice, compiling it takes two seconds more
                    theta[i, a] = new[a]
                accepted += 1
        sizes[z[i]] += 1
    return accepted
