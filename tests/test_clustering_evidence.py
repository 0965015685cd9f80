"""The evidence by which a chain chooses where to begin."""

import numpy as np
import pytest

from neurokit.clustering.sampling.beginning import begin
from neurokit.clustering.sampling.dynamics import draw_dynamics, moments, posterior
from neurokit.clustering.sampling.evidence import log_evidence_of_chain, log_evidence_of_units
from neurokit.clustering.sampling.model import Counts, Prior, start
from neurokit.clustering.sampling.sides import Side, dynamics_of
from neurokit.clustering.sampling.sweep import sweep_within
from neurokit.datasets import make_biclustering


def data(n_units, n_times, **params):
    counts, truth = make_biclustering(n_units, n_times, observation="poisson", **params)
    y = counts.values.astype(float)
    return Counts(y, np.ones(y.shape, bool), np.arange(n_times) == 0), truth


def hessian(f, x, step=1e-3):
    eye = step * np.eye(len(x))
    out = np.empty((len(x), len(x)))
    for i, a in enumerate(eye):
        for j, b in enumerate(eye[: i + 1]):
            corners = f(x + a + b) - f(x + a - b) - f(x - a + b) + f(x - a - b)
            out[i, j] = out[j, i] = corners / (4 * step**2)
    return out


@pytest.mark.parametrize("negbin", [True, False])
def test_evidence_is_that_of_the_whole_hessian(negbin):
    counts, _ = data(4, 6, n_clusters=1, random_state=0)
    counts = counts._replace(y=counts.y + 2)
    counts.keep[1, 3] = False
    prior, rng = Prior(n_factors=1, negbin=negbin), np.random.default_rng(1)
    chain = start(counts, prior, rng, 1)
    chain.theta[:, 1] = [1.0, -1.0, 0.5, 1.0]
    chain.dynamics.noise[:] = 0.3 * np.eye(2)
    units, side = np.array([0, 1, 3]), Side(chain, counts, prior)
    chain.z[:] = [0, 0, 1, 0]
    for _ in range(150):  # until loadings and trajectory are at their mode together
        value = log_evidence_of_units(side, 0, units, keep=True)
    theta = chain.theta

    def density(flat):
        theta[units] = flat[12:].reshape(3, 2)
        return side.log_side(dynamics_of(chain, 0), flat[:12].reshape(6, 2), units, theta)

    mode = np.concatenate([chain.latents[0].ravel(), theta[units].ravel()])
    sharp = np.linalg.slogdet(-hessian(density, mode))[1]
    expected = density(mode) + 9 * np.log(2 * np.pi) - 0.5 * sharp
    assert value == pytest.approx(expected, abs=0.02)


def test_the_true_partition_has_more_evidence_than_one_with_units_in_other_places():
    counts, truth = data(12, 200, n_clusters=2, random_state=3)
    prior, found = Prior(negbin=False), []
    for z in (truth["cluster"].values, np.arange(12) % 2):
        rng = np.random.default_rng(0)
        chain = start(counts, prior, rng, 2)
        chain.z, chain.xi = z.astype(np.int64), truth["state"].values.astype(np.int64)
        fixed = chain.z.copy()
        for _ in range(12):
            sweep_within(chain, counts, prior, rng, hold=True)
            chain.z = fixed.copy()
        sums = moments(chain.latents, chain.xi, counts.first, prior.n_states)
        chain.dynamics = draw_dynamics(posterior(prior.wishart(), sums), rng)
        found.append(log_evidence_of_chain(chain, counts, prior))
    assert found[0] > found[1] + 20


@pytest.mark.slow
@pytest.mark.parametrize("negbin", [True, False])
def test_chains_begin_at_the_true_populations(negbin):
    kind = "negbin" if negbin else "poisson"
    y, truth = make_biclustering(observation=kind, random_state=3)
    counts = Counts(y.values.astype(float), np.ones(y.shape, bool), np.arange(500) == 0)
    chain = begin(counts, Prior(negbin=negbin), np.random.default_rng(0), n_trial=40)
    assert len(set(zip(chain.z.tolist(), truth["cluster"].values.tolist(), strict=True))) == 3
