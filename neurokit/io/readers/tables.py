"""Tables of events: BIDS' ``_events.tsv`` and its like."""

import pandas as pd
import xarray as xr

from neurokit.io.readers.reader import Found, Reader, name_parts
from neurokit.recording.make import events


def _read_events(found: Found) -> pd.DataFrame:
    path = found.path
    table = pd.read_csv(path, sep="\t" if path.suffix.lower() == ".tsv" else ",")
    if "onset" not in table:
        raise ValueError(
            f"{path}: has no column onset, as BIDS wants it; {list(table)} are there."
        )
    names = [name for name in ("label", "trial_type", "value") if name in table]
    labels = table[names[0]].astype(str).to_numpy(object) if names else "event"
    return events(table["onset"], table.get("duration", 0.0), labels)


def _read_session(found: Found) -> xr.DataTree:
    table = _read_events(found)
    nodes = name_parts(table=table) or {"events": table.rename_axis("event").to_xarray()}
    return xr.DataTree.from_dict(nodes)


READER = Reader(events=_read_events, session=_read_session)
