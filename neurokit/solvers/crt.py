"""Tables of Chinese restaurants: how many, when so many customers have come.

CRT(n, r) is the number of tables after n customers, of whom the m-th opens a table of their own
with probability r / (r + m - 1). Given a Dirichlet multinomial count, the tables make the
concentration conjugate (Teh et al. 2006, J. Am. Stat. Assoc. 101, 1566-1581, appendix A).
"""

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray


def sample_tables(
    customers: ArrayLike, concentration: ArrayLike, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw CRT(customers, concentration), element by element.

    Parameters
    ----------
    customers : array-like of int, not negative
        n.
    concentration : array-like of float, positive
        r.
    rng : Generator

    Returns
    -------
    ndarray of int
        Between 1 and n where n is positive, 0 where it is 0.

    Examples
    --------
    >>> sample_tables([0, 1, 50], 1e-9, np.random.default_rng(0)).tolist()
    [0, 1, 1]
    """
    n, r = np.broadcast_arrays(
        np.asarray(customers, np.int64), np.asarray(concentration, np.float64)
    )
    out = np.empty(n.shape, np.int64)
    _fill(np.ascontiguousarray(n).ravel(), np.ascontiguousarray(r).ravel(), out.ravel(), rng)
    return out


@njit(cache=True, error_model="numpy")
def _fill(customers, concentration, out, rng):  # type: ignore[no-untyped-def]
    for i in range(len(customers)):
        r, tables = concentration[i], 0
        for m in range(customers[i]):
            tables += m == 0 or rng.random() * (r + m) < r
        out[i] = tables
