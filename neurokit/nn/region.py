"""Codec of a region: the signals that its contacts come down to become one stream of tokens."""

from torch import Tensor

from neurokit.nn.codec import FrameEncoder, FrameNetwork, Memory


def split_signals(x: Tensor, n_signals: int, hop: int) -> Tensor:
    """Part the signals (batch, signal, time) of frames (batch, frame * signal * sample)."""
    return x.unflatten(1, (-1, n_signals, hop)).transpose(1, 2).flatten(2)


def join_signals(signals: Tensor, hop: int) -> Tensor:
    """Invert `split_signals`."""
    return signals.unflatten(2, (-1, hop)).transpose(1, 2).flatten(1)


class RegionEncoder(FrameEncoder):
    """One encoder for each signal of a region in turn; their latents stand side by side.

    The quantiser behind it sees the region as a whole and spends its codes where there is power.

    Parameters
    ----------
    encoder : Encoder
        For one signal.
    n_signals : int
        How many signals a region has.
    """

    def __init__(self, encoder: FrameEncoder, n_signals: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.n_signals = n_signals
        self.hop = encoder.hop

    @property
    def n_past_frames(self) -> float:
        """Frames before its own on which a latent depends."""
        return self.encoder.n_past_frames

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """Return latents (batch, frame, signal * latent_dim).

        Parameters
        ----------
        x : Tensor of shape (batch, n_frames * n_signals * hop)
            Frame by frame, each with a hop of every signal.
        memory : Memory, optional
        """
        signals = split_signals(x, self.n_signals, self.hop)
        latents = self.encoder(signals.flatten(0, 1), memory).unflatten(0, signals.shape[:2])
        return latents.transpose(1, 2).flatten(2)


class RegionDecoder(FrameNetwork):
    """The mirror of `RegionEncoder`, with the same parameters but for ``decoder`` and ``hop``."""

    def __init__(self, decoder: FrameNetwork, n_signals: int, hop: int) -> None:
        super().__init__()
        self.decoder = decoder
        self.n_signals = n_signals
        self.hop = hop

    @property
    def n_past_frames(self) -> float:
        """Frames before its own on which a sample depends."""
        return self.decoder.n_past_frames

    def forward(self, latents: Tensor, memory: Memory | None = None) -> Tensor:
        """Return frames (batch, n_frames * n_signals * hop) of latents."""
        parts = latents.unflatten(2, (self.n_signals, -1)).transpose(1, 2)
        signals = self.decoder(parts.flatten(0, 1), memory).unflatten(0, parts.shape[:2])
        return join_signals(signals, self.hop)
