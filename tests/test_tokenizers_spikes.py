import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import neurokit as nk
from neurokit.recording.edges import find_bins, slack
from neurokit.tokenizers import SpikeTokenizer


def session(n_units=6, stop=3.0, start=0.0, rate=40.0, seed=0):
    rng = np.random.default_rng(seed)
    span = stop - start
    trains = [start + span * rng.random(rng.poisson(rate * span)) for _ in range(n_units)]
    return nk.spikes(trains, start=start, stop=stop, ids=[f"u{k}" for k in range(n_units)])


def by_hand(x, bin_width, n_bins):
    """Tokens in plain loops over the counted bins."""
    counts = nk.bin_spikes(x, bin_width).values
    tokens = []
    for window in range(counts.shape[1] // n_bins):
        for time in range(n_bins):
            for unit, n in enumerate(counts[:, window * n_bins + time]):
                tokens += [[unit + 2, time]] * int(n)
        tokens.append([1, 0])
    return tokens


@pytest.mark.parametrize(("bin_width", "window"), [(0.01, 0.05), (0.001, 0.1), (0.05, 0.05)])
def test_tokens_match_the_loops(bin_width, window):
    x = session()
    tokens = SpikeTokenizer(bin_width, window=window).fit(x).transform(x)
    assert tokens.values.tolist() == by_hand(x, bin_width, round(window / bin_width))


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 5),
    st.sampled_from([0.001, 0.01, 1 / 30, 0.025]),
    st.integers(1, 7),
    st.sampled_from([0.0, -1.5, 123.456]),
    st.floats(0.01, 2.0),
    st.booleans(),
    st.integers(0, 999),
)
def test_spikes_come_back_to_the_bin(n_units, width, n_bins, start, span, padded, seed):
    x = session(n_units, start + span, start, 80.0, seed)
    tokenizer = SpikeTokenizer(width, window=n_bins * width, max_tokens=10_000 if padded else None)
    tokens = tokenizer.fit(x).transform(x)
    y = tokenizer.inverse_transform(tokens)
    assert (float(y["start"]), float(y["stop"])) == (float(x["start"]), float(x["stop"]))
    assert y["unit"].values.tolist() == x["unit"].values.tolist()
    np.testing.assert_array_equal(y["spike_count"], x["spike_count"])  # none lost, none added
    late = x["spike_time"].values - y["spike_time"].values
    assert late.min(initial=0) >= 0
    assert late.max(initial=0) < width * (1 + 1e-9)
    np.testing.assert_array_equal(tokenizer.transform(y), tokens)
    if span > width:
        counted = nk.bin_spikes(x, width)
        xr.testing.assert_identical(nk.bin_spikes(y, width), counted)


def test_spikes_that_share_a_bin_are_both_kept():
    x = nk.spikes([[0.001, 0.002, 0.002], [0.0015]], stop=0.01)
    tokens = SpikeTokenizer().fit(x).transform(x)
    assert tokens.sel(level="unit").values.tolist() == [2, 2, 2, 3, 1]


def test_a_spike_on_an_edge_belongs_to_the_later_bin_and_one_at_the_end_is_kept():
    x = nk.spikes([[0.0, 0.01, 0.3, 0.7, 1.0]], stop=1.0)
    tokenizer = SpikeTokenizer(0.1, window=0.5).fit(x)
    tokens = tokenizer.transform(x)
    assert tokens.values.tolist() == [
        [2, 0],
        [2, 0],
        [2, 3],
        [1, 0],
        [2, 2],
        [1, 0],
        [2, 0],
        [1, 0],
    ]
    back = tokenizer.inverse_transform(tokens)["spike_time"].values
    np.testing.assert_allclose(back, [0, 0, 0.3, 0.7, 1.0])


@pytest.mark.parametrize("rate", [1000, 30, 40, 100 / 3])
@pytest.mark.parametrize("first", [0, -1500, 123456])
def test_bins_begin_on_their_edges_and_end_right_before_the_next(rate, first):
    edges = nk.recording.SampleIndex(first, rate, 20_001).values
    expected = np.arange(20_000)
    start, width = float(first / rate), float(1 / rate)
    near = slack(edges[-1], edges[0])
    for rounded in (edges[:-1], np.nextafter(edges[:-1], -np.inf), edges[:-1] - near / 2):
        np.testing.assert_array_equal(find_bins(rounded, start, width), expected)
    np.testing.assert_array_equal(find_bins(edges[1:] - 2 * near, start, width), expected)


def test_padded_windows_are_the_sequence_cut_at_its_markers():
    x = session()
    flat = SpikeTokenizer().fit(x).transform(x).values
    rows = SpikeTokenizer(max_tokens=40).fit(x).transform(x)
    assert rows.dims == ("trial", "frame", "level")
    np.testing.assert_allclose(rows["onset"], np.arange(60) * 0.05)
    joined = rows.values.reshape(-1, 2)
    np.testing.assert_array_equal(joined[joined[:, 0] != 0], flat)
    assert rows["dropped"].values.sum() == 0


def test_what_does_not_fit_is_counted_and_said():
    x = session(rate=200.0)
    tokenizer = SpikeTokenizer(max_tokens=50).fit(x)
    with pytest.warns(UserWarning, match=r"\d+ of \d+ spikes were left out.*would hold them all"):
        tokens = tokenizer.transform(x)
    kept = int((tokens.values[..., 0] > 1).sum())
    assert kept + int(tokens["dropped"].sum()) == x.sizes["spike"]
    assert (tokens.values[..., 0] == 1).sum(1).tolist() == [1] * tokens.sizes["trial"]
    assert tokenizer.inverse_transform(tokens).sizes["spike"] == kept


def test_a_choice_of_windows_decodes_to_its_own_times():
    x = session()
    tokenizer = SpikeTokenizer(max_tokens=60).fit(x)
    some = tokenizer.transform(x).isel(trial=[7, 3])
    times = np.sort(tokenizer.inverse_transform(some)["spike_time"].values)
    assert set((times / 0.05 + 1e-9).astype(int)) == {3, 7}


def test_counts_give_the_tokens_of_their_spikes():
    x = session()
    tokenizer = SpikeTokenizer().fit(x)
    expected = tokenizer.transform(x)
    counted = nk.bin_spikes(x, 0.01)
    xr.testing.assert_equal(tokenizer.transform(counted), expected)
    plain = SpikeTokenizer().fit(counted.values.T).transform(counted.values.T)
    np.testing.assert_array_equal(plain, expected.values)


def test_units_are_found_by_name_and_may_be_missing():
    x = session()
    tokenizer = SpikeTokenizer().fit(x)
    trains = np.split(x["spike_time"].values, np.cumsum(x["spike_count"].values)[:-1])
    turned = nk.spikes({f"u{k}": trains[k] for k in (4, 0, 2)}, stop=3.0)
    y = tokenizer.inverse_transform(tokenizer.transform(turned))
    expected = x["spike_count"].values * np.array([1, 0, 1, 0, 1, 0])
    assert y["spike_count"].values.tolist() == expected.tolist()


def test_tokens_survive_their_file(tmp_path):
    from neurokit.io.packed.ntok import read_tokens, write_tokens

    x = session()
    for max_tokens in (None, 64):
        tokens = SpikeTokenizer(max_tokens=max_tokens).fit(x).transform(x)
        read = read_tokens(write_tokens(tmp_path / "a.ntok", tokens)).load()
        xr.testing.assert_identical(read, tokens)


def test_silence_is_windows_without_spikes():
    x = nk.spikes([[], []], stop=0.2)
    tokenizer = SpikeTokenizer().fit(x)
    tokens = tokenizer.transform(x)
    assert tokens.values.tolist() == [[1, 0]] * 4
    assert tokenizer.inverse_transform(tokens).sizes["spike"] == 0


def test_millions_of_spikes_take_seconds():
    import time

    rng = np.random.default_rng(0)
    number = np.full(200, 5000)
    trains = np.sort(600 * rng.random((200, 5000)), 1)
    x = nk.spikes(list(trains), stop=600.0)
    started = time.perf_counter()
    tokenizer = SpikeTokenizer().fit(x)
    y = tokenizer.inverse_transform(tokenizer.transform(x))
    assert time.perf_counter() - started < 5
    np.testing.assert_array_equal(y["spike_count"], number)


def test_wrong_input_is_named():
    x = session()
    with pytest.raises(ValueError, match="bin_width must be positive and window at least as long"):
        SpikeTokenizer(0.01, window=0.001).fit(x)
    with pytest.raises(ValueError, match=r"whole number of bins of 0.01 s, got 0.025"):
        SpikeTokenizer(0.01, window=0.025).fit(x)
    with pytest.raises(ValueError, match="2 at least, got 1"):
        SpikeTokenizer(max_tokens=1).fit(x)
    tokenizer = SpikeTokenizer().fit(x)
    with pytest.raises(ValueError, match=r"fitted without the units \['other'\]"):
        tokenizer.transform(nk.spikes({"u0": [0.1], "other": [0.2]}, stop=1.0))
    with pytest.raises(ValueError, match=r"bins of 0.02 s, expected bin_width=0.01"):
        tokenizer.transform(nk.bin_spikes(x, 0.02))
    with pytest.raises(ValueError, match=r"whole numbers of spikes, got 0 to 0.5"):
        tokenizer.transform(nk.bin_spikes(x, 0.01).clip(0, 1) * 0.5)
    with pytest.raises(TypeError, match="Dataset of spikes"):
        tokenizer.fit(xr.Dataset({"a": 1}))
    tokens = tokenizer.transform(x)
    with pytest.raises(ValueError, match=r"unit must lie between 0 and 7, got 0 to 8"):
        tokenizer.inverse_transform(np.array([[0, 0], [8, 0]]))
    with pytest.raises(ValueError, match=r"dims \(\[trial,\] frame, level\), got"):
        tokenizer.inverse_transform(tokens.rename(frame="time"))
    with pytest.raises(ValueError, match="with two levels, got float64"):
        tokenizer.inverse_transform(np.zeros((3, 2)))
