"""One cluster with any units: its trajectory around the mode, loadings, densities."""

import numpy as np
from numpy.typing import NDArray

from neurokit.clustering.sampling.dynamics import (
    Dynamics,
    chain_precision,
    log_trajectories,
)
from neurokit.clustering.sampling.latents import around_mode
from neurokit.clustering.sampling.loadings import Fits, fit_units
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
        inverse = np.asarray(np.linalg.inv(dynamics.noise), np.float64)
        y, keep, first = self.counts
        terms = chain_precision(dynamics.weight, inverse, self.chain.xi, first)
        mode, own, back, ok = around_mode(y, keep, self.chain.r, theta, units, *terms)
        return (mode, own, back) if ok else None

    def log_side(
        self, dynamics: Dynamics, latent: Array, units: NDArray[np.int64], theta: Array
    ) -> float:
        """Return the log density of a trajectory, its units' loadings and counts."""
        value = self.log_course(dynamics, latent)
        return value + log_units(units, theta, latent, self.chain, self.counts, self.prior)

    def log_course(self, dynamics: Dynamics, latent: Array) -> float:
        """Return the log density of a trajectory."""
        wide = Dynamics(dynamics.weight[None], dynamics.noise[None])
        return log_trajectories(latent[None], wide, self.chain.xi, self.counts.first)

    def fit(self, units: NDArray[np.int64], latent: Array) -> Fits:
        """Fit units to a trajectory."""
        data = (self.counts.y[units], self.counts.keep[units], self.chain.r[units])
        return fit_units(*data, latent, self.prior.precision)


def draw_trajectory(law: Law, rng: np.random.Generator) -> Array:
    """Draw from the Gaussian around a mode."""
    mode, own, back = law
    noise = rng.standard_normal(mode.shape)
    return np.asarray(mode + solve(own, back, np.zeros_like(mode), noise))


def log_trajectory(law: Law, x: Array) -> float:
    """Return the log density of the Gaussian around a mode."""
    return float(log_density(law[1], law[2], law[0], x))
