"""How many components: entries held out, and whether the core stays diagonal."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from neurokit.connectomes.affinity import Affinity
from neurokit.connectomes.cp import NonnegativeCP
from neurokit.connectomes.tensors.factorisation import Factorisation
from neurokit.connectomes.tensors.reading import Tensor, read_tensor

ENTRIES = 2**30  # of a packed affinity that choose_rank is willing to build


def choose_rank(
    X: xr.DataArray | Affinity | ArrayLike,
    ranks: Sequence[int],
    *,
    estimator: Factorisation | None = None,
    held_out: float = 0.1,
    n_splits: int = 3,
    random_state: int | np.random.RandomState | None = None,
) -> xr.Dataset:
    """Compare numbers of components by how well they predict entries that were hidden.

    Entries chosen at random over the whole tensor (a speckle) are hidden from the fit [1]_; their
    error falls as long as components are real, and rises when they begin to fit noise. Of pairs
    of units both directions are hidden. Beside it stand the core consistency [2]_ and the
    stability over restarts of a fit to all entries.

    Parameters
    ----------
    X : Affinity, xarray.DataArray or array-like
        As `NonnegativeCP.fit` takes it. An affinity is packed for this, since a speckle has no
        structure: choose fewer units or times with ``isel`` if it is large.
    ranks : sequence of int
        Numbers of components to compare.
    estimator : NonnegativeCP or CP, optional
        Whose other parameters are used. Default: ``NonnegativeCP()``.
    held_out : float, default=0.1
        Share of the known entries that is hidden.
    n_splits : int, default=3
        Speckles, each drawn anew.
    random_state : int, RandomState or None
        Seed of the speckles, and of the starts.

    Returns
    -------
    xarray.Dataset
        ``test_error(rank, split)`` and ``train_error(rank, split)``, relative;
        ``core_consistency(rank)`` in percent, ``stability(rank)``, ``error(rank)`` of all
        entries; ``attrs["best"]``: the smallest rank whose mean test error lies within one
        standard error of the least.

    Raises
    ------
    ValueError
        If a share or number is out of range, or an affinity is too large to be packed.

    References
    ----------
    .. [1] Wold (1978), Cross-validatory estimation of the number of components in factor and
       principal components models, Technometrics 20(4), 397-405.
    .. [2] Bro and Kiers (2003), A new efficient method for determining the number of components
       in PARAFAC models, Journal of Chemometrics 17(5), 274-286.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a, b, c = (rng.random((n, 2)) for n in (8, 9, 10))
    >>> x = np.einsum("ir,jr,kr->ijk", a, b, c) + 0.05 * rng.random((8, 9, 10))
    >>> choose_rank(x, [1, 2, 3], random_state=0).attrs["best"]
    2
    """
    model = NonnegativeCP() if estimator is None else estimator
    ranks = [int(rank) for rank in ranks]
    if not ranks or not 0 < held_out < 1 or n_splits < 1:
        raise ValueError(
            "choose_rank takes at least one rank, held_out between 0 and 1 and n_splits of 1 or"
            f" more, got {ranks}, {held_out!r} and {n_splits!r}."
        )
    rng = check_random_state(random_state)
    seed = int(rng.randint(2**31 - 1))
    tensor = read_tensor(clone(model), X, model.form, reset=True, bounded=model._bounded)
    if isinstance(X, Affinity) and np.prod(tensor.known_shape, dtype=float) > ENTRIES:
        raise ValueError(
            f"choose_rank packs the affinity, and {np.prod(tensor.known_shape, dtype=float):.0f}"
            f" entries are more than {ENTRIES}; take fewer units or times with X.isel(...)."
        )
    speckles = [rng.random_sample(tensor.known_shape) < held_out for _ in range(n_splits)]
    table = np.empty((2, len(ranks), n_splits))
    whole = np.empty((3, len(ranks)))
    for k, rank in enumerate(ranks):
        one = clone(model).set_params(n_components=rank, random_state=seed)
        fitted = _quietly(one, X, None)
        whole[:, k] = fitted.error_, fitted.stability_, core_consistency(fitted, X)
        for split, speckle in enumerate(speckles):
            table[:, k, split] = _errors(clone(one), X, tensor, speckle)
    mean = table[1].mean(1)
    least = int(np.argmin(mean))
    spread = table[1, least].std(ddof=1) / np.sqrt(n_splits) if n_splits > 1 else 0.0
    fine = [rank for rank, error in zip(ranks, mean, strict=True) if error <= mean[least] + spread]
    return xr.Dataset(
        {
            "train_error": (("rank", "split"), table[0]),
            "test_error": (("rank", "split"), table[1]),
            "error": ("rank", whole[0]),
            "stability": ("rank", whole[1]),
            "core_consistency": ("rank", whole[2]),
        },
        coords={"rank": ranks, "split": np.arange(n_splits)},
        attrs={"best": min(fine), "held_out": held_out},
    )


def core_consistency(model: Factorisation, X: xr.DataArray | Affinity | ArrayLike) -> float:
    """Measure how diagonal the core is that fits the tensor best, given the factors.

    The core of a Tucker model with the factors of ``model`` would be one on its superdiagonal and
    zero elsewhere, if the components were all there is. 100 means that it is; near or below zero,
    components explain one another's remains.

    Parameters
    ----------
    model : NonnegativeCP or CP
        Fitted.
    X : as in its ``fit``
        Entries that are not known are filled by the model.

    Returns
    -------
    float
        In percent, 100 at most.

    References
    ----------
    .. [1] Bro and Kiers (2003), A new efficient method for determining the number of components
       in PARAFAC models, Journal of Chemometrics 17(5), 274-286, equation 6.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = np.einsum("ir,jr,kr->ijk", *(rng.random((n, 2)) for n in (8, 9, 10)))
    >>> round(core_consistency(NonnegativeCP(2, tol=1e-8, random_state=0).fit(x), x))
    100
    """
    check_is_fitted(model)
    tensor = read_tensor(model, X, model.form_, reset=False, bounded=model._bounded)
    factors = [model._factor(name) for name in model.modes_]
    factors[-1] = factors[-1] * model.factors_["weight"].values
    inverses = [np.linalg.pinv(factor) for factor in factors]
    core = _core(tensor, factors, inverses)
    rank = core.shape[0]
    diagonal = np.zeros(core.shape)
    diagonal[(np.arange(rank),) * core.ndim] = 1.0
    return float(100 * (1 - ((core - diagonal) ** 2).sum() / rank))


def _core(tensor: Tensor, factors: list[np.ndarray], inverses: list[np.ndarray]) -> np.ndarray:
    """Multiply the tensor by the pseudo-inverse of the factor of each mode."""
    rank = factors[0].shape[1]
    if tensor.form == "dense":
        values = tensor.values
        values = values.to_dense().values if isinstance(values, Affinity) else values
        core = _fill(values.astype(np.float64), factors)
        for inverse in inverses:
            core = np.tensordot(core, inverse, (0, 1))  # the next mode comes to the front
        return core
    cells, cell_inverses = factors[1:], inverses[1:]
    weights = np.eye(rank)
    model = _khatri_rao(cells)
    across = cell_inverses[0].T
    for inverse in cell_inverses[1:]:
        across = np.kron(across, inverse.T)
    n_cells = across.shape[1]
    sides = 1 if tensor.form == "pairs" else 2
    core = np.zeros((*[rank] * sides, n_cells))
    place = 0
    for i in range(tensor.shape[0]):
        row = _row(tensor, i)
        if tensor.form == "pairs":
            row = row[1:]
            left = factors[0][place : place + len(row)]
        else:
            left = factors[0][i] * factors[0][i:]
        fitted = left @ model.T
        seen = np.where(np.isnan(row), fitted, row) @ across
        if tensor.form == "pairs":
            core += inverses[0][:, place : place + len(row)] @ seen
            place += len(row)
            continue
        there = np.einsum("p,qj,jc->pqc", inverses[0][:, i], inverses[0][:, i:], seen)
        own = np.einsum("p,q,c->pqc", inverses[0][:, i], inverses[0][:, i], seen[0])
        core += there + there.swapaxes(0, 1) - own
    return core.reshape(*[rank] * (core.ndim - 1), *[len(weights)] * len(cells))


def _row(tensor: Tensor, i: int) -> np.ndarray:
    values = tensor.values
    row = values.row(i) if isinstance(values, Affinity) else values[i, i:]
    return np.asarray(row, dtype=np.float64).reshape(len(row), -1)


def _khatri_rao(factors: list[np.ndarray]) -> np.ndarray:
    product = factors[0]
    for factor in factors[1:]:
        product = (product[:, None] * factor[None]).reshape(-1, factor.shape[1])
    return product


def _fill(values: np.ndarray, factors: list[np.ndarray]) -> np.ndarray:
    unknown = np.isnan(values)
    if unknown.any():
        fitted = (factors[0] @ _khatri_rao(factors[1:]).T).reshape(values.shape)
        values = np.where(unknown, fitted, values)
    return values


def _errors(
    model: Factorisation,
    X: xr.DataArray | Affinity | ArrayLike,
    tensor: Tensor,
    speckle: np.ndarray,
) -> tuple[float, float]:
    """Relative error over the entries seen, and over those that were hidden."""
    fitted = _quietly(model, X, speckle)
    factors = [fitted._factor(name)[None] for name in fitted.modes_]
    factors[-1] = factors[-1] * fitted.factors_["weight"].values
    wide = np.dtype(np.float64)
    left = []
    for mask in (speckle, None):
        operand = tensor.operand(wide, None, mask)
        inner, square = operand.inner(factors)
        left.append((operand.norm2 - 2 * inner[0] + square[0], operand.norm2))
    (seen, norm), (both, whole) = left
    return float(np.sqrt(max(seen, 0) / norm)), float(
        np.sqrt(max(both - seen, 0) / max(whole - norm, 1e-300))
    )


def _quietly(
    model: Factorisation, X: xr.DataArray | Affinity | ArrayLike, speckle: np.ndarray | None
) -> Factorisation:
    """Fit; a restart that is still improving is no news while ranks are compared."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model._fit(X, speckle)
