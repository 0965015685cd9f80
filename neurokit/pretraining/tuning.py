"""Tune a pretrained encoder together with the linear map behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from neurokit.pretraining.design import sizes_of
from neurokit.types import Codes, Floats, Json, Numbers, TrainingHistory

if TYPE_CHECKING:
    from torch import Tensor, nn

    from neurokit.nn.masked import MaskedTransformer
    from neurokit.training import Trainer

_RATES = {"head": 1e-3, "lora": 1e-3, "full": 1e-4}


def tune_encoder(
    module: MaskedTransformer,
    data: tuple[Floats, Numbers, Codes],
    linear: tuple[Floats, Floats, Floats, Floats],
    centres: Floats,
    loss: Callable[[Tensor, Tensor], Tensor],
    *,
    design: Json,
    places: Floats,
    how: tuple[str, str, int, int | None, int],
    trainer: Trainer | None,
    seed: int,
    groups: ArrayLike | None,
) -> TrainingHistory:
    """Train an encoder in place, with the linear map that begins as a probe of it.

    Parameters
    ----------
    module : neurokit.nn.masked.MaskedTransformer
    data : tuple
        Patches (trial, channel, frame, sample), targets, and the number of each trial's domain.
    linear : tuple of ndarray
        Weights and offsets, and the mean and scale of the features.
    centres : ndarray
        For each domain, see `neurokit.pretraining.pools.find_centre`; they stay as they are.
    loss : callable of outputs and targets
    design : dict
        What the encoder is.
    places : ndarray of shape (n_channels, 3)
    how : tuple
        What is tuned, pool, groups of latents, depth, rank.
    trainer : Trainer or None
    seed : int
    groups : array-like or None

    Returns
    -------
    list of dict
    """
    import torch

    from neurokit.nn.draws import seeded
    from neurokit.nn.tuning import TunedEncoder, add_low_rank, merge_low_rank
    from neurokit.training import Trainer

    tune, pool, n_groups, depth, rank = how
    module.requires_grad_(tune == "full")
    blocks = module.blocks[:depth]
    if tune == "head":
        blocks[-1].requires_grad_(True)
        module.norm.requires_grad_(True)
    elif tune == "lora":
        with seeded(seed):
            add_low_rank(blocks, rank)
    sizes = sizes_of(design)
    weights, offsets, middle, scale = (torch.from_numpy(np.asarray(a, float)) for a in linear)
    tuned = TunedEncoder(
        module,
        (weights, offsets),
        middle,
        scale,
        n_groups=n_groups,
        places=torch.from_numpy(places.astype(np.float32)),
        step=sizes.seconds,
        window=sizes.window,
        depth=depth,
    )
    known = torch.from_numpy(centres)

    def objective(net: nn.Module, patches: Tensor, targets: Tensor, domain: Tensor) -> Tensor:
        own = known.to(domain.device)[domain]
        outputs = net(patches, own, None) if pool == "covariance" else net(patches, None, own)
        return loss(outputs, targets)

    patches, targets, domains = data
    trainer = trainer or Trainer(10, batch_size=16, learning_rate=_RATES[tune])
    tensors = tuple(torch.from_numpy(np.ascontiguousarray(a)) for a in (patches, targets, domains))
    try:
        return trainer.minimize(tuned, objective, tensors, seed=seed, groups=groups)
    finally:
        if tune == "lora":
            merge_low_rank(blocks)
        module.requires_grad_(True)
