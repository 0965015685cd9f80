"""Disks that are full, folders that are read only, blocks that rot: one sentence with the path."""

import subprocess
import sys

import h5py
import numpy as np
import pytest

import neurokit
from neurokit import io
from neurokit.io.readers.hdf5 import open_hdf5

FULL = """
import resource, signal, sys, numpy as np, neurokit, xarray as xr
from neurokit import io, recording
path, kind = sys.argv[1:]
x = neurokit.signal(np.random.default_rng(0).normal(size=(8, 20000)).astype("f4"),
                    sampling_rate=250)
tokens = xr.DataArray(np.random.default_rng(0).integers(0, 9999, (8, 20000)),
                      dims=("channel", "frame"))
io.write_edf(path + "-warm.edf", x.isel(time=slice(0, 500)))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60000, 60000))
write = {"nc": io.save, "zarr": io.save, "edf": io.write_edf, "nwb": io.write_nwb,
         "ntok": lambda p, x: io.write_tokens(p, tokens)}[kind]
try:
    write(path, x)
except OSError as error:
    print("REFUSED", error)
"""


@pytest.mark.parametrize("kind", ["nc", "zarr", "edf", "nwb", "ntok"])
def test_a_full_disk_is_told_and_nothing_is_left(tmp_path, kind):
    if kind == "nwb":
        pytest.importorskip("pynwb")
    path = tmp_path / f"full.{kind}"
    command = [sys.executable, "-W", "ignore", "-c", FULL, str(path), kind]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-1500:]
    assert done.stdout.startswith("REFUSED")
    assert [p.name for p in tmp_path.iterdir()] == [f"{path.name}-warm.edf"]


def test_a_block_that_rots_is_told_with_the_path(tmp_path):
    x = neurokit.signal(np.zeros((2, 50)) + np.arange(50), sampling_rate=10)
    path = io.save(tmp_path / "z.zarr", x)
    for name in ("channel/zarr.json", "values/zarr.json", "zarr.json", "values/c/0/0"):
        file = path / name
        whole = file.read_bytes()
        for at in (0, 20, len(whole) - 3):
            changed = bytearray(whole)
            changed[at] ^= 0xFF
            file.write_bytes(changed)
            with pytest.raises(OSError, match=r"z\.zarr: ") as caught:
                io.load(path).load()
            assert "\n" not in str(caught.value)
        file.write_bytes(whole)
    assert io.load(path).load().identical(x)


def test_a_rotten_block_of_netcdf_is_told_with_the_path(tmp_path):
    x = neurokit.signal(np.random.default_rng(0).normal(size=(2, 5000)), sampling_rate=10)
    path = io.save(tmp_path / "a.nc", x)
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    path.write_bytes(whole)
    with pytest.raises(OSError, match=r"a\.nc: "):
        io.load(path).load()


LOOP = """
import sys
from pathlib import Path
from neurokit import io
from neurokit.io.readers.hdf5 import open_hdf5
for path in sys.argv[1:]:
    try:
        if path.endswith(".h5"):  # as NWB and MATLAB 7.3 are opened
            with open_hdf5(Path(path)) as file:
                file["texts"][:]
        io.load(path) if path.endswith(".nc") else io.read_session(path)
    except (OSError, ValueError) as error:
        print(error)
"""


def test_texts_whose_length_leads_back_to_themselves_are_refused(tmp_path):
    # HDF5 walks such a heap for ever, in code that nothing can interrupt
    paths = [io.save(tmp_path / "a.nc", neurokit.signal(np.ones((2, 9)), sampling_rate=9))]
    for name in ("b.h5", "c.mat", "d.snirf"):
        with h5py.File(tmp_path / name, "w") as file:
            file["texts"] = ["one", "two"]
            file["texts"].attrs["colnames"] = ["one", "two"]
        paths.append(tmp_path / name)
    for path in paths:
        whole = bytearray(path.read_bytes())
        at, found = whole.find(b"GCOL"), 0
        while at >= 0:
            whole[at + 24 : at + 32] = (2**64 - 16).to_bytes(8, "little")
            at, found = whole.find(b"GCOL", at + 4), found + 1
        assert found
        path.write_bytes(whole)
    command = [sys.executable, "-W", "ignore", "-c", LOOP, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    said = done.stdout.splitlines()
    assert [line.partition(": ")[0] for line in said] == list(map(str, paths)), done.stderr
    assert sum("a heap of texts is damaged" in line for line in said) >= 3


def test_links_to_files_beside_are_followed_by_a_guarded_file(tmp_path):
    with h5py.File(tmp_path / "there é.h5", "w") as there:
        there["x"] = ["a", "b"]
    with h5py.File(tmp_path / "here é.h5", "w") as here:
        here["y"] = h5py.ExternalLink("there é.h5", "/x")
    with open_hdf5(tmp_path / "here é.h5") as file:
        assert file["y"].asstr()[:].tolist() == ["a", "b"]
        assert file.filename == str(tmp_path / "here é.h5")
