"""States that part and join, against every path of a short recording written down."""

from itertools import product

import numpy as np
import pytest
from scipy.special import gammaln

from neurokit.clustering.sampling import state_splits
from neurokit.clustering.sampling.dynamics import (
    Dynamics,
    densities_of,
    draw_dynamics,
    log_evidence,
    moments,
    posterior,
)
from neurokit.clustering.sampling.model import Chain, Counts, Prior
from neurokit.clustering.sampling.states import (
    Concentrations,
    count_steps,
    dirichlet,
    draw_states,
    draw_transitions,
)

FIRST = np.array([True, False, False, True, False, False])
LAW = Concentrations(2.0, 2.0, 3.0)
PRIOR = Prior(n_factors=1, n_states=3, noise=6.0, freedom=15.0)
COUNTS = Counts(np.zeros((1, 6)), np.zeros((1, 6), bool), FIRST)


def trajectory():
    x = np.random.default_rng(3).standard_normal((2, 6, 2))
    x[:, 2] *= 2
    return x


def names(xi):
    """States by the order in which they come, as one number."""
    seen = np.unique(xi, return_index=True)[1]
    order = np.argsort(np.argsort(xi[np.sort(seen)]))
    table = dict(zip(xi[np.sort(seen)].tolist(), range(len(order)), strict=True))
    return tuple(table[k] for k in xi.tolist())


def every_path(x, n_betas=1500):
    """Probability of every path, beta drawn from its prior many times and averaged over."""
    rng = np.random.default_rng(0)
    betas = np.stack([dirichlet(np.full(3, LAW.gamma / 3), rng) for _ in range(n_betas)])
    base = np.maximum(LAW.alpha * betas[:, None] + LAW.kappa * np.eye(3), 1e-300)
    total = base.sum(2)
    law, out = PRIOR.wishart(), {}
    for path in product(range(3), repeat=6):
        xi = np.array(path)
        steps = count_steps(xi, FIRST, 3)
        value = (gammaln(base + steps) - gammaln(base)).sum((1, 2))
        value += (gammaln(total) - gammaln(total + steps.sum(1))).sum(1)
        weight = np.exp(value).mean()
        sums = moments(x, xi, FIRST, 3)
        weight *= np.exp(log_evidence(law, posterior(law, sums)).sum())
        out[names(xi)] = out.get(names(xi), 0.0) + weight
    whole = sum(out.values())
    return {key: value / whole for key, value in out.items()}


def walk(x, n_steps, seed=0):
    """How often a chain is on each path, these moves and the usual draws taken in turn."""
    rng = np.random.default_rng(seed)
    dynamics = PRIOR.draw_dynamics(rng, 2)
    chain = Chain(
        z=np.zeros(1, np.int64),
        theta=np.zeros((1, 2)),
        r=np.ones(1),
        latents=x,
        dynamics=Dynamics(*dynamics),
        xi=np.zeros(6, np.int64),
        beta=np.full(3, 1 / 3),
        pi=np.full((3, 3), 1 / 3),
        law=np.array(LAW),
    )
    found = {}
    for _ in range(n_steps):
        state_splits.split_or_merge_states(chain, COUNTS, PRIOR, rng)
        state_splits.relabel_stretch(chain, COUNTS, PRIOR, rng)
        found_now = moments(x, chain.xi, FIRST, 3)
        chain.dynamics = draw_dynamics(posterior(PRIOR.wishart(), found_now), rng)
        density = densities_of(x, chain.dynamics, FIRST)
        chain.xi = draw_states(density, chain.pi, FIRST, rng)
        steps = count_steps(chain.xi, FIRST, 3)
        chain.beta, chain.pi, _ = draw_transitions(steps, chain.beta, LAW, rng)
        key = names(chain.xi)
        found[key] = found.get(key, 0.0) + 1 / n_steps
    assert chain.beta.sum() == pytest.approx(1)
    np.testing.assert_allclose(chain.pi.sum(1), 1)
    return found


def distance(n_steps, seed=0):
    x = trajectory()
    exact, found = every_path(x), walk(x, n_steps, seed)
    return 0.5 * sum(abs(exact[key] - found.get(key, 0.0)) for key in exact)


def test_paths_come_as_often_as_they_should():
    assert distance(600) < 0.35


@pytest.mark.slow
def test_paths_come_as_often_as_they_should_in_a_long_chain():
    assert distance(60_000) < 0.07


def test_a_split_that_forgets_its_path_is_found(monkeypatch):
    monkeypatch.setattr(state_splits, "log_share", lambda table, labels: 0.0)
    assert distance(300) > 0.4
