"""Quantisers beside vector-quantize-pytorch: speed, codes, and what a codebook keeps.

    python benchmarks/quantize.py    # CUDA if there is one, else one thread of the processor

Peer and project run in turn on the same vectors and codebooks; figures are medians over the
repeats with the range in brackets. The peer is optional. On a GPU the parts of a search follow,
with the bounds of the arithmetic: "queued", calls that follow each other, and the host waiting.
"""

import itertools
import os
import time
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch reads it

import numpy as np
import torch

from neurokit.nn import ResidualVectorQuantizer, VectorQuantizer

try:
    from vector_quantize_pytorch import ResidualVQ
except ImportError:
    ResidualVQ = None


def quantizers(n_dims, n_codes, n_levels, cosine, device):
    """Make the project's quantiser and the peer's with the same codebooks."""
    torch.manual_seed(0)
    mine = ResidualVectorQuantizer(
        n_dims, n_levels=n_levels, codebook_size=n_codes, cosine=cosine, kmeans_init=False
    )
    if not cosine:  # residuals shrink from stage to stage; so do trained codebooks
        mine.codebooks *= (0.8 ** torch.arange(n_levels))[:, None, None]
    mine = mine.eval().to(device)
    if ResidualVQ is None:
        return mine, None
    peer = ResidualVQ(
        dim=n_dims, num_quantizers=n_levels, codebook_size=n_codes, use_cosine_sim=cosine
    )
    for layer, codebook in zip(peer.layers, mine.codebooks, strict=True):
        layer._codebook.embed.data.copy_(codebook[None])
        layer._codebook.initted.data.fill_(True)
    return mine, peer.eval().to(device)


def timed(functions, repeats, device):
    """Run the functions in turn; seconds of shape (repeats, function)."""
    seconds = []
    for _ in range(repeats + 1):
        row = []
        for function in functions:
            if device == "cuda":
                torch.cuda.synchronize()
            start = time.perf_counter()
            function()
            if device == "cuda":
                torch.cuda.synchronize()
            row.append(time.perf_counter() - start)
        seconds.append(row)
    return np.array(seconds[1:])  # the first run compiles


def kind(cosine):
    return "cosine" if cosine else "euclidean"


def spread(values, scale=1.0):
    values = np.asarray(values) * scale
    return f"{np.median(values):8.2f} [{values.min():.2f}, {values.max():.2f}]"


def products(x, mine):
    """Encode by one matrix product and one argmax per stage."""
    codes, bias = [], -0.5 * mine.codebooks.square().sum(-1)
    for codebook, offset in zip(mine.codebooks, bias, strict=True):
        codes.append(torch.addmm(offset, x, codebook.T).argmax(1))
        x = x - codebook[codes[-1]]
    return torch.stack(codes, -1)


def peak(function):
    """Device memory that a call takes on top of what is there, in GiB."""
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    function()
    return (torch.cuda.max_memory_allocated() - before) / 2**30


@torch.inference_mode()
def encode_speed(device, n_vectors, n_dims, n_codes, n_levels, repeats):
    print(f"\nencode on {device}: {n_vectors:,} x D {n_dims}, K {n_codes}, {n_levels} stages")
    x = torch.randn(n_vectors, n_dims, generator=torch.Generator().manual_seed(1)).to(device)
    for cosine in (False, True):
        mine, peer = quantizers(n_dims, n_codes, n_levels, cosine, device)
        functions = [partial(mine.encode, x), partial(products, x, mine)]
        if peer is not None:
            functions.append(partial(peer, x[None]))
        seconds = timed(functions, repeats, device)
        print(f"  {kind(cosine)}")
        print(f"    neurokit                {spread(seconds[:, 0], 1e3)} ms")
        print(f"    product and argmax      {spread(seconds[:, 1], 1e3)} ms")
        if peer is not None:
            print(f"    vector-quantize-pytorch {spread(seconds[:, 2], 1e3)} ms")
            print(f"    ratio to the peer       {spread(seconds[:, 2] / seconds[:, 0])}")
            same = (mine.encode(x) == peer(x[None])[1][0]).all(-1).double().mean()
            print(f"    vectors with all codes equal to the peer's: {same:.6f}")
        same = (mine.encode(x) == products(x, mine)).all(-1).double().mean()
        print(f"    vectors with all codes equal to the products': {same:.6f}")
        if device == "cuda":
            some = x[:65_536]
            there, here = mine.encode(some).cpu(), mine.cpu().encode(some.cpu())
            mine.to(device)
            same = (there == here).all(-1).double().mean()
            print(f"    vectors with all codes equal to the processor's: {same:.6f}")
            print("    memory, GiB:", *(f"{peak(function):.3f}" for function in functions))


def queued(function, repeats):
    """Milliseconds of each call on the device, calls following each other."""
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(repeats + 1)]
    function()
    for mark in marks[:-1]:
        mark.record()
        function()
    marks[-1].record()
    torch.cuda.synchronize()
    return [a.elapsed_time(b) for a, b in itertools.pairwise(marks)]


@torch.inference_mode()
def search_parts(n_vectors, n_dims, n_codes, n_levels, repeats):
    """Short lists beside the float32 search, their kernels, and the bounds."""
    from neurokit.nn.kernels import quantize_cuda, quantize_short_cuda

    work = 2e-9 * n_vectors * n_dims * n_codes * n_levels  # ms at 1 Tflop/s
    print(f"\nsearch: {n_vectors:,} x D {n_dims}, K {n_codes}, {n_levels} stages")
    print(f"    bounds: float32 at 67 Tflop/s {work / 67:.2f}, float16 at 990 {work / 990:.2f} ms")
    x = torch.randn(n_vectors, n_dims, generator=torch.Generator().manual_seed(1)).to("cuda")
    mine, _ = quantizers(n_dims, n_codes, n_levels, False, "cuda")
    tables = mine.tables(n_levels)
    ready = quantize_short_cuda.prepare(*tables)
    calls = {
        "float32 search": partial(quantize_cuda.encode, x, *tables),
        "short lists": partial(quantize_short_cuda.find, x, ready),
        "encode": partial(mine.encode, x),
    }
    same = torch.equal(calls["float32 search"](), calls["short lists"]()[0])
    print(f"    the same codes in every vector: {same}")
    waits = timed(list(calls.values()), 3 * repeats, "cuda")
    for (name, call), seconds in zip(calls.items(), waits.T, strict=True):
        print(f"    {name:16s} queued {spread(queued(call, repeats))} ms", end="")
        print(f"   waited for {spread(seconds, 1e3)} ms")
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        for _ in range(5):
            calls["short lists"]()
        torch.cuda.synchronize()
    times = {}
    for event in profile.events():
        times.setdefault(event.name, []).append(event.device_time / 1e3)
    for name in ("_propose", "_settle", "_decide"):
        launches = np.reshape(times.get(name, [np.nan] * 5 * n_levels), (5, n_levels))
        print(f"    {name:10s} {np.median(launches, axis=0).sum():.3f} ms in {n_levels} launches")


@torch.no_grad()
def beam():
    print("\nbeam search: 8,192 normal vectors, D 16, K 256, 6 stages trained on 65,536")
    torch.manual_seed(0)
    quantizer = ResidualVectorQuantizer(16, n_levels=6, codebook_size=256)
    for _ in range(10):
        quantizer(torch.randn(65536, 16))
    quantizer.eval()
    x = torch.randn(8192, 16)
    for width in (1, 2, 4, 8, 16):
        start = time.perf_counter()
        codes = quantizer.encode(x, beam=width)
        seconds = time.perf_counter() - start
        error = (x - quantizer.decode(codes)).square().sum() / x.square().sum()
        print(f"  beam {width:2d}: NMSE {error:.4f}, {seconds * 1e3:7.1f} ms")


@torch.no_grad()
def drift(seed, cosine):
    """Train on drifting latents; codes used of 256 and NMSE on fresh ones."""
    rng = np.random.default_rng(seed)
    centres, weights = rng.normal(size=(400, 16)), rng.dirichlet(np.full(400, 0.5))
    direction = rng.normal(size=16)

    def batch(step):
        x = centres[rng.choice(400, 2048, p=weights)] + 0.15 * rng.normal(size=(2048, 16))
        return torch.from_numpy(x + min(step / 200, 1.0) * 1.5 * direction).float()

    torch.manual_seed(seed)
    quantizer = VectorQuantizer(16, codebook_size=256, cosine=cosine)
    for step in range(400):
        quantizer(batch(step))
    x = torch.cat([batch(400) for _ in range(8)])
    values, codes, _ = quantizer.eval()(x)
    error = (x - values).square().sum() / (x - x.mean(0)).square().sum()
    return len(codes.unique()), float(error)


@torch.no_grad()
def stages(scale, cosine):
    """NMSE by stage on held-out latents of one size."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12000, 16)) @ rng.normal(size=(16, 16))
    x = torch.from_numpy(scale * x / np.sqrt((x**2).sum(1).mean())).float()
    torch.manual_seed(0)
    quantizer = ResidualVectorQuantizer(16, n_levels=6, codebook_size=256, cosine=cosine)
    quantizer(x[:8000])
    x = x[8000:]
    codes = quantizer.eval().encode(x)
    rests = [x - quantizer.decode(codes, n) for n in range(1, 7)]
    return [float(rest.square().sum() / x.square().sum()) for rest in rests]


def main():
    torch.set_num_threads(1)
    if ResidualVQ is None:
        print("vector-quantize-pytorch: not installed")
    if torch.cuda.is_available():
        encode_speed("cuda", 1_048_576, 16, 256, 6, repeats=15)
        encode_speed("cuda", 262_144, 128, 1024, 8, repeats=7)
        search_parts(262_144, 128, 1024, 8, repeats=15)
        search_parts(1_048_576, 16, 256, 6, repeats=15)
        search_parts(100_003, 64, 1000, 5, repeats=15)
        search_parts(300_001, 32, 512, 4, repeats=15)
        return
    encode_speed("cpu", 65_536, 16, 256, 6, repeats=7)
    beam()
    print("\ndrift (spec: >= 230 of 256 codes, NMSE <= .09; EnCodec's order .24-.26)")
    for cosine in (False, True):
        for seed in (0, 1):
            used, error = drift(seed, cosine)
            print(f"  {kind(cosine):9s} seed {seed}: {used} codes, {error:.3f}")
    print("\nNMSE by stage (spec: <= .02, falling; unit vectors without gain .45 and 1.85)")
    for cosine in (False, True):
        for scale in (0.3, 1.0, 5.0):
            errors = " ".join(f"{e:.4f}" for e in stages(scale, cosine))
            print(f"  {kind(cosine):9s} RMS {scale}: {errors}")


if __name__ == "__main__":
    main()
