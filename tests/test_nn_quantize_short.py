"""Quick searches on the processor: the codes of the long search, whatever comes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurokit.nn.kernels import quantize_cpu, quantize_pairs_cpu, quantize_quick_cpu

pytestmark = pytest.mark.skipif(
    not quantize_quick_cpu.has_short_products(), reason="needs a processor with AVX-512 VNNI"
)


def both(x, table, bias, monkeypatch, many_dims):
    """Codes by a quick search, bytes from so many dimensions on, and by the long search."""
    words = table[:, :, : x.shape[1]]
    found = []
    monkeypatch.setattr(quantize_quick_cpu, "MANY_DIMS", many_dims)
    for quick in (True, False):
        monkeypatch.setattr(quantize_quick_cpu, "pays", lambda *_, quick=quick: quick)
        found.append(quantize_cpu.encode(x, table, bias, words, None, None, beam=1, n_threads=1))
    return found


@given(
    shape=st.tuples(
        st.integers(1, 40), st.sampled_from([1, 3, 16, 33, 64]), st.sampled_from([1, 17, 64, 130])
    ),
    scale=st.sampled_from([0.0, 1e-30, 1e-14, 1e-3, 1.0, 1e6, 1e14]),
    spread=st.sampled_from([1e-9, 1e-3, 1.0]),
    lengths=st.booleans(),
    seed=st.integers(0, 2**16),
)
@settings(deadline=None, max_examples=120)
def test_quick_searches_give_the_codes_of_the_long_search(shape, scale, spread, lengths, seed):
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
        for many_dims in (0, 2**62):
            quick, long = both(x, table, bias, monkeypatch, many_dims)
            np.testing.assert_array_equal(quick, long)


@pytest.mark.parametrize(
    ("n_dims", "n_codes", "many_dims"),
    [(32, 256, 0), (128, 512, 0), (600, 70, 0), (16, 256, 999), (31, 1000, 999), (96, 70, 999)],
)
def test_many_vectors_have_the_same_codes(n_dims, n_codes, many_dims, monkeypatch):
    rng = np.random.default_rng(0)
    table = rng.normal(size=(3, n_codes, n_dims)) * 0.8 ** np.arange(3)[:, None, None]
    table = table.astype(np.float32)
    bias = (-0.5 * (table**2).sum(-1)).astype(np.float32)
    x = rng.normal(size=(1501, n_dims)).astype("f4") * 10 ** rng.uniform(-3, 3, (1501, 1))
    quick, long = both(x.astype(np.float32), table, bias, monkeypatch, many_dims)
    np.testing.assert_array_equal(quick, long)


def test_sums_of_16_bits_hold_the_longest_vectors_and_biases():
    """All components of one word and vector in line, and a bias that outweighs both."""
    for n_dims in (1, 2, 5, 64, 95):
        table = np.full((1, 64, n_dims), -3.0, np.float32)
        table[0, 1:] *= np.linspace(0.2, 0.9, 63, dtype=np.float32)[:, None]
        bias = np.zeros((1, 64), np.float32)
        for heavy in (0.0, -1.0, -1e4):
            bias[0, 5:] = heavy
            x = np.full((33, n_dims), -70.0, np.float32)
            x[::2] = 1e-3
            tables, biases = quantize_cpu.lay_out(table, bias)
            run = quantize_quick_cpu.prepare(table, bias, table, tables, biases)
            quick, long = np.empty((2, 33, 1), np.int64)
            run(x, quick)
            exact = x.astype(float) @ table[0].T.astype(float) + bias[0]
            long[:] = exact.argmax(1)[:, None]
            np.testing.assert_array_equal(quick, long)


def test_few_vectors_of_many_are_searched_again(monkeypatch):
    """Otherwise the search would be right and slow."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(1, 256, 16)).astype(np.float32)
    bias = (-0.5 * (table**2).sum(-1)).astype(np.float32)
    x = rng.normal(size=(2000, 16)).astype(np.float32)
    rows, pairs, first, bounds = quantize_pairs_cpu.round_tables(table, bias, table)
    tables, biases = quantize_cpu.lay_out(table, bias)
    wrong = np.zeros_like(tables)  # what is searched again has code 0 or another wrong one
    codes = np.empty((2, 2000, 1), np.int64)
    room = quantize_pairs_cpu.make_room(16)
    for k, used in enumerate((tables, wrong)):
        quantize_pairs_cpu.search(x, used, biases, rows, pairs, first, bounds, codes[k], room)
    assert 0 < (codes[0] != codes[1]).sum() < 60


def test_quick_searches_are_for_many_vectors(monkeypatch):
    asked = []
    quick = quantize_quick_cpu
    monkeypatch.setattr(quick, "prepare", lambda *a: asked.append(1) or 1 / 0)
    monkeypatch.setattr(quick, "_seen", [])
    monkeypatch.setattr(quick.pairs.search, "overloads", {})  # as if never compiled
    x, table = np.zeros((4096, 64), np.float32), np.ones((1, 128, 64), np.float32)
    bias = np.zeros((1, 128), np.float32)
    options = {"beam": 1, "n_threads": 1}
    quantize_cpu.encode(x[:100], table, bias, table, None, None, **options)
    quantize_cpu.encode(x[:, :4].copy(), table[..., :4].copy(), bias, table, None, None, **options)
    quantize_cpu.encode(x, table, bias, table, None, None, **options)
    assert not asked  # what is compiled first takes longer than it saves, so far
    monkeypatch.setattr(quick, "_WORK", 2 * 4096 * 128 * 64)
    with pytest.raises(ZeroDivisionError):
        quantize_cpu.encode(x, table, bias, table, None, None, **options)
