"""Reports of a folder of recordings: a page for each, and an overview that leads to them."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from tqdm import tqdm

from neurokit.cli.contents import Session, open_session
from neurokit.cli.report import Leaf, Report
from neurokit.cli.run import report_session
from neurokit.io.formats import list_recordings

_FACTS = 3  # of each part, in the overview


class Page(NamedTuple):
    """What became of one recording."""

    recording: Path
    file: Path | None  # None where it could not be read
    words: str


def report_folder(folder: Path, out: Path) -> list[Page]:
    """Write a page for every recording below a folder, and ``index.html``.

    Parameters
    ----------
    folder : Path
    out : Path
        Folder for the pages, made where it is not there; pages of the same names are replaced.

    Returns
    -------
    list of Page
        What cannot be read is said in the overview, and stops nothing.

    Raises
    ------
    FileNotFoundError
        If there is no recording below the folder.
    """
    found = list_recordings(folder)
    found = [path for path in found if out.resolve() not in path.resolve().parents]
    if not found:
        raise FileNotFoundError(f"{folder}: holds no recordings that neurokit reads.")
    out.mkdir(parents=True, exist_ok=True)
    pages = []
    with tqdm(found, desc="recordings", disable=None, leave=False) as steps:
        for path in steps:
            steps.set_postfix_str(path.name)
            name = path.relative_to(folder).as_posix().replace("/", "__")
            pages.append(_write(path, out / f"{name}.html"))
            _overview(folder, pages, len(found)).save(out / "index.html")
    return pages


def _write(path: Path, file: Path) -> Page:
    """Write the page of one recording, or say why there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those of the reader stand on the page
            session = open_session(path)
            report_session(session).save(file)
    except Exception as error:  # one recording that fails does not take the others along
        words = " ".join(str(error).split()) or type(error).__name__
        return Page(path, None, words)
    return Page(path, file, "; ".join(_say(session)))


def _say(session: Session) -> Iterator[str]:
    """Say in a few words what a recording holds."""
    for part in session.held:
        facts = list(part.facts.values())[:_FACTS]
        yield f"{part.name}: {', '.join(facts)}"
    n_odd = len(session.warned) + sum(len(part.oddities) for part in session.held)
    if n_odd:
        yield f"{n_odd} odd thing{'s' if n_odd > 1 else ''}"


def _overview(folder: Path, pages: list[Page], n_found: int) -> Report:
    """Lay all pages out as the tree that their recordings lie in."""
    done = len(pages) == n_found
    n_failed = sum(page.file is None for page in pages)
    words = f"{n_found} recordings" if done else f"{len(pages)} of {n_found} recordings so far"
    words += f", {n_failed} of which could not be read" if n_failed else ""
    report = Report(folder.resolve().name, f"What {folder} holds: {words}")
    report.unfinished = not done
    report.section("Recordings")
    leaves = [
        Leaf(
            page.recording.relative_to(folder).parts,
            None if page.file is None else quote(page.file.name),
            page.words,
        )
        for page in pages
    ]
    report.tree(leaves)
    return report
