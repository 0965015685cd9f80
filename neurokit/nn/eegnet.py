"""Compact convolutional networks for trials of EEG: EEGNet and the shallow network."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurokit.nn.convolutions import convolve_each


class EEGNet(nn.Module):
    """A few temporal filters, spatial filters for each, and a separable convolution [1]_.

    Parameters
    ----------
    n_outputs, n_chans, n_times : int
        Classes, channels and samples of a trial. Names are those of braindecode's models.
    sfreq : float
        Sampling rate, in Hz: temporal filters last half a second, as published for 128 Hz, and
        pools bring the rate to a quarter and a thirty-second of 128 Hz.
    n_filters : int, default=8
        Temporal filters (F1).
    n_spatial : int, default=2
        Spatial filters for each of them (D).
    dropout : float, default=0.5

    Raises
    ------
    ValueError
        If a trial is too short for the pools.

    References
    ----------
    .. [1] Lawhern et al. (2018), EEGNet: a compact convolutional neural network for EEG-based
       brain-computer interfaces, J. Neural Eng. 15, 056013, table 2.

    Examples
    --------
    >>> import torch
    >>> network = EEGNet(4, 64, 128, sfreq=128)
    >>> sum(p.numel() for p in network.parameters())
    2388
    >>> network(torch.zeros(3, 64, 128)).shape
    torch.Size([3, 4])
    """

    norm_limits = {"spatial.weight": 1.0, "final_layer.weight": 0.25}  # noqa: RUF012

    def __init__(
        self,
        n_outputs: int,
        n_chans: int,
        n_times: int,
        *,
        sfreq: float,
        n_filters: int = 8,
        n_spatial: int = 2,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        wide = n_filters * n_spatial
        first = max(1, round(sfreq / 32))
        self.pools = first, max(1, round(sfreq / 4 / first))
        rest = n_times // self.pools[0] // self.pools[1]
        if rest < 1:
            raise ValueError(
                f"EEGNet: a trial of {n_times} samples is shorter than its pools,"
                f" {self.pools[0] * self.pools[1]} samples at {sfreq:g} Hz; give longer trials."
            )
        self.temporal = nn.Conv2d(1, n_filters, (1, max(1, round(sfreq / 2))), bias=False)
        self.first_norm = nn.BatchNorm2d(n_filters)
        self.spatial = nn.Conv2d(n_filters, wide, (n_chans, 1), groups=n_filters, bias=False)
        self.second_norm = nn.BatchNorm1d(wide)
        self.depthwise = nn.Conv1d(wide, wide, 16, groups=wide, bias=False)
        self.pointwise = nn.Conv1d(wide, wide, 1, bias=False)
        self.third_norm = nn.BatchNorm1d(wide)
        self.drop = nn.Dropout(dropout)
        self.final_layer = nn.Linear(wide * rest, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores of the classes, (batch, n_outputs), from trials (batch, channel, time)."""
        x = self.first_norm(self.temporal(_pad(x[:, None], self.temporal.kernel_size[1])))
        x = F.elu(self.second_norm(self.spatial(x)[:, :, 0]))
        x = self.drop(F.avg_pool1d(x, self.pools[0]))
        x = F.elu(self.third_norm(self.pointwise(convolve_each(x, self.depthwise.weight[:, 0]))))
        x = self.drop(F.avg_pool1d(x, self.pools[1]))
        return self.final_layer(x.flatten(1))


class ShallowConvNet(nn.Module):
    """Log power of learned spatial and temporal filters, as filter-bank CSP has it [1]_.

    Parameters
    ----------
    n_outputs, n_chans, n_times : int
        Classes, channels and samples of a trial. Names are those of braindecode's models.
    sfreq : float
        Sampling rate, in Hz: filters last 0.1 s, the mean of the power is over 0.3 s every
        0.06 s, as published for 250 Hz.
    n_filters : int, default=40
    dropout : float, default=0.5

    Raises
    ------
    ValueError
        If a trial is too short for the filters and the mean.

    References
    ----------
    .. [1] Schirrmeister et al. (2017), Deep learning with convolutional neural networks for EEG
       decoding and visualization, Hum. Brain Mapp. 38, 5391-5420, figure 2.

    Examples
    --------
    >>> import torch
    >>> ShallowConvNet(2, 15, 438, sfreq=125)(torch.zeros(3, 15, 438)).shape
    torch.Size([3, 2])
    """

    norm_limits = {"spatial.weight": 2.0, "final_layer.weight": 0.5}  # noqa: RUF012

    def __init__(
        self,
        n_outputs: int,
        n_chans: int,
        n_times: int,
        *,
        sfreq: float,
        n_filters: int = 40,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        kernel = max(1, round(0.1 * sfreq))
        self.window, self.stride = max(1, round(0.3 * sfreq)), max(1, round(0.06 * sfreq))
        rest = (n_times - kernel + 1 - self.window) // self.stride + 1
        if rest < 1:
            raise ValueError(
                f"ShallowConvNet: a trial of {n_times} samples is shorter than its filter and"
                f" mean, {kernel + self.window - 1} samples at {sfreq:g} Hz; give longer trials."
            )
        self.temporal = nn.Conv2d(1, n_filters, (1, kernel))
        self.spatial = nn.Conv2d(n_filters, n_filters, (n_chans, 1), bias=False)
        self.norm = nn.BatchNorm1d(n_filters)
        self.drop = nn.Dropout(dropout)
        self.final_layer = nn.Linear(n_filters * rest, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores of the classes, (batch, n_outputs), from trials (batch, channel, time)."""
        # nothing stands between the two convolutions, so they are one, with fewer operations
        spatial = self.spatial.weight[..., 0]  # (out, filter, channel)
        both = torch.einsum("ofc,fk->ock", spatial, self.temporal.weight[:, 0, 0])
        x = self.norm(F.conv1d(x, both, spatial.sum(2) @ cast("Tensor", self.temporal.bias)))
        x = F.avg_pool1d(x.square(), self.window, self.stride)
        return self.final_layer(self.drop(x.clamp(min=1e-6).log()).flatten(1))


def _pad(x: Tensor, kernel: int) -> Tensor:
    """Pad time so that a convolution keeps its length."""
    return F.pad(x, ((kernel - 1) // 2, kernel // 2))
