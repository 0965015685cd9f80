"""What a GPU would gain where neurokit has no pass of its own on it, with the bounds.

    python benchmarks/gpu_rows.py

The motifs' scores as a dense convolution, a liquid's units by the recurrent kernel, training of
the codec, and sweeps of CP written with torch, each beside what the package does on one thread of
the processor; medians [range] in ms, the host waiting after each call. Bounds: 67 Tflop/s in
float32, 4.8 TB/s from the device's memory, 5 from its second cache (H200). Take the device alone.
"""

import statistics
import time
import warnings
from contextlib import nullcontext

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from neurokit import bin_spikes
from neurokit.connectomes import CP
from neurokit.datasets import make_motifs
from neurokit.decoders import MotifDetector
from neurokit.features import LiquidState
from neurokit.nn import lif
from neurokit.tokenizers import CodecTokenizer
from neurokit.training import Trainer

FLOPS, BYTES, CACHE = 67e9, 4.8e9, 5e9  # per ms


def timed(what, call, bound=None, repeats=15):
    """Print the milliseconds of a call."""
    times = []
    for turn in range(repeats + 1):
        torch.cuda.synchronize()
        start = time.perf_counter()
        call()
        torch.cuda.synchronize()
        if turn:
            times.append((time.perf_counter() - start) * 1e3)
    ms = statistics.median(times)
    line = f"  {what:52s} {ms:9.3f} [{min(times):.3f} {max(times):.3f}]"
    print(line + ("" if bound is None else f", bound {bound:.3f}: {bound / ms:.0%}"), flush=True)


@torch.inference_mode()
def motifs():
    print("motifs: 128 units, 144 motifs, 31 delays")
    spikes, truth = make_motifs(n_steps=9000, random_state=0)
    x, y = bin_spikes(spikes, 0.001), truth["occurrence"]
    fitted = MotifDetector().fit(x.isel(time=slice(0, 5000)), y.isel(time=slice(0, 5000)))
    new = x.isel(time=slice(5000, None))
    weight = torch.from_numpy(fitted.kernels_.astype(np.float32)).cuda()
    bias = torch.from_numpy((fitted.prior_ + fitted.silence_.sum(1)).astype(np.float32)).cuda()
    raster = torch.from_numpy((new.values > 0).astype(np.float32))[None].cuda()
    found = torch.nn.functional.conv1d(raster, weight, bias)[0].T.cpu().numpy()
    mine = np.asarray(fitted.transform(new.transpose("time", "unit").values))
    print(f"  largest difference {np.abs(found - mine[: len(found)]).max():.1e}")
    timed("MotifDetector.transform, 4 s, processor", lambda: fitted.transform(new), repeats=5)
    for n_seconds in (4, 80):
        some = raster.repeat(1, 1, n_seconds // 4)
        call = lambda some=some: torch.nn.functional.conv1d(some, weight, bias)  # noqa: E731
        timed(f"conv1d, {n_seconds} s", call, 2 * weight.numel() * some.shape[2] / FLOPS)


@torch.inference_mode()
def liquid():
    print("liquid: 500 units, 10,000 steps")
    counts = np.random.default_rng(0).poisson(1, (10_000, 96)).astype(float)
    fitted = LiquidState(500, sampling_rate=100.0, random_state=0).fit(counts)
    timed("LiquidState.transform, processor", lambda: fitted.transform(counts), repeats=5)
    weight = torch.from_numpy(fitted.recurrent_weight_).float().cuda()
    inward = torch.from_numpy(fitted.input_weight_ / fitted.scale_).float().cuda()
    for n_recordings in (1, 16, 64):
        x = (torch.from_numpy(counts).float().cuda() - 1) @ inward.T
        x = x[:, None].repeat(1, n_recordings, 1)
        timed(
            f"recurrent kernel, {n_recordings} recordings at once",
            lambda x=x: lif(x, decay=0.6, recurrent_weight=weight),
            10_000 * weight.nbytes / CACHE,
            repeats=5,
        )


def codec():
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.normal(size=(512, 1280)), 1).astype(np.float32)[:, None]
    for n_filters in (32, 48):
        print(f"codec: {n_filters} filters, an epoch of 512 windows of 4 s in batches of 64")
        model = CodecTokenizer(
            n_filters=n_filters, sampling_rate=320.0, device="cuda", random_state=0,
            trainer=Trainer(1, batch_size=64),
        )  # fmt: skip
        counter = FlopCounterMode(display=False)
        with torch.autograd.set_multithreading_enabled(False), counter:
            model.fit(x)
        bound = counter.get_total_flops() / FLOPS
        model.trainer.n_epochs = 8
        for how, threads in (("", nullcontext()), (", backward in this thread", None)):
            with threads or torch.autograd.set_multithreading_enabled(False):
                model.fit(x)
            times = [1e3 * entry["seconds"] for entry in model.history_[2:]]
            ms, spread = statistics.median(times), f"[{min(times):.1f} {max(times):.1f}]"
            print(f"  an epoch{how}: {ms:.1f} {spread}, bound {bound:.2f}: {bound / ms:.1%}")
        model.trainer.n_epochs = 2
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as found:
            model.fit(x)
            torch.cuda.synchronize()
        events = found.key_averages()
        busy = sum(event.self_device_time_total for event in events) / 2e3
        launches = sum(event.count for event in events if event.self_device_time_total) // 2
        print(f"  of which the device works {busy:.1f} ms, in {launches} kernels", flush=True)


def factors():
    print("CP: 40 x 200 x 200, rank 10, a sweep")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 200, 200)).astype(np.float32)
    for device in ("cpu", "cuda"):
        times = []
        for n_sweeps in (10, 10, 30):
            model = CP(10, n_restarts=1, max_iter=n_sweeps, tol=0.0, random_state=0, device=device)
            start = time.perf_counter()
            model.fit(x)
            times.append(time.perf_counter() - start)
        print(f"  CP.fit, {device}: {(times[2] - times[1]) * 50:.2f} ms a sweep", flush=True)
    there = torch.from_numpy(x).cuda()
    parts = [torch.randn(n, 10, device="cuda") for n in x.shape]

    def sweep():
        for mode, axes in enumerate(("ijk,jr,kr->ir", "ijk,ir,kr->jr", "ijk,ir,jr->kr")):
            others = [part for k, part in enumerate(parts) if k != mode]
            gram = (others[0].T @ others[0]) * (others[1].T @ others[1])
            parts[mode] = torch.linalg.solve(gram, torch.einsum(axes, there, *others).T).T

    sweep()
    timed("least squares with torch, a sweep", sweep, 3 * there.nbytes / BYTES)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # sweeps are stopped on purpose
    print(torch.__version__, torch.cuda.get_device_name())
    motifs()
    liquid()
    codec()
    factors()
