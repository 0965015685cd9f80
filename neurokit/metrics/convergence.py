"""Whether several Markov chains tell the same story, and how much they have told."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

Array = NDArray[np.float64]


def rank_rhat(draws: ArrayLike) -> float:
    """Compare chains by the rank-normalised split R-hat: 1 when they agree, larger when not.

    The larger of two values: of the draws, and of how far they lie from their median.

    Parameters
    ----------
    draws : array-like of shape (n_chains, n_draws)
        A number that does not depend on what anything is called.

    Returns
    -------
    float
        At most 1.01 is asked for as a rule; 1 where all draws are equal, NaN where any is not
        finite or there are fewer than four in a chain, and infinity where chains stand still at
        different values.

    Raises
    ------
    ValueError
        If ``draws`` has another shape.

    References
    ----------
    .. [1] Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), Rank-normalization, folding, and
       localization: an improved R-hat, Bayesian Analysis 16, 667-718, eq. 4 and section 4.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> round(rank_rhat(rng.normal(size=(4, 1000))), 2)
    1.0
    >>> bool(rank_rhat(rng.normal(size=(4, 1000)) + [[0], [0], [0], [3]]) > 1.2)
    True
    """
    x = _split(_read("rank_rhat", draws))
    if not np.isfinite(x).all() or x.shape[1] < 2:
        return float("nan")
    if np.ptp(x) == 0:
        return 1.0
    folded = np.abs(x - np.median(x))
    return max(_rhat(_normalised(x)), _rhat(_normalised(folded)))


def bulk_ess(draws: ArrayLike) -> float:
    """Count the independent draws that many dependent ones are worth, in the bulk.

    Parameters
    ----------
    draws : array-like of shape (n_chains, n_draws)
        A number that does not depend on what anything is called.

    Returns
    -------
    float
        All of them where all draws are equal; NaN where any is not finite or there are fewer than
        four in a chain.

    Raises
    ------
    ValueError
        If ``draws`` has another shape.

    References
    ----------
    .. [1] Vehtari et al. (2021), as in `rank_rhat`, eq. 10 to 13, with Geyer's initial monotone
       sequence.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> bool(3000 < bulk_ess(rng.normal(size=(4, 1000))) < 5000)
    True
    """
    x = _split(_read("bulk_ess", draws))
    if not np.isfinite(x).all() or x.shape[1] < 2:
        return float("nan")
    if np.ptp(x) == 0:
        return float(x.size)
    return _ess(_normalised(x))


def _read(caller: str, draws: ArrayLike) -> Array:
    x = np.asarray(draws, np.float64)
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"{caller}: draws must be (n_chains, n_draws), got shape {x.shape}.")
    return x


def _split(x: Array) -> Array:
    """Halves of chains, so that a chain that drifts disagrees with itself."""
    half = x.shape[1] // 2
    return np.concatenate([x[:, :half], x[:, x.shape[1] - half :]])


def _normalised(x: Array) -> Array:
    """Return the normal scores of ranks over all chains."""
    ranks = rankdata(x).reshape(x.shape)
    return np.asarray(ndtri((ranks - 0.375) / (x.size + 0.25)))


def _rhat(x: Array) -> float:
    n = x.shape[1]
    within = x.var(1, ddof=1).mean()
    between = n * x.mean(1).var(ddof=1)
    if within == 0:
        return 1.0 if between == 0 else float("inf")
    return float(np.sqrt((n - 1) / n + between / within / n))


def _ess(x: Array) -> float:
    m, n = x.shape
    size = 1 << (2 * n - 1).bit_length()
    away = x - x.mean(1, keepdims=True)
    spectrum = np.abs(np.fft.rfft(away, size)) ** 2
    covariance = np.fft.irfft(spectrum, size)[:, :n] / n
    within = (covariance[:, 0] * n / (n - 1)).mean()
    total = covariance[:, 0].mean() + (x.mean(1).var(ddof=1) if m > 1 else 0.0)
    if total <= 0:
        return float(x.size)
    rho = 1 - (within - covariance.mean(0)) / total
    rho[0] = 1.0
    pairs = rho[: n // 2 * 2].reshape(-1, 2).sum(1)
    stop = int(np.argmax(pairs < 0)) if (pairs < 0).any() else len(pairs)
    kept = np.minimum.accumulate(pairs[:stop])
    time = max(-1 + 2 * kept.sum(), 1 / np.log10(m * n))
    return float(m * n / time)
