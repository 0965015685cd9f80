"""Which codes lie behind a vector: one search for every device."""

from importlib.util import find_spec
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

_SEARCH_SCORES = 1 << 24  # scores held at once where no kernel fuses them


class Tables(NamedTuple):
    """Codebooks as the search reads them, in float32: score = bias + (project x) . table."""

    table: Tensor  # (level, code, searched)
    bias: Tensor  # (level, code)
    words: Tensor  # (level, code, dim): what a code takes off the residual
    project: Tensor | None = None  # (level, searched, dim)
    project_bias: Tensor | None = None  # (level, searched)


def search(x: Tensor, tables: Tables, beam: int = 1) -> Tensor:
    """Find codes (n, level) for the rows of ``x`` (n, dim), both float32 and contiguous."""
    if x.device.type == "cpu":
        from neurokit.nn.kernels import quantize_cpu

        arrays = [None if t is None else t.detach().contiguous().numpy() for t in tables]
        codes = quantize_cpu.encode(
            x.detach().numpy(), *arrays, beam=beam, n_threads=torch.get_num_threads()
        )
        return torch.from_numpy(codes)
    if x.device.type == "cuda" and beam == 1 and find_spec("triton") is not None:
        from neurokit.nn.kernels import quantize_cuda, quantize_short_cuda

        if quantize_short_cuda.pays(x, tables.table, tables.project):
            return quantize_short_cuda.encode(x, *tables)
        if quantize_cuda.fits(tables.table, tables.project):
            return quantize_cuda.encode(x, *tables)
    return _search_anywhere(x, tables, beam)


def _search_anywhere(x: Tensor, tables: Tables, beam: int = 1) -> Tensor:
    """Do what the kernels do by matrix products, on any device; scores differ in rounding."""
    table, bias, words, project, project_bias = tables
    n_levels, n_codes, _ = table.shape
    step = max(1, _SEARCH_SCORES // (n_codes * beam))
    found = []
    for rows in x.split(step):
        rest, gain = rows[:, None], rows.new_zeros(len(rows), 1)  # (n, path, dim), (n, path)
        codes = torch.empty(len(rows), 1, 0, dtype=torch.int64, device=x.device)
        for s in range(n_levels):
            y = rest
            if project is not None and project_bias is not None:
                y = F.linear(rest, project[s], project_bias[s])
            score = F.linear(y, table[s], bias[s])
            if beam == 1:
                gain, best = score.flatten(1).max(-1, keepdim=True)
            else:
                score = (score + gain[..., None]).flatten(1)
                gain, best = score.topk(min(beam, score.shape[1]), dim=-1)
            path, code = best // n_codes, best % n_codes
            rest = rest.take_along_dim(path[..., None], 1) - words[s][code]
            codes = torch.cat([codes.take_along_dim(path[..., None], 1), code[..., None]], -1)
        found.append(codes[:, 0])
    if not found:
        return torch.empty(0, n_levels, dtype=torch.int64, device=x.device)
    return torch.cat(found)


def bias_of(table: Tensor, cosine: bool = False) -> Tensor:
    """Give the bias with which the largest score is the nearest code, or the closest direction."""
    if cosine:  # unit vectors are all equally long
        return table.new_zeros(table.shape[:-1])
    # summed in float64, so that devices agree on the rounding
    return (-0.5 * table.double().square().sum(-1)).float()


def nearest(x: Tensor, words: Tensor, cosine: bool) -> Tensor:
    """Find the code of every row in one codebook."""
    table = words.float()[None]
    return search(x.float().contiguous(), Tables(table, bias_of(table, cosine), table))[:, 0]
