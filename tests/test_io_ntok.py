"""Token files: exact, small, random access, and closed to damage."""

import base64
import struct
import zlib

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from neurokit.io.packed import blocks, ntok, plans
from neurokit.io.packed.coder import decode_tokens, encode_tokens
from neurokit.io.packed.ntok import read_tokens, token_info, write_tokens
from neurokit.recording.clock import SampleIndex


def make(n_trials=3, n_channels=10, n_frames=400, n_levels=4, seed=0):
    """Tokens of a random walk per channel, so that the past helps, on an exact clock."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.integers(-2, 3, (n_trials, n_channels, n_frames, 1)), axis=2) % 64
    noise = rng.integers(0, 256, (n_trials, n_channels, n_frames, n_levels - 1))
    tokens = xr.DataArray(
        np.concatenate([walk, noise], axis=3).astype(np.int16),
        dims=("trial", "channel", "frame", "level"),
        name="tokens",
        attrs={"units": "uV", "hop": np.int64(12), "gain": np.float32(0.1), "sizes": [256, 256]},
    )
    clock = xr.Coordinates.from_xindex(SampleIndex(3, 62.5 / 3, n_frames, "frame", "frame"))
    return tokens.assign_coords(clock).assign_coords(
        channel=[f"E{i}" for i in range(n_channels)],
        label=("trial", np.array(["left", None, "right"][:n_trials], dtype=object)),
        onset=("trial", np.array([0.1, np.nan, -0.0][:n_trials])),
        x=("channel", np.linspace(-70, 80, n_channels).astype(np.float32), {"units": "mm"}),
        scale=(("channel", "frame"), rng.integers(0, 255, (n_channels, n_frames)).astype("u1")),
        subject="S001",
    )


@pytest.fixture(scope="module")
def tokens():
    return make()


@pytest.fixture
def path(tmp_path, tokens, monkeypatch):
    # many blocks: 1 trial, 8 channels, 100 frames
    monkeypatch.setattr(blocks, "_TOKENS", 3200)
    return write_tokens(tmp_path / "a.ntok", tokens, model_hash="5ab1e")


def assert_same(a, b):
    xr.testing.assert_identical(a, b)
    assert a.dtype == b.dtype
    assert list(a.coords) == list(b.coords)
    for name in a.coords:
        assert a[name].dtype == b[name].dtype
        assert a[name].attrs == b[name].attrs
    assert {k: type(v) for k, v in a.attrs.items()} == {k: type(v) for k, v in b.attrs.items()}


def test_everything_comes_back_exactly(path, tokens):
    back = read_tokens(path)
    assert_same(back.load(), tokens)
    assert isinstance(back.xindexes["frame"], SampleIndex)
    assert back.xindexes["frame"].rate == tokens.xindexes["frame"].rate
    assert np.signbit(back["onset"].values[2])


@given(
    seed=st.integers(0, 99),
    sizes=st.tuples(*[st.integers(1, n) for n in (3, 11, 40, 3)]),
    dims=st.permutations(["trial", "channel", "frame", "level"]),
    n_dims=st.integers(1, 4),
    dtype=st.sampled_from(["i1", "u1", ">i2", "u2", "i4", "i8"]),
    block=st.integers(1, 2000),
)
@settings(deadline=None, max_examples=30)
def test_any_dims_sizes_and_types(tmp_path_factory, seed, sizes, dims, n_dims, dtype, block):
    rng = np.random.default_rng(seed)
    info = np.iinfo(dtype)
    span = min(int(info.max), 2**30)
    values = rng.integers(max(int(info.min), -span), span, sizes).astype(dtype)
    dims = [d for d in dims if d == "frame" or d in dims[:n_dims]]
    x = xr.DataArray(values, dims=("trial", "channel", "frame", "level"))
    x = x.isel({d: 0 for d in x.dims if d not in dims}).transpose(*dims)
    before, blocks._TOKENS = blocks._TOKENS, block
    try:
        path = write_tokens(tmp_path_factory.mktemp("t") / "a.ntok", x)
    finally:
        blocks._TOKENS = before
    xr.testing.assert_identical(read_tokens(path).load(), x)


def test_a_part_is_decoded_from_its_own_blocks(path, tokens, monkeypatch):
    decoded = []
    decode = blocks._decode_block
    monkeypatch.setattr(blocks, "_decode_block", lambda *a: decoded.append(1) or decode(*a))
    lazy = read_tokens(path)
    assert not decoded
    part = read_tokens(path, channels=["E9", "E8"], start=150, stop=260)
    xr.testing.assert_identical(
        part.load(), tokens.sel(channel=["E9", "E8"]).isel(frame=slice(150, 260))
    )
    assert len(decoded) == 3 * 2  # trials x blocks of frames, in one of two groups of channels
    one = lazy.isel(trial=1, channel=-1, frame=slice(5, 95, 30), level=[2, 0])
    expected = tokens.isel(trial=1, channel=-1, frame=slice(5, 95, 30), level=[2, 0])
    np.testing.assert_array_equal(one.values, expected.values)
    assert len(decoded) == 7


def test_what_the_past_tells_is_not_paid_for(tmp_path):
    n = 6000
    held = np.repeat(np.random.default_rng(1).integers(0, 256, n // 20), 20)
    x = xr.DataArray(held[None, :, None], dims=("channel", "frame", "level"))
    bits = 8 * write_tokens(tmp_path / "a.ntok", x).stat().st_size
    assert bits < n + 2000  # of 8 n: changes, where they fall, and the labels
    noise = np.random.default_rng(1).integers(0, 256, (4, n, 2))
    x = xr.DataArray(noise, dims=("channel", "frame", "level"))
    assert write_tokens(tmp_path / "b.ntok", x).stat().st_size < noise.size + 700


def test_packed_tokens_lie_as_the_format_says():
    tokens = np.array([[[5, 1], [2, 0]], [[7, 1], [0, 1]]], np.int32)
    data = encode_tokens(tokens, np.array([3, 1]))
    assert data[:1] == b"P"
    bits = "".join(f"{a:03b}{b:b}" for a, b in tokens.reshape(-1, 2))
    assert data[1:] == int(bits, 2).to_bytes(2, "big")
    np.testing.assert_array_equal(decode_tokens(data, np.array([3, 1]), (2, 2, 2)), tokens)


def test_the_coder_gives_today_what_it_gave_when_the_format_was_fixed():
    t = np.arange(3000)
    wave = 60 + t * t // 50 % 61 * (t // 400 % 2) - t * 7 % 29
    tokens = np.stack([[wave, (t // 7) % 5], [wave // 2 + t % 3, t % 5]]).astype(np.int32)
    data = encode_tokens(np.ascontiguousarray(tokens.transpose(2, 0, 1)), np.array([7, 3]))
    assert data[:1] == b"M"
    assert (len(data), zlib.crc32(data)) == FIXED
    plans = {"nibbles": [8, 3], "numbers": [5, 1], "stays": [7, 3], "shares": [16, 16]}
    for name, plan in plans.items():
        data = encode_tokens(
            np.ascontiguousarray(tokens.transpose(2, 0, 1)), np.array([7, 3]), np.array(plan)
        )
        assert data[:1] == b"T"
        assert (name, len(data), zlib.crc32(data)) in PLANNED


FIXED = (2177, 946768108)
PLANNED = [
    ("nibbles", 4840, 2574938373),
    ("numbers", 2292, 2884922604),
    ("stays", 2084, 1293405661),
    ("shares", 6494, 1324742250),
]


@pytest.mark.parametrize("block", range(3))
def test_blocks_of_version_4_are_read(block):
    t = np.arange(120)
    wave = 60 + t * t // 50 % 61 * (t // 40 % 2) - t * 7 % 29
    tokens = np.stack([[wave, (t // 7) % 5], [wave // 2 + t % 3, t % 5]]).transpose(2, 0, 1)
    data = base64.b85decode(OLD_BLOCKS[block])
    assert data[:1] == b"N"
    np.testing.assert_array_equal(decode_tokens(data, np.array([7, 3]), tokens.shape), tokens)


OLD_BLOCKS = [  # by nibbles and whether tokens stay; predicted and by nibbles; all of it and mixed
    b"P7VkI1^@s66951J5uaB8;K#q>==T!ao^rG|yacBGxxSR#AO!&cOqk%iDw+O;e%2@1!eLjrY;bAPB^E?wUHFS2"
    b"wO`O;I9f2qd;8Uf-_$#bf-NaCxN}VtokES=mZyUqXekh|8X?~$M5C!}EsiY>j$*G#w1&#Ajw&iJQqq9)Kw9+>"
    b"Ezju!n4y^RlX#o!CLO!L;iehO3q%^4WJ&9ReO@Yc&y2Pt93}tp<K5BhA^D@e#la+qukb8b04mzOf0I6};e^Nl"
    b"dn-JK;Ip`zS@o+m)^1gmkY7M#NA5nR7<_D-MDjL<1bmVnFooQT",
    b"P7VbKA^-pY3jhEBpG5tAgGu=ElCpnp5=9kV5>}Wp4KpcQP0vvLbTU@(b}$pm7Mt^=e7SL^bT{MFgVmo9A&vvD"
    b"mH(?T-ObqO{nG`y&(b9O#uzNIA!&0D!1Nq=A8_=A;xrIL>@$urjAqLzpozL`-}xnRYEYg*b0mB93puvYZ+3K8"
    b"-!tq$5jhGoLe1{pLjV8(W(UYQ?1y_uWI=8a%xtLztpd<nBuJ4#f9bPI6(c_#4cxl19+FLep6x>bIgg@K3&#Qo"
    b"&$XgUG0#Q5n=J&?PkL3d3CCJG^Ou>pH0k4~P{YXc",
    b"P7VhFD*ylh00000#=HOkK3Vu$Eq?xm_>x@In>Z6tn*Ad%T-P+0NV>*yd|(v;0m-H`?nVA#M9+Fj2QdD>Mum~%"
    b"DYKm&QOfd=4>xDYKJG?X+2qikr{U_LcVPQR*&jBd8j5k7fh@!AzSlVkoFWKG=vYmsdmMh7C^ENBMuc%HUIiUj"
    b"(<)@J-YXKvaw$gNrB(!dc%#9~p|4OVY)JiAGR-5cWzJUgmo=-fflHkqH-$vK",
]


def test_files_of_the_version_before_are_read(tmp_path, tokens, monkeypatch):
    monkeypatch.setattr(ntok, "VERSION", 3)
    monkeypatch.setattr(plans, "choose_plan", lambda *_: None)
    path = write_tokens(tmp_path / "old.ntok", tokens)
    assert path.read_bytes()[4] == 3
    xr.testing.assert_identical(read_tokens(path).load(), tokens)


def test_lazy_tokens_are_written_block_by_block(tmp_path, tokens, monkeypatch):
    monkeypatch.setattr(blocks, "_TOKENS", 3200)
    computed = []

    def note(block):
        computed.append(block.size)
        return block

    lazy = tokens.copy(data=da.from_array(tokens.values, chunks=(1, -1, 100, -1)).map_blocks(note))
    computed.clear()
    path = write_tokens(tmp_path / "a.ntok", lazy)
    assert sum(computed) == tokens.size
    assert_same(read_tokens(path).load(), tokens)


@pytest.mark.parametrize("chunk", [7, 70, 151, 1000])
def test_each_lazy_block_is_computed_once_however_it_is_cut(tmp_path, tokens, monkeypatch, chunk):
    monkeypatch.setattr(blocks, "_TOKENS", 3200)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    computed = []

    def note(block):
        computed.append(block.shape[2])
        return block

    chunks = (1, -1, chunk, -1)
    lazy = tokens.copy(data=da.from_array(tokens.values, chunks=chunks).map_blocks(note))
    computed.clear()
    path = write_tokens(tmp_path / "a.ntok", lazy)
    assert sum(computed) == tokens.sizes["trial"] * tokens.sizes["frame"]
    assert_same(read_tokens(path).load(), tokens)


def test_events_and_hash_come_back(tmp_path, tokens):
    events = pd.DataFrame(
        {
            "onset": [0.1, 1 / 3],
            "duration": [0.0, np.nan],
            "label": ["left", "Réponse"],
            "n": [1, 2],
        }
    )
    path = write_tokens(tmp_path / "a.ntok", tokens, events=events, model_hash="5ab1e")
    info = token_info(path)
    pd.testing.assert_frame_equal(info["events"], events)
    assert info["model_hash"] == "5ab1e"
    assert info["sizes"] == dict(tokens.sizes)
    assert info["bytes"] == path.stat().st_size
    assert info["bits_per_token"] == 8 * info["bytes"] / tokens.size


def test_tokens_of_another_model_are_refused_unless_forced(path):
    assert read_tokens(path, expect_model="5ab1e").size
    assert read_tokens(path, expect_model="other", force=True).size
    with pytest.raises(ValueError, match="holds tokens of model '5ab1e', expected 'other'"):
        read_tokens(path, expect_model="other")


def test_any_flipped_bit_and_any_cut_is_refused(path, tmp_path):
    whole = path.read_bytes()
    rng = np.random.default_rng(3)
    bad = tmp_path / "bad.ntok"
    for at in [*range(0, 800, 7), *rng.integers(0, 8 * len(whole), 150)]:
        flipped = bytearray(whole)
        flipped[at // 8] ^= 1 << (at % 8)
        bad.write_bytes(flipped)
        with pytest.raises(OSError, match=r"bad\.ntok: "):
            read_tokens(bad)
    for length in [0, 3, 4, 15, *rng.integers(0, len(whole), 40)]:
        bad.write_bytes(whole[:length])
        with pytest.raises(OSError, match=r"bad\.ntok: "):
            read_tokens(bad)


def test_a_damaged_block_is_named_and_the_others_can_be_had(path, tokens, tmp_path):
    container = ntok._open(path)
    whole = bytearray(path.read_bytes())
    block = 1 + container.header["step"].index(1)  # trial 0, first frames, first eight channels
    whole[container.blocks[block].offset + 40] ^= 4
    path.write_bytes(whole)
    with pytest.raises(OSError, match=r"a\.ntok: block 1 of 25 is damaged"):
        read_tokens(path)
    assert read_tokens(path, channels=["E8"]).size  # in the other group
    assert read_tokens(path, start=100).sizes["frame"] == 300
    with pytest.warns(UserWarning, match=r"blocks \[1\] of 24 are damaged; 100 of 400 frames"):
        rest = read_tokens(path, recover=True)
    xr.testing.assert_identical(rest.load(), tokens.isel(frame=np.arange(100, 400)))
    with pytest.warns(UserWarning, match=r"are damaged; 50 of 200 frames were left out"):
        rest = read_tokens(path, start=50, stop=250, recover=True)
    xr.testing.assert_identical(rest.load(), tokens.isel(frame=np.arange(100, 250)))


def test_a_file_cut_short_gives_its_whole_blocks(path, tokens):
    whole = path.read_bytes()
    path.write_bytes(whole[: ntok._open(path).blocks[19].offset + 5])
    with pytest.raises(OSError, match="cut short or overwritten at its end"):
        read_tokens(path)
    with pytest.warns(UserWarning, match=r"blocks \[19, 20, 21, 22, 23, 24\] of 24"):
        rest = read_tokens(path, recover=True)
    xr.testing.assert_identical(rest.load(), tokens.isel(frame=np.arange(100)))


def test_other_versions_and_other_files_are_refused(path, tmp_path):
    whole = bytearray(path.read_bytes())
    length = struct.unpack_from("<I", whole, 8)[0]
    for version, way_out in [(6, "update neurokit"), (2, "write it again")]:
        struct.pack_into("<H", whole, 4, version)
        crc = zlib.crc32(whole[16 : 16 + length], zlib.crc32(whole[:12]))
        struct.pack_into("<I", whole, 12, crc)
        path.write_bytes(whole)
        with pytest.raises(OSError, match=f"version {version}, and .* versions 3 to 5; {way_out}"):
            read_tokens(path)
    (tmp_path / "b.ntok").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(OSError, match=r"is not an \.ntok file"):
        read_tokens(tmp_path / "b.ntok")


def test_a_lossless_recording_is_no_token_file(tmp_path, path):
    from neurokit.io.packed.lossless import compress, decompress

    compress(path, tmp_path / "b.ntok")
    with pytest.raises(OSError, match="holds a recording compressed without loss, no tokens"):
        read_tokens(tmp_path / "b.ntok")
    with pytest.raises(OSError, match="holds tokens, no compressed recording"):
        decompress(path, tmp_path / "c")


def test_unknown_channels_are_named(path):
    with pytest.raises(ValueError, match=r"has no channels \['Cz'\]; it has \['E0', "):
        read_tokens(path, channels=["Cz", "E1"])


def test_what_is_no_token_array_is_refused_and_leaves_no_file(tmp_path, tokens):
    target = tmp_path / "a.ntok"
    for bad, kind, match in [
        (tokens.values, TypeError, "expects a DataArray of integers, got ndarray"),
        (tokens / 2, TypeError, "got a DataArray of float"),
        (tokens.rename(frame="time"), ValueError, r"frame at least, got \('trial', 'channel', "),
        (tokens.assign_attrs(f=print), TypeError, "is of type builtin_function_or_method"),
        (tokens.astype(np.int64) * 2**40, ValueError, "span less than 2\\*\\*31"),
    ]:
        with pytest.raises(kind, match=match):
            write_tokens(target, bad)
    stacked = tokens.isel(level=0).stack(trial_frame=("trial", "frame"))
    with pytest.raises(TypeError, match="is a multi-index; use reset_index"):
        write_tokens(target, stacked.rename(trial="t", frame="f").rename(trial_frame="frame"))
    assert not list(tmp_path.iterdir())
