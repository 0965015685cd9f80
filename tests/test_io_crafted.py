"""Files of ours that somebody crafted, checksums and all, are refused: no crash, no bomb."""

import json
import lzma
import os
import subprocess
import sys
import tracemalloc
import zlib

import numpy as np
import pytest
import xarray as xr

from neurokit import io
from neurokit.io.packed import layouts
from neurokit.io.packed.container import Container, write_container

# Streams of 40-bit escapes and noise, made where nothing is compiled (NUMBA_DISABLE_JIT).
CRAFT = """
import sys, numpy as np
from neurokit.io.packed import entropy as E
E._PRIOR = np.concatenate([E._PRIOR] + [E._PRIOR[-1:]] * 100); E._N_SCALES = 260
words, free = E.encode_residuals(np.full((60, 1), 2**39, np.int64))
g = np.random.default_rng(0)
np.savez(sys.argv[1], words=np.r_[words, g.integers(0, 2**32, 900, np.uint32)],
         free=np.r_[free, g.integers(0, 256, 3000, np.uint8)])
"""
# Every compiled loop that reads a file's numbers, on noise and on streams cut or changed.
FEED = """
import sys, warnings, numpy as np
warnings.simplefilter("ignore")
from neurokit.io.packed import coder, entropy, older, predictor
evil = np.load(sys.argv[1]); n = int(sys.argv[2]); g = np.random.default_rng(1)
h = np.random.default_rng(2)
assert entropy.decode_residuals(evil["words"], evil["free"], 60, 1).shape == (0, 1)
sound = entropy.encode_residuals(g.integers(-90, 90, (12, 2)))
noise = g.integers(0, 30, (40, 2, 3)).astype(np.int32)
told = b"T" + coder._encode_planned(noise, np.array([5, 8, 9]), np.array([16, 3, 8]))
for i in range(n):
    words, free = (a.copy() for a in ((evil["words"], evil["free"]) if i % 2 else sound))
    for a in (words, free):
        a[g.integers(0, a.size, 3)] = g.integers(0, 256, 3)
    words, free = words[: g.integers(0, words.size + 1)], free[: g.integers(0, free.size + 1)]
    r = entropy.decode_residuals(words, free, 12, 2)
    if len(r):
        coefs = g.integers(-(2**31), 2**31, (2, predictor.ORDER)).astype(np.int32)
        octaves = g.integers(0, predictor.LARGEST_OCTAVE + 1, 2).astype(np.int32)
        predictor.restore(r, coefs, octaves, predictor.n_taps(2))
        older.restore_older(r, coefs, octaves, older.n_taps_older(2))
    data = (b"M", b"P")[i % 2] + g.bytes(int(4 * g.integers(0, 9)))
    if i % 3 == 0:
        data = b"N" + bytes([14, *h.integers(0, 10, 3).tolist()]) + bytes([2, 0, 0, 0] * 2)
        data += h.bytes(int(4 * h.integers(0, 9)))
    if i % 3 == 1:
        data = told[: h.integers(3, len(told) + 1)] if i % 2 else bytearray(told)
        if i % 2 == 0:
            data[h.integers(5, len(told))] = h.integers(0, 256)
        try:
            coder.decode_tokens(bytes(data), np.array([5, 8, 9]), (40, 2, 3))
        except ValueError:
            pass
        continue
    try:
        coder.decode_tokens(data, g.integers(0, 40, 3), (4, 2, 3))
    except ValueError:
        pass
print("through")
"""


@pytest.fixture(scope="module")
def evil(tmp_path_factory):
    path = tmp_path_factory.mktemp("evil") / "evil.npz"
    bare = dict(os.environ, NUMBA_DISABLE_JIT="1")
    subprocess.run([sys.executable, "-c", CRAFT, str(path)], env=bare, check=True)
    return path


def feed(evil, n, tmp_path, **switches):
    environment = dict(os.environ, NUMBA_CACHE_DIR=str(tmp_path), **switches)
    command = [sys.executable, "-c", FEED, str(evil), str(n)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "through"


def test_the_loops_stay_inside_their_arrays(evil, tmp_path):
    feed(evil, 12, tmp_path, NUMBA_DISABLE_JIT="1")


@pytest.mark.slow
def test_the_compiled_loops_stay_inside_their_arrays(evil, tmp_path):
    feed(evil, 20000, tmp_path, NUMBA_BOUNDSCHECK="1")


def lossless_file(path, evil):
    held = np.load(evil)
    side = [np.array([0, 1], "<i8"), np.zeros(17, "<i4")]
    planes = zlib.compress(b"".join(map(layouts.planes, side)))
    head = json.dumps(["<i2", 1, 3000, 2]).encode()
    parts = [head, planes, held["words"].astype("<u4").tobytes(), held["free"].tobytes()]
    packed = layouts.join([layouts.join(parts), zlib.compress(b"")])
    header = {"kind": "lossless", "name": "x.edf", "size": 6512, "header_bytes": 512}
    header |= {"n_records": 1, "width": 2, "n_samples": [3000], "notes": []}
    blocks = [(0, b"B" + lzma.compress(bytes(512))), (512, b"S" + packed)]
    return header, blocks, path


def test_a_stream_of_escapes_is_refused(evil, tmp_path):
    header, blocks, path = lossless_file(tmp_path / "evil.ntok", evil)
    with path.open("wb") as file:
        write_container(file, header, blocks)
    with pytest.raises(OSError, match=r"evil\.ntok: its block 1 is not .*the stream ends early"):
        io.decompress(path, tmp_path / "out.edf")
    assert not (tmp_path / "out.edf").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"size": 6511}, r"instead of \(1, 0\)"),
        ({"size": -1}, "a recording of -1 bytes"),
        ({"size": 10**15}, "bytes in one block"),
        ({"width": 4}, "does not have"),
        ({"n_samples": [10**9]}, "does not have"),
        ({"n_samples": [-3000]}, "does not have"),
        ({"notes": [7]}, "not there"),
        ({"n_samples": "many"}, "is not as neurokit writes it"),
        ({"header_bytes": 10**9}, "a header of another size"),
    ],
)
def test_what_a_lossless_file_says_is_held_against_its_bytes(evil, tmp_path, change, said):
    header, blocks, path = lossless_file(tmp_path / "bad.ntok", evil)
    with path.open("wb") as file:
        write_container(file, header | change, blocks)
    with pytest.raises(OSError, match=rf"bad\.ntok: .*{said}"):
        io.decompress(path, tmp_path / "out.edf")


@pytest.fixture
def tokens(tmp_path):
    values = np.arange(2 * 40 * 3).reshape(2, 40, 3) % 5
    x = xr.DataArray(values, dims=("channel", "frame", "level"), coords={"channel": ["Cz", "Pz"]})
    container = Container(io.write_tokens(tmp_path / "t.ntok", x))
    blocks = [(b.start, container.read(i)) for i, b in enumerate(container.blocks)]
    return container.header, blocks, tmp_path / "t.ntok"


def refused(path, said):
    """Read in every way, in little memory; each refusal is one sentence with the path."""
    tracemalloc.start()
    with pytest.raises(OSError, match=said) as caught:
        io.read_tokens(path).load()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "A" * 30_000_000}, "no table of facts of up to"),
        ({"shape": [1, 2, 10**12, 3]}, r"blocks instead of|shape"),
        ({"shape": [1, 2, 10**12, 3], "step": [1, 8, 10**12]}, "larger than any"),
        ({"shape": [1, 2, 40]}, "four dims"),
        ({"shape": [1, 2, 40.5, 3]}, "shape"),
        ({"step": [1, 8, 0]}, "blocks"),
        ({"dtype": "O"}, "integers of four dims"),
        ({"coords": [{"name": "channel", "dims": ["channel"], "attrs": {}, "index": True,
                      "dtype": "<U9999999", "shape": [2]}]}, "not as neurokit writes it"),
        ({"coords": [{"name": "channel", "dims": ["channel"], "attrs": {}, "index": True,
                      "dtype": "<f8", "shape": [10**10]}]}, "not as many as the tokens"),
        ({"coords": [{"name": "frame", "dims": ["frame"], "attrs": {}, "index": True,
                      "first": "0", "rate": "1e999999999", "size": 40}]}, "is no fraction"),
        ({"attrs": {"a": {"/fraction": "1e999999999"}}}, "is no fraction"),
        ({"stages": [0, 7, 1]}, "code_digits"),
        ({"events": None, "dims": ["what"]}, "not as neurokit writes it"),
    ],
)  # fmt: skip
def test_what_a_token_file_says_is_held_against_its_bytes(tokens, monkeypatch, change, said):
    header, blocks, path = tokens
    monkeypatch.setattr("neurokit.io.packed.container._longest", lambda packed: 1 << 40)
    with path.open("wb") as file:
        write_container(file, header | change, blocks)
    monkeypatch.undo()
    refused(path, said)


@pytest.mark.parametrize("payload", [b"", b"\xff" * 9, b"\x05\x00" * 9, b"\x28\x00" * 3 + b"P"])
def test_a_block_of_nonsense_is_refused(tokens, payload):
    header, blocks, path = tokens
    with path.open("wb") as file:
        write_container(file, header, [blocks[0], (0, payload)])
    refused(path, "its block 1 is not as neurokit writes it")


def test_a_header_too_long_to_be_read_is_not_written(tmp_path):
    x = xr.DataArray(
        np.zeros((2, 3), int), dims=("channel", "frame"), attrs={"a": "A" * 20_000_000}
    )
    with pytest.raises(
        ValueError, match=r"takes up to \d+ bytes, got 20000\d+; drop what is long"
    ):
        io.write_tokens(tmp_path / "a.ntok", x)
    assert not list(tmp_path.iterdir())


def test_a_file_cut_in_its_first_block_is_refused_even_to_recover(tokens):
    _, _, path = tokens
    whole = path.read_bytes()
    path.write_bytes(whole[: 16 + int.from_bytes(whole[8:12], "little") + 5])
    with pytest.raises(OSError, match=r"t\.ntok: ends before block 0"):
        io.read_tokens(path, recover=True)


def test_every_length_and_every_byte_is_told(tokens):
    _, _, path = tokens
    whole = path.read_bytes()
    for n in range(0, len(whole), 7):
        path.write_bytes(whole[:n])
        refused_or_same(path)
    for at in range(0, len(whole), 5):
        changed = bytearray(whole)
        changed[at] ^= 0xFF
        path.write_bytes(changed)
        refused_or_same(path)


def refused_or_same(path):
    with pytest.raises(OSError, match=r"t\.ntok: "):
        io.read_tokens(path).load()
