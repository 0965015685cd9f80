"""How the model of spike trains is begun as a linear one and trained on windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import clone

from neurokit.pretraining.spiking.reading import Piece
from neurokit.solvers.wide_glm import fit_poisson_wide

if TYPE_CHECKING:
    from torch import Tensor, nn

    from neurokit.nn.spikes import SpikeNetwork
    from neurokit.training import Trainer

_N_BLOCKS = 10  # of successive time, of which a trainer may hold some out
_MISSING = 0.1  # share of the examples that are trained without covariates


def design(network: SpikeNetwork, pieces: list[Piece]) -> np.ndarray:
    """Return the columns of the linear model: constant, histories, covariates."""
    import torch

    rows = []
    n_covariates = network.tuning.shape[1]
    for piece in pieces:
        past = np.zeros((network.history, network.n_units), np.float32)
        full = torch.from_numpy(np.concatenate([past, piece.counts]))[None]
        z = piece.covariates
        beside = np.zeros((len(piece.counts), n_covariates), np.float32) if z is None else z
        ones = np.ones((len(piece.counts), 1), np.float32)
        rows.append(np.concatenate([ones, network.features(full)[0].numpy(), beside], 1))
    return np.concatenate(rows)


def begin_linear(network: SpikeNetwork, pieces: list[Piece]) -> None:
    """Fit the linear part, which is convex, before anything is trained by gradients.

    The largest count of a unit, and one more, bounds its intensity from now on.
    """
    import torch

    x = design(network, pieces)
    y = np.concatenate([piece.counts for piece in pieces])
    seen = np.concatenate([piece.seen for piece in pieces]).astype(np.float32)
    scale = x.std(0)
    scale = np.where(scale > 0, scale, 1.0).astype(np.float32)
    coef = fit_poisson_wide(x / scale, y, seen) / scale
    n = network.couplings.shape[1]
    with torch.no_grad():
        network.level.copy_(torch.from_numpy(coef[:, 0]))
        network.couplings.copy_(torch.from_numpy(coef[:, 1 : 1 + n]))
        most = np.log(y.max(0) + 1)
        if network.observation == "event":  # of a mean e^rate - 1 in a cell
            most = np.log(most)
        network.highest.copy_(torch.from_numpy(most))
        network.tuning.copy_(torch.from_numpy(coef[:, 1 + n :]))


def cut_examples(network: SpikeNetwork, pieces: list[Piece], size: int) -> tuple[Tensor, ...]:
    """Cut windows of ``size`` bins, each behind ``history`` bins that are not scored."""
    import torch

    before, n_covariates = network.history, network.tuning.shape[1]
    counts, seen, beside, known = [], [], [], []
    for piece in pieces:
        n = -(-len(piece.counts) // size)
        pad = ((before, n * size - len(piece.counts)), (0, 0))
        z = piece.covariates
        z = np.zeros((len(piece.counts), n_covariates), np.float32) if z is None else z
        full, watched, signals = np.pad(piece.counts, pad), np.pad(piece.seen, pad), np.pad(z, pad)
        for k in range(n):
            part = slice(k * size, k * size + before + size)
            counts.append(full[part])
            mask = watched[part].copy()
            mask[:before] = False
            seen.append(mask)
            beside.append(signals[part])
            known.append(piece.covariates is not None)
    arrays = (np.stack(counts), np.stack(seen), np.stack(beside), np.array(known))
    return tuple(map(torch.from_numpy, arrays))


def surprise(
    module: nn.Module, counts: Tensor, seen: Tensor, beside: Tensor, known: Tensor
) -> Tensor:
    """Return minus the log-likelihood of a bin, averaged over the examples."""
    import torch

    from neurokit.nn.draws import generator

    if beside.shape[-1] and module.training:
        drawn = torch.rand(len(known), generator=generator(known.device), device=known.device)
        known = known & (drawn >= _MISSING)
    out = module(counts, beside if beside.shape[-1] else None, known=known, seen=seen)
    n_bins = seen.any(-1).sum().clamp(min=1)
    return -out.log_likelihood.sum() / n_bins


def train(
    network: SpikeNetwork, pieces: list[Piece], size: int, trainer: Trainer, seed: int
) -> list[dict[str, float]]:
    """Train on windows; held-out ones are whole blocks of time."""
    data = cut_examples(network, pieces, size)
    n = len(data[0])
    groups = np.arange(n) * _N_BLOCKS // n if n > 1 else None
    if n < _N_BLOCKS and trainer.validation_fraction and trainer.patience is not None:
        trainer = clone(trainer).set_params(validation_fraction=0.0, patience=None, keep=None)
    return list(trainer.minimize(network, surprise, data, seed=seed, groups=groups))


def slow_down(trainer: Trainer) -> Trainer:
    """Return the trainer that goes on: a quarter of the epochs and of the learning rate."""
    trainer = clone(trainer)
    trainer.n_epochs = max(trainer.n_epochs // 4, 1)
    trainer.learning_rate = trainer.learning_rate / 4
    return trainer
