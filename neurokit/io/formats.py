"""Find out, once, what a file is, and who reads it."""

import contextlib
import importlib
import os
from pathlib import Path
from typing import NoReturn, cast

from neurokit.io.readers.damage import refuse_placeholder, refuse_special
from neurokit.io.readers.reader import Found, Reader
from neurokit.io.readers.remote import as_address

_BY_CONTENT = (  # how files begin, whatever they are called
    (b"0       ", "EDF"),
    (b"\xffBIOSEMI", "BDF"),
    (b"GDF ", "GDF"),
    (b"Brain Vision", "BrainVision"),
    (b"BrainVision", "BrainVision"),
    (b"\x00\x00\x00\x64\x00\x00\x00\x1f", "FIF"),
    (b"Version 3.0", "Neuroscan"),
    (b"NEURALCD", "Blackrock"),
    (b"BRSMPGRP", "Blackrock"),
    (b"NEURALSG", "neo"),  # Blackrock's version 2.1, which MNE does not read
    (b"[FileInfo]", "Persyst"),
    (b"XDF:", "XDF"),
)
_BY_NAME = {  # ending, among files whose content does not tell
    ".edf": "EDF",
    ".bdf": "BDF",
    ".gdf": "GDF",
    ".vhdr": "BrainVision",
    ".ahdr": "BrainVision",
    ".fif": "FIF",
    ".set": "EEGLAB",
    ".cnt": "Neuroscan",
    ".dat": "Curry",
    ".dap": "Curry",
    ".rs3": "Curry",
    ".cdt": "Curry",
    ".mff": "EGI",
    ".eeg": "Nihon Kohden",
    ".lay": "Persyst",
    ".hdr": "NIRX",
    ".snirf": "SNIRF",
    ".mat": "MAT",
    ".asc": "EyeLink",
    ".ds": "CTF",
    ".sqd": "KIT",
    ".con": "KIT",
    ".nxe": "eXimia",
    ".nedf": "NEDF",
    ".mefd": "MEF",
    ".data": "Nicolet",
    ".nwb": "NWB",
    ".nwb1": "NWB",
    ".npz": "npz",
    ".npy": "npy",
    ".tsv": "table",
    ".csv": "table",
    ".zarr": "saved",
    ".nc": "saved",
    ".xdf": "XDF",
}
_BY_NAME |= dict.fromkeys((".ns1", ".ns2", ".ns3", ".ns4", ".ns5", ".ns6"), "Blackrock")
_BY_NAME |= dict.fromkeys(  # electrophysiology that comes with spikes
    (".abf", ".ncs", ".pl2", ".plx", ".rhd", ".rhs", ".smr", ".smrx", ".trc"), "neo"
)
_HEADERS = {  # files that hold samples or markers, and the one beside them that says what they are
    ".eeg": (".vhdr", ".ahdr"),
    ".vmrk": (".vhdr",),
    ".amrk": (".ahdr",),
    ".dat": (".lay", ".vhdr"),
    ".fdt": (".set",),
    ".avg": (".vhdr",),
    ".wl1": (".hdr",),
    ".wl2": (".hdr",),
}
_READERS = {  # module of neurokit.io.readers; MNE's for all that is not here
    "EDF": "edf",
    "BDF": "edf",
    "NWB": "nwb",
    "Sabes": "sabes",
    "MAT": "mat",
    "npz": "arrays",
    "npy": "arrays",
    "table": "tables",
    "saved": "saved",
    "BIDS": "bids",
    "Blackrock": "nsx",
    "Neuralynx": "nsx",
    "neo": "neo",
    "XDF": "xdf",
    "suite2p": "suite2p",
}
_UNREAD = ("HDF5",)
_NO_SIGNALS = {"npz", "npy", "table", "saved", "neo", "MAT"}


def find(path: str | os.PathLike[str]) -> Found:
    """Return the file to open and the name of its format, by content first.

    The format is "folder" or "" where only neo may know it.

    Raises
    ------
    OSError
        If there is no such file, something else stands in its place, or it is no regular file.
    """
    if (address := as_address(path)) is not None:  # of which NWB alone is read in pieces
        if address.suffix not in ("", ".nwb", ".h5", ".hdf5"):
            raise ValueError(
                f"{address}: only NWB is read over the network; download the file, and read it"
                " from the disk."
            )
        return Found(cast("Path", address), "NWB")
    path = Path(path)
    if not path.exists():
        beside = sorted(p.name for p in path.parent.glob(f"{path.stem}*"))[:3]
        hint = f"; that folder has {', '.join(beside)}" if beside else " or folder"
        raise FileNotFoundError(f"{path}: there is no such file{hint}.")
    ending = "".join(path.suffixes[-2:]).lower()
    ending = ending if ending == ".fif.gz" else path.suffix.lower()
    if path.is_dir():
        inside = path / "suite2p"
        if any(inside.glob("plane*/F.npy")) and _find_folder(path, ending) == "folder":
            return Found(inside, "suite2p")
        return Found(path, _find_folder(path, ending))
    refuse_special(path)
    with path.open("rb") as file:
        head = file.read(1024)
    refuse_placeholder(path, head)
    for other in _HEADERS.get(ending, ()):
        for sibling in (path.with_suffix(other), path.with_suffix(other.upper())):
            if sibling.exists():
                return find(sibling)
    return Found(path, _find_file(path, ending, head))


def _find_file(path: Path, ending: str, head: bytes) -> str:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for begin, name in _BY_CONTENT:
        if head.startswith(begin) or text.startswith(begin):
            return name
    if head[:4] in (b"RIFF", b"RF64") and b"CNT " in head[8:16]:
        return "ANT"
    if ending == ".fif.gz":
        return "FIF"
    if ending == ".mat" or (head[:4] == b"\x89HDF" and ending not in _BY_NAME):
        from neurokit.io.readers.hdf5 import list_members

        members: set[str] = set()
        with contextlib.suppress(OSError):  # damaged: for its reader to say
            members = list_members(path)
        if ending == ".mat":
            return "Sabes" if members >= {"spikes", "cursor_pos", "t"} else "MAT"
        return "NWB" if "nwb_version" in members else "HDF5"
    return _BY_NAME.get(ending, "")


def _find_folder(path: Path, ending: str) -> str:
    if ending in (".mff", ".ds", ".mefd", ".zarr", ".nwb"):
        return _BY_NAME[ending]
    if (path / "dataset_description.json").exists():
        return "BIDS"
    if (path / "zarr.json").exists():
        return "saved"
    if (path / "F.npy").exists() or any(path.glob("plane*/F.npy")):
        return "suite2p"
    if any(path.glob("*.ncs")):
        return "Neuralynx"
    return "BIDS" if path.name.startswith(("sub-", "ses-")) else "folder"


def reader_of(found: Found) -> Reader:
    """Return the reader of a format; its module is imported now."""
    if found.form in _UNREAD:
        return Reader()
    name = _READERS.get(found.form, "neo" if found.form in ("", "folder") else "mne_files")
    module = importlib.import_module(f"neurokit.io.readers.{name}")
    reader: Reader = module.READER
    unknown = found.form in ("", "folder")
    return Reader(spikes=reader.spikes, session=reader.session) if unknown else reader


def refuse(found: Found, what: str) -> NoReturn:
    """Say why a file does not serve what a door was asked for.

    Raises
    ------
    IsADirectoryError
        If it is a folder that holds the files to be asked.
    ValueError
        Otherwise.
    """
    path, form = found
    if form in ("folder", "BIDS") and what != "spikes":
        raise IsADirectoryError(
            f"{path}: is a folder; give io.read_{what} a file in it{name_inside(path)}."
        )
    if form == "HDF5" and what in ("spikes", "session"):
        from neurokit.io.readers.arrays import say_no_layout
        from neurokit.io.readers.hdf5 import list_members

        raise ValueError(say_no_layout(path, sorted(list_members(path))))
    if form == "suite2p":
        raise ValueError(f"{path}: holds calcium traces of suite2p; io.read_traces reads them.")
    if form == "Sabes":
        raise ValueError(
            f"{path}: holds spikes and behaviour and no signals; io.read_session reads it."
        )
    if form in _UNREAD:  # the sentence says what the file is not: a recording
        raise ValueError(
            f"{path}: holds {form}, which io.read_signal does not read; label its arrays with"
            " neurokit.signal."
        )
    if what == "spikes":
        kind, door = ("events", "events") if form == "table" else ("signals", "signal")
        raise ValueError(
            f"{path}: is {form}, a format for {kind} and not for sorted spikes; io.read_{door}"
            " reads it."
        )
    known = sorted({*_BY_NAME.values()} - _NO_SIGNALS)
    raise ValueError(
        f"{path}: is of no format that io.read_signal knows ({', '.join(known)} and what neo"
        " reads); label its array with neurokit.signal."
    )


def list_recordings(folder: Path) -> list[Path]:
    """Return the recordings below a folder in order of their names, each once.

    A recording of several files is the one that says what it is (``.vhdr``, ``.set``); folders
    that are one recording (CTF, EGI, zarr, suite2p, Neuralynx) are not looked into. Tables and
    arrays without labels are not recordings, nor is what begins with a dot.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of Path
    """
    found: dict[Path, None] = {}
    for path in sorted(folder.iterdir()):
        ending = path.suffix.lower()
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if _find_folder(path, ending) in ("folder", "BIDS"):
                found |= dict.fromkeys(list_recordings(path))
            else:
                found[path] = None
        elif path.is_file() and (ending in _BY_NAME or path.name.endswith(".fif.gz")):
            if ending in (".tsv", ".csv", ".npy", ".asc") or path.stem.endswith(("-eve", "_eve")):
                continue
            with contextlib.suppress(OSError):  # empty, or a pointer to what is elsewhere
                path = find(path).path
            found[path] = None
    return list(found)


def name_inside(path: Path) -> str:
    """Return words that name a recording in a folder, to be given instead of it."""
    inside = sorted(
        p.relative_to(path).as_posix()
        for p in path.rglob("*")
        if p.suffix.lower() in _BY_NAME
        and p.suffix.lower() not in (".mat", ".dat", ".asc", ".npy", ".npz", ".tsv", ".csv")
    )
    return f", such as {inside[0]}" if inside else ""
