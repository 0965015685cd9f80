"""Networks that tell trials of EEG, iEEG or MEG apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurokit.decoders.networks.spatial import SpatialNetworkClassifier
from neurokit.inputs.trials import Trials
from neurokit.types import Doubles, Floats, Recording

if TYPE_CHECKING:
    from torch import nn

    from neurokit.training import Trainer


class DBConformerClassifier(SpatialNetworkClassifier):
    """Transformers over patches of time and over channels, side by side [1]_.

    Parameters
    ----------
    patch : float, default=0.5
        Length of the patches of the temporal branch, in s.
    depth : int, default=2
        Attention blocks of each branch.
    n_filters : int, default=40
        Spatial filters, and the size of a token; a multiple of ``n_heads``.
    n_heads : int, default=10
    channel_attention : bool, default=True
        Channels are weighed before they are summed; else averaged.
    attention_scale : {"model", "head"}, default="model"
        Products of queries and keys are divided by the root of a token's size, as the published
        results were made with, or of a head's, as is usual.
    dropout : float, default=0.5
    class_weight : {None, "balanced"} or dict, default=None
        Weight of each class in the loss, as in scikit-learn.
    augmentation : str, callable, sequence or mapping of these, optional
        See `SpikingClassifier`.
    sampling_rate : float, optional
        In Hz; needed for plain arrays.
    picks : {"brain", "all"}, default="brain"
        Channels to take where ``channel`` carries ``type`` or ``bad``: those of the brain that are
        not bad, or all. A warning says once what was left out; ``left_out_`` keeps it.
    trainer : Trainer, optional
        Default: ``Trainer(100, batch_size=32, learning_rate=1e-3)``: the last epoch is kept, so
        nothing is chosen.
    random_state : int, RandomState or None, default=None
        Seed of weights, batches and dropout.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    module_ : neurokit.nn.dbconformer.DBConformer
    filters_, patterns_ : ndarray of shape (n_filters, n_channels)
        Spatial filters of the temporal branch, and what they pick up; MNE plots them.
    channel_weights_ : xarray.DataArray of dims (channel,)
        How much each channel counts in the spatial branch: `channel_weights` of the training
        trials, averaged.
    attention_ : xarray.Dataset
        What is looked at, averaged over the training trials: ``times(time, time_looked_at)`` and
        ``channels(channel, channel_looked_at)``; see `attention`.
    mean_, scale_ : ndarray of shape (n_channels,)
        What channels are standardised by.
    history_ : list of dict
        Loss and accuracy of each epoch.
    sampling_rate_ : float
    n_times_ : int
        Samples of a trial.

    Raises
    ------
    ValueError
        If trials are shorter than a patch, or a parameter is out of range.
    ImportError
        If torch is not installed.

    Notes
    -----
    The published figures align trials first (`EuclideanAlignment`), as whole sessions, those to be
    tested too, and report the last epoch.

    References
    ----------
    .. [1] Wang et al. (2026), DBConformer: dual-branch convolutional transformer for EEG
       decoding, IEEE J. Biomed. Health Inform. 30(5), 4134-4147, arXiv:2506.21140, section III.

    Examples
    --------
    >>> from neurokit.datasets import make_motor_imagery
    >>> from neurokit.training import Trainer
    >>> trials, _ = make_motor_imagery(1, 16, duration=2.0, n_channels=5, random_state=0)
    >>> trainer = Trainer(2, batch_size=8, device="cpu")
    >>> decoder = DBConformerClassifier(depth=1, trainer=trainer, random_state=0)
    >>> decoder.fit(trials, trials["label"]).predict_proba(trials).dims
    ('trial', 'class')
    >>> decoder.channel_weights(trials).dims
    ('trial', 'channel')
    """

    _training: ClassVar[dict[str, float | str | None]] = {
        "n_epochs": 100,
        "batch_size": 32,
        "learning_rate": 1e-3,
        "schedule": "constant",
        "warmup": 0.0,
        "clip_norm": None,
    }

    def __init__(
        self,
        *,
        patch: float = 0.5,
        depth: int = 2,
        n_filters: int = 40,
        n_heads: int = 10,
        channel_attention: bool = True,
        attention_scale: str = "model",
        dropout: float = 0.5,
        class_weight: Mapping[Any, float] | str | None = None,
        augmentation: Any = None,
        sampling_rate: float | None = None,
        picks: str = "brain",
        trainer: Trainer | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.patch = patch
        self.depth = depth
        self.n_filters = n_filters
        self.n_heads = n_heads
        self.channel_attention = channel_attention
        self.attention_scale = attention_scale
        self.dropout = dropout
        self.class_weight = class_weight
        self.augmentation = augmentation
        self.sampling_rate = sampling_rate
        self.picks = picks
        self.trainer = trainer
        self.random_state = random_state

    def channel_weights(self, X: Recording) -> Any:
        """Return how much each channel counts in the spatial branch, for every trial.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        xarray.DataArray of dims (trial, channel), or ndarray
            Rows sum to 1.
        """
        seen = self._read(X)
        return self._plain_or_not(seen, *self._look(seen)[:1])[0]

    def attention(self, X: Recording) -> tuple[Any, Any]:
        """Return what the last blocks look at: patches at patches, and channels at channels.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        times : xarray.DataArray of dims (trial, time, looked_at), or ndarray
            What patches look at, by the time at which they begin.
        channels : xarray.DataArray of dims (trial, channel, looked_at), or ndarray
            Mean over heads; the last axis sums to 1.
        """
        seen = self._read(X)
        times, channels = self._plain_or_not(seen, *self._look(seen)[1:])
        return times, channels

    def _learn(
        self,
        seen: Trials,
        index: NDArray[np.intp],
        groups: ArrayLike | None,
        trainer: Trainer,
        seed: int,
    ) -> Self:
        super()._learn(seen, index, groups, trainer, seed)
        weights, times, channels = (part.mean("trial") for part in self._look(seen))
        self.channel_weights_ = weights.drop_vars([*set(weights.coords) - {"channel"}])
        self.attention_ = xr.Dataset(
            {
                name: xr.DataArray(
                    part.values, dims=(dim, f"{dim}_looked_at"), coords={}
                ).assign_coords({dim: part[dim].values, f"{dim}_looked_at": part[dim].values})
                for name, dim, part in (
                    ("times", "time", times),
                    ("channels", "channel", channels),
                )
            }
        )
        return self

    def _look(self, seen: Trials) -> list[xr.DataArray]:
        """Return weights of channels, attention over time and over channels, for each trial."""
        import torch

        found: list[tuple[NDArray[np.float32], ...]] = []
        with torch.no_grad():
            for begin in range(0, len(seen.values), 64):
                x = torch.from_numpy(self._prepare(seen.values[begin : begin + 64]))
                parts = self.module_.channel_weights(x), *self.module_.attend(x)
                found.append(tuple(part.numpy() for part in parts))
        weights, times, channels = (np.concatenate(parts) for parts in zip(*found, strict=True))
        begins = np.arange(times.shape[1]) * self.module_.patch
        clock = begins / self.sampling_rate_
        if seen.source is not None:
            clock = seen.source["time"].values[begins]
        names: Any = getattr(self, "channels_", None) or np.arange(self.n_features_in_)
        return [
            self._label(part, seen, dim, labels)
            for part, dim, labels in (
                (weights, "channel", names),
                (times, "time", clock),
                (channels, "channel", names),
            )
        ]

    @staticmethod
    def _label(values: Floats, seen: Trials, dim: str, labels: Any) -> xr.DataArray:
        out = xr.DataArray(values, dims=("trial", dim, "looked_at")[: values.ndim])
        out = out.assign_coords({dim: labels, **seen.coords("trial")})
        return out.assign_coords(looked_at=labels) if values.ndim == 3 else out

    @staticmethod
    def _plain_or_not(seen: Trials, *parts: xr.DataArray) -> list[Any]:
        return [part.values if seen.source is None else part for part in parts]

    def _spatial_weights(self) -> Doubles:
        return self.module_.spatial[0].weight.detach().double().numpy()[..., 0]

    def _plan(self) -> dict[str, object]:
        design = {
            "patch": float(self.patch),
            "depth": int(self.depth),
            "n_filters": int(self.n_filters),
            "n_heads": int(self.n_heads),
            "channel_attention": bool(self.channel_attention),
            "attention_scale": self.attention_scale,
            "dropout": float(self.dropout),
        }
        return {"design_": design}

    def _build_module(self, name: str) -> nn.Module:
        from neurokit.nn.dbconformer import DBConformer

        return DBConformer(
            len(self.classes_),
            self.n_features_in_,
            self.n_times_,
            sfreq=self.sampling_rate_,
            **self.design_,
        )


class EEGNetClassifier(SpatialNetworkClassifier):
    """A compact convolutional network: temporal, spatial and separable filters [1]_.

    Parameters
    ----------
    n_filters : int, default=8
        Temporal filters (F1).
    n_spatial : int, default=2
        Spatial filters for each of them (D).
    dropout : float, default=0.5
    class_weight, augmentation, sampling_rate, picks, trainer, random_state : optional
        See `DBConformerClassifier`.

    Attributes
    ----------
    filters_, patterns_ : ndarray of shape (n_filters, n_channels)
        Spatial filters, and what they pick up; MNE plots them.
    classes_, module_, mean_, scale_, history_, sampling_rate_, n_times_
        See `DBConformerClassifier`.

    Raises
    ------
    ValueError
        If trials are shorter than the pools of the network, half a second.
    ImportError
        If torch is not installed.

    References
    ----------
    .. [1] Lawhern et al. (2018), EEGNet: a compact convolutional neural network for EEG-based
       brain-computer interfaces, J. Neural Eng. 15, 056013, table 2.

    Examples
    --------
    >>> from neurokit.datasets import make_motor_imagery
    >>> from neurokit.training import Trainer
    >>> trials, _ = make_motor_imagery(1, 16, duration=2.0, n_channels=5, random_state=0)
    >>> decoder = EEGNetClassifier(trainer=Trainer(2, device="cpu"), random_state=0)
    >>> decoder.fit(trials, trials["label"]).predict(trials).dims
    ('trial',)
    """

    _training = DBConformerClassifier._training

    def __init__(
        self,
        n_filters: int = 8,
        *,
        n_spatial: int = 2,
        dropout: float = 0.5,
        class_weight: Mapping[Any, float] | str | None = None,
        augmentation: Any = None,
        sampling_rate: float | None = None,
        picks: str = "brain",
        trainer: Trainer | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_filters = n_filters
        self.n_spatial = n_spatial
        self.dropout = dropout
        self.class_weight = class_weight
        self.augmentation = augmentation
        self.sampling_rate = sampling_rate
        self.picks = picks
        self.trainer = trainer
        self.random_state = random_state

    def _plan(self) -> dict[str, object]:
        design = {
            "n_filters": int(self.n_filters),
            "n_spatial": int(self.n_spatial),
            "dropout": float(self.dropout),
        }
        return {"design_": design}

    def _spatial_weights(self) -> Doubles:
        return self.module_.spatial.weight.detach().double().numpy()[:, 0, :, 0]

    def _build_module(self, name: str) -> nn.Module:
        from neurokit.nn.eegnet import EEGNet

        return EEGNet(
            len(self.classes_),
            self.n_features_in_,
            self.n_times_,
            sfreq=self.sampling_rate_,
            **self.design_,
        )


class ShallowConvNetClassifier(SpatialNetworkClassifier):
    """Log power of learned spatial and temporal filters [1]_.

    Parameters
    ----------
    n_filters : int, default=40
    dropout : float, default=0.5
    class_weight, augmentation, sampling_rate, picks, trainer, random_state : optional
        See `DBConformerClassifier`.

    Attributes
    ----------
    filters_, patterns_ : ndarray of shape (n_filters, n_channels)
        The spatial filter nearest to each pair of both convolutions, and what it picks up; MNE
        plots them.
    classes_, module_, mean_, scale_, history_, sampling_rate_, n_times_
        See `DBConformerClassifier`.

    Raises
    ------
    ValueError
        If trials are shorter than 0.4 s.
    ImportError
        If torch is not installed.

    References
    ----------
    .. [1] Schirrmeister et al. (2017), Deep learning with convolutional neural networks for EEG
       decoding and visualization, Hum. Brain Mapp. 38, 5391-5420, figure 2.

    Examples
    --------
    >>> from neurokit.datasets import make_motor_imagery
    >>> from neurokit.training import Trainer
    >>> trials, _ = make_motor_imagery(1, 16, duration=2.0, n_channels=5, random_state=0)
    >>> decoder = ShallowConvNetClassifier(trainer=Trainer(2, device="cpu"), random_state=0)
    >>> decoder.fit(trials, trials["label"]).predict(trials).dims
    ('trial',)
    """

    _training = DBConformerClassifier._training

    def __init__(
        self,
        n_filters: int = 40,
        *,
        dropout: float = 0.5,
        class_weight: Mapping[Any, float] | str | None = None,
        augmentation: Any = None,
        sampling_rate: float | None = None,
        picks: str = "brain",
        trainer: Trainer | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_filters = n_filters
        self.dropout = dropout
        self.class_weight = class_weight
        self.augmentation = augmentation
        self.sampling_rate = sampling_rate
        self.picks = picks
        self.trainer = trainer
        self.random_state = random_state

    def _plan(self) -> dict[str, object]:
        return {"design_": {"n_filters": int(self.n_filters), "dropout": float(self.dropout)}}

    def _spatial_weights(self) -> Doubles:
        # spatial filters differ by temporal filter: what is nearest to each is one filter for all
        module = self.module_
        both = module.spatial.weight[..., 0].transpose(1, 2) @ module.temporal.weight[:, 0, 0]
        left, values, _ = np.linalg.svd(both.detach().double().numpy(), full_matrices=False)
        return left[..., 0] * values[:, :1]

    def _build_module(self, name: str) -> nn.Module:
        from neurokit.nn.eegnet import ShallowConvNet

        return ShallowConvNet(
            len(self.classes_),
            self.n_features_in_,
            self.n_times_,
            sfreq=self.sampling_rate_,
            **self.design_,
        )
