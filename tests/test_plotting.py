"""What the pictures show: every plot from its own data, on its own or a given Axes."""

import warnings

import matplotlib
import numpy as np
import pytest

matplotlib.use("agg")
import matplotlib.pyplot as plt

import neurokit
from neurokit import plotting
from neurokit.datasets import make_calcium, make_eeg, make_reaching
from neurokit.recording import behaviour, events


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def eeg():
    return make_eeg(8, n_channels=19, random_state=0)


def _texts(ax):
    return [t.get_text() for t in ax.texts]


def _legend(ax):
    return [t.get_text() for t in ax.get_legend().get_texts()]


def test_signal_draws_each_channel_in_its_row_and_the_events(eeg):
    ax = plotting.plot_signal(eeg.signal, events=eeg.events, scale=50)
    assert [t.get_text() for t in ax.get_yticklabels()] == eeg.signal["channel"].values.tolist()
    trace = ax.lines[3].get_ydata() + 3 * 50
    expected = eeg.signal.values[3] - np.median(eeg.signal.values[3])
    np.testing.assert_allclose(trace, expected, atol=1e-3)
    assert _legend(ax) == ["standard", "target"]
    assert "50 µV" in _texts(ax)
    assert ax.get_xlabel() == "Time (s)"


def test_many_events_are_short_lines_and_an_unknown_unit_is_not_written(eeg):
    many = neurokit.events(np.linspace(0.1, 3.9, 90), label=["a"] * 90)
    x = eeg.signal.sel(time=slice(0, 4)).assign_attrs(units="none")
    ax = plotting.plot_signal(x, events=many, scale=50.0)
    lines = [line for line in ax.lines if len(set(line.get_xdata())) == 1]
    assert {tuple(line.get_ydata()) for line in lines if line.get_ydata()[-1] == 1} == {(0.94, 1)}
    assert _texts(ax) == ["50"]


def test_events_without_a_label_are_drawn_as_such(eeg):
    events = eeg.events.iloc[:2].assign(label=["one", np.nan])
    assert _legend(plotting.plot_signal(eeg.signal, events=events)) == ["one", "no label"]


def test_psd_shows_the_density_in_its_unit():
    rate, amplitude = 200.0, 3.0
    t = np.arange(0, 20, 1 / rate)
    x = neurokit.signal(amplitude * np.sin(2 * np.pi * 20 * t)[None], sampling_rate=rate)
    ax = plotting.plot_psd(x, resolution=1.0)
    frequency, power = ax.lines[-1].get_data()
    assert frequency[np.argmax(power)] == 20
    # a sine of amplitude a holds the power a^2 / 2
    assert power.sum() * (frequency[1] - frequency[0]) == pytest.approx(amplitude**2 / 2, rel=0.02)
    assert ax.get_ylabel() == "Power (µV²/Hz)"
    assert frequency[-1] <= 80


def test_psd_leaves_out_channels_without_a_signal(eeg):
    x = eeg.signal.copy(data=eeg.signal.values)
    x[2], x[5, 100] = 7.0, np.nan
    ax = plotting.plot_psd(x)
    assert len(ax.lines) == 19 - 2 + 1
    ax = plotting.plot_psd(x[2:3])
    assert _texts(ax) == ["no channel with a signal"]


def test_raster_has_every_spike_of_the_span():
    x = neurokit.spikes([[0.1, 0.5, 1.5], [], [0.7]], stop=2.0)
    ax = plotting.plot_raster(x, stop=1.0, events=events([0.2, 1.8], label=["a", "b"]))
    assert ax.collections[0].get_offsets().tolist() == [[0.1, 0.0], [0.5, 0.0], [0.7, 2.0]]
    assert _legend(ax) == ["a"]
    assert ax.get_ylim() == (2.5, -0.5)


def test_traces_are_apart_and_on_one_scale():
    traces, _ = make_calcium(20, n_units=6, random_state=0)
    ax = plotting.plot_traces(traces, n_units=4)
    ticks = ax.get_yticks()
    assert len(ticks) == 4
    drawn = ax.lines[2].get_ydata() - ticks[2]
    expected = traces.values[2] - np.median(traces.values[2])
    np.testing.assert_allclose(drawn, expected, atol=1e-6)
    assert any("ΔF/F" in text for text in _texts(ax))


def test_topomap_puts_the_maximum_where_the_channel_is(eeg):
    values = (eeg.signal["channel"] == "O2").astype(float).values
    ax = plotting.plot_topomap(values, eeg.signal, units="uV")
    image = ax.images[0].get_array()
    row, column = np.unravel_index(np.nanargmax(image), image.shape)
    assert column > image.shape[1] / 2  # right
    assert row < image.shape[0] / 3  # at the back: below


def test_decoding_names_feature_and_unit_and_scores_all():
    rng = np.random.default_rng(0)
    y = rng.standard_normal((400, 2))
    pred = y + 0.5 * rng.standard_normal((400, 2))
    true = behaviour(y, sampling_rate=10, features=["vx", "vy"], units=["mm/s", "mm/s"])
    ax = plotting.plot_decoding(true, true.copy(data=pred), feature="vy", span=5)
    r2 = 1 - np.sum((y[:, 1] - pred[:, 1]) ** 2) / np.sum((y[:, 1] - y[:, 1].mean()) ** 2)
    assert ax.get_title(loc="left") == f"vy: R² = {r2:.2f}"
    assert ax.get_ylabel() == "vy (mm/s)"
    assert len(ax.lines[0].get_xdata()) == 50
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), pred[:50, 1])
    ax = plotting.plot_decoding(y[:, 0], pred[:, 0], span=None)
    assert ax.get_xlabel() == "Sample"


def test_confusion_counts_and_shares():
    ax = plotting.plot_confusion(["a", "a", "a", "b"], ["a", "a", "b", "b"])
    assert _texts(ax) == ["67%\n2", "33%\n1", "0%\n0", "100%\n1"]
    assert ax.get_title(loc="left") == "75% of 4 right"


def test_plots_draw_on_the_axes_they_are_given(eeg):
    session = make_reaching(5, n_units=5, random_state=0)
    traces, _ = make_calcium(5, n_units=4, random_state=0)
    for draw in (
        lambda ax: plotting.plot_signal(eeg.signal, ax=ax),
        lambda ax: plotting.plot_psd(eeg.signal, ax=ax),
        lambda ax: plotting.plot_raster(session.spikes, ax=ax),
        lambda ax: plotting.plot_traces(traces, ax=ax),
        lambda ax: plotting.plot_topomap(np.arange(19.0), eeg.signal, ax=ax),
        lambda ax: plotting.plot_decoding(np.arange(5.0), np.arange(5.0), ax=ax),
        lambda ax: plotting.plot_confusion([0, 1], [0, 1], ax=ax),
    ):
        figure, ax = plt.subplots()
        assert draw(ax) is ax
        assert plt.get_fignums() == [figure.number]
        figure.canvas.draw()
        plt.close(figure)


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_flat_missing_and_infinite_channels_do_not_break_a_picture(bad):
    x = neurokit.signal(np.full((3, 200), bad), sampling_rate=100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for draw in (plotting.plot_signal, plotting.plot_psd):
            draw(x).get_figure().canvas.draw()
        traces = neurokit.traces(np.full((3, 200), bad), sampling_rate=100)
        plotting.plot_traces(traces).get_figure().canvas.draw()


def test_no_spikes_at_all_still_make_a_raster():
    ax = plotting.plot_raster(neurokit.spikes([[], []], stop=1.0))
    ax.get_figure().canvas.draw()


def test_long_recordings_are_thinned():
    x = neurokit.signal(np.zeros((1, 200_000)), sampling_rate=1000)
    assert len(plotting.plot_signal(x).lines[0].get_xdata()) <= 15_000


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: plotting.plot_topomap([1, 2], np.zeros((3, 3))),
            ValueError,
            r"\(2,\) need .*\(2, 3\)",
        ),
        (
            lambda: plotting.plot_topomap([1, 2], np.ones((2, 3))),
            ValueError,
            "at least 3 channels",
        ),
        (
            lambda: plotting.plot_topomap(
                [0] * 2, neurokit.signal(np.zeros((2, 9)), sampling_rate=1)
            ),
            ValueError,
            "no coordinates",
        ),
        (
            lambda: plotting.plot_decoding(np.zeros(3), np.zeros(4)),
            ValueError,
            r"\(3,\) and \(4,\)",
        ),
        (lambda: plotting.plot_confusion([], []), ValueError, "at least one"),
        (lambda: plotting.plot_raster(np.zeros(3)), TypeError, "plot_raster"),
        (
            lambda: plotting.plot_psd(neurokit.traces(np.zeros((2, 9)), sampling_rate=1)),
            ValueError,
            "plot_psd",
        ),
    ],
)
def test_plots_refuse_what_they_cannot_draw(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_pictures_leave_a_gap_of_the_clock_blank_and_no_spectrum_reaches_over_it(rng):
    hum = 10 * np.sin(2 * np.pi * 10.25 * np.arange(4000) / 200)
    whole = neurokit.signal((hum + rng.normal(size=4000))[None], sampling_rate=200)
    x = whole.isel(time=np.r_[0:1000, 2110:4000])
    line = plotting.plot_signal(x).lines[0]
    at, height = line.get_xdata(), line.get_ydata()
    gaps = np.flatnonzero(np.isnan(at))
    assert len(gaps) == 1
    assert np.isnan(height[gaps]).all()
    assert at[gaps - 1] < 5
    assert at[gaps + 1] == pytest.approx(2110 / 200)
    shown = plotting.plot_psd(x).lines[-1].get_ydata()
    runs = [
        plotting.plot_psd(x[:, run]).lines[-1].get_ydata()
        for run in (slice(1000), slice(1000, None))
    ]
    np.testing.assert_allclose(shown, (4 * runs[0] + 8 * runs[1]) / 12)
    image = plotting.plot_spectrogram(x).collections[0]
    middles = image.get_coordinates()[0, :, 0]
    colours = image.get_array()
    inside = np.abs((middles[:-1] + middles[1:]) / 2 - 7.8) < 2.6
    assert inside.any()
    assert np.ma.getmaskarray(colours)[:, inside].all()
    whole_run = plotting.plot_spectrogram(x[:, :1000]).collections[0].get_array()
    np.testing.assert_allclose(colours[:, : whole_run.shape[1]], whole_run)
