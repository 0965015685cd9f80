"""Where and when a token is: codes of places in mm, and of times in s."""

import math

import torch
from torch import Tensor, nn


class PlaceCode(nn.Module):
    r"""Codes of places: waves in random directions, mixed linearly.

    A place p gives :math:`\cos, \sin(2 \pi\, w_i \cdot p / \lambda_i)` with unit vectors
    :math:`w_i` and wavelengths :math:`\lambda_i` spread evenly on a logarithmic scale. What has no
    place has a code of its own, which is learned.

    Parameters
    ----------
    dim : int
        Size of a code.
    n_waves : int, default=64
    wavelengths : tuple of float, default=(20.0, 400.0)
        Shortest and longest, in mm: neighbouring electrodes differ, and so do the hemispheres.

    References
    ----------
    .. [1] Rahimi and Recht (2007), Random features for large-scale kernel machines, NeurIPS.

    Examples
    --------
    >>> code = PlaceCode(8)
    >>> places = torch.tensor([[0.0, 0.0, 90.0], [float("nan")] * 3])
    >>> bool(torch.equal(code(places)[1], code.unknown))
    True
    """

    def __init__(
        self, dim: int, n_waves: int = 64, *, wavelengths: tuple[float, float] = (20.0, 400.0)
    ) -> None:
        super().__init__()
        seeded = torch.Generator().manual_seed(0)  # the same waves in every model
        direction = torch.randn(n_waves, 3, generator=seeded)
        direction = direction / direction.norm(dim=1, keepdim=True)
        longest, shortest = math.log(wavelengths[1]), math.log(wavelengths[0])
        length = torch.linspace(longest, shortest, n_waves).exp()
        self.waves: Tensor
        self.register_buffer("waves", 2 * math.pi * direction / length[:, None])
        self.mix = nn.Linear(2 * n_waves, dim)
        self.unknown = nn.Parameter(torch.zeros(dim))

    def forward(self, places: Tensor) -> Tensor:
        """Return (..., dim) from places (..., 3) in mm, NaN where none is known."""
        known = places.isfinite().all(-1, keepdim=True)
        phase = torch.where(known, places, 0.0).to(self.waves.dtype) @ self.waves.T
        code = self.mix(torch.cat([phase.cos(), phase.sin()], -1))
        return torch.where(known, code, self.unknown)


def time_angles(
    times: Tensor, size: int, *, periods: tuple[float, float] = (0.05, 100.0)
) -> Tensor:
    """Return by how much pairs of entries are turned at each time, for rotary attention [1]_.

    Angles are of times in seconds, so that they mean the same at every rate and frame length.

    Parameters
    ----------
    times : Tensor of shape (..., n)
        In s.
    size : int
        Entries of a head, of which each two are one pair; even.
    periods : tuple of float, default=(0.05, 100.0)
        Shortest and longest time, in s, over which a pair turns by one radian.

    Returns
    -------
    Tensor of shape (..., n, size // 2)

    References
    ----------
    .. [1] Su et al. (2021), RoFormer: enhanced transformer with rotary position embedding,
       arXiv:2104.09864, eq. 15.

    Examples
    --------
    >>> time_angles(torch.tensor([0.0, 1.0]), 8).shape
    torch.Size([2, 4])
    """
    if size % 2:
        raise ValueError(f"time_angles: size must be even, got {size}.")
    shortest, longest = (math.log(p) for p in periods)
    period = torch.linspace(shortest, longest, size // 2, dtype=torch.float64, device=times.device)
    return times[..., None].double() / period.exp()  # float32 would blur hours


def find_turns(angles: Tensor, dtype: torch.dtype) -> Tensor:
    """Return cosines and sines of angles, (2, ...), once for all layers that turn by them."""
    return torch.stack([angles.cos(), angles.sin()]).to(dtype)


def turn(x: Tensor, turns: Tensor) -> Tensor:
    """Turn each pair of entries by its angle, so that products of two depend on their difference.

    Parameters
    ----------
    x : Tensor of shape (..., n, size)
        Entry k and entry k + size / 2 are a pair.
    turns : Tensor of shape (2, ..., n, size // 2)
        From `find_turns`.

    Examples
    --------
    >>> x = torch.tensor([[1.0, 0.0]])
    >>> turn(x, find_turns(torch.tensor([[math.pi / 2]]), x.dtype)).round().tolist()
    [[-0.0, 1.0]]
    """
    one, other = x.chunk(2, -1)
    c, s = turns.to(x.dtype)
    return torch.cat([one * c - other * s, one * s + other * c], -1)


class ConductionCode(PlaceCode):
    r"""Codes of places, each mixed with those of the channels near it [1]_.

    The code of a channel is the mean of all channels' codes, weighed by
    :math:`\exp(-d / \tau)` with their distance d; :math:`\tau` is learned. A channel without a
    place keeps its own code.

    Parameters
    ----------
    dim : int
    start : float, default=80.0
        The length tau before training, in mm.

    References
    ----------
    .. [1] DeeperBrain (2026), arXiv:2601.06134 (there coordinates are mixed, which pulls all
       places to their centre; here their codes are).

    Examples
    --------
    >>> ConductionCode(8)(torch.zeros(2, 3, 3)).shape
    torch.Size([2, 3, 8])
    """

    def __init__(self, dim: int, *, start: float = 80.0) -> None:
        super().__init__(dim)
        self.length = nn.Parameter(torch.tensor(math.log(start)))

    def forward(self, places: Tensor) -> Tensor:
        """Return (..., channel, dim) from places (..., channel, 3) in mm, NaN where unknown."""
        code = super().forward(places)
        known = places.isfinite().all(-1)
        held = torch.where(known[..., None], places, 0.0).to(code.dtype)
        apart = (held[..., :, None, :] - held[..., None, :, :]).square().sum(-1).sqrt()
        both = known[..., :, None] & known[..., None, :]
        itself = torch.eye(places.shape[-2], dtype=torch.bool, device=places.device)
        weight = torch.where(both | itself, -apart / self.length.exp(), -torch.inf).softmax(-1)
        return weight.to(code.dtype) @ code


class RegionCode(nn.Module):
    """A learned vector for each region, added up to none: zero for what has no known region [1]_.

    Parameters
    ----------
    dim : int
    n_regions : int

    References
    ----------
    .. [1] Oganesian et al. (2025), BaRISTA (tables of parcels and lobes).

    Examples
    --------
    >>> code = RegionCode(8, 2)
    >>> code(torch.tensor([[[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]))[0, 1].tolist() == [0.0] * 8
    True
    """

    def __init__(self, dim: int, n_regions: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(n_regions, dim) * 0.02)

    def forward(self, places: Tensor) -> Tensor:
        """Return (..., dim) from (..., 3), whose first number is that of a region, from 1 on."""
        number = places[..., 0].nan_to_num().long()
        table = torch.cat([self.table.new_zeros(1, self.table.shape[1]), self.table])
        return table[number]

    def grow(self, n_new: int) -> None:
        """Add regions, which begin as the mean of those that are known."""
        more = self.table.detach().mean(0).expand(n_new, -1)
        self.table = nn.Parameter(torch.cat([self.table.detach(), more]))


class TimeCode(nn.Module):
    """Codes of times that are added to tokens, where attention does not turn by them.

    Parameters
    ----------
    dim : int
        Even.
    kind : {"sincos", "slow"}
        Sines and cosines of periods from .05 to 100 s, nothing learned [1]_; or a linear map of
        eight slow oscillations, .01 to 1 Hz, and eight decays, of .1 to 100 s [2]_.

    References
    ----------
    .. [1] Vaswani et al. (2017), Attention is all you need, NeurIPS, section 3.5.
    .. [2] DeeperBrain (2026), arXiv:2601.06134, whose numbers are not public: these are ours.

    Examples
    --------
    >>> TimeCode(8, "sincos")(torch.arange(3.0)).shape
    torch.Size([3, 8])
    """

    def __init__(self, dim: int, kind: str) -> None:
        super().__init__()
        if kind not in ("sincos", "slow"):
            raise ValueError(f"TimeCode: kind must be 'sincos' or 'slow', got {kind!r}.")
        self.dim = dim
        self.mix = nn.Linear(24, dim) if kind == "slow" else None

    def forward(self, times: Tensor) -> Tensor:
        """Return (..., dim) from times in s."""
        if self.mix is None:
            angles = time_angles(times, self.dim)
            return torch.cat([angles.sin(), angles.cos()], -1).float()
        steps = torch.linspace(0, 1, 8, dtype=torch.float64, device=times.device)
        phase = 2 * math.pi * times[..., None].double() * 10 ** (2 * steps - 2)
        decay = torch.exp(-times[..., None].double() / 10 ** (3 * steps - 1))
        waves = torch.cat([phase.sin(), phase.cos(), decay], -1)
        found: Tensor = self.mix(waves.to(self.mix.weight.dtype))
        return found
