"""Chains are judged by what they predict, and those that are worse are left out."""

import numpy as np
from scipy.stats import nbinom

from neurokit.clustering.sampling.judging import choose_chains, expected_density
from neurokit.clustering.sampling.model import Counts


def some_draws(rng, offset, n=12):
    """Draws of a model without latents: units at a rate of their own."""
    return [
        {
            "z": np.zeros(6, np.int32),
            "theta": np.column_stack([offset + 0.05 * rng.standard_normal(6), np.zeros(6)]),
            "latents": np.zeros((1, 80, 2)),
            "r": np.full(6, 4.0),
        }
        for _ in range(n)
    ]


def some_counts(rng):
    y = rng.negative_binomial(4, 4 / (4 + np.exp(1.0)), (6, 80)).astype(float)
    keep = rng.random(y.shape) > 0.1
    return Counts(np.where(keep, y, 0.0), keep, np.arange(80) == 0)


def test_the_density_is_that_of_the_formula(rng):
    counts, draws = some_counts(rng), some_draws(rng, 1.0)
    logs = np.array(
        [nbinom(4, 4 / (4 + np.exp(d["theta"][:, :1]))).logpmf(counts.y) for d in draws]
    )
    expected = np.log(np.exp(logs).mean(0)) - logs.var(0, ddof=1)
    found = expected_density(draws, counts)
    np.testing.assert_allclose(found[counts.keep], expected[counts.keep], rtol=1e-9)
    assert np.isnan(found[~counts.keep]).all()


def test_a_chain_that_predicts_worse_is_left_out_and_equal_ones_stay(rng):
    counts = some_counts(rng)
    good, also, bad = some_draws(rng, 1.0), some_draws(rng, 1.0), some_draws(rng, 2.0)
    assert choose_chains([good, bad, also], counts).tolist() == [0, 2]
    assert choose_chains([bad], counts).tolist() == [0]
