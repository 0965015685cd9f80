"""Which contacts form a region, how they vary together, and the maps that follow from that."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

# Of a subject: "names", "regions", "places", and of each pair of contacts "moment", "weight".
Record = dict[str, Any]

_FLAT = 1e-3  # of levelled power: what varies less tells nothing of a contact
_APART = 10.0  # mm: contacts of one name further apart are not the same contact
_TIE = 1e-3  # keeps eigenvalues apart where nothing else does, so that all machines agree
_LENGTHS = np.geomspace(2, 200, 41)  # mm


class Contacts(NamedTuple):
    """The contacts of a recording."""

    names: list[str]
    labels: list[str]  # region of each, "" where the recording tells none
    places: NDArray[Any]  # (contact, 3) in mm, NaN where unknown


class Kernel(NamedTuple):
    """How much two contacts of a region have in common that were never recorded together."""

    power: float  # of a contact with itself
    near: float  # in common beside `far`, at distance 0,
    far: float  # and at any distance
    length: float  # mm over which `near` falls to 1/e
    unplaced: float  # in common where a place is unknown


def read_contacts(source: xr.DataArray | None, n: int) -> Contacts:
    """Names, region labels and places of the ``n`` channels of a recording."""
    coords: Mapping[Any, Any] = {} if source is None else source.coords
    names = coords["channel"].values.tolist() if "channel" in coords else range(n)
    labels = [""] * n
    if "region" in coords and coords["region"].dims == ("channel",):
        found = coords["region"].values.tolist()
        labels = ["" if k is None or k != k else str(k) for k in found]
    places = np.full((n, 3), np.nan)
    axes = [coords[k] for k in "xyz" if k in coords]
    if len(axes) == 3 and all(k.dims == ("channel",) and k.dtype.kind in "iuf" for k in axes):
        places = np.stack([k.values.astype(float) for k in axes], 1)
        places[~np.isfinite(places).all(1)] = np.nan
    return Contacts([str(k) for k in names], labels, places)


# ---------------------------------------------------------------- regions


def find_centers(
    contacts: Contacts, size: int, known: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Where regions are: those ``known``, and new ones.

    Of labelled contacts it is their mean. Others, if no region is known, fall into clusters of
    about ``size``: those of k-means, begun at contacts as far as possible from one another, and
    named after the contact in their middle.
    """
    placed = ~np.isnan(contacts.places[:, 0])
    labels = np.array(contacts.labels, dtype=object)
    centers = dict(known)
    for label in sorted(set(contacts.labels) - {""} - set(known)):
        if (own := placed & (labels == label)).any():
            centers[label] = contacts.places[own].mean(0)
    rest = np.flatnonzero(placed & (labels == ""))
    rest = rest[np.argsort(np.array(contacts.names)[rest])]
    if len(rest) and not known:
        places = contacts.places[rest]
        for center in _clusters(places, -(-len(rest) // size)):
            middle = int(_distances(center[None], places)[0].argmin())
            centers[f"near {contacts.names[rest[middle]]}"] = center
    return centers


def assign_regions(
    contacts: Contacts, centers: Mapping[str, NDArray[Any]], known: Mapping[str, str]
) -> list[str]:
    """Region of each contact.

    That of its label, else the nearest by its place, else that ``known`` for its name, else one
    of its own.
    """
    regions = []
    names, middle = list(centers), np.array(list(centers.values())).reshape(-1, 3)
    for name, label, place in zip(*contacts, strict=True):
        if label:
            regions.append(label)
        elif names and not np.isnan(place[0]):
            regions.append(names[int(_distances(place[None], middle)[0].argmin())])
        else:
            regions.append(known.get(name, name))
    return regions


def _clusters(places: NDArray[Any], n: int) -> NDArray[Any]:
    centers = places[_distances(places.mean(0)[None], places)[0].argmax()][None]
    while len(centers) < n:
        far = _distances(centers, places).min(0)
        centers = np.concatenate([centers, places[far.argmax()][None]])
    for _ in range(100):
        nearest = _distances(centers, places).argmin(0)
        moved = np.stack(
            [
                places[nearest == k].mean(0) if (nearest == k).any() else center
                for k, center in enumerate(centers)
            ]
        )
        if np.allclose(moved, centers):
            break
        centers = moved
    return centers


def _distances(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    return np.linalg.norm(a[:, None] - b[None], axis=-1)


# ---------------------------------------------------------------- what contacts have in common


def add_recording(
    record: Record | None,
    contacts: Contacts,
    regions: Sequence[str],
    moment: NDArray[Any],
    n: int,
) -> Record:
    """Join the second moments of one recording to what is known of its subject.

    Parameters
    ----------
    record : dict or None
        What is known; it is left alone.
    contacts : Contacts
    regions : sequence of str
        Of each contact.
    moment : ndarray of shape (n_contacts, n_contacts)
        Mean products of levelled signals.
    n : int
        Samples behind it.

    Returns
    -------
    dict
    """
    before = [] if record is None else record["names"]
    names = [*before, *(k for k in contacts.names if k not in set(before))]
    new = {key: np.zeros((len(names), len(names))) for key in ("moment", "weight")}
    places = np.full((len(names), 3), np.nan)
    if record is not None:
        places[: len(before)] = record["places"]
        for key in new:
            new[key][: len(before), : len(before)] = record[key]
    at = [names.index(k) for k in contacts.names]
    given = ~np.isnan(contacts.places[:, 0])
    places[np.array(at)[given]] = contacts.places[given]
    region = ([] if record is None else record["regions"]) + [""] * (len(names) - len(before))
    for k, own in zip(at, regions, strict=True):
        region[k] = own
    live = (np.diag(moment) > _FLAT).astype(float)
    old, weight = (new[key][np.ix_(at, at)] for key in ("moment", "weight"))
    more = n * np.outer(live, live)
    total = weight + more
    new["moment"][np.ix_(at, at)] = (old * weight + moment * more) / np.maximum(total, 1)
    new["weight"][np.ix_(at, at)] = total
    return {"names": names, "regions": region, "places": places} | new


def fit_kernel(records: Mapping[str, Record]) -> Kernel:
    """Learn from pairs of contacts of one region how much a pair has in common.

    ``far + near * exp(-distance / length)``, least squares, over the pairs with places.
    """
    power, common, distance = [], [], []
    for record in records.values():
        moment, there = record["moment"], record["weight"] > 0
        power.append(np.diag(moment)[np.diag(there)])
        region = np.array(record["regions"])
        pairs = np.triu(there & (region[:, None] == region[None]), 1)
        common.append(moment[pairs])
        distance.append(_distances(record["places"], record["places"])[pairs])
    y, d = np.concatenate(common), np.concatenate(distance)
    mean_power = np.concatenate(power)
    at_all = float(mean_power.mean()) if len(mean_power) else 1.0
    unplaced = float(y.mean()) if len(y) else 0.0
    placed = ~np.isnan(d)
    y, d = y[placed], d[placed]
    if len(y) < 3 or np.ptp(d) < 1e-6:
        return Kernel(at_all, 0.0, unplaced, 1.0, unplaced)
    fits = []
    for length in _LENGTHS.tolist():
        design = np.stack([np.exp(-d / length), np.ones_like(d)], 1)
        (near, far), *_ = np.linalg.lstsq(design, y, rcond=None)
        error = float(((design @ [near, far] - y) ** 2).sum())
        fits.append((error, float(near), float(far), length))
    _, near, far, length = min(fits)
    return Kernel(at_all, near, far, length, unplaced)


def second_moments(
    names: Sequence[str],
    places: NDArray[Any],
    subject: str,
    records: Mapping[str, Record],
    kernel: Kernel,
) -> NDArray[Any]:
    """Second moments of a region's contacts, as far as they are known, else as learned.

    A pair takes those of its subject; else the mean over the subjects that have contacts of
    these names in these places; else what ``kernel`` makes of their distance.
    """
    distance = _distances(places, places)
    out = kernel.far + kernel.near * np.exp(-distance / kernel.length)
    out = np.where(np.isnan(distance), kernel.unplaced, out)
    np.fill_diagonal(out, kernel.power)
    pooled, weight = np.zeros_like(out), np.zeros_like(out)
    for key, record in records.items():
        moment, there = _rows(record, names, places, strict=key != subject)
        if key == subject:
            own, has = moment, there > 0
            continue
        pooled += moment * (there > 0)
        weight += there > 0
    out = np.where(weight > 0, pooled / np.maximum(weight, 1), out)
    return np.where(has, own, out) if subject in records else out


def _rows(
    record: Record, names: Sequence[str], places: NDArray[Any], *, strict: bool
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Moment and weight of each pair of contacts in a record; weight 0 for who is not there."""
    index = {name: k for k, name in enumerate(record["names"])}
    at = np.array([index.get(name, -1) for name in names])
    away = np.linalg.norm(record["places"][at] - places, axis=1) > _APART  # NaN is not away
    there = (at >= 0) & ~(away & strict)
    grid = np.ix_(at, at)
    return record["moment"][grid], record["weight"][grid] * np.outer(there, there)


# ---------------------------------------------------------------- the maps


def principal_map(moment: NDArray[Any], n_components: int) -> NDArray[Any]:
    """Find loadings (contact, component) of the largest components, with a fixed sign.

    A region's signals are ``z @ loadings``, its contacts ``signals @ loadings.T``: of all linear
    maps to so few signals and back, none loses less. Components that a small region lacks are 0.
    """
    n = len(moment)
    spread = 1 / (1 + np.arange(n))
    _, vectors = np.linalg.eigh(moment + _TIE * np.diag(spread))
    vectors = vectors[:, ::-1][:, :n_components]
    vectors = vectors * np.where(spread @ vectors < 0, -1.0, 1.0)
    return np.pad(vectors, ((0, 0), (0, n_components - vectors.shape[1])))
