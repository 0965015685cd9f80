"""Every file of the torture set is read as a reference reads it, or refused in one sentence."""

import csv
import functools
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from neurokit import io
from neurokit.recording import sampling_rate

FOLDERS = (
    "antio bdf brainvision cnt corrupt curry edf eeglab egi eyelink fieldtrip gdf neo neuralynx"
    " nihonkohden nirx nsx nwb_back_compat persyst snirf wfdb xdf bids_tiny neuralynx_rat"
)
MULTIRATE = {  # MNE interpolates the slower channels; we leave them out, or to channels=
    "edf/short_psg.edf",
    "edf/test_reduced.edf",
    "edf/test_uneven_samp.edf",
    "bdf/short_psg.bdf",
    "bdf/test_generator_datarec_generator_2.bdf",
}
REFUSED = {
    "cnt/scan41_short.cnt": "samples of 16 and 32 bits cannot be told apart",
    "corrupt/edf_crlf_mangled_S001R03.edf": "was copied as text",
    "corrupt/edf_crlf_mangled_truncated_S001R01.edf": "was copied as text",
    "corrupt/edf_random_1024bytes.edf": "is no EDF or BDF file",
    "corrupt/edf_truncated_5000bytes.edf": "ends after 5000 of 5120 bytes of its header",
    "corrupt/edf_utf8_replacement_S001R01.edf": "was copied as text",
    "corrupt/eeglab_set_without_its_fdt.set": r"Could not find the \.fdt data file",
    "corrupt/git_lfs_pointer.mat": "run `git lfs pull`",
    "corrupt/neuroscan_clipped.cnt": "samples of 16 and 32 bits cannot be told apart",
    "corrupt/not_uniform_time.mat": "non-uniform times per epoch",
    "corrupt/old_version.mat": "old version of FieldTrip",
    "edf/SC4001EC-Hypnogram.edf": r"io\.read_events reads them",
    "neo/BURST.SMR": "holds no signals; io.read_session",
    "neo/Burst Data as Events.smr": "holds no signals; io.read_session",
    "neo/Extracellular Spikes.smr": "holds no signals; io.read_session",
    "neuralynx": r"3 timestamp gaps .*; its \.ncs files can be read one by one",
    "nirx/NIRS-2019-08-23_001.set": "cannot be read as EEGLAB",
    "wfdb/a103l.mat": r"it has val, arrays to be labelled with neurokit\.signal",
}


@pytest.fixture(scope="module")
def torture(data):
    return data / "format_torture"


@functools.cache  # some take seconds, and are asked about by several tests
def door(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return io.read_signal(path)


def attempt(path):
    """Return the first samples of a file, or what is said instead."""
    try:
        x = door(path).isel(time=slice(0, 100))
        return x.load(), None
    except (OSError, ValueError, ImportError) as error:
        return None, str(error)


@pytest.mark.parametrize("folder", FOLDERS.split())
def test_every_file_is_read_or_refused_in_one_sentence(torture, folder):
    paths = [p for p in sorted((torture / folder).rglob("*")) if p.is_file()]
    assert paths
    for path in paths:
        if folder == "nwb_back_compat" and not path.name.startswith(("1.0.2", "2.1", "A8")):
            continue
        part, said = attempt(path)
        if part is None:
            # one sentence that begins with the path: no traceback of somebody else's in it
            assert said.startswith(str(path.parent)), said
            assert "\n" not in said
            assert said.endswith((".", "..."))
        else:
            assert part.values.dtype == np.float32
            assert set(part.dims) >= {"channel", "time"}
            assert isinstance(part.attrs["units"], str)


def test_shapes_and_rates_are_those_of_the_reference_reader(data, torture):
    pattern = re.compile(r"Raw\w* (\d+) ch x (\d+) @ ([\d.]+) Hz, (\d+) annot, max\|x\| (\S+)")
    compared = 0
    for row in csv.DictReader((data / "VERIFY.csv").read_text().splitlines()):
        found = pattern.search(row["what the reference reader says"])
        name = row["file"].removeprefix("format_torture/")
        path = data / row["file"]
        if not found or not path.exists() or name in MULTIRATE or name in REFUSED:
            continue
        if "format_torture" not in row["file"]:
            continue
        try:
            x = door(path)
        except ImportError:
            continue  # ANT and Curry need packages that are not ours to require
        n_channels, n_times, rate = int(found[1]), int(found[2]), float(found[3])
        assert x.shape == (n_channels, n_times), name
        if n_times > 2:
            assert np.isclose(sampling_rate(x), rate, rtol=1e-5) or name.startswith("edf/EDFplusD")
        compared += 1
    assert compared >= 50


def test_multirate_files_give_the_channels_of_one_rate(torture):
    for name in MULTIRATE:
        with pytest.warns(UserWarning, match=r"sampling rates; those at [\d.]+ Hz are read"):
            x = io.read_signal(torture / name)
        assert x.sizes["channel"] < 139
    assert x.dtype == np.float32


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_be_read_is_refused_with_the_reason(torture, name):
    with pytest.raises((OSError, ValueError), match=REFUSED[name]):
        door(torture / name)


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("antio", "antio/CA_208_refs/test-ref.cnt"),
        ("curryreader", "curry/test_bdf_stim_channel Curry 8.cdt"),
        ("mffpy", "egi/test_egi_evoked.mff"),
    ],
)
def test_a_package_that_is_missing_is_named(torture, package, name):
    try:
        __import__(package)
    except ImportError:
        with pytest.raises(ImportError, match=f"takes another package, `pip install {package}`"):
            io.read_signal(torture / name)
    else:
        assert io.read_signal(torture / name).size


@pytest.mark.parametrize(
    ("part", "whole"),
    [
        ("brainvision/test.eeg", "brainvision/test.vhdr"),
        ("brainvision/test.vmrk", "brainvision/test.vhdr"),
        ("eeglab/eeglab_data.fdt", "eeglab/eeglab_data.set"),
        (
            "persyst/sub-pt1_ses-02_task-monitor_acq-ecog_run-01_clip2.dat",
            "persyst/sub-pt1_ses-02_task-monitor_acq-ecog_run-01_clip2.lay",
        ),
    ],
)
def test_any_part_of_a_recording_opens_it(torture, part, whole):
    assert door(torture / part).identical(door(torture / whole))


def test_eeglab_of_every_age_has_its_places_and_events(torture):
    x = door(torture / "eeglab/eeglab_data.set")
    assert {"x", "y", "z"} <= set(x.coords)
    radius = np.linalg.norm(np.stack([x[a] for a in "xyz"]), axis=0)
    assert 50 < np.nanmedian(radius) < 150  # mm
    assert len(io.read_events(torture / "eeglab/eeglab_data.set")) == 154
    epochs = door(torture / "eeglab/test_epochs.set")
    assert epochs.dims == ("trial", "channel", "time")
    assert epochs.identical(door(torture / "eeglab/test_epochs_onefile.set"))
    new = door(torture / "eeglab/test_raw_hdf5.set")
    assert new.shape == (271, 256)


def test_values_of_every_format_are_those_of_mne(torture):
    mne = pytest.importorskip("mne")
    for name, read in {
        "gdf/test_1ch.gdf": mne.io.read_raw_gdf,
        "brainvision/test_old_layout_latin1_software_filter.vhdr": mne.io.read_raw_brainvision,
        "eeglab/test_raw_2021.set": mne.io.read_raw_eeglab,
        "persyst/sub-pt1_ses-02_task-monitor_acq-ecog_run-01_clip2.lay": mne.io.read_raw_persyst,
        "nihonkohden/MB0400FU.EEG": mne.io.read_raw_nihon,
        "nsx/test_NEURALCD_raw.ns3": mne.io.read_raw_nsx,
    }.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            raw = read(torture / name, verbose="CRITICAL")
        x = door(torture / name)
        eeg = np.isin(x.type.values, ["eeg", "seeg", "ecog"])
        np.testing.assert_allclose(
            x[eeg], raw.get_data()[eeg] * 1e6, rtol=1e-5, atol=1e-3, err_msg=name
        )
        assert x.channel.values.tolist() == raw.ch_names
        assert len(io.read_events(torture / name)) == len(raw.annotations)


def test_edf_written_by_us_survives_every_cut(tmp_path):
    """A file cut anywhere is read as far as it goes or refused, and never anything else."""
    from neurokit.recording import events, signal

    x = signal(np.random.default_rng(0).normal(0, 9, (2, 60)), sampling_rate=20)
    whole = io.write_edf(tmp_path / "a.edf", x, events([0.5], 0, "a")).read_bytes()
    path = Path(tmp_path / "b.edf")
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        part, said = attempt(path)
        if part is None:
            assert said.startswith(str(path))
        else:
            np.testing.assert_allclose(part, x[:, : part.sizes["time"]], atol=1e-3)


def test_edf_with_any_byte_of_its_header_changed_is_read_or_refused(tmp_path):
    from neurokit.recording import signal

    x = signal(np.random.default_rng(0).normal(0, 9, (2, 60)), sampling_rate=20)
    whole = bytearray(io.write_edf(tmp_path / "a.edf", x).read_bytes())
    rng = np.random.default_rng(1)
    path = tmp_path / "b.edf"
    for where in range(0, 1024, 3):
        damaged = whole.copy()
        damaged[where] = rng.integers(256)
        path.write_bytes(damaged)
        part, said = attempt(path)
        assert (part is None) == (said is not None)
        assert said is None or said.startswith(str(path)), (where, said)
