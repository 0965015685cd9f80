"""The tour runs to the letter, on the files that `neurokit demo --files` writes."""

import re
import warnings
from pathlib import Path

from neurokit.cli.main import main

ROOT = Path(__file__).parents[1]


def test_the_tour_runs_as_it_stands(tmp_path, monkeypatch, capsys):
    blocks = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "docs/tour.md").read_text(), re.DOTALL)
    assert blocks[0] == ("bash", "neurokit demo --files .\n")
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--files", "."]) == 0
    assert "session.nwb" in capsys.readouterr().out
    code = "\n".join(text for kind, text in blocks if kind == "python")
    held: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("default")  # as it is for a reader
        exec(code, held)
    assert held["scores"].mean() > 0.1
    assert len(held["everyone"].subject) == 160
    assert held["trials"].nk.describe()["rate"]
