"""The house stays in order: sizes, names, and who may look into whose room."""

import ast
import re
from pathlib import Path

import pytest

import neurokit

ROOT = Path(neurokit.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
TREES = {file: ast.parse(file.read_text()) for file in FILES}
NODES = {file: list(ast.walk(tree)) for file, tree in TREES.items()}
FEELERS = ("hasattr", "getattr")
REFUSALS = [
    r"needs to know the sampling rate",
    r"was fitted at \{",
    r"requires y",
]


def name_of(file):
    return str(file.relative_to(ROOT.parent))


def module_of(file):
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(file): file for file in FILES}


def imported(file, *, everywhere):
    """Modules of the package that a file imports, and the names it takes from them."""
    nodes = NODES[file] if everywhere else TREES[file].body
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "neurokit":
            for alias in node.names:
                yield node.module, alias.name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "neurokit":
                    yield alias.name, None


def test_no_file_is_over_500_lines():
    long = {name_of(f): n for f in FILES if (n := len(f.read_text().splitlines())) > 500}
    assert long == {}


def test_at_most_six_modules_stand_at_the_top():
    assert len([f for f in ROOT.glob("*.py") if f.name != "__init__.py"]) <= 6


def test_few_files_are_private():
    private = [f for f in FILES if f.name.startswith("_") and f.name != "__init__.py"]
    folders = [f.parent for f in private]
    assert len(private) <= 15, [name_of(f) for f in private]
    assert all(folders.count(folder) <= 4 for folder in folders)


def test_nobody_imports_what_is_private_in_another_folder():
    found = []
    for file in FILES:
        folder = (
            module_of(file) if file.name == "__init__.py" else module_of(file).rpartition(".")[0]
        )
        for module, name in imported(file, everywhere=True):
            full = f"{module}.{name}" if f"{module}.{name}" in MODULES else module
            owner, _, leaf = full.rpartition(".")
            taken = (name or "").startswith("_") and not (name or "").startswith("__")
            home = full if MODULES.get(full, file).name == "__init__.py" else owner
            if (leaf.startswith("_") or taken) and home != folder:
                found.append(f"{name_of(file)}: {module} {name or ''}")
    assert found == []


def test_imports_go_in_no_circle():
    edges = {}
    for module, file in MODULES.items():
        edges[module] = set()
        for source, name in imported(file, everywhere=True):
            target = f"{source}.{name}" if f"{source}.{name}" in MODULES else source
            if target in MODULES and MODULES[target].name != "__init__.py":
                edges[module].add(target)
    state = dict.fromkeys(edges, 0)
    circles = []

    def visit(module, path):
        state[module] = 1
        for target in sorted(edges[module]):
            if state[target] == 1:
                circles.append(
                    [*path[path.index(target) :], target] if target in path else [module, target]
                )
            elif state[target] == 0:
                visit(target, [*path, target])
        state[module] = 2

    for module in edges:
        if state[module] == 0:
            visit(module, [module])
    assert circles == []


def test_files_are_named_after_what_they_hold():
    vague = r"_level|_learned|_network|_run$|_demo|_inspect|_bench|^utils?$|^helpers?$|^misc$"
    assert [name_of(f) for f in FILES if re.search(vague, f.stem)] == []


def test_only_the_doors_are_called_as_doors():
    doors = {"read_signal", "read_events", "read_tokens", "read_spikes", "read_session"}
    found = [
        f"{name_of(file)}: {node.name}"
        for file, nodes in NODES.items()
        if "io" not in file.relative_to(ROOT).parts
        for node in nodes
        if isinstance(node, ast.FunctionDef) and node.name in doors
    ]
    assert found == []


@pytest.mark.parametrize("folder", ["metrics", "cli"])
def test_nobody_feels_an_estimator_over_from_outside(folder):
    found = []
    for file in sorted((ROOT / folder).rglob("*.py")):
        for node in NODES[file]:
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
                "hasattr",
                "getattr",
            ):
                subject = ast.unparse(node.args[0])
                if re.search(r"estimator|decoder|tokenizer|regressor|classifier", subject):
                    found.append(f"{name_of(file)}:{node.lineno} {ast.unparse(node)}")
    assert found == []


@pytest.mark.parametrize("words", REFUSALS)
def test_a_refusal_is_written_once(words):
    places = [name_of(f) for f in FILES for _ in re.findall(words, f.read_text())]
    assert len(places) <= 1, places


def test_docstrings_have_a_subject():
    found = []
    for file, nodes in NODES.items():
        for node in nodes:
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                lines = (ast.get_docstring(node) or "").splitlines()
                found += [
                    f"{name_of(file)}: {line}" for line in lines if line.strip().startswith("Of ")
                ]
    assert found == []


def test_types_say_more_than_anything():
    names = (node for nodes in NODES.values() for node in nodes)
    assert sum(isinstance(node, ast.Name) and node.id == "Any" for node in names) <= 600
