"""The error covariance of a Kalman filter at every step, by doubling."""

import numpy as np

from neurokit.types import Doubles

_DOUBLINGS = 13  # 8,192 steps: beyond, the last one holds


def settle(
    first: Doubles, transition: Doubles, information: Doubles, noise: Doubles, tol: float
) -> Doubles:
    """Return the covariance before each observation until it stands still.

    One step is ``f(P) = A P (I + M P)^-1 A' + W``. Any number of steps has the same form, and
    twice as many follow from it in three products (the structure-preserving doubling of the
    reference): so the covariances of the second half of the steps are those of the first half,
    sent through it all at once. A direction that is seen hardly, or not at all, takes thousands of
    steps to settle, and thirteen doublings.

    Parameters
    ----------
    first : ndarray of shape (k, k)
        Covariance before the first observation.
    transition : ndarray of shape (k, k)
        A.
    information : ndarray of shape (k, k)
        M, of one observation; symmetric.
    noise : ndarray of shape (k, k)
        W.
    tol : float
        It stands still where a step changes it by less than this, relative to its largest entry.

    Returns
    -------
    ndarray of shape (n_steps, k, k)
        At least two, at most 8,192.

    References
    ----------
    .. [1] Chu, Fan, Lin and Wang (2004), Structure-preserving algorithms for periodic
       discrete-time algebraic Riccati equations, Int. J. Control 77(8), 767-788.

    Examples
    --------
    >>> one = np.eye(1)
    >>> settle(one, one, one, one, 1e-12)[[0, 1, -1], 0, 0].round(6).tolist()
    [1.0, 1.5, 1.618034]
    """
    eye = np.eye(len(first))
    covariances = first[None]
    a, m, w = transition, information, noise
    for _ in range(_DOUBLINGS):
        inner = np.linalg.solve(eye + covariances @ m, covariances)
        later = a @ inner @ a.T + w
        later = (later + later.transpose(0, 2, 1)) / 2
        joined = np.concatenate([covariances, later])
        # only the new ones can be the first to stand still
        change = np.abs(np.diff(joined[len(covariances) - 1 :], axis=0)).max((1, 2))
        still = np.flatnonzero(change <= tol * np.abs(later).max((1, 2)))
        still = still[len(covariances) + still > 1]
        if len(still):
            return joined[: len(covariances) + still[0]]
        covariances = joined
        both = np.linalg.solve(eye + w @ m, np.concatenate([a, w], axis=1))
        through, spread = both[:, : len(a)], both[:, len(a) :]
        m = m + a.T @ m @ through
        w = w + a @ spread @ a.T
        a = a @ through
        m, w = (m + m.T) / 2, (w + w.T) / 2
    return covariances
