"""Dynamic connectomes of four worms and a zebrafish, and of planted communities in noise.

    NEUROKIT_DATA=... python benchmarks/connectomes_real.py [worms | fish | planted | ...]

Worms (calcium_celegans_dag2023): neurons joined by name, times laid end to end because the animals
behave freely. Which components exceed shifted units, in how many animals, which follow a
behaviour (circular shifts of the behaviour), and whether communities have more synapses inside
(connectome_celegans) than rewired anatomies of the same degrees. Fish
(calcium_zebrafish_triplett2018): overlap with the assemblies of its authors, against shuffled
ones. Planted (make_dynamic_communities): factor match and adjusted Rand index against noise, with
the default affinity; planted_raw: the smaller of two rates of change in their own unit;
planted_start: fits that begin at the truth.
"""

import csv
import os
import sys
import warnings
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import linear_sum_assignment
from scipy.stats import rankdata
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

import neurokit
from neurokit.connectomes import DynamicConnectome, NonnegativeCP, differential_affinity
from neurokit.datasets import make_dynamic_communities

STEP = 0.6  # s between frames of the worms
BEHAVIOURS = ("velocity", "reversal_vec", "head_angle", "angular_velocity", "pumping")
SEED = 0


def read_worm(path):
    """Traces of the neurons identified with confidence 3 or more, and behaviour."""
    import h5py

    with h5py.File(path) as file:
        values = file["gcamp/trace_array"][()].T
        behaviour = {name: file[f"behavior/{name}"][()] for name in BEHAVIOURS}
    names, columns = [], []
    with Path(f"{path.with_suffix('')}_labels.csv").open() as file:
        for row in csv.DictReader(file):
            sure = float(row["confidence"] or 0) >= 3 and row["LR"] != "undefined"
            sure = sure or row["label"] == row["neuron_class"]
            if sure and row["label"] not in names:
                names.append(row["label"])
                columns.append(int(row["neuron"]) - 1)
    x = neurokit.traces(values[columns], sampling_rate=1 / STEP, ids=names, units="z-score")
    return x, behaviour


def read_anatomy(folder, names):
    """Undirected synapses between identified neurons, summed over two adult animals."""
    place = {name: k for k, name in enumerate(names)}
    total = np.zeros((len(names), len(names)))
    for source in ("white_1986_whole", "witvliet_2020_8"):
        with (folder / f"pumpprobe_aconnectome_{source}.csv").open() as file:
            for row in csv.DictReader(file, delimiter="\t"):
                i, j = place.get(row["pre"]), place.get(row["post"])
                if i is not None and j is not None and i != j:
                    total[i, j] += float(row["synapses"])
                    total[j, i] += float(row["synapses"])
    return total


def shifted_correlation(x, y, rng, n=2000):
    """Rank correlation, and the share of circular shifts of ``y`` with as large a one."""
    a, b = (rankdata(v) - (len(v) + 1) / 2 for v in (x, y))
    scale = np.linalg.norm(a) * np.linalg.norm(b)
    found = a @ b / scale
    shifts = rng.integers(20, len(b) - 20, n)
    null = np.array([a @ np.roll(b, s) / scale for s in shifts])
    return found, (1 + (np.abs(null) >= abs(found)).sum()) / (n + 1)


def worms(folder, n_components=8):
    rng = np.random.default_rng(SEED)
    paths = sorted((folder / "calcium_celegans_dag2023").glob("id_*.h5"))
    held = {path.stem: read_worm(path) for path in paths}
    x = neurokit.stack({name: worm[0] for name, worm in held.items()})
    print(
        f"worms: {x.sizes}, neurons in each {x.notnull().any('time').sum('unit').values.tolist()},"
        f" in at least two {int((x.notnull().any('time').sum('animal') >= 2).sum())}"
    )
    model = DynamicConnectome(n_components, shared_time=False, verbose=0, random_state=SEED).fit(x)
    print(f"relative error {model.model_.error_:.3f}, stability {model.model_.stability_:.2f}")
    courses = model.factors_["time_factor"]
    for k in range(n_components):
        course = courses.isel(component=k)
        share = (course**2).sum("time")
        share = (share / share.sum()).values
        members = model.membership_["unit"].values[model.membership_.values == k]
        print(
            f"component {k}: p {float(model.p_components_[k]):.2f}, share of each animal"
            f" {share.round(2).tolist()} (effective number {1 / (share**2).sum():.1f}), units"
            f" {' '.join(members)}"
        )
        for name in BEHAVIOURS:
            said = []
            for (_, behaviour), own in zip(held.values(), course.values, strict=True):
                first = round(float(courses["time"][0]) / STEP)
                seen = np.nan_to_num(np.asarray(behaviour[name], float)[first : first + len(own)])
                if np.ptp(seen) > 0:  # pumping was not scored in these animals
                    said.append(shifted_correlation(own, seen, rng))
            if sum(p < 0.01 for _, p in said) >= 2:
                values = ", ".join(f"{r:+.2f} (p {p:.3f})" for r, p in said)
                print(f"    follows {name}: {values}")
    found = model.edges_["significant"].values
    known = np.isfinite(model.edges_["z"].values)
    print(f"edges beyond chance: {found.sum() // 2} of {known.sum() // 2}")
    anatomy(folder, model, rng)


def anatomy(folder, model, rng, n_null=500):
    """Synapses inside communities, and along functional edges, against rewired anatomies."""
    import networkx

    names = model.membership_["unit"].values.tolist()
    wires = read_anatomy(folder / "connectome_celegans", names)
    member = model.membership_.values
    inside = (member[:, None] == member) & (member >= 0)
    np.fill_diagonal(inside, False)
    strong = model.edges_["significant"].values
    graph = networkx.from_numpy_array(np.triu(wires > 0))
    print(f"anatomy: {graph.number_of_edges()} connected pairs among {len(names)} neurons")
    for name, mask in (("inside communities", inside), ("along functional edges", strong)):
        count = int(((wires > 0) & mask).sum() / 2)
        null = []
        for k in range(n_null):
            other = graph.copy()
            swaps = 5 * other.number_of_edges()
            networkx.double_edge_swap(
                other, nswap=swaps, max_tries=100 * swaps, seed=int(rng.integers(2**31)) + k
            )
            null.append(
                int((networkx.to_numpy_array(other, nodelist=range(len(names))) * mask).sum() / 2)
            )
        null = np.array(null)
        p = (1 + (null >= count).sum()) / (n_null + 1)
        print(
            f"  {name}: {count} connected pairs of {int(mask.sum() / 2)}, rewired"
            f" {null.mean():.1f} +- {null.std():.1f}, p {p:.3f}"
        )


def fish(folder, n_components=8):
    rng = np.random.default_rng(SEED)
    held = loadmat(folder / "calcium_zebrafish_triplett2018" / "zf_20151104-f1.mat")
    # the file tells no frame rate; one frame is taken as one second
    x = neurokit.traces(held["activity_matrix"], sampling_rate=1.0, units="z-score")
    theirs = [np.ravel(one) - 1 for one in held["detected_assemblies"].ravel()]
    model = DynamicConnectome(n_components, random_state=SEED).fit(x)
    print(f"fish: {x.sizes}, p of components {model.p_components_.values.tolist()}")
    loading = model.factors_["unit_factor"].values
    table = np.empty((len(theirs), n_components))
    for k in range(n_components):
        typical = (loading[:, k] ** 3).sum()
        own = set(np.flatnonzero(loading[:, k] >= 0.5 * typical).tolist())
        for a, members in enumerate(theirs):
            other = set(members.tolist())
            table[a, k] = len(own & other) / len(own | other)
    rows, columns = linear_sum_assignment(-table)
    null = []
    for _ in range(500):
        order = rng.permutation(len(loading))
        scores = np.empty_like(table)
        for k in range(n_components):
            typical = (loading[:, k] ** 3).sum()
            own = set(order[loading[:, k] >= 0.5 * typical].tolist())
            for a, members in enumerate(theirs):
                other = set(members.tolist())
                scores[a, k] = len(own & other) / len(own | other)
        i, j = linear_sum_assignment(-scores)
        null.append(scores[i, j].mean())
    for a, k in zip(rows, columns, strict=True):
        print(f"  assembly of {len(theirs[a])}: component {k}, Jaccard {table[a, k]:.2f}")
    print(
        f"  mean Jaccard {table[rows, columns].mean():.2f}; shuffled units {np.mean(null):.2f},"
        f" at most {np.max(null):.2f} of 500"
    )


def planted(
    kind, normalize, n_surrogates, noises=(0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0), seeds=range(5)
):
    """Ten animals, 60 units, four communities, a fifth of the units missing."""
    print(f"affinity {kind}, normalize {normalize}, seeds {[100 + seed for seed in seeds]}")
    print("noise (dF/F) | factor match | ARI of members | ARI of all units | significant")
    for noise in noises:
        rows = []
        for seed in seeds:
            traces, truth = make_dynamic_communities(noise=noise, random_state=100 + seed)
            options = {"kind": kind, "normalize": normalize, "n_surrogates": n_surrogates}
            model = DynamicConnectome(5, alpha=0.05, random_state=SEED, **options).fit(traces)
            rows.append(planted_scores(model, truth, 2 if kind == "product" else 1))
        table = np.array(rows)
        middle, low = np.median(table, 0), table.min(0)
        cells = [f"{m:.3f} ({worst:.3f})" for m, worst in zip(middle, low, strict=True)]
        print(f"{noise:g} | " + " | ".join(cells), flush=True)


def planted_factors(truth, power=1):
    """True loadings, rates of change and strengths, as an affinity of that power has them."""
    smooth = gaussian_filter1d(truth["activity"].values, 4.0, axis=1, mode="nearest")
    slope = np.abs(np.gradient(smooth, axis=1))[:, 11:-11].T
    factors = np.sqrt(truth["loading"].values), slope, truth["strength"].values
    return [factor**power for factor in factors]


def matched(wanted, found):
    """Mean product of cosines of the true components with their partners, and who those are."""
    match = 1.0
    for a, b in zip(wanted, found, strict=True):
        match = match * ((a / np.linalg.norm(a, axis=0)).T @ (b / np.linalg.norm(b, axis=0)))
    rows, columns = linear_sum_assignment(-match)
    return match[rows, columns].mean(), columns


def planted_scores(model, truth, power=1):
    wanted = planted_factors(truth, power)
    found = [model.factors_[f"{name}_factor"].values for name in ("unit", "time", "animal")]
    match, columns = matched(wanted, found)
    labels, member = truth["community"].values, model.membership_.values
    own = labels >= 0
    return (
        match,
        adjusted_rand_score(labels[own], member[own]),
        adjusted_rand_score(labels, member),
        float(model.significant_.values[columns].sum()),
    )


def planted_start(kind, normalize, noises=(0.1, 0.3), seeds=range(5)):
    """Fits that begin at the truth, beside the best of eight random starts."""
    print(f"affinity {kind}, normalize {normalize}: error and factor match, median (worst)")
    for noise in noises:
        rows = []
        for seed in seeds:
            traces, truth = make_dynamic_communities(noise=noise, random_state=100 + seed)
            affinity = differential_affinity(traces, kind, normalize=normalize)
            wanted = planted_factors(truth, 2 if kind == "product" else 1)
            best = NonnegativeCP(5, n_restarts=8, random_state=SEED).fit(affinity)
            own = NonnegativeCP(5, n_restarts=1, max_iter=1, tol=0, warm_start=True)
            own.set_params(random_state=SEED).fit(affinity)
            for name, factor in zip(("unit", "time", "animal"), wanted, strict=True):
                # the fifth is everywhere: what is left of the noise
                whole = np.concatenate([factor, np.ones((len(factor), 1))], 1)
                own.factors_[f"{name}_factor"].values[:] = whole / np.linalg.norm(whole, axis=0)
            own.factors_["weight"].values[:] = [1, 1, 1, 1, 0.5]
            own.set_params(max_iter=1000, tol=1e-6).fit(affinity)
            for model in (best, own):
                found = [model.factors_[f"{n}_factor"].values for n in ("unit", "time", "animal")]
                rows.append((model.error_, matched(wanted, found)[0]))
        for name, table in (("best of 8", rows[::2]), ("from the truth", rows[1::2])):
            error, match = np.array(table).T
            print(
                f"{noise:g} | {name} | {np.median(error):.4f} ({error.max():.4f}) |"
                f" {np.median(match):.3f} ({match.min():.3f})",
                flush=True,
            )


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    parts = sys.argv[1:] or ["planted", "fish", "worms"]
    folder = Path(os.environ.get("NEUROKIT_DATA", "."))
    if "planted" in parts:
        planted("geometric", "mad", 19)
    if "planted_raw" in parts:
        planted("min", None, 0)  # surrogates of minima take minutes each
    if "planted_start" in parts:
        planted_start("geometric", "mad")
        planted_start("min", None)
    if "fish" in parts:
        fish(folder)
    if "worms" in parts:
        worms(folder)


if __name__ == "__main__":
    main()
