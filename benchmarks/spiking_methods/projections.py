"""Projections against forgetting (HLOP, Xiao et al. 2024), for days that change.

While the first day (or task) is learned, each layer's main directions of activity are learned too,
by Oja's subspace rule, as lateral Hebbian synapses would. Later gradients have these directions
taken out, so that what the first day needs stays as it is. Simulated days: trained on the first,
30 s of the second to adapt, scored on both. Letters: three tasks of nine, one after the other;
digits: five of two.
"""

import protocol
import torch
from protocol import Pieces, Plain, judge, predict, score_of, train

DIRECTIONS = 24


def subspace(activity, directions=DIRECTIONS, steps=200, rate=0.05, basis=None):
    """Learn orthonormal rows by Oja's rule, beside those of ``basis``."""
    generator = torch.Generator().manual_seed(0)
    flat = activity.reshape(-1, activity.shape[-1])
    scale = flat.square().sum(1).mean().sqrt() + 1e-9
    directions = min(directions, flat.shape[1] // 4)
    h = torch.linalg.qr(torch.randn(flat.shape[1], directions, generator=generator))[0].T
    for _ in range(steps):
        rows = flat[torch.randint(len(flat), (256,), generator=generator)] / scale
        if basis is not None:
            rows = rows - rows @ basis.T @ basis
        y = rows @ h.T
        h = h + rate * (y.T @ rows - (y.T @ y) @ h) / 16
    h = torch.linalg.qr(h.T)[0].T
    return h if basis is None else torch.linalg.qr(torch.cat([basis, h]).T)[0].T


@torch.no_grad()
def activities(net, x):
    """What comes into the three weight matrices."""
    spikes, _ = net.units(net.into(x))
    return {"into": x, "units": spikes, "out": spikes}


def weights(net):
    return {"into": net.into.weight, "units": net.units.weight, "out": net.out.weight}


def adapt(net, problem, pieces, seed, bases, updates, rate):
    """Go on training on other pieces, with gradients projected where there are bases."""
    others = [net.into.bias, net.out.bias, *net.units.parameters(), *net.read.parameters()]
    fixed = [p for p in others if p is not net.units.weight] if bases else []

    def project(_):
        for name, basis in (bases or {}).items():
            grad = weights(net)[name].grad
            grad -= grad @ basis.T @ basis
        for p in fixed:  # they hold for all days
            p.grad = None

    train(net, problem, seed, updates=updates, rate=rate, pieces=pieces, before_step=project,
          keep=False)  # fmt: skip


def days(problem, seed, project):
    net = train(Plain(problem), problem, seed)
    bases = {n: subspace(a) for n, a in activities(net, problem.train.x).items()}
    before = score_of(predict(net, problem.test), problem.test, False)
    adapt(net, problem, problem.new, seed, bases if project else None, 60, 1e-3)
    old = score_of(predict(net, problem.validate), problem.validate, False)
    return judge(net, problem, 192)._replace(extra={"not adapted": before, "old day": old})


def tasks(problem, seed, project):
    net, bases = Plain(problem), None
    size = 9 if problem.n_outputs == 27 else 2
    n_tasks = problem.n_outputs // size
    for task in range(n_tasks):
        rows = torch.nonzero(problem.train.y // size == task)[:, 0]
        p = problem.train
        pieces = Pieces(p.x[:, rows], p.y[rows], p.mask[:, rows])
        n = 3 * protocol.UPDATES // (2 * n_tasks)
        if task == 0:
            train(net, problem, seed, updates=n, pieces=pieces, keep=False)
        else:
            adapt(net, problem, pieces, seed, bases if project else None, n, 1e-2)
        bases = {
            name: subspace(a, basis=None if bases is None else bases[name])
            for name, a in activities(net, pieces.x).items()
        }
    result = judge(net, problem, 192)  # all letters
    output, right = predict(net, problem.test).mean(0), 0
    for task in range(n_tasks):
        rows = problem.test.y // size == task
        guess = output[rows][:, size * task : size * (task + 1)].argmax(-1) + size * task
        right += int((guess == problem.test.y[rows]).sum())
    within = right / len(problem.test.y)
    return result._replace(score=within, extra={f"all {problem.n_outputs}": result.score})


def run(problem, seed, project=True):
    if problem.classes:
        return tasks(problem, seed, project)
    return days(problem, seed, project) if problem.new is not None else None


def run_without(problem, seed):
    """The same days and tasks, without projections."""
    return run(problem, seed, project=False)
