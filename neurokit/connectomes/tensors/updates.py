"""One pass over the columns of a factor: hierarchical least squares, or least squares at once."""

from typing import Any

import numpy as np

from neurokit.connectomes.tensors.backend import Array, cast, copy, double, module_of

TINY = 1e-30


def hals(factor: Array, product: Array, gram: Array, penalty: float = 0.0) -> Array:
    """Improve every column of a non-negative factor in turn, the others held.

    Column ``r`` of ``min ||X - F K'||^2 / 2 + penalty * sum(F)`` over ``F >= 0`` has the closed
    form ``max(0, f_r + (m_r - F g_r - penalty) / g_rr)`` with ``M = X K`` and ``G = K'K``
    (Cichocki and Phan 2009, equation 4.67).

    Parameters
    ----------
    factor : array of shape (n_restarts, n_rows, rank)
    product : array of the same shape
        ``M``.
    gram : array of shape (n_restarts, rank, rank) or (n_restarts, n_rows, rank, rank)
        ``G``; of each row where rows know different entries.
    penalty : float, default=0.0

    Returns
    -------
    array like ``factor``
    """
    factor, gram = copy(factor), cast(gram, factor)
    for r in range(factor.shape[-1]):
        if gram.ndim == 3:
            column = gram[:, :, r, None]
            fitted, scale = (factor @ column)[..., 0], gram[:, None, r, r]
        else:
            fitted, scale = (factor * gram[..., r]).sum(-1), gram[..., r, r]
        step = (product[..., r] - fitted - penalty) / scale.clip(TINY)
        factor[..., r] = (factor[..., r] + step).clip(0) * (scale > TINY)  # nothing known: zero
    return factor


def least_squares(factor: Array, product: Array, gram: Array, penalty: float = 0.0) -> Array:
    """Solve ``min ||X - F K'||^2`` for the whole factor; minimum-norm where it is degenerate."""
    xp = module_of(factor)
    size = gram.shape[-1]
    trace = xp.einsum("...ii->...", gram)[..., None, None]
    eye = np.eye(size) if xp is np else xp.eye(size, dtype=gram.dtype, device=gram.device)
    damped = gram + eye * (trace.clip(TINY) * 1e-10)
    wanted = double(product)
    if gram.ndim == 3:
        found = xp.linalg.solve(damped, wanted.swapaxes(1, 2)).swapaxes(1, 2)
    else:
        found = xp.linalg.solve(damped, wanted[..., None])[..., 0]
    return cast(found, factor)


def balance(factors: list[Array], powers: list[int], *, total: bool) -> list[Array]:
    """Give the columns of all factors equal norms; the model stays as it is.

    Parameters
    ----------
    factors : list of arrays of shape (n_restarts, size, rank)
    powers : list of int
        How often each factor stands in the model: 2 for that of the units.
    total : bool
        Whether the norm is the sum of absolute values (for a penalty on it) or Euclidean.
    """
    norms = []
    for factor in factors:
        wide = double(factor)
        norms.append(abs(wide).sum(1) if total else (wide * wide).sum(1) ** 0.5)
    product = norms[0] ** powers[0]
    for norm, power in zip(norms[1:], powers[1:], strict=True):
        product = product * norm**power
    common = product ** (1 / sum(powers))
    scaled = []
    for factor, norm in zip(factors, norms, strict=True):
        ratio = module_of(norm).where(common > 0, common / norm.clip(TINY), 1.0)
        scaled.append(factor * cast(ratio, factor)[:, None, :])
    return scaled


def rule_of(name: str) -> Any:
    """Return the update named "hals" or "als"."""
    return {"hals": hals, "als": least_squares}[name]
