import numpy as np
import pytest

import neurokit as nk
from neurokit.tokenizers import EventEmbedding


def groups(seed=0, n_groups=3, per_group=4, n_windows=400):
    """Units that fire in the windows of their group, and sometimes by chance."""
    rng = np.random.default_rng(seed)
    active = rng.integers(n_groups, size=n_windows)
    trains = []
    for unit in range(n_groups * per_group):
        chance = np.where(active == unit // per_group, 0.8, 0.05)
        window = np.flatnonzero(rng.random(n_windows) < chance)
        trains.append((window + rng.random(len(window))) * 0.05)
    return nk.spikes(trains, stop=n_windows * 0.05), active


def by_hand(x, embedding):
    """Sum over units of (1 + log n) (unit + mean time vector), in loops."""
    n = embedding.n_components
    edges = np.cumsum(x["spike_count"].values)[:-1]
    out = np.zeros((round(float(x["stop"]) / embedding.window), n))
    for train, vector in zip(
        np.split(x["spike_time"].values, edges), embedding.vectors_, strict=True
    ):
        for w in range(len(out)):
            here = train[(train >= w * embedding.window) & (train < (w + 1) * embedding.window)]
            if len(here):
                turn = 2 * np.pi * (here / embedding.window - w)
                waves = [
                    np.mean((np.cos if k % 2 else np.sin)(turn * (k // 2 + 1))) for k in range(n)
                ]
                out[w] += (1 + np.log(len(here))) * (vector + waves)
    return out


def test_vectors_match_the_formula_in_loops():
    rng = np.random.default_rng(0)
    x = nk.spikes([2 * rng.random(60) for _ in range(3)], stop=2.0)
    embedding = EventEmbedding(5, window=0.1).fit(x)
    np.testing.assert_allclose(embedding.transform(x), by_hand(x, embedding), atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_units_that_fire_together_get_similar_vectors(seed):
    x, _ = groups(seed)
    v = EventEmbedding(3).fit(x).vectors_
    v = v / np.linalg.norm(v, axis=1, keepdims=True)
    alike = v @ v.T
    same = np.equal.outer(np.arange(12) // 4, np.arange(12) // 4)
    assert alike[same].min() > alike[~same].max() + 0.3


def test_windows_tell_which_group_is_active():
    from sklearn.linear_model import LogisticRegression

    x, active = groups()
    vectors = EventEmbedding(8).fit(x).transform(x).values
    model = LogisticRegression(max_iter=2000).fit(vectors[:200], active[:200])
    assert model.score(vectors[200:], active[200:]) > 0.9


def test_vectors_depend_on_when_a_spike_comes():
    x = nk.spikes([[0.01], [0.02]], stop=0.05)
    y = nk.spikes([[0.02], [0.01]], stop=0.05)
    embedding = EventEmbedding(4).fit(x)
    one = nk.spikes([[0.01], []], stop=0.05)
    other = nk.spikes([[0.03], []], stop=0.05)
    assert abs(embedding.transform(one) - embedding.transform(other)).max() > 0.5
    assert embedding.transform(x).shape == embedding.transform(y).shape == (1, 4)


def test_place_gives_vectors_to_units_not_seen():
    places = [[0.0, 0, 0], [0.1, 0, 0], [4.0, 3, 0]]
    x = nk.spikes([[0.01], [0.02], [0.03]], stop=0.05, positions=places)
    embedding = EventEmbedding(12, kind="place").fit(x)
    near, far = (np.linalg.norm(embedding.vectors_[k] - embedding.vectors_[0]) for k in (1, 2))
    assert near < 0.3 < far
    new = nk.spikes({"new": [0.01]}, stop=0.05, positions=places[:1])
    old = nk.spikes({0: [0.01]}, stop=0.05, positions=places[:1])
    np.testing.assert_allclose(embedding.transform(new), embedding.transform(old), rtol=1e-6)


def test_unknown_units_count_with_the_mean_vector():
    x, _ = groups()
    embedding = EventEmbedding(4).fit(x)
    new = embedding.transform(nk.spikes({"new": [0.0]}, stop=0.05)).values[0]
    np.testing.assert_allclose(new, embedding.vectors_.mean(0) + np.array([0, 1, 0, 1]), rtol=1e-5)


def test_silent_windows_are_zero():
    x, _ = groups()
    embedding = EventEmbedding(4).fit(x)
    silent = embedding.transform(nk.spikes({0: []}, stop=1.0))
    assert silent.shape == (20, 4)
    assert not silent.values.any()


def test_wrong_input_is_named():
    x, _ = groups()
    with pytest.raises(ValueError, match="kind must be 'together' or 'place'"):
        EventEmbedding(kind="svd").fit(x)
    with pytest.raises(ValueError, match="window and scale must be positive"):
        EventEmbedding(window=0.0).fit(x)
    with pytest.raises(ValueError, match="needs the coordinates x, y and z of every unit"):
        EventEmbedding(kind="place").fit(x)
    with pytest.raises(ValueError, match="2 stretches of time, trials or pieces"):
        EventEmbedding().fit(nk.counts(np.zeros((2, 3, 4), int), bin_width=0.01))
