"""Public recordings, downloaded once: a local folder first, then the cache, then the network."""

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import xarray as xr

from neurokit.recording.make import signal

_REACHING_URL = "https://zenodo.org/records/583331/files/{}?download=1"
# the six recordings that NeuroBench uses, as published on Zenodo
_REACHING_MD5 = {
    "indy_20160622_01": "c33d5fff31320d709d23fe445561fb6e",
    "indy_20160630_01": "197413a5339630ea926cbd22b8b43338",
    "indy_20170131_02": "2790b1c869564afaa7772dbf9e42d784",
    "loco_20170210_03": "4cae63b58c4cb9c8abd44929216c703b",
    "loco_20170215_02": "739b70762d838f3a1f358733c426bb02",
    "loco_20170301_05": "47342da09f9c950050c9213c3df38ea3",
}
REACHING_SESSIONS = tuple(_REACHING_MD5)
"""Names of the six reaching recordings, three of each monkey."""

_EEGMMIDB_URL = "https://physionet.org/files/eegmmidb/1.0.0/"


def fetch_reaching(session: str = "indy_20160622_01") -> Path:
    """Fetch a monkey's random-target reaching session: spikes of motor cortex and the hand.

    Six of the recordings of the Sabes laboratory (96 or 192 channels, about a GB each), those of
    NeuroBench's benchmark. ``io.read_session`` reads the file.

    Parameters
    ----------
    session : str, default="indy_20160622_01"
        One of ``REACHING_SESSIONS``.

    Returns
    -------
    pathlib.Path
        A ``.mat`` file (HDF5), its checksum verified.

    Raises
    ------
    ValueError
        If there is no such session.
    OSError
        If the file cannot be downloaded, or its bytes are not those that were published.

    Notes
    -----
    Every ``fetch_`` function first looks for the file anywhere below the folder that the
    environment variable ``NEUROKIT_DATA`` names, then in the cache (``NEUROKIT_CACHE``, else the
    user's cache folder), then downloads it into the cache.

    References
    ----------
    .. [1] O'Doherty, Cardoso, Makin and Sabes (2017), Nonhuman primate reaching with multichannel
       sensorimotor cortex electrophysiology, Zenodo, doi:10.5281/zenodo.583331.
    """
    if session not in _REACHING_MD5:
        raise ValueError(
            f"fetch_reaching: session must be one of {list(REACHING_SESSIONS)}, got {session!r}."
        )
    name = f"{session}.mat"
    return fetch_file(
        "fetch_reaching", _REACHING_URL.format(name), name, f"md5:{_REACHING_MD5[session]}"
    )


def fetch_eegmmidb(subject: int = 1, run: int = 4) -> Path:
    """Fetch a run of PhysioNet's motor movement and imagery EEG: 64 channels, 160 Hz.

    Runs 4, 8 and 12 are imagined left and right fists; 6, 10 and 14 imagined fists and feet.
    ``io.read_signal`` and ``io.read_events`` read the file.

    Parameters
    ----------
    subject : int, default=1
        1 to 109.
    run : int, default=4
        1 to 14.

    Returns
    -------
    pathlib.Path
        An EDF+ file. One that is downloaded is checked against PhysioNet's list of checksums.

    Raises
    ------
    ValueError
        If there is no such subject or run.
    OSError
        If the file cannot be downloaded, or its bytes are not those that were published.

    References
    ----------
    .. [1] Schalk et al. (2004), BCI2000: a general-purpose brain-computer interface system, IEEE
       Trans. Biomed. Eng. 51, 1034-1043; Goldberger et al. (2000), PhysioBank, PhysioToolkit,
       and PhysioNet, Circulation 101, e215-e220.
    """
    for what, value, last in (("subject", subject, 109), ("run", run, 14)):
        if value not in range(1, last + 1):
            raise ValueError(f"fetch_eegmmidb: {what} must be 1 to {last}, got {value!r}.")
    folder, name = f"S{subject:03d}", f"S{subject:03d}R{run:02d}.edf"
    if local := _local(name):
        return local
    sums = fetch_file(
        "fetch_eegmmidb", f"{_EEGMMIDB_URL}SHA256SUMS.txt", "eegmmidb-SHA256SUMS.txt", None
    )
    digests = {}
    for line in sums.read_text().splitlines():
        digest, _, listed = line.partition(" ")
        digests[listed.strip().lstrip("*")] = digest
    key = f"{folder}/{name}"
    if key not in digests:
        raise OSError(
            f"{sums}: the list of checksums does not name {key}; delete it and fetch again."
        )
    return fetch_file("fetch_eegmmidb", _EEGMMIDB_URL + key, name, f"sha256:{digests[key]}")


def fetch_bnci2014_001(subject: int = 1) -> xr.DataArray:
    """Fetch motor imagery of four classes (BCI competition IV, set 2a), through MOABB.

    Parameters
    ----------
    subject : int, default=1
        1 to 9.

    Returns
    -------
    xarray.DataArray of dims ("trial", "channel", "time")
        22 channels at 250 Hz in uV, 0.5 to 45 Hz; on ``trial`` the coordinates ``label``,
        ``subject``, ``session``, ``run``.

    Raises
    ------
    ValueError
        If there is no such subject.
    ImportError
        If MOABB is not installed.
    OSError
        If the files cannot be downloaded.

    References
    ----------
    .. [1] Tangermann et al. (2012), Review of the BCI competition IV, Front. Neurosci. 6, 55.
    """
    return _from_moabb("fetch_bnci2014_001", "BNCI2014_001", "MotorImagery", 4, subject, 9)


def fetch_nakanishi2015(subject: int = 1) -> xr.DataArray:
    """Fetch steady-state visual responses to twelve targets, through MOABB.

    Parameters
    ----------
    subject : int, default=1
        1 to 9.

    Returns
    -------
    xarray.DataArray of dims ("trial", "channel", "time")
        8 occipital channels at 256 Hz in uV, 0.5 to 45 Hz; on ``trial`` the coordinates
        ``label`` (the frequency in Hz, as text), ``subject``, ``session``, ``run``.

    Raises
    ------
    ValueError
        If there is no such subject.
    ImportError
        If MOABB is not installed.
    OSError
        If the files cannot be downloaded.

    References
    ----------
    .. [1] Nakanishi, Wang, Wang and Jung (2015), A comparison study of canonical correlation
       analysis based methods for detecting steady-state visual evoked potentials, PLoS ONE 10,
       e0140703.
    """
    return _from_moabb("fetch_nakanishi2015", "Nakanishi2015", "SSVEP", 12, subject, 9)


def _from_moabb(
    caller: str, dataset: str, paradigm: str, n_classes: int, subject: int, last: int
) -> xr.DataArray:
    """One subject of a set as labelled trials."""
    if subject not in range(1, last + 1):
        raise ValueError(f"{caller}: subject must be 1 to {last}, got {subject!r}.")
    try:
        import moabb.datasets
        import moabb.paradigms
    except ImportError as error:
        raise ImportError(
            f'{caller}: needs MOABB, which is not installed; pip install "neurokit-brain[moabb]".'
        ) from error
    reader = getattr(moabb.paradigms, paradigm)(n_classes=n_classes, fmin=0.5, fmax=45.0)
    try:
        epochs, labels, table = reader.get_data(
            getattr(moabb.datasets, dataset)(), subjects=[subject], return_epochs=True
        )
    except OSError as error:
        raise OSError(say_offline(caller, f"{dataset}, subject {subject}", error)) from error
    return signal(
        epochs.get_data(copy=False) * 1e6,
        sampling_rate=float(epochs.info["sfreq"]),
        channels=list(epochs.ch_names),
        types="eeg",
        start=float(epochs.times[0]),
        trials={
            "label": labels,
            **{k: table[k].to_numpy() for k in ("subject", "session", "run")},
        },
    )


def fetch_file(caller: str, url: str, name: str, known_hash: str | None) -> Path:
    """Get a file from the local folder, the cache or the network, its checksum verified.

    Parameters
    ----------
    caller : str
        Who refuses.
    url : str
    name : str
        Its name in the cache, with folders or without.
    known_hash : str or None
        ``"md5:..."`` or ``"sha256:..."``; None where none is published.
    """
    if local := _local(name):
        if known_hash and not _matches(local, known_hash):
            raise OSError(
                f"{local}: not the published file, its checksum is not {known_hash}; remove or"
                " replace it."
            )
        return local
    import pooch

    pooch.get_logger().setLevel("WARNING")
    kept = Path(os.environ.get("NEUROKIT_CACHE") or pooch.os_cache("neurokit")) / name
    download = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=60)
    try:
        return Path(pooch.retrieve(url, known_hash, kept.name, kept.parent, downloader=download))
    except ValueError as error:  # pooch's word for a checksum that differs
        raise OSError(
            f"{caller}: {url} arrived with bytes that are not those published ({known_hash}); try"
            " again later."
        ) from error
    except OSError as error:  # all errors of requests are
        raise OSError(say_offline(caller, url, error, name)) from error


def say_offline(caller: str, what: str, error: Exception, name: str | None = None) -> str:
    """Return the sentence for what could not be downloaded, with the way out."""
    way_out = "connect and try again"
    if name:
        way_out += f", or put {name} into a folder and set NEUROKIT_DATA to that folder"
    return f"{caller}: could not download {what} ({type(error).__name__}); {way_out}."


def _local(name: str) -> Path | None:
    """Find the file of that name below the folder NEUROKIT_DATA, if there is one."""
    folder = os.environ.get("NEUROKIT_DATA")
    if not folder:
        return None
    if (direct := Path(folder) / name).is_file():
        return direct
    return min((path for path in Path(folder).rglob(name) if path.is_file()), default=None)


def _matches(path: Path, known_hash: str) -> bool:
    algorithm, _, digest = known_hash.partition(":")
    with path.open("rb") as file:
        found: Any = hashlib.file_digest(file, algorithm)
    return bool(found.hexdigest() == digest)
