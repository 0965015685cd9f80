"""Tokenizers as a stranger would try them: other rates, gains, montages, chunks, broken files."""

import subprocess
import sys

import numpy as np
import pytest

import neurokit
from neurokit import io
from neurokit.datasets import make_eeg
from neurokit.metrics import boundary_nmse_ratio, nmse
from neurokit.tokenizers import CodecTokenizer, LinearRVQTokenizer, ScalarTokenizer

NAMES = ("codec", "linear", "samples")


@pytest.fixture(scope="module")
def tokenizers():
    train = make_eeg(20, n_channels=4, random_state=0).signal
    return {
        "codec": CodecTokenizer.from_pretrained().set_params(device="cpu"),
        "linear": LinearRVQTokenizer(4, codebook_size=64, random_state=0).fit(train),
        "samples": ScalarTokenizer("uniform", codebook_size=97).fit(train),
    }


@pytest.fixture(params=NAMES)
def tokenizer(request, tokenizers):
    return tokenizers[request.param]


def pink(rate, seconds=4, n_channels=3, seed=0):
    """Noise whose amplitude falls with frequency, in microvolts, on an offset."""
    n = round(rate * seconds)
    rng = np.random.default_rng(seed)
    f = np.fft.rfftfreq(n, 1 / rate)
    spectrum = rng.normal(size=(2, n_channels, len(f))) / np.maximum(f, 1)
    x = np.fft.irfft(spectrum[0] + 1j * spectrum[1], n)
    return neurokit.signal(20 * x / x.std(1, keepdims=True) + 7, sampling_rate=rate)


@pytest.mark.parametrize("rate", [100, 160, 173.61, 250, 500, 999.41, 2000])
def test_any_rate_comes_back_on_its_own_clock(tokenizer, rate):
    x = pink(rate)
    y = tokenizer.inverse_transform(tokenizer.transform(x))
    assert y.shape == x.shape
    np.testing.assert_array_equal(y["time"], x["time"])
    assert float(nmse(x, y).median()) < 0.1


@pytest.mark.parametrize("gain", [0.1, 10.0])
def test_ten_times_the_amplitude_moves_the_scale_and_nothing_else(tokenizer, gain):
    x = pink(250)
    scaled = x.copy(data=(gain * x.values.astype(float)).astype(np.float32))
    tokens, others = tokenizer.transform(x), tokenizer.transform(scaled)
    steps = others.sel(level="scale").astype(int) - tokens.sel(level="scale").astype(int)
    assert (steps == round(12 * np.log10(gain))).all()  # twelve steps a decade
    rest = [name for name in tokens["level"].values if name != "scale"]
    assert float((tokens.sel(level=rest) != others.sel(level=rest)).mean()) < 1e-3
    errors = [nmse(a, tokenizer.inverse_transform(b)) for a, b in ((x, tokens), (scaled, others))]
    np.testing.assert_allclose(*errors, rtol=5e-3)


def test_channels_may_move_go_or_fall_silent(tokenizer):
    x = pink(250, n_channels=4)
    tokens = tokenizer.transform(x)
    order = [2, 0, 3, 1]
    np.testing.assert_array_equal(
        tokenizer.transform(x.isel(channel=order)), tokens.isel(channel=order)
    )
    np.testing.assert_array_equal(
        tokenizer.transform(x.isel(channel=[3])), tokens.isel(channel=[3])
    )
    values = x.values.copy()
    values[1] = -4.5
    flat = tokenizer.transform(x.copy(data=values))
    np.testing.assert_array_equal(flat.isel(channel=[0, 2, 3]), tokens.isel(channel=[0, 2, 3]))
    back = tokenizer.inverse_transform(flat).values[1]
    np.testing.assert_allclose(back, -4.5, atol=0.3)
    values[2, 5] = np.nan
    with pytest.raises(ValueError, match=r"X contains NaN or infinity, in channels \[2\]"):
        tokenizer.transform(x.copy(data=values))


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_chunks_of_any_size_make_the_whole(tokenizer, size):
    x = pink(128, seconds=3, n_channels=2)
    stream = tokenizer.stream(2, 128)
    parts = [stream.push(x.values[:, k : k + size]) for k in range(0, x.sizes["time"], size)]
    joined = np.concatenate([*parts, stream.flush()], axis=1)
    np.testing.assert_array_equal(joined, tokenizer.transform(x))


def test_frames_join_without_a_seam(tokenizers):
    """The codec reads over its frames' borders; frames that stand alone show theirs."""
    x = pink(250, seconds=40, n_channels=6)
    ratios = {}
    for name, frame in {"codec": 16 / 250, "linear": 0.096}.items():
        y = tokenizers[name].inverse_transform(tokenizers[name].transform(x))
        ratios[name] = float(boundary_nmse_ratio(x, y, frame, edge=0.15).median())
    assert 0.7 < ratios["codec"] < 1.4
    assert ratios["linear"] < 3


@pytest.mark.slow
def test_another_process_reads_the_same(tokenizers, tmp_path):
    x = pink(250)
    codec = tokenizers["codec"]
    tokens = codec.transform(x)
    io.write_tokens(tmp_path / "a.ntok", tokens)
    codec.save(tmp_path / "codec.safetensors")
    code = (
        "import sys, numpy as np; from neurokit import io;"
        " from neurokit.tokenizers import CodecTokenizer;"
        " folder = sys.argv[1];"
        " codec = CodecTokenizer.load(folder + '/codec.safetensors').set_params(device='cpu');"
        " y = codec.inverse_transform(io.read_tokens(folder + '/a.ntok'));"
        " np.save(folder + '/y.npy', y.values); np.save(folder + '/again.npy', codec.transform(y))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    y = codec.inverse_transform(tokens)
    # the decoder is float32: other numbers of threads may add in another order
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), y.values, atol=1e-3)
    assert (np.load(tmp_path / "again.npy") == codec.transform(y).values).mean() > 0.99


def damaged(whole, rng):
    """Every kind of damage: flipped bits, cuts, holes, bursts, tails, noise."""
    n = len(whole)
    while True:
        kind = rng.integers(6)
        at, to = np.sort(rng.integers(0, n, 2))
        broken = bytearray(whole)
        if kind == 0:
            broken[at] ^= 1 << rng.integers(8)
        elif kind == 1:
            broken = broken[:at]
        elif kind == 2:
            del broken[at : to + 1]
        elif kind == 3:
            broken[at : at + 40] = rng.bytes(len(broken[at : at + 40]))
        elif kind == 4:
            broken += rng.bytes(int(rng.integers(1, 40)))
        else:
            broken = bytearray(rng.bytes(int(rng.integers(0, 500))))
        if bytes(broken) != whole:
            yield bytes(broken)


@pytest.mark.parametrize("n", [150, pytest.param(4000, marks=pytest.mark.slow)])
def test_no_damage_to_a_token_file_goes_unnoticed(tokenizers, tmp_path, n):
    events = make_eeg(4, n_channels=1, random_state=0).events
    tokens = tokenizers["linear"].transform(pink(250, seconds=8))
    whole = io.write_tokens(tmp_path / "a.ntok", tokens, events=events).read_bytes()
    bad = tmp_path / "bad.ntok"
    for _, broken in zip(range(n), damaged(whole, np.random.default_rng(n)), strict=False):
        bad.write_bytes(broken)
        with pytest.raises(OSError, match=r"bad\.ntok") as caught:
            io.read_tokens(bad).load()
        assert "\n" not in str(caught.value)
        assert str(caught.value).endswith(".")


# ---------------------------------------------------------------- real recordings


def sleep(data):
    x = np.loadtxt(data / "sleep_dreams" / "excerpt1.txt", skiprows=1)[20_000:22_000]
    return neurokit.signal(x[None], sampling_rate=100)


def hippocampus(data):
    names = ("ca1", "ec3")
    x = [np.load(data / "lfp_hippocampus_bycycle" / f"{name}.npy")[:10_000] for name in names]
    return neurokit.signal(np.stack(x), sampling_rate=1250, channels=names)


def seizures(data):
    x = np.load(data / "seizure_bonn" / "bonn.npz")["X"][[5, 150, 290], None]
    return neurokit.signal(x.astype(np.float32), sampling_rate=173.61)


@pytest.mark.parametrize("recording", [sleep, hippocampus, seizures])
def test_recordings_that_nothing_was_tuned_on(tokenizers, data, recording):
    x = recording(data)
    for name in ("codec", "samples"):
        tokenizer = tokenizers[name]
        tokens = tokenizer.transform(x)
        error = float(nmse(x, tokenizer.inverse_transform(tokens)).median())
        assert error < 0.04
        louder = x.copy(data=10 * x.values)
        again = float(
            nmse(louder, tokenizer.inverse_transform(tokenizer.transform(louder))).median()
        )
        assert again == pytest.approx(error, rel=0.01)
        if "trial" not in x.dims:
            lazy = tokenizer.transform(x.chunk(time=777)).compute()
            np.testing.assert_array_equal(lazy, tokens)
