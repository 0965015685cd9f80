"""Embed a live recording frame by frame, with the memory of a causal encoder."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from neurokit.inputs.chunks import ChunkLabels
from neurokit.pretraining.design import sizes_of
from neurokit.pretraining.patches import bring_to_level, cut_patches
from neurokit.recording.rate import sampling_rate
from neurokit.streaming import check_chunk
from neurokit.types import Floats, Json, Recording

if TYPE_CHECKING:
    from torch import Tensor

    from neurokit.nn.masked import MaskedTransformer


class Frames:
    """Frames that go one by one through a causal encoder, which remembers those before.

    Parameters
    ----------
    module : neurokit.nn.masked.MaskedTransformer
        With a ``context``.
    design : dict
    places : ndarray of shape (n_channels, 3)
    """

    def __init__(self, module: MaskedTransformer, design: Json, places: Floats) -> None:
        self.module, self.step = module, sizes_of(design).seconds
        self.n_kept = math.ceil((design["context"] - 1e-6) / self.step) - 1
        self.places = np.asarray(places, np.float32)
        self.past: list[Tensor] | None = None
        self.seen: list[Tensor] = []  # (trial, channel) of the frames that are remembered
        self.count = 0

    def encode(self, patches: Floats) -> Floats:
        """Return (trial, channel, frame, width) from patches (trial, channel, frame, sample).

        A patch with NaN is a gap: nothing sees it, and its latents are NaN.
        """
        import torch

        found = []
        device = self.module.hidden.device
        where = torch.from_numpy(self.places).to(device).expand(len(patches), -1, -1)
        with torch.no_grad():
            for frame in range(patches.shape[2]):
                x = torch.from_numpy(np.ascontiguousarray(patches[:, :, frame], np.float32))
                there = x.isfinite().all(-1).to(device)
                self.seen = [*self.seen, there][-self.n_kept - 1 :]
                seen = torch.cat(self.seen, 1)
                latents, self.past = self.module.advance(
                    torch.where(there[..., None], x.to(device), 0.0),
                    where,
                    self.count * self.step,
                    self.past,
                    self.n_kept,
                    None if bool(seen.all()) else seen,
                )
                latents = torch.where(there[..., None], latents, float("nan"))
                self.count += 1
                found.append(latents.float().cpu().numpy())
        width = self.module.norm.normalized_shape[0]
        empty = np.zeros((len(patches), patches.shape[1], 0, width), np.float32)
        return np.stack(found, 2) if found else empty


class EmbeddingStream:
    """A live recording under way; see `MaskedModel.stream`.

    Parameters
    ----------
    frames : Frames
    design : dict
    mean, level : ndarray of shape (n_channels,)
    source : xarray.DataArray, optional
        The recording that came before, whose labels hold for all chunks.
    """

    def __init__(
        self,
        frames: Frames,
        design: Json,
        mean: Floats,
        level: Floats,
        source: xr.DataArray | None = None,
    ) -> None:
        self.frames, self.mean, self.level, self.labels = frames, mean, level, None
        if source is not None:
            rate = sampling_rate(source)
            self.labels = ChunkLabels.of_first("MaskedModel", source, "channel", rate)
        self.sizes = sizes_of(design)
        self.waiting = np.zeros((len(mean), 0))

    def push(self, chunk: Recording) -> Floats:
        """Take the next samples.

        Parameters
        ----------
        chunk : ndarray of shape (n_channels, n_times), or xarray.DataArray
            NaN is a gap: the patch is not seen, and its latents are NaN.

        Returns
        -------
        ndarray of float32, shape (n_channels, n_frames, latent)
            Frames that are now complete.
        """
        labelled = self.labels is not None and hasattr(chunk, "dims")
        rows = self.labels(chunk) if self.labels and labelled else np.asarray(chunk).T
        values = check_chunk("MaskedModel", rows, len(self.mean), "samples", allow_nan=True).T
        x = np.concatenate([self.waiting, values], 1)
        patches = cut_patches(bring_to_level(x, self.mean, self.level), self.sizes)
        self.waiting = x[:, patches.shape[1] * self.sizes.hop :]
        return self.frames.encode(patches[None])[0]

    def flush(self) -> Floats:
        """Return no frame: what is shorter than a patch is not seen."""
        return self.frames.encode(np.zeros((1, len(self.mean), 0, self.sizes.hop)))[0]
