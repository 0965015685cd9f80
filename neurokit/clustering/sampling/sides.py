"""One cluster with any units: its trajectory around the mode, loadings, densities."""

import numpy as np
from numpy.typing import NDArray

from neurokit.clustering.sampling.dynamics import (
    Dynamics,
    chain_precision,
    log_trajectories,
)
from neurokit.clustering.sampling.latents import around_mode
from neurokit.clustering.sampling.loadings import draw_student, fit_loading, log_student
from neurokit.clustering.sampling.model import Chain, Counts, Prior
from neurokit.clustering.sampling.splits import log_units
from neurokit.solvers.gaussian_states import log_density, solve

Array = NDArray[np.float64]
Law = tuple[Array, Array, Array]  # mode, and the two parts of the factor


def dynamics_of(chain: Chain, j: int) -> Dynamics:
    """Return the dynamics of one cluster."""
    return Dynamics(chain.dynamics.weight[j], chain.dynamics.noise[j])


class Side:
    """Trajectories and loadings of any units under any dynamics, the states as they are."""

    def __init__(self, chain: Chain, counts: Counts, prior: Prior) -> None:
        self.chain, self.counts, self.prior = chain, counts, prior

    def law(self, dynamics: Dynamics, units: NDArray[np.int64], theta: Array) -> Law | None:
        """Find the Gaussian around the mode of the trajectory that units ask for."""
        inverse = np.linalg.inv(dynamics.noise)
        y, keep, first = self.counts
        terms = chain_precision(dynamics.weight, inverse, self.chain.xi, first)
        mode, own, back, ok = around_mode(y, keep, self.chain.r, theta, units, *terms)
        return (mode, own, back) if ok else None

    def log_side(
        self, dynamics: Dynamics, latent: Array, units: NDArray[np.int64], theta: Array
    ) -> float:
        """Return the log density of a trajectory, its units' loadings and counts."""
        wide = Dynamics(dynamics.weight[None], dynamics.noise[None])
        value = log_trajectories(latent[None], wide, self.chain.xi, self.counts.first)
        return value + log_units(units, theta, latent, self.chain, self.counts, self.prior)

    def draw_loadings(
        self, units: NDArray[np.int64], latent: Array, theta: Array, rng: np.random.Generator
    ) -> float | None:
        """Draw loadings under a trajectory, in place; return their log density."""
        return self._loadings(units, latent, theta, rng)

    def log_loadings(self, units: NDArray[np.int64], latent: Array, theta: Array) -> float | None:
        """Return the log density of these loadings under a trajectory."""
        return self._loadings(units, latent, theta, None)

    def _loadings(
        self,
        units: NDArray[np.int64],
        latent: Array,
        theta: Array,
        rng: np.random.Generator | None,
    ) -> float | None:
        q, total = self.prior.q, 0.0
        mode, root = np.zeros(q), np.zeros((q, q))
        for j in units:
            y, keep, r = self.counts.y[j], self.counts.keep[j], self.chain.r[j]
            evidence = fit_loading(y, keep, r, latent, self.prior.precision, mode, root)
            if not np.isfinite(evidence):
                return None
            if rng is not None:
                draw_student(mode, root, rng, theta[j])
            total += log_student(theta[j], mode, root)
        return total


def draw_trajectory(law: Law, rng: np.random.Generator) -> Array:
    """Draw from the Gaussian around a mode."""
    mode, own, back = law
    noise = rng.standard_normal(mode.shape)
    return np.asarray(mode + solve(own, back, np.zeros_like(mode), noise))


def log_trajectory(law: Law, x: Array) -> float:
    """Return the log density of the Gaussian around a mode."""
    return float(log_density(law[1], law[2], law[0], x))
