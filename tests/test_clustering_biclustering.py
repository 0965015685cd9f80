import os
import signal
import threading
import warnings

import numpy as np
import pytest
import xarray as xr
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

import neurokit
from neurokit.clustering import BayesianBiclustering
from neurokit.clustering.sampling.summary import expand_states
from neurokit.datasets import make_biclustering

SHORT = {"n_factors": 1, "max_states": 3, "n_iter": 8, "n_burn": 4, "thin": 1, "n_chains": 2}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def simulated():
    return make_biclustering(9, 80, dwell=20, random_state=1)


@pytest.fixture(scope="module")
def fitted(simulated):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return BayesianBiclustering(**SHORT, random_state=0).fit(simulated.counts)


def model(**params):
    return BayesianBiclustering(**(SHORT | {"random_state": 0} | params))


def same_draws(a, b):
    xr.testing.assert_identical(a.posterior_, b.posterior_)
    np.testing.assert_array_equal(a.state_labels_, b.state_labels_)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("observation", "seed"), [("poisson", 0), ("poisson", 2), ("poisson", 3), ("negbin", 0)]
)
def test_populations_of_the_paper_s_simulation_are_found(observation, seed):
    # of seed 1, Poisson, the true partition is but ten nats ahead of others
    counts, truth = make_biclustering(24, 400, observation=observation, random_state=seed)
    found = BayesianBiclustering(
        observation=observation, n_iter=320, n_burn=240, n_chains=1, random_state=0
    ).fit(counts)
    assert adjusted_rand_score(truth["cluster"], found.unit_labels_) >= 0.9


def test_posterior_and_summaries_fit_together(simulated, fitted):
    posterior = fitted.posterior_
    assert dict(posterior.sizes)["chain"] == 2
    states = expand_states(posterior, 80)
    assert states.shape == (2, 4, 80)
    changes = (np.diff(states, axis=-1) != 0).sum(-1)
    np.testing.assert_array_equal(changes, posterior["n_changes"])
    np.testing.assert_array_equal(
        [[len(np.unique(s)) for s in chain] for chain in states], posterior["n_states"]
    )
    units = posterior["unit_label"].values
    np.testing.assert_array_equal(units.max(-1) + 1, posterior["n_clusters"])
    together = (units[..., :, None] == units[..., None, :]).mean((0, 1))
    np.testing.assert_allclose(fitted.unit_similarity_, together, atol=1e-6)
    assert set(fitted.rhat_) == set(fitted.ess_)
    assert fitted.chain_agreement_.columns[0] == "chain_a"
    assert len(fitted.chain_agreement_) == 1
    latents = fitted.latents_
    assert (latents["low"] <= latents["high"]).all()
    assert fitted.state_labels_.xindexes["time"].equals(simulated.counts.xindexes["time"])


@pytest.mark.slow
def test_processes_change_nothing(simulated, fitted):
    same_draws(model(n_jobs=2).fit(simulated.counts), fitted)


def test_an_interrupted_fit_goes_on_to_the_same_chain(simulated, fitted, tmp_path):
    path = tmp_path / "chains.npz"
    model(checkpoint=path, n_iter=5).fit(simulated.counts)
    same_draws(model(checkpoint=path).fit(simulated.counts), fitted)


def test_ctrl_c_keeps_what_was_drawn(simulated, tmp_path):
    timer = threading.Timer(2.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.warns(UserWarning, match="interrupted; the result stands on the draws"):
        found = model(n_iter=100_000, n_burn=0, n_chains=1).fit(simulated.counts)
    assert 0 < found.posterior_.sizes["draw"] < 100_000


def test_a_checkpoint_of_other_data_is_refused(simulated, tmp_path):
    path = tmp_path / "chains.npz"
    model(checkpoint=path).fit(simulated.counts)
    with pytest.raises(ValueError, match="is of other data"):
        model(checkpoint=path).fit(simulated.counts + 1)


def test_missing_bins_are_not_read(simulated):
    holed = simulated.counts.astype(float)
    holed[2, 5:30] = np.nan
    holed[4] = np.nan
    with pytest.warns(UserWarning, match=r"units \[4\] have no spike"):
        found = model().fit(holed)
    assert found.undecided_ == [4]
    assert np.isfinite(found.transform(holed)).all()
    values = found.log_predictive(simulated.counts)
    assert np.isfinite(values).all()
    assert np.isnan(found.log_predictive(holed)).sum() == 25 + 80
    assert np.isfinite(found.score(holed))


@pytest.mark.parametrize("observation", ["negbin", "poisson"])
def test_odd_recordings_have_an_answer(observation, rng):
    y = rng.poisson(2.0, (4, 40)).astype(float)
    y[1] = y[0]  # two units alike
    y[2] = 7.0  # constant
    y[3] *= 10_000  # huge
    found = model(observation=observation).fit(neurokit.counts(y, bin_width=0.1))
    assert np.isfinite(found.posterior_["log_likelihood"]).all()
    one = model(observation=observation, max_states=1, n_chains=1).fit(y[:1].T)
    assert one.unit_labels_.tolist() == [0]
    assert one.state_labels_.tolist() == [0] * 40
    assert model(observation=observation, n_iter=6).fit(y[:, :1].T).state_labels_.tolist() == [0]


def test_a_recording_that_was_not_observed_says_nothing():
    with pytest.warns(UserWarning, match="have no spike"):
        found = model(n_iter=6).fit(np.full((20, 2), np.nan))
    assert found.undecided_ == [0, 1]
    assert found.chains_used_ == [0, 1]


def test_a_recording_without_a_spike_is_kept_and_said_to_be_undecided():
    with pytest.warns(UserWarning, match="have no spike"):
        found = model().fit(np.zeros((40, 3)))
    assert found.undecided_ == [0, 1, 2]


def test_posteriors_go_through_files_of_recordings(fitted, tmp_path):
    for name in ("posterior_", "latents_"):
        neurokit.io.save(tmp_path / f"{name}.nc", getattr(fitted, name))
        xr.testing.assert_identical(
            neurokit.io.load(tmp_path / f"{name}.nc"), getattr(fitted, name)
        )


def test_trials_are_sequences_of_their_own(rng):
    y = xr.DataArray(rng.poisson(2.0, (3, 4, 20)), dims=("trial", "unit", "time"))
    y = y.assign_coords(time=np.arange(20) / 10, unit=list("abcd"))
    found = model().fit(y)
    assert found.state_labels_.dims == ("trial", "time")
    assert found.predict(y).dims == ("trial", "time")
    assert found.transform(y).dims == ("trial", "time", "feature")
    assert found.unit_labels_["unit"].values.tolist() == list("abcd")


def test_one_population_means_states_only(simulated):
    found = model(max_clusters=1).fit(simulated.counts)
    assert (found.posterior_["n_clusters"] == 1).all()


def test_chains_that_are_too_short_are_said_to_be(simulated):
    with pytest.warns(ConvergenceWarning, match=r"R-hat|independent ones .* before you believe"):
        model().fit(simulated.counts)


@pytest.mark.parametrize(
    ("params", "change", "words"),
    [
        ({}, lambda y: y - 1, "takes counts, whole numbers from 0, got -1"),
        ({}, lambda y: y + 0.5, r"got \d+\.5; neurokit.bin_spikes"),
        ({"n_burn": 8}, None, "n_burn must be less than n_iter, got 8 and 8"),
        ({"observation": "gauss"}, None, "negbin or poisson, got 'gauss'"),
        ({"n_factors": 0}, None, "n_factors must be at least 1, got 0"),
        ({"max_states": 0}, None, "max_states must be at least 1"),
        ({"max_clusters": 0}, None, "max_clusters must be at least 1"),
        ({"loading_scale": 0.0}, None, "loading_scale must be positive"),
    ],
)
def test_what_is_refused(simulated, params, change, words):
    y = simulated.counts * 0.0 + 1 if change is None else change(simulated.counts)
    y = simulated.counts - simulated.counts.max() - 1 if words.endswith("got -1") else y
    words = words.replace("got -1", "got -")
    with pytest.raises(ValueError, match=words):
        model(**params).fit(y)


def test_log_predictive_refuses_other_bins(simulated, fitted):
    with pytest.raises(ValueError, match="takes the 80 bins of fit, got 30; score"):
        fitted.log_predictive(simulated.counts.isel(time=slice(30)))


def test_the_simulator_has_the_truth_it_says():
    counts, truth = make_biclustering(10, 300, n_clusters=2, random_state=0)
    assert counts.dims == ("unit", "time")
    x = truth["latent"].transpose("cluster", "time", "factor").values
    c = truth["loading"].values
    own = x[truth["cluster"].values]
    rate = c[:, :1] + own[..., 0] + np.einsum("utf,uf->ut", own[..., 1:], c[:, 1:])
    np.testing.assert_allclose(truth["log_rate"], rate)
    a = truth["dynamics"].values[:, truth["state"].values[1:]]
    kicks = x[:, 1:] - np.einsum("jtab,jtb->jta", a, x[:, :-1])
    assert kicks.var() == pytest.approx(0.01, rel=0.1)
    again = make_biclustering(10, 300, n_clusters=2, random_state=0)
    xr.testing.assert_identical(again.counts, counts)
    with pytest.raises(ValueError, match="n_units must be at least 3"):
        make_biclustering(2)
    with pytest.raises(ValueError, match="negbin or poisson, got 'gauss'"):
        make_biclustering(observation="gauss")
