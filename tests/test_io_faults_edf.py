"""What real EDF files and real habits did to us, each with the right value."""

import warnings

import numpy as np
import pytest

from neurokit import io, sampling_rate

edfio = pytest.importorskip("edfio")


def field(value, width):
    return (value if isinstance(value, bytes) else str(value).encode()).ljust(width)


def wave(label="F1", unit="uV", n=2000, height=50):
    values = np.sin(np.arange(n) / 9) * height
    return edfio.EdfSignal(values, 100, label=label, physical_dimension=unit)


def line(values, label):
    return edfio.EdfSignal(
        values, 100, label=label, physical_dimension="", physical_range=(0, 32767),
        digital_range=(0, 32767),
    )  # fmt: skip


def steps(n, *at):
    values = np.zeros(n)
    for start, stop, value in at:
        values[start:stop] = value
    return values


def craft(path, duration=b"1", highest=b"100", plus=b"", notes=(b"+0\x14\x14\0",), step=1):
    """Write one signal of 16 samples a record and a channel of annotations."""
    columns = [(b"EEG Cz", b"EDF Annotations", 16), (b"", b"", 80), (b"uV", b"", 8)]
    columns += [(b"-100", b"-1", 8), (highest, b"1", 8), (b"-2048", b"-32768", 8)]
    columns += [(b"2047", b"32767", 8), (b"", b"", 80), (b"16", b"20", 8), (b"", b"", 32)]
    head = field(0, 8) + field("X", 160) + b"01.02.0304.05.06" + field(768, 8) + field(plus, 44)
    head += field(len(notes), 8) + field(duration, 8) + field(2, 4)
    head += b"".join(field(a, n) + field(b, n) for a, b, n in columns)
    path.write_bytes(head + b"".join(bytes(range(32)) + n.ljust(40, b"\0") for n in notes))
    return path


def write(path, signals, annotations=()):
    edfio.Edf(signals, annotations=list(annotations)).write(path)
    return path


# --- triggers and annotations ------------------------------------------------------------------


def test_one_note_does_not_hide_the_triggers(tmp_path):
    trigger = steps(2000, (500, 501, 1), (900, 901, 1), (1300, 1301, 1))
    note = edfio.EdfAnnotation(0, None, "Recording starts")
    path = write(tmp_path / "a.edf", [wave("Fp1"), line(trigger, "TRIG")], [note])
    rows = [[0, 0, "Recording starts"], [5, 0, "1"], [9, 0, "1"], [13, 0, "1"]]
    assert io.read_events(path).to_numpy().tolist() == rows
    assert io.read_session(path)["events"]["label"].values.tolist() == [r[2] for r in rows]


def test_triggers_that_are_annotations_already_come_once(tmp_path):
    notes = [edfio.EdfAnnotation(t, None, "go") for t in (5, 9)]
    trigger = steps(2000, (500, 520, 1), (900, 920, 1))
    path = write(tmp_path / "a.edf", [wave("Fp1"), line(trigger, "TRIG")], notes)
    assert io.read_events(path).label.tolist() == ["go", "go"]


def test_a_fall_is_no_event_while_another_bit_is_held(tmp_path):
    values = steps(2000, (300, 900, 256), (500, 520, 257), (1000, 1010, 4), (1010, 1020, 3))
    path = write(tmp_path / "a.edf", [wave("Cz"), line(values, "STI 014")])
    rows = [[3, 0, "256"], [5, 0, "257"], [10, 0, "4"], [10.1, 0, "3"]]
    assert io.read_events(path).to_numpy().tolist() == rows


def test_lines_keep_their_names(tmp_path):
    left, right = steps(2000, (500, 510, 1)), steps(2000, (900, 910, 1))
    lines = [line(left, "TRIG left"), line(right, "TRIG right")]
    path = write(tmp_path / "a.edf", [wave("Cz"), *lines])
    table = io.read_events(path)
    assert table.label.tolist() == ["TRIG left/1", "TRIG right/1"]
    assert table.channel.tolist() == ["TRIG left", "TRIG right"]


def test_a_line_that_sums_the_others_tells_each_event_once():
    mne = pytest.importorskip("mne")
    values = np.zeros((4, 3000))
    values[1, 1000:1003] = values[2, 2000:2003] = 5
    values[3, 1000:1003], values[3, 2000:2003] = 1, 2
    kinds = ["eeg", "stim", "stim", "stim"]
    info = mne.create_info(["Cz", "STI 001", "STI 002", "STI 014"], 1000, kinds)
    raw = mne.io.RawArray(values, info, verbose="error")
    assert io.read_events(raw).to_numpy().tolist() == [[1, 0, "1"], [2, 0, "2"]]
    raw.drop_channels(["STI 014"])
    assert io.read_events(raw).label.tolist() == ["STI 001/5", "STI 002/5"]


def test_an_annotation_linked_to_a_channel_keeps_its_label(tmp_path):
    texts = [(2.5, "A@@F1"), (4, "A"), (5, "mail me@@nowhere")]
    notes = [edfio.EdfAnnotation(t, None, text) for t, text in texts]
    table = io.read_events(write(tmp_path / "a.edf", [wave()], notes))
    assert table.label.tolist() == ["A", "A", "mail me@@nowhere"]
    assert table.channel.tolist() == ["F1", "", ""]


# --- records -----------------------------------------------------------------------------------


def test_records_beyond_the_count_are_read_and_told(tmp_path):
    path = write(tmp_path / "a.edf", [wave()])
    whole = bytearray(path.read_bytes())
    whole[236:244] = b"15      "
    path.write_bytes(whole)
    with pytest.warns(UserWarning, match=r"a\.edf: goes on after the 15 records .* 5 more are re"):
        assert io.read_signal(path).sizes["time"] == 2000
    path.write_bytes(whole + b"something of the recorder's own")
    with pytest.warns(UserWarning, match="5 more are left out"):
        assert io.read_signal(path).sizes["time"] == 1500


def test_a_continuous_file_whose_clock_jumps_has_a_gap(tmp_path):
    notes = [b"+%d\x14\x14\0" % (k + 30 * (k > 4)) for k in range(10)]
    path = craft(tmp_path / "a.edf", plus=b"EDF+C", notes=notes)
    with pytest.warns(UserWarning, match="was interrupted, so that `time` jumps at 1 gaps"):
        x = io.read_signal(path)
    assert x.time.values[[79, 80]].tolist() == [4.9375, 35.0]
    assert io.read_events(path).to_numpy().tolist() == [[5, 30, "BAD_ACQ_SKIP"]]
    rounded = [b"+%.2f\x14\x14\0" % (k * 1.0004) for k in range(10)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # rounding is no gap
        x = io.read_signal(craft(tmp_path / "b.edf", plus=b"EDF+C", notes=rounded))
    assert sampling_rate(x) == 16


def test_a_discontinuous_file_keeps_its_hole(tmp_path):
    notes = [b"+%d\x14\x14\0" % (k + 30 * (k > 9)) for k in range(20)]
    with pytest.warns(UserWarning, match="jumps at 1 gaps"):
        x = io.read_signal(craft(tmp_path / "a.edf", plus=b"EDF+D", notes=notes))
    assert x.time.values[160] == 40


@pytest.mark.parametrize(("duration", "rate"), [(2, 256), (0.5, 256), (0.1, 250), (0.23814, 0)])
def test_the_rate_is_exact_whatever_a_record_lasts(tmp_path, duration, rate):
    rate = rate or 238 / 0.23814
    values = np.sin(np.arange(round(rate * duration) * 10) / 9)
    one = edfio.EdfSignal(values, rate, label="C3", physical_dimension="uV")
    edfio.Edf([one], data_record_duration=duration).write(tmp_path / "a.edf")
    assert abs(sampling_rate(io.read_signal(tmp_path / "a.edf")) - rate) < 1e-9


# --- numbers and texts ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "unit",
    [b"\xb5V", "μV".encode(), "µV".encode(), b"\x83\xcaV", b"\xa6\xccV", b"\xe6V", b"\xecV",
     b"\xef\xbf\xbdV", b"?V", b"microV", b"uV", b"uVolt"],
)  # fmt: skip
@pytest.mark.parametrize("label", ["Fp1", "EEG Fp1"])
def test_a_microvolt_is_one_in_any_code_page(tmp_path, unit, label):
    path = write(tmp_path / "a.edf", [wave(label)])
    whole = bytearray(path.read_bytes())
    whole[256 + 96 : 256 + 104] = unit.ljust(8)
    path.write_bytes(whole)
    x = io.read_signal(path)
    assert (x.attrs["units"], x["type"].values.tolist()) == ("uV", ["eeg"])
    assert 49 < float(x.max()) < 51


@pytest.mark.parametrize(
    ("label", "kind"),
    [("EEG ECG-Ref", "ecg"), ("EEG EKG1-Ref", "ecg"), ("Temporal1", "eeg"), ("Temp rectal",
     "temperature"), ("EEG Fp1", "eeg"), ("EEG EOG-L", "eog"), ("ECG II", "ecg"), ("T3", "eeg")],
)  # fmt: skip
def test_labels_say_what_a_channel_is(tmp_path, label, kind):
    path = write(tmp_path / "a.edf", [wave(label)])
    assert io.read_signal(path)["type"].values.tolist() == [kind]


@pytest.mark.parametrize(
    "change",
    [
        {"duration": b"1e308"},
        {"duration": b"1e-400"},
        {"duration": b"-1"},
        {"duration": b"inf"},
        {"duration": b"nan"},
        {"highest": b"1e308"},
        {"highest": b"inf"},
        {"notes": (b"\x14\x14\0",)},
        {"notes": (b"+1e999999999\x14\x14\0",)},
        {"notes": (b"+1e400\x14\x14\0",)},
        {"notes": (b"soon\x14\x14\0",)},
    ],
)
def test_numbers_beyond_any_recording_are_refused(tmp_path, change):
    path = craft(tmp_path / "bad.edf", plus=b"EDF+C", **change)
    for door in (io.read_signal, io.read_events, io.read_session):
        with pytest.raises(OSError, match=r"bad\.edf: (its EDF header is damaged|is damaged, s)"):
            door(path)


@pytest.mark.parametrize(
    "note", [b"+.5\x15-3\x14x\x14\0", b"+1e400\x14x\x14\0", b"+.5\x15x\x14x\x14"]
)
def test_annotations_that_cannot_be_are_refused(tmp_path, note):
    path = craft(tmp_path / "bad.edf", plus=b"EDF+C", notes=(b"+0\x14\x14\0" + note,))
    assert io.read_signal(path).shape == (1, 16)
    for door in (io.read_events, io.read_session):
        with pytest.raises(OSError, match=r"bad\.edf: is damaged, since record 0 of 1"):
            door(path)
