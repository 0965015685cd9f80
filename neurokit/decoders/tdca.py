"""Task-discriminant components: spatial and temporal filters that keep targets apart."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurokit.decoders.flicker import Array, FlickerClassifier, Solution
from neurokit.decoders.steady_state import correlate, delay_channels, make_references, solve_tdca
from neurokit.decoders.trca import check_repeats, warn_of_phases


class TDCAClassifier(FlickerClassifier):
    """Task-discriminant component analysis of steady-state responses.

    Channels, and copies of them some samples later, stand beside their projections on the sines
    of a target; one discriminant analysis finds the filters that keep all targets apart [1]_. It
    needs trials that begin at the same phase of the flicker.

    Parameters
    ----------
    frequencies : dict, array-like or None, default=None
        Frequency of each target in Hz: by label, or in the order of ``classes_``. Default: the
        labels, where these read as Hz; where they do not, trials are used without projections.
    n_components : int, default=4
        Filters that are kept, at most. Eight are usual with forty targets.
    n_delays : int, default=5
        Samples by which channels are delayed at most. Trials end in zeros for the delayed copies.
    n_harmonics : int, default=5
        How many multiples of a frequency trials are projected on.
    shrinkage : float, default=1e-3
        Share of the mean variance that is added to the scatter within targets, so that the answer
        hangs neither on the unit of the signal nor on channels that repeat each other.
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
    filters_ : ndarray of shape (n_bands, (n_delays + 1) * n_channels, n_components)
    templates_ : ndarray of shape (n_bands, n_classes, n_components, n_columns)
        Filtered mean trials, beside their projections.
    frequencies_ : ndarray of shape (n_classes,) or None
    bands_, sharpness_
        See `FBCCAClassifier`.

    Raises
    ------
    ValueError
        If a parameter is out of range, a target has a single training trial, or trials are
        shorter than a cycle.

    Warns
    -----
    UserWarning
        If the trials of a target do not share a phase.

    References
    ----------
    .. [1] Liu et al. (2021), Improving the performance of individually calibrated SSVEP-BCI by
       task-discriminant component analysis, IEEE Trans. Neural Syst. Rehabil. Eng. 29, 1998-2007,
       eq. 1 to 12.

    Examples
    --------
    >>> from neurokit.datasets import make_ssvep
    >>> from neurokit.decoders import TDCAClassifier
    >>> trials, truth = make_ssvep((9, 12.5), n_trials=8, duration=1.0, random_state=0)
    >>> train, test = trials[:8], trials[8:]
    >>> TDCAClassifier().fit(train, train["label"]).score(test, test["label"])
    1.0
    """

    def __init__(
        self,
        frequencies: Any = None,
        *,
        n_components: int = 4,
        n_delays: int = 5,
        n_harmonics: int = 5,
        shrinkage: float = 1e-3,
        bands: int | Sequence[tuple[float, float]] = 3,
        sampling_rate: float | None = None,
        picks: str = "brain",
    ) -> None:
        self.frequencies = frequencies
        self.n_components = n_components
        self.n_delays = n_delays
        self.n_harmonics = n_harmonics
        self.shrinkage = shrinkage
        self.bands = bands
        self.sampling_rate = sampling_rate
        self.picks = picks

    def _keep_design(self) -> None:
        low = min(self.n_components, self.n_harmonics)
        if low < 1 or self.n_delays < 0 or not 0 <= self.shrinkage < 1:
            raise ValueError(
                "TDCAClassifier: n_components and n_harmonics must be at least 1, n_delays at"
                f" least 0 and shrinkage in [0, 1), got {self.n_components!r},"
                f" {self.n_harmonics!r}, {self.n_delays!r} and {self.shrinkage!r}."
            )
        self.n_delays_ = min(int(self.n_delays), self.n_times_ - 1)
        self.n_harmonics_ = int(self.n_harmonics)
        self.n_components_, self.shrinkage_ = int(self.n_components), float(self.shrinkage)

    def _waves(self) -> Array | None:
        """Return the sines of each target, orthonormal, shape (target, time, wave), if known."""
        if self.frequencies_ is None:
            return None
        return make_references(
            self.frequencies_, self.n_harmonics_, self.sampling_rate_, self.n_times_
        )

    def _check_trials(self, x: Array, index: NDArray[np.intp]) -> None:
        check_repeats(self, index)
        warn_of_phases(type(self).__name__, x, index, self.frequencies_, self.sampling_rate_)

    @property
    def filters_(self) -> Array:
        """Filters of the delayed channels in every band."""
        return self.solution_["filters"]

    @property
    def templates_(self) -> Array:
        """Filtered mean trials of every band and target, beside their projections."""
        return self.solution_["templates"]

    def _count(self, n_channels: int, n_times: int) -> int:
        rows = n_channels * (self.n_delays_ + 1)
        n_found = self.filters_.shape[-1]
        per_class = n_found * n_times * (2 if self.frequencies_ is None else n_times + 2)
        return rows * n_found * n_times + len(self.classes_) * per_class

    def _solve(self, x: Array, index: NDArray[np.intp]) -> Solution:
        waves = self._waves()
        filters, templates = [], []
        for band in x:
            rows = delay_channels(band, self.n_delays_)
            if waves is not None:
                n_times = rows.shape[-1]
                rows = np.concatenate([rows, rows], axis=-1)
                for k, wave in enumerate(waves):
                    own = index == k
                    rows[own, :, n_times:] = _project(rows[own, :, :n_times], wave)
            found, means = solve_tdca(
                rows, index, len(self.classes_), self.n_components_, self.shrinkage_
            )
            filters.append(found)
            templates.append(found.T @ means)
        return {"filters": np.stack(filters), "templates": np.stack(templates)}

    def _score(self, solution: Solution, x: Array) -> Array:
        waves = self._waves()
        out = np.empty((*x.shape[:2], len(self.classes_)))
        for b, band in enumerate(x):
            plain = solution["filters"][b].T @ delay_channels(band, self.n_delays_)
            for k, template in enumerate(solution["templates"][b]):
                rows = plain
                if waves is not None:
                    rows = np.concatenate([plain, _project(plain, waves[k])], axis=-1)
                out[b, :, k] = correlate(rows, template[None])[:, 0]
        return out


def _project(rows: Array, waves: Array) -> Array:
    """Project rows on the span of few orthonormal waves (time, wave)."""
    return (rows @ waves) @ waves.T
