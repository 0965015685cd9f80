"""Base of the tokenizers whose networks are trained: examples, training, and the way they code."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from neurokit.tokenizers._signal import Signal
from neurokit.tokenizers.base import LevelledTokenizer
from neurokit.tokenizers.framing.decode import Decode
from neurokit.tokenizers.framing.encode import Encode
from neurokit.tokenizers.framing.frames import Framer
from neurokit.tokenizers.framing.networks import NetworkDecoder, NetworkEncoder, look_up

if TYPE_CHECKING:
    from neurokit.nn.codec import Codec
    from neurokit.training import Trainer


class LearnedTokenizer(LevelledTokenizer):
    """Base of the tokenizers with a `neurokit.nn.codec.Codec` in ``module_``.

    A subclass gives `_frames`, `_columns`, `_check`, `_build_module` and `_loss`, and has the
    parameters that are named here.
    """

    beam: int
    window: float
    trainer: Trainer | None
    device: str
    random_state: int | np.random.RandomState | None
    module_: Codec
    history_: list[dict[str, Any]]

    def _check(self) -> None:
        """Refuse parameters out of range."""
        raise NotImplementedError

    def _loss(self, rate: float, module: Any, x: Any) -> Any:
        """Loss of ``module`` on examples (example, time), coded at ``rate`` in Hz."""
        raise NotImplementedError

    def fit(self, X: Any, y: object = None, *, groups: Any = None) -> Self:
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
        from neurokit.nn.draws import seeded
        from neurokit.training import Trainer

        self._check()
        seed = int(check_random_state(self.random_state).randint(2**31))
        with seeded(seed):
            module = self._build_module("module_")
        trainer = self.trainer or Trainer(20, batch_size=64, learning_rate=1e-3)
        return self._learn(module, X, trainer, seed, groups)

    def partial_fit(self, X: Any, y: object = None, *, groups: Any = None) -> Self:
        """Adapt to new recordings, from the weights that are there; see `fit`."""
        from neurokit.training import Trainer

        if not hasattr(self, "module_"):
            return self.fit(X, groups=groups)
        seed = int(check_random_state(self.random_state).randint(2**31))
        trainer = self.trainer or Trainer(5, batch_size=64, learning_rate=2.5e-4)
        return self._learn(deepcopy(self.module_), X, trainer, seed, groups)

    def embed(self, X: Any, *, quantized: bool = False) -> Any:
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

        def coded(frames: NDArray[Any]) -> NDArray[Any]:
            return look_up(self.module_.quantizer, networks.codes(networks.vectors(frames)))

        return self._embed(X, coded)

    @classmethod
    def from_pretrained(cls, name: str = "eeg-small") -> Self:
        """Load weights that come with the package; works offline.

        Parameters
        ----------
        name : {"eeg-small"}
            Its model card stands beside the weights, in ``neurokit/tokenizers/weights``.
        """
        folder = Path(__file__).parent / "weights"
        known = sorted(path.stem for path in folder.glob("*.safetensors"))
        if name not in known:
            raise ValueError(f"{cls.__name__}: name must be one of {known}, got {name!r}.")
        return cls.load(folder / f"{name}.safetensors")

    # ------------------------------------------------------------ inside

    def _learn(self, module: Codec, X: Any, trainer: Trainer, seed: int, groups: Any) -> Self:
        import torch

        signal = self._read(X)
        examples, member, found = self._examples(signal, groups)
        loss = partial(self._loss, float(self._frames(signal.rate).model_rate))
        self.history_ = trainer.minimize(module, loss, examples, seed=seed, groups=member)
        self.module_ = module
        self.__dict__.update(found)
        self._remember(signal)
        with torch.no_grad():
            sample = examples[:: max(len(examples) // 256, 1)]
            codes = module.quantizer.encode(module.encoder(sample)).flatten(0, -2)
        self.codebook_report_ = self._report_codebooks(codes.numpy())
        return self

    def _examples(self, signal: Signal, groups: Any) -> tuple[Any, NDArray[Any], dict[str, Any]]:
        """Examples, the group of each, and fitted attributes that were found on the way."""
        return *self._windows(signal, self._levelled(signal), groups), {}

    def _levelled(self, signal: Signal) -> NDArray[Any]:
        """Levelled frames (row, frame, sample) of a whole recording."""
        framer = Framer(self._frames(signal.rate), signal.rows())
        x = signal.load(0, signal.values.shape[-1], f"{self._name}.fit")
        return framer.push(x, last=True)[0]

    def _windows(
        self, signal: Signal, levelled: NDArray[Any], groups: Any
    ) -> tuple[Any, NDArray[Any]]:
        """Windows (example, time) of levelled frames as a tensor, and the group of each."""
        import torch

        n_trials, n_frames = signal.values.shape[0], levelled.shape[1]
        n_rows = len(levelled) // n_trials
        frame_rate = self._frames(signal.rate).frame_rate
        size = min(max(round(self.window * frame_rate), 1), n_frames)
        n_windows = n_frames // size
        starts = np.linspace(0, n_frames - size, n_windows).round().astype(int)
        cut = np.stack([levelled[:, s : s + size] for s in starts], 1)
        if groups is None and signal.source is not None and "subject" in signal.source.coords:
            groups = np.broadcast_to(signal.source["subject"].values, n_trials)
        trial = np.arange(n_trials) if groups is None else np.asarray(groups)
        member = np.repeat(trial, n_rows * n_windows)
        if len(np.unique(trial)) == 1:  # one trial or subject: hold out stretches of time
            member = np.tile(np.arange(n_windows), n_trials * n_rows)
        flat = cut.reshape(len(member), -1).astype(np.float32)
        return torch.from_numpy(flat), member

    def _encoder(self, montage: Any) -> Encode:
        return NetworkEncoder(self.module_, self.device, self.beam)

    def _decoder(self, n_levels: int) -> Decode:
        return NetworkDecoder(self.module_, self.device, n_levels)

    def _n_past(self) -> tuple[float, float]:
        return self.module_.encoder.n_past_frames, self.module_.decoder.n_past_frames
