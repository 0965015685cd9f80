"""States drawn with the trajectories integrated out.

Where counts are Gaussian observations of trajectories (given Pólya-gamma numbers, or near a point)
and states are given, trajectories are Gaussian chains: the likelihood of states is that of a
Kalman filter. One pass gathers what the bins on one side say of each bin, another, the other way,
draws the state of every bin in turn (Carter and Kohn 1996, Biometrika 83, 589-601, section 2):
T L K q^3 operations. Trajectories that were drawn under the old states hold nothing.

``lam`` (K, T, q, q), lower triangles read, and ``eta`` (K, T, q) are what counts say of each bin;
W (K, L, q + 1, q), Q and its factor (K, L, q, q) the dynamics. The first state of a run is
uniform. Only bins start, ..., stop - 1 are drawn, given trajectories and states outside.
"""

import numpy as np
from numba import njit

from neurokit.clustering.sampling.filters import (
    log_mass,
    observe,
    root_of,
    step_back,
    step_on,
)


@njit(cache=True, error_model="numpy", nogil=True)
def _end(lam, latents, weight, inverse, xi, first, stop, later, pull):  # type: ignore[no-untyped-def]
    """Fill what the bin after the last one says of it: nothing where a run ends."""
    n_clusters, n_times, q = latents.shape
    for j in range(n_clusters):
        for a in range(q):
            pull[j, a] = 0.0
            for b in range(q):
                later[j, a, b] = 0.0
        if stop == n_times or first[stop]:
            continue
        k = xi[stop]
        for a in range(q):
            for c in range(q):
                qa = 0.0  # (A' Q^-1)[a, c]
                for d in range(q):
                    qa += weight[j, k, a, d] * inverse[j, k, d, c]
                pull[j, a] += qa * (latents[j, stop, c] - weight[j, k, q, c])
                for b in range(q):
                    later[j, a, b] += qa * weight[j, k, b, c]


@njit(cache=True, error_model="numpy", nogil=True)
def _read(lam, eta, later, pull, into, pulled):  # type: ignore[no-untyped-def]
    """Add up what a bin's counts and the bins after it say."""
    q = len(eta)
    for a in range(q):
        pulled[a] = eta[a] + pull[a]
        for b in range(q):
            into[a, b] = (lam[a, b] if b <= a else lam[b, a]) + later[a, b]


@njit(cache=True, error_model="numpy", nogil=True)
def _choose(score, u):  # type: ignore[no-untyped-def]
    """Draw by log weights; minus one where none is finite."""
    top = score.max()
    if not np.isfinite(top):
        return -1
    total = 0.0
    for k in range(len(score)):
        total += np.exp(score[k] - top)
    left = u * total
    for k in range(len(score)):
        left -= np.exp(score[k] - top)
        if left < 0:
            return k
    return int(score.argmax())


@njit(cache=True, error_model="numpy", nogil=True)
def sweep_states(  # type: ignore[no-untyped-def]
    lam, eta, latents, weight, noise, half, inverse, log_pi, first, xi, start, stop, ahead, rng
):
    """Draw states bin by bin in place; ``ahead`` goes from left to right, else from right to left.

    Either way leaves the same law as it is, and one is the reverse of the other.
    """
    n_clusters, n_times, q = eta.shape
    later = np.zeros((n_clusters, n_times, q, q))
    pull = np.zeros((n_clusters, n_times, q))
    means = np.zeros((n_clusters, n_times + 1, q))  # [t + 1] is given the bins up to t
    covers = np.zeros((n_clusters, n_times + 1, q, q))
    for j in range(n_clusters):
        if start > 0:
            for a in range(q):
                means[j, start, a] = latents[j, start - 1, a]
    _end(lam, latents, weight, inverse, xi, first, stop, later[:, stop - 1], pull[:, stop - 1])
    n = stop - start
    square = (q, q)
    spare = (
        np.empty(square), np.empty(square), np.zeros(square), np.zeros(square), np.empty(square),
        np.empty((2, q)), np.empty((q + 2, q)),
    )  # fmt: skip
    if ahead:
        for s in range(n - 1):
            _pass_back(stop - 1 - s, lam, eta, weight, half, first, xi, later, pull, spare)
        for t in range(start, stop):
            _draw(
                t,
                lam,
                eta,
                weight,
                noise,
                log_pi,
                first,
                xi,
                later,
                pull,
                means,
                covers,
                spare,
                rng,
            )
            _pass_on(t, lam, eta, weight, noise, first, xi, means, covers, spare)
    else:
        for t in range(start, stop - 1):
            _pass_on(t, lam, eta, weight, noise, first, xi, means, covers, spare)
        for s in range(n):
            t = stop - 1 - s
            _draw(
                t,
                lam,
                eta,
                weight,
                noise,
                log_pi,
                first,
                xi,
                later,
                pull,
                means,
                covers,
                spare,
                rng,
            )
            if t > start:
                _pass_back(t, lam, eta, weight, half, first, xi, later, pull, spare)


@njit(cache=True, error_model="numpy", nogil=True)
def _pass_back(t, lam, eta, weight, half, first, xi, later, pull, spare):  # type: ignore[no-untyped-def]
    into, wide, root, _, _, vectors, room = spare
    pulled = vectors[1]
    for j in range(len(eta)):
        if first[t]:
            continue  # a run says nothing of the one before
        _read(lam[j, t], eta[j, t], later[j, t], pull[j, t], into, pulled)
        step_back(
            into,
            pulled,
            weight[j, xi[t]],
            half[j, xi[t]],
            wide,
            root,
            room,
            later[j, t - 1],
            pull[j, t - 1],
        )


@njit(cache=True, error_model="numpy", nogil=True)
def _prepare(t, j, k, weight, noise, first, means, covers, mean, half, spread):  # type: ignore[no-untyped-def]
    """Fill mean and factor of the covariance of a bin before its counts; False where it fails."""
    q = len(mean)
    if first[t]:
        for a in range(q):
            mean[a] = 0.0
            for b in range(q):
                half[a, b] = 1.0 if a == b else 0.0
        return True
    step_on(means[j, t], covers[j, t], weight[j, k], noise[j, k], mean, spread)
    return root_of(spread, half)


@njit(cache=True, error_model="numpy", nogil=True)
def _pass_on(t, lam, eta, weight, noise, first, xi, means, covers, spare):  # type: ignore[no-untyped-def]
    q = eta.shape[2]
    own, wide, root, half, spread, vectors, room = spare
    mean = vectors[0]
    for j in range(len(eta)):
        _prepare(t, j, xi[t], weight, noise, first, means, covers, mean, half, spread)
        for a in range(q):
            for b in range(q):
                own[a, b] = lam[j, t, a, b] if b <= a else lam[j, t, b, a]
        observe(mean, half, own, eta[j, t], wide, root, room, covers[j, t + 1])
        for a in range(q):
            means[j, t + 1, a] = mean[a]


@njit(cache=True, error_model="numpy", nogil=True)
def _draw(  # type: ignore[no-untyped-def]
    t, lam, eta, weight, noise, log_pi, first, xi, later, pull, means, covers, spare, rng
):
    n_clusters, n_times, _ = eta.shape
    n_states = weight.shape[1]
    into, wide, root, half, spread, vectors, room = spare
    mean, pulled = vectors
    score = np.zeros(n_states)
    inside = t < n_times - 1 and not first[t + 1]
    for k in range(n_states):
        if not first[t]:
            score[k] += log_pi[xi[t - 1], k]
        if inside:
            score[k] += log_pi[k, xi[t + 1]]
    if not first[t]:
        for j in range(n_clusters):
            _read(lam[j, t], eta[j, t], later[j, t], pull[j, t], into, pulled)
            for k in range(n_states):
                if _prepare(t, j, k, weight, noise, first, means, covers, mean, half, spread):
                    score[k] += log_mass(mean, half, into, pulled, wide, root, room)
                else:
                    score[k] = -np.inf
    chosen = _choose(score, rng.random())
    if chosen >= 0:
        xi[t] = chosen
