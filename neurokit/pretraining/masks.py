"""Which tokens a model does not see while it learns: masks on labelled coordinates.

Every function takes a recording (or any array with the dim ``channel`` and its labels) and the
times of the frames, and returns which tokens are hidden, True, with dims ``(channel, frame)``. All
but `future_mask` hide exactly ``round(ratio * channels * frames)`` tokens.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from neurokit.pretraining.places import read_places, read_regions
from neurokit.types import Flags, Floats

Seed = int | np.random.Generator | None
KINDS = ("token", "time", "channel", "region", "block", "future")


def token_mask(
    X: xr.DataArray, frames: ArrayLike, ratio: float = 0.5, *, random_state: Seed = None
) -> xr.DataArray:
    """Hide tokens drawn one by one, all alike.

    Parameters
    ----------
    X : xarray.DataArray with the dim ``channel``
    frames : array-like of shape (n_frames,)
        Times of the frames, in s.
    ratio : float, default=0.5
        Share that is hidden, between 0 and 1.
    random_state : int, numpy.random.Generator or None

    Returns
    -------
    xarray.DataArray of bool, dims (channel, frame)

    Examples
    --------
    >>> import neurokit
    >>> X = neurokit.signal(np.zeros((4, 9)), sampling_rate=1)
    >>> int(token_mask(X, range(5), 0.4, random_state=0).sum())
    8
    """
    times, rng = _begin("token_mask", X, frames, ratio, random_state)
    return _label(X, times, draw_tokens(rng, X.sizes["channel"], len(times), ratio))


def time_mask(
    X: xr.DataArray, frames: ArrayLike, ratio: float = 0.5, *, random_state: Seed = None
) -> xr.DataArray:
    """Hide whole frames, of all channels; where the count does not come out even, part of one.

    Parameters
    ----------
    X, frames, ratio, random_state : as in `token_mask`

    Returns
    -------
    xarray.DataArray of bool, dims (channel, frame)

    Examples
    --------
    >>> import neurokit
    >>> X = neurokit.signal(np.zeros((4, 9)), sampling_rate=1, channels=["C3", "C1", "O1", "O2"])
    >>> hidden = time_mask(X, range(8), 0.5, random_state=0)
    >>> sorted(hidden.sum("channel").values.tolist())
    [0, 0, 0, 0, 4, 4, 4, 4]
    """
    times, rng = _begin("time_mask", X, frames, ratio, random_state)
    members = np.arange(len(times))
    flat = draw_groups(rng, np.tile(members, (X.sizes["channel"], 1)), ratio)
    return _label(X, times, flat)


def channel_mask(
    X: xr.DataArray, frames: ArrayLike, ratio: float = 0.5, *, random_state: Seed = None
) -> xr.DataArray:
    """Hide whole channels; where the count does not come out even, part of one.

    Parameters
    ----------
    X, frames, ratio, random_state : as in `token_mask`

    Returns
    -------
    xarray.DataArray of bool, dims (channel, frame)

    Examples
    --------
    >>> import neurokit
    >>> X = neurokit.signal(np.zeros((4, 9)), sampling_rate=1, channels=["C3", "C1", "O1", "O2"])
    >>> hidden = channel_mask(X, range(8), 0.5, random_state=0)
    >>> sorted(hidden.sum("frame").values.tolist())
    [0, 0, 8, 8]
    """
    times, rng = _begin("channel_mask", X, frames, ratio, random_state)
    members = np.arange(X.sizes["channel"])
    flat = draw_groups(rng, np.tile(members[:, None], (1, len(times))), ratio)
    return _label(X, times, flat)


def region_mask(
    X: xr.DataArray, frames: ArrayLike, ratio: float = 0.5, *, random_state: Seed = None
) -> xr.DataArray:
    """Hide all channels of regions drawn at random; where it does not come out even, part of one.

    Parameters
    ----------
    X : xarray.DataArray with the dim ``channel`` and, along it, the coordinate ``region``
        A channel without a region is one of its own.
    frames, ratio, random_state : as in `token_mask`

    Returns
    -------
    xarray.DataArray of bool, dims (channel, frame)

    Warns
    -----
    UserWarning
        If there is but one region: channels are hidden instead.

    Examples
    --------
    >>> import neurokit
    >>> X = neurokit.signal(np.zeros((4, 9)), sampling_rate=1, channels=["C3", "C1", "O1", "O2"])
    >>> X = X.assign_coords(region=("channel", ["motor", "motor", "visual", "visual"]))
    >>> hidden = region_mask(X, range(8), 0.5, random_state=0)
    >>> hidden.groupby("region").sum(...).values.tolist() in ([16, 0], [0, 16])
    True
    """
    times, rng = _begin("region_mask", X, frames, ratio, random_state)
    region = group_regions(read_regions(X))
    if region.max() == 0 and len(region) > 1:
        warnings.warn(
            "region_mask: X has one region only, and channels are hidden instead.", stacklevel=2
        )
        region = np.arange(len(region))
    flat = draw_groups(rng, np.tile(region[:, None], (1, len(times))), ratio)
    return _label(X, times, flat)


def block_mask(
    X: xr.DataArray,
    frames: ArrayLike,
    ratio: float = 0.55,
    *,
    radius: float = 30.0,
    span: float = 3.0,
    random_state: Seed = None,
) -> xr.DataArray:
    """Hide blocks: the channels around a random one, over a stretch of time.

    Blocks are laid until enough is hidden. What the last one hides too much is shown again,
    drawn at random among the last block's members.

    Parameters
    ----------
    X : xarray.DataArray with the dim ``channel``
        Places are its coordinates ``x y z`` in mm, else the middle of the channel's region, else
        those of the 10-10 system by its name; a channel without any stands alone.
    frames, ratio, random_state : as in `token_mask`
    radius : float, default=30.0
        Reach of a block, in mm.
    span : float, default=3.0
        Length of a block, in s.

    Returns
    -------
    xarray.DataArray of bool, dims (channel, frame)

    Examples
    --------
    >>> import neurokit
    >>> X = neurokit.signal(np.zeros((3, 9)), sampling_rate=1, channels=["C3", "C1", "O2"])
    >>> hidden = block_mask(X, range(8), 0.5, radius=40, span=4, random_state=0)
    >>> int(hidden.sum())
    12
    """
    times, rng = _begin("block_mask", X, frames, ratio, random_state)
    if not radius >= 0 or not span > 0:
        raise ValueError(
            f"block_mask: radius must be 0 mm or more and span above 0 s, got {radius!r} and"
            f" {span!r}."
        )
    near = find_neighbours(read_places(X), radius)
    return _label(X, times, draw_blocks(rng, near, times, ratio, span))


def future_mask(
    X: xr.DataArray, frames: ArrayLike, ratio: float = 0.5, *, random_state: Seed = None
) -> xr.DataArray:
    """Hide everything after a random frame.

    The frame is uniform between the second and the last, so that any share may be hidden;
    ``ratio`` is the largest share.

    Parameters
    ----------
    X, frames, random_state : as in `token_mask`
    ratio : float, default=0.5
        Largest share that is hidden.

    Returns
    -------
    xarray.DataArray of bool, dims (channel, frame)

    Examples
    --------
    >>> import neurokit
    >>> X = neurokit.signal(np.zeros((4, 9)), sampling_rate=1, channels=["C3", "C1", "O1", "O2"])
    >>> hidden = future_mask(X, range(8), 0.5, random_state=0)
    >>> bool((hidden == hidden.cumulative("frame").max()).all())  # hidden from one frame on
    True
    """
    times, rng = _begin("future_mask", X, frames, ratio, random_state)
    return _label(X, times, draw_future(rng, X.sizes["channel"], len(times), ratio))


def mixed_mask(
    X: xr.DataArray,
    frames: ArrayLike,
    kinds: Mapping[str, float],
    ratio: float = 0.5,
    *,
    radius: float = 30.0,
    span: float = 3.0,
    random_state: Seed = None,
) -> xr.DataArray:
    """Draw one kind of mask by its weight, and hide tokens by it.

    Parameters
    ----------
    X, frames, ratio, random_state : as in `token_mask`
    kinds : mapping of str to float
        Weights of "token", "time", "channel", "region", "block", "future".
    radius, span : float
        As in `block_mask`.

    Returns
    -------
    xarray.DataArray of bool, dims (channel, frame)
        ``attrs["kind"]`` names the kind that was drawn.

    Examples
    --------
    >>> import neurokit
    >>> X = neurokit.signal(np.zeros((4, 9)), sampling_rate=1, channels=["C3", "C1", "O1", "O2"])
    >>> hidden = mixed_mask(X, range(8), {"time": 1.0, "channel": 1.0}, random_state=0)
    >>> hidden.attrs["kind"] in ("time", "channel"), int(hidden.sum())
    (True, 16)
    """
    check_kinds("mixed_mask", kinds)
    times, rng = _begin("mixed_mask", X, frames, ratio, random_state)
    kind = draw_kind(rng, kinds)
    draw: dict[str, Callable[..., xr.DataArray]] = {
        "token": token_mask,
        "time": time_mask,
        "channel": channel_mask,
        "region": region_mask,
        "block": block_mask,
        "future": future_mask,
    }
    more = {"radius": radius, "span": span} if kind == "block" else {}
    found = draw[kind](X, times, ratio, random_state=rng, **more)
    return found.assign_attrs(kind=kind)


def flatten_mask(mask: xr.DataArray) -> Flags:
    """Return a mask in the order of a model's tokens: ``channel * n_frames + frame``.

    Parameters
    ----------
    mask : xarray.DataArray of bool, dims channel and frame in any order

    Returns
    -------
    ndarray of bool, shape (n_channels * n_frames,)

    Examples
    --------
    >>> m = xr.DataArray([[True, False], [False, False], [True, True]], dims=("frame", "channel"))
    >>> flatten_mask(m).tolist()
    [True, False, True, False, False, True]
    """
    return np.asarray(mask.transpose("channel", "frame").values, bool).reshape(-1)


# ---------------------------------------------------------------- on plain arrays


def count_hidden(n: int, ratio: float) -> int:
    """Return how many of ``n`` tokens are hidden: one or more, and not all where there are two."""
    return min(max(round(ratio * n), 1), max(n - 1, 1))


def draw_tokens(rng: np.random.Generator, n_channels: int, n_frames: int, ratio: float) -> Flags:
    """Hide single tokens; shape (n_channels, n_frames)."""
    flat = np.zeros(n_channels * n_frames, bool)
    flat[rng.permutation(len(flat))[: count_hidden(len(flat), ratio)]] = True
    return flat.reshape(n_channels, n_frames)


def draw_groups(rng: np.random.Generator, member: Flags | np.ndarray, ratio: float) -> Flags:
    """Hide whole groups in random order, and of the last one as many as are left."""
    flat = np.zeros(member.size, bool)
    wanted, groups = count_hidden(member.size, ratio), member.reshape(-1)
    for group in rng.permutation(groups.max() + 1):
        own = np.flatnonzero(groups == group)
        left = wanted - int(flat.sum())
        if left <= 0:
            break
        flat[own if len(own) <= left else rng.permutation(own)[:left]] = True
    return flat.reshape(member.shape)


def draw_blocks(
    rng: np.random.Generator, near: Flags, times: Floats, ratio: float, span: float
) -> Flags:
    """Lay blocks of neighbours over a stretch of time until enough is hidden."""
    return Blocks(near, times, span).draw(rng, count_hidden(near.shape[0] * len(times), ratio))


class Blocks:
    """Blocks of neighbours over a stretch of time, the tokens of each as bits of one number.

    Parameters
    ----------
    near : ndarray of bool, shape (n_channels, n_channels)
        Neighbours of each channel.
    times : ndarray of shape (n_frames,)
        In s.
    span : float
        Length of a block, in s.
    """

    def __init__(self, near: Flags, times: Floats, span: float) -> None:
        self.shape = len(near), len(times)
        n_frames = len(times)
        step = float(np.median(np.diff(times))) if n_frames > 1 else span
        self.length = min(max(round(span / step), 1), n_frames)
        self.columns = [
            sum(1 << int(channel) * n_frames for channel in np.flatnonzero(row)) for row in near
        ]

    def draw(self, rng: np.random.Generator, wanted: int) -> Flags:
        """Hide so many tokens; shape (n_channels, n_frames)."""
        n_channels, n_frames = self.shape
        hidden = count = 0
        spots: list[list[float]] = []
        while count < wanted:
            if not spots:  # many at once: a call of the generator costs as much as ten blocks
                spots = rng.random((32, 2)).tolist()
            when, where = spots.pop()
            # the block may begin before the first frame, or else frames at the edges were rarer
            first = int(when * (n_frames + self.length - 1)) + 1 - self.length
            start, stop = max(first, 0), min(first + self.length, n_frames)
            block = self.columns[int(where * n_channels)] * ((1 << stop) - (1 << start))
            new = block & ~hidden
            if count + new.bit_count() > wanted:  # the last one: some of its tokens
                own = np.flatnonzero(self._spread(new))
                new = sum(1 << int(k) for k in rng.permutation(own)[: wanted - count])
            hidden |= new
            count += new.bit_count()
        return self._spread(hidden).reshape(self.shape)

    def _spread(self, bits: int) -> Flags:
        n = self.shape[0] * self.shape[1]
        found = np.frombuffer(bits.to_bytes(-(-n // 8), "little"), np.uint8)
        return np.unpackbits(found, bitorder="little", count=n).astype(bool)


def draw_future(rng: np.random.Generator, n_channels: int, n_frames: int, ratio: float) -> Flags:
    """Hide what comes after a random frame."""
    most = max(min(int(ratio * n_frames), n_frames - 1), 1)
    hidden = np.zeros((n_channels, n_frames), bool)
    hidden[:, n_frames - int(rng.integers(1, most + 1)) :] = True
    return hidden


def draw_kind(rng: np.random.Generator, kinds: Mapping[str, float]) -> str:
    """Draw one kind by its weight."""
    weights = np.array(list(kinds.values()), float)
    return list(kinds)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def find_neighbours(places: Floats, radius: float) -> Flags:
    """Tell which channels lie within ``radius`` mm of each; all are their own neighbours."""
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    alone = np.eye(len(places), dtype=bool)  # also without a place
    return alone | (np.nan_to_num(apart, nan=np.inf) <= radius)


def group_regions(regions: list[str]) -> np.ndarray:
    """Count regions and number channels by them; one without is a region of its own."""
    named = [region or f"\0{k}" for k, region in enumerate(regions)]
    return np.unique(named, return_inverse=True)[1]


def check_kinds(caller: str, kinds: Mapping[str, float]) -> None:
    """Refuse unknown kinds and weights that are none."""
    if (
        not kinds
        or set(kinds) - set(KINDS)
        or min(kinds.values()) < 0
        or not sum(kinds.values()) > 0
    ):
        raise ValueError(
            f"{caller}: kinds of masks must be of {list(KINDS)} with weights of 0 or more, got"
            f" {dict(kinds)}."
        )


def _begin(
    caller: str, X: xr.DataArray, frames: ArrayLike, ratio: float, random_state: Seed
) -> tuple[Floats, np.random.Generator]:
    if not isinstance(X, xr.DataArray) or "channel" not in X.dims:
        what = tuple(X.dims) if isinstance(X, xr.DataArray) else type(X).__name__
        raise TypeError(f"{caller}: X must be a DataArray with the dim channel, got {what}.")
    times = np.asarray(frames, np.float64)
    if times.ndim != 1 or not len(times) or (np.diff(times) <= 0).any():
        raise ValueError(
            f"{caller}: frames must be times in s, one after the other, got shape {times.shape}."
        )
    if not 0 < ratio < 1:
        raise ValueError(f"{caller}: ratio must lie between 0 and 1, got {ratio!r}.")
    return times, np.random.default_rng(random_state)


def _label(X: xr.DataArray, times: Floats, hidden: Flags) -> xr.DataArray:
    coords = {name: c for name, c in X.coords.items() if c.dims == ("channel",)}
    return xr.DataArray(
        hidden, dims=("channel", "frame"), coords=coords | {"frame": times}, name="hidden"
    )
