"""Waiting times of spikes, measured by the intensities that a model gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurokit.pretraining.spiking.reading import Piece
from neurokit.pretraining.spiking.running import walk

if TYPE_CHECKING:
    from neurokit.nn.spikes import SpikeNetwork


def rescaled(
    network: SpikeNetwork, pieces: list[Piece], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return 1 - exp(-waiting time) of each spike, and whose it is.

    Inside a cell the place of a spike is drawn: a waiting time that ends in a cell of intensity r
    is -log(1 - u (1 - exp(-r))) there. Where counts are of Poisson, the spikes of a bin stand
    anywhere in it.
    """
    import torch

    values, owner = [], []
    for piece in pieces:
        passed, hits, waited = [], [], []
        with torch.no_grad():
            for part, out in walk(network, piece):
                rate = out.log_intensity[0].double().exp().numpy()
                if out.events is None:
                    passed.append(rate * piece.seen[part])
                    continue
                unit, stop = out.events.unit[0].numpy(), out.events.stop[0].numpy()
                at = out.events.bin[0].numpy()
                cell = np.arange(network.n_units)
                rate = rate * piece.seen[part][at]
                passed.append(rate * ((cell >= unit[:, None]) & (cell < stop[:, None])))
                hits.append(cell == stop[:, None])
                waited.append(-np.log1p(rng.random(rate.shape) * np.expm1(-rate)))
        before = np.concatenate(passed)
        total = np.cumsum(before, axis=0)
        for unit in range(network.n_units):
            if hits:
                rows = np.flatnonzero(np.concatenate([hit[:, unit] for hit in hits]))
                inside = np.concatenate([wait[:, unit] for wait in waited])[rows]
                wait = np.diff(total[rows, unit], prepend=0.0) + inside
            else:
                number = (piece.counts[:, unit] * piece.seen[:, unit]).astype(int)
                rows = np.repeat(np.arange(len(number)), number)
                place = total[rows, unit] - before[rows, unit] * rng.random(len(rows))
                wait = np.diff(np.sort(place), prepend=0.0)
            values.append(-np.expm1(-wait))
            owner.append(np.full(len(wait), unit))
    return np.concatenate(values), np.concatenate(owner)
