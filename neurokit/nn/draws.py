"""The random numbers of one fit, from generators of its own.

Torch has one global generator for each device, shared by all threads. A fit that seeded it would
disturb the fits beside it, and be disturbed by them. Here each fit has generators of its own:

* layers of this package ask for them (`generator`);
* the dropout layers of torch are served while a module is trained (`Draws.serve`);
* code that knows nothing of all this, such as the start of ``nn.Linear``, is served by a torch
  function mode (`seeded`), which is as general, costs time at every call, and is therefore kept
  for building modules and for training those of strangers.
"""

import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

_under_way = threading.local()
_OURS = ("torch.nn.modules.", "neurokit.")
_T = torch.Tensor
_TAKE_A_GENERATOR = {
    *(torch.rand, torch.randn, torch.randint, torch.randperm, torch.normal),
    *(torch.bernoulli, torch.multinomial, torch.poisson),
    *(_T.normal_, _T.uniform_, _T.bernoulli_, _T.random_, _T.exponential_, _T.log_normal_),
    *(_T.cauchy_, _T.geometric_, _T.bernoulli, _T.multinomial),
} | {
    function
    for function in vars(nn.init).values()
    if inspect.isfunction(function) and "generator" in inspect.signature(function).parameters
}
# Axes that one draw of a dropout decides over, behind those of the examples and channels.
_SHARED = {nn.Dropout: 0, nn.Dropout1d: 1, nn.Dropout2d: 2, nn.Dropout3d: 3}


class Draws:
    """Generators of one fit, one for each device, all from one seed.

    Parameters
    ----------
    seed : int

    Examples
    --------
    >>> with Draws(0):
    ...     first = torch.rand(2, generator=generator())
    >>> with Draws(0):
    ...     bool((torch.rand(2, generator=generator()) == first).all())
    True
    >>> generator() is None
    True
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._generators: dict[str, torch.Generator] = {}

    def __enter__(self) -> Self:
        self._outer = getattr(_under_way, "draws", None)
        _under_way.draws = self
        return self

    def __exit__(self, *error: object) -> None:
        _under_way.draws = self._outer

    def generator(self, device: torch.device | str = "cpu") -> torch.Generator:
        """Return the generator for tensors on ``device``."""
        kind = torch.device(device).type
        if kind not in self._generators:
            self._generators[kind] = torch.Generator(device).manual_seed(self._seed)
        return self._generators[kind]

    def states(self) -> dict[str, Tensor]:
        """Return where every generator stands, by the kind of device."""
        return {kind: made.get_state() for kind, made in self._generators.items()}

    def restore(self, states: dict[str, Tensor], device: torch.device | str) -> None:
        """Put the generators where they stood."""
        for kind, state in states.items():
            self.generator(device if kind != "cpu" else "cpu").set_state(state)

    @contextmanager
    def serve(self, module: nn.Module) -> Iterator[Callable[[], AbstractContextManager[object]]]:
        """Let a module draw from these generators while it is trained.

        Parameters
        ----------
        module : nn.Module
            Its dropout layers are served directly. If it holds layers of strangers, which may
            draw by themselves, each call must run in the context that is handed out.

        Yields
        ------
        callable
            Makes the context for one call of the module.

        Raises
        ------
        ValueError
            If a layer drops inside a fused function of torch, which takes no generator.
        """
        served = []
        for name, layer in module.named_modules():
            if isinstance(layer, nn.RNNBase | nn.MultiheadAttention) and layer.dropout > 0:
                raise ValueError(
                    f"Trainer: layer {name!r} ({type(layer).__name__}) has a dropout inside of it"
                    " that cannot be seeded alone; give it dropout=0 and put an nn.Dropout beside"
                    " it."
                )
            if type(layer) in _SHARED:
                served.append(layer)
        foreign = any(not type(m).__module__.startswith(_OURS) for m in module.modules())
        try:
            for layer in served:
                layer.forward = self._dropping(layer)
            yield (lambda: _Mode(self)) if foreign else nullcontext
        finally:
            for layer in served:
                del layer.forward

    def _dropping(self, layer: nn.Dropout) -> Callable[[Tensor], Tensor]:
        shared = _SHARED[type(layer)]

        def forward(x: Tensor) -> Tensor:
            if not layer.training or layer.p == 0:
                return x
            return drop(x, layer.p, shared, self.generator(x.device))

        return forward


def generator(device: torch.device | str = "cpu") -> torch.Generator | None:
    """Return the generator of the fit under way in this thread; None outside of one.

    Parameters
    ----------
    device : torch.device or str, default="cpu"

    Returns
    -------
    torch.Generator or None
        None stands for torch's own.
    """
    draws: Draws | None = getattr(_under_way, "draws", None)
    return None if draws is None else draws.generator(device)


@contextmanager
def seeded(seed: int) -> Iterator[Draws]:
    """Draw whatever is drawn in this thread from one seed, and leave the caller's numbers alone.

    Parameters
    ----------
    seed : int

    Examples
    --------
    >>> with seeded(0):
    ...     first = nn.Linear(2, 2)
    >>> with seeded(0):
    ...     bool((nn.Linear(2, 2).weight == first.weight).all())
    True
    """
    with Draws(seed) as draws, _Mode(draws):
        yield draws


def drop(x: Tensor, p: float, shared: int, generator: torch.Generator) -> Tensor:
    """Set a share of the entries to zero and scale the others up.

    Parameters
    ----------
    x : Tensor
    p : float
    shared : int
        Last axes that are dropped together.
    generator : torch.Generator

    Returns
    -------
    Tensor
    """
    shape = (*x.shape[: x.ndim - shared], *[1] * shared)
    kept = torch.empty(shape, dtype=x.dtype, device=x.device).bernoulli_(
        1 - p, generator=generator
    )
    return x * kept.div_(1 - p) if p < 1 else x * kept


class _Mode(TorchFunctionMode):
    """Hand a generator to every function of torch that draws, in this thread."""

    def __init__(self, draws: Draws) -> None:
        super().__init__()
        self._draws = draws

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _TAKE_A_GENERATOR and kwargs.get("generator") is None:
            device = kwargs.get("device")
            if device is None:
                device = args[0].device if args and isinstance(args[0], Tensor) else "cpu"
            kwargs = kwargs | {"generator": self._draws.generator(device)}
        elif func is F.dropout:
            return self._dropout(*args, **kwargs)
        elif func in (torch.rand_like, torch.randn_like):
            draw = torch.rand if func is torch.rand_like else torch.randn
            options = {"dtype": args[0].dtype, "device": args[0].device} | kwargs
            made = self._draws.generator(options["device"])
            return draw(args[0].shape, generator=made, **options)
        return func(*args, **kwargs)

    def _dropout(
        self, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Tensor:
        if not training or p == 0:
            return x
        return drop(x, p, 0, self._draws.generator(x.device))
