"""Residual quantisation on CUDA by short lists: tensor cores propose, float32 decides.

Scores of vectors ``y`` and code words ``t`` rounded to float16, ``y'`` and ``t'``, are cheap, and
wrong by no more than can be said beforehand. With the bias ``b``::

    |score' - score| <= |y - y'| |t'| + |y| |t - t'| + r (|y| |t| + |b|) = e

by Cauchy and Schwarz; ``r`` bounds the rounding of both sums. The code that is best in float32 has
a rounded score of at least the best one's less ``2 e``. Where only one code has that, it is the
answer. The other vectors, a few in a hundred, are listed. In wide codebooks nearly all of them lie
between two codes, which are then compared in float32. What is left, where that is too close to be
certain or there are more candidates, is searched in float32, as on the processor: the codes are
the same. Both sides are scaled by powers of two, which round nothing.
"""
# mypy: ignore-errors

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from neurokit.nn.kernels.launching_cuda import Launch
from neurokit.nn.kernels.quantize_cuda import choose, pad, power_below, project_rows

_FEWEST_CODES, _MOST_CODES = 128, 4096
_LEAST_WORK = 10**10  # products, below which launches cost more than the search
_SETTLED = 64  # dimensions beyond which comparing two codes pays: else the search is cheap
_NOWHERE = tl.constexpr(-3e38)  # bias of codes that do not exist


@triton.jit
def _measure(
    table_at, bias_at, bounds_at, n_codes, n_searched, padded: tl.constexpr, BLOCK: tl.constexpr
):
    """Find the largest length of a stage's code words, and its largest bias."""
    level = tl.program_id(0)
    code = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    dim = tl.arange(0, padded)
    there = (code[None, :] < n_codes) & (dim[:, None] < n_searched)
    at = (level * n_codes + code[None, :]) * n_searched + dim[:, None]
    words = tl.load(table_at + at, mask=there, other=0.0)
    bias = tl.load(bias_at + level * n_codes + code, mask=code < n_codes, other=0.0)
    bounds = bounds_at + level * 3  # positive floats are in order as integers too
    length = tl.max(tl.sqrt(tl.sum(words * words, 0)), 0)
    tl.atomic_max(bounds, length.to(tl.int32, bitcast=True))
    tl.atomic_max(bounds + 1, tl.max(tl.abs(bias), 0).to(tl.int32, bitcast=True))


@triton.jit
def _round_table(
    table_at, coarse_at, bounds_at, n_codes, n_searched, padded_codes: tl.constexpr,
    padded: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Round the code words of a stage; find the largest error, in lengths of the scaled ones."""
    level = tl.program_id(0)
    code = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    dim = tl.arange(0, padded)
    there = (code[None, :] < n_codes) & (dim[:, None] < n_searched)
    at = (level * n_codes + code[None, :]) * n_searched + dim[:, None]
    words = tl.load(table_at + at, mask=there, other=0.0)
    bounds = bounds_at + level * 3
    longest = tl.load(bounds).to(tl.float32, bitcast=True)
    words *= power_below(longest)[1]
    near = words.to(tl.float16)
    gap = words - near.to(tl.float32)
    tl.store(coarse_at + (level * padded + dim[:, None]) * padded_codes + code[None, :], near)
    error = tl.max(tl.sqrt(tl.sum(gap * gap, 0)), 0)
    tl.atomic_max(bounds + 2, error.to(tl.int32, bitcast=True))


@triton.jit
def _scan(
    y, coarse_at, bias_at, bounds, n_codes, padded_codes: tl.constexpr, padded: tl.constexpr,
    ROUNDING: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Return the two best scores per column of the blocks of codes, and the limit of candidates.

    The number of the block stands in the last bits of a score. Then the best score of a row, its
    column, what a candidate's score is above, and whether the bound holds.
    """
    n_blocks: tl.constexpr = padded_codes // BLOCK
    lane = tl.arange(0, BLOCK)
    length = tl.sqrt(tl.sum(y * y, 1))
    longest = tl.load(bounds).to(tl.float32, bitcast=True)
    heaviest = tl.load(bounds + 1).to(tl.float32, bitcast=True)
    coarsest = tl.load(bounds + 2).to(tl.float32, bitcast=True)
    squares_hold = tl.minimum(length, longest) > 1e-15  # they vanish below 1e-19
    up, down = power_below(length)
    y = y * down[:, None]
    length *= down
    near = y.to(tl.float16)
    gap = y - near.to(tl.float32)
    table_up, table_down = power_below(longest)
    up *= table_up
    longest *= table_down
    slack = tl.sqrt(tl.sum(gap * gap, 1)) * (longest + coarsest) + length * coarsest
    slack = up * (1.001 * slack + ROUNDING * length * longest) + ROUNDING * heaviest
    best = tl.full((ROWS, BLOCK), float("-inf"), tl.float32)
    second = best
    searched = tl.arange(0, padded)[:, None]
    for block in tl.range(0, n_blocks, num_stages=3):
        code = block * BLOCK + lane
        coarse = tl.load(coarse_at + searched * padded_codes + code[None, :])
        if padded > 64:  # there the compiler's registers came out well with a mask alone
            bias = tl.load(bias_at + code, mask=code < n_codes, other=_NOWHERE)
        else:  # it doubles the instructions
            bias = tl.load(bias_at + code)
        score = tl.dot(near, coarse) * up[:, None] + bias[None, :]
        score = (score.to(tl.int32, bitcast=True) & -n_blocks) | block
        score = score.to(tl.float32, bitcast=True)
        second = tl.maximum(second, tl.minimum(best, score))
        best = tl.maximum(best, score)
    top = tl.max(best, 1)
    column = tl.min(tl.where(best == top[:, None], lane[None, :], BLOCK - 1), 1)
    return best, second, top, column, top - 2.0 * slack, squares_hold


@triton.jit
def _append(list_at, n_at, row, wanted):
    """Put rows on a list, and count them."""
    wanted = wanted.to(tl.int32)
    first = tl.atomic_add(n_at, tl.sum(wanted, 0))
    tl.store(list_at + first + tl.cumsum(wanted, 0) - wanted, row.to(tl.int32), mask=wanted > 0)


@triton.jit
def _take_off(
    from_at, to_at, words_at, row, chosen, wanted, n_dims, padded_dims: tl.constexpr,
):  # fmt: skip
    """Take the chosen words off residuals, in parts for want of registers."""
    for first_dim in tl.static_range(0, padded_dims, 16):
        dim = first_dim + tl.arange(0, 16)
        inside = wanted[:, None] & (dim[None, :] < n_dims)
        at = row[:, None] * n_dims + dim[None, :]
        words = words_at + chosen[:, None] * n_dims + dim[None, :]
        value = tl.load(from_at + at, mask=inside, other=0.0)
        value -= tl.load(words, mask=inside, other=0.0)
        tl.store(to_at + at, value, mask=inside)


@triton.jit(do_not_specialize=["n_vectors", "level"])
def _propose(
    from_at, to_at, coarse_at, bias_at, words_at, project_at, offset_at, bounds_at, listed_at,
    n_listed_at, codes_at, n_vectors, n_dims, n_codes, level, n_levels,
    padded_codes: tl.constexpr, padded: tl.constexpr, padded_dims: tl.constexpr,
    factorised: tl.constexpr, last: tl.constexpr, ROUNDING: tl.constexpr, ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Do a stage for the vectors that are sure of their code, and list the others."""
    n_blocks: tl.constexpr = padded_codes // BLOCK
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    dim = tl.arange(0, padded_dims)
    inside = (row[:, None] < n_vectors) & (dim[None, :] < n_dims)
    y = tl.load(from_at + row[:, None] * n_dims + dim[None, :], mask=inside, other=0.0)
    if factorised:
        y = project_rows(y, project_at, offset_at, dim, ROWS, padded)
    best, second, top, column, limit, squares_hold = _scan(
        y, coarse_at, bias_at, bounds_at + level * 3, n_codes, padded_codes, padded, ROUNDING,
        ROWS, BLOCK,
    )  # fmt: skip
    chosen = (top.to(tl.int32, bitcast=True) & (n_blocks - 1)) * BLOCK + column
    lane = tl.arange(0, BLOCK)
    other = tl.where(lane[None, :] == column[:, None], second, best)
    sure = squares_hold & (tl.max(other, 1) < limit)  # false where one is no number
    there = row < n_vectors
    _append(listed_at, n_listed_at + level, row, there & (sure == 0))
    tl.store(codes_at + row * n_levels + level, chosen.to(tl.int64), mask=there & sure)
    if not last:
        _take_off(from_at, to_at, words_at, row, chosen, there & sure, n_dims, padded_dims)


@triton.jit(do_not_specialize=["level"])
def _settle(
    from_at, to_at, coarse_at, rows_at, bias_at, words_at, project_at, offset_at, bounds_at,
    listed_at, left_at, n_listed_at, codes_at, n_dims, n_searched, n_codes, level, n_levels,
    padded_codes: tl.constexpr, padded: tl.constexpr, padded_dims: tl.constexpr,
    factorised: tl.constexpr, last: tl.constexpr, ROUNDING: tl.constexpr, CERTAIN: tl.constexpr,
    ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Do a stage for listed vectors between two codes; list those where rounding could decide."""
    n_blocks: tl.constexpr = padded_codes // BLOCK
    dim = tl.arange(0, padded_dims)
    lane = tl.arange(0, BLOCK)
    n_listed = tl.load(n_listed_at + level)
    longest = tl.load(bounds_at + level * 3).to(tl.float32, bitcast=True)
    heaviest = tl.load(bounds_at + level * 3 + 1).to(tl.float32, bitcast=True)
    for tile in tl.range(
        tl.program_id(0), tl.cdiv(n_listed, ROWS), tl.num_programs(0), num_stages=1
    ):
        place = tile * ROWS + tl.arange(0, ROWS)
        there = place < n_listed
        row = tl.load(listed_at + place, mask=there, other=0).to(tl.int64)
        inside = there[:, None] & (dim[None, :] < n_dims)
        y = tl.load(from_at + row[:, None] * n_dims + dim[None, :], mask=inside, other=0.0)
        if factorised:
            y = project_rows(y, project_at, offset_at, dim, ROWS, padded)
        margin = CERTAIN * (tl.sqrt(tl.sum(y * y, 1)) * longest + heaviest)
        best, second, top, column, limit, squares_hold = _scan(
            y, coarse_at, bias_at, bounds_at + level * 3, n_codes, padded_codes, padded,
            ROUNDING, ROWS, BLOCK,
        )  # fmt: skip
        one = (top.to(tl.int32, bitcast=True) & (n_blocks - 1)) * BLOCK + column
        rest = tl.where(lane[None, :] == column[:, None], second, best)
        runner = tl.max(rest, 1)
        where = tl.min(tl.where(rest == runner[:, None], lane[None, :], BLOCK - 1), 1)
        other = (runner.to(tl.int32, bitcast=True) & (n_blocks - 1)) * BLOCK + where
        rest = tl.where(lane[None, :] == where[:, None], second, rest)
        # a third code of the column of the best would not be known
        pair = there & squares_hold & (where != column) & (tl.max(rest, 1) < limit)
        lead = tl.load(bias_at + one, mask=pair, other=0.0)
        lead -= tl.load(bias_at + other, mask=pair, other=0.0)
        if factorised:
            searched = tl.arange(0, padded)
            known = pair[:, None] & (searched[None, :] < n_searched)
            gap = tl.load(
                rows_at + one[:, None] * n_searched + searched[None, :], mask=known, other=0.0
            )
            gap -= tl.load(
                rows_at + other[:, None] * n_searched + searched[None, :], mask=known, other=0.0
            )
            lead += tl.sum(y * gap, 1)
        else:
            for first_dim in tl.static_range(0, padded_dims, 16):
                some = first_dim + tl.arange(0, 16)
                known = pair[:, None] & (some[None, :] < n_dims)
                value = tl.load(
                    from_at + row[:, None] * n_dims + some[None, :], mask=known, other=0.0
                )
                at = rows_at + some[None, :]
                gap = tl.load(at + one[:, None] * n_dims, mask=known, other=0.0)
                gap -= tl.load(at + other[:, None] * n_dims, mask=known, other=0.0)
                lead += tl.sum(value * gap, 1)
        sure = pair & (tl.abs(lead) > margin)  # false where one is no number
        chosen = tl.where(lead > 0, one, other)
        _append(left_at, n_listed_at + n_levels + 2 + level, row, there & (sure == 0))
        tl.store(codes_at + row * n_levels + level, chosen.to(tl.int64), mask=sure)
        if not last:
            _take_off(from_at, to_at, words_at, row, chosen, sure, n_dims, padded_dims)


@triton.jit(do_not_specialize=["level"])
def _decide(
    from_at, to_at, table_at, bias_at, words_at, project_at, offset_at, left_at, n_left_at,
    unfit_at, codes_at, n_dims, level, n_levels, n_codes: tl.constexpr, padded: tl.constexpr,
    padded_dims: tl.constexpr, factorised: tl.constexpr, last: tl.constexpr, ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Do a stage in float32 for the vectors that are left; say whether all were finite.

    Vectors with NaN or infinity are never sure of their code, so that all of them are left.
    """
    dim = tl.arange(0, padded_dims)
    n_left = tl.load(n_left_at + level)
    n_tiles = tl.cdiv(n_left, ROWS)
    for tile in tl.range(tl.program_id(0), n_tiles, tl.num_programs(0), num_stages=1):
        place = tile * ROWS + tl.arange(0, ROWS)
        there = place < n_left
        row = tl.load(left_at + place, mask=there, other=0).to(tl.int64)
        inside = there[:, None] & (dim[None, :] < n_dims)
        rest = tl.load(from_at + row[:, None] * n_dims + dim[None, :], mask=inside, other=0.0)
        y = rest
        if level == 0:
            unfit = ((rest != rest) | (tl.abs(rest) == float("inf"))).to(tl.int32)
            tl.atomic_max(unfit_at, tl.max(tl.max(unfit, 1), 0))
        if factorised:
            y = project_rows(rest, project_at, offset_at, dim, ROWS, padded)
        chosen = choose(y, table_at, bias_at, n_codes, padded, ROWS, BLOCK)
        tl.store(codes_at + row * n_levels + level, chosen.to(tl.int64), mask=there)
        if not last:
            words = words_at + chosen[:, None] * n_dims + dim[None, :]
            rest -= tl.load(words, mask=inside, other=0.0)
            tl.store(to_at + row[:, None] * n_dims + dim[None, :], rest, mask=inside)


def pays(x, table, project):
    """Tell whether there are enough products for the launches, and room for the widest."""
    n_levels, n_codes, n_searched = table.shape
    work = len(x) * n_levels * n_codes * n_searched
    widest = n_searched if project is None else max(project.shape[1:])
    return work >= _LEAST_WORK and _FEWEST_CODES <= n_codes <= _MOST_CODES and widest <= 128


class Ready(NamedTuple):
    """Codebooks as the kernels read them, for any vectors."""

    coarse: Tensor  # (level, searched, code), in float16
    bounds: Tensor  # (level, 3): longest word, largest bias, largest error of a rounded word
    rows: Tensor  # (level, code, searched)
    table: Tensor  # (level, searched, code)
    table_bias: Tensor  # (level, code), minus infinity where there is none
    bias: Tensor  # (level, code), so low where there is none that no score is as low
    words: Tensor
    project: Tensor
    project_bias: Tensor
    n_searched: int
    factorised: bool
    launches: dict[object, Launch]


def prepare(table, bias, words, project=None, project_bias=None):
    """Lay codebooks out for `find`; see `neurokit.nn.quantizers.search.Tables`."""
    n_levels, n_codes, n_searched = table.shape
    padded_codes = triton.next_power_of_2(n_codes)
    padded = max(16, triton.next_power_of_2(n_searched))
    padded_dims = max(16, triton.next_power_of_2(words.shape[2]))
    bounds = torch.zeros(n_levels, 3, dtype=torch.int32, device=table.device)
    coarse = torch.empty(n_levels, padded, padded_codes, dtype=torch.float16, device=table.device)
    table, bias = table.contiguous(), bias.contiguous()
    factorised = project is not None
    if factorised:
        project = pad(project, padded, padded_dims).mT.contiguous()
        project_bias = pad(project_bias, padded)
    else:
        project, project_bias = table, bias
    with torch.cuda.device(table.get_device()):
        grid = n_levels, padded_codes // 32
        _measure[grid](table, bias, bounds, n_codes, n_searched, padded=padded, BLOCK=32)
        _round_table[grid](
            table, coarse, bounds, n_codes, n_searched,
            padded_codes=padded_codes, padded=padded, BLOCK=32,
        )  # fmt: skip
    return Ready(
        coarse,
        bounds,
        table,
        pad(table, padded_codes, padded).mT.contiguous(),
        pad(bias, padded_codes, value=float("-inf")),
        pad(bias, padded_codes, value=_NOWHERE.value),
        words.contiguous(),
        project,
        project_bias,
        n_searched,
        factorised,
        {},
    )


def _tile(padded):
    """Choose rows and codes of a tile, and how it is compiled: the fastest on an H200.

    Fewer registers let more programs run at once, as long as nothing is spilled.
    """
    if padded <= 32:
        return 128, 32, {"num_warps": 4, "maxnreg": 128 if padded == 16 else 168}
    return 64, 64, {"num_warps": 4}


def find(x, ready):
    """Find the codes of all stages for every row of ``x``, and the flag that one is not finite."""
    n_vectors, n_dims = x.shape
    n_levels, padded, padded_codes = ready.coarse.shape
    n_codes = ready.rows.shape[1]
    padded_dims = max(16, triton.next_power_of_2(n_dims))
    codes = torch.empty(n_vectors, n_levels, dtype=torch.int64, device=x.device)
    rows, block, scan = _tile(padded)
    exact_rows, exact_block = min(64, 2048 // padded_dims), min(64, 8192 // padded_dims)
    # how many are listed in each stage; flags; how many are left for float32
    numbers = torch.zeros(2 * n_levels + 2, dtype=torch.int32, device=x.device)
    flags = numbers[n_levels:]  # one is not finite; and one that is for the caller
    listed = torch.empty(n_vectors, dtype=torch.int32, device=x.device)
    settles = padded > _SETTLED
    left, n_left = (torch.empty_like(listed), flags[2:]) if settles else (listed, numbers)
    rest = torch.empty_like(x)
    # Both sums, whose terms are cut at 23 bits of the largest; the numbers of blocks; the limit.
    rounding = (padded + 8) * 2.0**-22 + padded_codes // block * 2.0**-22
    certain = (padded + 8) * 2.0**-22  # what both sums may err by, here and in float32
    n_programs = 4  # as many as run at once
    if x.is_cuda:
        n_programs *= torch.cuda.get_device_properties(x.device).multi_processor_count
    device = x.get_device()

    def launch(kernel, n_programs, *arguments, **options):
        """Launch a kernel as when it last met tensors that lie like these."""
        key = kernel, last, *[t.data_ptr() % 16 for t in arguments if isinstance(t, Tensor)]
        if key not in ready.launches:
            ready.launches[key] = Launch(kernel, device, **options)
        ready.launches[key](n_programs, arguments)

    with torch.cuda.device(x.get_device()):
        for s in range(n_levels):
            last = s == n_levels - 1
            source = rest if s else x
            words, project, offset = ready.words[s], ready.project[s], ready.project_bias[s]
            shape = padded, padded_dims, ready.factorised, last
            launch(
                _propose, triton.cdiv(n_vectors, rows),
                source, rest, ready.coarse[s], ready.bias[s], words, project, offset,
                ready.bounds, listed, numbers, codes, n_vectors, n_dims, n_codes, s, n_levels,
                padded_codes, *shape, rounding, rows, block, **scan,
            )  # fmt: skip
            if settles:
                launch(
                    _settle, n_programs,
                    source, rest, ready.coarse[s], ready.rows[s], ready.bias[s], words, project,
                    offset, ready.bounds, listed, left, numbers, codes, n_dims, ready.n_searched,
                    n_codes, s, n_levels, padded_codes, *shape, rounding, certain, rows, block,
                    **scan,
                )  # fmt: skip
            launch(
                _decide, n_programs,
                source, rest, ready.table[s], ready.table_bias[s], words, project, offset, left,
                n_left, flags, codes, n_dims, s, n_levels, padded_codes, *shape, exact_rows,
                exact_block, num_warps=4,
            )  # fmt: skip
    return codes, flags


def encode(x, table, bias, words, project, project_bias):
    """Find the codes of all stages for every row of ``x``; see `quantize_cpu.encode`."""
    return find(x, prepare(table, bias, words, project, project_bias))[0]
