"""Live use of pipelines, and of chunks that carry labels."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import neurokit
from neurokit.decoders import FIRSmoother, KalmanRegressor, SmoothedRegressor, WienerRegressor
from neurokit.features import LagWindow, LegendreHistory, LempelZiv
from neurokit.streaming import stream


@pytest.fixture
def recording():
    rng = np.random.default_rng(0)
    x = neurokit.counts(rng.poisson(2, (5, 300)), bin_width=0.02, ids=list("abcde"))
    return x, x.values[:2].T.astype(float)


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(LegendreHistory(window=0.2), WienerRegressor(1)),
        make_pipeline(LagWindow(3, start="mean"), StandardScaler(), Ridge()),
        SmoothedRegressor(
            make_pipeline(LegendreHistory(window=0.2), WienerRegressor(1)), FIRSmoother(8)
        ),
    ],
)
def test_a_pipeline_runs_live(recording, estimator, size):
    x, y = recording
    estimator.fit(x.transpose("time", "unit"), y)
    rows, live = x.values.T.astype(float), stream(estimator)
    parts = [live.push(rows[k : k + size]) for k in range(0, len(rows), size)]
    found = np.concatenate([*parts, live.flush()])
    np.testing.assert_allclose(found, np.asarray(estimator.predict(x.T)), atol=1e-9)


def test_what_cannot_run_live_says_so():
    with pytest.raises(TypeError, match="LempelZiv does not run live"):
        stream(make_pipeline(LempelZiv(), WienerRegressor(1)))


@pytest.mark.parametrize("decoder", [WienerRegressor(2), KalmanRegressor(), LagWindow(2)])
def test_labelled_chunks_are_read_by_name(recording, decoder):
    x, y = recording
    decoder.fit(x, y)
    expected = decoder.stream().push(x.values.T)
    for chunk in (x, x.T, x[::-1], x[::-1].T):
        np.testing.assert_array_equal(decoder.stream().push(chunk), expected)
    square = x[:, :5]  # as many steps as units: the dims tell which is which
    np.testing.assert_array_equal(decoder.stream().push(square), expected[:5])
    with pytest.raises(ValueError, match=r"fitted on \['a', 'b', 'c', 'd', 'e'\], got a chunk of"):
        decoder.stream().push(x.assign_coords(unit=list("abcdx")))
    with pytest.raises(ValueError, match="labelled chunk must have the dims time and one more"):
        decoder.stream().push(x[0])
