"""A reservoir whose readouts learn what and when by three factors, with no gradient through time.

A readout's synapse changes by (error) x (trace of the presynaptic spikes), the third factor
being the error that is broadcast when the hand's movement is seen. One readout says what
(movement, standardised, or the letter), one says when (whether anything moves, or, for letters,
how far the trial is); the answer is what, weighted by when. Online, three passes over the
training pieces.
"""

import numpy as np
from liquid import UNITS, Liquid, cost
from protocol import Result


def sigmoid(a):
    return 1 / (1 + np.exp(-np.clip(a, -30, 30)))


def run(problem, seed):
    liquid = Liquid(problem, seed)
    rng = np.random.default_rng(seed)
    states = [liquid.states(p.x.numpy()) for p in (problem.train, problem.test)]
    (learn, _), (ask, fired) = states
    scale = learn.std((0, 1)) + 1e-6
    learn, ask = learn / scale, ask / scale
    n_out = problem.n_outputs
    what, when = np.zeros((n_out, UNITS)), np.zeros(UNITS)
    bias, offset = np.zeros(n_out), 0.0
    y, mask = problem.train.y.numpy(), problem.train.mask.numpy()
    n_times, n_pieces = learn.shape[:2]
    if problem.classes:
        target = np.eye(n_out)[y]
    speed = None if problem.classes else np.sqrt((y**2).sum(-1))
    limit = None if problem.classes else np.median(speed[mask])
    n_passes, batch = 3, 8
    for turn in range(n_passes):
        rate = 0.3 / UNITS / (1 + turn)
        for pieces in np.array_split(rng.permutation(n_pieces), max(1, n_pieces // batch)):
            for t in range(n_times):
                s = learn[t, pieces]
                told = mask[t, pieces][:, None]
                guess, gate = s @ what.T + bias, sigmoid(s @ when + offset)
                if problem.classes:
                    e = np.exp(guess - guess.max(1, keepdims=True))
                    error = target[pieces] - e / e.sum(1, keepdims=True)
                    moves = np.full(len(pieces), t / n_times)
                else:
                    error = y[t, pieces] - guess * gate[:, None]
                    moves = (speed[t, pieces] > limit).astype(float)
                error, late = error * told, (moves - gate) * told[:, 0]
                what += (
                    rate * error.T @ (s if problem.classes else s * gate[:, None]) / len(pieces)
                )
                when += rate * late @ s / len(pieces)
                bias, offset = bias + rate * error.mean(0), offset + rate * late.mean()
    gate = sigmoid(ask @ when + offset)[..., None]
    guess = (ask @ what.T + bias) * gate
    if problem.classes:
        score = float((guess.sum(0).argmax(-1) == problem.test.y.numpy()).mean())
    else:
        held = problem.test.mask.numpy()
        truth = problem.test.y.numpy()[held]
        error = ((truth - guess[held]) ** 2).mean(0)
        score = float((1 - error / truth.var(0)).mean())
    n_readout = (n_out + 1) * UNITS
    macs, acs, n_bytes = cost(liquid, problem, fired, n_readout)
    if problem.classes:
        macs += n_readout * (1 - 1 / n_times)
    return Result(score, macs, acs, n_bytes)
