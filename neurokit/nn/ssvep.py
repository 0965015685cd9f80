"""A network for steady-state responses: sub-bands, channels and times are combined in turn."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

KERNEL = 10  # samples of the last convolution


class SSVEPNet(nn.Module):
    """Learned sums of sub-bands, spatial filters and two temporal convolutions [1]_.

    Parameters
    ----------
    n_outputs, n_chans, n_times : int
        Targets, channels and samples of a trial. Names are those of braindecode's models.
    n_bands : int, default=3
        Sub-bands that a trial comes in.
    n_filters : int, default=120
    dropouts : tuple of three floats, default=(0.1, 0.1, 0.95)
        Behind the spatial filters, the first and the second temporal convolution.

    References
    ----------
    .. [1] Guney, Oblokulov and Ozkan (2022), A deep neural network for SSVEP-based brain-computer
       interfaces, IEEE Trans. Biomed. Eng. 69(2), 932-944, figure 2.

    Examples
    --------
    >>> import torch
    >>> network = SSVEPNet(40, 9, 100, n_bands=3)
    >>> sum(p.numel() for p in network.parameters())
    414283
    >>> network(torch.zeros(2, 3, 9, 100)).shape
    torch.Size([2, 40])
    """

    def __init__(
        self,
        n_outputs: int,
        n_chans: int,
        n_times: int,
        *,
        n_bands: int = 3,
        n_filters: int = 120,
        dropouts: tuple[float, float, float] = (0.1, 0.1, 0.95),
    ) -> None:
        super().__init__()
        if n_times < 2:
            raise ValueError(f"SSVEPNet: a trial must have 2 samples at least, got {n_times}.")
        self.bands = nn.Parameter(torch.ones(n_bands))
        self.spatial = nn.Conv1d(n_chans, n_filters, 1)
        self.halve = nn.Conv1d(n_filters, n_filters, 2, stride=2)
        self.temporal = nn.Conv1d(n_filters, n_filters, KERNEL)
        self.final_layer = nn.Linear(n_filters * (n_times // 2), n_outputs)
        self.drops = nn.ModuleList(nn.Dropout(p) for p in dropouts)
        for layer in (self.spatial, self.halve, self.temporal, self.final_layer):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(cast("Tensor", layer.bias))

    def forward(self, x: Tensor) -> Tensor:
        """Return scores, (batch, n_outputs), from filtered trials (batch, band, channel, time)."""
        x = torch.einsum("nbct,b->nct", x, self.bands)
        x = self.drops[0](self.spatial(x))
        x = F.relu(self.drops[1](self.halve(x)))
        x = self.drops[2](self.temporal(F.pad(x, ((KERNEL - 1) // 2, KERNEL // 2))))
        return self.final_layer(x.flatten(1))
