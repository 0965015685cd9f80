"""The loss of a masked model: hide tokens, let them be told, compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neurokit.pretraining import masks
from neurokit.pretraining.design import BANDS, option, sizes_of, targets_of
from neurokit.types import Flags, Floats, Json, State

if TYPE_CHECKING:
    from torch import Tensor

    from neurokit.nn.masked import Filled, MaskedTransformer


class Filling:
    """Mean error of what is told of hidden tokens, and of what else is to be told.

    Masks are drawn by a generator of the fit's own, so that an interrupted fit draws on.

    Parameters
    ----------
    sources : list of dict
        Recordings, with ``places`` and ``regions`` of their channels.
    step : float
        From patch to patch, in s.
    design : mapping
        ``mask``, ``mask_ratio``, ``mask_radius``, ``mask_span``.
    """

    def __init__(self, sources: list[State], step: float, design: Json) -> None:
        mask = design["mask"]
        self.kinds = {mask: 1.0} if isinstance(mask, str) else dict(mask)
        self.step, self.ratio, self.span = step, design["mask_ratio"], design["mask_span"]
        radius = design["mask_radius"]
        self.weights = targets_of(dict(design))
        self.dropout = float(design.get("channel_dropout", 0.0))
        self.symmetric = bool(option(dict(design), "symmetric"))
        self.noise = float(design.get("position_noise", 0.0))
        self.rate = float(sizes_of(dict(design))[0])
        self.near = [masks.find_neighbours(source["places"], radius) for source in sources]
        self.blocks: dict[tuple[int, int], masks.Blocks] = {}
        self.regions = [masks.group_regions(source["regions"]) for source in sources]
        import torch

        # what is drawn by NumPy on the processor is no part of a compiled step
        self._undisturbed = torch.compiler.disable(self._draw_batch)

    def __call__(
        self,
        module: MaskedTransformer,
        patches: Tensor,
        places: Tensor,
        present: Tensor,
        sources: Tensor,
        codes: Tensor | None = None,
    ) -> Tensor:
        """Return the loss of a batch; of a model in use, the error of hidden samples alone."""
        import torch

        n_frames = patches.shape[2]
        drawn = self._undisturbed(sources, places, n_frames, module.training)
        hidden, *others = (torch.from_numpy(x).to(patches.device) for x in drawn)
        if module.training and self.dropout:
            present = present & others.pop(0)[..., None]
        if module.training and self.noise:
            places = places + others.pop(0)
        if module.training and self.symmetric:  # each mask, and what it leaves
            hidden = torch.cat([hidden, ~hidden])
            patches, places, present = (torch.cat([x, x]) for x in (patches, places, present))
            codes = None if codes is None else torch.cat([codes, codes])
        seen = present & ~hidden
        lost = ~seen.flatten(1).any(1)  # gaps everywhere else: show what there is
        seen = torch.where(lost[:, None, None], present, seen)
        seen = seen | ~present.flatten(1).any(1)[:, None, None]
        times = torch.arange(n_frames, device=patches.device) * self.step
        filled = module(patches, places, times, seen, hidden & present & ~seen)
        errors = self._compare(module, filled, patches, places, times, present, codes)
        if not module.training and self.weights["signal"]:
            return errors["signal"]
        return torch.stack([self.weights[name] * error for name, error in errors.items()]).sum()

    def _draw_batch(
        self, sources: Tensor, places: Tensor, n_frames: int, training: bool
    ) -> list[Flags | Floats]:
        """Draw what is hidden; then which channels there are, and how far places are moved."""
        rng = np.random.default_rng(_draw_seed())
        n, n_channels, _ = places.shape
        drawn: list[Flags | Floats] = [
            np.stack([self.draw(rng, k, n_channels, n_frames) for k in sources.tolist()])
        ]
        if training and self.dropout:
            drawn.append(self._keep(rng, n, n_channels))
        if training and self.noise:
            drawn.append(rng.normal(0, self.noise, places.shape).astype(np.float32))
        return drawn

    def _compare(
        self,
        module: MaskedTransformer,
        filled: Filled,
        patches: Tensor,
        places: Tensor,
        times: Tensor,
        present: Tensor,
        codes: Tensor | None,
    ) -> dict[str, Tensor]:
        """Return the mean error of each target that has a weight."""
        from neurokit.nn.attention import pick
        from neurokit.nn.targets import code_error, find_spectra, latent_error, spectrum_error

        number, valid = filled.wanted
        wanted = {name for name, weight in self.weights.items() if weight}

        def mean(error: Tensor) -> Tensor:
            return (error * valid).sum() / valid.sum().clamp(min=1)

        truth, found = pick(patches.flatten(1, 2), number), {}
        if "signal" in wanted:
            found["signal"] = mean((filled.samples - truth).square().mean(-1))
        if "spectrum" in wanted:
            found["spectrum"] = mean(spectrum_error(filled.more["spectrum"], find_spectra(truth)))
        if "codes" in wanted and codes is not None:
            right = pick(codes.flatten(1, 2), number)
            found["codes"] = mean(code_error(filled.more["codes"], right))
        if "latent" in wanted:
            whole = present | ~present.flatten(1).any(1)[:, None, None]
            slow = pick(module.encode_slowly(patches, places, times, whole), number)
            found["latent"] = mean(latent_error(filled.more["latent"], slow))
        if "summary" in wanted:
            told = module.summarise(filled.shown, places, times)
            far = (told - patches).square() * present[..., None]
            found["summary"] = far.sum() / (present.sum() * patches.shape[-1]).clamp(min=1)
        if "statistics" in wanted and filled.statistics is not None:
            bands = measure_bands(patches, self.rate)
            right = pick(bands, filled.shown.number // len(times))
            apart = (filled.statistics - right).square() * filled.shown.valid[..., None]
            n = (filled.shown.valid.sum() * bands.shape[-1]).clamp(min=1)
            found["statistics"] = apart.sum() / n
        return found

    def _keep(self, rng: np.random.Generator, n: int, n_channels: int) -> Flags:
        """Draw which channels each example has: a share is left out, and one stays at least."""
        n_out = min(round(self.dropout * n_channels), n_channels - 1)
        order = rng.random((n, n_channels)).argsort(1)
        kept: Flags = order >= n_out
        return kept

    def draw(self, rng: np.random.Generator, k: int, n_channels: int, n_frames: int) -> Flags:
        """Draw what is hidden of an example of source ``k``."""
        kind = masks.draw_kind(rng, self.kinds)
        shape = (n_channels, n_frames)
        if kind == "token" or n_channels * n_frames == 1:
            return masks.draw_tokens(rng, *shape, self.ratio)
        if kind == "future":
            return masks.draw_future(rng, *shape, self.ratio)
        if kind == "block":
            if (k, n_frames) not in self.blocks:
                times = np.arange(n_frames) * self.step
                self.blocks[k, n_frames] = masks.Blocks(self.near[k], times, self.span)
            wanted = masks.count_hidden(n_channels * n_frames, self.ratio)
            return self.blocks[k, n_frames].draw(rng, wanted)
        member = np.zeros(shape, int)
        if kind == "time":
            member += np.arange(n_frames)
        elif kind == "region" and self.regions[k].max() > 0:
            member += self.regions[k][:, None]
        else:
            member += np.arange(n_channels)[:, None]
        return masks.draw_groups(rng, member, self.ratio)


def _draw_seed() -> int:
    import torch

    from neurokit.nn.draws import generator

    return int(torch.randint(2**62, (1,), generator=generator()))


def measure_bands(patches: Tensor, rate: float) -> Tensor:
    """Measure the power of each channel over the whole window, hidden frames among it.

    Parameters
    ----------
    patches : Tensor of shape (batch, channel, frame, sample)
    rate : float
        In Hz.

    Returns
    -------
    Tensor of shape (batch, channel, band)
        Logarithm of the share of each of `design.BANDS` in the power of all; level says nothing.
    """
    import torch

    x = patches.flatten(2).float()
    x = (x - x.mean(-1, keepdim=True)) * torch.hann_window(x.shape[-1], device=x.device)
    power = torch.fft.rfft(x).abs().square()
    hz = torch.fft.rfftfreq(x.shape[-1], 1 / rate, device=x.device)
    parts = [power[..., (hz >= low) & (hz < high)].sum(-1) for low, high in BANDS]
    found = torch.stack(parts, -1)
    share = found / found.sum(-1, keepdim=True).clamp(min=1e-12)
    return share.clamp(min=1e-6).log()
