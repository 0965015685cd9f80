"""Files of public archives by their identifiers: OpenNeuro and DANDI."""

from __future__ import annotations

import re
from pathlib import Path

from neurokit.datasets.fetch import fetch_file, say_offline

OPENNEURO = "https://s3.amazonaws.com/openneuro.org"
DANDI = "https://api.dandiarchive.org/api"


def fetch_openneuro(dataset: str, path: str) -> Path:
    """Fetch one file of a data set on OpenNeuro, once.

    Parameters
    ----------
    dataset : str
        Its number there, such as ``"ds000117"``. EEGDash calls the sets that it took from
        OpenNeuro by the same numbers.
    path : str
        Place of the file in the set, such as ``"sub-01/eeg/sub-01_task-rest_eeg.edf"``.

    Returns
    -------
    pathlib.Path
        The file in the cache, in a folder of the set: what is fetched of one set lies side by
        side, as BIDS wants it.

    Raises
    ------
    ValueError
        If that is no number of a set, or the path leads out of it.
    OSError
        If the file cannot be downloaded. OpenNeuro publishes no checksums beside its files.

    See Also
    --------
    fetch_eegmmidb : Where files are looked for before they are downloaded.
    """
    if not re.fullmatch(r"ds\d{6}", dataset):
        raise ValueError(
            f"fetch_openneuro: dataset must be named like 'ds000117', got {dataset!r}."
        )
    path = _inside("fetch_openneuro", path)
    address = f"{OPENNEURO}/{dataset}/{path}"
    return fetch_file("fetch_openneuro", address, f"openneuro/{dataset}/{path}", None)


def fetch_dandi(
    dandiset: str, path: str, *, version: str = "draft", download: bool = True
) -> Path | str:
    """Fetch one file of a dandiset, or its address, to be read over the network.

    Parameters
    ----------
    dandiset : str
        Its six digits, such as ``"000003"``.
    path : str
        Place of the file in the dandiset.
    version : str, default="draft"
        A published version, such as ``"0.230629.1955"``, or what stands there now.
    download : bool, default=True
        If False, nothing but the address is asked for; ``io.read_session(address)`` fetches what
        is used of the file.

    Returns
    -------
    pathlib.Path, or str
        The file in the cache, its checksum verified where the archive tells one.

    Raises
    ------
    ValueError
        If that is no dandiset, or the path leads out of it.
    OSError
        If there is no such file, or it cannot be downloaded or is not what was published.
    """
    caller = "fetch_dandi"
    if not re.fullmatch(r"\d{6}", dandiset):
        raise ValueError(f"{caller}: dandiset must be six digits, got {dandiset!r}.")
    path = _inside(caller, path)
    listing = f"{DANDI}/dandisets/{dandiset}/versions/{version}/assets/"
    results = _ask(caller, f"{listing}?path={path}").get("results", [])
    held = results if isinstance(results, list) else []
    found = [one["asset_id"] for one in held if one.get("path") == path]
    if not found:
        raise OSError(f"{caller}: {dandiset} ({version}) has no file {path!r}.")
    asset = f"{DANDI}/assets/{found[0]}/"
    if not download:
        return f"{asset}download/"
    digests = _ask(caller, asset).get("digest")
    digest = digests.get("dandi:sha2-256") if isinstance(digests, dict) else None
    known = None if digest is None else f"sha256:{digest}"
    return fetch_file(caller, f"{asset}download/", f"dandi/{dandiset}/{path}", known)


def _inside(caller: str, path: str) -> str:
    """Return a path in a set as the archives write it, or refuse one that leads out of it."""
    plain = path.strip("/")
    if not plain or ".." in plain.split("/") or path != plain or "\\" in path:
        raise ValueError(f"{caller}: path must be a place inside the set, got {path!r}.")
    return plain


def _ask(caller: str, address: str) -> dict[str, object]:
    """Return what the archive says of something."""
    import requests  # pooch needs it, too

    try:
        answer = requests.get(address, timeout=60)
        answer.raise_for_status()
        found: dict[str, object] = answer.json()
    except (OSError, ValueError) as error:
        raise OSError(say_offline(caller, address, error)) from error
    return found
