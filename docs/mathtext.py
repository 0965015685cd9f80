"""Formulas as pictures by matplotlib: pages that ask no other server for anything."""

import base64
import html
import io
import re

from docutils import nodes
from matplotlib import mathtext
from matplotlib.font_manager import FontProperties
from sphinx.util import logging

_SIZE = 11  # points
_EM = 15.0  # points of the text around, about


def render(latex, style=""):
    """Return an ``img`` of a formula that stands on the line of the text around it."""
    picture = io.BytesIO()
    words = re.sub(r"\\frac(\w)(\w)", r"\\frac{\1}{\2}", " ".join(latex.split()))
    words = re.sub(r"\\[Bb]ig *", "", words)
    font = FontProperties(family="serif", size=_SIZE, math_fontfamily="stix")
    try:
        depth = mathtext.math_to_image(f"${words}$", picture, prop=font, dpi=72, format="svg")
    except ValueError:
        logging.getLogger(__name__).warning("mathtext cannot draw %r", latex)
        return f"<code>{html.escape(latex)}</code>"
    source = base64.b64encode(picture.getvalue()).decode()
    alt = html.escape(words, quote=True)
    place = f"vertical-align: {-depth / _EM:.3f}em;{style}"
    return (
        f'<img class="math" alt="{alt}" style="{place}" src="data:image/svg+xml;base64,{source}">'
    )


def visit_inline(translator, node):
    translator.body.append(render(node.astext()))
    raise nodes.SkipNode


def visit_block(translator, node):
    lines = [line for part in node.astext().split("\\\\") for line in part.split("\n\n")]
    for line in lines:
        if line.strip():
            plain = line.replace("&", "")
            translator.body.append(f'<p class="math-block">{render(plain)}</p>')
    raise nodes.SkipNode


def setup(app):
    """Register the renderer under the name of this file."""
    app.add_html_math_renderer("mathtext", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
