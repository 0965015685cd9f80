"""Every decoder along time, and what stands before and behind it, on recordings that are odd.

Units that fall silent or wake up, one unit, empty bins, one time step, NaN, and streams cut
anywhere against the whole recording.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

import neurokit
from neurokit.datasets import make_motifs
from neurokit.decoders import (
    BesselFilter,
    FIRSmoother,
    KalmanRegressor,
    MotifDetector,
    RecurrentRegressor,
    SmoothedRegressor,
    SpikingRegressor,
    WienerCascadeRegressor,
    WienerRegressor,
    WindowMLPRegressor,
)
from neurokit.features import DeltaEncoder, LagWindow, LegendreHistory, LiquidState
from neurokit.training import Trainer

N, N_UNITS = 400, 6
NETWORK = {"trainer": Trainer(2, batch_size=8, device="cpu"), "random_state": 0}
DECODERS = {
    "Wiener": WienerRegressor(5),
    "cascade": WienerCascadeRegressor(5),
    "Kalman": KalmanRegressor(),
    "spiking": SpikingRegressor(8, **NETWORK),
    "snn2": SpikingRegressor(preset="snn2", **NETWORK),
    "snn3d": SpikingRegressor(preset="snn3d", **NETWORK),
    "streaming": SpikingRegressor(preset="streaming", **NETWORK),
    "GRU": RecurrentRegressor("gru", hidden=6, **NETWORK),
    "LSTM": RecurrentRegressor("lstm", hidden=6, **NETWORK),
    "ELM": RecurrentRegressor("elm", hidden=6, **NETWORK),
    "ANN2D": WindowMLPRegressor((6,), **NETWORK),
    "ANN3D": WindowMLPRegressor((6,), n_parts=5, **NETWORK),
    "Wiener, Bessel": SmoothedRegressor(WienerRegressor(3), BesselFilter(1.0, block=16)),
    "Wiener, causal": SmoothedRegressor(WienerRegressor(3), BesselFilter(5.0, mode="causal")),
    "Kalman, FIR": SmoothedRegressor(KalmanRegressor(), FIRSmoother(8, delay=2)),
}
STEPS = {
    "lags": LagWindow(4),
    "Legendre": LegendreHistory(4),
    "liquid": LiquidState(20, input_scale=2.0, random_state=0),
    "delta": DeltaEncoder(),
    "Bessel": BesselFilter(1.0, block=16),
    "causal": BesselFilter(5.0, mode="causal"),
    "FIR": FIRSmoother(8, delay=2),
    "motifs": MotifDetector(n_delays=6),
}
each_decoder = pytest.mark.parametrize("name", DECODERS)
each_stream = pytest.mark.parametrize("name", [*DECODERS, *STEPS])


def counts(values):
    ids = [f"u{i}" for i in range(len(values))]
    return neurokit.counts(np.ascontiguousarray(values), bin_width=0.02, ids=ids)


@pytest.fixture(scope="module")
def session():
    """Six units that follow a hand; 8 s in bins of 20 ms."""
    rng = np.random.default_rng(0)
    hand = np.sin(np.arange(N)[:, None] / [15, 23])
    rates = np.maximum(1 + hand @ rng.normal(size=(2, N_UNITS)), 0.1)
    y = neurokit.behaviour(hand, sampling_rate=50, features=["vx", "vy"])
    return counts(rng.poisson(rates).T), y


@pytest.fixture(scope="module")
def fitted(session):
    """Each once, and what it says of the whole recording: rows along time."""
    found = {}

    def of(name):
        if name not in found:
            x, y = session
            if name == "FIR":
                x = y
            if name == "motifs":
                options = {"n_steps": 400, "n_members": 3, "motif_rate": 6, "bin_width": 0.005}
                spikes, truth = make_motifs(4, 2, n_delays=6, random_state=0, **options)
                x, y = neurokit.bin_spikes(spikes, 0.005), truth["occurrence"].T.astype(float)
            estimator = clone((DECODERS | STEPS)[name]).fit(x, y)
            kinds = ("transform", "predict")
            whole = next(getattr(estimator, kind) for kind in kinds if hasattr(estimator, kind))
            result = whole(x).transpose("time", ...).values
            found[name] = estimator, x.transpose("time", ...).values.astype(float), result
        return found[name]

    return of


def sound(prediction):
    """Finite, and no farther off than a few times the movement, which stays within one."""
    values = np.asarray(prediction)
    return np.isfinite(values).all() and np.abs(values).max() < 20


@each_decoder
def test_units_that_fall_silent_leave_a_prediction(fitted, session, name):
    estimator, x = fitted(name)[0], session[0]
    some = x.where(x["unit"] != "u2", 0)
    assert sound(estimator.predict(some))
    assert sound(estimator.predict(x * 0))
    assert not np.array_equal(estimator.predict(some), estimator.predict(x))


@each_decoder
def test_units_that_wake_up_are_no_danger(session, name):
    x, y = session
    values = x.values.copy()
    values[2, :300] = 0
    values[2, 300:] += 15
    estimator = clone(DECODERS[name]).fit(counts(values[:, :300]), y[:300])
    guess = estimator.predict(counts(values[:, 300:]))
    assert sound(guess)
    if name == "snn3d":  # it normalises over all units, so one that is loud hides the others
        return
    values[2] = 0
    np.testing.assert_allclose(guess, estimator.predict(counts(values[:, 300:])), atol=0.5)


@each_decoder
@pytest.mark.parametrize(
    ("part", "rows"),
    [
        pytest.param({"unit": [0]}, None, id="one unit"),
        pytest.param({}, 0, id="nothing fires"),
        pytest.param({}, 50, id="most bins are empty"),
    ],
)
def test_poor_recordings_are_fitted(session, name, part, rows):
    x, y = session
    x = x.isel(part)
    if rows is not None:
        fires = (np.arange(N) % rows == 0) if rows else np.zeros(N, bool)
        x = x.copy(data=np.where(fires, x.values, 0))
    guess = clone(DECODERS[name]).fit(x, y).predict(x)
    assert np.isfinite(guess).all()
    assert np.abs(guess).max() < 100
    if rows == 0 and name not in ("ELM", "GRU", "LSTM"):  # their state moves without input
        spread = guess.values[50:].std(axis=0)
        assert (spread < 0.2).all()


@each_decoder
def test_one_output_and_a_constant_one(session, name):
    x, y = session
    one = clone(DECODERS[name]).fit(x, y[:, :1])
    assert one.predict(x).shape == (N, 1)
    still = clone(DECODERS[name]).fit(x, y * 0 + 3)
    # networks have had two epochs only, to find a constant to one unit of it
    np.testing.assert_allclose(
        still.predict(x), 3, atol=1e-6 if "module_" not in vars(still) else 8
    )


@each_decoder
def test_one_time_step(fitted, session, name):
    x, y = session
    estimator, _, whole = fitted(name)
    np.testing.assert_allclose(estimator.predict(x[:, :1]), whole[:1], atol=1e-9)
    twin = clone(DECODERS[name])
    if isinstance(twin, KalmanRegressor):
        with pytest.raises(ValueError, match=r"needs two successive time steps.*n_samples=1"):
            twin.fit(x[:, :1], y[:1])
        with pytest.raises(ValueError, match=r"needs more time steps than 3 .*n_samples=3"):
            twin.fit(x[:, :3], y[:3])
    elif isinstance(twin, SmoothedRegressor):
        with pytest.raises(ValueError, match=r"n_blocks must lie between 2 and the samples"):
            twin.fit(x[:, :1], y[:1])
    else:
        np.testing.assert_allclose(twin.fit(x[:, :1], y[:1]).predict(x[:, :1]), y[:1], atol=1.0)


@each_decoder
def test_no_time_step_is_refused(fitted, session, name):
    x, y = session
    with pytest.raises(ValueError, match="0 sample"):
        fitted(name)[0].predict(x[:, :0])
    with pytest.raises(ValueError, match="0 sample"):
        clone(DECODERS[name]).fit(x[:, :0], y[:0])


@each_decoder
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_refused(fitted, session, name, bad):
    x, y = session
    odd = x.astype(float).copy()
    odd[1, 7] = bad
    wrong = y.copy()
    wrong[3, 0] = bad
    with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
        fitted(name)[0].predict(odd)
    with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
        clone(DECODERS[name]).fit(odd, y)
    with pytest.raises(ValueError, match=r"Input y contains (NaN|infinity)"):
        clone(DECODERS[name]).fit(x, wrong)


# ---------------------------------------------------------------- live


@each_stream
@settings(deadline=None, max_examples=6)
@given(
    cuts=st.lists(st.integers(0, N), max_size=8).map(sorted),
    kind=st.sampled_from([np.float64, np.float32, np.int64, np.int8, list]),
    order=st.sampled_from("CF"),
)
def test_a_stream_cut_anywhere_gives_the_whole(fitted, name, cuts, kind, order):
    estimator, rows, whole = fitted(name)
    if kind is list or (name != "FIR" and kind is not np.float32):
        rows = np.asarray(rows, order=order, dtype=float if kind is list else kind)
    stream, seen = estimator.stream(), []
    for chunk in np.split(rows, cuts):
        given_chunk = chunk.tolist() if kind is list and len(chunk) else chunk
        seen.append(stream.push(given_chunk))
    joined = np.concatenate([*seen, stream.flush()])
    np.testing.assert_allclose(joined, whole, atol=1e-9)


@each_stream
def test_streams_of_one_estimator_do_not_meet(fitted, name):
    estimator, rows, whole = fitted(name)
    one, other = estimator.stream(), estimator.stream()
    seen = []
    for row in rows[:60]:
        seen.append(one.push(row[None]))
        other.push(3 * row[None] + 1)
    if joined := [part for part in seen if len(part)]:
        joined = np.concatenate(joined)
        np.testing.assert_allclose(joined, whole[: len(joined)], atol=1e-9)


@each_stream
def test_what_a_stream_has_said_stays(fitted, name):
    estimator, rows, _ = fitted(name)
    stream = estimator.stream()
    first = stream.push(rows[:20])
    kept = first.copy()
    stream.push(rows[20:40])
    np.testing.assert_array_equal(first, kept)


@each_stream
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_stream_refuses_nan_and_goes_on(fitted, name, bad):
    """Else it would stay in the state for good."""
    estimator, rows, whole = fitted(name)
    stream = estimator.stream()
    seen = [stream.push(rows[:5])]
    odd = rows[5:8].copy()
    odd[1, 0] = bad
    with pytest.raises(ValueError, match=r"stream: the \w+ hold NaN or infinity"):
        stream.push(odd)
    seen += [stream.push(rows[5:]), stream.flush()]
    np.testing.assert_allclose(np.concatenate(seen), whole, atol=1e-9)


@each_stream
@pytest.mark.parametrize("shape", [(N_UNITS + 1,), (2, N_UNITS + 1), (2, 2, 2), ()])
def test_a_chunk_of_another_shape_is_refused(fitted, name, shape):
    """Also one row without its time axis, which would pass for a column."""
    stream = fitted(name)[0].stream()
    shape = fitted(name)[1][0].shape if len(shape) == 1 else shape
    with pytest.raises(ValueError, match=r"takes \w+ of shape|must have"):
        stream.push(np.ones(shape))
