"""Residual quantisation on the processor: all stages of four vectors at a time, in registers.

Sixteen codes lie side by side in a vector register and four residuals share every load of them, so
that the loop over the dimensions is nothing but fused multiply-adds; the best code so far is kept
per lane, by the operations of `registers`.

A score is ``bias[k] + sum_d x[d] * table[k, d]``, accumulated by fused multiply-adds in the order
of ``d``. The order depends on nothing else: neither the batch around a vector nor the machine can
change its code.
"""
# mypy: ignore-errors

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

from neurokit.nn.kernels.registers import (
    LANES,
    ROWS,
    _fill,
    _fill_int,
    _first_best,
    _larger,
    _larger_at,
    _maximum,
    _scores,
    _store,
)

_PARALLEL_WORK = 20_000_000  # multiply-adds below which a second thread does not pay


@njit(cache=True, nogil=True, error_model="numpy")
def _greedy(x, tables, biases, words, project, project_bias, room, codes):
    n_vectors, n_dims = x.shape
    n_levels, n_blocks, n_searched = tables.shape[:3]
    rows, projected, lanes = room
    factorised = project.size > 0
    for n in range(0, n_vectors, ROWS):
        n_rows = min(ROWS, n_vectors - n)
        for j in range(n_rows):
            for d in range(n_dims):
                rows[ROWS * d + j] = x[n + j, d]
        for s in range(n_levels):
            searched = rows
            if factorised:  # map the four vectors by the matrix of this stage
                n_mapped = project_bias.shape[1] // LANES
                for k in range(s * n_mapped, (s + 1) * n_mapped):
                    s0, s1, s2, s3 = _scores(
                        project_bias, k * LANES, project, k * n_dims * LANES, rows, 0, n_dims
                    )
                    _store(lanes, 0, s0)
                    _store(lanes, LANES, s1)
                    _store(lanes, 2 * LANES, s2)
                    _store(lanes, 3 * LANES, s3)
                    at = (k - s * n_mapped) * LANES * ROWS
                    for lane in range(LANES):
                        for j in range(ROWS):
                            projected[at + ROWS * lane + j] = lanes[j * LANES + lane]
                searched = projected
            b0 = _fill(np.float32(-np.inf))
            b1, b2, b3 = b0, b0, b0
            i0 = _fill_int(np.int32(0))
            i1, i2, i3 = i0, i0, i0
            for block in range(n_blocks):
                k = s * n_blocks + block
                s0, s1, s2, s3 = _scores(
                    biases, k * LANES, tables, k * n_searched * LANES, searched, 0, n_searched
                )
                here = _fill_int(np.int32(block))
                i0, b0 = _larger_at(s0, b0, here, i0), _larger(s0, b0)
                i1, b1 = _larger_at(s1, b1, here, i1), _larger(s1, b1)
                i2, b2 = _larger_at(s2, b2, here, i2), _larger(s2, b2)
                i3, b3 = _larger_at(s3, b3, here, i3), _larger(s3, b3)
            best = (
                _first_best(b0, i0),
                _first_best(b1, i1),
                _first_best(b2, i2),
                _first_best(b3, i3),
            )
            for j in range(n_rows):
                codes[n + j, s] = best[j]
                for d in range(n_dims):
                    rows[ROWS * d + j] -= words[s, best[j], d]


def _greedy_room(n_dims, n_mapped):
    """Make what `_greedy` works in: four vectors, what they are mapped to, and their scores."""
    sizes = ROWS * n_dims, ROWS * n_mapped, ROWS * LANES
    return tuple(np.zeros(size, np.float32) for size in sizes)


@njit(cache=True, nogil=True, error_model="numpy")
def _beam(x, tables, biases, words, room, codes):
    n_vectors, n_dims = x.shape
    n_levels, n_blocks = tables.shape[:2]
    # the paths kept, best first: what each leaves over, the codes behind it, what it has gained
    rest, path, gain, parent, code, lanes = room
    width, group_size = parent.size, ROWS * n_dims
    n_groups = (width + ROWS - 1) // ROWS
    for n in range(n_vectors):
        old, new, n_paths = 0, 1, 1
        gain[old, 0] = 0.0
        for d in range(n_dims):
            rest[ROWS * d] = x[n, d]
        for s in range(n_levels):
            n_found = 0
            for group in range((n_paths + ROWS - 1) // ROWS):
                rows_at = (old * n_groups + group) * group_size
                for block in range(n_blocks):
                    at = s * n_blocks + block
                    s0, s1, s2, s3 = _scores(
                        biases, at * LANES, tables, at * n_dims * LANES, rest, rows_at, n_dims
                    )
                    _store(lanes, 0, s0)
                    _store(lanes, LANES, s1)
                    _store(lanes, 2 * LANES, s2)
                    _store(lanes, 3 * LANES, s3)
                    most = (_maximum(s0), _maximum(s1), _maximum(s2), _maximum(s3))
                    for j in range(min(ROWS, n_paths - ROWS * group)):
                        so_far = gain[old, ROWS * group + j]
                        if n_found == width and not most[j] + so_far > gain[new, width - 1]:
                            continue
                        for lane in range(LANES):
                            k = block * LANES + lane
                            total = lanes[j * LANES + lane] + so_far
                            if k >= words.shape[1] or (
                                n_found == width and not total > gain[new, width - 1]
                            ):
                                continue
                            n_found = min(n_found + 1, width)
                            at = n_found - 1
                            while at > 0 and total > gain[new, at - 1]:
                                gain[new, at] = gain[new, at - 1]
                                parent[at], code[at] = parent[at - 1], code[at - 1]
                                at -= 1
                            gain[new, at], parent[at], code[at] = total, ROWS * group + j, k
            for b in range(n_found):
                p, k = parent[b], code[b]
                for t in range(s):
                    path[new, b, t] = path[old, p, t]
                path[new, b, s] = k
                of = (old * n_groups + p // ROWS) * group_size + p % ROWS
                to = (new * n_groups + b // ROWS) * group_size + b % ROWS
                for d in range(n_dims):
                    rest[to + ROWS * d] = rest[of + ROWS * d] - words[s, k, d]
            old, new, n_paths = new, old, n_found
        for s in range(n_levels):
            codes[n, s] = path[old, 0, s]


def _beam_room(n_dims, n_levels, width):
    """Make what `_beam` works in; to make it inside would take .4 s more to compile."""
    n_groups = (width + ROWS - 1) // ROWS
    return (
        np.zeros(2 * n_groups * ROWS * n_dims, np.float32),
        np.zeros((2, width, n_levels), np.int64),
        np.empty((2, width), np.float32),
        np.empty(width, np.int64),
        np.empty(width, np.int64),
        np.empty(ROWS * LANES, np.float32),
    )


def lay_out(table, bias):
    """Lay ``table`` (..., K, D) out as (..., block, D, 16); codes that fill up never win."""
    n_codes, n_dims = table.shape[-2:]
    n_blocks = -(-n_codes // LANES)
    padding = [(0, 0)] * (table.ndim - 2) + [(0, n_blocks * LANES - n_codes)]
    table = np.pad(table, [*padding, (0, 0)])
    table = table.reshape(*table.shape[:-2], n_blocks, LANES, n_dims).swapaxes(-1, -2)
    bias = np.pad(bias, padding, constant_values=-np.inf)
    return np.ascontiguousarray(table, np.float32), np.ascontiguousarray(bias, np.float32)


def encode(x, table, bias, words, project, project_bias, *, beam, n_threads):
    """Find the codes of all stages for every row of ``x``.

    Parameters
    ----------
    x : ndarray of shape (n_vectors, n_dims), float32
        The vectors, finite.
    table : ndarray of shape (n_levels, n_codes, n_searched), float32
        What a residual (or its projection) is multiplied with.
    bias : ndarray of shape (n_levels, n_codes), float32
        Where a code's score starts.
    words : ndarray of shape (n_levels, n_codes, n_dims), float32
        What a chosen code takes off the residual.
    project : ndarray of shape (n_levels, n_searched, n_dims), float32, or None
        Projection in front of the search; None when residuals are searched as they are.
    project_bias : ndarray of shape (n_levels, n_searched), float32, or None
        Its offset.
    beam : int
        Paths kept per vector; 1 takes the best code at every stage. Wider beams expect scores
        that are gains in squared error, and no projection.
    n_threads : int
        Threads to share the rows between.

    Returns
    -------
    codes : ndarray of shape (n_vectors, n_levels), int64
        The codes; of equally good ones the lowest.
    """
    codes = np.empty((len(x), len(words)), np.int64)
    tables, biases = lay_out(table, bias)
    if project is None:
        project, project_bias = np.empty((0, 0, 0, 0), np.float32), np.empty((0, 0), np.float32)
    else:
        project, project_bias = lay_out(project, project_bias)

    search = None
    if beam == 1 and not project.size:
        from neurokit.nn.kernels import quantize_quick_cpu as quick

        if quick.pays(len(x), *table.shape[1:], len(table)):
            search = quick.prepare(table, bias, words, tables, biases)

    def run(part):
        if search is not None:
            search(x[part], codes[part])
        elif beam == 1:
            room = _greedy_room(x.shape[1], project_bias.shape[1])
            _greedy(x[part], tables, biases, words, project, project_bias, room, codes[part])
        else:
            room = _beam_room(x.shape[1], len(words), beam)
            _beam(x[part], tables, biases, words, room, codes[part])

    n_threads = max(1, min(n_threads, len(x) * table.size * beam // _PARALLEL_WORK))
    if n_threads == 1:
        run(slice(None))
    else:
        step = -(-len(x) // (n_threads * ROWS)) * ROWS
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(run, [slice(at, at + step) for at in range(0, len(x), step)]))
    return codes
