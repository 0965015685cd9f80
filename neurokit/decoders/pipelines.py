"""The pipelines that every decoder of EEG trials has to be compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

from neurokit.features import BandPower, EuclideanAlignment
from neurokit.inputs.trials import trials
from neurokit.types import Doubles, Recording

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline
    from sklearn.utils import Tags

_BY = ("subject", "session")


def make_tangent_space(
    alignment: str | None = None, by: Sequence[str] = _BY, *, estimator: str = "oas"
) -> Pipeline:
    """Make the Riemannian baseline: covariances, tangent space, logistic regression.

    Parameters
    ----------
    alignment : {"own", "online", "error"} or None, default=None
        How trials are aligned first; `EuclideanAlignment`'s ``unseen``.
    by : sequence of str, default=("subject", "session")
        The domains of the alignment.
    estimator : str, default="oas"
        Estimator of covariances, of `pyriemann.estimation.Covariances`.

    Returns
    -------
    sklearn.pipeline.Pipeline
        It takes labelled trials, arrays and MNE's Epochs, already filtered (8 to 30 Hz for motor
        imagery). It pickles, but does not `save`, as it holds estimators of pyRiemann.

    Raises
    ------
    ImportError
        If pyriemann is not installed.

    References
    ----------
    .. [1] Barachant et al. (2012), Multiclass brain-computer interface classification by
       Riemannian geometry, IEEE Trans. Biomed. Eng. 59(4), 920-928.

    Examples
    --------
    >>> from neurokit.datasets import make_motor_imagery
    >>> x, _ = make_motor_imagery(1, 20, duration=2.0, n_channels=5, random_state=0)
    >>> make_tangent_space().fit(x, x["label"].values).predict(x).shape
    (20,)
    """
    _require_pyriemann("make_tangent_space")
    from pyriemann.estimation import Covariances
    from pyriemann.tangentspace import TangentSpace

    steps = _PlainTrials(), Covariances(estimator), TangentSpace()
    return make_pipeline(*_align(alignment, by), *steps, LogisticRegression(max_iter=1000))


def make_mdm(
    alignment: str | None = None, by: Sequence[str] = _BY, *, estimator: str = "oas"
) -> Pipeline:
    """Make the minimum distance to the Riemannian mean of each class.

    Parameters
    ----------
    alignment, by, estimator : as for `make_tangent_space`

    Returns
    -------
    sklearn.pipeline.Pipeline

    Raises
    ------
    ImportError
        If pyriemann is not installed.

    Examples
    --------
    >>> from neurokit.datasets import make_motor_imagery
    >>> x, _ = make_motor_imagery(1, 20, duration=2.0, n_channels=5, random_state=0)
    >>> make_mdm().fit(x, x["label"].values).predict(x).shape
    (20,)
    """
    _require_pyriemann("make_mdm")
    from pyriemann.classification import MDM
    from pyriemann.estimation import Covariances

    return make_pipeline(*_align(alignment, by), _PlainTrials(), Covariances(estimator), MDM())


def make_csp(
    n_filters: int = 6, alignment: str | None = None, by: Sequence[str] = _BY
) -> Pipeline:
    """Make common spatial patterns (MNE's), log power, and LDA with shrunk covariance.

    Parameters
    ----------
    n_filters : int, default=6
        At most as many as there are channels.
    alignment, by : as for `make_tangent_space`

    Returns
    -------
    sklearn.pipeline.Pipeline
        Its step ``csp`` has ``patterns_`` and ``filters_``, which MNE plots.

    Examples
    --------
    >>> from neurokit.datasets import make_motor_imagery
    >>> x, _ = make_motor_imagery(1, 20, duration=2.0, n_channels=5, random_state=0)
    >>> from mne import use_log_level
    >>> with use_log_level("error"):
    ...     csp = make_csp(4).fit(x, x["label"].values)["csp"]
    >>> csp.patterns_.shape
    (5, 5)
    """
    from mne import use_log_level
    from mne.decoding import CSP

    with use_log_level("error"):
        csp = CSP(n_filters)
    return make_pipeline(*_align(alignment, by), _PlainTrials(), csp, _lda())


def make_band_power(
    bands: Mapping[str, tuple[float, float]] | None = None,
    alignment: str | None = None,
    by: Sequence[str] = _BY,
) -> Pipeline:
    """Make log power in bands, then LDA with shrunk covariance.

    Parameters
    ----------
    bands : mapping of name to (low, high), optional
        In Hz; as for `BandPower`.
    alignment, by : as for `make_tangent_space`

    Returns
    -------
    sklearn.pipeline.Pipeline

    Examples
    --------
    >>> from neurokit.datasets import make_motor_imagery
    >>> x, _ = make_motor_imagery(1, 20, duration=2.0, n_channels=5, random_state=0)
    >>> make_band_power(alignment="own").fit(x, x["label"].values).predict(x).shape
    (20,)
    """
    power = BandPower() if bands is None else BandPower(bands)
    return make_pipeline(*_align(alignment, by), power, _lda())


def _align(alignment: str | None, by: Sequence[str]) -> list[EuclideanAlignment]:
    return [] if alignment is None else [EuclideanAlignment(by=by, unseen=alignment)]


def _lda() -> LinearDiscriminantAnalysis:
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")


def _require_pyriemann(caller: str) -> None:
    try:
        import pyriemann  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{caller} needs pyriemann: pip install 'neurokit-brain[riemann]'."
        ) from error


class _PlainTrials(TransformerMixin, BaseEstimator):
    """Trials as plain arrays in double precision, channels as in ``fit``, for other packages."""

    def fit(self, X: Recording, y: object = None) -> Self:
        """Remember the channels."""
        self.n_times_ = trials(self, X, reset=True).values.shape[2]
        return self

    def transform(self, X: Recording) -> Doubles:
        """Return (trial, channel, time)."""
        check_is_fitted(self)
        return trials(self, X, reset=False).values.astype(np.float64)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
