"""Imports point one way, and `import neurokit` is quick."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import neurokit
from neurokit.families import FAMILIES

ROOT = Path(neurokit.__file__).parent
RECORDING = {"recording", "types"}
ESTIMATOR = RECORDING | {
    "inputs",
    "streaming",
    "persistence",
    "nn",
    "training",
    "metrics",
    "solvers",
}
ALLOWED = {
    "recording": RECORDING | {"accessor"},  # which is registered there, and loads on call
    "inputs": RECORDING | {"inputs", "io"},  # MNE objects are read by io.from_mne
    "nn": {"nn"},
    "solvers": {"solvers", "atomic", "types"},
    "training": {"training", "persistence", "nn", "solvers", "types"},
    "io": RECORDING | {"io", "atomic"},
    "datasets": RECORDING | {"datasets", "atomic", "inputs", "solvers"},
    "metrics": RECORDING | {"metrics"},
    "plotting": RECORDING | {"metrics", "plotting"},
    "persistence": RECORDING | {"persistence", "atomic", "families"},
    "protocols": RECORDING | {"inputs", "metrics", "protocols"},
    **{family: ESTIMATOR | {family} for family in FAMILIES},
}
ALLOWED["decoders"] |= {"features"}  # what stands before a decoder may stand inside one
ALLOWED["pretraining"] |= {"io", "datasets"}  # folders are read; a name tells a place on the head
FILES = {
    "accessor": RECORDING | {"plotting"},
    "atomic": set(),
    "families": set(),
    "streaming": {"types"},
    "types": set(),
}


def imports(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "neurokit":
            names = node.module.split(".")[1:2] or [alias.name for alias in node.names]
            yield from names
        elif isinstance(node, ast.Import):
            yield from (
                alias.name.split(".")[1]
                for alias in node.names
                if alias.name.startswith("neurokit.")
            )


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_a_subpackage_imports_only_what_lies_below(package):
    used = {name for file in (ROOT / package).rglob("*.py") for name in imports(file)}
    assert used - {"__version__"} <= ALLOWED[package]


@pytest.mark.parametrize("module", sorted(FILES))
def test_a_shared_module_imports_only_what_lies_below(module):
    assert set(imports(ROOT / f"{module}.py")) - {"__version__"} <= FILES[module]


def test_every_package_has_its_rule():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages - {"cli"} == set(ALLOWED)  # the command line stands on top of everything


def run(code):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_import_takes_under_a_second_and_loads_neither_torch_nor_mne():
    code = (
        "import sys, time; start = time.perf_counter(); import neurokit;"
        " took = time.perf_counter() - start;"
        " assert not {'torch', 'mne'} & set(sys.modules); print(took)"
    )
    assert min(float(run(code)) for _ in range(3)) < 1.0


@pytest.mark.parametrize("package", [*FAMILIES, "io", "metrics", "datasets"])
def test_subpackages_load_neither_torch_nor_mne(package):
    run(
        f"import sys, neurokit.{package};"
        " assert not {'torch', 'mne'} & set(sys.modules), set(sys.modules)"
    )
