"""Which unit drives which, read off a fitted network in three ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurokit.pretraining.spiking.reading import Piece
from neurokit.pretraining.spiking.running import intensities, walk

if TYPE_CHECKING:
    from torch import Tensor

    from neurokit.nn.spikes import SpikeNetwork

Doubles = NDArray[np.float64]
_AT_ONCE = 16  # sources whose absence is run side by side


def by_ablation(network: SpikeNetwork, pieces: list[Piece]) -> Doubles:
    """Return the log-likelihood that each target loses without each source's past spikes.

    In nats, of all bins; what a constant of the target's own makes good is not lost. The sign is
    that of the change of the intensity where the source has fired.
    """
    import torch

    n_units = network.n_units
    loss, sign = np.zeros((2, n_units, n_units))
    with torch.no_grad():
        whole, expected = _totals(network, pieces, torch.ones(1, n_units))
        for first in range(0, n_units, _AT_ONCE):
            absent = torch.arange(first, min(first + _AT_ONCE, n_units))
            presence = torch.ones(len(absent), n_units)
            presence[torch.arange(len(absent)), absent] = 0.0
            without, left = _totals(network, pieces, presence)
            loss[:, absent.numpy()] = (whole - without).T
            sign[:, absent.numpy()] = np.sign(expected - left).T
    np.fill_diagonal(loss, np.nan)
    return np.maximum(loss, 0.0) * sign


def _totals(
    network: SpikeNetwork, pieces: list[Piece], presence: Tensor
) -> tuple[Doubles, Doubles]:
    """Return log-likelihood (version, target), with the best constant, and expected spikes."""
    value = np.zeros((len(presence), network.n_units))
    expected = np.zeros_like(value)
    spikes = np.zeros(network.n_units)
    for piece in pieces:
        spikes += (piece.counts * piece.seen).sum(0)
        for part, out in walk(network, piece, presence):
            value += out.log_likelihood.double().sum(1).numpy()
            rate = intensities(out, out.log_likelihood.shape[1]).double().exp().numpy()
            expected += (rate * piece.seen[part]).sum(1)
    # adding c to all log intensities of a unit gains n c - expected (e^c - 1), most at log(n / E)
    shift = np.log(np.maximum(spikes, 1e-9) / np.maximum(expected, 1e-9))
    gain = spikes * shift - (spikes - expected)
    return value + np.where(spikes > 0, gain, 0.0), expected


def by_gradient(network: SpikeNetwork, pieces: list[Piece]) -> Doubles:
    """Return how the mean log intensity of each target grows with the presence of each source.

    Gradients stay inside the stretches of the walk.
    """
    import torch

    n_units = network.n_units
    slope, n_bins = np.zeros((n_units, n_units)), 0
    presence = torch.ones(1, n_units, requires_grad=True)
    for piece in pieces:
        n_bins += len(piece.counts)
        for _, out in walk(network, piece, presence):
            total = intensities(out, out.log_likelihood.shape[1]).sum((0, 1))
            for target in range(n_units):
                (found,) = torch.autograd.grad(total[target], presence, retain_graph=True)
                slope[target] += found[0].double().numpy()
    np.fill_diagonal(slope, np.nan)
    return slope / max(n_bins, 1)


def by_attention(network: SpikeNetwork, pieces: list[Piece]) -> Doubles:
    """Return the attention that each source gets where each target fires next.

    Over what even attention would give, weighed by the lengths of the values, over all layers,
    heads and windows. Needs tokens that are spikes.
    """
    import torch

    n_units = network.n_units
    blocks: list[Any] = list(network.blocks)
    got, even = np.zeros((n_units, n_units)), np.zeros((n_units, n_units))
    with torch.no_grad():
        for piece in pieces:
            state, past = None, [np.empty(0, np.int64)] * len(blocks)
            for start in range(0, len(piece.counts), 64):
                counts = torch.from_numpy(piece.counts[start : start + 64])[None]
                z = piece.covariates
                beside = None if z is None else torch.from_numpy(z[start : start + 64])[None]
                x, time, events, _, state = network._begin(counts, beside, None, None, state)
                if events is None:
                    raise ValueError("attention needs tokens that are spikes")
                unit = events.unit[0].numpy()
                following = events.stop[0].numpy()
                rows = np.flatnonzero(following < n_units)
                memories = []
                for k, block in enumerate(blocks):
                    normed = block.before(x)
                    weights, length, seen = block.attention.weigh(normed, time, state.memories[k])
                    mass = (weights * length[:, :, None]).mean((0, 1))
                    mass = mass / mass.sum(-1, keepdim=True).clamp(min=1e-12)
                    fair = seen[0] / seen[0].sum(-1, keepdim=True)
                    owner = np.concatenate([past[k], unit])
                    columns = np.flatnonzero(owner >= 0)
                    for total, share in ((got, mass), (even, fair.to(mass.dtype))):
                        summed = np.zeros((n_units, len(owner)))
                        np.add.at(summed, following[rows], share.numpy()[rows])
                        np.add.at(total.T, owner[columns], summed[:, columns].T)
                    x, kept = block(x, time, None, state.memories[k])
                    memories.append(kept)
                    past[k] = owner[len(owner) - kept.time.shape[1] :]
                state = state._replace(memories=memories, bins=state.bins + counts.shape[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        out = np.where(even > 0, got / even, 1.0)
    np.fill_diagonal(out, np.nan)
    return out
