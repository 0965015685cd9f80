"""How well responses are predicted from stimuli: two versus two, correlations, noise ceilings."""

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurokit.metrics.alike import make_alike

Array = NDArray[np.float64]


def two_versus_two(measured: ArrayLike, predicted: ArrayLike) -> float:
    """Return how often two predictions fit their own responses better than each other's.

    For every pair of samples i < j, the cosine distances of both predictions to their own
    responses, added, are compared with those to the other's [1]_. Chance is 0.5. It is one matrix
    product: with S the cosines of all responses with all predictions, a pair is right where
    ``S[i, i] + S[j, j] > S[i, j] + S[j, i]``.

    Parameters
    ----------
    measured, predicted : array-like of shape (n_samples, n_targets)

    Returns
    -------
    float
        Share of the pairs that are right; ties count as wrong.

    Raises
    ------
    ValueError
        If shapes differ, there are fewer than two samples, or values are not finite.

    References
    ----------
    .. [1] Mitchell et al. (2008), Predicting human brain activity associated with the meanings of
       nouns, Science 320(5880), 1191-1195 (the test with two words left out).

    Examples
    --------
    >>> import numpy as np
    >>> from neurokit.metrics import two_versus_two
    >>> y = np.random.default_rng(0).normal(size=(20, 5))
    >>> two_versus_two(y, y), two_versus_two(y, y[::-1]) < 0.5
    (1.0, True)
    """
    a, b = _read_pair("two_versus_two", measured, predicted)
    if len(a) < 2:
        raise ValueError(f"two_versus_two: expects two samples at least, got {len(a)}.")
    cosine = _unit(a) @ _unit(b).T
    own = np.diag(cosine)
    right = 0  # every pair twice; a sample beside itself has no margin
    step = max(1, 2**18 // len(a))
    for start in range(0, len(a), step):  # by rows that stay in the cache
        rows = slice(start, start + step)
        other = cosine[rows] + cosine[:, rows].T
        right += int(np.count_nonzero(own[rows, None] + own[None, :] > other))
    return right / (len(a) * (len(a) - 1))


def correlation_scores(
    measured: ArrayLike, predicted: ArrayLike, *, over: str = "samples"
) -> xr.DataArray:
    """Return Pearson's correlation of responses and predictions, over samples or over targets.

    Both are published as "the correlation": over the samples, one for each voxel or channel, and
    over the targets, one for each stimulus. They answer different questions, so the way is named.

    Parameters
    ----------
    measured, predicted : array-like of shape (n_samples, n_targets)
        The labels of ``measured``, a DataArray, are kept.
    over : {"samples", "targets"}, default="samples"

    Returns
    -------
    DataArray of shape (n_targets,) or (n_samples,)
        NaN where one of the two does not vary.

    Raises
    ------
    ValueError
        If shapes differ, values are not finite, or ``over`` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from neurokit.metrics import correlation_scores
    >>> y = np.arange(6.0).reshape(3, 2)
    >>> correlation_scores(y, 2 * y + 1).values.tolist()
    [1.0, 1.0]
    """
    if over not in ("samples", "targets"):
        raise ValueError(f"correlation_scores: over must be 'samples' or 'targets', got {over!r}.")
    a, b = _read_pair("correlation_scores", measured, predicted)
    axis = 0 if over == "samples" else 1
    a = a - a.mean(axis=axis, keepdims=True)
    b = b - b.mean(axis=axis, keepdims=True)
    power = np.sqrt((a**2).sum(axis=axis) * (b**2).sum(axis=axis))
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.where(power > 0, np.clip((a * b).sum(axis=axis) / power, -1, 1), np.nan)
    dim, coords = ("target", "sample")[axis], {}
    if isinstance(measured, xr.DataArray):
        dim = str(measured.dims[1 - axis])
        coords = {name: c for name, c in measured.coords.items() if c.dims == (dim,)}
    return xr.DataArray(r, dims=(dim,), coords=coords, attrs={"over": over})


def noise_ceiling(repeats: ArrayLike) -> xr.DataArray:
    """Return the correlation that the best possible model could reach with mean responses.

    The variance that repetitions of a stimulus share is signal, the rest noise [1]_: with the mean
    of R repetitions, the ceiling is ``sqrt(signal / (signal + noise / R))``.

    Parameters
    ----------
    repeats : array-like of shape (n_repeats, n_samples, n_targets)

    Returns
    -------
    DataArray of shape (n_targets,)
        Between 0 and 1; 0 where repetitions share nothing.

    Raises
    ------
    ValueError
        If there are fewer than two repetitions or samples, or values are not finite.

    References
    ----------
    .. [1] Hsu, Borst and Theunissen (2004), Quantifying variability in neural responses and its
       application for the validation of model predictions, Network 15(2), 91-109.

    Examples
    --------
    >>> import numpy as np
    >>> from neurokit.metrics import noise_ceiling
    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(size=(1, 5000, 1)) + rng.normal(size=(4, 5000, 1))
    >>> float(noise_ceiling(y).round(2)[0])  # sqrt(1 / (1 + 1 / 4)) = 0.894
    0.89
    """
    x = np.asarray(repeats, float)
    if x.ndim != 3 or min(x.shape[:2]) < 2 or not np.isfinite(x).all():
        raise ValueError(
            "noise_ceiling: expects finite values of shape (n_repeats, n_samples, n_targets), two"
            f" repeats and samples at least, got shape {x.shape}."
        )
    noise = x.var(axis=0, ddof=1).mean(axis=0)
    total = x.mean(axis=0).var(axis=0, ddof=1)
    signal = np.clip(total - noise / len(x), 0, None)
    with np.errstate(invalid="ignore", divide="ignore"):
        ceiling = np.where(total > 0, np.sqrt(signal / total), 0.0)
    dim, coords = "target", {}
    if isinstance(repeats, xr.DataArray):
        dim = str(repeats.dims[2])
        coords = {name: c for name, c in repeats.coords.items() if c.dims == (dim,)}
    return xr.DataArray(ceiling, dims=(dim,), coords=coords, attrs={"n_repeats": len(x)})


def _read_pair(caller: str, measured: ArrayLike, predicted: ArrayLike) -> tuple[Array, Array]:
    if (
        isinstance(measured, xr.DataArray)
        and isinstance(predicted, xr.DataArray)
        and set(measured.dims) == set(predicted.dims)
    ):
        predicted = make_alike(caller, measured, predicted, ("measured", "predicted"))
    a, b = np.asarray(measured, float), np.asarray(predicted, float)
    if a.ndim != 2 or a.shape != b.shape:
        raise ValueError(
            f"{caller}: expects two arrays of shape (n_samples, n_targets), got {a.shape} and"
            f" {b.shape}."
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError(f"{caller}: every value must be finite; some are NaN or infinite.")
    return a, b


def _unit(x: Array) -> Array:
    size = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(size > 0, size, 1.0)
