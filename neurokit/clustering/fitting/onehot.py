r"""Weights that are inhibitory, absent or excitatory, with odds that all states share.

A weight is :math:`w_{s,ij} = a_{s,ij} |w_{s,ij}|`, :math:`a \in \{-1, 0, 1\}` drawn from
:math:`P_{ij}`, the same for all states, and its size from a half-normal law. Given the slope and
curvature of the log-likelihood the kind of one weight, the others held, has odds in closed form:
no relaxation, no temperature, no draws.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

Floats = NDArray[np.float64]
_SWEEPS = 4  # over all weights, until neighbours agree


class Connections(NamedTuple):
    """What states share."""

    probability: Floats  # (n_units, n_sources, 3): inhibitory, none, excitatory
    scale: float  # of the sizes of weights


class Shrunk(NamedTuple):
    """What `shrink_to_signs` returns."""

    coef: Floats  # (n_states, n_units, 1 + n_sources)
    sign: NDArray[np.int64]  # (n_states, n_units, n_sources)
    connections: Connections


def shrink_to_signs(
    coef: Floats,
    gradient: Floats,
    hessian: Floats,
    known: Connections,
    concentration: float,
    ridge: float,
) -> Shrunk:
    """Decide the kind of every weight and estimate its size, then what the states share.

    Parameters
    ----------
    coef : ndarray of shape (n_states, n_units, 1 + n_sources)
        Where the log-likelihood was expanded; the intercept first.
    gradient : ndarray of that shape
    hessian : ndarray of shape (n_states, n_units, 1 + n_sources, 1 + n_sources)
        Minus the second derivatives.
    known : Connections
        As of the last round.
    concentration : float
        How many states' worth of evidence says that a connection is as all others are.
    ridge : float
        Precision of intercepts about zero.
    """
    n_states, n_units, width = coef.shape
    w, slope = coef.copy(), gradient.copy()
    log_p = np.log(np.maximum(known.probability, 1e-12))
    soft = np.empty((n_states, n_units, width - 1, 3))
    square = np.zeros(soft.shape)
    for _ in range(_SWEEPS):
        _move(w, slope, hessian, 0, _intercept(w, slope, hessian, ridge))
        for j in range(1, width):
            share, mean, second = weigh(
                w[..., j], slope[..., j], hessian[..., j, j], log_p[:, j - 1], known.scale
            )
            _move(w, slope, hessian, j, (share * mean).sum(-1))
            soft[:, :, j - 1], square[:, :, j - 1] = share, second
    sign = soft.argmax(-1) - 1
    for _ in range(_SWEEPS):  # the sizes, now that the kinds are settled
        _move(w, slope, hessian, 0, _intercept(w, slope, hessian, ridge))
        for j in range(1, width):
            _, mean, _ = weigh(
                w[..., j], slope[..., j], hessian[..., j, j], log_p[:, j - 1], known.scale
            )
            chosen = np.take_along_axis(mean, sign[..., j - 1, None] + 1, -1)[..., 0]
            _move(w, slope, hessian, j, chosen)

    overall = soft.mean((0, 1, 2))
    probability = (concentration * overall + soft.sum(0)) / (concentration + n_states)
    there = soft[..., [0, 2]].sum()
    scale = known.scale
    if there > 1.0:
        scale = float(np.sqrt((soft * square).sum() / there))
    scale = float(np.clip(scale, 1e-3, 1e3))
    return Shrunk(w, sign, Connections(probability, scale))


def judge_signs(coef: Floats, sign: NDArray[np.int64], probability: Floats, scale: float) -> float:
    """Return the log prior of weights of known kinds, but for constants."""
    n_states = len(sign)
    odds = np.broadcast_to(np.log(probability), (n_states, *probability.shape))
    kinds = np.take_along_axis(odds, sign[..., None] + 1, -1).sum()
    size = coef[..., 1:][sign != 0]
    return float(kinds - 0.5 * (size**2).sum() / scale**2 - len(size) * np.log(scale))


def weigh(
    w: Floats, slope: Floats, curvature: Floats, log_p: Floats, scale: float
) -> tuple[Floats, Floats, Floats]:
    """Return the odds of the three kinds of one weight, and its mean and square under each.

    Parameters
    ----------
    w, slope, curvature : ndarray of shape (n_states, n_units)
        The weight, and the quadratic log-likelihood along it.
    log_p : ndarray of shape (n_units, 3)
        Log prior odds.
    scale : float
        The spread of the half-normal law of the sizes.

    Returns
    -------
    share, mean, square : ndarray of shape (n_states, n_units, 3)
    """
    precision = curvature + scale**-2
    sigma = precision**-0.5
    mu = (curvature * w + slope) / precision  # the best weight, were the law not cut at zero
    z = mu / sigma
    gain = np.log(2.0) - np.log(scale / sigma) + 0.5 * z**2
    odds = np.stack([gain + log_ndtr(-z), np.zeros_like(z), gain + log_ndtr(z)], -1) + log_p
    share = np.exp(odds - odds.max(-1, keepdims=True))
    share /= share.sum(-1, keepdims=True)
    density = -0.5 * z**2 - 0.5 * np.log(2 * np.pi)
    above = mu + sigma * np.exp(density - log_ndtr(z))
    below = mu - sigma * np.exp(density - log_ndtr(-z))
    zero = np.zeros_like(mu)
    mean = np.stack([np.minimum(below, 0.0), zero, np.maximum(above, 0.0)], -1)
    square = np.stack([sigma**2 + mu * below, zero, sigma**2 + mu * above], -1)
    return share, mean, np.maximum(square, 0.0)


def _intercept(w: Floats, slope: Floats, hessian: Floats, ridge: float) -> Floats:
    curvature = hessian[..., 0, 0]
    return np.asarray((curvature * w[..., 0] + slope[..., 0]) / (curvature + ridge))


def _move(w: Floats, slope: Floats, hessian: Floats, j: int, new: Floats) -> None:
    """Set one coefficient and bring the slopes of all up to date."""
    slope -= hessian[..., j] * (new - w[..., j])[..., None]
    w[..., j] = new
