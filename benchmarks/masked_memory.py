"""Does a folder of recordings that is far larger than memory train at the same rate?

    OMP_NUM_THREADS=1 python benchmarks/masked_memory.py [--hours 28] [--minutes 20] [--room 200]

One EDF file of noise (20 channels, 256 Hz) is linked under many names, so that the folder holds
``hours`` of recordings without taking up the disk. Each folder is trained on by a process of its
own, for one epoch; printed are the size of its samples as float32, by how much the process grew
(peak resident memory) while it learned, and patches per second of wall-clock and CPU time. With
``--room`` the process may not allocate more than so many MB beyond what it held before (the limit
of the operating system on its data): 28 hours are 2064 MB, ten times as much.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import neurokit
from neurokit import io

CHANNELS, RATE = 20, 256


def limit(room):
    """Let this process allocate no more than so many MB beyond what it holds."""
    held = Path("/proc/self/status").read_text().split("VmData:")[1].split()[0]
    most = (int(held) + round(room * 1024)) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def learn(folder, room):
    """Train on a folder; print growth in MB, patches, seconds, CPU seconds."""
    from neurokit.pretraining import MaskedModel
    from neurokit.training import Trainer

    trainer = Trainer(1, batch_size=16, device="cpu")
    sizes = {"width": 16, "depth": 1, "n_heads": 2, "window": 10.0, "model_rate": 128.0}
    model = MaskedModel(1.0, **sizes, trainer=trainer, device="cpu", random_state=0)
    rng = np.random.default_rng(0)
    some = neurokit.signal(rng.normal(size=(CHANNELS, 30 * RATE)), sampling_rate=RATE)
    model.fit(some)  # what is loaded once
    if room:
        limit(room)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, busy = time.perf_counter(), time.process_time()
    model.fit(folder)
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(grown, seconds, busy, model.history_[0]["seconds"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=28.0)
    parser.add_argument("--minutes", type=float, default=20.0, help="length of one recording")
    parser.add_argument("--room", type=float, default=0.0, help="MB; without a limit by default")
    parser.add_argument("--learn")
    given = parser.parse_args()
    if given.learn:
        learn(given.learn, given.room)
        return
    with tempfile.TemporaryDirectory() as place:
        one = Path(place) / "one.edf"
        n = round(given.minutes * 60) * RATE
        values = 20 * np.random.default_rng(0).normal(size=(CHANNELS, n))
        io.write_edf(one, neurokit.signal(values, sampling_rate=RATE, units="uV"))
        for hours in (given.hours / 12, given.hours):
            folder = Path(place) / f"{hours:g}"
            folder.mkdir()
            for k in range(round(hours * 60 / given.minutes)):
                os.link(one, folder / f"{k:04d}.edf")
            size = len(list(folder.iterdir())) * CHANNELS * n * 4 / 1e6
            command = [sys.executable, __file__, "--learn", str(folder)]
            command += ["--room", f"{given.room if hours == given.hours else 0}"]
            told = subprocess.run(command, check=True, capture_output=True, text=True)
            grown, _, busy, epoch = map(float, told.stdout.split())
            patches = hours * 3600 * CHANNELS
            print(
                f"{hours:g} h, {size:.0f} MB as float32: grew by {grown:.0f} MB;"
                f" {patches / epoch:.0f} patches/s in the epoch,"
                f" {patches / busy:.0f} per s of CPU",
                flush=True,
            )


if __name__ == "__main__":
    main()
