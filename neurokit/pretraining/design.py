"""What the parameters of `MaskedModel` decide: sizes, the network, and what is out of range."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from neurokit.inputs.ranges import check_at_least, check_positive
from neurokit.pretraining.masks import check_kinds
from neurokit.recording.clock import exact
from neurokit.types import Json

if TYPE_CHECKING:
    from neurokit.nn.masked import MaskedTransformer


def sizes_of(design: Json) -> tuple[Fraction, int, int]:
    """Return rate, samples of a patch, and frames of a window."""
    rate = exact(design["model_rate"])
    hop = max(round(design["patch"] * float(rate)), 1)
    return rate, hop, max(round(design["window"] / design["patch"]), 1)


def build_module(design: Json, seed: int = 0) -> MaskedTransformer:
    """Return an untrained network; torch's own generator stays as it is."""
    from neurokit.nn.draws import seeded
    from neurokit.nn.masked import MaskedTransformer

    names = ("width", "depth", "n_heads", "decoder_depth")
    with seeded(seed):
        return MaskedTransformer(sizes_of(design)[1], **{name: design[name] for name in names})


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
    mask = design["mask"]
    check_kinds("MaskedModel", {mask: 1.0} if isinstance(mask, str) else mask)
