"""Compile every loop once, on small simulated recordings, so that no later call waits."""

import importlib.util
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import xarray as xr
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import neurokit
from neurokit import clustering, connectomes, datasets, decoders, features, io, tokenizers


def warm() -> None:
    """Go through the families and print what each took; numba keeps what it compiled on disk."""
    for name, work in _works():
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a few sweeps are too few
            work()
        print(f"{name:<12} {time.perf_counter() - start:5.1f} s", flush=True)


def warm_in_background() -> None:
    """Start a process that does `warm` at low priority, outlives this one and says nothing."""
    code = (
        "import os; hasattr(os, 'nice') and os.nice(10);"
        " from neurokit.cli.warm import warm; warm()"
    )
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=quiet,
        stdout=quiet,
        stderr=quiet,
        start_new_session=True,
    )
    print(f"Process {process.pid} compiles all loops in a minute or two, at low priority.")


def _works() -> Iterator[tuple[str, Callable[[], None]]]:
    yield "files", _files
    yield "features", _features
    yield "tokenizers", _tokenizers
    yield "decoders", _decoders
    yield "clustering", _clustering
    yield "connectomes", _connectomes
    if importlib.util.find_spec("torch"):
        yield "networks", _networks


def _files() -> None:
    eeg = datasets.make_eeg(4.0, random_state=0).signal
    with tempfile.TemporaryDirectory() as folder:
        path = io.write_edf(Path(folder) / "warm.edf", eeg)
        io.read_signal(path).isel(time=slice(256)).load()
        from neurokit.io.packed.lossless import compress, decompress

        decompress(compress(path, Path(folder) / "warm.ntok"), Path(folder) / "again.edf")


def _features() -> None:
    trials, _ = datasets.make_motor_imagery(1, 8, n_channels=4, random_state=0)
    counts, _ = _reaching()
    features.LempelZiv().fit_transform(trials)
    features.LiquidState(n_neurons=20, random_state=0).fit_transform(counts)
    estimator = make_pipeline(features.LempelZiv(), LogisticRegression())
    decoders.EarlyExitClassifier(estimator, n_looks=2, cv=2).fit(trials, trials["label"].values)


def _tokenizers() -> None:
    eeg = datasets.make_eeg(4.0, random_state=0).signal
    tokenizer = tokenizers.LinearRVQTokenizer(n_levels=2, codebook_size=8, random_state=0)
    tokens = tokenizer.fit_transform(eeg)
    tokenizer.inverse_transform(tokens)
    _search()
    with tempfile.TemporaryDirectory() as folder:
        io.read_tokens(io.write_tokens(Path(folder) / "warm.ntok", tokens)).load()
        noise = np.random.default_rng(0).integers(0, 256, (1, 4200, 1))  # enough for a plan
        tokens = xr.DataArray(noise, dims=("channel", "frame", "level"))
        io.read_tokens(io.write_tokens(Path(folder) / "noise.ntok", tokens)).load()


def _search() -> None:
    from neurokit.nn.kernels import quantize_quick_cpu as quick
    from neurokit.nn.kernels.quantize_cpu import lay_out

    for n_dims in (16, 128) if quick.has_short_products() else ():
        table = np.ones((1, 64, n_dims), np.float32)
        bias, codes = table[..., 0].copy(), np.zeros((4, 1), np.int64)
        quick.prepare(table, bias, table, *lay_out(table, bias))(table[0, :4].copy(), codes)


def _decoders() -> None:
    counts, velocity = _reaching()
    for decoder in (decoders.WienerRegressor(3), decoders.KalmanRegressor()):
        decoder.fit(counts, velocity).predict(counts)
        decoder.stream().push(counts[:, :2])
    guesses = decoders.WienerRegressor(3).fit(counts, velocity).predict(counts)
    decoders.FIRSmoother(8).fit(guesses, velocity).transform(guesses)
    decoders.BesselFilter(1.0, block=16).fit(counts).transform(counts)
    decoders.DriftDetector(window=20, block=20, n_bootstrap=2, random_state=0).fit(counts)


def _clustering() -> None:
    counts, _ = _reaching()
    counts = counts.isel(time=slice(80))
    for observation in ("negbin", "poisson"):
        clustering.BayesianBiclustering(
            n_factors=1,
            observation=observation,
            max_states=2,
            n_iter=6,
            n_burn=2,
            n_chains=1,
            random_state=0,
        ).fit(counts)
    clustering.SwitchingGLM(n_states=2, n_restarts=1, causal=True, random_state=0).fit(counts)
    jumps = datasets.make_jumps(random_state=0)
    clustering.DwellTimes(noise=0.02, n_bootstrap=2, random_state=0).fit(jumps.labels)


def _connectomes() -> None:
    weights = np.random.default_rng(0).exponential(size=(12, 12))
    weights += weights.T
    np.fill_diagonal(weights, 0.0)
    for kind in ("exponential", "gaussian", "poisson"):
        used = np.rint(weights) if kind == "poisson" else weights
        connectomes.WeightedSBM(kind, n_restarts=1, random_state=0).fit(used)


def _networks() -> None:
    from neurokit.training import Trainer

    counts, velocity = _reaching()
    trainer = Trainer(1, device="cpu")
    for network in (decoders.SpikingRegressor, decoders.RecurrentRegressor):
        fitted = network(hidden=4, trainer=trainer, random_state=0).fit(counts, velocity)
        fitted.predict(counts)
        fitted.stream().push(counts[:, :2])
    eeg = datasets.make_eeg(10.0, random_state=0).signal  # enough to be decoded as many frames
    codec = tokenizers.CodecTokenizer.from_pretrained("eeg-small")
    codec.inverse_transform(codec.transform(eeg))


def _reaching() -> tuple[xr.DataArray, xr.DataArray]:
    session = datasets.make_reaching(10.0, n_units=6, bin_width=0.02, random_state=0)
    counts = neurokit.bin_spikes(session.spikes, 0.02)
    return counts, session.behaviour.sel(feature=["vx", "vy"])[: counts.sizes["time"]]
