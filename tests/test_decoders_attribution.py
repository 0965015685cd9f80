"""What a classifier goes by, and how it stands lost channels, noise and attacks."""

import numpy as np
import pytest
import xarray as xr
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline

import neurokit
from neurokit.decoders import (
    DBConformerClassifier,
    EEGNetClassifier,
    ShallowConvNetClassifier,
    SSVEPNetClassifier,
    attack,
    integrate_gradients,
    make_csp,
    measure_robustness,
    occlude,
)
from neurokit.features import BandPower, EuclideanAlignment
from neurokit.training import Trainer

NAMES = ["C3", "Cz", "C4", "Pz"]


def loud(n=60, seed=0, channel=2):
    """Trials of 1 s at 100 Hz; where the label is "go", one channel holds 12 Hz from .5 s on."""
    rng = np.random.default_rng(seed)
    go = np.arange(n) % 2
    t = np.arange(100) / 100
    x = rng.normal(size=(n, 4, 100))
    wave = 2.5 * np.sin(2 * np.pi * 12 * t + rng.uniform(0, 6, (n, 1))) * (t >= 0.5)
    x[:, channel] += go[:, None] * wave
    label = np.array(["stay", "go"])[go]
    names = {"label": label, "subject": np.array(list("ab"))[np.arange(n) // 2 % 2]}
    return neurokit.signal(x, sampling_rate=100, channels=NAMES, types="eeg", trials=names)


def make(cls, n_epochs=30, **changes):
    trainer = Trainer(n_epochs, batch_size=16, learning_rate=3e-3, device="cpu")
    return cls(trainer=trainer, random_state=0, **changes)


def band_power():
    return make_pipeline(BandPower({"mu": (9, 15)}), LinearDiscriminantAnalysis())


NETWORKS = [
    (DBConformerClassifier, {"depth": 1, "n_filters": 4, "n_heads": 2}),
    (EEGNetClassifier, {"n_filters": 2}),
    (ShallowConvNetClassifier, {"n_filters": 4}),
    (SSVEPNetClassifier, {"n_filters": 4}),
]


@pytest.mark.parametrize(("cls", "params"), NETWORKS)
def test_shares_sum_to_what_the_trial_changes(cls, params):
    x = loud(12)
    decoder = make(cls, 2, **params).fit(x, x["label"])
    shares = integrate_gradients(decoder, x, x["label"], n_steps=100)
    assert shares.dims == ("trial", "channel", "time")
    assert shares["label"].values.tolist() == x["label"].values.tolist()
    silence = x.copy(data=np.zeros(x.shape) + decoder.mean_[:, None])
    index = np.searchsorted(decoder.classes_, x["label"].values)
    before, after = (
        np.log(decoder.predict_proba(z).values[np.arange(12), index]) for z in (silence, x)
    )
    np.testing.assert_allclose(shares.sum(("channel", "time")), after - before, atol=2e-3)


@pytest.mark.parametrize("channel", [0, 2])
def test_what_tells_the_trials_apart_is_found(channel):
    x = loud(channel=channel)
    network = make(ShallowConvNetClassifier, n_filters=8).fit(x, x["label"])
    assert network.score(x, x["label"]) > 0.9
    shares = integrate_gradients(network, x, x["label"])
    assert shares.sum("time").mean("trial").values.argmax() == channel
    late = np.abs(shares[:, channel]).mean("trial")
    assert late[50:].sum() > late[:50].sum()
    for estimator in (network, band_power().fit(x, x["label"])):
        fall = occlude(estimator, x, x["label"])
        assert fall.dims == ("trial", "channel")
        mean = fall.mean("trial").values
        assert mean.argmax() == channel
        assert mean[channel] > 5 * np.delete(abs(mean), channel).max()
    halves = occlude(network, x, x["label"], width=0.5).mean("trial")
    assert halves["time"].values.tolist() == [0.0, 0.5]
    assert halves[channel, 1] > halves[channel, 0]


def test_shuffled_labels_leave_nothing_to_find():
    x, new = loud(), loud(seed=1)
    y = np.random.default_rng(0).permutation(x["label"].values)
    found = occlude(band_power().fit(x, y), new, new["label"]).mean("trial")
    true = occlude(band_power().fit(x, x["label"]), new, new["label"]).mean("trial")
    assert abs(found).max() < 0.1 * true.max()


def test_occlusion_is_what_hiding_by_hand_gives():
    x = loud(8)
    estimator = band_power().fit(x, x["label"])
    found = occlude(estimator, x, width=0.5, fill="zero")
    before = estimator.predict_proba(x)
    which = before.argmax(1)
    for channel in range(4):
        for k in range(2):
            hidden = x.values.copy()
            hidden[:, channel, 50 * k : 50 * k + 50] = 0
            after = estimator.predict_proba(x.copy(data=hidden))
            fall = np.log(np.maximum(before, 1e-300)) - np.log(np.maximum(after, 1e-300))
            mine = np.minimum(found[:, channel, k], 500)  # beyond that it is nought for both
            np.testing.assert_allclose(mine, np.minimum(fall[np.arange(8), which], 500), rtol=1e-6)
    plain = make_pipeline(BandPower({"mu": (9, 15)}, sampling_rate=100.0), estimator[-1])
    plain.fit(x.values, x["label"].values)
    np.testing.assert_allclose(occlude(plain, x.values, width=50, fill="zero"), found, rtol=1e-5)
    turned = occlude(estimator, x.transpose("time", "trial", "channel"))
    xr.testing.assert_identical(turned, occlude(estimator, x))


def test_other_peoples_pipelines_are_taken_too():
    x = loud(20)
    fall = occlude(make_csp(2).fit(x, x["label"]), x, x["label"], n_draws=1)
    assert fall.mean("trial").values.argmax() == 2
    aligned = make_pipeline(EuclideanAlignment(), make(EEGNetClassifier, 2)).fit(x, x["label"])
    inner = EuclideanAlignment().fit_transform(x)
    expected = integrate_gradients(aligned[-1], inner, x["label"])
    xr.testing.assert_allclose(integrate_gradients(aligned, x, x["label"]), expected)


def test_an_attack_moves_every_sample_as_far_as_it_may_and_never_helps():
    x = loud()
    network = make(ShallowConvNetClassifier, n_filters=8).fit(x, x["label"])
    changed = attack(network, x, x["label"], 0.2)
    spread = x.values.std((0, 2))[:, None]
    moved = np.abs((changed - x).values / spread)
    np.testing.assert_allclose(moved[moved > 1e-6], 0.2, rtol=1e-3)
    index = np.searchsorted(network.classes_, x["label"].values)
    before, after = (network.predict_proba(z).values[np.arange(60), index] for z in (x, changed))
    assert (after < before + 1e-6).mean() > 0.95
    xr.testing.assert_allclose(attack(network, x, x["label"], 0.0), x)


def test_curves_fall_from_the_score_of_whole_trials():
    x, new = loud(), loud(seed=1)
    network = make(ShallowConvNetClassifier, n_filters=8).fit(x, x["label"])
    aligned = make_pipeline(EuclideanAlignment(), clone(network)).fit(x, x["label"])
    for estimator in (network, aligned):
        table = measure_robustness(
            estimator, new, new["label"], lost=[0, 2, 4], noise=[0, 8], attacked=[0, 0.5]
        ).set_index(["kind", "level"])["accuracy"]
        score = estimator.score(new, new["label"])
        for kind in ("lost", "noise", "attacked"):
            assert table[kind, 0] == pytest.approx(score)
        assert table["lost", 2] < score
        assert table["lost", 4] == 0.5  # silence is one answer to all
        assert table["noise", 8] < score
        assert table["attacked", 0.5] < 0.5
    again = measure_robustness(band_power().fit(x, x["label"]), new, new["label"], random_state=1)
    twin = measure_robustness(band_power().fit(x, x["label"]), new, new["label"], random_state=1)
    assert again.equals(twin)
    assert set(again["kind"]) == {"lost", "noise"}


def test_what_cannot_be_is_refused():
    x = loud(8)
    power = band_power().fit(x, x["label"])
    network = make(EEGNetClassifier, 1).fit(x, x["label"])
    y = x["label"]
    with pytest.raises(
        TypeError, match=r"gradients of a network .* LinearDiscriminantAnalysis; occ"
    ):
        integrate_gradients(power, x)
    with pytest.raises(TypeError, match="attack: needs the gradients"):
        measure_robustness(power, x, y, attacked=[0.1])
    with pytest.raises(TypeError, match="occlude: estimator must have predict_proba, got BandP"):
        occlude(BandPower().fit(x), x)
    for call, words in (
        (lambda: integrate_gradients(network, x, n_steps=0), "n_steps must be at least 1, got 0"),
        (lambda: integrate_gradients(network, x, ["left"] * 8), r"\['left'\]"),
        (lambda: attack(network, x, y, -1.0), "strength must be zero or positive, got -1.0"),
        (lambda: occlude(power, x, fill="mean"), "fill be one of trials, zero"),
        (lambda: occlude(power, x, width=0.0), "width positive"),
        (lambda: occlude(power, x[:1]), "no other trial to fill with"),
        (lambda: measure_robustness(power, x, y, lost=[5]), "lost at most the 4 channels"),
        (lambda: measure_robustness(power, x, y, noise=[-1]), "zero or positive"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
