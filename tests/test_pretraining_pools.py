"""Covariances of latents, against loops, and what recentring makes of a domain."""

import numpy as np

from neurokit.pretraining.pools import pool_covariances, recentre, vectorise


def test_covariances_are_those_of_loops():
    z = np.random.default_rng(0).normal(size=(2, 3, 5, 4))
    found = pool_covariances(z, 2)
    for t in range(2):
        for g in range(2):
            part = z[t, :, :, 2 * g : 2 * g + 2]
            x = np.stack([(one - one.mean(0)).ravel() for one in part])
            c = x @ x.T / 10
            np.testing.assert_allclose(found[t, g], c + 1e-3 * np.trace(c) / 3 * np.eye(3))


def test_recentring_makes_the_mean_of_each_domain_the_identity():
    z = np.random.default_rng(1).normal(size=(8, 3, 6, 4)) * np.arange(1, 9)[:, None, None, None]
    white = recentre(pool_covariances(z, 2), list("aaaabbbb"))
    for part in (white[:4], white[4:]):
        np.testing.assert_allclose(part.mean(0), np.broadcast_to(np.eye(3), (2, 3, 3)), atol=1e-9)
    assert vectorise(white).shape == (8, 2 * 6)
    norms = np.linalg.norm(vectorise(white[:, :1]), axis=1)
    eigen = np.log(np.linalg.eigvalsh(white[:, 0]))
    np.testing.assert_allclose(norms, np.linalg.norm(eigen, axis=1), rtol=1e-6)
