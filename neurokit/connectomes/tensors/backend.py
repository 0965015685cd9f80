"""The few operations that NumPy and torch spell differently."""

import sys
from typing import Any

import numpy as np

Array = Any  # numpy.ndarray or torch.Tensor
LETTERS = "abcdefghijklm"


def module_of(x: Array) -> Any:
    """Return the module that the array belongs to: numpy or torch."""
    return np if isinstance(x, np.ndarray) else sys.modules["torch"]


def to_host(x: Array) -> np.ndarray:
    """Return the array as one of NumPy's."""
    return x if isinstance(x, np.ndarray) else x.detach().cpu().numpy()


def like(values: np.ndarray, other: Array, dtype: Any = None) -> Array:
    """Put NumPy values where ``other`` lives; in its dtype unless another (of NumPy) is named."""
    if isinstance(other, np.ndarray):
        return np.ascontiguousarray(values, dtype=other.dtype if dtype is None else dtype)
    torch = sys.modules["torch"]
    values = np.ascontiguousarray(values, dtype=dtype)
    tensor = torch.from_numpy(values).to(other.device)
    return tensor.to(other.dtype) if dtype is None else tensor


def cast(x: Array, other: Array) -> Array:
    """Return ``x`` in the dtype of ``other``, without a copy where it has it already."""
    if isinstance(x, np.ndarray):
        return x.astype(other.dtype, copy=False)
    return x.to(other.dtype)


def double(x: Array) -> Array:
    """Return ``x`` in float64."""
    return x.astype(np.float64, copy=False) if isinstance(x, np.ndarray) else x.double()


def zeros(shape: tuple[int, ...], other: Array) -> Array:
    """Return zeros of the dtype and on the device of ``other``."""
    if isinstance(other, np.ndarray):
        return np.zeros(shape, other.dtype)
    return sys.modules["torch"].zeros(shape, dtype=other.dtype, device=other.device)


def copy(x: Array) -> Array:
    """Return a copy that may be written to."""
    return x.copy() if isinstance(x, np.ndarray) else x.clone()


def khatri_rao(factors: list[Array]) -> Array:
    """Return all products of one row of each factor: (n_restarts, n_rows, rank).

    Rows run as in C order, the last factor fastest.
    """
    product = factors[0]
    for factor in factors[1:]:
        n_restarts, _, rank = product.shape
        product = (product[:, :, None, :] * factor[:, None, :, :]).reshape(n_restarts, -1, rank)
    return product


def side_by_side(factor: Array) -> Array:
    """Lay the restarts beside each other: (n_rows, n_restarts * rank), for one matrix product."""
    n_restarts, n_rows, rank = factor.shape
    if n_restarts == 1:
        return factor[0]
    return factor.swapaxes(0, 1).reshape(n_rows, n_restarts * rank)


def gram(factor: Array) -> Array:
    """Return F'F of every restart in float64: (n_restarts, rank, rank)."""
    wide = double(factor)
    return wide.swapaxes(1, 2) @ wide


def contract(product: Array, factors: list[Array], mode: int) -> Array:
    """Sum a matrix product over all its modes but one, each weighted by its factor.

    Parameters
    ----------
    product : array of shape (*sizes, n_restarts, rank)
    factors : list of arrays of shape (n_restarts, size, rank)
        One for each of ``sizes``.
    mode : int
        The one that is kept.

    Returns
    -------
    array of shape (n_restarts, sizes[mode], rank)
    """
    xp = module_of(product)
    others = [k for k in range(len(factors)) if k != mode]
    for k in reversed(others):
        axes = LETTERS[: product.ndim - 2]
        kept = axes.replace(axes[k], "")
        product = xp.einsum(f"{axes}yz,y{axes[k]}z->{kept}yz", product, factors[k])
    return product.swapaxes(0, 1)
