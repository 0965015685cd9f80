"""How a population turns its gains down when a stimulus is shown often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.covariance import ledoit_wolf
from sklearn.utils.validation import check_is_fitted

from neurokit.inputs.classes import read_labels
from neurokit.inputs.lazily import by_trials, has_lazy_trials
from neurokit.inputs.trials import Trials, trials
from neurokit.persistence import Saveable
from neurokit.solvers.covariances import lift
from neurokit.types import Doubles, Floats, Recording, Targets

if TYPE_CHECKING:
    from sklearn.utils import Tags

_SMALLEST = 1e-3  # gain, relative to that of the control


class GainControl(Saveable, TransformerMixin, BaseEstimator):
    r"""Adaptation as gains of single units that spread through fixed recurrent connections.

    This is a model of ours in the spirit of [1]_, of which only the abstract could be read: it
    says that gains of single units, in a network whose connections stay, are set to keep the
    representation while activity is saved. Its objective is not known to us; this one shows
    gains that fall where a stimulus is frequent, but, on rings of orientation units, repulsion of
    tuning and decorrelation far smaller than measured in visual cortex.

    In the steady state unit i answers with gain :math:`g_i` to its own drive and to the others:

    .. math::

        r = (G^{-1} - W)^{-1} f(s), \qquad G = \mathrm{diag}(g)

    A decoder that was made for the control gains :math:`g_0` reads :math:`f` off by
    :math:`B = G_0^{-1} - W`; adaptation minimises, over an ensemble of stimuli s,

    .. math::

        J(g) = \left< |f - B r|^2 + \alpha |r|^2 \right>_s + \gamma |g - g_0|^2.

    Control gains are 1. ``fit`` takes W, symmetric and without self-connections in the mean, from
    how units vary together while a stimulus stays (with equal noise in all units their inverse
    covariance is proportional to :math:`(I - W)^2`), and :math:`f = (I - W) \bar r`.

    Parameters
    ----------
    alpha : float, default=1.0
        Price of activity.
    gamma : float, default=0.5
        Price of changing gains, in units of the mean power of the drive.

    Attributes
    ----------
    stimuli_ : ndarray of shape (n_stimuli,)
        Labels of the stimuli.
    drive_ : ndarray of shape (n_stimuli, n_units)
        f of each stimulus.
    connections_ : ndarray of shape (n_units, n_units)
        W.
    gain_ : ndarray of shape (n_units,)
        1 after ``fit``; `adapt` changes it.
    n_features_in_ : int
    channels_ : list

    Raises
    ------
    ValueError
        If there are fewer than two stimuli, no stimulus has two trials, or a price is negative.

    References
    ----------
    .. [1] arXiv:2305.19869 (2023); its abstract alone was read.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> label = np.repeat([0, 90], 30)
    >>> tuning = np.array([[3.0, 1.0], [1.0, 3.0]])  # stimulus, unit
    >>> X = tuning[label // 90] + 0.3 * rng.normal(size=(60, 2))
    >>> model = GainControl().fit(X, label).adapt({0: 0.9, 90: 0.1})
    >>> bool(model.gain_[0] < model.gain_[1] < 1)
    True
    """

    def __init__(self, alpha: float = 1.0, *, gamma: float = 0.5) -> None:
        self.alpha = alpha
        self.gamma = gamma

    def fit(self, X: Recording, y: Targets | None) -> Self:
        """Learn drive and connections from responses to the control ensemble.

        Parameters
        ----------
        X : xarray.DataArray of dims (trial, unit | channel, time), or array-like
            Responses; a trial's steady response is its mean over time.
        y : array-like of shape (n_trials,)
            Stimulus of each trial.

        Returns
        -------
        self
        """
        name = type(self).__name__
        seen = trials(self, X, reset=True)
        labels = read_labels(self, y, len(seen.values), seen.source)
        for price in ("alpha", "gamma"):
            if not 0 <= getattr(self, price) < np.inf:
                raise ValueError(
                    f"{name}: {price} must be zero or positive, got {getattr(self, price)!r}."
                )
        self.stimuli_, which, count = np.unique(labels, return_inverse=True, return_counts=True)
        if len(self.stimuli_) < 2 or count.max() < 2:
            raise ValueError(
                f"{name}: needs two stimuli at least, one of them twice, got n_samples="
                f"{len(labels)} of {len(self.stimuli_)} stimuli (1 class says nothing of tuning)."
            )
        steady = seen.values.mean(2, dtype=np.float64)
        mean = np.stack([steady[which == k].mean(0) for k in range(len(self.stimuli_))])
        rest = (steady - mean[which])[np.isin(which, np.flatnonzero(count > 1))]
        self.connections_ = find_connections(rest)
        self.drive_ = mean - mean @ self.connections_.T
        self.gain_ = np.ones(steady.shape[1])
        self.alpha_, self.gamma_ = float(self.alpha), float(self.gamma)
        return self

    def adapt(self, ensemble: dict[Any, float] | ArrayLike) -> Self:
        """Set the gains to what serves an ensemble of stimuli best.

        Parameters
        ----------
        ensemble : dict of stimulus to number, or array-like of stimuli
            How often each stimulus is shown, in any unit; or the stimuli one after the other.

        Returns
        -------
        self
        """
        check_is_fitted(self)
        shown = self._weigh(ensemble)
        power = (self.drive_.T * shown) @ self.drive_
        scale = float(np.trace(power)) / len(power) or 1.0
        self.gain_ = solve_gains(power, self.connections_, self.alpha_, self.gamma_ * scale)
        return self

    def transform(self, X: Recording) -> Any:
        """Return responses as they would be with the gains of now.

        Parameters
        ----------
        X : as in `fit`
            Responses with the control gains.

        Returns
        -------
        xarray.DataArray or ndarray, of the dims of X
        """
        check_is_fitted(self)
        if has_lazy_trials(X):
            return by_trials(self, "transform", X)
        seen = trials(self, X, reset=False)
        control = np.eye(len(self.gain_)) - self.connections_
        adapted = np.linalg.solve(np.diag(1 / self.gain_) - self.connections_, control)
        return _label(np.einsum("uv,nvt->nut", adapted, seen.values), seen, X)

    def _weigh(self, ensemble: Any) -> Doubles:
        known = self.stimuli_.tolist()
        if not isinstance(ensemble, dict):
            names, count = np.unique(np.asarray(ensemble), return_counts=True)
            ensemble = dict(zip(names.tolist(), count.tolist(), strict=True))
        strange = [name for name in ensemble if name not in known]
        shown = np.array([float(ensemble.get(name, 0.0)) for name in known])
        if strange or not (shown >= 0).all() or not 0 < shown.sum() < np.inf:
            raise ValueError(
                f"{type(self).__name__}.adapt: expects how often stimuli of {known} are shown,"
                f" got {ensemble}."
            )
        return shown / shown.sum()

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        return tags


def find_connections(rest: Floats) -> Doubles:
    """Return symmetric connections from how units vary together around their means.

    Parameters
    ----------
    rest : ndarray of shape (n_trials, n_units)
        With equal private noise in all units, its covariance is proportional to (I - W)^-2.

    Returns
    -------
    ndarray of shape (n_units, n_units)
        W, whose diagonal is zero in the mean.
    """
    covariance = ledoit_wolf(rest, assume_centered=True)[0]
    values, vectors = np.linalg.eigh(covariance)
    if values.max() <= 0:
        return np.zeros_like(covariance)
    root = (vectors / np.sqrt(lift(values))) @ vectors.T
    return np.eye(len(root)) - root * len(root) / np.trace(root)


def cost_of_gains(
    gain: Doubles, power: Doubles, connections: Doubles, alpha: float, gamma: float
) -> tuple[float, Doubles]:
    """Return J of `GainControl` for control gains 1, and its gradient.

    Parameters
    ----------
    gain : ndarray of shape (n_units,)
    power : ndarray of shape (n_units, n_units)
        Second moment of the drive over the ensemble.
    connections : ndarray of shape (n_units, n_units)
    alpha, gamma : float

    Returns
    -------
    float
    ndarray of shape (n_units,)
    """
    inverse = np.linalg.inv(np.diag(1 / gain) - connections)
    response = inverse @ power @ inverse.T
    off = 1 / gain - 1
    weight = off**2 + alpha
    own = np.diag(response)
    value = float(weight @ own + gamma * np.sum((gain - 1) ** 2))
    by_inverse = 2 * off * own - 2 * np.einsum("j,ji,ij->i", weight, inverse, response)
    return value, -by_inverse / gain**2 + 2 * gamma * (gain - 1)


def solve_gains(power: Doubles, connections: Doubles, alpha: float, gamma: float) -> Doubles:
    """Return the gains, from control gains 1, that minimise J of `GainControl`.

    Parameters
    ----------
    power, connections, alpha, gamma
        See `cost_of_gains`.

    Returns
    -------
    ndarray of shape (n_units,)
        Such that the network stays stable.
    """
    # 1/g above the largest eigenvalue of W keeps the steady state where it is stable
    top = float(np.linalg.eigvalsh((connections + connections.T) / 2).max())
    most = 2.0 if top <= 0 else min(2.0, 0.999 / top)
    found = minimize(
        cost_of_gains,
        np.full(len(power), min(1.0, most)),
        (power, connections, alpha, gamma),
        jac=True,
        method="L-BFGS-B",
        bounds=[(_SMALLEST, most)] * len(power),
        options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 2000},
    )
    return np.asarray(found.x)


def _label(values: Floats, seen: Trials, X: Any) -> Any:
    if seen.source is None:
        return values[..., 0] if np.asarray(X).ndim == 2 else values
    out = seen.source.copy(data=values)
    return out.isel(trial=0) if seen.single else out
