"""Canonical correlation with sines: steady-state responses without any training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurokit.decoders.flicker import Array, FlickerClassifier, Solution
from neurokit.decoders.steady_state import correlate_canonically, make_references


class FBCCAClassifier(FlickerClassifier):
    """Filter-bank canonical correlation analysis: the frequency that a trial is most like.

    Every sub-band of a trial is correlated with sines and cosines of each target and its
    harmonics, through whatever spatial filter makes the correlation largest. Nothing is learnt
    from the training trials but their labels, which name the targets, and the sharpness of the
    probabilities; so trials need not share a phase, and may have any length.

    Parameters
    ----------
    frequencies : dict, array-like or None, default=None
        Frequency of each target in Hz: by label, or in the order of ``classes_``. Default: the
        labels themselves.
    n_harmonics : int, default=3
        Sines and cosines of each target. More of them fit noise, too, where trials are short and
        channels many.
    bands : int or sequence of (low, high), default=3
        Sub-bands in Hz. A number: band k goes from 2 Hz under the k-th harmonic of the lowest
        target to 90 Hz, or to 0.45 of the sampling rate. One band is plain CCA [2]_.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.
    picks : {"brain", "all"}, default="brain"
        Channels to take where ``channel`` carries ``type`` or ``bad``: those of the brain that are
        not bad, or all. A warning says once what was left out; ``left_out_`` keeps it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    frequencies_ : ndarray of shape (n_classes,)
        In Hz.
    bands_ : list of (float, float)
    sharpness_ : float
        Factor of the scores under the softmax of the probabilities.

    Raises
    ------
    ValueError
        If labels do not read as frequencies and none are given, or trials are shorter than a
        cycle.

    References
    ----------
    .. [1] Chen, Wang, Gao, Jung and Gao (2015), Filter bank canonical correlation analysis for
       implementing a high-speed SSVEP-based brain-computer interface, J. Neural Eng. 12, 046008,
       eq. 3 to 8.
    .. [2] Lin, Zhang, Wu and Gao (2006), Frequency recognition based on canonical correlation
       analysis for SSVEP-based BCIs, IEEE Trans. Biomed. Eng. 53(12), 2610-2614.

    Examples
    --------
    >>> from neurokit.datasets import make_ssvep
    >>> from neurokit.decoders import FBCCAClassifier
    >>> trials, truth = make_ssvep((9, 12.5), n_trials=5, n_channels=19, random_state=0)
    >>> FBCCAClassifier().fit(trials, trials["label"]).score(trials, trials["label"])
    1.0
    """

    _any_length = True

    def __init__(
        self,
        frequencies: Any = None,
        *,
        n_harmonics: int = 3,
        bands: int | Sequence[tuple[float, float]] = 3,
        sampling_rate: float | None = None,
        picks: str = "brain",
    ) -> None:
        self.frequencies = frequencies
        self.n_harmonics = n_harmonics
        self.bands = bands
        self.sampling_rate = sampling_rate
        self.picks = picks

    def _keep_design(self) -> None:
        if self.frequencies_ is None:
            raise ValueError(
                "FBCCAClassifier: the labels do not read as frequencies in Hz, got"
                f" {self.classes_.tolist()[:8]}; give them by frequencies={{label: Hz}}."
            )
        if self.n_harmonics < 1:
            raise ValueError(
                f"FBCCAClassifier: n_harmonics must be at least 1, got {self.n_harmonics!r}."
            )
        self.n_harmonics_ = int(self.n_harmonics)

    def _count(self, n_channels: int, n_times: int) -> int:
        waves = 2 * self.n_harmonics_ * len(self.classes_)
        return n_channels * n_times * (n_channels + waves) + n_channels**2 * (n_channels + waves)

    def _solve(self, x: Array, index: NDArray[np.intp]) -> Solution:
        return {}  # nothing is learnt

    def _learn(
        self, x: Array, index: NDArray[np.intp]
    ) -> tuple[Solution, Array, NDArray[np.intp]]:
        return {}, self._add_bands(self._score({}, x)), index

    def _score(self, solution: Solution, x: Array) -> Array:
        references = make_references(
            np.asarray(self.frequencies_), self.n_harmonics_, self.sampling_rate_, x.shape[-1]
        )
        return correlate_canonically(x, references)
