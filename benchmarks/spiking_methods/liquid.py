"""Random spiking liquids, run in turn over the pieces of a recording, and their readouts."""

import math

import numpy as np
from protocol import Result
from sklearn.linear_model import LogisticRegression, RidgeCV

UNITS = 200


class Liquid:
    """A liquid of random sparse weights, four fifths of the units excitatory.

    ``weight[j, i]`` leads from unit i to unit j. Potentials decay with ``tau``, states with
    ``tau_state``.
    """

    def __init__(self, problem, seed):
        rng = np.random.default_rng(seed)
        x = problem.train.x.numpy()
        tau = 0.1 if problem.classes else 0.05
        self.decay = math.exp(-problem.step / tau)
        self.state_decay = math.exp(-problem.step / (2 * tau))
        n_inputs = problem.n_inputs
        there = rng.random((UNITS, n_inputs)) < min(1.0, 16 / n_inputs)
        self.into = there * rng.normal(size=there.shape)
        self.into *= 0.6 / math.sqrt(float((x**2).mean()) * min(16, n_inputs))
        self.inhibitory = rng.random(UNITS) < 0.2
        sign = np.where(self.inhibitory, -2.0, 1.0)
        self.weight = (rng.random((UNITS, UNITS)) < 0.1) * rng.random((UNITS, UNITS)) * sign * 0.15
        np.fill_diagonal(self.weight, 0)

    def step(self, v, spikes, x):
        v = self.decay * v + x @ self.into.T + spikes @ self.weight.T
        spikes = (v > 1).astype(float)
        return v * (1 - spikes), spikes

    def states(self, x):
        """States (time, piece, unit) of all pieces side by side; share of the spikes."""
        v = spikes = state = np.zeros((x.shape[1], UNITS))
        out, fired = np.empty((*x.shape[:2], UNITS), np.float32), 0.0
        for t, row in enumerate(x):
            v, spikes = self.step(v, spikes, row)
            state = self.state_decay * state + spikes
            out[t] = state
            fired += spikes.sum()
        return out, fired / (x.shape[0] * x.shape[1])


def features(states, pieces, classes):
    """Rows for a linear readout."""
    if classes:
        return np.concatenate([p.mean(0) for p in np.array_split(states, 4)], axis=1)
    return states[pieces.mask.numpy()]


def cost(liquid, problem, fired, n_readout):
    """MACs (inputs that are no spikes, states), ACs and bytes of a step."""
    x = problem.test.x.numpy()
    used = (x != 0).mean((0, 1)) @ (liquid.into != 0).sum(0)
    binary = bool(np.isin(x, (0, 1)).all())
    acs = fired * (liquid.weight != 0).sum() / UNITS
    n_bytes = 4 * ((liquid.weight != 0).sum() + (liquid.into != 0).sum() + n_readout + 2 * UNITS)
    macs = n_readout / (problem.test.x.shape[0] if problem.classes else 1)
    return (macs, acs + used, n_bytes) if binary else (macs + used, acs, n_bytes)


def ridge(liquid, problem):
    """Fit a linear readout in closed form; score it."""
    parts = []
    for pieces in (problem.train, problem.test):
        states, fired = liquid.states(pieces.x.numpy())
        parts.append(features(states, pieces, problem.classes))
    if problem.classes:
        scale = parts[0].std(0) + 1e-6
        model = LogisticRegression(max_iter=300).fit(parts[0] / scale, problem.train.y)
        score = model.score(parts[1] / scale, problem.test.y)
    else:
        y = [p.y[p.mask].numpy() for p in (problem.train, problem.test)]
        model = RidgeCV(np.logspace(0, 5, 6)).fit(parts[0], y[0])
        error = ((y[1] - model.predict(parts[1]).reshape(y[1].shape)) ** 2).mean(0)
        score = float((1 - error / y[1].var(0)).mean())
    return Result(float(score), *cost(liquid, problem, fired, model.coef_.size))


def run(problem, seed):
    """The plain liquid."""
    return ridge(Liquid(problem, seed), problem)
