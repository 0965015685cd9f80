"""Embeddings of stimuli, labelled or plain, and who a trial is of."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array

from neurokit.inputs.trials import Trials
from neurokit.types import Codes, Floats, Targets


class Embeddings(NamedTuple):
    """Embeddings as an array, and what they are of."""

    values: Floats  # (n, n_features[, n_times])
    features: list[Any] | None  # names
    stimuli: NDArray[Any] | None  # name of each one's stimulus
    flat: bool  # a single number each, without a dim of features


def read_embeddings(caller: str, Y: Targets | None, *, name: str = "Y") -> Embeddings:
    """Read embeddings, one after the other.

    Parameters
    ----------
    caller : str
        Who asks, for errors.
    Y : xarray.DataArray or array-like
        Labelled: ``trial`` or ``stimulus``, one more dim, the features, and perhaps ``time``.
        Plain: (n, n_features) or (n, n_features, n_times).
    name : str, default="Y"
        What it is called in errors.

    Returns
    -------
    Embeddings

    Raises
    ------
    ValueError
        If it is of other dims, or holds NaN.
    """
    features = stimuli = None
    if isinstance(Y, xr.DataArray):
        lead = [str(dim) for dim in Y.dims if dim in ("trial", "stimulus")]
        others = [str(dim) for dim in Y.dims if dim not in ("trial", "stimulus", "time")]
        if len(lead) != 1 or len(others) > 1:
            raise ValueError(
                f"{caller}: {name} must have the dims (trial or stimulus, feature[, time]), got"
                f" {tuple(Y.dims)}."
            )
        late = ["time"] if "time" in Y.dims else []
        Y = Y.transpose(*lead, *others, *late)
        if others and others[0] in Y.coords:
            features = Y[others[0]].values.tolist()
        if "stimulus" in Y.coords and Y["stimulus"].dims == (lead[0],):
            stimuli = Y["stimulus"].values
        Y = Y.values
    values = check_array(Y, ensure_2d=False, allow_nd=True, dtype=np.float32, input_name=name)
    if values.ndim > 3:
        raise ValueError(
            f"{caller}: {name} must have the shape (n, n_features[, n_times]), got {values.shape}."
        )
    flat = values.ndim == 1
    return Embeddings(values[:, None] if flat else values, features, stimuli, flat)


def number_stimuli(seen: Trials, targets: Embeddings) -> NDArray[Any]:
    """Return the stimulus of each trial: by name, else by its embedding.

    Parameters
    ----------
    seen : Trials
    targets : Embeddings

    Returns
    -------
    ndarray of shape (n_trials,)
    """
    if targets.stimuli is not None:
        return targets.stimuli
    named = seen.coordinate("stimulus")
    if named is not None:
        return named
    rows = np.ascontiguousarray(targets.values.reshape(len(targets.values), -1))
    return np.unique(rows, axis=0, return_inverse=True)[1].ravel()


def find_people(
    caller: str, known: list[Any], seen: Trials, by: str | None, groups: ArrayLike | None,
    *, needed: bool,
) -> Codes:  # fmt: skip
    """Return the number of the person of each trial; -1 for anyone else.

    Parameters
    ----------
    caller : str
    known : list
        People whom ``fit`` has seen.
    seen : Trials
    by : str or None
        Coordinate of ``trial`` that names the person.
    groups : array-like of shape (n_trials,), optional
        Person of each trial.
    needed : bool
        Whether people who were never seen are refused.

    Returns
    -------
    ndarray of shape (n_trials,)

    Raises
    ------
    ValueError
        If a person is needed and not known.
    """
    n = len(seen.values)
    names = read_people(caller, seen, by, groups)
    if names is None:
        if len(known) > 1 and needed:
            raise ValueError(
                f"{caller} has a layer for each of {known}: say whose the trials are, by the"
                f" coordinate {by!r} or groups=."
            )
        return np.full(n, 0 if len(known) == 1 else -1)
    places = {name: k for k, name in enumerate(known)}
    index = np.array([places.get(name, -1) for name in names.tolist()])
    if needed and len(known) > 1 and (index < 0).any():
        strangers = sorted(set(names[index < 0].tolist()), key=str)
        raise ValueError(
            f"{caller} has a layer for each of {known}, and never saw {strangers}; fit with their"
            " trials too, or with subject_layer=False."
        )
    return index


def read_people(
    caller: str, seen: Trials, by: str | None, groups: ArrayLike | None
) -> NDArray[Any] | None:
    """Return the name of each trial's person, None where nobody says it.

    Parameters
    ----------
    caller : str
    seen : Trials
    by : str or None
    groups : array-like of shape (n_trials,), optional

    Returns
    -------
    ndarray of shape (n_trials,) or None
    """
    if groups is None:
        return None if by is None else seen.coordinate(by)
    names = np.asarray(groups)
    if names.shape != (len(seen.values),):
        raise ValueError(
            f"{caller}: groups must name the person of each of the {len(seen.values)} trials, got"
            f" shape {names.shape}."
        )
    return names


def place_sensors(caller: str, seen: Trials) -> Floats:
    """Return the places of the sensors, seen from above, in the unit square.

    Parameters
    ----------
    caller : str
    seen : Trials

    Returns
    -------
    ndarray of shape (n_channels, 2)
        NaN where a sensor has none. A direction from the middle of the head is drawn as far out
        as it is away from the vertex.

    Raises
    ------
    ValueError
        If no sensor has a place.
    """
    coords = None if seen.source is None else seen.source.coords
    if coords is None or any(axis not in coords for axis in "xyz"):
        places = np.full((seen.values.shape[1], 3), np.nan)
    else:
        places = np.stack([np.asarray(coords[axis].values, float) for axis in "xyz"], -1)
    known = np.isfinite(places).all(1)
    if not known.any():
        raise ValueError(
            f"{caller} attends to the places of sensors, and X has none: give coordinates x, y, z"
            " along channel (neurokit.signal(positions=)), or attention=False."
        )
    radius = np.linalg.norm(places, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        tilt = np.arccos(np.clip(places[:, 2] / np.where(radius > 0, radius, 1), -1, 1))
        flat = places[:, :2] / np.maximum(np.linalg.norm(places[:, :2], axis=1), 1e-9)[:, None]
    flat = flat * tilt[:, None]
    low, high = np.nanmin(flat, 0), np.nanmax(flat, 0)
    return (flat - low) / np.where(high > low, high - low, 1.0)
