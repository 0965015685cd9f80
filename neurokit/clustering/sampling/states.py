"""The hidden chain: sticky hierarchical Dirichlet process, cut off at L states.

    beta ~ Dir(gamma / L, ...);  pi_j ~ Dir(alpha beta + kappa e_j);  xi_t ~ pi_{xi_{t-1}}
    alpha + kappa ~ Gamma;  kappa / (alpha + kappa) ~ Beta;  gamma ~ Gamma

(Fox, Sudderth, Jordan and Willsky 2011, Ann. Appl. Stat. 5, 1020-1056, algorithm 3 and its
supplement on the concentrations). The first state of a run is uniform.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from neurokit.solvers.crt import sample_tables
from neurokit.solvers.hmm import draw_paths

Array = NDArray[np.float64]


class Concentrations(NamedTuple):
    """How many states there are to be, and how long one lasts."""

    alpha: float
    gamma: float
    kappa: float


class Hyper(NamedTuple):
    """Laws of the concentrations: shape and rate, or both counts of a beta law."""

    total: tuple[float, float]  # of alpha + kappa
    share: tuple[float, float]  # of kappa in it
    gamma: tuple[float, float]

    def draw(self, rng: np.random.Generator) -> Concentrations:
        """Draw all three."""
        total = rng.gamma(self.total[0]) / self.total[1]
        share = rng.beta(*self.share)
        gamma = rng.gamma(self.gamma[0]) / self.gamma[1]
        return Concentrations(total * (1 - share), gamma, total * share)


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
    law: Concentrations,
    rng: np.random.Generator,
    hyper: Hyper | None = None,
) -> tuple[Array, Array, Concentrations]:
    """Draw beta, pi and, where they have a law, the concentrations, given the counts of steps.

    The tables of a restaurant count customers who came for the sticky dish too, so their
    concentration holds kappa; those who overrode are taken out afterwards.
    """
    n_states = len(beta)
    alpha, gamma, kappa = law
    base = alpha * beta + kappa * np.eye(n_states)
    tables = sample_tables(counts, np.maximum(base, 1e-300), rng)
    stay = np.diag(tables)
    override = rng.binomial(stay, kappa / (kappa + alpha * beta)) if kappa > 0 else 0 * stay
    considered = tables.sum(0) - override
    if hyper is not None:
        n_tables, n_sticky = int(tables.sum()), int(override.sum())
        law = _draw_law(counts.sum(1), n_tables, n_sticky, considered, law, hyper, rng)
        alpha, gamma, kappa = law
    beta = dirichlet(gamma / n_states + considered, rng)
    rows = [
        dirichlet(alpha * beta + kappa * (np.arange(n_states) == j) + counts[j], rng)
        for j in range(n_states)
    ]
    return beta, np.stack(rows), law


def _draw_law(
    customers: NDArray[np.int64],
    n_tables: int,
    n_sticky: int,
    considered: NDArray[np.int64],
    law: Concentrations,
    hyper: Hyper,
    rng: np.random.Generator,
) -> Concentrations:
    """Draw the concentrations given tables, beta and pi integrated out."""
    total = max(law.alpha + law.kappa, 1e-10)
    n = customers[customers > 0]
    left = np.log(np.maximum(rng.beta(total + 1, n), 1e-300)).sum()
    ones = (rng.random(n.shape) < n / (n + total)).sum()
    total = rng.gamma(hyper.total[0] + n_tables - ones) / (hyper.total[1] - left)
    share = rng.beta(hyper.share[0] + n_sticky, hyper.share[1] + n_tables - n_sticky)
    share = min(max(share, 1e-10), 1 - 1e-10)
    a, b = hyper.gamma

    def log_density(u: float) -> float:
        gamma, some = np.exp(u), considered[considered > 0]
        value = a * u - b * gamma + gammaln(gamma) - gammaln(gamma + considered.sum())
        part = gamma / len(considered)
        return float(value + (gammaln(part + some) - gammaln(part)).sum())

    gamma = float(np.exp(_slice(log_density, float(np.log(law.gamma)), rng)))
    return Concentrations(float(total * (1 - share)), gamma, float(total * share))


def _slice(log_density: Callable[[float], float], u: float, rng: np.random.Generator) -> float:
    """Draw by a slice sampler of unit width (Neal 2003, Ann. Stat. 31, 705-767)."""
    level = log_density(u) - rng.standard_exponential()
    low = u - rng.random()
    high = low + 1.0
    for _ in range(50):
        if log_density(low) <= level:
            break
        low -= 1.0
    for _ in range(50):
        if log_density(high) <= level:
            break
        high += 1.0
    while high - low > 1e-12:
        v = low + (high - low) * rng.random()
        if log_density(v) > level:
            return v
        low, high = (v, high) if v < u else (low, v)
    return u


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
