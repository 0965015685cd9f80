"""Another reference for voltages."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from neurokit.recording.bads import bad_channels, of_kind
from neurokit.recording.blocks import as_floats, chunk_if_on_disk
from neurokit.recording.channels import select_channels


def rereference(
    x: xr.DataArray, to: str | Sequence[str] = "average", *, kinds: Sequence[str] = ("eeg",)
) -> xr.DataArray:
    """Subtract the mean of all electrodes, or of some, from every electrode.

    Parameters
    ----------
    x : xarray.DataArray with the dim ``channel``
    to : "average", str or sequence of str
        ``"average"`` takes the electrodes that are not ``bad``; names (mastoids, say) are found
        as `select_channels` finds them, and stay in the recording.
    kinds : sequence of str, default=("eeg",)
        Channels of these ``type`` are referenced; the others stay as they are. All are, where
        no ``type`` is known. For implanted electrodes ("ecog", "seeg") name their kind.

    Returns
    -------
    xarray.DataArray
        With all labels; lazy in, lazy out. ``attrs["reference"]`` says what was subtracted.

    Raises
    ------
    TypeError
        If ``x`` has no channels.
    KeyError
        If a name finds no channel.
    ValueError
        If no channel is of these kinds, or none that is not bad.

    Examples
    --------
    >>> import numpy as np, neurokit
    >>> x = neurokit.signal([[1.0, 2], [3, 6]], sampling_rate=10, channels=["C3", "C4"])
    >>> rereference(x).values.tolist()
    [[-1.0, -2.0], [1.0, 2.0]]
    """
    if not isinstance(x, xr.DataArray) or "channel" not in x.dims:
        raise TypeError(
            f"rereference takes a labelled array with the dim channel, got {type(x).__name__}."
        )
    chosen = of_kind(x, kinds, "rereference")
    x = chunk_if_on_disk(x)
    if isinstance(to, str) and to == "average":
        among = x.isel(channel=np.flatnonzero(chosen & ~bad_channels(x)))
        if not among.sizes["channel"]:
            raise ValueError("rereference: all channels are marked bad, so there is no average.")
    else:
        among = select_channels(x, to)
    mean = as_floats(among).mean("channel")  # NaN in one of them is NaN in all
    share = xr.DataArray(chosen.astype(np.float32), dims="channel")
    moved = x.copy(data=(as_floats(x) - share * mean).transpose(*x.dims).data)
    moved = moved if chosen.all() else _keep_others(moved, x, chosen)
    names = to if isinstance(to, str) else ", ".join(map(str, to))
    return moved.assign_attrs(reference=names)


def _keep_others(moved: xr.DataArray, x: xr.DataArray, chosen: np.ndarray) -> xr.DataArray:
    kept = xr.where(xr.DataArray(chosen, dims="channel"), moved, x.astype(moved.dtype))
    return x.copy(data=kept.transpose(*x.dims).data)
