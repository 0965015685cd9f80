"""Lossless compression of recordings, byte for byte."""

import base64
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


@pytest.mark.parametrize("n_channels", [2, 9])
def test_blocks_of_version_4_are_unpacked(n_channels):
    t = np.arange(90)
    wave = 1000 * (t * 37 % 101) // 101 + t * t % 17
    x = np.stack([wave * (c + 2) // 3 + t * (c + 5) % 13 for c in range(n_channels)])
    packed = base64.b85decode(OLD_BLOCKS[n_channels])
    np.testing.assert_array_equal(unpack_samples(packed), x.astype(np.int16))
    fewer = pack_samples(x.astype(np.int16))
    assert len(fewer) <= 1.01 * len(packed)
    with pytest.raises(ValueError, match="predicted in an unknown way"):
        unpack_samples(fewer.replace(b",2]", b",3]"))


OLD_BLOCKS = {
    2: (
        "4gdfETOvGZG9oM>GAtlDFkKn|004N}V_;xpWWWPB&;>XdC<crK1uy{s3b_ClTmS$74+s<h=><VF=YNMJ)&HTT"
        "Vt2cK&hf@l+W!si5j{YMs593Jd}~`jHZ@G5_~k4~k*g7eW29+uequvklE`yQc}%&4!-xvr=vgexhmVXxAW(r|"
        "@KuL1l~d@4lK=n!K(1~#UaY56QCnG8bYS}Y;k6Sz0*}>?Kchru;;nJ8@0w8IS1whpvxB8YIl4p}Mzp-{17{0&"
        "B&s3pH;<BRk+7|IXBwTc-=OR>f;z;LP)K;`!SxWB$+f1wf~xe>r*Jgt7n7{~fyzRVe;NTP!F^EN-k8CO*f1be"
        ")eZK7f##>$G7$|Mn7G?bQ4UqNuc-n"
    ),
    9: (
        "4gdfETOvGZG9oM>IV>PKFkK`7004N}V_<*+Mi^iiP{4sMz)4VmixvXh3_}$#4pxCd0|4Bh0BT$T005me0|1K<"
        "t6u8=M-ub@vHxNIp~udDk%YW|`!>t}GPmV_QrlH|fu?Npg~S$gru>Qcz0i$vy_pNm4A@!6?*gi~f$By3w@<LV"
        "^_zHOzPQ+}*N9BjDvvSSJblD4whke<zcW^4YS$Sf(o(TOqc;xeueF&&TMr_WD4D7&AVGCszI|eyo2Z1=ELHx?"
        "Z31bG!}!QT;!kANC2tfJr0m$4!H!3kffKI3+}>%I(g^6op*Kp>lluP(#>9`ae4!Z&uVZ&9D%jne!5diM=qs$U"
        "5y~VB5XjxJ5(2YQ?6&9^C`hP~SJ_q>{)+L+-R(9Laep9BCuycC4PQu3Q$6pwiW}MjQ=O6DG0q?i*lmV31sbv%"
        "hVV49Y4(FRAb%Db@K@iDyQdJ<ulRP&zTX9x-<mzPr9!cUeQ%#QWvi1ChOkwS&*ek}XhEhcUX~!6kY)r;OkWnX"
        "6->SY00000kgJ1R;~cTN%fc~sV=+G<bT-j4E~0<cPM*8<?g%c??N*^%OL_?EL*m3Xz22;BzP2$q%jmrz;A*Nw"
        "rZvJS8I?|8>777_!(lsbzjS9*@~J4I5J%&jT7TMGhC0eOg+qBrNMXAOsUB(Zy7&oKdZUlbkIau&3-%dA1Ih>`"
        "^%%4RsUW4<Rw5I59hVh<woPl48jX!8O6+WpSA>mrnl#^A`(5{6xGqb%1`-aq%!+<XZJiDdwM`vRL6==dBkfWK"
        "Rz!`p5AEY;*+;b*mSI^CRc|pFFbXcn%7BD67RuqT?55oh2xJ5jA(`(mVBkm=l0Zl>DU^Oan<ta=k`20ekj|-H"
        "-b_Y}T-^kPFc@c}Hos7>dU$xF2`Qkn{(GZ(-SkT#t(%rxgOh?89I}kfar$Ad@go1u`u(`W9K*%h9Ue&Q8+Lm9"
        "e7yQ7xG3mgxELmkbAWkP2G6|p-|J?=-tvYc3XF#cwi5toF+eG$c$oKRI_cb#Hp?Lr=TWcKO!xUNHOeK$i}v8H"
        "v#A$FUPC-1YcwVoT|J*fZB6ZL<Z;a<UAPJ?CslTzT*QPsn&4+1PPJ$5Sc|17h)L$dr8Xd!;&3^u`Lf&{nhi;c"
        "<zW!QMuN!%ky%S;n22*@evXZc1w8;L@~T+wM?8zm?>gEFTtR}@1%VI4va}W>Gz&DUdzM<a;;HkE1z<WR0~8LA"
        "3Ud;*ZUZQeAJu>QlU)E9OYtB*LGkO1tKVWLUi4HBr({5)qZvdC2gsEZ-d>@+`Bj>IPw@m?7DzO%)+MA7t!lxS"
        "y>I#7zE&0)8L?P9K;UBq8k0;Yb#Bpl)sCe@QP+Y%hJ^D0ugx>M`Q)FagOD8u#oZDQM(G72pVfS(!o6#&m?^@%"
        "0ML%dh6{ue1cyj7f}elc$X%L)7wZs^K!I#H"
    ),
}
