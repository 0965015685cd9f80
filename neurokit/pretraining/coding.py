"""Codes of a tokenizer as what is to be told of hidden tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from neurokit.pretraining.patches import Sizes
from neurokit.types import Codes


def find_codes(
    tokenizer: Any, x: xr.DataArray, names: list[object] | None, sizes: Sizes, n: int
) -> Codes:
    """Return the codes of each channel during each patch, (trial, channel, frame, code).

    Parameters
    ----------
    tokenizer : estimator
        Fitted; ``transform`` gives tokens of dims ([trial,] channel, frame, level). The columns
        whose ``level`` is a number are codes, others (scales) are left out.
    x : xarray.DataArray of dims ([trial,] channel, time)
    names : list or None
        Channels of the tokens that are wanted, by name. Default: all, in order.
    sizes : Sizes
        A patch is as long as one or several frames of the tokenizer.
    n : int
        Number of patches.

    Raises
    ------
    ValueError
        If patches overlap, are no whole number of the tokenizer's frames, or tokens are of other
        channels.
    """
    tokens = tokenizer.transform(x)
    codes = tokens.isel(level=[k for k, v in enumerate(tokens["level"].values) if _is_code(v)])
    clock = codes["frame"].values
    period = float(np.median(np.diff(clock))) if len(clock) > 1 else sizes.seconds
    each = round(sizes.seconds / period)
    if sizes.step != sizes.hop or each < 1 or abs(each * period - sizes.seconds) > 1e-6:
        raise ValueError(
            "MaskedModel: with the target 'codes' patches must not overlap and be as long as one"
            f" or several frames of the tokenizer, {period:g} s, got patch ="
            f" {float(sizes.hop / sizes.rate):g} s in steps of {sizes.seconds:g} s."
        )
    if names is not None:
        codes = codes.sel(channel=names)
    codes = codes if "trial" in codes.dims else codes.expand_dims("trial")
    values = codes.transpose("trial", "channel", "frame", "level").values.astype(np.int64)
    values = values[:, :, : n * each]
    lacking = n * each - values.shape[2]
    if values.shape[1] != (x.sizes["channel"] if names is None else len(names)) or lacking > each:
        raise ValueError(
            f"MaskedModel: the tokenizer gives tokens of shape {tokens.shape} for a recording of"
            f" shape {x.shape}; it must keep channels apart, or fuse='region' be set."
        )
    if lacking > 0:  # the end of a last, broken frame
        values = np.concatenate([values, values[:, :, -lacking:]], 2)
    return values.reshape(*values.shape[:2], n, -1)


def _is_code(level: object) -> bool:
    return str(level).isdigit()
