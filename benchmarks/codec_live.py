"""Tokens live: latency of one push, and the share of a core that encoding and decoding take.

    OMP_NUM_THREADS=1 python benchmarks/codec_live.py [--seconds 120]

First table: recordings of 256 Hz arrive in chunks of 16 samples (62.5 ms, a frame of the
pretrained codec). Median, 99th and 99.9th percentile of the time of one ``push`` of all channels
together, on one thread, in milliseconds; "CPU" is the median of the processor time alone, which
other work on the machine does not lengthen, and "load" that over the 62.5 ms that it may take.
The joined tokens are compared with those of the whole recording. Second table: time to encode and
to decode a recording, whole, over its duration, per channel. Neither the signal (noise with a
falling spectrum) nor the weights change the cost: networks other than the pretrained are trained
for a moment. The "network encoder" has 48 filters and six stages of 256 codes.
"""

import argparse
import gc
import time

import numpy as np
import torch

import neurokit as nk
from neurokit.tokenizers import (
    CodecTokenizer,
    LinearRVQTokenizer,
    MultiScaleTokenizer,
    ScalarTokenizer,
)
from neurokit.training import Trainer

RATE, CHUNK = 256, 16


def eeg(n_channels, seconds, rate=RATE, seed=0):
    """Noise of a falling spectrum, in microvolts."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate)
    f = np.fft.rfftfreq(n, 1 / rate)
    spectrum = np.fft.rfft(rng.normal(size=(n_channels, n))) / np.maximum(f, 1)
    x = np.fft.irfft(spectrum, n)
    return nk.signal(20 * x / x.std(), sampling_rate=rate)


def tokenizers():
    yield "eeg-small", CodecTokenizer.from_pretrained().set_params(device="cpu")
    x = eeg(8, 120, seed=1)
    options = {"trainer": Trainer(1, device="cpu"), "device": "cpu", "random_state": 0}
    few = x.isel(time=slice(0, 20 * RATE))
    deep = CodecTokenizer(n_filters=48, n_context=3, **options)
    yield "CodecTokenizer, network encoder, beam 4", deep.fit(few)
    yield "MultiScaleTokenizer, beam 4", MultiScaleTokenizer(**options).fit(few)
    yield "LinearRVQTokenizer", LinearRVQTokenizer(random_state=0).fit(x)
    yield "ScalarTokenizer", ScalarTokenizer().fit(x)


def live(tokenizer, x):
    """Milliseconds of every push after the first five seconds, clock and processor."""
    stream = tokenizer.stream(x.sizes["channel"], RATE)
    chunks = np.split(x.values.astype(float), range(CHUNK, x.sizes["time"], CHUNK), 1)
    took, tokens = [], []
    gc.collect()
    gc.disable()
    for chunk in chunks:
        start = time.perf_counter_ns(), time.thread_time_ns()
        found = stream.push(chunk)
        took.append((time.perf_counter_ns() - start[0], time.thread_time_ns() - start[1]))
        tokens.append(found)
    gc.enable()
    tokens.append(stream.flush())
    same = np.array_equal(np.concatenate(tokens, 1), tokenizer.transform(x))
    return np.array(took[5 * RATE // CHUNK :]).T / 1e6, same


def best(call, n=3):
    times = []
    for _ in range(n):
        start = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - start)
    return min(times), result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=120.0, help="of the live recording")
    parser.add_argument("--channels", type=int, nargs="+", default=[1, 64, 128])
    args = parser.parse_args()
    torch.set_num_threads(1)
    known = dict(tokenizers())
    print("| channels | tokenizer | median ms | p99 ms | p99.9 ms | CPU ms | load | same tokens |")
    print("|---|---|---|---|---|---|---|---|")
    for n_channels in args.channels:
        x = eeg(n_channels, args.seconds)
        for name, tokenizer in known.items():
            (took, cpu), same = live(tokenizer, x)
            middle, p99, p999 = np.percentile(took, [50, 99, 99.9])
            load = np.median(cpu) / (1000 * CHUNK / RATE)
            row = f"{middle:.2f} | {p99:.2f} | {p999:.2f} | {np.median(cpu):.2f} | {load:.3f}"
            print(f"| {n_channels} | {name} | {row} | {'yes' if same else 'NO'} |", flush=True)
    print("\n| rate | tokenizer | encode | decode | both, time over duration per channel |")
    print("|---|---|---|---|---|")
    for rate in (256, 1000):
        x = eeg(16, 60, rate)
        for name, tokenizer in known.items():
            there, tokens = best(lambda t=tokenizer, x=x: t.transform(x))
            back, _ = best(lambda t=tokenizer, tokens=tokens: t.inverse_transform(tokens))
            there, back = there / (16 * 60), back / (16 * 60)
            row = f"{there:.5f} | {back:.5f} | {there + back:.5f}"
            print(f"| {rate} Hz | {name} | {row} |", flush=True)


if __name__ == "__main__":
    main()
