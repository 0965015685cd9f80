"""From chains to what a user reads: draws, partitions, aligned latents, doubts."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from neurokit.clustering.partitions import posterior_similarity, relabel, summarize_partitions
from neurokit.clustering.sampling.beginning import begin
from neurokit.clustering.sampling.judging import choose_chains
from neurokit.clustering.sampling.model import Chain, Counts, Prior
from neurokit.clustering.sampling.sweep import log_joint, log_likelihood, sweep
from neurokit.metrics.convergence import bulk_ess, rank_rhat
from neurokit.solvers.chains import run_chains
from neurokit.solvers.resuming import fingerprint_of
from neurokit.types import State

Array = NDArray[np.float64]
_WHOLE = 25  # draws of a chain that are kept whole
_LEAST = 4  # sweeps of a trial of a beginning
_MOST_BINS = 500  # whose similarity is worked out
_SCALARS = ("log_likelihood", "n_clusters", "n_states", "largest_cluster", "n_changes")
RHAT, ESS = 1.05, 100.0  # what is asked of chains; the latter of each


class Found(NamedTuple):
    """Draws of all chains."""

    draws: list[list[State]]  # chain, draw
    whole: list[State]
    interrupted: bool


class Told(NamedTuple):
    """What the draws say together."""

    unit_labels: NDArray[np.int64]
    state_labels: NDArray[np.int64]
    unit_similarity: Array
    state_similarity: xr.DataArray
    latents: xr.Dataset
    rhat: dict[str, float]
    ess: dict[str, float]
    agreement: pd.DataFrame
    n_groups: tuple[int, int]
    chains: list[int]  # that the summaries stand on
    whole: list[State]  # draws of these


def run(
    counts: Counts,
    prior: Prior,
    *,
    n_iter: int,
    n_burn: int,
    thin: int,
    n_chains: int,
    checkpoint: Any,
    n_jobs: int | None,
    verbose: int,
    seed: int,
) -> Found:
    """Run all chains, to their end or to Ctrl-C."""
    n_draws = -(-(n_iter - n_burn) // thin)
    every = max(1, n_draws // _WHOLE)

    def init(rng: np.random.Generator) -> State:
        n_trial = min(60, n_burn // 4)  # none where chains are as short as in a first look
        chain = begin(counts, prior, rng, n_trial=n_trial if n_trial >= _LEAST else 0)
        return chain.to_state() | {"n": 0}

    def step(state: State, rng: np.random.Generator) -> tuple[State, float]:
        chain = Chain.from_state(state)
        sweep(chain, counts, prior, rng)
        n = state["n"] + 1
        return chain.to_state() | {"n": n}, log_joint(chain, counts, prior)

    def keep(state: State) -> State:
        chain = Chain.from_state(state)
        draw = _light(chain, counts)
        number = (state["n"] - n_burn - 1) // thin
        if number % every == every - 1 or n_draws < _WHOLE:
            draw["whole"] = _whole(chain)
        return draw

    chains = run_chains(
        init,
        step,
        keep,
        n_chains=n_chains,
        n_steps=n_iter,
        n_burn=n_burn,
        thin=thin,
        random_state=seed,
        n_jobs=n_jobs,
        checkpoint=checkpoint,
        data=fingerprint_of(counts.y, counts.keep, counts.first, tuple(prior)),
        verbose=verbose,
        caller="BayesianBiclustering",
    )
    draws = [chain.draws for chain in chains.chains]
    shortest = min(map(len, draws))
    if not shortest:
        raise RuntimeError(
            "BayesianBiclustering: interrupted before every chain had kept a draw; give a"
            " checkpoint= to go on from where it stops, or a smaller n_burn."
        )
    draws = [chain[:shortest] for chain in draws]
    whole = [draw["whole"] for chain in draws for draw in chain if "whole" in draw]
    if not whole:  # interrupted early
        whole = [_whole(Chain.from_state(chain.state)) for chain in chains.chains]
    return Found(draws, whole, chains.interrupted)


def _light(chain: Chain, counts: Counts) -> State:
    """Keep what every draw is kept as: labels, states as runs, and numbers."""
    changes = np.flatnonzero(np.diff(chain.xi) != 0) + 1
    begins = np.concatenate([[0], changes])
    sizes = np.bincount(chain.z)
    return {
        "unit_label": chain.z.astype(np.int32),
        "dispersion": chain.r.astype(np.float32),
        "start": begins.astype(np.int32),
        "state": chain.xi[begins].astype(np.int16),
        "log_likelihood": log_likelihood(chain, counts),
        "n_clusters": int(chain.n_clusters),
        "n_states": len(np.unique(chain.xi)),
        "largest_cluster": int(sizes.max()),
        "n_changes": len(changes),
        "split_or_merge": float(chain.tallies.get("splits and merges", 0.0)),
    }


def _whole(chain: Chain) -> State:
    """Keep all of a draw, in half the bytes."""
    state = chain.to_state()
    del state["tallies"]
    state["dynamics"] = tuple(part.astype(np.float32) for part in state["dynamics"])
    for name in ("theta", "r", "latents", "beta", "pi", "law"):
        state[name] = state[name].astype(np.float32)
    for name in ("z", "xi"):
        state[name] = state[name].astype(np.int32)
    return state


def widen(draw: State) -> State:
    """Turn a draw that was kept whole into numbers of full width."""
    out: State = {}
    for name, value in draw.items():
        if isinstance(value, tuple):
            out[name] = tuple(part.astype(np.float64) for part in value)
        else:
            out[name] = value.astype(np.int64 if name in ("z", "xi") else np.float64)
    return out


def gather(draws: list[list[State]]) -> xr.Dataset:
    """Stack the draws of all chains."""

    def stack(name: str) -> np.ndarray:
        return np.stack([np.stack([np.asarray(draw[name]) for draw in chain]) for chain in draws])

    flat = [draw for chain in draws for draw in chain]
    variables: State = {
        name: (("chain", "draw", "unit"), stack(name)) for name in ("unit_label", "dispersion")
    }
    for name in (*_SCALARS, "split_or_merge"):
        variables[name] = (("chain", "draw"), stack(name))
    sizes = [[len(draw["start"]) for draw in chain] for chain in draws]
    variables["n_segments"] = (("chain", "draw"), np.array(sizes))
    for name in ("start", "state"):
        joined = np.concatenate([draw[name] for draw in flat])
        variables[f"segment_{name}"] = ("segment", joined)
    return xr.Dataset(variables)


def expand_states(posterior: xr.Dataset, n_times: int) -> NDArray[np.int64]:
    """Return the states of every draw, bin by bin: (n_chains, n_draws, n_times)."""
    sizes = posterior["n_segments"].values
    starts = posterior["segment_start"].values.astype(np.int64)
    labels = posterior["segment_state"].values
    ends = np.append(starts[1:], 0)
    ends[np.cumsum(sizes.ravel()) - 1] = n_times
    return np.repeat(labels, ends - starts).reshape(*sizes.shape, n_times).astype(np.int64)


def summarise(posterior: xr.Dataset, found: Found, counts: Counts) -> Told:
    """Put draws into partitions, similarities, latents and doubts; complete whole draws.

    Doubts are those of all chains, all else is of the chains that predict well.
    """
    n_times = counts.y.shape[1]
    all_units = posterior["unit_label"].values.astype(np.int64)
    all_states = expand_states(posterior, n_times)
    size = len(found.whole) // len(all_units)
    by_chain = [found.whole[k * size : (k + 1) * size] for k in range(len(all_units))]
    chosen = choose_chains(by_chain, counts)
    whole = [draw for k in chosen for draw in by_chain[k]]
    units, states = all_units[chosen], all_states[chosen]
    unit_labels = summarize_partitions(units)
    looked_at = np.unique(np.linspace(0, n_times - 1, min(n_times, _MOST_BINS)).astype(int))
    on_grid = summarize_partitions(states[..., looked_at])
    state_labels = _spread_out(states.reshape(-1, n_times), looked_at, on_grid)
    similarity = xr.DataArray(
        posterior_similarity(states[..., looked_at]),
        dims=("bin", "other"),
        coords={"bin": looked_at, "other": looked_at},
    )
    scalars = {name: posterior[name].values.astype(float) for name in _SCALARS}
    if np.isfinite(posterior["dispersion"]).all():
        scalars["log_dispersion"] = np.log(posterior["dispersion"].values).mean(-1)
    latents = _align(whole, unit_labels)
    n_states = int(state_labels.max()) + 1
    for draw in whole:
        table = np.zeros((draw["pi"].shape[0], n_states))
        np.add.at(table, (draw["xi"], state_labels), 1.0)
        draw["state_of"] = table / np.maximum(table.sum(1, keepdims=True), 1)
    return Told(
        unit_labels=unit_labels,
        state_labels=state_labels,
        unit_similarity=posterior_similarity(units),
        state_similarity=similarity,
        latents=latents,
        rhat={name: rank_rhat(values) for name, values in scalars.items()},
        ess={name: bulk_ess(values) for name, values in scalars.items()},
        agreement=_agreement(all_units, all_states[..., looked_at]),
        n_groups=(int(unit_labels.max()) + 1, n_states),
        chains=chosen.tolist(),
        whole=whole,
    )


def _spread_out(
    states: NDArray[np.int64], looked_at: NDArray[np.int64], on_grid: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Give bins between those looked at the label of those that they mostly stand with."""
    n_times = states.shape[1]
    if len(looked_at) == n_times:
        return on_grid
    n_groups = int(on_grid.max()) + 1
    chosen = states[np.unique(np.linspace(0, len(states) - 1, 200).astype(int))]
    score = np.zeros((n_times, n_groups))
    size = np.bincount(on_grid, minlength=n_groups)
    for row in chosen:
        table = np.zeros((int(row.max()) + 1, n_groups))
        np.add.at(table, (row[looked_at], on_grid), 1.0)
        score += (table / size)[row]
    labels = score.argmax(1)
    labels[looked_at] = on_grid
    return relabel(labels[None])[0]


def _align(whole: list[State], unit_labels: NDArray[np.int64]) -> xr.Dataset:
    """Turn latents of all draws to the axes of one, and tell their mean and spread.

    Each draw's trajectory is centred, its factors are made uncorrelated with unit variance and
    turned to those of the draw whose partition is closest to the summary (Procrustes).
    """
    n_groups = int(unit_labels.max()) + 1
    closeness = [adjusted_rand_score(unit_labels, draw["z"]) for draw in whole]
    reference = whole[int(np.argmax(closeness))]
    _, n_times, q = reference["latents"].shape
    goal = [_own_axes(reference, unit_labels == g)[1] for g in range(n_groups)]
    courses = np.full((len(whole), n_groups, n_times, q), np.nan, np.float32)
    for row, draw in zip(courses, whole, strict=True):
        draw["cluster_of"] = np.full(n_groups, -1, np.int32)
        draw["centre"] = np.zeros((n_groups, q), np.float32)
        draw["turn"] = np.zeros((n_groups, q, q), np.float32)
        for g in range(n_groups):
            j, course, centre, turn = _own_axes(draw, unit_labels == g)
            left, _, right = np.linalg.svd(course[:, 1:].T @ goal[g][:, 1:])
            turn[1:, 1:] = turn[1:, 1:] @ left @ right
            row[g] = (draw["latents"][j] - centre) @ turn
            draw["cluster_of"][g], draw["centre"][g], draw["turn"][g] = j, centre, turn
    low, high = np.quantile(courses, [0.05, 0.95], axis=0)
    dims = ("cluster", "bin", "factor")
    out = xr.Dataset(
        {"mean": (dims, courses.mean(0)), "low": (dims, low), "high": (dims, high)},
        coords={"cluster": np.arange(n_groups), "factor": np.arange(q), "bin": np.arange(n_times)},
    )
    return out.transpose("cluster", "factor", "bin")


def _own_axes(draw: State, members: NDArray[np.bool_]) -> tuple[int, Array, Array, Array]:
    """Find the cluster that holds most of the members, and its trajectory in plain axes."""
    j = int(np.bincount(draw["z"][members]).argmax())
    x = draw["latents"][j].astype(np.float64)
    centre = x.mean(0)
    turn = np.eye(x.shape[1])
    away = x - centre
    turn[0, 0] = 1 / max(float(away[:, 0].std()), 1e-9)
    _, size, right = np.linalg.svd(away[:, 1:], full_matrices=False)
    turn[1:, 1:] = right.T / np.maximum(size, 1e-9) * np.sqrt(len(x))
    return j, away @ turn, centre, turn


def _agreement(units: NDArray[np.int64], states: NDArray[np.int64]) -> pd.DataFrame:
    """Compare every two chains."""
    unit_parts = [summarize_partitions(chain) for chain in units]
    state_parts = [summarize_partitions(chain) for chain in states]
    similar = [posterior_similarity(chain) for chain in units]
    rows = [
        {
            "chain_a": a,
            "chain_b": b,
            "unit_ari": adjusted_rand_score(unit_parts[a], unit_parts[b]),
            "state_ari": adjusted_rand_score(state_parts[a], state_parts[b]),
            "similarity_gap": float(np.abs(similar[a] - similar[b]).max()),
        }
        for a in range(len(units))
        for b in range(a + 1, len(units))
    ]
    names = ["chain_a", "chain_b", "unit_ari", "state_ari", "similarity_gap"]
    return pd.DataFrame(rows, columns=names)


def doubts(rhat: dict[str, float], ess: dict[str, float], n_chains: int) -> str:
    """Say in plain words what speaks against the draws, or nothing."""
    said = []
    name = max(rhat, key=lambda key: np.nan_to_num(rhat[key], nan=np.inf))
    if not rhat[name] <= RHAT:
        what = "differ from each other" if n_chains > 1 else "drift"
        worth = f"{rhat[name]:.2f}" if np.isfinite(rhat[name]) else "unknown"
        said.append(f"the draws {what} (R-hat of {name} is {worth}, at most {RHAT:g} is asked)")
    name = min(ess, key=lambda key: np.nan_to_num(ess[key], nan=0.0))
    if not ess[name] >= ESS * n_chains:
        worth = f"{ess[name]:.0f}" if np.isfinite(ess[name]) else "too few"
        said.append(
            f"they are worth {worth} independent ones for {name} ({ESS * n_chains:g} are asked)"
        )
    return " and ".join(said)
