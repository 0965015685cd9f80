"""What attention adds to couplings, and which graph can be read off it.

    NEUROKIT_DATA=/path/to/recordings python benchmarks/spike_transformer.py bits [--out FILE]
    python benchmarks/spike_transformer.py graph
    python benchmarks/spike_transformer.py attention

``bits``: bits per spike on contdata95 (bins of 50 ms on the 20 ms clock), first four fifths
against the last fifth, for a generalised linear model with the same history, and for
`SpikeTransformer(observation="count")` over five seeds. ``graph``: thirty units with sparse
couplings and two strong common inputs, 300 s; average precision of the directed graph.
``attention``: the same worlds for the model of events, one spike after the other, by each method.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
from scipy.special import gammaln
from sklearn.metrics import average_precision_score

from neurokit.pretraining import SpikeTransformer
from neurokit.recording import counts
from neurokit.training import Trainer

SEEDS = range(5)


def cortex(path):
    """Counts of contdata95, (unit, time), on the clock of 20 ms a bin."""
    if path is not None:
        return np.load(path)["counts"]
    from scipy.io import loadmat

    folder = Path(os.environ["NEUROKIT_DATA"]) / "spikes_m1_reach_contdata95"
    return loadmat(folder / "contdata95.mat")["Y"].T.astype(np.int64)


def linear_of(model, x, rows=None):
    """Design matrix of the linear model with the history of ``model``, and the counts."""
    from neurokit.pretraining.spiking.learning import design
    from neurokit.pretraining.spiking.reading import read

    pieces = [piece for whole in read(model, x, None, reset=False) for piece in whole.pieces]
    found = design(model.module_, pieces)
    return found, np.concatenate([piece.counts for piece in pieces])


def bits(path, out, n_epochs):
    from neurokit.solvers.wide_glm import PRECISIONS, fit_poisson_wide

    y = cortex(path)
    y = y[y.sum(1) > 0]
    cut = y.shape[1] * 4 // 5
    train, test = (counts(part.astype(float), bin_width=0.02) for part in (y[:, :cut], y[:, cut:]))
    lines = []
    rates = train.values.mean(1)
    truth = test.values.T
    null = (truth * np.log(np.maximum(rates, 1e-12)) - rates - gammaln(truth + 1)).sum()
    keep = [unit for unit in range(len(rates)) if rates[unit] > 0]
    train, test, truth = train.isel(unit=keep), test.isel(unit=keep), truth[:, keep]
    rates = rates[keep]
    null = (truth * np.log(rates) - rates - gammaln(truth + 1)).sum()
    glm_done = False
    for width, depth in ((128, 2), (64, 2)):
        for seed in SEEDS:
            trainer = Trainer(
                n_epochs,
                batch_size=16,
                learning_rate=1e-3,
                weight_decay=0.01,
                validation_fraction=0.1,
                patience=5,
            )
            model = SpikeTransformer(
                *(0.02, 0.2),
                observation="count",
                width=width,
                depth=depth,
                dropout=0.2,
                trainer=trainer,
                random_state=seed,
            ).fit(train)
            if not glm_done:
                x, known = linear_of(model, train)
                scale = np.where(x.std(0) > 0, x.std(0), 1).astype(np.float32)
                x_test = linear_of(model, test)[0]
                for precision in (None, *PRECISIONS):
                    coef = fit_poisson_wide(x / scale, known, precision=precision, max_iter=200)
                    eta = (x_test / scale) @ coef.T
                    gain = (truth * eta - np.exp(eta) - gammaln(truth + 1)).sum() - null
                    row = {
                        "model": "linear",
                        "penalty": precision or "chosen inside the training part",
                        "bits": float(gain / truth.sum() / np.log(2)),
                    }
                    lines.append(row)
                    print(json.dumps(row), flush=True)
                glm_done = True
            row = {
                "model": f"width {width}, depth {depth}",
                "seed": seed,
                "bits": model.score(test),
                "bits, rates of the test": model.score(test, null="test"),
                "epochs": len(model.history_),
                "seconds": sum(entry["seconds"] for entry in model.history_),
            }
            lines.append(row)
            print(json.dumps(row), flush=True)
            if out:
                Path(out).write_text(json.dumps(lines, indent=1))


def hard_world(seed, *, n_units=30, duration=300.0, common=1.0):
    """Units with sparse couplings of .25 to .6 and two common inputs; counts and the graph."""
    rng = np.random.default_rng(seed)
    n_bins = round(duration / 0.01)
    graph = (rng.random((n_units, n_units)) < 0.12) & ~np.eye(n_units, dtype=bool)
    size = rng.uniform(0.25, 0.6, graph.shape) * rng.choice([1, -1], graph.shape, p=[0.7, 0.3])
    coupling = graph * size
    keep = np.exp(-0.01 / 0.1)
    z = np.zeros((n_bins, 2))
    for k in range(1, n_bins):
        z[k] = keep * z[k - 1] + np.sqrt(1 - keep**2) * rng.normal(size=2)
    drive = z @ rng.normal(0, common, (2, n_units))
    level = np.log(rng.uniform(3, 7, n_units) * 0.01) - drive.var(0) / 2
    kernel = np.exp(-np.arange(5) / 2.0)
    delay = rng.integers(1, 3, n_units)
    made = np.zeros((n_bins + 8, n_units))
    for k in range(n_bins):
        heard = np.zeros(n_units)
        for lag, weight in enumerate(kernel):
            at = k - delay - lag
            heard += weight * np.where(at >= 0, made[at, np.arange(n_units)], 0)
        rate = np.exp(np.minimum(level + drive[k] + coupling @ heard, 1.0))
        made[k] = rng.poisson(rate)
    return made[:n_bins], graph


def precision_of(found, graph):
    off = ~np.eye(len(graph), dtype=bool)
    return average_precision_score(graph[off], np.abs(np.asarray(found))[off])


def graphs(n_epochs, common, seeds):
    from scipy.ndimage import gaussian_filter1d
    from sklearn.decomposition import FactorAnalysis

    from neurokit.connectomes.spikes import SpikeConnectivity
    from neurokit.connectomes.spiking import couplings
    from neurokit.pretraining.spiking.factors import fit_factors, infer_factors
    from neurokit.solvers.glm import derivatives, fit_poisson, weighted_grams

    every = {}
    for seed in seeds:
        y, graph = hard_world(seed, common=common)
        x = counts(y.T, bin_width=0.01)
        scores = {}
        for method in ("correlogram", "glm"):
            made = SpikeConnectivity(method, window=0.05).fit(x)
            z = made.coupling_ / ((made.upper_ - made.lower_) / 2)
            scores[method] = precision_of(np.nan_to_num(z).T, graph)
        past = couplings.histories(y, [slice(0, len(y))], float(np.exp(-2 / 5)))
        smooth = gaussian_filter1d(y, 6, axis=0)
        seen = np.ones(y.shape, bool)
        slow = infer_factors(fit_factors([(y, seen)], 2), y, seen)
        for name, factors in (
            ("glm with two factors of smoothed counts", FactorAnalysis(2).fit_transform(smooth)),
            ("glm with the model's two factors", slow),
        ):
            X = np.column_stack([np.ones(len(y)), past, factors])
            start = np.zeros((30, X.shape[1]))
            start[:, 0] = np.log(y.mean(0))
            prior = np.full(X.shape[1], 1.0)
            coef = fit_poisson(X, y, start, prior_precision=prior).coef
            z = np.empty((30, 30))
            for j in range(30):
                _, _, bend = derivatives(X @ coef[j], y[:, j], "exp")
                error = np.linalg.inv(weighted_grams(X, bend[None])[0] + np.diag(prior))
                z[j] = coef[j, 1:31] / np.sqrt(np.diag(error)[1:31])
            scores[name] = precision_of(z, graph)
        for covariates in (None, "population"):
            trainer = Trainer(
                n_epochs, weight_decay=0.01, batch_size=16, validation_fraction=0.1, patience=3
            )
            model = SpikeTransformer(
                *(0.01, 0.05),
                observation="count",
                covariates=covariates,
                width=32,
                depth=1,
                trainer=trainer,
                random_state=seed,
            ).fit(x)
            for method in ("ablation", "gradient"):
                found = model.connectivity(x, method)
                scores[f"{method}, covariates={covariates}"] = precision_of(found, graph)
        print(seed, {name: round(float(value), 3) for name, value in scores.items()}, flush=True)
        for name, value in scores.items():
            every.setdefault(name, []).append(float(value))
    for name, values in every.items():
        print(f"{name:40s} {np.mean(values):.3f} +- {np.std(values):.3f}")
    return every


def attentions(n_epochs, common, seeds):
    every = {}
    for seed in seeds:
        y, graph = hard_world(seed, common=common)
        x = counts(y.T, bin_width=0.01)
        trainer = Trainer(
            n_epochs, weight_decay=0.01, batch_size=16, validation_fraction=0.1, patience=3
        )
        sizes = {"width": 32, "depth": 1, "trainer": trainer, "random_state": seed}
        model = SpikeTransformer(0.01, 0.05, observation="event", **sizes).fit(x)
        for method in ("ablation", "gradient", "attention"):
            found = precision_of(model.connectivity(x, method), graph)
            every.setdefault(method, []).append(float(found))
            print(f"{seed} {method} {found:.3f}", flush=True)
    for name, values in every.items():
        print(f"{name:40s} {np.mean(values):.3f} +- {np.std(values):.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["bits", "graph", "attention"])
    parser.add_argument("--counts", help="npz of counts (unit, time) instead of the recording")
    parser.add_argument("--out")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--common", type=float, default=1.0)
    parser.add_argument("--first", type=int, default=0, help="first seed of the worlds")
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    if given.what == "bits":
        bits(given.counts, given.out, given.epochs)
    elif given.what == "attention":
        attentions(given.epochs, given.common, range(given.first, given.first + given.seeds))
    else:
        graphs(given.epochs, given.common, range(given.first, given.first + given.seeds))
