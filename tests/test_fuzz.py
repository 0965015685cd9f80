"""A small slice of benchmarks/fuzz.py: what is damaged is read or refused, and nothing else."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "fuzz.py"
FORMATS = ["edf", "bdf", "ntok", "lossless", "npz", "mat", "matz", "tsv", "zarr", "saved"]


@pytest.mark.slow
@pytest.mark.parametrize("form", [*FORMATS, "nc", "nwb", "fif", "evoked", "set", "set73", "vhdr"])
def test_damaged_files_are_read_or_refused(tmp_path, form):
    spec = importlib.util.spec_from_file_location("fuzz", SCRIPT)
    fuzz = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fuzz)
    (good := tmp_path / "good").mkdir()
    (bad := tmp_path / "bad").mkdir()
    seeds = fuzz.make_seeds(good) | fuzz.make_saved(good)
    if form not in seeds:
        pytest.skip("its package is not here")
    assert fuzz.judge(form, seeds[form]) == "read"
    counts = fuzz.run_format(form, seeds[form], 150, 1, bad, None)
    assert set(counts) <= {"read", "refused"}
    assert sum(counts.values()) == 150
