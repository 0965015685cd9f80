"""Switching populations and planted motifs are what their truth says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurokit.datasets import make_calcium, make_motifs, make_switching
from neurokit.recording import bin_spikes


def test_rates_of_switching_populations_are_those_of_the_truth():
    spikes, truth = make_switching(120, random_state=0)
    counts = bin_spikes(spikes, 0.01).values
    rate = np.exp(truth["baseline"] + truth["loading"] @ truth["activity"])
    expected = np.minimum(rate.transpose("unit", "time").values, 1000) * 0.01
    z = (counts.sum(1) - expected.sum(1)) / np.sqrt(expected.sum(1))
    assert np.std(z) == pytest.approx(1, abs=0.35)
    assert np.abs(np.mean(z)) < 0.6


def test_latents_move_by_the_dynamics_of_the_present_state():
    _, truth = make_switching(300, n_units=3, dwell=0.01, random_state=1)
    state, x = truth["state"].values, truth["activity"].values.T
    for k in range(3):
        now = np.flatnonzero(state[1:] == k) + 1
        fitted = np.linalg.lstsq(x[now - 1], x[now], rcond=None)[0].T
        np.testing.assert_allclose(fitted, truth["dynamics"][k], atol=0.06)


def test_states_last_as_long_as_asked_and_go_everywhere():
    _, truth = make_switching(1200, n_units=3, n_states=4, dwell=1.0, random_state=2)
    state = truth["state"].values
    jumps = np.flatnonzero(np.diff(state))
    assert 1200 / (len(jumps) + 1) == pytest.approx(1.0, rel=0.1)
    went = np.zeros((4, 4))
    np.add.at(went, (state[jumps], state[jumps + 1]), 1)
    share = went / went.sum(1, keepdims=True)
    np.testing.assert_allclose(share, (1 - np.eye(4)) / 3, atol=0.08)
    np.testing.assert_allclose(truth["transition"].sum("state_to"), 1)


def test_a_unit_listens_to_its_own_population_only():
    _, truth = make_switching(5, n_units=7, n_populations=3, random_state=0)
    own = truth["population"].values[:, None] == truth["population_of"].values
    assert (truth["loading"].values[~own] == 0).all()
    assert (np.linalg.norm(truth["loading"], axis=1) > 0.4).all()


def _raster_by_hand(truth):
    delay, occurrence = truth["delay"].values, truth["occurrence"].values
    raster = np.zeros((delay.shape[1], occurrence.shape[1]), bool)
    for m in range(len(delay)):
        for t in range(occurrence.shape[1]):
            if occurrence[m, t]:
                for unit in range(delay.shape[1]):
                    if delay[m, unit] >= 0:
                        raster[unit, t + delay[m, unit]] = True
    return raster


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_units=st.integers(5, 20),
    n_motifs=st.integers(1, 6),
    n_delays=st.integers(1, 20),
)
def test_without_noise_only_the_motifs_are_there(seed, n_units, n_motifs, n_delays):
    spikes, truth = make_motifs(
        n_units,
        n_motifs,
        n_delays=n_delays,
        n_steps=300,
        n_members=5,
        motif_rate=10.0,
        noise_rate=0.0,
        random_state=seed,
    )
    assert ((truth["delay"] >= 0).sum("unit") == 5).all()
    assert int(truth["delay"].max()) < n_delays
    counts = bin_spikes(spikes, 0.001).values
    np.testing.assert_array_equal(counts, _raster_by_hand(truth))


def test_motifs_of_the_paper_come_as_often_as_asked_and_the_matched_filter_finds_them():
    spikes, truth = make_motifs(n_steps=4000, random_state=0)
    assert truth["delay"].shape == (144, 128)
    assert int(truth["occurrence"].sum()) == pytest.approx(144 * 4 * 0.99, rel=0.12)
    counts = np.minimum(bin_spikes(spikes, 0.001).values, 1)
    delay = truth["delay"].values
    votes = np.zeros((144, 4000))
    for m in range(144):
        for unit in np.flatnonzero(delay[m] >= 0):
            d = delay[m, unit]
            votes[m, : 4000 - d] += counts[unit, d:]
    found = votes >= 31.5
    assert (found & truth["occurrence"].values).sum() == truth["occurrence"].sum()
    assert (found & ~truth["occurrence"].values).sum() == 0


def test_unreliable_members_miss_and_jitter_moves():
    _, truth = make_motifs(30, 4, motif_rate=20.0, noise_rate=0, n_members=10, random_state=0)
    full = int(truth["occurrence"].sum()) * 10
    kept, _ = make_motifs(
        30, 4, motif_rate=20.0, noise_rate=0, n_members=10, reliability=0.5, random_state=0
    )
    assert kept.sizes["spike"] == pytest.approx(full / 2, rel=0.15)
    moved, truth = make_motifs(
        30, 4, motif_rate=5.0, noise_rate=0, n_members=10, jitter=2.0, random_state=0
    )
    counts = bin_spikes(moved, 0.001).values
    assert 0 < (counts & _raster_by_hand(truth)).sum() < 0.5 * counts.sum()


def test_communities_of_calcium_traces_can_be_told_apart():
    traces, truth = make_calcium(600, random_state=0)
    r = np.corrcoef(traces.values)
    same = truth["community"].values[:, None] == truth["community"].values
    np.fill_diagonal(r, np.nan)
    assert np.nanmean(r[same]) > np.nanmean(r[~same]) + 0.2
    assert traces.attrs["units"] == "dF/F"
    np.testing.assert_allclose(
        (traces - truth["calcium"]).std("time"), 0.1 * np.sqrt(1.25), rtol=0.25
    )


def test_calcium_of_one_spike_rises_and_falls_with_the_time_constants():
    _, truth = make_calcium(300, n_units=200, sampling_rate=30.0, random_state=1)
    spikes, calcium = truth["spikes"].values, truth["calcium"].values
    for unit, t in np.argwhere(spikes == 1):  # a spike with nobody around it
        alone = spikes[unit, max(t - 240, 0) : t + 60].sum() == 1 and 240 < t < 8_900
        if alone:
            wave = calcium[unit, t : t + 60] - calcium[unit, t - 1]
            break
    assert wave.max() == pytest.approx(0.3, rel=0.08)
    assert wave.argmax() / 30 == pytest.approx(0.07 * 0.7 / 0.63 * np.log(10), abs=0.06)
    assert np.log(wave[20] / wave[41]) / (21 / 30) == pytest.approx(1 / 0.7, rel=0.1)


def test_communities_drive_one_another_by_the_coupling():
    _, truth = make_calcium(3000, n_units=90, density=0.6, random_state=3)
    community = truth["community"].values
    mean = np.stack([truth["spikes"].values[community == k].mean(0) for k in range(3)])
    drive = [
        np.convolve(e, np.exp(-np.arange(60) / 4.0))[: mean.shape[1]]
        for e in truth["event"].values
    ]
    rest = np.ones((1, mean.shape[1] - 2))
    X = np.concatenate([mean[:, 1:-1], mean[:, :-2], np.stack(drive)[:, 2:], rest])
    both = np.linalg.lstsq(X.T, mean[:, 2:].T, rcond=None)[0]
    fitted, earlier = both[:3], both[3:6]
    assert np.abs(earlier).max() < 0.1  # what was two frames ago acts through the last one only
    gain = np.diag(fitted) / np.diag(truth["coupling"])
    connected = truth["coupling"].values > 0
    assert (fitted[connected] > 0.1).all()
    assert gain.min() > 0.5


@pytest.mark.parametrize("make", [make_switching, make_motifs, make_calcium])
def test_the_same_seed_gives_the_same(make):
    kwargs = {} if make is make_motifs else {"duration": 20.0}
    one, two, other = (make(**kwargs, random_state=seed) for seed in (0, 0, 1))
    assert one[0].identical(two[0])
    assert one.truth.identical(two.truth)
    assert not one[0].identical(other[0])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: make_switching(0.0), "make_switching: duration must be at least 0.02, got 0.0"),
        (lambda: make_switching(5, n_units=2), "n_units must be at least 3, got 2"),
        (lambda: make_switching(5, n_states=0), "n_states must be at least 1, got 0"),
        (lambda: make_motifs(10), "make_motifs: n_units must be at least 32, got 10"),
        (lambda: make_motifs(n_steps=20), "n_steps must be at least 31, got 20"),
        (lambda: make_motifs(motif_rate=-1.0), "motif_rate must be at least 0, got -1"),
        (lambda: make_calcium(0.1), "make_calcium: expects at least two frames.* got 1 frames"),
        (lambda: make_calcium(10, n_units=2), "1 <= n_communities <= n_units.* 3 communities, 2"),
        (lambda: make_calcium(10, rise=1.0), "0 < rise < decay.* rise 1.0 s"),
    ],
)
def test_simulators_refuse_what_they_cannot_make(call, words):
    with pytest.raises(ValueError, match=words):
        call()
