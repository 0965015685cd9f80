"""Planted motifs at the size of the paper: how many are found, and how fast.

128 units, 144 motifs of 32 spikes over 31 bins, each about once a second, in noise of 10 Hz; found
means in the very bin. The peer for speed is the dense convolution over time that motif networks
run on (``torch.nn.functional.conv1d``), with the same kernels, in turn with ours.

Seeds 100 to 104 are scored; everything was settled on seeds 0 to 2. Where delays jitter, the very
bin is not to be known for sure: a detector that is told the generating model stands beside.

Run with ``python benchmarks/motifs.py``; threads as the environment says (OMP_NUM_THREADS).
"""

import copy
import statistics
import time

import numpy as np
from scipy.ndimage import maximum_filter1d
from scipy.stats import norm

from neurokit import bin_spikes
from neurokit.datasets import make_motifs
from neurokit.decoders import MotifDetector

TEST = 4000
REPEATS = 7
SEEDS = range(100, 105)


def data(n_train, seed, **options):
    spikes, truth = make_motifs(n_steps=n_train + TEST, random_state=seed, **options)
    x, y = bin_spikes(spikes, 0.001), truth["occurrence"]
    train, test = slice(0, n_train), slice(n_train, None)
    parts = x.isel(time=train), y.isel(time=train), x.isel(time=test), y.isel(time=test)
    return *parts, truth["delay"].values


def told(detector, x, delay, reliability=1.0, jitter=0.0):
    """The fitted detector with the log-odds of the model that planted the motifs."""
    n_motifs, n_units, n_delays = detector.kernels_.shape
    rate = np.clip((x.values > 0).mean(0 if x.dims[0] == "time" else 1), 1e-4, None)
    inside = np.zeros((n_motifs, n_units, n_delays))
    for m, u in np.argwhere(delay >= 0):
        edges = np.arange(n_delays + 1) - 0.5 - delay[m, u]
        share = np.diff(norm.cdf(edges / jitter)) if jitter else (edges[:-1] + 0.5 == 0)
        inside[m, u] = reliability * share
    fires = inside + (1 - inside) * rate[None, :, None]
    fires = np.clip(fires, None, 1 - 1e-6)
    silent = np.log((1 - fires) / (1 - rate[None, :, None]))
    twin = copy.copy(detector)
    twin.kernels_ = np.log(fires / rate[None, :, None]) - silent
    twin.silence_ = silent.sum(1)
    twin.membership_ = (inside > 1e-3).astype(float)
    return twin


def hits(found, truth, slack=0):
    """Share of the planted that was found, and of the found that is right, in each motif."""
    wide = maximum_filter1d(truth, 2 * slack + 1, axis=0)
    near = maximum_filter1d(found, 2 * slack + 1, axis=0)
    return (near & truth).sum() / truth.sum(), (found & wide).sum() / max(found.sum(), 1)


def labelled():
    print("with labels: found of planted, right of found: mean and range over seeds; told: the")
    print("same by a detector that knows the generating model; +-1: within a bin of the planted")
    cases = {
        "as in the paper": {},
        "16 members, reliability 0.8": {"n_members": 16, "reliability": 0.8},
        "reliability 0.7, jitter 1 bin": {"reliability": 0.7, "jitter": 1.0},
    }
    for name, options in cases.items():
        for n_train in (5000, 10_000, 20_000):
            rows = []
            for seed in SEEDS:
                x, y, x_new, y_new, delay = data(n_train, seed, **options)
                start = time.perf_counter()
                detector = MotifDetector(min_interval=5 if "jitter" in options else 1).fit(x, y)
                seconds = time.perf_counter() - start
                known = {k: options[k] for k in ("reliability", "jitter") if k in options}
                best = told(detector, x, delay, **known).predict(x_new).values
                found, truth = detector.predict(x_new).values, y_new.values.T
                rows.append((*hits(found, truth), *hits(best, truth), *hits(found, truth, 1)))
                rows[-1] += (*hits(best, truth, 1), seconds)
            rows = np.array(rows)
            mean, low, high = rows.mean(0), rows.min(0), rows.max(0)
            print(
                f"  {name:30s}{n_train / 1000:3.0f} s"
                f"  {mean[0]:.4f} [{low[0]:.4f}, {high[0]:.4f}]"
                f"  {mean[1]:.4f} [{low[1]:.4f}, {high[1]:.4f}]"
                f"  told {mean[2]:.4f} {mean[3]:.4f}"
                f"  +-1: {mean[4]:.4f} {mean[5]:.4f}, told {mean[6]:.4f} {mean[7]:.4f}"
                f"  {np.median(rows[:, 8]):.1f} s",
                flush=True,
            )


def discovered():
    print("without labels: 10 motifs of 15 among 50 units, 3 Hz, 10 s; best F1 at any shift")
    for seed in SEEDS:
        spikes, truth = make_motifs(
            50, 10, n_steps=10_000, n_members=15, motif_rate=3.0, random_state=seed
        )
        x = bin_spikes(spikes, 0.001)
        start = time.perf_counter()
        found = MotifDetector(n_motifs=15).fit(x)
        seconds = time.perf_counter() - start
        begins, planted = found.predict(x).values, truth["occurrence"].values.T
        f1 = [
            max(
                2 * (np.roll(row, -shift) & motif).sum() / (row.sum() + motif.sum())
                for row in begins.T
                for shift in range(-15, 16)
            )
            for motif in planted.T
        ]
        print(
            f"  seed {seed}: {begins.shape[1]} found, F1 mean {np.mean(f1):.3f} least"
            f" {np.min(f1):.3f}, {seconds:.1f} s"
        )


def speed():
    try:
        import torch
    except ImportError:
        print("speed: torch is not installed")
        return
    x, y, x_new, _, _ = data(5000, 0)
    detector = MotifDetector().fit(x, y)
    # the kernels run forward in time, from each bin on: what conv1d computes
    weight = torch.from_numpy(detector.kernels_.astype(np.float32))
    bias = torch.from_numpy((detector.prior_ + detector.silence_.sum(1)).astype(np.float32))
    raster = torch.from_numpy((x_new.values > 0).astype(np.float32))[None]

    def peer():
        with torch.no_grad():
            return torch.nn.functional.conv1d(raster, weight, bias)[0].T.numpy()

    n_whole = TEST - detector.n_delays + 1
    np.testing.assert_allclose(detector.transform(x_new)[:n_whole], peer(), atol=0.01)
    times = {"ours": [], "conv1d": []}
    for _ in range(REPEATS):
        for name, run in (("ours", lambda: detector.transform(x_new)), ("conv1d", peer)):
            start = time.perf_counter()
            run()
            times[name].append(1000 * (time.perf_counter() - start))
    ratios = [b / a for a, b in zip(*times.values(), strict=True)]
    print(
        f"speed, 4 s of spikes: ours {statistics.median(times['ours']):.0f} ms, conv1d"
        f" {statistics.median(times['conv1d']):.0f} ms, ratio {statistics.median(ratios):.1f}"
        f" [{min(ratios):.1f}, {max(ratios):.1f}]"
    )


if __name__ == "__main__":
    speed()
    labelled()
    discovered()
