"""Small Gaussians in compiled loops: one bin of a Kalman filter, and of the message backward.

What counts say of a latent vector x has the form exp(-x' P x / 2 + g' x), up to a constant:
``lam`` and ``eta``. ``half`` is lower triangular, half half' a covariance. With the factor
root root' = I + half' P half all there is to know of both together follows from
root^-1 half' times some vector or matrix. ``root``, ``wide`` and ``part`` (q, q) are for what is
worked out on the way, as asking for memory takes longer. Slices are not assigned, and nothing is
called that NumPy offers: either takes long to compile.
"""

import numpy as np
from numba import njit

from neurokit.types import State

# nothing but compiled loops calls what is marked so: making it callable from Python costs as much
# time as compiling it
INSIDE: State = {
    "cache": True,
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}


@njit(**INSIDE)
def root_of(a, root):  # type: ignore[no-untyped-def]
    """Fill the lower Cholesky factor; False where there is none."""
    q = len(a)
    for j in range(q):
        for i in range(j, q):
            s = a[i, j]
            for c in range(j):
                s -= root[i, c] * root[j, c]
            if i > j:
                root[i, j] = s / root[j, j]
                root[j, i] = 0.0
            elif s > 0 and s < np.inf:
                root[j, j] = np.sqrt(s)
            else:
                return False
    return True


@njit(**INSIDE)
def factor_within(half, lam, wide, part, root):  # type: ignore[no-untyped-def]
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
            part[i, j] = s
    return root_of(part, root)


@njit(**INSIDE)
def whiten(half, root, x, v):  # type: ignore[no-untyped-def]
    """Fill v = root^-1 half' x."""
    q = len(half)
    for a in range(q):
        s = 0.0
        for c in range(a, q):
            s += half[c, a] * x[c]
        for c in range(a):
            s -= root[a, c] * v[c]
        v[a] = s / root[a, a]


@njit(**INSIDE)
def step_on(mean, cover, weight, noise, ahead, spread):  # type: ignore[no-untyped-def]
    """Fill mean and covariance one bin on, before its observation."""
    q = len(mean)
    for a in range(q):
        s = weight[q, a]
        for c in range(q):
            s += weight[c, a] * mean[c]
        ahead[a] = s
        for b in range(a + 1):
            s = noise[a, b]
            for c in range(q):
                r = 0.0
                for d in range(q):
                    r += cover[c, d] * weight[d, b]
                s += weight[c, a] * r
            spread[a, b] = s


@njit(**INSIDE)
def log_mass(mean, half, lam, eta, wide, part, root):  # type: ignore[no-untyped-def]
    """Log of the integral of N(x; mean, half half') exp(-x' lam x / 2 + eta' x)."""
    q = len(mean)
    if not factor_within(half, lam, wide, part, root):
        return -np.inf
    total = 0.0
    away, v = wide[0], part[0]
    for a in range(q):
        s = 0.0
        for b in range(q):
            s += lam[a, b] * mean[b]
        total += mean[a] * (eta[a] - 0.5 * s)
        away[a] = eta[a] - s
    whiten(half, root, away, v)
    for a in range(q):
        total += 0.5 * v[a] * v[a] - np.log(root[a, a])
    return total


@njit(**INSIDE)
def observe(mean, half, lam, eta, wide, part, root, cover):  # type: ignore[no-untyped-def]
    """Put an observation into ``mean``; fill ``cover``. The covariance before is half half'."""
    q = len(mean)
    factor_within(half, lam, wide, part, root)
    for b in range(q):  # root^-1 half', column by column
        for a in range(q):
            s = half[b, a] if a <= b else 0.0
            for c in range(a):
                s -= root[a, c] * part[c, b]
            part[a, b] = s / root[a, a]
    away = wide[0]
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
        for b in range(q):
            mean[a] += cover[a, b] * away[b]


@njit(**INSIDE)
def step_back(lam, eta, weight, half, wide, part, root, own, later, pull):  # type: ignore[no-untyped-def]
    """Add what a bin says of the one before to ``later`` (q, q) and ``pull`` (q,)."""
    q = len(eta)
    factor_within(half, lam, wide, part, root)
    # root^-1 half' lam, row by row; then what is left of lam and eta
    for b in range(q):
        whiten(half, root, lam[b], own[b])
    whiten(half, root, eta, wide[0])
    v, left = wide[0], wide[1]
    for a in range(q):
        left[a] = eta[a]
        for b in range(q):
            s = lam[a, b]
            for c in range(q):
                s -= own[a, c] * own[b, c]
            part[a, b] = s
            left[a] -= own[a, b] * v[b] + s * weight[q, b]
    for a in range(q):  # through x_t = A x_{t-1} + b, where A[c, a] is weight[a, c]
        for c in range(q):
            pull[a] += weight[a, c] * left[c]
            s = 0.0
            for b in range(q):
                s += part[c, b] * weight[a, b]
            own[c, a] = s
    for a in range(q):
        for b in range(q):
            for c in range(q):
                later[a, b] += weight[a, c] * own[c, b]
