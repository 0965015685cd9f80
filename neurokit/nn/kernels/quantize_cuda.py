"""Residual quantisation on CUDA: all stages of a block of vectors in one kernel.

No distance ever reaches memory: vectors are read once, codes written once, codebooks stay in the
caches. Products are float32 fused multiply-adds in the order of the dimensions, starting from the
bias, as on the processor: the codes are the same.
"""
# mypy: ignore-errors

import torch
import triton
import triton.language as tl


@triton.jit
def power_below(x):
    """Return the power of two at or below a positive number, and its reciprocal."""
    bits = x.to(tl.int32, bitcast=True) & 0x7F800000
    return bits.to(tl.float32, bitcast=True), (0x7F000000 - bits).to(tl.float32, bitcast=True)


@triton.jit
def project_rows(rest, project_at, offset_at, dim, ROWS: tl.constexpr, n_searched: tl.constexpr):
    """Project residuals to where the codes are searched."""
    searched = tl.arange(0, n_searched)
    weight = tl.load(project_at + dim[:, None] * n_searched + searched[None, :])
    offset = tl.broadcast_to(tl.load(offset_at + searched)[None, :], ROWS, n_searched)
    return tl.dot(rest, weight, acc=offset, input_precision="ieee")


@triton.jit
def choose(y, table_at, bias_at, n_codes: tl.constexpr, n_searched: tl.constexpr,
           ROWS: tl.constexpr, BLOCK: tl.constexpr):  # fmt: skip
    """Return the best of all codes for every row, the first of equals."""
    searched = tl.arange(0, n_searched)
    # the best per column of the block; columns meet once
    best = tl.full((ROWS, BLOCK), float("-inf"), tl.float32)
    best_at = tl.zeros((ROWS, BLOCK), tl.int32)
    for first in range(0, n_codes, BLOCK):
        code = first + tl.arange(0, BLOCK)
        table = tl.load(table_at + searched[:, None] * n_codes + code[None, :])
        bias = tl.broadcast_to(tl.load(bias_at + code)[None, :], ROWS, BLOCK)
        score = tl.dot(y, table, acc=bias, input_precision="ieee")
        best_at = tl.where(score > best, first, best_at)
        best = tl.maximum(best, score)
    top = tl.max(best, 1)
    codes = best_at + tl.arange(0, BLOCK)[None, :]
    return tl.min(tl.where(best == top[:, None], codes, n_codes - 1), 1)


@triton.jit
def _encode(
    x_at, table_at, bias_at, words_at, project_at, offset_at, codes_at, n_vectors, n_dims,
    n_levels: tl.constexpr, n_codes: tl.constexpr, n_searched: tl.constexpr,
    padded_dims: tl.constexpr, factorised: tl.constexpr,
    block_vectors: tl.constexpr, block_codes: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64) * block_vectors + tl.arange(0, block_vectors)
    dim = tl.arange(0, padded_dims)
    inside = (row[:, None] < n_vectors) & (dim[None, :] < n_dims)
    rest = tl.load(x_at + row[:, None] * n_dims + dim[None, :], mask=inside, other=0.0)
    for level in range(n_levels):
        y = rest
        if factorised:
            y = project_rows(
                rest, project_at + level * padded_dims * n_searched,
                offset_at + level * n_searched, dim, block_vectors, n_searched,
            )  # fmt: skip
        chosen = choose(
            y, table_at + level * n_searched * n_codes, bias_at + level * n_codes, n_codes,
            n_searched, block_vectors, block_codes,
        )  # fmt: skip
        tl.store(codes_at + row * n_levels + level, chosen.to(tl.int64), mask=row < n_vectors)
        words = words_at + (level * n_codes + chosen[:, None]) * n_dims + dim[None, :]
        rest -= tl.load(words, mask=inside, other=0.0)


def fits(table, project):
    """Tell whether a block of vectors and one of codes fit into a multiprocessor's memory."""
    widest = table.shape[2] if project is None else max(project.shape[1:])
    return widest <= (512 if project is None else 128)


def encode(x, table, bias, words, project, project_bias):
    """Find the codes of all stages for every row of ``x``; see ``_quantize_cpu.encode``."""
    n_vectors, n_dims = x.shape
    n_levels, n_codes, _ = table.shape
    codes = torch.empty(n_vectors, n_levels, dtype=torch.int64, device=x.device)
    if not n_vectors:
        return codes
    n_searched = max(16, triton.next_power_of_2(table.shape[2]))
    padded_dims = max(16, triton.next_power_of_2(n_dims))
    block = min(64, 8192 // padded_dims)
    n_padded = triton.cdiv(n_codes, block) * block
    table = pad(table, n_padded, n_searched).mT.contiguous()
    bias = pad(bias, n_padded, value=float("-inf"))
    words = pad(words, n_padded, n_dims)
    factorised = project is not None
    if factorised:
        project = pad(project, n_searched, padded_dims).mT.contiguous()
        project_bias = pad(project_bias, n_searched)
    else:
        project, project_bias = table, bias
    with torch.cuda.device(x.get_device()):
        _encode[(triton.cdiv(n_vectors, block),)](
            x, table, bias, words, project, project_bias, codes, n_vectors, n_dims,
            n_levels=n_levels, n_codes=n_padded, n_searched=n_searched, padded_dims=padded_dims,
            factorised=factorised, block_vectors=block, block_codes=block, num_warps=4,
            num_stages=3 if padded_dims <= 64 else 2,  # two of the widest blocks per processor
        )  # fmt: skip
    return codes


@triton.jit
def _compare(now_at, then_at, n, few_at, few_then_at, n_few, changed_at, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    now = tl.load(now_at + at, mask=at < n, other=0.0)
    other = now != tl.load(then_at + at, mask=at < n, other=0.0)
    now = tl.load(few_at + at, mask=at < n_few, other=0.0)
    other |= now != tl.load(few_then_at + at, mask=at < n_few, other=0.0)
    if tl.max(other.to(tl.int32), 0) > 0:
        tl.atomic_max(changed_at, 1)


def compare(now, then, changed):
    """Put 1 into ``changed`` where a tensor of a pair is not what it was; NaN is never equal."""
    (many, few), (many_then, few_then) = now, then
    with torch.cuda.device(many.get_device()):
        _compare[(triton.cdiv(max(many.numel(), few.numel()), 1024),)](
            many.contiguous(), many_then, many.numel(), few.contiguous(), few_then, few.numel(),
            changed, BLOCK=1024,
        )  # fmt: skip


def pad(x, *shape, value=0.0):
    """Fill the last axes of ``x`` up to ``shape``."""
    missing = [want - have for want, have in zip(shape, x.shape[-len(shape) :], strict=True)]
    if not any(missing):
        return x.contiguous()
    after = [n for axis in reversed(missing) for n in (0, axis)]
    return torch.nn.functional.pad(x, after, value=value).contiguous()
