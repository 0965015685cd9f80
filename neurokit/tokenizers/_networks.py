"""A trained codec at work: on its device, block by block or live."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurokit.tokenizers._leveller import Leveller
from neurokit.tokenizers._signal import finite, spans

if TYPE_CHECKING:
    from neurokit.nn.codec import Codec

BLOCK = 200  # frames that are coded at once: bounds memory
_ROWS = 64  # rows that are coded at once


class CodecStream:
    """A live recording on its way to tokens; `CodecTokenizer.stream` makes it.

    Frames come when nothing that follows can change them: those of the first second when it is
    over, all others as soon as their last sample is there (and, where the recording is resampled,
    twelve samples more of the slower rate).
    """

    def __init__(self, leveller: Leveller, networks: Networks) -> None:
        self._leveller = leveller
        self._networks = networks
        self._over = False

    def push(self, chunk: Any) -> NDArray[Any]:
        """Take samples.

        Parameters
        ----------
        chunk : xarray.DataArray or ndarray of shape (n_channels, n)

        Returns
        -------
        ndarray of uint16, shape (n_channels, n_frames, n_levels + 2)
            The frames that are now decided; perhaps none.
        """
        if isinstance(chunk, xr.DataArray):
            chunk = chunk.transpose("channel", "time").values
        chunk = np.asarray(chunk, np.float64)
        n_channels = self._leveller.n_rows
        if chunk.ndim != 2 or len(chunk) != n_channels:
            raise ValueError(
                f"CodecStream.push takes a chunk of shape ({n_channels}, n), got {chunk.shape}."
            )
        return self._code(finite(chunk, "CodecStream.push"), last=False)

    def flush(self) -> NDArray[Any]:
        """End the recording; return the frames that are left, the last filled up."""
        tokens = self._code(np.zeros((self._leveller.n_rows, 0)), last=True)
        self._over = True
        return tokens

    def _code(self, x: NDArray[Any], *, last: bool) -> NDArray[Any]:
        if self._over:
            raise ValueError("CodecStream: the recording is over; start another with stream().")
        levelled, codes = self._leveller.push(x, last=last)
        return self._networks.tokens(self._networks.encode(levelled), codes)


class Networks:
    """The trained networks at work: on their device, the encoder in double precision."""

    def __init__(self, module: Codec, device: str, beam: int) -> None:
        from neurokit.training import resolve_device

        self.device = resolve_device(device)
        self.beam = beam
        self.hop = module.encoder.hop
        self.quantizer = deepcopy(module.quantizer).to(self.device)
        self.encoder = deepcopy(module.encoder).to(self.device).double()
        self.decoder = deepcopy(module.decoder).to(self.device)
        self.memories: dict[int, Any] = {}

    def encode(self, levelled: NDArray[Any]) -> NDArray[Any]:
        """Vectors (row, frame, dim) of samples (row, time); goes on where the last call ended."""
        import torch

        from neurokit.nn.codec import Memory

        n_rows, n = levelled.shape
        out = np.empty((n_rows, n // self.hop, self.quantizer.dim), np.float32)
        with torch.inference_mode():
            for start, stop in spans(n_rows if n else 0, _ROWS):
                memory = self.memories.setdefault(start, Memory())
                x = torch.from_numpy(levelled[start:stop]).to(self.device)
                out[start:stop] = self.encoder(x, memory).float().cpu().numpy()
        return out

    def tokens(self, vectors: NDArray[Any], side: NDArray[Any]) -> NDArray[Any]:
        """Codes of the vectors, behind the codes of the level."""
        import torch

        with torch.inference_mode():
            x = torch.from_numpy(vectors).to(self.device)
            codes = self.quantizer.encode(x, beam=self.beam)
        return np.concatenate([side, codes.cpu().numpy()], -1).astype(np.uint16)

    def decode(self, vectors: NDArray[Any]) -> NDArray[Any]:
        """Return samples (row, time) of vectors (row, frame, dim), a stretch at a time."""
        import torch

        from neurokit.nn.codec import Memory

        memory, parts = Memory(), []
        with torch.inference_mode():
            for start, stop in spans(vectors.shape[1], BLOCK):
                x = torch.from_numpy(vectors[:, start:stop]).to(self.device)
                parts.append(self.decoder(x, memory).double().cpu().numpy())
        return np.concatenate(parts, 1)
