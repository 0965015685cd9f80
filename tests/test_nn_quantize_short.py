"""Short lists on the processor: the codes of the long search, whatever comes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurokit.nn.kernels import quantize_cpu, quantize_short_cpu

pytestmark = pytest.mark.skipif(
    not quantize_short_cpu.has_byte_products(), reason="needs a processor with AVX-512 VNNI"
)


def both(x, table, bias, monkeypatch):
    """Codes by short lists, and by the long search."""
    words = table[:, :, : x.shape[1]]
    found = []
    for few in (0, 2**62):
        monkeypatch.setattr(quantize_short_cpu, "_FEWEST_VECTORS", few)
        monkeypatch.setattr(quantize_short_cpu, "_FEWEST_CODES", few)
        monkeypatch.setattr(quantize_short_cpu, "_FEWEST_DIMS", few)
        monkeypatch.setattr(
            quantize_short_cpu, "pays", lambda n, k, d, _, few=few: min(n, k, d) >= few
        )
        found.append(quantize_cpu.encode(x, table, bias, words, None, None, beam=1, n_threads=1))
    return found


@given(
    shape=st.tuples(
        st.integers(1, 9), st.sampled_from([1, 3, 16, 33, 64]), st.sampled_from([1, 17, 64, 130])
    ),
    scale=st.sampled_from([0.0, 1e-30, 1e-14, 1e-3, 1.0, 1e6, 1e14]),
    spread=st.sampled_from([1e-9, 1e-3, 1.0]),
    lengths=st.booleans(),
    seed=st.integers(0, 2**16),
)
@settings(deadline=None, max_examples=120)
def test_short_lists_give_the_codes_of_the_long_search(shape, scale, spread, lengths, seed):
    """Words that all but coincide, that are equal, that are zero; vectors of any size."""
    n_vectors, n_dims, n_codes = shape
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(2, 1, n_dims)) + spread * rng.normal(size=(2, n_codes, n_dims))
    table[:, n_codes // 2 :] = table[:, : n_codes - n_codes // 2]  # pairs: the lower one wins
    table = (table * max(scale, 1e-20)).astype(np.float32)
    table[1, :2] = 0
    bias = np.zeros(table.shape[:2], np.float32)
    if lengths:
        bias = (-0.5 * (table.astype(np.float64) ** 2).sum(-1)).astype(np.float32)
    x = (scale * rng.normal(size=(n_vectors, n_dims))).astype(np.float32)
    x[0] = table[0, 0]
    with pytest.MonkeyPatch.context() as monkeypatch:
        short, long = both(x, table, bias, monkeypatch)
    np.testing.assert_array_equal(short, long)


@pytest.mark.parametrize(("n_dims", "n_codes"), [(32, 256), (128, 512), (600, 70)])
def test_many_vectors_have_the_same_codes(n_dims, n_codes, monkeypatch):
    rng = np.random.default_rng(0)
    table = rng.normal(size=(3, n_codes, n_dims)) * 0.8 ** np.arange(3)[:, None, None]
    table = table.astype(np.float32)
    bias = (-0.5 * (table**2).sum(-1)).astype(np.float32)
    short, long = both(rng.normal(size=(1501, n_dims)).astype("f4"), table, bias, monkeypatch)
    np.testing.assert_array_equal(short, long)


def test_short_lists_are_for_many_vectors_and_many_dimensions(monkeypatch):
    asked = []
    monkeypatch.setattr(quantize_short_cpu, "round_tables", lambda *a: asked.append(1) or 1 / 0)
    monkeypatch.setattr(quantize_short_cpu, "_seen", [])
    monkeypatch.setattr(quantize_short_cpu.search, "overloads", {})  # as if never compiled
    x, table = np.zeros((4096, 64), np.float32), np.ones((1, 128, 64), np.float32)
    bias = np.zeros((1, 128), np.float32)
    options = {"beam": 1, "n_threads": 1}
    quantize_cpu.encode(x[:100], table, bias, table, None, None, **options)
    quantize_cpu.encode(x[:, :8].copy(), table[..., :8].copy(), bias, table, None, None, **options)
    quantize_cpu.encode(x, table, bias, table, None, None, **options)
    assert not asked  # what is compiled first takes longer than it saves, so far
    monkeypatch.setattr(quantize_short_cpu, "_WORK", 2 * 4096 * 128 * 64)
    with pytest.raises(ZeroDivisionError):
        quantize_cpu.encode(x, table, bias, table, None, None, **options)
