"""From the samples of a patch to a token: linear, by convolutions, or beside its spectrum."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EMBEDDINGS = ("linear", "conv", "dilated", "spectral")
_MAPS, _DILATIONS = 5, (1, 2, 4, 8, 16)


def build_embedding(kind: str, n_samples: int, width: int) -> nn.Module:
    """Build the layer that makes a token of the samples of a patch.

    Parameters
    ----------
    kind : {"linear", "conv", "dilated", "spectral"}
        One linear map; three convolutions and a linear map [1]_; residual convolutions whose
        reach doubles, and a linear map [2]_; or the second, to which a linear map of the
        amplitudes of the patch's spectrum is added [3]_.
    n_samples : int
        Samples of a patch.
    width : int
        Size of a token.

    Returns
    -------
    nn.Module
        It takes (..., n_samples) to (..., width).

    Raises
    ------
    ValueError
        If the kind is another.

    References
    ----------
    .. [1] Jiang et al. (2024), LaBraM, ICLR, section 2.1.
    .. [2] Oganesian et al. (2025), BaRISTA (dilated convolutions of each channel's patch).
    .. [3] Wang et al. (2025), CBraMod, ICLR, section 3.1.

    Examples
    --------
    >>> build_embedding("conv", 25, 16)(torch.zeros(2, 3, 25)).shape
    torch.Size([2, 3, 16])
    """
    if kind not in EMBEDDINGS:
        raise ValueError(f"build_embedding: kind must be one of {EMBEDDINGS}, got {kind!r}.")
    if kind == "linear":
        return nn.Linear(n_samples, width)
    if kind == "conv":
        return ConvolvedPatch(n_samples, width)
    if kind == "dilated":
        return DilatedPatch(n_samples, width)
    return SpectralPatch(n_samples, width)


class ConvolvedPatch(nn.Module):
    """Three convolutions along the samples, the first with a stride, and a linear map.

    Parameters
    ----------
    n_samples : int
    width : int
    n_maps : int, default=8
    """

    def __init__(self, n_samples: int, width: int, n_maps: int = 8) -> None:
        super().__init__()
        stride = max(n_samples // 25, 1)
        self.layers = nn.Sequential(
            nn.Conv1d(1, n_maps, 2 * stride + 1, stride=stride, padding=stride),
            nn.GroupNorm(n_maps // 2, n_maps),
            nn.GELU(),
            nn.Conv1d(n_maps, n_maps, 3, padding=1),
            nn.GroupNorm(n_maps // 2, n_maps),
            nn.GELU(),
            nn.Conv1d(n_maps, n_maps, 3, padding=1),
            nn.GroupNorm(n_maps // 2, n_maps),
            nn.GELU(),
        )
        length = (n_samples - 1) // stride + 1
        self.mix = nn.Linear(n_maps * length, width)

    def forward(self, patches: Tensor) -> Tensor:
        """Return (..., width) from (..., n_samples)."""
        found: Tensor = self.layers(patches.reshape(-1, 1, patches.shape[-1]))
        return self.mix(found.flatten(1)).view(*patches.shape[:-1], -1)


class DilatedPatch(nn.Module):
    """Five residual pairs of convolutions, each reaching twice as far, and a linear map.

    Maps are brought to mean 0 and variance 1 over the samples of the patch, without parameters.

    Parameters
    ----------
    n_samples : int
    width : int
    """

    def __init__(self, n_samples: int, width: int) -> None:
        super().__init__()
        self.first = nn.ModuleList()
        self.second = nn.ModuleList()
        for k, reach in enumerate(_DILATIONS):
            n_in = _MAPS if k else 1
            self.first.append(nn.Conv1d(n_in, _MAPS, 3, padding=reach, dilation=reach))
            self.second.append(nn.Conv1d(_MAPS, _MAPS, 3, padding=reach, dilation=reach))
        self.join = nn.Conv1d(_MAPS, 1, 1)
        self.mix = nn.Linear(n_samples, width, bias=False)

    def forward(self, patches: Tensor) -> Tensor:
        """Return (..., width) from (..., n_samples)."""
        size = patches.shape[-1:]
        x = patches.reshape(-1, 1, *size)
        for first, second in zip(self.first, self.second, strict=True):
            x = x + second(F.gelu(F.layer_norm(first(x), size)))
        return self.mix(self.join(F.gelu(x))).view(*patches.shape[:-1], -1)


class SpectralPatch(nn.Module):
    """A convolved patch, and beside it a linear map of the amplitudes of its spectrum.

    Parameters
    ----------
    n_samples : int
    width : int
    """

    def __init__(self, n_samples: int, width: int) -> None:
        super().__init__()
        self.samples = ConvolvedPatch(n_samples, width)
        self.spectrum = nn.Linear(n_samples // 2 + 1, width)

    def forward(self, patches: Tensor) -> Tensor:
        """Return (..., width) from (..., n_samples)."""
        size = torch.fft.rfft(patches.float(), norm="ortho").abs()
        found: Tensor = self.samples(patches) + self.spectrum(size.to(patches.dtype))
        return found
