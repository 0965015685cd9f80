"""Lempel and Ziv's parsing of a sequence into new words."""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def count_words(bits: NDArray[np.uint8]) -> int:
    """Count the words of the exhaustive history of a sequence.

    A word grows as long as it can be copied from what stands before its own last symbol. Matches
    are found in a suffix automaton that grows with the sequence, so that the count takes a time
    in proportion to its length.

    Parameters
    ----------
    bits : ndarray of shape (n,)
        Zeros and ones.

    Returns
    -------
    int
    """
    n = bits.size
    follow = np.full((2 * n + 2, 2), -1, np.int64)  # transitions of each state
    link = np.full(2 * n + 2, -1, np.int64)
    length = np.zeros(2 * n + 2, np.int64)
    states, last, words = 1, 0, 0
    at = (
        0  # state of the present word; if it is cloned, both have the same way on at the next step
    )
    for t in range(n):
        symbol = bits[t]
        # the automaton holds bits[:t]: can the present word take this symbol and still be a copy?
        if follow[at, symbol] >= 0:
            at = follow[at, symbol]
            if t == n - 1:
                words += 1  # a last word that is no longer new counts as well
        else:
            words += 1
            at = 0
        # take the symbol into the automaton
        new, p = states, last
        states += 1
        length[new] = length[last] + 1
        while p >= 0 and follow[p, symbol] < 0:
            follow[p, symbol] = new
            p = link[p]
        if p < 0:
            link[new] = 0
        else:
            q = follow[p, symbol]
            if length[p] + 1 == length[q]:
                link[new] = q
            else:
                clone = states
                states += 1
                length[clone] = length[p] + 1
                follow[clone, 0], follow[clone, 1] = follow[q, 0], follow[q, 1]
                link[clone] = link[q]
                while p >= 0 and follow[p, symbol] == q:
                    follow[p, symbol] = clone
                    p = link[p]
                link[q] = clone
                link[new] = clone
        last = new
    return words
