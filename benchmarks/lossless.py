"""Lossless compression beside zstd -19, xz and FLAC, on the same samples.

    python benchmarks/lossless.py RECORDING.edf [MORE.bdf ...] [CHANNEL.npy ...]

Prints bits per sample (lower is better) of the digital samples of each recording, and the speed
of packing and unpacking them on one core, in MB of int16 (int24: 3 bytes) per second.

FLAC gets its best of: every channel a file of its own, pairs, or groups of eight; blocks of the
default and of 16384 samples; `-8 -e -p -l 32 --lax`; no padding and no seek table. The general
compressors get the better of channel by channel and sample by sample, and once more the
differences with their bytes sorted ("delta"). Peers that are not installed are left out: `flac`
on the PATH, `zstandard` in this Python.
"""

import lzma
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from neurokit.io.packed.lossless import _groups, _layout, pack_samples, unpack_samples
from neurokit.io.readers.edf_file import open_edf

try:
    import zstandard
except ImportError:
    zstandard = None

BLOCK = 1 << 14  # samples, as files have it
REPEATS = 5
FLAC = ["flac", "-8", "-e", "-p", "-l", "32", "--lax", "--no-padding", "--no-seektable"]
FLAC += ["--totally-silent", "--force-raw-format", "--endian=little", "--sign=signed"]
FLAC += ["--sample-rate=44100", "-c"]


def samples(path):
    """Digital samples of the signals that share the rate most of them have.

    An array is one channel on an even grid, of which its whole multiples are taken.
    """
    from neurokit.io.packed.layouts import from_24

    if Path(path).suffix == ".npy":
        values = np.load(path).ravel()
        whole = np.round(values / np.diff(np.unique(values)).min())
        return whole.astype(np.int16)[None], 2
    edf = open_edf(Path(path))
    header = _layout(edf)
    group = max(_groups(header), key=lambda g: len(g) * header["n_samples"][g[0]])
    data = np.fromfile(path, np.uint8, offset=edf.header_bytes)
    records = data[: edf.n_records * edf.record_bytes].reshape(edf.n_records, -1)
    rows = []
    for i in group:
        begin = edf.offsets[i]
        raw = np.ascontiguousarray(records[:, begin : begin + edf.n_samples[i] * edf.width])
        rows.append((raw.view("<i2") if edf.width == 2 else from_24(raw)).ravel())
    return np.array(rows), edf.width


def general(x, compress):
    """Best layout for a compressor of bytes, and the size of sorted differences."""
    delta = np.ascontiguousarray(np.diff(x, axis=1, prepend=x[:, :1]).astype(np.int32))
    planes = np.moveaxis(delta.view(np.uint8).reshape(*delta.shape, 4), 2, 1)
    plain = min(len(compress(x.tobytes())), len(compress(np.ascontiguousarray(x.T).tobytes())))
    return plain, len(compress(np.ascontiguousarray(planes).tobytes()))


def flac(x, width):
    best = []
    for size in (1, 2, 8):
        total = 0
        for first in range(0, len(x), size):
            part = np.ascontiguousarray(x[first : first + size].T)
            raw = part.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :width].tobytes()
            sizes = []
            for extra in ([], ["-b", "16384"]):
                command = [
                    *FLAC,
                    f"--channels={part.shape[1]}",
                    f"--bps={8 * width}",
                    *extra,
                ]
                done = subprocess.run([*command, "-"], input=raw, capture_output=True, check=True)
                sizes.append(len(done.stdout))
            total += min(sizes)
        best.append(total)
    return min(best)


def ours(x):
    blocks = [x[:, i : i + BLOCK] for i in range(0, x.shape[1], BLOCK)]
    packed = [pack_samples(block) for block in blocks]
    pack, unpack = [], []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        packed = [pack_samples(block) for block in blocks]
        middle = time.perf_counter()
        back = [unpack_samples(block) for block in packed]
        end = time.perf_counter()
        pack.append(middle - begin)
        unpack.append(end - middle)
    if not np.array_equal(np.concatenate(back, axis=1), x):
        raise SystemExit("not bit exact")
    return sum(map(len, packed)), pack, unpack


def best_xz(x):
    """Least bytes of xz over layouts and settings, without its header, for one channel."""
    steps = np.diff(x, prepend=0).astype("<i2")
    sizes = []
    sorted_bytes = steps.view("u1").reshape(-1, 2).T
    for data in (x.astype("<i2").tobytes(), steps.tobytes(), sorted_bytes.tobytes()):
        for before in ([], [{"id": lzma.FILTER_DELTA, "dist": 2}]):
            for lc, lp, pb in ((3, 0, 2), (0, 1, 1), (3, 1, 1)):
                own = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}
                own |= {"lc": lc, "lp": lp, "pb": pb}
                packed = lzma.compress(data, format=lzma.FORMAT_RAW, filters=[*before, own])
                sizes.append(len(packed))
    return min(sizes)


def main(paths):
    peers = ["xz -6"]
    peers += ["zstd -19"] if zstandard else print("zstandard: not installed") or []
    peers += ["flac"] if shutil.which("flac") else print("flac: not installed") or []
    pack_samples(np.arange(300)[None])  # compiles the kernels, or loads them
    print("bits per sample; [delta]: sorted differences")
    for path in paths:
        x, width = samples(path)
        n = x.size / 8
        size, pack, unpack = ours(x)
        cells = [f"ours {size / n:.3f}"]
        if "flac" in peers:
            bits = flac(x, width)
            cells.append(f"flac {bits / n:.3f} ({bits / size:.2f} x ours)")
        if zstandard:
            plain, delta = general(x, zstandard.ZstdCompressor(level=19).compress)
            cells.append(f"zstd -19 {plain / n:.3f} ({plain / size:.2f} x) [{delta / n:.3f}]")
        plain, delta = general(x, lzma.compress)
        cells.append(f"xz {plain / n:.3f} ({plain / size:.2f} x) [{delta / n:.3f}]")
        if len(x) == 1:
            best = best_xz(x[0])
            cells.append(f"xz at its best {best / n:.3f} ({best / size:.2f} x)")
        megabytes = x.size * width / 1e6
        for name, times in (("pack", pack), ("unpack", unpack)):
            rates = sorted(megabytes / t for t in times)
            cells.append(
                f"{name} {statistics.median(rates):.1f} MB/s ({rates[0]:.1f}-{rates[-1]:.1f})"
            )
        print(f"{Path(path).name} {x.shape[0]} x {x.shape[1]}: " + "; ".join(cells), flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(sys.argv[1:])
