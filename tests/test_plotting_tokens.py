"""Pictures of tokens show the figures that metrics give."""

import warnings

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("agg")
import matplotlib.pyplot as plt

import neurokit
from neurokit import plotting
from neurokit.metrics import band_fidelity, codebook_report, nmse, rate_distortion
from neurokit.tokenizers import LinearRVQTokenizer


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def signals():
    rng = np.random.default_rng(0)
    x = rng.normal(3, 20, (3, 1000))
    y = x + rng.normal(0, [[1], [2], [4]], x.shape)
    names = ["C3", "Cz", "C4"]
    return tuple(neurokit.signal(a, sampling_rate=250, channels=names) for a in (x, y))


def _texts(texts):
    return [t.get_text() for t in texts]


def test_reconstruction_draws_signal_decoded_and_error_on_one_scale(signals):
    x, y = signals
    ax = plotting.plot_reconstruction(x, y, scale=50, n_channels=2)
    assert _texts(ax.get_yticklabels()) == ["C3", "error", "Cz", "error"]
    recorded, decoded, error = (line.get_ydata() for line in ax.lines[3:6])  # of Cz
    middle = np.median(x.values[1])
    np.testing.assert_allclose(recorded, x.values[1] - middle - 110, atol=1e-4)
    np.testing.assert_allclose(decoded, y.values[1] - middle - 110, atol=1e-4)
    np.testing.assert_allclose(error, y.values[1] - x.values[1] - 162.5, atol=1e-4)
    assert f"error over variance {np.median(nmse(x, y)):.3f}".replace(" 0", " ") in ax.get_title(
        loc="left"
    )
    assert "of 3 channels" in ax.get_title(loc="left")
    assert "50 µV" in _texts(ax.texts)
    assert _texts(ax.get_legend().get_texts()) == ["recorded", "decoded", "error"]
    ax = plotting.plot_reconstruction(x.transpose("time", "channel"), y)
    assert len(ax.lines) == 10  # three a channel and the scale bar


def test_bands_show_median_and_quartiles(signals):
    x, y = signals
    ax = plotting.plot_band_fidelity(x, {"one": y, "exact": x}, measure="nmse")
    expected = band_fidelity(x, y).nmse.median("channel").values
    np.testing.assert_allclose(ax.lines[0].get_ydata(), expected)
    low, high = np.quantile(band_fidelity(x, y).nmse, (0.25, 0.75), axis=0)
    bars = np.array([segment[:, 1] for segment in ax.collections[0].get_segments()])
    np.testing.assert_allclose(bars, np.stack([low, high], 1))
    assert _texts(ax.get_legend().get_texts()) == ["one", "exact"]
    assert _texts(ax.get_xticklabels())[-1].split() == ["high", "gamma", "70-125"]
    slow = plotting.plot_band_fidelity(x.values, y.values, sampling_rate=100)
    assert _texts(slow.get_xticklabels())[-1].split() == ["gamma", "30-50"]
    assert slow.get_legend() is None
    assert slow.get_ylabel() == "Correlation"


def test_rate_distortion_draws_the_table(signals):
    x, _ = signals
    tokenizer = LinearRVQTokenizer(3, codebook_size=8, random_state=0).fit(x)
    table = rate_distortion(tokenizer, x)
    ax = plotting.plot_rate_distortion({"linear": table, "samples": table.iloc[[0]]})
    np.testing.assert_allclose(ax.lines[0].get_xydata(), table[["bits", "nmse"]].values)
    assert _texts(ax.texts) == ["1", "3"]
    assert _texts(ax.get_legend().get_texts()) == ["linear", "samples"]
    assert ax.get_xlabel() == "Bit per second and channel"
    ax = plotting.plot_rate_distortion({"a": table.iloc[::-1]}, measure="snr_db", stages=False)
    assert ax.get_yscale() == "linear"
    assert not ax.texts
    assert (np.diff(ax.lines[0].get_xdata()) > 0).all()


def test_codebook_use_is_that_of_the_report(signals):
    x, _ = signals
    tokenizer = LinearRVQTokenizer(2, codebook_size=16, random_state=0).fit(x)
    codes = tokenizer.transform(x).isel(level=slice(-2, None))
    ax = plotting.plot_codebook_use(codes, [16, 16])
    report = codebook_report(codes, [16, 16])
    widths = [bar.get_width() for bar in ax.patches]
    expected = [*100 * report["usage"], *100 * report["perplexity"] / 16]
    np.testing.assert_allclose(widths, expected)
    assert _texts(ax.get_yticklabels()) == ["1", "2"]
    assert ax.get_xlim() == (0, 100)
    named = plotting.plot_codebook_use(codes.values, [16, 16], names=["coarse", "fine"])
    assert _texts(named.get_yticklabels()) == ["coarse", "fine"]


def test_token_plots_draw_on_the_axes_they_are_given(signals):
    x, y = signals
    curve = pd.DataFrame({"bits": [1.0], "nmse": [0.5]}, index=[1])
    for draw in (
        lambda ax: plotting.plot_reconstruction(x, y, ax=ax),
        lambda ax: plotting.plot_band_fidelity(x, y, ax=ax),
        lambda ax: plotting.plot_rate_distortion({"a": curve}, ax=ax),
        lambda ax: plotting.plot_codebook_use([[0], [1]], [4], ax=ax),
    ):
        figure, ax = plt.subplots()
        assert draw(ax) is ax
        assert plt.get_fignums() == [figure.number]
        figure.canvas.draw()
        plt.close(figure)


def test_a_flat_channel_makes_a_picture():
    x = neurokit.signal(np.zeros((2, 300)), sampling_rate=100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plotting.plot_reconstruction(x, x).get_figure().canvas.draw()
        plotting.plot_band_fidelity(x, x, measure="nmse").get_figure().canvas.draw()


def test_token_plots_say_what_they_need(signals):
    x, y = signals
    with pytest.raises(ValueError, match=r"same channels and samples, got shapes \(3, 1000\)"):
        plotting.plot_reconstruction(x, y.isel(time=slice(5)))
    with pytest.raises(ValueError, match=r"measure must be one of .* got 'snr'"):
        plotting.plot_band_fidelity(x, y, measure="snr")
    with pytest.raises(ValueError, match="at least one curve, got none"):
        plotting.plot_rate_distortion({})
    with pytest.raises(ValueError, match=r"curve 'a' has no columns \['nmse'\]"):
        plotting.plot_rate_distortion({"a": pd.DataFrame({"bits": [1]})})
    with pytest.raises(ValueError, match="a codebook size for each of 1 levels"):
        plotting.plot_codebook_use([[0], [1]], [4, 4])
