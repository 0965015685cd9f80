"""A codec without networks: frames, principal components, residual quantisation."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from neurokit.recording.clock import exact
from neurokit.tokenizers import _linear_rvq
from neurokit.tokenizers.base import LevelledTokenizer
from neurokit.tokenizers.framing.frames import Frames
from neurokit.tokenizers.framing.labels import SIDE

_STEP = 0.05  # s: the level is faded in over ten of these
_GAINS = 64  # codes of a frame's gain,
_GAIN_ZERO = 24  # this one standing for 1,
_GAIN_STEPS = 4  # and so many to a factor of two
_FLOOR = 1e-3  # power below which a frame counts as silent
_LIMIT = 30_000  # frames that codebooks are learnt from
_MEMORY = 20.0  # partial_fit gives a word the weight of at most as many vectors seen before


class LinearRVQTokenizer(LevelledTokenizer):
    """Linear codec: each channel becomes a few integers per 100 ms, and microvolts again.

    Each channel is divided by its level (scale and offset of the second before, which travel
    with the tokens), cut into frames, and every frame turned into its principal components.
    Their common gain is sent (1.5 dB a step), and what is left is written as ``n_levels`` codes
    by residual vector quantisation [1]_, whose search keeps the ``beam`` best paths. It is
    learnt in seconds, needs no torch, and is the baseline for every learned codec. Columns of
    ``level``:

    ========== ============================== =====================================
    level      values                         meaning
    ========== ============================== =====================================
    ``scale``  0 to 255, held for a second    RMS, 12 steps per decade, 168 is 1
    ``offset`` 0 to 65535, held for a second  mean, 4 steps per scale, 32768 is 0
    ``gain``   0 to 63                        of the frame, 4 steps per octave
    ``1`` ...  0 to ``codebook_size - 1``     codes of the stages
    ========== ============================== =====================================

    At the default this costs 10 frames x (6 + 10 x 8) bits + 24 bits = 884 bits per second and
    channel. Overlapping the frames was measured and gained nothing, so they stand side by side
    and each can be decoded alone.

    Channels are coded one by one, so any montage will do. Recordings at another rate than that
    of ``fit`` are resampled to it and back, to their own length. Sums run in a fixed order: a
    recording gives the same tokens whole, in pieces, live and from dask.

    Parameters
    ----------
    n_levels : int, default=10
        Stages of the quantiser. Tokens can be decoded from fewer.
    codebook_size : int, default=256
        Codes per stage.
    frame : float, default=0.1
        Length of a frame, in s; rounded to an even number of samples.
    n_components : int, default=32
        Principal components that are kept, at most.
    beam : int, default=4
        Paths that the search keeps from stage to stage.
    sampling_rate : float, optional
        In Hz; needed for plain arrays, which carry no clock.
    random_state : int, RandomState or None, default=None
        Where k-means starts.

    Attributes
    ----------
    components_ : ndarray of shape (n_samples_per_frame, n_components)
    codebooks_ : ndarray of shape (n_levels, codebook_size, n_components)
    counts_ : ndarray of shape (n_levels, codebook_size)
        Training vectors behind each word.
    codebook_report_ : dict of list
        Per stage, on training data: codes used, perplexity.
    rate_report_ : dict
        Bits per second and channel: of the codes with the gain, of the level, together.
    n_times_, n_channels_ : int
        Samples per trial and channels seen by ``fit``.
    sampling_rate_ : Fraction
        Rate seen by ``fit``, at which frames are coded, in Hz.

    References
    ----------
    .. [1] Zeghidour et al. (2021), SoundStream, arXiv:2107.03312, algorithm 1.
    .. [2] Babenko and Lempitsky (2014), Additive quantization, CVPR, section 3.2 (beam search).

    Examples
    --------
    >>> import neurokit as nk
    >>> X = nk.signal(np.random.default_rng(0).normal(size=(4, 1000)), sampling_rate=250)
    >>> tokenizer = LinearRVQTokenizer(3, codebook_size=16, random_state=0)
    >>> tokens = tokenizer.fit_transform(X)
    >>> tokens.dims, tokens.shape
    (('channel', 'frame', 'level'), (4, 42, 6))
    >>> tokenizer.inverse_transform(tokens, n_levels=2).shape
    (4, 1000)
    """

    def __init__(
        self,
        n_levels: int = 10,
        *,
        codebook_size: int = 256,
        frame: float = 0.1,
        n_components: int = 32,
        beam: int = 4,
        sampling_rate: float | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_levels = n_levels
        self.codebook_size = codebook_size
        self.frame = frame
        self.n_components = n_components
        self.beam = beam
        self.sampling_rate = sampling_rate
        self.random_state = random_state

    def fit(self, X: Any, y: object = None) -> Self:
        """Learn components and codebooks.

        Parameters
        ----------
        X : xarray.DataArray with dims ([trial,] channel, time), array-like, or MNE object
            It is read block by block; of more than 30,000 frames, evenly many are kept.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If ``X`` holds NaN, has other dims, or a parameter is out of range.
        """
        self._check()
        signal = self._read(X)
        rng = check_random_state(self.random_state)
        self._remember(signal)
        frames = self._training_frames(signal, _LIMIT)
        _, vectors = np.linalg.eigh(frames.T @ frames)
        basis = vectors[:, ::-1][:, : self.n_components]
        largest = np.abs(basis).argmax(0)  # LAPACK chooses the sign; we choose it again
        self.components_ = basis * np.sign(basis[largest, np.arange(basis.shape[1])])
        x = self._shapes(frames)[0]
        size = self.codebook_size
        self.codebooks_ = _linear_rvq.fit_codebooks(x, self.n_levels, size, rng)
        self.counts_ = np.zeros((self.n_levels, size))
        self._count(_linear_rvq.encode(x, self.codebooks_, beam=self.beam))
        return self

    def partial_fit(self, X: Any, y: object = None) -> Self:
        """Move the codebooks towards new recordings; the components stay; see `fit`."""
        if not hasattr(self, "codebooks_"):
            return self.fit(X)
        self._check()
        signal = self._read(X)
        x = self._shapes(self._training_frames(signal, _LIMIT))[0]
        codes = _linear_rvq.encode(x, self.codebooks_, beam=self.beam)
        weights = np.minimum(self.counts_, _MEMORY)
        self.codebooks_ = _linear_rvq.moved(x, self.codebooks_, codes, weights)
        self._count(codes)
        return self

    def embed(self, X: Any, *, quantized: bool = False) -> Any:
        """Return the components of each frame: as they are, or as the tokens say.

        Parameters
        ----------
        X : as in `transform`
        quantized : bool, default=False

        Returns
        -------
        xarray.DataArray or ndarray of float32, dims ([trial,] channel, frame, latent)
        """
        return self._embed(X, self._looked_up if quantized else self._projected)

    # ------------------------------------------------------------ inside

    def _check(self) -> None:
        self._check_at_least(n_levels=1, codebook_size=2, n_components=1, beam=1)
        if self.codebook_size > 65536:
            raise ValueError(
                f"LinearRVQTokenizer: codebook_size must be at most 65536, got"
                f" {self.codebook_size}."
            )
        if not 0 < self.frame <= 1:
            raise ValueError(
                f"LinearRVQTokenizer: frame must lie between 0 and 1 s, got {self.frame!r}."
            )

    def _frames(self, rate: Fraction) -> Frames:
        model_rate = self.sampling_rate_
        n_steps = max(round(self.frame / _STEP), 1)
        hop = max(round(exact(self.frame) * model_rate / n_steps), 1)
        return Frames(rate, model_rate, hop, n_steps)

    def _projected(self, frames: NDArray[Any]) -> NDArray[Any]:
        """Components (row, frame, component), float32."""
        from neurokit.tokenizers._project import project

        rows = np.ascontiguousarray(frames.reshape(-1, frames.shape[-1]))
        found = project(rows, np.ascontiguousarray(self.components_))
        return found.reshape(*frames.shape[:-1], found.shape[-1])

    def _shapes(self, frames: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Components divided by their gain, and the code of that."""
        found = self._projected(frames)
        power = (found.astype(np.float64) ** 2).mean(-1) + _FLOOR
        steps = np.round(_GAIN_STEPS * np.log2(power) / 2) + _GAIN_ZERO
        gain = np.clip(steps, 0, _GAINS - 1).astype(np.int64)
        return found / _gains(gain), gain

    def _encode(self, frames: NDArray[Any]) -> NDArray[Any]:
        shapes, gain = self._shapes(frames)
        flat = shapes.reshape(-1, shapes.shape[-1])
        codes = _linear_rvq.encode(flat, self.codebooks_, beam=self.beam)
        return np.concatenate([gain[..., None], codes.reshape(*gain.shape, self.n_levels)], -1)

    def _vectors(self, codes: NDArray[Any], n_levels: int) -> NDArray[Any]:
        """Components that codes stand for."""
        found = _linear_rvq.decode(codes[..., 1 : 1 + n_levels], self.codebooks_)
        return found * _gains(codes[..., 0])

    def _looked_up(self, frames: NDArray[Any]) -> NDArray[Any]:
        return self._vectors(self._encode(frames), self.n_levels)

    def _decode(self, codes: NDArray[Any], n_levels: int) -> NDArray[Any]:
        return self._vectors(codes, n_levels) @ self.components_.T

    def _columns(self) -> dict[str, int]:
        stages = {str(k + 1): self.codebook_size for k in range(self.n_levels)}
        return SIDE | {"gain": _GAINS} | stages

    def _count(self, codes: NDArray[Any]) -> None:
        size = self.codebook_size
        self.counts_ = self.counts_ + [np.bincount(column, minlength=size) for column in codes.T]
        self.codebook_report_ = self._report_codebooks(codes)


def _gains(codes: NDArray[Any]) -> NDArray[Any]:
    """Gains of their codes, with a last axis for the components."""
    return (2.0 ** ((codes[..., None] - _GAIN_ZERO) / _GAIN_STEPS)).astype(np.float32)
