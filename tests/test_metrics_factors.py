"""The factor match score, against all matchings, and its invariances."""

import itertools

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from neurokit.metrics import factor_match_score


def factors(sizes, rank, seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, rank)) for n in sizes]


def by_hand(a, b, *, weights):
    """The definition, over all matchings."""
    rank = a[0].shape[1]
    best = 0.0
    for order in itertools.permutations(range(rank)):
        total = 0.0
        for r, q in enumerate(order):
            one = np.prod([np.linalg.norm(f[:, r]) for f in a])
            two = np.prod([np.linalg.norm(f[:, q]) for f in b])
            cosine = np.prod(
                [
                    abs(f[:, r] @ g[:, q]) / np.linalg.norm(f[:, r]) / np.linalg.norm(g[:, q])
                    for f, g in zip(a, b, strict=True)
                ]
            )
            total += cosine * (1 - abs(one - two) / max(one, two) if weights else 1)
        best = max(best, total / rank)
    return best


@pytest.mark.parametrize("weights", [True, False])
@given(
    sizes=st.lists(st.integers(2, 5), min_size=2, max_size=4),
    rank=st.integers(1, 4),
    seed=st.integers(0, 999),
)
def test_the_score_is_its_definition(sizes, rank, seed, weights):
    a, b = factors(sizes, rank, seed), factors(sizes, rank, seed + 1)
    expected = by_hand(a, b, weights=weights)
    assert factor_match_score(a, b, weights=weights) == pytest.approx(expected)


def test_order_sign_and_scale_do_not_count():
    a = factors((5, 6, 7), 3, 0)
    b = [a[0][:, [2, 0, 1]] * -2, a[1][:, [2, 0, 1]] / 4, a[2][:, [2, 0, 1]] * -2]
    assert factor_match_score(a, b) == pytest.approx(1)
    assert factor_match_score(a, [3 * b[0], *b[1:]], weights=False) == pytest.approx(1)
    assert factor_match_score(a, [3 * b[0], *b[1:]]) == pytest.approx(1 / 3)


def test_components_without_a_partner_count_as_zero():
    a = factors((5, 6, 7), 4, 0)
    assert factor_match_score(a, [f[:, :3] for f in a]) == pytest.approx(0.75)


def test_units_are_matched_by_name():
    a = xr.Dataset(
        {"unit_factor": (("unit", "component"), np.random.default_rng(0).random((4, 2)))},
        coords={"unit": list("abcd")},
    )
    assert factor_match_score(a, a.isel(unit=[3, 1, 0, 2])) == pytest.approx(1)


def test_a_component_of_zeros_matches_nothing():
    a = factors((5, 6), 1, 0)
    assert factor_match_score(a, [a[0] * 0, a[1]]) == 0


@pytest.mark.parametrize(
    ("b", "match"),
    [
        ({"x": np.ones((3, 1))}, "the same modes, got"),
        ([np.ones((4, 1))], r"one size, got \(3, 1\) and \(4, 1\)"),
        ([np.full((3, 1), np.nan)], "NaN or infinity"),
    ],
)
def test_what_cannot_be_compared_is_refused(b, match):
    with pytest.raises(ValueError, match=match):
        factor_match_score([np.ones((3, 1))], b)
