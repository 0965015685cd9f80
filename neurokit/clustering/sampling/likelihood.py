"""Log likelihood of counts as a function of the log rate, and what Newton needs of it."""

import math

import numpy as np
from numba import njit


@njit(cache=True, inline="always", error_model="numpy")
def curves(y, eta, r, log_r):  # type: ignore[no-untyped-def]
    """Log likelihood (up to what eta does not enter), its slope and minus its curvature.

    An infinite ``r`` is the Poisson law.
    """
    if r == np.inf:
        rate = np.exp(eta)
        return y * eta - rate, y - rate, rate
    psi = eta - log_r
    if psi > 0:
        e = np.exp(-psi)
        share = 1 / (1 + e)
        soft = psi + np.log1p(e)
    else:
        e = np.exp(psi)
        share = e / (1 + e)
        soft = np.log1p(e)
    return y * psi - (y + r) * soft, y - (y + r) * share, (y + r) * share * (1 - share)


@njit(cache=True, error_model="numpy")
def unit_log_likelihood(y, keep, delta, loading, r, latents):  # type: ignore[no-untyped-def]
    """Sum `curves` over the bins of one unit: y, keep (T,), loading (p,), latents (T, q)."""
    total, log_r = 0.0, np.log(r)
    for t in range(len(y)):
        if keep[t]:
            eta = delta + latents[t, 0]
            for f in range(len(loading)):
                eta += loading[f] * latents[t, f + 1]
            total += curves(y[t], eta, r, log_r)[0]
    return total


@njit(cache=True, error_model="numpy")
def log_rates(theta, z, latents):  # type: ignore[no-untyped-def]
    """Log of the expected counts: theta (N, q), latents (K, T, q) -> (N, T)."""
    n_units, q = theta.shape
    n_times = latents.shape[1]
    out = np.empty((n_units, n_times))
    for i in range(n_units):
        x = latents[z[i]]
        for t in range(n_times):
            eta = theta[i, 0] + x[t, 0]
            for f in range(1, q):
                eta += theta[i, f] * x[t, f]
            out[i, t] = eta
    return out


@njit(cache=True, error_model="numpy")
def log_probability(y, eta, r):  # type: ignore[no-untyped-def]
    """Log probability of the count ``y``, with every constant."""
    if r == np.inf:
        return y * eta - np.exp(eta) - math.lgamma(y + 1)
    value = curves(y, eta, r, np.log(r))[0]
    return value + math.lgamma(y + r) - math.lgamma(r) - math.lgamma(y + 1)


@njit(cache=True, error_model="numpy")
def log_probabilities(y, keep, eta, r):  # type: ignore[no-untyped-def]
    """Log probability of every count, NaN where there is none: (N, T)."""
    out = np.full(y.shape, np.nan)
    for i in range(y.shape[0]):
        for t in range(y.shape[1]):
            if keep[i, t]:
                out[i, t] = log_probability(y[i, t], eta[i, t], r[i])
    return out


@njit(cache=True, error_model="numpy")
def _shape_target(u, tail, big, y, keep, eta, a, b):  # type: ignore[no-untyped-def]
    r = np.exp(u)
    total = a * u - b * r  # gamma prior, in log r
    n_kept = 0
    for t in range(len(y)):
        if keep[t]:
            n_kept += 1
            # log(r + mu) without overflow
            top = max(u, eta[t])
            total -= (y[t] + r) * (top + np.log1p(np.exp(-abs(u - eta[t]))))
            if big:
                total += math.lgamma(y[t] + r) - math.lgamma(r)
    if not big:
        for n in range(len(tail)):
            total += tail[n] * np.log(r + n)
    return total + n_kept * r * u


@njit(cache=True, error_model="numpy")
def draw_shapes(y, keep, eta, r, a, b, rng):  # type: ignore[no-untyped-def]
    """Draw each dispersion given the rates, by a slice sampler in log r (Neal 2003), in place."""
    for i in range(len(r)):
        highest = 0.0
        for t in range(y.shape[1]):
            if keep[i, t]:
                highest = max(highest, y[i, t])
        big = highest > 4 * y.shape[1]
        # tail[n]: bins with more than n spikes; prod (r + n) over them is Gamma(y + r) / Gamma(r)
        tail = np.zeros(1 if big else int(highest))
        if not big:
            for t in range(y.shape[1]):
                if keep[i, t]:
                    for n in range(int(y[i, t])):
                        tail[n] += 1
        u = np.log(r[i])
        level = _shape_target(u, tail, big, y[i], keep[i], eta[i], a, b)
        level -= rng.standard_exponential()
        low = u - rng.random()
        high = low + 1.0
        for _ in range(50):
            if _shape_target(low, tail, big, y[i], keep[i], eta[i], a, b) <= level:
                break
            low -= 1.0
        for _ in range(50):
            if _shape_target(high, tail, big, y[i], keep[i], eta[i], a, b) <= level:
                break
            high += 1.0
        while True:
            v = low + (high - low) * rng.random()
            if _shape_target(v, tail, big, y[i], keep[i], eta[i], a, b) > level:
                r[i] = np.exp(v)
                break
            if v < u:
                low = v
            else:
                high = v
            if high - low < 1e-12:
                break
