"""Hidden Markov chains: filtering, smoothing, the best path, draws of paths.

Everything is scaled, not taken to logarithms: a row of log-likelihoods is divided by its largest
before it is exponentiated, a row of probabilities by its sum. Inner loops run over states that
lie side by side in memory, so that the compiler makes vectors of them. Many sequences stand one
below the other; ``starts`` holds the first row of each and the number of all rows. A row that is
NaN throughout is a missing observation: it says nothing.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
_LARGEST = 1e290  # of a scaled backward message: its state has a forward one below 1e-290
_EXACT = {"reassoc", "contract", "nsz"}  # infinity and NaN keep their meaning


class Filtered(NamedTuple):
    """What is known of the states at each row, from the rows up to it."""

    probability: Floats  # (n_rows, n_states)
    log_evidence: Floats  # (n_rows,): log probability of the row given those before it


class Smoothed(NamedTuple):
    """What is known of the states at each row, from the whole sequence."""

    probability: Floats  # (n_rows, n_states)
    pairs: Floats  # (n_states, n_states): expected transitions, over all sequences
    log_likelihood: Floats  # (n_sequences,)


def filter_states(
    log_likelihood: ArrayLike,
    transition: ArrayLike,
    initial: ArrayLike,
    starts: ArrayLike | None = None,
    *,
    before: ArrayLike | None = None,
) -> Filtered:
    """Run the forward recursion.

    Parameters
    ----------
    log_likelihood : array-like of shape (n_rows, n_states)
        Log probability of each observation in each state; NaN throughout a row where there was
        none.
    transition : array-like of shape (n_states, n_states)
        Probability to go from the state of the row to that of the column.
    initial : array-like of shape (n_states,)
        Probabilities of the state at the first row of every sequence.
    starts : array-like of int, (n_sequences + 1,), optional
        Where sequences begin, and the number of rows. Default: one sequence.
    before : array-like of shape (n_states,), optional
        Filtered probabilities of the row before the first, which then goes on from there, to the
        bit as if all had been given at once.

    Returns
    -------
    Filtered

    Raises
    ------
    ValueError
        If a sequence is impossible: some row has probability zero in every state that can be
        reached.

    Examples
    --------
    >>> filter_states([[0.0, -np.inf], [np.nan, np.nan]], [[0.9, 0.1], [0.1, 0.9]], [0.5, 0.5])[0]
    array([[1. , 0. ],
           [0.9, 0.1]])
    """
    scaled, shift, P, first, rows = _prepare(log_likelihood, transition, initial, starts)
    out, evidence = np.empty_like(scaled), np.empty(len(scaled))
    logs = _as_floats(log_likelihood)
    carried = before is not None
    begun = _as_floats(before) if before is not None else first
    bad = _forward(
        scaled, shift, logs, P, first, rows, carried, begun, np.empty((2, len(P))), out, evidence
    )
    _refuse_impossible(bad)
    np.log(evidence, out=evidence)
    evidence += shift
    return Filtered(out, evidence)


def smooth_states(
    log_likelihood: ArrayLike,
    transition: ArrayLike,
    initial: ArrayLike,
    starts: ArrayLike | None = None,
) -> Smoothed:
    """Run the forward and the backward recursion.

    Parameters
    ----------
    log_likelihood, transition, initial, starts
        As in `filter_states`.

    Returns
    -------
    Smoothed

    Raises
    ------
    ValueError
        As in `filter_states`.

    References
    ----------
    .. [1] Rabiner (1989), A tutorial on hidden Markov models, Proc. IEE 77(2), eq. 19-27, 37,
       with the scaling of section V.A.

    Examples
    --------
    >>> found = smooth_states([[0.0, 0.0], [0.0, -np.inf]], [[0.9, 0.1], [0.1, 0.9]], [0.5, 0.5])
    >>> found.probability.round(3).tolist(), round(float(found.log_likelihood[0]), 3)
    ([[0.9, 0.1], [1.0, 0.0]], -0.693)
    """
    scaled, shift, P, first, rows = _prepare(log_likelihood, transition, initial, starts)
    out, evidence = np.empty_like(scaled), np.empty(len(scaled))
    logs = _as_floats(log_likelihood)
    space = np.empty((2, len(P)))
    bad = _forward(scaled, shift, logs, P, first, rows, False, first, space, out, evidence)
    _refuse_impossible(bad)
    pairs = np.zeros_like(P)
    _backward(scaled, P, np.ascontiguousarray(P.T), rows, evidence, space, out, pairs)
    np.log(evidence, out=evidence)
    evidence += shift
    summed = np.add.reduceat(evidence, rows[:-1]) if len(evidence) else np.empty(0)
    return Smoothed(out, pairs, summed)


def best_path(
    log_likelihood: ArrayLike,
    transition: ArrayLike,
    initial: ArrayLike,
    starts: ArrayLike | None = None,
) -> tuple[NDArray[np.int64], Floats]:
    """Find the most probable path of each sequence (Viterbi).

    Parameters
    ----------
    log_likelihood, transition, initial, starts
        As in `filter_states`.

    Returns
    -------
    path : ndarray of int, shape (n_rows,)
    log_probability : ndarray of shape (n_sequences,)
        The log-probability of path and observations together.

    Examples
    --------
    >>> best_path([[0.0, -1.0], [-1.0, 0.0]], [[0.9, 0.1], [0.1, 0.9]], [0.5, 0.5])[0].tolist()
    [0, 0]
    """
    logs = np.where(np.isnan(_as_floats(log_likelihood)), 0.0, _as_floats(log_likelihood))
    P, first = _as_floats(transition), _as_floats(initial)
    rows = _as_starts(starts, len(logs))
    with np.errstate(divide="ignore"):
        log_p, log_first = np.log(P), np.log(first)
    path = np.empty(len(logs), np.int64)
    best = np.empty(len(rows) - 1)
    _viterbi(logs, log_p, log_first, rows, path, best)
    _refuse_impossible(int(rows[np.argmin(best)]) if np.any(best == -np.inf) else -1)
    return path, best


def draw_paths(
    log_likelihood: ArrayLike,
    transition: ArrayLike,
    initial: ArrayLike,
    starts: ArrayLike | None = None,
    *,
    n_draws: int = 1,
    random_state: int | np.random.Generator | None = None,
) -> NDArray[np.int64]:
    """Draw paths of the states given the observations: filter forwards, sample backwards.

    Parameters
    ----------
    log_likelihood, transition, initial, starts
        As in `filter_states`.
    n_draws : int, default=1
        All from one forward pass.
    random_state : int, Generator or None

    Returns
    -------
    ndarray of int, shape (n_draws, n_rows)

    References
    ----------
    .. [1] Chib (1996), Calculating posterior distributions and modal estimates in Markov mixture
       models, J. Econometrics 75(1), eq. 5.

    Examples
    --------
    >>> draw_paths([[0.0, -np.inf]] * 3, np.full((2, 2), 0.5), [0.5, 0.5], random_state=0).tolist()
    [[0, 0, 0]]
    """
    rng = np.random.default_rng(random_state)
    found = filter_states(log_likelihood, transition, initial, starts).probability
    into = np.ascontiguousarray(_as_floats(transition).T)
    rows = _as_starts(starts, len(found))
    paths, space = np.empty((n_draws, len(found)), np.int64), np.empty(len(into))
    for path in paths:
        _sample(found, into, rows, rng.random(len(found)), space, path)
    return paths


def stationary(transition: ArrayLike) -> Floats:
    """Return the distribution that a transition matrix leaves as it is; the mean of several.

    Parameters
    ----------
    transition : array-like of shape (n_states, n_states)
        Rows sum to 1.

    Returns
    -------
    ndarray of shape (n_states,)

    Examples
    --------
    >>> stationary([[0.9, 0.1], [0.3, 0.7]]).round(6).tolist()
    [0.75, 0.25]
    """
    P = _as_floats(transition)
    n = len(P)
    system = np.vstack([P.T - np.eye(n), np.ones(n)])
    found = np.linalg.lstsq(system, np.append(np.zeros(n), 1.0), rcond=None)[0]
    found = np.maximum(found, 0.0)
    return np.asarray(found / found.sum())


def _as_floats(values: ArrayLike) -> Floats:
    return np.ascontiguousarray(values, dtype=np.float64)


def _as_starts(starts: ArrayLike | None, n_rows: int) -> NDArray[np.int64]:
    return np.array([0, n_rows] if starts is None else starts, dtype=np.int64)


def _prepare(
    log_likelihood: ArrayLike,
    transition: ArrayLike,
    initial: ArrayLike,
    starts: ArrayLike | None,
) -> tuple[Floats, Floats, Floats, Floats, NDArray[np.int64]]:
    """Scale each row of likelihoods by its largest."""
    logs = _as_floats(log_likelihood)
    shift = np.array(logs[:, 0])
    for column in logs.T[1:]:
        np.fmax(shift, column, out=shift)
    missing = np.isnan(shift)
    shift[missing | (shift == -np.inf)] = 0.0
    scaled = logs - shift[:, None]
    if missing.any():
        scaled[missing] = 0.0
    np.exp(scaled, out=scaled)  # NumPy's is made of vectors, the compiler's is not
    return (
        scaled,
        shift,
        _as_floats(transition),
        _as_floats(initial),
        _as_starts(starts, len(logs)),
    )


def _refuse_impossible(row: int) -> None:
    if row >= 0:
        raise ValueError(
            f"hidden chain: row {row} (or its sequence) has probability zero in every state that"
            " can be reached; give every transition and observation some probability."
        )


@njit(cache=True, nogil=True, fastmath=_EXACT)
def _forward(  # type: ignore[no-untyped-def]
    scaled, shift, logs, transition, initial, starts, carried, before, space, out, evidence
):
    """Fill ``out`` with filtered probabilities; return a row that is impossible, or -1.

    The evidence of a row is that of its scaled likelihoods.
    """
    k = scaled.shape[1]
    last, ahead = space[0], space[1]  # to ask for memory here would take half a second to compile
    for s in range(len(starts) - 1):
        for t in range(starts[s], starts[s + 1]):
            if t == starts[s] and not (carried and s == 0):
                for j in range(k):
                    ahead[j] = initial[j]
            else:
                for j in range(k):
                    last[j] = before[j] if t == starts[s] else out[t - 1, j]
                    ahead[j] = 0.0
                for i in range(k):
                    weight = last[i]
                    for j in range(k):
                        ahead[j] += weight * transition[i, j]
            total = 0.0
            for j in range(k):
                out[t, j] = ahead[j] * scaled[t, j]
                total += out[t, j]
            if total < 1e-200:
                # the likeliest states cannot be reached: scale by the best that can
                top = -np.inf
                for j in range(k):
                    if ahead[j] > 0.0 and logs[t, j] > top:
                        top = logs[t, j]
                if top == -np.inf:
                    return t
                shift[t] = top
                total = 0.0
                for j in range(k):
                    scaled[t, j] = np.exp(logs[t, j] - top) if ahead[j] > 0.0 else 0.0
                    out[t, j] = ahead[j] * scaled[t, j]
                    total += out[t, j]
            evidence[t] = total
            inverse = 1.0 / total
            for j in range(k):
                out[t, j] *= inverse
    return -1


@njit(cache=True, nogil=True, fastmath=_EXACT)
def _backward(scaled, transition, into, starts, evidence, space, out, pairs):  # type: ignore[no-untyped-def]
    """Turn filtered into smoothed probabilities, and sum the expected transitions."""
    k = scaled.shape[1]
    message, ahead = space[0], space[1]
    for s in range(len(starts) - 1):
        for j in range(k):
            message[j] = 1.0
        for t in range(starts[s + 1] - 2, starts[s] - 1, -1):
            inverse = 1.0 / evidence[t + 1]
            for j in range(k):
                ahead[j] = min(scaled[t + 1, j] * message[j] * inverse, _LARGEST)
                message[j] = 0.0
            for j in range(k):
                weight = ahead[j]
                for i in range(k):
                    message[i] += into[j, i] * weight
            for i in range(k):
                weight = out[t, i]
                for j in range(k):
                    pairs[i, j] += weight * ahead[j]
            total = 0.0
            for j in range(k):
                out[t, j] *= message[j]
                total += out[t, j]
            inverse = 1.0 / total
            for j in range(k):
                out[t, j] *= inverse
    for i in range(k):
        for j in range(k):
            pairs[i, j] *= transition[i, j]


@njit(cache=True, nogil=True)
def _viterbi(logs, log_p, log_first, starts, path, best):  # type: ignore[no-untyped-def]
    k = logs.shape[1]
    for s in range(len(starts) - 1):
        begin, end = starts[s], starts[s + 1]
        best[s] = 0.0
        if end == begin:
            continue
        came = np.empty((end - begin, k), np.int32)
        score, ahead = np.empty(k), np.empty(k)
        for j in range(k):
            score[j] = log_first[j] + logs[begin, j]
        for t in range(begin + 1, end):
            for j in range(k):
                ahead[j] = -np.inf
                came[t - begin, j] = 0
            for i in range(k):
                for j in range(k):
                    value = score[i] + log_p[i, j]
                    if value > ahead[j]:
                        ahead[j] = value
                        came[t - begin, j] = i
            for j in range(k):
                score[j] = ahead[j] + logs[t, j]
        last = 0
        for j in range(k):
            if score[j] > score[last]:
                last = j
        best[s] = score[last]
        for t in range(end - 1, begin - 1, -1):
            path[t] = last
            last = came[t - begin, last]


@njit(cache=True, nogil=True)
def _sample(filtered, into, starts, uniform, sums, path):  # type: ignore[no-untyped-def]
    k = filtered.shape[1]
    for s in range(len(starts) - 1):
        for t in range(starts[s + 1] - 1, starts[s] - 1, -1):
            total = 0.0
            for j in range(k):
                weight = filtered[t, j]
                if t < starts[s + 1] - 1:
                    weight *= into[path[t + 1], j]
                total += weight
                sums[j] = total
            level = uniform[t] * total
            chosen = 0
            while chosen < k - 1 and sums[chosen] <= level:
                chosen += 1
            path[t] = chosen
