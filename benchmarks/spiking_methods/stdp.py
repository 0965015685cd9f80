"""Letters by supervised STDP, without gradients: sym-STDP, and s-STDP with times to aim at.

* sym-STDP (Hao et al. 2019, arXiv:1812.06574): while a letter is shown, a teacher makes its
  neurons fire; a synapse grows by ``exp(-|time between spikes| / tau)`` in either order, less a
  constant, and every neuron's weights are scaled to one sum. Excitability moves so that all fire
  alike.
* s-STDP (S2-STDP, Goupy et al. 2023, arXiv:2308.02194): the first spike decides. Each neuron
  should fire a gap before (its letter) or after (other letters) the layer's mean time; its
  synapses move by that error where inputs came before it fired.

Both see each event channel in eight delays of nine frames, so that one layer can tell when.
"""

import numpy as np
from protocol import Result

DELAYS, TAU = 8, 4.0


def delayed(x):
    """Events (trial, channel x delay, frame), binary, each channel at several delays."""
    x = np.minimum(x.transpose(1, 2, 0), 1)
    n_times = x.shape[-1]
    if n_times < 9 * DELAYS:  # an image has no time to tell
        return x
    parts = [
        np.pad(x, ((0, 0), (0, 0), (n_times - 9 * d, 0)))[..., :n_times]
        for d in range(1, DELAYS + 1)
    ]
    return np.concatenate(parts, axis=1)  # delay d shows the frames up to 9 d at the end


def smooth(x):
    """Filter with ``exp(-|t| / TAU)``."""
    kernel = np.exp(-np.abs(np.arange(-12, 13)) / TAU)
    return np.apply_along_axis(lambda row: np.convolve(row, kernel, "same"), -1, x)


def cost(x, n_outputs):
    acs = x.sum(1).mean() * n_outputs
    return 0.0, float(acs), 4.0 * x.shape[1] * n_outputs


def symmetric(problem, seed):
    if not problem.classes:
        return None
    rng = np.random.default_rng(seed)
    parts = [delayed(p.x.numpy()) for p in (problem.train, problem.test)]
    y, truth = problem.train.y.numpy(), problem.test.y.numpy()
    trace = smooth(parts[0])[..., ::4].mean(-1)  # the teacher fires every fourth frame
    offset = trace.mean(0)
    weight, excite = np.full((problem.n_outputs, trace.shape[1]), 0.1), np.ones(problem.n_outputs)
    for _ in range(3):
        for i in rng.permutation(len(y)):
            row = weight[y[i]] + 0.1 * (trace[i] - offset)
            weight[y[i]] = np.clip(row, 0, None)
            weight[y[i]] *= 10 / (weight[y[i]].sum() + 1e-9)
    total = parts[0].mean(-1) @ weight.T
    for _ in range(50):  # intrinsic plasticity
        won = np.bincount((total * excite).argmax(1), minlength=len(excite)) / len(total)
        excite *= 1 - 0.5 * (won - 1 / len(excite))
    guess = (parts[1].mean(-1) @ weight.T * excite).argmax(1)
    return Result(float((guess == truth).mean()), *cost(parts[1], problem.n_outputs))


def stabilised(problem, seed):
    if not problem.classes:
        return None
    rng = np.random.default_rng(seed)
    parts = [delayed(p.x.numpy()) for p in (problem.train, problem.test)]
    y, truth = problem.train.y.numpy(), problem.test.y.numpy()
    n_times, n_inputs = parts[0].shape[-1], parts[0].shape[1]
    # events count back from the end, so that each delay's window ends there: all inputs are early
    weight = (
        rng.uniform(0.0, 1.0, (problem.n_outputs, n_inputs)) * 2 / parts[0].sum(1).mean() / n_times
    )
    threshold, gap = 1.0, 3.0
    kernel = np.exp(-np.arange(n_times) / (3 * TAU))

    def fire(x):
        v = np.cumsum(x @ np.eye(n_times), -1)
        v = weight @ v
        late = n_times + np.maximum(0, threshold - v[:, -1]) * 20
        crossed = v >= threshold
        return np.where(crossed.any(1), crossed.argmax(1), late), v

    for turn in range(12):
        rate = 0.02 / (1 + turn / 3)
        for i in rng.permutation(len(y)):
            times, _ = fire(parts[0][i])
            mean = times.mean()
            aim = np.full(len(times), mean + gap / len(times))
            aim[y[i]] = mean - gap
            error = (times - aim) / n_times
            at = np.minimum(times, n_times - 1).astype(int)
            lag = at[:, None] - np.arange(n_times)[None]
            window = np.where(lag >= 0, kernel[np.abs(lag)], 0)
            weight += rate * error[:, None] * (window @ parts[0][i].T) / 8
            np.clip(weight, -1, 1, out=weight)
    guess = np.array([fire(x)[0].argmin() for x in parts[1]])
    return Result(float((guess == truth).mean()), *cost(parts[1], problem.n_outputs))
