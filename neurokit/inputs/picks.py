"""Which channels an estimator takes: those of the brain, where the array tells them apart."""

import warnings
from typing import Any

import xarray as xr
from sklearn.base import BaseEstimator

from neurokit.inputs.labels import name_of
from neurokit.recording.channels import BRAIN


def pick_channels(estimator: BaseEstimator, X: xr.DataArray, *, reset: bool) -> xr.DataArray:
    """Leave out channels that are bad or hold no brain signal.

    A trigger channel among the features tells a classifier the labels, an eye channel what the
    eyes did. Where ``channel`` carries ``type`` and some are of the brain, the others are left
    out; where it carries ``bad``, those that are bad. Without either coordinate, and for an array
    of other kinds alone (muscles, say), all channels are taken.

    Parameters
    ----------
    estimator : estimator
        The caller. Its parameter ``picks``, if it has one, is "brain" or "all", which takes all.
        What was left out is kept as ``left_out_``.
    X : xarray.DataArray with the dim ``channel``
    reset : bool
        True in ``fit``: channels are chosen, and a warning says once what was left out. False
        elsewhere: those that ``fit`` has left out are left out again.

    Raises
    ------
    ValueError
        If no channel is left.

    Warns
    -----
    UserWarning
        In ``fit``, with the channels left out; elsewhere, if a channel that ``fit`` has learnt
        from is marked bad.
    """
    if not reset:
        return _as_in_fit(estimator, X)
    if hasattr(estimator, "left_out_"):
        del estimator.left_out_
    wanted = getattr(estimator, "picks", "brain")
    if wanted not in ("brain", "all"):
        raise ValueError(f"{name_of(estimator)}: picks must be 'brain' or 'all', got {wanted!r}.")
    if hasattr(estimator, "picks"):
        estimator.picks_ = wanted  # set_params after fit changes nothing
    reasons = _reasons(X)
    if wanted == "all" or not any(reasons):
        return X
    if all(reasons):
        raise ValueError(f"{name_of(estimator)}: all {len(reasons)} channels of X are marked bad.")
    names = _names(X)
    estimator.left_out_ = [name for name, why in zip(names, reasons, strict=True) if why]
    listed = [f"{name} ({why})" for name, why in zip(names, reasons, strict=True) if why]
    all_taken = "X.drop_vars(['type', 'bad'], errors='ignore') tells no kinds, and all are taken"
    if hasattr(estimator, "picks"):
        all_taken = "picks='all' takes them"
    more = f" and {len(listed) - 10} more" if len(listed) > 10 else ""
    warnings.warn(
        f"{name_of(estimator)} takes the brain's channels that are not bad, and leaves out"
        f" {len(listed)} of {len(names)}: {', '.join(listed[:10])}{more};"
        f" {all_taken}.",
        stacklevel=5,
    )
    return X.isel(channel=[k for k, why in enumerate(reasons) if not why])


def _as_in_fit(estimator: BaseEstimator, X: xr.DataArray) -> xr.DataArray:
    known = getattr(estimator, "channels_", None)
    if known is None or "channel" not in X.coords:
        return X
    names, chosen = _names(X), set(known)
    reasons = _reasons(X)
    bad = [n for n, why in zip(names, reasons, strict=True) if why == "bad" and n in chosen]
    if bad and getattr(estimator, "picks_", "brain") != "all":
        warnings.warn(
            f"{name_of(estimator)} was fitted on channels that X marks bad, {bad}, and uses them"
            " as they are; interpolate them first, or fit without them.",
            stacklevel=5,
        )
    if not chosen < set(names):
        return X
    left_out = getattr(estimator, "left_out_", [])
    extra = [
        why is not None or name in left_out
        for name, why in zip(names, reasons, strict=True)
        if name not in chosen
    ]
    if not all(extra):
        return X  # match_channels names what is new
    return X.isel(channel=[k for k, name in enumerate(names) if name in chosen])


def _reasons(X: xr.DataArray) -> list[str | None]:
    """Say why each channel is left out, None where it is not."""
    reasons: list[str | None] = [None] * X.sizes["channel"]
    if "type" in X.coords and X["type"].dims == ("channel",):
        kinds = [str(kind).lower() for kind in X["type"].values]
        if any(kind in BRAIN for kind in kinds):
            reasons = [None if kind in BRAIN else kind or "unknown" for kind in kinds]
    if "bad" in X.coords and X["bad"].dims == ("channel",):
        bad = _truths(X)
        reasons = ["bad" if yes else why for yes, why in zip(bad, reasons, strict=True)]
    return reasons


def _truths(X: xr.DataArray) -> list[bool]:
    """Read ``bad``, which tables may hold as words or as numbers with gaps."""
    words = {"true": True, "1": True, "bad": True, "yes": True}
    words |= dict.fromkeys(("false", "0", "good", "no", "", "n/a", "nan", "none"), False)
    said = [str(value).strip().lower().removesuffix(".0") for value in X["bad"].values.tolist()]
    if strange := sorted({word for word in said if word not in words}):
        raise ValueError(f"the coordinate bad must say True or False, got {strange[:5]}.")
    return [words[word] for word in said]


def _names(X: xr.DataArray) -> list[Any]:
    known = "channel" in X.coords
    return X["channel"].values.tolist() if known else list(range(X.sizes["channel"]))
