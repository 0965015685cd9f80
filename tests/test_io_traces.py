"""Calcium traces: suite2p without pickle, imaging in NWB."""

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import neurokit
from neurokit.io import read_traces

DATA = Path(os.environ.get("NEUROKIT_DATA", "data"))


def suite2p(folder, n_rois=4, n_frames=20, seed=0):
    """Write a plane; returns F, Fneu and which are cells."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    f, around = rng.random((2, n_rois, n_frames)).astype(np.float32)
    cell = np.column_stack([np.arange(n_rois) % 2 == 0, rng.random(n_rois)]).astype(float)
    for name, values in (("F", f), ("Fneu", around), ("iscell", cell)):
        np.save(folder / f"{name}.npy", values)
    np.save(folder / "stat.npy", np.array([{"med": (1, 2)}], dtype=object), allow_pickle=True)
    return f, around, cell


def test_suite2p_is_fluorescence_less_neuropil_of_cells(tmp_path):
    f, around, cell = suite2p(tmp_path)
    x = read_traces(tmp_path, sampling_rate=30, neuropil=0.5)
    np.testing.assert_allclose(x.values, (f - 0.5 * around)[::2], rtol=1e-6)
    assert x["roi"].values.tolist() == [0, 2]
    np.testing.assert_allclose(x["cell_probability"], cell[::2, 1], rtol=1e-6)
    assert neurokit.sampling_rate(x) == 30
    assert len(read_traces(tmp_path, sampling_rate=30, cells_only=False)) == 4


def test_planes_stand_one_below_the_other(tmp_path):
    for k in (0, 1, 10):
        suite2p(tmp_path / f"plane{k}", seed=k)
    x = read_traces(tmp_path, sampling_rate=5)
    assert x["unit"].values.tolist() == ["0-0", "0-2", "1-0", "1-2", "2-0", "2-2"]
    suite2p(tmp_path / "plane1", n_frames=7)
    with pytest.raises(ValueError, match=r"planes have \[7, 20\] frames"):
        read_traces(tmp_path, sampling_rate=5)


def test_constant_traces_are_marked(tmp_path):
    np.save(tmp_path / "F.npy", np.vstack([np.ones(9), np.arange(9.0)]))
    assert read_traces(tmp_path, sampling_rate=1)["constant"].values.tolist() == [True, False]


@pytest.mark.filterwarnings("ignore::UserWarning")  # of pynwb, as it writes
def test_imaging_in_nwb(tmp_path):
    pynwb = pytest.importorskip("pynwb")
    from pynwb import ophys

    start = datetime(2026, 1, 1, tzinfo=UTC)
    file = pynwb.NWBFile(session_description="d", identifier="i", session_start_time=start)
    device = file.create_device(name="scope")
    channel = ophys.OpticalChannel(name="c", description="d", emission_lambda=500.0)
    plane = file.create_imaging_plane(
        name="p", optical_channel=channel, description="d", device=device, indicator="i",
        excitation_lambda=600.0, location="V1",
    )  # fmt: skip
    segments = ophys.ImageSegmentation()
    table = segments.create_plane_segmentation(description="d", imaging_plane=plane, name="rois")
    for _ in range(3):
        table.add_roi(image_mask=np.ones((2, 2)))
    region = table.create_roi_table_region(description="d", region=[0, 1, 2])
    values = np.random.default_rng(0).random((12, 3)).astype(np.float32)
    module = file.create_processing_module(name="ophys", description="d")
    module.add(segments)
    for holder, scale in ((ophys.Fluorescence(), 100), (ophys.DfOverF(), 1)):
        holder.create_roi_response_series(
            name="r", data=values * scale, rois=region, unit="n.a.", rate=10.0
        )
        module.add(holder)
    with pynwb.NWBHDF5IO(tmp_path / "a.nwb", "w") as io:
        io.write(file)
    x = read_traces(tmp_path / "a.nwb")
    np.testing.assert_allclose(x.values, values.T)
    assert neurokit.sampling_rate(x) == 10
    assert x["roi"].values.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match=r"expects one ROI response series 'r', found \["):
        read_traces(tmp_path / "a.nwb", series="r")


def test_what_is_no_recording_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_traces(tmp_path / "none")
    with pytest.raises(OSError, match=r"neither F\.npy nor planes"):
        read_traces(tmp_path)
    suite2p(tmp_path)
    with pytest.raises(ValueError, match=r"ops\.npy, which is not read; give sampling_rate="):
        read_traces(tmp_path)
    np.save(tmp_path / "Fneu.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(OSError, match="without pickle"):
        read_traces(tmp_path, sampling_rate=1)
    np.save(tmp_path / "Fneu.npy", np.zeros((2, 2)))
    with pytest.raises(OSError, match=r"F\.npy has shape \(4, 20\) and Fneu\.npy \(2, 2\)"):
        read_traces(tmp_path, sampling_rate=1)


@pytest.mark.skipif(not (DATA / "calcium_suite2p_output").exists(), reason="no recordings here")
def test_a_real_plane_with_constant_regions():
    x = read_traces(DATA / "calcium_suite2p_output" / "plane0", sampling_rate=30, cells_only=False)
    assert x.shape == (219, 2000)
    assert x["constant"].any()
