"""Rounding of weights and of what passes between layers, as small processors compute."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurokit.decoders.networks.learning import find_connections
from neurokit.types import Floats

if TYPE_CHECKING:
    from torch import nn

TYPES = ("float16", "int8")
_TOP = 127  # of the numbers of 8 bits


def round_weights(module: nn.Module, dtype: str) -> None:
    """Round the connections of a network in place; "int8" has one scale for each unit's weights.

    Parameters
    ----------
    module : nn.Module
    dtype : {"float16", "int8"}
    """
    import torch

    with torch.no_grad():
        for weight in find_connections(module):
            if dtype == "float16":
                weight.copy_(weight.half().float())
            else:
                step = weight.abs().amax(1, keepdim=True).clamp(min=1e-30) / _TOP
                weight.copy_((weight / step).round() * step)


def find_steps(
    begin: Callable[[], list[Any]], runs: Iterable[NDArray[np.float64]], dtype: str
) -> list[float]:
    """Find the step of the rounding in front of each layer; 0 for half precision.

    Parameters
    ----------
    begin : callable
        Makes the live steps of the network, new ones for each stretch.
    runs : iterable of ndarray of shape (n_times, n_units)
        The stretches that the steps are fitted on.
    dtype : {"float16", "int8"}

    Returns
    -------
    list of float
    """
    n_layers = len(begin())
    if dtype == "float16":
        return [0.0] * n_layers
    tops, whole = np.zeros(n_layers), np.ones(n_layers, bool)
    for x in runs:
        for k, layer in enumerate(begin()):
            tops[k] = max(tops[k], np.abs(x).max())
            whole[k] &= bool((x == np.round(x)).all())
            x = layer.push(x)
    fine = whole & (tops <= _TOP)
    return np.where(fine, 1.0, np.maximum(tops, 1e-30) / _TOP).tolist()


def round_between(layers: list[Any], steps: Sequence[float] | None) -> list[Any]:
    """Put rounding in front of each layer, where ``steps`` are given."""
    if steps is None:
        return layers
    rounded = [Rounded(a, b) for a, b in zip([None, *layers[:-1]], steps, strict=True)]
    return [*rounded, layers[-1]]


class Rounded:
    """A layer, or none, whose output and hidden state are rounded as they are passed on."""

    def __init__(self, layer: Any, step: float) -> None:
        self._layer, self._step = layer, step
        self._hidden: Floats | None = getattr(layer, "hidden", None)

    def push(self, x: Floats) -> Floats:
        """Return the rounded outputs of the new rows."""
        if self._layer is None:
            return self._round(x)
        if self._hidden is None:
            return self._round(self._layer.push(x))
        out = np.empty((len(x), len(self._hidden)))
        for t in range(len(x)):  # what is heard at the next step has been rounded
            self._layer.push(x[t : t + 1])
            out[t] = self._round(self._hidden)
        return out

    def _round(self, x: Floats) -> Floats:
        if self._step == 0:
            x[:] = x.astype(np.float16)
        else:
            np.divide(x, self._step, out=x)
            np.clip(np.round(x, out=x), -_TOP, _TOP, out=x)
            np.multiply(x, self._step, out=x)
        return x
