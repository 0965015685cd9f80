"""XDF files, and live streams of LSL."""

import struct
import threading
import time
import warnings

import numpy as np
import pytest

from neurokit import io
from neurokit.decoders import WienerRegressor

pyxdf = pytest.importorskip("pyxdf")


def chunk(tag, content):
    return b"\x04" + struct.pack("<IH", len(content) + 2, tag) + content


def header(number, name, kind, n, rate, form, labels=()):
    inside = "".join(
        f"<channel><label>{c}</label><type>{kind}</type><unit>microvolts</unit></channel>"
        for c in labels
    )
    words = (
        f"<?xml version='1.0'?><info><name>{name}</name><type>{kind}</type>"
        f"<channel_count>{n}</channel_count><nominal_srate>{rate}</nominal_srate>"
        f"<channel_format>{form}</channel_format>"
        f"<desc><channels>{inside}</channels></desc></info>"
    )
    return chunk(2, struct.pack("<I", number) + words.encode())


def samples(number, stamps, pack):
    body = b"".join(b"\x08" + struct.pack("<d", t) + pack(k) for k, t in enumerate(stamps))
    return chunk(3, struct.pack("<I", number) + b"\x04" + struct.pack("<I", len(stamps)) + body)


@pytest.fixture
def path(tmp_path):
    values = np.arange(600, dtype="<f4").reshape(200, 3)
    stamps = 1000 + np.arange(200) / 100
    stamps[120:] += 5  # the network was away
    words = [b"left", b"right"]
    parts = [
        b"XDF:",
        chunk(1, b"<?xml version='1.0'?><info><version>1.0</version></info>"),
        header(1, "amp", "EEG", 3, 100, "float32", ["C3", "Cz", "C4"]),
        header(2, "marks", "Markers", 1, 0, "string"),
        samples(1, stamps, lambda k: values[k].tobytes()),
        samples(2, [1000.5, 1006.4], lambda k: b"\x01" + bytes([len(words[k])]) + words[k]),
    ]
    file = tmp_path / "a.xdf"
    file.write_bytes(b"".join(parts))
    return file


def test_xdf_is_read_with_its_clock_its_gap_and_its_markers(path):
    x = io.read_signal(path)
    assert x["channel"].values.tolist() == ["C3", "Cz", "C4"]
    assert x.attrs["units"] == "uV"
    np.testing.assert_array_equal(x.values.T, np.arange(600).reshape(200, 3))
    np.testing.assert_allclose(x["time"].values[[0, 119, 120]], [0, 1.19, 6.2], atol=1e-9)
    table = io.read_events(path)
    assert table["label"].tolist() == ["left", "right"]
    np.testing.assert_allclose(table["onset"], [0.5, 6.4])
    tree = io.read_session(path)
    assert tree["signal/amp/signal"].shape == (3, 200)
    assert io.read_signal(path, channels=["Cz"]).shape == (1, 200)
    with pytest.raises(ValueError, match=r"has no channels \['Oz'\]"):
        io.read_signal(path, channels=["Oz"])


def test_damaged_xdf_is_named(path):
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert io.read_signal(path).shape == (3, 200)  # the last chunk held a marker
    path.write_bytes(b"XDF:")
    with pytest.raises(OSError, match=r"a\.xdf: "):
        io.read_signal(path)


def outlet(name, n_channels=4, rate=250.0):
    pylsl = pytest.importorskip("pylsl", exc_type=ImportError)
    info = pylsl.StreamInfo(name, "EEG", n_channels, rate, "float32", name)
    channels = info.desc().append_child("channels")
    for k in range(n_channels):
        channels.append_child("channel").append_child_value("label", f"E{k}")
    return pylsl.StreamOutlet(info)


def test_a_live_stream_gives_every_sample_once():
    pylsl = pytest.importorskip("pylsl", exc_type=ImportError)
    name = f"neurokit-test-{time.time_ns()}"
    out = outlet(name)
    sent = np.random.default_rng(0).normal(size=(500, 4)).astype(np.float32)

    def send():
        out.wait_for_consumers(5)
        start = pylsl.local_clock()
        for k, row in enumerate(sent):
            if not 200 <= k < 210:  # ten are lost on the way
                out.push_sample(row.tolist(), start + k / 250)
            if k % 50 == 0:
                time.sleep(0.01)

    with io.stream_lsl(name, timeout=10) as amplifier:
        assert amplifier.channels == ["E0", "E1", "E2", "E3"]
        assert amplifier.sampling_rate == 250
        sender = threading.Thread(target=send)
        sender.start()
        rows = []
        for part in amplifier:
            rows.append(part)
            if sum(map(len, rows)) >= 490:
                amplifier.stop()
        sender.join()
    np.testing.assert_array_equal(np.concatenate(rows), np.delete(sent, np.s_[200:210], 0))
    assert amplifier.n_lost == 10


def test_jitter_and_losses_change_no_answer_of_a_decoder():
    pylsl = pytest.importorskip("pylsl", exc_type=ImportError)
    rng = np.random.default_rng(0)
    name, n = f"neurokit-test-{time.time_ns()}", 600
    out, sent = outlet(name), rng.normal(size=(n, 4)).astype(np.float32)
    lost = np.r_[100:110, 101:104, 300:303, 450:457]
    kept = np.setdiff1d(np.arange(n), lost)
    late = rng.exponential(0.002, n)  # half a period, up to several

    def send():
        out.wait_for_consumers(5)
        start = pylsl.local_clock()
        for k in kept.tolist():
            out.push_sample(sent[k].tolist(), start + k / 250 + late[k])
            if rng.random() < 0.05:
                time.sleep(rng.exponential(0.004))  # bursts of any length

    x, y = rng.normal(size=(500, 4)), rng.normal(size=(500, 2))
    decoder = WienerRegressor(4, alpha=1.0).fit(x, y)
    live, rows, answers = decoder.stream(), [], []
    with io.stream_lsl(name, timeout=10) as amplifier:
        sender = threading.Thread(target=send)
        sender.start()
        for part in amplifier:
            rows.append(part)
            answers.append(live.push(part))
            if sum(map(len, rows)) >= len(kept):
                amplifier.stop()
        sender.join()
    np.testing.assert_array_equal(np.concatenate(rows), sent[kept])
    np.testing.assert_allclose(np.concatenate(answers), decoder.stream().push(sent[kept]))
    assert abs(amplifier.n_lost - (n - len(kept))) <= 1


def test_no_stream_is_said_in_a_sentence():
    pytest.importorskip("pylsl", exc_type=ImportError)
    with pytest.raises(OSError, match=r"one stream of name 'nobody' .* found none in 0.2 s"):
        io.stream_lsl("nobody", timeout=0.2)
