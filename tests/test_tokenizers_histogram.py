import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

import neurokit as nk
from neurokit.metrics.probes import code_histogram
from neurokit.tokenizers import (
    CodecTokenizer,
    CodeHistogram,
    LinearRVQTokenizer,
    ScalarTokenizer,
)
from neurokit.training import Trainer


def tokens(n_trials=5, n_channels=2, n_frames=9, sizes=(256, 60_000, 4, 3), seed=0):
    rng = np.random.default_rng(seed)
    shape = (n_trials, n_channels, n_frames)
    values = np.stack([rng.integers(0, size, shape) for size in sizes], -1)
    x = xr.DataArray(values, dims=("trial", "channel", "frame", "level"))
    return x.assign_coords(
        level=["scale", "offset", *map(str, range(1, len(sizes) - 1))],
        channel=[f"ch{i}" for i in range(n_channels)],
        label=("trial", np.arange(n_trials) % 2),
    )


def by_hand(x, sizes, n_segments):
    rows = []
    for trial in x:
        row = []
        for channel in trial:
            for part in np.array_split(channel, n_segments):
                for level, size in enumerate(sizes):
                    row += [np.mean(part[:, level] == code) for code in range(size)]
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("n_segments", [1, 2, 9])
def test_features_are_the_shares_counted_in_loops(n_segments):
    x = tokens()
    features = CodeHistogram(n_segments=n_segments).fit_transform(x)
    expected = by_hand(x.values[..., 2:], (4, 3), n_segments)
    np.testing.assert_allclose(features, expected)
    assert features.dims == ("trial", "feature")
    assert features["label"].values.tolist() == x["label"].values.tolist()
    other = code_histogram(x.isel(level=slice(2, None)), (4, 3), n_segments)
    np.testing.assert_allclose(features, other.reshape(len(x), -1))


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 12), st.integers(0, 99))
def test_shares_add_up_to_the_levels(n_trials, n_channels, n_frames, seed):
    x = tokens(n_trials, n_channels, n_frames, seed=seed)
    features = CodeHistogram().fit_transform(x)
    np.testing.assert_allclose(features.sum("feature"), n_channels * 2)


def test_codes_that_fit_has_not_seen_are_not_counted():
    x = tokens()
    histogram = CodeHistogram().fit(x)
    new = x.copy()
    new[0, 0, :, 2] = 77
    features = histogram.transform(new)
    assert features.shape == histogram.transform(x).shape
    assert float(features[0].sum()) == pytest.approx(2 * 2 - 1)


def test_levels_are_chosen_by_name_or_position():
    x = tokens()
    named = CodeHistogram(["2", "scale"]).fit(x).transform(x)
    plain = CodeHistogram([3, 0]).fit(x.values).transform(x.values)
    assert isinstance(plain, np.ndarray)
    np.testing.assert_array_equal(named, plain)
    default = CodeHistogram().fit(x.values).transform(x.values)
    np.testing.assert_array_equal(default, CodeHistogram().fit_transform(x))
    one = CodeHistogram().fit(x).transform(x[0])
    assert one.dims == ("feature",)


def tones(n_trials=24, seed=0):
    """Trials of 10 Hz or 20 Hz in noise, of two channels, 3 s at 100 Hz."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_trials) % 2
    tone = np.where(y[:, None, None] == 1, 10, 20) * np.arange(300) / 100
    x = np.sin(2 * np.pi * tone + rng.uniform(0, 6, (n_trials, 2, 1)))
    return x + 0.7 * rng.normal(size=x.shape), y


QUICK = Trainer(4, batch_size=16, learning_rate=3e-3, device="cpu")
SEARCHES = {
    "linear": (LinearRVQTokenizer(2, codebook_size=16), {"n_levels": [1, 2]}),
    "scalar": (ScalarTokenizer("quantile", codebook_size=8), {"kind": ["quantile", "mulaw"]}),
    "codec": (
        CodecTokenizer(2, codebook_size=8, n_filters=2, latent_dim=4, trainer=QUICK, device="cpu"),
        {"n_levels": [1, 2], "trainer__n_epochs": [2]},
    ),
}


@pytest.mark.parametrize("name", sorted(SEARCHES))
@pytest.mark.parametrize("labelled", [True, False])
def test_a_grid_search_over_tokenizer_and_classifier(name, labelled):
    x, y = tones()
    tokenizer, grid = SEARCHES[name]
    tokenizer = clone(tokenizer).set_params(sampling_rate=100)
    if "random_state" in tokenizer.get_params():
        tokenizer.set_params(random_state=0)
    pipeline = Pipeline(
        [
            ("tokens", tokenizer),
            ("features", CodeHistogram()),
            ("classifier", LogisticRegression(C=100)),
        ]
    )
    assert clone(pipeline).get_params()["tokens__" + next(iter(grid))] is not None
    X = nk.signal(x, sampling_rate=100, trials={"label": y}) if labelled else x
    grid = {f"tokens__{key}": values for key, values in grid.items()}
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(X, y)
    assert set(search.best_params_) == set(grid)
    assert search.score(X, y) > 0.7
    if name == "linear":
        assert search.best_score_ > 0.7


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SEARCHES))
def test_two_processes_find_what_one_finds(name):
    x, y = tones()
    tokenizer, grid = SEARCHES[name]
    tokenizer = clone(tokenizer).set_params(sampling_rate=100)
    if "random_state" in tokenizer.get_params():
        tokenizer.set_params(random_state=0)
    pipeline = Pipeline(
        [
            ("tokens", tokenizer),
            ("features", CodeHistogram()),
            ("classifier", LogisticRegression()),
        ]
    )
    X = nk.signal(x, sampling_rate=100, trials={"label": y})
    grid = {f"tokens__{key}": values for key, values in grid.items()}
    found = [GridSearchCV(pipeline, grid, cv=3, n_jobs=n).fit(X, y).cv_results_ for n in (1, 2)]
    np.testing.assert_array_equal(found[0]["mean_test_score"], found[1]["mean_test_score"])


def test_other_inputs_are_refused():
    x = tokens()
    with pytest.raises(
        ValueError, match=r"dims \(\[trial,\] channel, frame, level\), got \('trial"
    ):
        CodeHistogram().fit(x.rename(frame="time"))
    with pytest.raises(ValueError, match=r"got shape \(2, 3\)"):
        CodeHistogram().fit(np.zeros((2, 3), int))
    with pytest.raises(TypeError, match="integers from 0 on, got float64"):
        CodeHistogram().fit(x.astype(float))
    with pytest.raises(TypeError, match="integers from 0 on, got int64"):
        CodeHistogram().fit(x - 300)
    with pytest.raises(ValueError, match=r"no levels \['7'\]; it has \['scale'"):
        CodeHistogram(["7"]).fit(x)
    with pytest.raises(ValueError, match=r"no levels to count; it has \['scale', 'offset'\]"):
        CodeHistogram().fit(x[..., :2])
    with pytest.raises(ValueError, match="n_segments must be at least 1, got 0"):
        CodeHistogram(n_segments=0).fit(x)
    histogram = CodeHistogram().fit(x)
    with pytest.raises(ValueError, match="X has 1 levels to count, but fit has seen 2"):
        histogram.transform(x[..., :3])
    with pytest.raises(ValueError, match=r"X lacks \['ch1'\]"):
        histogram.transform(x[:, :1])
    with pytest.raises(ValueError, match="X has 1 channels, but fit has seen 2"):
        histogram.transform(x.values[:, :1])
