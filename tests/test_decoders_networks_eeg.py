"""Networks on trials of EEG: what they look at, bad input, and modules in other hands."""

import pickle

import numpy as np
import pytest
import torch
import xarray as xr
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from neurokit.datasets import electrodes, make_motor_imagery, make_ssvep
from neurokit.decoders import (
    DBConformerClassifier,
    EarlyExitClassifier,
    EEGNetClassifier,
    ShallowConvNetClassifier,
    SSVEPNetClassifier,
)
from neurokit.training import Trainer

NETWORKS = [
    DBConformerClassifier,
    EEGNetClassifier,
    ShallowConvNetClassifier,
    SSVEPNetClassifier,
]
SMALL = {
    DBConformerClassifier: {"depth": 1, "n_filters": 8, "n_heads": 2},
    EEGNetClassifier: {},
    ShallowConvNetClassifier: {"n_filters": 8},
    SSVEPNetClassifier: {"n_filters": 8},
}


def make(cls, n_epochs=2, **changes):
    trainer = Trainer(n_epochs, batch_size=16, learning_rate=2e-3, device="cpu")
    return cls(**SMALL[cls] | {"trainer": trainer, "random_state": 0} | changes)


@pytest.fixture(scope="module")
def hands():
    return make_motor_imagery(1, 24, duration=1.5, n_channels=9, random_state=0)[0]


# ---------------------------------------------------------------- what they look at


@pytest.mark.parametrize("cls", NETWORKS)
def test_patterns_are_what_goes_along_with_the_filters(cls, hands):
    decoder = make(cls).fit(hands, hands["label"])
    filters, patterns = decoder.filters_, decoder.patterns_
    assert filters.shape == patterns.shape
    x = hands.values.astype(float)
    x = (x - x.mean(-1, keepdims=True)).transpose(1, 0, 2).reshape(9, -1)
    for w, a in zip(filters[:5], patterns, strict=False):
        out = w @ x
        np.testing.assert_allclose(a, x @ out / x.shape[1] / out.std(), rtol=1e-6)
    # in the unit of fit: a trial in mV has patterns a thousandth as large
    small = (hands / 1000).assign_attrs(units="mV")
    other = make(cls).fit(small, hands["label"])
    np.testing.assert_allclose(other.patterns_ * 1000, patterns, rtol=1e-2, atol=1e-2)


def test_filters_are_where_trials_first_meet_the_network(hands):
    for cls in (DBConformerClassifier, SSVEPNetClassifier):
        decoder = make(cls).fit(hands, hands["label"])
        x = hands.values[0].astype(float)
        first = decoder.module_.spatial
        layer = first[0] if cls is DBConformerClassifier else first
        with torch.no_grad():
            seen = layer(torch.from_numpy(decoder._prepare(x[None])))[0].numpy()
        seen = seen - seen.mean(-1, keepdims=True)
        found = decoder.filters_ @ (x - x.mean(-1, keepdims=True))
        np.testing.assert_allclose(found, seen, atol=1e-4)


def test_the_filter_of_two_convolutions_is_that_of_one_where_they_part(hands):
    decoder = make(ShallowConvNetClassifier).fit(hands, hands["label"])
    spatial = np.random.default_rng(0).normal(size=(8, 9))
    with torch.no_grad():  # the same spatial filter behind every temporal one
        decoder.module_.spatial.weight[..., 0] = torch.from_numpy(spatial)[:, None].float()
    found = decoder.filters_ * decoder.scale_
    cosine = (found * spatial).sum(1) / np.linalg.norm(found, axis=1)
    np.testing.assert_allclose(abs(cosine), np.linalg.norm(spatial, axis=1), rtol=1e-5)


def test_a_network_for_flickers_finds_the_visual_cortex():
    x, truth = make_ssvep((8, 10, 12, 15), 12, n_channels=19, duration=0.5, random_state=0)
    decoder = make(SSVEPNetClassifier, 60, bands=1).fit(x, x["label"])
    alike = [abs(np.corrcoef(a, truth["leadfield"].values)[0, 1]) for a in decoder.patterns_]
    assert np.median(alike) > 0.5


def test_mne_plots_patterns_and_filters(hands):
    import mne
    from mne.decoding import get_spatial_filter_from_estimator

    names, places = electrodes(9)
    info = mne.create_info(names, 128.0, "eeg")
    montage = mne.channels.make_dig_montage(
        dict(zip(names, places / 1000, strict=True)), coord_frame="head"
    )
    info.set_montage(montage)
    decoder = make(EEGNetClassifier).fit(hands, hands["label"])
    found = get_spatial_filter_from_estimator(
        make_pipeline(decoder),
        info,
        get_coefs=("filters_", "patterns_"),
        patterns_method="haufe",
    )
    figure = found.plot_patterns(components=[0, 1], show=False)
    assert len(figure.axes) >= 2
    assert mne.decoding.get_coef(decoder, "patterns_").shape == (16, 9)


def test_attention_after_fit_is_the_mean_over_the_training_trials(hands, tmp_path):
    decoder = make(DBConformerClassifier).fit(hands, hands["label"])
    weights = decoder.channel_weights_
    assert weights.dims == ("channel",)
    assert weights["channel"].values.tolist() == hands["channel"].values.tolist()
    np.testing.assert_allclose(weights, decoder.channel_weights(hands).mean("trial"), rtol=1e-5)
    np.testing.assert_allclose(weights.sum(), 1.0, rtol=1e-5)
    times, channels = decoder.attention(hands)
    for part, whole in ((times, "times"), (channels, "channels")):
        found = decoder.attention_[whole]
        np.testing.assert_allclose(found, part.mean("trial"), rtol=1e-5)
        np.testing.assert_allclose(found.sum(found.dims[1]), 1.0, rtol=1e-5)
    assert decoder.attention_["time"].values.tolist() == [0.0, 0.5, 1.0]
    again = DBConformerClassifier.load(decoder.save(tmp_path / "net"))
    xr.testing.assert_identical(again.attention_, decoder.attention_)
    plain = make(DBConformerClassifier, sampling_rate=128.0).fit(hands.values, hands["label"])
    np.testing.assert_allclose(plain.channel_weights_, weights, rtol=1e-4)
    assert isinstance(plain.channel_weights(hands.values), np.ndarray)


# ---------------------------------------------------------------- live, and in other hands


def test_a_trial_is_decided_early_around_a_network(hands):
    decoder = EarlyExitClassifier(make(ShallowConvNetClassifier), n_looks=3, cv=2, tolerance=0.3)
    decoder.fit(hands, hands["label"])
    whole = decoder.predict_proba(hands).values
    stream = decoder.stream()
    rows = hands.transpose("trial", "time", "channel").values.reshape(-1, 9)
    parts = [stream.push(rows[k : k + 50]) for k in range(0, len(rows), 50)]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-4, atol=1e-6)
    assert (decoder.decide(hands).time <= 1.5).all()


@pytest.mark.parametrize("step", [0.25, 1.0])
def test_windows_slide_and_each_is_decided_as_soon_as_it_is_sure(step):
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    x = rng.normal(size=(60, 2, 40)) + 1.5 * (2 * y - 1)[:, None, None]
    mean = make_pipeline(_Mean(), LogisticRegression())
    decoder = EarlyExitClassifier(mean, n_looks=4, tolerance=0.1, sampling_rate=40.0).fit(x, y)
    record = x[:6].transpose(0, 2, 1).reshape(-1, 2)
    begins = np.arange(0, len(record) - 39, round(step * 40))
    windows = np.stack([record[b : b + 40].T for b in begins])
    expected, reads = decoder.predict_proba(windows), decoder.decide(windows).time * 40
    stream, found, when = decoder.stream(step), [], []
    for k, row in enumerate(record):
        rows = stream.push(row[None])
        found += list(rows)
        when += [k + 1] * len(rows)
    np.testing.assert_allclose(found[: len(expected)], expected)
    if step == 1.0:  # one window at a time: its answer comes with the sample that makes it sure
        np.testing.assert_allclose(when, begins + reads)
        assert min(reads) < 40


class _Mean(LogisticRegression):
    """The mean of each channel, for a trial of any length."""

    def fit(self, X, y=None):
        self.n_features_in_ = 1
        return self

    def transform(self, X):
        return np.asarray(X).mean(-1)


@pytest.mark.parametrize("name", ["DBConformer", "EEGNet", "ShallowConvNet", "SSVEPNet"])
def test_modules_take_the_names_of_braindecode_in_plain_torch_and_skorch(name, hands):
    from neurokit.nn import dbconformer, eegnet, ssvep

    modules = vars(dbconformer) | vars(eegnet) | vars(ssvep)
    x = torch.from_numpy(hands.values / hands.values.std()).float()
    y = torch.from_numpy((hands["label"].values == "left").astype(np.int64))
    names = {"n_chans": 9, "n_outputs": 2, "n_times": x.shape[2]}
    names |= {} if name == "SSVEPNet" else {"sfreq": 128.0}
    torch.manual_seed(0)
    module = modules[name](**names)
    optimiser = torch.optim.Adam(module.parameters(), 1e-3)
    before = module.final_layer.state_dict()
    before = {key: value.clone() for key, value in before.items()}
    for _ in range(2):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(module(x), y).backward()
        optimiser.step()
    assert module(x).shape == (len(x), 2)
    assert any(not torch.equal(v, before[k]) for k, v in module.final_layer.state_dict().items())

    skorch = pytest.importorskip("skorch")
    net = skorch.NeuralNetClassifier(
        modules[name],
        criterion=torch.nn.CrossEntropyLoss,
        max_epochs=1,
        train_split=None,
        verbose=0,
        **{f"module__{key}": value for key, value in names.items()},
    )
    assert net.fit(x, y).predict_proba(x).shape == (len(x), 2)


def test_a_net_of_skorch_stands_behind_our_transformers(hands):
    from sklearn.model_selection import cross_val_score
    from sklearn.preprocessing import FunctionTransformer

    from neurokit.features import EuclideanAlignment
    from neurokit.nn.eegnet import EEGNet

    skorch = pytest.importorskip("skorch")
    net = skorch.NeuralNetClassifier(
        EEGNet,
        module__n_chans=9,
        module__n_outputs=2,
        module__n_times=hands.sizes["time"],
        module__sfreq=128.0,
        criterion=torch.nn.CrossEntropyLoss,
        max_epochs=1,
        train_split=None,
        verbose=0,
    )
    arrays = FunctionTransformer(np.asarray, kw_args={"dtype": "float32"})
    pipeline = make_pipeline(EuclideanAlignment(), arrays, net)
    y = (hands["label"].values == "left").astype(np.int64)
    scores = cross_val_score(pipeline, hands, y, cv=2, error_score="raise")
    assert scores.shape == (2,)
    again = pickle.loads(pickle.dumps(pipeline.fit(hands, y)))
    np.testing.assert_array_equal(again.predict(hands), pipeline.predict(hands))


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize("cls", NETWORKS)
def test_networks_refuse_in_a_sentence(cls, hands):
    name, y = cls.__name__, hands["label"].values
    decoder = make(cls).fit(hands, y)
    broken = hands.copy()
    broken[3, 2, 7] = np.nan
    one = y == y[0]
    cases = [
        (lambda: make(cls).fit(hands[one], y[one]), rf"{name}.*one class|{name}.*class"),
        (lambda: make(cls).fit(broken, y), f"{name}.*NaN|NaN"),
        (lambda: decoder.predict(broken), "NaN"),
        (lambda: decoder.predict(hands[:, :5]), f"{name}.*(lacks|misses)"),
        (lambda: decoder.predict(hands[..., :100]), f"{name} was fitted on trials of 192 samples"),
        (lambda: decoder.predict(hands[..., ::2]), f"{name} was fitted at 128 Hz, got data at 64"),
        (lambda: make(cls).fit(hands[..., :8], y), "shorter than"),
        (lambda: decoder.partial_fit(hands, np.where(one, "foot", y)), f"{name}.*foot"),
    ]
    for call, words in cases:
        if words == "shorter than" and cls is SSVEPNetClassifier:
            continue  # labels that are no frequencies have no cycle
        with pytest.raises(ValueError, match=words) as caught:
            call()
        assert str(caught.value).count("\n") == 0, caught.value
    turned = hands.isel(channel=slice(None, None, -1))
    np.testing.assert_array_equal(decoder.predict(turned), decoder.predict(hands))
