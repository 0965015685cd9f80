"""All restarts of a factorisation as one batch: begin, sweep, retire those that have converged."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neurokit.connectomes.tensors.backend import Array, double, gram, like, to_host
from neurokit.connectomes.tensors.sweeps import Operand, Settings, Sweeps, sweeps_of
from neurokit.persistence import read_tensors, write_tensors

WINDOW = 10  # sweeps over which the fall of the error is judged: one small step proves nothing
PAUSE = 50  # sweeps between checkpoints


class Fitted(NamedTuple):
    """All restarts, on the host."""

    factors: list[np.ndarray]  # (n_restarts, size, rank) each
    errors: np.ndarray  # relative, (n_restarts,)
    converged: np.ndarray  # bool, (n_restarts,)
    n_sweeps: np.ndarray  # (n_restarts,)
    history: np.ndarray  # relative error after each sweep, (n_sweeps, n_restarts); NaN: retired


class _State(NamedTuple):
    """A whole sweep's result: what a checkpoint holds."""

    sweep: int
    active: np.ndarray  # numbers of the restarts that go on
    moving: list[Array]  # their factors
    done: list[np.ndarray]  # factors of all restarts; those of retired ones are final
    converged: np.ndarray
    n_sweeps: np.ndarray
    history: list[np.ndarray]


def draw(
    sizes: tuple[int, ...], rank: int, n_restarts: int, rng: np.random.RandomState, *, signed: bool
) -> list[np.ndarray]:
    """Draw starts of each restart by a generator of its own: more restarts leave the first alone.

    Returns
    -------
    list of float64 ndarrays of shape (n_restarts, size, rank)
        Uniform in [0, 1), or normal if ``signed``.
    """
    starts = []
    for seed in rng.randint(2**31 - 1, size=n_restarts):
        own = np.random.default_rng(seed)
        one = [own.standard_normal((n, rank)) if signed else own.random((n, rank)) for n in sizes]
        starts.append(one)
    return [np.stack(mode) for mode in zip(*starts, strict=True)]


def fit_restarts(
    operand: Operand,
    starts: list[np.ndarray],
    settings: Settings,
    like_this: Array,
    report: Callable[[int, float, int], Any] | None = None,
) -> Fitted:
    """Fit all restarts together.

    Parameters
    ----------
    operand : Dense or Symmetric
    starts : list of ndarrays of shape (n_restarts, size, rank)
    settings : Settings
    like_this : array
        The factors get its dtype and its device.
    report : callable, optional
        Called after every sweep, or as many as a GPU makes at a time, with its number, the best
        relative error and how many restarts are still on their way.

    Returns
    -------
    Fitted

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, with the last whole sweep in the checkpoint where one is set.
    OSError
        If the checkpoint is of another fit.
    """
    n_restarts, _, rank = starts[0].shape
    sweeps = sweeps_of(operand, settings, like_this, n_restarts, rank)
    state = _begin(operand, starts, like_this)
    mark = {
        "norm2": float(operand.norm2).hex(),
        "start": float(sum(float(f.sum()) for f in state.done)).hex(),
        "settings": [settings.rule, settings.penalty, settings.tol, list(operand.sizes)],
    }
    if settings.checkpoint is not None and settings.checkpoint.exists():
        state = _resume(settings.checkpoint, mark, like_this)
    try:
        while len(state.active) and state.sweep < settings.max_iter:
            state = _next(operand, state, sweeps, settings)
            if report is not None:
                report(state.sweep, float(np.nanmin(_last(state))), len(state.active))
            if settings.checkpoint is not None and state.sweep % PAUSE == 0:
                _keep(settings.checkpoint, mark, state)
    except KeyboardInterrupt:
        if settings.checkpoint is not None:
            _keep(settings.checkpoint, mark, state)
        raise
    done = _gather(state)
    if settings.checkpoint is not None:
        settings.checkpoint.unlink(missing_ok=True)
    errors = relative_errors(operand, [like(f, like_this) for f in done])
    broken = ~np.isfinite(errors)
    return Fitted(
        done,
        np.where(broken, np.inf, errors),
        state.converged & ~broken,
        state.n_sweeps,
        np.array(state.history).reshape(-1, len(errors)),
    )


def relative_errors(operand: Operand, factors: list[Array]) -> np.ndarray:
    """Relative error of every restart over the known entries, with sums in float64."""
    inner, square = operand.inner(factors)
    return _relative(operand.norm2, inner, square)


def stationarity(operand: Operand, factors: list[Array], *, bounded: bool) -> np.ndarray:
    """Return how far each restart is from a stationary point: projected gradient over ||X||^2.

    Zero where no small change of the factors lowers the error (Karush-Kuhn-Tucker); each
    gradient counts times the norm of its factor, so that the scale of factors does not matter.
    """
    wide = [double(f) for f in factors]
    slopes: list[Array] = []

    def probe(mode: int, factor: Array, product: Array, weights: Array) -> Array:
        if weights.ndim == 3:
            gradient = factor @ weights - product
        else:
            gradient = (factor[..., None, :] @ weights)[..., 0, :] - product
        if bounded:
            gradient = factor - (factor - gradient).clip(0)
        size = (factor * factor).sum((1, 2)) ** 0.5
        slopes.append((gradient * gradient).sum((1, 2)) ** 0.5 * size)
        return factor

    operand.sweep(wide, probe)
    return np.asarray(sum(to_host(slope) for slope in slopes) / max(operand.norm2, 1e-300))


def _begin(operand: Operand, starts: list[np.ndarray], like_this: Array) -> _State:
    """Scale each start so that its model has the norm of the tensor."""
    square = np.ones((len(starts[0]), starts[0].shape[-1], starts[0].shape[-1]))
    for start, power in zip(starts, operand.powers, strict=True):
        square = square * gram(start) ** power
    model = np.sqrt(np.maximum(square.sum((1, 2)), 1e-300))
    scale = (np.sqrt(operand.norm2) / model) ** (1 / sum(operand.powers))
    scaled = [start * scale[:, None, None] for start in starts]
    n_restarts = len(scale)
    return _State(
        0,
        np.arange(n_restarts),
        [like(f, like_this) for f in scaled],
        [to_host(like(f, like_this)) for f in scaled],
        np.zeros(n_restarts, bool),
        np.zeros(n_restarts, np.int64),
        [],
    )


def _next(operand: Operand, state: _State, sweeps: Sweeps, settings: Settings) -> _State:
    """Sweep all that are on their way; those that have converged or broken retire."""
    ahead = min(sweeps.pace, settings.max_iter - state.sweep)
    moving, inner, square = sweeps.advance(state.moving, ahead)
    rows = np.full((ahead, len(state.converged)), np.nan)
    rows[:, state.active] = _relative(operand.norm2, inner, square)
    history = [*state.history, *rows]
    sweep = state.sweep + ahead
    n_sweeps, converged = state.n_sweeps.copy(), state.converged.copy()
    n_sweeps[state.active] = sweep
    errors = rows[-1, state.active]
    broken = ~np.isfinite(errors)
    settled = np.zeros(len(broken), bool)
    if sweep > WINDOW:
        fall = history[-1 - WINDOW][state.active] - errors
        settled = ~broken & (fall <= settings.tol * WINDOW * errors)
        converged[state.active] = settled
    leave = settled | broken
    if not leave.any() and sweep < settings.max_iter:
        return _State(sweep, state.active, moving, state.done, converged, n_sweeps, history)
    done = [f.copy() for f in state.done]
    for kept, factor in zip(done, moving, strict=True):
        kept[state.active] = to_host(factor)
    stay = np.flatnonzero(~leave)
    return _State(
        sweep,
        state.active[stay],
        [factor[stay.tolist()] for factor in moving],
        done,
        converged,
        n_sweeps,
        history,
    )


def _relative(norm2: float, inner: Array, square: Array) -> np.ndarray:
    residual = norm2 - 2 * to_host(inner) + to_host(square)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sqrt(np.maximum(residual, 0) / norm2))


def _gather(state: _State) -> list[np.ndarray]:
    done = [f.copy() for f in state.done]
    for kept, factor in zip(done, state.moving, strict=True):
        kept[state.active] = to_host(factor)
    return done


def _last(state: _State) -> np.ndarray:
    """Return the last error of every restart, retired ones included."""
    table = np.array(state.history)
    return np.array([column[np.isfinite(column)][-1:].sum() for column in table.T])


# ---------------------------------------------------------------- checkpoint


def _keep(path: Path, mark: dict[str, Any], state: _State) -> None:
    tensors = {f"done.{k}": f for k, f in enumerate(_gather(state))}
    tensors |= {
        "active": state.active,
        "converged": state.converged,
        "n_sweeps": state.n_sweeps,
        "history": np.array(state.history).reshape(-1, len(state.converged)),
    }
    header = {"format": 1, "version": "", "estimator": mark, "sweep": state.sweep}
    write_tensors(path, header, tensors)


def _resume(path: str | os.PathLike[str], mark: dict[str, Any], like_this: Array) -> _State:
    header, tensors = read_tensors(path)
    if header["estimator"] != mark:
        raise OSError(
            f"{path}: the checkpoint is of another fit (other data, seed or settings); remove it,"
            " or name another file."
        )
    done = [tensors[f"done.{k}"] for k in range(len(mark["settings"][-1]))]
    active = tensors["active"]
    return _State(
        header["sweep"],
        active,
        [like(f[active], like_this) for f in done],
        done,
        tensors["converged"],
        tensors["n_sweeps"],
        list(tensors["history"]),
    )
