"""Pipeline files as MOABB reads them, and its evaluation around one of them."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import yaml
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

import neurokit
from neurokit.datasets import make_motor_imagery, make_ssvep

FILES = sorted((Path(neurokit.__file__).parent / "protocols" / "moabb").glob("*.yml"))


def build(path):
    """Build the pipeline as MOABB does: import, get, call."""
    file = yaml.safe_load(path.read_text())
    assert {"name", "paradigms", "pipeline"} <= set(file)
    steps = [
        getattr(import_module(step["from"]), step["name"])(**step.get("parameters", {}))
        for step in file["pipeline"]
    ]
    return make_pipeline(*steps), file


@pytest.mark.parametrize(
    "path", [f for f in FILES if f.stem != "dbconformer"], ids=lambda p: p.stem
)
def test_files_make_pipelines_that_fit_plain_arrays(path):
    pipeline, file = build(path)
    if "SSVEP" in file["paradigms"]:
        x, _ = make_ssvep((8, 10, 12), n_trials=6, n_channels=19, duration=1.0, random_state=0)
    else:
        x, _ = make_motor_imagery(1, 30, duration=2.0, sampling_rate=250, random_state=0)
    y = np.unique(x["label"].values, return_inverse=True)[1]  # MOABB counts classes from 0
    fitted = clone(pipeline).fit(x.values, y)
    assert fitted.score(x.values, y) > 0.8
    again = clone(pipeline).fit(x.values, y)
    np.testing.assert_array_equal(again.predict(x.values), fitted.predict(x.values))


@pytest.mark.filterwarnings("ignore")  # of MOABB and what it loads
def test_moabb_evaluates_them(tmp_path):
    pytest.importorskip("moabb", reason="MOABB stands in an environment of its own")
    from moabb.datasets.fake import FakeDataset
    from moabb.evaluations import WithinSessionEvaluation
    from moabb.paradigms import LeftRightImagery
    from moabb.pipelines.utils import create_pipeline_from_config

    (path,) = (f for f in FILES if f.stem == "band_power")
    config = yaml.safe_load(path.read_text())
    pipeline = create_pipeline_from_config(config["pipeline"])
    dataset = FakeDataset(
        ["left_hand", "right_hand"], n_subjects=1, n_sessions=1, paradigm="imagery"
    )
    evaluation = WithinSessionEvaluation(
        paradigm=LeftRightImagery(resample=250),
        datasets=[dataset],
        overwrite=True,
        hdf5_path=str(tmp_path),
    )
    results = evaluation.process({config["name"]: pipeline})
    assert len(results) == 1
    assert np.isfinite(results["score"]).all()
