"""Channels by their names, as people write them."""

import difflib
import re
from collections.abc import Sequence

import xarray as xr

BRAIN = (
    *("eeg", "ecog", "seeg", "dbs", "ieeg", "lfp", "csd", "meg", "mag", "grad"),
    *("hbo", "hbr", "fnirs_cw_amplitude", "fnirs_od", "fnirs_fd_phase", "dipole"),
)
"""Kinds of channels that hold signals of a brain."""


def select_channels(x: xr.DataArray, names: str | Sequence[str]) -> xr.DataArray:
    """Keep some channels, found by name whatever the file has hung on to it.

    A name is taken as it is where a channel has it. Else case, spaces, dots and a leading kind or
    trailing reference do not count: "C3" finds "C3..", "EEG C3-Ref" and "c3".

    Parameters
    ----------
    x : xarray.DataArray with the dim ``channel``
    names : str or sequence of str

    Returns
    -------
    xarray.DataArray
        The channels in the order of ``names``, under the names that ``x`` gives them.

    Raises
    ------
    KeyError
        If a name finds no channel, or several.

    Examples
    --------
    >>> import numpy as np, neurokit
    >>> x = neurokit.signal(np.zeros((2, 5)), sampling_rate=10, channels=["Fc5.", "EEG Cz-Ref"])
    >>> select_channels(x, ["Cz", "FC5"])["channel"].values.tolist()
    ['EEG Cz-Ref', 'Fc5.']
    """
    held = [str(name) for name in x["channel"].values]
    plain = [plain_name(name) for name in held]
    places = []
    for name in [names] if isinstance(names, str) else names:
        found = [k for k, known in enumerate(held) if known == name]
        found = found or [k for k, known in enumerate(plain) if known == plain_name(str(name))]
        if len(found) != 1:
            close = difflib.get_close_matches(plain_name(str(name)), plain, 5, 0.4)
            near = [held[k] for k in found] or [held[plain.index(one)] for one in close]
            how = "several channels" if found else "no channel"
            raise KeyError(f"select_channels: {name!r} finds {how} of {len(held)}; near: {near}.")
        places += found
    return x.isel(channel=places)


def plain_name(name: str) -> str:
    """Return a name without case, spaces, dots, a leading kind and a trailing reference."""
    short = re.sub(r"^(eeg|ecog|seeg|meg|lfp)[ _:]+", "", name.strip().lower())
    short = re.sub(r"[-_ ]+(ref|re|le|avg|a1|a2|m1|m2)$", "", short)
    return re.sub(r"[ ._]", "", short)
