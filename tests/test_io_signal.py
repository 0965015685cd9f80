"""The door picks a reader by what a file holds, and says what it found instead."""

import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from neurokit import io
from neurokit.io.formats import find
from neurokit.recording import events, signal


@pytest.fixture
def edf(tmp_path):
    x = signal(np.random.default_rng(0).normal(0, 50, (4, 600)), sampling_rate=100)
    return io.write_edf(tmp_path / "a.edf", x, events([1, 2.5], [0, 1], ["go", "stop"]))


def test_content_counts_more_than_the_name(edf, tmp_path):
    wrong = tmp_path / "a.set"
    shutil.copy(edf, wrong)
    xr.testing.assert_identical(io.read_signal(wrong), io.read_signal(edf))
    assert io.read_events(str(wrong)).label.tolist() == ["go", "stop"]


def test_a_byte_order_mark_does_not_hide_the_format(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfBrain Vision Data Exchange Header File Version 1.0\r\n")
    assert find(path) == (path, "BrainVision")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty\."),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "run `git lfs pull`"),
        (b"\n<!DOCTYPE html><title>Not found</title>", "is a web page"),
        (b"PK\x03\x04 something", "is of no format that io.read_signal knows"),
        (b"XDF:\x01\x02", "is XDF and holds no stream|cannot be read"),
        (b"\x89HDF\r\n\x1a\n", "holds HDF5, which io.read_signal does not read"),
    ],
)
def test_what_stands_in_for_a_recording_is_named(tmp_path, content, message):
    path = tmp_path / "recording.xyz"
    path.write_bytes(content)
    for door in (io.read_signal, io.read_events):
        with pytest.raises((OSError, ValueError), match=message) as caught:
            door(path)
        assert str(path) in str(caught.value)


def test_a_path_without_a_file_says_what_lies_near(edf):
    with pytest.raises(FileNotFoundError, match=r"a\.bdf: there is no such file; that folder has"):
        io.read_signal(edf.with_suffix(".bdf"))
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        io.read_events(edf.with_name("nowhere") / "b.edf")


def test_a_folder_names_a_file_in_it(edf):
    with pytest.raises(IsADirectoryError, match=r"is a folder; give .* such as a\.edf"):
        io.read_signal(edf.parent)


def test_scattered_points_are_read_from_disk(edf):
    x = io.read_signal(edf)
    rows, columns = xr.DataArray([0, 3, 1], dims="p"), xr.DataArray([5, 599, 0], dims="p")
    np.testing.assert_array_equal(
        x.isel(channel=rows, time=columns), x.values[[0, 3, 1], [5, 599, 0]]
    )


def test_a_chain_of_selections_reads_what_it_names(edf):
    x = io.read_signal(edf)
    part = x.sel(channel=["ch2", "ch0"]).isel(time=slice(100, 500, 2)).sel(time=slice(2, 3))
    np.testing.assert_array_equal(part, x.values[[2, 0]][:, 200:301:2])
    assert part.sel(time=2.5, channel="ch0") == x.values[0, 250]


def test_arithmetic_and_storage_take_a_lazy_signal(edf, tmp_path):
    x = io.read_signal(edf)
    np.testing.assert_array_equal((x * 2).values, x.values * 2)
    io.save(tmp_path / "a.nc", x)
    assert io.load(tmp_path / "a.nc").identical(x)


def test_a_bids_table_holds_events(tmp_path):
    path = tmp_path / "sub-01_events.tsv"
    pd.DataFrame({"onset": [2.0, 1.0], "duration": [0.5, 0], "trial_type": ["b", "a"]}).to_csv(
        path, sep="\t", index=False
    )
    assert io.read_events(path).to_numpy().tolist() == [[1, 0, "a"], [2, 0.5, "b"]]
    path.write_text("time\tvalue\n1\t2\n")
    with pytest.raises(ValueError, match=r"has no column onset, as BIDS wants it; \['time', 'va"):
        io.read_events(path)


def test_a_recording_without_events_has_an_empty_table(tmp_path):
    path = io.write_edf(tmp_path / "a.edf", signal(np.eye(2, 100), sampling_rate=10))
    table = io.read_events(path)
    assert table.columns.tolist() == ["onset", "duration", "label"]
    assert len(table) == 0


def test_reading_edf_loads_neither_mne_nor_torch(edf):
    code = (
        "import sys; from neurokit import io; io.read_signal(sys.argv[1]).values;"
        " io.read_events(sys.argv[1]); assert not {'mne', 'torch', 'neo'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(edf)], check=True)


def test_a_file_of_spikes_and_movement_is_no_signal(tmp_path):
    import h5py

    with h5py.File(tmp_path / "reach.mat", "w") as file:
        for name in ("spikes", "t", "cursor_pos"):
            file[name] = np.zeros((1, 3))
    with pytest.raises(ValueError, match=r"behaviour and no signals; io\.read_session"):
        io.read_signal(tmp_path / "reach.mat")


def test_samples_lost_after_opening_are_told_with_the_path(tmp_path):
    import mne

    path = tmp_path / "a_raw.fif"
    raw = mne.io.RawArray(np.zeros((2, 5000)), mne.create_info(2, 100.0, "eeg"), verbose="error")
    raw.save(path, verbose="error")
    x = io.read_signal(path)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(OSError, match=r"a_raw.fif: samples 0 to 5000 cannot be read"):
        x.load()


def test_an_average_file_without_averages_is_damaged(tmp_path):
    import mne

    info = mne.create_info(1, 100.0, "eeg")
    average = mne.EvokedArray(np.zeros((1, 5)), info, verbose="error")
    mne.write_evokeds(tmp_path / "a-ave.fif", [average], verbose="error")
    data = (tmp_path / "a-ave.fif").read_bytes()
    evoked = data.index(
        (104).to_bytes(4, "big") + (3).to_bytes(4, "big") + b"\0\0\0\4\0\0\0\0\0\0\0\x68"
    )
    broken = bytearray(data)
    broken[evoked + 16 : evoked + 20] = (999).to_bytes(4, "big")  # no block of averages any more
    (tmp_path / "a-ave.fif").write_bytes(broken)
    with pytest.raises(OSError, match="cannot be read as FIF"):
        io.read_signal(tmp_path / "a-ave.fif")
