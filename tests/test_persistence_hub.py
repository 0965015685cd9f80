"""Weights on a hub: a stand-in of it on this machine."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from neurokit.features import BandPower
from neurokit.tokenizers import ScalarTokenizer

COMMIT = "0" * 40


class Hub(BaseHTTPRequestHandler):
    """As much of the hub's interface as uploads and downloads of small files use."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, body=b"{}", status=200, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        files = self.server.files
        if self.path.endswith("/preupload/main"):
            asked = json.loads(body)["files"]
            found = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in asked
            ]
            self.answer(json.dumps({"files": found}).encode())
        elif "/commit/" in self.path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            address = f"http://{self.headers['Host']}/me/model/commit/{COMMIT}"
            made = {"success": True, "commitOid": COMMIT, "commitUrl": address, "hookOutput": ""}
            self.answer(json.dumps(made).encode())
        else:
            self.answer(json.dumps({"url": f"http://{self.headers['Host']}/me/model"}).encode())

    def do_GET(self):
        user_and_name, _, name = self.path.partition("/resolve/")
        content = self.server.files.get(name.partition("/")[2])
        if self.path.startswith("/api/"):
            self.answer(json.dumps({"id": "me/model", "sha": COMMIT, "siblings": []}).encode())
        elif content is None or user_and_name != "/me/model":
            self.answer(
                b"", 404, X_Error_Code="EntryNotFound" if content is None else "RepoNotFound"
            )
        else:
            self.answer(content, ETag=f'"{len(content)}"', X_Repo_Commit=COMMIT)

    do_HEAD = do_GET  # noqa: N815


@pytest.fixture
def hub(monkeypatch, tmp_path):
    constants = pytest.importorskip("huggingface_hub.constants")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.files = {}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_TOKEN", "none")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def fitted():
    x = np.random.default_rng(0).normal(size=(6, 3, 200))
    return BandPower({"alpha": (8, 12)}, sampling_rate=100).fit(x), x


def test_weights_go_to_the_hub_and_come_back(hub, fitted):
    power, x = fitted
    address = power.push_to_hub("me/model", message="First")
    assert address.endswith(COMMIT)
    assert set(hub.files) == {"model.safetensors", "README.md"}
    assert b'BandPower.from_pretrained("me/model")' in hub.files["README.md"]
    again = BandPower.from_pretrained("me/model")
    np.testing.assert_array_equal(again.transform(x), power.transform(x))
    hub.files["README.md"] = b"by hand"
    power.push_to_hub("me/model")
    assert hub.files["README.md"] == b"by hand"


def test_what_the_hub_lacks_is_one_sentence(hub):
    with pytest.raises(OSError, match=r"cannot get model.safetensors of 'me/other' from the hub"):
        BandPower.from_pretrained("me/other")


def test_paths_need_no_hub(tmp_path, fitted):
    power, x = fitted
    for name in ("any.safetensors", "model.safetensors"):
        path = power.save(tmp_path / name)
        np.testing.assert_array_equal(BandPower.from_pretrained(path).bands_, power.bands_)
    found = BandPower.from_pretrained(tmp_path)  # the folder with a model.safetensors
    np.testing.assert_array_equal(found.transform(x), power.transform(x))
    with pytest.raises(TypeError, match=r"holds a neurokit\.features\.BandPower"):
        ScalarTokenizer.from_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match="no repository; expected the path that save"):
        BandPower.from_pretrained(tmp_path / "none")


def test_without_the_extra_the_way_out_is_named(monkeypatch, fitted):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"neurokit-brain\[share\]"):
        BandPower.from_pretrained("me/model")
    with pytest.raises(ImportError, match="push_to_hub needs huggingface_hub"):
        fitted[0].push_to_hub("me/model")
    with pytest.raises(ValueError, match="repository 'user/name', got 'model'"):
        fitted[0].push_to_hub("model")
