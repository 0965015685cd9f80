"""Rows of options that come near to published models, as far as the parts are here."""

from __future__ import annotations

from neurokit.types import Json

_ROWS: dict[str, Json] = {
    "du-in": {"patch": 0.1, "model_rate": 1000.0, "window": 4.0, "fuse": "region"}
    | {"embed": "conv", "space": "none", "time": "sincos", "mask": "time"}
    | {"mask_ratio": 0.5, "hidden": "replace", "target": "codes", "symmetric": True}
    | {"embed": "conv", "time": "sincos"},
    "barista": {"patch": 0.25, "model_rate": 2048.0, "window": 3.0, "mask": "region"}
    | {"embed": "dilated", "space": "regions", "hidden": "replace", "target": "latent"},
    "reve": {"patch": 1.0, "overlap": 0.1, "model_rate": 200.0, "window": 10.0, "mask": "block"}
    | {"mask_ratio": 0.55, "mask_radius": 30.0, "mask_span": 3.0, "position_noise": 2.5}
    | {"target": {"signal": 1.0, "summary": 0.1}},
    "deeperbrain": {"patch": 1.0, "model_rate": 200.0, "window": 30.0, "mask": "token"}
    | {"embed": "spectral", "space": "conduction", "time": "slow"}
    | {"mask_ratio": 0.5, "attention": "axial", "hidden": "replace"}
    | {"target": {"signal": 1.0, "statistics": 1.0}},
    "labram": {"patch": 1.0, "model_rate": 200.0, "window": 8.0, "mask": "token"}
    | {"mask_ratio": 0.5, "hidden": "replace", "target": "codes", "symmetric": True}
    | {"embed": "conv", "time": "sincos"},
    "cbramod": {"patch": 1.0, "model_rate": 200.0, "window": 30.0, "mask": "token"}
    | {"embed": "spectral", "mask_ratio": 0.5, "attention": "axial", "hidden": "replace"},
}


def masked_options(name: str) -> Json:
    """Return the parameters of `MaskedModel` that come nearest to a published model.

    The documentation has a table of what each does and what was not copied. Sizes are left to
    you: width, depth and heads are those of `MaskedModel`. "du-in" and "labram" tell codes, so
    that a fitted ``tokenizer`` is to be passed beside them, of regions for "du-in".

    Parameters
    ----------
    name : {"du-in", "barista", "reve", "deeperbrain", "labram", "cbramod"}

    Returns
    -------
    dict
        To be passed on: ``MaskedModel(**masked_options("reve"), width=512)``.

    Raises
    ------
    ValueError
        If the name is another.

    Examples
    --------
    >>> masked_options("reve")["mask_radius"]
    30.0
    """
    if name not in _ROWS:
        raise ValueError(f"masked_options: name must be one of {list(_ROWS)}, got {name!r}.")
    return {key: dict(v) if isinstance(v, dict) else v for key, v in _ROWS[name].items()}
