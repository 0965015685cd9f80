"""Writers that are killed, or meet: what stands under a name is whole, or as it was."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray as xr

import neurokit
from neurokit import io

WRITE = """
import sys, numpy as np, neurokit, xarray as xr
from neurokit import io
path, kind, value = sys.argv[1:]
x = neurokit.signal(np.full((8, 40000), float(value)) + np.arange(40000), sampling_rate=250)
tokens = xr.DataArray(np.full((4, 20000, 2), int(value)), dims=("channel", "frame", "level"))
write = {"edf": io.write_edf, "nc": io.save, "zarr": io.save,
         "ntok": lambda p, x: io.write_tokens(p, tokens)}[kind]
write(path, x)
print("ready", flush=True)
while True:
    write(path, x)
"""
READ = {
    "edf": lambda p: round(float(io.read_signal(p)[0, 0])),
    "nc": lambda p: int(io.load(p)[0, 0]),
    "zarr": lambda p: int(io.load(p)[0, 0]),
    "ntok": lambda p: int(io.read_tokens(p)[0, 0, 0]),
}


def start(path, kind, value):
    command = [sys.executable, "-W", "ignore", "-c", WRITE, str(path), kind, str(value)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(READ))
def test_writers_killed_at_random_moments_leave_a_whole_file(tmp_path, kind):
    path, rng = tmp_path / f"a.{kind}", np.random.default_rng(0)
    for _ in range(6):
        with start(path, kind, 1) as writer:
            assert writer.stdout.readline() == b"ready\n"
            time.sleep(float(rng.uniform(0, 0.5)))
            os.kill(writer.pid, signal.SIGKILL)
        assert READ[kind](path) == 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(READ))
def test_two_writers_at_once_leave_the_file_of_one(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    seen, told = set(), []
    with start(path, kind, 1) as one, start(path, kind, 2) as two:
        for writer in (one, two):
            assert writer.stdout.readline() == b"ready\n"
        for _ in range(20):
            try:
                seen.add(READ[kind](path))
            except OSError as error:  # replaced while it was read
                told.append(str(error))
        for writer in (one, two):
            os.kill(writer.pid, signal.SIGKILL)
    assert seen <= {1, 2}
    assert all(str(path) in said for said in told)
    assert READ[kind](path) in (1, 2)


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    x = neurokit.signal(np.ones((1, 100)), sampling_rate=10)
    tokens = xr.DataArray(np.ones((2, 3), int), dims=("channel", "frame"))
    missing = tmp_path / "nowhere"
    for write in (
        lambda: io.write_edf(missing / "a.edf", x),
        lambda: io.save(missing / "a.nc", x),
        lambda: io.save(missing / "a.zarr", x),
        lambda: io.write_tokens(missing / "a.ntok", tokens),
    ):
        with pytest.raises(OSError, match=r"nowhere.* does not exist; make it first"):
            write()
    if os.geteuid():  # root may write anywhere
        tmp_path.chmod(0o500)
        with pytest.raises(OSError, match="a"):
            io.write_edf(tmp_path / "a.edf", x)
        tmp_path.chmod(0o700)
