"""Sums of products of factors: canonical polyadic decomposition, non-negative or not."""

from __future__ import annotations

import os

import numpy as np

from neurokit.connectomes.tensors.factorisation import Factorisation


class NonnegativeCP(Factorisation):
    r"""Explain a non-negative tensor as a sum of products of non-negative factors.

    :math:`x_{ijk\dots} \approx \sum_r w_r\, a_{ir} b_{jr} c_{kr} \cdots`, by hierarchical
    alternating least squares [1]_ from many random starts at once. The tensor is an array of any
    order (a matrix: non-negative matrix factorisation), a labelled array, or an
    `Affinity`, which is never built. NaN is not known, and does not count.

    All restarts are columns of the same matrix products, so that sixteen cost far less than
    sixteen fits; they are needed, because starts end in different stationary points. The tensor is
    read twice for one sweep over all modes and never unfolded.

    Parameters
    ----------
    n_components : int, default=8
        Number of components, the rank.
    form : {"auto", "dense", "cp", "pairs"}, default="auto"
        ``"dense"``: a factor for each mode. ``"cp"``: source and target share the factor of the
        units, so that every component is one community. ``"pairs"``: pairs of units are one mode,
        so that every component has a free matrix of affinities. ``"auto"`` is "cp" for an
        `Affinity` and "dense" for all else. For "cp" and "pairs" the first two dims are
        ``source`` and ``target``, the same in both directions.
    n_restarts : int, default=16
        Random starts, fitted as one batch; the best is kept.
    max_iter : int, default=500
        Sweeps over all modes at most.
    tol : float, default=1e-5
        A restart has converged when its error fell by less than this share per sweep, on average
        over the last ten sweeps.
    l1 : float, default=0.0
        Penalty on the sum of every factor, in units that leave a scaled tensor with the scaled
        solution: :math:`\frac12\|X-\hat X\|^2 + l_1 \|X\|^{2-1/d} \sum_m \sum F_m` for d modes.
    dtype : {"float32", "float64"}, default="float32"
        Precision of the products. Sums over them are in float64.
    device : str, default="auto"
        ``"auto"`` takes a CUDA card where torch and the card are there and the fit is so large
        that starting the card pays (entries by components, restarts and ``max_iter``: 3e11),
        ``"cpu"`` is NumPy.
    warm_start : bool, default=False
        Whether the first restart begins at the factors of the last fit.
    checkpoint : path-like, optional
        File that holds an interrupted fit; the next fit of the same data goes on from it, to the
        same bits. It is removed at the end.
    verbose : int, default=0
        Whether to show a progress bar.
    random_state : int, RandomState or None
        Seed of the starts; more restarts leave the first ones as they are.

    Attributes
    ----------
    factors_ : xarray.Dataset
        One variable ``<mode>_factor`` of dims (mode, "component") for each mode, columns of norm
        1; "pairs" has ``pair_factor`` (source, target, component). ``weight(component)``, largest
        first.
    error_ : float
        Norm of what the best restart leaves over that of the tensor, over known entries.
    errors_ : ndarray of shape (n_restarts,)
        The same of every restart; infinite for one that ended in NaN.
    converged_ : bool ndarray of shape (n_restarts,)
        Which restarts met ``tol``; never one that ended in NaN.
    stability_ : float
        Mean factor match score of the other restarts with the best.
    similarities_ : ndarray of shape (n_restarts,)
        Factor match score of each with the best.
    stationarity_ : float
        Projected gradient of the best restart over the squared norm of the tensor: how far it is
        from a point that no small change improves.
    n_iter_, best_restart_ : int
        Sweeps of the best restart, and which one it is.
    history_ : ndarray of shape (n_sweeps, n_restarts)
        Relative error after each sweep; NaN once a restart has come to its end.
    modes_, dims_, shape_ : list
        Names of the factors, and dims and sizes of the tensor.
    form_, sample_mode_ : str
        The form that was fitted, and the mode whose loadings `transform` finds.
    n_components_, n_features_in_ : int

    References
    ----------
    .. [1] Cichocki and Phan (2009), Fast local algorithms for large scale nonnegative matrix and
       tensor factorizations, IEICE Transactions E92-A(3), 708-721, algorithm 2.
    .. [2] Phan, Tichavsky and Cichocki (2013), Fast alternating LS algorithms for high order
       CANDECOMP/PARAFAC tensor factorizations, IEEE Transactions on Signal Processing 61(19),
       4834-4846.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a, b, c = (rng.random((n, 2)) for n in (6, 7, 8))
    >>> x = np.einsum("ir,jr,kr->ijk", a, b, c)
    >>> model = NonnegativeCP(2, tol=1e-7, dtype="float64", random_state=0).fit(x)
    >>> bool(model.error_ < 1e-3), list(model.factors_)
    (True, ['weight', 'mode_0_factor', 'mode_1_factor', 'mode_2_factor'])
    """

    _bounded = True

    def __init__(
        self,
        n_components: int = 8,
        *,
        form: str = "auto",
        n_restarts: int = 16,
        max_iter: int = 500,
        tol: float = 1e-5,
        l1: float = 0.0,
        dtype: str = "float32",
        device: str = "auto",
        warm_start: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.form = form
        self.n_restarts = n_restarts
        self.max_iter = max_iter
        self.tol = tol
        self.l1 = l1
        self.dtype = dtype
        self.device = device
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.verbose = verbose
        self.random_state = random_state


class CP(Factorisation):
    r"""Explain a tensor as a sum of products of factors, of any sign.

    :math:`x_{ijk\dots} \approx \sum_r w_r\, a_{ir} b_{jr} c_{kr} \cdots`, by alternating least
    squares, all restarts in the same matrix products. For tensors of three modes and more the
    components are unique under mild conditions, without the order of a principal component
    analysis. See `NonnegativeCP` for forms, missing entries and what the attributes are.

    Parameters
    ----------
    n_components : int, default=8
        Number of components, the rank.
    form : {"auto", "dense", "cp", "pairs"}, default="auto"
        As in `NonnegativeCP`.
    n_restarts : int, default=16
        Random starts, fitted as one batch; the best is kept.
    max_iter : int, default=500
        Sweeps over all modes at most.
    tol : float, default=1e-5
        Mean relative fall of the error per sweep, over ten sweeps, at which a restart has
        converged.
    dtype : {"float32", "float64"}, default="float32"
        Precision of the products. Sums over them are in float64.
    device : str, default="auto"
        ``"auto"`` takes a CUDA card where torch and the card are there and the fit is so large
        that starting the card pays (entries by components, restarts and ``max_iter``: 3e11),
        ``"cpu"`` is NumPy.
    warm_start : bool, default=False
        Whether the first restart begins at the factors of the last fit.
    checkpoint : path-like, optional
        File that holds an interrupted fit.
    verbose : int, default=0
        Whether to show a progress bar.
    random_state : int, RandomState or None
        Seed of the starts.

    Attributes
    ----------
    factors_ : xarray.Dataset
        As in `NonnegativeCP`; the factor of the samples carries the sign, the largest entry of
        every other column is positive.
    error_, stability_, stationarity_ : float
    errors_, converged_, similarities_, history_ : ndarray
    n_iter_, best_restart_, n_components_, n_features_in_ : int
    modes_, dims_, shape_ : list
    form_, sample_mode_ : str

    References
    ----------
    .. [1] Kolda and Bader (2009), Tensor decompositions and applications, SIAM Review 51(3),
       455-500, figure 3.3.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a, b, c = (rng.normal(size=(n, 2)) for n in (6, 7, 8))
    >>> x = np.einsum("ir,jr,kr->ijk", a, b, c)
    >>> bool(CP(2, dtype="float64", random_state=0).fit(x).error_ < 1e-3)
    True
    """

    _bounded = False
    l1 = 0.0

    def __init__(
        self,
        n_components: int = 8,
        *,
        form: str = "auto",
        n_restarts: int = 16,
        max_iter: int = 500,
        tol: float = 1e-5,
        dtype: str = "float32",
        device: str = "auto",
        warm_start: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.form = form
        self.n_restarts = n_restarts
        self.max_iter = max_iter
        self.tol = tol
        self.dtype = dtype
        self.device = device
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.verbose = verbose
        self.random_state = random_state
