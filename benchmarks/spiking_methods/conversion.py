"""A recurrent network of few levels, run as bipolar spikes without error (arXiv:2408.09403).

Units of ``h = round(L clip(W x + U h + b, -1, 1)) / L`` are trained straight through the rounding.
Each becomes an integrate-and-fire unit that takes its current ``L`` times per bin and sends +1 or
-1 where half a unit has gathered: ``L`` times ``h`` spikes in all. Scores are those of the spikes.
"""

import math

import torch
from protocol import Synapses, fitted, judge, note, train
from torch import nn

from neurokit.nn import LeakyIntegrator

UNITS, LEVELS = 64, 4


class Levels(nn.Module):
    def __init__(self, problem):
        super().__init__()
        tau = 0.1 if problem.classes else 0.05
        self.into = fitted(problem, UNITS)
        self.recurrent = Synapses(UNITS, UNITS, bias=False)
        with torch.no_grad():
            self.recurrent.weight.copy_(0.7 * torch.eye(UNITS))
        self.out = Synapses(UNITS, problem.n_outputs)
        decay = math.exp(-problem.step / tau)
        self.read = LeakyIntegrator(problem.n_outputs, decay=decay, learn_decay=True)
        self.worst = 0.0

    def forward(self, x):
        current = self.into(x)
        h, states = torch.zeros_like(current[0]), []
        for drive in current.unbind(0):
            if self.training:
                level = (drive + self.recurrent(h)).clamp(-1, 1)
                h = level + ((LEVELS * level).round() / LEVELS - level).detach()
            else:
                h = self._spikes(drive + nn.functional.linear(h, self.recurrent.weight))
            states.append(h)
        states = torch.stack(states)
        return self.read(nn.functional.linear(states, self.out.weight, self.out.bias))[0]

    def _spikes(self, drive):
        """Send spikes in sub-steps; sums over them are exactly the levels."""
        v, total = torch.zeros_like(drive), torch.zeros_like(drive)
        drive = drive.clamp(-1, 1)
        for _ in range(LEVELS):
            v = v + drive
            sent = (v >= 0.5).float() - (v <= -0.5).float()
            v = v - sent
            total = total + sent
            note(sent, UNITS + self.out.out_features)
        wrong = (total - (LEVELS * drive).round()).abs()
        tie = ((LEVELS * drive).frac().abs() - 0.5).abs() < 1e-4
        self.worst = max(self.worst, float(wrong[~tie].max()) if (~tie).any() else 0.0)
        return total / LEVELS


def run(problem, seed):
    net = train(Levels(problem), problem, seed)
    result = judge(net, problem, 2 * UNITS)
    return result._replace(extra={"levels off by": net.worst})
