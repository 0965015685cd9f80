"""DBConformer: one branch attends over time, one over channels."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurokit.nn.attention import AttentionBlock
from neurokit.nn.convolutions import convolve_each, convolve_rows

KERNEL = 63  # samples of the temporal filters
CHANNEL_FILTERS, CHANNEL_KERNEL, CHANNEL_STRIDE = 16, 25, 5


class DBConformer(nn.Module):
    """Two branches on a trial: transformers over patches of time and over channels [1]_.

    Parameters
    ----------
    n_outputs, n_chans, n_times : int
        Classes, channels and samples of a trial. Names are those of braindecode's models.
    sfreq : float
        Sampling rate, in Hz.
    patch : float, default=0.5
        Length of the patches of the temporal branch, in s; what is left at the end is cut off.
    depth : int, default=2
        Attention blocks of each branch.
    n_filters : int, default=40
        Spatial filters, and the size of a token.
    n_heads : int, default=10
    channel_attention : bool, default=True
        Channels are weighed before they are summed; else averaged.
    attention_scale : {"model", "head"}, default="model"
        See `SelfAttention`; "model" is what the published results were made with.
    dropout : float, default=0.5

    Raises
    ------
    ValueError
        If a trial is shorter than a patch.

    References
    ----------
    .. [1] Wang et al. (2026), DBConformer: dual-branch convolutional transformer for EEG
       decoding, IEEE J. Biomed. Health Inform. 30(5), 4134-4147, arXiv:2506.21140, section III.

    Examples
    --------
    >>> import torch
    >>> network = DBConformer(2, 22, 1001, sfreq=250)
    >>> sum(p.numel() for p in network.parameters())
    93747
    >>> network(torch.zeros(3, 22, 1001)).shape
    torch.Size([3, 2])
    """

    def __init__(
        self,
        n_outputs: int,
        n_chans: int,
        n_times: int,
        *,
        sfreq: float,
        patch: float = 0.5,
        depth: int = 2,
        n_filters: int = 40,
        n_heads: int = 10,
        channel_attention: bool = True,
        attention_scale: str = "model",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.patch = max(1, round(patch * sfreq))
        self.n_patches = n_times // self.patch
        if self.n_patches < 1:
            raise ValueError(
                f"DBConformer: a trial of {n_times / sfreq:g} s is shorter than a patch of"
                f" {patch:g} s; give longer trials or a shorter patch."
            )
        dim = n_filters
        filters = nn.Conv1d(n_chans, dim, 1, bias=False)
        self.spatial = nn.Sequential(filters, nn.BatchNorm1d(dim))
        self.temporal = nn.Conv1d(dim, dim, KERNEL, padding="same", groups=dim, bias=False)
        self.norm = nn.BatchNorm1d(dim)
        self.drop = nn.Dropout(dropout)
        for layer in (filters, self.temporal):
            nn.init.trunc_normal_(layer.weight, std=0.01)
        self.times = nn.Parameter(torch.randn(1, self.n_patches, dim))
        self.over_time = self._blocks(depth, dim, n_heads, dropout, attention_scale)

        self.channel_filters = nn.Conv1d(
            1, CHANNEL_FILTERS, CHANNEL_KERNEL, CHANNEL_STRIDE, padding=CHANNEL_KERNEL // 2
        )
        self.channel_project = nn.Linear(CHANNEL_FILTERS, dim)
        self.channels = nn.Parameter(torch.randn(1, n_chans, dim))
        self.over_channels = self._blocks(depth, dim, n_heads, dropout, attention_scale)
        self.weigh_channels = (
            nn.Sequential(nn.Linear(dim, dim), nn.Tanh(), nn.Linear(dim, 1))
            if channel_attention
            else None
        )
        self.final_layer = nn.Sequential(
            nn.Linear(2 * dim, 64),
            nn.ELU(),
            nn.Dropout(dropout),
            nn.Linear(64, 32),
            nn.ELU(),
            nn.Dropout(0.6 * dropout),
            nn.Linear(32, n_outputs),
        )

    @staticmethod
    def _blocks(depth: int, dim: int, n_heads: int, dropout: float, scale: str) -> nn.Sequential:
        return nn.Sequential(
            *(AttentionBlock(dim, n_heads, dropout=dropout, scale=scale) for _ in range(depth))
        )

    def patch_tokens(self, x: Tensor) -> Tensor:
        """Return the tokens of the temporal branch, (batch, patch, filter)."""
        x = F.gelu(self.norm(convolve_each(self.spatial(x), self.temporal.weight[:, 0])))
        x = F.avg_pool1d(x[..., : self.n_patches * self.patch], self.patch)
        return self.drop(x).transpose(1, 2) + self.times

    def channel_tokens(self, x: Tensor) -> Tensor:
        """Return the tokens of the spatial branch, (batch, channel, filter)."""
        n, n_chans, n_times = x.shape
        filters, bias = self.channel_filters, cast("Tensor", self.channel_filters.bias)
        rows = x.reshape(n * n_chans, n_times)
        found = convolve_rows(rows, filters.weight[:, 0], bias, CHANNEL_STRIDE)
        return self.channel_project(F.elu(found).mean(1)).view(n, n_chans, -1) + self.channels

    def channel_weights(self, x: Tensor) -> Tensor:
        """Return how much each channel counts in the spatial branch, (batch, channel)."""
        tokens = self.over_channels(self.channel_tokens(x))
        if self.weigh_channels is None:
            return tokens.new_full(tokens.shape[:2], 1 / tokens.shape[1])
        return self.weigh_channels(tokens)[..., 0].softmax(-1)

    def attend(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the attention of the last blocks, mean over heads: patches, then channels."""
        found = []
        for tokens, blocks in (
            (self.patch_tokens(x), self.over_time),
            (self.channel_tokens(x), self.over_channels),
        ):
            *front, last = cast("list[AttentionBlock]", list(blocks))
            for block in front:
                tokens = block(tokens)
            found.append(last.weigh(tokens).mean(1))
        return found[0], found[1]

    def forward(self, x: Tensor) -> Tensor:
        """Return scores of the classes, (batch, n_outputs), from trials (batch, channel, time)."""
        by_time = self.over_time(self.patch_tokens(x)).mean(1)
        tokens = self.over_channels(self.channel_tokens(x))
        if self.weigh_channels is None:
            by_channel = tokens.mean(1)
        else:
            by_channel = (self.weigh_channels(tokens).softmax(1) * tokens).sum(1)
        return self.final_layer(torch.cat([by_time, by_channel], 1))
