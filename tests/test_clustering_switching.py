"""Switching regressions: simulated truth, plain loops, the bugs of others, bad input."""

import itertools
import warnings

import numpy as np
import pytest
import xarray as xr
from sklearn.exceptions import ConvergenceWarning

import neurokit
from neurokit.clustering import SwitchingGLM
from neurokit.clustering.fitting import onehot
from neurokit.clustering.fitting import switching as core
from neurokit.datasets import make_onehot_glm


@pytest.fixture(scope="module")
def simulated():
    return make_onehot_glm(6, 1200, n_units=8, n_states=3, sparsity=0.4, random_state=1)


@pytest.fixture(scope="module")
def fitted(simulated):
    x, _ = simulated
    return SwitchingGLM(3, prior="onehot", link="sigmoid", n_restarts=2, random_state=0).fit(x[:4])


def best_order(found, state, n):
    orders = itertools.permutations(range(n))
    return max(orders, key=lambda order: (np.array(order)[found] == state).mean())


def log_likelihood_in_loops(model, y):
    """Probability of one sequence, from the formula, forwards."""
    kernel, mean = model.kernel_, model.mean_
    P, ahead = model.transition_, model.initial_
    W, b = model.weights_.values, model.bias_.values
    total = 0.0
    for t in range(len(y)):
        drive = np.zeros(y.shape[1])
        for k, phi in enumerate(kernel):
            drive += phi * (y[t - 1 - k] if t - 1 - k >= 0 else mean)
        seen = np.empty(len(b))
        for s in range(len(b)):
            rate = 1 / (1 + np.exp(-(b[s] + W[s] @ drive)))
            factorial = np.array([np.prod(np.arange(1, int(n) + 1)) for n in y[t]])
            seen[s] = np.prod(rate ** y[t] * np.exp(-rate) / factorial)
        joint = ahead * seen
        total += np.log(joint.sum())
        ahead = joint / joint.sum() @ P
    return total / len(y)


def test_the_score_is_the_formula_written_in_loops(simulated, fitted):
    x = simulated.counts[0].isel(time=slice(120))
    expected = log_likelihood_in_loops(fitted, x.values.T.astype(float))
    np.testing.assert_allclose(fitted.score(x), expected, rtol=1e-10)


def test_states_weights_and_signs_are_found_again(simulated, fitted):
    x, truth = simulated
    found, state = fitted.predict(x[4:]), truth["state"][4:]
    order = best_order(found.values.ravel(), state.values.ravel(), 3)
    assert (np.array(order)[found.values] == state.values).mean() > 0.93
    weight = truth["weight"].values[list(order)]
    assert np.abs(fitted.weights_.values - weight).mean() < 0.1  # 2.4e3 bins a state
    sign = truth["sign"].values[list(order)]
    right = [(np.sign(fitted.weights_.values)[sign == k] == k).mean() for k in (-1, 0, 1)]
    assert np.mean(right) > 0.85
    odds = fitted.connection_.transpose("target", "source", "kind").values
    np.testing.assert_allclose(odds.sum(-1), 1)
    assert fitted.converged_
    assert fitted.labels_.shape == (4 * 1200,)


def test_the_prior_that_is_true_predicts_best(simulated, fitted):
    x, _ = simulated
    scores = {
        prior: SwitchingGLM(3, prior=prior, link="sigmoid", n_restarts=2, random_state=0)
        .fit(x[:4])
        .score(x[4:])
        for prior in ("none", "gaussian")
    }
    one = SwitchingGLM(1, link="sigmoid", random_state=0).fit(x[:4]).score(x[4:])
    assert fitted.score(x[4:]) > scores["gaussian"] > scores["none"] > one


@pytest.mark.parametrize("prior", ["none", "gaussian"])
@pytest.mark.parametrize("link", ["softplus", "exp", "sigmoid"])
def test_the_log_joint_never_falls(simulated, prior, link):
    x, _ = simulated
    model = SwitchingGLM(2, prior=prior, link=link, n_restarts=1, tol=1e-4, random_state=0)
    history = model.fit(x[:2].isel(unit=slice(4))).history_
    rung = history[core._TRIED :] if prior == "none" else history[-3:]
    assert (np.diff(rung) > -1e-6 * abs(history[-1])).all()


def test_one_state_is_an_ordinary_regression(simulated):
    from neurokit.solvers.glm import fit_poisson

    x = simulated.counts[:1]
    model = SwitchingGLM(1, prior="none", tol=1e-10).fit(x)
    values = x[0].values.T.astype(float)
    drive = core.past_drive(values, model.kernel_, np.tile(model.mean_, (5, 1)))
    Z = np.column_stack([np.ones(len(drive)), drive])
    alone = fit_poisson(Z, values, link="softplus", prior_precision=core._RIDGE).coef
    np.testing.assert_allclose(model.weights_.values[0], alone[:, 1:], atol=1e-4)


# the faults of the authors' code, each of which a test of ours must notice


def test_the_first_state_weighs_the_first_bin_by_a_product_not_a_sum(fitted, simulated):
    # theirs adds log pi to gamma: with a sure first state, the product leaves no other
    x = simulated.counts[4].isel(time=slice(40))
    sure = SwitchingGLM.__new__(SwitchingGLM)
    sure.__dict__.update(fitted.__dict__, initial_=np.array([1.0, 0.0, 0.0]))
    np.testing.assert_allclose(sure.predict_proba(x).values[0], [1, 0, 0], atol=1e-12)
    expected = log_likelihood_in_loops(sure, x.values.T.astype(float))
    np.testing.assert_allclose(sure.score(x), expected, rtol=1e-10)


def test_transitions_are_pooled_over_sequences_not_those_of_the_last():
    rng = np.random.default_rng(0)
    problem = core.Problem(
        np.ones((400, 1)), rng.poisson(1.0, (400, 1)).astype(float), np.array([0, 300, 400]),
        "exp", 2, 1 / 3, 2.0,
    )  # fmt: skip
    state = {
        "coef": np.log([[[0.5]], [[2.0]]]),
        "transition": np.array([[0.9, 0.1], [0.3, 0.7]]),
        "initial": np.array([0.5, 0.5]),
    }
    _, pairs, first, total = core.expect(problem, state)
    parts = [core.expect(core.select(problem, [span]), state) for span in [(0, 300), (300, 400)]]
    np.testing.assert_allclose(pairs, parts[0][1] + parts[1][1])
    np.testing.assert_allclose(pairs.sum(), 398)  # no pair across the border
    np.testing.assert_allclose(total, parts[0][3] + parts[1][3])
    core.maximise_chain(state, pairs, first)
    pooled = pairs + core._PSEUDO
    np.testing.assert_allclose(state["transition"], pooled / pooled.sum(1, keepdims=True))


def test_the_likelihood_is_that_of_all_trials_not_of_the_last(simulated, fitted):
    x = simulated.counts[:3]
    each = [fitted.score(trial) for trial in x]
    np.testing.assert_allclose(fitted.score(x), np.mean(each), rtol=1e-12)


def test_a_stream_is_the_causal_model_to_the_bit(simulated):
    x, _ = simulated
    model = SwitchingGLM(3, causal=True, n_restarts=1, tol=1e-3, random_state=0).fit(x[:2])
    rows = x[5].values.T
    whole = model.predict_proba(rows)
    for size in (1, 7, 400):
        stream = model.stream("predict_proba")
        parts = [stream.push(rows[i : i + size]) for i in range(0, len(rows), size)]
        np.testing.assert_array_equal(np.concatenate([*parts, stream.flush()]), whole)
    later = rows.copy()
    later[800:] = 0
    np.testing.assert_array_equal(model.predict_proba(later)[:800], whole[:800])


def test_a_model_that_looks_ahead_refuses_to_stream(fitted):
    with pytest.raises(ValueError, match="stream needs a model that uses the past only"):
        fitted.stream()


def test_the_number_of_states_is_chosen_by_what_was_left_out(simulated):
    x, _ = simulated
    model = SwitchingGLM(
        (1, 2, 3, 4), link="sigmoid", n_restarts=1, tol=1e-3, cv=2, random_state=0
    ).fit(x[:4])
    assert model.n_states_ == 3
    assert model.scores_.sizes == {"n_states": 4, "fold": 2}


def test_jobs_change_nothing(simulated):
    x = simulated.counts[:1]
    fits = [
        SwitchingGLM(2, n_restarts=2, tol=1e-2, random_state=0, n_jobs=n).fit(x) for n in (1, 2)
    ]
    xr.testing.assert_identical(fits[0].weights_, fits[1].weights_)


@pytest.mark.parametrize("prior", ["gaussian", "onehot"])
def test_silent_twin_constant_and_huge_units_stay_finite(prior):
    rng = np.random.default_rng(0)
    y = rng.poisson(1.0, (600, 6))
    y[:, 0], y[:, 1], y[:, 3], y[:, 4] = 0, y[:, 2], 2, rng.poisson(5000, 600)
    for link in ("softplus", "exp"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = SwitchingGLM(2, prior=prior, link=link, n_restarts=1, random_state=0).fit(y)
        assert np.isfinite(model.weights_).all()
        assert np.isfinite(model.score(y))
        np.testing.assert_array_equal(model.predict_proba(y).sum(1).round(9), 1)
    assert SwitchingGLM(2, tol=1e-2, random_state=0).fit(y[:, 2:3]).weights_.shape == (2, 1, 1)


def test_kinds_have_the_odds_of_the_integral():
    w, slope, curvature, scale = 0.3, 2.0, 40.0, 0.8
    log_p = np.log([[0.2, 0.5, 0.3]])
    grid = np.linspace(-6, 6, 2_000_001)
    law = np.exp(slope * (grid - w) - 0.5 * curvature * (grid - w) ** 2)
    half = 2 * np.exp(-0.5 * (grid / scale) ** 2) / np.sqrt(2 * np.pi) / scale
    at_zero = np.exp(-slope * w - 0.5 * curvature * w**2)
    step = grid[1] - grid[0]
    masses = [
        ((law * half)[grid < 0]).sum() * step,
        at_zero,
        ((law * half)[grid > 0]).sum() * step,
    ]
    expected = np.array(masses) * np.exp(log_p[0])
    share, mean, square = onehot.weigh(
        np.array([[w]]), np.array([[slope]]), np.array([[curvature]]), log_p, scale
    )
    np.testing.assert_allclose(share[0, 0], expected / expected.sum(), rtol=1e-4)
    above = grid > 0
    weights = (law * half)[above] / (law * half)[above].sum()
    np.testing.assert_allclose(mean[0, 0, 2], weights @ grid[above], rtol=1e-4)
    np.testing.assert_allclose(square[0, 0, 2], weights @ grid[above] ** 2, rtol=1e-4)


@pytest.mark.parametrize(
    ("values", "params", "message"),
    [
        (np.full((20, 2), -1), {}, "must hold counts, whole numbers from zero"),
        (np.full((20, 2), 0.5), {}, "must hold counts, whole numbers from zero"),
        (np.full((20, 2), np.inf), {}, "infinity"),
        (np.ones((4, 2)), {}, "4 bins, no more than n_lags=5"),
        (np.ones((20, 2)), {"prior": "lasso"}, "prior must be one of none, gaussian, onehot"),
        (np.ones((20, 2)), {"n_states": 0}, "n_states must be at least 1, got 0"),
        (np.ones((20, 2)), {"tol": 0.0}, "tol must be positive"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(values, params, message):
    with pytest.raises(ValueError, match=message):
        SwitchingGLM(**params).fit(values)


def test_a_fit_that_has_not_settled_says_so(simulated):
    with pytest.warns(ConvergenceWarning, match="still gained after 1 rounds"):
        SwitchingGLM(2, max_iter=1, random_state=0).fit(simulated.counts[:1])


def test_the_simulator_draws_what_its_truth_says():
    x, truth = make_onehot_glm(20, 1000, random_state=0)
    assert neurokit.sampling_rate(x) == 50
    error = (x.values - truth["rate"].values) / np.sqrt(truth["rate"].values)
    np.testing.assert_allclose([error.mean(), error.var()], [0, 1], atol=0.01)
    stays = (truth["state"].values[:, 1:] == truth["state"].values[:, :-1]).mean()
    np.testing.assert_allclose(stays, 0.98, atol=0.003)
    assert 0.15 < (truth["sign"] != 0).values.mean() < 0.25
    np.testing.assert_array_equal(np.sign(truth["weight"]), truth["sign"])
    with pytest.raises(ValueError, match="link must be one of"):
        make_onehot_glm(1, 10, link="probit")


# ---------------------------------------------------------------- missing bins


def test_missing_counts_are_not_judged(simulated, fitted):
    x, _ = simulated
    y = x.values.astype(float)
    y = y.reshape(-1, *y.shape[-2:])[0].T  # (time, unit) of the first trial
    holes = y.copy()
    holes[10, 2] = holes[-1, 0] = np.nan
    filled = np.where(np.isnan(holes), fitted.mean_, holes)
    drive = core.past_drive(filled, fitted.kernel_, np.tile(fitted.mean_, (5, 1)))
    known = (drive, y, fitted.weights_.values, fitted.bias_.values, fitted.link_)
    there = core.log_emission(*known)
    found = core.log_emission(known[0], holes, *known[2:])
    changed = np.flatnonzero((there != found).any(1))
    assert changed.tolist() == [10, len(y) - 1]
    eta = fitted.bias_.values[:, 2] + fitted.weights_.values[:, 2] @ drive[10]
    rate = core.rates(eta, fitted.link_)[0]
    single = y[10, 2] * np.log(rate) - rate + core.poisson_constant(y[[10]][:, [2]])
    np.testing.assert_allclose(there[10] - found[10], single, rtol=1e-9)


def test_states_are_found_with_a_tenth_of_the_counts_missing(simulated):
    x, truth = simulated
    x = x.where(np.random.default_rng(0).random(x.shape) > 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = SwitchingGLM(3, link="sigmoid", n_restarts=2, max_iter=25, random_state=0).fit(x)
    found, state = model.predict(x).values.ravel(), truth["state"].values.ravel()
    order = best_order(found, state, 3)
    assert (np.array(order)[found] == state).mean() > 0.85
    assert np.isfinite(model.score(x))
    climbed = model.history_[-6:]  # on the last rung
    assert (np.diff(climbed) > -1e-6 * abs(climbed[0])).all()


def test_a_stream_takes_missing_counts_and_a_unit_may_be_missing_throughout(simulated):
    x, _ = simulated
    y = x.values.astype(float).reshape(-1, *x.shape[-2:])[0].T
    y[np.random.default_rng(1).random(y.shape) < 0.1] = np.nan
    y[:, 1] = np.nan
    model = SwitchingGLM(2, causal=True, max_iter=5, tol=1.0, random_state=0).fit(y)
    live = model.stream("predict_proba")
    parts = [live.push(y[a : a + 7]) for a in range(0, len(y), 7)]
    np.testing.assert_array_equal(np.concatenate(parts), model.predict_proba(y))
    with pytest.raises(ValueError, match="hold NaN or infinity"):
        live.push(np.full((1, y.shape[1]), np.inf))


def test_slopes_are_those_of_loops_and_faint_rows_leave_curvatures_as_they_are():
    rng = np.random.default_rng(0)
    Z = np.column_stack([np.ones(300), rng.standard_normal((300, 2))])
    Y, seen = rng.poisson(1.0, (300, 2)).astype(float), rng.random((300, 2)) > 0.2
    problem = core.Problem(Z, Y * seen, np.array([0, 300]), "softplus", 3, 1 / 3, 2.0, seen)
    coef, gamma = 0.3 * rng.standard_normal((3, 2, 3)), rng.dirichlet([0.1] * 3, 300)
    gradient, hessian = core.expand(problem, coef, gamma)
    slopes, bends = np.zeros(gradient.shape), np.zeros(hessian.shape)
    for t, s, i in np.ndindex(300, 3, 2):
        if seen[t, i]:
            slope, curvature = core.bends((coef[s, i] @ Z[t])[None], Y[t, i], "softplus")
            slopes[s, i] += gamma[t, s] * slope[0] * Z[t]
            bends[s, i] += gamma[t, s] * curvature[0] * np.outer(Z[t], Z[t])
    np.testing.assert_allclose(gradient, slopes, atol=1e-10)
    np.testing.assert_allclose(hessian, bends, atol=0.05)
    assert (gamma < core._FAINT).mean() > 0.2


def test_first_guesses_see_stretches_spread_over_all_bins():
    rows = np.arange(100_000.0)[:, None]
    starts = np.array([0, 40_000, 100_000])
    problem = core.Problem(rows, rows, starts, "softplus", 2, 1 / 3, 2.0)
    sample = core.thin_out(problem)
    assert len(sample.Y) == core._LEAST
    assert sample.Y.min() < 20_000
    assert sample.Y.max() > 90_000
    jumps = np.flatnonzero(np.diff(sample.Y[:, 0]) != 1) + 1
    assert set(jumps) <= set(sample.starts.tolist())  # no transition across what was left out
