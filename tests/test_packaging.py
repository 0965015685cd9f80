"""The conda recipe and the Dockerfile say what pyproject.toml and the README say."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CONDA = {"mne": "mne-base", "dask": "dask-core", "matplotlib": "matplotlib-base"}


def needs(words):
    """Name and lowest version of a requirement."""
    name, version = re.match(r"([\w-]+)(?:\[\w+\])?\s*>=\s*([\d.]+)", words).groups()
    return name.lower(), version


def test_the_conda_recipe_asks_for_what_the_package_asks_for():
    recipe = (ROOT / "recipe" / "recipe.yaml").read_text("utf-8")
    run = recipe.split("  run:\n")[1].split("\ntests:")[0]
    held = dict(needs(line.strip("- ")) for line in run.strip().splitlines())
    asked = dict(map(needs, PROJECT["dependencies"]))
    assert held.pop("python") == PROJECT["requires-python"].lstrip(">=")
    assert held == {CONDA.get(name, name): version for name, version in asked.items()}
    assert f'version: "{PROJECT["version"]}"' in recipe


def test_the_dockerfile_installs_and_runs_what_the_readme_does():
    docker = (ROOT / "Dockerfile").read_text("utf-8")
    assert '-c constraints.txt ".[io]"' in docker
    assert '"neurokit", "demo"' in docker
    assert '-c constraints.txt -e ".[io]" && .venv/bin/neurokit demo' in (
        ROOT / "README.md"
    ).read_text("utf-8")


def test_the_citation_has_the_version():
    assert f"version: {PROJECT['version']}" in (ROOT / "CITATION.cff").read_text("utf-8")
