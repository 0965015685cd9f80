"""Find out what a file is, and open what MNE reads."""

import contextlib
import functools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neurokit.io.readers.damage import refuse_placeholder, refuse_text_transfer

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
    ".mat": "FieldTrip",
    ".asc": "EyeLink",
    ".ds": "CTF",
    ".sqd": "KIT",
    ".con": "KIT",
    ".nxe": "eXimia",
    ".nedf": "NEDF",
    ".mefd": "MEF",
    ".data": "Nicolet",
    ".nwb": "NWB",
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
_READERS = {
    "GDF": "read_raw_gdf",
    "BrainVision": "read_raw_brainvision",
    "Neuroscan": "read_raw_cnt",
    "ANT": "read_raw_ant",
    "Curry": "read_raw_curry",
    "EGI": "read_raw_egi",
    "Nihon Kohden": "read_raw_nihon",
    "Persyst": "read_raw_persyst",
    "NIRX": "read_raw_nirx",
    "SNIRF": "read_raw_snirf",
    "EyeLink": "read_raw_eyelink",
    "CTF": "read_raw_ctf",
    "KIT": "read_raw_kit",
    "eXimia": "read_raw_eximia",
    "NEDF": "read_raw_nedf",
    "MEF": "read_raw_mef",
    "Nicolet": "read_raw_nicolet",
    "Blackrock": "read_raw_nsx",
    "Neuralynx": "read_raw_neuralynx",
}
_TOLD = ("discontinu", "gap", "truncat", "missing", "corrupt", "overflow")  # worth a warning


def find_format(path: Path) -> tuple[Path, str]:
    """Return the file to open and the name of its format, by content first.

    Raises
    ------
    OSError
        If there is no such file, or something else in its place.
    ValueError
        If no reader knows the format.
    """
    if not path.exists():
        beside = sorted(p.name for p in path.parent.glob(f"{path.stem}*"))[:3]
        hint = f"; that folder has {', '.join(beside)}" if beside else ""
        raise FileNotFoundError(f"{path}: there is no such file{hint}.")
    ending = "".join(path.suffixes[-2:]).lower()
    ending = ending if ending == ".fif.gz" else path.suffix.lower()
    if path.is_dir():
        return path, _find_folder(path, ending)
    with path.open("rb") as file:
        head = file.read(256)
    refuse_placeholder(path, head)
    for other in _HEADERS.get(ending, ()):
        for sibling in (path.with_suffix(other), path.with_suffix(other.upper())):
            if sibling.exists():
                return find_format(sibling)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for begin, name in _BY_CONTENT:
        if head.startswith(begin) or text.startswith(begin):
            return path, name
    if head[:4] in (b"RIFF", b"RF64") and b"CNT " in head[8:16]:
        return path, "ANT"
    if ending == ".fif.gz":
        return path, "FIF"
    if head[:4] == b"\x89HDF" and ending not in (".snirf", ".set", ".mat"):
        return path, "NWB" if ending == ".nwb" else "HDF5"
    if ending in _BY_NAME:
        return path, _BY_NAME[ending]
    raise ValueError(
        f"{path}: is of no format that io.read_signal knows"
        f" ({', '.join(sorted({*_BY_NAME.values()} - {'neo'}))} and what neo reads); label its"
        " array with neurokit.signal."
    )


def _find_folder(path: Path, ending: str) -> str:
    if ending in (".mff", ".ds", ".mefd"):
        return _BY_NAME[ending]
    if any(path.glob("*.ncs")):
        return "Neuralynx"
    inside = sorted(
        p.relative_to(path).as_posix()
        for p in path.rglob("*")
        if p.suffix.lower() in _BY_NAME and p.suffix.lower() not in (".mat", ".dat", ".asc")
    )
    hint = f", such as {inside[0]}" if inside else ""
    raise IsADirectoryError(f"{path}: is a folder; give io.read_signal a file in it{hint}.")


def open_mne(path: Path, form: str) -> Any:
    """Open a file with MNE's reader: a Raw that is not loaded, Epochs, or Evoked.

    Raises
    ------
    OSError
        If the reader fails, with what it says in one sentence.
    ImportError
        If it needs a package that is not installed.
    """
    import mne

    if form not in _READERS and form not in ("FIF", "EEGLAB", "FieldTrip"):
        raise ValueError(
            f"{path}: holds {form}, which io.read_signal does not read; label its arrays with"
            " neurokit.signal."
        )
    openers: dict[str, Callable[[Path], Any]] = {
        "FIF": _open_fif,
        "EEGLAB": _open_eeglab,
        "FieldTrip": _open_fieldtrip,
    }
    opener = openers.get(form)
    with warnings.catch_warnings(record=True) as caught, mne.utils.use_log_level("CRITICAL"):
        warnings.simplefilter("always")
        try:
            inst = opener(path) if opener else getattr(mne.io, _READERS[form])(path)
        except Exception as error:
            _refuse(path, form, error)
    for warning in caught:
        said = str(warning.message)
        if any(word in said.lower() for word in _TOLD):
            warnings.warn(f"{path}: {_first_sentence(said)}", stacklevel=4)
            break
    return inst


def _refuse(path: Path, form: str, error: Exception) -> None:
    """Say in one sentence why a reader beneath gave up."""
    said = _first_sentence(str(error))
    package = getattr(error, "name", None)
    for name in ("antio", "curryreader", "mffpy", "neo", "pymatreader", "pymef"):
        if isinstance(error, ImportError | RuntimeError) and f"module {name}" in str(error):
            package = name
    if package:
        raise ImportError(
            f"{path}: reading {form} takes another package, `pip install {package}`."
        ) from None
    if form == "Neuroscan" and "bytes per sample" in str(error):
        raise OSError(
            f"{path}: its Neuroscan header does not fit its size (a part of a recording?), so that"
            " samples of 16 and 32 bits cannot be told apart; if you know, pass"
            " mne.io.read_raw_cnt(path, data_format='int16') to io.from_mne."
        ) from None
    if path.is_file():
        with path.open("rb") as file:
            refuse_text_transfer(path, file.read(1 << 18))
    way = "; its .ncs files can be read one by one" if form == "Neuralynx" else ""
    raise OSError(f"{path}: cannot be read as {form} ({said.rstrip('.')}){way}.") from None


def _first_sentence(said: str) -> str:
    line = next((line.strip() for line in said.splitlines() if line.strip()), "no reason given")
    return line if len(line) < 300 else line[:300] + " ..."


def _open_fif(path: Path) -> Any:
    import mne

    readers = {
        "raw": functools.partial(mne.io.read_raw_fif, allow_maxshield=True),
        "epochs": mne.read_epochs,
        "evoked": mne.read_evokeds,
    }
    name = path.name.removesuffix(".gz").removesuffix(".fif")
    likely = {"ave": "evoked", "epo": "epochs", "eve": "events"}.get(name[-3:], "raw")
    if likely in readers:
        with contextlib.suppress(ValueError):  # it holds something else
            if (inst := readers[likely](path)) != []:
                return inst
    kind = mne.what(path)  # looks for one thing after another
    if kind in readers and (inst := readers[kind](path)) != []:
        return inst
    raise ValueError(f"it holds {kind}, not signals")


def _open_eeglab(path: Path) -> Any:
    import mne

    try:
        return mne.io.read_raw_eeglab(path)
    except TypeError as error:
        if "epochs" not in str(error):
            raise
        return mne.read_epochs_eeglab(path)


def _open_fieldtrip(path: Path) -> Any:
    import mne

    names = _variables(path)
    if "data" not in names:
        raise ValueError(
            f"a MAT file is read if it holds a FieldTrip structure named data; it has"
            f" {', '.join(names)}, arrays to be labelled with neurokit.signal"
        )
    said = None
    for read in (
        mne.io.read_raw_fieldtrip,
        mne.read_epochs_fieldtrip,
        mne.read_evoked_fieldtrip,
    ):
        try:
            return read(path, None)
        except RuntimeError as error:  # MNE's own words; others are slips of its reader
            said = said if said and "raw data" not in str(said) else error
        except (KeyError, IndexError, AttributeError, TypeError, ValueError):
            continue
    raise said or ValueError("its variable data is no FieldTrip structure")


def _variables(path: Path) -> list[str]:
    import h5py
    import scipy.io

    if h5py.is_hdf5(path):
        with h5py.File(path) as file:
            return [name for name in file if not name.startswith("#")]
    return [name for name, _, _ in scipy.io.whosmat(path)]
