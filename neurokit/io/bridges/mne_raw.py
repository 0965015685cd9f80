"""A Raw of MNE that reads from a lazy signal."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    import mne


@functools.cache
def lazy_raw() -> type[mne.io.BaseRaw]:
    """Make the class ``RawSignal(x, to_si, info, first)``; MNE is imported only here.

    ``x`` is a signal of dims ("channel", "time"), ``to_si`` what its channels are multiplied by,
    ``first`` MNE's number of the first sample.
    """
    import mne

    class RawSignal(mne.io.BaseRaw):
        """Raw whose samples are those of a labelled signal."""

        def __init__(self, x: xr.DataArray, to_si: np.ndarray, info: mne.Info, first: int) -> None:
            last = first + x.sizes["time"] - 1
            extras = [{"signal": x, "to_si": to_si[:, None]}]  # all that a read may see
            super().__init__(
                info, False, (first,), (last,), (None,), raw_extras=extras, verbose="error"
            )

        def _read_segment_file(
            self,
            data: np.ndarray,
            idx: Any,
            fi: int,
            start: int,
            stop: int,
            cals: np.ndarray | None,
            mult: np.ndarray | None,
        ) -> None:
            extras = self._raw_extras[fi]
            part, to_si = extras["signal"].isel(time=slice(start, stop)), extras["to_si"]
            if mult is None:
                data[:] = part.isel(channel=idx).values * to_si[idx]
                if cals is not None:
                    data *= cals
            else:  # projections mix all channels
                data[:] = mult @ (part.values * to_si)

    return RawSignal
