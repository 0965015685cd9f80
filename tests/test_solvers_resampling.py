"""Recordings drawn alike: laws, dependence, stretches, what is left in residuals."""

import numpy as np
import pytest
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter

from neurokit.solvers import resampling


def wave(seed, n, d=2):
    rng = np.random.default_rng(seed)
    return lfilter([1], [1, -1.2, 0.6], rng.standard_normal((n + 100, d)), axis=0)[100:]


def correlate(x, lag):
    x = x - x.mean()
    return (x[: len(x) - lag] * x[lag:]).mean() / x.var()


def test_the_autoregression_is_that_of_the_normal_equations():
    x = wave(0, 4000, 1)[:, 0]
    runs = [slice(0, 1500), slice(1500, 4000)]
    found = resampling.fit_autoregression(x, runs)
    away = x - x.mean()
    sums = [
        sum(away[r][: len(away[r]) - k] @ away[r][k:] for r in runs) for k in range(len(found) + 1)
    ]
    np.testing.assert_allclose(found, solve_toeplitz(sums[:-1], sums[1:]), rtol=1e-8)
    np.testing.assert_allclose(found[:2], [1.2, -0.6], atol=0.06)
    noise = np.random.default_rng(0).standard_normal(4000)
    assert len(resampling.fit_autoregression(noise, [slice(0, 4000)])) == 0
    assert len(resampling.fit_autoregression(np.ones(50), [slice(0, 50)])) == 0


def test_what_is_drawn_has_the_values_and_the_dependence_of_the_recording():
    x = np.exp(wave(1, 5000) / 4)
    x[:, 1] = 0.7 * x[:, 0] + 0.3 * x[:, 1]
    drawn = resampling.draw_alike(x, [slice(0, 5000)], 6, 200, np.random.default_rng(2))
    assert [part.shape for part in drawn] == [x.shape] * 6
    np.testing.assert_array_equal(
        np.sort(np.concatenate(drawn), axis=0), np.repeat(np.sort(x, axis=0), 6, axis=0)
    )
    for lag in (1, 3, 7):
        found = np.mean([correlate(part[:, 0], lag) for part in drawn])
        assert abs(found - correlate(x[:, 0], lag)) < 0.04
    across = np.mean([np.corrcoef(part.T)[0, 1] for part in drawn])
    assert abs(across - np.corrcoef(x.T)[0, 1]) < 0.04


def test_bursts_of_variance_are_seen_and_kept():
    rng = np.random.default_rng(3)
    size = np.exp(lfilter([1], [1, -0.97], 0.2 * rng.standard_normal(20_000)))
    x = (size * rng.standard_normal(20_000))[:, None]
    assert resampling.find_memory(x) > 20
    assert resampling.find_memory(rng.standard_normal((20_000, 2))) < 5
    drawn = resampling.draw_alike(x, [slice(0, 20_000)], 3, 400, rng)
    kept = np.mean([correlate(np.abs(part[:, 0]), 5) for part in drawn])
    assert kept > 0.7 * correlate(np.abs(x[:, 0]), 5)


@pytest.mark.parametrize("longest", [1, 30])
def test_short_stretches_and_constant_dims_are_drawn_too(longest):
    x = np.column_stack([wave(4, 90, 1), np.ones(90)])
    runs = [slice(k, k + 15) for k in range(0, 90, 15)]
    drawn = resampling.draw_alike(x, runs, 2, longest, np.random.default_rng(0))
    assert np.isfinite(drawn).all()
    assert (drawn[0][:, 1] == 1).all()
