"""Small Gaussians in compiled loops: one bin of a Kalman filter, and of the message backward.

What counts say of a latent vector x has the form exp(-x' P x / 2 + g' x), up to a constant:
``lam`` and ``eta``. ``half`` is lower triangular, half half' a covariance; ``root``, ``wide`` and
``room`` (q + 2, q) are for what is worked out on the way, as asking for memory takes longer.
Slices are not assigned, which would compile the making of error messages.
"""

import numpy as np
from numba import njit


@njit(cache=True, error_model="numpy", nogil=True)
def root_of(a, root):  # type: ignore[no-untyped-def]
    """Fill the lower Cholesky factor; False where there is none."""
    q = len(a)
    for j in range(q):
        s = a[j, j]
        for c in range(j):
            s -= root[j, c] * root[j, c]
        if not (s > 0 and s < np.inf):
            return False
        root[j, j] = np.sqrt(s)
        for i in range(j + 1, q):
            s = a[i, j]
            for c in range(j):
                s -= root[i, c] * root[j, c]
            root[i, j] = s / root[j, j]
            root[j, i] = 0.0
    return True


@njit(cache=True, error_model="numpy", nogil=True)
def _factor_within(half, lam, wide, root, room):  # type: ignore[no-untyped-def]
    """Factor I + half' lam half into ``root``; ``wide`` is filled with lam half."""
    q = len(half)
    for i in range(q):
        for j in range(q):
            s = 0.0
            for c in range(j, q):
                s += lam[i, c] * half[c, j]
            wide[i, j] = s
    for i in range(q):
        for j in range(i + 1):
            s = 1.0 if i == j else 0.0
            for c in range(i, q):
                s += half[c, i] * wide[c, j]
            room[i, j] = s
    return root_of(room[:q], root)


@njit(cache=True, error_model="numpy", nogil=True)
def step_on(mean, cover, weight, noise, ahead, spread):  # type: ignore[no-untyped-def]
    """Fill mean and covariance one bin on, before its observation."""
    q = len(mean)
    for a in range(q):
        s = weight[q, a]
        for c in range(q):
            s += weight[c, a] * mean[c]
        ahead[a] = s
    for a in range(q):
        for b in range(a + 1):
            s = noise[a, b]
            for c in range(q):
                r = 0.0
                for d in range(q):
                    r += cover[c, d] * weight[d, b]
                s += weight[c, a] * r
            spread[a, b] = s
            spread[b, a] = s


@njit(cache=True, error_model="numpy", nogil=True)
def log_mass(mean, half, lam, eta, wide, root, room):  # type: ignore[no-untyped-def]
    """Log of the integral of N(x; mean, half half') exp(-x' lam x / 2 + eta' x)."""
    q = len(mean)
    if not _factor_within(half, lam, wide, root, room):
        return -np.inf
    total = 0.0
    away, v = room[q], room[q + 1]
    for a in range(q):
        s = 0.0
        for b in range(q):
            s += lam[a, b] * mean[b]
        total += mean[a] * (eta[a] - 0.5 * s)
        away[a] = eta[a] - s
    for a in range(q):
        s = 0.0
        for c in range(a, q):
            s += half[c, a] * away[c]
        for c in range(a):
            s -= root[a, c] * v[c]
        v[a] = s / root[a, a]
        total += 0.5 * v[a] * v[a] - np.log(root[a, a])
    return total


@njit(cache=True, error_model="numpy", nogil=True)
def observe(mean, half, lam, eta, wide, root, room, cover):  # type: ignore[no-untyped-def]
    """Put an observation into ``mean`` and ``cover``, whose covariance before is half half'."""
    q = len(mean)
    _factor_within(half, lam, wide, root, room)
    part, away = wide, room[q]  # root^-1 half'
    for b in range(q):
        for a in range(q):
            s = half[b, a] if a <= b else 0.0
            for c in range(a):
                s -= root[a, c] * part[c, b]
            part[a, b] = s / root[a, a]
    for a in range(q):
        s = eta[a]
        for b in range(q):
            s -= lam[a, b] * mean[b]
        away[a] = s
    for a in range(q):
        for b in range(q):
            s = 0.0
            for c in range(q):
                s += part[c, a] * part[c, b]
            cover[a, b] = s
    for a in range(q):
        s = 0.0
        for b in range(q):
            s += cover[a, b] * away[b]
        mean[a] += s


@njit(cache=True, error_model="numpy", nogil=True)
def step_back(lam, eta, weight, half, wide, root, room, later, pull):  # type: ignore[no-untyped-def]
    """Fill what a bin says of the one before: ``later`` (q, q), ``pull`` (q,). Spoils lam, eta."""
    q = len(eta)
    _factor_within(half, lam, wide, root, room)
    v, u = room[q], room[:q]  # root^-1 half' times eta, and times lam
    for a in range(q):
        s = 0.0
        for c in range(a, q):
            s += half[c, a] * eta[c]
        for c in range(a):
            s -= root[a, c] * v[c]
        v[a] = s / root[a, a]
        for b in range(q):
            s = wide[b, a]
            for c in range(a):
                s -= root[a, c] * u[c, b]
            u[a, b] = s / root[a, a]
    for a in range(q):
        for c in range(q):
            eta[a] -= u[c, a] * v[c]
            for b in range(q):
                lam[a, b] -= u[c, a] * u[c, b]
    for a in range(q):
        for b in range(q):
            eta[a] -= lam[a, b] * weight[q, b]
    for a in range(q):  # through x_t = A x_{t-1} + b, where A[c, a] is weight[a, c]
        s = 0.0
        for c in range(q):
            s += weight[a, c] * eta[c]
            r = 0.0
            for b in range(q):
                r += lam[c, b] * weight[a, b]
            u[c, a] = r
        pull[a] = s
    for a in range(q):
        for b in range(q):
            s = 0.0
            for c in range(q):
                s += weight[a, c] * u[c, b]
            later[a, b] = s
