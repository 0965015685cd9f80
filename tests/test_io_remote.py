"""NWB over the network, from a server on this machine."""

import pickle
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import h5py
import numpy as np
import pytest

import neurokit as nk
from neurokit import io
from neurokit.cli.main import main
from neurokit.datasets import fetch_dandi, fetch_openneuro
from neurokit.io.readers.remote import HttpFile


class Server(BaseHTTPRequestHandler):
    """Files by their names, in ranges, or whole where the server's ``ranges`` is false."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        content = self.server.files.get(self.path.lstrip("/"))
        if self.server.failing > 0:
            self.server.failing -= 1
            return self.answer(503, b"")
        if content is None:
            return self.answer(404, b"")
        wanted = self.headers.get("Range")
        if not wanted or not self.server.ranges:
            return self.answer(200, content)
        start, stop = wanted.removeprefix("bytes=").split("-")
        part = content[int(start) : int(stop) + 1]
        self.server.sent += len(part)
        return self.answer(206, part, f"bytes {start}-{stop}/{len(content)}")

    def answer(self, status, body, span=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if span:
            self.send_header("Content-Range", span)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server():
    made = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    made.files, made.ranges, made.failing, made.sent = {}, True, 0, 0
    made.address = f"http://127.0.0.1:{made.server_port}"
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def recording(tmp_path):
    """An NWB file of 6 MB, its samples in chunks."""
    rng = np.random.default_rng(0)
    x = nk.signal(rng.normal(size=(8, 200_000)), sampling_rate=1000, types="ecog")
    io.write_nwb(tmp_path / "a.nwb", x)
    return tmp_path / "a.nwb"


def test_nwb_is_read_in_pieces_over_http(server, recording):
    content = recording.read_bytes()
    server.files["a.nwb"] = content
    here = io.read_signal(recording)
    there = io.read_signal(f"{server.address}/a.nwb")
    assert there.dims == here.dims
    assert nk.sampling_rate(there) == 1000
    piece = there.sel(time=slice(100, 101))
    np.testing.assert_array_equal(piece.values, here.sel(time=slice(100, 101)).values)
    assert server.sent < len(content) / 2
    again = pickle.loads(pickle.dumps(there.isel(time=slice(0, 10))))
    np.testing.assert_array_equal(again.values, here.values[:, :10])
    np.testing.assert_array_equal(there.values, here.values)


def test_what_a_server_cannot_do_is_one_sentence(server, recording, tmp_path):
    address = f"{server.address}/a.nwb"
    with pytest.raises(OSError, match=r"a.nwb: its server said 404 Not Found; check the address"):
        io.read_session(address)
    server.files["a.nwb"] = b"no HDF5 at all" * 100
    with pytest.raises(OSError, match=r"a.nwb: is damaged or not HDF5"):
        io.read_session(address)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["x"] = 1
    server.files["a.nwb"] = (tmp_path / "b.h5").read_bytes()
    with pytest.raises(OSError, match="without an nwb_version"):
        io.read_session(address)
    server.ranges = False
    with pytest.raises(OSError, match=r"does not answer ranges \(it said 200\); download"):
        io.read_session(address)
    with pytest.raises(OSError, match=r"cannot be read \(ConnectionError\)"):
        io.read_session("http://127.0.0.1:9/a.nwb")
    with pytest.raises(ValueError, match="only NWB is read over the network"):
        io.read_signal(f"{server.address}/a.edf")


def test_what_fails_once_is_tried_again(server, recording):
    server.files["a.nwb"] = content = recording.read_bytes()
    server.failing = 2
    file = HttpFile(f"{server.address}/a.nwb")
    file.seek(-100, 2)
    assert file.read(200) == content[-100:]
    file.seek(1_000_000)
    assert file.read(700_000) == content[1_000_000:1_700_000]


def test_other_addresses_go_through_fsspec(recording):
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://a.nwb", "wb") as file:
        file.write(recording.read_bytes())
    there = io.read_signal("memory://a.nwb")
    np.testing.assert_array_equal(there.values[:, :50], io.read_signal(recording).values[:, :50])


def test_info_takes_an_address(server, recording, capsys):
    server.files["a.nwb"] = recording.read_bytes()
    assert main(["info", f"{server.address}/a.nwb"]) == 0
    assert f"{server.address}/a.nwb" in capsys.readouterr().out


def test_files_of_archives_are_fetched_by_their_names(server, recording, monkeypatch, tmp_path):
    import hashlib
    import json

    content = recording.read_bytes()
    monkeypatch.setenv("NEUROKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NEUROKIT_DATA", raising=False)
    monkeypatch.setattr("neurokit.datasets.archives.OPENNEURO", server.address)
    monkeypatch.setattr("neurokit.datasets.archives.DANDI", server.address)
    server.files["ds000117/sub-01/eeg/a.nwb"] = content
    path = fetch_openneuro("ds000117", "sub-01/eeg/a.nwb")
    assert path.read_bytes() == content
    assert path.parts[-4:] == ("ds000117", "sub-01", "eeg", "a.nwb")
    del server.files["ds000117/sub-01/eeg/a.nwb"]
    assert fetch_openneuro("ds000117", "sub-01/eeg/a.nwb") == path  # once is enough
    with pytest.raises(OSError, match=r"could not download .*ds000117/none.edf"):
        fetch_openneuro("ds000117", "none.edf")
    with pytest.raises(ValueError, match="dataset must be named like 'ds000117', got 'x'"):
        fetch_openneuro("x", "a")

    listed = {"results": [{"asset_id": "77", "path": "sub-1/a.nwb"}]}
    listing = "dandisets/000003/versions/draft/assets/?path=sub-1/a.nwb"
    server.files[listing] = json.dumps(listed).encode()
    digest = {"digest": {"dandi:sha2-256": hashlib.sha256(content).hexdigest()}}
    server.files["assets/77/"] = json.dumps(digest).encode()
    server.files["assets/77/download/"] = content
    assert fetch_dandi("000003", "sub-1/a.nwb").read_bytes() == content
    address = fetch_dandi("000003", "sub-1/a.nwb", download=False)
    assert io.read_signal(address).sizes["time"] == 200_000
    digest["digest"]["dandi:sha2-256"] = "0" * 64
    server.files["assets/77/"] = json.dumps(digest).encode()
    (tmp_path / "cache" / "dandi" / "000003" / "sub-1" / "a.nwb").unlink()
    with pytest.raises(OSError, match="bytes that are not those published"):
        fetch_dandi("000003", "sub-1/a.nwb")
    server.files[listing] = b'{"results": []}'
    with pytest.raises(OSError, match=r"has no file 'sub-1/a\.nwb'"):
        fetch_dandi("000003", "sub-1/a.nwb")
    with pytest.raises(ValueError, match="dandiset must be six digits"):
        fetch_dandi("3", "a")
