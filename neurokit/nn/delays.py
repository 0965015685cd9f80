"""Linear layers whose connections have learned delays (dilated convolutions, learned spacings)."""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_NARROWEST = 0.27  # steps added to sigma, so that a Gaussian never falls between two taps


class DelayLinear(nn.Module):
    """Linear layer that listens to the past: every connection has its own learned delay.

    While training, a connection of weight ``w`` and delay ``d`` steps reaches back through a
    Gaussian over the taps ``k = 0, 1, ... max_delay``, normalised to one::

        y[t, j] = sum_i w[j, i] sum_k g_k(d[j, i]) x[t - k, i]
        g_k(d) ~ exp(-((k - d) / (sigma + 0.27))^2 / 2)

    Start with a wide sigma, so that the delays feel a gradient from afar, and let `schedule`
    shrink it. In evaluation the delays are rounded and each connection reads one sample.
    The layer is causal: only the left side is padded, and the output is as long as the input.

    Parameters
    ----------
    in_features, out_features : int
        Number of inputs and outputs.
    max_delay : int
        Largest delay, in steps.
    kind : {"synaptic", "axonal"}, default="synaptic"
        One delay per connection, or one per input (all its targets hear it at once), which costs
        no more than a plain linear layer.
    bias : bool, default=False
        Add a learned constant to every output.

    Attributes
    ----------
    weight : Parameter of shape (out_features, in_features)
    position : Parameter of shape (out_features, in_features) or (in_features,)
        Delays in steps. They learn well at a rate 100 times that of the weights, as
        `neurokit.training.Trainer` lets them.
    sigma : float
        Width of the Gaussian, in steps; starts at ``max_delay / 2``.

    Raises
    ------
    ValueError
        If `max_delay` is below one, `kind` is unknown, or an input or state has another shape.

    References
    ----------
    .. [1] Hammouamri, Khalfaoui-Hassani and Masquelier (2024), Learning delays in spiking neural
       networks using dilated convolutions with learnable spacings, ICLR.

    Examples
    --------
    >>> import torch
    >>> layer = DelayLinear(2, 1, max_delay=3, kind="axonal").eval()
    >>> with torch.no_grad():
    ...     _ = layer.weight.fill_(1.0), layer.position.copy_(torch.tensor([0.0, 2.0]))
    >>> x = torch.zeros(4, 1, 2)
    >>> x[0] = 1.0
    >>> y, state = layer(x)
    >>> y[:, 0, 0].tolist()
    [1.0, 0.0, 1.0, 0.0]
    """

    carries_state = True
    rate_factors: ClassVar[dict[str, float]] = {"position": 100.0}

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        max_delay: int,
        kind: str = "synaptic",
        bias: bool = False,
    ) -> None:
        super().__init__()
        if max_delay < 1:
            raise ValueError(f"DelayLinear: max_delay must be at least 1 step, got {max_delay!r}.")
        if kind not in ("synaptic", "axonal"):
            raise ValueError(f"DelayLinear: kind must be 'synaptic' or 'axonal', got {kind!r}.")
        self.in_features = in_features
        self.out_features = out_features
        self.max_delay = max_delay
        self.kind = kind
        self.sigma = max_delay / 2
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        shape = (out_features, in_features) if kind == "synaptic" else (in_features,)
        self.position = nn.Parameter(torch.rand(shape) * max_delay)
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the output of every step and the last inputs, to go on from.

        Parameters
        ----------
        x : Tensor of shape (time, ..., in_features)
            Input.
        state : Tensor of shape (max_delay, ..., in_features), optional
            Inputs before the first step, zero without it.

        Returns
        -------
        y : Tensor of shape (time, ..., out_features)
            Output.
        state : Tensor of shape (max_delay, ..., in_features)
            Last inputs.
        """
        if x.ndim < 2 or x.shape[-1] != self.in_features:
            raise ValueError(
                f"DelayLinear: expects (time, ..., {self.in_features}), got {tuple(x.shape)}."
            )
        past = (self.max_delay, *x.shape[1:])
        if state is None:
            state = x.new_zeros(past)
        elif state.shape != past:
            raise ValueError(
                f"DelayLinear: state must have the shape {past}, got"
                f" {tuple(state.shape)}; pass the one that the last call returned."
            )
        seen = torch.cat((state, x))  # (max_delay + time, ..., in)
        rows = seen.flatten(1, -2) if x.ndim > 2 else seen[:, None]  # (time, batch, in)
        y = self._convolve(rows) if self.training else self._gather(rows)
        if self.bias is not None:
            y = y + self.bias
        return y.view(*x.shape[:-1], self.out_features), seen[
            len(seen) - self.max_delay :
        ].detach()

    @torch.no_grad()
    def schedule(self, progress: float) -> None:
        """Make ready for a training step: delays back in range, sigma as far as it has shrunk.

        Parameters
        ----------
        progress : float
            Share of the training that is done, 0 to 1. Sigma falls evenly in its logarithm from
            ``max_delay / 2`` to 0.23 steps over the first quarter and stays there.
        """
        self.position.clamp_(0, self.max_delay)
        start, end = self.max_delay / 2, 0.5 - _NARROWEST
        self.sigma = start * (end / start) ** min(4 * progress, 1.0)

    def extra_repr(self) -> str:
        """Show sizes and kind of delay."""
        return f"{self.in_features}, {self.out_features}, max_delay={self.max_delay}, {self.kind}"

    def _taps(self) -> Tensor:
        """Return the share of every tap, (out, in, tap) or (in, tap), newest tap last."""
        tap = torch.arange(self.max_delay, -1, -1, device=self.position.device)
        z = (tap - self.position[..., None]) / (abs(self.sigma) + _NARROWEST)
        g = torch.exp(-0.5 * z**2)
        return g / (g.sum(-1, keepdim=True) + 1e-7)

    def _convolve(self, rows: Tensor) -> Tensor:
        taps = self._taps().to(rows.dtype)
        series = rows.permute(1, 2, 0)  # (batch, in, time)
        if self.kind == "axonal":
            delayed = F.conv1d(series, taps[:, None], groups=self.in_features)
            return F.linear(delayed.permute(2, 0, 1), self.weight)
        return F.conv1d(series, self.weight[..., None] * taps).permute(2, 0, 1)

    def _gather(self, rows: Tensor) -> Tensor:
        """Let each connection read the one sample at its rounded delay."""
        delay = self.position.round().clamp(0, self.max_delay).long()
        n_times = len(rows) - self.max_delay
        start = self.max_delay - delay  # of the window of each connection
        if self.kind == "axonal":
            index = start + torch.arange(n_times, device=rows.device)[:, None]  # (time, in)
            picked = rows.gather(0, index[:, None].expand(-1, rows.shape[1], -1))
            return F.linear(picked, self.weight)
        y = rows.new_zeros(n_times, rows.shape[1], self.out_features)
        for d in delay.unique().tolist():  # one product per delay in use
            window = rows[self.max_delay - d : self.max_delay - d + n_times]
            y = y + F.linear(window, self.weight * (delay == d))
        return y
