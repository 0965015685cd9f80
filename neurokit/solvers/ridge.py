"""Ridge regression on lagged samples, without ever laying the lags out."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import lapack

from neurokit.types import Codes, Floats

_GRID = np.logspace(-7, 3, 21)  # penalties tried, in units of the mean variance of a feature


class Moments(NamedTuple):
    """Sums over samples that determine every ridge regression on them."""

    n: float
    x: Floats  # (n_features,)
    y: Floats  # (n_outputs,)
    xx: Floats  # (n_features, n_features)
    xy: Floats  # (n_features, n_outputs)
    yy: Floats  # (n_outputs,)

    def plus(self, other: "Moments", weight: float = 1.0) -> "Moments":
        """Return the sums over both, those of ``other`` times ``weight``."""
        pairs: Any = zip(self, other, strict=True)
        return Moments(*(a + weight * b for a, b in pairs))

    def without(self, other: "Moments") -> "Moments":
        """Return the sums over the samples that ``other`` does not hold."""
        pairs: Any = zip(self, other, strict=True)
        return Moments(*(a - b for a, b in pairs))

    def centred(self) -> "Moments":
        """Return the sums over samples with their means taken off."""
        x, y = self.x / self.n, self.y / self.n
        return Moments(
            self.n,
            np.zeros_like(self.x),
            np.zeros_like(self.y),
            self.xx - np.outer(self.x, x),
            self.xy - np.outer(self.x, y),
            self.yy - self.y * y,
        )


def lagged_moments(
    x: Floats, y: Floats, runs: Sequence[slice], n_lags: int, n_blocks: int
) -> list[Moments]:
    """Sum products of ``[x(t), x(t-1), ..., x(t-n_lags+1)]`` and ``y(t)``, for blocks of time.

    A product of two lags depends on their distance, but for the ends of a stretch: so only the
    first row of blocks needs a pass over the data, ``n_lags`` times less work than the product of
    the laid-out matrix with itself, and its memory is never needed. With
    ``G(k, l) = sum_t x(t-k) x(t-l)'`` over ``t`` in ``[a, b)``,
    ``G(k+1, l+1) = G(k, l) + x(a-1-k) x(a-1-l)' - x(b-1-k) x(b-1-l)'``.

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_units)
        Zero stands before each stretch: take off the mean beforehand.
    y : ndarray of shape (n_samples, n_outputs)
    runs : sequence of slice
        Stretches across whose ends no lag reaches.
    n_lags, n_blocks : int

    Returns
    -------
    list of Moments, one for each block of successive samples
        Rows whose past is not known are left out (`rows_with_past`).
    """
    n_units = x.shape[1]
    length = max(n_lags, 1)
    padded = np.zeros((len(x) + length * len(runs), n_units))
    where = np.empty(len(x), dtype=np.intp)  # place of each sample among the padding
    for i, run in enumerate(runs):
        where[run] = np.arange(run.start, run.stop) + length * (i + 1)
    padded[where] = x
    found = []
    for rows in np.array_split(rows_with_past(runs, n_lags - 1), n_blocks):
        here, now = where[rows], y[rows]
        lagged = [padded[here - lag] for lag in range(n_lags)]
        jumps = np.flatnonzero(np.diff(here) != 1) + 1
        first = np.concatenate([here[:1], here[jumps]])
        last = np.concatenate([here[jumps - 1], here[-1:]])
        steps = np.arange(n_lags)
        into = padded[(first - 1)[:, None] - steps].reshape(len(first), -1)
        out = padded[last[:, None] - steps].reshape(len(last), -1)
        edge = (into.T @ into - out.T @ out).reshape(n_lags, n_units, n_lags, n_units)
        xx = np.empty((n_lags, n_units, n_lags, n_units))
        for lag in range(n_lags):
            xx[0, :, lag] = lagged[0].T @ lagged[lag]
            xx[lag, :, 0] = xx[0, :, lag].T
        for lag in range(1, n_lags):
            xx[lag, :, 1:] = xx[lag - 1, :, :-1] + edge[lag - 1, :, :-1]
        found.append(
            Moments(
                float(len(rows)),
                np.concatenate([part.sum(0) for part in lagged]),
                now.sum(0),
                xx.reshape(n_lags * n_units, -1),
                np.concatenate([part.T @ now for part in lagged]),
                (now**2).sum(0),
            )
        )
    return found


def rows_with_past(runs: Sequence[slice], n_past: int) -> Codes:
    """Return the rows that ``n_past`` others of their stretch stand before.

    What is unknown would be learned from as if it stood at some value. Only where no stretch is
    long enough for a single such row are all rows returned.

    Parameters
    ----------
    runs : sequence of slice
    n_past : int

    Returns
    -------
    ndarray of int

    Examples
    --------
    >>> rows_with_past([slice(0, 4), slice(4, 6)], 2).tolist()
    [2, 3]
    """
    known = [np.arange(run.start + n_past, run.stop) for run in runs]
    rows = np.concatenate([np.arange(0), *known])
    if len(rows):
        return rows
    return np.concatenate([np.arange(0), *(np.arange(run.start, run.stop) for run in runs)])


def choose_penalty(blocks: Sequence[Moments]) -> Floats:
    """Choose each output's ridge penalty by cross-validation over blocks of time.

    Every block is predicted from the others, for all penalties at once, from the sums alone.

    Parameters
    ----------
    blocks : sequence of Moments
        At least two.

    Returns
    -------
    ndarray of shape (n_outputs,)
    """
    total = blocks[0]
    for block in blocks[1:]:
        total = total.plus(block)
    power = total.xx.diagonal().sum() - float(total.x @ total.x) / total.n
    scale = float(power) / len(total.x)
    scale = scale if scale > 0 else 1.0  # silent units: any penalty keeps their weights at zero
    errors = np.zeros((len(_GRID), len(total.y)))
    for block in blocks:
        rest = total.without(block)
        x, y = rest.x / rest.n, rest.y / rest.n
        weights = _solve_all(rest.centred(), scale * _GRID)
        # sums of the block about the means of the rest, after the products with the weights:
        # to take the means off its matrix would take as long as to multiply by it
        left, right = block.x @ weights, x @ weights
        squared = (weights * (block.xx @ weights)).sum(0) + (block.n * right - 2 * left) * right
        xy = block.xy - np.outer(block.x, y) - np.outer(x, block.y - block.n * y)
        crossed = np.einsum("fpo,fo->po", weights.reshape(-1, *errors.shape), xy)
        yy = block.yy - 2 * block.y * y + block.n * y**2
        errors += yy - 2 * crossed + squared.reshape(errors.shape)
    return scale * _GRID[errors.argmin(0)]


def _solve_all(centred: Moments, penalties: Floats) -> Floats:
    """Solve for the weights of every penalty, shape (n_features, n_penalties * n_outputs).

    The matrix becomes tridiagonal once, ``Q' A Q = T``: a third or less of the work of its
    eigenvectors, and ``(T + penalty) z = Q' b`` then costs next to nothing for any penalty.
    """
    n_features, n_outputs = centred.xy.shape
    if n_features < 2:
        weights = centred.xy[:, None] / (np.maximum(centred.xx, 0.0)[:, None] + penalties[:, None])
        return weights.reshape(n_features, -1)
    work = int(lapack.dsytrd_lwork(n_features, lower=1)[0])
    # symmetric: its transpose is the matrix in the order of Fortran
    packed, diagonal, beside, tau, _ = lapack.dsytrd(centred.xx.T, lower=1, lwork=work)
    # Q leaves the first entry alone; its reflections stand below the first row
    reflections = np.asfortranarray(packed[1:, :-1])
    onto = np.asfortranarray(centred.xy, np.float64)
    onto[1:] = _reflect("T", reflections, tau, onto[1:])
    solved = np.empty((n_features, len(penalties), n_outputs), order="F")
    for k, penalty in enumerate(penalties):
        # symmetric elimination has no pivots; this one also takes what rounding left below zero
        solved[:, k] = lapack.dgtsv(beside, diagonal + penalty, beside, onto)[3]
    weights = solved.reshape(n_features, -1)
    weights[1:] = _reflect("N", reflections, tau, weights[1:])
    return weights


def _reflect(way: str, reflections: Floats, tau: Floats, onto: Floats) -> Floats:
    """Multiply by the Q of a decomposition, or by its transpose."""
    work = 64 * max(onto.shape)
    found: Floats = lapack.dormqr("L", way, reflections, tau, np.asfortranarray(onto), work)[0]
    return found


def ridge(moments: Moments, penalty: Floats) -> tuple[Floats, Floats]:
    """Solve for weights and intercepts, one penalty for each output.

    Parameters
    ----------
    moments : Moments
    penalty : ndarray of shape (n_outputs,)

    Returns
    -------
    weights : ndarray of shape (n_features, n_outputs)
    intercept : ndarray of shape (n_outputs,)
    """
    centred = moments.centred()
    weights = np.empty_like(centred.xy)
    for value in np.unique(penalty):
        columns = penalty == value
        system = centred.xx + value * np.eye(len(centred.x))
        try:
            weights[:, columns] = np.linalg.solve(system, centred.xy[:, columns])
        except np.linalg.LinAlgError:  # no penalty and features that repeat each other
            weights[:, columns] = np.linalg.lstsq(system, centred.xy[:, columns])[0]
    return weights, (moments.y - moments.x @ weights) / moments.n
