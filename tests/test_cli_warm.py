"""Compiling ahead: every family is gone through, and what it compiled is found again."""

import os
import subprocess
import sys

import pytest

from neurokit.cli import warm
from neurokit.cli.main import main


@pytest.mark.parametrize("part", ["_files", "_features", "_tokenizers"])
def test_small_parts_go_through_without_a_warning(part):
    getattr(warm, part)()


def test_in_the_background_a_process_of_its_own_compiles(monkeypatch, capsys):
    started = []

    class Started:
        pid = 7

        def __init__(self, command, **options):
            started.append((command, options))

    with monkeypatch.context() as patched:
        patched.setattr(warm.subprocess, "Popen", Started)
        assert main(["warm", "--background"]) == 0
    assert "Process 7 compiles" in capsys.readouterr().out
    (command, options), *others = started
    assert not others
    assert options["start_new_session"]
    # what the process is told runs, but for the minute that all of it takes
    code = command[2].replace("warm()", "print(warm.__doc__)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "what it compiled" in done.stdout


@pytest.mark.slow
def test_every_family_goes_through_and_compiles_nothing_the_second_time(tmp_path):
    code = "\n".join(
        [
            "from numba.core import event",
            "from neurokit.cli.main import main",
            "with event.install_recorder('numba:compile') as compiled:",
            "    assert main(['warm']) == 0",
            "own = [e for _, e in compiled.buffer if e.is_start]",
            "own = {e.data['dispatcher'].py_func.__module__ for e in own}",
            "print('COMPILED', sum(name.startswith('neurokit') for name in own))",
        ]
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    counts = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        families = {line.split()[0] for line in done.stdout.splitlines()}
        assert {"files", "clustering", "connectomes"} <= families
        counts.append(int(done.stdout.split("COMPILED")[1]))
    assert counts[0] > 20
    assert counts[1] == 0
