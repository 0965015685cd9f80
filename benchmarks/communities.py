"""Communities of weighted graphs against planted truth, beside Louvain and Leiden.

    python benchmarks/communities.py [--graphs 20] [--large] [--auto] [--nested]

Planted blocks of 125 nodes with exponential weights; "from truth" is the same model, moved
greedily from the planted partition. Peers: networkx's Louvain, scikit-network's Louvain,
graspologic-native's Leiden (all optional).
"""

import argparse
import time

import numpy as np
import scipy.sparse as sp
from sklearn.metrics import normalized_mutual_info_score as nmi

from neurokit.connectomes import WeightedSBM
from neurokit.connectomes.blocks.search import Search

# blocks, edges within and between, weights within in units of those between
SETTINGS = {
    "a": (5, 0.3, 0.15, 1.5),
    "b": (5, 0.3, 0.15, 3.0),
    "c": (4, 0.05, 0.3, 1.0),
    "d": (3, 0.3, 0.3, 3.0),
    "e": (3, 0.3, 0.3, 1 / 3),
    "f": (3, 0.2, 0.2, 3.0),
    "g": (3, 0.2, 0.2, 1 / 3),
}


def planted(setting, seed, n=125):
    """Draw one graph and its blocks."""
    n_blocks, within, between, ratio = SETTINGS[setting]
    rng = np.random.default_rng(seed)
    block = np.arange(n) * n_blocks // n
    same = block[:, None] == block
    there = rng.random((n, n)) < np.where(same, within, between)
    graph = np.triu(there * rng.exponential(np.where(same, ratio, 1.0)), 1)
    return graph + graph.T, block


def from_truth(graph, block):
    """Move greedily from the planted blocks; returns labels and description length."""
    csr = sp.csr_matrix(graph / graph[graph > 0].mean())
    pieces = csr.indptr.astype(np.int64), csr.indices.astype(np.int64), csr.data, False
    kinds, rng = np.array([0, 1]), np.random.default_rng(0)
    start = block.astype(np.int64)
    return Search(pieces, kinds, False, 60, rng).run(start, int(start.max()) + 1)


def lfr(n, seed, mixing=0.5, degree=25, top=100):
    """Draw a weighted graph in the manner of Lancichinetti and Fortunato (2009).

    Degrees fall as a power of 2, sizes of communities as a power of 1; a share ``mixing`` of each
    node's edges and of its strength (degree to the power 2) goes to other communities.
    """
    rng = np.random.default_rng(seed)
    low = _lower(degree, top)
    k = np.minimum((low / (1 - rng.random(n) * (1 - low / top))).round(), top)
    inside = np.round((1 - mixing) * k).astype(int)
    sizes = []
    while sum(sizes) < n:
        sizes.append(int(np.exp(rng.uniform(np.log(max(low, 20)), np.log(top + 1)))))
    sizes[-1] -= sum(sizes) - n
    if sizes[-1] < 20 and len(sizes) > 1:
        last = sizes.pop()
        sizes[-1] += last
    block = np.full(n, -1)
    room = np.array(sizes)
    for i in np.argsort(-inside):
        fits = np.flatnonzero((room > 0) & (np.array(sizes) > inside[i]))
        fits = fits if len(fits) else np.flatnonzero(room > 0)
        block[i] = rng.choice(fits, p=room[fits] / room[fits].sum())
        room[block[i]] -= 1
    graph = np.zeros((n, n))
    strength = k**2
    for within in (True, False):
        stubs = inside if within else (k - inside).astype(int)
        odds = np.outer(stubs, stubs) * ((block[:, None] == block) == within)
        others = np.maximum(odds.sum(1) / np.maximum(stubs, 1), 1)
        rate = odds / np.sqrt(np.outer(others, others))
        edge = np.triu(rng.random((n, n)) < rate, 1)
        edge = edge | edge.T
        number = np.maximum(edge.sum(1), 1)
        each = (1 - mixing if within else mixing) * strength / number
        graph += edge * np.sqrt(np.outer(each, each))
    return graph, block


def _lower(mean, top):
    """Find the smallest degree for which a power law of exponent 2 has that mean."""
    grid = np.linspace(1, mean, 2000)
    means = grid * np.log(top / grid) / (1 - grid / top + 1e-12)
    return grid[np.argmin(np.abs(means - mean))]


def grouped(seed, within=0.65, near=0.2, far=0.03):
    """Draw 25 blocks of 16 nodes in five groups: edges within blocks, groups, and between."""
    rng = np.random.default_rng(seed)
    fine = np.arange(400) // 16
    rate = np.where(fine[:, None] // 5 == fine // 5, near, far)
    rate = np.where(fine[:, None] == fine, within, rate)
    graph = np.triu((rng.random(rate.shape) < rate) * rng.exponential(size=rate.shape), 1)
    return graph + graph.T, fine


def compare_nested(n_graphs):
    """Print how far groups of blocks help to find small blocks."""
    for within in (0.55, 0.65, 0.75):
        rows = []
        for seed in range(n_graphs):
            graph, fine = grouped(seed, within)
            given = {"degree_corrected": False, "n_restarts": 0, "random_state": seed}
            flat, nested = (WeightedSBM(nested=n, **given).fit(graph) for n in (False, True))
            saved = flat.description_length_ - nested.description_length_
            coarse = nested.levels_[min(1, len(nested.levels_) - 1)]
            row = [nmi(fine, flat.labels_), nmi(fine, nested.labels_), nmi(fine // 5, coarse)]
            rows.append([*row, saved, flat.n_blocks_, nested.n_blocks_])
        flat, nested, coarse, saved, *number = np.mean(rows, axis=0)
        print(
            f"25 blocks in 5 groups, {within:g} within: NMI flat {flat:.3f}, nested {nested:.3f}"
            f" (groups {coarse:.3f}); {saved:.0f} nats shorter; {number[0]:.1f} and"
            f" {number[1]:.1f} blocks",
            flush=True,
        )


def peers(graph, seed):
    """Yield the name and labels of each peer that is installed."""
    try:
        import networkx as nx

        found = nx.community.louvain_communities(nx.from_numpy_array(graph), seed=seed)
        labels = np.empty(len(graph), int)
        for number, members in enumerate(found):
            labels[list(members)] = number
        yield "Louvain (networkx)", labels
    except ImportError:
        pass
    try:
        from sknetwork.clustering import Louvain

        yield (
            "Louvain (scikit-network)",
            Louvain(random_state=seed).fit_predict(sp.csr_matrix(graph)),
        )
    except ImportError:
        pass
    try:
        import graspologic_native as native

        i, j = np.nonzero(np.triu(graph))
        edges = [(str(a), str(b), float(graph[a, b])) for a, b in zip(i, j, strict=True)]
        kwargs = {"resolution": 1.0, "randomness": 0.001, "iterations": 1}
        kwargs |= {"use_modularity": True, "trials": 1, "seed": seed}
        _, found = native.leiden(edges=edges, starting_communities=None, **kwargs)
        yield (
            "Leiden (graspologic-native)",
            np.array([found.get(str(i), -1) for i in range(len(graph))]),
        )
    except ImportError:
        pass


def row(title, values):
    """Print a row of mean NMI and spread."""
    values = np.asarray(values, float)
    print(f"  {title:32s} mean NMI {values.mean():.3f} (sd {values.std():.3f})", flush=True)


def main():
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graphs", type=int, default=20)
    parser.add_argument("--settings", default="abcdefg")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--auto", action="store_true", help="defaults on 2000 nodes too: minutes")
    parser.add_argument("--nested", action="store_true")
    args = parser.parse_args()
    if args.nested:
        compare_nested(args.graphs)
    for setting in args.settings:
        print(setting, SETTINGS[setting])
        scores, took, shorter, told_shorter, number = {}, [], [], [], []
        for seed in range(args.graphs):
            graph, block = planted(setting, seed)
            labels, length = from_truth(graph, block)
            scores.setdefault("from truth", []).append(nmi(block, labels))
            start = time.process_time()
            sbm = WeightedSBM(degree_corrected=False, random_state=seed).fit(graph)
            took.append(time.process_time() - start)
            shorter.append(sbm.description_length_ <= length + 1e-6)
            number.append(sbm.n_blocks_)
            scores.setdefault("WeightedSBM", []).append(nmi(block, sbm.labels_))
            told = WeightedSBM(
                degree_corrected=False, n_blocks=int(block.max()) + 1, random_state=seed
            ).fit(graph)
            scores.setdefault("WeightedSBM, number told", []).append(nmi(block, told.labels_))
            told_shorter.append(told.description_length_ <= length + 1e-6)
            for name, labels in peers(graph, seed):
                scores.setdefault(name, []).append(nmi(block, labels))
        for name, values in scores.items():
            row(name, values)
        print(
            f"  median {np.median(took):.1f} s, {np.mean(number):.1f} blocks; as short as from"
            f" truth in {np.mean(shorter):.0%}, number told {np.mean(told_shorter):.0%}",
            flush=True,
        )
    for n in (500, 2000) if args.large else ():
        scores, took = {}, {}
        contenders = {
            'WeightedSBM("amount")': {"weight": "amount"},
            "WeightedSBM, corrected": {"degree_corrected": True},
            "WeightedSBM, corrected, edges alone": {"weight": None, "degree_corrected": True},
        }
        if n == 500 or args.auto:
            contenders["WeightedSBM()"] = {}
        for seed in range(args.graphs if n == 500 else min(args.graphs, 5)):
            graph, block = lfr(n, seed)
            for name, given in contenders.items():
                start = time.process_time()
                sbm = WeightedSBM(random_state=seed, **given).fit(graph)
                took.setdefault(name, []).append(time.process_time() - start)
                scores.setdefault(name, []).append(nmi(block, sbm.labels_))
            for name, labels in peers((graph > 0).astype(float), seed):
                scores.setdefault(f"{name}, edges alone", []).append(nmi(block, labels))
            for name, labels in peers(graph, seed):
                scores.setdefault(name, []).append(nmi(block, labels))
        print(f"weighted LFR, {n} nodes, {len(np.unique(block))} communities")
        for name, values in scores.items():
            row(name, values)
        for name, seconds in took.items():
            print(f"  {name}: median {np.median(seconds):.1f} s of CPU", flush=True)


if __name__ == "__main__":
    main()
