"""Recurrent and windowed layers with explicit state, time first, as the spiking ones have it."""

import math

import torch
from torch import Tensor, nn


class ELM(nn.Module):
    """Expressive leaky memory: one neuron with many memories, each with a time constant.

    Inputs leave traces ``s``, memories ``m`` leak, and a small network of both says how the
    memories change::

        s[t] = keep_s s[t-1] + w x[t]
        m[t] = keep m[t-1] + take tanh(network(s[t], keep m[t-1]))
        keep = exp(-1 / tau),  take = 1 - keep ** rate

    Parameters
    ----------
    in_features : int
        Number of inputs.
    n_memories : int
        Number of memories; twice as many hidden units.
    tau : tuple of float
        Shortest and longest time constant of the memories in steps; log-spaced in between.
    tau_synapse : float
        Time constant of the traces in steps.
    rate : float, default=5.0
        How much of a memory one step may rewrite.

    References
    ----------
    .. [1] Spieler et al. (2024), The expressive leaky memory neuron, ICLR, eqs. 1-4.

    Examples
    --------
    >>> import torch
    >>> memories, state = ELM(3, 4, tau=(2.0, 50.0), tau_synapse=2.0)(torch.ones(5, 2, 3))
    >>> memories.shape
    torch.Size([5, 2, 4])
    """

    carries_state = True

    def __init__(
        self,
        in_features: int,
        n_memories: int,
        *,
        tau: tuple[float, float],
        tau_synapse: float,
        rate: float = 5.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((in_features,), 0.5))
        taus = torch.logspace(math.log10(tau[0]), math.log10(tau[1]), n_memories)
        self.log_tau = nn.Parameter(taus.log())
        self.rate = rate
        self.keep_trace = math.exp(-1 / tau_synapse)
        self.hidden = nn.Linear(in_features + n_memories, 2 * n_memories)
        self.change = nn.Linear(2 * n_memories, n_memories)

    @property
    def keep(self) -> Tensor:
        """What is left of each memory after one step."""
        return torch.exp(-torch.exp(-self.log_tau))

    @property
    def take(self) -> Tensor:
        """What each memory takes over of its change."""
        return 1 - self.keep**self.rate

    def forward(
        self, x: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the memories at every step, and traces and memories after the last."""
        if state is None:
            state = torch.zeros_like(x[0]), x.new_zeros(*x.shape[1:-1], len(self.log_tau))
        trace, m = state
        keep, take = self.keep, self.take
        out = []
        for now in (x * self.weight).unbind(0):
            trace = self.keep_trace * trace + now
            m = keep * m
            m = m + take * torch.tanh(self.change(self.hidden(torch.cat((trace, m), -1)).relu()))
            out.append(m)
        return torch.stack(out), (trace, m)


class Recurrent(nn.Module):
    """A layer of torch that remembers (``nn.GRU``, ``nn.LSTM``) as one of a `SpikingSequential`.

    Parameters
    ----------
    cell : {"gru", "lstm"}
    in_features, n_units : int

    Examples
    --------
    >>> import torch
    >>> output, state = Recurrent("gru", 3, 4)(torch.ones(5, 2, 3))
    >>> output.shape
    torch.Size([5, 2, 4])
    """

    carries_state = True

    def __init__(self, cell: str, in_features: int, n_units: int) -> None:
        super().__init__()
        self.layer = {"gru": nn.GRU, "lstm": nn.LSTM}[cell](in_features, n_units)

    def forward(self, x: Tensor, state: object = None) -> tuple[Tensor, object]:
        """Return the output of every step and the state after the last."""
        return self.layer(x, state)


class WindowNorm(nn.Module):
    """Layer normalisation over time and units of a window together, time first.

    Parameters
    ----------
    n_times, n_units : int
        Size of the window.

    Examples
    --------
    >>> import torch
    >>> x = WindowNorm(7, 3)(torch.randn(7, 2, 3))
    >>> bool((x.mean((0, 2)).abs() < 1e-6).all())
    True
    """

    def __init__(self, n_times: int, n_units: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm((n_times, n_units))

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised window."""
        return self.norm(x.transpose(0, 1)).transpose(0, 1)
