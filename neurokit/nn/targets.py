"""What a masked model is to say of hidden tokens beside their samples: spectra, codes, latents."""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_FAINT = 1e-2  # of a spectrum, in levels: below this amplitudes are noise


def find_spectra(patches: Tensor) -> Tensor:
    """Return log amplitudes, and cosines and sines of phases, of each patch.

    Parameters
    ----------
    patches : Tensor of shape (..., sample)

    Returns
    -------
    Tensor of shape (..., 3 * (sample // 2 + 1))

    Examples
    --------
    >>> [round(value, 2) for value in find_spectra(torch.ones(1, 4))[0, :6].tolist()]
    [0.7, -4.61, -4.61, 1.0, 0.0, 0.0]
    """
    found = torch.fft.rfft(patches.float(), norm="ortho")
    size = found.abs()
    unit = found / size.clamp(min=1e-12)
    return torch.cat([(size + _FAINT).log(), unit.real, unit.imag], -1)


def spectrum_error(told: Tensor, truth: Tensor) -> Tensor:
    """Return the error of each token: of log amplitudes, and of phases weighed by amplitudes.

    Parameters
    ----------
    told, truth : Tensor of shape (..., 3 * n), as `find_spectra` gives them

    Returns
    -------
    Tensor of shape (...)
    """
    loud, real, imag = told.float().chunk(3, -1)
    loud_true, real_true, imag_true = truth.chunk(3, -1)
    weight = loud_true.exp()
    weight = weight / weight.sum(-1, keepdim=True)
    apart = (real - real_true).square() + (imag - imag_true).square()
    return (loud - loud_true).square().mean(-1) + (weight * apart).sum(-1)


def code_error(told: Tensor, codes: Tensor) -> Tensor:
    """Return the cross entropy of each token's codes, in nats, the mean over its codes [1]_.

    Parameters
    ----------
    told : Tensor of shape (..., n_codes * n_words)
        Logits.
    codes : Tensor of int64, shape (..., n_codes)

    Returns
    -------
    Tensor of shape (...)

    References
    ----------
    .. [1] Zheng et al. (2024), Du-IN, NeurIPS, arXiv:2405.11459, eq. 8.
    """
    logits = told.float().unflatten(-1, (codes.shape[-1], -1))
    error = F.cross_entropy(logits.flatten(0, -2), codes.flatten(), reduction="none")
    return error.view(codes.shape).mean(-1)


def latent_error(told: Tensor, truth: Tensor) -> Tensor:
    """Return the mean squared error of each token's latent, the true one normalised [1]_.

    Parameters
    ----------
    told, truth : Tensor of shape (..., width)

    Returns
    -------
    Tensor of shape (...)

    References
    ----------
    .. [1] Baevski et al. (2022), data2vec, ICML, section 3.3.
    """
    truth = F.layer_norm(truth.float(), truth.shape[-1:])
    return (told.float() - truth).square().mean(-1)


class Follower(nn.Module):
    """A copy of some layers that follows them slowly, and is never trained itself [1]_.

    Parameters
    ----------
    layers : nn.Module
    momentum : float, default=0.996
        What stays of it at a step in the beginning; it rises to 1 in the end.

    References
    ----------
    .. [1] Grill et al. (2020), Bootstrap your own latent, NeurIPS, section 3.1.

    Examples
    --------
    >>> line = nn.Linear(1, 1, bias=False)
    >>> follower, start = Follower(line, 0.5), line.weight.item()
    >>> _ = line.weight.data.add_(1.0)
    >>> follower.follow(line, 0.0)
    >>> round(follower.copy.weight.item() - start, 3)
    0.5
    """

    def __init__(self, layers: nn.Module, momentum: float = 0.996) -> None:
        super().__init__()
        self.copy = copy.deepcopy(layers).requires_grad_(False)
        self.momentum = momentum

    @torch.no_grad()
    def follow(self, layers: nn.Module, progress: float) -> None:
        """Take a step towards the layers, smaller as training goes on (``progress`` 0 to 1)."""
        kept = 1 - (1 - self.momentum) * (1 - progress)
        for mine, theirs in zip(self.copy.parameters(), layers.parameters(), strict=True):
            mine.lerp_(theirs.detach(), 1 - kept)
