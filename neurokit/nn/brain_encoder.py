"""From segments of EEG or MEG to embeddings of what was heard or seen."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurokit.nn.draws import generator

MARGIN = 0.2  # around the sensors, which lie in the unit square


class SensorAttention(nn.Module):
    """Mix sensors by where they are: every output attends to places, not to channel numbers [1]_.

    Parameters
    ----------
    places : Tensor of shape (n_chans, 2)
        In the unit square; NaN where unknown: such sensors are left out.
    n_sources : int
        Outputs.
    n_waves : int, default=8
        Frequencies of the Fourier code of places, along each axis.
    ban : float, default=0.2
        In training, sensors nearer than this to a random place are left out, for each example.

    References
    ----------
    .. [1] Defossez et al. (2023), Decoding speech perception from non-invasive brain recordings,
       Nat. Mach. Intell. 5, 1097-1107, section "Spatial attention".

    Examples
    --------
    >>> attention = SensorAttention(torch.rand(5, 2), 3)
    >>> attention(torch.zeros(2, 5, 7)).shape, attention.weigh().sum(1).round().tolist()
    (torch.Size([2, 3, 7]), [1.0, 1.0, 1.0])
    """

    places: Tensor
    known: Tensor
    code: Tensor

    def __init__(
        self, places: Tensor, n_sources: int, *, n_waves: int = 8, ban: float = 0.2
    ) -> None:
        super().__init__()
        known = places.isfinite().all(1)
        places = places.where(known[:, None], torch.zeros(())).float()
        turns = torch.arange(n_waves) * 2 * math.pi / (1 + 2 * MARGIN)
        x, y = (places + MARGIN).T
        phase = (x[:, None, None] * turns[:, None] + y[:, None, None] * turns).flatten(1)
        code = torch.cat([phase.cos(), phase.sin()], 1)  # (n_chans, 2 n_waves^2)
        self.register_buffer("places", places)
        self.register_buffer("known", known)
        self.register_buffer("code", code)
        self.heads = nn.Parameter(torch.randn(n_sources, code.shape[1]) / code.shape[1] ** 0.5)
        self.ban = ban

    def weigh(self, banned: Tensor | None = None) -> Tensor:
        """Return what every output takes from every sensor, ([batch,] source, channel)."""
        scores = self.heads @ self.code.T
        hidden = ~self.known if banned is None else (~self.known | banned)[:, None]
        return scores.masked_fill(hidden, -torch.inf).softmax(-1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, source, time) from (batch, channel, time)."""
        if not self.training or self.ban <= 0:
            return self.weigh() @ x
        centre = torch.rand(len(x), 1, 2, generator=generator(x.device), device=x.device)
        banned = (self.places - centre).norm(dim=-1) < self.ban
        none_left = (banned | ~self.known).all(1, keepdim=True)
        return self.weigh(banned & ~none_left) @ x


class SubjectLayer(nn.Module):
    """A matrix of each person's own, between channels that all share.

    Parameters
    ----------
    n_subjects : int
    dim : int

    Examples
    --------
    >>> layer = SubjectLayer(2, 4)
    >>> layer(torch.zeros(3, 4, 7), torch.tensor([0, 1, 1])).shape
    torch.Size([3, 4, 7])
    """

    def __init__(self, n_subjects: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_subjects, dim, dim) / dim**0.5)

    def forward(self, x: Tensor, subject: Tensor) -> Tensor:
        """Return (batch, dim, time) from the same and the number of each person."""
        return self.weight[subject] @ x


class DilatedBlock(nn.Module):
    """Two dilated convolutions that are added to their input, then a gated one.

    Parameters
    ----------
    n_inputs, n_filters : int
    dilations : tuple of two int
    kernel : int, default=3
        Odd.

    Examples
    --------
    >>> DilatedBlock(4, 6, (1, 2))(torch.zeros(2, 4, 9)).shape
    torch.Size([2, 6, 9])
    """

    def __init__(
        self, n_inputs: int, n_filters: int, dilations: tuple[int, int], *, kernel: int = 3
    ) -> None:
        super().__init__()
        self.steps = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(before, n_filters, kernel, padding="same", dilation=dilation),
                nn.BatchNorm1d(n_filters),
                nn.GELU(),
            )
            for before, dilation in zip((n_inputs, n_filters), dilations, strict=True)
        )
        self.gate = nn.Conv1d(n_filters, 2 * n_filters, kernel, padding="same")

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, filter, time) from (batch, input, time)."""
        for step in self.steps:
            found = step(x)
            x = x + found if x.shape == found.shape else found
        return F.glu(self.gate(x), 1)


class BrainEncoder(nn.Module):
    """Sensors to sources, a layer for each person, dilated convolutions, an embedding [1]_.

    Parameters
    ----------
    n_chans, n_times : int
        Channels and samples of a segment.
    n_features : int
        Size of the embedding.
    over_time : bool
        The embedding has one column for each sample; else one vector for the segment, in which
        every filter weighs the samples for itself.
    places : Tensor of shape (n_chans, 2) or None
        For `SensorAttention`; None mixes channels by number.
    n_subjects : int
        People with a layer of their own; 0 for none.
    n_sources, n_filters, n_blocks : int
        Virtual channels, filters, and blocks of convolutions, whose dilations are 1, 2, 4, 8, 16
        and again.
    n_waves, ban
        See `SensorAttention`.

    References
    ----------
    .. [1] Defossez et al. (2023), Decoding speech perception from non-invasive brain recordings,
       Nat. Mach. Intell. 5, 1097-1107, figure 4.

    Examples
    --------
    >>> encoder = BrainEncoder(5, 30, n_features=6, over_time=True, places=None, n_subjects=2)
    >>> encoder(torch.zeros(3, 5, 30), torch.tensor([0, 1, 1])).shape
    torch.Size([3, 6, 30])
    """

    def __init__(
        self,
        n_chans: int,
        n_times: int,
        *,
        n_features: int,
        over_time: bool,
        places: Tensor | None,
        n_subjects: int,
        n_sources: int = 32,
        n_filters: int = 48,
        n_blocks: int = 2,
        n_waves: int = 8,
        ban: float = 0.2,
    ) -> None:
        super().__init__()
        self.over_time = over_time
        self.merge: nn.Module = (
            nn.Conv1d(n_chans, n_sources, 1, bias=False)
            if places is None
            else SensorAttention(places, n_sources, n_waves=n_waves, ban=ban)
        )
        self.mix = nn.Conv1d(n_sources, n_sources, 1)
        self.subjects = SubjectLayer(n_subjects, n_sources) if n_subjects else None
        dilations = [2 ** (k % 5) for k in range(2 * n_blocks)]
        self.blocks = nn.Sequential(
            *(
                DilatedBlock(
                    n_filters if k else n_sources,
                    n_filters,
                    (dilations[2 * k], dilations[2 * k + 1]),
                )
                for k in range(n_blocks)
            )
        )
        self.weights = None
        if not over_time:
            start = 1 + 0.1 * torch.randn(n_filters, n_times)
            self.weights = nn.Parameter(start / n_times)
        self.head = nn.Sequential(
            nn.Conv1d(n_filters, 2 * n_filters, 1),
            nn.GELU(),
            nn.Conv1d(2 * n_filters, n_features, 1),
        )

    def forward(self, x: Tensor, subject: Tensor) -> Tensor:
        """Return (batch, feature[, time]) from (batch, channel, time) and the people's numbers."""
        x = self.mix(self.merge(x))
        if self.subjects is not None:
            x = self.subjects(x, subject)
        x = self.blocks(x)
        if self.weights is None:
            return self.head(x)
        return self.head((x * self.weights).sum(-1, keepdim=True))[..., 0]
