"""The tour runs to the letter, on the files that `neurokit demo --files` writes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import neurokit

ROOT = Path(__file__).parents[1]


def test_the_tour_runs_as_it_stands(tmp_path):
    blocks = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "docs/tour.md").read_text(), re.DOTALL)
    assert blocks[0] == ("bash", "neurokit demo --files .\n")
    where = {**os.environ, "PYTHONPATH": str(Path(neurokit.__file__).parents[1])}
    command = [sys.executable, "-m", "neurokit.cli.main", "demo", "--files", "."]
    told = subprocess.run(
        command, cwd=tmp_path, env=where, capture_output=True, text=True, check=True
    )
    assert "session.nwb" in told.stdout
    code = "\n".join(text for kind, text in blocks if kind == "python")
    code += (
        "\nassert scores.mean() > 0.1 and len(everyone.subject) == 160"
        "\nassert trials.nk.describe()['rate']"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=where, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
