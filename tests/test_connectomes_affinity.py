"""Affinities that are never built, against the tensor written out."""

import itertools

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import neurokit
from neurokit.connectomes import Affinity, differential_affinity
from neurokit.connectomes.tensors.backend import khatri_rao
from neurokit.connectomes.tensors.packed import Pairs, pack

KINDS = ("geometric", "product", "min")


def animals(n_units=6, n_times=12, n_animals=3, seed=0, *, missing=True):
    rng = np.random.default_rng(seed)
    x = neurokit.traces(rng.normal(size=(n_animals, n_units, n_times)), sampling_rate=2)
    x = x.rename(trial="animal").assign_coords(animal=[f"w{k}" for k in range(n_animals)])
    if missing:
        x[0, 1] = np.nan
        x[2, 3:5] = np.nan
    return x


def by_hand(rates, kind, signed):
    """The definition, entry by entry."""
    n_units, n_times, n_animals = rates.shape
    out = np.full((n_units, n_units, n_times, n_animals, 2), np.nan)
    for i, j, t, w in itertools.product(*map(range, (n_units, n_units, n_times, n_animals))):
        a, b = float(rates[i, t, w]), float(rates[j, t, w])
        if i == j or np.isnan(a) or np.isnan(b):
            continue
        for phase, sign in enumerate((1, -1)):
            pairs = [(max(a, 0), max(sign * b, 0)), (max(-a, 0), max(-sign * b, 0))]
            f = {"geometric": lambda u, v: (u * v) ** 0.5, "product": lambda u, v: u * v}
            out[i, j, t, w, phase] = sum(f.get(kind, min)(u, v) for u, v in pairs)
    return out if signed else out[..., 0]


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_tensor_is_the_definition_written_in_loops(kind, signed):
    affinity = differential_affinity(animals(), kind, signed=signed, smoothing=0.5)
    dense = affinity.to_dense()
    assert dense.dims == affinity.dims
    assert dense.shape == affinity.shape
    expected = by_hand(affinity.rates.values, kind, signed)
    np.testing.assert_allclose(dense.values, expected, rtol=2e-6, atol=1e-7)
    assert dense["source"].values.tolist() == dense["target"].values.tolist() == list(range(6))
    assert dense["animal"].values.tolist() == ["w0", "w1", "w2"]
    assert dense.indexes["time"].equals(affinity.rates.indexes["time"])


def test_the_rate_of_change_is_the_derivative_of_the_smoothed_trace():
    t = np.arange(400) / 20
    x = neurokit.traces(np.stack([np.sin(t), np.cos(t)]), sampling_rate=20)
    rates = differential_affinity(x, smoothing=0.3, normalize=None).rates
    shrunk = np.exp(-(0.3**2) / 2)  # what a Gaussian leaves of one radian per second
    expected = shrunk * np.cos(rates["time"].values)
    np.testing.assert_allclose(rates.values[0, 10:-10], expected[10:-10], atol=2e-3)
    assert rates.sizes["time"] == 400 - 2 * 16
    scaled = differential_affinity(x, smoothing=0.3).rates
    robust = 1.4826 * np.median(np.abs(rates.values), 1, keepdims=True)
    np.testing.assert_allclose(scaled.values, rates.values / robust, rtol=1e-5)


def test_no_difference_reaches_across_a_jump_of_the_clock():
    x = animals(missing=False).isel(animal=0, drop=True)
    later = x.assign_coords(time=x["time"].values + 100)
    both = xr.concat(
        [x.assign_coords(time=x["time"].values), later + 50], "time"
    )  # values, not times
    rates = differential_affinity(both, smoothing=0.5, normalize=None).rates
    alone = differential_affinity(x, smoothing=0.5, normalize=None).rates
    np.testing.assert_allclose(rates.values[:, 4:], alone.values, rtol=1e-4, atol=1e-5)
    assert rates["time"].values.tolist() == [*alone["time"].values, *(alone["time"].values + 100)]


def test_noise_is_as_loud_at_the_ends_as_in_the_middle():
    x = neurokit.traces(np.random.default_rng(0).normal(size=(4000, 60)), sampling_rate=2)
    rates = differential_affinity(x, smoothing=1.0, normalize=None).rates.values
    spread = rates.std(0)
    np.testing.assert_allclose(spread, spread.mean(), rtol=0.06)


sizes = st.tuples(st.integers(2, 6), st.integers(3, 9), st.integers(1, 3), st.integers(1, 4))


@settings(deadline=None)  # the first example compiles
@given(
    size=sizes,
    kind=st.sampled_from(KINDS),
    signed=st.booleans(),
    holes=st.sampled_from(["none", "units", "times"]),
    seed=st.integers(0, 99),
)
def test_implicit_packed_and_dense_products_agree(size, kind, signed, holes, seed):
    n_units, n_times, n_animals, rank = size
    rng = np.random.default_rng(seed)
    rates = rng.normal(size=(n_units, n_times, n_animals))
    rates[rng.random(rates.shape) < 0.1] = 0
    if holes == "units":
        rates = np.where(rng.random((n_units, 1, n_animals)) < 0.3, np.nan, rates)
    elif holes == "times":
        rates = np.where(rng.random(rates.shape) < 0.3, np.nan, rates)
    x = xr.DataArray(rates, dims=("unit", "time", "animal"))
    affinity = Affinity(x, kind, signed=signed)
    cells = affinity.shape[2:]
    dense = by_hand(rates, kind, signed)
    full = np.nan_to_num(dense)
    factors = [rng.random((n, rank)) for n in (n_units, *cells)]
    letters = "cde"[: len(cells)]
    terms = [f"{letter}r" for letter in letters]
    operand = "ab" + letters
    for mode in range(1 + len(cells)):
        kept = ["br" if mode == 0 else "ar,br", *terms]
        given_ = [factors[0]] if mode == 0 else [factors[0], factors[0]]
        given_ += factors[1:]
        if mode:
            kept.pop(mode)
            given_.pop(1 + mode)
        out = "ar" if mode == 0 else f"{letters[mode - 1]}r"
        expected = np.einsum(f"{operand},{','.join(kept)}->{out}", full, *given_, optimize=True)
        np.testing.assert_allclose(affinity.mttkrp(factors, mode), expected, atol=1e-9)
    np.testing.assert_allclose(affinity.norm2(), (full**2).sum(), rtol=1e-9, atol=1e-12)
    # the norm of a model over the known entries, through weights alone
    model = np.einsum("ar,br,cr->abc", factors[0], factors[0], kr(factors[1:]))
    known = ~np.isnan(dense.reshape(model.shape))
    batch = [f[None] for f in factors]
    for op in (affinity.operand(np.dtype("f8")), packed(dense)):
        inner, square = op.inner(batch)
        np.testing.assert_allclose(square, (model**2 * known).sum(), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(inner, (model * full.reshape(model.shape)).sum(), atol=1e-8)


def kr(factors):
    return khatri_rao([f[None] for f in factors])[0]


def packed(dense):
    n = len(dense)
    cells = dense.shape[2:]
    values, presence, missing = pack(
        lambda i: dense[i, i:].reshape(n - i, -1), (n, *cells), np.dtype("f8")
    )
    return Pairs(lambda: iter([(slice(0, len(values)), values)]), (n, *cells), presence, missing)


def test_slices_are_slices_of_the_tensor():
    affinity = differential_affinity(animals(), smoothing=0.5)
    part = affinity.isel(unit=[4, 0], time=slice(1, 4, 2), animal=1)
    expected = affinity.to_dense().isel(
        source=[4, 0], target=[4, 0], time=slice(1, 4, 2), animal=[1]
    )
    xr.testing.assert_equal(part.to_dense(), expected)
    with pytest.raises(ValueError, match="source and target alike: give unit="):
        affinity.isel(source=0)


def test_tiles_cover_every_pair_once():
    affinity = differential_affinity(animals(), "min", smoothing=0.5)
    dense = affinity.to_dense().values
    seen = set()
    for source, target, values in affinity.tiles(4):
        assert len(source) <= 4
        np.testing.assert_array_equal(values, dense[source, target])
        seen |= set(zip(source.tolist(), target.tolist(), strict=True))
    assert seen == set(itertools.combinations(range(6), 2))


def test_it_holds_no_more_than_the_traces():
    x = neurokit.traces(np.random.default_rng(0).normal(size=(400, 50)), sampling_rate=5)
    affinity = differential_affinity(x)
    assert affinity.nbytes == 400 * 22 * 4
    assert "traces of 0.0 MiB" in repr(affinity)


def test_identical_traces_are_named():
    x = animals(missing=False)
    x[:, 4] = x[:, 2]
    with pytest.warns(UserWarning, match=r"3 pairs of units hold the same trace, \(2, 4\) first"):
        differential_affinity(x, smoothing=0.5)


def flat():
    x = animals()
    x[1, 2] = 3.0
    return x


def without_an_animal():
    x = animals()
    x[1] = np.nan
    return x


def without_a_unit():
    x = animals()
    x[:, 1] = np.nan
    return x


@pytest.mark.parametrize(
    ("x", "kwargs", "error", "match"),
    [
        (animals(), {"kind": "dyballa"}, ValueError, "kind must be one of"),
        (animals(), {"normalize": "rank"}, ValueError, "normalize must be one of"),
        (animals(), {"smoothing": -1}, ValueError, "smoothing must be 0 s or more"),
        (animals(), {"smoothing": 60}, ValueError, "at least 605 time steps .* got 12; smooth"),
        (
            animals().isel(time=[0, 1]),
            {"smoothing": 1.0},
            ValueError,
            "needs at least 15 time steps",
        ),
        (animals().isel(unit=[0]), {}, ValueError, "at least two units, got 1"),
        (animals().values, {}, TypeError, "labelled array, got ndarray"),
        (animals().expand_dims("trial"), {}, ValueError, r"dims \(unit, time\) and perhaps one"),
        (animals().isel(unit=[0]), {}, ValueError, "at least two units"),
        (animals() * np.inf, {}, ValueError, "without infinity"),
        (flat(), {}, ValueError, r"units \[2\] never change.* drop"),
        (without_an_animal(), {}, ValueError, r"nothing is known of animal \['w1'\]; leave it"),
        (without_a_unit(), {}, ValueError, r"units \[1\] are missing everywhere"),
    ],
)
def test_what_has_no_affinity_is_refused(x, kwargs, error, match):
    with pytest.raises(error, match=match):
        differential_affinity(x, **{"smoothing": 0.5} | kwargs)


def test_mttkrp_says_which_factors_it_takes():
    affinity = differential_affinity(animals(), smoothing=0.5)
    with pytest.raises(ValueError, match=r"sizes \[6, 4, 3\], got"):
        affinity.mttkrp([np.ones((6, 2)), np.ones((4, 2)), np.ones((4, 2))], 0)
