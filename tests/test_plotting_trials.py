import matplotlib
import numpy as np
import pytest

matplotlib.use("agg")
import matplotlib.pyplot as plt

import neurokit
from neurokit import plotting
from neurokit.datasets import make_eeg


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def trials():
    values = np.zeros((6, 2, 50))
    values[:3, 1] = np.arange(3)[:, None]
    return neurokit.signal(
        values, sampling_rate=50, start=-0.2, trials={"label": ["a"] * 3 + ["b"] * 3}
    )


def test_an_erp_is_the_mean_of_each_condition(trials):
    ax = plotting.plot_erp(trials, "ch1")
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    np.testing.assert_allclose(lines["a (3)"], 1.0)
    np.testing.assert_allclose(lines["b (3)"], 0.0)
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(1 + 1 / np.sqrt(3))  # one s.e.m.


def test_an_erp_image_holds_every_trial_in_the_order_asked_for(trials):
    ax = plotting.plot_erp_image(trials, 1, order=[3, 2, 1, 0, 0, 0])
    assert np.asarray(ax.images[0].get_array())[:, 0].tolist() == [0, 0, 0, 2, 1, 0]


def test_a_psth_counts_the_spikes_of_each_condition():
    x = neurokit.spikes({"a": [1.01, 1.03, 3.01], "b": []}, stop=6.0)
    go = neurokit.events([1.0, 3.0], label=["left", "right"])
    ax = plotting.plot_psth(x, go, tmin=-0.1, tmax=0.1, bin_width=0.1)
    above = ax.child_axes[0]
    assert [line.get_ydata().tolist() for line in above.lines[:2]] == [[0, 20], [0, 10]]
    assert [len(c.get_segments()) for c in ax.collections] == [2, 1]
    with pytest.raises(KeyError, match=r"no unit 'c' among \['a', 'b'\]"):
        plotting.plot_psth(x, go, "c")


def test_tuning_finds_the_rate_at_each_value():
    place = np.tile(np.repeat(np.arange(4.0), 25), 4)
    values = neurokit.behaviour(place[:, None], sampling_rate=10, features=["x"])
    counts = neurokit.counts((place == 2)[None] * 3, bin_width=0.1)
    ax = plotting.plot_tuning(counts, values.isel(feature=0), n_bins=4)
    assert ax.lines[0].get_ydata().tolist()[2] == pytest.approx(30)
    assert np.nansum(ax.lines[0].get_ydata()) == pytest.approx(30)
    assert ax.get_xlabel().startswith("x")
    with pytest.raises(ValueError, match="counts have 400 bins and values 399 samples"):
        plotting.plot_tuning(counts, values.isel(feature=0, time=slice(399)))


def test_paths_are_drawn_for_each_trial():
    x = neurokit.behaviour(np.random.default_rng(0).normal(size=(50, 3)), sampling_rate=10)
    path = plotting.plot_trajectories(x, (0, 2)).lines[0]
    np.testing.assert_array_equal(path.get_xydata(), x.values[:, [0, 2]])
    with pytest.raises(KeyError, match="no feature 7"):
        plotting.plot_trajectories(x, (0, 7))


def test_a_spectrogram_peaks_where_the_sine_is():
    t = np.arange(4000) / 200
    x = neurokit.signal(np.sin(2 * np.pi * 20 * t)[None], sampling_rate=200)
    mesh = plotting.plot_spectrogram(x).collections[0]
    power = np.asarray(mesh.get_array())
    assert power.mean(axis=1).argmax() == 19  # 1 Hz apart, from 1 Hz on
    with pytest.raises(ValueError, match=r"a window of 30 s is 6000 samples at 200 Hz, of 4000"):
        plotting.plot_spectrogram(x, window=30)
    with pytest.raises(KeyError, match="no channel 'Cz'"):
        plotting.plot_spectrogram(x, "Cz")


def test_trials_stand_side_by_side_in_a_signal(trials):
    ax = plotting.plot_signal(trials, scale=10)
    assert [t.get_text() for t in ax.texts if len(t.get_text()) == 1] == list("aaabbb")
    assert len(ax.lines[1].get_ydata()) == 6 * 52 - 2


def test_sensors_of_a_head_off_the_origin_reach_the_circle():
    eeg = make_eeg(4, n_channels=61, random_state=0).signal
    moved = eeg.assign_coords(z=eeg["z"] + 45, y=eeg["y"] - 20)
    plain, off = (plotting.plot_sensors(x).lines[0].get_xydata() for x in (eeg, moved))
    np.testing.assert_allclose(off, plain, atol=1e-6)
    assert 0.65 < np.hypot(*plain.T).max() < 1.1
    ax = plotting.plot_topomap(moved.isel(time=0))
    assert ax.get_figure().axes[1].get_ylabel() == "µV"


def test_gradiometers_and_magnetometers_are_taken_apart():
    eeg = make_eeg(4, n_channels=19, random_state=0).signal.isel(time=0)
    meg = eeg.assign_coords(type=("channel", ["mag"] * 9 + ["grad"] * 10))
    with pytest.raises(ValueError, match=r"one kind of sensors at a time, .*kind='grad'"):
        plotting.plot_topomap(meg)
    plotting.plot_topomap(meg, kind="mag")
    with pytest.raises(ValueError, match="no channel with a place is of kind 'eeg'"):
        plotting.plot_topomap(meg, kind="eeg")
    deep = eeg.assign_coords(type=("channel", ["seeg"] * 19))
    with pytest.raises(ValueError, match=r"these channels are \['seeg'\]; plot_sensors shows"):
        plotting.plot_topomap(deep)
    plotting.plot_sensors(deep)


def test_plain_values_need_places():
    with pytest.raises(ValueError, match="plain values need the places of the channels"):
        plotting.plot_topomap([1.0, 2, 3])


@pytest.mark.parametrize("n", [1, 3])
def test_few_units_are_called_by_name(n):
    ax = plotting.plot_raster(neurokit.spikes({f"u{k}": [0.1] for k in range(n)}, stop=1))
    assert [t.get_text() for t in ax.get_yticklabels()] == [f"u{k}" for k in range(n)]


def test_long_names_are_cut_and_stand_in_fewer_columns():
    x = make_eeg(4, n_channels=3, random_state=0).signal
    names = [f"stimulus/visual/left/of a very long name {k}" for k in range(4)]
    ax = plotting.plot_signal(x, events=neurokit.events([0.5, 1, 2, 3], label=names))
    texts = [t.get_text() for t in ax.get_legend().get_texts()]
    assert all(len(t) <= 28 for t in texts)
    assert len({*texts}) == 4
    assert ax.get_legend()._ncols == 2


def test_refusals_of_trials(trials):
    with pytest.raises(KeyError, match="no channel 'Cz'"):
        plotting.plot_erp(trials, "Cz")
    with pytest.raises(ValueError, match="one number for each of 6 trials"):
        plotting.plot_erp_image(trials, order=[1])
    with pytest.raises(ValueError, match="there is no trial to draw"):
        plotting.plot_erp(trials.isel(trial=slice(0)))
