"""Downloads, without a network: a local folder, a cache, a server that answers or does not."""

import hashlib
import re
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pooch
import pytest
import requests

from neurokit.datasets import (
    fetch,
    fetch_bnci2014_001,
    fetch_eegmmidb,
    fetch_nakanishi2015,
    fetch_reaching,
)


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server for pooch: a dict of url to bytes; what is asked for is noted down."""
    monkeypatch.setenv("NEUROKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NEUROKIT_DATA", raising=False)
    served = SimpleNamespace(files={}, asked=[])

    def download(self, url, output_file, pooch, check_only=False):
        served.asked.append(url)
        if url not in served.files:
            raise requests.exceptions.ConnectionError("no route to host")
        with open(output_file, "wb") as file:  # noqa: PTH123
            file.write(served.files[url])

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", download)
    return served


def _md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


URL = "https://zenodo.org/records/583331/files/indy_20160630_01.mat?download=1"


def test_reaching_is_downloaded_once_and_verified(server, monkeypatch, tmp_path):
    server.files[URL] = b"spikes"
    monkeypatch.setitem(fetch._REACHING_MD5, "indy_20160630_01", _md5(b"spikes"))
    path = fetch_reaching("indy_20160630_01")
    assert path == tmp_path / "cache" / "indy_20160630_01.mat"
    assert path.read_bytes() == b"spikes"
    assert fetch_reaching("indy_20160630_01") == path
    assert server.asked == [URL]


def test_wrong_bytes_are_refused_and_not_kept(server, tmp_path):
    server.files[URL] = b"a page of an error"
    with pytest.raises(OSError, match="bytes that are not those published"):
        fetch_reaching("indy_20160630_01")
    assert not list((tmp_path / "cache").glob("*"))


def test_offline_says_where_to_put_the_file(server):
    words = r"download https:.*ConnectionError.*put indy_20160622_01.mat.*NEUROKIT_DATA"
    with pytest.raises(OSError, match=words):
        fetch_reaching()


def test_the_local_folder_comes_first(server, monkeypatch, tmp_path):
    there = tmp_path / "mine" / "deep"
    there.mkdir(parents=True)
    (there / "loco_20170210_03.mat").write_bytes(b"local")
    monkeypatch.setenv("NEUROKIT_DATA", str(tmp_path / "mine"))
    with pytest.raises(OSError, match=r"loco_20170210_03.mat: not the published file"):
        fetch_reaching("loco_20170210_03")
    monkeypatch.setitem(fetch._REACHING_MD5, "loco_20170210_03", _md5(b"local"))
    assert fetch_reaching("loco_20170210_03") == there / "loco_20170210_03.mat"
    assert server.asked == []


def test_the_six_sessions_are_those_of_the_benchmark():
    assert len(fetch.REACHING_SESSIONS) == 6
    assert all(re.fullmatch("[0-9a-f]{32}", md5) for md5 in fetch._REACHING_MD5.values())
    with pytest.raises(ValueError, match=r"must be one of \['indy_20160622_01'.* got 'monkey'"):
        fetch_reaching("monkey")


def test_eegmmidb_is_checked_against_the_list_of_physionet(server, tmp_path):
    base = "https://physionet.org/files/eegmmidb/1.0.0/"
    digest = hashlib.sha256(b"edf").hexdigest()
    server.files[base + "SHA256SUMS.txt"] = f"{digest} S002/S002R08.edf\n0 RECORDS\n".encode()
    server.files[base + "S002/S002R08.edf"] = b"edf"
    assert fetch_eegmmidb(2, 8).read_bytes() == b"edf"
    server.files[base + "S002/S002R08.edf"] = b"cut"
    (tmp_path / "cache" / "S002R08.edf").unlink()
    with pytest.raises(OSError, match="not those published"):
        fetch_eegmmidb(2, 8)
    with pytest.raises(OSError, match=r"does not name S003/S003R01.edf"):
        fetch_eegmmidb(3, 1)


def test_eegmmidb_takes_a_local_file(server, monkeypatch, tmp_path):
    (tmp_path / "S001R04.edf").write_bytes(b"edf")
    monkeypatch.setenv("NEUROKIT_DATA", str(tmp_path))
    assert fetch_eegmmidb() == tmp_path / "S001R04.edf"
    assert server.asked == []


@pytest.mark.parametrize(
    ("args", "words"), [((110, 1), "subject must be 1 to 109"), ((1, 0), "run must")]
)
def test_eegmmidb_refuses_who_is_not_there(args, words):
    with pytest.raises(ValueError, match=words):
        fetch_eegmmidb(*args)


class _Paradigm:
    """What MOABB's paradigms do, on invented trials."""

    def __init__(self, n_classes, fmin, fmax):
        self.n_classes = n_classes

    def get_data(self, dataset, subjects, return_epochs):
        assert return_epochs
        if dataset == "offline":
            raise requests.exceptions.ConnectionError("no route to host")
        epochs = SimpleNamespace(
            get_data=lambda copy: np.full((2, 3, 50), 1e-6),
            info={"sfreq": 250.0},
            ch_names=["C3", "Cz", "C4"],
            times=np.arange(50) / 250,
        )
        table = pd.DataFrame({"subject": subjects * 2, "session": ["0", "1"], "run": ["0", "0"]})
        return epochs, np.array(["left_hand", "feet"]), table


@pytest.fixture
def moabb(monkeypatch):
    datasets = SimpleNamespace(BNCI2014_001=lambda: "set", Nakanishi2015=lambda: "offline")
    paradigms = SimpleNamespace(MotorImagery=_Paradigm, SSVEP=_Paradigm)
    package = SimpleNamespace(datasets=datasets, paradigms=paradigms)
    for name, module in (("", package), (".datasets", datasets), (".paradigms", paradigms)):
        monkeypatch.setitem(sys.modules, f"moabb{name}", module)


def test_sets_of_moabb_arrive_as_labelled_trials_in_microvolts(moabb):
    trials = fetch_bnci2014_001(3)
    assert trials.dims == ("trial", "channel", "time")
    assert trials["label"].values.tolist() == ["left_hand", "feet"]
    assert trials["subject"].values.tolist() == [3, 3]
    np.testing.assert_allclose(trials, 1.0)
    assert trials.attrs["units"] == "uV"
    with pytest.raises(OSError, match=r"fetch_nakanishi2015: could not download.* connect and"):
        fetch_nakanishi2015(1)


def test_without_moabb_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "moabb", None)
    with pytest.raises(ImportError, match=r'pip install "neurokit-brain\[moabb\]"'):
        fetch_bnci2014_001()
    with pytest.raises(ValueError, match="subject must be 1 to 9, got 10"):
        fetch_nakanishi2015(10)
