"""One self-contained HTML page: text, tables and pictures, readable without a network."""

import base64
import datetime
import html
import importlib.metadata
import io
import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

import neurokit
from neurokit.atomic import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Leaf(NamedTuple):
    """One entry of a tree: the names that lead to it, the page behind it, words about it."""

    place: tuple[str, ...]
    link: str | None
    words: str


class Report:
    """Collect what was found, section by section, and write it as one HTML file.

    Pictures are embedded, nothing is loaded from elsewhere, there are no scripts, and every word
    is escaped, so that the name of a channel cannot become part of the page.

    Parameters
    ----------
    title : str
        Headline.
    subtitle : str, default=""
        The line below.
    tell : callable, optional
        Called with the title of each section that is begun.

    Examples
    --------
    >>> report = Report("Session 3", "recorded in the morning")
    >>> report.section("What it holds", "One line of text.")
    >>> report.facts({"Channels": "C3, Cz, C4"})
    >>> "C3, Cz, C4" in report.to_html()
    True
    """

    def __init__(
        self, title: str, subtitle: str = "", tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self.title = title
        self.subtitle = subtitle
        self.tell = tell
        self._sections: list[tuple[str, list[str]]] = []
        self.tables: list[tuple[str, pd.DataFrame]] = []  # each with its section's title
        self._parts: list[str] = []  # of the section that was begun last
        self.unfinished = False  # whether more is to come: the page then loads itself anew

    def section(self, title: str, text: str = "", *, first: bool = False) -> None:
        """Begin a section; what is added next belongs to it.

        Parameters
        ----------
        title : str
        text : str, default=""
            Its first paragraph.
        first : bool, default=False
            Whether it comes before all others: a summary, which is written last.
        """
        self._parts = []
        self._sections.insert(0 if first else len(self._sections), (title, self._parts))
        self.text(text)
        self.tell(title)

    @property
    def titles(self) -> list[str]:
        """Titles of the sections so far."""
        return [title for title, _ in self._sections]

    def heading(self, title: str) -> None:
        """Begin a part of the section."""
        self._add(f"<h3>{html.escape(title)}</h3>")

    def text(self, text: str) -> None:
        """Add a paragraph."""
        if text:
            self._add(f"<p>{html.escape(text)}</p>")

    def code(self, code: str) -> None:
        """Add lines of code, as they are."""
        self._add(f"<pre><code>{html.escape(code)}</code></pre>")

    def facts(self, facts: Mapping[str, object]) -> None:
        """Add a list of names and what they are."""
        rows = (
            f"<dt>{html.escape(str(name))}</dt><dd>{html.escape(str(value))}</dd>"
            for name, value in facts.items()
        )
        self._add(f"<dl>{''.join(rows)}</dl>")

    def notes(self, notes: Iterable[str]) -> None:
        """Add a highlighted list of things to know; nothing when there are none."""
        items = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
        if items:
            self._add(f'<ul class="notes">{items}</ul>')

    def table(self, table: pd.DataFrame, caption: str = "", *, best: str | None = None) -> None:
        """Add a table.

        Parameters
        ----------
        table : pandas.DataFrame
            One row a line; the index is not shown. Numbers stand to the right, NaN as a hyphen.
        caption : str, default=""
            How the figures came about.
        best : str, optional
            Column whose largest value is set in bold, with its row.
        """
        title = next((t for t, parts in self._sections if parts is self._parts), "")
        self.tables.append((title, table))
        names = [str(name) for name in table.columns]
        sides = [
            ' class="number"' if pd.api.types.is_numeric_dtype(kind) else ""
            for kind in table.dtypes
        ]
        head = "".join(
            f'<th scope="col"{side}>{html.escape(name)}</th>'
            for name, side in zip(names, sides, strict=True)
        )
        written = [_column(table.iloc[:, k]) for k in range(len(names))]
        column = names.index(best) if best else 0
        top = table.iloc[:, column].max() if best else None
        rows = []
        for k, row in enumerate(zip(*written, strict=True)):
            cells = "".join(
                f"<td{side}>{html.escape(words)}</td>"
                for words, side in zip(row, sides, strict=True)
            )
            mark = ' class="best"' if best and table.iat[k, column] == top else ""
            rows.append(f"<tr{mark}>{cells}</tr>")
        words = f"<caption>{html.escape(caption)}</caption>" if caption else ""
        self._add(
            f'<div class="wide"><table>{words}<thead><tr>{head}</tr></thead>'
            f"<tbody>{''.join(rows)}</tbody></table></div>"
        )

    def tree(self, leaves: Sequence[Leaf], depth: int = 0) -> None:
        """Add entries as folders hold them, each with a link to its page.

        Parameters
        ----------
        leaves : sequence of Leaf
        depth : int, default=0
            How many of their names have been said above.
        """
        if depth == 0:
            self._add('<ul class="tree">')
        held: dict[str, list[Leaf]] = {}
        for leaf in leaves:
            held.setdefault(leaf.place[depth], []).append(leaf)
        for name, inside in held.items():
            if len(inside[0].place) > depth + 1:
                self._add(f"<li>{html.escape(name)}/<ul>")
                self.tree(inside, depth + 1)
                self._add("</ul></li>")
                continue
            for leaf in inside:
                words = html.escape(name)
                if leaf.link is not None:
                    words = f'<a href="{html.escape(leaf.link)}">{words}</a>'
                kind = "" if leaf.link is not None else ' class="failed"'
                self._add(f"<li{kind}>{words} <span>{html.escape(leaf.words)}</span></li>")
        if depth == 0:
            self._add("</ul>")

    def figure(self, ax: "Axes", caption: str = "") -> None:
        """Add the figure that an Axes is part of, as an embedded PNG, and close it.

        Parameters
        ----------
        ax : matplotlib Axes
        caption : str, default=""
            What is to be seen; also read out to those who cannot see it.
        """
        import matplotlib.pyplot as plt

        figure = ax.get_figure(root=True)
        if figure is None:
            raise ValueError("Report.figure: ax is not part of a figure; draw it on one.")
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=160)
        width = round(figure.get_figwidth() * 96)
        plt.close(figure)
        source = base64.b64encode(picture.getvalue()).decode()
        words = html.escape(caption)
        small = ' class="small"' if width < 500 else ""
        image = f'<img src="data:image/png;base64,{source}" alt="{words}" width="{width}">'
        self._add(f"<figure{small}>{image}<figcaption>{words}</figcaption></figure>")

    def to_html(self) -> str:
        """Return the page."""
        template = Template(files("neurokit.cli").joinpath("report.html").read_text("utf-8"))
        names = [html.escape(title) for title, _ in self._sections]
        return template.substitute(
            title=html.escape(self.title),
            again='<meta http-equiv="refresh" content="4">' if self.unfinished else "",
            subtitle=html.escape(self.subtitle),
            contents="".join(f'<a href="#s{k}">{name}</a>' for k, name in enumerate(names)),
            sections="\n".join(
                f'<section id="s{k}"><h2>{name}</h2>{"".join(parts)}</section>'
                for k, (name, (_, parts)) in enumerate(zip(names, self._sections, strict=True))
            ),
            footer=html.escape(_made_with()),
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page; what stood there is replaced whole or not at all.

        Parameters
        ----------
        path : path-like

        Returns
        -------
        pathlib.Path

        Raises
        ------
        OSError
            If it cannot be written.
        """
        path = Path(path)
        with atomic_path(path) as part:
            part.write_text(self.to_html(), encoding="utf-8")
        return path

    def _add(self, part: str) -> None:
        if not self._sections:
            raise ValueError("Report: begin with section(title); nothing stands outside one.")
        self._parts.append(part)


def _column(values: "pd.Series[Any]") -> list[str]:
    """Write the values of a column alike: whole numbers as such, others to three places."""
    if not pd.api.types.is_numeric_dtype(values):
        return [str(value) for value in values]
    numbers = values.astype(float)
    places = 0 if (numbers.dropna() % 1 == 0).all() else 3
    return ["-" if pd.isna(value) else f"{value:,.{places}f}" for value in numbers]


def _made_with() -> str:
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ("numpy", "scipy", "xarray", "scikit-learn")
    )
    today = datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    return (
        f"Made by neurokit {neurokit.__version__} on {today}, with Python"
        f" {platform.python_version()}, {versions}."
    )
