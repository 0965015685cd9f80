"""What tokens cost, how well they use their alphabet, and what each further stage buys."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy import fft
from sklearn.base import BaseEstimator

from neurokit.metrics.fidelity import band_fidelity, nmse
from neurokit.types import Labelled, Recording, Tokens


def nominal_rate(codebook_sizes: Sequence[float], frame_rate: float | Sequence[float]) -> float:
    """Return the bits per second and channel that tokens take before entropy coding.

    Parameters
    ----------
    codebook_sizes : sequence of int
        Tokens to choose from, of each level; side information counts as a level.
    frame_rate : float or sequence of float
        Frames per second, of all levels or of each: a level that holds for a second has 1.

    Returns
    -------
    float
        Sum over levels of log2(codebook size) x frame rate.

    Examples
    --------
    >>> nominal_rate([256] * 6, 20)
    960.0
    >>> nominal_rate([256] * 6 + [256, 65536], [20] * 6 + [1, 1])
    984.0
    """
    rates = np.broadcast_to(np.asarray(frame_rate, dtype=np.float64), len(codebook_sizes))
    return float(np.sum(np.log2(np.asarray(codebook_sizes, dtype=np.float64)) * rates))


def measured_rate(path: str | Path, *, duration: float, n_channels: int) -> float:
    """Return the bits per second and channel that a file takes: headers, side information and all.

    Parameters
    ----------
    path : path-like
        The file.
    duration : float
        Length of what it holds, in s.
    n_channels : int
        Channels that it holds.

    Returns
    -------
    float
        8 x bytes / duration / channels.

    Raises
    ------
    ValueError
        If `duration` or `n_channels` is not positive.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "tokens"
    ...     _ = path.write_bytes(bytes(1000))
    ...     measured_rate(path, duration=10.0, n_channels=4)
    200.0
    """
    if not duration > 0 or n_channels < 1:
        raise ValueError(
            f"measured_rate: expects a positive duration and channels, got {duration!r} s and"
            f" {n_channels!r}."
        )
    return 8 * Path(path).stat().st_size / duration / n_channels


def compression_ratio(
    n_samples: int | Sequence[int], n_bytes: int | Sequence[int], *, bits: int = 16
) -> float:
    """Size of the samples as stored by the amplifier over the size of what holds them now.

    Parameters
    ----------
    n_samples : int or sequence of int
        Samples of all channels together, at their original rate; of each of several files.
    n_bytes : int or sequence of int
        Size of the compressed file, or of each.
    bits : int, default=16
        Per original sample. OpenECS counts 64, which makes its ratios four times those of int16.

    Returns
    -------
    float
        Above 1 where something was saved. Files are pooled by bytes: the mean of their ratios
        would let a short file that packs well hide a long one that does not.

    Raises
    ------
    ValueError
        If there are more or fewer sizes than counts of samples.

    Examples
    --------
    >>> compression_ratio(1000, 500)
    4.0
    >>> compression_ratio([1000, 9000], [500, 9000]).__round__(3)
    2.105
    """
    samples, sizes = np.atleast_1d(n_samples), np.atleast_1d(n_bytes)
    if samples.shape != sizes.shape:
        raise ValueError(
            f"compression_ratio: expects a size for each of {samples.size} files, got"
            f" {sizes.size}."
        )
    return float(samples.sum()) * bits / 8 / max(float(sizes.sum()), 1)


class TokenEntropy(NamedTuple):
    """Entropy of each level, in bits per token."""

    marginal: Labelled  # H(token)
    conditional: Labelled  # H(token | token of the frame before)


def token_entropy(tokens: Tokens) -> TokenEntropy:
    """Return the empirical entropy of tokens, alone and given the frame before.

    Plug-in estimates from counts, pooled over trials and channels: with few frames for many
    codes both are too low, the conditional one much more so. The measured size of a file is the
    honest figure; these say what limits it.

    Parameters
    ----------
    tokens : DataArray with ``frame`` and ``level``, or array-like of shape (..., frame, level)
        Integers.

    Returns
    -------
    TokenEntropy
        ``marginal`` and ``conditional``, ndarrays of shape (n_levels,), in bits.

    Examples
    --------
    >>> token_entropy(np.array([0, 1] * 500)[:, None]).marginal
    array([1.])
    >>> token_entropy(np.array([0, 1] * 500)[:, None]).conditional.round(6)
    array([0.])
    """
    values = _frames_last(tokens, "token_entropy")
    marginal, conditional = [], []
    for level in range(values.shape[-1]):
        codes = np.unique(values[..., level], return_inverse=True)[1].reshape(values.shape[:-1])
        n = int(codes.max(initial=0)) + 1
        marginal.append(_entropy(np.bincount(codes.ravel())))
        before, now = codes[:, :-1].ravel(), codes[:, 1:].ravel()
        joint = np.unique(before.astype(np.int64) * n + now, return_counts=True)[1]
        # H(now | before) = H(before, now) - H(before), over the same pairs.
        conditional.append(max(_entropy(joint) - _entropy(np.bincount(before)), 0.0))
    return TokenEntropy(np.array(marginal), np.array(conditional))


def codebook_report(tokens: Tokens, codebook_sizes: Sequence[int]) -> pd.DataFrame:
    """Use that tokens make of their codebooks, level by level.

    Parameters
    ----------
    tokens : DataArray with ``frame`` and ``level``, or array-like of shape (..., frame, level)
        Integers from 0 on.
    codebook_sizes : sequence of int
        Codes that each level has.

    Returns
    -------
    DataFrame
        One row per level: ``size``, ``used`` codes, ``usage`` (their share), ``dead`` (the rest's
        share), ``entropy`` in bits, ``perplexity`` (2 to the entropy: the number of codes that,
        used evenly, would tell as much).

    Raises
    ------
    ValueError
        If the number of levels differs, or a token lies outside its codebook.

    Examples
    --------
    >>> codebook_report([[0], [1], [0], [1]], [4])[["used", "dead", "perplexity"]].values
    array([[2. , 0.5, 2. ]])
    """
    values = _frames_last(tokens, "codebook_report")
    if values.shape[-1] != len(codebook_sizes):
        raise ValueError(
            f"codebook_report: expects a codebook size for each of {values.shape[-1]} levels, got"
            f" {len(codebook_sizes)}."
        )
    rows = []
    for level, size in enumerate(codebook_sizes):
        codes = values[..., level].ravel()
        if codes.size and (codes.min() < 0 or codes.max() >= size):
            raise ValueError(
                f"codebook_report: level {level} has tokens from {codes.min()} to {codes.max()},"
                f" outside its codebook of {size}."
            )
        counts = np.bincount(codes, minlength=size)
        used, bits = int((counts > 0).sum()), _entropy(counts)
        rows.append((size, used, used / size, 1 - used / size, bits, 2.0**bits))
    columns = ["size", "used", "usage", "dead", "entropy", "perplexity"]
    return pd.DataFrame(rows, columns=columns).rename_axis("level")


def rate_distortion(
    tokenizer: BaseEstimator,
    X: xr.DataArray,
    *,
    n_bytes: Callable[[xr.DataArray], float] | None = None,
    bands: Mapping[str, tuple[float, float]] | None = None,
) -> pd.DataFrame:
    """Tabulate distortion against rate, by decoding the first stage, the first two, and so on.

    Parameters
    ----------
    tokenizer : fitted estimator with ``transform`` and ``inverse_transform(tokens, n_levels)``
        Labels of its tokens' ``level`` name the stage, ``"2"`` or ``"2.1"``; others are side
        information, which every number of stages needs.
    X : DataArray with ``time``
        Held-out signals.
    n_bytes : callable of tokens, optional
        Size of a part of the tokens in bytes. To measure files: ``lambda t:
        write_tokens(path, t).stat().st_size``. By default what the marginal entropy promises.
    bands : mapping of name to (low, high), optional
        In Hz. Adds a column for each: the median correlation in that band.

    Returns
    -------
    DataFrame
        One row per number of stages, ``n_levels``: ``bits`` per second and channel, ``nmse``
        (median over channels and trials), ``snr_db``, and the bands.

    Examples
    --------
    >>> import neurokit
    >>> from neurokit.tokenizers import LinearRVQTokenizer
    >>> noise = np.random.default_rng(0).normal(size=(2, 2000)).cumsum(1)
    >>> x = neurokit.signal(noise, sampling_rate=100)
    >>> tokenizer = LinearRVQTokenizer(n_levels=3, codebook_size=16, random_state=0).fit(x)
    >>> table = rate_distortion(tokenizer, x)
    >>> len(table), bool((table["nmse"].diff().dropna() < 0).all())
    (3, True)
    """
    tokens = tokenizer.transform(X)
    stage = np.array([_stage(str(name)) for name in tokens["level"].values])
    n_levels = int(stage.max())
    time = X["time"].values
    seconds = len(time) * (time[-1] - time[0]) / max(len(time) - 1, 1)
    n_signals = X.size / max(X.sizes["time"], 1)
    rows = []
    for k in range(1, n_levels + 1):
        part = tokens.isel(level=np.flatnonzero(stage <= k))
        size = _promised_bytes(part) if n_bytes is None else n_bytes(part)
        decoded = tokenizer.inverse_transform(tokens, n_levels=k)
        error = float(np.median(nmse(X, decoded)))
        row = {"bits": 8 * size / seconds / n_signals, "nmse": error}
        with np.errstate(divide="ignore"):
            row["snr_db"] = float(-10 * np.log10(error))
        if bands is not None:
            kept = xr.DataArray(band_fidelity(X, decoded, bands=bands).pearson)
            row |= {name: float(kept.sel(band=name).median()) for name in bands}
        rows.append(row)
    return pd.DataFrame(rows, index=pd.RangeIndex(1, n_levels + 1, name="n_levels"))


def _stage(label: str) -> int:
    """Stage that a column of tokens belongs to, ``2`` of ``"2.1"``; 0 of side information."""
    number = label.partition(".")[0]
    return int(number) if number.isdigit() else 0


class OpenECSGrade(NamedTuple):
    """Verdict of `openecs_grade`."""

    grade: str  # "L", "N", "C", "M", "A", or "-" below all of them
    ratio_int64: float  # as OpenECS counts: 8 bytes per original sample
    ratio_int16: float  # as an amplifier stores
    prd: float
    pearson: float
    bands: dict[str, tuple[float, float]]  # (prd, pearson) of each


_ECS_BANDS = {
    "delta": (1.0, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 12.0),
    "beta": (13.0, 30.0),
    "gamma": (30.0, 100.0),
}
# Tier: least R, greatest PRD, least ratio, and (greatest PRD, least R) of each band.
_ECS_TIERS: dict[str, tuple[float, float, float, tuple[tuple[float, float], ...]]] = {
    "N": (0.99, 5.0, 1.0, ()),
    "C": (0.95, 9.0, 20.0, ((5, 0.98), (7, 0.97), (8, 0.96), (12, 0.93), (20, 0.85))),
    "M": (0.85, 20.0, 100.0, ((10, 0.95), (12, 0.93), (15, 0.90), (25, 0.80), (40, 0.60))),
    "A": (0.70, 40.0, 200.0, ((20, 0.85), (25, 0.80), (30, 0.75), (40, 0.65), (60, 0.40))),
}


def openecs_grade(
    x: Recording, y: Recording, n_bytes: int, *, sampling_rate: float
) -> OpenECSGrade:
    """Grade a reconstruction and its size by OpenECS 1.0, with the plain int16 ratio beside it.

    OpenECS counts an original sample as eight bytes, so its ratios are four times those against
    the int16 that amplifiers store. Channels are joined end to end, as its section 3 says.

    Parameters
    ----------
    x, y : array-like of shape (n_channels, n_times)
        Digital samples and their reconstruction, integers.
    n_bytes : int
        Size of the compressed file.
    sampling_rate : float
        In Hz.

    Returns
    -------
    OpenECSGrade
        The highest tier whose conditions all hold (lossless, near-lossless, clinical,
        monitoring, alerting), and the figures it stands on.

    Raises
    ------
    TypeError
        If the samples are not integers.
    ValueError
        If the shapes differ.

    References
    ----------
    .. [1] OpenECS v1.0, SPEC/OpenECS-v1.0.md, sections 2, 3 and 6.4, github.com/Quitetall/OpenECS.

    Examples
    --------
    >>> x = np.random.default_rng(0).integers(-99, 100, (2, 1000))
    >>> grade = openecs_grade(x, x, 2000, sampling_rate=250)
    >>> grade.grade, round(grade.ratio_int64), grade.ratio_int16
    ('L', 8, 2.0)
    """
    a, b = np.asarray(x), np.asarray(y)
    if a.dtype.kind not in "iu" or b.dtype.kind not in "iu":
        raise TypeError(
            f"openecs_grade: expects digital samples, got {a.dtype} and {b.dtype}; round them to"
            " the amplifier's integers first."
        )
    if a.ndim != 2 or a.shape != b.shape:
        raise ValueError(
            "openecs_grade: expects two arrays (n_channels, n_times) of one shape, got"
            f" {a.shape} and {b.shape}."
        )
    ratio = (8 + 4 * len(a) + 8 * a.size) / max(n_bytes, 1)  # the size of its container
    exact = bool((a == b).all())
    u, v = a.ravel().astype(np.float64), b.ravel().astype(np.float64)
    total = _ecs_prd(u, v), _ecs_pearson(u, v)
    f = fft.rfftfreq(u.size, 1 / sampling_rate)
    fu, fv = fft.rfft(u), fft.rfft(v)
    bands = {}
    for name, (low, high) in _ECS_BANDS.items():
        keep = (f >= low) & (f < high)
        p, q = (fft.irfft(np.where(keep, s, 0), u.size) for s in (fu, fv))
        bands[name] = _ecs_prd(p, q), _ecs_pearson(p, q)
    grade = "-"
    if exact and ratio >= 0.8:
        grade = "L"
    else:
        for tier, (least_r, most_prd, least_ratio, limits) in _ECS_TIERS.items():
            if total[1] >= least_r and total[0] <= most_prd and ratio >= least_ratio:
                pairs = zip(bands.values(), limits, strict=False)
                if all(m[0] <= limit[0] and m[1] >= limit[1] for m, limit in pairs):
                    grade = tier
                    break
    plain = compression_ratio(a.size, n_bytes)
    return OpenECSGrade(grade, float(ratio), plain, total[0], total[1], bands)


def _ecs_prd(x: np.ndarray, y: np.ndarray) -> float:
    miss, whole = float(((x - y) ** 2).sum()), float((x**2).sum())
    if whole < 1e-12:
        return 0.0 if miss < 1e-12 else 100.0
    return 100 * (miss / whole) ** 0.5


def _ecs_pearson(x: np.ndarray, y: np.ndarray) -> float:
    if x.std() < 1e-8 or y.std() < 1e-8:
        return 1.0 if np.allclose(x, y, atol=1e-8) else 0.0
    return float(np.corrcoef(x, y)[0, 1])


def _entropy(counts: np.ndarray) -> float:
    """Return the entropy in bits of a histogram."""
    p = counts[counts > 0] / max(counts.sum(), 1)
    return float(-(p * np.log2(p)).sum()) + 0.0


def _promised_bytes(tokens: xr.DataArray) -> float:
    n_levels = tokens.sizes["level"]
    return float(token_entropy(tokens).marginal.sum() * tokens.size / n_levels / 8)


def _frames_last(tokens: Tokens, caller: str) -> np.ndarray:
    """Return integers of shape (sequences, frames, levels)."""
    if isinstance(tokens, xr.DataArray):
        if "frame" not in tokens.dims or "level" not in tokens.dims:
            raise ValueError(
                f"{caller}: expects tokens with dims frame and level, got {tokens.dims}."
            )
        tokens = tokens.transpose(..., "frame", "level").values
    values = np.asarray(tokens)
    if values.dtype.kind not in "iu" or values.ndim < 2:
        raise TypeError(
            f"{caller}: expects integer tokens of shape (..., frame, level), got {values.dtype} of"
            f" shape {values.shape}."
        )
    return values.reshape(-1, *values.shape[-2:])
