import os
import signal as signals
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import dask.array
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import neurokit
from neurokit import recording
from neurokit.io.store import load, save
from neurokit.recording.clock import SampleIndex

SUFFIXES = [".zarr", ".nc"]


def _eeg(trials=False):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3, 2, 40) if trials else (2, 40)).astype(np.float32)
    values[..., 3] = np.nan
    x = neurokit.signal(
        values,
        sampling_rate=1000 / 3,
        channels=["C3", "Çz"],
        start=-0.1,
        types=["eeg", "eog"],
        positions=[[1, 2, 3], [np.nan] * 3],
        trials={"label": ["left", "right", ""], "subject": [1, 1, 2]} if trials else None,
    )
    x.attrs |= {
        "reference": None,
        "filter": {"high": 0.5, "notch": (50, 100)},
        "bad": ["Çz"],
        "gain": np.float32(0.1),
        "lags": np.arange(3),
        "rate": Fraction(1, 3),
        "online": True,
        "coordinates": "head",
        "_FillValue": np.nan,
    }
    return x.assign_coords(session="01", run=2)


def _spikes():
    return neurokit.spikes(
        {"a": [0.5, 0.1], "b": [], "c": [0.3]}, start=-1.0, stop=2.0, regions=["M1", "", "PMd"]
    )


def _tokens():
    return xr.DataArray(
        np.arange(2 * 5 * 3, dtype=np.int64).reshape(2, 5, 3),
        dims=("channel", "frame", "level"),
        coords={"channel": ["a", "b"], "frame": np.arange(5) * 0.1},
        name="tokens",
    )


def _events():
    return recording.events(
        [0.5, 0.1, 0.9], [0.0, 1.0, np.nan], ["go", "cue", "go"], correct=[True, False, True]
    )


def _session():
    return xr.DataTree.from_dict(
        {
            "signal/eeg": _eeg().to_dataset(name="eeg"),
            "signal/lfp": neurokit.signal(np.ones((1, 9)), sampling_rate=30_000).to_dataset(
                name="lfp"
            ),
            "spikes": _spikes(),
            "events": _events().rename_axis("event").to_xarray(),
            "behaviour": recording.behaviour(
                np.ones((5, 2)), sampling_rate=10, features=["x", "y"], units=["mm", "mm"]
            ).to_dataset(name="behaviour"),
        },
        name="session",
    )


KINDS = {
    "signal": _eeg(),
    "trials": _eeg(trials=True),
    "traces": neurokit.traces(np.ones((2, 5)), sampling_rate=30, ids=["AVAL", "AVAR"]),
    "counts": neurokit.bin_spikes(_spikes(), 0.25),
    "behaviour": recording.behaviour(np.eye(4), sampling_rate=250, units=["mm"] * 4),
    "tokens": _tokens(),
    "spikes": _spikes(),
    "no spikes": neurokit.spikes([], stop=1.0),
    "no samples": neurokit.signal(np.empty((2, 0)), sampling_rate=250),
    "no channels": neurokit.signal(np.empty((0, 4)), sampling_rate=250),
    "a reversed clock": _eeg().isel(time=slice(None, None, -3)),
    "a clock with a jump": xr.concat([_eeg()[:, :5], _eeg()[:, 20:]], "time"),
    "one time": _eeg().isel(time=3),
    "times alone": _eeg()["time"],
    "scalar": xr.DataArray(np.float64(3), name="x"),
    "kinds": xr.Dataset(
        {
            "flag": ("a", [True, False]),
            "when": ("a", np.array(["2020-01-01", "NaT"], "M8[ns]")),
            "span": ("a", np.array([1, 2], "m8[s]")),
            "word": ("a", np.array(["é", ""], dtype=object)),
            "code": ("a", np.array([b"ab", b"\xff"])),
            "text": ("a", np.array(["x", "yy"], dtype=np.dtypes.StringDType())),
            "small": ("a", np.array([255, 0], np.uint8)),
            "large": ("a", np.array([2**63, 0], np.uint64)),
            "infinite": ("a", np.array([np.inf, -np.inf], np.float32)),
        },
        attrs={"units": "seconds since 2000-01-01"},
    ),
}


def _same(a, b):
    assert type(a) is type(b)
    (xr.testing.assert_identical)(a, b)
    if isinstance(a, xr.DataArray):
        a, b = a.rename("x").reset_coords(), b.rename("x").reset_coords()
        a, b = (v if isinstance(v, xr.Dataset) else v.to_dataset() for v in (a, b))
    assert {n: v.dtype for n, v in a.variables.items()} == {
        n: v.dtype for n, v in b.variables.items()
    }
    for name, index in a.xindexes.items():
        assert type(index) is type(b.xindexes[name])
        assert index.equals(b.xindexes[name])
    for name, variable in a.variables.items():
        assert _kinds(variable.attrs) == _kinds(b.variables[name].attrs)


def _kinds(value):
    return {k: _kinds(v) for k, v in value.items()} if isinstance(value, dict) else type(value)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", list(KINDS))
def test_what_was_saved_comes_back_the_same(tmp_path, kind, suffix):
    path = save(tmp_path / f"x{suffix}", KINDS[kind])
    assert path == tmp_path / f"x{suffix}"
    _same(KINDS[kind], load(path))
    if kind in {"trials", "spikes"}:  # what was loaded can be saved in its place
        _same(KINDS[kind], load(save(path, load(path))))
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_session_comes_back_the_same(tmp_path, suffix):
    tree = _session()
    back = load(save(tmp_path / f"x{suffix}", tree))
    assert back.name == "session"
    assert [n.path for n in back.subtree] == [n.path for n in tree.subtree]
    for a, b in zip(tree.subtree, back.subtree, strict=True):
        _same(a.to_dataset(), b.to_dataset())
    signal = load(save(tmp_path / f"y{suffix}", tree["signal"]))
    _same(tree["signal/lfp"].to_dataset(), signal["lfp"].to_dataset())


@pytest.mark.filterwarnings("ignore:Mismatched null-like")  # None and NaN, before pandas 3
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "table",
    [
        _events(),
        _events()[1:],
        _events().iloc[:0],
        _events().set_index("label"),
        pd.DataFrame({"onset": [1.0, 2.0], "label": ["a", None], "n": np.array([1, 2], "i2")}),
        pd.DataFrame({"label": pd.array(["a", pd.NA], "string")}),
        pd.DataFrame({"when": pd.to_datetime(["2020-01-01", "2021-01-01"])}),
        pd.DataFrame(index=range(3)),
    ],
)
def test_a_table_of_events_comes_back_the_same(tmp_path, table, suffix):
    table.attrs["source"] = {"file": "a.vmrk"}
    back = load(save(tmp_path / f"x{suffix}", table))
    pd.testing.assert_frame_equal(back, table)
    assert back.attrs == table.attrs


_clocks = st.builds(
    SampleIndex,
    st.fractions(-(10**9), 10**9),
    st.fractions(Fraction(1, 1000), 10**6).filter(bool),
    st.integers(0, 6),
)
_texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8)


@settings(deadline=None, max_examples=20)
@given(
    clock=_clocks,
    suffix=st.sampled_from(SUFFIXES),
    dtype=st.sampled_from(["f4", "f8", "i2", "u1", "i8", "?"]),
    names=st.lists(_texts, min_size=1, max_size=4, unique=True),
    note=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    ).filter(lambda note: "/" not in str(note) and "neurokit" not in str(note)),
    seed=st.integers(0, 99),
)
def test_any_recording_comes_back_the_same(clock, suffix, dtype, names, note, seed):
    rng = np.random.default_rng(seed)
    x = xr.DataArray(
        rng.integers(0, 256, (len(names), clock.size)).astype(dtype),
        dims=("channel", "time"),
        coords=xr.Coordinates.from_xindex(clock).assign({"channel": np.array(names)}),
        attrs={"note": note},
    )
    with tempfile.TemporaryDirectory() as folder:
        _same(x, load(save(Path(folder) / f"x{suffix}", x)).load().copy())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_clock_of_an_hour_at_30_khz_takes_no_room(tmp_path, suffix):
    size = 3600 * 30_000
    x = neurokit.signal(
        dask.array.zeros((1, size), dtype=np.float32, chunks=(1, 2**24))[:, :0],
        sampling_rate=30_000,
    )
    long = xr.Dataset(coords=xr.Coordinates.from_xindex(SampleIndex(7, 30_000, size)))
    path = save(tmp_path / f"x{suffix}", long)
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) < 20_000
    assert load(path).xindexes["time"].equals(SampleIndex(7, 30_000, size))
    assert x.xindexes["time"].rate == load(save(path, x)).xindexes["time"].rate


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_large_and_lazy_arrays_are_written_by_blocks_and_read_lazily(
    tmp_path, suffix, monkeypatch
):
    monkeypatch.setattr("neurokit.io.store_layout._BLOCK", 2**18)
    monkeypatch.setattr("neurokit.io.store_layout._LARGE", 2**20)
    whole = np.arange(2 * 300_000, dtype=np.float32).reshape(2, -1)
    asked = []

    def block(zeros, block_info):
        ((_, (first, last)),) = [block_info[None]["array-location"]]
        asked.append(last - first)
        return whole[:, first:last]

    lazy = dask.array.zeros(whole.shape, chunks=(2, 70_003), dtype=np.float32)
    lazy = lazy.map_blocks(block, dtype=np.float32, meta=np.empty((0, 0), np.float32))
    path = save(tmp_path / f"x{suffix}", neurokit.signal(lazy, sampling_rate=250))
    assert max(asked) == 70_003
    x = load(path)
    assert not x.variable._in_memory
    assert np.array_equal(x[:, 150_000:150_010], whole[:, 150_000:150_010])
    assert not x.variable._in_memory
    again = load(save(tmp_path / f"y{suffix}", x))
    assert np.array_equal(again, whole)


def test_blocks_of_fair_size_stay_as_they_are_on_disk(tmp_path):
    # joined ones would wait in memory for their neighbours, more of them in a longer recording
    for blocks, on_disk in [
        ((2, 70_003), (2, 70_003)),
        ((2, 20_000), (2, 250_000)),  # small: joined
        ((2, (90_000, 100_000, 60_000)), (2, 250_000)),  # not alike
    ]:
        x = dask.array.ones((2, 250_000), chunks=blocks, dtype="f4")
        path = save(tmp_path / "x.zarr", neurokit.signal(x, sampling_rate=250))
        stored = xr.open_zarr(path, consolidated=False)["values"]
        assert stored.encoding["chunks"] == on_disk
        assert (stored == 1).all()


def test_others_can_open_the_files(tmp_path):
    with xr.open_dataset(save(tmp_path / "x.nc", _eeg()), engine="h5netcdf") as x:
        assert x["signal" if "signal" in x else "values"].attrs["units"] == "uV"
        assert x["channel"].values.tolist() == ["C3", "Çz"]
    x = xr.open_zarr(save(tmp_path / "x.zarr", _spikes()), consolidated=False)
    assert x["spike_count"].attrs["sample_dimension"] == "spike"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_killed_save_leaves_the_old_recording(tmp_path, suffix):
    path = save(tmp_path / f"x{suffix}", _eeg())
    code = (
        "import os, signal, sys, dask.array, numpy, neurokit\n"
        "from neurokit.io.store import save\n"
        "def die(block): os.kill(os.getpid(), signal.SIGKILL)\n"
        "x = dask.array.ones((2, 2**20), chunks=(2, 2**18), dtype='f4')\n"
        "x = x.map_blocks(die, dtype='f4', meta=numpy.empty((0, 0), 'f4'))\n"
        "save(sys.argv[1], neurokit.signal(x, sampling_rate=250))"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False, env=environment)
    assert done.returncode == -signals.SIGKILL
    _same(_eeg(), load(path))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failed_save_leaves_the_old_recording_and_nothing_else(tmp_path, suffix):
    path = save(tmp_path / f"x{suffix}", _eeg())

    def fail(block):
        raise RuntimeError("the disk beneath is gone")

    x = dask.array.ones((2, 100), chunks=(2, 10), dtype="f4")
    x = x.map_blocks(fail, dtype="f4", meta=np.empty((0, 0), "f4"))
    with pytest.raises(RuntimeError, match="the disk beneath is gone"):
        save(path, neurokit.signal(x, sampling_rate=250))
    _same(_eeg(), load(path))
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_damaged_file_is_refused_with_its_name(tmp_path):
    path = save(tmp_path / "x.nc", _eeg())
    whole = path.read_bytes()
    for damaged in (whole[:-1000], whole[: len(whole) // 2], b"", b"not HDF5", whole[:100]):
        path.write_bytes(damaged)
        with pytest.raises(OSError, match=r"x\.nc: save did not write this, or it is damaged"):
            load(path)


def test_a_flipped_bit_is_never_read_as_data(tmp_path):
    values = np.random.default_rng(0).normal(size=(2, 4000)).astype(np.float32)
    x = neurokit.signal(values, sampling_rate=250)
    file = save(tmp_path / "x.nc", x)
    content = bytearray(file.read_bytes())
    content[content.index(values.tobytes()[:64]) + 9] ^= 4
    file.write_bytes(content)
    with pytest.raises(OSError, match=r"filter returned failure|Fletcher32"):
        load(file).load()
    folder = save(tmp_path / "x.zarr", x)
    chunk = max((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    content = bytearray(chunk.read_bytes())
    content[1000] ^= 4
    chunk.write_bytes(content)
    with pytest.raises(OSError, match=r"x\.zarr: .*checksum"):
        load(folder).load()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_names_and_notes_carry_checksums(tmp_path, suffix):
    path = save(tmp_path / f"x{suffix}", _eeg())
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    for text, other in [(b'"high": 0.5', b'"high": 0.7'), (b'"1000/3', b'"1000/7')]:
        escaped = [text, text.replace(b'"', b'\\"')]  # JSON within zarr's JSON
        found = [(f, t) for f in files for t in escaped if t in f.read_bytes()]
        assert found
        for file, inside in found:
            whole = file.read_bytes()
            swap = other if inside == text else other.replace(b'"', b'\\"')
            file.write_bytes(whole.replace(inside, swap))
            with pytest.raises(OSError, match="damaged"):
                load(path)
            file.write_bytes(whole)
    _same(_eeg(), load(path))
    if suffix == ".nc":
        path.write_bytes(path.read_bytes().replace("Çz".encode(), "Çy".encode()))
        with pytest.raises(OSError, match="texts of channel are not those that were saved"):
            load(path)


def test_a_damaged_folder_is_refused_with_its_name(tmp_path):
    path = save(tmp_path / "x.zarr", _eeg())
    chunk = next(p for p in path.rglob("c/*") if p.is_dir() or p.is_file())
    chunk = chunk if chunk.is_file() else next(p for p in chunk.rglob("*") if p.is_file())
    content = chunk.read_bytes()
    chunk.write_bytes(content[:-1])
    with pytest.raises(OSError, match=r"x\.zarr: damaged, files are missing, added or cut"):
        load(path)
    chunk.unlink()  # zarr itself would read this as zeros
    with pytest.raises(OSError, match=r"x\.zarr: damaged"):
        load(path)
    (path / "zarr.json").write_text("{}")
    with pytest.raises(OSError, match=r"x\.zarr: save did not write this"):
        load(path)


def test_files_of_others_are_not_taken_for_ours(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.nc: no such file or folder"):
        load(tmp_path / "nowhere.nc")
    _eeg().drop_vars("time").drop_attrs().to_netcdf(tmp_path / "x.nc", engine="h5netcdf")
    with pytest.raises(OSError, match=r"x\.nc: save did not write this"):
        load(tmp_path / "x.nc")
    (tmp_path / "thesis").mkdir()
    with pytest.raises(OSError, match="thesis: save did not write this"):
        load(tmp_path / "thesis")
    (tmp_path / "thesis" / "chapter").touch()
    with pytest.raises(FileExistsError, match="thesis: is a folder that save did not write"):
        save(tmp_path / "thesis", _eeg())
    assert (tmp_path / "thesis" / "chapter").exists()


def test_a_later_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("neurokit.io.store.FORMAT", 2)
    path = save(tmp_path / "x.nc", _eeg())
    monkeypatch.undo()
    with pytest.raises(OSError, match=r"x\.nc: written in format 2, this version reads 1"):
        load(path)


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        (np.zeros(3), "save takes an xarray DataArray.*got ndarray"),
        (xr.DataArray(np.array([1, "a"], dtype=object)), "holds objects of type int"),
        (xr.DataArray([1.0], attrs={"f": print}), "attribute of .* is of type builtin"),
        (xr.DataArray([1.0], attrs={"a/b": {"c/d": 1}}), "names must be text without a slash"),
        (xr.DataArray([1.0], dims=[3]), "names must be text without a slash, got 3"),
        (xr.DataArray([1.0], name="a/b"), "names must be text without a slash, got 'a/b'"),
        (xr.DataArray(np.zeros((2, 2)), coords={"a": [0, 1], "b": [0, 1]}).stack(c=["a", "b"]),
         "is one level of a multi-index; use reset_index"),
        (xr.DataArray(np.zeros(2, np.longdouble)), "has dtype float128, which has no place"),
        (pd.DataFrame({"a": pd.Categorical(["x"])}), "column 'a' has dtype category"),
        (pd.DataFrame({3: [1]}), "names must be text"),
    ],
)  # fmt: skip
def test_what_cannot_be_saved_is_refused_by_name(tmp_path, obj, message):
    with pytest.raises(TypeError, match=message):
        save(tmp_path / "x.zarr", obj)
    assert not list(tmp_path.iterdir())
    with pytest.raises(TypeError, match="the path comes first and what to save second"):
        save(obj, tmp_path / "x.zarr")


def test_netcdf_points_to_zarr_for_what_it_lacks(tmp_path):
    x = xr.DataArray(np.zeros(2, np.complex64), name="x")
    with pytest.raises(TypeError, match=r"netCDF has no complex64, the dtype of x; save it as"):
        save(tmp_path / "x.nc", x)
    _same(x, load(save(tmp_path / "x.zarr", x)))
    with pytest.raises(ValueError, match=r"path must end in \.zarr or \.nc, got"):
        save(tmp_path / "x.mat", x)
    with pytest.raises(FileNotFoundError, match="does not exist; make it first"):
        save(tmp_path / "no" / "x.nc", _eeg())
