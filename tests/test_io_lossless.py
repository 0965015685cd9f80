"""Lossless compression of recordings, byte for byte."""

import lzma
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurokit.io.packed import lossless
from neurokit.io.packed.lossless import compress, decompress, pack_samples, unpack_samples


@pytest.fixture
def eeg():
    """Coloured noise on 8 channels with a common reference, as int16."""
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.normal(0, 5, (8, 6000)), axis=1) * 0.2 + rng.normal(0, 20, 6000)
    return np.round(x).astype(np.int16)


def write_edf(path, signals, *, width=2, n_records, extra=b""):
    """A minimal EDF or BDF: `signals` are (label, samples) with samples (n_records, n)."""

    def column(texts, size):
        return b"".join(str(t).encode().ljust(size) for t in texts)

    n = len(signals)
    top = 2 ** (8 * width - 1)
    start = b"\xffBIOSEMI" if width == 3 else b"0".ljust(8)
    head = start + b"X".ljust(80) + b"X".ljust(80) + b"01.01.0001.01.01"
    head += column([256 * (n + 1)], 8) + column(["EDF+C" if width == 2 else "BDF+C"], 44)
    head += column([n_records, 1], 8) + column([n], 4)
    head += column([s[0] for s in signals], 16) + column(["x"] * n, 80) + column(["uV"] * n, 8)
    head += column([-500] * n, 8) + column([500] * n, 8)
    head += column([-top] * n, 8) + column([top - 1] * n, 8) + column([""] * n, 80)
    head += column([s[1].shape[1] // (1 if s[1].dtype != np.uint8 else width) for s in signals], 8)
    head += column([""] * n, 32)
    records = []
    for i in range(n_records):
        for _, samples in signals:
            row = np.ascontiguousarray(samples[i])
            if row.dtype != np.uint8:
                row = row.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :width]
            records.append(row.tobytes())
    Path(path).write_bytes(head + b"".join(records) + extra)


def notes(n_records, size):
    rows = [
        f"+{i}\x14\x14\0+{i}.5\x14eye blink\x14\0".encode().ljust(size, b"\0")
        for i in range(n_records)
    ]
    return np.array([list(row) for row in rows], np.uint8)


def test_smaller_than_general_compressors_on_a_shared_reference(eeg):
    packed = pack_samples(eeg)
    np.testing.assert_array_equal(unpack_samples(packed), eeg)
    assert len(packed) < 0.75 * len(zlib.compress(np.diff(eeg, axis=1).tobytes(), 9))


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(0, 5), st.integers(0, 200)),
    dtype=st.sampled_from(["i1", "<i2", ">i2", "i4", "u2", "i8"]),
)
@settings(deadline=None, max_examples=30)
def test_any_integers_come_back_with_their_type(seed, shape, dtype):
    rng = np.random.default_rng(seed)
    info = np.iinfo(np.dtype(dtype) if dtype != "i8" else np.int32)
    x = rng.integers(info.min, int(info.max) + 1, shape).astype(dtype)
    x[rng.random(shape) < 0.3] = info.max
    back = unpack_samples(pack_samples(x))
    np.testing.assert_array_equal(back, x)
    assert back.dtype.newbyteorder("=") == x.dtype.newbyteorder("=")


def test_flat_channels_and_empty_low_bits_cost_next_to_nothing(eeg):
    wide = np.concatenate([eeg.astype(np.int32) * 256 + 3, np.full((20, 6000), 77)])
    packed = pack_samples(wide)
    np.testing.assert_array_equal(unpack_samples(packed), wide)
    assert len(packed) < len(pack_samples(eeg)) + 400


def test_stretches_that_repeat_cost_no_more_than_a_dictionary():
    x = np.tile(np.random.default_rng(3).integers(-2000, 2000, 512), 40)[None].astype(np.int16)
    packed = pack_samples(x)
    np.testing.assert_array_equal(unpack_samples(packed), x)
    assert len(packed) < 2000


def test_full_swing_square_waves_come_back():
    x = np.where(np.arange(3000) % 7 < 3, -(2**31), 2**31 - 1)[None].repeat(3, axis=0)
    with pytest.raises(ValueError, match="split off the high bits"):
        pack_samples(x * 2)
    np.testing.assert_array_equal(unpack_samples(pack_samples(x // 2)), x // 2)


def test_pack_samples_says_what_it_expects(eeg):
    with pytest.raises(TypeError, match="expects integers, got float64; round them first"):
        pack_samples(eeg / 2)
    with pytest.raises(ValueError, match="expects dims \\(channel, time\\), got 1-D"):
        pack_samples(eeg[0])


def test_unpack_samples_refuses_other_bytes(eeg):
    packed = pack_samples(eeg)
    for bad in (b"hello", packed[:100], packed[:-200], b"\0" * 40):
        with pytest.raises(ValueError, match="expects the bytes that pack_samples gave"):
            unpack_samples(bad)


@pytest.mark.parametrize("width", [2, 3])
def test_edf_comes_back_byte_for_byte(tmp_path, width):
    rng = np.random.default_rng(1)
    top = 2 ** (8 * width - 1)
    fast = np.cumsum(rng.integers(-90, 91, (2, 40 * 128)), axis=1).reshape(2, 40, 128)
    slow = rng.integers(-top, top, (40, 3))
    label = "EDF Annotations" if width == 2 else "BDF Annotations"
    signals = [("Cz", fast[0]), (label, notes(40, 20 * width)), ("temp", slow), ("Pz", fast[1])]
    source = tmp_path / "a.edf"
    write_edf(source, signals, width=width, n_records=40, extra=b"left over")
    compress(source, tmp_path / "a.ntok")
    decompress(tmp_path / "a.ntok", tmp_path / "b.edf")
    assert (tmp_path / "b.edf").read_bytes() == source.read_bytes()
    assert (tmp_path / "a.ntok").stat().st_size < 0.75 * source.stat().st_size


@pytest.mark.parametrize("content", [b"", b"x", b"0       " + b"?" * 3000, os.urandom(3_000_000)])
def test_any_file_comes_back(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    compress(tmp_path / "a", tmp_path / "a.ntok")
    decompress(tmp_path / "a.ntok", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == content


def test_damage_is_refused_and_leaves_no_file(tmp_path, eeg):
    write_edf(tmp_path / "a.edf", [("Cz", eeg[0].reshape(60, 100))], n_records=60)
    whole = compress(tmp_path / "a.edf", tmp_path / "a.ntok").read_bytes()
    rng = np.random.default_rng(2)
    bad = tmp_path / "bad.ntok"
    for at in rng.integers(0, 8 * len(whole), 60):
        flipped = bytearray(whole)
        flipped[at // 8] ^= 1 << (at % 8)
        bad.write_bytes(flipped)
        with pytest.raises(OSError, match=r"bad\.ntok: "):
            decompress(bad, tmp_path / "b.edf")
    for length in rng.integers(0, len(whole), 20):
        bad.write_bytes(whole[:length])
        with pytest.raises(OSError, match=r"bad\.ntok: "):
            decompress(bad, tmp_path / "b.edf")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.edf", "a.ntok", "bad.ntok"]


def test_a_wrong_decode_keeps_the_old_file(tmp_path, eeg, monkeypatch):
    write_edf(tmp_path / "a.edf", [("Cz", eeg[0].reshape(60, 100))], n_records=60)
    (tmp_path / "a.ntok").write_bytes(b"old")
    whole = lossless._unpack
    monkeypatch.setattr(lossless, "_unpack", lambda *packed: whole(*packed) ^ 1)
    with pytest.raises(OSError, match="does not decode to it"):
        compress(tmp_path / "a.edf", tmp_path / "a.ntok")
    assert (tmp_path / "a.ntok").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "name",
    [
        "mi_eegmmidb/S001R01.edf",
        "format_torture/bdf/short_psg.bdf",
        "format_torture/bdf/test_nrec_minus1.bdf",
    ],
)
def test_real_recordings_come_back_smaller_than_from_xz(tmp_path, name):
    root = os.environ.get("NEUROKIT_DATA")
    if root is None or not (Path(root) / name).exists():
        pytest.skip("set NEUROKIT_DATA to the folder of recordings")
    source = Path(root) / name
    compress(source, tmp_path / "a.ntok")
    decompress(tmp_path / "a.ntok", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == source.read_bytes()
    assert (tmp_path / "a.ntok").stat().st_size < 0.9 * len(lzma.compress(source.read_bytes()))
