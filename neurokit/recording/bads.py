"""Bad channels filled in from their neighbours, bad trials left out."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from neurokit.recording.blocks import as_floats, chunk_if_on_disk
from neurokit.recording.channels import BRAIN
from neurokit.types import Flags, Floats


def interpolate_bads(x: xr.DataArray) -> xr.DataArray:
    """Fill in the EEG channels marked ``bad``, from the good ones, by spherical splines.

    The weights are MNE's; they depend on the places alone, so that lazy recordings stay lazy.

    Parameters
    ----------
    x : xarray.DataArray with the dim ``channel``
        With ``bad`` and ``x y z`` along ``channel`` (`place_channels` gives standard places).

    Returns
    -------
    xarray.DataArray
        ``bad`` is false where a channel was filled in.

    Raises
    ------
    TypeError
        If ``x`` has no channels.
    ValueError
        If a bad channel or all good ones have no place, fewer than four good ones have, or a bad
        channel is no EEG.

    References
    ----------
    .. [1] Perrin, Pernier, Bertrand and Echallier (1989), Spherical splines for scalp potential
       and current density mapping, Electroenceph. Clin. Neurophysiol. 72, 184-187, equations 1-4.

    Examples
    --------
    >>> from neurokit.datasets import make_eeg
    >>> x = make_eeg(4, n_channels=19, random_state=0).signal
    >>> x = x.assign_coords(bad=("channel", x["channel"].values == "Cz"))
    >>> bool(interpolate_bads(x)["bad"].any())
    False
    """
    if not isinstance(x, xr.DataArray) or "channel" not in x.dims:
        raise TypeError(
            f"interpolate_bads takes a labelled array with the dim channel, got"
            f" {type(x).__name__}."
        )
    bad = bad_channels(x)
    if not bad.any():
        return x
    eeg = of_kind(x, ("eeg",), "interpolate_bads")
    names = [str(name) for name in x["channel"].values]
    if (wrong := bad & ~eeg).any():
        raise ValueError(
            f"interpolate_bads fills in EEG channels, and {_named(names, wrong)} are of another"
            " kind; drop them, or io.to_mne(x).interpolate_bads() for MEG."
        )
    if missing := [axis for axis in "xyz" if axis not in x.coords]:
        raise ValueError(
            f"interpolate_bads needs the places of the channels, but x has no coordinates"
            f" {missing}; neurokit.recording.place_channels(x) gives standard ones."
        )
    places = np.stack([np.asarray(x[axis].values, float) for axis in "xyz"], axis=1)
    known = np.isfinite(places).all(axis=1)
    good = eeg & ~bad & known
    if (bad & ~known).any() or good.sum() < 4:
        raise ValueError(
            f"interpolate_bads needs places of every bad channel and of four good ones or more;"
            f" {_named(names, bad & ~known)} have none, and {good.sum()} good ones have."
        )
    weights = _spline_weights(places[good], places[bad])
    x = chunk_if_on_disk(x)
    sources = as_floats(x).isel(channel=np.flatnonzero(good)).drop_vars(x["channel"].coords)
    mixed = xr.DataArray(weights.astype(sources.dtype), dims=("filled", "channel"))
    filled = xr.dot(mixed, sources, dim="channel").rename(filled="channel")
    order = np.arange(len(bad))
    order[bad] = len(bad) + np.arange(bad.sum())
    bare = as_floats(x).drop_vars(x["channel"].coords)
    joined = xr.concat([bare, filled.transpose(*x.dims)], "channel", coords="minimal",
                       compat="override", join="override")  # fmt: skip
    data = joined.isel(channel=order).transpose(*x.dims).data
    return x.copy(data=data).assign_coords(bad=("channel", np.zeros(len(bad), dtype=bool)))


def reject(
    x: xr.DataArray,
    above: float | Mapping[str, float] | None = None,
    *,
    below: float | Mapping[str, float] | None = None,
) -> xr.DataArray:
    """Leave out the trials in which a channel swings too far, or not at all.

    Parameters
    ----------
    x : xarray.DataArray of dims ("trial", "channel", "time")
    above : float or mapping of kind to float, optional
        Largest distance from the lowest to the highest sample, in the unit of ``x``: 150 (uV) for
        the brain's channels, or ``{"eeg": 150, "eog": 250}``.
    below : float or mapping of kind to float, optional
        Smallest such distance; a loose electrode is flat.

    Returns
    -------
    xarray.DataArray
        The trials that are left. Lazy trials are gone through once, and stay lazy.

    Raises
    ------
    TypeError
        If ``x`` has no trials.
    ValueError
        If there is no limit, no channel of a kind, or no trial is left.

    Warns
    -----
    UserWarning
        With how many trials were left out, and which channels did it most often.

    Examples
    --------
    >>> import numpy as np, neurokit, warnings
    >>> values = np.random.default_rng(0).normal(size=(5, 2, 50))
    >>> values[3, 1, 10] = 500
    >>> x = neurokit.signal(values, sampling_rate=100)
    >>> with warnings.catch_warnings(record=True, action="always") as said:
    ...     reject(x, 150).sizes["trial"], str(said[0].message)
    (4, 'reject: 1 of 5 trials are left out; most often for channels ch1 (1).')
    """
    if not isinstance(x, xr.DataArray) or set(x.dims) != {"trial", "channel", "time"}:
        dims = x.dims if isinstance(x, xr.DataArray) else type(x).__name__
        raise TypeError(f"reject takes dims ('trial', 'channel', 'time'), got {dims}.")
    if above is None and below is None:
        raise ValueError("reject: give above= or below=, in the unit of x.")
    high, low = _limits(x, above, np.inf), _limits(x, below, -np.inf)
    x = chunk_if_on_disk(x).transpose("trial", "channel", "time")
    # a NaN swings neither too far nor too little: it is out of every limit
    swing: Floats = (x.max("time", skipna=False) - x.min("time", skipna=False)).values
    out: Flags = ~((swing <= high) & (swing >= low)) & (np.isfinite(high) | np.isfinite(low))
    kept: Flags = ~np.any(out, axis=1)
    if not kept.any():
        raise ValueError(
            f"reject: no trial is left of {len(kept)}; the median trial swings"
            f" {float(np.nanmedian(swing.max(axis=1))):.4g}, the limits are {above!r} and"
            f" {below!r}."
        )
    if not kept.all():
        names = x["channel"].values if "channel" in x.coords else np.arange(out.shape[1])
        most = [k for k in np.argsort(-out.sum(axis=0), kind="stable")[:3] if out[:, k].any()]
        said = ", ".join(f"{names[k]} ({out[:, k].sum()})" for k in most)
        warnings.warn(
            f"reject: {(~kept).sum()} of {len(kept)} trials are left out; most often for channels"
            f" {said}.",
            stacklevel=2,
        )
    return x.isel(trial=np.flatnonzero(kept))


def bad_channels(x: xr.DataArray) -> Flags:
    """Tell which channels are marked bad."""
    if "bad" in x.coords and x["bad"].dims == ("channel",):
        return x["bad"].values.astype(bool)
    return np.zeros(x.sizes["channel"], dtype=bool)


def of_kind(x: xr.DataArray, kinds: Sequence[str], caller: str) -> Flags:
    """Tell which channels are of these kinds: all, where ``x`` tells no kinds."""
    if "type" not in x.coords or x["type"].dims != ("channel",):
        return np.ones(x.sizes["channel"], dtype=bool)
    held = [str(kind).lower() for kind in x["type"].values]
    chosen = np.array([kind in kinds for kind in held], dtype=bool)
    if not chosen.any():
        raise ValueError(
            f"{caller}: no channel is of the kinds {list(kinds)}; there are {sorted({*held})}."
        )
    return chosen


def _limits(x: xr.DataArray, limit: float | Mapping[str, float] | None, none: float) -> Floats:
    """Return the limit of each channel; bad ones have none."""
    each = np.full(x.sizes["channel"], none)
    if isinstance(limit, Mapping):
        if "type" not in x.coords:
            raise ValueError(
                "reject: limits by kind need the coordinate type along channel, which x lacks;"
                " give one number, or types= to neurokit.signal."
            )
        for kind, value in limit.items():
            each[of_kind(x, (kind,), "reject")] = value
    elif limit is not None:
        held = {str(k).lower() for k in x["type"].values} if "type" in x.coords else set()
        each[of_kind(x, BRAIN, "reject") if held & {*BRAIN} else slice(None)] = limit
    each[bad_channels(x)] = none
    return each


def _spline_weights(good: Floats, bad: Floats) -> Floats:
    """Return MNE's weights (bad, good): what it makes of channels that are 1 one at a time."""
    import mne

    names = [f"E{k}" for k in range(len(good) + len(bad))]
    info = mne.create_info(names, 100.0, "eeg", verbose="error")
    places = dict(zip(names, np.concatenate([good, bad]) / 1e3, strict=True))
    info.set_montage(mne.channels.make_dig_montage(places, coord_frame="head"), verbose="error")
    info["bads"] = names[len(good) :]
    unit = np.concatenate([np.eye(len(good)), np.zeros((len(bad), len(good)))])
    raw = mne.io.RawArray(unit, info, verbose="error")
    raw.interpolate_bads(reset_bads=False, verbose="error")
    return np.asarray(raw.get_data()[len(good) :])


def _named(names: Sequence[str], which: Flags) -> list[str]:
    return [names[k] for k in np.flatnonzero(which)[:10]]
