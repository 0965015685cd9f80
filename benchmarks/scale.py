"""Recordings beyond memory: peak memory over length, and speed over workers.

    OMP_NUM_THREADS=1 python benchmarks/scale.py [--hours 0.25 1 4] [--workers 1 2] [--channels 32]

Synthetic EEG (256 Hz, float32) is written to a temporary zarr folder, minute by minute. First
table: each row is a fresh process that warms up on three minutes, then reads the folder lazily,
turns it into tokens and writes them to a ``.ntok`` file; then it reads those lazily, decodes them
and writes the signal to another folder. "Peak" is the largest resident memory of each half,
"growth" how much that is above what was resident after the warm-up. Nothing in it depends on the
length. Second table: tokens of one recording computed by so many worker processes of dask, which
have been started before, in recorded hours per hour, beside one call that has the recording in
memory; all must give the same tokens. Threads (``--scheduler threads``) share one process, but
also Python's lock.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import torch
import xarray as xr
from scipy.signal import lfilter

import neurokit as nk
from neurokit.io import read_tokens, write_tokens
from neurokit.tokenizers import CodecTokenizer, LinearRVQTokenizer

RATE = 256
MINUTE = 60 * RATE


def recording(path, hours, n_channels):
    """Write noise with a falling spectrum and an alpha rhythm, never whole in memory."""

    def minute(block_id=None):
        rng = np.random.default_rng(block_id[1])
        x = lfilter([1], [1, -0.95], rng.normal(size=(n_channels, MINUTE)))
        x += 2 * np.sin(2 * np.pi * 10 * np.arange(MINUTE) / RATE)
        return (5 * x).astype(np.float32)

    chunks = ((n_channels,), (MINUTE,) * round(60 * hours))
    x = da.map_blocks(minute, chunks=chunks, dtype=np.float32, meta=np.zeros((0, 0), np.float32))
    return nk.io.save(path, nk.signal(x, sampling_rate=RATE))


def lazily(path, minutes=None):
    x = nk.io.load(path).isel(time=slice(0, None if minutes is None else minutes * MINUTE))
    return x.chunk(time=MINUTE)


def megabytes():
    """Resident memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def there(tokenizer, x, path):
    write_tokens(path, tokenizer.transform(x))


def back(tokenizer, tokens, path):
    nk.io.save(path, tokenizer.inverse_transform(read_tokens(tokens).chunk(frame=4096)))


def half(job):
    """Seconds, peak and growth in MB of coding or decoding, in this process alone."""
    way, saved, source, target = job
    torch.set_num_threads(1)
    tokenizer = load(saved)
    warm = Path(target).parent / "warm"
    with dask.config.set(scheduler="threads", num_workers=1):
        few = lazily(source, 3) if way == "there" else None
        tokens = warm.with_suffix(".ntok")
        if way == "there":
            there(tokenizer, few, tokens)
        else:
            part = read_tokens(source).isel(frame=slice(0, 4000)).load()
            write_tokens(tokens, part.assign_attrs(signal_samples=-1))
            back(tokenizer, tokens, warm.with_suffix(".zarr"))
        before, start = megabytes(), time.perf_counter()
        if way == "there":
            there(tokenizer, lazily(source), target)
        else:
            back(tokenizer, source, target)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return time.perf_counter() - start, peak, peak - before


def load(saved):
    if saved == "eeg-small":
        return CodecTokenizer.from_pretrained().set_params(device="cpu")
    return LinearRVQTokenizer.load(saved)


def memory(args, known, folder):
    print("| tokenizer | hours | recording MB | encode: peak MB | growth MB | x real time", end="")
    print(" | decode: peak MB | growth MB | x real time |")
    print("|---|---|---|---|---|---|---|---|---|")
    context = multiprocessing.get_context("spawn")
    for hours in args.hours:
        path = recording(folder / "long.zarr", hours, args.channels)
        size = args.channels * hours * 3600 * RATE * 4 / 1e6
        for name, saved in known.items():
            jobs = ("there", saved, path, folder / "long.ntok")
            jobs = jobs, ("back", saved, folder / "long.ntok", folder / "back.zarr")
            row = f"| {name} | {hours:g} | {size:.0f}"
            for job in jobs:
                with context.Pool(1) as pool:
                    seconds, peak, growth = pool.apply(half, (job,))
                row += f" | {peak:.0f} | {growth:.0f} | {3600 * hours / seconds:.0f}"
            print(row + " |", flush=True)


def pool_of(n, scheduler):
    if scheduler == "threads":
        return ThreadPoolExecutor(n)
    return ProcessPoolExecutor(n, multiprocessing.get_context("spawn"))


def warm_up(job):
    """Import, compile and load, as a worker that has been at it for a while."""
    saved, path = job
    torch.set_num_threads(1)
    load(saved).transform(lazily(path, 1).load())


def scaling(args, known, folder):
    print(f"\n| tokenizer | workers ({args.scheduler}) | hours per hour | ratio | same tokens |")
    print("|---|---|---|---|---|")
    path = recording(folder / "short.zarr", args.minutes / 60, args.channels)
    for name, saved in known.items():
        tokenizer = load(saved)
        x = lazily(path)
        whole = x.load()
        start = time.perf_counter()
        tokens = tokenizer.transform(whole)
        first = time.perf_counter() - start
        print(f"| {name} | one call | {60 * args.minutes / first:.0f} | 1 | - |", flush=True)
        for n in args.workers:
            with pool_of(n, args.scheduler) as pool:
                list(pool.map(warm_up, [(saved, path)] * n))
                options = {"scheduler": args.scheduler, "pool": pool, "num_workers": n}
                options |= {"chunksize": 1} if args.scheduler == "processes" else {}
                start = time.perf_counter()
                found = tokenizer.transform(lazily(path)).compute(**options)
                took = time.perf_counter() - start
            same = "yes" if xr.DataArray.identical(found, tokens) else "NO"
            row = f"{60 * args.minutes / took:.0f} | {first / took:.2f} | {same}"
            print(f"| {name} | {n} | {row} |", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hours", type=float, nargs="*", default=[0.25, 1.0, 4.0])
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--minutes", type=int, default=20, help="of the recording for the workers")
    parser.add_argument("--scheduler", choices=["processes", "threads"], default="processes")
    parser.add_argument("--only", choices=["eeg-small", "LinearRVQTokenizer"])
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        x = lazily(recording(folder / "train.zarr", 1 / 20, args.channels)).load()
        linear = LinearRVQTokenizer(random_state=0).fit(x).save(folder / "linear.safetensors")
        known = {"eeg-small": "eeg-small", "LinearRVQTokenizer": linear}
        known = {args.only: known[args.only]} if args.only else known
        if args.hours:
            memory(args, known, folder)
        if args.workers:
            scaling(args, known, folder)


if __name__ == "__main__":
    main()
