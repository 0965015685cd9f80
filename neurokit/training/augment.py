"""Changes to the trials of a training batch that leave their labels as they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Augment = Callable[["Tensor", "torch.Generator"], "Tensor"]

# By name: how strong each is by default.
STRENGTHS = {
    "time_shift": 0.1,
    "channel_dropout": 0.1,
    "noise": 0.1,
    "sign_flip": 0.5,
    "hemisphere_flip": 0.5,
}


class Montage(NamedTuple):
    """What augmentations must know of the trials."""

    channels: list[Hashable] | None  # names
    scale: Tensor  # (n_channels, 1): standard deviation of each channel
    sampling_rate: float  # Hz


def make_augmentation(caller: str, wanted: Any, montage: Montage) -> Augment | None:
    """Make one function of what an estimator's ``augmentation`` parameter names.

    Parameters
    ----------
    caller : str
        Who asks, for errors.
    wanted : None, str, callable, sequence of these, or mapping of str to float
        Names of `STRENGTHS`; a mapping gives them other strengths: "time_shift" up to so many
        seconds either way (silence comes in), "channel_dropout" and "noise" a share of the
        channels, and of each one's standard deviation; "sign_flip" and "hemisphere_flip" a share
        of the trials. A callable takes trials (trial, channel, time) and a generator.
    montage : Montage

    Returns
    -------
    callable or None
        ``augment(x, generator)`` for x of shape (n_trials, n_channels, n_times).

    Raises
    ------
    ValueError
        If a name is not known, or channels to flip have no names that tell their side.
    """
    if wanted is None:
        return None
    steps: list[Augment] = []
    for one in _listed(wanted):
        if callable(one):
            steps.append(one)
            continue
        name, strength = one
        if name not in STRENGTHS:
            raise ValueError(
                f"{caller}: augmentation must be a callable or of {list(STRENGTHS)}, got {name!r}."
            )
        strength = STRENGTHS[name] if strength is None else strength
        if not 0 <= strength < float("inf") or (name in _SHARES and strength > 1):
            raise ValueError(
                f"{caller}: the strength of augmentation {name!r} must be 0 or more, and a share"
                f" at most 1, got {strength!r}."
            )
        steps.append(_MAKERS[name](caller, float(strength), montage))

    def augment(x: Tensor, generator: torch.Generator) -> Tensor:
        for step in steps:
            x = step(x, generator)
        return x

    return augment


def _listed(wanted: object) -> list[Any]:
    """Return callables, and pairs of name and strength."""
    if isinstance(wanted, Mapping):
        return list(wanted.items())
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        return [part for one in wanted for part in _listed(one)]
    return [wanted] if callable(wanted) else [(wanted, None)]


def _time_shift(caller: str, longest: float, montage: Montage) -> Augment:
    most = round(longest * montage.sampling_rate)

    def shift(x: Tensor, generator: torch.Generator) -> Tensor:
        import torch

        n_times = x.shape[2]
        by = torch.randint(-most, most + 1, (len(x), 1), generator=generator, device=x.device)
        at = torch.arange(n_times, device=x.device) - by
        inside = (at >= 0) & (at < n_times)
        at = at.clamp(0, n_times - 1)[:, None].expand_as(x)
        return x.gather(2, at) * inside[:, None]

    return shift


def _channel_dropout(caller: str, share: float, montage: Montage) -> Augment:
    def silence(x: Tensor, generator: torch.Generator) -> Tensor:
        return x * (_rand((*x.shape[:2], 1), x, generator) >= share)

    return silence


def _noise(caller: str, share: float, montage: Montage) -> Augment:
    def add(x: Tensor, generator: torch.Generator) -> Tensor:
        import torch

        noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        return x + share * montage.scale.to(x) * noise

    return add


def _sign_flip(caller: str, share: float, montage: Montage) -> Augment:
    def flip(x: Tensor, generator: torch.Generator) -> Tensor:
        return x * (1 - 2 * (_rand((len(x), 1, 1), x, generator) < share).to(x.dtype))

    return flip


def _hemisphere_flip(caller: str, share: float, montage: Montage) -> Augment:
    mirrored = mirror_channels(caller, montage.channels)

    def flip(x: Tensor, generator: torch.Generator) -> Tensor:
        return x[:, mirrored].where(_rand((len(x), 1, 1), x, generator) < share, x)

    return flip


_MAKERS = {
    "time_shift": _time_shift,
    "channel_dropout": _channel_dropout,
    "noise": _noise,
    "sign_flip": _sign_flip,
    "hemisphere_flip": _hemisphere_flip,
}
_SHARES = ("channel_dropout", "sign_flip", "hemisphere_flip")


def mirror_channels(caller: str, channels: Sequence[Hashable] | None) -> list[int]:
    """Return the place of each channel's counterpart on the other side, or its own.

    Names of the 10-20 system tell the side: odd numbers are left, the next even one stands
    opposite, and midline channels (a ``z``) stay.

    Parameters
    ----------
    caller : str
        Who asks, for errors.
    channels : sequence of str or None

    Returns
    -------
    list of int

    Examples
    --------
    >>> mirror_channels("me", ["C3", "Cz", "C4", "F7"])
    [2, 1, 0, 3]
    """
    names = [str(name) for name in channels or []]
    places = {name: k for k, name in enumerate(names)}
    mirrored = []
    for k, name in enumerate(names):
        found = re.fullmatch(r"(\D+)(\d+)(\D*)", name)
        if found is None:
            mirrored.append(k)
            continue
        number = int(found[2])
        other = f"{found[1]}{number + 1 if number % 2 else number - 1}{found[3]}"
        mirrored.append(places.get(other, k))
    if mirrored == list(range(len(names))):
        raise ValueError(
            f"{caller}: augmentation 'hemisphere_flip' needs channels whose names tell their side,"
            f" such as C3 and C4, got {channels}."
        )
    return mirrored


def _rand(shape: tuple[int, ...], x: Tensor, generator: torch.Generator) -> Tensor:
    import torch

    return torch.rand(shape, generator=generator, device=x.device)
