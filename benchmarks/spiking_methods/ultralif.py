"""UltraLIF (Minoza 2026, arXiv:2602.11206): units of a smooth max-plus algebra.

Ultradiscretisation turns a leaky sum into ``V = max(V - leak, I)``, smooth at temperature ``e``:
``e log(exp((V - leak) / e) + exp(I / e))``, and the step into ``s = sigmoid((V - 1) / e)``,
the same forward and backward. Temperatures are learned, one per unit, and brought towards zero as
training goes on; the score is that of whole spikes, at zero temperature.
"""

import math

import protocol
import torch
from protocol import Synapses, fitted, judge, predict, score_of, train
from torch import nn

from neurokit.nn import LeakyIntegrator

UNITS = 64


class Ultra(nn.Module):
    def __init__(self, problem):
        super().__init__()
        tau = 0.1 if problem.classes else 0.05
        self.into = fitted(problem, UNITS)
        self.recurrent = Synapses(UNITS, UNITS, bias=False)
        self.leak = nn.Parameter(torch.full((UNITS,), math.log(problem.step / tau)))
        self.log_temperature = nn.Parameter(torch.full((UNITS,), math.log(0.3)))
        self.out = Synapses(UNITS, problem.n_outputs)
        decay = math.exp(-problem.step / tau)
        self.read = LeakyIntegrator(problem.n_outputs, decay=decay, learn_decay=True)
        self.share, self.soft = 1.0, False

    def forward(self, x):
        current = self.into(x)
        e = self.share * self.log_temperature.exp()
        leak = self.leak.exp()
        v = torch.zeros_like(current[0])
        s, spikes = v, []
        whole = not (self.training or self.soft)
        for drive in current.unbind(0):
            drive = drive + self.recurrent(s)
            if whole:
                v = torch.maximum(v - leak, drive)
                s = (v > 1).float()
            else:
                v = e * torch.logaddexp((v - leak) / e, drive / e)
                s = torch.sigmoid((v - 1) / e)
            v = v - s
            spikes.append(s)
        return self.read(self.out(torch.stack(spikes)))[0]


def run(problem, seed):
    net = Ultra(problem)

    def cool(u):
        net.share = 0.1 ** min(1.0, 1.25 * (u + 1) / protocol.UPDATES)

    train(net, problem, seed, after_step=cool)
    result = judge(net, problem, 2 * UNITS)
    net.soft = True
    soft = score_of(predict(net, problem.test), problem.test, problem.classes)
    return result._replace(extra={"score at its own temperature": soft})
