"""How alike two factorisations are, whatever the order and scale of their components."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment

SUFFIX = "_factor"


def factor_match_score(
    a: Sequence[ArrayLike] | Mapping[str, ArrayLike] | xr.Dataset,
    b: Sequence[ArrayLike] | Mapping[str, ArrayLike] | xr.Dataset,
    *,
    weights: bool = True,
) -> float:
    r"""Compare two sets of components, matched one to one.

    The similarity of two components is the product over modes of the absolute cosines of their
    factors, times :math:`1 - |w - w'| / \max(w, w')` for their weights; the score is its mean over
    the best matching [1]_ [2]_. Components without a partner count as zero.

    Parameters
    ----------
    a, b : sequence of array-likes of shape (size, n_components), mapping, or xarray.Dataset
        One factor for each mode, in one order or under one set of names. A Dataset is one of
        ``factors_``: its variables that end in ``_factor``, units and animals matched by name.
    weights : bool, default=True
        Whether the weights count. That of a component is the product of the norms of its factors,
        times ``weight`` in a Dataset.

    Returns
    -------
    float
        1 for the same components up to order and scale.

    Raises
    ------
    ValueError
        If modes or sizes differ, or a factor holds NaN.

    References
    ----------
    .. [1] Acar, Dunlavy, Kolda and Morup (2011), Scalable tensor factorizations for incomplete
       data, Chemometrics and Intelligent Laboratory Systems 106(1), 41-56, section 5.1.
    .. [2] Williams et al. (2018), Unsupervised discovery of demixed, low-dimensional neural
       dynamics across multiple timescales through tensor component analysis, Neuron 98(6),
       1099-1115, equation 5.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a = [rng.random((5, 2)), rng.random((7, 2))]
    >>> b = [a[0][:, ::-1] * 2, a[1][:, ::-1] / 2]
    >>> round(factor_match_score(a, b), 6)
    1.0
    """
    first, second = _modes(a), _modes(b)
    if first.keys() != second.keys():
        raise ValueError(
            f"factor_match_score: both need the same modes, got {list(first)} and {list(second)}."
        )
    similarity: Any = 1.0
    sizes = []
    for name, factor in first.items():
        x, y = _aligned(factor, second[name], name)
        norms = np.linalg.norm(x, axis=0), np.linalg.norm(y, axis=0)
        sizes.append(norms)
        x, y = (f / np.maximum(n, 1e-300) for f, n in zip((x, y), norms, strict=True))
        similarity = similarity * np.abs(x.T @ y)
    if weights:
        one = np.prod([norms[0] for norms in sizes], axis=0) * _weight(a)
        two = np.prod([norms[1] for norms in sizes], axis=0) * _weight(b)
        apart = np.abs(one[:, None] - two)
        similarity = similarity * (1 - apart / np.maximum(np.maximum(one[:, None], two), 1e-300))
    rows, columns = linear_sum_assignment(-similarity)
    return float(similarity[rows, columns].sum() / max(similarity.shape))


def _modes(factors: Any) -> dict[Any, Any]:
    if isinstance(factors, xr.Dataset):
        return {
            str(name): factors[name] for name in factors.data_vars if str(name).endswith(SUFFIX)
        }
    if isinstance(factors, Mapping):
        return dict(factors)
    return dict(enumerate(factors))


def _weight(factors: Any) -> Any:
    if isinstance(factors, xr.Dataset) and "weight" in factors:
        return np.abs(factors["weight"].values)
    return 1.0


def _aligned(a: Any, b: Any, name: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return two factors as arrays (size, n_components), rows of ``b`` in the order of ``a``."""
    if isinstance(a, xr.DataArray) and isinstance(b, xr.DataArray):
        for dim in a.dims:
            both = dim in a.coords and dim in b.coords and dim not in ("component", "time")
            if both and set(a[dim].values.tolist()) == set(b[dim].values.tolist()):
                b = b.sel({dim: a[dim].values})
        a, b = (
            np.nan_to_num(x.transpose(..., "component").values.reshape(-1, x.sizes["component"]))
            if x.ndim == 3  # pairs: nothing is known of a unit with itself
            else x.transpose(..., "component").values
            for x in (a, b)
        )
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
        raise ValueError(
            f"factor_match_score: factors of mode {name!r} must be of shape (size, n_components)"
            f" with one size, got {x.shape} and {y.shape}."
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError(f"factor_match_score: the factors of mode {name!r} hold NaN or infinity.")
    return x, y
