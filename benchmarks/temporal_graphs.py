"""Measures of random graphs in time beside py-tgx's: are they equal, and how do times grow?

    OMP_NUM_THREADS=1 python benchmarks/temporal_graphs.py [--graphs 200]

Needs `py-tgx` (its functions are called on edge lists of steps, each edge once). Chance matches of
unions of sparse codes are simulated, too.
"""

import argparse
import contextlib
import io
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd

from neurokit.metrics import temporal_graph_measures, union_false_match


def draw(rng, n_nodes, n_steps, n_edges):
    """Draw about that many edges in each step, at least one, from a slowly changing set."""
    liked = rng.integers(n_nodes, size=(4 * n_edges, 2))
    steps = []
    for _ in range(n_steps):
        old = liked[rng.integers(len(liked), size=n_edges)]
        new = rng.integers(n_nodes, size=old.shape)
        ends = np.where(rng.random((n_edges, 1)) < 0.8, old, new)
        ends = np.sort(ends[ends[:, 0] != ends[:, 1]], axis=1)
        steps.append({tuple(pair): 1 for pair in (ends if len(ends) else [[0, 1]])})
    return steps


def table(steps):
    """Write edges as rows."""
    rows = [(t, *pair) for t, edges in enumerate(steps) for pair in edges]
    return pd.DataFrame(rows, columns=["time", "source", "target"])


def theirs(stat, steps):
    """Give what py-tgx says of the same graph."""
    nodes = {node for edges in steps for pair in edges for node in pair}
    graph = SimpleNamespace(data=dict(enumerate(steps)), total_nodes=lambda: len(nodes))
    with contextlib.redirect_stdout(io.StringIO()):
        return {
            "degree": stat._calculate_average_degree_per_ts(graph),
            "edges": stat._calculate_edge_per_ts(graph),
            "novelty": stat.get_novelty(graph),
            "reoccurrence": stat.get_reoccurrence(graph),
            "surprise": stat.get_surprise(graph),
            "activity": stat.get_avg_node_activity(graph),
            "engagement": stat.get_avg_node_engagement(graph),
        }


def union_by_simulation(rng, n, w, m, threshold, n_draws=20_000):
    """Draw unions of ``m`` codes and ask how often another code lies in one."""
    found = 0
    for _ in range(n_draws):
        union = np.zeros(n, bool)
        for _ in range(m):
            union[rng.choice(n, w, replace=False)] = True
        found += union[rng.choice(n, w, replace=False)].sum() >= threshold
    return found / n_draws


def main():
    """Print the largest difference, and times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graphs", type=int, default=200)
    args = parser.parse_args()
    from tgx.utils import stat

    worst = 0.0
    for seed in range(args.graphs):
        rng = np.random.default_rng(seed)
        steps = draw(rng, rng.integers(3, 40), rng.integers(8, 60), rng.integers(1, 60))
        found = temporal_graph_measures(table(steps))
        for name, value in theirs(stat, steps).items():
            worst = max(worst, np.abs(found[name].values - value).max())
    print(f"{args.graphs} random graphs, seven measures: largest difference {worst:.1e}")
    for n_steps in (250, 500, 1000, 2000, 4000):
        steps = draw(np.random.default_rng(0), 100, n_steps, 100)
        rows, took = table(steps), {"ours": [], "py-tgx": []}
        for _ in range(3):
            for name, call in (
                ("ours", lambda: temporal_graph_measures(rows)),  # noqa: B023
                ("py-tgx", lambda: theirs(stat, steps)),  # noqa: B023
            ):
                if name == "py-tgx" and n_steps > 1000:
                    continue
                start = time.process_time()
                call()
                took[name].append(time.process_time() - start)
        a = np.median(took["ours"])
        b = np.median(took["py-tgx"]) if took["py-tgx"] else np.nan
        print(f"{n_steps} steps: {1e3 * a:.1f} ms, py-tgx {1e3 * b:.0f} ms ({b / a:.0f} x)")
    rng = np.random.default_rng(0)
    for n, w, m, threshold in ((200, 6, 10, 3), (200, 6, 20, 6), (500, 10, 40, 8)):
        share = union_by_simulation(rng, n, w, m, threshold)
        error = np.sqrt(share * (1 - share) / 20_000)
        said = union_false_match(n, w, m, threshold)
        print(f"union {(n, w, m, threshold)}: {said:.5f}, drawn {share:.5f} +- {error:.5f}")


if __name__ == "__main__":
    main()
