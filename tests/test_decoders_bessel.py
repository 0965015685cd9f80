import itertools
import pickle
import re

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import bessel, filtfilt, lfilter, sosfiltfilt
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

import neurokit
from neurokit.decoders import BesselFilter
from neurokit.recording import behaviour, signal

MODES = ["causal", "offline", "block_last", "block_middle"]
ORDERED = {
    "check_methods_sample_order_invariance": "rows are successive samples in time",
    "check_methods_subset_invariance": "rows are successive samples in time",
}


@pytest.fixture
def velocity(rng):
    """400 samples of two outputs at 250 Hz."""
    return behaviour(rng.normal(size=(400, 2)), sampling_rate=250, features=["vx", "vy"])


def filter_each_block(x, keep, block=32, order=4, width=0.05):
    """What the paper's code does at each step: filter a block both ways, keep one row."""
    b, a = bessel(order, width)
    blocks = [x[t - block + 1 : t + 1] for t in range(block - 1, len(x))]
    return np.array([filtfilt(b, a, piece, axis=0)[keep] for piece in blocks])


@pytest.mark.parametrize("block", [32, 30, 17])
@pytest.mark.parametrize("mode", ["block_last", "block_middle"])
def test_block_modes_equal_filtfilt_of_each_block(velocity, mode, block):
    keep = block - 1 if mode == "block_last" else block // 2 - 1
    out = BesselFilter(mode=mode, block=block).fit_transform(velocity).values
    expected = filter_each_block(velocity.values, keep, block)
    np.testing.assert_allclose(out[block - 1 :], expected, atol=1e-10)


def test_causal_mode_is_scipys_filter_begun_at_rest_on_the_first_sample(velocity):
    b, a = bessel(4, 0.05)
    x = velocity.values
    standing = np.concatenate([np.repeat(x[:1], 3000, axis=0), x])
    expected = lfilter(b, a, standing, axis=0)[3000:]
    out = BesselFilter(mode="causal").fit_transform(velocity)
    np.testing.assert_allclose(out, expected, atol=1e-9)


def test_offline_mode_is_filtfilt(velocity):
    out = BesselFilter(mode="offline").fit_transform(velocity)
    np.testing.assert_allclose(out, filtfilt(*bessel(4, 0.05), velocity.values, axis=0), atol=1e-9)


@pytest.mark.parametrize("norm", ["phase", "delay", "mag"])
def test_norm_is_scipys(velocity, norm):
    expected = bessel(3, 10.0, norm=norm, output="sos", fs=250)
    np.testing.assert_array_equal(
        BesselFilter(10.0, order=3, mode="causal", norm=norm).fit(velocity).sos_, expected
    )


@pytest.mark.parametrize(
    ("mode", "cutoff", "latency", "delay"),
    [
        ("causal", 4.132, 0.0, 0.0813),
        ("offline", 2.987, np.inf, 0.0),
        ("block_last", 4.391, 0.0, 0.0257),
        ("block_middle", 3.125, 0.064, 0.0653),
    ],
)
def test_true_cutoff_and_delays_are_reported(velocity, mode, cutoff, latency, delay):
    fitted = BesselFilter(mode=mode).fit(velocity)
    assert fitted.cutoff_3db_ == pytest.approx(cutoff, abs=1e-3)
    assert fitted.latency_ == pytest.approx(latency)
    assert fitted.group_delay_ == pytest.approx(delay, abs=1e-4)


@pytest.mark.parametrize("mode", MODES)
def test_a_sine_at_the_reported_cutoff_loses_3_db(mode):
    rate = 250
    t = np.arange(20 * rate) / rate
    flat = behaviour(t[:, None], sampling_rate=rate)
    fitted = BesselFilter(mode=mode).fit(flat)
    out = fitted.transform(flat.copy(data=np.sin(2 * np.pi * fitted.cutoff_3db_ * t)[:, None]))
    middle = out.values[len(t) // 4 : -len(t) // 4, 0]
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(np.sqrt(0.5), abs=0.01)


@pytest.mark.parametrize("mode", ["causal", "block_last", "block_middle"])
def test_a_slow_ramp_comes_out_late_by_the_reported_delay(mode):
    t = np.arange(2000) / 250.0
    ramp = behaviour(t[:, None], sampling_rate=250)
    fitted = BesselFilter(mode=mode).fit(ramp)
    late = t[-1] - float(fitted.transform(ramp)[-1, 0])
    assert late == pytest.approx(fitted.group_delay_, abs=1e-5)


def test_a_cutoff_that_is_never_reached_is_infinite():
    x = behaviour(np.zeros((50, 1)), sampling_rate=20)
    with pytest.warns(UserWarning, match="leaves the signal as it is"):
        assert BesselFilter(3.0, mode="block_last").fit(x).cutoff_3db_ == np.inf


@pytest.mark.parametrize(
    ("rate", "cutoff", "block"), [(50, 4.0, 16), (20, 1.5, 16), (100, 8.0, 16)]
)
def test_a_filter_that_cannot_filter_names_what_would(rate, cutoff, block):
    x = np.random.default_rng(0).normal(size=(4000, 1))
    options = {"cutoff": cutoff, "block": block, "sampling_rate": float(rate)}
    with pytest.warns(UserWarning, match="BesselFilter: at .* leaves the signal as it is") as said:
        same = BesselFilter(**options).fit(x)
    assert same.transform(x).std() > 0.98  # white noise stays
    message = str(said[0].message)
    for name, kind in (("cutoff", float), ("block", int)):
        value = kind(re.search(rf"or {name}=([\d.]*\d)", message)[1])
        better = BesselFilter(**options | {name: value}).fit(x)  # and says nothing
        assert better.transform(x).std() < 0.9
    for mode in ("causal", "block_middle"):
        assert f'mode="{mode}"' in message
        assert BesselFilter(**options, mode=mode).fit(x).transform(x).std() < 0.5


@settings(deadline=None, max_examples=30)
@given(
    mode=st.sampled_from(["causal", "block_last", "block_middle"]),
    cuts=st.lists(st.integers(0, 700), max_size=6),
    n_features=st.integers(1, 5),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_a_stream_gives_what_the_whole_recording_gives_to_the_bit(mode, cuts, n_features, dtype):
    x = np.random.default_rng(0).normal(size=(700, n_features)).astype(dtype)
    fitted = BesselFilter(mode=mode, sampling_rate=250.0).fit(x)
    stream = fitted.stream()
    edges = [0, *sorted(cuts), 700]
    parts = [stream.push(x[a:b]) for a, b in itertools.pairwise(edges)]
    joined = np.concatenate([*parts, stream.flush().astype(dtype)])
    assert joined.dtype == dtype
    np.testing.assert_array_equal(joined, fitted.transform(x))


@settings(deadline=None, max_examples=30)
@given(mode=st.sampled_from(MODES), n=st.integers(1, 60), value=st.floats(-1e6, 1e6))
def test_a_constant_comes_out_unchanged_from_the_first_sample_on(mode, n, value):
    x = np.full((n, 2), value)
    out = BesselFilter(mode=mode, sampling_rate=250).fit(x).transform(x)
    np.testing.assert_allclose(out, x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mode", ["causal", "block_last", "block_middle"])
def test_no_output_sees_the_future(velocity, mode):
    fitted = BesselFilter(mode=mode).fit(velocity)
    cut = velocity.isel(time=slice(123))
    np.testing.assert_array_equal(
        fitted.transform(cut), fitted.transform(velocity).isel(time=slice(123))
    )


@pytest.mark.parametrize("mode", MODES)
def test_stretches_on_either_side_of_a_jump_are_filtered_apart(velocity, mode):
    first, second = velocity.isel(time=slice(0, 90)), velocity.isel(time=slice(200, 400))
    joined = xr.concat([first, second], "time")
    fitted = BesselFilter(mode=mode).fit(velocity)
    expected = np.concatenate([fitted.transform(first), fitted.transform(second)])
    np.testing.assert_array_equal(fitted.transform(joined), expected)


@pytest.mark.parametrize("mode", MODES)
def test_signals_counts_and_trials_keep_dims_labels_and_units(rng, mode):
    x = neurokit.signal(
        rng.normal(size=(3, 2, 100)), sampling_rate=250, trials={"label": ["a", "b", "a"]}
    )
    fitted = BesselFilter(mode=mode).fit(x)
    out = fitted.transform(x)
    assert out.dims == x.dims
    assert out.attrs == x.attrs
    assert out["label"].values.tolist() == ["a", "b", "a"]
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out[1], fitted.transform(x.isel(trial=1)))
    turned = fitted.transform(x.transpose("time", "trial", "channel"))
    assert turned.dims == ("time", "trial", "channel")
    xr.testing.assert_identical(turned.transpose(*out.dims), out)


def test_whole_numbers_become_real_ones():
    counts = neurokit.recording.counts([[0, 3, 0, 3, 0, 3]], bin_width=0.004)
    assert BesselFilter().fit_transform(counts).dtype == np.float64


def test_it_survives_pickle_clone_and_file(velocity, tmp_path):
    fitted = BesselFilter(mode="block_middle").fit(velocity)
    again = pickle.loads(pickle.dumps(fitted))
    loaded = BesselFilter.load(fitted.save(tmp_path / "bessel.safetensors"))
    for other in (again, loaded, clone(fitted).fit(velocity)):
        xr.testing.assert_identical(other.transform(velocity), fitted.transform(velocity))


def test_recordings_of_mne_are_filtered(rng):
    from mne import create_info
    from mne.io import RawArray

    raw = RawArray(1e-5 * rng.normal(size=(3, 500)), create_info(3, 100.0, "eeg"), verbose="error")
    out = BesselFilter(mode="causal").fit_transform(raw)
    assert out.dims == ("channel", "time")
    assert out.attrs["units"] == "uV"


def test_higher_orders_stay_stable():
    x = np.random.default_rng(0).normal(size=(200, 1))
    fitted = BesselFilter(2.0, order=10, mode="block_middle", sampling_rate=1000.0)
    with pytest.warns(UserWarning, match="as it is"):
        fitted.fit(x)
    both = sosfiltfilt(fitted.sos_, x[:32], axis=0, padlen=31)
    np.testing.assert_allclose(fitted.transform(x)[31], both[15], atol=1e-9)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"cutoff": 125.0}, r"cutoff must lie between 0 and 125 Hz .* got 125.0"),
        ({"mode": "both"}, r"mode must be one of .* got 'both'"),
        ({"order": 0}, r"order must be at least 1 .* got 0 and 32"),
        ({"block": 1}, r"block at least 2, got 4 and 1"),
    ],
)
def test_parameters_out_of_range_are_refused(velocity, parameters, message):
    with pytest.raises(ValueError, match=message):
        BesselFilter(**parameters).fit(velocity)


def test_a_plain_array_needs_a_rate():
    with pytest.raises(ValueError, match="give sampling_rate= in Hz"):
        BesselFilter().fit(np.zeros((10, 2)))


def test_another_rate_is_refused(velocity):
    with pytest.raises(ValueError, match="fitted at 250 Hz, got data at 125 Hz"):
        BesselFilter().fit(velocity).transform(velocity[::2])


def test_a_recording_without_two_samples_is_told_apart_from_one_without_a_clock(velocity):
    with pytest.raises(ValueError, match="sampling rate"):
        BesselFilter().fit(velocity[:1].drop_vars("time").assign_coords(time=[0.0]))
    assert BesselFilter().fit(velocity[:1]).sampling_rate_ == 250  # its clock is exact


def test_nan_is_refused(velocity):
    with pytest.raises(ValueError, match="NaN"):
        BesselFilter().fit(velocity.where(velocity > 0))


def test_offline_cannot_stream_and_chunks_must_fit(velocity):
    with pytest.raises(ValueError, match="cannot run live"):
        BesselFilter(mode="offline").fit(velocity).stream()
    stream = BesselFilter().fit(velocity).stream()
    with pytest.raises(ValueError, match="2 columns, got 3"):
        stream.push(np.zeros((1, 3)))
    with pytest.raises(ValueError, match=r"shape \(n_times, n_features\), got \(2,\)"):
        stream.push(np.zeros(2))


def test_a_labelled_chunk_streams_like_a_plain_one(velocity):
    fitted = BesselFilter().fit(velocity)
    plain, labelled = fitted.stream(), fitted.stream()
    np.testing.assert_array_equal(plain.push(velocity.values), labelled.push(velocity.T))


@parametrize_with_checks(
    [BesselFilter(mode=mode, sampling_rate=250.0) for mode in MODES],
    expected_failed_checks=lambda _: ORDERED,
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("chunks", [{"time": 77}, {"time": 1000}, {"time": 50, "channel": 1}])
@pytest.mark.parametrize("trials", [False, True])
def test_lazy_in_lazy_out(chunks, trials):
    rng = np.random.default_rng(0)
    x = signal(rng.normal(size=(2, 3, 400)), sampling_rate=250)
    x = x if trials else x[0]
    gap = x.isel(time=np.r_[0:150, 200:400])  # stretches are filtered apart
    for mode in ("causal", "block_last", "block_middle"):
        fitted = BesselFilter(mode=mode).fit(gap.chunk(chunks))  # nothing is loaded for it
        lazy = fitted.transform(gap.chunk(chunks))
        assert lazy.chunks is not None
        assert lazy.dtype == np.float32
        xr.testing.assert_identical(lazy.compute(), fitted.transform(gap))
    with pytest.raises(ValueError, match="NaN"):
        fitted.transform(gap.where(gap < 2).chunk(chunks)).compute()
