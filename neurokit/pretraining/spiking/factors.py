"""What a population has in common: slow factors behind Poisson counts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neurokit.solvers.gaussian_states import covariances, factor, solve
from neurokit.types import Doubles, Flags

_ROUNDS = 8  # of expectation and maximisation; more blur the factors (see the benchmark)
_STEPS = 16  # of Newton, at most
_HIGHEST = 7.0  # of a log rate
_PRIOR = 1.0  # precision of a loading


Looked = tuple[float, Doubles, Doubles]


class Factors(NamedTuple):
    """How counts follow from factors: ``log rate = level + loadings x``."""

    level: Doubles  # (unit,)
    loadings: Doubles  # (unit, factor)
    keep: Doubles  # (factor,): correlation of a factor with itself a bin later


def fit_factors(
    stretches: list[tuple[Doubles, Flags]], n_factors: int, keep: float = 0.9
) -> Factors:
    r"""Find the factors of a population by expectation and maximisation [1]_.

    Counts are Poisson with :math:`\log \lambda_t = b + C x_t`, where each factor is an
    autoregression of variance 1. Given b and C, factors have a posterior whose mode and
    curvature stand for it (Laplace); given those, b and C are found by Newton steps on the
    expected log-likelihood, :math:`b + C m_t + \frac{1}{2} C V_t C^T` in the exponent.

    Parameters
    ----------
    stretches : list of (counts, seen), each of shape (n_bins, n_units)
    n_factors : int
    keep : float, default=0.9
        Correlation of factors from bin to bin to begin with.

    Returns
    -------
    Factors

    References
    ----------
    .. [1] Macke et al. (2011), Empirical models of spiking in neural populations, NeurIPS.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = np.repeat(rng.normal(size=50), 20)
    >>> counts = rng.poisson(np.exp(x[:, None] * [1.0, -1.0, 1.0]))
    >>> found = fit_factors([(counts.astype(float), counts >= 0)], 1)
    >>> m = infer_factors(found, counts.astype(float), counts >= 0)
    >>> bool(abs(np.corrcoef(m[:, 0], x)[0, 1]) > 0.8)
    True
    """
    y = np.concatenate([counts for counts, _ in stretches])
    w = np.concatenate([seen for _, seen in stretches]).astype(float)
    model = _begin(y * w, w, n_factors, keep)
    x = [np.zeros((len(counts), n_factors)) for counts, _ in stretches]
    for _ in range(_ROUNDS):
        found = [_infer(model, *one, start) for one, start in zip(stretches, x, strict=True)]
        x = [mode for mode, _, _ in found]
        m, v = np.concatenate(x), np.concatenate([each for _, each, _ in found])
        power = (m**2 + np.einsum("tii->ti", v)).mean(0)
        pairs = sum(
            (mode[1:] * mode[:-1] + np.einsum("tii->ti", lagged[1:])).sum(0)
            for mode, _, lagged in found
        )
        n_pairs = max(sum(len(mode) - 1 for mode in x), 1)
        keep_now = np.clip(pairs / n_pairs / power, 0.3, 0.995)
        scale = np.sqrt(
            np.clip(power, 0.25, 4.0)
        )  # factors have variance 1, and loadings the size
        x = [mode / scale for mode in x]
        loadings = model.loadings * scale
        model = _maximise(
            Factors(model.level, loadings, keep_now), y, w, m / scale, v / np.outer(scale, scale)
        )
    return model


def infer_factors(model: Factors, counts: Doubles, seen: Flags) -> Doubles:
    """Return the likeliest factors of a stretch, (bin, factor), from all of its counts."""
    return _infer(model, counts, seen, np.zeros((len(counts), len(model.keep))))[0]


def _begin(y: Doubles, w: Doubles, n_factors: int, keep: float) -> Factors:
    """Begin with the principal components of smoothed counts, in logarithms."""
    from scipy.ndimage import gaussian_filter1d

    rate = np.maximum(y.sum(0), 0.5) / np.maximum(w.sum(0), 1)
    known = np.where(w > 0, y, rate)
    smooth = np.log(gaussian_filter1d(known, 0.6 / (1 - keep), axis=0) / rate + 0.1)
    smooth -= smooth.mean(0)
    values, vectors = np.linalg.eigh(smooth.T @ smooth / len(smooth))
    n = min(n_factors, len(rate))
    loadings = np.zeros((len(rate), n_factors))
    loadings[:, :n] = (vectors * np.sqrt(np.maximum(values, 0)))[:, ::-1][:, :n]
    return Factors(np.log(rate), loadings, np.full(n_factors, keep))


def _infer(
    model: Factors, y: Doubles, seen: Flags, x: Doubles
) -> tuple[Doubles, Doubles, Doubles]:
    """Return the mode of the posterior, and covariances of each bin and with the one before."""
    w = seen.astype(float)
    y = np.where(seen, y, 0.0)
    n, k = x.shape
    own, back = np.zeros((2, n, k, k))
    each, noise = np.arange(k), 1 - model.keep**2
    own[:, each, each] = (1 + model.keep**2) / noise
    own[0, each, each] = 1 / noise if n > 1 else 1.0
    if n > 1:
        own[-1, each, each] = 1 / noise
    back[1:, each, each] = -model.keep / noise
    squares = (model.loadings[:, :, None] * model.loadings[:, None]).reshape(-1, k * k)

    def look(x: Doubles) -> Looked:
        """Return the log posterior, the rates, and what the prior pulls with."""
        eta = np.minimum(model.level + x @ model.loadings.T, _HIGHEST)
        rate = w * np.exp(eta)
        pull = own[:, each, each] * x
        pull[1:] += back[1:, each, each] * x[:-1]
        pull[:-1] += back[1:, each, each] * x[1:]
        return float((y * eta - rate).sum() - 0.5 * (x * pull).sum()), rate, pull

    value, rate, pull = look(x)
    careful = True  # where rates are far below counts, Newton's steps go far too far
    for _ in range(_STEPS):
        bend = np.maximum(rate, y) if careful else rate
        mine, left, _ = factor(own + (bend @ squares).reshape(n, k, k), back)
        slope = (y - rate) @ model.loadings - pull
        step, size = solve(mine, left, slope, np.zeros_like(slope)), 1.0
        gained = look(x + step)
        while gained[0] < value and size > 1e-3:
            size /= 2
            gained = look(x + size * step)
        if gained[0] <= value + 1e-4 * n * careful + 1e-9 * n:
            if not careful:
                break
            careful = False
            continue
        x = x + size * step
        value, rate, pull = gained
    mine, left, _ = factor(own + (rate @ squares).reshape(n, k, k), back)
    return x, *covariances(mine, left)


def _maximise(model: Factors, y: Doubles, w: Doubles, m: Doubles, v: Doubles) -> Factors:
    """Take two Newton steps of each unit's level and loadings."""
    found = np.column_stack([model.level, model.loadings])
    prior = np.r_[1e-3, np.full(m.shape[1], _PRIOR)]
    ones = np.ones((len(m), 1))
    for counts, weight, unit in zip(y.T, w.T, found, strict=True):
        counts = counts * weight
        total = np.r_[counts.sum(), counts @ m]

        def look(unit: Doubles, weight: Doubles = weight, total: Doubles = total) -> Looked:
            """Return the expected log posterior, the rates and V c."""
            spread = v @ unit[1:]
            eta = unit[0] + m @ unit[1:] + 0.5 * (spread @ unit[1:])
            rate = weight * np.exp(np.minimum(eta, 2 * _HIGHEST))
            return total @ unit - rate.sum() - 0.5 * (prior @ unit**2), rate, spread

        for _ in range(2):
            value, rate, spread = look(unit)
            columns = np.concatenate([ones, m + spread], 1)
            slope = total - columns.T @ rate - prior * unit
            bend = (columns.T * rate) @ columns + np.diag(prior)
            bend[1:, 1:] += np.tensordot(rate, v, 1)
            step = np.linalg.solve(bend, slope)
            step *= min(1.0, 1.0 / max(np.abs(step).max(), 1e-12))
            while look(unit + step)[0] < value and np.abs(step).max() > 1e-6:
                step /= 2
            unit += step
    return Factors(found[:, 0], found[:, 1:], model.keep)
