"""Learned delays of inputs and of connections (dilated convolutions, learned spacings)."""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_NARROWEST = 0.27  # steps added to sigma, so that a Gaussian never falls between two taps


class _Delays(nn.Module):
    """What layers with learned delays share: positions, taps, and the inputs that came before."""

    carries_state = True
    rate_factors: ClassVar[dict[str, float]] = {"position": 100.0}
    sigma: Tensor

    def __init__(self, shape: tuple[int, ...], max_delay: int) -> None:
        super().__init__()
        if max_delay < 1:
            raise ValueError(
                f"{type(self).__name__}: max_delay must be at least 1 step, got {max_delay!r}."
            )
        self.in_features = shape[-1]
        self.max_delay = max_delay
        self.position = nn.Parameter(torch.rand(shape) * max_delay)
        self.register_buffer("sigma", torch.tensor(max_delay / 2))

    @torch.no_grad()
    def schedule(self, progress: float) -> None:
        """Make ready for a training step: delays back in range, sigma as far as it has shrunk.

        Parameters
        ----------
        progress : float
            Share of the training that is done, 0 to 1. Sigma falls evenly in its logarithm from
            ``max_delay / 2`` to 0.23 steps over the first quarter and stays there, also when
            training begins again.
        """
        self.position.clamp_(0, self.max_delay)
        start, end = self.max_delay / 2, 0.5 - _NARROWEST
        self.sigma.clamp_(max=start * (end / start) ** min(4 * progress, 1.0))

    def _seen(self, x: Tensor, state: Tensor | None) -> Tensor:
        """Return the inputs with those before in front, (max_delay + time, ..., in)."""
        name = type(self).__name__
        if x.ndim < 2 or x.shape[-1] != self.in_features:
            raise ValueError(
                f"{name}: expects (time, ..., {self.in_features}), got {tuple(x.shape)}."
            )
        past = (self.max_delay, *x.shape[1:])
        if state is None:
            state = x.new_zeros(past)
        elif state.shape != past:
            raise ValueError(
                f"{name}: state must have the shape {past}, got {tuple(state.shape)}; pass the one"
                " that the last call returned."
            )
        return torch.cat((state, x))

    def _after(self, seen: Tensor) -> Tensor:
        return seen[len(seen) - self.max_delay :].detach()

    def steps(self) -> Tensor:
        """Return the delays in whole steps, as evaluation takes them."""
        return self.position.round().clamp(0, self.max_delay).long()

    def _taps(self, kind: torch.dtype) -> Tensor:
        """Return the share of every tap, the newest last."""
        tap = torch.arange(self.max_delay, -1, -1, device=self.position.device)
        z = (tap - self.position[..., None]) / (self.sigma.abs() + _NARROWEST)
        g = torch.exp(-0.5 * z**2)
        return (g / (g.sum(-1, keepdim=True) + 1e-7)).to(kind)

    def _delayed(self, rows: Tensor) -> Tensor:
        """Delay (max_delay + time, batch, in) by one position per input."""
        if self.training:
            series = rows.permute(1, 2, 0)  # (batch, in, time)
            taps = self._taps(rows.dtype)[:, None]
            return F.conv1d(series, taps, groups=self.in_features).permute(2, 0, 1)
        n_times = len(rows) - self.max_delay
        start = self.max_delay - self.steps()
        index = start + torch.arange(n_times, device=rows.device)[:, None]  # (time, in)
        return rows.gather(0, index[:, None].expand(-1, rows.shape[1], -1))


class Delay(_Delays):
    """Learned delay of each input, the same for all that hear it: an axon's.

    While training, an input of delay ``d`` steps is spread by a Gaussian around it, as in
    `DelayLinear`; in evaluation the delays are rounded. The layer is causal, and its output is
    as long as the input.

    Parameters
    ----------
    in_features : int
        Number of inputs.
    max_delay : int
        Largest delay, in steps.

    Attributes
    ----------
    position : Parameter of shape (in_features,)
        Delays in steps. They learn well at 100 times the rate of the weights, as in [1]_:
        `neurokit.training.Trainer` gives them that.
    sigma : Tensor, scalar
        Width of the Gaussian, in steps; starts at ``max_delay / 2``.

    Raises
    ------
    ValueError
        If `max_delay` is below one, or an input or state has another shape.

    References
    ----------
    .. [1] Hammouamri, Khalfaoui-Hassani and Masquelier (2024), Learning delays in spiking neural
       networks using dilated convolutions with learnable spacings, ICLR.

    Examples
    --------
    >>> layer = Delay(2, max_delay=3).eval()
    >>> with torch.no_grad():
    ...     _ = layer.position.copy_(torch.tensor([0.0, 2.0]))
    >>> x = torch.zeros(4, 1, 2)
    >>> x[0] = 1.0
    >>> layer(x)[0][:, 0].tolist()
    [[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    """

    def __init__(self, in_features: int, *, max_delay: int) -> None:
        super().__init__((in_features,), max_delay)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the delayed inputs and the last inputs, to go on from.

        Parameters
        ----------
        x : Tensor of shape (time, ..., in_features)
        state : Tensor of shape (max_delay, ..., in_features), optional
            Inputs before the first step, zero without it.

        Returns
        -------
        y : Tensor of shape (time, ..., in_features)
        state : Tensor of shape (max_delay, ..., in_features)
        """
        seen = self._seen(x, state)
        rows = seen.flatten(1, -2) if x.ndim > 2 else seen[:, None]  # (time, batch, in)
        return self._delayed(rows).reshape(x.shape), self._after(seen)

    def extra_repr(self) -> str:
        """Show size and longest delay."""
        return f"{self.in_features}, max_delay={self.max_delay}"


class DelayLinear(_Delays):
    """Linear layer that listens to the past: every connection has its own learned delay.

    While training, a connection of weight ``w`` and delay ``d`` steps reaches back through a
    Gaussian over the taps ``k = 0, 1, ... max_delay``, normalised to one::

        y[t, j] = sum_i w[j, i] sum_k g_k(d[j, i]) x[t - k, i]
        g_k(d) ~ exp(-((k - d) / (sigma + 0.27))^2 / 2)

    A wide sigma lets the delays feel a gradient from afar; `schedule` shrinks it. In evaluation
    the delays are rounded and each connection reads one sample. The layer is causal: only the
    left side is padded, and the output is as long as the input.

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
        Delays in steps. They learn well at 100 times the rate of the weights, as in [1]_:
        `neurokit.training.Trainer` gives them that.
    sigma : Tensor, scalar
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

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        max_delay: int,
        kind: str = "synaptic",
        bias: bool = False,
    ) -> None:
        if kind not in ("synaptic", "axonal"):
            raise ValueError(f"DelayLinear: kind must be 'synaptic' or 'axonal', got {kind!r}.")
        shape = (out_features, in_features) if kind == "synaptic" else (in_features,)
        super().__init__(shape, max_delay)
        self.out_features = out_features
        self.kind = kind
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
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
        seen = self._seen(x, state)
        rows = seen.flatten(1, -2) if x.ndim > 2 else seen[:, None]  # (time, batch, in)
        if self.kind == "axonal":
            y = F.linear(self._delayed(rows), self.weight)
        else:
            y = self._convolve(rows) if self.training else self._gather(rows)
        if self.bias is not None:
            y = y + self.bias
        return y.reshape(*x.shape[:-1], self.out_features), self._after(seen)

    def extra_repr(self) -> str:
        """Show sizes and kind of delay."""
        return f"{self.in_features}, {self.out_features}, max_delay={self.max_delay}, {self.kind}"

    def _convolve(self, rows: Tensor) -> Tensor:
        kernel = self.weight[..., None] * self._taps(rows.dtype)
        return F.conv1d(rows.permute(1, 2, 0), kernel).permute(2, 0, 1)

    def _gather(self, rows: Tensor) -> Tensor:
        """Let each connection read the one sample at its rounded delay."""
        delay = self.steps()
        n_times = len(rows) - self.max_delay
        y = rows.new_zeros(n_times, rows.shape[1], self.out_features)
        for d in delay.unique().tolist():  # one product per delay in use
            window = rows[self.max_delay - d : self.max_delay - d + n_times]
            y = y + F.linear(window, self.weight * (delay == d))
        return y
