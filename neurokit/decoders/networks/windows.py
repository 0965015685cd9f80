"""Windows of a recording: what networks along time learn from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from neurokit.types import Floats

if TYPE_CHECKING:
    from torch import Tensor

_WARM_UP = 4  # a window but the first of a stretch learns from its last (_WARM_UP - 1) / _WARM_UP


def cut_windows(
    x: Floats, y: Floats, runs: Sequence[slice], size: int
) -> tuple[Floats, Floats, Floats]:
    """Cut windows of ``size`` steps that overlap by a quarter, never across a jump.

    The overlap warms the state up and is not learned from, but in the first window of a stretch.
    Shorter stretches are filled up with steps that do not count.

    Parameters
    ----------
    x : ndarray of shape (n_times, n_units)
    y : ndarray of shape (n_times, n_outputs)
    runs : sequence of slice
    size : int

    Returns
    -------
    windows of x, of y : ndarray of float32, shape (n_windows, size, ...)
    mask : ndarray of float32, shape (n_windows, size)
        1 for the steps to learn from. Every step of the recording is learned from once.
    """
    size = min(size, max(run.stop - run.start for run in runs))
    warm = size // _WARM_UP
    spans = []
    for run in runs:
        spans.append((run.start, run.start, min(run.start + size, run.stop)))
        while spans[-1][2] < run.stop:
            learned = spans[-1][2]
            stop = min(learned - warm + size, run.stop)
            spans.append((max(stop - size, run.start), learned, stop))
    windows_x = np.zeros((len(spans), size, x.shape[1]), np.float32)
    windows_y = np.zeros((len(spans), size, y.shape[1]), np.float32)
    mask = np.zeros((len(spans), size), np.float32)
    for k, (start, learned, stop) in enumerate(spans):
        windows_x[k, : stop - start] = x[start:stop]
        windows_y[k, : stop - start] = y[start:stop]
        mask[k, learned - start : stop - start] = 1
    return windows_x, windows_y, mask


def part_width(window: float, n_parts: int, rate: float, caller: str) -> int:
    """Return the steps in each part of a window; a rest is left out, as in NeuroBench."""
    width = math.floor(window * rate / n_parts + 1e-9)
    if width < 1:
        raise ValueError(
            f"{caller}: window must hold {n_parts} steps or more, got {window!r} s at {rate:g}"
            " steps per second; make it longer."
        )
    return width


def gather_windows(sums: Tensor, rows: Tensor, n_parts: int, width: int) -> Tensor:
    """Gather windows (row, part, unit) that end at ``rows``, from sums with a zero row in front.

    ``rows`` are numbered so that ``sums[r + 1]`` includes row ``r``; as many rows as a window is
    long stand before the first of each stretch.
    """
    import torch

    edges = torch.arange(-n_parts, 1, device=rows.device) * width + 1
    at = sums[rows[:, None] + edges]
    return (at[:, 1:] - at[:, :-1]).float()


def running_sums(x: Floats, runs: Sequence[slice], size: int) -> tuple[Tensor, Tensor]:
    """Sum ``x`` up, with silence before each stretch; say where each row stands in the sums.

    Parameters
    ----------
    x : ndarray of shape (n_times, n_units)
    runs : sequence of slice
    size : int
        Length of a window.

    Returns
    -------
    sums : Tensor of float64, shape (n_padded + 1, n_units)
    rows : Tensor of int64, shape (n_times,)
    """
    import torch

    where = np.empty(len(x), dtype=np.int64)
    for k, run in enumerate(runs):
        where[run] = np.arange(run.start, run.stop) + size * (k + 1)
    sums = np.zeros((len(x) + size * len(runs) + 1, x.shape[1]))
    sums[where + 1] = x
    return torch.from_numpy(np.cumsum(sums, 0, out=sums)), torch.from_numpy(where)
