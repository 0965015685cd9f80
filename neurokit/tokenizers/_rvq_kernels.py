"""Kernels of the linear codec: projection and beam search, the same to the bit in any batch."""
# mypy: ignore-errors

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def project(x, basis):
    """Multiply rows by a matrix, summed in a fixed order: float32 ``x @ basis``."""
    n, n_inputs = x.shape
    n_outputs = basis.shape[1]
    out = np.empty((n, n_outputs), np.float32)
    row = np.empty(n_outputs)
    for i in range(n):
        row[:] = 0.0
        for h in range(n_inputs):
            value = x[i, h]
            for d in range(n_outputs):
                row[d] += value * basis[h, d]
        for d in range(n_outputs):
            out[i, d] = np.float32(row[d])
    return out


@njit(cache=True, nogil=True)
def search(x, words, tables, biases, width):
    """Find codes (n, level) whose words add up to the rows of ``x``, keeping ``width`` paths.

    ``tables`` are ``words`` (level, code, dim) with the codes last. Along a path the score is
    the squared error that the words so far have taken away, halved.
    """
    n, n_dims = x.shape
    n_levels, n_codes = words.shape[:2]
    codes = np.empty((n, n_levels), np.int64)
    rest = np.empty((2, width, n_dims), np.float32)
    path = np.zeros((2, width, n_levels), np.int64)
    gain = np.empty((2, width), np.float32)
    parent, code = np.zeros(width, np.int64), np.zeros(width, np.int64)
    score = np.empty(n_codes, np.float32)
    for i in range(n):
        old, new, n_paths = 0, 1, 1
        gain[0, 0] = 0.0
        rest[0, 0] = x[i]
        for s in range(n_levels):
            found = 0
            for p in range(n_paths):
                so_far = gain[old, p]
                for k in range(n_codes):
                    score[k] = biases[s, k] + so_far
                for d in range(n_dims):
                    value = rest[old, p, d]
                    for k in range(n_codes):
                        score[k] += value * tables[s, d, k]
                for k in range(n_codes):
                    total = score[k]
                    if found == width and not total > gain[new, width - 1]:
                        continue
                    found = min(found + 1, width)
                    at = found - 1
                    while at > 0 and total > gain[new, at - 1]:
                        gain[new, at] = gain[new, at - 1]
                        parent[at], code[at] = parent[at - 1], code[at - 1]
                        at -= 1
                    gain[new, at], parent[at], code[at] = total, p, k
            for b in range(found):
                p, k = parent[b], code[b]
                for t in range(s):
                    path[new, b, t] = path[old, p, t]
                path[new, b, s] = k
                for d in range(n_dims):
                    rest[new, b, d] = rest[old, p, d] - words[s, k, d]
            old, new, n_paths = new, old, found
        for s in range(n_levels):
            codes[i, s] = path[old, 0, s]
    return codes
