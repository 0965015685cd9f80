"""Sphinx: numpydoc for the API, a gallery whose examples run at every build."""

import os
import re
import sys
from pathlib import Path

import neurokit

sys.path.insert(0, str(Path(__file__).parent))  # for mathtext and stored
import stored

os.environ.setdefault("MPLBACKEND", "agg")

project = "neurokit"
author = "the neurokit developers"
copyright = "2026, the neurokit developers"
release = version = neurokit.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "mathtext",
    "stored",
]
exclude_patterns = ["_build", "examples", "decoders/*.md", "**/GALLERY_HEADER.rst"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
autosummary_generate = True
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # the docstrings tell dims and units, which types do not
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
myst_enable_extensions = ["dollarmath"]
html_math_renderer = "mathtext"

templates_path = ["templates"]
html_static_path = ["static"]
html_css_files = ["neurokit.css"]
html_theme = "pydata_sphinx_theme"
html_title = f"neurokit {version}"  # every page says of which version it is
html_theme_options = {
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 6,
    "show_nav_level": 1,
    "navigation_depth": 3,
}
html_sidebars = {"index": []}

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/(plot|recorded)_" if stored.HERE else r"/plot_",
    "within_subsection_order": "stored.RecordingsFirst",
    "abort_on_example_error": True,
    "min_reported_time": 1,
    "write_computation_times": False,
    "download_all_examples": False,
    "remove_config_comments": True,
    "matplotlib_animations": True,
    "capture_repr": ("_repr_html_",),  # what a drawing returns says nothing
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("neurokit",),
}
suppress_warnings = [
    "config.cache",  # the gallery's settings hold objects that cannot be cached
    "ref.ref",  # docstrings inherited from scikit-learn point into its own pages
]


def ask_nobody_for_icons(app, exception):
    """Take the link to an icon font out of pages with animations: the theme brings these icons."""
    link = re.compile(r'<link rel="stylesheet"\s+href="https://maxcdn[^>]*>')
    for page in Path(app.outdir).glob("auto_examples/*.html"):
        text = page.read_text(encoding="utf-8")
        if link.search(text):
            page.write_text(link.sub("", text), encoding="utf-8")


def setup(app):
    """Connect what runs when all pages are written."""
    app.connect("build-finished", ask_nobody_for_icons)
