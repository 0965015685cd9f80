"""The page: whole, self-contained, escaped, written at once."""

import base64
import re
from html.parser import HTMLParser

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from neurokit.cli.report import Leaf, Report

matplotlib.use("agg")


class _Page(HTMLParser):
    """Collects tags and text, and refuses tags that are not closed in order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def _report():
    report = Report("Session <3>", "a & b")
    report.section("First <b>", "Words.")
    report.heading("Part")
    report.facts({"channels": "C3, <script>alert(1)</script>"})
    report.notes(["one & only"])
    report.table(pd.DataFrame({"name": ["a", "<i>"], "score": [0.25, np.nan], "n": [1, 12000]}))
    report.figure(plt.subplots()[1], 'a "picture"')
    report.code("x < y")
    return report


def test_the_page_is_well_formed_and_escapes_every_word():
    page = _Page(_report().to_html())
    text = "".join(page.words)
    assert "Session <3>" in text
    assert "<script>alert(1)</script>" in text
    assert not [tag for tag, _ in page.tags if tag in ("script", "i", "link")]
    assert "x < y" in text
    images = [attrs for tag, attrs in page.tags if tag == "img"]
    assert [image["alt"] for image in images] == ['a "picture"']
    assert base64.b64decode(images[0]["src"].split(",")[1]).startswith(b"\x89PNG")


def test_nothing_is_loaded_from_elsewhere():
    page = _report().to_html()
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
    assert "url(" not in page
    assert "http" not in re.sub(r"base64,[^\"]*", "", page)


def test_figures_are_closed_when_they_are_in():
    plt.close("all")
    report = Report("x")
    report.section("y")
    report.figure(plt.subplots()[1])
    assert plt.get_fignums() == []


def test_columns_are_written_alike():
    report = Report("x")
    report.section("y")
    report.table(
        pd.DataFrame(
            {"name": ["a", "b"], "r2": [0.5, -0.00051], "ms": [0.0, 64.0], "z": [1.0, np.nan]}
        ),
        best="r2",
    )
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", report.to_html())
    assert cells == ["a", "0.500", "0", "1", "b", "-0.001", "64", "-"]
    assert report.to_html().count('class="best"') == 1


def test_a_summary_written_last_stands_first():
    report = Report("x")
    report.section("Details")
    report.section("Summary", "short", first=True)
    report.text("shorter")
    page = report.to_html()
    assert page.index("Summary</h2>") < page.index("shorter") < page.index("Details</h2>")


def test_the_file_is_replaced_whole(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    assert _report().save(path) == path
    assert path.read_text("utf-8") == _report().to_html()
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_a_report_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(OSError, match=r"no/report.html: the folder .* does not exist"):
        _report().save(tmp_path / "no" / "report.html")
    with pytest.raises(OSError, match="is a folder"):
        _report().save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_stands_outside_a_section():
    with pytest.raises(ValueError, match=r"begin with section\(title\)"):
        Report("x").text("words")


def test_a_tree_links_to_pages_and_escapes():
    report = Report("all")
    report.section("Recordings")
    report.tree(
        [
            Leaf(("a.edf",), "a.edf.html", "19 channels"),
            Leaf(("sub <1>", "b.edf"), "b.html", "two"),
            Leaf(("sub <1>", "c.edf"), None, "is damaged"),
        ]
    )
    page = report.to_html()
    assert '<a href="a.edf.html">a.edf</a>' in page
    assert page.count("sub &lt;1&gt;/<ul>") == 1
    assert '<li class="failed">c.edf <span>is damaged</span></li>' in page
    assert page.count("<ul") == page.count("</ul>")
    assert "refresh" not in page
    report.unfinished = True
    assert 'http-equiv="refresh"' in report.to_html()
