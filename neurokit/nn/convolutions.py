"""Short convolutions over time as matrix products, which processors do several times faster."""

import torch
from torch import Tensor
from torch.nn import functional as F

BLOCK = 64  # outputs of one product
FEW = 4  # trials for which a smaller block makes less of a matrix


def convolve_each(x: Tensor, weight: Tensor) -> Tensor:
    """Filter each channel by its own taps; the length stays (a depthwise convolution).

    Parameters
    ----------
    x : Tensor of shape (batch, channel, time)
    weight : Tensor of shape (channel, n_taps)
        Applied as convolutions of networks are: not turned round.

    Returns
    -------
    Tensor of shape (batch, channel, time)

    Notes
    -----
    A block of outputs takes ``n_taps - 1`` inputs more, so the convolution is a product with a
    banded matrix of that size, one for each channel.

    Examples
    --------
    >>> convolve_each(torch.ones(1, 1, 4), torch.tensor([[1.0, 2.0, 3.0]])).tolist()
    [[[5.0, 6.0, 6.0, 3.0]]]
    """
    batch, n_channels, n_times = x.shape
    taps = weight.shape[1]
    size = BLOCK if batch > FEW else BLOCK // 2
    n_blocks = -(-n_times // size)
    left = (taps - 1) // 2
    padded = F.pad(x, (left, n_blocks * size - n_times + taps - 1 - left))
    windows = padded.unfold(-1, size + taps - 1, size)  # (batch, channel, block, input)
    windows = windows.permute(1, 0, 2, 3).reshape(n_channels, batch * n_blocks, -1)
    # taps and zeros, over and over, cut a sample earlier each time: row j is shifted by j
    band = F.pad(weight, (0, size)).repeat(1, size)[:, : size * (size + taps - 1)]
    band = band.view(n_channels, size, size + taps - 1)
    out = torch.bmm(windows, band.transpose(1, 2))
    return out.view(n_channels, batch, -1)[..., :n_times].transpose(0, 1)


def convolve_rows(x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
    """Filter rows of samples by several kernels, padded by half a kernel at both ends.

    Parameters
    ----------
    x : Tensor of shape (row, time)
    weight : Tensor of shape (kernel, n_taps)
    bias : Tensor of shape (kernel,)
    stride : int

    Returns
    -------
    Tensor of shape (row, output time, kernel)

    Examples
    --------
    >>> convolve_rows(torch.ones(1, 4), torch.ones(1, 3), torch.zeros(1), 2).ravel().tolist()
    [2.0, 3.0]
    """
    taps = weight.shape[1]
    windows = F.pad(x, (taps // 2, taps // 2)).unfold(-1, taps, stride)
    return F.linear(windows, weight, bias)
