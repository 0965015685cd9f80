"""Poisson regressions by limited-memory steps, beside Newton's."""

import numpy as np

from neurokit.solvers.glm import fit_poisson
from neurokit.solvers.wide_glm import fit_poisson_wide


def data(n=2000, d=6, targets=3):
    rng = np.random.default_rng(0)
    X = np.c_[np.ones(n), rng.normal(size=(n, d - 1))].astype(np.float32)
    beta = rng.normal(0, 0.3, (targets, d)).astype(np.float32)
    return X, rng.poisson(np.exp(X @ beta.T)).astype(np.float32)


def test_coefficients_are_newtons():
    X, Y = data()
    weights = np.random.default_rng(1).integers(0, 2, Y.shape).astype(np.float32)
    prior = np.r_[0.0, np.full(5, 10.0)]
    expected = fit_poisson(X, Y, weights=weights, prior_precision=prior).coef
    found = fit_poisson_wide(X, Y, weights, precision=10.0)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_noise_is_given_a_strong_penalty_and_signal_a_weak_one():
    X, Y = data()
    rng = np.random.default_rng(2)
    noise = rng.poisson(0.5, (300, 3)).astype(np.float32)
    wide = np.c_[np.ones(300), rng.normal(size=(300, 100))].astype(np.float32)
    assert np.abs(fit_poisson_wide(wide, noise)[:, 1:]).max() < 0.15
    np.testing.assert_allclose(
        fit_poisson_wide(X, Y), fit_poisson_wide(X, Y, precision=1.0), atol=0.03
    )
