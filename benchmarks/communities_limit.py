"""What the best possible knowledge says of planted blocks, beside a fit begun at the truth.

    python benchmarks/communities_limit.py [--graphs 20] [--settings ag]

Partitions of the graphs of `communities.py` are drawn from their exact posterior: Gibbs sampling
with the number of blocks and all rates known, which no fit knows. It begins at the truth and, to
see that it forgets where it began, at random, warmed. No estimate can have more to do with the
truth, in the mean over graphs, than the posterior allows: a draw of it is as near to the truth as
to another draw. The consensus (clusters of how often two nodes stand together) is nearer.
"""

import argparse

import numpy as np
from communities import SETTINGS, from_truth, planted
from numba import njit
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score as nmi


def evidence(graph, setting):
    """Give the log-odds of each two nodes to stand in one block, from what joins them."""
    n_blocks, within, between, ratio = SETTINGS[setting]
    edge = np.log(within / ratio) - graph / ratio - (np.log(between) - graph)
    odds = np.where(graph > 0, edge, np.log((1 - within) / (1 - between)))
    np.fill_diagonal(odds, 0)
    return odds, n_blocks


@njit(cache=True)
def draw(odds, labels, n_blocks, n_sweeps, beta, rng, together, kept):
    """Gibbs sampling of labels, in place; sums up who stands together where ``kept`` has rows."""
    n = len(labels)
    field = np.zeros((n, n_blocks))
    for i in range(n):
        for j in range(n):
            field[i, labels[j]] += odds[i, j]
    for step in range(n_sweeps):
        for i in range(n):
            chance = np.exp(beta * (field[i] - field[i].max()))
            u, new = rng.random() * chance.sum() - chance[0], 0
            while u > 0 and new < n_blocks - 1:
                new += 1
                u -= chance[new]
            if new != labels[i]:
                for j in range(n):
                    field[j, labels[i]] -= odds[i, j]
                    field[j, new] += odds[i, j]
                labels[i] = new
        if len(kept):
            for i in range(n):
                for j in range(n):
                    together[i, j] += labels[i] == labels[j]
            if step % 10 == 0:
                kept[step // 10] = labels


def posterior(odds, start, n_blocks, rng, n_sweeps=4000):
    """Return draws of the partition and their consensus."""
    n = len(start)
    labels, together = start.astype(np.int64), np.zeros((n, n))
    draw(odds, labels, n_blocks, n_sweeps // 2, 1.0, rng, together, np.zeros((0, n), np.int64))
    kept = np.zeros((n_sweeps // 10, n), np.int64)
    draw(odds, labels, n_blocks, n_sweeps, 1.0, rng, together, kept)
    values, vectors = np.linalg.eigh(together)
    rows = vectors[:, -n_blocks:] * values[-n_blocks:]
    return kept, KMeans(n_blocks, n_init=10, random_state=0).fit_predict(rows)


def main():
    """Print one row for each setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graphs", type=int, default=20)
    parser.add_argument("--settings", default="ag")
    args = parser.parse_args()
    names = ["greedy from truth", "draws", "two draws", "consensus"]
    names += ["draws, begun at random", "consensus, begun at random"]
    for setting in args.settings:
        rows = []
        for seed in range(args.graphs):
            rng = np.random.default_rng(seed)
            graph, block = planted(setting, seed)
            odds, n_blocks = evidence(graph, setting)
            first, consensus = posterior(odds, block, n_blocks, rng)
            chance, n = rng.integers(n_blocks, size=len(block)), len(block)
            for beta in np.linspace(0.3, 1, 20):
                nothing = np.zeros((n, n)), np.zeros((0, n), np.int64)
                draw(odds, chance, n_blocks, 50, beta, rng, *nothing)
            second, other = posterior(odds, chance, n_blocks, rng)
            half = len(first) // 2
            pairs = zip(first[:half], second[half:], strict=False)
            rows.append(
                [
                    nmi(block, from_truth(graph, block)[0]),
                    np.mean([nmi(block, labels) for labels in first]),
                    np.mean([nmi(a, b) for a, b in pairs]),
                    nmi(block, consensus),
                    np.mean([nmi(block, labels) for labels in second]),
                    nmi(block, other),
                ]
            )
        print(setting, SETTINGS[setting])
        for name, values in zip(names, np.transpose(rows), strict=True):
            error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
            print(f"  {name:28s} NMI {values.mean():.3f} +- {error:.3f}", flush=True)


if __name__ == "__main__":
    main()
