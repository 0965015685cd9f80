"""The network for flickers: one for all people, then one person's."""

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

from neurokit.datasets import make_ssvep
from neurokit.decoders import SSVEPNetClassifier
from neurokit.training import Trainer

TARGETS = (8.0, 10.0, 12.0, 15.0)


def people(n_trials=10, seed=0, **changes):
    x, _ = make_ssvep(
        TARGETS, n_trials=n_trials, n_subjects=3, duration=0.5, random_state=seed, **changes
    )
    return x.isel(channel=slice(8, None), time=slice(35, None))  # posterior, after the latency


def make(n_epochs=40, **changes):
    trainer = Trainer(n_epochs, batch_size=40, learning_rate=2e-3, device="cpu")
    return SSVEPNetClassifier(
        n_filters=16, trainer=trainer, adapt_trainer=trainer, random_state=0, **changes
    )


@pytest.fixture(scope="module")
def fitted():
    x = people()
    return make().fit(x, x["label"]), x


def split(x):
    """Trials of the second person, half to adapt to and half to test."""
    mine = x[x["subject"] == "S02"]
    order = np.argsort(mine["label"].values, kind="stable").reshape(4, -1)
    return mine[order[:, ::2].ravel()], mine[order[:, 1::2].ravel()]


def test_flickers_are_told_apart_before_and_after(fitted):
    speller, _ = fitted
    few, test = split(people(20, amplitude=5.0))
    mine = make().fit(people(20, amplitude=5.0), people(20, amplitude=5.0)["label"])
    assert mine.score(test, test["label"]) > 0.6
    assert mine.adapt(few, few["label"]).score(test, test["label"]) > 0.8
    assert speller.bands_[0] == (6.0, 90.0)
    assert len(speller.module_.bands) == 3


def test_one_person_leaves_the_network_of_all_as_it_is_and_the_next_begins_there(fitted):
    speller, x = fitted
    few, test = split(x)
    before = {k: v.clone() for k, v in speller.global_module_.state_dict().items()}
    first = speller.adapt(few, few["label"]).predict_proba(test).values
    assert speller.adapted_
    other = x[x["subject"] == "S01"]
    speller.adapt(other, other["label"])
    assert not np.allclose(speller.predict_proba(test), first)
    np.testing.assert_array_equal(speller.adapt(few, few["label"]).predict_proba(test), first)
    for name, value in speller.global_module_.state_dict().items():
        assert torch.equal(value, before[name])
    assert speller.fit(x, x["label"]).module_ is speller.global_module_
    assert not speller.adapted_


def test_both_stages_are_in_the_file(fitted, tmp_path):
    speller, x = fitted
    few, test = split(x)
    speller.adapt(few, few["label"])
    again = SSVEPNetClassifier.load(speller.save(tmp_path / "speller"))
    np.testing.assert_array_equal(again.predict_proba(test), speller.predict_proba(test))
    for one in (again, speller):
        one.adapt(few, few["label"]).partial_fit(few, few["label"])
        assert [drop.p for drop in one.module_.drops] == [0.6, 0.7, 0.95]
    np.testing.assert_array_equal(again.predict_proba(test), speller.predict_proba(test))


def test_people_stay_together_in_what_is_held_out(fitted):
    _, x = fitted
    trainer = Trainer(1, validation_fraction=0.3, device="cpu")
    speller = SSVEPNetClassifier(n_filters=4, trainer=trainer, random_state=0)
    assert "val_loss" in speller.fit(x, x["label"], groups=x["subject"]).history_[0]


def test_trials_that_share_no_phase_are_told():
    x, _ = make_ssvep(TARGETS, n_trials=16, duration=2.0, random_state=0)
    rng = np.random.default_rng(0)
    rolled = [np.roll(trial, rng.integers(500), axis=-1) for trial in x.values]
    speller = make(1).fit(x, x["label"]).adapt(x, x["label"])
    with pytest.warns(UserWarning, match="SSVEPNetClassifier: the training trials of a target"):
        speller.adapt(x.copy(data=np.stack(rolled)), x["label"])


def test_what_cannot_be_is_refused(fitted):
    speller, x = fitted
    y = x["label"].values
    with pytest.raises(NotFittedError):
        make().adapt(x, y)
    with pytest.raises(ValueError, match="9"):
        speller.adapt(x[:2], ["8", "9"])
    with pytest.raises(ValueError, match=r"fitted on trials of 90 samples, got 50"):
        speller.adapt(x[..., :50], y)
    for changes, words in (
        ({"dropout": (0.1, 0.2)}, r"dropout must be three shares in \[0, 1\), got \(0.1, 0.2\)"),
        ({"adapt_dropout": (1.0, 0, 0)}, "adapt_dropout must be three shares"),
        ({"n_filters": 0}, "n_filters must be at least 1, got 0"),
        ({"bands": [(8.0, 200.0)]}, "bands must lie between 0 and 125 Hz"),
    ):
        with pytest.raises(ValueError, match=f"SSVEPNetClassifier: {words}"):
            make().set_params(**changes).fit(x, y)
    with pytest.raises(ValueError, match="shorter than a cycle of 8 Hz"):
        make().fit(x[..., :20], y)
