"""Faults that lie beneath us, in the readers of MNE and SciPy: told, bounded, or refused."""

import struct
import warnings

import numpy as np
import pytest

from neurokit import io
from neurokit.io.readers.mat_file import check_mat

mne = pytest.importorskip("mne")
scipy_io = pytest.importorskip("scipy.io")


def raw(n=20000, kinds="eeg"):
    values = np.random.default_rng(0).normal(0, 1e-5, (4, n))
    return mne.io.RawArray(values, mne.create_info(4, 250, kinds), verbose="error")


def test_warnings_of_the_readers_beneath_arrive(tmp_path):
    path = tmp_path / "a_raw.fif"
    raw().save(path, buffer_size_sec=1, verbose="error")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.warns(UserWarning, match=r"a_raw\.fif: Invalid tag"):
        assert io.read_signal(path).sizes["time"] < 20000
    with pytest.warns(UserWarning, match=r"a_raw\.fif: Invalid tag"):
        io.read_session(path)


def test_tags_that_lead_back_are_refused(tmp_path):
    path = tmp_path / "a-ave.fif"
    info = mne.create_info(["C3", "C4"], 100, "eeg")
    mne.EvokedArray(np.zeros((2, 50)), info).save(path, overwrite=True, verbose="error")
    whole = bytearray(path.read_bytes())
    at, tags = 0, []
    while at + 16 <= len(whole) and len(tags) < 6:
        size, following = struct.unpack(">ii", whole[at + 8 : at + 16])
        tags.append(at)
        at = following if following > 0 else at + 16 + size
    whole[tags[4] + 12 : tags[4] + 16] = tags[3].to_bytes(4, "big")
    i = whole.find((101).to_bytes(4, "big"), 20)
    whole[i + 16 : i + 20] = (-1).to_bytes(4, "big", signed=True)
    path.write_bytes(whole)
    for door in (io.read_signal, io.read_events, io.read_session):
        with pytest.raises(OSError, match=r"a-ave\.fif: is damaged, as its tags lead back to by"):
            door(path)


def test_only_packages_of_our_table_are_named(tmp_path):
    empty = np.array([])
    places = np.zeros(2, dtype=[("labels", object), ("type", object)])
    for i in (0, 1):
        places["labels"][i], places["type"][i] = f"C{i}", "EEG"
    about = {"setname": "x", "nbchan": 2.0, "trials": 1.0, "pnts": 500.0, "srate": 100.0}
    about |= {"xmin": 0.0, "xmax": 4.99, "times": np.arange(500.0), "event": empty}
    about |= {"data": np.zeros((2, 500), "f4"), "chanlocs": places, "chaninfo": empty}
    about |= {"ref": "common", "epoch": empty, "icawinv": empty, "icasphere": empty}
    about |= {"icaweights": empty, "icachansind": empty}
    path = tmp_path / "a.set"
    scipy_io.savemat(path, {"EEG": about}, appendmat=False)
    with pytest.raises(OSError, match=r"a\.set: cannot be read as EEGLAB \(.*\)\.$") as caught:
        io.read_signal(path)
    assert "pip install" not in str(caught.value)


def test_a_header_in_another_code_page_is_told(tmp_path):
    path = tmp_path / "a.vhdr"
    text = "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\nCodepage=UTF-8\n"
    path.write_bytes(text.encode() + b"; gr\xfc\xdfe\n[Binary Infos]\n")
    with pytest.raises(OSError, match=r"a\.vhdr: (calls itself UTF-8|cannot be r)"):
        io.read_signal(path)


def brainvision(tmp_path, n=1000, points=""):
    (tmp_path / "a.eeg").write_bytes(np.zeros((n, 2), "<i2").tobytes())
    (tmp_path / "a.vmrk").write_text(
        "Brain Vision Data Exchange Marker File, Version 1.0\n[Common Infos]\nDataFile=a.eeg\n"
        "[Marker Infos]\n"
    )
    (tmp_path / "a.vhdr").write_text(
        "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\nDataFile=a.eeg\n"
        "MarkerFile=a.vmrk\nDataFormat=BINARY\nDataOrientation=MULTIPLEXED\nNumberOfChannels=2\n"
        f"{points}SamplingInterval=4000\n[Binary Infos]\nBinaryFormat=INT_16\n[Channel Infos]\n"
        "Ch1=Fp1,,0.5,uV\nCh2=Fp2,,0.5,uV\n"
    )
    return tmp_path / "a.vhdr"


def test_samples_cut_short_behind_a_header_are_told(tmp_path):
    path = brainvision(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert io.read_signal(path).shape == (2, 1000)
    samples = path.with_suffix(".eeg")
    samples.write_bytes(samples.read_bytes()[:-3])
    with pytest.warns(UserWarning, match=r"a\.eeg: is cut short, as it ends 1 bytes"):
        assert io.read_signal(path).shape == (2, 999)
    path = brainvision(tmp_path, 900, "DataPoints=1000\n")
    with pytest.warns(UserWarning, match=r"a\.vhdr: is cut short, 900 of 1000 samples are there"):
        io.read_signal(path)


# --- MAT files ---------------------------------------------------------------------------------


def refusal(door, path):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            door(path)
    except (OSError, ValueError) as error:
        return str(error)
    return None


def variety():
    import scipy.sparse

    cells = np.empty(3, object)
    cells[:] = [np.arange(10.0 + i) for i in range(3)]
    structs = np.array([(np.array([0.5]), "a")], dtype=[("spikeTimes", object), ("name", object)])
    return {
        "spike_times": cells,
        "neuron": structs,
        "text": "grüße",
        "empty": np.empty((0, 0)),
        "z": np.ones((2, 2)) * 1j,
        "flags": np.array([True, False]),
        "sparse": scipy.sparse.csc_matrix(np.eye(4)),
        "small": np.int8([1, 2]),
        "nested": {"a": {"b": {"c": cells}}},
    }


@pytest.mark.parametrize("packed", [False, True])
def test_sound_mat_files_pass(tmp_path, packed):
    path = tmp_path / "a.mat"
    scipy_io.savemat(path, variety(), do_compression=packed)
    check_mat(path)
    assert io.read_spikes(path)["spike_count"].values.tolist() == [10, 11, 12]


@pytest.mark.parametrize("packed", [False, True])
def test_no_changed_byte_of_a_mat_file_ends_the_interpreter(tmp_path, packed):
    path, bad = tmp_path / "a.mat", tmp_path / "bad.mat"
    scipy_io.savemat(path, variety(), do_compression=packed)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    places = rng.integers(124, len(whole), 250).tolist() + list(range(128, 260))
    for at in places:
        changed = bytearray(whole)
        changed[at] = int(rng.choice([0, 1, 0x10, 0x7F, 0xFF]))
        bad.write_bytes(changed)
        for door in (io.read_spikes, io.read_signal):
            said = refusal(door, bad)
            assert said is None or (said.startswith(str(bad)) and "\n" not in said)


def test_real_mat_files_pass(data):
    n = 0
    for path in sorted(data.rglob("*.mat")) + sorted(data.rglob("*.set")):
        if path.stat().st_size < 60_000_000 and "corrupt" not in path.parts:
            check_mat(path)
            n += 1
    assert n > 10


@pytest.mark.parametrize("name", ["a.edf", "a.tsv", "a.mat", "a.fif", "a.npz", "a.nwb", "a.ntok"])
def test_a_pipe_is_not_waited_for(tmp_path, name):
    import os

    os.mkfifo(tmp_path / name)
    doors = [io.read_signal, io.read_events, io.read_spikes, io.read_session]
    for door in [io.read_tokens] if name == "a.ntok" else doors:
        with pytest.raises(OSError, match=rf"{name}: is a pipe, a socket or a device"):
            door(tmp_path / name)
