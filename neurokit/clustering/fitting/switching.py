"""Switching Poisson regressions by expectation maximisation: the mathematics of `SwitchingGLM`.

Rows are bins. ``Z`` holds a column of ones and the filtered past of every unit; state s and unit i
have the coefficients ``coef[s, i]``, the intercept first.
"""

import itertools
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neurokit.clustering.fitting.onehot import Connections, judge_signs, shrink_to_signs
from neurokit.solvers.chains import run_chains
from neurokit.solvers.glm import (
    bends,
    blocks,
    fit_poisson,
    poisson_constant,
    rates,
    solve_damped,
    weighted_grams,
)
from neurokit.solvers.hmm import smooth_states
from neurokit.types import State

Floats = NDArray[np.float64]
LADDER = ("none", "gaussian", "onehot")
_KEPT = 2_000_000  # curvatures at a time, 16 MB
_FAINT = 1e-3  # probability of a state below which a row does not count for its curvature
_LEAST = 10_000  # bins on which first guesses climb
_PER_COEFFICIENT = 200  # such bins for each coefficient of a unit, in every state
_PIECE = 1000  # bins that are taken, or left out, together
_NEAR = 1e-7  # of the log-likelihood: where one regression for all may stop
_TRIED = 8  # rounds that each first guess is given
_RIDGE = (
    1e-2  # precision of intercepts and, without a prior, of weights: keeps silent units finite
)
_PSEUDO = 0.1  # transitions of each kind that nobody saw


class Problem(NamedTuple):
    """What is to be explained, and how."""

    Z: Floats  # (n_rows, 1 + n_units)
    Y: Floats  # (n_rows, n_units)
    starts: NDArray[np.int64]
    link: str
    n_states: int
    prior_scale: float  # of weights about their mean over states, "gaussian"
    concentration: float  # of the kinds of a connection about the overall ones, "onehot"
    keep: NDArray[np.bool_] | None = None  # (n_rows, n_units): False where Y is missing, and 0


def past_drive(values: Floats, kernel: Floats, before: Floats) -> Floats:
    """Sum the bins before each, weighted; ``before`` stands where a stretch has no past.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_units)
        One stretch.
    kernel : ndarray of shape (n_lags,)
        Weights, that of the bin just before first.
    before : ndarray of shape (n_lags, n_units)
        The bins before the first, in order of time.
    """
    n_lags = len(kernel)
    padded = np.concatenate([before, values])
    out = np.zeros_like(values)
    for k, weight in enumerate(kernel):
        out += weight * padded[n_lags - 1 - k : n_lags - 1 - k + len(values)]
    return out


@njit(cache=True, nogil=True)
def _predictors(drive, weights, bias, out):  # type: ignore[no-untyped-def]
    """Sum in one order whatever the number of rows: a stream is the whole, to the bit."""
    n_sources, n_columns = weights.shape
    for t in range(len(drive)):
        for c in range(n_columns):
            out[t, c] = bias[c]
        for j in range(n_sources):
            x = drive[t, j]
            if x != 0.0:
                for c in range(n_columns):
                    out[t, c] += x * weights[j, c]


def log_emission(drive: Floats, Y: Floats, weights: Floats, bias: Floats, link: str) -> Floats:
    """Return the log probability of each bin's counts in each state, the same for any chunk.

    Parameters
    ----------
    drive, Y : ndarray of shape (n_rows, n_units)
        A count that is NaN says nothing.
    weights : ndarray of shape (n_states, n_units, n_units)
    bias : ndarray of shape (n_states, n_units)
    link : str

    Returns
    -------
    ndarray of shape (n_rows, n_states)
    """
    n_states, n_units = bias.shape
    flat = np.ascontiguousarray(weights.reshape(n_states * n_units, n_units).T)
    out = np.empty((len(Y), n_states))
    for part in blocks(len(Y), n_states * n_units):
        y = Y[part]
        missing = np.isnan(y)
        y = np.where(missing, 0.0, y)
        eta = np.empty((len(y), n_states * n_units))
        _predictors(drive[part], flat, bias.ravel(), eta)
        rate, log_rate = rates(eta, link)
        log_rate = log_rate.reshape(len(y), n_states, n_units)
        gain = y[:, None, :] * log_rate - rate.reshape(log_rate.shape)
        gain[np.broadcast_to(missing[:, None], gain.shape)] = 0.0
        out[part] = gain.sum(2) + poisson_constant(y)[:, None]
    return out


def expect(problem: Problem, state: State) -> tuple[Floats, Floats, Floats, float]:
    """Run the E-step: probabilities of states, pairs, those at the starts, log-likelihood."""
    coef = state["coef"]
    n_states, n_units, width = coef.shape
    flat = coef.reshape(-1, width)
    logs = np.empty((len(problem.Y), n_states))
    for part in blocks(len(logs), len(flat)):
        rate, gain = rates(flat @ problem.Z[part].T, problem.link)
        gain, rate = (values.reshape(n_states, n_units, -1) for values in (gain, rate))
        gain *= problem.Y[part].T
        if problem.keep is not None:
            rate *= problem.keep[part].T
        gain -= rate
        logs[part] = gain.sum(1).T
    found = smooth_states(logs, state["transition"], state["initial"], problem.starts)
    total = float(found.log_likelihood.sum())
    return found.probability, found.pairs, found.probability[problem.starts[:-1]], total


def maximise_chain(state: State, pairs: Floats, first: Floats) -> None:
    """Set transitions and first states to those expected, over all sequences together."""
    counts = pairs + _PSEUDO
    state["transition"] = counts / counts.sum(1, keepdims=True)
    begun = first.sum(0) + _PSEUDO
    state["initial"] = begun / begun.sum()


def maximise_weights(problem: Problem, state: State, gamma: Floats, prior: str) -> Floats:
    """Return new coefficients: one Newton step for every state and unit, under the prior.

    With ``"onehot"`` the step also settles which weights are there, and ``state`` takes what all
    states share.
    """
    coef = state["coef"]
    width = coef.shape[2]
    gradient, hessian = expand(problem, coef, gamma)
    if prior == "onehot":
        known = Connections(state["connection"], float(state["slab"]))
        new = shrink_to_signs(coef, gradient, hessian, known, problem.concentration, _RIDGE)
        state["sign"] = new.sign
        state["connection"], state["slab"] = new.connections.probability, new.connections.scale
        return new.coef
    mean, precision = shape_prior(problem, coef, prior)
    gradient -= precision * (coef - mean)
    hessian[..., np.arange(width), np.arange(width)] += precision
    flat = hessian.reshape(-1, width, width), gradient.reshape(-1, width)
    return coef + solve_damped(*flat).reshape(coef.shape)


def shape_prior(problem: Problem, coef: Floats, prior: str) -> tuple[Floats, Floats]:
    """Return mean and precision of the Gaussian prior of the coefficients."""
    mean, precision = np.zeros(coef.shape[1:]), np.full(coef.shape[2], _RIDGE)
    if prior == "gaussian":
        precision[1:] = problem.prior_scale**-2
        mean[:, 1:] = coef[:, :, 1:].mean(0)  # its own maximum, given the weights
    return mean, precision


def log_prior(problem: Problem, state: State, prior: str) -> float:
    """Return the log prior of the weights, but for constants."""
    coef = state["coef"]
    if prior == "onehot":
        return judge_signs(coef, state["sign"], state["connection"], float(state["slab"]))
    mean, precision = shape_prior(problem, coef, prior)
    return float(-0.5 * (precision * (coef - mean) ** 2).sum())


def expand(problem: Problem, coef: Floats, gamma: Floats) -> tuple[Floats, Floats]:
    """Return slopes and curvatures of the expected log-likelihood, of every state and unit.

    Slopes are exact: they say where the maximum is. Curvatures, which say how to get there, leave
    out rows that are hardly ever in the state: two in three, mostly.
    """
    n_states, n_units, width = coef.shape
    flat = coef.reshape(-1, width)
    gradient, hessian = np.zeros(flat.shape), np.zeros((n_states, n_units, width, width))
    size = max(1024, _KEPT // len(flat))
    kept = np.empty((n_states, n_units, min(size, len(problem.Y))))
    for k in range(0, len(problem.Y), size):
        Z, Y, share = problem.Z[k : k + size], problem.Y[k : k + size], gamma[k : k + size]
        seen = None if problem.keep is None else problem.keep[k : k + size]
        for part in blocks(len(Y), len(flat)):
            eta = (flat @ Z[part].T).reshape(n_states, n_units, -1)
            slope, curvature = bends(eta, Y[part].T, problem.link)
            weight = share[part].T[:, None]
            slope *= weight
            curvature *= weight
            if seen is not None:
                slope *= seen[part].T
                curvature *= seen[part].T
            gradient += slope.reshape(len(flat), -1) @ Z[part]
            kept[..., part.start : part.start + eta.shape[2]] = curvature
        for s in range(n_states):
            rows = np.flatnonzero(share[:, s] > _FAINT)
            hessian[s] += weighted_grams(Z[rows], kept[s][:, rows])
    return gradient.reshape(coef.shape), hessian


def fit_one_state(problem: Problem) -> Floats:
    """Return the coefficients of one regression for all bins, near enough to begin from."""
    seen = None if problem.keep is None else problem.keep.astype(np.float64)
    how: State = {"link": problem.link, "weights": seen, "prior_precision": _RIDGE}
    return fit_poisson(problem.Z, problem.Y, tol=_NEAR, **how).coef


def begin(problem: Problem, one: Floats, rng: np.random.Generator) -> State:
    """Find a first guess: windows in which one regression for all errs alike are one state.

    The slope of the log-likelihood over a window, at the fit of one state, tells in which
    direction the weights of that window differ; windows are clustered by it.
    """
    n_units = problem.Y.shape[1]
    n_states = problem.n_states
    state: State = {
        "coef": np.repeat(one[None], n_states, 0),
        "transition": np.ones((1, 1)),
        "initial": np.ones(1),
        "connection": np.full((n_units, n_units, 3), 1 / 3),
        "slab": 1.0,
        "sign": np.zeros((n_states, n_units, n_units), np.int64),
        "before": np.repeat(one[None], n_states, 0),
        "log_joint": -np.inf,
        "done": False,
    }
    if n_states == 1:
        return state
    length = int(rng.choice([30, 60, 120]))
    bounds = [
        np.linspace(a, b, max(1, (b - a) // length) + 1).astype(np.int64)[:-1]
        for a, b in zip(problem.starts[:-1], problem.starts[1:], strict=True)
        if b > a
    ]
    cuts = np.concatenate(bounds)
    scores = _scores(problem, one, cuts)
    sizes = np.diff(np.append(cuts, len(problem.Y)))
    scores /= np.sqrt(sizes)[:, None] * np.maximum(scores.std(0) / np.sqrt(sizes.mean()), 1e-12)
    kept = min(20, *scores.shape)
    u, size, _ = np.linalg.svd(scores - scores.mean(0), full_matrices=False)
    label = _cluster(u[:, :kept] * size[:kept], n_states, rng)
    gamma = np.full((len(problem.Y), n_states), 0.1 / n_states)
    gamma[np.arange(len(gamma)), np.repeat(label, sizes)] += 0.9
    stay = 1 - 1 / length
    state["transition"] = np.full((n_states, n_states), (1 - stay) / (n_states - 1))
    np.fill_diagonal(state["transition"], stay)
    state["initial"] = np.full(n_states, 1 / n_states)
    state["coef"] = maximise_weights(problem, state, gamma, "none")
    return state


def _scores(problem: Problem, one: Floats, cuts: NDArray[np.int64]) -> Floats:
    """Sum the slopes of the log-likelihood over windows; (n_windows, n_units * n_columns)."""
    rate, _ = rates(problem.Z @ one.T, problem.link)
    error = problem.Y - rate
    if problem.keep is not None:
        error *= problem.keep
    ends = np.append(cuts[1:], len(error))
    return np.stack(
        [(error[a:b].T @ problem.Z[a:b]).ravel() for a, b in zip(cuts, ends, strict=True)]
    )


def _cluster(points: Floats, n_clusters: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Group points by k-means."""
    from sklearn.cluster import KMeans

    if len(points) < n_clusters:
        return np.asarray(rng.integers(n_clusters, size=len(points)))
    seed = int(rng.integers(2**31))
    found = KMeans(n_clusters, n_init=3, random_state=seed).fit(points).labels_
    return np.asarray(found, np.int64)


def climb(problem: Problem, state: State, prior: str) -> float:
    """Do one round of expectation and maximisation; return the log joint before it.

    Newton's step is taken whole. If the log joint has fallen since the round before, that step
    was too long: half of it is taken back, and nothing else is done.
    """
    gamma, pairs, first, log_joint = expect(problem, state)
    log_joint += log_prior(problem, state, prior)
    if log_joint < state["log_joint"] - 1e-9 * abs(log_joint) and prior != "onehot":
        state["coef"] = 0.5 * (state["coef"] + state["before"])
        return float(state["log_joint"])
    state["log_joint"] = log_joint
    state["before"] = state["coef"]
    maximise_chain(state, pairs, first)
    state["coef"] = maximise_weights(problem, state, gamma, prior)
    return log_joint


def solve(
    problem: Problem,
    prior: str,
    *,
    n_restarts: int,
    max_iter: int,
    tol: float,
    seed: int | np.random.Generator | None,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> State:
    """Climb from several guesses without a prior, then go on from the best, up the ladder.

    Guesses are made, and climb, on as many bins as tell them apart; all bins are for the best.

    Returns
    -------
    dict
        The state of the best run, its states in order of how long they are held, with
        ``history`` (log joint of every round), ``converged`` and ``gamma``.
    """
    small = tol * len(problem.Y)
    sample = thin_out(problem)
    one = fit_one_state(sample)

    def step(state: State, rng: np.random.Generator) -> tuple[State, float]:
        last = state["log_joint"]
        now = climb(sample, state, "none")
        state["done"] = bool(0 <= now - last < small)
        return state, now

    found = run_chains(
        lambda rng: begin(sample, one, rng), step, done=lambda state: state["done"],
        n_chains=n_restarts if problem.n_states > 1 else 1, n_steps=min(_TRIED, max_iter),
        random_state=seed, n_jobs=n_jobs, verbose=verbose, caller="SwitchingGLM",
    )  # fmt: skip
    state = found.chains[found.best].state
    # in the scale of all bins
    history = (found.chains[found.best].trace * (len(problem.Y) / len(sample.Y))).tolist()
    converged = False
    for rung in LADDER[: LADDER.index(prior) + 1]:
        state["log_joint"], converged = -np.inf, False
        loose = 1.0 if rung == prior else 10.0  # a rung on the way need not be exact
        for _ in range(max_iter):
            last = state["log_joint"]
            history.append(climb(problem, state, rung))
            if abs(history[-1] - last) < loose * small:
                converged = True
                break
    gamma, *_ = expect(problem, state)
    order = np.argsort(-gamma.sum(0), kind="stable")
    state["coef"], state["sign"] = state["coef"][order], state["sign"][order]
    state["transition"] = state["transition"][np.ix_(order, order)]
    state["initial"] = state["initial"][order]
    return state | {
        "history": np.array(history),
        "converged": converged,
        "gamma": gamma[:, order],
    }


def held_out(
    problem: Problem, candidates: list[int], prior: str, n_folds: int, **how: Any
) -> Floats:
    """Return the log-likelihood per bin of rows left out, (n_candidates, n_folds).

    Whole sequences are left out where there are enough, else stretches in turn.
    """
    spans = [(a, b) for a, b in zip(problem.starts[:-1], problem.starts[1:], strict=True) if b > a]
    if len(spans) < n_folds:
        cuts = np.linspace(0, len(problem.Y), 2 * n_folds + 1).astype(np.int64)
        edges = np.unique(np.concatenate([cuts, problem.starts]))
        spans = list(itertools.pairwise(edges))
    out = np.empty((len(candidates), n_folds))
    for fold in range(n_folds):
        train = select(problem, [s for k, s in enumerate(spans) if k % n_folds != fold])
        test = select(problem, spans[fold::n_folds])
        constant = poisson_constant(test.Y).mean()
        for c, n_states in enumerate(candidates):
            state = solve(train._replace(n_states=n_states), prior, **how)
            *_, total = expect(test._replace(n_states=n_states), state)
            out[c, fold] = total / len(test.Y) + constant
    return out


def thin_out(problem: Problem) -> Problem:
    """Return stretches spread over the rows, enough to tell first guesses apart."""
    n_rows, width = problem.Z.shape
    wanted = max(_LEAST, _PER_COEFFICIENT * problem.n_states * width)
    if n_rows <= 1.5 * wanted or problem.n_states == 1:
        return problem
    pieces = [
        (int(a), int(b))
        for start, stop in itertools.pairwise(problem.starts)
        for a, b in itertools.pairwise(
            np.linspace(start, stop, max(1, (stop - start) // _PIECE) + 1).astype(np.int64)
        )
        if b > a
    ]
    share = wanted / n_rows
    taken = [k for k in range(len(pieces)) if int((k + 1) * share) > int(k * share)]
    return select(problem, [pieces[k] for k in taken] or pieces[:1])


def select(problem: Problem, spans: list[tuple[int, int]]) -> Problem:
    """Return the problem of some stretches of rows alone."""
    rows = np.concatenate([np.arange(a, b) for a, b in spans])
    starts = np.cumsum([0, *(b - a for a, b in spans)])
    keep = None if problem.keep is None else problem.keep[rows]
    return problem._replace(Z=problem.Z[rows], Y=problem.Y[rows], starts=starts, keep=keep)
