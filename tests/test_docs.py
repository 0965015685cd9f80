"""The API pages name every public thing, and nothing that is not there."""

import importlib
import re
from inspect import ismodule
from pathlib import Path

import pytest

import neurokit
from neurokit.families import FAMILIES

API = Path(__file__).parents[1] / "docs" / "api.rst"
MODULES = (*FAMILIES, "io", "datasets", "metrics", "nn", "protocols")


def documented():
    names, module = set(), ""
    for line in API.read_text().splitlines():
        if match := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = match[1]
        elif match := re.match(r"   (\w[\w.]*)$", line):
            names.add(f"{module}.{match[1]}")
    return names


def public():
    names = {
        f"neurokit.{name}" for name in neurokit.__all__ if not ismodule(getattr(neurokit, name))
    }
    for module in MODULES:
        members = getattr(importlib.import_module(f"neurokit.{module}"), "__all__", [])
        names |= {f"neurokit.{module}.{name}" for name in members if not name.isupper()}
    return names


def test_every_public_name_is_in_the_api_pages():
    assert public() - documented() == set()


@pytest.mark.parametrize("name", sorted(documented()))
def test_every_name_in_the_api_pages_exists_and_says_what_it_is(name):
    module, _, attribute = name.rpartition(".")
    thing = getattr(importlib.import_module(module), attribute)
    assert (thing.__doc__ or "").strip()
