"""Work that users meet first, against plain NumPy or the physical limit, in one process.

Prints the median of the processor seconds of both and their ratio; NWB files are in
benchmarks/nwb.py, growth in benchmarks/growth.py.

Run: OMP_NUM_THREADS=1 python benchmarks/slow_places.py
"""

import statistics
import tempfile
import time
import warnings

import numpy as np

import neurokit
import neurokit.io
from neurokit.decoders import FIRSmoother, KalmanRegressor, WienerRegressor
from neurokit.features import BandPower, EuclideanAlignment, LiquidState

REPEATS = 7


def compare(what, ours, peer):
    """Time two calls in turn and print them with their ratio."""
    taken = {ours: [], peer: []}
    for _ in range(REPEATS + 1):
        for call, seconds in taken.items():
            start = time.process_time()
            call()
            seconds.append(time.process_time() - start)
    a, b = (1e3 * statistics.median(seconds[1:]) for seconds in taken.values())
    print(f"{what:58s} {a:9.2f} ms   {b:9.2f} ms   {a / b:6.2f}", flush=True)


def cut_trials(rng):
    for n_channels, n_trials in ((64, 200), (64, 2000), (16, 1000), (1, 1000)):
        x = rng.normal(size=(n_channels, 250 * 1200)).astype(np.float32)
        onsets = np.sort(rng.uniform(5, 1190, n_trials))
        starts, signal = np.round(onsets * 250).astype(int), neurokit.signal(x, sampling_rate=250)
        table = neurokit.events(onsets)
        compare(
            f"epoch, {n_trials} trials of {n_channels} x 250 / a stack of slices",
            lambda signal=signal, table=table: neurokit.epoch(signal, table, tmin=0, tmax=1),
            lambda x=x, starts=starts: np.stack([x[:, s : s + 250] for s in starts]),
        )


def align(rng):
    shapes = ((100, 8, 250), (100, 22, 250), (100, 22, 1000), (100, 64, 500), (40, 128, 1000))
    for n_trials, n_channels, n_times in shapes:
        x = rng.normal(size=(n_trials, n_channels, n_times)).astype(np.float32)

        def plain(x=x):
            covariance = (x @ x.transpose(0, 2, 1)).mean(0) / x.shape[2]
            values, vectors = np.linalg.eigh(covariance)
            return ((vectors * values**-0.5) @ vectors.T) @ x

        compare(
            f"EuclideanAlignment, {n_trials} x {n_channels} x {n_times} / float32 NumPy",
            lambda x=x: EuclideanAlignment().fit_transform(x),
            plain,
        )


def select(rng):
    x = neurokit.signal(rng.normal(size=(32, 256 * 600)).astype(np.float32), sampling_rate=256)
    plain = x.copy().drop_vars("time").assign_coords(time=x["time"].values)
    window, samples = slice(100.0, 110.0), slice(25600, 28161)
    for what, ours in (
        ("sel", lambda: x.sel(time=window)),
        (
            "isel by the index",
            lambda: x.isel(x.xindexes["time"].sel({"time": window}).dim_indexers),
        ),
        ("sel of a plain array of xarray", lambda: plain.sel(time=window)),
    ):
        # a hundred at a time: one is shorter than the clock's step on some systems
        compare(
            f"100 windows by {what} / by isel",
            lambda ours=ours: [ours() for _ in range(100)],
            lambda: [x.isel(time=samples) for _ in range(100)],
        )


def keep(rng):
    x = neurokit.signal(rng.normal(size=(20, 1000)).astype(np.float32), sampling_rate=250)
    named = x.to_dataset(name="signal").assign_coords(time=("time", x["time"].values))
    named = named.drop_attrs()
    with tempfile.TemporaryDirectory() as folder:
        compare(
            "save 20 x 1,000 samples to zarr / xarray, same names",
            lambda: neurokit.io.save(f"{folder}/a.zarr", x),
            lambda: named.to_zarr(f"{folder}/b.zarr", mode="w", consolidated=False),
        )


def weigh(rng):
    x, weights = rng.poisson(1, (3000, 96)).astype(float), rng.normal(size=(96, 200))
    liquid = LiquidState(200, random_state=0, sampling_rate=100.0).fit(x)
    compare(
        "LiquidState, 3,000 x 96 to 200, all of it / the product", lambda: liquid.transform(x),
        lambda: x @ weights,
    )  # fmt: skip
    for n_columns in (2, 100):
        guess = rng.normal(size=(20_000, n_columns))
        smoother = FIRSmoother(32, alpha=1.0).fit(guess[:2000], guess[:2000])
        padded = np.concatenate([guess[:1].repeat(31, 0), guess])
        windows = np.lib.stride_tricks.sliding_window_view(padded, 32, axis=0)
        compare(
            f"FIRSmoother, 20,000 x {n_columns}, 32 taps / strided products",
            lambda smoother=smoother, guess=guess: smoother.transform(guess),
            lambda windows=windows, s=smoother: [
                windows[:, j] @ s.taps_[::-1, j] for j in range(windows.shape[1])
            ],
        )


def fit(rng):
    for n_times, n_units in ((20_000, 60), (10_000, 30), (10_000, 96)):
        z = np.cumsum(rng.normal(size=(n_times, 2)), 0)
        x = rng.poisson(np.exp(0.3 * np.tanh(z @ rng.normal(size=(2, n_units))))).astype(float)
        compare(
            f'WienerRegressor, {n_times:,} x {n_units} x 10 lags, "auto" / fixed',
            lambda x=x, z=z: WienerRegressor(10).fit(x, z),
            lambda x=x, z=z: WienerRegressor(10, alpha=1.0).fit(x, z),
        )
    velocity = 0.1 * np.cumsum(rng.normal(size=(4000, 2)), axis=0) * 0.5
    z = np.concatenate([0.02 * np.cumsum(velocity, 0), velocity], 1)
    x = rng.poisson(np.exp(0.1 * np.tanh(velocity) @ rng.normal(size=(2, 40)))).astype(float)
    x[:, 1:] = 0
    compare(
        "KalmanRegressor, positions that no unit tells / velocities",
        lambda: KalmanRegressor().fit(x, z), lambda: KalmanRegressor().fit(x, z[:, 2:]),
    )  # fmt: skip


def measure_power(rng):
    for n_times in (500, 1000):
        short = rng.normal(size=(5, 16, n_times))
        long = rng.normal(size=(5, 16, 10 * n_times))
        power = BandPower(sampling_rate=250.0).fit(short)
        compare(
            f"BandPower, {n_times * 10} / {n_times} samples",
            lambda power=power, long=long: power.transform(long),
            lambda power=power, short=short: power.transform(short),
        )


def main():
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    print(f"{'':58s} {'neurokit':>12s}   {'peer':>12s}   ratio of times")
    for part in (cut_trials, align, select, keep, weigh, fit, measure_power):
        part(rng)


if __name__ == "__main__":
    main()
