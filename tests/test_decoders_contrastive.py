"""Retrieval of stimuli: losses against loops, the known optimum, people, places, refusals."""

import numpy as np
import pytest
import torch
import xarray as xr

import neurokit
from neurokit.datasets import make_speech_responses, make_stimulus_responses
from neurokit.decoders import ContrastiveDecoder
from neurokit.metrics import retrieval_scores
from neurokit.nn.brain_encoder import BrainEncoder, SensorAttention, SubjectLayer
from neurokit.nn.contrast import clip_loss, compare
from neurokit.training import Trainer

SMALL = {"n_sources": 8, "n_filters": 12, "n_blocks": 1, "random_state": 0}


def short(n_epochs=2, **changes):
    return ContrastiveDecoder(
        **(SMALL | {"trainer": Trainer(n_epochs, device="cpu", batch_size=64)} | changes)
    )


def made(**changes):
    return make_stimulus_responses(
        **({"n_stimuli": 30, "n_subjects": 2, "random_state": 0} | changes)
    )


# ---------------------------------------------------------------- references


@pytest.mark.parametrize("normalize", ["target", "both", "none"])
def test_comparisons_and_the_loss_are_their_loops(normalize):
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(5, 3, 4)), rng.normal(size=(5, 3, 4))
    stimulus = [0, 1, 2, 1, 3]
    found = compare(torch.tensor(z), torch.tensor(y), normalize, 0.5)
    expected = 0.0
    for i in range(5):
        row = []
        for j in range(5):
            a = z[i] / (np.linalg.norm(z[i]) if normalize == "both" else 1)
            b = y[j] / (np.linalg.norm(y[j]) if normalize != "none" else 1)
            row.append(sum((a * b).ravel()) / 0.5)
            assert float(found[i, j]) == pytest.approx(row[j])
        wrong = [row[j] for j in range(5) if j == i or stimulus[j] != stimulus[i]]
        expected -= (row[i] - np.log(np.sum(np.exp(wrong)))) / 5
    loss = clip_loss(found, torch.tensor(stimulus))
    assert float(loss) == pytest.approx(expected)


def test_attention_goes_by_places_not_by_numbers():
    torch.manual_seed(0)
    places = torch.rand(6, 2)
    places[3] = torch.nan
    layer = SensorAttention(places, 4).eval()
    order = torch.tensor([2, 0, 5, 3, 1, 4])
    turned = SensorAttention(places[order], 4).eval()
    turned.heads = layer.heads
    x = torch.randn(2, 6, 9)
    torch.testing.assert_close(layer(x), turned(x[:, order]))
    assert (layer.weigh()[:, 3] == 0).all()  # no place, no weight
    torch.testing.assert_close(layer.weigh().sum(1), torch.ones(4))
    layer.train()
    layer.ban = 3.0  # all sensors: none is left out
    torch.testing.assert_close(layer(x), layer.eval()(x))


def test_everyone_has_a_matrix():
    layer = SubjectLayer(3, 4)
    x, who = torch.randn(5, 4, 7), torch.tensor([2, 0, 1, 2, 0])
    for k in range(5):
        torch.testing.assert_close(layer(x, who)[k], layer.weight[who[k]] @ x[k])


def test_the_network_has_the_parts_that_were_asked_for():
    count = {}
    for people in (0, 2):
        net = BrainEncoder(5, 9, n_features=3, over_time=False, places=None, n_subjects=people)
        count[people] = sum(p.numel() for p in net.parameters())
    assert count[2] - count[0] == 2 * 32 * 32


# ---------------------------------------------------------------- simulations


@pytest.mark.parametrize("make", [make_stimulus_responses, make_speech_responses])
def test_the_ideal_decoder_knows_the_likelihood(make):
    m = make(12, n_subjects=2, duration=0.3, n_channels=5, random_state=1)
    found = m.ideal(m.clean, m.gallery)
    truth = m.truth
    for trial in (0, 15):
        k = int(m.trials["subject"].values[trial] == "s2")
        log = []
        for e in m.gallery.values.astype(float):
            drive = truth["weights"].values @ e
            if e.ndim == 1:
                source = drive[:, None] * truth["kernel"].values
            else:
                n = e.shape[-1]
                source = np.stack(
                    [
                        np.convolve(d, h)[:n]
                        for d, h in zip(drive, truth["kernel"].values, strict=True)
                    ]
                )
            rest = m.clean.values[trial] - truth["mixing"].values[k] @ source
            log.append(-0.5 * np.sum(rest * np.linalg.solve(truth["noise"].values[k], rest)))
        apart = found.values[trial] - np.array(log)
        np.testing.assert_allclose(apart, apart[0], rtol=1e-3)


def test_the_signal_to_noise_ratio_is_the_one_asked_for():
    loud = made(snr=100.0, n_stimuli=200)
    power = loud.clean.values.var()
    assert power == pytest.approx(101 * 100, rel=0.1)
    spoilt = made(outliers=0.2)
    share = (np.abs(spoilt.trials - spoilt.clean) > 1).any("time").mean()
    assert float(share) == pytest.approx(0.2, abs=0.03)
    with pytest.raises(ValueError, match="make_stimulus_responses: expects one stimulus"):
        made(snr=0.0)


def test_stimuli_are_found_well_above_chance_and_below_the_optimum():
    m = made(n_stimuli=140, snr=0.6, n_repeats=2)
    test = np.isin(m.trials["stimulus"], m.gallery["stimulus"][-40:])
    decoder = short(trainer=Trainer(20, batch_size=64, learning_rate=5e-3, device="cpu"))
    decoder.fit(m.trials[~test], m.embeddings[~test])
    gallery = m.gallery[-40:]
    wanted = m.trials["stimulus"].values[test]
    best = retrieval_scores(
        m.ideal(m.clean[test], gallery), wanted, gallery=gallery["stimulus"].values, k=(5,)
    )
    score = decoder.score(m.trials[test], m.embeddings[test], k=5)
    assert 0.4 < score <= float(best["top_k"][0]) + 0.02  # chance is 0.125
    found = decoder.evaluate(m.trials[test], m.embeddings[test], gallery, k=(5,))
    assert float(found["top_k"][0]) == score
    assert found["top_k_by_group"].sizes["group"] == 2
    first = decoder.retrieve(m.trials[test], gallery, k=5)
    hits = (first["candidate"] == xr.DataArray(wanted, dims="trial")).any("rank").mean()
    assert float(hits) == pytest.approx(score)
    assert (first["similarity"].diff("rank") <= 0).all()


# ---------------------------------------------------------------- labels, people, files


def test_embeddings_along_time_keep_the_clock(tmp_path):
    m = make_speech_responses(20, n_subjects=2, random_state=0)
    decoder = short().fit(m.trials, m.embeddings)
    out = decoder.transform(m.trials)
    assert out.dims == ("trial", "feature", "time")
    np.testing.assert_array_equal(out["time"], m.trials["time"])
    assert out["subject"].values.tolist() == m.trials["subject"].values.tolist()
    decoder.save(tmp_path / "decoder")
    again = ContrastiveDecoder.load(tmp_path / "decoder")
    xr.testing.assert_identical(again.transform(m.trials), out)
    one = decoder.transform(m.trials.isel(trial=3))
    np.testing.assert_allclose(one.values, out.values[3], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [make_stimulus_responses, make_speech_responses])
def test_live_windows_are_embedded_as_the_persons_trials_are(make):
    data = make(12, n_subjects=2, duration=0.3, random_state=0)
    decoder = short(1).fit(data.trials, data.embeddings)
    for person in decoder.subjects_:
        mine = data.trials[data.trials["subject"].values == person]
        rows = mine.transpose("trial", "time", "channel").values.reshape(-1, mine.sizes["channel"])
        stream = decoder.stream(subject=person)
        parts = [stream.push(rows[i : i + 17]) for i in range(0, len(rows), 17)]
        found = np.concatenate([*parts, stream.flush()])
        np.testing.assert_allclose(found, decoder.transform(mine), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="ContrastiveDecoder has a layer for each of"):
        decoder.stream()
    with pytest.raises(ValueError, match=r"never saw .*'stranger'"):
        decoder.stream(subject="stranger")


def test_groups_are_the_coordinate():
    m = made()
    by_name = short().fit(m.trials, m.embeddings)
    who = m.trials["subject"].values
    by_groups = short().fit(
        m.trials.drop_vars("subject"), m.embeddings.drop_vars("subject"), groups=who
    )
    found = by_groups.transform(m.trials.drop_vars("subject"), groups=who)
    np.testing.assert_array_equal(found.values, by_name.transform(m.trials).values)


def test_clamping_holds_outliers():
    m = made(outliers=0.05)
    decoder = short().fit(m.trials, m.embeddings)
    index = np.zeros(len(m.trials), int)
    assert np.abs(decoder._prepare(m.trials.values, index)).max() == 20
    assert np.abs(short(clamp=None).fit(m.trials, m.embeddings)._prepare(
        m.trials.values, index)).max() > 200  # fmt: skip


def test_a_stranger_is_decoded_only_without_a_layer_of_their_own():
    m = made(n_subjects=3)
    known = m.trials["subject"] != "s3"
    stranger = m.trials[~known.values]
    decoder = short().fit(m.trials[known.values], m.embeddings[known.values])
    with pytest.raises(ValueError, match=r"never saw \['s3'\]; fit with their trials too"):
        decoder.transform(stranger)
    with pytest.raises(ValueError, match="say whose the trials are"):
        decoder.transform(stranger.drop_vars("subject"))
    without = short(subject_layer=False).fit(m.trials[known.values], m.embeddings[known.values])
    assert without.transform(stranger).sizes["trial"] == 30


# ---------------------------------------------------------------- refusals


def test_what_does_not_fit_is_refused():
    m = made()
    bare = m.trials.drop_vars(["x", "y", "z"])
    with pytest.raises(ValueError, match="attends to the places of sensors, and X has none"):
        short().fit(bare, m.embeddings)
    assert short(attention=False).fit(bare, m.embeddings).places_ is None
    decoder = short().fit(m.trials, m.embeddings)
    with pytest.raises(ValueError, match="the gallery lacks the targets"):
        decoder.score(m.trials, m.embeddings, m.gallery[:3])
    with pytest.raises(ValueError, match="X lacks"):
        decoder.transform(m.trials.isel(channel=slice(5)))
    with pytest.raises(ValueError, match="was fitted at 100 Hz, got data at 50 Hz"):
        decoder.transform(neurokit.recording.resample(m.trials, 50))
    with pytest.raises(ValueError, match="was fitted on trials of 60 samples, got 30"):
        decoder.transform(m.trials.isel(time=slice(30)))
    with pytest.raises(ValueError, match=r"the gallery must hold embeddings of shape \(16,\)"):
        decoder.retrieve(m.trials, m.gallery[:, :3])
    with pytest.raises(ValueError, match="k must lie between 1 and the 30 candidates"):
        decoder.retrieve(m.trials, m.gallery, k=31)
    with pytest.raises(ValueError, match="groups must name the person of each of the 60 trials"):
        decoder.transform(m.trials, groups=["a"])
    with pytest.raises(ValueError, match="embeddings have 7 times and trials 60"):
        short().fit(m.trials, np.zeros((60, 2, 7)))
    with pytest.raises(ValueError, match="Y must have the dims"):
        short().fit(m.trials, m.embeddings.rename(trial="when"))
    with pytest.raises(ValueError, match=r"needs trials of two stimuli .* n_samples=1"):
        short().fit(m.trials[:1], m.embeddings[:1])
    with pytest.raises(ValueError, match="requires y to be passed"):
        short().fit(m.trials, None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"loss": "cosine"}, "loss must be of"),
        ({"normalize": "z"}, "normalize must be of"),
        ({"clamp": 0.0}, "clamp must be positive or None"),
        ({"temperature": 0.0}, "temperature must be positive"),
        ({"n_blocks": 0}, "n_blocks must be 1 or more"),
    ],
)
def test_parameters_out_of_range_are_refused(changes, words):
    m = made()
    with pytest.raises(ValueError, match=words):
        short(**changes).fit(m.trials, m.embeddings)
