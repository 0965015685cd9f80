"""Excitatory and inhibitory layers without normalisation (DeepEISNN, ICLR 2026).

``I = g (W_EE x - W_EI W_IE x) / (W_EI (g_I W_IE x)) + b`` with weights that stay positive, four
excitatory units to an inhibitory one, both drawn exponential: inhibition subtracts and divides.
Divisors are at least a twentieth of their mean (the paper replaces zeros). Two such layers of 64
LIF units, no recurrence, and the usual readout.
"""

import math

import torch
from protocol import Synapses, judge, note, train
from torch import nn

from neurokit.nn import LIF, LeakyIntegrator

UNITS, INHIBITORY = 64, 16


class Balanced(nn.Module):
    def __init__(self, n_inputs, mean, power):
        super().__init__()
        scale = math.sqrt(power / (n_inputs * (power + mean**2)))
        draw = torch.distributions.Exponential(1.0)
        self.excite = nn.Parameter(scale * draw.sample((UNITS, n_inputs)))
        self.sense = nn.Parameter(scale * draw.sample((INHIBITORY, n_inputs)))
        self.inhibit = nn.Parameter(draw.sample((UNITS, INHIBITORY)) / INHIBITORY)
        self.gain = nn.Parameter(torch.ones(UNITS))
        self.divide = nn.Parameter(torch.ones(INHIBITORY))
        self.bias = nn.Parameter(torch.zeros(UNITS))

    def forward(self, x):
        note(x, UNITS + INHIBITORY)
        felt = nn.functional.linear(x, self.sense)
        note(felt, 2 * UNITS)
        over = nn.functional.linear(self.divide * felt, self.inhibit)
        floor = 0.05 * float(over.detach().mean()) + 1e-6
        difference = nn.functional.linear(x, self.excite) - nn.functional.linear(
            felt, self.inhibit
        )
        return self.gain * difference / over.clamp(min=floor) + self.bias

    def keep_positive(self):
        with torch.no_grad():
            for p in (self.excite, self.sense, self.inhibit, self.divide):
                p.clamp_(min=0)


class Net(nn.Module):
    def __init__(self, problem):
        super().__init__()
        tau = 0.1 if problem.classes else 0.05
        decay = math.exp(-problem.step / tau)
        x = problem.train.x
        first = Balanced(problem.n_inputs, float(x.mean()), float(x.var()))
        self.layers = nn.ModuleList([first, Balanced(UNITS, 0.1, 0.09)])
        options = {"decay": decay, "learn_decay": True, "surrogate": "superspike", "scale": 5.0}
        self.units = nn.ModuleList(LIF(UNITS, **options) for _ in self.layers)
        self.out = Synapses(UNITS, problem.n_outputs)
        self.read = LeakyIntegrator(problem.n_outputs, decay=decay, learn_decay=True)

    def forward(self, x):
        for layer, units in zip(self.layers, self.units, strict=True):
            x, _ = units(layer(x))
        return self.read(self.out(x))[0]


def run(problem, seed):
    net = Net(problem)
    train(net, problem, seed, after_step=lambda u: [layer.keep_positive() for layer in net.layers])
    return judge(net, problem, 2 * UNITS)
