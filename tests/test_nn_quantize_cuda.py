"""The search by short lists on CUDA against the float32 search there, vector by vector."""

import importlib.util

import pytest
import torch

from neurokit.nn import ResidualVectorQuantizer
from neurokit.nn.quantizers.search import Tables, bias_of

if not torch.cuda.is_available() or importlib.util.find_spec("triton") is None:
    pytest.skip("needs a CUDA device and triton", allow_module_level=True)

from neurokit.nn.kernels import quantize_cuda, quantize_short_cuda


def _tables(n_levels, n_codes, n_dims, size=1.0, n_searched=None):
    shrink = 0.8 ** torch.arange(n_levels, device="cuda")[:, None, None]
    words = size * shrink * torch.randn(n_levels, n_codes, n_dims, device="cuda")
    if n_searched is None:
        return Tables(words, bias_of(words), words)
    table = torch.nn.functional.normalize(
        torch.randn(n_levels, n_codes, n_searched, device="cuda"), dim=-1
    )
    project = torch.randn(n_levels, n_searched, n_dims, device="cuda") / n_dims**0.5
    offset = torch.randn(n_levels, n_searched, device="cuda") / n_searched
    return Tables(table, table.new_zeros(n_levels, n_codes), words, project, offset)


@pytest.mark.parametrize(
    ("n_vectors", "n_dims", "n_codes", "n_levels"),
    [
        (1, 16, 256, 2),
        (5003, 8, 128, 3),
        (70_001, 128, 1024, 8),
        (20_000, 100, 1000, 4),
        (33_333, 33, 4096, 2),
        (200_000, 16, 256, 6),
        (9_999, 64, 513, 5),
        (40_000, 3, 2048, 2),
    ],
)
def test_codes_are_those_of_the_float32_search(n_vectors, n_dims, n_codes, n_levels):
    torch.manual_seed(n_dims)
    tables = _tables(n_levels, n_codes, n_dims)
    x = torch.randn(n_vectors, n_dims, device="cuda")
    found = quantize_short_cuda.encode(x, *tables)
    assert torch.equal(found, quantize_cuda.encode(x, *tables))


@pytest.mark.parametrize("size", [1e-20, 1e-6, 1e15])
def test_sizes_that_halves_cannot_hold(size):
    torch.manual_seed(1)
    tables = _tables(3, 300, 24, size)
    x = size * torch.randn(30_000, 24, device="cuda")
    x[7], x[8] = 0, 1e3 * x[8]
    found = quantize_short_cuda.encode(x, *tables)
    assert torch.equal(found, quantize_cuda.encode(x, *tables))


def test_codes_that_tie_or_nearly_tie():
    """Twins are never settled between two candidates; the first of equals is taken."""
    torch.manual_seed(2)
    tables = _tables(3, 512, 40)
    tables.table[:, 1::2] = tables.table[:, ::2]
    tables.table[:, 5::4] *= 1 + 1e-6
    tables = Tables(tables.table, bias_of(tables.table), tables.table)
    x = torch.randn(50_000, 40, device="cuda")
    found = quantize_short_cuda.encode(x, *tables)
    assert torch.equal(found, quantize_cuda.encode(x, *tables))


def test_searched_in_a_projection():
    torch.manual_seed(3)
    tables = _tables(4, 700, 96, n_searched=12)
    x = torch.randn(50_000, 96, device="cuda")
    found = quantize_short_cuda.encode(x, *tables)
    assert torch.equal(found, quantize_cuda.encode(x, *tables))


def test_vectors_that_are_not_finite_are_told():
    torch.manual_seed(4)
    quantizer = ResidualVectorQuantizer(64, n_levels=4, codebook_size=1024, kmeans_init=False)
    quantizer = quantizer.eval().cuda()
    x = torch.randn(100_000, 64, device="cuda")
    quantizer.encode(x)
    for wrong in (torch.nan, torch.inf, -torch.inf):
        x[77_777, 63] = wrong
        with pytest.raises(ValueError, match="vectors must be finite"):
            quantizer.encode(x)


@pytest.mark.parametrize("n_dims", [16, 128])
def test_codebooks_made_in_inference_mode(n_dims):
    """They keep no count of their changes, and are laid out once all the same."""
    torch.manual_seed(5)
    with torch.inference_mode():
        quantizer = ResidualVectorQuantizer(
            n_dims, n_levels=4, codebook_size=256, kmeans_init=False
        )
        quantizer = quantizer.eval().cuda()
        x = torch.randn(700_000, n_dims, device="cuda")
        for _ in range(3):
            expected = quantize_cuda.encode(x, *quantizer.tables(4))
            assert torch.equal(quantizer.encode(x), expected)
            quantizer.codebooks[2, 9] = x[9]
