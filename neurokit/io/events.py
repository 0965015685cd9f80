"""One door to the events that a file holds."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.io.formats import find_format, open_mne
from neurokit.io.readers.edf import find_triggers, read_edf, read_edf_events
from neurokit.recording.make import events

_BLOCK = 1 << 18  # samples of a trigger channel looked at in one go


def read_events(path: str | os.PathLike[str] | Any) -> pd.DataFrame:
    """Read what happened when: annotations, markers, triggers.

    Parameters
    ----------
    path : path-like, or MNE Raw or Epochs
        A recording, as `read_signal` takes it; a reaching recording of the Sabes lab (its
        reaches); a BIDS ``_events.tsv``; or a ``-eve.fif`` that
        lies beside its ``_raw.fif``.

    Returns
    -------
    pandas.DataFrame
        ``onset`` and ``duration`` in s, on the clock of `read_signal`, and ``label``, in order of
        onset. Files without annotations give each rise of their trigger channels, with the value
        as label. Gaps of an interrupted recording are events named ``BAD_ACQ_SKIP``.

    Raises
    ------
    OSError
        If there is no such file, or it is damaged.
    ValueError
        If no reader knows the format.

    Examples
    --------
    >>> import tempfile, neurokit
    >>> from neurokit import io
    >>> x = neurokit.signal([[0.0, 50, 100, 50]], sampling_rate=2, channels=["Cz"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = io.write_edf(f"{folder}/a.edf", x, neurokit.recording.events([0.5, 1], 0, "go"))
    ...     io.read_events(path)
       onset  duration label
    0    0.5       0.0    go
    1    1.0       0.0    go
    """
    if not isinstance(path, str | os.PathLike):
        return _of_mne(path)
    path = Path(path)
    if path.suffix.lower() in (".tsv", ".csv") and path.is_file():
        return _of_table(path)
    if path.suffix.lower() == ".mat" and path.is_file():
        from neurokit.io.readers.sabes import is_reaching, read_reaching_events

        if is_reaching(path):
            return read_reaching_events(path)
    path, form = (path, "saved") if path.suffix in (".zarr", ".nc") else find_format(path)
    if form in ("EDF", "BDF"):
        found = read_edf_events(path)
        if len(found):
            return found
        return _join([_of_triggers(read_edf(path, [name])) for name in find_triggers(path)])
    if form in ("NWB", "neo", "saved"):
        return _of_session(path, form)
    if form == "FIF" and path.name.endswith(("-eve.fif", "_eve.fif", "-eve.fif.gz")):
        return _of_samples(path)
    return _of_mne(open_mne(path, form))


def _of_mne(inst: Any) -> pd.DataFrame:
    import mne

    from neurokit.io.bridges.mne import label_mne, mne_events

    if isinstance(inst, mne.BaseEpochs):
        x = label_mne(inst)
        return events(x["onset"].values, 0.0, x["label"].values.astype(object))
    found = mne_events(inst)
    if len(found) or not isinstance(inst, mne.io.BaseRaw):
        return found
    return _of_triggers(label_mne(inst))


def _of_session(path: Path, form: str) -> pd.DataFrame:
    if form == "NWB":
        from neurokit.io.readers.nwb import read_nwb_events

        return read_nwb_events(path)
    if form == "saved":
        from neurokit.io.session import read_saved_session as read
    else:
        from neurokit.io.bridges.neo import read_neo_session as read
    tree = read(path)
    return _join(
        [
            node.to_dataset().to_dataframe()[["onset", "duration", "label"]]
            for node in tree.subtree
            if node.name == "events"
        ]
    )


def _join(tables: list[pd.DataFrame]) -> pd.DataFrame:
    if not tables:
        return events([], [], [])
    return pd.concat(tables).sort_values("onset", kind="stable", ignore_index=True)


def _of_triggers(x: xr.DataArray) -> pd.DataFrame:
    """Each change of a trigger channel to a value other than zero."""
    onsets: list[np.ndarray] = []
    labels: list[str] = []
    for row in np.flatnonzero(x["type"].values == "stim"):
        previous = 0
        for first in range(0, x.sizes["time"], _BLOCK):
            part = x.isel(channel=int(row), time=slice(first, first + _BLOCK))
            values = np.round(part.values).astype(np.int64)
            if x["channel"].values[row] == "Status":
                values &= 0xFFFF  # above it BioSemi reports on the amplifier itself
            before = np.concatenate([[previous if first else values[0]], values[:-1]])
            found = np.flatnonzero((values != before) & (values != 0))
            onsets.append(part["time"].values[found])
            labels += [str(value) for value in values[found]]
            previous = int(values[-1])
    return events(np.concatenate(onsets) if onsets else [], 0.0, np.asarray(labels, dtype=object))


def _of_table(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path, sep="\t" if path.suffix.lower() == ".tsv" else ",")
    if "onset" not in table:
        raise ValueError(
            f"{path}: has no column onset, as BIDS wants it; {list(table)} are there."
        )
    names = [name for name in ("label", "trial_type", "value") if name in table]
    labels = table[names[0]].astype(str).to_numpy(object) if names else "event"
    return events(table["onset"], table.get("duration", 0.0), labels)


def _of_samples(path: Path) -> pd.DataFrame:
    """Events that MNE keeps as sample numbers, with the rate of the recording beside them."""
    import mne

    stem = path.name.removesuffix(".gz").removesuffix(".fif")[:-4]
    for name in (f"{stem}_raw.fif", f"{stem}-raw.fif", f"{stem}_meg.fif", f"{stem}.fif"):
        if (beside := path.with_name(name)).exists():
            rate = open_mne(beside, "FIF").info["sfreq"]
            rows = mne.read_events(path, verbose="error")
            return events(rows[:, 0] / rate, 0.0, rows[:, 2].astype(str).astype(object))
    raise ValueError(
        f"{path}: holds sample numbers and no sampling rate, and {stem}_raw.fif is not beside it;"
        " read it with mne.read_events and divide by the rate."
    )
