"""Build these pages once for every release, side by side, with a page that leads to each.

    python docs/versions.py OUT [TAG ...]

Each tag (default: all that begin with "v", newest first) is checked out into a folder of its own
and built to ``OUT/TAG`` by its own ``conf.py`` with the packages of this environment; what stands
here is built to ``OUT/dev``. ``OUT/index.html`` names them all.
"""

import html
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def list_tags():
    """Return the tags of releases, the newest first."""
    command = ["git", "tag", "--list", "v*", "--sort=-version:refname"]
    return subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()


def build(source, out):
    """Build the pages of a checkout."""
    where = {**os.environ, "PYTHONPATH": str(source)}
    command = [sys.executable, "-m", "sphinx", "-q", str(source / "docs"), str(out)]
    subprocess.run(command, cwd=source, env=where, check=True)


def write_index(out, names):
    """Write the page that leads to every version."""
    rows = "".join(
        f'<li><a href="{html.escape(n)}/index.html">{html.escape(n)}</a></li>' for n in names
    )
    text = (
        f"<!doctype html><html lang='en'><title>neurokit</title><h1>neurokit</h1><ul>{rows}</ul>"
    )
    (out / "index.html").write_text(text + "</html>\n", encoding="utf-8")


def main(out, tags):
    """Build what stands here and every tag."""
    out.mkdir(parents=True, exist_ok=True)
    names = [*tags, "dev"]
    write_index(out, names)
    build(ROOT, out / "dev")
    for tag in tags:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / tag
            subprocess.run(
                ["git", "worktree", "add", "--detach", str(place), tag], cwd=ROOT, check=True
            )
            try:
                build(place, out / tag)
            finally:
                subprocess.run(
                    ["git", "worktree", "remove", "--force", str(place)], cwd=ROOT, check=True
                )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or list_tags())
