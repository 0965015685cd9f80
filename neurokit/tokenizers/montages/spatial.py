"""Which contacts form a region, how they vary together, and the maps that follow from that."""

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple, TypedDict

import numpy as np
import xarray as xr

from neurokit.types import Floats


class Record(TypedDict):
    """What is known of the contacts of one subject."""

    names: list[str]
    regions: list[str]
    places: Floats  # (contact, 3) in mm
    moment: Floats  # of each pair of contacts: mean product of the levelled signals,
    weight: Floats  # and the samples behind it


class Spatial(TypedDict):
    """What `RegionTokenizer` knows of contacts."""

    subjects: dict[str, Record]
    regions: dict[str, str]  # of each contact
    centers: dict[str, Floats]  # of regions, in mm
    kernel: dict[str, float]  # fields of `Kernel`
    n_signals: int  # that a region is fused into


_FLAT = 1e-3  # of levelled power: what varies less tells nothing of a contact
_APART = 10.0  # mm: contacts of one name further apart are not the same contact
_TIE = 1e-3  # keeps eigenvalues apart where nothing else does, so that all machines agree
_LENGTHS = np.geomspace(2, 200, 41)  # mm


class Contacts(NamedTuple):
    """The contacts of a recording."""

    names: list[str]
    labels: list[str]  # region of each, "" where the recording tells none
    places: Floats  # (contact, 3) in mm, NaN where unknown


class Kernel(NamedTuple):
    """How much two contacts of a region have in common that were never recorded together."""

    power: float  # of a contact with itself
    near: float  # in common beside `far`, at distance 0,
    far: float  # and at any distance
    length: float  # mm over which `near` falls to 1/e
    unplaced: float  # in common where a place is unknown


def read_contacts(source: xr.DataArray | None, n: int, given: Mapping[str, str]) -> Contacts:
    """Read names, region labels and places of the ``n`` channels of a recording.

    Parameters
    ----------
    source : xarray.DataArray or None
        The recording, where it has labels.
    n : int
    given : mapping of str to str
        Regions by name, that go before what the recording says.
    """
    coords: Mapping[Hashable, xr.DataArray] = {} if source is None else source.coords
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
    names = [str(k) for k in names]
    pairs = zip(names, labels, strict=True)
    return Contacts(names, [given.get(name, label) for name, label in pairs], places)


# ---------------------------------------------------------------- regions


def find_centers(contacts: Contacts, size: int, known: Mapping[str, Floats]) -> dict[str, Floats]:
    """Find where regions are: those ``known``, and new ones.

    A region of labelled contacts is at their mean. Others, if no region is known, fall into
    clusters of about ``size``: those of k-means, begun at contacts as far as possible from one
    another, and named after the contact in their middle.
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
        for center in _find_clusters(places, -(-len(rest) // size)):
            middle = int(_measure_distances(center[None], places)[0].argmin())
            centers[f"near {contacts.names[rest[middle]]}"] = center
    return centers


def assign_regions(
    contacts: Contacts, centers: Mapping[str, Floats], known: Mapping[str, str]
) -> list[str]:
    """Tell the region of each contact.

    It is that of its label, else the nearest by its place, else that ``known`` for its name,
    else one of its own.
    """
    regions = []
    names, middle = list(centers), np.array(list(centers.values())).reshape(-1, 3)
    for name, label, place in zip(*contacts, strict=True):
        if label:
            regions.append(label)
        elif names and not np.isnan(place[0]):
            regions.append(names[int(_measure_distances(place[None], middle)[0].argmin())])
        else:
            regions.append(known.get(name, name))
    return regions


def _find_clusters(places: Floats, n: int) -> Floats:
    centers = places[_measure_distances(places.mean(0)[None], places)[0].argmax()][None]
    while len(centers) < n:
        far = _measure_distances(centers, places).min(0)
        centers = np.concatenate([centers, places[far.argmax()][None]])
    for _ in range(100):
        nearest = _measure_distances(centers, places).argmin(0)
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


def _measure_distances(a: Floats, b: Floats) -> Floats:
    return np.linalg.norm(a[:, None] - b[None], axis=-1)


# ---------------------------------------------------------------- what contacts have in common


def add_recording(
    record: Record | None,
    contacts: Contacts,
    regions: Sequence[str],
    moment: Floats,
    n: int,
) -> Record:
    """Join the second moments of one recording to what is known of its subject.

    Parameters
    ----------
    record : dict or None
        What is known; it is left alone.
    contacts : Contacts
    regions : sequence of str
        One for each contact.
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
    new_moment, new_weight = (np.zeros((len(names), len(names))) for _ in range(2))
    places = np.full((len(names), 3), np.nan)
    region = [""] * len(names)
    if record is not None:
        places[: len(before)] = record["places"]
        new_moment[: len(before), : len(before)] = record["moment"]
        new_weight[: len(before), : len(before)] = record["weight"]
        region[: len(before)] = record["regions"]
    at = [names.index(k) for k in contacts.names]
    given = ~np.isnan(contacts.places[:, 0])
    places[np.array(at)[given]] = contacts.places[given]
    for k, own in zip(at, regions, strict=True):
        region[k] = own
    live = (np.diag(moment) > _FLAT).astype(float)
    grid = np.ix_(at, at)
    old, weight = new_moment[grid], new_weight[grid]
    more = n * np.outer(live, live)
    total = weight + more
    new_moment[grid] = (old * weight + moment * more) / np.maximum(total, 1)
    new_weight[grid] = total
    return {
        "names": names,
        "regions": region,
        "places": places,
        "moment": new_moment,
        "weight": new_weight,
    }


def learn_contacts(
    known: Spatial, size: int, contacts: Contacts, subjects: Sequence[str], levelled: Floats
) -> Spatial:
    """Join what a recording tells of its contacts to what is known.

    Parameters
    ----------
    known : dict
        It is left alone.
    size : int
        Contacts of a region that is found by places, about.
    contacts : Contacts
    subjects : sequence of str
        One for each trial.
    levelled : ndarray of shape (trial * contact, frame, sample)

    Returns
    -------
    dict
    """
    centers = find_centers(contacts, size, known["centers"])
    regions = assign_regions(contacts, centers, known["regions"])
    x = levelled.reshape(len(subjects), len(regions), -1)
    x = x - x.mean(-1, keepdims=True)
    records = dict(known["subjects"])
    for subject in dict.fromkeys(subjects):
        own = np.concatenate(x[np.array(subjects) == subject], -1)
        records[subject] = add_recording(
            records.get(subject), contacts, regions, own @ own.T / own.shape[1], own.shape[1]
        )
    return {
        "subjects": records,
        "regions": known["regions"] | dict(zip(contacts.names, regions, strict=True)),
        "centers": centers,
        "kernel": fit_kernel(records)._asdict(),
        "n_signals": known["n_signals"],
    }


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
        distance.append(_measure_distances(record["places"], record["places"])[pairs])
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
    places: Floats,
    subject: str,
    records: Mapping[str, Record],
    kernel: Kernel,
) -> Floats:
    """Second moments of a region's contacts, as far as they are known, else as learned.

    A pair takes those of its subject; else the mean over the subjects that have contacts of
    these names in these places; else what ``kernel`` makes of their distance.
    """
    distance = _measure_distances(places, places)
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
    record: Record, names: Sequence[str], places: Floats, *, strict: bool
) -> tuple[Floats, Floats]:
    """Moment and weight of each pair of contacts in a record; weight 0 for who is not there."""
    index = {name: k for k, name in enumerate(record["names"])}
    at = np.array([index.get(name, -1) for name in names])
    away = np.linalg.norm(record["places"][at] - places, axis=1) > _APART  # NaN is not away
    there = (at >= 0) & ~(away & strict)
    grid = np.ix_(at, at)
    return record["moment"][grid], record["weight"][grid] * np.outer(there, there)


# ---------------------------------------------------------------- the maps


def principal_map(moment: Floats, n_components: int) -> Floats:
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
