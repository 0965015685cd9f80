"""Recordings of no channels, no samples or one: every writer and reader keeps or refuses them."""

import numpy as np
import pytest
import scipy.io
import xarray as xr

import neurokit
from neurokit import io, recording
from neurokit.cli.main import main

SHAPES = [(0, 10), (3, 0), (3, 1), (1, 1), (1, 2), (0, 0)]


def write_fif(path, x):
    io.to_mne(x).save(path, verbose="error", overwrite=True)
    return path


def write_brainvision(path, x):
    path.with_suffix(".eeg").write_bytes(x.values.T.astype("<i2").tobytes())
    channels = "".join(f"Ch{k + 1}=C{k},,1,uV\n" for k in range(len(x)))
    path.write_text(
        "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\n"
        f"DataFile={path.stem}.eeg\nDataFormat=BINARY\nDataOrientation=MULTIPLEXED\n"
        f"NumberOfChannels={len(x)}\nSamplingInterval=10000\n[Binary Infos]\n"
        f"BinaryFormat=INT_16\n[Channel Infos]\n{channels}"
    )
    return path


def write_eeglab(path, x):
    places = np.zeros(len(x), dtype=[("labels", object), ("type", object)])
    places["labels"] = [f"C{k}" for k in range(len(x))]
    held = {"nbchan": float(len(x)), "trials": 1.0, "pnts": float(x.shape[1]), "srate": 100.0}
    held |= {"xmin": 0.0, "xmax": max(x.shape[1] - 1, 0) / 100, "data": x.values, "ref": "common"}
    held |= {"chanlocs": places, "event": np.array([]), "epoch": np.array([]), "setname": "x"}
    held |= {"chaninfo": {"nosedir": "+X"}}
    scipy.io.savemat(path, {"EEG": held}, appendmat=False)
    return path


def write_edf_by_hand(path, x, width=2):
    """Write one record of all samples; none where there are none."""
    n, n_times = x.shape
    low, high = str(-(2 ** (8 * width - 1))), str(2 ** (8 * width - 1) - 1)
    columns = [("C", 16), ("", 80), ("uV", 8), (low, 8), (high, 8), (low, 8), (high, 8), ("", 80)]
    columns += [(str(max(n_times, 1)), 8), ("", 32)]
    head = (b"\xffBIOSEMI" if width == 3 else b"0".ljust(8)) + b"X".ljust(160)
    head += b"01.02.0304.05.06" + str(256 * (n + 1)).encode().ljust(8)
    head += (b"24BIT" if width == 3 else b"").ljust(44) + (b"1" if n_times else b"0").ljust(8)
    head += str(max(n_times, 1) / 100).encode().ljust(8) + str(n).encode().ljust(4)
    for text, size in columns:
        names = [f"C{k}" if text == "C" else text for k in range(n)]
        head += b"".join(name.encode().ljust(size) for name in names)
    values = x.values.astype("<i4")[..., None].view(np.uint8)[..., :width]
    path.write_bytes(head + values.tobytes())
    return path


WRITERS = {
    "a.edf": io.write_edf,
    "hand.edf": write_edf_by_hand,
    "hand.bdf": lambda path, x: write_edf_by_hand(path, x, 3),
    "a.nc": io.save,
    "a.zarr": io.save,
    "a.nwb": io.write_nwb,
    "a_raw.fif": write_fif,
    "a.vhdr": write_brainvision,
    "a.set": write_eeglab,
}
NEEDS = {"a.nwb": "pynwb", "a_raw.fif": "mne", "a.vhdr": "mne", "a.set": "mne"}
# What a format cannot hold: refused by its writer, or where others write, by the reader.
UNWRITTEN = {
    "a.edf": {(0, 10): "signal with samples", (3, 0): "signal with samples"},
    "a.nwb": {(0, 10): "at least one channel"},
    "a_raw.fif": {(0, 10): "n_channels", (3, 0): "no samples"},  # in MNE's words
}
UNREAD = {
    "hand.edf": {(0, 10): "number of signals '0'", (3, 0): "holds a header and no record"},
    "hand.bdf": {(0, 10): "number of signals '0'", (3, 0): "holds a header and no record"},
    "a.vhdr": {(0, 10): "perhaps it holds no channels"},
    "a.set": dict.fromkeys(SHAPES[:4], "perhaps it holds no channels, no samples or a single"),
}


def said_of(table, kind, shape):
    table = table.get(kind, {})
    return table.get((0, 10) if shape == (0, 0) else shape)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", WRITERS)
def test_signals_of_next_to_nothing(tmp_path, capsys, kind, shape):
    if kind in NEEDS:
        pytest.importorskip(NEEDS[kind])
    x = neurokit.signal(
        np.arange(np.prod(shape), dtype="f4").reshape(shape),
        sampling_rate=100,
        channels=[f"C{k}" for k in range(shape[0])],
    )
    path = tmp_path / kind
    if (said := said_of(UNWRITTEN, kind, shape)) is not None:
        with pytest.raises((ValueError, IndexError), match=said):
            WRITERS[kind](path, x)
        assert not path.exists()
        return
    WRITERS[kind](path, x)
    if (said := said_of(UNREAD, kind, shape)) is not None:
        for door in (io.read_signal, io.read_session, io.read_events):
            with pytest.raises(OSError, match=said) as caught:
                door(path)
            assert str(caught.value).startswith(str(path))
            assert "\n" not in str(caught.value)
        assert main(["info", str(path)]) == 1
        return
    found = io.read_signal(path).load()
    assert found.shape == shape
    assert found["channel"].values.tolist() == x["channel"].values.tolist()
    np.testing.assert_allclose(found, x, atol=1e-3)
    assert len(io.read_events(path)) == 0
    (node,) = io.read_session(path).leaves
    assert dict(node.sizes) == dict(x.sizes)
    assert main(["info", str(path)]) == 0
    told = capsys.readouterr().out
    assert ("There are no samples" in told) == (shape[1] == 0)
    assert ("There are no channels" in told) == (shape[0] == 0)


def write_npz(path, x):
    ids = np.repeat(x["unit"].values, x["spike_count"].values.astype(int))
    np.savez(path, spike_times=x["spike_time"].values, unit=ids)


def write_mat(path, x):
    cells = np.empty(x.sizes["unit"], object)
    for k in range(len(cells)):
        cells[k] = x.isel(unit=k)["spike_time"].values
    scipy.io.savemat(path, {"spike_times": cells})


TRAINS = {"no units": {}, "silent": {"a": [], "b": []}, "one spike": {"a": [0.5]}}


@pytest.mark.parametrize("trains", TRAINS)
@pytest.mark.parametrize("kind", ["nc", "zarr", "nwb", "npz", "mat"])
def test_spikes_of_next_to_nothing(tmp_path, capsys, kind, trains):
    x = neurokit.spikes(TRAINS[trains], stop=1.0)
    path = tmp_path / f"s.{kind}"
    write = {"nwb": io.write_nwb, "npz": write_npz, "mat": write_mat}.get(kind, io.save)
    if kind == "nwb":
        pytest.importorskip("pynwb")
    if kind == "nwb" and trains == "no units":
        with pytest.raises(ValueError, match="spikes of at least one unit, got none"):
            write(path, x)
        return
    write(path, x)
    found = io.read_spikes(path)
    assert found["spike_time"].values.tolist() == x["spike_time"].values.tolist()
    kept = 0 if kind == "npz" and trains == "silent" else x.sizes["unit"]  # it names no others
    assert found.sizes["unit"] == kept
    assert main(["info", str(path)]) == 0
    assert ("no spikes at all" in capsys.readouterr().out) == (trains != "one spike")


@pytest.mark.parametrize("shape", [(0, 4, 3), (2, 0, 3), (1, 1, 1)])
def test_tokens_of_next_to_nothing(tmp_path, capsys, shape):
    values = np.zeros(shape, int)
    tokens = xr.DataArray(values, dims=("channel", "frame", "level"))
    path = io.write_tokens(tmp_path / "t.ntok", tokens)
    assert io.read_tokens(path).shape == shape
    assert np.isnan(io.token_info(path)["bits_per_token"]) == (0 in shape)
    assert main(["info", str(path)]) == 0
    assert ("there are none" in capsys.readouterr().out) == (0 in shape)


def test_other_things_of_next_to_nothing(tmp_path, capsys):
    none = xr.DataArray(np.zeros((2, 4, 0), int), dims=("channel", "frame", "level"))
    with pytest.raises(ValueError, match="tokens need one level or more"):
        io.write_tokens(tmp_path / "t.ntok", none)
    path = io.save(tmp_path / "b.nc", recording.behaviour(np.zeros((0, 2)), sampling_rate=10))
    assert main(["info", str(path)]) == 0
    assert "behaviour: There are no samples" in capsys.readouterr().out
    recording.events([], [], []).to_csv(tmp_path / "e.tsv", sep="\t", index=False)
    assert len(io.read_events(tmp_path / "e.tsv")) == 0
    assert main(["info", str(tmp_path / "e.tsv")]) == 0
    x = neurokit.signal(np.zeros((2, 9)), sampling_rate=10)
    named = xr.DataTree.from_dict({"signal/a": x.to_dataset(name="volts")})
    assert main(["info", str(io.save(tmp_path / "s.nc", named))]) == 0
    assert "signal/a" in capsys.readouterr().out
    pytest.importorskip("pynapple")
    with pytest.raises(ValueError, match=r"no interval without length.*from 0\.5 to 0\.5 s"):
        io.to_pynapple(neurokit.spikes({"a": [0.5]}, start=0.5, stop=0.5))
