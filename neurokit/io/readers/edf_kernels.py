"""Turn the records of an EDF or BDF file into rows of float32 samples."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def decode_int16(
    raw: np.ndarray,
    offsets: np.ndarray,
    length: int,
    gain: np.ndarray,
    shift: np.ndarray,
    positions: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write ``gain * raw + shift`` to where each record lies in ``out``.

    Parameters
    ----------
    raw : ndarray of int16 of shape (n_records, n_values)
        Stored values, one row per record.
    offsets : ndarray of int of shape (n_channels,)
        Column where each channel begins.
    length : int
        Samples of a channel in one record.
    gain, shift : ndarray of float64 of shape (n_channels,)
    positions : ndarray of int of shape (n_records,)
        Column of ``out`` of each record's first sample; a record may stick out on either side.
    out : ndarray of float32 of shape (n_channels, n_times)
    """
    n_times = out.shape[1]
    for channel in range(len(offsets)):
        a = gain[channel]
        b = shift[channel]
        for record in range(len(positions)):
            begin = max(0, -positions[record])
            end = min(length, n_times - positions[record])
            if begin < end:
                # Slices of their own: the compiler then sees that nothing overlaps.
                source = raw[record, offsets[channel] + begin : offsets[channel] + end]
                target = out[channel, positions[record] + begin : positions[record] + end]
                for i in range(end - begin):
                    target[i] = source[i] * a + b


@njit(cache=True, nogil=True)
def decode_int24(
    raw: np.ndarray,
    offsets: np.ndarray,
    length: int,
    gain: np.ndarray,
    shift: np.ndarray,
    positions: np.ndarray,
    out: np.ndarray,
) -> None:
    """Do the same for BDF: ``raw`` is uint8 and a value is three bytes, lowest first."""
    n_times = out.shape[1]
    for channel in range(len(offsets)):
        a = gain[channel]
        b = shift[channel]
        for record in range(len(positions)):
            begin = max(0, -positions[record])
            end = min(length, n_times - positions[record])
            if begin < end:
                source = raw[record, offsets[channel] + 3 * begin : offsets[channel] + 3 * end]
                target = out[channel, positions[record] + begin : positions[record] + end]
                for i in range(end - begin):
                    low = np.int32(source[3 * i]) | (np.int32(source[3 * i + 1]) << 8)
                    # Through int8 the top byte brings its sign along.
                    high = np.int32(np.int8(source[3 * i + 2])) << 16
                    target[i] = np.float64(low | high) * a + b
