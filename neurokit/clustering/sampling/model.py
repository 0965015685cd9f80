"""What a chain is given, and what it carries from sweep to sweep."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurokit.clustering.sampling.dynamics import Dynamics, Wishart, draw_dynamics
from neurokit.clustering.sampling.partition_prior import log_partition_weights
from neurokit.clustering.sampling.states import Concentrations, Hyper, dirichlet
from neurokit.types import State

Array = NDArray[np.float64]


class Counts(NamedTuple):
    """The data: counts of units in bins, what is missing, where runs begin."""

    y: Array  # (N, T), 0 where missing
    keep: NDArray[np.bool_]  # (N, T)
    first: NDArray[np.bool_]  # (T,)


class Prior(NamedTuple):
    """Every constant of the model; the defaults are those of the paper's simulation."""

    n_factors: int = 2
    negbin: bool = True
    n_states: int = 10
    max_clusters: int | None = None
    stop: float = 0.2  # of the geometric law of the number of components
    concentration: float = 1.0  # of the weights of components
    alpha: float = 5.0  # these three where a chain begins, or for good
    gamma: float = 5.0
    kappa: float = 10.0
    learned: bool = True  # whether they have the laws that follow
    total: tuple[float, float] = (1.0, 0.01)  # alpha + kappa: shape and rate
    share: tuple[float, float] = (10.0, 1.0)  # of kappa in it: beta
    openness: tuple[float, float] = (1.0, 1.0)  # gamma: shape and rate
    scale: float = 1.0  # standard deviation of offsets and loadings
    dispersion: tuple[float, float] = (1.0, 1.0)  # shape and rate of the gamma law of r
    noise: float = 0.01  # Psi = noise I
    freedom: float | None = None  # nu; q + 2 by default

    @property
    def q(self) -> int:
        """Size of a latent vector: the common mean and the factors."""
        return self.n_factors + 1

    @property
    def precision(self) -> float:
        """Inverse variance of offsets and loadings."""
        return self.scale**-2

    def wishart(self) -> Wishart:
        """Prior of the dynamics of one state."""
        q = self.q
        mean = np.vstack([np.eye(q), np.zeros(q)])
        nu = float(q + 2 if self.freedom is None else self.freedom)
        return Wishart(np.array(nu), self.noise * np.eye(q), mean, np.eye(q + 1))

    def hyper(self) -> Hyper | None:
        """Laws of the concentrations of the hidden chain, where they have any."""
        return Hyper(self.total, self.share, self.openness) if self.learned else None

    def concentrations(self) -> Concentrations:
        """Return where those begin."""
        return Concentrations(self.alpha, self.gamma, self.kappa)

    def log_partition(self, n_units: int) -> Array:
        """Log V(t), t = 0, ..., n_units + 1."""
        return log_partition_weights(
            n_units, gamma=self.concentration, stop=self.stop, most=self.max_clusters
        )

    def draw_dynamics(self, rng: np.random.Generator, n_clusters: int) -> Dynamics:
        """Draw dynamics of new clusters, all states: (n_clusters, L, ...)."""
        law = self.wishart()
        wide = law._replace(nu=np.broadcast_to(law.nu, (n_clusters, self.n_states)))
        return draw_dynamics(wide, rng)


@dataclass
class Chain:
    """All that a chain is at the end of a sweep, as arrays; with its generator it can go on."""

    z: NDArray[np.int64]  # (N,)
    theta: Array  # (N, q)
    r: Array  # (N,)
    latents: Array  # (K, T, q)
    dynamics: Dynamics  # (K, L, ...)
    xi: NDArray[np.int64]  # (T,)
    beta: Array  # (L,)
    pi: Array  # (L, L)
    law: Array = field(default_factory=lambda: np.array(Prior().concentrations()))
    tallies: dict[str, float] = field(default_factory=dict)

    @property
    def n_clusters(self) -> int:
        """Number of clusters, none of them empty."""
        return len(self.latents)

    def to_state(self) -> State:
        """Return all of it as a plain dict of arrays, as the runner of chains keeps it."""
        return vars(self) | {"dynamics": tuple(self.dynamics)}

    @classmethod
    def from_state(cls, state: State) -> "Chain":
        """Invert `to_state`; entries of other names are left out."""
        known = {name: state[name] for name in cls.__dataclass_fields__ if name in state}
        return cls(**(known | {"dynamics": Dynamics(*state["dynamics"])}))


def start(counts: Counts, prior: Prior, rng: np.random.Generator, n_clusters: int) -> Chain:
    """Put units into clusters at random, rates at their means and every trajectory at zero."""
    n_units, n_times = counts.y.shape
    most = min(n_units, prior.max_clusters or n_units)
    n_clusters = min(n_clusters, most)
    z = np.concatenate(
        [np.arange(n_clusters), rng.integers(n_clusters, size=n_units - n_clusters)]
    )
    z = rng.permutation(z).astype(np.int64)
    seen = np.maximum(counts.keep.sum(1), 1)
    mean = (counts.y.sum(1) + 0.5) / (seen + 0.5)
    theta = 0.5 * prior.scale * rng.standard_normal((n_units, prior.q))
    theta[:, 0] = np.log(mean)
    n_states = prior.n_states
    shape = (n_clusters, n_states)
    weight = np.vstack([0.95 * np.eye(prior.q), np.zeros(prior.q)])
    dynamics = Dynamics(
        np.broadcast_to(weight, (*shape, prior.q + 1, prior.q)).copy(),
        np.broadcast_to(0.05 * np.eye(prior.q), (*shape, prior.q, prior.q)).copy(),
    )
    beta = np.full(n_states, 1 / n_states)
    pi = np.stack(
        [
            dirichlet(prior.alpha * beta + prior.kappa * (np.arange(n_states) == j), rng)
            for j in range(n_states)
        ]
    )
    stretch = max(1, n_times // 20)
    xi = np.repeat(rng.integers(n_states, size=n_times // stretch + 1), stretch)[:n_times]
    return Chain(
        z=z,
        theta=theta,
        r=np.full(n_units, 5.0 if prior.negbin else np.inf),
        latents=np.zeros((n_clusters, n_times, prior.q)),
        dynamics=dynamics,
        xi=xi.astype(np.int64),
        beta=beta,
        pi=pi,
        law=np.array(prior.concentrations()),
    )
