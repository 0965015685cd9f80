"""Populations and states of simulated sessions against the truth, and both sides against one.

    python benchmarks/biclustering.py recovery --observation negbin --seeds 20
    python benchmarks/biclustering.py sides --seeds 10
    python benchmarks/biclustering.py speed
    NEUROKIT_DATA=/path/to/recordings python benchmarks/biclustering.py real

``recovery`` prints one line per seed: adjusted Rand index of units, states found rightly after
matching, modes of the numbers of clusters and states, R-hat, seconds. ``sides`` hides a tenth of
the counts and compares their log predictive probability under the whole model, units only and
states only. ``speed`` times sweeps against units and bins. ``real`` predicts a tenth of the counts
of two recordings, hidden at random, beside laws that take every count as independent; and the same
of counts whose units were shifted in time against each other, all around.
"""

import argparse
import os
import time
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
from scipy import stats
from scipy.io import loadmat
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score

from neurokit.clustering import BayesianBiclustering, summarize_partitions
from neurokit.clustering.sampling.model import Counts, Prior, start
from neurokit.clustering.sampling.summary import expand_states
from neurokit.clustering.sampling.sweep import sweep
from neurokit.datasets import make_biclustering


def accuracy(truth, found):
    table = np.zeros((truth.max() + 1, found.max() + 1))
    np.add.at(table, (truth, found), 1)
    return table[linear_sum_assignment(-table)].sum() / len(truth)


def mode(values):
    names, counts = np.unique(values, return_counts=True)
    return names[counts.argmax()], counts.max() / counts.sum()


def recovery(args):
    rows = []
    print("seed,ari,states_vi,states_pear,clusters,p_clusters,n_states,p_states,rhat_ll,s")
    for seed in range(args.first, args.first + args.seeds):
        counts, truth = make_biclustering(observation=args.observation, random_state=seed)
        model = BayesianBiclustering(
            observation=args.observation,
            n_iter=args.sweeps,
            n_burn=args.sweeps // 2,
            n_chains=args.chains,
            n_jobs=args.jobs,
            random_state=seed,
        )
        begin = time.perf_counter()
        model.fit(counts)
        took = time.perf_counter() - begin
        posterior = model.posterior_
        states = expand_states(posterior, counts.sizes["time"])
        pear = summarize_partitions(states, "pear")
        true = truth["state"].values
        row = [
            adjusted_rand_score(truth["cluster"], model.unit_labels_),
            accuracy(true, model.state_labels_.values),
            accuracy(true, pear),
            *mode(posterior["n_clusters"].values),
            *mode(posterior["n_states"].values),
            model.rhat_["log_likelihood"],
            took,
        ]
        rows.append(row)
        print(seed, *[f"{value:.3g}" for value in row], sep=",", flush=True)
    middle = np.median(rows, axis=0)
    low, high = np.quantile(rows, [0.1, 0.9], axis=0)
    for name, row in (("median", middle), ("10 %", low), ("90 %", high)):
        print(name, *[f"{value:.3g}" for value in row], sep=",")


def sides(args):
    kinds = {"both": {}, "units only": {"max_states": 1}, "states only": {"max_clusters": 1}}
    rows = []
    print("seed,", ",".join(kinds))
    for seed in range(args.first, args.first + args.seeds):
        counts, _ = make_biclustering(24, 400, observation=args.observation, random_state=seed)
        hidden = np.random.default_rng(seed).random(counts.shape) < 0.1
        row = []
        for params in kinds.values():
            model = BayesianBiclustering(
                observation=args.observation,
                n_iter=args.sweeps,
                n_burn=args.sweeps // 2,
                n_chains=1,
                random_state=seed,
                **params,
            )
            model.fit(counts.where(~hidden))
            row.append(model.log_predictive(counts).T.values[hidden].mean())
        rows.append(row)
        print(seed, *[f"{value:.4f}" for value in row], sep=",", flush=True)
    rows = np.array(rows)
    for k, name in enumerate(list(kinds)[1:], 1):
        gain = rows[:, 0] - rows[:, k]
        error = gain.std(ddof=1) / np.sqrt(len(gain))
        print(f"both - {name}: {gain.mean():.4f} +- {error:.4f}, {np.mean(gain > 0):.2f} of seeds")


def speed(args):
    print("units,bins,clusters,ms per sweep (median),10 %,90 %,peak MB")
    for n_units, n_times in ((30, 500), (30, 2000), (30, 10_000), (120, 500), (500, 500)):
        counts, truth = make_biclustering(n_units, n_times, random_state=0)
        y = counts.values.astype(float)
        first = np.zeros(n_times, bool)
        first[0] = True
        data = Counts(y, np.ones(y.shape, bool), first)
        prior, rng = Prior(negbin=args.observation == "negbin"), np.random.default_rng(0)
        chain = start(data, prior, rng, 3)
        chain.z, chain.xi = truth["cluster"].values.astype(int), truth["state"].values.astype(int)
        n = max(5, min(60, 1_500_000 // (n_units * n_times)))
        for _ in range(3):
            sweep(chain, data, prior, rng)
        took = []
        for _ in range(n):
            begin = time.process_time()
            sweep(chain, data, prior, rng)
            took.append(1e3 * (time.process_time() - begin))
        tracemalloc.start()
        sweep(chain, data, prior, rng)
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        low, high = np.quantile(took, [0.1, 0.9])
        print(
            f"{n_units},{n_times},{chain.n_clusters},{np.median(took):.1f},{low:.1f},{high:.1f},"
            f"{peak:.0f}",
            flush=True,
        )


def recordings():
    """Rat CA1 on a linear track (0.5 s), and macaque motor cortex while reaching (50 ms)."""
    folder = Path(os.environ["NEUROKIT_DATA"])
    file = np.load(folder / "hippocampus_tracks_nelpy" / "linear-track.npz")
    edges = np.arange(0, 500.01, 0.5) + file["spike_times"].min()
    names = np.unique(file["unit"])
    track = [np.histogram(file["spike_times"][file["unit"] == name], edges)[0] for name in names]
    yield "track", np.array(track, float)
    cortex = loadmat(folder / "spikes_m1_reach_contdata95" / "contdata95.mat")["Y"][:1000].T
    busiest = np.argsort(-cortex.sum(1))[:40]
    yield "contdata95", np.round(cortex[busiest]).astype(float)


def independent(y, hidden):
    """Log predictive probability of hidden counts under laws of single counts, by unit."""
    out = {"poisson": [], "negbin": []}
    for row, mask in zip(y, hidden, strict=True):
        seen = row[~mask]
        mean = (seen.sum() + 0.5) / (len(seen) + 1)
        excess = max(seen.var() - mean, 1e-3 * mean)
        r = mean**2 / excess
        out["poisson"].append(stats.poisson(mean).logpmf(row[mask]).sum())
        out["negbin"].append(stats.nbinom(r, r / (r + mean)).logpmf(row[mask]).sum())
    return {name: np.array(values) for name, values in out.items()}


def real(args):
    print("set,shift,units,bins,gain over Poisson,gain over negbin,s.e.,clusters,states,rhat,s")
    for name, y in recordings():
        rng = np.random.default_rng(0)
        for shift in range(-1, args.seeds):
            x = y.copy()
            if shift >= 0:
                steps = rng.integers(y.shape[1] // 4, 3 * y.shape[1] // 4, len(y))
                x = np.stack([np.roll(row, step) for row, step in zip(y, steps, strict=True)])
            hidden = np.random.default_rng(7).random(x.shape) < 0.1
            begin = time.perf_counter()
            model = BayesianBiclustering(
                n_iter=args.sweeps, n_burn=args.sweeps // 2, n_chains=args.chains, random_state=0
            )
            model.fit(np.where(hidden, np.nan, x).T)
            took = time.perf_counter() - begin
            found = model.log_predictive(x.T).T
            ours = np.array([row[mask].sum() for row, mask in zip(found, hidden, strict=True)])
            alone, n = independent(x, hidden), hidden.sum()
            gain = ours - alone["negbin"]
            row = [
                (ours - alone["poisson"]).sum() / n,
                gain.sum() / n,
                gain.std(ddof=1) * np.sqrt(len(gain)) / n,
                mode(model.posterior_["n_clusters"].values)[0],
                mode(model.posterior_["n_states"].values)[0],
                model.rhat_["log_likelihood"],
                took,
            ]
            what = "none" if shift < 0 else shift
            print(name, what, *x.shape, *[f"{v:.3g}" for v in row], sep=",", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["recovery", "sides", "speed", "real"])
    parser.add_argument("--observation", default="negbin")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--sweeps", type=int, default=800)
    parser.add_argument("--chains", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    runs = {"recovery": recovery, "sides": sides, "speed": speed, "real": real}
    runs[arguments.what](arguments)
