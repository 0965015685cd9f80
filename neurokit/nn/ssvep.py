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
    filters : Tensor of shape (n_bands, n_times, n_times), optional
        The sub-bands, as matrices that trials are multiplied by from the right. They are no
        weights. Default: one band, the trial as it is.
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
    >>> network = SSVEPNet(40, 9, 100, filters=torch.eye(100).expand(3, 100, 100))
    >>> sum(p.numel() for p in network.parameters())
    414283
    >>> network(torch.zeros(2, 9, 100)).shape
    torch.Size([2, 40])
    """

    def __init__(
        self,
        n_outputs: int,
        n_chans: int,
        n_times: int,
        *,
        filters: Tensor | None = None,
        n_filters: int = 120,
        dropouts: tuple[float, float, float] = (0.1, 0.1, 0.95),
    ) -> None:
        super().__init__()
        if filters is None:
            filters = torch.eye(n_times)[None]
        if filters.ndim != 3 or filters.shape[1:] != (n_times, n_times):
            raise ValueError(
                f"SSVEPNet: filters must have shape (n_bands, {n_times}, {n_times}), got"
                f" {tuple(filters.shape)}."
            )
        self.filters: Tensor
        self.register_buffer("filters", filters.clone(), persistent=False)
        self.bands = nn.Parameter(torch.ones(len(filters)))
        self.spatial = nn.Conv1d(n_chans, n_filters, 1)
        self.halve = nn.Conv1d(n_filters, n_filters, 2, stride=2)
        self.temporal = nn.Conv1d(n_filters, n_filters, KERNEL)
        self.final_layer = nn.Linear(n_filters * (n_times // 2 + n_times % 2), n_outputs)
        self.drops = nn.ModuleList(nn.Dropout(p) for p in dropouts)
        for layer in (self.spatial, self.halve, self.temporal, self.final_layer):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(cast("Tensor", layer.bias))

    def forward(self, x: Tensor) -> Tensor:
        """Return scores, (batch, n_outputs), from trials (batch, channel, time)."""
        # a weighted sum of filtered trials is the trial under the sum of filters: one product
        x = x @ torch.einsum("b,bst->st", self.bands, self.filters)
        x = self.drops[0](self.spatial(x))
        x = F.pad(x, (0, x.shape[-1] % 2))  # pairs of samples, the last with a zero if need be
        x = F.relu(self.drops[1](self.halve(x)))
        x = self.drops[2](self.temporal(F.pad(x, ((KERNEL - 1) // 2, KERNEL // 2))))
        return self.final_layer(x.flatten(1))
