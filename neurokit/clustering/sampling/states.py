"""The hidden chain: sticky hierarchical Dirichlet process, cut off at L states.

    beta ~ Dir(gamma / L, ...);  pi_j ~ Dir(alpha beta + kappa e_j);  xi_t ~ pi_{xi_{t-1}}

(Fox, Sudderth, Jordan and Willsky 2011, Ann. Appl. Stat. 5, 1020-1056, algorithm 3). The first
state of a run is uniform.
"""

import numpy as np
from numpy.typing import NDArray

from neurokit.solvers.crt import sample_tables
from neurokit.solvers.hmm import draw_paths

Array = NDArray[np.float64]


def count_steps(
    xi: NDArray[np.int64], first: NDArray[np.bool_], n_states: int
) -> NDArray[np.int64]:
    """Count the steps from state to state inside runs: (L, L)."""
    inside = ~first[1:]
    counts = np.zeros((n_states, n_states), np.int64)
    np.add.at(counts, (xi[:-1][inside], xi[1:][inside]), 1)
    return counts


def draw_transitions(
    counts: NDArray[np.int64],
    beta: Array,
    alpha: float,
    gamma: float,
    kappa: float,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Draw (beta, pi) given the counts of steps.

    The tables of a restaurant count customers who came for the sticky dish too, so their
    concentration holds kappa; those who overrode are taken out afterwards.
    """
    n_states = len(beta)
    base = alpha * beta + kappa * np.eye(n_states)
    tables = sample_tables(counts, np.maximum(base, 1e-300), rng)
    stay = np.diag(tables)
    override = rng.binomial(stay, kappa / (kappa + alpha * beta)) if kappa > 0 else 0 * stay
    considered = tables.sum(0) - override
    beta = dirichlet(gamma / n_states + considered, rng)
    rows = [
        dirichlet(alpha * beta + kappa * (np.arange(n_states) == j) + counts[j], rng)
        for j in range(n_states)
    ]
    return beta, np.stack(rows)


def dirichlet(concentration: Array, rng: np.random.Generator) -> Array:
    """Draw from a Dirichlet law, also where concentrations are tiny."""
    a = np.maximum(concentration, 1e-300)
    # Gamma(a) = Gamma(a + 1) U^(1 / a), in logs: no underflow to a row of zeros
    logs = np.log(rng.standard_gamma(a + 1)) + np.log(1 - rng.random(a.shape)) / a
    weights = np.exp(logs - logs.max())
    return weights / weights.sum()


def draw_states(
    log_density: Array, pi: Array, first: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw the states of all runs given the log density (T, L) of steps under states."""
    n_times, n_states = log_density.shape
    starts = np.append(np.flatnonzero(first), n_times)
    uniform = np.full(n_states, 1 / n_states)
    # a step that is all but impossible stays possible
    paths = draw_paths(log_density, np.maximum(pi, 1e-300), uniform, starts, random_state=rng)
    return paths[0]
