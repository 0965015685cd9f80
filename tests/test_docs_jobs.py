"""Ten jobs of a newcomer are two clicks from the landing page; the gallery has its pictures."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
JOBS = {  # what a page must show for the job to be done by its reader
    "decode EEG": (r"EuclideanAlignment|make_band_power", r"cross_val_score|evaluate\("),
    "decode spikes": (r"WienerRegressor\(", r"counts"),
    "find a connectome in calcium": (r"DynamicConnectome\(", r"traces"),
    "look at MEG": (r"grad", r"plot_topomap\("),
    "read a MAT file": (r"\.mat\"", r"read_session|loadmat"),
    "score sleep": (r"sleep", r"accuracy_score\("),
    "score seizures": (r"seizure", r"event_scores\("),
    "make tokens": (r"from_pretrained\(\"eeg-small\"\)", r"write_tokens"),
    "find states": (r"SwitchingGLM\(|BayesianBiclustering\(", r"\.fit\("),
    "learn without labels": (r"MaskedModel\(", r"\.fit\(folder"),
    "decode live": (r"\.stream\(", r"\.push\("),
}


def links(page):
    """Pages that a page leads to, as files of their sources."""
    text = page.read_text(encoding="utf-8")
    found = set()
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if target.startswith("auto_examples/") and not target.endswith(".png"):
            name = target.removeprefix("auto_examples/").removesuffix(".rst")
            found.add(
                DOCS / "examples" / ("GALLERY_HEADER.rst" if name == "index" else f"{name}.py")
            )
        elif target.endswith((".md", ".rst")) and not target.startswith("http"):
            found.add((page.parent / target).resolve())
    if page.name == "GALLERY_HEADER.rst":
        found |= {*(DOCS / "examples").glob("*.py")}
    return found


def test_no_link_of_a_page_leads_nowhere():
    for page in [*DOCS.glob("*.md"), *DOCS.glob("results/*.md")]:
        assert [other for other in links(page) if not other.exists()] == [], page.name


@pytest.mark.parametrize("job", JOBS)
def test_a_job_is_found_in_two_clicks(job):
    first = links(DOCS / "index.md")
    pages = first | {page for one in first for page in links(one)}
    texts = [page.read_text(encoding="utf-8") for page in pages if page.exists()]
    assert any(all(re.search(word, text) for word in JOBS[job]) for text in texts)


def test_half_of_the_gallery_is_on_recordings_and_has_stored_pictures():
    recorded = sorted((DOCS / "examples").glob("recorded_*.py"))
    simulated = sorted((DOCS / "examples").glob("plot_*.py"))
    real = 1 + len(recorded)  # what decoders cost was measured on recordings, too
    assert real >= (len(simulated) - 1)
    for example in recorded:
        assert [*(DOCS / "images" / "gallery").glob(f"{example.stem}_*.png")], example.stem
        assert 'os.environ["NEUROKIT_DATA"]' in example.read_text(encoding="utf-8")


def test_pictures_of_the_landing_page_are_there():
    for name in re.findall(r"```\{image\} (\S+)", (DOCS / "index.md").read_text("utf-8")):
        assert (DOCS / name).exists(), name
