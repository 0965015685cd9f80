"""Task-related components: spatial filters that make trials of a target alike."""

import warnings
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurokit.decoders.flicker import Array, FlickerClassifier, Solution
from neurokit.decoders.steady_state import (
    Moments,
    correlate,
    correlate_canonically,
    gather_moments,
    make_references,
    share_phase,
    solve_trca,
)


class TRCAClassifier(FlickerClassifier):
    """Task-related component analysis of steady-state responses.

    For each target and sub-band, the spatial filter is found that makes the training trials most
    alike [1]_, and a new trial is correlated with their filtered mean. It needs trials that begin
    at the same phase of the flicker.

    Parameters
    ----------
    frequencies : dict, array-like or None, default=None
        Frequency of each target in Hz: by label, or in the order of ``classes_``. Default: the
        labels, where these read as Hz. They are not needed, but choose the bands and let ``fit``
        warn where trials share no phase.
    ensemble : bool, default=True
        The filters of all targets are used for each (eTRCA), not only its own.
    bands : int or sequence of (low, high), default=3
        See `FBCCAClassifier`; where frequencies are unknown, the lowest is taken to be 8 Hz.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.
    picks : {"brain", "all"}, default="brain"
        Channels to take where ``channel`` carries ``type`` or ``bad``: those of the brain that are
        not bad, or all. A warning says once what was left out; ``left_out_`` keeps it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    filters_ : ndarray of shape (n_bands, n_classes, n_channels)
        Spatial filters.
    patterns_ : ndarray of shape (n_bands, n_classes, n_channels)
        What the components look like at the scalp.
    templates_ : ndarray of shape (n_bands, n_classes, n_channels, n_times)
        Mean trials.
    frequencies_ : ndarray of shape (n_classes,) or None
    bands_, sharpness_
        See `FBCCAClassifier`.

    Raises
    ------
    ValueError
        If a target has a single training trial, or trials are shorter than a cycle.

    Warns
    -----
    UserWarning
        If the trials of a target do not share a phase, so that their mean is no template.

    References
    ----------
    .. [1] Nakanishi et al. (2018), Enhancing detection of SSVEPs for a high-speed brain speller
       using task-related component analysis, IEEE Trans. Biomed. Eng. 65(1), 104-112, eq. 4 to 15.

    Examples
    --------
    >>> from neurokit.datasets import make_ssvep
    >>> from neurokit.decoders import TRCAClassifier
    >>> trials, truth = make_ssvep((9, 12.5), n_trials=8, duration=1.0, random_state=0)
    >>> train, test = trials[:8], trials[8:]
    >>> TRCAClassifier().fit(train, train["label"]).score(test, test["label"])
    1.0
    """

    def __init__(
        self,
        frequencies: Any = None,
        *,
        ensemble: bool = True,
        bands: int | Sequence[tuple[float, float]] = 3,
        sampling_rate: float | None = None,
        picks: str = "brain",
    ) -> None:
        self.frequencies = frequencies
        self.ensemble = ensemble
        self.bands = bands
        self.sampling_rate = sampling_rate
        self.picks = picks

    def _keep_design(self) -> None:
        self.ensemble_ = bool(self.ensemble)

    def _check_trials(self, x: Array, index: NDArray[np.intp]) -> None:
        check_repeats(self, index)
        warn_of_phases(type(self).__name__, x, index, self.frequencies_, self.sampling_rate_)

    @property
    def filters_(self) -> Array:
        """Spatial filters of every band and target."""
        return self.solution_["filters"]

    @property
    def patterns_(self) -> Array:
        """What the components look like at the scalp."""
        return self.solution_["patterns"]

    @property
    def templates_(self) -> Array:
        """Mean trials of every band and target."""
        return self.solution_["templates"]

    def _count(self, n_channels: int, n_times: int) -> int:
        n_classes = len(self.classes_)
        if self.ensemble_:
            return n_channels * n_times * (n_channels + n_classes)
        return n_times * n_classes * (n_channels + 1)

    def _solve(self, x: Array, index: NDArray[np.intp]) -> Solution:
        turn = np.zeros(len(index), np.intp)
        return self._solve_whole(gather_moments(x, index, len(self.classes_), turn)[0])

    def _solve_whole(self, moments: Moments) -> Solution:
        filters = solve_trca(moments)
        covariance = moments.within.sum(axis=1, keepdims=True) / moments.number.sum()
        return {
            "filters": filters,
            "templates": moments.sums / moments.number[:, None, None],
            "patterns": (covariance @ filters[..., None])[..., 0],
        }

    def _solve_and_leave_out(
        self, x: Array, index: NDArray[np.intp], turn: NDArray[np.intp], n_left: int
    ) -> tuple[Solution, list[Solution]]:
        parts = gather_moments(x, index, len(self.classes_), np.minimum(turn, n_left))
        everything = Moments(*(reduce(np.add, part) for part in zip(*parts, strict=True)))
        rest = parts[1:] if n_left == 1 else [everything.less(part) for part in parts[:n_left]]
        # scores are correlations, so sums are as good as means
        others = [{"filters": solve_trca(part), "templates": part.sums} for part in rest]
        return self._solve_whole(everything), others

    def _score(self, solution: Solution, x: Array) -> Array:
        n_classes = len(self.classes_)
        out = np.empty((*x.shape[:2], n_classes))
        for band, (w, means) in enumerate(
            zip(solution["filters"], solution["templates"], strict=True)
        ):
            if self.ensemble_:  # <Wa, Wb> = <W'Wa, b>: the filters of all targets in one product
                out[band] = correlate(x[band], means, w.T @ w)
                continue
            found = np.einsum("kc,nct->knt", w, x[band])
            templates = np.einsum("kc,kct->kt", w, means)
            for k in range(n_classes):
                out[band, :, k] = correlate(found[k][:, None], templates[k : k + 1, None])[:, 0]
        return out


def check_repeats(classifier: FlickerClassifier, index: NDArray[np.intp]) -> None:
    """Refuse targets with a single training trial, whose likeness to itself says nothing."""
    number = np.bincount(index, minlength=len(classifier.classes_))
    if number.min() < 2:
        alone = classifier.classes_[number < 2].tolist()
        raise ValueError(
            f"{type(classifier).__name__}: needs two training trials of every target, got one of"
            f" {alone}; record more, or use FBCCAClassifier, which needs none."
        )


def warn_of_phases(
    name: str, x: Array, index: NDArray[np.intp], hz: Array | None, rate: float
) -> None:
    """Warn where trials respond to their flicker and yet share no phase.

    Parameters
    ----------
    name : str
        The decoder that warns.
    x : ndarray of shape (n_bands, n_trials, n_channels, n_times)
        Filtered trials.
    index : ndarray of int, shape (n_trials,)
    hz : ndarray of shape (n_classes,) or None
        Frequencies of the targets, where they are known.
    rate : float
    """
    if hz is None or share_phase(x[0], index, hz, rate):
        return
    # weak responses share no visible phase either: only those that are seen without it count
    references = make_references(hz, 2, rate, x.shape[-1])
    seen = correlate_canonically(x[0], references).argmax(axis=1) == index
    chance = 1 / len(hz)
    if seen.mean() > chance + 3 * np.sqrt(chance * (1 - chance) / len(index)):
        warnings.warn(
            f"{name}: the training trials of a target share no phase, so"
            " their mean is no template and decoding will be at chance; cut trials at the start of"
            " the flicker, or use FBCCAClassifier.",
            UserWarning,
            stacklevel=4,
        )
