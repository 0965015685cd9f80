"""A generative network of spike trains: couplings of a linear model, corrected by attention."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurokit.nn.causal import CausalBlock, Memory
from neurokit.nn.draws import generator
from neurokit.nn.events import (
    HIGHEST,
    LOWEST,
    Events,
    count_log_likelihood,
    event_log_likelihood,
    gather_bins,
    lay_out,
)


class State(NamedTuple):
    """What of the past is needed to go on."""

    counts: Tensor  # (batch, history, unit): the last bins
    memories: list[Memory]
    bins: int  # so many have passed


class Output(NamedTuple):
    """What the network says of a stretch of bins."""

    log_intensity: Tensor  # (batch, token, unit); a token is a bin where counts are observed
    events: Events | None  # the tokens where spikes follow each other
    log_likelihood: Tensor  # (batch, bin, unit)
    state: State


class SpikeNetwork(nn.Module):
    r"""Log intensities of all units from the spikes before, within ``history`` bins a layer.

    .. math:: \log \lambda = b + \sum_k W_k (h_k * n) + T z + \mathrm{head}(\mathrm{transformer})

    where :math:`h_k` are raised cosines over the lags and z the covariates. The head starts at
    zero: an untrained network is the generalised linear model that its couplings make. Nothing
    exceeds ``highest``, by default a limit of arithmetic alone.

    Parameters
    ----------
    n_units, n_covariates : int
    history : int
        In bins.
    width, depth, n_heads : int
    observation : {"event", "count"}
        Tokens are spikes, or whole bins.
    n_basis : int, default=5
        Number of raised cosines.
    dropout : float, default=0.0

    Examples
    --------
    >>> network = SpikeNetwork(3, 0, 4, width=8, depth=1, n_heads=1, observation="count")
    >>> network(torch.zeros(1, 6, 3)).log_intensity.shape
    torch.Size([1, 6, 3])
    """

    basis: Tensor
    highest: Tensor

    def __init__(
        self,
        n_units: int,
        n_covariates: int,
        history: int,
        *,
        width: int,
        depth: int,
        n_heads: int,
        observation: str,
        n_basis: int = 5,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.n_units, self.history, self.observation = n_units, history, observation
        self.register_buffer("basis", cosine_basis(history, n_basis))
        # bursts feed on themselves where an exponential is drawn from beyond what was ever seen
        self.register_buffer("highest", torch.full((n_units,), HIGHEST))
        self.level = nn.Parameter(torch.zeros(n_units))
        self.couplings = nn.Parameter(torch.zeros(n_units, n_units * len(self.basis)))
        self.tuning = nn.Parameter(torch.zeros(n_units, n_covariates))
        self.rate_factors = {"level": 0.1, "couplings": 0.1, "tuning": 0.1}
        if observation == "event":
            self.within = nn.Parameter(torch.zeros(n_units, n_units))
            self.rate_factors["within"] = 0.1
        self.units = nn.Parameter(torch.randn(n_units, width, generator=generator()))
        self.tick = nn.Parameter(torch.randn(width, generator=generator()))
        self.covariates = nn.Linear(n_covariates, width) if n_covariates else None
        self.missing = nn.Parameter(torch.zeros(width))
        self.blocks = nn.ModuleList(
            CausalBlock(width, n_heads, span=history, dropout=dropout) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, n_units)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def features(self, counts: Tensor) -> Tensor:
        """Return (batch, bin, unit * basis): counts of the bins before, weighed by the basis.

        ``counts`` (batch, history + bin, unit) begin ``history`` bins earlier.
        """
        n, _, n_units = counts.shape
        trains = counts[:, :-1].transpose(1, 2).reshape(n * n_units, 1, -1)
        found = F.conv1d(trains, self.basis.flip(1)[:, None])
        return found.view(n, n_units * len(self.basis), -1).transpose(1, 2)

    def forward(
        self,
        counts: Tensor,
        covariates: Tensor | None = None,
        *,
        known: Tensor | None = None,
        seen: Tensor | None = None,
        presence: Tensor | None = None,
        state: State | None = None,
    ) -> Output:
        """Read a stretch of bins.

        Parameters
        ----------
        counts : Tensor of shape (batch, bin, unit)
        covariates : Tensor of shape (batch, bin, feature), optional
            None: they are missing, and a learned vector stands for them.
        known : Tensor of bool, shape (batch,), optional
            False where they are missing.
        seen : Tensor of bool, shape (batch, bin, unit), optional
            False where nobody watched.
        presence : Tensor of shape (batch, unit), optional
            What the spikes of each unit count with in the past of others; 0 takes them away.
        state : State, optional
            What came before. Default: silence.
        """
        x, time, events, linear, state = self._begin(counts, covariates, known, presence, state)
        hidden = None
        if events is not None and presence is not None:
            gone = presence.gather(1, events.unit.clamp(min=0)) == 0
            hidden = (events.unit >= 0) & gone
        memories = []
        for block, memory in zip(self.blocks, state.memories, strict=True):
            x, kept = block(x, time, hidden, memory)
            memories.append(kept)
        if hidden is not None:  # what is absent leaves the state as the token before made it
            each = torch.arange(x.shape[1], device=x.device)
            last = torch.cummax(torch.where(hidden, 0, each), 1).values
            x = x.gather(1, last[..., None].expand_as(x))
        eta = (linear + self.head(self.norm(x))).clamp(min=LOWEST)
        eta = torch.minimum(eta, self.highest)
        if events is None:
            gain = count_log_likelihood(eta, counts)
        else:
            rows = event_log_likelihood(eta, events)
            gain = gather_bins(rows, events, counts.shape[1])
        if seen is not None:
            gain = gain * seen
        after = State(state.counts, memories, state.bins + counts.shape[1])
        return Output(eta, events, gain, after)

    def _begin(
        self,
        counts: Tensor,
        covariates: Tensor | None,
        known: Tensor | None,
        presence: Tensor | None,
        state: State | None,
    ) -> tuple[Tensor, Tensor, Events | None, Tensor, State]:
        """Return tokens, their times and units, the linear part, and the past."""
        n, n_bins, n_units = counts.shape
        heard = counts if presence is None else counts * presence[:, None]
        if state is None:
            silence = counts.new_zeros(n, self.history, n_units)
            state = State(silence, [None] * len(self.blocks), 0)  # type: ignore[list-item]
        full = torch.cat([state.counts, heard], 1)
        linear = self.level + self.features(full) @ self.couplings.T
        side = self.missing.expand(n, n_bins, -1)
        if self.covariates is not None and covariates is not None:
            told = self.covariates(covariates)
            drive = covariates @ self.tuning.T
            if known is not None:
                side = torch.where(known[:, None, None], told, side)
                drive = drive * known[:, None, None]
            else:
                side = told
            linear = linear + drive
        x = self.tick + side
        time = torch.arange(state.bins, state.bins + n_bins, device=counts.device).expand(n, -1)
        past = State(full[:, -self.history :], state.memories, state.bins)
        scale = 1 / n_units**0.5
        if self.observation == "count":
            before = full[:, self.history - 1 : -1]
            return x + before @ self.units * scale, time, None, linear, past
        events = lay_out(counts.long())
        spike = F.one_hot(events.unit + 1, n_units + 1)[..., 1:].to(counts.dtype)
        if presence is not None:
            spike = spike * presence[:, None]
        total = spike.cumsum(1)
        opened = torch.cummax(
            torch.where(events.unit < 0, torch.arange(spike.shape[1], device=x.device), 0), 1
        ).values
        inside = total - total.gather(1, opened[..., None].expand_as(total))
        wide = events.bin[..., None]
        x = x.gather(1, wide.expand(-1, -1, x.shape[2])) + spike @ self.units
        linear = linear.gather(1, wide.expand(-1, -1, n_units)) + inside @ self.within.T
        return x, time.gather(1, events.bin), events, linear, past


def cosine_basis(history: int, n_basis: int) -> Tensor:
    """Return raised cosines over the logarithm of the lag, (basis, lag), lags from 1 on [1]_.

    As many as there are lags, where these are few: then each lag is its own.

    References
    ----------
    .. [1] Pillow et al. (2008), Spatio-temporal correlations and visual signalling in a complete
       neuronal population, Nature 454, Methods.
    """
    if history <= n_basis:
        return torch.eye(history)
    place = torch.log(torch.arange(1, history + 1) + 0.5)
    centre = torch.linspace(float(place[0]), float(place[-1]), n_basis)
    step = centre[1] - centre[0]
    return 0.5 + 0.5 * torch.cos(((place - centre[:, None]) / step).clamp(-1, 1) * torch.pi)
