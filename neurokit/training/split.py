"""Which examples are learned from, and which are held out to watch."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def split_groups(
    n: int, fraction: float, groups: ArrayLike | None, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows to train on and rows held out: whole groups, at least one on either side.

    Parameters
    ----------
    n : int
        Number of examples.
    fraction : float
        Part of them to hold out.
    groups : array-like of shape (n,) or None
        Group of each example. None: each is one of its own.
    seed : int

    Returns
    -------
    train, held : ndarray of int

    Raises
    ------
    ValueError
        If there are fewer than two groups, or another number of labels than examples.

    Examples
    --------
    >>> train, held = split_groups(6, 0.3, list("aabbcc"), seed=0)
    >>> len(train), len(held)
    (4, 2)
    """
    if fraction == 0:
        return np.arange(n), np.arange(0)
    labels = np.arange(n) if groups is None else np.asarray(groups)
    if labels.shape != (n,):
        raise ValueError(f"Trainer: groups must name each of {n} examples, got {labels.shape}.")
    names, member = np.unique(labels, return_inverse=True)
    if len(names) < 2:
        raise ValueError(
            f"Trainer: validation_fraction={fraction} holds out whole groups and needs two or"
            f" more, got only {names.tolist()}; set validation_fraction=0."
        )
    order = np.random.default_rng(seed).permutation(len(names))
    reached = np.cumsum(np.bincount(member)[order])
    n_held = min(int(np.searchsorted(reached, fraction * n)) + 1, len(names) - 1)
    held = np.isin(member, order[:n_held])
    return np.flatnonzero(~held), np.flatnonzero(held)
