"""Score decoders on NeuroBench's primate reaching task, and write its table."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from sklearn.base import BaseEstimator

from neurokit.atomic import atomic_path
from neurokit.cli.bench.recordings import RATE, Recording, find_recordings, read_recording
from neurokit.cli.bench.rows import Rows

_WINDOW = 0.2  # s that the linear decoder looks back, as the dense baselines do


def decoders() -> dict[str, Callable[[], BaseEstimator]]:
    """Return what makes each decoder of the table."""
    from sklearn.pipeline import make_pipeline

    from neurokit.decoders import (
        KalmanRegressor,
        RecurrentRegressor,
        SpikingRegressor,
        WienerRegressor,
        WindowMLPRegressor,
    )
    from neurokit.features import LegendreHistory

    made: dict[str, Callable[[], BaseEstimator]] = {
        "wiener": lambda: make_pipeline(LegendreHistory(3, _WINDOW), WienerRegressor(1)),
        "kalman": KalmanRegressor,
        "ann2d": WindowMLPRegressor,
        "ann3d": lambda: WindowMLPRegressor(n_parts=7),
        "spiking": SpikingRegressor,
    }
    for preset in ("snn2", "snn3d", "streaming", "tiny", "big"):
        made[preset] = lambda preset=preset: SpikingRegressor(preset=preset)  # type: ignore[misc]
    for cell in ("gru", "lstm", "elm"):
        made[cell] = lambda cell=cell: RecurrentRegressor(cell)  # type: ignore[misc]
    return made


DECODERS = (  # those of `decoders`, so that --help need not load them
    "wiener",
    "kalman",
    "ann2d",
    "ann3d",
    "spiking",
    "snn2",
    "snn3d",
    "streaming",
    "tiny",
    "big",
    "gru",
    "lstm",
    "elm",
)
_SEEDLESS = ("wiener", "kalman")
FILTERS = (
    "none",
    "bessel-causal",
    "bessel-last",
    "bessel-middle",
    "bessel-offline",
    "fir",
    "fir-late",
)


def smoother(name: str) -> BaseEstimator:
    """Make the filter of a name: 32 predictions, 6.25 Hz, as in the Bessel paper."""
    from neurokit.decoders import BesselFilter, FIRSmoother

    kind, _, mode = name.partition("-")
    if kind == "fir":
        return FIRSmoother(32, delay=16 if mode == "late" else 0)
    full = {"last": "block_last", "middle": "block_middle"}
    return BesselFilter(6.25, mode=full.get(mode, mode), block=32)


def evaluate(
    recording: Recording,
    decoder: str,
    *,
    filters: Sequence[str] = ("none",),
    seed: int = 0,
    epochs: int | None = None,
    count: int | None = None,
    device: str = "auto",
) -> Iterator[dict[str, object]]:
    """Train a decoder on one recording, and yield a row of figures for each filter behind it.

    The decoder learns from the training part, a fitted filter from predictions for the validation
    part, and both are scored on the test part, where they begin from rest.

    Parameters
    ----------
    recording : Recording
    decoder : str
        One of ``DECODERS``.
    filters : sequence of str, default=("none",)
        Some of ``FILTERS``.
    seed : int, default=0
        Seed of the network.
    epochs : int, optional
        How long the network trains. Default: its own number.
    count : int, optional
        Test steps on which operations are counted. Default: all.
    device : str, default="auto"
        To train on.

    Yields
    ------
    dict
        ``recording``, ``decoder``, ``filter``, ``seed``, ``epochs``, ``count``; and the columns
        ``_bench_rows.FIGURES``.
    """
    from neurokit.metrics.footprint import footprint, with_filter
    from neurokit.metrics.regression import decoding_r2

    estimator = decoders()[decoder]()
    if decoder not in _SEEDLESS:
        trainer = estimator.make_trainer()
        trainer.set_params(n_epochs=epochs or trainer.n_epochs, device=device)
        estimator.set_params(trainer=trainer, random_state=seed)
    begun = time.perf_counter()
    parts = (recording.train, recording.validation, recording.test)
    x, y = (
        [whole.isel(time=part) for part in parts]
        for whole in (recording.counts, recording.velocity)
    )
    estimator.fit(x[0], y[0])
    took = time.perf_counter() - begun
    held, guess = estimator.predict(x[1]), estimator.predict(x[2])
    cost = footprint(estimator, x[2].isel(time=slice(0, count)))
    for name in filters:
        made, spent, waits, delay = guess, cost, 0.0, 0.0
        if name != "none":
            after = smoother(name).fit(held, y[1].values)
            made, spent = after.transform(guess), with_filter(cost, after)
            # one that needs the future has no wait to speak of, and is aligned as it is
            waits = after.latency_ if np.isfinite(after.latency_) else float("nan")
            delay = after.group_delay_ if np.isfinite(after.group_delay_) else 0.0
        score = decoding_r2(y[2], made, delay=delay)
        yield {
            "recording": recording.name,
            "decoder": decoder,
            "filter": name,
            "seed": seed,
            "epochs": epochs,
            "count": count,
            "r2": float(score.realtime),
            "r2_aligned": float(score.aligned),
            "waits_s": float(waits),
            "footprint": int(spent["bytes"]),
            "execution_rate": RATE,
            "connection_sparsity": float(spent["connection_sparsity"]),
            "activation_sparsity": float(spent["activation_sparsity"]),
            "dense": float(spent["dense"]),
            "macs": float(spent["macs"]),
            "acs": float(spent["acs"]),
            "membrane_updates": float(spent["membrane_updates"]),
            "n_test": recording.test.stop - recording.test.start,
            "fit_s": round(took, 2),
        }


def run(
    folder: str | os.PathLike[str],
    *,
    decoders: Sequence[str],
    filters: Sequence[str],
    seeds: int = 1,
    epochs: int | None = None,
    count: int | None = None,
    device: str = "auto",
    out: str | os.PathLike[str] | None = None,
) -> None:
    """Score decoders on the recordings of a folder, and print the table.

    Each row is written when it is known; rows that the file already holds are not made again. A
    file that cannot be read is warned of, and the others are scored.

    Parameters
    ----------
    folder : path-like
    decoders, filters : sequence of str
    seeds : int, default=1
        Networks are trained so often; what has no seed is fitted once.
    epochs, count, device : as in `evaluate`
    out : path-like, optional
        ``.csv`` or ``.json``. The leaderboard's rows go to a ``.rst`` beside it.

    Raises
    ------
    OSError
        If nothing could be scored.
    """
    from tqdm.auto import tqdm

    from neurokit.cli.bench.table import N_TEST, as_rst, as_text

    results = Rows(out)
    found, missing = find_recordings(folder)
    shared = {"epochs": epochs, "count": count}
    wanted = [(d, s) for d in decoders for s in range(seeds if d not in _SEEDLESS else 1)]
    failed: list[str] = []
    with tqdm(total=len(found) * len(wanted), unit="fit", disable=None) as bar:
        for name, path in found.items():
            mine = [
                (decoder, seed, left)
                for decoder, seed in wanted
                if (
                    left := [
                        f
                        for f in filters
                        if not results.known(
                            recording=name, decoder=decoder, filter=f, seed=seed, **shared
                        )
                    ]
                )
            ]
            bar.update(len(wanted) - len(mine))
            if not mine:
                continue
            try:
                recording = read_recording(path)
            except OSError as error:
                failed.append(name)
                warnings.warn(f"{error} It is left out.", stacklevel=2)
                bar.update(len(mine))
                continue
            n_test = recording.test.stop - recording.test.start
            if n_test != N_TEST[name]:
                warnings.warn(
                    f"{path}: has {n_test:,} test samples and the published recording"
                    f" {N_TEST[name]:,}; the published figures are not of these data.",
                    stacklevel=2,
                )
            for decoder, seed, left in mine:
                bar.set_description(f"{name} {decoder}, seed {seed}")
                made = evaluate(
                    recording,
                    decoder,
                    filters=left,
                    seed=seed,
                    epochs=epochs,
                    count=count,
                    device=device,
                )
                for row in made:
                    results.add(row)
                bar.update()
    scored = set(found) - set(failed)
    chosen = [
        row
        for row in results.rows
        if row["recording"] in scored
        and row["decoder"] in decoders
        and row["filter"] in filters
        and row["seed"] < seeds
        and all(row[k] == v for k, v in shared.items())
    ]
    if not chosen:
        raise OSError(f"{folder}: none of {', '.join(found)} could be read; copy them again.")
    print(as_text(chosen))
    if absent := missing + failed:
        print(f"Not scored, so not in the means: {', '.join(absent)}.")
    if results.path is not None:
        beside = results.path.with_suffix(".rst")
        with atomic_path(beside) as part:
            part.write_text(as_rst(chosen))
        print(f"{results.path}, {beside}")
