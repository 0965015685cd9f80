"""Pictures of examples whose recordings are not here: kept where they are, shown elsewhere.

Examples called ``recorded_*.py`` read real recordings below ``NEUROKIT_DATA``. Where that folder
is, the gallery executes them; elsewhere their code is shown, with the pictures in
``docs/images/gallery``. ``NEUROKIT_KEEP_PICTURES=1 sphinx-build docs docs/_build`` writes those.
"""

import os
import re
from pathlib import Path

from PIL import Image

HERE = bool(os.environ.get("NEUROKIT_DATA")) and Path(os.environ["NEUROKIT_DATA"]).is_dir()
_DOCS = Path(__file__).parent
_KEPT = _DOCS / "images" / "gallery"
_BLOCK = re.compile(r"^\.\. code-block:: Python\n(?:\n|[ ]{2,}.*\n)+", re.MULTILINE)
_PICTURE = re.compile(r"image-sg:: /auto_examples/(images/sphx_glr_\w+_(\d+)\.png)")
_WORDS = """
.. note::

    The recordings were not here when this page was built: its pictures are stored ones.

"""


class RecordingsFirst:
    """Order examples: those on recordings, then those on simulations, each by name."""

    def __init__(self, source):
        self.source = source

    def __call__(self, name):
        """Return what a file is sorted by."""
        return (not name.startswith("recorded_"), name)


def name_of(stem, block, number):
    """Return the file of a picture: that of an example, below a block of its code."""
    return _KEPT / f"{stem}_{block:02d}_{number}.png"


def keep(page):
    """Copy the pictures of an executed example, in the size of the page."""
    text = page.read_text(encoding="utf-8")
    ends = [block.end() for block in _BLOCK.finditer(text)]
    for picture in _PICTURE.finditer(text):
        block = sum(end <= picture.start() for end in ends) - 1
        with Image.open(page.parent / picture[1]) as image:
            small = image.convert("RGB")
            small.thumbnail((800, 1200))
            small.quantize(96).save(name_of(page.stem, block, int(picture[2])), optimize=True)


def show(page):
    """Put the stored pictures of an example below the blocks of its code."""
    text = page.read_text(encoding="utf-8")
    parts, at = [], 0
    for k, block in enumerate(_BLOCK.finditer(text)):
        parts.append(text[at : block.end()])
        at = block.end()
        if k == 0:
            parts.append(_WORDS)
        for path in sorted(_KEPT.glob(f"{page.stem}_{k:02d}_*.png")):
            parts.append(f"\n.. image:: /images/gallery/{path.name}\n    :alt: {page.stem}\n\n")
    page.write_text("".join(parts) + text[at:], encoding="utf-8")
    kept = sorted(_KEPT.glob(f"{page.stem}_*.png"))
    if kept:
        with Image.open(kept[0]) as image:
            small = image.convert("RGB")
            small.thumbnail((400, 280))
            small.save(page.parent / "images" / "thumb" / f"sphx_glr_{page.stem}_thumb.png")


def after_the_gallery(app):
    """Keep or show the pictures of every example that reads recordings."""
    for page in (_DOCS / "auto_examples").glob("*_*.rst"):
        if (
            not (_DOCS / "examples" / f"{page.stem}.py").exists()
            and page.stem != "sg_execution_times"
        ):
            page.unlink()  # of an example that is no more
    wanted = os.environ.get("NEUROKIT_KEEP_PICTURES")
    if not HERE:
        each = show
    elif wanted:
        each = keep
        _KEPT.mkdir(exist_ok=True)
        for old in _KEPT.glob("*.png"):
            old.unlink()
    else:
        return
    for page in sorted((_DOCS / "auto_examples").glob("recorded_*.rst")):
        if not (each is show and _WORDS in page.read_text("utf-8")):
            each(page)


def setup(app):
    """Connect behind the gallery, which writes its pages when the builder begins."""
    app.connect("builder-inited", after_the_gallery, priority=900)
    return {"parallel_read_safe": True}
