"""The arithmetic of codecs on one CPU thread: decoding whole recordings, residual quantisation.

    OMP_NUM_THREADS=1 python benchmarks/cpu_arithmetic.py [--repeats 7] [--parts decode quantise]

Processor time, medians [least] of alternating repeats. Decoding: the pretrained codec's decoder as
a module of PyTorch, by matrix products, and with fewer multiplications. Quantisation: the long
search in float32 and the quick ones, whose codes must be the same.
"""

import argparse
import statistics
import time
from functools import partial

import numpy as np
import torch

from neurokit.nn.codec import Memory
from neurokit.nn.kernels import codec_cpu, quantize_cpu
from neurokit.nn.kernels import quantize_quick_cpu as quick
from neurokit.tokenizers import CodecTokenizer

ROWS = ((16, 480), (64, 112), (1, 2560))  # channels, frames
SIZES = (
    (65_536, 16, 256, 6),
    (32_768, 32, 256, 6),
    (32_768, 64, 512, 4),
    (8_192, 128, 1024, 8),
)  # vectors, dimensions, codes, stages


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--parts", nargs="+", default=["decode", "quantise"])
    given = parser.parse_args()
    torch.set_num_threads(1)
    if "decode" in given.parts:
        decode(given.repeats)
    if "quantise" in given.parts:
        quantise(given.repeats)


def timed(calls, repeats):
    """Return the median and least processor time of each call in ms, the calls taking turns."""
    times = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.process_time()
            call()
            times[name].append((time.process_time() - start) * 1e3)
    return {name: (statistics.median(t), min(t)) for name, t in times.items()}


def show(title, times):
    first = next(iter(times.values()))
    print(title)
    for name, (median, least) in times.items():
        print(
            f"  {name:24s} {median:9.1f} ms [{least:.1f}]  {first[0] / median:.2f} x", flush=True
        )


def in_parts(network, latents, size):
    memory = Memory()
    with torch.inference_mode():
        parts = [network(part, memory) for part in latents.split(size, 1)]
    return torch.cat(parts, 1)


def decode(repeats):
    tokenizer = CodecTokenizer.from_pretrained().set_params(device="cpu")
    decoder = tokenizer.module_.decoder.eval()
    few = codec_cpu.as_products(decoder)
    many = codec_cpu.as_products(decoder)
    least = codec_cpu.MANY_FRAMES

    def run(network, latents, size, frames):
        codec_cpu.MANY_FRAMES = frames
        return in_parts(network, latents, size)

    for n_rows, n in ROWS:
        latents = 3 * torch.randn(n_rows, n, 16, generator=torch.Generator().manual_seed(0))
        size = -(-1280 // (16 * n_rows)) * 16
        calls = {
            "modules": partial(in_parts, decoder, latents, size),
            "products": partial(run, few, latents, size, 1 << 60),
            "fewer multiplications": partial(run, many, latents, size, least),
        }
        with torch.inference_mode():
            exact = CodecTokenizer.from_pretrained().module_.decoder.double()(latents.double())
        away = {name: (call() - exact).abs().max().item() for name, call in calls.items()}
        title = f"decode {n_rows} channels, {n} frames; values up to {exact.abs().max():.0f}"
        show(f"{title}, away from float64: " + ", ".join(f"{a:.0e}" for a in away.values()),
             timed(calls, repeats))  # fmt: skip
    codec_cpu.MANY_FRAMES = least


def quantise(repeats):
    rng = np.random.default_rng(0)
    for n, d, k, levels in SIZES:
        table = rng.normal(size=(levels, k, d)) * 0.8 ** np.arange(levels)[:, None, None]
        table = table.astype(np.float32)
        bias = (-0.5 * (table**2).sum(-1)).astype(np.float32)
        x = rng.normal(size=(n, d)).astype(np.float32)

        def encode(way, x=x, table=table, bias=bias):
            quick.pays, quick.MANY_DIMS = (lambda *_: way is not None), way
            return quantize_cpu.encode(x, table, bias, table, None, None, beam=1, n_threads=1)

        calls = {"long": partial(encode, None)}
        if quick.has_short_products():
            calls |= {"pairs of 16 bits": partial(encode, 1 << 30), "bytes": partial(encode, 0)}
        codes = [call() for call in calls.values()]
        assert all((c == codes[0]).all() for c in codes)
        show(f"{n} x {d}, {k} codes, {levels} stages", timed(calls, repeats))


if __name__ == "__main__":
    main()
