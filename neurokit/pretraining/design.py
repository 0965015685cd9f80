"""What the parameters of `MaskedModel` decide: sizes, the network, and what is out of range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from neurokit.inputs.ranges import check_at_least, check_positive
from neurokit.pretraining.masks import check_kinds
from neurokit.pretraining.patches import Sizes
from neurokit.recording.clock import exact
from neurokit.types import Json

TARGETS = ("signal", "spectrum", "codes", "latent", "statistics", "summary")
_HIDDEN_TOKENS = TARGETS[:4]  # what is told of hidden tokens one by one
# of files that were written before these were parameters
_LATER: Json = {"overlap": 0.0, "attention": "full", "reach": 2.0, "hidden": "drop"}
_LATER |= {"embed": "linear", "time": "rotary", "regions": []}
_LATER |= {"fuse": "channel", "symmetric": False, "context": None, "codes": None}
BANDS = ((1.0, 4.0), (4.0, 8.0), (8.0, 13.0), (13.0, 30.0), (30.0, 45.0))  # Hz

_CHOICES = {
    "embed": ("linear", "conv", "dilated", "spectral"),
    "space": ("places", "conduction", "regions", "none"),
    "time": ("rotary", "sincos", "slow"),
    "attention": ("full", "axial", "window"),
    "hidden": ("drop", "replace"),
    "fuse": ("channel", "region"),
}

if TYPE_CHECKING:
    from neurokit.nn.masked import MaskedTransformer


def option(design: Json, name: str) -> Any:
    """Return a parameter, also of a file that was written before there was one."""
    return design.get(name, _LATER.get(name))


def sizes_of(design: Json) -> Sizes:
    """Return rate, samples of a patch and from patch to patch, and frames of a window."""
    rate = exact(design["model_rate"])
    hop = max(round(design["patch"] * float(rate)), 1)
    step = max(hop - round(option(design, "overlap") * float(rate)), 1)
    beyond = design["window"] - design["patch"]
    return Sizes(rate, hop, step, max(round(beyond * float(rate) / step) + 1, 1))


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
    sizes, targets = sizes_of(design), targets_of(design)
    more = {}
    if targets["spectrum"]:
        more["spectrum"] = 3 * (sizes.hop // 2 + 1)
    if targets["latent"]:
        more["latent"] = design["width"]
    if targets["codes"]:
        n_codes, n_words = design["codes"]
        more["codes"] = n_codes * n_words
    with seeded(seed):
        return MaskedTransformer(
            sizes.hop,
            **{name: design[name] for name in names},
            context=option(design, "context"),
            n_statistics=len(BANDS) if targets["statistics"] else 0,
            attention=option(design, "attention"),
            reach=max(round(option(design, "reach") / sizes.seconds), 1),
            hidden=option(design, "hidden"),
            more=more,
            follower=bool(targets["latent"]),
            embed=option(design, "embed"),
            space=design["space"],
            n_regions=len(option(design, "regions")),
            time=option(design, "time"),
        )


def check_design(design: Json) -> None:
    """Refuse parameters out of range."""
    positive = ("patch", "model_rate", "window", "reach")
    check_positive("MaskedModel", **{k: design[k] for k in positive})
    least = {"width": 2, "depth": 1, "n_heads": 1, "decoder_depth": 0, "batch_tokens": 1}
    check_at_least("MaskedModel", **{k: (design[k], v) for k, v in least.items()})
    for name, known in _CHOICES.items():
        if design[name] not in known:
            raise ValueError(
                f"MaskedModel: {name} must be {' or '.join(map(repr, known))}, got"
                f" {design[name]!r}."
            )
    if design["space"] == "regions" and design["position_noise"]:
        raise ValueError("MaskedModel: space='regions' has no places that position_noise moves.")
    if not 0 <= design["overlap"] < design["patch"]:
        raise ValueError(
            "MaskedModel: overlap must be 0 or more and shorter than patch, got"
            f" {design['overlap']!r} and {design['patch']!r}."
        )
    if design["context"] is not None and (
        design["attention"] != "full"
        or design["hidden"] != "drop"
        or design["overlap"]
        or design["time"] != "rotary"
    ):
        raise ValueError(
            "MaskedModel: context needs attention='full', hidden='drop', time='rotary' and no"
            f" overlap, got {design['attention']!r}, {design['hidden']!r}, {design['time']!r} and"
            f" {design['overlap']!r}."
        )
    if design["attention"] != "full" and design["hidden"] != "replace":
        raise ValueError(
            f"MaskedModel: attention={design['attention']!r} needs hidden='replace', since it has"
            f" no use for holes, got {design['hidden']!r}."
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
    told = any(given.get(name, 0) > 0 for name in _HIDDEN_TOKENS)
    if set(given) - set(TARGETS) or not told or min(given.values()) < 0:
        raise ValueError(
            f"MaskedModel: target must be one of {list(TARGETS)}, or weights of them, that of one"
            f" of the first {len(_HIDDEN_TOKENS)} above 0, got {target!r}."
        )
    mask = design["mask"]
    check_kinds("MaskedModel", {mask: 1.0} if isinstance(mask, str) else mask)
