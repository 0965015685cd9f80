"""Classifiers of trials: what they share, and networks among them."""

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

import neurokit
from neurokit.decoders import EarlyExitClassifier, SpikingClassifier
from neurokit.decoders.networks.classifier import NetworkClassifier, find_groups
from neurokit.features import BandPower
from neurokit.inputs.trials import trials
from neurokit.training import Trainer
from neurokit.training.augment import Montage, make_augmentation, mirror_channels


class Line(NetworkClassifier):
    """Logistic regression on the power of each channel: the smallest network of its kind."""

    def __init__(
        self,
        *,
        class_weight=None,
        augmentation=None,
        sampling_rate=None,
        trainer=None,
        random_state=None,
    ):
        self.class_weight = class_weight
        self.augmentation = augmentation
        self.sampling_rate = sampling_rate
        self.trainer = trainer
        self.random_state = random_state

    def _build_module(self, name):
        return nn.Sequential(Power(), nn.Linear(self.n_features_in_, len(self.classes_)))


class Power(nn.Module):
    def forward(self, x):
        return (x**2).mean(2).log1p()


def loud(n=80, n_classes=2, seed=0):
    """Trials whose class tells which channel is loud; names of three people."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(n) % n_classes
    x = rng.normal(size=(n, 4, 50))
    x[np.arange(n), kinds] *= 4
    labels = np.array(["left", "right", "rest"])[kinds]
    x = neurokit.signal(
        x,
        sampling_rate=50,
        channels=["C3", "C4", "Cz", "Fz"],
        trials={"subject": np.array(list("abc"))[np.arange(n) // 2 % 3], "label": labels},
    )
    return x, labels


def make(**options):
    trainer = Trainer(15, batch_size=16, learning_rate=0.05, device="cpu")
    return Line(**{"trainer": trainer, "random_state": 0} | options)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_labelled_probabilities_and_decisions_say_the_same(n_classes):
    x, y = loud(n_classes=n_classes)
    line = make().fit(x, y)
    assert line.classes_.tolist() == sorted(set(y))
    proba, decisions = line.predict_proba(x), line.decision_function(x)
    assert proba.dims == ("trial", "class")
    assert proba["class"].values.tolist() == line.classes_.tolist()
    np.testing.assert_allclose(proba.sum("class"), 1.0)
    assert proba["subject"].values.tolist() == x["subject"].values.tolist()
    if n_classes == 2:
        assert decisions.dims == ("trial",)
        np.testing.assert_allclose(1 / (1 + np.exp(-decisions)), proba[:, 1], rtol=1e-6)
    else:
        assert decisions.dims == ("trial", "class")
        np.testing.assert_allclose(np.exp(decisions), proba, rtol=1e-6)
    assert line.predict(x).values.tolist() == line.classes_[proba.values.argmax(1)].tolist()
    assert line.score(x, y) > 0.95
    assert line.predict(x[0]).item() in y  # one recording, one label
    plain = make(sampling_rate=50.0).fit(x.values, y)
    np.testing.assert_array_equal(plain.predict_proba(x.values), proba.values)


def test_probabilities_are_those_of_the_module_written_out():
    x, y = loud()
    line = make().fit(x, y)
    z = (x.values - line.mean_[:, None]) / line.scale_[:, None]
    with torch.no_grad():
        out = line.module_(torch.from_numpy(z.astype(np.float32))).numpy().astype(float)
    expected = np.exp(out) / np.exp(out).sum(1, keepdims=True)
    np.testing.assert_allclose(line.predict_proba(x), expected, rtol=1e-5)


def test_the_history_tells_the_accuracy_of_both_sides():
    x, y = loud()
    trainer = Trainer(8, learning_rate=0.05, validation_fraction=0.3, patience=8, device="cpu")
    line = make(trainer=trainer).fit(x, y)
    assert {"accuracy", "val_accuracy"} <= set(line.history_[-1])
    assert line.history_[-1]["val_accuracy"] > 0.8


def test_groups_are_given_or_read_off_subject_or_session():
    x, _ = loud(12)
    seen = trials(make(), x, reset=True)
    assert find_groups(seen, None).tolist() == x["subject"].values.tolist()
    assert find_groups(seen, list(range(12))).tolist() == list(range(12))
    one = x.assign_coords(subject=("trial", ["a"] * 12))
    assert find_groups(trials(make(), one, reset=True), None) is None
    days = one.assign_coords(session=("trial", ["1", "2"] * 6))
    assert find_groups(trials(make(), days, reset=True), None).tolist() == ["1", "2"] * 6


class Watched(Line):
    """Notes which trials it learns from and which it is watched on."""

    def _log_probabilities(self, module, x):
        if torch.is_grad_enabled():
            self.learned.update(x[:, 3, 0].tolist())
        elif not getattr(self, "done", True):
            self.watched.update(x[:, 3, 0].tolist())
        return super()._log_probabilities(module, x)


def test_no_group_stands_on_both_sides_of_early_stopping():
    x, y = loud()
    trainer = Trainer(3, validation_fraction=0.3, patience=2, device="cpu")
    watched = Watched(trainer=trainer, random_state=0)
    watched.learned, watched.watched, watched.done = set(), set(), False
    watched.fit(x, y)
    z = watched._prepare(x.values)[:, 3, 0].tolist()
    people = dict(zip(z, x["subject"].values.tolist(), strict=True))
    sides = [{people[v] for v in side} for side in (watched.learned, watched.watched)]
    assert sides[0]
    assert sides[1]
    assert not sides[0] & sides[1]


def test_class_weights_move_the_border_and_balanced_evens_the_counts():
    rng = np.random.default_rng(0)
    x = neurokit.signal(rng.normal(size=(100, 4, 50)), sampling_rate=50)
    y = np.array(["rare"] * 10 + ["often"] * 90)
    share = [
        float((make(class_weight=w).fit(x, y).predict_proba(x).sel({"class": "rare"})).mean())
        for w in (None, "balanced", {"rare": 100.0, "often": 1.0})
    ]
    assert share[0] < 0.25
    assert 0.35 < share[1] < 0.65
    assert share[2] > 0.75
    index = np.repeat([0, 1], [90, 10])
    line = make(class_weight="balanced")
    line.classes_ = np.array(["often", "rare"])
    weight = line._weigh(index)
    assert weight.mean() == pytest.approx(1.0)
    assert weight[:90].sum() == pytest.approx(weight[90:].sum())


def test_partial_fit_goes_on_and_knows_its_classes():
    x, y = loud(n_classes=3)
    line = make().partial_fit(x[:60:3], y[:60:3], classes=["left", "rest", "right"])
    assert line.classes_.tolist() == ["left", "rest", "right"]
    before = line.score(x, y)
    for _ in range(10):
        line.partial_fit(x, y)
    assert line.score(x, y) > max(before, 0.9)
    with pytest.raises(ValueError, match=r"y holds classes \['elsewhere'\] that fit had not seen"):
        line.partial_fit(x[:2], ["left", "elsewhere"])


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
def test_live_windows_are_the_trials_that_end_there(size):
    x, y = loud(20)
    line = make().fit(x, y)
    rows = np.concatenate(list(x.values), axis=1).T  # trial after trial, (time, channel)
    for step, expected in ((None, line.predict_proba(x).values), (0.2, None)):
        stream = line.stream(step)
        parts = [stream.push(rows[i : i + size]) for i in range(0, len(rows), size)]
        found = np.concatenate([*parts, stream.flush()])
        if expected is None:
            windows = np.stack([rows[k : k + 50].T for k in range(0, len(rows) - 49, 10)])
            expected = line.predict_proba(
                x[:1].isel(trial=np.zeros(len(windows), int)).copy(data=windows)
            ).values
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    with pytest.raises(ValueError, match=r"step must be one sample or more, got 0\.0 s"):
        line.stream(0.0)


@pytest.mark.parametrize(
    "made",
    [
        make(),
        SpikingClassifier(4, trainer=Trainer(1, device="cpu")),
        EarlyExitClassifier(BandPower()),
    ],
)
def test_one_class_other_lengths_and_missing_labels_are_refused(made):
    x, y = loud(20)
    if isinstance(made, EarlyExitClassifier):
        made.estimator = SpikingClassifier(4, trainer=Trainer(1, device="cpu"))
    name = type(made).__name__
    with pytest.raises(
        ValueError, match=rf"{name}: y must hold two classes .* one class, \['left"
    ):
        made.fit(x[::2], y[::2])
    with pytest.raises(ValueError, match=rf"{name}: y has 19 labels for 20 trials"):
        made.fit(x, y[1:])
    with pytest.raises(ValueError, match=rf"{name} requires y to be passed.* label of each trial"):
        made.fit(x, None)


def test_a_network_of_one_length_says_so():
    x, y = loud(20)
    line = make().fit(x, y)
    with pytest.raises(ValueError, match=r"fitted on trials of 50 samples, got 40; cut them"):
        line.predict(x[:, :, :40])


# ---------------------------------------------------------------- augmentation


def montage(**changes):
    scale = torch.tensor([[1.0], [2.0], [0.0]])
    return Montage(["C3", "C4", "Cz"], scale, 10.0)._replace(**changes)


def augment(wanted, x, seed=0, **changes):
    step = make_augmentation("me", wanted, montage(**changes))
    return step(x, torch.Generator().manual_seed(seed))


def batch(n=400):
    return torch.randn(n, 3, 20, generator=torch.Generator().manual_seed(9))


def test_a_time_shift_moves_each_trial_and_lets_silence_in():
    x = batch() + 10.0
    out = augment({"time_shift": 0.3}, x)
    seen = set()
    for before, after in zip(x, out, strict=True):
        fits = [
            by
            for by in range(-3, 4)
            if torch.equal(
                after,
                torch.stack([
                    before[:, t - by] if 0 <= t - by < 20 else torch.zeros(3) for t in range(20)
                ], 1),
            )
        ]  # fmt: skip
        assert len(fits) == 1
        seen.update(fits)
    assert seen == set(range(-3, 4))


def test_channels_drop_out_and_noise_is_in_units_of_the_channel():
    x = batch() + 10.0
    silent = (augment({"channel_dropout": 0.3}, x) == 0).all(2)
    assert silent.float().mean().item() == pytest.approx(0.3, abs=0.05)
    assert torch.equal((augment({"channel_dropout": 0.3}, x) == 0).any(2), silent)
    added = augment({"noise": 0.5}, x) - x
    spread = added.std((0, 2))
    assert spread.tolist() == pytest.approx([0.5, 1.0, 0.0], rel=0.05)


def test_signs_and_hemispheres_flip_for_half_of_the_trials():
    x = batch()
    out = augment("sign_flip", x)
    flipped = (out == -x).all((1, 2))
    assert ((out == x).all((1, 2)) | flipped).all()
    assert flipped.float().mean().item() == pytest.approx(0.5, abs=0.1)
    out = augment("hemisphere_flip", x)
    flipped = (out == x[:, [1, 0, 2]]).all((1, 2))
    assert ((out == x).all((1, 2)) | flipped).all()
    assert flipped.float().mean().item() == pytest.approx(0.5, abs=0.1)


def test_steps_follow_each_other_and_callables_are_taken():
    x = batch(5)
    out = augment(["sign_flip", lambda x, generator: x + 1], x)
    assert torch.equal(out, augment("sign_flip", x) + 1)
    assert make_augmentation("me", None, montage()) is None


def test_the_other_side_is_told_by_the_name():
    names = ["Fp1", "Fp2", "FC3", "FC4", "Cz", "T7"]
    assert mirror_channels("me", names) == [1, 0, 3, 2, 4, 5]
    for names in (None, ["Cz", "Pz"], [0, 1]):
        with pytest.raises(ValueError, match=r"me: augmentation 'hemisphere_flip' needs channels"):
            mirror_channels("me", names)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("cutout", r"Line: augmentation must be a callable or of .*, got 'cutout'"),
        ({"noise": -1.0}, r"strength of augmentation 'noise' must be 0 or more.*, got -1\.0"),
        ({"sign_flip": 2.0}, r"'sign_flip' must be .* at most 1, got 2\.0"),
    ],
)
def test_augmentations_out_of_range_are_refused(wanted, message):
    x, y = loud(20)
    with pytest.raises(ValueError, match=message):
        make(augmentation=wanted).fit(x, y)


def test_augmentation_is_seeded_and_off_where_the_fit_is_watched():
    x, y = loud()
    modes = []

    def note(x, generator):
        modes.append(torch.is_grad_enabled())
        return x + torch.randn(x.shape, generator=generator)

    trainer = Trainer(3, validation_fraction=0.3, device="cpu")
    state = torch.get_rng_state()
    first = make(augmentation=note, trainer=trainer).fit(x, y)
    again = make(augmentation=note, trainer=trainer).fit(x, y)
    plain = make(trainer=trainer).fit(x, y)
    assert all(modes)
    assert torch.equal(torch.get_rng_state(), state)
    xr.testing.assert_identical(first.predict_proba(x), again.predict_proba(x))
    assert not np.array_equal(first.predict_proba(x), plain.predict_proba(x))


@pytest.mark.parametrize("kind", ["S", object])
def test_labels_that_are_bytes_are_refused_with_the_way_out(kind):
    x, labels = loud(12)
    undecoded = np.array([str(label).encode() for label in labels], kind)
    with pytest.raises(TypeError, match=r"^Line: the labels in y .* got bytes such as b'left'"):
        Line(trainer=Trainer(1, device="cpu")).fit(x, undecoded)
