"""Writers that are killed, or meet: what stands under a name is whole, or as it was."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import neurokit
from neurokit import io
from neurokit.decoders import WienerRegressor

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
# The child has written once, and is killed while it writes again.
KILL = (
    WRITE.replace(
        "path, kind, value = sys.argv[1:]",
        """
import os, signal, time
(path, kind), value = sys.argv[1:], 1
""",
    ).split("write(path, x)")[0]
    + """
for line in sys.stdin:
    ready, tell = os.pipe()
    pid = os.fork()
    if not pid:
        write(path, x)
        os.write(tell, b"r")
        while True:
            write(path, x)
    os.read(ready, 1)
    time.sleep(float(line))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    print("killed", flush=True)
"""
)
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
    command = [sys.executable, "-W", "ignore", "-c", KILL, str(path), kind]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as killer:
        for _ in range(25):  # of each of four kinds: a hundred moments
            print(rng.uniform(0, 0.3), file=killer.stdin, flush=True)
            assert killer.stdout.readline() == "killed\n"
            assert READ[kind](path) == 1
        killer.stdin.close()


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


def test_a_folder_that_is_read_only_is_told_and_left_as_it_was(tmp_path):
    x = neurokit.signal(np.ones((1, 100)), sampling_rate=10)
    tokens = xr.DataArray(np.ones((2, 3), int), dims=("channel", "frame"))
    writers = {
        "a.edf": lambda p: io.write_edf(p, x),
        "a.nc": lambda p: io.save(p, x),
        "a.zarr": lambda p: io.save(p, x),
        "a.ntok": lambda p: io.write_tokens(p, tokens),
        "a.safetensors": WienerRegressor(1).fit(np.eye(6), np.arange(6.0)).save,
    }
    for name, write in writers.items():
        write(tmp_path / name)  # what is loaded late is loaded now
    folder = Path(tempfile.mkdtemp())  # root may write anywhere, so nobody tries, and may go here
    folder.chmod(0o555)
    who = os.geteuid()
    try:
        if not who:
            os.seteuid(65534)
        for name, write in writers.items():
            with pytest.raises(OSError, match=f"{name}: the folder .* is read only"):
                write(folder / name)
        assert not list(folder.iterdir())
    finally:
        if not who:
            os.seteuid(who)
        shutil.rmtree(folder)
