"""Trained networks at work: on their device, block by block or live."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import numpy as np

from neurokit.inputs.signal import cut_spans
from neurokit.types import Codes, Floats

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from neurokit.nn.codec import Codec, Memory
    from neurokit.nn.quantizers.common import Quantizer

_ROWS = 64  # rows that are coded at once
_CODED, _DECODED = 512, 1280  # frames of all rows at once: what a core's cache holds


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
        self._encoder: Callable[[Tensor, Memory], Tensor]
        self._encoder = encoder = deepcopy(module.encoder).to(self._device).double()
        self._n_frames = 1 << 30
        if self._device.type == "cpu":
            from neurokit.nn.kernels.codec_cpu import as_products

            self._encoder = as_products(encoder)
            self._n_frames = _CODED
        self._memories: dict[int, Memory] = {}

    def __call__(self, frames: Floats) -> Codes:
        """Return the codes (row, frame, column) of levelled frames (row, frame, sample)."""
        return self.codes(self.vectors(frames))

    def vectors(self, frames: Floats) -> Floats:
        """Return the vectors (row, frame, dim) of levelled frames (row, frame, sample)."""
        import torch

        from neurokit.nn.codec import Memory

        n_rows, n = frames.shape[:2]
        out = np.empty((n_rows, n, self._quantizer.dim), np.float32)
        with torch.inference_mode():
            for start, stop in cut_spans(n_rows, _ROWS):
                memory = self._memories.setdefault(start, Memory())
                for first, last in cut_spans(n, max(self._n_frames // (stop - start), 1)):
                    x = torch.from_numpy(frames[start:stop, first:last].reshape(stop - start, -1))
                    found = self._encoder(x.to(self._device), memory)
                    out[start:stop, first:last] = found.float().cpu().numpy()
        return out

    def codes(self, vectors: Floats) -> Codes:
        """Return the codes (row, frame, column) of vectors (row, frame, dim)."""
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
        import torch

        from neurokit.nn.codec import Memory
        from neurokit.training import resolve_device

        self._device = resolve_device(device)
        self._n_levels = n_levels
        self._quantizer = module.quantizer
        self._decoder: Callable[[Tensor, Memory], Tensor]
        self._decoder = decoder = deepcopy(module.decoder).to(self._device)
        self._n_frames = self._whole = 1 << 30
        if self._device.type == "cpu":
            from neurokit.nn.kernels.codec_cpu import WHOLE, as_products

            self._decoder = as_products(decoder)
            self._n_frames, self._whole = _DECODED * torch.get_num_threads(), WHOLE
        self._memory = Memory()

    def __call__(self, codes: Codes) -> Floats:
        """Return the levelled frames (row, frame, sample) of codes (row, frame, column)."""
        import torch

        n_rows, n = codes.shape[:2]
        parts = []
        with torch.inference_mode():
            vectors = torch.from_numpy(look_up(self._quantizer, codes, self._n_levels))
            size = -(-self._n_frames // (n_rows * self._whole)) * self._whole
            whole = n - n % self._whole if n > self._whole else 0  # what is left goes alone
            spans = [*cut_spans(whole, size), (whole, n)]
            for first, last in (span for span in spans if span[0] < span[1]):
                x = vectors[:, first:last].to(self._device)
                parts.append(self._decoder(x, self._memory).double().cpu().numpy())
        return np.concatenate(parts, 1).reshape(n_rows, n, -1)


def look_up(quantizer: Quantizer, codes: Codes, n_levels: int | None = None) -> Floats:
    """Return the vectors that codes (..., column) stand for."""
    import torch

    return quantizer.decode(torch.from_numpy(codes), n_levels).numpy()
