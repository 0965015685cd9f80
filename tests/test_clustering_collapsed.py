"""States with the trajectories integrated out, against every path written down."""

import itertools

import numpy as np
import pytest

from neurokit.clustering.sampling import together
from neurokit.clustering.sampling.collapsed import sweep_states
from neurokit.clustering.sampling.dynamics import Dynamics
from neurokit.clustering.sampling.model import Chain, Counts

K, T, L, Q = 2, 6, 2, 2
FIRST = np.array([True, False, False, False, True, False])


@pytest.fixture
def model(rng):
    """Pulls of counts, trajectories, dynamics and steps: all of them arbitrary."""

    def positive(*lead):
        a = rng.standard_normal((*lead, Q, Q))
        return 0.3 * (a @ np.swapaxes(a, -1, -2) + 0.5 * np.eye(Q))

    weight = 0.6 * rng.standard_normal((K, L, Q + 1, Q))
    return {
        "lam": positive(K, T),
        "eta": rng.standard_normal((K, T, Q)),
        "x": rng.standard_normal((K, T, Q)),
        "dynamics": Dynamics(weight, positive(K, L)),
        "pi": rng.dirichlet(np.ones(L), L),
    }


def log_weight(model, xi, start, stop):
    """Log probability of states, bins start to stop - 1 of trajectories integrated out."""
    lam, eta, x, (weight, noise), pi = model.values()
    n, total = stop - start, 0.0
    for j in range(K):
        precision, linear = np.zeros((n * Q, n * Q)), np.zeros(n * Q)
        for t in range(start, min(stop + 1, T)):
            here, before = np.zeros((Q, n * Q)), np.zeros((Q, n * Q))
            given_here, given_before = np.zeros(Q), np.zeros(Q)
            if t < stop:
                here[:, (t - start) * Q : (t - start + 1) * Q] = np.eye(Q)
            else:
                given_here = x[j, t]
            if t > start:
                before[:, (t - start - 1) * Q : (t - start) * Q] = np.eye(Q)
            elif t:
                given_before = x[j, t - 1]
            if t < stop:
                precision += here.T @ lam[j, t] @ here
                linear += here.T @ eta[j, t]
            if FIRST[t]:
                precision += here.T @ here
                continue
            a, b = weight[j, xi[t], :Q].T, weight[j, xi[t], Q]
            inverse = np.linalg.inv(noise[j, xi[t]])
            load = here - a @ before
            rest = b + a @ given_before - given_here
            precision += load.T @ inverse @ load
            linear += load.T @ inverse @ rest
            total -= 0.5 * rest @ inverse @ rest - 0.5 * np.linalg.slogdet(inverse)[1]
        total += 0.5 * linear @ np.linalg.solve(precision, linear)
        total -= 0.5 * np.linalg.slogdet(precision)[1]
    inside = [t for t in range(1, T) if not FIRST[t]]
    return total + sum(np.log(pi[xi[t - 1], xi[t]]) for t in inside)


def laws(model):
    weight, noise = model["dynamics"]
    return weight, noise, np.linalg.cholesky(noise), np.linalg.inv(noise), np.log(model["pi"])


@pytest.mark.parametrize("ahead", [True, False])
@pytest.mark.parametrize(("start", "stop"), [(0, T), (1, 3), (3, T)])
def test_states_are_those_of_all_paths_written_down(model, rng, ahead, start, stop):
    base = rng.integers(L, size=T)
    paths = np.repeat(base[None], L ** (stop - start), 0)
    paths[:, start:stop] = list(itertools.product(range(L), repeat=stop - start))
    logs = np.array([log_weight(model, path, start, stop) for path in paths])
    exact = np.exp(logs - logs.max())
    exact /= exact.sum()
    xi, n = base.copy(), 12_000
    code = L ** np.arange(stop - start)[::-1]
    found = np.empty(n, int)
    given = (model["lam"], model["eta"], model["x"], *laws(model), FIRST)
    for k in range(n):
        sweep_states(*given, xi, start, stop, ahead, rng)
        found[k] = xi[start:stop] @ code
    hits = found[:, None] == np.arange(len(paths))
    error = hits.reshape(20, -1, len(paths)).mean(1).std(0, ddof=1) / np.sqrt(20)
    away = np.abs(hits.mean(0) - exact) / np.maximum(error, 5e-4)
    assert away.max() < 5.5  # in standard errors of batches, of up to 64 paths
    outside = np.r_[0:start, stop:T]
    np.testing.assert_array_equal(xi[outside], base[outside])


def test_a_window_of_poisson_counts_leaves_their_posterior_as_it_is(rng):
    """One unit, two bins, two states, one latent that matters: against a grid."""
    weight, noise = np.zeros((1, 2, 3, 2)), np.empty((1, 2, 2, 2))
    weight[0, :, 0, 0] = 0.9, -0.5
    weight[0, :, 2, 0] = 0.5, -1.0
    noise[0] = np.diag([0.3, 1.0]), np.diag([1.0, 1.0])
    y, first = np.array([[3.0, 9.0]]), np.array([True, False])
    counts = Counts(y, np.ones((1, 2), bool), first)
    chain = Chain(
        z=np.zeros(1, np.int64),
        theta=np.array([[0.4, 0.0]]),
        r=np.array([np.inf]),
        latents=np.zeros((1, 2, 2)),
        dynamics=Dynamics(weight, noise),
        xi=np.zeros(2, np.int64),
        beta=np.full(2, 0.5),
        pi=np.array([[0.6, 0.4], [0.3, 0.7]]),
    )
    grid = np.linspace(-5, 5, 801)
    likely = [np.exp(n * grid - np.exp(0.4 + grid)) for n in y[0]]
    exact = np.empty((2, 2))  # state of the second bin: probability, mean of its latent
    for k in range(2):
        mean = weight[0, k, 0, 0] * grid + weight[0, k, 2, 0]
        step = np.exp(-0.5 * (grid[:, None] - mean) ** 2 / noise[0, k, 0, 0])
        step /= np.sqrt(noise[0, k, 0, 0])
        there = likely[1] * (step @ (likely[0] * np.exp(-0.5 * grid**2)))
        exact[k] = chain.pi[:, k].sum() * there.sum(), (there @ grid) / there.sum()
    exact[:, 0] /= exact[:, 0].sum()
    n = 4_000
    states, course = np.empty(n, int), np.empty(n)
    for k in range(n):
        together.draw_windows(chain, counts, rng)
        states[k], course[k] = chain.xi[1], chain.latents[0, 1, 0]
    one = (states == 1).reshape(20, -1).mean(1)
    assert one.mean() == pytest.approx(exact[1, 0], abs=4.5 * one.std() / np.sqrt(20))
    for k in range(2):
        assert course[states == k].mean() == pytest.approx(exact[k, 1], abs=0.05)
