"""A door finds the format once, and opens a file no more often than it must."""

import sys

import numpy as np
import pytest

import neurokit
from neurokit import io
from neurokit.io import doors, formats
from neurokit.recording import events

opened: list[str] = []
watching: list[str] = []


def _watch(event, arguments):
    if event == "open" and watching and str(arguments[0]) == watching[0]:
        opened.append(str(arguments[0]))


sys.addaudithook(_watch)  # cannot be taken away again: it looks only while somebody watches


@pytest.fixture
def edf(tmp_path):
    x = neurokit.signal(np.zeros((2, 600)) + np.arange(600), sampling_rate=100)
    return io.write_edf(tmp_path / "a.edf", x, events([1, 2.5], [0, 1], ["go", "stop"]))


def count(door, path, monkeypatch):
    """Return how often a door looks for the format, and how often it opens the file."""
    found = []

    def find(path):
        found.append(path)
        return formats.find(path)

    monkeypatch.setattr(doors, "find", find)
    opened.clear()
    watching[:] = [str(path)]
    try:
        door(path)
    finally:
        watching.clear()
    return len(found), len(opened)


@pytest.mark.parametrize(
    ("door", "most"), [("read_signal", 3), ("read_events", 4), ("read_session", 4)]
)
def test_an_edf_file_is_found_once_and_opened_a_few_times(edf, monkeypatch, door, most):
    looked, times = count(getattr(io, door), edf, monkeypatch)
    assert looked == 1
    assert times <= most  # its beginning, its header, its clock, its annotations


def test_other_files_are_found_once(tmp_path, monkeypatch):
    np.savez(tmp_path / "s.npz", spike_times=[0.1, 0.2], unit=[1, 2])
    for door in (io.read_spikes, io.read_session):
        assert count(door, tmp_path / "s.npz", monkeypatch) == (1, 2)
    (tmp_path / "e.tsv").write_text("onset\tlabel\n1\tgo\n")
    assert count(io.read_events, tmp_path / "e.tsv", monkeypatch) == (1, 2)
    mne = pytest.importorskip("mne")
    raw = mne.io.RawArray(np.zeros((2, 500)), mne.create_info(2, 100, "eeg"), verbose="error")
    raw.save(tmp_path / "a_raw.fif", verbose="error")
    assert count(io.read_session, tmp_path / "a_raw.fif", monkeypatch)[0] == 1


def test_every_format_has_a_reader_that_says_what_it_serves():
    names = {*formats._BY_NAME.values(), *(name for _, name in formats._BY_CONTENT), "BIDS"}
    for name in names - set(formats._UNREAD):
        reader = formats.reader_of(formats.Found(None, name))
        assert any(part is not None for part in reader), name
        assert reader.session is not None, name


def test_a_saved_folder_without_an_ending_goes_through_every_door(tmp_path):
    x = neurokit.spikes([[0.1, 0.2], []], stop=1.0)
    path = io.save(tmp_path / "kept", x)
    assert io.read_spikes(path)["spike_count"].values.tolist() == [2, 0]
    assert list(io.read_session(path)) == ["spikes"]
    with pytest.raises(ValueError, match=r"kept: holds no signals; io\.read_session reads"):
        io.read_signal(path)
