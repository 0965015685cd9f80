"""Poisson regressions, many at once: values, gradients and Newton steps.

``n_targets`` regressions share the rows of ``X``; each has its own counts, its own weights on the
rows and its own Gaussian prior. The second derivatives of all are one matrix product: the
products of pairs of columns of ``X``, times what each row weighs in each regression.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Floats = NDArray[np.float64]
LINKS = ("exp", "softplus", "sigmoid")
_ENTRIES = 12_000  # of an array made for a while: below 128 kB its memory is used again
_ROWS = 512  # whose products of pairs are laid out at a time
_PAIRS = 48  # columns up to which products of pairs are laid out
_HIGHEST = 700.0  # of a predictor, before its exponential overflows


class Fit(NamedTuple):
    """What `fit_poisson` returns."""

    coef: Floats  # (n_targets, n_features)
    value: Floats  # (n_targets,): log-likelihood plus log prior, without constants
    n_iter: int
    converged: NDArray[np.bool_]  # (n_targets,)


def rates(eta: Floats, link: str) -> tuple[Floats, Floats]:
    """Return the mean count and its logarithm for predictors.

    Parameters
    ----------
    eta : ndarray
        Linear predictors.
    link : {"exp", "softplus", "sigmoid"}
        Mean count as a function of the predictor.

    Returns
    -------
    rate, log_rate : ndarray
        Shaped as ``eta``.

    Examples
    --------
    >>> rates(np.array([0.0]), "softplus")[0].round(4).tolist()
    [0.6931]
    """
    if link == "exp":
        eta = np.minimum(eta, _HIGHEST)
        return np.exp(eta), eta
    # both curves bend towards lines that no rounding may cross, hence minimum and maximum
    if link == "sigmoid":
        against = np.exp(-np.maximum(eta, -_HIGHEST))
        log_rate = np.log1p(against)
        np.negative(log_rate, out=log_rate)
        np.minimum(log_rate, eta, out=log_rate)
        against += 1.0
        return np.reciprocal(against, out=against), log_rate
    rate = np.exp(np.clip(eta, -_HIGHEST, _HIGHEST))
    np.log1p(rate, out=rate)
    np.maximum(rate, eta, out=rate)
    log_rate = np.log(rate)
    return rate, np.minimum(log_rate, eta, out=log_rate)


def derivatives(eta: Floats, y: Floats, link: str) -> tuple[Floats, Floats, Floats]:
    """Return the log-likelihood of counts, its slope and its curvature along the predictor.

    Parameters
    ----------
    eta, y : ndarray of one shape
    link : {"exp", "softplus", "sigmoid"}

    Returns
    -------
    value : ndarray
        ``y log(rate) - rate``.
    slope : ndarray
        First derivative.
    curvature : ndarray
        Minus the second derivative; for ``"sigmoid"``, which alone can bend the other way, zero
        where it does.
    """
    rate, log_rate = rates(eta, link)
    return y * log_rate - rate, *bends(eta, y, link)


def bends(eta: Floats, y: Floats, link: str) -> tuple[Floats, Floats]:
    """Return slope and curvature of `derivatives`, without the value."""
    if link == "exp":
        rate = np.exp(np.minimum(eta, _HIGHEST))
        return y - rate, rate
    odds = np.exp(np.clip(eta, -_HIGHEST, _HIGHEST))
    rest = 1.0 / (1.0 + odds)
    logistic = odds * rest
    if link == "sigmoid":
        # the expectation, `logistic * rest**2`, is never negative either, but misses what large
        # counts bend, and needs three times as many steps
        error = y - logistic
        curvature = (error + rest) * rest
        curvature *= logistic
        error *= rest
        return error, np.maximum(curvature, 0.0, out=curvature)
    relative = logistic / np.maximum(np.log1p(odds), eta)  # f' / f
    # f'' (1 - y / f) + y (f' / f)^2, where f'' / f = (f' / f) (1 - f')
    curvature = logistic * rest + y * relative * (relative - rest)
    return y * relative - logistic, np.maximum(curvature, 0.0, out=curvature)


def weighted_grams(X: Floats, weights: Floats) -> Floats:
    """Return ``X.T @ diag(w) @ X`` for each row ``w`` of weights.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
    weights : ndarray of shape (n_targets, n_rows)

    Returns
    -------
    ndarray of shape (n_targets, n_features, n_features)
    """
    n, d = X.shape
    if d > _PAIRS:
        out, made = np.zeros((len(weights), d, d)), np.empty((min(n, _ROWS), d))
        for k in range(0, n, _ROWS):
            rows = X[k : k + _ROWS]
            for gram, w in zip(out, weights[:, k : k + _ROWS], strict=True):
                gram += np.multiply(rows, w[:, None], out=made[: len(rows)]).T @ rows
        return out
    one, other = np.triu_indices(d)
    packed = np.zeros((len(weights), len(one)))
    pairs = np.empty((len(one), min(n, _ROWS)))
    for k in range(0, n, _ROWS):
        columns = np.ascontiguousarray(X[k : k + _ROWS].T)
        size, at = columns.shape[1], 0
        for i in range(d):  # products of pairs of columns, lying side by side
            np.multiply(columns[i], columns[i:], out=pairs[at : at + d - i, :size])
            at += d - i
        packed += weights[:, k : k + _ROWS] @ pairs[:, :size].T
    out = np.empty((len(weights), d, d))
    out[:, one, other] = packed
    out[:, other, one] = packed
    return out


def blocks(n_rows: int, n_columns: int) -> list[slice]:
    """Return rows in turn, as many at a time as make arrays of that many columns cheap.

    Parameters
    ----------
    n_rows, n_columns : int

    Returns
    -------
    list of slice

    Examples
    --------
    >>> blocks(2500, 10)
    [slice(0, 1200, None), slice(1200, 2400, None), slice(2400, 3600, None)]
    """
    size = max(16, _ENTRIES // max(n_columns, 1))
    return [slice(k, k + size) for k in range(0, n_rows, size)]


def poisson_objective(
    X: Floats,
    Y: Floats,
    coef: Floats,
    *,
    link: str = "exp",
    weights: Floats | None = None,
    offset: Floats | None = None,
    prior_mean: Floats | float = 0.0,
    prior_precision: Floats | float = 0.0,
) -> Floats:
    """Return the weighted log-likelihood plus log prior of each target, without constants.

    Parameters
    ----------
    X, Y, coef, link, weights, offset, prior_mean, prior_precision
        As in `fit_poisson`.

    Returns
    -------
    ndarray of shape (n_targets,)
    """
    value = np.zeros(len(coef))
    for part, x, y, w in _blocks(X, Y, weights):
        eta = coef @ x.T
        if offset is not None:
            eta += offset.T[..., part]
        rate, log_rate = rates(eta, link)
        gain = y * log_rate - rate
        value += (gain if w is None else gain * w).sum(1)
    return value - 0.5 * (prior_precision * (coef - prior_mean) ** 2).sum(1)


def poisson_derivatives(
    X: Floats,
    Y: Floats,
    coef: Floats,
    *,
    link: str = "exp",
    weights: Floats | None = None,
    offset: Floats | None = None,
) -> tuple[Floats, Floats, Floats]:
    """Return log-likelihoods, their gradients and minus their second derivatives.

    Parameters
    ----------
    X, Y, coef, link, weights, offset
        As in `fit_poisson`.

    Returns
    -------
    value : ndarray of shape (n_targets,)
    gradient : ndarray of shape (n_targets, n_features)
    hessian : ndarray of shape (n_targets, n_features, n_features)
        Never negative; see `derivatives`.
    """
    n_targets, d = coef.shape
    value, gradient = np.zeros(n_targets), np.zeros((n_targets, d))
    curvatures = np.empty((n_targets, len(X)))
    for part, x, y, w in _blocks(X, Y, weights):
        eta = coef @ x.T
        if offset is not None:
            eta += offset.T[..., part]
        gain, slope, curvature = derivatives(eta, y, link)
        if w is not None:
            gain, slope, curvature = gain * w, slope * w, curvature * w
        value += gain.sum(1)
        gradient += slope @ x
        curvatures[:, part] = curvature
    return value, gradient, weighted_grams(X, curvatures)


def poisson_step(
    X: Floats,
    Y: Floats,
    coef: Floats,
    *,
    link: str = "exp",
    weights: Floats | None = None,
    offset: Floats | None = None,
    prior_mean: Floats | float = 0.0,
    prior_precision: Floats | float = 0.0,
) -> tuple[Floats, Floats, Floats]:
    """Return one Newton direction per target, not yet taken.

    Parameters
    ----------
    X, Y, coef, link, weights, offset, prior_mean, prior_precision
        As in `fit_poisson`.

    Returns
    -------
    direction : ndarray of shape (n_targets, n_features)
        To be added to ``coef``, whole or shortened.
    value : ndarray of shape (n_targets,)
        The objective at ``coef``.
    promise : ndarray of shape (n_targets,)
        Slope of the objective along the direction; near zero at the maximum.
    """
    value, gradient, hessian = poisson_derivatives(
        X, Y, coef, link=link, weights=weights, offset=offset
    )
    precision = np.broadcast_to(np.asarray(prior_precision, float), coef.shape)
    away = coef - prior_mean
    value -= 0.5 * (precision * away**2).sum(1)
    gradient -= precision * away
    diagonal = np.arange(coef.shape[1])
    hessian[:, diagonal, diagonal] += precision
    direction = solve_damped(hessian, gradient)
    return direction, value, (direction * gradient).sum(1)


def solve_damped(hessian: Floats, gradient: Floats) -> Floats:
    """Solve ``hessian x = gradient`` for each target; flat directions are not moved along.

    Parameters
    ----------
    hessian : ndarray of shape (n_targets, n_features, n_features)
        Symmetric, not negative. Twins and empty columns may make it singular.
    gradient : ndarray of shape (n_targets, n_features)
    """
    d = hessian.shape[-1]
    # units of each coefficient of their own, so that one damping serves all
    scale = np.sqrt(np.maximum(np.einsum("nii->ni", hessian), 0.0))
    scale = np.where(scale > 1e-150, scale, 1.0)
    scaled = hessian / (scale[:, :, None] * scale[:, None, :])
    scaled[:, np.arange(d), np.arange(d)] += 1e-10
    return np.asarray(np.linalg.solve(scaled, (gradient / scale)[..., None])[..., 0] / scale)


def fit_poisson(
    X: Floats,
    Y: Floats,
    coef: Floats | None = None,
    *,
    link: str = "exp",
    weights: Floats | None = None,
    offset: Floats | None = None,
    prior_mean: Floats | float = 0.0,
    prior_precision: Floats | float = 0.0,
    max_iter: int = 50,
    tol: float = 1e-11,
) -> Fit:
    r"""Fit Poisson regressions of many targets on the same columns, by Newton steps.

    Each target maximises :math:`\sum_t w_t (y_t \log f(\eta_t) - f(\eta_t)) - \frac12 \sum_j
    \lambda_j (\beta_j - m_j)^2` with :math:`\eta = X \beta + o`. A step that does not gain is
    halved, for its target alone, so that the objective never falls.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        With a column of ones, if there is to be an intercept.
    Y : ndarray of shape (n_rows, n_targets)
        Counts.
    coef : ndarray of shape (n_targets, n_features), optional
        Where to begin. Default: zero.
    link : {"exp", "softplus", "sigmoid"}, default="exp"
        Mean count as a function of the predictor.
    weights : ndarray of shape (n_rows,) or (n_rows, n_targets), optional
        One for each row, not negative.
    offset : ndarray of shape (n_rows,) or (n_rows, n_targets), optional
        Added to the predictor.
    prior_mean, prior_precision : float, or array that broadcasts to (n_targets, n_features)
        Gaussian prior, each coefficient its own.
    max_iter : int, default=50
        Newton steps; 1 for the M-step of a generalised EM.
    tol : float, default=1e-11
        Target whose next step would gain less than ``tol * (1 + |value|)`` is done.

    Returns
    -------
    Fit

    Examples
    --------
    >>> y = np.array([[1.0], [3.0], [2.0]])
    >>> float(np.exp(fit_poisson(np.ones((3, 1)), y).coef[0, 0]).round(6))
    2.0
    """
    coef = np.zeros((Y.shape[1], X.shape[1])) if coef is None else np.array(coef, float)
    mean = np.broadcast_to(np.asarray(prior_mean, float), coef.shape)
    precision = np.broadcast_to(np.asarray(prior_precision, float), coef.shape)
    todo = np.arange(len(coef))
    values, converged = np.zeros(len(coef)), np.zeros(len(coef), bool)

    def common(rows: NDArray[np.int64]) -> tuple[Floats, dict[str, object]]:
        return Y[:, rows], {
            "link": link,
            "weights": weights if weights is None or weights.ndim == 1 else weights[:, rows],
            "offset": offset if offset is None or offset.ndim == 1 else offset[:, rows],
            "prior_mean": mean[rows],
            "prior_precision": precision[rows],
        }

    n_iter = 0
    while n_iter < max_iter:
        n_iter += 1
        y, given = common(todo)
        direction, value, promise = poisson_step(X, y, coef[todo], **given)  # type: ignore[arg-type]
        values[todo] = value
        done = ~(promise > tol * (1 + np.abs(value)))
        converged[todo[done]] = True
        last = done & (promise > 0)  # what is left of the way is short and free
        coef[todo[last]] += direction[last]
        todo, direction = todo[~done], direction[~done]
        value, promise = value[~done], promise[~done]
        if not len(todo):
            break
        length = np.ones(len(todo))
        waiting = np.arange(len(todo))
        for _ in range(30):
            rows = todo[waiting]
            y, given = common(rows)
            tried = coef[rows] + length[waiting, None] * direction[waiting]
            new = poisson_objective(X, y, tried, **given)  # type: ignore[arg-type]
            good = new >= value[waiting] + 1e-4 * length[waiting] * promise[waiting]
            coef[rows[good]], values[rows[good]] = tried[good], new[good]
            waiting = waiting[~good]
            if not len(waiting):
                break
            length[waiting] *= 0.5
        stuck = todo[waiting]  # rounding hides what is left to gain
        converged[stuck] = True
        todo = np.delete(todo, waiting)
        if not len(todo):
            break
    return Fit(coef, values, n_iter, converged)


def poisson_constant(Y: Floats) -> Floats:
    """Return ``-log y!`` summed over targets: what the objectives leave out of each row."""
    return np.asarray(-gammaln(Y + 1.0).sum(-1))


def _blocks(X: Floats, Y: Floats, weights: Floats | None):  # type: ignore[no-untyped-def]
    """Yield rows in turn: which, of X, of Y and of the weights, the last two turned."""
    for part in blocks(len(X), max(Y.shape[1], X.shape[1])):
        w = None if weights is None else weights[part].T
        yield part, X[part], Y[part].T, w
