import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline

import neurokit
from neurokit.decoders import (
    BesselFilter,
    EarlyExitClassifier,
    FIRSmoother,
    KalmanRegressor,
    SmoothedRegressor,
    SpikingClassifier,
    SpikingRegressor,
    WienerCascadeRegressor,
    WienerRegressor,
)
from neurokit.features import (
    BandPower,
    DeltaEncoder,
    EuclideanAlignment,
    LagWindow,
    LegendreHistory,
    LempelZiv,
    LiquidState,
)
from neurokit.metrics.footprint import footprint, with_filter
from neurokit.training import Trainer


@pytest.fixture(scope="module")
def session():
    rng = np.random.default_rng(0)
    hand = np.stack([np.sin(np.arange(300) / 25), np.cos(np.arange(300) / 40)], 1)
    x = neurokit.counts(rng.poisson(np.exp(hand @ rng.normal(size=(2, 6)) - 1)).T, bin_width=0.01)
    return x, neurokit.behaviour(hand, sampling_rate=100, features=["vx", "vy"])


def small(**options):
    return SpikingRegressor(8, trainer=Trainer(1, device="cpu"), random_state=0, **options)


def test_a_spiking_network_counts_as_its_spikes_counted_by_hand(session):
    x, y = session
    estimator = small().fit(x, y)
    rows = x.values.T.astype(float)
    spikes = estimator.stream()._layers[0].push(rows)
    before = np.concatenate([np.zeros((1, 8)), spikes[:-1]])
    plain = (rows <= 1).all(1)
    inputs = (rows > 0).sum(1) * 8
    acs = inputs[plain].sum() + before.sum() * 8 + spikes.sum() * 2
    cost = footprint(estimator, x)
    assert cost["acs"] == pytest.approx(acs / 300)
    assert cost["macs"] == pytest.approx(inputs[~plain].sum() / 300)
    assert cost["dense"] == 6 * 8 + 8 * 8 + 8 * 2
    assert cost["activation_sparsity"] == pytest.approx(1 - spikes.mean())
    assert cost["nj_float32"] == pytest.approx((cost["macs"] * 4.6 + cost["acs"] * 0.9) / 1000)
    assert cost["bytes"] == 4 * cost["parameters"] + 4 * 8  # and the thresholds
    assert cost["latency"] == pytest.approx(0.01)  # its bin


def test_only_ones_and_zeros_cost_no_multiplication(session):
    x, y = session
    x = x.clip(max=1)
    assert footprint(small().fit(x, y), x)["macs"] == 0
    assert footprint(WienerRegressor(1).fit(x, y), x)["macs"] == 0


@pytest.mark.parametrize("n_lags", [1, 4])
def test_a_wiener_filter_counts_as_a_linear_layer_on_lagged_counts(session, n_lags):
    x, y = session
    cost = footprint(WienerRegressor(n_lags).fit(x, y), x)
    rows = x.values.T
    products, plain = np.zeros(300), np.ones(300, bool)
    for t in range(300):
        seen = rows[max(t - n_lags + 1, 0) : t + 1]
        products[t], plain[t] = 2 * (seen > 0).sum(), (seen <= 1).all()
    assert cost["acs"] == pytest.approx(products[plain].sum() / 300)
    assert cost["macs"] == pytest.approx(products[~plain].sum() / 300)
    assert cost["dense"] == 2 * 6 * n_lags
    assert cost["bytes"] == 8 * (2 * 6 * n_lags + 2)


def test_a_window_begins_anew_at_each_step(session):
    x, y = session
    cost = footprint(small(preset="snn3d").fit(x, y), x)
    assert cost["dense"] == 7 * (6 * 32 + 32 * 48 + 48 * 2)
    assert cost["macs"] == 7 * 6 * 32  # normalised inputs are no spikes


def test_fewer_bits_are_fewer_bytes_and_zeros_are_no_work(session):
    x, y = session
    estimator = small(prune=0.5).fit(x, y)
    whole = footprint(estimator, x)
    half, byte = (footprint(estimator.quantized(kind), x) for kind in ("float16", "int8"))
    n_weights, n_rows = 6 * 8 + 8 * 8 + 8 * 2, 8 + 8 + 2
    assert whole["bytes"] - half["bytes"] == 2 * n_weights
    assert whole["bytes"] - byte["bytes"] == 3 * n_weights - 4 * n_rows
    assert whole["connection_sparsity"] == 0.5
    assert whole["acs"] + whole["macs"] < footprint(small().fit(x, y), x)[["acs", "macs"]].sum()


def test_a_filter_adds_its_taps_and_its_delay(session):
    x, y = session
    alone = footprint(WienerRegressor(3).fit(x, y), x)
    smoothed = SmoothedRegressor(WienerRegressor(3), FIRSmoother(8, delay=2)).fit(x, y)
    cost = footprint(smoothed, x)
    assert cost["macs"] - alone["macs"] == pytest.approx(2 * 8)
    assert cost["latency"] == pytest.approx(0.03)


def test_a_history_in_front_adds_its_system(session):
    x, y = session
    history = LegendreHistory(3, 0.1)
    cost = footprint(make_pipeline(history, WienerRegressor(1)).fit(x, y), x)
    alone = footprint(WienerRegressor(1).fit(history.transform(x), y), history.transform(x))
    more = (3 * 3 + 3) * 6  # a step of m = A m + B u, for each unit
    assert cost["macs"] - alone["macs"] == cost["dense"] - alone["dense"] == more
    assert cost["parameters"] - alone["parameters"] == 3 * 3 + 3 + 6
    assert cost["nj_float32"] - alone["nj_float32"] == pytest.approx(more * 4.6 / 1000)
    assert cost["nj_memory"] > alone["nj_memory"]
    lagged = footprint(make_pipeline(LagWindow(4), WienerRegressor(1)).fit(x, y), x)
    direct = footprint(WienerRegressor(4).fit(x, y), x)
    assert lagged[["dense", "parameters", "bytes"]].equals(
        direct[["dense", "parameters", "bytes"]]
    )
    sent = make_pipeline(DeltaEncoder(), WienerRegressor(1)).fit(x.transpose("time", "unit"), y)
    changes = np.count_nonzero(sent[0].transform(x)) / 300
    alone = footprint(sent[1], sent[0].transform(x))
    assert footprint(sent, x)["acs"] - alone["acs"] == pytest.approx(6 + changes)


def test_a_filter_can_be_added_to_a_table(session):
    x, y = session
    decoder = WienerRegressor(3).fit(x, y)
    table = footprint(decoder, x)
    for smoother in (FIRSmoother(8, delay=2), BesselFilter(2.0), BesselFilter(5.0, mode="causal")):
        both = SmoothedRegressor(WienerRegressor(3), smoother).fit(x, y)
        added = with_filter(footprint(both.decoder_, x), both.smoother_)
        pd.testing.assert_series_equal(footprint(both, x), added, check_names=False)
        assert added["macs"] > table["macs"]


def test_tables_of_decoders_join(session):
    x, y = session
    decoders = [KalmanRegressor(), WienerCascadeRegressor(3), small()]
    decoders.append(SmoothedRegressor(small(), BesselFilter(2.0)))
    table = pd.DataFrame([footprint(decoder.fit(x, y), x) for decoder in decoders])
    assert table.index.tolist() == [type(decoder).__name__ for decoder in decoders]
    columns = ["parameters", "bytes", "dense", "nj_float32", "nj_memory"]
    assert (table[columns].to_numpy() > 0).all()


def test_jumps_of_the_clock_and_plain_arrays_are_counted_alike(session):
    x, y = session
    estimator = WienerRegressor(4).fit(x, y)
    plain = footprint(estimator, x.values.T)
    pd.testing.assert_series_equal(plain, footprint(estimator, x.transpose("time", "unit")))
    apart = x.isel(time=[*range(100), *range(150, 300)])
    assert footprint(estimator, apart)["acs"] < plain["acs"] * 1.2


def test_counting_leaves_the_network_and_the_hooks_alone(session):
    x, y = session
    estimator = small().fit(x, y)
    before = estimator.predict(x)
    footprint(estimator, x)
    assert not any(layer._forward_hooks for layer in estimator.module_.modules())
    assert all(p.grad is None or not p.grad.isnan().any() for p in estimator.module_.parameters())
    np.testing.assert_array_equal(estimator.predict(x), before)
    assert torch.is_grad_enabled()


def test_what_cannot_be_counted_is_refused(session):
    x, _ = session
    with pytest.raises(TypeError, match=r"expects fitted estimators that tell .* got KNeighbors"):
        footprint(KNeighborsRegressor().fit(x.values.T, x.values.T), x)


def trials():
    rng = np.random.default_rng(0)
    x = neurokit.signal(rng.normal(size=(20, 3, 100)), sampling_rate=100)
    return x, np.arange(20) % 2


def test_features_of_trials_and_linear_models_add_up():
    x, y = trials()
    cost = footprint(
        make_pipeline(EuclideanAlignment(), BandPower(), LinearDiscriminantAnalysis()).fit(x, y), x
    )
    power = footprint(BandPower().fit(x), x)
    align = footprint(EuclideanAlignment().fit(x), x)
    assert align["macs"] == 3 * 3 * 100
    assert cost["macs"] == power["macs"] + align["macs"] + 6
    assert footprint(LempelZiv().fit(x), x)["macs"] == 0


def test_an_early_exit_costs_the_looks_that_trials_take():
    x, y = trials()
    pipeline = make_pipeline(BandPower(), LinearDiscriminantAnalysis())
    early = EarlyExitClassifier(pipeline, n_looks=2, cv=2).fit(x, y)
    looks = [footprint(e, x[:, :, :n]) for e, n in zip(early.estimators_, (50, 100), strict=True)]
    early.threshold_ = 0.0  # whatever it looks like, decide at once
    assert footprint(early, x)["macs"] == pytest.approx(looks[0]["macs"])
    early.threshold_ = np.inf
    assert footprint(early, x)["macs"] == pytest.approx(looks[0]["macs"] + looks[1]["macs"])


def test_a_liquid_costs_its_inputs_and_its_spikes(session):
    x, _ = session
    liquid = LiquidState(20, input_scale=2.0, random_state=0).fit(x)
    stream = liquid.stream()
    low = stream.push(x.values.T)
    keep = np.exp(-0.01 / 0.05)
    spikes = (low - np.concatenate([np.zeros((1, 20)), low[:-1]]) * keep) > 1e-9
    reached = (liquid.recurrent_weight_ != 0).sum(0)
    cost = footprint(liquid, x)
    assert cost["macs"] == 20 * 6 + 2 * 20
    assert cost["acs"] == pytest.approx((spikes[:-1] @ reached).sum() / 300)


def test_a_spiking_classifier_costs_its_steps():
    x, y = trials()
    x = x.copy(data=np.random.default_rng(1).poisson(0.3, x.shape).clip(0, 1))
    made = SpikingClassifier(8, trainer=Trainer(1, device="cpu"), random_state=0).fit(x, y)
    cost = footprint(made, x)
    assert cost["dense"] == 3 * 8 + 8 * 8 + 8 * 2
    assert cost["macs"] == 0
