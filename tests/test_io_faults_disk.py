"""Disks that are full, folders that are read only, blocks that rot: one sentence with the path."""

import subprocess
import sys

import numpy as np
import pytest

import neurokit
from neurokit import io

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
