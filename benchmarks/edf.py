"""A day of EEG in one EDF file, read through the labelled lazy array and through MNE.

    python benchmarks/edf.py [--hours 24] [--folder /tmp]

Writes 32 channels of 256 Hz (1.3 GiB for a day), then measures, on one thread and with the file
in the page cache: opening it, a window of 10 s, the whole in blocks of 10 minutes, and how much
memory that takes. The limit stands beside: the bytes copied and the floats written by NumPy.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402

N_CHANNELS, RATE, BLOCK = 32, 256, 600


def write(path: Path, hours: float) -> None:
    """Write EDF+: noise, and an annotation channel that holds the time of each record."""
    n_records, n = int(hours * 3600), N_CHANNELS
    columns = [
        ([f"EEG {i:02}" for i in range(n)] + ["EDF Annotations"], 16),
        ([""] * (n + 1), 80),
        (["uV"] * n + [""], 8),
        (["-3200"] * n + ["-1"], 8),
        (["3200"] * n + ["1"], 8),
        (["-32768"] * (n + 1), 8),
        (["32767"] * (n + 1), 8),
        ([""] * (n + 1), 80),
        ([str(RATE)] * n + ["16"], 8),
        ([""] * (n + 1), 32),
    ]
    head = "0".ljust(8) + " " * 160 + "01.01.2400.00.00" + str(256 * (n + 2)).ljust(8)
    head += "EDF+C".ljust(44) + str(n_records).ljust(8) + "1".ljust(8) + str(n + 1).ljust(4)
    head += "".join(text.ljust(width) for column, width in columns for text in column)
    random = np.random.default_rng(0)
    hour = random.integers(-3000, 3000, (3600, n * RATE)).astype("<i2").view(np.uint8)
    with path.open("wb") as file:
        file.write(head.encode())
        for record in range(n_records):
            file.write(hour[(record + record // 3600) % 3600].data)
            file.write((b"+%d\x14\x14" % record).ljust(32, b"\0"))


def timed(call: Callable[[], object], repeats: int) -> list[float]:
    call()  # compiled, imported, in the cache
    found = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        found.append(time.perf_counter() - begin)
    return found


def stream(read: Callable[[int, int], np.ndarray], n_times: int) -> float:
    total = 0.0
    for first in range(0, n_times, BLOCK * RATE):
        total += float(read(first, first + BLOCK * RATE)[0, 0])
    return total


def limit(path: Path) -> None:
    """Copy the bytes and write as many floats as there are samples, and nothing else."""
    buffer = np.empty(1 << 19, np.uint8)
    out = np.empty((N_CHANNELS, BLOCK * RATE), np.float32)
    per_block = N_CHANNELS * BLOCK * RATE * 2
    with path.open("rb", buffering=0) as file:
        done = 0
        while got := file.readinto(buffer):
            done += got
            if done >= per_block:
                out.fill(1)
                done -= per_block


def peak(path: Path) -> float:
    """Memory above that of reading one second, in blocks of float32 (Linux)."""
    code = (
        "import sys, neurokit.io as io\n"
        "x = io.read_signal(sys.argv[1]); x.isel(time=slice(0, 256)).values\n"
        "def kib(key):\n"
        "    return int(open('/proc/self/status').read().split(key)[1].split()[1])\n"
        "open('/proc/self/clear_refs', 'w').write('5')\n"
        "before = kib('VmHWM')\n"
        f"for a in range(0, x.sizes['time'], {BLOCK * RATE}):\n"
        f"    x.isel(time=slice(a, a + {BLOCK * RATE})).values\n"
        "print((kib('VmHWM') - before) * 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    return float(done.stdout) / (N_CHANNELS * BLOCK * RATE * 4)


def show(what: str, ours: list[float], theirs: list[float] | None) -> None:
    a = statistics.median(ours)
    line = f"{what:28} {a * 1e3:10.2f} ms ({min(ours) * 1e3:.2f}-{max(ours) * 1e3:.2f})"
    if theirs:
        b = statistics.median(theirs)
        line += f"   {b * 1e3:10.2f} ms ({min(theirs) * 1e3:.2f}-{max(theirs) * 1e3:.2f})"
        line += f"   {b / a:6.1f} x"
    print(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--folder", default=tempfile.gettempdir())
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    import mne

    from neurokit import io

    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "day.edf"
        write(path, options.hours)
        print(
            f"{options.hours:g} h, {path.stat().st_size / 2**30:.2f} GiB, {os.cpu_count()} cores"
        )
        print(f"{'':28} {'neurokit':>13} {'':15} {'MNE ' + mne.__version__:>12}")
        x = io.read_signal(path)
        raw = mne.io.read_raw_edf(path, verbose="error")
        n_times = x.sizes["time"]
        show(
            "open",
            timed(lambda: io.read_signal(path), 30),
            timed(lambda: mne.io.read_raw_edf(path, verbose="error"), 5),
        )
        starts = iter(np.random.default_rng(1).integers(0, int(n_times / RATE) - 11, 10_000))

        def window() -> None:
            start = int(next(starts))
            x.isel(time=slice(start * RATE, (start + 10) * RATE)).values  # noqa: B018

        def window_by_time() -> None:
            start = int(next(starts))
            x.sel(time=slice(start, start + 10)).values  # noqa: B018

        def mne_window() -> None:
            start = int(next(starts))
            raw.get_data(start=start * RATE, stop=(start + 10) * RATE)

        theirs = timed(mne_window, 200)
        show("10 s, isel", timed(window, 200), theirs)
        show("10 s, sel", timed(window_by_time, 200), theirs)
        mine = timed(
            lambda: stream(lambda a, b: x.isel(time=slice(a, b)).values, n_times), options.repeats
        )
        them = timed(
            lambda: stream(lambda a, b: raw.get_data(start=a, stop=min(b, n_times)), n_times),
            options.repeats,
        )
        show("whole, blocks of 10 min", mine, them)
        show("the same bytes moved, NumPy", timed(lambda: limit(path), options.repeats), None)
        print(f"peak memory of that          {peak(path):10.2f} blocks of float32")
        a, b = x.isel(time=slice(1000, 5000)).values, raw.get_data(start=1000, stop=5000) * 1e6
        print(f"largest difference           {np.abs(a - b).max():10.2g} uV")


if __name__ == "__main__":
    main()
