"""A model of any montage that learns by filling in what it is not shown."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from neurokit.inputs.labels import labelled_or_plain
from neurokit.inputs.picks import pick_channels
from neurokit.inputs.signal import Signal
from neurokit.persistence import Saveable
from neurokit.pretraining import recordings
from neurokit.pretraining.design import (
    build_module,
    check_design,
    option,
    sizes_of,
    targets_of,
)
from neurokit.pretraining.filling import Filling
from neurokit.pretraining.labelling import hide_more, label_latents, merge_filled
from neurokit.pretraining.levelled import cut_signal, read_fused
from neurokit.pretraining.live import EmbeddingStream, Frames
from neurokit.pretraining.running import run_windows
from neurokit.types import Flags, Floats, Json, Labelled, Recordings

if TYPE_CHECKING:
    from sklearn.utils import Tags

    from neurokit.nn.masked import MaskedTransformer
    from neurokit.training import Trainer

_DESIGN = (
    *("patch", "model_rate", "window", "space", "width", "depth", "n_heads", "decoder_depth"),
    *("overlap", "attention", "reach", "hidden", "fuse", "symmetric", "embed", "time"),
    *("context", "target", "channel_dropout", "position_noise"),
    *("mask", "mask_ratio", "mask_radius", "mask_span", "batch_tokens", "sampling_rate"),
)


class MaskedModel(  # type: ignore[call-arg]
    Saveable, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    """Learn from recordings without labels, by filling in what is hidden; embed any recording.

    A token is one channel during one patch of time. While it learns, tokens are hidden on the
    labels of the recording (`neurokit.pretraining.block_mask` and others); the encoder works on
    those that are left, which saves its time, and a small decoder says what the hidden ones
    hold, in squared error. Channels are known by their places in mm (else by their region, else
    by their name in the 10-10 system; an unknown place is one of its own) and times are in
    seconds, so that montage, order of channels, rate and length are free: recordings are
    resampled by the exact ratio of rates, and each channel is divided by its level over the
    recording. NaN is a gap: the patch is not seen, and its embedding is NaN.

    Levels are those of all trials or samples that are passed together: embeddings are
    transductive in that, without labels. Hum and drifts are not taken out; filter before.

    Parameters
    ----------
    patch : float, default=0.25
        Length of a patch, in s.
    overlap : float, default=0.0
        By how much patches overlap, in s.
    model_rate : float, default=128.0
        Rate at which patches are taken, in Hz.
    window : float, default=4.0
        What is seen at once, in s.
    context : float, optional
        The encoder looks at the present frame and at those less than this before, in s, however
        long the recording is, and runs live (`stream`). Default: at all of a window.
    fuse : {"channel", "region"}, default="channel"
        A token is of one channel; or of one region, whose contacts are fused into their first
        principal component, which is computed for each recording.
    embed : {"linear", "conv", "dilated", "spectral"}, default="linear"
        What makes a token of samples, see `neurokit.nn.embedding.build_embedding`.
    space : {"places", "conduction", "regions", "none"}, default="places"
        Channels tell their places; these, mixed with those of channels near by; the name of
        their region, which has a vector; or nothing.
    time : {"rotary", "sincos", "slow"}, default="rotary"
        Attention turns by times; or codes of them are added, see `neurokit.nn.positions.TimeCode`.
    width : int, default=64
    depth : int, default=4
    n_heads : int, default=4
    decoder_depth : int, default=1
        Network, see `neurokit.nn.masked.MaskedTransformer`.
    attention : {"full", "axial", "window"}, default="full"
        Over all tokens; half the heads along channels and half along frames; or over frames at
        most ``reach`` away. The last two need ``hidden="replace"`` and grow with the length.
    reach : float, default=2.0
        In s.
    hidden : {"drop", "replace"}, default="drop"
        Whether the encoder lacks hidden tokens, or has a learned vector in their place.
    target : str or mapping of str to float, default="signal"
        What is to be told, or weights of several. Of each hidden token: "signal", its samples;
        "spectrum", the amplitudes and phases of them; "codes", what a ``tokenizer`` makes of
        them; "latent", what a slow copy of the encoder, to which nothing is hidden, makes of
        them. Beside one of these: "statistics", the share of five bands in each channel's power
        over the whole window, by a linear map of each latent; "summary", all samples, from the
        mean of the latents.
    tokenizer : estimator, optional
        A fitted tokenizer for the target "codes", one or several frames of which are a patch.
    symmetric : bool, default=False
        Learn from each mask and from its complement, at twice the cost.
    channel_dropout : float, default=0.0
        Share of the channels that each example lacks while the model learns.
    position_noise : float, default=0.0
        By how much places are moved while the model learns, in mm (standard deviation).
    mask : str or mapping of str to float, default="block"
        "token", "time", "channel", "region", "block" or "future", or weights of several, of which
        each example draws one.
    mask_ratio : float, default=0.55
    mask_radius : float, default=45.0
        Radius of a block, in mm.
    mask_span : float, default=1.0
        Length of a block, in s.
    batch_tokens : int, default=8192
        Most tokens of a batch. Batches hold examples of one shape: nothing is padded.
    sampling_rate : float, optional
        Rate of plain arrays, in Hz; labelled ones know theirs.
    trainer : Trainer, optional
        Default: 20 epochs at a learning rate of 1e-3.
    device : str, default="auto"
        Where `transform` runs.
    random_state : int, RandomState or None

    Attributes
    ----------
    module_ : neurokit.nn.masked.MaskedTransformer
        On the CPU, in eval mode.
    history_ : list of dict
        One for each epoch: ``loss`` is the weighted sum of the errors, that of samples in levels
        squared, that of codes in nats.
    design_ : dict
        The parameters that say what is computed.
    left_out_ : list
        Channels of a single recording that were left out, where some were.
    fingerprints_ : list of str
        What `neurokit.io.fingerprint` gives for each recording of dims (channel, time) that was
        learned from, to find out later whether a test recording was among them.

    References
    ----------
    .. [1] He et al. (2022), Masked autoencoders are scalable vision learners, CVPR.
    .. [2] Zheng et al. (2024), Du-IN, arXiv:2405.11459 (codes, regions, complements).
    .. [3] El Ouahidi et al. (2025), REVE, arXiv:2510.21585 (places and blocks).

    Examples
    --------
    >>> from neurokit.datasets import make_eeg
    >>> from neurokit.training import Trainer
    >>> X = make_eeg(8.0, n_channels=6, random_state=0).signal
    >>> trainer = Trainer(1, device="cpu")
    >>> model = MaskedModel(width=16, depth=1, n_heads=2, trainer=trainer, random_state=0).fit(X)
    >>> model.transform(X).sizes
    Frozen({'channel': 6, 'frame': 32, 'latent': 16})
    """

    _shipped = Path(__file__).parent / "weights"

    design_: Json
    module_: MaskedTransformer
    history_: list[dict[str, float]]
    fingerprints_: list[str]

    def __init__(
        self,
        patch: float = 0.25,
        *,
        overlap: float = 0.0,
        model_rate: float = 128.0,
        window: float = 4.0,
        context: float | None = None,
        fuse: str = "channel",
        embed: str = "linear",
        space: str = "places",
        time: str = "rotary",
        width: int = 64,
        depth: int = 4,
        n_heads: int = 4,
        decoder_depth: int = 1,
        attention: str = "full",
        reach: float = 2.0,
        hidden: str = "drop",
        target: str | Mapping[str, float] = "signal",
        tokenizer: BaseEstimator | None = None,
        symmetric: bool = False,
        channel_dropout: float = 0.0,
        position_noise: float = 0.0,
        mask: str | Mapping[str, float] = "block",
        mask_ratio: float = 0.55,
        mask_radius: float = 45.0,
        mask_span: float = 1.0,
        batch_tokens: int = 8192,
        sampling_rate: float | None = None,
        trainer: Trainer | None = None,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.patch = patch
        self.overlap = overlap
        self.model_rate = model_rate
        self.window = window
        self.context = context
        self.fuse = fuse
        self.embed = embed
        self.space = space
        self.time = time
        self.width = width
        self.depth = depth
        self.n_heads = n_heads
        self.decoder_depth = decoder_depth
        self.attention = attention
        self.reach = reach
        self.hidden = hidden
        self.target = target
        self.tokenizer = tokenizer
        self.symmetric = symmetric
        self.channel_dropout = channel_dropout
        self.position_noise = position_noise
        self.mask = mask
        self.mask_ratio = mask_ratio
        self.mask_radius = mask_radius
        self.mask_span = mask_span
        self.batch_tokens = batch_tokens
        self.sampling_rate = sampling_rate
        self.trainer = trainer
        self.device = device
        self.random_state = random_state

    def fit(self, X: Recordings, y: object = None) -> Self:
        """Learn to fill in.

        Parameters
        ----------
        X : recording, or a list, mapping, DataTree or folder of recordings
            DataArrays of dims ([trial,] channel, time), MNE objects, paths, plain arrays; of any
            montages, rates and lengths. Lazy ones are read window by window. Channels that are
            not of the brain, bad, flat or twenty times the usual level are left out.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If no recording is as long as a patch, one holds infinity, or a parameter is out of
            range, or the target "codes" has no tokenizer whose frames are those of patches.
        """
        from neurokit.training import Trainer, import_torch

        import_torch("MaskedModel")
        design = self._designing_params()
        check_design(design)
        if targets_of(design)["codes"] and self.tokenizer is None:
            raise ValueError(
                "MaskedModel: the target 'codes' needs a fitted tokenizer, got None; pass it as"
                " tokenizer."
            )
        self.__dict__.pop("module_", None)
        self.__dict__.pop("left_out_", None)
        if isinstance(X, xr.DataArray) and "channel" in X.dims:
            X = pick_channels(self, X, reset=True)  # of one recording it is told what is left out
        seed = int(check_random_state(self.random_state).randint(2**31))
        trainer = self.trainer or Trainer(20, batch_size=64, learning_rate=1e-3)
        return self._learn(X, None, design, trainer, seed)

    def partial_fit(self, X: Recordings, y: object = None) -> Self:
        """Go on from the weights that are there, with other recordings; see `fit`."""
        from neurokit.training import Trainer

        if not hasattr(self, "module_"):
            return self.fit(X)
        seed = int(check_random_state(self.random_state).randint(2**31))
        trainer = self.trainer or Trainer(5, batch_size=64, learning_rate=2.5e-4)
        known = self.fingerprints_
        module = copy.deepcopy(self.module_)
        return self._learn(X, module, dict(self.design_), trainer, seed, known)

    def transform(self, X: Recordings) -> Labelled:
        """Embed a recording.

        Parameters
        ----------
        X : xarray.DataArray of dims ([trial,] channel, time), MNE object, or array-like
            Any montage, rate and length from one patch on.

        Returns
        -------
        xarray.DataArray or ndarray of float32, dims ([trial,] channel, frame, latent)
            ``frame`` is in s, where each patch begins.
        """
        check_is_fitted(self, "module_")
        X = labelled_or_plain(X)
        if isinstance(X, xr.DataArray) and "channel" in X.dims:
            X = X.isel(channel=recordings.brain_channels(X))
        signal = self._read(X)
        patches, places, present, _ = cut_signal(signal, self.design_)
        latents = self._run(patches, places, present)
        return label_latents(latents, signal, sizes_of(self.design_))

    def reconstruct(self, X: Recordings, mask: Labelled | None = None) -> Labelled:
        """Fill in bad channels, gaps and whatever else is hidden, from what is seen.

        Parameters
        ----------
        X : as in `transform`
            Patches with NaN, and channels marked by the coordinate ``bad``, are filled in.
        mask : array-like of bool, shape ([trial,] channel, frame), optional
            Other tokens to hide.

        Returns
        -------
        xarray.DataArray or ndarray of float32
            ``X`` in its unit and at its rate, with what was hidden filled in. The level of a
            channel that was never seen is the median of the others.

        Raises
        ------
        ValueError
            If nothing is seen during a whole window, or ``mask`` has another shape.
        """
        check_is_fitted(self, "module_")
        if not targets_of(self.design_)["signal"] or option(self.design_, "fuse") != "channel":
            raise ValueError(
                "MaskedModel.reconstruct: samples of channels are told by a model with the target"
                f" 'signal' and fuse='channel' alone, got target={self.design_['target']!r} and"
                f" fuse={option(self.design_, 'fuse')!r}."
            )
        signal = self._read(X)
        patches, places, present, (mean, level) = cut_signal(signal, self.design_)
        seen = present.copy()
        source = signal.source
        if source is not None and "bad" in source.coords:
            seen &= ~source["bad"].values.astype(bool)[:, None]
        if mask is not None:
            seen = hide_more(seen, mask)
        unheard = ~seen.any((0, 2))
        if unheard.any() and not unheard.all():
            level = np.where(unheard, np.median(level[~unheard]), level)
            mean = np.where(unheard, 0.0, mean)
        filled = self._run(patches, places, seen, fill=True)
        return merge_filled(filled, seen, (mean, level), signal, sizes_of(self.design_))

    @available_if(lambda self: self.context is not None)
    def stream(self, X: Recordings) -> EmbeddingStream:
        """Begin live use of a model that has a ``context``.

        Parameters
        ----------
        X : as in `transform`
            What came before: it tells the channels, their places and their levels, which hold
            from now on. Its rate is that of the model: nothing is resampled live.

        Returns
        -------
        EmbeddingStream
            ``push`` takes (n_channels, n_times), or labelled chunks, whose channels it finds by
            name, and gives the frames that are complete; joined, they are what `transform` gives
            for a recording of these levels.
        """
        check_is_fitted(self, "module_")
        signal = self._read(X)
        rate = sizes_of(self.design_).rate
        if signal.rate != rate:
            raise ValueError(
                f"MaskedModel.stream: X must have the model's rate, {float(rate):g} Hz, got"
                f" {float(signal.rate):g} Hz; resample it before, causally."
            )
        _, places, _, (mean, level) = cut_signal(signal, self.design_)
        frames = Frames(self.module_, self.design_, places)
        return EmbeddingStream(frames, self.design_, mean, level, signal.source)

    def score(self, X: Recordings, y: object = None) -> float:
        """Return minus the mean squared error of hidden samples, in levels squared.

        Without the target "signal" it is minus the loss. One seed, one set of masks: figures of
        two models may be compared.
        """
        check_is_fitted(self, "module_")
        import torch

        from neurokit.nn.draws import Draws

        corpus, filling = self._corpus(X, self.design_)
        total, n = 0.0, 0
        with torch.no_grad(), Draws(0):
            for rows in corpus.divide(np.arange(len(corpus)), 64):
                total += float(filling(self.module_, *corpus.take(rows))) * len(rows)
                n += len(rows)
        return -total / n

    @classmethod
    def from_pretrained(
        cls,
        name: str | os.PathLike[str] = "eeg-small",
        *,
        revision: str | None = None,
        sampling_rate: float | None = None,
    ) -> Self:
        """Load weights that come with the package, a saved file, or those of a repository.

        Parameters
        ----------
        name : str or path-like, default="eeg-small"
            ``"eeg-small"`` works offline; its model card stands beside the weights, in
            ``neurokit/pretraining/weights``. Else a path or ``"user/name"``, as in
            `neurokit.persistence.Saveable.from_pretrained`.
        revision : str, optional
            Branch, tag or commit of the repository.
        sampling_rate : float, optional
            Rate of the plain arrays that are to come, in Hz; labelled ones know theirs.
        """
        model = super().from_pretrained(name, revision=revision)
        if sampling_rate is not None:
            model.sampling_rate = model.design_["sampling_rate"] = sampling_rate
        return model

    # ------------------------------------------------------------ inside

    def _designing_params(self) -> Json:
        return {name: copy.deepcopy(getattr(self, name)) for name in _DESIGN}

    def _build_module(self, name: str) -> MaskedTransformer:
        from neurokit.training import import_torch

        import_torch("MaskedModel.load")
        return build_module(self.design_)

    def _corpus(
        self, X: Recordings, design: Json, *, more_regions: bool = False
    ) -> tuple[recordings.Corpus, Filling]:
        sizes, coded = sizes_of(design), bool(targets_of(design)["codes"])
        found = recordings.list_recordings(self, X, design["sampling_rate"])
        corpus = recordings.Corpus(
            self,
            found,
            sizes,
            design["batch_tokens"],
            design["space"],
            option(design, "fuse") == "region",
            self.tokenizer if coded else None,
        )
        if design["space"] == "regions":
            known = option(design, "regions")
            design["regions"] = corpus.number_regions(self, known, more=more_regions)
        return corpus, Filling(corpus.sources, sizes.seconds, design)

    def _learn(
        self,
        X: Recordings,
        module: MaskedTransformer | None,
        design: Json,
        trainer: Trainer,
        seed: int,
        known: Sequence[str] = (),
    ) -> Self:
        from neurokit.io import fingerprint

        known_regions = len(option(design, "regions"))
        corpus, filling = self._corpus(X, design, more_regions=True)
        if module is not None:
            module.add_regions(len(option(design, "regions")) - known_regions)
        else:
            if targets_of(design)["codes"]:
                design["codes"] = corpus.measure_codes(self.tokenizer)
            module = build_module(design, seed)
        self.history_ = trainer.minimize(module, filling, corpus, seed=seed)
        self.module_, self.design_ = module, design
        new = [fingerprint(s["all"]) for s in corpus.sources if "trial" not in s["all"].dims]
        self.fingerprints_ = [*known, *new]
        return self

    def _read(self, X: Recordings) -> Signal:
        return read_fused(self, X, self.design_)

    def _run(self, patches: Floats, places: Floats, seen: Flags, *, fill: bool = False) -> Floats:
        return run_windows(
            self.module_, self.design_, patches, places, seen, device=self.device, fill=fill
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags
