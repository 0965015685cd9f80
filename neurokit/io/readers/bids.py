"""BIDS folders, through mne-bids: signals with the channels and events of their sidecars."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from neurokit.io.readers.mne_files import record_warnings, tell_again
from neurokit.io.readers.reader import Reader, sort_events, table_node
from neurokit.io.readers.tables import read_table

if TYPE_CHECKING:
    import mne_bids

_DATATYPES = ["eeg", "ieeg", "meg", "nirs"]
_SIDECARS = {".json", ".tsv", ".vmrk", ".fdt", ".md", ".txt", ".html", ".pos", ""}


def read_bids_session(path: Path) -> xr.DataTree:
    """Read the recordings of a BIDS dataset, or of one subject or session of it.

    Parameters
    ----------
    path : path-like
        A folder: the dataset's own (with ``dataset_description.json``) or one within it.

    Returns
    -------
    xarray.DataTree
        For one recording ``signal/<datatype>`` and ``events``; channel types, units, positions
        and events are those of the sidecar files. Several recordings come as
        ``sub-01/ses-a/task-rest_run-1``, each with its own. Signals are lazy; they carry
        ``subject``, ``session`` and ``run``.

    Raises
    ------
    ImportError
        Without mne-bids: ``pip install "neurokit-brain[bids]"``.
    OSError
        If there is no BIDS dataset or no recording in it, or one cannot be read.
    """
    try:
        import mne_bids
    except ImportError as error:
        raise ImportError(
            f'{path}: is read through mne-bids; pip install "neurokit-brain[bids]" brings it.'
        ) from error
    path = path.absolute()
    root = next(
        (p for p in (path, *path.parents) if (p / "dataset_description.json").exists()), None
    )
    if root is None:
        raise FileNotFoundError(
            f"{path}: is no BIDS dataset, as it has no dataset_description.json."
        )
    found = mne_bids.find_matching_paths(root, datatypes=_DATATYPES, check=True)
    found = [one for one in found if path in (one.fpath, *one.fpath.parents)]
    found = [one for one in found if one.suffix in {*_DATATYPES} and _is_data(one.fpath)]
    if not found:
        raise FileNotFoundError(
            f"{path}: holds no recording of EEG, iEEG, MEG or NIRS as BIDS names them."
        )
    nodes: dict[str, xr.Dataset] = {}
    for one in found:
        nodes |= _read(one, _prefix(one) if len(found) > 1 else "")
    return xr.DataTree.from_dict(nodes)


def _is_data(path: Path) -> bool:
    if path.suffix == ".eeg":  # BrainVision's samples, or a recording of Nihon Kohden
        return not path.with_suffix(".vhdr").exists()
    return path.suffix not in _SIDECARS


def _prefix(one: mne_bids.BIDSPath) -> str:
    folders = [f"sub-{one.subject}"] + ([f"ses-{one.session}"] if one.session else [])
    named = {"task": one.task, "acq": one.acquisition, "run": one.run, "split": one.split}
    inner = "_".join(f"{key}-{value}" for key, value in named.items() if value)
    return "/".join([*folders, inner or one.datatype]) + "/"


def _read(one: mne_bids.BIDSPath, prefix: str) -> dict[str, xr.Dataset]:
    import mne_bids

    from neurokit.io.bridges.mne import label_mne, mne_events

    try:
        with record_warnings() as caught:
            raw = mne_bids.read_raw_bids(one, verbose="WARNING")
            x, table = label_mne(raw), mne_events(raw)
        sidecar = one.copy().update(suffix="events", extension=".tsv", check=False).fpath
        if sidecar.is_file():  # with all its columns, which annotations cannot hold
            told = read_table(Path(sidecar))
            told["onset"] += float(raw.first_time)
            gaps = table[table["label"].astype(str).str.match("BAD_ACQ_SKIP|EDGE")]
            table = sort_events([told, gaps]) if len(gaps) else told
    except (OSError, ValueError) as error:
        if str(error).startswith(str(one.root)):
            raise
        raise _refusal(one, error) from error
    except Exception as error:  # whatever a malformed dataset leads to
        raise _refusal(one, error) from error
    tell_again(Path(one.fpath), [w for w in caught if not _is_on_sidecar(str(w.message))])
    about = {"subject": one.subject, "session": one.session, "run": one.run}
    x = x.assign_coords({name: str(value) for name, value in about.items() if value})
    nodes = {f"{prefix}signal/{one.datatype}": x.to_dataset(name="signal")}
    if len(table):
        nodes[f"{prefix}events"] = table_node(table)
    return nodes


READER = Reader(session=lambda found: read_bids_session(found.path))


def _is_on_sidecar(said: str) -> bool:
    """Whether a warning is on an optional sidecar that is not there."""
    return any(word in said for word in ("sidecar", "participants", ".json", ".tsv", "HED"))


def _refusal(one: mne_bids.BIDSPath, error: Exception) -> OSError:
    said = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    return OSError(f"{one.fpath}: cannot be read as BIDS ({said}).")
