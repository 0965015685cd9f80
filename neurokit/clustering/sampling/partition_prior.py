"""Mixture of finite mixtures: the prior of a partition when the number of components is drawn.

    K ~ p(k);  weights ~ Dir_K(gamma);  p(partition with t clusters of sizes n_c) =
    V(t) prod_c gamma (gamma + 1) ... (gamma + n_c - 1),
    V(t) = sum_{k >= t} k! / (k - t)! / (gamma k (gamma k + 1) ... (gamma k + N - 1)) p(k)

(Miller and Harrison 2018, J. Am. Stat. Assoc. 113, 340-356, eq. 3.2).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

_MOST = 4000  # components summed over; their prior falls geometrically


@lru_cache(maxsize=64)
def log_partition_weights(
    n_units: int, *, gamma: float, stop: float, most: int | None
) -> NDArray[np.float64]:
    """Return log V(t) for t = 0, ..., N + 1; minus infinity where there may not be t clusters.

    Parameters
    ----------
    n_units : int
    gamma : float
        Concentration of the weights.
    stop : float
        p(k) is geometric, ``stop (1 - stop)^(k - 1)``, up to ``most`` components.
    most : int or None
    """
    k = np.arange(1, (most or _MOST) + 1)
    log_p = np.log(stop) + (k - 1) * np.log1p(-stop)
    log_p = log_p - logsumexp(log_p)
    below = gammaln(gamma * k + n_units) - gammaln(gamma * k)
    out = np.full(n_units + 2, -np.inf)
    for t in range(n_units + 2):
        ok = k >= max(t, 1)
        if ok.any():
            above = gammaln(k[ok] + 1) - gammaln(k[ok] - t + 1)
            out[t] = logsumexp(above - below[ok] + log_p[ok])
    out.flags.writeable = False  # kept for the next call
    return out


def log_block(size: int, gamma: float) -> float:
    """Log of gamma (gamma + 1) ... (gamma + size - 1)."""
    return float(gammaln(gamma + size) - gammaln(gamma))
