"""What a codec has lost: the errors that its training weighs."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def relative_error(x: Tensor, y: Tensor) -> Tensor:
    """Return half the binary logarithm of the squared error over the variance, a mean over items.

    In bits per sample: halving it is worth as much as saving half a bit on every sample, so that
    it can be weighed against a rate. Errors below 1e-3 and variances below it hardly count.

    Parameters
    ----------
    x, y : Tensor of shape (batch, time)
        Truth and reconstruction.
    """
    error = (x - y).square().mean(-1)
    power = x.var(-1, correction=0)
    return 0.5 * torch.log2(error / (power + 1e-3) + 1e-3).mean()


def band_error(x: Tensor, y: Tensor, rate: float, bands: Sequence[tuple[float, float]]) -> Tensor:
    """Return the squared error of each band over the power in it, a mean over bands and items.

    EEG has a thousand times less power at 40 Hz than at 2 Hz, so that a plain squared error
    does not see beta and gamma; here every band weighs the same. A band with less than 1e-4 of
    an item's power counts as if it had that much. Error and power of several signals are summed:
    where they are components of a region's contacts, these are sums over all its contacts.

    Parameters
    ----------
    x, y : Tensor of shape (batch, [signal,] time)
        Truth and reconstruction.
    rate : float
        In Hz.
    bands : sequence of (low, high)
        In Hz.
    """
    window = torch.hann_window(x.shape[-1], device=x.device, dtype=x.dtype)
    truth = torch.fft.rfft((x - x.mean(-1, keepdim=True)) * window).abs().square()
    error = torch.fft.rfft((x - y) * window).abs().square()
    if x.ndim > 2:
        truth, error = truth.sum(1), error.sum(1)
    frequency = torch.fft.rfftfreq(x.shape[-1], 1 / rate, device=x.device)
    floor = 1e-4 * truth.sum(-1) + 1e-6
    parts = []
    for low, high in bands:
        inside = ((frequency >= low) & (frequency < high)).to(x.dtype)
        parts.append((error @ inside) / torch.maximum(truth @ inside, floor))
    return torch.stack(parts).clamp(max=2.0).mean()


def spectrogram_error(x: Tensor, y: Tensor, windows: Sequence[int]) -> Tensor:
    """Return the absolute difference of log magnitudes, averaged over windows of several lengths.

    Parameters
    ----------
    x, y : Tensor of shape (batch, time)
    windows : sequence of int
        Lengths in samples; a quarter of each is its hop.
    """
    parts = [
        (spectrum_of(x, n, n // 4).abs().log1p() - spectrum_of(y, n, n // 4).abs().log1p())
        .abs()
        .mean()
        for n in windows
    ]
    return torch.stack(parts).mean()


def biocodec_error(x: Tensor, y: Tensor, windows: Sequence[int]) -> Tensor:
    """Return the loss of BioCodec (2025): smooth L1, and L1 + L2 of spectra with phases.

    The spectrum of each window length is log1p of the magnitude beside cosine and sine of the
    phase, weighted 1, .2 and .2; its hop is an eighth of the window.

    Parameters
    ----------
    x, y : Tensor of shape (batch, time)
    windows : sequence of int
        In samples; 32, 64, 128, 256 in the paper.

    References
    ----------
    .. [1] BioCodec (2025), arXiv:2510.09095.
    """
    total = 0.2 * F.smooth_l1_loss(y, x, beta=0.7)
    for n in windows:
        a, b = (spectrum_of(s, n, max(n // 8, 1)) for s in (x, y))
        size = [s.abs().clamp(min=1e-7) for s in (a, b)]
        parts = [(size[0].log1p(), size[1].log1p(), 1.0)]
        parts += [(a.real / size[0], b.real / size[1], 0.2)]
        parts += [(a.imag / size[0], b.imag / size[1], 0.2)]
        for truth, guess, weight in parts:
            total = total + weight * (F.l1_loss(guess, truth) + F.mse_loss(guess, truth))
    return total


def spectrum_of(x: Tensor, n: int, hop: int) -> Tensor:
    """Compute the spectrogram (batch, frequency, window) by Hann windows of ``n`` samples."""
    window = torch.hann_window(n, device=x.device, dtype=x.dtype)
    return torch.stft(x, n, hop, window=window, center=False, normalized=True, return_complex=True)
