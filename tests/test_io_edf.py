"""EDF, EDF+ and BDF: the bytes against plain loops, and what a user is told of bad ones."""

import tracemalloc
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurokit import io
from neurokit.io.readers.edf import GAP
from neurokit.io.readers.edf_file import _PIECE, open_edf
from neurokit.recording import contiguous_runs, events, signal
from neurokit.recording.clock import SampleIndex


def build(
    path,
    stored,
    *,
    labels=None,
    duration="1",
    units=None,
    physical=None,
    reserved="",
    notes=None,
    n_records=None,
    bdf=False,
    extra=b"",
):
    """Write a file byte by byte: `stored` has one (n_records, n_samples) array per channel."""
    size, top = (3, 2**23) if bdf else (2, 2**15)
    n, n_there = len(stored), len(stored[0])
    labels = list(labels or [f"C{i}" for i in range(n)])
    units = list(units or ["uV"] * n)
    physical = list(physical or [(-top, top - 1)] * n)
    lengths = [block.shape[1] for block in stored]
    if notes is not None:
        width = -(-max(map(len, notes)) // size) * size
        labels.append("BDF Annotations" if bdf else "EDF Annotations")
        units.append("")
        physical.append((-1, 1))
        lengths.append(width // size)
    total = len(labels)
    columns = [
        (labels, 16),
        ([""] * total, 80),
        (units, 8),
        ([a for a, _ in physical], 8),
        ([b for _, b in physical], 8),
        ([-top] * total, 8),
        ([top - 1] * total, 8),
        ([""] * total, 80),
        (lengths, 8),
        ([""] * total, 32),
    ]
    head = (b"\xffBIOSEMI" if bdf else b"0".ljust(8)) + b" " * 160 + b"02.03.0404.05.06"
    for text, field in (
        (256 * (total + 1), 8),
        (reserved, 44),
        (n_there if n_records is None else n_records, 8),
        (duration, 8),
        (total, 4),
    ):
        head += str(text).encode().ljust(field)
    for column, field in columns:
        head += b"".join(str(v).encode("latin-1").ljust(field) for v in column)
    body = b""
    for record in range(n_there):
        for block in stored:
            for value in block[record]:
                body += int(value).to_bytes(size, "little", signed=True)
        if notes is not None:
            body += notes[record].ljust(width, b"\0")
    path.write_bytes(head + body + extra)
    return path


def noise(rng, n_channels=3, n_records=4, length=5, top=2**15):
    return [rng.integers(-top, top, (n_records, length)) for _ in range(n_channels)]


def by_hand(path, names):
    """Read the samples value by value, as the standard has it."""
    content = path.read_bytes()
    n = int(content[252:256])
    size = 3 if content[0] == 255 else 2
    fields, at = [], 256
    for width in (16, 80, 8, 8, 8, 8, 8, 80, 8, 32):
        fields.append([content[at + i * width : at + (i + 1) * width].strip() for i in range(n)])
        at += n * width
    lengths = [int(v) for v in fields[8]]
    out = {name: [] for name in names}
    while at < len(content):
        for i, length in enumerate(lengths):
            for _ in range(length):
                if (name := fields[0][i].decode()) in out:
                    a, b, c, d = (float(fields[k][i]) for k in (3, 4, 5, 6))
                    value = int.from_bytes(content[at : at + size], "little", signed=True)
                    out[name].append(a + (value - c) * (b - a) / (d - c))
                at += size
    return np.array([out[name] for name in names])


@pytest.mark.parametrize("bdf", [False, True])
def test_samples_are_those_of_the_standard_read_one_by_one(tmp_path, rng, bdf):
    path = build(
        tmp_path / "a.edf",
        noise(rng, top=2**23 if bdf else 2**15),
        physical=[(-187.5, 187.5), (0, 100), (8711, -8711)],
        bdf=bdf,
    )
    x = io.read_signal(path)
    np.testing.assert_allclose(x, by_hand(path, ["C0", "C1", "C2"]), rtol=1e-6, atol=1e-4)
    assert x.dtype == np.float32
    assert x.attrs == {"units": "uV", "measured": "2004-03-02T04:05:06"}


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_any_part_is_the_same_part_of_the_whole(tmp_path_factory, data):
    n_records, length = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 7))
    path = tmp_path_factory.mktemp("edf") / "a.edf"
    build(path, noise(np.random.default_rng(0), 4, n_records, length))
    x = io.read_signal(path)
    whole = x.values
    # (xarray itself errs where a negative step begins before the first sample)
    edge = st.one_of(st.none(), st.integers(0, 50))
    step = st.sampled_from([None, 1, 2, 5, -1, -3])
    key = data.draw(
        st.one_of(
            st.builds(slice, edge, edge, step),
            st.integers(-n_records * length, n_records * length - 1),
            st.lists(st.integers(0, n_records * length - 1), max_size=5),
        )
    )
    rows = data.draw(
        st.one_of(
            st.builds(slice, edge, edge, step), st.integers(-4, 3), st.just([2, 0]), st.just([3])
        )
    )
    part = x.isel(channel=rows).isel(time=key)
    np.testing.assert_array_equal(part.values, whole[rows][..., key])
    assert part.shape == whole[rows][..., key].shape


def test_pieces_of_a_long_read_join(tmp_path, rng):
    length = _PIECE // 2 // 5  # a record of two channels is not a whole part of a piece
    stored = rng.integers(-999, 999, (7, 2, length))
    path = build(tmp_path / "a.edf", [np.zeros((0, length))] * 2, n_records=7)
    path.write_bytes(path.read_bytes() + stored.astype("<i2").tobytes())
    expected = stored.swapaxes(0, 1).reshape(2, -1)
    x = io.read_signal(path)
    np.testing.assert_array_equal(x, expected)
    np.testing.assert_array_equal(x[:, 5 : 4 * length + 3], expected[:, 5 : 4 * length + 3])
    np.testing.assert_array_equal(x[1], expected[1])  # skips the bytes of the other channel


def test_samples_stay_on_disk_until_asked_for(tmp_path, rng):
    path = build(tmp_path / "a.edf", noise(rng, 2, 3, 5))
    x = io.read_signal(path).isel(time=slice(5, 10))
    before = x.values
    path.write_bytes(path.read_bytes()[:-60] + bytes(60))
    assert before.any()
    assert not x.values.any()


def test_a_day_by_blocks_takes_the_memory_of_a_block(tmp_path):
    x = signal(np.zeros((8, 2**18)), sampling_rate=64)
    x[:, ::7] = 1
    lazy = io.read_signal(io.write_edf(tmp_path / "a.edf", x))
    lazy[:, :100].values  # noqa: B018  (imports and compiles)
    block = 8 * 2**16 * 4
    tracemalloc.start()
    for first in range(0, lazy.sizes["time"], 2**16):
        lazy.isel(time=slice(first, first + 2**16)).values  # noqa: B018
    by_blocks = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    lazy.isel(time=slice(None, None, 500)).values  # noqa: B018
    by_stride = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert by_blocks < 1.5 * block
    assert by_stride < 2 * 1.5 * block  # two blocks, of four


def test_the_clock_is_the_fraction_that_the_header_gives(tmp_path, rng):
    path = build(tmp_path / "a.edf", noise(rng, 1, 91, 238), duration="0.23814")
    index = io.read_signal(path).xindexes["time"]
    assert (index.first, index.rate, index.size) == (0, Fraction(1700000, 1701), 21658)
    times = io.read_signal(path).time.values
    for k in range(1, 21658, 777):  # a float that means a sample is that sample
        assert io.read_signal(path, start=times[k], stop=times[k] + 0.01).time[0] == times[k]


def test_start_and_stop_keep_the_half_open_stretch(tmp_path, rng):
    path = build(tmp_path / "a.edf", noise(rng, 2, 10, 10))
    x = io.read_signal(path, start=0.3, stop=2.0)
    assert (float(x.time[0]), float(x.time[-1]), x.sizes["time"]) == (0.3, 1.9, 17)
    assert isinstance(x.xindexes["time"], SampleIndex)
    assert io.read_signal(path, start=0.31).time[0] == 0.4
    assert io.read_signal(path, stop=99).sizes["time"] == 100
    with pytest.raises(ValueError, match=r"no samples from start=10 to stop=None; it runs"):
        io.read_signal(path, start=10)


def test_chunks_make_a_dask_array(tmp_path, rng):
    path = build(tmp_path / "a.edf", noise(rng, 2, 10, 10))
    x = io.read_signal(path, chunks={"time": 40})
    assert x.chunks == ((2,), (40, 40, 20))
    np.testing.assert_array_equal(x.values, io.read_signal(path).values)


def test_channels_come_in_the_order_asked_for(tmp_path, rng):
    path = build(tmp_path / "a.edf", noise(rng, 3), labels=["F3", "C3", "C3"])
    whole = io.read_signal(path)
    assert whole.channel.values.tolist() == ["F3", "C3-0", "C3-1"]
    x = io.read_signal(path, channels=["C3-1", "F3"])
    np.testing.assert_array_equal(x.values, whole.values[[2, 0]])
    with pytest.raises(ValueError, match=r"has no channels \['Cz'\]; it has \['F3', 'C3-0'"):
        io.read_signal(path, channels=["F3", "Cz"])
    with pytest.raises(TypeError, match="channels must be a list of names, got 'F3'"):
        io.read_signal(path, channels="F3")


def test_voltages_become_microvolts_and_others_keep_their_unit(tmp_path, rng):
    path = build(
        tmp_path / "a.edf",
        noise(rng, 6),
        labels=["EEG Cz", "EOG h", "SaO2", "Status", "Resp", "ECG"],
        units=["mV", "\xb5V", "%", "uV", "", "V"],
        physical=[(-1, 1)] * 6,
    )
    x = io.read_signal(path)
    assert x.type.values.tolist() == ["eeg", "eog", "misc", "stim", "resp", "ecg"]
    assert x.units.values.tolist() == ["uV", "uV", "%", "", "", "uV"]
    assert x.attrs["units"] == "mixed"
    hand = by_hand(path, x.channel.values.tolist()) * np.array([[1e3, 1, 1, 1, 1, 1e6]]).T
    np.testing.assert_allclose(x, hand, rtol=1e-5, atol=1e-2)
    assert io.read_signal(path, channels=["ECG", "EOG h"]).attrs["units"] == "uV"
    assert io.read_signal(path, channels=["ECG", "Status"]).attrs["units"] == "uV"


def test_a_blank_unit_is_told_once_and_read_as_microvolts(tmp_path, rng):
    path = build(
        tmp_path / "a.edf",
        noise(rng),
        units=["", "", "n/a"],
        physical=[(-200, 200), (-200, 200), (-0.1, 0.1)],
    )
    with pytest.warns(UserWarning, match="no unit for 'C0' and 1 more") as caught:
        x = io.read_signal(path)
    assert len(caught) == 1
    assert x.units.values.tolist() == ["uV", "uV", ""]
    np.testing.assert_allclose(x, by_hand(path, ["C0", "C1", "C2"]), rtol=1e-5, atol=1e-4)


def test_a_channel_without_a_range_keeps_its_stored_values(tmp_path, rng):
    stored = noise(rng, 2)
    path = build(tmp_path / "a.edf", stored, physical=[(0, 0), (-1, 1)])
    with pytest.warns(UserWarning, match="no range for 'C0', which are read as stored values"):
        x = io.read_signal(path)
    np.testing.assert_array_equal(x[0], stored[0].ravel())


def test_of_several_rates_the_one_with_most_samples_is_read(tmp_path, rng):
    stored = [rng.integers(-99, 99, (4, n)) for n in (100, 1, 100, 1, 1)]
    names = ["EEG a", "Resp", "EEG b", "Temp", "SaO2"]
    path = build(tmp_path / "a.edf", stored, labels=names)
    with pytest.warns(UserWarning, match=r"2 sampling rates; those at 100 Hz .*1 Hz: Resp, Temp"):
        x = io.read_signal(path)
    assert x.channel.values.tolist() == ["EEG a", "EEG b"]
    np.testing.assert_array_equal(x[1], stored[2].ravel())
    slow = io.read_signal(path, channels=["Temp", "Resp"])
    np.testing.assert_array_equal(slow[0], stored[3].ravel())
    with pytest.raises(ValueError, match="takes channels of one sampling rate, got 100 Hz: EEG a"):
        io.read_signal(path, channels=["EEG a", "Temp"])


CLOCK = [b"+%d\x14\x14\0" % k for k in range(4)]


def test_annotations_are_events_on_the_clock_of_the_samples(tmp_path, rng):
    notes = [b"+%d.25\x14\x14\0" % k for k in range(4)]
    notes[1] += "+2.5\x150.5\x14Grün\x14rechts\x14\0".encode()
    notes[2] += b"+0.75\x14\xe4lter\x14\0"  # Latin-1, as older programs wrote
    path = build(tmp_path / "a.edf", noise(rng), reserved="EDF+C", notes=notes)
    table = io.read_events(path)
    assert table.onset.tolist() == [0.5, 2.25, 2.25]
    assert table.duration.tolist() == [0, 0.5, 0.5]
    assert table.label.tolist() == ["älter", "Grün", "rechts"]
    x = io.read_signal(path)
    assert x.time[0] == 0
    assert x.attrs["measured"] == "2004-03-02T04:05:06.25"
    assert x.sizes == {"channel": 3, "time": 20}


def test_a_gap_is_a_jump_of_time_and_never_closes(tmp_path, rng):
    notes = [b"+%s\x14\x14\0" % t for t in (b"3", b"4", b"7.55", b"8.55")]
    path = build(tmp_path / "a.edf", noise(rng), reserved="EDF+D", notes=notes)
    with pytest.warns(UserWarning, match=r"jumps at 1 gaps \(2.55 s in all, first at 2 s\)"):
        x = io.read_signal(path)
    np.testing.assert_allclose(x.time[[0, 9, 10, 19]], [0, 1.8, 4.55, 6.35])
    assert contiguous_runs(x) == [slice(0, 10), slice(10, 20)]
    np.testing.assert_array_equal(x, by_hand(path, ["C0", "C1", "C2"]))
    table = io.read_events(path)
    assert table.to_numpy().tolist() == [[2.0, 2.55, GAP]]
    with pytest.warns(UserWarning, match="was interrupted"):
        part = io.read_signal(path, start=3, stop=5)
    np.testing.assert_array_equal(part, x[:, 10:13])


def test_an_interrupted_file_without_gaps_keeps_its_clock(tmp_path, rng):
    path = build(tmp_path / "a.edf", noise(rng), reserved="EDF+D", notes=CLOCK)
    assert isinstance(io.read_signal(path).xindexes["time"], SampleIndex)
    assert not len(io.read_events(path))


def test_records_that_overlap_are_refused(tmp_path, rng):
    notes = [b"+%d\x14\x14\0" % t for t in (0, 1, 1, 2)]
    path = build(tmp_path / "a.edf", noise(rng), reserved="EDF+D", notes=notes)
    with pytest.raises(OSError, match="record 2 begins at 1 s, before record 1 has ended"):
        io.read_signal(path)


def test_triggers_are_events(tmp_path):
    status = np.array([[0, 0, 7, 7], [0, 3, 2, 0], [65536 + 5, 0, 0, 0]])
    eeg = np.zeros((3, 4), int)
    path = build(tmp_path / "a.bdf", [eeg, status], labels=["Cz", "Status"], bdf=True)
    table = io.read_events(path)
    assert table.onset.tolist() == [0.5, 1.25, 2.0]  # from 3 to 2 a bit falls, and none rises
    assert table.label.tolist() == ["7", "3", "5"]


def test_a_recording_that_was_not_closed_is_read_to_its_end(tmp_path, rng):
    path = build(tmp_path / "a.edf", noise(rng), n_records=-1, extra=b"\1" * 29)
    assert io.read_signal(path).sizes["time"] == 20


def test_a_file_cut_short_is_told_and_read_as_far_as_it_goes(tmp_path, rng):
    path = build(tmp_path / "a.edf", noise(rng), n_records=9)
    with pytest.warns(UserWarning, match=r"4 of 9 records are there; these 4 s are read"):
        assert io.read_signal(path).sizes["time"] == 20
    path.write_bytes(path.read_bytes()[: 256 * 4 + 29])
    with pytest.raises(OSError, match="promises 1294 bytes and it has 1053, not one whole record"):
        io.read_signal(path)
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(OSError, match="ends after 600 of 1024 bytes of its header"):
        io.read_signal(path)


def test_a_file_that_shrinks_while_open_is_refused(tmp_path, rng):
    path = build(tmp_path / "a.edf", noise(rng))
    x = io.read_signal(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(OSError, match="ends within record 3; it has become shorter"):
        x.values  # noqa: B018


@pytest.mark.parametrize(
    ("where", "text"),
    [
        (252, b"many"),
        (252, b"0   "),
        (244, b"-1      "),
        (244, b"        "),
        (244, b"1/0     "),
        (1120, b"x"),
        (672, b"nan     "),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(tmp_path, rng, where, text):
    path = build(tmp_path / "a.edf", noise(rng, 4))
    content = bytearray(path.read_bytes())
    content[where : where + len(text)] = text
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"a\.edf: its EDF header is damaged"):
        io.read_signal(path)


def test_bytes_that_moved_are_noticed_though_the_size_is_right(tmp_path, rng):
    path = build(tmp_path / "a.edf", noise(rng), reserved="EDF+C", notes=CLOCK)
    content = path.read_bytes()
    path.write_bytes(content[: 5 * 256 + 40] + b"\1\1" + content[5 * 256 + 40 : -2])
    with pytest.raises(OSError, match="record 1 of 4 should hold the time at which it begins"):
        io.read_signal(path)


def test_line_feeds_turned_into_pairs_are_noticed(tmp_path, rng):
    path = build(tmp_path / "a.edf", noise(rng, 4, 40, 100))
    content = path.read_bytes()
    mangled = content.replace(b"\n", b"\r\n")
    assert len(mangled) > len(content) + 16
    path.write_bytes(mangled[: len(content)])  # the size is right, the samples are not
    with pytest.raises(OSError, match="copied as text, as each of its line feeds follows"):
        io.read_signal(path)


def test_a_channel_that_rests_at_a_pair_of_line_ends_is_sound(tmp_path):
    path = build(tmp_path / "a.edf", [np.full((4, 50), 0x0A0D), np.zeros((4, 50))])
    np.testing.assert_array_equal(io.read_signal(path)[0], 0x0A0D)


def test_bytes_replaced_by_unicode_are_noticed(tmp_path, rng):
    path = build(tmp_path / "a.edf", noise(rng, 4, 40, 100))
    path.write_bytes(path.read_bytes().decode("utf-8", "replace").encode())
    with pytest.raises(OSError, match=r"replaced its bytes above 127 by U\+FFFD"):
        io.read_signal(path)


# --- export


def random_signal(n_channels, n_times, rate, seed=0):
    values = np.random.default_rng(seed).normal(3, 50, (n_channels, n_times))
    return signal(values, sampling_rate=rate)


@pytest.mark.parametrize(
    ("n_channels", "n_times", "rate"),
    [
        (3, 1000, 250),
        (2, 2380, Fraction(1700000, 1701)),
        (2, 1001, Fraction(125, 3)),
        (1, 7, 1),
        (4, 60000, 30000),
        (70, 4096, 1024),
    ],
)
def test_export_comes_back_within_half_a_step(tmp_path, n_channels, n_times, rate):
    x = random_signal(n_channels, n_times, rate)
    y = io.read_signal(io.write_edf(tmp_path / "a.edf", x))
    assert y.xindexes["time"].equals(x.xindexes["time"])
    bound = (x.max("time") - x.min("time")) / 131070
    assert (abs(y - x).max("time") <= 1.01 * bound).all()


@settings(deadline=None, max_examples=25)
@given(
    scale=st.floats(1e-2, 1e4),
    offset=st.floats(-1e3, 1e3),
    n_times=st.integers(1, 300).map(lambda k: 10 * k),
)
def test_export_keeps_its_bound_for_any_range(tmp_path_factory, scale, offset, n_times):
    x = random_signal(2, n_times, 100) * np.float32(scale) + np.float32(offset)
    path = tmp_path_factory.mktemp("edf") / "a.edf"
    x.attrs["units"] = "uV"
    y = io.read_signal(io.write_edf(path, x))
    span = (x.max("time") - x.min("time")).values + 2 * (n_times == 1)
    bound = 1.02 * span / 131070 + 1e-6 * float(abs(x).max())
    assert (abs(y - x).max("time").values <= bound).all()


def test_the_range_in_the_header_is_rounded_outwards(tmp_path):
    values = np.linspace(10000.066, 10002.004, 100)[None]
    x = signal(values, sampling_rate=100)
    np.testing.assert_allclose(io.read_signal(io.write_edf(tmp_path / "a.edf", x)), x, atol=2e-3)


def test_another_reader_finds_the_same(tmp_path):
    edfio = pytest.importorskip("edfio")
    x = random_signal(3, 2560, 256)
    x.attrs["measured"] = "2020-01-02T03:04:05.500000+00:00"
    table = events([0.5, 1.25, 99], [0, 0.5, 0], ["go", "über", "after the end"])
    path = io.write_edf(tmp_path / "a.edf", x, table)
    other = edfio.read_edf(path)
    for mine, theirs in zip(io.read_signal(path).values, other.signals, strict=True):
        np.testing.assert_allclose(mine, theirs.data, atol=1e-4)
    found = [(a.onset, a.duration, a.text) for a in other.annotations]
    assert found == [(0.5, None, "go"), (1.25, 0.5, "über"), (99.0, None, "after the end")]
    assert str(other.startdate) == "2020-01-02"
    assert str(other.starttime) == "03:04:05.500000"
    assert io.read_events(path).equals(table)
    assert io.read_signal(path).attrs["measured"] == "2020-01-02T03:04:05.5"


def test_export_moves_the_date_and_the_events_with_the_part(tmp_path):
    x = random_signal(2, 1000, 100)
    x.attrs["measured"] = "2020-12-31T23:59:58"
    path = io.write_edf(tmp_path / "a.edf", x.isel(time=slice(500, 800)), events([5.5], 0, "a"))
    y = io.read_signal(path)
    assert (y.attrs["measured"], float(y.time[0])) == ("2021-01-01T00:00:03", 0)
    assert io.read_events(path).onset.tolist() == [0.5]


def test_a_last_record_that_is_not_full_is_told(tmp_path):
    x = random_signal(2, 997, 256)
    with pytest.warns(UserWarning, match="last sample is repeated 27 times"):
        path = io.write_edf(tmp_path / "a.edf", x)
    y = io.read_signal(path)
    assert y.sizes["time"] == 1024
    assert (y[:, 997:] == y[:, 996]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.where(x.time > 0.1), "takes finite values"),
        (lambda x: x.isel(time=[0, 1, 2, 7, 8, 9]), "without gaps"),
        (lambda x: x.isel(time=slice(0, 0)), "with samples"),
        (lambda x: x.assign_coords(channel=["a" * 17, "b"]), "16 ASCII characters for channel"),
        (lambda x: x.assign_attrs(units="Ω"), "8 ASCII characters for units, got 'Ω'"),
        (lambda x: x * 1e-9, "cannot be written with the eight characters"),
        (lambda x: signal(x.values, sampling_rate=Fraction(2460119, 8192)), "resample first"),
        (lambda x: x.expand_dims("trial"), "write_edf"),
    ],
)
def test_export_refuses_what_edf_cannot_hold(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        io.write_edf(tmp_path / "a.edf", change(random_signal(2, 100, 100)))
    assert not list(tmp_path.iterdir())


def test_a_lazy_signal_is_exported_without_being_loaded(tmp_path):
    x = io.read_signal(io.write_edf(tmp_path / "a.edf", random_signal(4, 2**17, 256)))
    tracemalloc.start()
    io.write_edf(tmp_path / "b.edf", x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 2**16 * 8 * 5
    np.testing.assert_allclose(io.read_signal(tmp_path / "b.edf"), x, atol=0.01)


def test_fingerprints_tell_recordings_apart_and_not_their_names(tmp_path, rng):
    stored = noise(rng, 3, 8, 20000)
    paths = [tmp_path / f"subject{i}.edf" for i in range(3)]
    for path in paths:
        head = signal(np.stack([b.ravel() for b in stored]), sampling_rate=20000)
        head[0, 100_000] += 1 + (path is paths[2])
        io.write_edf(path, head)
    found = [io.fingerprint(path) for path in paths]
    assert found[0] == found[1] != found[2]
    x = io.read_signal(paths[0])
    assert io.fingerprint(x.chunk(time=1000)) == found[0]
    assert io.fingerprint(x.T.transpose("channel", "time")) == found[0]
    assert io.fingerprint(x[:, :-1]) != found[0]
    flat = signal(x.values.reshape(1, -1)[:, :100], sampling_rate=1)
    assert io.fingerprint(flat) != io.fingerprint(
        signal(flat.values.reshape(2, 50), sampling_rate=1)
    )


# --- real files


def test_the_sets_in_edf_are_what_their_readmes_say(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for path, shape, rate, labels in [
            ("mi_eegmmidb/S001R01.edf", (64, 9760), 160, {"T0"}),
            ("mi_eegmmidb/S001R04.edf", (64, 20000), 160, {"T0", "T1", "T2"}),
            ("mi_eegmmidb/S002R03.edf", (64, 19680), 160, {"T0", "T1", "T2"}),
            (
                "ieeg_mne_misc/sample_ecog.edf",
                (78, 21658),
                Fraction(1700000, 1701),
                {"eeg sz start"},
            ),
            ("mi_peterson2020/subj01_run001.edf", (15, 15625), 125, None),
        ]:
            x, table = io.read_signal(data / path), io.read_events(data / path)
            assert x.shape == shape
            assert x.xindexes["time"].rate == rate
            assert x.attrs["units"] == "uV"
            assert labels is None or set(table.label) == labels
    counts = io.read_events(data / "mi_eegmmidb/S001R04.edf").label.value_counts()
    assert counts["T0"] == 15
    assert counts["T1"] + counts["T2"] == 15


def test_peterson_is_told_to_have_no_unit(data):
    path = data / "mi_peterson2020/subj01_run002.edf"
    with pytest.warns(UserWarning, match="no unit for 'Pz' and 14 more .* read as uV") as caught:
        x = io.read_signal(path)
    assert len(caught) == 1
    assert x.channel.values.tolist() == [
        *("Pz", "Cz", "T6", "T4", "F8", "P4", "C4", "F4", "Fz", "T5", "T3", "F7", "P3", "C3", "F3")
    ]
    assert 1 < float(x.std()) < 1000  # microvolts, as EEG is
    table = io.read_events(path)
    cues = table.label.value_counts()[["OVTK_GDF_Right", "OVTK_GDF_Tongue"]]
    assert cues.tolist() == [20, 20]


@pytest.mark.parametrize("kind", ["edf", "bdf", "nihonkohden"])
def test_torture_files_agree_with_mne(data, kind):
    mne = pytest.importorskip("mne")
    files = [*(data / "format_torture" / kind).glob("*.?df")]
    files += (data / "format_torture" / kind).glob("*.EDF")
    assert files
    for path in sorted(files):
        if path.name == "SC4001EC-Hypnogram.edf":
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            x = io.read_signal(path)
            table = io.read_events(path)
            read = mne.io.read_raw_bdf if path.suffix == ".bdf" else mne.io.read_raw_edf
            raw = read(path, stim_channel=False, verbose="error")
        file = open_edf(path)
        units = x.units.values if "units" in x.coords else [x.attrs["units"]] * len(x)
        blank = {file.labels[i] for i in file.data if file.units[i] in ("", "n/a")}
        for name, unit, kind_, row in zip(
            x.channel.values, units, x.type.values, x.values, strict=True
        ):
            theirs = raw.get_data(name)[0]
            if kind_ != "stim" and name not in blank and unit == "uV":
                theirs = theirs * 1e6
            elif kind_ == "stim" and np.abs(row).max():
                theirs = theirs * (np.abs(row).max() / np.abs(theirs).max())
            np.testing.assert_allclose(
                row, theirs, rtol=1e-5, atol=1e-6 * np.abs(theirs).max(), err_msg=f"{path} {name}"
            )
        if len(raw.annotations) and path.name != "evt.bdf":  # MNE drops what lies behind the end
            if "stim" in x["type"].values:  # triggers stand beside the annotations
                table = table[~table["label"].str.isdigit()]
            np.testing.assert_allclose(table.onset, raw.annotations.onset, atol=1e-6)
            assert table.label.tolist() == raw.annotations.description.tolist()


def test_annotations_alone_are_events(data):
    path = data / "format_torture/edf/SC4001EC-Hypnogram.edf"
    with pytest.raises(ValueError, match=r"holds annotations and no signals; io\.read_events"):
        io.read_signal(path)
    table = io.read_events(path)
    assert len(table) == 154
    assert table.label.str.startswith(("Sleep stage", "Movement time")).all()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("edf_crlf_mangled_S001R03.edf", "copied as text"),
        ("edf_crlf_mangled_truncated_S001R01.edf", "copied as text"),
        ("edf_utf8_replacement_S001R01.edf", "as text"),
        ("edf_truncated_5000bytes.edf", "ends after 5000 of 5120 bytes of its header"),
        ("edf_random_1024bytes.edf", "is no EDF or BDF file"),
    ],
)
def test_damaged_files_are_refused_by_both_doors(data, name, message):
    path = data / "format_torture/corrupt" / name
    for door in (io.read_signal, io.read_events):
        with pytest.raises(OSError, match=message) as caught:
            door(path)
        assert str(path) in str(caught.value)
        assert str(caught.value).count("\n") == 0


def test_undoing_the_pairs_gives_the_original_back(data, tmp_path):
    content = (data / "format_torture/corrupt/edf_crlf_mangled_S001R03.edf").read_bytes()
    path = tmp_path / "a.edf"
    path.write_bytes(content.replace(b"\r\n", b"\n"))
    assert io.fingerprint(path) == io.fingerprint(data / "mi_eegmmidb/S001R03.edf")


def test_a_gap_cannot_be_written(tmp_path):
    x = signal(np.arange(40.0).reshape(2, 20), sampling_rate=10)
    gap = x.isel(time=[*range(8), *range(12, 20)])
    with pytest.raises(ValueError, match=r"a\.edf: .* without gaps .* in 2 stretches; .*io\.save"):
        io.write_edf(tmp_path / "a.edf", gap)
    assert not any(tmp_path.iterdir())
