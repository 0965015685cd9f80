import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import r2_score

from neurokit.metrics.regression import decoding_r2
from neurokit.recording import behaviour


def test_both_scores_by_hand(rng):
    y, guess = rng.normal(size=(2, 40, 3))
    score = decoding_r2(y, guess, delay=0.2, sampling_rate=10, multioutput="raw_values")
    for k in range(3):
        error = sum((y[t, k] - guess[t, k]) ** 2 for t in range(40))
        spread = sum((y[t, k] - y[:, k].mean()) ** 2 for t in range(40))
        assert score.realtime[k] == pytest.approx(1 - error / spread)
        error = sum((y[t, k] - guess[t + 2, k]) ** 2 for t in range(38))
        spread = sum((y[t, k] - y[:38, k].mean()) ** 2 for t in range(38))
        assert score.aligned[k] == pytest.approx(1 - error / spread)


@settings(deadline=None, max_examples=30)
@given(steps=st.integers(0, 20), n=st.integers(60, 90))
def test_a_pure_delay_is_forgiven_when_aligned(steps, n):
    y = np.cumsum(np.random.default_rng(n).normal(size=(n, 2)), axis=0)
    late = np.concatenate([np.repeat(y[:1], steps, 0), y])[:n]
    score = decoding_r2(y, late, delay=steps / 50, sampling_rate=50)
    assert score.aligned == pytest.approx(1.0)
    assert score.realtime == pytest.approx(r2_score(y, late))


def test_shifting_never_reaches_across_a_jump_or_into_another_trial(rng):
    y = behaviour(rng.normal(size=(60, 1)), sampling_rate=10)
    pieces = xr.concat([y[:20], y[40:]], "time")
    late = pieces.copy(
        data=np.concatenate([np.full((2, 1), 99.0), y[:18], np.full((2, 1), 99.0), y[40:58]])
    )
    assert decoding_r2(pieces, late, delay=0.2).aligned == pytest.approx(1.0)
    trials = xr.concat([y[:20], y[40:].assign_coords(time=y[:20].time)], "trial")
    late = trials.copy(data=late.values.reshape(2, 20, 1))
    assert decoding_r2(trials, late, delay=0.2).aligned == pytest.approx(1.0)


def test_dims_are_found_by_name_and_one_column_needs_no_second_dim(rng):
    y = behaviour(rng.normal(size=(30, 2)), sampling_rate=10)
    guess = behaviour(rng.normal(size=(30, 2)), sampling_rate=10)
    assert decoding_r2(y, guess.T) == decoding_r2(y, guess)
    assert decoding_r2(y[:, 0], guess[:, 0]).realtime == pytest.approx(
        r2_score(y.values[:, 0], guess.values[:, 0])
    )


def test_errors_name_the_way_out(rng):
    y = rng.normal(size=(10, 2))
    with pytest.raises(ValueError, match=r"one shape, got \(10, 2\) and \(9, 2\)"):
        decoding_r2(y, y[:9])
    with pytest.raises(ValueError, match=r"need sampling_rate=; got delay=0\.1"):
        decoding_r2(y, y, delay=0.1)
    with pytest.raises(ValueError, match="leaves no two samples"):
        decoding_r2(y, y, delay=0.9, sampling_rate=10)
    with pytest.raises(ValueError, match="0 or more"):
        decoding_r2(y, y, delay=-0.1, sampling_rate=10)
    assert decoding_r2(y, y, delay=-1e-6, sampling_rate=10).aligned == 1.0  # rounding of a filter
