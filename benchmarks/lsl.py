"""How late a decoder answers samples that come over LSL: delay added by neurokit.

    python benchmarks/lsl.py [SECONDS] [rough]

A process of its own sends 64 channels at 1 kHz, a sample at a time. The delay that we add is from
the return of liblsl's call (`pull_sample`) to the decoder's answer: reading the rest of the chunk,
and `push`. The whole delay, from the sender's stamp to the answer, stands beside it; it holds the
sender's own jitter, the network stack of the machine and liblsl. ``rough``: the sender loses 1 %
of the samples, stamps come up to milliseconds late, and it pauses so that bursts follow.
"""

import multiprocessing
import sys
import time

import numpy as np

from neurokit import io
from neurokit.decoders import WienerRegressor

CHANNELS, RATE = 64, 1000


def send(name, seconds, rough=False):
    import pylsl

    out = pylsl.StreamOutlet(pylsl.StreamInfo(name, "EEG", CHANNELS, RATE, "float32", name))
    out.wait_for_consumers(20)
    rows = np.random.default_rng(0).normal(size=(1000, CHANNELS)).astype(np.float32).tolist()
    rng = np.random.default_rng(1)
    start = pylsl.local_clock()
    for k in range(int(seconds * RATE)):
        while (wait := start + k / RATE - pylsl.local_clock()) > 0:
            time.sleep(wait)
        if not rough:
            out.push_sample(rows[k % 1000])
        elif rng.random() >= 0.01:
            out.push_sample(rows[k % 1000], start + k / RATE + rng.exponential(0.001))
            if rng.random() < 0.002:
                time.sleep(rng.exponential(0.03))


def main(seconds=20.0, rough=False):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4000, CHANNELS)), rng.normal(size=(4000, 2))
    live = WienerRegressor(window=0.008, alpha=1.0, sampling_rate=RATE).fit(x, y).stream()
    name = f"neurokit-bench-{time.time_ns()}"
    sender = multiprocessing.get_context("spawn").Process(target=send, args=(name, seconds, rough))
    sender.start()
    added, whole, sizes = [], [], []
    with io.stream_lsl(name, timeout=30) as amplifier:
        inlet = amplifier._inlet
        shift = inlet.time_correction(5.0)
        pull = inlet.pull_sample
        back = [0.0, 0.0]

        def timed(timeout):
            found = pull(timeout=timeout)
            back[:] = time.perf_counter(), found[1] or 0.0
            return found

        inlet.pull_sample = timed
        import pylsl

        n = 0
        while n < int((seconds - 1) * RATE * (0.985 if rough else 1)):
            rows = amplifier.pull(1.0)
            if not len(rows):
                break
            live.push(rows)
            added.append(time.perf_counter() - back[0])
            whole.append(pylsl.local_clock() - back[1] - shift)
            sizes.append(len(rows))
            n += len(rows)
        lost = amplifier.n_lost
    sender.join()
    skip = len(added) // 20
    for what, values in (
        ("added by us", added[skip:]),
        ("from the stamp of a chunk's first sample", whole[skip:]),
    ):
        p50, p99 = 1e3 * np.quantile(values, [0.5, 0.99])
        print(f"{what}: median {p50:.3f} ms, p99 {p99:.3f} ms, {len(values)} answers")
    print(f"{n} samples of {CHANNELS} channels, {np.mean(sizes):.2f} a chunk, {lost} seen as lost")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0, "rough" in sys.argv)
