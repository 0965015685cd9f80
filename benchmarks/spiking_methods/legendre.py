"""The spiking Legendre memory unit (L2MU, arXiv:2407.04076): spikes at every place of an LMU.

``u = LIF(e_x x + e_h h + e_m m)``, ``m = LIF(A m + B u)``, ``h = LIF(W_x x + W_h h + W_m m)``; A
and B are those of a sliding window in Legendre polynomials, and learned from there. Eight inputs
``u`` with six polynomials each, 48 units ``h``, and the usual readout.
"""

import math

import torch
from protocol import Synapses, fitted, judge, note, spike, train
from scipy.linalg import expm
from torch import nn

from neurokit.nn import LeakyIntegrator

UNITS, CHANNELS, ORDER = 48, 8, 6


def window(order, steps):
    """Matrices of the delay system, held over a step."""
    q = torch.arange(order, dtype=torch.float64)
    i, j = q[:, None], q[None, :]
    a = (2 * i + 1) * torch.where(i < j, -1.0, (-1.0) ** (i - j + 1))
    b = ((2 * q + 1) * (-1.0) ** q)[:, None]
    whole = torch.zeros(order + 1, order + 1, dtype=torch.float64)
    whole[:order, :order], whole[:order, order:] = a / steps, b / steps
    held = torch.from_numpy(expm(whole.numpy()))
    return held[:order, :order].float(), held[:order, order].float()


class Legendre(nn.Module):
    def __init__(self, problem):
        super().__init__()
        tau = 0.1 if problem.classes else 0.05
        steps = (1.0 if problem.classes else 0.4) / problem.step
        a, b = window(ORDER, steps)
        self.a, self.b = nn.Parameter(a), nn.Parameter(b)
        n_memory = CHANNELS * ORDER
        self.into = fitted(problem, CHANNELS + UNITS)
        self.from_h = Synapses(UNITS, CHANNELS + UNITS, bias=False)
        self.from_m = Synapses(n_memory, CHANNELS + UNITS, bias=False)
        decay = math.exp(-problem.step / tau)
        self.decay = nn.Parameter(torch.full((CHANNELS + UNITS,), math.log(decay / (1 - decay))))
        self.keep = nn.Parameter(torch.zeros(ORDER))
        self.out = Synapses(UNITS, problem.n_outputs)
        self.read = LeakyIntegrator(problem.n_outputs, decay=decay, learn_decay=True)

    def forward(self, x):
        current = self.into(x)
        n = x.shape[1]
        v = current.new_zeros(n, CHANNELS + UNITS)
        h = current.new_zeros(n, UNITS)
        m = current.new_zeros(n, CHANNELS, ORDER)
        vm, outputs = m, []
        decay, keep = torch.sigmoid(self.decay), torch.sigmoid(self.keep)
        for drive in current.unbind(0):
            v = decay * v + drive + self.from_h(h) + self.from_m(m.flatten(1))
            s = spike(v - 1)
            v = v * (1 - s)
            u, h = s[:, :CHANNELS], s[:, CHANNELS:]
            note(m, ORDER)
            note(u, ORDER)
            vm = keep * vm + m @ self.a.T + u[..., None] * self.b
            m = spike(vm - 0.5)
            vm = vm - 0.5 * m
            outputs.append(h)
        return self.read(self.out(torch.stack(outputs)))[0]


def run(problem, seed):
    n_state = CHANNELS + UNITS + CHANNELS * ORDER
    return judge(train(Legendre(problem), problem, seed), problem, n_state)
