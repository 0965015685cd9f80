"""Base of the tokenizers whose networks are trained: examples, training, and the way they code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import fields
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from neurokit.inputs.signal import Signal
from neurokit.tokenizers._codec import CodecDesign
from neurokit.tokenizers._trained import NetworkDecoder, NetworkEncoder, look_up
from neurokit.tokenizers.base import SignalTokenizer, report_codebooks
from neurokit.tokenizers.framing.decode import Decode
from neurokit.tokenizers.framing.encode import Encode
from neurokit.tokenizers.framing.frames import Frames, level_whole
from neurokit.types import Codes, Floats, Recording

if TYPE_CHECKING:
    from torch import Tensor

    from neurokit.nn.codec import Codec
    from neurokit.training import Trainer


class NetworkTokenizer(SignalTokenizer):
    """Base of the tokenizers with a `neurokit.nn.codec.Codec` in ``module_``.

    A subclass names its `_Design`, which holds those of its parameters that say what is coded
    and how, and has the parameters that are named here. ``fit`` keeps the design as ``design_``.
    """

    _shipped = Path(__file__).parent / "weights"
    _Design: ClassVar[type[CodecDesign]] = CodecDesign
    beam: int
    trainer: Trainer | None
    device: str
    random_state: int | np.random.RandomState | None
    design_: dict[str, Any]
    module_: Codec
    history_: list[dict[str, float]]

    def fit(self, X: Recording, y: object = None, *, groups: ArrayLike | None = None) -> Self:
        """Learn networks and codebooks.

        Parameters
        ----------
        X : xarray.DataArray with dims ([trial,] channel, time), array-like, or MNE object
            It is loaded whole: of a recording beyond memory, give an excerpt.
        y : None
            Ignored.
        groups : array-like of shape (n_trials,), optional
            What the trainer's held-out split keeps together. Default: the coordinate
            ``subject``, else the trial, else the stretch of time.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If ``X`` holds NaN, has other dims, or a parameter is out of range.
        """
        from neurokit.training import Trainer, import_torch

        import_torch(self._name)
        plan = self._plan()
        design = self._Design(**self._designing_params())
        design.check(self._name, self.beam)
        seed = self._draw_seed()
        signal = self._read(X, self.sampling_rate)
        levelled = level_whole(design.frames(signal.rate), signal, f"{self._name}.fit")
        montage, n_signals, found = design.learn_channels(self._name, signal, levelled)
        module = _build(design, n_signals, seed)
        trainer = self.trainer or Trainer(20, batch_size=64, learning_rate=1e-3)
        rows = montage.gather(levelled)
        return self._train(module, design, signal, rows, trainer, seed, groups, plan | found)

    def partial_fit(
        self, X: Recording, y: object = None, *, groups: ArrayLike | None = None
    ) -> Self:
        """Adapt to new recordings, from the weights that are there; see `fit`."""
        from neurokit.training import Trainer

        if not hasattr(self, "module_"):
            return self.fit(X, groups=groups)
        seed = self._draw_seed()
        trainer = self.trainer or Trainer(5, batch_size=64, learning_rate=2.5e-4)
        signal = self._read(X, self.plain_rate_)
        frames = self._frames(signal.rate)
        levelled = level_whole(frames, signal, f"{self._name}.fit")
        module = deepcopy(self.module_)
        return self._train(module, self._design, signal, levelled, trainer, seed, groups, {})

    def embed(self, X: Recording, *, quantized: bool = False) -> Any:
        """Return the vector of each frame: what the encoder found, or what its codes stand for.

        Parameters
        ----------
        X : as in `transform`
        quantized : bool, default=False

        Returns
        -------
        xarray.DataArray or ndarray of float32, dims ([trial,] channel, frame, latent)
        """
        check_is_fitted(self)
        networks = NetworkEncoder(self.module_, self.device, self.beam)
        if not quantized:
            return self._embed(X, networks.vectors)
        return self._embed(X, lambda frames: look_up(self.module_.quantizer, networks(frames)))

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
            ``neurokit/tokenizers/weights``. Else a path or ``"user/name"``, as in
            `neurokit.persistence.Saveable.from_pretrained`.
        revision : str, optional
            Branch, tag or commit of the repository.
        sampling_rate : float, optional
            Rate of the plain arrays that are to come, in Hz; labelled ones know theirs.
        """
        tokenizer = super().from_pretrained(name, revision=revision)
        if sampling_rate is not None or name in cls._list_shipped():
            tokenizer.sampling_rate = tokenizer.plain_rate_ = sampling_rate
        return tokenizer

    # ------------------------------------------------------------ what was designed

    def _plan(self) -> dict[str, object]:
        return super()._plan() | {"design_": self._designing_params()}

    def _designing_params(self) -> dict[str, Any]:
        """Copy the parameters that the design is made of."""
        names = {field.name for field in fields(self._Design)} & self.get_params(deep=False).keys()
        return {name: deepcopy(getattr(self, name)) for name in sorted(names)}

    @property
    def _design(self) -> CodecDesign:
        """The design that ``fit`` has kept."""
        return self._Design(**self.design_)

    def _build_module(self, name: str) -> Codec:
        from neurokit.training import import_torch

        import_torch(f"{self._name}.load")
        return self._design.build(self._n_signals())

    def _n_signals(self) -> int:
        """Count the signals that a row of tokens stands for."""
        return 1

    def _frames(self, rate: Fraction) -> Frames:
        return self._design.frames(rate)

    def _columns(self) -> dict[str, int]:
        return self._design.columns()

    def _begin_encoding(self) -> Encode:
        return NetworkEncoder(self.module_, self.device, self.beam)

    def _begin_decoding(self, n_levels: int) -> Decode:
        return NetworkDecoder(self.module_, self.device, n_levels)

    def _n_past(self) -> tuple[float, float]:
        return self.module_.encoder.n_past_frames, self.module_.decoder.n_past_frames

    # ------------------------------------------------------------ training

    def _draw_seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31))

    def _train(
        self,
        module: Codec,
        design: CodecDesign,
        signal: Signal,
        rows: Floats,
        trainer: Trainer,
        seed: int,
        groups: ArrayLike | None,
        found: Mapping[str, object],
    ) -> Self:
        """Train ``module`` on levelled frames of the rows; keep it, and what was ``found``."""
        import torch

        frames = design.frames(signal.rate)
        examples, member = cut_windows(signal, rows, design.window * frames.frame_rate, groups)
        loss = partial(design.loss, float(frames.model_rate))
        history = trainer.minimize(module, loss, examples, seed=seed, groups=member)
        with torch.no_grad():
            sample = examples[:: max(len(examples) // 256, 1)]
            codes = module.quantizer.encode(module.encoder(sample)).flatten(0, -2)
        self.module_, self.history_ = module, history
        self.__dict__.update(found)
        self._remember(signal)
        self.codebook_report_ = report_codebooks(codes.numpy())
        return self


def _build(design: CodecDesign, n_signals: int, seed: int) -> Codec:
    """Build untrained networks by ``seed``."""
    from neurokit.nn.draws import seeded

    with seeded(seed):
        return design.build(n_signals)


def cut_windows(
    signal: Signal, rows: Floats, size: float, groups: ArrayLike | None
) -> tuple[Tensor, Codes]:
    """Cut levelled frames (row, frame, sample) into windows of about ``size`` frames.

    Returns
    -------
    examples : Tensor of shape (window, time), float32
    member : ndarray of shape (window,)
        The group of each.
    """
    import torch

    n_trials, n_frames = signal.n_trials, rows.shape[1]
    n_rows = len(rows) // n_trials
    n_kept = min(max(round(size), 1), n_frames)
    n_windows = n_frames // n_kept
    starts = np.linspace(0, n_frames - n_kept, n_windows).round().astype(int)
    cut = np.stack([rows[:, s : s + n_kept] for s in starts], 1)
    if groups is None and signal.source is not None and "subject" in signal.source.coords:
        groups = np.broadcast_to(signal.source["subject"].values, n_trials)
    trial = np.arange(n_trials) if groups is None else np.asarray(groups)
    member = np.repeat(trial, n_rows * n_windows)
    if len(np.unique(trial)) == 1:  # one trial or subject: hold out stretches of time
        member = np.tile(np.arange(n_windows), n_trials * n_rows)
    flat = cut.reshape(len(member), -1).astype(np.float32)
    return torch.from_numpy(flat), member
