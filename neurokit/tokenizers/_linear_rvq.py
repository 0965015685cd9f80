"""Residual vector quantisation in NumPy: k-means stage by stage."""

import numpy as np
from scipy.sparse import csr_array

from neurokit.types import Codes, Floats

_ITERATIONS = 8  # of Lloyd's, per stage
_ROWS = 1 << 14  # vectors whose scores are held at once


def fit_codebooks(x: Floats, n_levels: int, size: int, rng: np.random.RandomState) -> Floats:
    """Learn codebooks whose words add up to the rows of ``x``.

    Each stage is k-means of what the stages before have left. Moving all words together
    afterwards, each to the mean of what the others leave, was measured and gained nothing on
    people not seen.

    Parameters
    ----------
    x : ndarray of shape (n, n_dims), float32
    n_levels, size : int
    rng : RandomState

    Returns
    -------
    ndarray of float32, shape (n_levels, size, n_dims)
    """
    rest = x.copy()
    words = np.empty((n_levels, size, x.shape[1]), np.float32)
    for s in range(n_levels):
        words[s], labels = _run_k_means(rest, size, rng)
        rest -= words[s][labels]
    return words


def move_words(x: Floats, words: Floats, codes: Codes, weights: Floats) -> Floats:
    """Move words towards what the other stages leave of their rows.

    Parameters
    ----------
    x : ndarray of shape (n, n_dims), float32
    words : ndarray of shape (n_levels, size, n_dims)
    codes : ndarray of shape (n, n_levels)
    weights : ndarray of shape (n_levels, size)
        Rows that the place of each word so far counts as.

    Returns
    -------
    ndarray of float32, shape (n_levels, size, n_dims)
    """
    words = words.copy()
    rest = x - decode(codes, words)
    for s in range(len(words)):
        rest += words[s][codes[:, s]]
        total, count = _sum_rows(rest, codes[:, s], words.shape[1])
        weight = weights[s][:, None]
        used = count > 0
        mean = (total + weight * words[s])[used] / (count[:, None] + weight)[used]
        words[s][used] = mean
        rest -= words[s][codes[:, s]]
    return words


def project(frames: Floats, components: Floats) -> Floats:
    """Return the components (..., component) of frames (..., sample), float32."""
    from neurokit.nn.kernels.project_cpu import project

    rows = np.ascontiguousarray(frames.reshape(-1, frames.shape[-1]))
    found = project(rows, np.ascontiguousarray(components))
    return found.reshape(*frames.shape[:-1], found.shape[-1])


def encode(x: Floats, words: Floats, *, beam: int) -> Codes:
    """Find codes (n, n_levels) for the rows of ``x``, float32; of equals the lowest."""
    from neurokit.nn.kernels import quantize_cpu

    words = np.ascontiguousarray(words, np.float32)
    x = np.ascontiguousarray(x, np.float32)
    return quantize_cpu.encode(
        x, words, _find_biases(words), words, None, None, beam=beam, n_threads=1
    )


def decode(codes: Codes, words: Floats) -> Floats:
    """Add up the words of the stages that ``codes`` (..., level) has."""
    out = np.zeros((*codes.shape[:-1], words.shape[2]), np.float32)
    for s in range(codes.shape[-1]):
        out += words[s][codes[..., s]]
    return out


def _run_k_means(x: Floats, size: int, rng: np.random.RandomState) -> tuple[Floats, Codes]:
    """Run Lloyd's algorithm; a word that nobody wants starts again where the error is largest."""
    n = len(x)
    words = x[rng.permutation(n)[:size]] if n >= size else x[rng.randint(n, size=size)]
    for _ in range(_ITERATIONS):
        labels, error = _find_nearest(x, words)
        total, count = _sum_rows(x, labels, size)
        words = (total / np.maximum(count, 1)[:, None]).astype(np.float32)
        unused = np.flatnonzero(count == 0)[:n]
        if len(unused):
            words[unused] = x[np.argsort(error)[n - len(unused) :]]
    return words, _find_nearest(x, words)[0]


def _find_nearest(x: Floats, words: Floats) -> tuple[Codes, Floats]:
    """Find the nearest word and squared distance, but for rounding, of every row."""
    labels, error = np.empty(len(x), np.int64), np.empty(len(x), np.float32)
    bias = _find_biases(words)
    for start in range(0, len(x), _ROWS):
        part = slice(start, start + _ROWS)
        score = x[part] @ words.T + bias
        labels[part] = score.argmax(1)
        error[part] = (x[part] ** 2).sum(1) - 2 * score.max(1)
    return labels, error


def _sum_rows(x: Floats, labels: Codes, size: int) -> tuple[Floats, Codes]:
    """Return the sum of the rows of each label, and their number."""
    n = len(x)
    members = csr_array((np.ones(n, np.float32), (labels, np.arange(n))), shape=(size, n))
    return members @ x, np.bincount(labels, minlength=size)


def _find_biases(words: Floats) -> Floats:
    """Return half the squared length of each word, which is taken off its score."""
    return (-0.5 * (words.astype(np.float64) ** 2).sum(-1)).astype(np.float32)
