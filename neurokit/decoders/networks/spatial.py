"""Networks that look at channels through spatial filters: the filters, and what they pick up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurokit.decoders.networks.classifier import NetworkClassifier
from neurokit.inputs.trials import Trials
from neurokit.types import Doubles

if TYPE_CHECKING:
    from neurokit.training import Trainer


class SpatialNetworkClassifier(NetworkClassifier):
    """Base of the networks with spatial filters, which MNE plots as those of CSP.

    A subclass says what weights of its network the filters are (`_spatial_weights`).

    Attributes
    ----------
    covariance_ : ndarray of shape (n_channels, n_channels)
        The mean of the covariances of the training trials.
    """

    covariance_: Doubles

    @property
    def filters_(self) -> Doubles:
        """Spatial filters, shape (n_filters, n_channels), for channels in the unit of ``fit``."""
        return self._spatial_weights() / self.scale_

    @property
    def patterns_(self) -> Doubles:
        """What each filter picks up, shape (n_filters, n_channels), in the unit of ``fit`` [1]_.

        The covariance of every channel with the filter's output, over the spread of that: how a
        source looks at the scalp that the filter alone sees, one standard deviation strong.

        References
        ----------
        .. [1] Haufe et al. (2014), On the interpretation of weight vectors of linear models in
           multivariate neuroimaging, NeuroImage 87, 96-110, eq. 7.
        """
        filters = self.filters_
        seen = filters @ self.covariance_
        power = np.einsum("fc,fc->f", seen, filters)
        return seen / np.sqrt(np.where(power > 0, power, 1.0))[:, None]

    def _spatial_weights(self) -> Doubles:
        """Return the filters for standardised channels, shape (n_filters, n_channels)."""
        raise NotImplementedError

    def _learn(
        self,
        seen: Trials,
        index: NDArray[np.intp],
        groups: ArrayLike | None,
        trainer: Trainer,
        seed: int,
    ) -> Self:
        super()._learn(seen, index, groups, trainer, seed)
        total = np.zeros((seen.values.shape[1],) * 2)
        for trial in seen.values:  # one at a time: a copy of all in double precision may be large
            centred = trial - trial.mean(-1, keepdims=True, dtype=np.float64)
            total += centred @ centred.T
        self.covariance_ = total / seen.values.shape[0] / seen.values.shape[2]
        return self
