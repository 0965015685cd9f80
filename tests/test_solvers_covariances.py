import numpy as np
import pytest

from neurokit.encoding.gain import find_connections
from neurokit.features import EuclideanAlignment
from neurokit.pretraining.pools import find_centre
from neurokit.solvers.covariances import (
    FLOOR,
    inverse_root,
    lift,
    scale_to_one,
    sum_products,
    whiten,
)


def _turned(values, rng):
    vectors = np.linalg.qr(rng.normal(size=(len(values), len(values))))[0]
    return (vectors * values) @ vectors.T, vectors


def test_sums_are_those_of_every_trial_in_float64(rng):
    for shape in ((7, 3, 20), (1, 2, 300_000), (600, 4, 300)):
        x = rng.normal(size=shape).astype(np.float32)
        expected = sum(one @ one.T for one in x.astype(np.float64))
        np.testing.assert_allclose(sum_products(x), expected, rtol=1e-10, atol=1e-8)


@pytest.mark.parametrize("smallest", [1.0, 1e-6, 30 * FLOOR])
def test_what_lies_above_the_floor_becomes_one(rng, smallest):
    gram, _ = _turned(np.geomspace(smallest, 5.0, 6), rng)
    for root in (inverse_root(gram), whiten(gram)):
        np.testing.assert_allclose(root.T @ gram @ root, np.eye(6), atol=2e-14 / smallest + 1e-12)
    np.testing.assert_allclose(inverse_root(gram), inverse_root(gram).T, rtol=1e-6)


def test_what_lies_below_the_floor_is_flat_for_every_whitening(rng):
    gram, vectors = _turned(np.array([FLOOR / 30, 0.5, 1.0, 2.0]), rng)
    for root in (inverse_root(gram), whiten(gram)):
        assert np.linalg.matrix_rank(root.T @ gram @ root, tol=1e-3) == 3
        assert np.abs(root).max() < 2.0  # the square root of 1 / .5, no rounding blown up
        assert np.abs(root.T @ vectors[:, 0]).max() < 1e-6
    lifted = find_centre(gram[None])  # for logarithms it is lifted to the floor instead
    assert np.linalg.eigvalsh(lifted)[-1] == pytest.approx((FLOOR * 2.0) ** -0.5, rel=1e-3)
    assert lift(np.array([0.0, 2.0]))[0] == FLOOR * 2.0
    assert scale_to_one(np.zeros(3)).tolist() == [0.0, 0.0, 0.0]


def test_many_matrices_have_a_floor_each(rng):
    grams = np.stack([_turned(np.array([FLOOR / 30, 1.0, 2.0]), rng)[0], np.eye(3) * 1e-9])
    for gram, root in zip(grams, whiten(grams), strict=True):
        np.testing.assert_allclose(root, whiten(gram), atol=1e-9)


def test_an_average_reference_in_float32_leaves_no_direction_of_rounding(rng):
    x = rng.normal(size=(50, 6, 400)).astype(np.float32)
    x -= x.mean(1, keepdims=True)
    aligned = EuclideanAlignment().fit_transform(x)
    assert np.linalg.matrix_rank(sum_products(aligned), tol=1.0) == 5
    assert np.isfinite(find_connections(rng.normal(size=(5, 8)))).all()
