"""Which stimulus was it: the contrastive decoder against regression, ridge and the optimum.

    python benchmarks/retrieval.py [compare] [scaling] [limit] [--seeds 0 1 2 3 4]
    python benchmarks/retrieval.py correlated --seeds 100 101 102 103 104

Simulated responses whose best decoder is known (`StimulusResponses.ideal`, on trials without
outliers). Stimuli of the test are never seen in training; nothing is chosen on them.
"""

import argparse
import time

import numpy as np
import pandas as pd
from sklearn.covariance import LedoitWolf

from neurokit.datasets import make_speech_responses, make_stimulus_responses
from neurokit.decoders import ContrastiveDecoder
from neurokit.encoding import RidgeEncoder
from neurokit.metrics import retrieval_scores, scaling_fit
from neurokit.training import Trainer

KINDS = {"picture": make_stimulus_responses, "speech": make_speech_responses}
VARIANTS = {
    "contrastive": {},
    "same network, squared error": {"loss": "mse"},
    "without clamping": {"clamp": None},
    "without subject layer": {"subject_layer": False},
    "without attention to places": {"attention": False},
}
N_TEST, K = 100, (1, 10)


SMALL = {"n_sources": 16, "n_filters": 24}  # minutes on one core
RECORDED = {
    "picture": {"duration": 0.4, "sampling_rate": 50.0, "snr": 0.2},
    "speech": {"duration": 0.6, "sampling_rate": 40.0, "snr": 0.1},
}


def make(kind, seed, n=300):
    made = KINDS[kind](
        n + N_TEST, n_subjects=3, n_channels=16, outliers=0.01, random_state=seed, **RECORDED[kind]
    )
    test = np.isin(made.trials["stimulus"].values, made.gallery["stimulus"].values[-N_TEST:])
    return made, test


def fit(made, train, seed, n_epochs, device="cpu", **changes):
    trainer = Trainer(n_epochs, batch_size=128, learning_rate=3e-3, device=device)
    decoder = ContrastiveDecoder(trainer=trainer, random_state=seed, **SMALL, **changes)
    return decoder.fit(made.trials[train], made.embeddings[train])


def ridge(made, test):
    """A linear map of each person's own from clamped trials to embeddings, time by time."""
    scale = made.trials.values.std()
    x = np.clip(made.trials.values, -60, 60).reshape(len(made.trials), -1) / min(scale, 60)
    y = made.embeddings.values.reshape(len(x), -1)
    gallery = made.gallery.values[-N_TEST:].reshape(N_TEST, -1)
    gallery = gallery / np.linalg.norm(gallery, axis=1, keepdims=True)
    table = np.empty((int(test.sum()), N_TEST))
    who = made.trials["subject"].values
    for person in np.unique(who):
        own = who == person
        found = RidgeEncoder(np.logspace(1, 6, 6), cv=3, per_target=False)
        found.fit(x[own & ~test], y[own & ~test])
        table[own[test]] = found.predict(x[own & test]) @ gallery.T
    return table


def top(table, made, test):
    names = made.gallery["stimulus"].values[-N_TEST:]
    wanted = made.trials["stimulus"].values[test]
    return retrieval_scores(table, wanted, gallery=names, k=K)["top_k"].values


def compare(seeds, n_epochs, kinds=tuple(KINDS)):
    rows = []
    for kind in kinds:
        for seed in seeds:
            made, test = make(kind, seed)
            best = made.ideal(made.clean[test], made.gallery[-N_TEST:])
            rows.append((kind, "optimum", seed, *top(best.values, made, test), np.nan))
            for name, way in (
                ("ridge of each person", ridge),
                ("likelihood, learnt", plugged_in),
            ):
                rows.append((kind, name, seed, *top(way(made, test), made, test), np.nan))
            for name, changes in VARIANTS.items():
                start = time.process_time()
                decoder = fit(made, ~test, seed, n_epochs, **changes)
                took = time.process_time() - start
                found = decoder.evaluate(made.trials[test], made.embeddings[test], k=K)
                rows.append((kind, name, seed, *found["top_k"].values, took))
                print(*rows[-1], flush=True)
    table = pd.DataFrame(rows, columns=["kind", "decoder", "seed", "top 1", "top 10", "s"])
    grouped = table.groupby(["kind", "decoder"], sort=False)
    spread = grouped[["top 1", "top 10"]].std().add_suffix(" sd")
    print(pd.concat([grouped[["top 1", "top 10", "s"]].mean(), spread], axis=1).round(3))


def plugged_in(made, test):
    """Log likelihood, as the optimum's, of a response model that each person's trials teach."""
    x = np.clip(made.trials.values, -60, 60).reshape(len(made.trials), -1)
    y = made.embeddings.values.reshape(len(x), -1)
    gallery = made.gallery.values[-N_TEST:].reshape(N_TEST, -1)
    table = np.empty((int(test.sum()), N_TEST))
    who = made.trials["subject"].values
    for person in np.unique(who):
        own = who == person
        model = RidgeEncoder(np.logspace(-1, 4, 6), cv=3).fit(y[own & ~test], x[own & ~test])
        noise = LedoitWolf().fit(x[own & ~test] - model.predict(y[own & ~test])).precision_
        apart = x[own & test][:, None] - model.predict(gallery)
        table[own[test]] = -np.einsum("ngi,ij,ngj->ng", apart, noise, apart, optimize=True)
    return table


def limit(seeds, n_epochs, device="cpu", sizes=(300, 1200, 4800)):
    """What is left of the distance to the optimum with more stimuli to learn from (pictures)."""
    rows = []
    for n in sizes:
        for seed in seeds:
            made, test = make("picture", seed, n)
            best = made.ideal(made.clean[test], made.gallery[-N_TEST:]).values
            tables = {"optimum": best, "ridge of each person": ridge(made, test)}
            tables["likelihood, learnt"] = plugged_in(made, test)
            for name, found in tables.items():
                rows.append((n, name, seed, *top(found, made, test)))
            decoder = fit(made, ~test, seed, n_epochs, device=device)
            found = decoder.evaluate(made.trials[test], made.embeddings[test], k=K)
            rows.append((n, "contrastive", seed, *found["top_k"].values))
            print(*rows[-4:], sep="\n", flush=True)
    table = pd.DataFrame(rows, columns=["stimuli", "decoder", "seed", "top 1", "top 10"])
    by = table.groupby(["stimuli", "decoder"], sort=False)[["top 1", "top 10"]]
    print(by.agg(["mean", "std"]).round(3).to_string())


def scaling(seeds, n_epochs):
    rows = []
    for seed in seeds:
        made, test = make("picture", seed)
        stimuli = made.gallery["stimulus"].values[:-N_TEST]
        for n in (40, 80, 150, 300):
            train = np.isin(made.trials["stimulus"].values, stimuli[:n])
            decoder = fit(made, train, seed, n_epochs * 300 // n)
            score = decoder.score(made.trials[test], made.embeddings[test])
            rows.append((seed, int(train.sum()), score))
            print(*rows[-1], flush=True)
    table = pd.DataFrame(rows, columns=["seed", "trials", "top 10"])
    print(table.groupby("trials")["top 10"].agg(["mean", "std"]).round(3))
    print(scaling_fit(table["trials"], table["top 10"]).round(3))
    mean = table.groupby("trials")["top 10"].mean()
    print("r2 of the line:", round(np.corrcoef(np.log10(mean.index), mean)[0, 1] ** 2, 3))


def recode(embeddings, exponent, seed):
    """Mix features, so that the powers of their components fall by ``k^(-2 exponent)``.

    Embeddings of large models are like that. Nothing is lost: the map can be turned back.
    """
    n = embeddings.sizes["feature"]
    turned, _ = np.linalg.qr(np.random.default_rng(seed + 1000).normal(size=(n, n)))
    mixing = turned * np.arange(1.0, n + 1) ** -exponent
    return embeddings.copy(data=np.einsum("ij,sj...->si...", mixing, embeddings.values))


def correlated(seeds, n_epochs):
    """Contrastive loss and squared error on embeddings with correlated features."""
    rows = []
    for kind in KINDS:
        for exponent in (0.0, 0.5, 1.0):
            for seed in seeds:
                made, test = make(kind, seed)
                y = recode(made.embeddings, exponent, seed)
                for loss in ("clip", "mse"):
                    trainer = Trainer(n_epochs, batch_size=128, learning_rate=3e-3, device="cpu")
                    decoder = ContrastiveDecoder(
                        trainer=trainer, random_state=seed, loss=loss, **SMALL
                    )
                    decoder.fit(made.trials[~test], y[~test])
                    found = decoder.evaluate(made.trials[test], y[test], k=K)["top_k"].values
                    rows.append((kind, exponent, loss, seed, *found))
                    print(*rows[-1], flush=True)
    table = pd.DataFrame(rows, columns=["kind", "exponent", "loss", "seed", "top 1", "top 10"])
    by = table.groupby(["kind", "exponent", "loss"], sort=False)[["top 1", "top 10"]]
    print(by.agg(["mean", "std"]).round(3).to_string())
    ahead = table.pivot_table(index=["kind", "exponent", "seed"], columns="loss", values="top 10")
    ahead = (ahead["clip"] - ahead["mse"]).groupby(["kind", "exponent"])
    print(ahead.agg(["mean", "sem", "min"]).round(3).to_string())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["compare", "scaling"])
    parser.add_argument("--seeds", type=int, nargs="*", default=range(5))
    parser.add_argument("--epochs", type=int, default=15)
    given = parser.parse_args()
    for part in given.parts:
        does = {"compare": compare, "scaling": scaling, "correlated": correlated, "limit": limit}
        does[part](given.seeds, given.epochs)
