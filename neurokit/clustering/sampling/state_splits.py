"""States that part and join, with dynamics and the law of steps integrated out.

A step that draws state after state takes long to turn two states with like dynamics into one, and
a state in two. Here, given the trajectories, the bins of state l are shared out between l and a
state k that had none, or all bins of k go to l. How they would be shared out is proposed from two
draws of dynamics that hang on these bins and on chance alone, not on what is now k and what l: a
split and a merge find them alike, so that only the path drawn under them enters the ratio (a
launch as in Jain and Neal 2004, J. Comput. Graph. Stat. 13, 158-182). What beta holds of both is
shared out anew with them. Given states and trajectories, dynamics and steps have closed forms.

Besides, one stretch of a state is given to another state that other stretches have.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, gammaln

from neurokit.clustering.sampling.dynamics import (
    Dynamics,
    densities_of,
    draw_dynamics,
    log_evidence,
    posterior,
    products,
    sum_up,
)
from neurokit.clustering.sampling.model import Chain, Counts, Prior
from neurokit.clustering.sampling.states import count_steps, dirichlet
from neurokit.solvers.hmm import draw_paths, filter_states

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
_STAY = 0.97  # of a path that shares out bins
_STEPS = np.array([[_STAY, 1 - _STAY], [1 - _STAY, _STAY]])
_EVEN = np.array([0.5, 0.5])
_ROUNDS = 2  # from a launch to the dynamics that share out
_LEAST = 1e-300  # of beta: what is all but impossible stays possible


class Pair:
    """Two states and the bins that either has, given all the rest of a chain."""

    def __init__(self, chain: Chain, counts: Counts, prior: Prior, states: Labels) -> None:
        self.chain, self.prior, self.first, self.states = chain, prior, counts.first, states
        self.bins = np.flatnonzero(np.isin(chain.xi, states))
        self.led = ~counts.first[self.bins]  # bins that a step leads into
        self.products = products(chain.latents, self.bins[self.led])
        self.share = float(chain.beta[states].sum())

    # ------------------------------------------------ what is aimed at

    def log_target(self, labels: Labels, beta: Array) -> float:
        """Log density of trajectories and states, but for what the two leave as it is.

        ``labels`` are 0 and 1, bin by bin.
        """
        law, xi = self.prior.wishart(), self.path(labels)
        sums = sum_up(self.products, labels[self.led], 2)
        value = log_evidence(law, posterior(law, sums)).sum()
        base, steps = self.base(beta), self.count(xi)
        value += (gammaln(base + steps) - gammaln(base)).sum()
        total = base.sum(1)
        return float(value + (gammaln(total) - gammaln(total + steps.sum(1))).sum())

    def path(self, labels: Labels) -> Labels:
        """Return the states of all bins."""
        xi = self.chain.xi.copy()
        xi[self.bins] = self.states[labels]
        return xi

    def count(self, xi: Labels) -> NDArray[np.int64]:
        """Count steps from state to state."""
        return count_steps(xi, self.first, self.prior.n_states)

    def base(self, beta: Array) -> Array:
        """Return the concentrations of the rows of pi."""
        alpha, _, kappa = self.chain.law
        return np.maximum(alpha * beta + kappa * np.eye(len(beta)), _LEAST)

    def take(self, labels: Labels, beta: Array, rng: np.random.Generator) -> None:
        """Take states over, and draw what was integrated out: dynamics of both, and all steps."""
        chain = self.chain
        chain.xi, chain.beta = self.path(labels), beta
        drawn = self._draw(labels, rng)
        weight, noise = (part.copy() for part in chain.dynamics)
        weight[:, self.states], noise[:, self.states] = drawn
        chain.dynamics = Dynamics(weight, noise)
        chain.pi = np.stack(
            [dirichlet(row, rng) for row in self.base(beta) + self.count(chain.xi)]
        )

    # ------------------------------------------------ who gets which bin

    def launch(self, rng: np.random.Generator) -> Dynamics:
        """Draw two sets of dynamics (K, 2, ...) that share out the bins, by the bins alone."""
        n = len(self.bins)
        half_width = np.exp(rng.uniform(np.log(2.0), np.log(max(n / 2, 3.0))))
        labels = (np.abs(np.arange(n) - rng.integers(n)) > half_width).astype(np.int64)
        drawn = self._draw(labels, rng)
        for _ in range(_ROUNDS - 1):
            drawn = self._draw(draw_shares(self.log_shares(drawn), rng), rng)
        return drawn

    def _draw(self, labels: Labels, rng: np.random.Generator) -> Dynamics:
        """Draw the dynamics of both, given which bins they govern."""
        sums = sum_up(self.products, labels[self.led], 2)
        return draw_dynamics(posterior(self.prior.wishart(), sums), rng)

    def log_shares(self, drawn: Dynamics) -> "Shares":
        """Evaluate the bins under both dynamics."""
        density = densities_of(self.chain.latents, drawn, self.first)[self.bins]
        apart = self.first[self.bins[1:]] | (np.diff(self.bins) > 1)
        starts = np.concatenate([[0], np.flatnonzero(apart) + 1, [len(self.bins)]])
        return Shares(density, starts)

    # ------------------------------------------------ what beta holds of either

    def draw_fraction(self, labels: Labels, rng: np.random.Generator) -> Array:
        """Draw logs of both parts of beta's share."""
        a = self._tables(labels)
        logs = np.log(rng.standard_gamma(a + 1)) + np.log(1 - rng.random(2)) / a
        return np.maximum(logs - np.logaddexp(*logs), np.log(_LEAST / self.share))

    def log_fraction(self, labels: Labels, logs: Array) -> float:
        """Return the log density of what `draw_fraction` draws, over that of the prior."""
        a, own = self._tables(labels), self.chain.law[1] / self.prior.n_states
        return float(((a - own) * logs).sum() - betaln(*a))

    def _tables(self, labels: Labels) -> Array:
        """Guess how many tables of the restaurants serve either state: the beta law's counts."""
        steps = self.count(self.path(labels))[:, self.states].astype(float)
        steps[self.states, [0, 1]] = 0.0
        weight = 0.5 * self.chain.law[0] * self.share + 1e-6
        tables = weight * (np.log(weight + steps) - np.log(weight))
        tables = np.where(steps > 0, np.maximum(tables, 1.0), 0.0).sum(0)
        return np.asarray(self.chain.law[1] / self.prior.n_states + tables)


class Shares(NamedTuple):
    """What shares bins out between two states."""

    density: Array  # (n, 2), log
    starts: Labels  # of stretches of bins, and their number


def draw_shares(table: Shares, rng: np.random.Generator) -> Labels:
    """Draw who gets each bin: 0 or 1."""
    return np.asarray(draw_paths(table.density, _STEPS, _EVEN, table.starts, random_state=rng)[0])


def log_share(table: Shares, labels: Labels) -> float:
    """Return the log probability that `draw_shares` draws these."""
    density, starts = table
    inside = np.ones(len(labels), bool)
    inside[starts[:-1]] = False
    steps = np.log(_STEPS)[labels[:-1], labels[1:]][inside[1:]].sum()
    steps += (len(starts) - 1) * np.log(0.5) + density[np.arange(len(labels)), labels].sum()
    return float(steps - filter_states(density, _STEPS, _EVEN, starts).log_evidence.sum())


def split_or_merge_states(
    chain: Chain, counts: Counts, prior: Prior, rng: np.random.Generator
) -> bool:
    """Try to part one state or to join two, in place; tell whether it was accepted."""
    n_states = prior.n_states
    used = np.unique(chain.xi)
    n_used = len(used)
    splits = bool(rng.random() < 0.5)
    n_joined = n_used if splits else n_used - 1
    if not 0 < n_joined < n_states:
        return False
    states = rng.permutation(used)[:2]
    if splits:
        empty = rng.choice(np.setdiff1d(np.arange(n_states), used))
        states = np.array([empty, states[0]])
    pair = Pair(chain, counts, prior, states)
    if len(pair.bins) < 2 or not pair.share > 1e-200:
        return False
    table = pair.log_shares(pair.launch(rng))
    joined = np.ones(len(pair.bins), np.int64)
    parted = draw_shares(table, rng) if splits else 1 * (chain.xi[pair.bins] == pair.states[1])
    if parted.all() or not parted.any():
        return False
    old, new = (joined, parted) if splits else (parted, joined)
    logs = pair.draw_fraction(new, rng)
    before = np.log(np.maximum(chain.beta[pair.states], _LEAST) / pair.share)
    beta = chain.beta.copy()
    beta[pair.states] = pair.share * np.exp(logs)
    ratio = pair.log_target(new, beta) - pair.log_fraction(new, logs)
    ratio -= pair.log_target(old, chain.beta) - pair.log_fraction(old, before)
    # which states are tried: one that has bins and one that has none, or two that have
    way = np.log(n_states - n_joined) - np.log(n_joined + 1) - log_share(table, parted)
    if not np.log(rng.random()) < ratio + (way if splits else -way):
        return False
    pair.take(new, beta, rng)
    return True


def relabel_stretch(chain: Chain, counts: Counts, prior: Prior, rng: np.random.Generator) -> bool:
    """Try to give one stretch of a state to another state, in place; tell whether it was done.

    The other state is one that some other stretch has, and neither stretch beside this one: the
    same stretch can be given back with the same chance.
    """
    xi, n_times = chain.xi, len(chain.xi)
    edges = np.flatnonzero(counts.first[1:] | (xi[1:] != xi[:-1])) + 1
    starts = np.concatenate([[0], edges])
    i = int(rng.integers(len(starts)))
    start, stop = starts[i], np.append(edges, n_times)[i]
    free = set(np.delete(xi[starts], i).tolist())
    if start > 0 and not counts.first[start]:
        free.discard(int(xi[start - 1]))
    if stop < n_times and not counts.first[stop]:
        free.discard(int(xi[stop]))
    now = int(xi[start])
    if now not in free or len(free) < 2:
        return False
    chosen = int(rng.choice(sorted(free - {now})))
    pair = Pair(chain, counts, prior, np.array([now, chosen]))
    old = 1 * (xi[pair.bins] == chosen)
    new = np.where((pair.bins >= start) & (pair.bins < stop), 1, old)
    ratio = pair.log_target(new, chain.beta) - pair.log_target(old, chain.beta)
    if not np.log(rng.random()) < ratio:
        return False
    pair.take(new, chain.beta, rng)
    return True
