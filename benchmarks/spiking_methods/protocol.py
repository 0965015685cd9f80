"""What every spiking method is measured by: recordings, training, scores, operations and bytes.

Five seeds, each with another scored block of time (or repetitions of letters, or simulated
population). Movement is standardised; R2 is that of `decoding_r2` in real time, without a filter.
A method is a function of (problem, seed) that gives a ``Result``. Networks are trained by `train`
with the same number of updates; the state of the best score on validation pieces is kept.
"""

import itertools
import math
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
import decoders_braille
import decoders_sets

from neurokit.datasets.reaching import make_reaching
from neurokit.nn import LeakyIntegrator, RecurrentLIF
from neurokit.recording import bin_spikes

LENGTH, WARM = 100, 25  # steps of a piece, and those of it that only warm the state up
UPDATES = 400
OLD, PAUSE, NEW, SCORED = 120, 240, 30, 60  # seconds of the simulated days


class Pieces(NamedTuple):
    """Stretches of a recording side by side."""

    x: Any  # (time, piece, unit)
    y: Any  # (time, piece, feature), or a class for each piece
    mask: Any  # (time, piece): the steps that count


class Problem(NamedTuple):
    """One recording, divided."""

    name: str
    train: Pieces
    validate: Pieces
    test: Pieces
    n_outputs: int
    step: float  # seconds on the clock of the networks
    classes: bool = False
    new: Pieces | None = None  # of the new day, to adapt on

    @property
    def n_inputs(self):
        return self.train.x.shape[-1]


class Result(NamedTuple):
    """Score on what was held out, and what a step costs."""

    score: float
    macs: float
    acs: float
    n_bytes: float
    extra: dict | None = None


def cut(x, y, runs):
    """Cut runs of rows into overlapping pieces; what overlaps counts once."""
    pieces, masks = [], []
    for run in runs:
        for first in range(0, len(run), LENGTH - WARM):
            rows = run[first : first + LENGTH]
            if first and len(rows) <= WARM:
                break
            pieces.append(rows)
            masks.append(np.arange(len(rows)) >= (WARM if first else 0))
    n = max(map(len, pieces))
    out_x = np.zeros((n, len(pieces), x.shape[1]), np.float32)
    out_y = np.zeros((n, len(pieces), y.shape[1]), np.float32)
    mask = np.zeros((n, len(pieces)), bool)
    for k, (rows, counted) in enumerate(zip(pieces, masks, strict=True)):
        out_x[: len(rows), k], out_y[: len(rows), k] = x[rows], y[rows]
        mask[: len(rows), k] = counted
    return Pieces(*(torch.from_numpy(a) for a in (out_x, out_y, mask)))


def runs_of(rows, times):
    """Divide rows where they, or the clock, jump."""
    jump = np.flatnonzero(
        (np.diff(rows) != 1) | (np.diff(times[rows]) > 1.5 * np.diff(times).min())
    )
    return np.split(rows, jump + 1)


def regression(name, k):
    recording = getattr(decoders_sets, name)(k)
    x = recording.x.transpose("time", ...).values.astype(np.float32)
    y, times = np.asarray(recording.y.values, float), recording.x["time"].values
    parts = decoders_sets.split(recording, k)
    y = (y - y[parts.train].mean(0)) / y[parts.train].std(0)
    pieces = [cut(x, y, runs_of(rows, times)) for rows in parts]
    return Problem(name, *pieces, y.shape[1], decoders_sets.CLOCK)


def drift(k):
    """Simulated reaching whose tuning walks: trained on one day, scored on the next."""
    session = make_reaching(
        OLD + PAUSE + NEW + SCORED, drift=0.3, bin_width=0.02, random_state=300 + k
    )
    x = bin_spikes(session.spikes, 0.02).transpose("time", "unit").values.astype(np.float32)
    y = session.behaviour.sel(feature=["vx", "vy"]).values[: len(x)]
    ends = np.array([0, 100, OLD, OLD + PAUSE, OLD + PAUSE + NEW, len(x) // 50]) * 50
    y = (y - y[: ends[1]].mean(0)) / y[: ends[1]].std(0)
    old, held, _, new, scored = (cut(x, y, [np.arange(a, b)]) for a, b in itertools.pairwise(ends))
    return Problem("drift", old, held, scored, 2, 0.02, new=new)


def braille(k):
    values, letters, repetition = decoders_braille.read()
    events = decoders_braille.events(values, 1).transpose(2, 0, 1).astype(np.float32)
    turn = repetition // 10
    _, letters = np.unique(letters, return_inverse=True)
    parts = []
    for rows in (~np.isin(turn, [k, (k + 1) % 5]), turn == (k + 1) % 5, turn == k):
        x = torch.from_numpy(events[:, rows])
        parts.append(
            Pieces(x, torch.from_numpy(letters[rows]), torch.ones(x.shape[:2], dtype=bool))
        )
    return Problem("braille", *parts, 27, 0.025, classes=True)


def digits(k):
    """Images, on which most of the methods' papers are: scikit-learn's 8 x 8 digits, as spikes.

    A pixel fires as often in 16 steps as it is bright, evenly spread. They are no recording.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    total = np.arange(17)[:, None, None] * images / 16
    spikes = np.diff(np.floor(total + 0.5), axis=0).astype(np.float32)
    turn = np.random.default_rng(k).permutation(len(labels)) % 5
    parts = []
    for rows in (turn > 1, turn == 1, turn == 0):
        x = torch.from_numpy(spikes[:, rows])
        parts.append(
            Pieces(x, torch.from_numpy(labels[rows]), torch.ones(x.shape[:2], dtype=bool))
        )
    return Problem("digits", *parts, 10, 0.025, classes=True)


SETS = {
    "contdata95": lambda k: regression("contdata95", k),
    "centerout": lambda k: regression("centerout_tr", k),
    "placecells": lambda k: regression("placecells", k),
    "drift": drift,
    "braille": braille,
    "digits": digits,
}


# --- operations ---

_noted = None


def note(x, fan_out):
    """Count what a layer with these inputs costs: additions where all are spikes."""
    if _noted is not None:
        x = x.detach()
        kind = "acs" if bool(((x == 0) | (x.abs() == 1)).all()) else "macs"
        _noted[kind] += float((x != 0).sum()) * fan_out


@contextmanager
def counting():
    global _noted
    _noted = {"acs": 0.0, "macs": 0.0}
    try:
        yield _noted
    finally:
        _noted = None


class Synapses(nn.Linear):
    """A linear layer whose operations are counted."""

    def forward(self, x):
        note(x, self.out_features)
        return super().forward(x)


# --- networks and their training ---


class Plain(nn.Module):
    """What all are compared with: recurrent LIF units with learned time constants."""

    def __init__(self, problem, n_units=64, repeats=1):
        super().__init__()
        tau, step = (0.1 if problem.classes else 0.05), problem.step / repeats
        spread = torch.exp(0.3 * torch.randn(n_units))
        self.into = fitted(problem, n_units)
        self.units = RecurrentLIF(
            n_units,
            decay=torch.exp(-step / (tau * spread)),
            synaptic_decay=torch.full((n_units,), math.exp(-step / 0.01)),
            learn_decay=True,
            surrogate="superspike",
            scale=5.0,
        )
        self.out = Synapses(n_units, problem.n_outputs)
        self.read = LeakyIntegrator(
            problem.n_outputs, decay=math.exp(-step / tau), learn_decay=True
        )

    def forward(self, x):
        spikes, _ = self.units(self.into(x))
        note(spikes, self.units.n_units)
        return self.read(self.out(spikes))[0]


def fitted(problem, n_units, bias=True):
    """Make input synapses that drive units to their threshold now and then."""
    layer = Synapses(problem.n_inputs, n_units, bias=bias)
    power = problem.train.x.square().mean()
    with torch.no_grad():
        layer.weight.normal_(0, 0.6 / math.sqrt(float(power) * problem.n_inputs))
        if bias:
            layer.bias.zero_()
    return layer


def spike(v, scale=5.0):
    """Fire above zero, with the superspike surrogate."""
    soft = v / (1 + scale * v.abs())
    return (v > 0).float().detach() + (soft - soft.detach())  # exactly 0 or 1


def loss_of(output, pieces, classes, at=slice(None)):
    y, mask = (pieces.y[at] if classes else pieces.y[:, at]), pieces.mask[:, at]
    if classes:
        return nn.functional.cross_entropy(output.mean(0), y)
    return ((output - y) ** 2)[mask].mean()


@torch.no_grad()
def predict(net, pieces):
    net.eval()
    output = torch.cat([net(part) for part in pieces.x.split(128, dim=1)], dim=1)
    net.train()
    return output


def score_of(output, pieces, classes):
    if classes:
        return float((output.mean(0).argmax(-1) == pieces.y).float().mean())
    y, guess = pieces.y[pieces.mask], output[pieces.mask]
    return float((1 - ((y - guess) ** 2).mean(0) / y.var(0, unbiased=False)).mean())


def train(net, problem, seed, *, updates=None, rate=1e-2, pieces=None, before_step=None,
          after_step=None, keep=True):  # fmt: skip
    """Train with Adam; keep the weights of the best score on the validation pieces."""
    updates = UPDATES if updates is None else updates
    pieces = pieces or problem.train
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(net.parameters(), lr=rate)
    best, kept = -math.inf, None
    for u in range(updates):
        at = torch.randint(pieces.x.shape[1], (32,), generator=generator)
        optimiser.param_groups[0]["lr"] = rate * (0.02 + 0.98 * (1 - u / updates))
        loss = loss_of(net(pieces.x[:, at]), pieces, problem.classes, at)
        optimiser.zero_grad()
        loss.backward()
        if before_step is not None:
            before_step(u)
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        if after_step is not None:
            after_step(u)
        if keep and ((u + 1) % max(1, updates // 6) == 0):
            held = score_of(predict(net, problem.validate), problem.validate, problem.classes)
            if held > best:
                best, kept = held, {n: p.clone() for n, p in net.state_dict().items()}
    if kept is not None:
        net.load_state_dict(kept)
    return net


def judge(net, problem, n_state=0, extra=None):
    """Score a network on the test pieces and count its operations and bytes."""
    with counting() as noted:
        output = predict(net, problem.test)
    steps = problem.test.x.shape[0] * problem.test.x.shape[1]
    n_values = sum(int((p != 0).sum()) for p in net.parameters()) + n_state
    score = score_of(output, problem.test, problem.classes)
    return Result(score, noted["macs"] / steps, noted["acs"] / steps, 4 * n_values, extra)
