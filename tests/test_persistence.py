import json
import pickle
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from sklearn.base import BaseEstimator

from neurokit.persistence import Saveable, estimators, files, packing, read_tensors, write_tensors
from neurokit.training import Trainer


class Keeper(Saveable, BaseEstimator):
    """An estimator that keeps whatever it is given."""

    def __init__(self, a=1, b=None, trainer=None):
        self.a = a
        self.b = b
        self.trainer = trainer

    def fit(self, **fitted):
        for name, value in fitted.items():
            setattr(self, name, value)
        return self

    def _build_module(self, name):
        return torch.nn.Sequential(torch.nn.Linear(self.a, 2), torch.nn.BatchNorm1d(2))


class Other(Keeper):
    pass


def same(x, y):
    if isinstance(x, np.ndarray):
        return x.dtype == y.dtype and x.shape == y.shape and np.array_equal(x, y)
    if isinstance(x, dict):
        return list(x) == list(y) and all(same(x[k], y[k]) for k in x)
    if isinstance(x, list | tuple):
        return type(x) is type(y) and len(x) == len(y) and all(map(same, x, y))
    return type(x) is type(y) and (x == y or x != x)


VALUES = {
    "none_": None,
    "flag_": True,
    "count_": 3,
    "rate_": 0.1,
    "open_": [float("inf"), float("-inf"), float("nan")],
    "text_": "µV",
    "pair_": (1, ("a", 2.5)),
    "by_label_": {1: "left", "x": [1, 2], (1, 2): None},
    "tagged_": {"array": "not a tensor", "class": "os.system"},
    "clock_": Fraction(99941, 100),
    "floats_": np.arange(6.0).reshape(2, 3).T,
    "ints_": np.arange(4, dtype=np.uint16),
    "flags_": np.array([True, False]),
    "scalar_": np.array(2.0),
    "empty_": np.zeros((0, 3), np.float32),
    "complex_": np.array([1 + 2j, 3 - 1j]),
    "names_": np.array(["Fz", "Cz"]),
    "objects_": np.array(["Fz", "a longer name"], dtype=object),
    "nested_": [{"w": np.ones(2)}, {"w": np.zeros(1)}],
}


@pytest.mark.parametrize("name", VALUES)
def test_every_kind_comes_back_as_it_was(tmp_path, name):
    path = Keeper().fit(**{name: VALUES[name]}).save(tmp_path / "k.safetensors")
    assert same(vars(Keeper.load(path))[name], VALUES[name])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
@settings(deadline=None, max_examples=40)
def test_any_tree_comes_back_as_it_was(tmp_path_factory, tree):
    path = tmp_path_factory.mktemp("x") / "k.safetensors"
    assert same(Keeper.load(Keeper(b=tree).save(path)).b, tree)


def labelled():
    import neurokit

    values = np.arange(60, dtype=np.float32).reshape(3, 2, 10)
    names = {"sampling_rate": 1000 / 3, "channels": ["a", "b"], "trials": {"subject": list("stu")}}
    return neurokit.signal(values, **names)


TABLE = pd.DataFrame({"onset": [1.0, 2.5], "label": ["a", "b"], "n": [1, 2], "ok": [True, False]})
XARRAYS = {
    "exact clock": labelled(),
    "named": labelled().rename("lfp"),
    "some samples": labelled().isel(time=[0, 3, 4]),
    "one sample": labelled().isel(time=3),
    "dataset": xr.Dataset(
        {"a": ("draw", [1, 2]), "b": ((), 3.0)},
        coords={"draw": [5, 6], "q": ("draw", ["x", "y"])},
        attrs={"seed": 1},
    ),
    "no coordinates": xr.Dataset({"a": ("draw", [1, 2])}),
    "clock in a dataset": labelled().to_dataset(name="values"),
}


@pytest.mark.parametrize("name", XARRAYS)
def test_labelled_arrays_come_back_with_their_clock(tmp_path, name):
    value = XARRAYS[name]
    found = Keeper.load(Keeper().fit(x_=value).save(tmp_path / "k.safetensors")).x_
    xr.testing.assert_identical(found, value)
    assert list(found.xindexes) == list(value.xindexes)
    if "clock" in name:
        assert found.xindexes["time"].equals(value.xindexes["time"])
        assert found.xindexes["time"].rate == Fraction(1000, 3)


@pytest.mark.parametrize(
    "value", [TABLE, TABLE.set_index("label"), TABLE[:0], TABLE.astype({"n": "int16"})]
)
def test_tables_come_back_with_their_kinds(tmp_path, value):
    found = Keeper.load(Keeper().fit(events_=value).save(tmp_path / "k.safetensors")).events_
    pd.testing.assert_frame_equal(found, value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (TABLE.set_index(["label", "n"]), "an index of several levels"),
        (TABLE.assign(when=pd.Timestamp("2020-01-01")), "array of datetime64"),
        (TABLE.astype({"label": "category"}), "'label' of b is of kind category"),
        (pd.concat([TABLE, TABLE], axis=1), "two columns of one name"),
        (xr.Dataset(coords={"x": pd.date_range("2020", periods=2)}), "array of datetime64"),
        (
            xr.DataArray([[1]], coords={"a": [0], "b": [0]}).stack(c=("a", "b")),
            "PandasMultiIndex on 'c'",
        ),
    ],
)
def test_labels_that_the_format_cannot_hold_are_named(tmp_path, value, words):
    with pytest.raises(TypeError, match=words):
        Keeper(b=value).save(tmp_path / "k.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_nested_estimators_and_modules_come_back(tmp_path):
    est = Keeper(3, trainer=Trainer(7, betas=(0.5, 0.9)))
    est.fit(module_=est._build_module("module_"))
    est.module_(torch.randn(8, 3))  # moves the running mean, a 0-d counter too
    est.module_.eval()
    found = Keeper.load(est.save(tmp_path / "k.safetensors"))
    assert found.trainer.get_params() == est.trainer.get_params()
    x = torch.randn(5, 3)
    assert torch.equal(found.module_(x), est.module_(x))
    assert not found.module_.training


def test_the_file_is_plain_safetensors_with_readable_metadata(tmp_path):
    path = Keeper().fit(w_=np.ones((2, 3))).save(tmp_path / "k.safetensors")
    with safe_open(path, "numpy") as file:
        assert file.get_tensor("w_").shape == (2, 3)
        header = json.loads(file.metadata()["neurokit"])
    assert header["format"] == files.FORMAT
    assert header["estimator"]["params"] == {"a": 1, "b": None, "trainer": None}


def test_loading_needs_no_torch_unless_a_module_does():
    code = (
        "import sys, tempfile, numpy as np\n"
        "from neurokit.persistence import write_tensors, read_tensors\n"
        "path = tempfile.mkdtemp() + '/x'\n"
        "write_tensors(path, {'format': 1}, {'w': np.ones(3)}); read_tensors(path)\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_flipped_bit_is_noticed(tmp_path):
    path = Keeper().fit(w_=np.arange(3.0), s_="x").save(tmp_path / "k.safetensors")
    content = bytearray(path.read_bytes())
    for position in range(len(content)):
        for bit in (0, 5):
            content[position] ^= 1 << bit
            path.write_bytes(content)
            with pytest.raises(OSError, match=r"k\.safetensors: (damaged|trunc|not a file)"):
                Keeper.load(path)
            content[position] ^= 1 << bit
    path.write_bytes(content)
    Keeper.load(path)


def test_every_truncation_and_any_addition_is_noticed(tmp_path):
    path = Keeper().fit(w_=np.arange(3.0)).save(tmp_path / "k.safetensors")
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(OSError, match=r"k\.safetensors: "):
            Keeper.load(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(OSError, match="damaged"):
        Keeper.load(path)


def test_another_format_version_is_refused_with_its_number(tmp_path, monkeypatch):
    monkeypatch.setattr(estimators, "FORMAT", 2)
    path = Keeper().save(tmp_path / "k.safetensors")
    monkeypatch.undo()
    with pytest.raises(OSError, match=r"written in format 2 .* reads format 1"):
        Keeper.load(path)


@pytest.mark.parametrize("content", [b"", b"hello", pickle.dumps(print), b"\0" * 100])
def test_files_of_other_kinds_are_refused(tmp_path, content):
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"not a safetensors file|not a file of neurokit"):
        Keeper.load(path)


def test_a_foreign_safetensors_file_is_refused(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(files.dump_tensors({"w": np.ones(2)}))
    with pytest.raises(OSError, match="not a file of neurokit"):
        Keeper.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Keeper.load(tmp_path / "nowhere")


def test_another_class_is_refused(tmp_path):
    path = Other().save(tmp_path / "k.safetensors")
    with pytest.raises(TypeError, match=r"Keeper.load: .* holds a .*Other; load it with Other"):
        Keeper.load(path)


@pytest.mark.parametrize(
    "name", ["os.system", "neurokit.io.os", "sklearn.svm.SVC", "builtins.eval"]
)
def test_no_name_from_the_file_is_imported(tmp_path, name):
    tree = {"class": name, "params": {}, "fitted": {}}
    header = {"format": 1, "version": "0", "estimator": tree}
    path = write_tensors(tmp_path / "evil", header, {})
    with pytest.raises(TypeError, match="holds a"):
        Saveable.load(path)
    inner = {"class": packing.public_name(Keeper), "params": {"b": tree}, "fitted": {}}
    path = write_tensors(tmp_path / "evil", header | {"estimator": inner}, {})
    with pytest.raises(OSError, match=f"evil: .*{name}"):
        Keeper.load(path)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (print, "builtin_function_or_method"),
        (np.random.RandomState(0), "RandomState"),
        (np.array([{}, None], dtype=object), "array of object"),
        (np.array(["2020"], dtype="M8[Y]"), "array of datetime64"),
    ],
)
def test_what_cannot_be_held_is_named_and_nothing_is_written(tmp_path, value, kind):
    with pytest.raises(TypeError, match=f"Keeper.save: b.* is an? {kind}.*pickle"):
        Keeper(b=value).save(tmp_path / "k.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = Keeper(a=1).save(tmp_path / "k")
    old = path.read_bytes()

    def full(self, content):
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        Keeper(a=2).save(path)
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["k"]


def test_saving_alters_nothing_and_is_deterministic(tmp_path):
    est = Keeper(a=2).fit(w_=np.ones(2))
    first = est.save(tmp_path / "1").read_bytes()
    assert est.save(tmp_path / "2").read_bytes() == first
    assert est.a == 2


def test_header_of_tensors_is_returned(tmp_path):
    path = write_tensors(tmp_path / "x", {"format": 1, "k": [1]}, {"w": np.ones(3)[::2]})
    header, tensors = read_tensors(path)
    assert header == {"format": 1, "k": [1]}
    assert tensors["w"].tolist() == [1.0, 1.0]
