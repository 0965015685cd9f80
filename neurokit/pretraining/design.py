"""What the parameters of `MaskedModel` decide: sizes, the network, and what is out of range."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from neurokit.inputs.ranges import check_at_least, check_positive
from neurokit.pretraining.masks import check_kinds
from neurokit.recording.clock import exact
from neurokit.types import Json

TARGETS = ("signal", "statistics", "summary")
BANDS = ((1.0, 4.0), (4.0, 8.0), (8.0, 13.0), (13.0, 30.0), (30.0, 45.0))  # Hz

if TYPE_CHECKING:
    from neurokit.nn.masked import MaskedTransformer


def sizes_of(design: Json) -> tuple[Fraction, int, int]:
    """Return rate, samples of a patch, and frames of a window."""
    rate = exact(design["model_rate"])
    hop = max(round(design["patch"] * float(rate)), 1)
    return rate, hop, max(round(design["window"] / design["patch"]), 1)


def targets_of(design: Json) -> dict[str, float]:
    """Return the weight of each target; files of older versions know the signal alone."""
    target = design.get("target", "signal")
    given = {target: 1.0} if isinstance(target, str) else dict(target)
    return {name: float(given.get(name, 0.0)) for name in TARGETS}


def build_module(design: Json, seed: int = 0) -> MaskedTransformer:
    """Return an untrained network; torch's own generator stays as it is."""
    from neurokit.nn.draws import seeded
    from neurokit.nn.masked import MaskedTransformer

    names = ("width", "depth", "n_heads", "decoder_depth")
    context = design.get("context")
    n_statistics = len(BANDS) if targets_of(design)["statistics"] else 0
    with seeded(seed):
        return MaskedTransformer(
            sizes_of(design)[1],
            **{name: design[name] for name in names},
            context=context,
            n_statistics=n_statistics,
        )


def check_design(design: Json) -> None:
    """Refuse parameters out of range."""
    check_positive("MaskedModel", **{k: design[k] for k in ("patch", "model_rate", "window")})
    least = {"width": 2, "depth": 1, "n_heads": 1, "decoder_depth": 0, "batch_tokens": 1}
    check_at_least("MaskedModel", **{k: (design[k], v) for k, v in least.items()})
    if design["space"] not in ("places", "none"):
        raise ValueError(
            f"MaskedModel: space must be 'places' or 'none', got {design['space']!r}."
        )
    if not 0 < design["mask_ratio"] < 1:
        raise ValueError(
            f"MaskedModel: mask_ratio must lie between 0 and 1, got {design['mask_ratio']!r}."
        )
    if design["context"] is not None:
        check_positive("MaskedModel", context=design["context"])
    for name in ("channel_dropout", "position_noise"):
        if not 0 <= design[name] < (1 if name == "channel_dropout" else np.inf):
            raise ValueError(
                f"MaskedModel: {name} must be 0 or more"
                f"{' and below 1' if name == 'channel_dropout' else ''}, got {design[name]!r}."
            )
    target = design["target"]
    given = {target: 1.0} if isinstance(target, str) else dict(target)
    if set(given) - set(TARGETS) or not given.get("signal", 0) > 0 or min(given.values()) < 0:
        raise ValueError(
            f"MaskedModel: target must be 'signal', or weights of {list(TARGETS)}, the signal's"
            f" above 0, got {target!r}."
        )
    mask = design["mask"]
    check_kinds("MaskedModel", {mask: 1.0} if isinstance(mask, str) else mask)
