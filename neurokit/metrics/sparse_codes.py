"""Chance matches of sparse codes: the odds that overlap means nothing."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom, hypergeom

from neurokit.types import Labelled


def false_match_probability(
    n: ArrayLike, active: ArrayLike, sampled: ArrayLike, threshold: ArrayLike
) -> Labelled | float:
    r"""Say how probable it is that a random sparse code overlaps a stored one by chance.

    .. math:: P = \sum_{b=\theta}^{\min(s, a)} \binom{s}{b} \binom{n - s}{a - b} \Big/ \binom{n}{a}

    It is the null against which an overlap of assemblies, spike words or codebook entries is to
    be held: ``a`` of ``n`` units are active at random, and ``s`` units are looked at.

    Parameters
    ----------
    n : int or array-like
        Number of units.
    active : int or array-like
        Active units in the random code (a).
    sampled : int or array-like
        Units of the stored code that are looked at (s).
    threshold : int or array-like
        Overlap from which on codes count as matching (theta).

    Returns
    -------
    float or ndarray
        Exact, down to the smallest numbers of float64.

    Raises
    ------
    ValueError
        If a number is negative or not whole, or more units are active or looked at than there
        are.

    References
    ----------
    .. [1] Ahmad and Hawkins (2016), How do neurons operate on sparse distributed
       representations?, arXiv:1601.00720, equation 4.

    Examples
    --------
    >>> float(f"{false_match_probability(10_000, 300, 24, 12):.4e}")
    8.3758e-13
    """
    n, active, sampled, threshold = _whole(
        "false_match_probability", n=n, active=active, sampled=sampled, threshold=threshold
    )
    if (active > n).any() or (sampled > n).any():
        raise ValueError(
            "false_match_probability: neither active nor sampled can exceed n, got"
            f" {active.tolist()} and {sampled.tolist()} of {n.tolist()}."
        )
    return _plain(hypergeom.sf(threshold - 1, n, sampled, active))


def union_false_match(
    n: ArrayLike, active: ArrayLike, n_patterns: ArrayLike, threshold: ArrayLike | None = None
) -> Labelled | float:
    r"""Say how probable it is that a random sparse code lies in a union of stored ones.

    The union of ``M`` random codes covers on average the share :math:`p = 1 - (1 - w/n)^M` of the
    units; a random code of ``w`` active units then overlaps it in at least ``threshold`` units
    with the binomial probability, which for a whole match is :math:`p^w`.

    Parameters
    ----------
    n : int or array-like
        Number of units.
    active : int or array-like
        Active units in each code (w).
    n_patterns : int or array-like
        Codes in the union (M).
    threshold : int or array-like, optional
        Overlap from which on the code counts as contained. Default: ``active``, a whole match.

    Returns
    -------
    float or ndarray

    Raises
    ------
    ValueError
        If a number is negative or not whole, or more units are active than there are.

    References
    ----------
    .. [1] Ahmad and Hawkins (2016), arXiv:1601.00720, section on unions.

    Examples
    --------
    >>> float(f"{union_false_match(1024, 20, 50):.2e}")
    8.82e-05
    """
    limits = {"n": n, "active": active, "n_patterns": n_patterns}
    limits["threshold"] = active if threshold is None else threshold
    n, active, n_patterns, threshold = _whole("union_false_match", **limits)
    if (active > n).any() or (n < 1).any():
        raise ValueError(
            "union_false_match: active cannot exceed n, and n is at least 1, got"
            f" {active.tolist()} of {n.tolist()}."
        )
    with np.errstate(divide="ignore"):
        covered = -np.expm1(n_patterns * np.log1p(-active / n))
    return _plain(np.where(threshold <= 0, 1.0, binom.sf(threshold - 1, active, covered)))


def _whole(caller: str, **numbers: ArrayLike) -> list[NDArray[np.int64]]:
    arrays = []
    for name, value in numbers.items():
        array = np.asarray(value)
        if not np.isrealobj(array) or (array != np.floor(array)).any() or (array < 0).any():
            raise ValueError(
                f"{caller}: {name} must be a whole number, not negative, got {value!r}."
            )
        arrays.append(array.astype(np.int64))
    return arrays


def _plain(values: NDArray[np.float64]) -> Labelled | float:
    return float(values) if np.ndim(values) == 0 else values
