"""The parts of the sampler against closed forms, SciPy and enumeration."""

import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize
from scipy.special import logsumexp

from neurokit.clustering.sampling import dynamics as dyn
from neurokit.clustering.sampling import latents, likelihood, loadings, states
from neurokit.clustering.sampling.dynamics import Dynamics
from neurokit.clustering.sampling.inference import follow
from neurokit.clustering.sampling.model import Chain, Counts, Prior
from neurokit.clustering.sampling.partition_prior import log_block, log_partition_weights


def partitions(n):
    rows = [[0]]
    for _ in range(n - 1):
        rows = [[*row, k] for row in rows for k in range(max(row) + 2)]
    return np.array(rows)


@pytest.mark.parametrize(("gamma", "stop", "most"), [(1.0, 0.2, None), (0.5, 0.6, 3)])
def test_the_prior_of_partitions_sums_to_one_and_is_that_of_the_mixture(rng, gamma, stop, most):
    log_v = log_partition_weights(5, gamma=gamma, stop=stop, most=most)
    rows = partitions(5)
    logs = [
        log_v[row.max() + 1] + sum(log_block(n, gamma) for n in np.bincount(row)) for row in rows
    ]
    assert logsumexp(logs) == pytest.approx(0, abs=1e-9)
    drawn = np.zeros(6)
    for _ in range(4000):
        k = rng.geometric(stop)
        while most is not None and k > most:
            k = rng.geometric(stop)
        z = rng.choice(k, 5, p=rng.dirichlet(np.full(k, gamma)))
        drawn[len(np.unique(z))] += 1 / 4000
    by_count = [np.exp(logs)[rows.max(1) + 1 == t].sum() for t in range(6)]
    np.testing.assert_allclose(drawn, by_count, atol=0.035)


@pytest.mark.parametrize("r", [np.inf, 0.7, 30.0])
def test_log_probabilities_are_those_of_scipy_and_slopes_their_derivatives(r):
    y, eta = np.arange(6.0), np.linspace(-8, 3, 6)
    law = stats.poisson(np.exp(eta)) if r == np.inf else stats.nbinom(r, r / (r + np.exp(eta)))
    ours = likelihood.log_probabilities(y[None], np.ones((1, 6), bool), eta[None], np.array([r]))
    np.testing.assert_allclose(ours[0], law.logpmf(y), rtol=1e-8)
    value, slope, curve = likelihood.curves(y, eta, np.array(r))
    up, down = (likelihood.curves(y, eta + d, np.array(r)) for d in (1e-5, -1e-5))
    np.testing.assert_allclose((up[0] - down[0]) / 2e-5, slope, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose((down[1] - up[1]) / 2e-5, curve, rtol=1e-4, atol=1e-5)
    assert np.isfinite(value).all()


def test_dispersions_follow_their_posterior(rng):
    y = rng.negative_binomial(3, 0.4, (1, 40)).astype(float)
    keep = np.ones(y.shape, bool)
    keep[0, 5] = False
    eta = np.full(y.shape, np.log(4.0))
    r, draws = np.ones(200), []  # as many units of the same counts
    wide = [np.repeat(part, 200, axis=0) for part in (y, keep, eta)]
    for n in range(30):
        likelihood.draw_shapes(*wide, r, 2.0, 0.5, rng)
        if n >= 10:
            draws.append(r.copy())
    grid = np.linspace(0.05, 60, 6000)
    logs = stats.gamma(2, scale=2).logpdf(grid)
    logs += sum(stats.nbinom(grid, grid / (grid + 4)).logpmf(v) for v in y[keep])
    weight = np.exp(logs - logs.max())
    weight /= weight.sum()
    assert np.mean(draws) == pytest.approx(weight @ grid, rel=0.05)
    assert np.std(draws) == pytest.approx(
        np.sqrt(weight @ grid**2 - (weight @ grid) ** 2), rel=0.1
    )


@pytest.mark.parametrize("r", [np.inf, 4.0])
def test_the_mode_of_a_loading_is_that_of_scipy(rng, r):
    x = rng.normal(size=(60, 3))
    y = rng.poisson(np.exp(0.3 + x[:, 0] + 0.5 * x[:, 1])).astype(float)
    keep = rng.random(60) < 0.9

    def minus(theta):
        eta = theta[0] + x[:, 0] + x[:, 1:] @ theta[1:]
        values = likelihood.log_probabilities(y[None], keep[None], eta[None], np.array([r]))
        return -np.nansum(values) + 0.5 * 2.0 * theta @ theta

    data = (y[None], keep[None], np.array([r]))
    mode, root, evidence = (part[0] for part in loadings.fit_units(*data, x, 2.0))
    found = minimize(minus, np.zeros(3), method="BFGS", options={"gtol": 1e-8})
    np.testing.assert_allclose(mode, found.x, atol=1e-4)
    offset = -minus(mode) - (
        likelihood.unit_log_likelihoods(*data, mode[None], x)[0] - mode @ mode
    )
    expected = -found.fun + 1.5 * np.log(2.0) - 0.5 * np.linalg.slogdet(root @ root.T)[1] - offset
    assert evidence == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("seed", [12, 19, 37, 54])
def test_no_unit_follows_a_trajectory_that_leads_nowhere(seed):
    """Proposed trajectories may be wild: Hessians of theirs that rounding breaks stop no chain."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(100, 3))
    x[:3] *= 10.0 ** rng.uniform(2, 12)
    y = rng.poisson(3, (8, 100)).astype(float)
    fits = loadings.fit_units(y, np.ones((8, 100), bool), np.full(8, np.inf), x, 1.0)
    assert (fits.evidence == -np.inf).any()
    assert not np.isnan(fits.evidence).any()


def test_the_proposal_of_a_loading_is_a_student_density(rng):
    mode, root = np.array([0.3, -1.0]), np.array([[2.0, 0], [0.5, 1.5]])
    law = stats.multivariate_t(mode, np.linalg.inv(root @ root.T), loadings.FREEDOM)
    draws = loadings.draw_student(np.tile(mode, (20_000, 1)), root, rng)
    for point in draws[:5]:
        assert loadings.log_student(point, mode, root) == pytest.approx(law.logpdf(point))
    expected = law.shape * loadings.FREEDOM / (loadings.FREEDOM - 2)
    np.testing.assert_allclose(np.cov(draws.T), expected, atol=0.03)


def chain_of(rng, n_times=30, q=2, n_states=2):
    xi = rng.integers(n_states, size=n_times)
    first = np.zeros(n_times, bool)
    first[[0, 11]] = True
    prior = Prior(n_factors=q - 1, n_states=n_states, freedom=9.0, noise=0.5)
    return rng.normal(size=(1, n_times, q)), xi, first, prior


def test_dynamics_that_are_integrated_out_are_those_of_bayes_rule(rng):
    x, xi, first, prior = chain_of(rng)
    law = prior.wishart()
    after = dyn.posterior(law, dyn.moments(x, xi, first, 2))
    evidence = dyn.log_evidence(law, after).sum()
    for _ in range(3):  # p(x | D) p(D) / p(D | x) whatever D is
        found = dyn.draw_dynamics(after, rng)
        starts = -0.5 * (x[:, first] ** 2).sum() - first.sum() * np.log(2 * np.pi)
        given = dyn.log_trajectories(x, found, xi, first) - starts
        by_bayes = (
            given + dyn.log_dynamics(law, found).sum() - dyn.log_dynamics(after, found).sum()
        )
        assert by_bayes == pytest.approx(evidence, rel=1e-9)


def test_drawn_dynamics_have_the_moments_of_their_law(rng):
    x, xi, first, prior = chain_of(rng)
    after = dyn.posterior(prior.wishart(), dyn.moments(x, xi, first, 2))
    draws = [dyn.draw_dynamics(after, rng) for _ in range(4000)]
    noise = np.mean([draw.noise for draw in draws], axis=0)
    expected = after.psi / (after.nu - 3)[..., None, None]
    np.testing.assert_allclose(noise, expected, atol=0.04)
    np.testing.assert_allclose(np.mean([d.weight for d in draws], 0), after.mean, atol=0.03)
    away = np.array([d.weight[0, 0] - after.mean[0, 0] for d in draws]).reshape(4000, -1)
    spread = np.kron(np.linalg.inv(after.precision[0, 0]), expected[0, 0])
    np.testing.assert_allclose(np.cov(away.T), spread, atol=0.02)


def test_the_precision_of_a_trajectory_is_its_density(rng):
    x, xi, first, prior = chain_of(rng)
    found = prior.draw_dynamics(rng, 1)
    inverse = np.linalg.inv(found.noise)
    d, low, h = dyn.chain_precision(found.weight[0], inverse[0], xi, first)

    def quadratic(v):
        square = sum(v[t] @ d[t] @ v[t] for t in range(len(v)))
        cross = sum(v[t] @ low[t] @ v[t - 1] for t in range(1, len(v)))
        return (h * v).sum() - 0.5 * square - cross

    other = rng.normal(size=x.shape)
    by_hand = dyn.log_trajectories(x, found, xi, first) - dyn.log_trajectories(
        other, found, xi, first
    )
    assert quadratic(x[0]) - quadratic(other[0]) == pytest.approx(by_hand)
    logs = 0.0
    for t in range(len(xi)):
        w = found.weight[0, xi[t]]
        mean = np.zeros(2) if first[t] else w[:2].T @ x[0, t - 1] + w[2]
        noise = np.eye(2) if first[t] else found.noise[0, xi[t]]
        logs += stats.multivariate_normal(mean, noise).logpdf(x[0, t])
    assert dyn.log_trajectories(x, found, xi, first) == pytest.approx(logs)


def test_states_are_drawn_as_enumeration_says(rng):
    density = rng.normal(size=(5, 2)) * 1.5
    first = np.array([True, False, False, True, False])
    pi = np.array([[0.8, 0.2], [0.3, 0.7]])
    logs, paths = [], list(itertools.product(range(2), repeat=5))
    for path in paths:
        value = sum(density[t, k] for t, k in enumerate(path))
        value += sum(
            np.log(0.5 if first[t] else pi[path[t - 1], path[t]]) for t in range(len(path))
        )
        logs.append(value)
    chances = np.exp(logs - logsumexp(logs))
    drawn = np.zeros(32)
    for _ in range(6000):
        drawn[paths.index(tuple(states.draw_states(density, pi, first, rng).tolist()))] += 1
    np.testing.assert_allclose(drawn / 6000, chances, atol=0.025)


def test_tiny_concentrations_do_not_empty_a_row(rng):
    rows = np.array([states.dirichlet(np.array([1e-200, 1e-200, 1e-3]), rng) for _ in range(50)])
    assert np.isfinite(rows).all()
    np.testing.assert_allclose(rows.sum(1), 1)
    plain = np.array([states.dirichlet(np.array([0.5, 2.0]), rng)[0] for _ in range(4000)])
    assert plain.mean() == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("negbin", [True, False])
def test_a_trajectory_given_counts_is_that_of_a_grid(rng, negbin):
    """One unit, one bin, one latent that matters: the posterior in one dimension."""
    q, n = 2, 3000
    prior = Prior(n_factors=1, negbin=negbin, n_states=1)
    first = np.array([True])
    y, keep = np.array([[7.0]]), np.ones((1, 1), bool)
    r = np.array([3.0 if negbin else np.inf])
    theta, z = np.array([[0.2, 0.0]]), np.zeros(1, np.int64)
    x = np.zeros((1, 1, q))
    found = Dynamics(np.zeros((1, 1, q + 1, q)), np.eye(q)[None, None])
    draws = np.empty(n)
    given = (found, np.zeros(1, np.int64), first, rng)
    for k in range(n):
        if negbin:
            pulls = latents.augment(y, keep, r, theta, z, x, rng)
            latents.draw_trajectories(pulls, x, *given)
        else:
            latents.draw_around_mode(y, keep, r, theta, z, x, *given)
        draws[k] = x[0, 0, 0]
    grid = np.linspace(-5, 5, 4001)
    logs = likelihood.log_probabilities(
        np.full((1, 4001), 7.0), np.ones((1, 4001), bool), 0.2 + grid[None], r
    )[0]
    weight = np.exp(logs - 0.5 * grid**2 - np.max(logs - 0.5 * grid**2))
    weight /= weight.sum()
    assert prior.q == q
    assert draws.mean() == pytest.approx(weight @ grid, abs=0.06)
    spread = np.sqrt(weight @ grid**2 - (weight @ grid) ** 2)
    assert draws.std() == pytest.approx(spread, rel=0.12)


def test_new_counts_are_followed_with_all_else_fixed(rng):
    prior = Prior(n_factors=1, n_states=2, freedom=9.0)
    x = rng.normal(size=(1, 20, 2))
    draw = Chain(
        z=np.zeros(3, np.int64),
        theta=np.zeros((3, 2)),
        r=np.ones(3),
        latents=x,
        dynamics=prior.draw_dynamics(rng, 1),
        xi=np.zeros(20, np.int64),
        beta=np.full(2, 0.5),
        pi=np.full((2, 2), 0.5),
    )
    first = np.zeros(8, bool)
    first[0] = True
    counts = Counts(np.ones((3, 8)), np.ones((3, 8), bool), first)
    kept = [c.latents.copy() for c in follow(draw, counts, prior, rng, 4, 2)]
    assert len(kept) == 4
    assert kept[0].shape == (1, 8, 2)
    np.testing.assert_array_equal(draw.latents, x)


def posterior_of_a_silent_unit():
    """Offset and loading of a unit without a spike in three bins, on a grid."""
    x = np.array([[0.0, 1.0], [0.5, -1.0], [0.2, 2.0]])
    grid = np.linspace(-12, 6, 901)
    delta, c = np.meshgrid(grid, grid, indexing="ij")
    logs = -0.5 * (delta**2 + c**2) / 4
    for m, f in x:
        logs = logs - 5.0 * np.log1p(np.exp(delta + m + c * f) / 5.0)
    weight = np.exp(logs - logs.max())
    weight /= weight.sum()
    return x, (weight * delta).sum(), (weight * delta**2).sum()


def draws_of_silent_units(rng, n, corrected=True):
    """Take as many units without a spike, a few sweeps on from where the proposal put them."""
    x, *_ = posterior_of_a_silent_unit()
    y, keep, r = np.zeros((n, 3)), np.ones((n, 3), bool), np.full(n, 5.0)
    z, data = np.zeros(n, np.int64), (y, keep, r, x[None])
    fits = loadings.fit_loadings(*data, 0.25)
    theta = loadings.draw_student(fits.mode[:, 0], fits.root[:, 0], rng)
    for _ in range(10 if corrected else 0):
        loadings.reassign(*data, z, theta, 1.0, 0.25, fits, rng)
    return theta[:, 0]


def test_loadings_follow_their_posterior_and_not_its_gaussian(rng):
    _, mean, square = posterior_of_a_silent_unit()
    spread = np.sqrt(square - mean**2)
    found = draws_of_silent_units(rng, 6_000)
    assert found.mean() == pytest.approx(mean, abs=0.05 * spread)
    assert found.std() == pytest.approx(spread, rel=0.05)
    # the reference takes the Gaussian for the posterior: that would be seen
    taken = draws_of_silent_units(rng, 6_000, corrected=False)
    assert abs(taken.mean() - mean) > 0.1 * spread


def test_a_step_is_found_where_elimination_meets_a_zero():
    factor = np.array([[[1.0, 0.0], [1.0, 1e-9]]])
    step = loadings._solve(np.ones((1, 2, 2)), factor, np.array([[1.0, 1.0]]))
    np.testing.assert_allclose(step, [[1.0, 0.0]])
