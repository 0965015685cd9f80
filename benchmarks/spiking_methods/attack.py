"""Adversarial events: how few flips a letter withstands (PDSG-SDA, Lun et al. 2025, 2503.03272).

The attacker knows the weights, not the surrogate of the training. With the surrogate that follows
the potentials (a Gaussian as wide as their spread in the batch and step) events are flipped where
that raises the loss most, until the letter is read wrongly; then flips that are not needed are
taken back. Beside it the same attack with the surrogate of the training. A low score is a good
attack: it is the share of letters still read after at most eight flips.
"""

import torch
from protocol import Plain, Result, judge, train
from torch import nn

FLIPS = 8


def gaussian(v):
    """Fire above zero; the gradient is a normal density of the potentials' own spread."""
    width = v.detach().std(0, keepdim=True).mean().clamp(min=1e-3)
    soft = torch.special.erf(v / (width * 2**0.5)) / 2
    return (v > 0).float().detach() + (soft - soft.detach())


def superspike(v):
    soft = v / (1 + 5 * v.abs())
    return (v > 0).float().detach() + (soft - soft.detach())


def outputs(net, x, fire):
    """Run the network's steps with another surrogate."""
    units, current = net.units, nn.functional.linear(x, net.into.weight, net.into.bias)
    i = v = s = torch.zeros_like(current[0])
    out = torch.zeros(x.shape[1], net.out.out_features)
    total, decay = out, net.read.decay
    for drive in current.unbind(0):
        i = units.synaptic_decay * i + drive + s @ units.weight.T
        h = units.decay * v + i
        s = fire(h - units.threshold)
        v = h * (1 - s)
        out = decay * out + nn.functional.linear(s, net.out.weight, net.out.bias)
        total = total + out
    return total / len(x)


def attack(net, x, y, fire):
    """Flip events of (time, trial, channel); return what is left right, and the flips used."""
    x0, x = x, x.clone()
    for _ in range(FLIPS):
        leaf = x.clone().requires_grad_()
        logits = outputs(net, leaf, fire)
        right = logits.argmax(1) == y
        if not right.any():
            break
        grad = torch.autograd.grad(nn.functional.cross_entropy(logits, y, reduction="sum"), leaf)[
            0
        ]
        gain = torch.where(x > 0, -grad, grad)  # of a flip
        gain = torch.where(x == x0, gain, torch.tensor(-torch.inf))
        at = gain.transpose(0, 1).flatten(1).argmax(1)
        flat = x.transpose(0, 1).flatten(1).clone()
        rows = torch.nonzero(right)[:, 0]
        flat[rows, at[rows]] = (flat[rows, at[rows]] == 0).float()
        x = flat.view(x.shape[1], x.shape[0], -1).transpose(0, 1)
    with torch.no_grad():
        wrong = outputs(net, x, fire).argmax(1) != y
        for _ in range(FLIPS):  # take back what is not needed, one flip of each trial at a time
            changed = (x != x0).transpose(0, 1).flatten(1)
            pick = (changed.float() * torch.rand(changed.shape)).argmax(1)
            trial = x.transpose(0, 1).flatten(1).clone()
            rows = torch.nonzero(wrong & (changed.sum(1) > 1))[:, 0]
            trial[rows, pick[rows]] = x0.transpose(0, 1).flatten(1)[rows, pick[rows]]
            trial = trial.view(x.shape[1], x.shape[0], -1).transpose(0, 1)
            still = outputs(net, trial, fire).argmax(1) != y
            x = torch.where(still[None, :, None] & wrong[None, :, None], trial, x)
        flips = (x != x0).sum((0, 2)).float()
    return 1 - float(wrong.float().mean()), float(flips[wrong].mean()) if wrong.any() else 0.0


def run(problem, seed):
    if not problem.classes:
        return None
    net = train(Plain(problem), problem, seed).eval()
    clean = judge(net, problem, 192)
    found = {}
    for name, fire in (("potentials'", gaussian), ("training's", superspike)):
        torch.manual_seed(seed)
        found[name] = attack(net, problem.test.x, problem.test.y, fire)
    left, flips = found["potentials'"]
    other, other_flips = found["training's"]
    extra = {"clean": clean.score, "flips": flips, "training's surrogate": other,
             "its flips": other_flips}  # fmt: skip
    return Result(left, clean.macs, clean.acs, clean.n_bytes, extra)
