"""Shrinking time steps (IIR-SNN, Chowdhury, Rathi and Roy 2021, arXiv:2110.05929).

A network that takes each bin four times over is trained, then begins one that takes it twice, and
that one begins the network of one step per bin, which is scored. All three share the updates that
the others have for one. Decays are raised to the second power, for the same time constants.
"""

import protocol
import torch
from protocol import Plain, judge, train


class Repeated(Plain):
    def __init__(self, problem, repeats):
        super().__init__(problem, repeats=repeats)
        self.repeats = repeats

    def forward(self, x):
        return super().forward(x.repeat_interleave(self.repeats, 0))[
            self.repeats - 1 :: self.repeats
        ]


def slower(decay):
    return torch.logit(torch.sigmoid(decay) ** 2, eps=1e-6)


def run(problem, seed):
    net = None
    for repeats in (4, 2, 1):
        former, net = net, Repeated(problem, repeats)
        if former is not None:
            held = former.state_dict()
            for name in held:
                if name.endswith("logit"):
                    held[name] = slower(held[name])
            net.load_state_dict(held)
        train(net, problem, seed, updates=protocol.UPDATES // 3)
    return judge(net, problem, 3 * 64)
