"""Leaky integrate-and-fire units with learned time constants, surrogate gradients.

The plain network is recurrent, 64 units; beside it two layers of 64 units without recurrence.
"""

import math

from protocol import Plain, Synapses, fitted, judge, train
from torch import nn

from neurokit.nn import LIF, LeakyIntegrator

UNITS = 64


class TwoLayers(nn.Module):
    def __init__(self, problem):
        super().__init__()
        decay = math.exp(-problem.step / (0.1 if problem.classes else 0.05))
        options = {"decay": decay, "learn_decay": True, "surrogate": "superspike", "scale": 5.0}
        self.layers = nn.ModuleList([fitted(problem, UNITS), Synapses(UNITS, UNITS)])
        self.units = nn.ModuleList(LIF(UNITS, **options) for _ in self.layers)
        self.out = Synapses(UNITS, problem.n_outputs)
        self.read = LeakyIntegrator(problem.n_outputs, decay=decay, learn_decay=True)

    def forward(self, x):
        for layer, units in zip(self.layers, self.units, strict=True):
            x, _ = units(layer(x))
        return self.read(self.out(x))[0]


def run(problem, seed):
    return judge(train(Plain(problem), problem, seed), problem, 3 * UNITS)


def run_two_layers(problem, seed):
    return judge(train(TwoLayers(problem), problem, seed), problem, 2 * UNITS)
