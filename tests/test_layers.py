"""Imports point one way, and `import neurokit` is quick."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import neurokit

ROOT = Path(neurokit.__file__).parent
RECORDING = {"recording", "sample_index", "_binning"}
ESTIMATOR = RECORDING | {"inputs", "streaming", "persistence", "nn", "training", "metrics"}
ALLOWED = {
    "nn": {"nn"},
    "io": RECORDING | {"io"},
    "datasets": RECORDING | {"datasets"},
    "metrics": RECORDING | {"metrics"},
    "plotting": RECORDING | {"metrics", "plotting"},
    "tokenizers": ESTIMATOR | {"tokenizers"},
    "decoders": ESTIMATOR | {"decoders"},
}
FILES = {
    "sample_index": set(),
    "recording": {"sample_index", "_binning"},
    "inputs": RECORDING | {"io"},  # MNE objects are read by io.from_mne
    "training": {"persistence"},
    "streaming": set(),
    "persistence": RECORDING | {"io"},  # io._atomic: write beside, then rename
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
    assert packages == set(ALLOWED)


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


@pytest.mark.parametrize("package", ["decoders", "tokenizers", "io", "metrics", "datasets"])
def test_subpackages_load_neither_torch_nor_mne(package):
    run(
        f"import sys, neurokit.{package};"
        " assert not {'torch', 'mne'} & set(sys.modules), set(sys.modules)"
    )
