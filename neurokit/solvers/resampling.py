"""Recordings like a given one, drawn at random: an autoregression filled with its own residuals.

Stretches of the recording itself, drawn with replacement, hide what reaches over their joints, and
a few long ones decide what a rare event costs. Here each dim is turned into normal scores, an
autoregression takes out what depends linearly on the past, short stretches of residuals, all dims
together, are drawn and put through the autoregression again, and values take the places of their
ranks: the marginal law is that of the recording. What is left of dependence between residuals (a
changing variance) decides how long the stretches are.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_SHORTEST = 10  # stretch of residuals
_ORDERS = 40  # of the autoregression, at most
_LAGS = 100  # over which residuals are searched for dependence
_BURN = 1000


def draw_alike(
    values: Floats, runs: list[slice], n_draws: int, longest: int, rng: np.random.Generator
) -> list[Floats]:
    """Draw recordings as long as a given one that depend on their past as it does.

    Parameters
    ----------
    values : ndarray of shape (n_times, n_dims)
    runs : list of slice
        Stretches without a jump of the clock.
    n_draws : int
    longest : int
        Most samples that are drawn together.
    rng : Generator

    Returns
    -------
    list of ndarray of shape (n_times, n_dims)

    References
    ----------
    .. [1] Davison and Hinkley (1997), Bootstrap Methods and their Application, section 8.2.3:
       post-blackening.
    .. [2] Bühlmann (1997), Sieve bootstrap for time series, Bernoulli 3(2).

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(500, 2))
    >>> drawn = draw_alike(x, [slice(0, 500)], 3, 100, np.random.default_rng(1))
    >>> len(drawn), drawn[0].shape, bool(np.isin(drawn[0], x).all())
    (3, (500, 2), True)
    """
    from scipy.signal import lfilter

    n, d = values.shape
    scores = score_normally(values)
    coefs = [fit_autoregression(scores[:, j], runs) for j in range(d)]
    past = max(len(c) for c in coefs)
    parts = []
    for run in runs:
        if run.stop - run.start > past:
            filters = [lfilter(np.append(1, -coefs[j]), [1], scores[run, j]) for j in range(d)]
            parts.append(np.stack(filters, 1)[past:])
    left = np.concatenate(parts)
    left -= left.mean(0)
    length = int(np.clip(4 * find_memory(left), _SHORTEST, max(longest, 1)))
    length = min(length, max(len(part) for part in parts))
    ends = np.cumsum([len(part) for part in parts])
    starts = np.concatenate(
        [
            np.arange(end - len(part), end - length + 1)
            for part, end in zip(parts, ends, strict=True)
        ]
    )
    within = np.arange(length)
    out = np.empty((n_draws, n, d))
    for drawn in out:
        chosen = rng.choice(starts, -(-(n + _BURN) // length))
        kicks = left[(chosen[:, None] + within).ravel()]
        for j in range(d):
            drawn[:, j] = lfilter([1], np.append(1, -coefs[j]), kicks[:, j])[_BURN : _BURN + n]
    for j in range(d):
        order = out[..., j].ravel().argsort(kind="stable")
        ranked = np.empty(len(order))
        ranked[order] = np.repeat(np.sort(values[:, j]), n_draws)
        out[..., j] = ranked.reshape(n_draws, n)
    return list(out)


def score_normally(values: Floats) -> Floats:
    """Return the normal quantiles of the ranks of each column; equal values share theirs."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    return np.asarray(ndtri((rankdata(values, axis=0) - 0.5) / len(values)))


def fit_autoregression(x: Floats, runs: list[slice]) -> Floats:
    """Return the coefficients of the last values, nearest first; BIC chooses how many.

    Parameters
    ----------
    x : ndarray of shape (n_times,)
    runs : list of slice
        Stretches without a jump of the clock.

    References
    ----------
    .. [1] Durbin (1960), The fitting of time-series models, Rev. Inst. Int. Stat. 28(3).
    """
    longest = max(run.stop - run.start for run in runs)
    most = min(_ORDERS, longest // 4)
    away = x - x.mean()
    covariance = np.zeros(most + 1)
    for run in runs:
        part = away[run]
        for lag in range(min(most + 1, len(part))):
            covariance[lag] += part[: len(part) - lag] @ part[lag:]
    coefs, best = np.zeros(0), np.zeros(0)
    if covariance[0] <= 0:
        return best
    error = covariance[0]
    lowest = np.log(error)
    for order in range(1, most + 1):
        partial = (covariance[order] - coefs @ covariance[order - 1 : 0 : -1]) / error
        coefs = np.append(coefs - partial * coefs[::-1], partial)
        error *= max(1 - partial**2, 1e-12)
        cost = np.log(error) + order * np.log(len(x)) / len(x)
        if cost < lowest:
            lowest, best = cost, coefs
    return best


def find_memory(left: Floats) -> int:
    """Return over how many samples the size of residuals depends on itself.

    Parameters
    ----------
    left : ndarray of shape (n_times, n_dims)

    References
    ----------
    .. [1] Politis and White (2004), Automatic block-length selection for the dependent bootstrap,
       Econom. Rev. 23(1): the bound; a lag counts if less than five insignificant ones stand
       before it.
    """
    n = len(left)
    most = min(_LAGS, n // 4)
    bound = 2 * np.sqrt(np.log10(n) / n)
    memory = 0
    for size in (np.abs(left), left**2):
        size -= size.mean(0)
        power = np.abs(np.fft.rfft(size, 2 * n, axis=0)) ** 2
        covariance = np.fft.irfft(power, axis=0)[: most + 1]
        correlation = np.abs(covariance) / np.maximum(covariance[0], 1e-300)
        last = 0
        for lag in np.flatnonzero((correlation[1:] > bound).any(1)) + 1:
            if lag - last > 5:
                break
            last = int(lag)
        memory = max(memory, last)
    return memory
