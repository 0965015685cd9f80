"""A liquid whose plasticity an astrocyte holds near a branching factor of one (NALSM).

Ivanov and Michmizos, NeurIPS 2021. The astrocyte's state is a low pass of the liquid's spikes
less the input's; it sets the strength of depression in the STDP of excitatory synapses, while
the training recording passes once. Then the weights stand and the readout is fitted, as for the
plain liquid.
"""

import numpy as np
from liquid import UNITS, Liquid, ridge

TAU_STDP, RATE, WEIGHT = 0.8, 2e-4, 0.015


def adapt(liquid, x, n_pieces=12):
    """Run STDP over some pieces; return the mean branching factor before and after."""
    excitatory = (liquid.weight != 0) & ~liquid.inhibitory[None, :]
    reach = (liquid.into != 0).sum(0) / UNITS
    astrocyte, factors = 0.0, []
    for piece in range(min(n_pieces, x.shape[1])):
        v = spikes = pre = post = np.zeros(UNITS)
        for row in x[:, piece]:
            before = spikes.sum()
            v, spikes = liquid.step(v, spikes, row)
            astrocyte = 0.95 * astrocyte + WEIGHT * (spikes.sum() - (row * reach).sum())
            depression = max(0.0, 1.0 + astrocyte)
            change = np.outer(spikes, pre) - depression * np.outer(post, spikes)
            liquid.weight += RATE * 10 * change * excitatory
            np.clip(liquid.weight, 0, 0.6, out=liquid.weight, where=excitatory)
            pre, post = TAU_STDP * pre + spikes, TAU_STDP * post + spikes
            if before:
                factors.append(spikes.sum() / before)
    part = max(1, len(factors) // 3)
    return float(np.mean(factors[:part] or [0])), float(np.mean(factors[-part:] or [0]))


def run(problem, seed):
    liquid = Liquid(problem, seed)
    x = problem.train.x.numpy()
    order = np.random.default_rng(seed).permutation(x.shape[1])
    first, last = adapt(liquid, x[:, order])
    return ridge(liquid, problem)._replace(extra={"branching, first": first, "last": last})
