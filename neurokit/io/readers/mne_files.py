"""What MNE reads: a Raw that is not loaded, Epochs, Evoked, and the events in them."""

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from neurokit.io.readers.channels import choose_channels
from neurokit.io.readers.cut_short import tell_if_short
from neurokit.io.readers.damage import refuse_text_transfer, say_which
from neurokit.io.readers.fif_file import check_fif
from neurokit.io.readers.mat_file import check_mat, list_variables
from neurokit.io.readers.reader import Found, Reader, name_parts
from neurokit.io.readers.triggers import add_steps, find_rises, join_lines
from neurokit.recording.make import events

if TYPE_CHECKING:
    import mne

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
_TOLD = (  # words of warnings that are about the recording itself
    *("discontinu", "gap", "truncat", "missing", "corrupt", "overflow", "uniform", "jitter"),
    *("irregular", "skip", "incomplete", "lost", "cut short", "shorter", "inconsistent"),
    *("unexpected", "not match", "exceed", "bad number", "interrupt", "too few", "damaged"),
    *("invalid", "fail", "wrong", "jump", "backward", "unreliable"),
)
_PACKAGES = {  # module that MNE's readers may ask for: what it is called where it is installed
    "antio": "antio",
    "curryreader": "curryreader",
    "defusedxml": "defusedxml",
    "mffpy": "mffpy",
    "neo": "neo",
    "pandas": "pandas",
    "pymatreader": "pymatreader",
    "pymef": "pymef",
}


def read_signal(found: Found, channels: Sequence[str] | None) -> xr.DataArray:
    """Read what MNE makes of a file."""
    from neurokit.io.bridges.mne import label_mne

    inst = open_mne(*found)
    with say_which(found.path):
        x = label_mne(inst)
    return choose_channels(found.path, x, channels)


def read_events(found: Found) -> pd.DataFrame:
    """Read its annotations and triggers, or a file of sample numbers beside its recording."""
    path, form = found
    if form == "FIF" and path.name.endswith(("-eve.fif", "_eve.fif", "-eve.fif.gz")):
        return _read_samples(path)
    inst = open_mne(path, form)
    with say_which(path):
        return list_events(inst)


def read_session(found: Found) -> xr.DataTree:
    """Read both, the file opened once."""
    from neurokit.io.bridges.mne import label_mne

    inst = open_mne(*found)
    with say_which(found.path):
        return xr.DataTree.from_dict(name_parts(label_mne(inst), list_events(inst)))


READER = Reader(signal=read_signal, events=read_events, session=read_session)


def list_events(inst: "mne.io.BaseRaw | mne.BaseEpochs") -> pd.DataFrame:
    """Return annotations of a Raw and the rises of its trigger channels; the trials of Epochs."""
    import mne

    from neurokit.io.bridges.mne import label_mne, mne_events

    if isinstance(inst, mne.BaseEpochs):
        x = label_mne(inst)
        return events(x["onset"].values, 0.0, x["label"].values.astype(object))
    found = mne_events(inst)
    if not isinstance(inst, mne.io.BaseRaw) or "stim" not in inst.get_channel_types():
        return found
    return add_steps(found, join_lines(find_rises(label_mne(inst))), [inst.info["sfreq"]])


def _read_samples(path: Path) -> pd.DataFrame:
    """Read events that MNE keeps as sample numbers, with the rate of the recording beside them."""
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


def open_mne(path: Path, form: str) -> "mne.io.BaseRaw | mne.BaseEpochs":
    """Open a file with MNE's reader: a Raw that is not loaded, Epochs, or Evoked.

    Raises
    ------
    OSError
        If the reader fails, with what it says in one sentence.
    ImportError
        If it needs a package that is not installed.
    """
    import mne

    openers: dict[str, Callable[[Path], mne.io.BaseRaw | mne.BaseEpochs]] = {
        "FIF": _open_fif,
        "EEGLAB": _open_eeglab,
        "FieldTrip": _open_fieldtrip,
    }
    opener = openers.get(form)
    if form == "FIF":
        check_fif(path)
    elif form in ("EEGLAB", "FieldTrip"):
        check_mat(path)
    if form in ("EEGLAB", "FieldTrip", "SNIRF"):
        _check_hdf5(path)
    with record_warnings() as caught:
        try:
            inst = opener(path) if opener else getattr(mne.io, _READERS[form])(path)
        except Exception as error:
            _refuse(path, form, error)
    tell_again(path, caught)
    tell_if_short(path, form, inst)
    return inst


def _check_hdf5(path: Path) -> None:
    """Look through a file of MATLAB 7.3 or SNIRF, which MNE opens by itself."""
    from neurokit.io.readers.hdf5 import is_hdf5, look_through

    if is_hdf5(path):
        with say_which(path):
            look_through(path)


@contextlib.contextmanager
def record_warnings() -> Iterator[list[warnings.WarningMessage]]:
    """Collect what MNE warns of, and print nothing of what it logs.

    At a higher level of its log MNE would not even issue its warnings.
    """
    import mne

    def drop(record: object) -> bool:
        return False

    with warnings.catch_warnings(record=True) as caught, mne.utils.use_log_level("WARNING"):
        warnings.simplefilter("always")
        mne.utils.logger.addFilter(drop)
        try:
            yield caught
        finally:
            mne.utils.logger.removeFilter(drop)


def tell_again(path: Path, caught: Sequence[warnings.WarningMessage]) -> None:
    """Warn of what a reader beneath warned of, where it is about the recording."""
    told = set()
    for warning in caught:
        said = _first_sentence(str(warning.message))
        if said not in told and any(word in said.lower() for word in _TOLD):
            told.add(said)
            warnings.warn(f"{path}: {said}", stacklevel=5)


def _refuse(path: Path, form: str, error: Exception) -> None:
    """Say in one sentence why a reader beneath gave up."""
    said = _first_sentence(str(error))
    if package := _missing_package(error):
        raise ImportError(
            f"{path}: reading {form} takes another package, `pip install {package}`."
        ) from None
    if form == "BrainVision" and isinstance(error, UnicodeDecodeError):
        raise OSError(
            f"{path}: calls itself UTF-8 and has letters of another code page (Latin-1, say); save"
            " the header and its markers as UTF-8, or write Codepage=Latin-1 into them."
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
    if isinstance(error, (ZeroDivisionError, IndexError)) or "unpack" in said or "'shape'" in said:
        said += "): perhaps it holds no channels, no samples or a single one, which is read from"
        said += " no file of that format (or it is damaged"
    way = "; its .ncs files can be read one by one" if form == "Neuralynx" else ""
    raise OSError(f"{path}: cannot be read as {form} ({said.rstrip('.')}){way}.") from None


def _missing_package(error: Exception) -> str | None:
    """Return what to install: a name of our table, never one that an exception brings."""
    if not isinstance(error, ImportError | RuntimeError):
        return None
    module = str(getattr(error, "name", None) or "").partition(".")[0]
    if isinstance(error, ImportError) and module in _PACKAGES:
        return _PACKAGES[module]
    return next((p for name, p in _PACKAGES.items() if f"module {name}" in str(error)), None)


def _first_sentence(said: str) -> str:
    line = next((line.strip() for line in said.splitlines() if line.strip()), "no reason given")
    return line if len(line) < 300 else line[:300] + " ..."


def _open_fif(path: Path) -> "mne.io.BaseRaw | mne.BaseEpochs":
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


def _open_eeglab(path: Path) -> "mne.io.BaseRaw | mne.BaseEpochs":
    import mne

    try:
        return mne.io.read_raw_eeglab(path)
    except TypeError as error:
        if "epochs" not in str(error):
            raise
        return mne.read_epochs_eeglab(path)


def _open_fieldtrip(path: Path) -> "mne.io.BaseRaw | mne.BaseEpochs":
    import mne

    names = list_variables(path)
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
