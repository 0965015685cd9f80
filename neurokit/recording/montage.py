"""Names of electrodes as the standard writes them, and the places that go with them."""

import functools
import re
import warnings

import numpy as np
import xarray as xr

from neurokit.recording.channels import plain_name

_PLACED = ("eeg", "ecog", "seeg", "dbs", "")  # kinds that may stand at a standard place


def clean_channel_names(x: xr.DataArray) -> xr.DataArray:
    """Write the names of electrodes as the 10-05 system does: ``Fc5.`` becomes ``FC5``.

    A leading "EEG", a trailing reference, dots, spaces and case are put right where what is left
    names an electrode of the 10-05 system; all other names stay as they are.

    Parameters
    ----------
    x : xarray.DataArray with the dim ``channel``

    Returns
    -------
    xarray.DataArray
        The same samples; lazy ones stay lazy.

    Raises
    ------
    TypeError
        If ``x`` is no labelled array with named channels.
    ValueError
        If two channels would get the same name.

    Examples
    --------
    >>> import numpy as np, neurokit
    >>> x = neurokit.signal(
    ...     np.zeros((3, 5)), sampling_rate=10, channels=["Fc5.", "EEG CZ-Ref", "trigger"]
    ... )
    >>> clean_channel_names(x)["channel"].values.tolist()
    ['FC5', 'Cz', 'trigger']
    """
    names = _names(x, "clean_channel_names")
    known = {plain_name(name): name for name in _standard_places()}
    cleaned = [known.get(plain_name(name), name) for name in names]
    if len({*cleaned}) < len(cleaned):
        twice = sorted({name for name in cleaned if cleaned.count(name) > 1})
        held = [name for name, new in zip(names, cleaned, strict=True) if new in twice]
        raise ValueError(
            f"clean_channel_names: {held} would all be called {twice}; drop or rename some of"
            " them first."
        )
    return x.assign_coords(channel=("channel", cleaned, x["channel"].attrs))


def place_channels(x: xr.DataArray) -> xr.DataArray:
    """Give electrodes the places that the 10-05 system has for their names.

    The places are those of MNE's 10-05 montage on a template head, not on the head that was
    recorded. Channels that have a place keep it.

    Parameters
    ----------
    x : xarray.DataArray with the dim ``channel``
        Names are read as `clean_channel_names` reads them, and are not changed. Where ``type`` is
        known, only electrodes are placed.

    Returns
    -------
    xarray.DataArray
        With ``x y z`` along ``channel``, in mm in the head frame; NaN where no place is known.

    Raises
    ------
    TypeError
        If ``x`` is no labelled array with named channels.
    ValueError
        If no channel has a name of the 10-05 system.

    Warns
    -----
    UserWarning
        With the electrodes that the system does not know.

    Examples
    --------
    >>> import numpy as np, neurokit
    >>> x = neurokit.signal(np.zeros((2, 5)), sampling_rate=10, channels=["C3..", "C4.."])
    >>> [round(v) for v in place_channels(x)["x"].values]
    [-67, 65]
    """
    names = _names(x, "place_channels")
    known = {plain_name(name): place for name, place in _standard_places().items()}
    kinds = [str(k).lower() for k in x["type"].values] if "type" in x.coords else [""] * len(names)
    places = np.full((len(names), 3), np.nan)
    if all(axis in x.coords for axis in "xyz"):
        places = np.stack([np.asarray(x[axis].values, float) for axis in "xyz"], axis=1)
    unknown = []
    for k, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        if kind not in _PLACED or np.isfinite(places[k]).all():
            continue
        if plain_name(name) in known:
            places[k] = known[plain_name(name)]
        else:
            unknown.append(name)
    if not np.isfinite(places).all(axis=1).any():
        raise ValueError(
            f"place_channels: none of {names[:8]} is an electrode of the 10-05 system; give"
            " positions= to neurokit.signal."
        )
    if unknown:
        warnings.warn(
            f"place_channels: the 10-05 system knows no place for {unknown[:10]}"
            f"{f' and {len(unknown) - 10} more' if len(unknown) > 10 else ''}.",
            stacklevel=2,
        )
    return x.assign_coords(
        {axis: ("channel", places[:, i], {"units": "mm"}) for i, axis in enumerate("xyz")}
    )


def _names(x: xr.DataArray, caller: str) -> list[str]:
    if not isinstance(x, xr.DataArray) or "channel" not in x.coords:
        raise TypeError(
            f"{caller} takes a labelled array whose channels have names, got"
            f" {type(x).__name__}; neurokit.signal(values, channels=...) makes one."
        )
    return [re.sub(r"\s+", " ", str(name)) for name in x["channel"].values]


@functools.cache
def _standard_places() -> dict[str, np.ndarray]:
    """Return the electrodes of the 10-05 system, in mm in the head frame."""
    import mne

    offered = mne.channels.get_builtin_montages()
    name = "colin27_1005" if "colin27_1005" in offered else "standard_1005"  # MNE renamed it
    montage = mne.channels.make_standard_montage(name)
    names = list(montage.ch_names)
    info = mne.create_info(names, 100.0, "eeg", verbose="error")
    info.set_montage(montage, verbose="error")
    return {c["ch_name"]: c["loc"][:3] * 1e3 for c in info["chs"]}
