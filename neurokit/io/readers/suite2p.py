"""Folders of suite2p as sessions: their traces, on a clock of frames where none is known."""

import warnings

import xarray as xr

from neurokit.io.readers.reader import Found, Reader
from neurokit.io.traces import read_traces


def read_suite2p_session(found: Found) -> xr.DataTree:
    """Read the traces of a folder of suite2p; time counts frames, as their rate is not known."""
    warnings.warn(
        f"{found.path}: the rate of suite2p stands in a pickle, which is not read; time counts"
        " frames here. io.read_traces takes sampling_rate=, the command line --rate.",
        stacklevel=4,
    )
    x = read_traces(found.path, sampling_rate=1.0).assign_attrs(clock="frames")
    return xr.DataTree.from_dict({"traces/suite2p": x.to_dataset(name="traces")})


READER = Reader(session=read_suite2p_session)
