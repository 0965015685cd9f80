"""Digits of tokens put together: what an entry of a vector is, wherever its digits are."""

import numpy as np
from numpy.typing import NDArray


def split_digits(tokens: NDArray[np.int64], digits: list[list[int]]) -> NDArray[np.int64]:
    """Put together the digits that tell of one entry of a vector, wherever their levels are.

    An `EmbeddedScalarQuantizer` packs digits of base three, of several entries, into each token.
    What is likely shows in the entries: in the frame before, in the channel beside.

    Parameters
    ----------
    tokens : ndarray of shape (n_frames, n_channels, n_levels)
    digits : list of list of int
        Entry that each digit of a level belongs to, the most significant first; none for levels
        that stay as they are.

    Returns
    -------
    ndarray of shape (n_frames, n_channels, n_columns)
        The levels without digits, then one column per entry.
    """
    plain = [tokens[..., k] for k, entries in enumerate(digits) if not entries]
    numbers = {i: np.zeros(tokens.shape[:2], np.int64) for i in _entries(digits)}
    for k, entries in enumerate(digits):
        for j, i in enumerate(entries):
            numbers[i] = 3 * numbers[i] + tokens[..., k] // 3 ** (len(entries) - 1 - j) % 3
    return np.stack([*plain, *numbers.values()], -1)


def join_digits(columns: NDArray[np.int64], digits: list[list[int]]) -> NDArray[np.int64]:
    """Undo `split_digits`."""
    flat = [i for entries in digits for i in entries]
    left = {i: flat.count(i) for i in _entries(digits)}
    n_plain = sum(not entries for entries in digits)
    number = {i: columns[..., n_plain + j] for j, i in enumerate(left)}
    plain = iter(range(n_plain))
    levels = []
    for entries in digits:
        if not entries:
            levels.append(columns[..., next(plain)])
            continue
        token = np.zeros(columns.shape[:2], np.int64)
        for i in entries:
            left[i] -= 1
            token = 3 * token + number[i] // 3 ** left[i] % 3
        levels.append(token)
    return np.stack(levels, -1)


def _entries(digits: list[list[int]]) -> list[int]:
    return sorted({i for entries in digits for i in entries})
