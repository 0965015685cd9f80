import re
import signal
import subprocess
import sys

import pytest

from neurokit import atomic
from neurokit.atomic import atomic_path


def _contents(folder):
    return sorted(p.name for p in folder.iterdir())


def _write_folder(path, text):
    with atomic_path(path) as part:
        part.mkdir()
        (part / "inner").mkdir()
        (part / "inner" / "a").write_text(text)


def test_a_file_is_written_and_replaced(tmp_path):
    for text in ("first", "second"):
        with atomic_path(tmp_path / "x.tar.gz") as part:
            assert part.parent == tmp_path
            assert part.suffixes == [".tar", ".gz"]
            part.write_text(text)
        assert (tmp_path / "x.tar.gz").read_text() == text
        assert _contents(tmp_path) == ["x.tar.gz"]


@pytest.mark.parametrize("system", [sys.platform, "elsewhere"])
def test_a_folder_is_written_and_replaced_whole(tmp_path, monkeypatch, system):
    monkeypatch.setattr(atomic.sys, "platform", system)
    (tmp_path / "x.zarr").mkdir()
    (tmp_path / "x.zarr" / "stale").touch()
    _write_folder(tmp_path / "x.zarr", "new")
    assert _contents(tmp_path) == ["x.zarr"]
    assert _contents(tmp_path / "x.zarr") == ["inner"]
    assert (tmp_path / "x.zarr" / "inner" / "a").read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failed_block_leaves_what_was_there(tmp_path, error):
    _write_folder(tmp_path / "x.zarr", "old")
    (tmp_path / "x.nc").write_text("old")

    def fail(path, write):
        with atomic_path(path) as part:
            write(part)
            raise error

    with pytest.raises(error):
        fail(tmp_path / "x.nc", lambda part: part.write_text("half"))
    with pytest.raises(error):
        fail(tmp_path / "x.zarr", lambda part: part.mkdir())
    assert _contents(tmp_path) == ["x.nc", "x.zarr"]
    assert (tmp_path / "x.nc").read_text() == "old"
    assert (tmp_path / "x.zarr" / "inner" / "a").read_text() == "old"


def test_a_folder_that_cannot_be_put_in_place_leaves_the_old_one(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic.sys, "platform", "elsewhere")
    _write_folder(tmp_path / "x.zarr", "old")
    rename = type(tmp_path).rename

    def refuse(self, target):
        if self.name.startswith(".part-") and not self.name.endswith("-old"):
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(type(tmp_path), "rename", refuse)
    with pytest.raises(OSError, match="no"):
        _write_folder(tmp_path / "x.zarr", "new")
    assert _contents(tmp_path) == ["x.zarr"]
    assert (tmp_path / "x.zarr" / "inner" / "a").read_text() == "old"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_a_killed_writer_leaves_what_was_there(tmp_path):
    (tmp_path / "x.nc").write_text("old")
    code = (
        "import os, signal, sys; from neurokit.atomic import atomic_path\n"
        "with atomic_path(sys.argv[1]) as part:\n"
        "    part.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "x.nc")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "x.nc").read_text() == "old"


def test_the_refusals_say_what_is_in_the_way(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match=re.escape(f"{tmp_path / 'no'} does not exist")),
        atomic_path(tmp_path / "no" / "x.nc"),
    ):
        pass
    with (
        pytest.raises(OSError, match=r"x\.nc: nothing was written"),
        atomic_path(tmp_path / "x.nc"),
    ):
        pass
    (tmp_path / "x.nc").mkdir()
    with (
        pytest.raises(OSError, match=r"x\.nc: is a folder and would be replaced by a file"),
        atomic_path(tmp_path / "x.nc") as part,
    ):
        part.touch()
    (tmp_path / "x.zarr").touch()
    with (
        pytest.raises(OSError, match=r"x\.zarr: is a file and would be replaced by a folder"),
        atomic_path(tmp_path / "x.zarr") as part,
    ):
        part.mkdir()
    assert _contents(tmp_path) == ["x.nc", "x.zarr"]
