"""Features of tokens for any classifier: how often each code occurs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from neurokit.inputs.labels import keep_coords
from neurokit.inputs.lazily import blocks_of_trials, by_trials, has_lazy_trials
from neurokit.inputs.ranges import check_at_least
from neurokit.inputs.tokens import take_codes
from neurokit.persistence import Saveable
from neurokit.tokenizers.framing.level import SIDE
from neurokit.types import Codes, Tokens


class CodeHistogram(Saveable, TransformerMixin, BaseEstimator):
    """Count the codes of every trial: the step between a tokenizer and a classifier.

    Each trial becomes one row: for every channel and level, and for every stretch of time if
    there are several, the share of frames that hold each code [1]_. Codes are names and not
    numbers: a linear classifier must see them one by one.

    Parameters
    ----------
    levels : sequence, optional
        Levels to count: names, or positions in plain arrays. Default: all but ``scale`` and
        ``offset`` (in plain arrays, all but the first two).
    n_segments : int, default=1
        Stretches of time that are counted apart.
    picks : {"brain", "all"}, default="brain"
        Channels to take where ``channel`` carries ``type`` or ``bad``: those of the brain that are
        not bad, or all. A warning says once what was left out; ``left_out_`` keeps it.

    Attributes
    ----------
    sizes_ : ndarray of shape (n_levels,)
        One more than the largest code of each level in ``fit``; larger ones are not counted.
    levels_, n_segments_
        As ``fit`` was given them.
    n_features_in_ : int
        Number of channels.
    channels_ : list
        Names of the channels, where they had names.

    References
    ----------
    .. [1] Sivic and Zisserman (2003), Video Google, ICCV, section 4 (bags of visual words).

    Examples
    --------
    >>> import neurokit as nk
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from neurokit.tokenizers import LinearRVQTokenizer
    >>> X = np.random.default_rng(0).normal(size=(20, 2, 500)).cumsum(-1)
    >>> X[::2] = np.diff(X[::2], prepend=0)  # every other trial is white
    >>> pipeline = make_pipeline(
    ...     LinearRVQTokenizer(2, codebook_size=8, sampling_rate=250, random_state=0),
    ...     CodeHistogram(),
    ...     LogisticRegression(),
    ... )
    >>> pipeline.fit(X[:10], np.arange(10) % 2).score(X[10:], np.arange(10) % 2)
    1.0
    """

    def __init__(
        self,
        levels: Sequence[str | int] | None = None,
        *,
        n_segments: int = 1,
        picks: str = "brain",
    ) -> None:
        self.levels = levels
        self.n_segments = n_segments
        self.picks = picks

    def fit(self, X: Tokens, y: object = None) -> Self:
        """See which codes there are.

        Parameters
        ----------
        X : xarray.DataArray or array-like, dims ([trial,] channel, frame, level)
            Tokens, as tokenizers give them.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If ``X`` has other dims or holds other than integers from 0 on, or a level is missing.
        """
        check_at_least("CodeHistogram", n_segments=(self.n_segments, 1))
        most = np.zeros(1, np.int64)
        for k, part in enumerate(blocks_of_trials(X)):
            codes, source = take_codes(self, part, reset=k == 0)
            codes = self._choose(codes, source, self.levels)
            most = np.maximum(most, codes.max((0, 1, 2)).astype(np.int64))
        self._keep_plan()
        self.sizes_ = most + 1
        return self

    def transform(self, X: Tokens) -> Any:
        """Return the share of frames that hold each code.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray of dims (trial, feature), or ndarray
            Features by channel, then segment, then level.
        """
        check_is_fitted(self)
        if has_lazy_trials(X):
            return by_trials(self, "transform", X)
        codes, source = take_codes(self, X, reset=False)
        codes = self._choose(codes, source, self.levels_)
        if codes.shape[-1] != len(self.sizes_):
            raise ValueError(
                f"CodeHistogram: X has {codes.shape[-1]} levels to count, but fit has seen"
                f" {len(self.sizes_)}; use tokens of the same tokenizer."
            )
        n_trials, n_channels = codes.shape[:2]
        n_rows, total = n_trials * n_channels, int(self.sizes_.sum())
        first = np.cumsum(self.sizes_) - self.sizes_
        parts = []
        for part in np.array_split(codes, self.n_segments_, axis=2):
            known = part < self.sizes_
            column = np.where(known, part + first, total).reshape(n_rows, -1)
            flat = (column + np.arange(n_rows)[:, None] * (total + 1)).ravel()
            counts = np.bincount(flat, minlength=n_rows * (total + 1)).reshape(n_rows, -1)
            parts.append(counts[:, :total] / max(part.shape[2], 1))
        out = np.concatenate(parts, 1).reshape(n_trials, -1)
        if source is None:
            return out
        many = "trial" in source.dims
        dims = ("trial", "feature") if many else ("feature",)
        return xr.DataArray(out if many else out[0], keep_coords(source, ("trial",)), dims)

    def _plan(self) -> dict[str, object]:
        levels = None if self.levels is None else list(self.levels)
        return {"levels_": levels, "n_segments_": self.n_segments}

    @staticmethod
    def _choose(
        codes: Codes, source: xr.DataArray | None, levels: Sequence[str | int] | None
    ) -> Codes:
        """Keep the levels to count; without ``levels`` all but those of the scale and offset."""
        names: list[str | int] = list(range(codes.shape[-1]))
        others = names[len(SIDE) :]
        if source is not None and "level" in source.coords:
            names = source["level"].values.tolist()
            others = [name for name in names if name not in SIDE]
        wanted = others if levels is None else levels
        if missing := [name for name in wanted if name not in names]:
            raise ValueError(f"CodeHistogram: X has no levels {missing}; it has {names}.")
        if not len(wanted):
            raise ValueError(f"CodeHistogram: X has no levels to count; it has {names}.")
        return codes[..., [names.index(name) for name in wanted]]
