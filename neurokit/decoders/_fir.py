"""One finite impulse response for whole recordings and for single samples."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

_BLOCK = 1024  # partial sums that stay in the first-level cache


@njit(cache=True)
def convolve(
    x: NDArray[np.floating], taps: NDArray[np.float64], out: NDArray[np.floating]
) -> None:
    """Weigh each sample and the ones before it, for all columns at once.

    Rows are samples, and rows are contiguous, so "one row earlier" is a fixed distance in memory
    for every column: the sum runs over the flat array, as fast for 2 columns as for 1,000. Each
    output adds up its terms in the same order however the recording is cut into chunks.

    Parameters
    ----------
    x : ndarray of shape (n_taps - 1 + n, n_columns)
        The samples, after the ``n_taps - 1`` that came before them.
    taps : ndarray of shape (n_taps,)
        Weights, the newest sample's first.
    out : ndarray of shape (n, n_columns)
        Filled in.
    """
    n_taps, columns = taps.size, x.shape[1]
    flat, result = x.ravel(), out.ravel()
    total = np.empty(min(_BLOCK, result.size))
    for start in range(0, result.size, _BLOCK):
        size = min(_BLOCK, result.size - start)
        sums = total[:size]
        sums[:] = 0.0
        k = 0
        while k + 4 <= n_taps:  # four terms for each pass over the sums
            at = start + k * columns
            a = flat[at : at + size]
            b = flat[at + columns : at + columns + size]
            c = flat[at + 2 * columns : at + 2 * columns + size]
            d = flat[at + 3 * columns : at + 3 * columns + size]
            last = n_taps - 1 - k
            wa, wb, wc, wd = taps[last], taps[last - 1], taps[last - 2], taps[last - 3]
            for j in range(size):
                sums[j] += (wa * a[j] + wb * b[j]) + (wc * c[j] + wd * d[j])
            k += 4
        while k < n_taps:
            a = flat[start + k * columns : start + k * columns + size]
            wa = taps[n_taps - 1 - k]
            for j in range(size):
                sums[j] += wa * a[j]
            k += 1
        piece = result[start : start + size]
        for j in range(size):
            piece[j] = sums[j]


@njit(cache=True)
def convolve_next(
    rows: NDArray[np.floating],
    end: int,
    chunk: NDArray[np.floating],
    taps: NDArray[np.float64],
    out: NDArray[np.floating],
) -> int:
    """Weigh the next samples of a live recording, in one call for all that there is to do.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_columns)
        Buffer with the last ``n_taps - 1`` samples in front of ``end``; when it is full they move
        to its beginning.
    end : int
        Where the next sample goes.
    chunk : ndarray of shape (n, n_columns)
        The next samples, at most ``n_rows - n_taps + 1``.
    taps : ndarray of shape (n_taps,)
        Weights, the newest sample's first.
    out : ndarray of shape (n, n_columns)
        Filled in.

    Returns
    -------
    int
        Where the sample after ``chunk`` goes; -1, and nothing has changed, if NaN or infinity
        is in it.
    """
    past, n, columns = taps.size - 1, len(chunk), chunk.shape[1]
    total = 0.0
    for i in range(n):
        for j in range(columns):
            total += 0.0 * chunk[i, j]
    if total != 0.0:
        return -1
    if end + n > len(rows):
        for i in range(past):
            for j in range(columns):
                rows[i, j] = rows[end - past + i, j]
        end = past
    for i in range(n):
        for j in range(columns):
            rows[end + i, j] = chunk[i, j]
    convolve(rows[end - past : end + n], taps, out)
    return end + n


@njit(cache=True)
def convolve_each(
    x: NDArray[np.float64], taps: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Weigh each sample and the ones before it, every column by its own taps.

    Parameters
    ----------
    x : ndarray of shape (n_columns, n_taps - 1 + n)
        The samples of one column after the other.
    taps : ndarray of shape (n_columns, n_taps)
        Weights, the newest sample's first.
    out : ndarray of shape (n_columns, n)
        Filled in.
    """
    for column in range(len(x)):
        convolve(x[column].reshape(-1, 1), taps[column], out[column].reshape(-1, 1))
