"""A codec without networks: frames, principal components, residual quantisation."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Self

import numpy as np
from sklearn.utils import check_random_state

from neurokit.inputs.ranges import check_at_least
from neurokit.recording.clock import exact
from neurokit.tokenizers._linear_rvq import decode, encode, fit_codebooks, move_words, project
from neurokit.tokenizers.base import SignalTokenizer, report_codebooks
from neurokit.tokenizers.framing.decode import Decode
from neurokit.tokenizers.framing.encode import Encode
from neurokit.tokenizers.framing.frames import Frames, draw_frames
from neurokit.types import Codes, Floats, Recording

_STEP = 0.05  # s: the level is faded in over ten of these
_GAINS = 64  # codes of a frame's gain,
_GAIN_ZERO = 24  # this one standing for 1,
_GAIN_STEPS = 4  # and so many to a factor of two
_FLOOR = 1e-3  # power below which a frame counts as silent
_LIMIT = 30_000  # frames that codebooks are learnt from
_MEMORY = 20.0  # partial_fit gives a word the weight of at most as many vectors seen before


class LinearRVQTokenizer(SignalTokenizer):
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
    frame_ : float
        Length of a frame as ``fit`` was given it, in s.
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

    def fit(self, X: Recording, y: object = None) -> Self:
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
        signal = self._read(X, self.sampling_rate)
        rng = check_random_state(self.random_state)
        cut = _cut(signal.rate, signal.rate, self.frame)
        frames = draw_frames(cut, signal, _LIMIT, f"{self._name}.fit")
        _, vectors = np.linalg.eigh(frames.T @ frames)
        basis = vectors[:, ::-1][:, : self.n_components]
        largest = np.abs(basis).argmax(0)  # LAPACK chooses the sign; we choose it again
        components = basis * np.sign(basis[largest, np.arange(basis.shape[1])])
        x = _divide_by_gain(project(frames, components))[0]
        codebooks = fit_codebooks(x, self.n_levels, self.codebook_size, rng)
        self._keep_plan()
        self.components_, self.codebooks_ = components, codebooks
        self.counts_ = np.zeros((self.n_levels, self.codebook_size))
        self._remember(signal)
        self._count(encode(x, codebooks, beam=self.beam))
        return self

    def partial_fit(self, X: Recording, y: object = None) -> Self:
        """Move the codebooks towards new recordings; the components stay; see `fit`."""
        if not hasattr(self, "codebooks_"):
            return self.fit(X)
        signal = self._read(X, self.plain_rate_)
        frames = draw_frames(self._frames(signal.rate), signal, _LIMIT, f"{self._name}.fit")
        x = _divide_by_gain(self._project(frames))[0]
        codes = encode(x, self.codebooks_, beam=self.beam)
        weights = np.minimum(self.counts_, _MEMORY)
        self.codebooks_ = move_words(x, self.codebooks_, codes, weights)
        self._count(codes)
        return self

    def embed(self, X: Recording, *, quantized: bool = False) -> Any:
        """Return the components of each frame: as they are, or as the tokens say.

        Parameters
        ----------
        X : as in `transform`
        quantized : bool, default=False

        Returns
        -------
        xarray.DataArray or ndarray of float32, dims ([trial,] channel, frame, latent)
        """
        return self._embed(X, self._look_up if quantized else self._project)

    # ------------------------------------------------------------ inside

    def _check(self) -> None:
        limits = {"n_levels": 1, "codebook_size": 2, "n_components": 1, "beam": 1}
        check_at_least(self._name, **{k: (getattr(self, k), least) for k, least in limits.items()})
        if self.codebook_size > 65536:
            raise ValueError(
                f"LinearRVQTokenizer: codebook_size must be at most 65536, got"
                f" {self.codebook_size}."
            )
        if not 0 < self.frame <= 1:
            raise ValueError(
                f"LinearRVQTokenizer: frame must lie between 0 and 1 s, got {self.frame!r}."
            )

    def _plan(self) -> dict[str, object]:
        return super()._plan() | {"frame_": self.frame}

    def _frames(self, rate: Fraction) -> Frames:
        return _cut(rate, self.sampling_rate_, self.frame_)

    def _columns(self) -> dict[str, int]:
        n_levels, size, _ = self.codebooks_.shape
        return {"gain": _GAINS} | {str(k + 1): size for k in range(n_levels)}

    def _begin_encoding(self) -> Encode:
        return self._encode

    def _begin_decoding(self, n_levels: int) -> Decode:
        return lambda codes: self._sum_words(codes, n_levels) @ self.components_.T

    def _encode(self, frames: Floats) -> Codes:
        shapes, gain = _divide_by_gain(self._project(frames))
        flat = shapes.reshape(-1, shapes.shape[-1])
        codes = encode(flat, self.codebooks_, beam=self.beam)
        return np.concatenate([gain[..., None], codes.reshape(*gain.shape, codes.shape[-1])], -1)

    def _project(self, frames: Floats) -> Floats:
        """Return the components (row, frame, component) of frames, float32."""
        return project(frames, self.components_)

    def _sum_words(self, codes: Codes, n_levels: int | None = None) -> Floats:
        """Return the components that codes stand for."""
        stages = codes[..., 1:] if n_levels is None else codes[..., 1 : 1 + n_levels]
        return decode(stages, self.codebooks_) * _decode_gains(codes[..., 0])

    def _look_up(self, frames: Floats) -> Floats:
        return self._sum_words(self._encode(frames))

    def _count(self, codes: Codes) -> None:
        size = self.codebooks_.shape[1]
        self.counts_ = self.counts_ + [np.bincount(column, minlength=size) for column in codes.T]
        self.codebook_report_ = report_codebooks(codes)


def _cut(rate: Fraction, model_rate: Fraction, frame: float) -> Frames:
    """Cut a recording at ``rate`` into frames of ``frame`` s at ``model_rate``."""
    n_steps = max(round(frame / _STEP), 1)
    hop = max(round(exact(frame) * model_rate / n_steps), 1)
    return Frames(rate, model_rate, hop, n_steps)


def _divide_by_gain(components: Floats) -> tuple[Floats, Codes]:
    """Divide components (..., component) by their gain, and return the code of that too."""
    power = (components.astype(np.float64) ** 2).mean(-1) + _FLOOR
    steps = np.round(_GAIN_STEPS * np.log2(power) / 2) + _GAIN_ZERO
    gain = np.clip(steps, 0, _GAINS - 1).astype(np.int64)
    return components / _decode_gains(gain), gain


def _decode_gains(codes: Codes) -> Floats:
    """Return the gains of their codes, with a last axis for the components."""
    return (2.0 ** ((codes[..., None] - _GAIN_ZERO) / _GAIN_STEPS)).astype(np.float32)
