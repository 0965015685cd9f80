"""Trained networks at work: on their device, block by block or live."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurokit.tokenizers._signal import spans

if TYPE_CHECKING:
    from neurokit.nn.codec import Codec

_ROWS = 64  # rows that are coded at once
_CODED, _DECODED = 512, 1280  # frames of all rows at once: what the processor's cache holds


class NetworkEncoder:
    """Encoder and quantiser, in double precision: each call goes on where the last one ended.

    Parameters
    ----------
    module : Codec
    device : str
    beam : int
        Paths that the quantiser's search keeps.
    """

    def __init__(self, module: Codec, device: str, beam: int) -> None:
        from neurokit.training import resolve_device

        self._device = resolve_device(device)
        self._beam = beam
        self._quantizer = deepcopy(module.quantizer).to(self._device)
        self._encoder: Any = deepcopy(module.encoder).to(self._device).double()
        self._n_frames = 1 << 30
        if self._device.type == "cpu":
            from neurokit.nn.kernels.codec_cpu import as_products

            self._encoder = as_products(self._encoder)
            self._n_frames = _CODED
        self._memories: dict[int, Any] = {}

    def __call__(self, frames: NDArray[Any], side: NDArray[Any]) -> NDArray[Any]:
        """Tokens (row, frame, column) of levelled frames and the codes of their level."""
        return np.concatenate([side, self.codes(self.vectors(frames))], -1)

    def vectors(self, frames: NDArray[Any]) -> NDArray[Any]:
        """Vectors (row, frame, dim) of levelled frames (row, frame, sample)."""
        import torch

        from neurokit.nn.codec import Memory

        n_rows, n = frames.shape[:2]
        out = np.empty((n_rows, n, self._quantizer.dim), np.float32)
        with torch.inference_mode():
            for start, stop in spans(n_rows, _ROWS):
                memory = self._memories.setdefault(start, Memory())
                for first, last in spans(n, max(self._n_frames // (stop - start), 1)):
                    x = torch.from_numpy(frames[start:stop, first:last].reshape(stop - start, -1))
                    found = self._encoder(x.to(self._device), memory)
                    out[start:stop, first:last] = found.float().cpu().numpy()
        return out

    def codes(self, vectors: NDArray[Any]) -> NDArray[Any]:
        """Codes (row, frame, column) of vectors (row, frame, dim)."""
        import torch

        with torch.inference_mode():
            x = torch.from_numpy(vectors).to(self._device)
            return self._quantizer.encode(x, beam=self._beam).cpu().numpy()


class NetworkDecoder:
    """Codebooks and decoder: each call goes on where the last one ended.

    Parameters
    ----------
    module : Codec
    device : str
    n_levels : int
        Stages to use.
    """

    def __init__(self, module: Codec, device: str, n_levels: int) -> None:
        from neurokit.nn.codec import Memory
        from neurokit.training import resolve_device

        self._device = resolve_device(device)
        self._n_levels = n_levels
        self._quantizer = module.quantizer
        self._decoder = deepcopy(module.decoder).to(self._device)
        self._n_frames = _DECODED if self._device.type == "cpu" else 1 << 30
        self._memory = Memory()

    def __call__(self, tokens: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Levelled frames (row, frame, sample) and codes of their level (row, frame, 2)."""
        import torch

        n_rows, n = tokens.shape[:2]
        parts = []
        with torch.inference_mode():
            vectors = torch.from_numpy(look_up(self._quantizer, tokens[..., 2:], self._n_levels))
            for first, last in spans(n, max(self._n_frames // n_rows, 1)):
                x = vectors[:, first:last].to(self._device)
                parts.append(self._decoder(x, self._memory).double().cpu().numpy())
        return np.concatenate(parts, 1).reshape(n_rows, n, -1), tokens[..., :2]


def look_up(quantizer: Any, codes: NDArray[Any], n_levels: int | None = None) -> NDArray[Any]:
    """Vectors that codes (..., column) stand for."""
    import torch

    return quantizer.decode(torch.from_numpy(codes), n_levels).numpy()
