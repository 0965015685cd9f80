"""Couplings between spike trains: against loops, SciPy, and the truth."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score

import neurokit
from neurokit.connectomes import SpikeConnectivity
from neurokit.connectomes.spiking import couplings, pspm
from neurokit.datasets import make_spiking_network


@pytest.fixture(scope="module")
def network():
    spikes, truth = make_spiking_network(30, n_units=12, weight=0.2, random_state=0)
    return neurokit.bin_spikes(spikes, 0.002), neurokit.bin_spikes(spikes, 0.001), truth


def auc(found, truth):
    off = ~np.eye(len(found), dtype=bool)
    return roc_auc_score(truth[off] != 0, np.abs(found[off]))


def test_pasts_are_their_sums_in_loops():
    counts = np.random.default_rng(0).poisson(0.3, (40, 3)).astype(float)
    runs = [slice(0, 25), slice(25, 40)]
    decayed, summed = np.zeros_like(counts), np.zeros_like(counts)
    for run in runs:
        for t in range(run.start, run.stop):
            for back in range(1, t - run.start + 1):
                decayed[t] += 0.7 ** (back - 1) * counts[t - back]
                summed[t] += counts[t - back] * (back <= 4)
    np.testing.assert_allclose(couplings.histories(counts, runs, 0.7), decayed)
    np.testing.assert_allclose(couplings.recent(counts, runs, 4), summed)


def test_glm_couplings_and_errors_are_the_maximum_and_its_curvature():
    rng = np.random.default_rng(1)
    counts = rng.poisson(0.3, (300, 2)).astype(float)
    runs = [slice(0, 300)]
    found, errors = couplings.glm_couplings(counts, runs, 0.5, 1.0)
    X = np.column_stack([np.ones(300), couplings.histories(counts, runs, 0.5)])
    prior = np.array([1e-6, 1, 1])
    for j in range(2):
        best = minimize(
            lambda b, y=counts[:, j]: np.sum(np.exp(X @ b) - y * (X @ b)) + prior @ b**2 / 2,
            np.zeros(3),
            tol=1e-10,
        )
        np.testing.assert_allclose(found[:, j], best.x[1:], atol=1e-4)
        hessian = X.T @ (X * np.exp(X @ best.x)[:, None]) + np.diag(prior)
        expected = np.sqrt(np.diag(np.linalg.inv(hessian)))[1:]
        np.testing.assert_allclose(errors[:, j], expected, rtol=1e-3)


def test_jitter_keeps_counts_in_windows_and_moves_spikes():
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.3, (100, 4)).astype(float)
    moved = couplings.jitter(counts, [slice(0, 60), slice(60, 100)], 10, rng)
    np.testing.assert_array_equal(
        moved.reshape(10, 10, 4).sum(1), counts.reshape(10, 10, 4).sum(1)
    )
    assert (moved != counts).any()


def test_similarity_by_hand():
    a, b = np.zeros((2, 1, 20), bool)
    a[0, [2, 10]] = b[0, [3, 17]] = True
    assert pspm.similarity(a, b, 1) == 0.5
    assert pspm.similarity(a, b, 0) == 0
    assert pspm.similarity(a, a, 0) == 1


def test_pools_are_strengthened_for_missing_spikes_and_weakened_for_extra_ones():
    made, wanted = np.zeros((2, 3, 30), bool)
    wanted[0, 10] = made[1, 20] = True  # unit 0 misses a spike, unit 1 has one too many
    heard = np.zeros((3, 30), bool)
    heard[2, [8, 18]] = True
    weights = np.zeros((3, 3))
    rng = np.random.default_rng(0)
    pspm.teach(made, wanted, heard, weights, 1, 5, 1, 0.1, 1.0, rng)
    assert weights[2, 0] > 0 > weights[2, 1]
    assert np.count_nonzero(weights) == 2
    weights[:] = 0
    pspm.balance(made, wanted, weights, 0.1, 1.0, rng)
    assert (weights[1:, 0] > 0).all()
    assert (weights[[0, 2], 1] < 0).all()
    assert (weights[:, 2] == 0).all()


def test_the_glm_finds_connections_and_their_signs(network):
    counts, _, truth = network
    weights = truth["coupling"].values
    glm = SpikeConnectivity().fit(counts)
    there = weights != 0
    assert auc(glm.coupling_, weights) > 0.97
    assert auc(glm.coupling_, weights) >= auc(
        SpikeConnectivity("correlogram").fit(counts).coupling_, weights
    )
    assert (np.sign(glm.coupling_[there]) == np.sign(weights[there])).mean() > 0.95
    table = glm.connectivity()
    assert table["coupling"].dims == ("source", "target")
    assert (table["lower"] < table["upper"]).sum() == 12 * 11
    assert np.isnan(np.diag(glm.coupling_)).all()


@pytest.mark.parametrize("method", ["glm", "correlogram"])
def test_intervals_and_surrogates_are_honest_where_nothing_is_coupled(method):
    rng = np.random.default_rng(0)
    counts = neurokit.counts(rng.poisson(0.05, (10, 4000)), bin_width=0.002)
    plain = SpikeConnectivity(method).fit(counts)
    jittered = SpikeConnectivity(method, n_surrogates=8, random_state=0).fit(counts)
    off = ~np.eye(10, dtype=bool)
    for found in (plain, jittered):
        assert (found.p_value_[off] < 0.05).mean() < 0.15
    inside = (plain.lower_ <= 0) & (plain.upper_ >= 0)
    assert inside[off].mean() > 0.85


def test_a_slow_common_rhythm_is_no_coupling_to_jitter():
    rng = np.random.default_rng(0)
    rate = 0.05 * (1 + 0.9 * np.sin(np.arange(8000) * 0.002 * 2 * np.pi * 0.5))
    counts = neurokit.counts(rng.poisson(rate, (8, 8000)), bin_width=0.002)
    off = ~np.eye(8, dtype=bool)
    plain = SpikeConnectivity("correlogram").fit(counts).p_value_[off]
    jittered = SpikeConnectivity("correlogram", n_surrogates=10, random_state=0).fit(counts)
    assert (plain < 0.05).mean() > 0.5
    assert (jittered.p_value_[off] < 0.05).mean() < 0.15


def test_pspm_learns_to_spike_as_recorded_and_finds_weights(network):
    _, counts, truth = network
    counts, drive = counts.isel(time=slice(10_000)), truth["input"].isel(time=slice(10_000))
    taught = SpikeConnectivity("pspm", window=0.03, n_epochs=40, random_state=0)
    taught.fit(counts, drive)
    assert taught.history_.max() > taught.history_[0] + 0.05
    weights, off = truth["coupling"].values, ~np.eye(12, dtype=bool)
    assert np.corrcoef(weights[off], taught.coupling_[off])[0, 1] > 0.7
    assert taught.reproduced_.shape == (10_000, 12)
    again = SpikeConnectivity("pspm", window=0.03, n_epochs=40, random_state=0)
    np.testing.assert_array_equal(again.fit(counts, drive).coupling_, taught.coupling_)


@pytest.mark.parametrize(
    ("params", "X", "message"),
    [
        ({"method": "te"}, np.ones((9, 2)), r"method must be one of \('glm', .*, got 'te'"),
        ({}, np.full((9, 2), 0.5), "takes counts, whole and not negative"),
        ({}, np.ones((9, 1)), "of at least two units .*, got 1 with values"),
        ({}, np.zeros((9, 2)), "no unit ever fires"),
        ({"window": 0.001}, np.ones((9, 2)), "bins of 0.01 s are wider than the window"),
        ({"n_surrogates": 2}, np.ones((9, 2)), "must be 0 or at least 5, got 2"),
        ({"level": 1.0}, np.ones((9, 2)), "level must lie between 0 and 1, got 1.0"),
    ],
)
def test_bad_input_is_refused(params, X, message):
    with pytest.raises(ValueError, match=message):
        SpikeConnectivity(sampling_rate=100.0, **({"window": 0.05} | params)).fit(X)


def test_input_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"must have the shape of X, .* = \(9, 2\), got \(8, 2\)"):
        SpikeConnectivity("pspm", window=0.05, sampling_rate=100.0).fit(
            np.ones((9, 2)), np.ones((8, 2))
        )
