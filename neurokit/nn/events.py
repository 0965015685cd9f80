"""The likelihood of spike trains in bins: counts of Poisson, or one spike after the other.

Spikes written one after the other follow each other in order of the bins, and inside a bin in
order of the units; a tick opens each bin. After every token the cells (bin, unit) that may still
come are those from the unit of the token on. Each has an intensity, and the next spike falls into
a cell with the probability that it does not fall into one before: a softmax over the cells left
and the end of the bin, from which the impossible ones are cut off. Products of these are
probabilities of the whole spike train, no part of which is lost to what cannot happen.
"""

from typing import NamedTuple

import torch
from torch import Tensor

LOWEST, HIGHEST = -20.0, 7.0  # of a log intensity


class Events(NamedTuple):
    """Tokens of spike trains, (batch, token) each."""

    bin: Tensor  # int64
    unit: Tensor  # int64; -1 for the tick that opens a bin
    stop: Tensor  # int64: unit of the next spike in the same bin, else the number of units
    valid: Tensor  # bool; False for padding behind the end


def lay_out(counts: Tensor) -> Events:
    """Write counts as tokens, one after the other.

    Parameters
    ----------
    counts : Tensor of int64, shape (batch, bin, unit)

    Returns
    -------
    Events

    Examples
    --------
    >>> events = lay_out(torch.tensor([[[0, 2], [1, 0]]]))
    >>> events.bin.tolist(), events.unit.tolist(), events.stop.tolist()
    ([[0, 0, 0, 1, 1]], [[-1, 1, 1, -1, 0]], [[1, 1, 2, 0, 2]])
    """
    n, n_bins, n_units = counts.shape
    cells = torch.cat([torch.ones_like(counts[..., :1]), counts], -1)
    number = cells.sum((1, 2))
    each = torch.arange(cells.numel(), device=counts.device)
    cell = torch.repeat_interleave(each, cells.flatten())
    sample, cell = cell // (n_bins * (n_units + 1)), cell % (n_bins * (n_units + 1))
    first = number.cumsum(0) - number
    place = torch.arange(len(cell), device=counts.device) - first[sample]
    shape = (n, int(number.max()))
    at = torch.full(shape, n_bins - 1, device=counts.device)
    unit = torch.full(shape, -1, device=counts.device)
    valid = torch.zeros(shape, dtype=torch.bool, device=counts.device)
    at[sample, place] = cell // (n_units + 1)
    unit[sample, place] = cell % (n_units + 1) - 1
    valid[sample, place] = True
    after = torch.cat([unit[:, 1:], torch.full_like(unit[:, :1], -1)], 1)
    return Events(at, unit, torch.where(after < 0, n_units, after), valid)


def next_log_probs(log_intensity: Tensor, unit: Tensor) -> Tensor:
    """Return the log probability of each next token, from which impossible ones are cut off.

    Parameters
    ----------
    log_intensity : Tensor of shape (..., n_units)
        What each unit has in the rest of this bin.
    unit : Tensor of int64, shape (...)
        Unit of the last spike of this bin, -1 where there is none yet.

    Returns
    -------
    Tensor of shape (..., n_units + 1)
        The last is the end of the bin. Units before the last spike's have probability zero.

    Examples
    --------
    >>> probs = next_log_probs(torch.zeros(3), torch.tensor(1)).exp()
    >>> [round(p, 3) for p in probs.tolist()]
    [0.0, 0.632, 0.233, 0.135]
    """
    rate = log_intensity.exp()
    before = torch.cat([torch.zeros_like(rate[..., :1]), rate.cumsum(-1)], -1)
    hit = torch.cat([log_of_hit(rate), torch.zeros_like(rate[..., :1])], -1)
    cell = torch.arange(hit.shape[-1], device=hit.device)
    impossible = cell < unit[..., None].clamp(min=0)
    return (hit - before).masked_fill(impossible, -torch.inf).log_softmax(-1)


def log_of_hit(rate: Tensor) -> Tensor:
    """Return the log probability of a spike or more in a cell of this intensity."""
    return torch.log(-torch.expm1(-rate.clamp(min=1e-12)))


def event_log_likelihood(log_intensity: Tensor, events: Events) -> Tensor:
    """Return what each unit adds to the log probability of each next token.

    Summed over the units it is the entry of `next_log_probs` that came true.

    Parameters
    ----------
    log_intensity : Tensor of shape (batch, token, n_units)
    events : Events

    Returns
    -------
    Tensor of shape (batch, token, n_units)
    """
    cell = torch.arange(log_intensity.shape[-1], device=log_intensity.device)
    rate = log_intensity.exp()
    passed = (cell >= events.unit[..., None]) & (cell < events.stop[..., None])
    hit = cell == events.stop[..., None]
    gain = torch.where(hit, log_of_hit(rate), 0.0) - rate * passed
    return gain * events.valid[..., None]


def count_log_likelihood(log_intensity: Tensor, counts: Tensor) -> Tensor:
    """Return the log probability of Poisson counts, cell by cell."""
    return counts * log_intensity - log_intensity.exp() - torch.lgamma(counts + 1.0)


def gather_bins(rows: Tensor, events: Events, n_bins: int) -> Tensor:
    """Sum rows (batch, token, unit) of tokens over the bins that they stand in."""
    out = rows.new_zeros(rows.shape[0], n_bins, rows.shape[2])
    where = events.bin[..., None].expand_as(rows)
    return out.scatter_add(1, where, rows * events.valid[..., None])


def first_of_cells(rows: Tensor, events: Events, n_bins: int) -> Tensor:
    """Return what stood in each cell (bin, unit) when it could first be hit."""
    cell = torch.arange(rows.shape[-1], device=rows.device)
    fresh = (cell > events.unit[..., None]) & (cell <= events.stop[..., None])
    return gather_bins(rows * fresh, events, n_bins)
