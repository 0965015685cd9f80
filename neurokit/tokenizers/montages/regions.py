"""The contacts of one recording at work: frames of contacts to frames of regions, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from neurokit.inputs.signal import Signal, cut_spans
from neurokit.tokenizers.montages.spatial import (
    Contacts,
    Kernel,
    Record,
    Spatial,
    assign_regions,
    principal_map,
    read_contacts,
    second_moments,
)
from neurokit.types import Codes, Floats, Tokens


class RegionMontage:
    """Regions of a recording's contacts, and the spatial maps of its trials.

    Within a region, contacts stand in the order of their names, so that the order of channels
    makes no difference. Sums over them run in that order, one after the other: they come out the
    same for blocks of any length.

    Parameters
    ----------
    contacts : Contacts
        One for each channel.
    regions : sequence of str
        One for each channel.
    subjects : sequence of str
        One for each trial.
    order : sequence of str
        Regions that come first, in this order; others follow by name.
    n_slots : int, default=0
        Contacts for which a row has columns, at least.
    """

    def __init__(
        self,
        contacts: Contacts,
        regions: Sequence[str],
        subjects: Sequence[str],
        order: Sequence[str] = (),
        n_slots: int = 0,
    ) -> None:
        self.contacts, self.contact_regions, self.subjects = (
            contacts,
            list(regions),
            list(subjects),
        )
        rank = {name: k for k, name in enumerate(order)}
        self.regions = sorted(set(regions), key=lambda r: (rank.get(r, len(rank)), r))
        by_name = sorted(range(len(regions)), key=contacts.names.__getitem__)
        self.members = [[k for k in by_name if regions[k] == region] for region in self.regions]
        self.n_slots = max(n_slots, *map(len, self.members))
        self.n_rows, self.n_channels = len(self.regions), len(regions)
        self._roots = np.sqrt([len(rows) for rows in self.members])
        self.maps: dict[str, list[Floats]] = {}  # of each subject, (contact, signal)

    def find_maps(self, records: Mapping[str, Record], kernel: Kernel, n_signals: int) -> Self:
        """Find the spatial map of each subject and region; return the montage."""
        for subject in dict.fromkeys(self.subjects):
            self.maps[subject] = []
            for rows in self.members:
                names, places = [self.contacts.names[k] for k in rows], self.contacts.places[rows]
                moment = second_moments(names, places, subject, records, kernel)
                self.maps[subject].append(principal_map(moment, n_signals))
        return self

    def of_trials(self, start: int, stop: int) -> RegionMontage:
        """Take some of the trials."""
        subjects = self.subjects[start:stop]
        part = RegionMontage(
            self.contacts, self.contact_regions, subjects, self.regions, self.n_slots
        )
        part.maps = self.maps
        return part

    def cut(self, n_trials: int, most: int) -> Iterator[tuple[slice, slice, RegionMontage]]:
        """Cut trials into parts that are decoded at once; those of a trial stay together."""
        for start, stop in cut_spans(n_trials, max(most // self.n_channels, 1)):
            rows = slice(start * self.n_rows, stop * self.n_rows)
            channels = slice(start * self.n_channels, stop * self.n_channels)
            yield rows, channels, self.of_trials(start, stop)

    # ------------------------------------------------------------ signals

    def gather(self, frames: Floats) -> Floats:
        """Fuse frames: (trial * region, frame, signal * sample), a hop of each signal.

        Signals of a region with more contacts are not larger: each is divided by the root of
        their number.

        Parameters
        ----------
        frames : ndarray of shape (trial * channel, frame, sample)
        """
        frames = frames.reshape(len(self.subjects), self.n_channels, *frames.shape[1:])
        n_signals = next(iter(self.maps.values()))[0].shape[1]
        n_frames, size = frames.shape[2:]
        out = np.zeros((len(frames), self.n_rows, n_frames, n_signals, size))
        for trials, region, row, own in self._entries():
            out[trials, region] += (
                own[:, None] / self._roots[region] * frames[trials, row, :, None]
            )
        return out.reshape(len(frames) * self.n_rows, n_frames, n_signals * size)

    def spread(self, frames: Floats) -> Floats:
        """Give each contact the frames (trial * channel, frame, sample) that its region means."""
        n_signals = next(iter(self.maps.values()))[0].shape[1]
        n_frames = frames.shape[1]
        size = frames.shape[2] // n_signals
        parts = frames.reshape(len(self.subjects), self.n_rows, n_frames, n_signals, size)
        out = np.zeros((len(parts), self.n_channels, n_frames, size))
        for trials, region, row, own in self._entries():
            for signal, weight in enumerate(own * self._roots[region]):
                out[trials, row] += weight * parts[trials, region, :, signal]
        return out.reshape(len(parts) * self.n_channels, n_frames, size)

    def _entries(self) -> Iterator[tuple[Codes, int, int, Floats]]:
        """Trials of a subject, region, channel, and the channel's part in each signal."""
        subjects = np.array(self.subjects)
        for subject in dict.fromkeys(self.subjects):
            trials = np.flatnonzero(subjects == subject)
            for region, (rows, loadings) in enumerate(
                zip(self.members, self.maps[subject], strict=True)
            ):
                for row, own in zip(rows, loadings, strict=True):
                    yield trials, region, row, own

    # ------------------------------------------------------------ level

    def pack_side(self, side: Codes) -> Codes:
        """Lay the level codes of the channels out as (trial * region, frame, column), else 0."""
        side = side.reshape(len(self.subjects), self.n_channels, *side.shape[1:])
        n_frames = side.shape[2]
        out = np.zeros((len(side), self.n_rows, n_frames, self.n_slots, 2), side.dtype)
        for region, rows in enumerate(self.members):
            out[:, region, :, : len(rows)] = side[:, rows].transpose(0, 2, 1, 3)
        return out.reshape(len(side) * self.n_rows, n_frames, 2 * self.n_slots)

    def unpack_side(self, packed: Codes) -> Codes:
        """Invert `pack_side`: (trial * channel, frame, 2)."""
        n_frames = packed.shape[1]
        packed = packed.reshape(len(self.subjects), self.n_rows, n_frames, self.n_slots, 2)
        out = np.zeros((len(packed), self.n_channels, n_frames, 2), packed.dtype)
        for region, rows in enumerate(self.members):
            out[:, rows] = packed[:, region, :, : len(rows)].transpose(0, 2, 1, 3)
        return out.reshape(len(packed) * self.n_channels, n_frames, 2)

    def side_columns(self) -> dict[str, int]:
        """Name the columns that `pack_side` gives, and how many codes each has."""
        columns: dict[str, int] = {}
        for slot in range(1, self.n_slots + 1):
            columns |= {f"scale.{slot}": 256, f"offset.{slot}": 65536}
        return columns

    # ------------------------------------------------------------ labels

    def label_rows(self, source: xr.DataArray) -> xr.DataArray:
        """Put rows of regions in place of the channels of a recording; values mean nothing."""
        return _with_channels(source, {"channel": self.regions})

    def label_channels(self, tokens: xr.DataArray) -> xr.DataArray:
        """Put contacts in place of the regions of tokens; values mean nothing."""
        return read_note(tokens, self.subjects)[1]

    def describe(self, source: xr.DataArray) -> dict[str, str]:
        """Write what labels the channels of a recording, and their regions, as JSON."""
        coords = {}
        for name, coord in source.coords.items():
            values = coord.values.tolist() if coord.dims == ("channel",) else [()]
            if all(v is None or isinstance(v, bool | int | float | str) for v in values):
                dtype = coord.dtype.str if coord.dtype.kind in "biufU" else "O"
                coords[str(name)] = {"dtype": dtype, "values": values}
        return {"contacts": json.dumps({"regions": self.contact_regions, "coords": coords})}


class RegionMontages:
    """Who finds the regions of a recording's contacts, and their maps.

    Parameters
    ----------
    name : str
        Who refuses.
    spatial : Spatial
        What is known of contacts.
    given : mapping of str to str
        Regions of contacts by name, that go before what a recording says.
    seen : mapping, optional
        Contacts that ``fit`` has seen, as `Contacts` and their ``subject``: recordings without
        labels that have as many channels are taken to be of these.
    """

    def __init__(
        self,
        name: str,
        spatial: Spatial,
        given: Mapping[str, str],
        seen: Mapping[str, Any] | None = None,
    ) -> None:
        self._name = name
        self._spatial = spatial
        self._given = given
        self._seen = seen

    def of_signal(self, signal: Signal) -> RegionMontage:
        """Find that of a recording."""
        if signal.source is None and self._seen is not None:
            return self.of_plain(signal.n_channels, signal.n_trials)
        contacts = read_contacts(signal.source, signal.n_channels, self._given)
        return self._place(contacts, read_subjects(signal.source, signal.n_trials))

    def of_plain(self, n_channels: int, n_trials: int) -> RegionMontage:
        """Find that of a recording without labels: of as many contacts as ``fit`` saw, theirs."""
        contacts, subject = read_contacts(None, n_channels, self._given), ""
        if self._seen is not None and n_channels == len(self._seen["names"]):
            contacts = Contacts(*(self._seen[key] for key in Contacts._fields))
            subject = self._seen["subject"]
        return self._place(contacts, [subject] * n_trials)

    def of_tokens(self, tokens: Tokens, caller: str) -> RegionMontage:
        """Find that of the recording which tokens stand for."""
        if isinstance(tokens, xr.DataArray):
            if "contacts" not in tokens.attrs or "channel" not in tokens.coords:
                raise ValueError(
                    f"{caller} needs attrs['contacts'], which says what"
                    " contacts the regions have; pass tokens labelled as transform gives them, or"
                    " plain ones of the contacts that fit has seen."
                )
            subjects = read_subjects(tokens, tokens.sizes.get("trial", 1))
            return self._map(read_note(tokens, subjects)[0])
        n_trials, n_rows = (1, 1, 1, *np.shape(tokens))[-4:-2]
        n_seen = 0 if self._seen is None else len(self._seen["names"])
        montage = self.of_plain(n_seen, n_trials)
        n_expected = montage.n_rows
        if n_rows != n_expected:
            montage = self.of_plain(n_rows, n_trials)
        if n_rows != montage.n_rows:
            raise ValueError(
                f"{caller} takes plain tokens of the {n_expected} regions that"
                f" fit has seen, got {n_rows}; pass labelled tokens, which know their contacts."
            )
        return montage

    def _place(self, contacts: Contacts, subjects: list[str]) -> RegionMontage:
        """Put contacts into regions and find the maps of these."""
        known = self._spatial["regions"]
        regions = assign_regions(contacts, self._spatial["centers"], known)
        return self._map(
            RegionMontage(contacts, regions, subjects, [*dict.fromkeys(known.values())])
        )

    def _map(self, montage: RegionMontage) -> RegionMontage:
        spatial = self._spatial
        kernel = Kernel(**spatial["kernel"])
        return montage.find_maps(spatial["subjects"], kernel, spatial["n_signals"])


def read_subjects(x: xr.DataArray | None, n_trials: int) -> list[str]:
    """Return the subject of each trial; "" where none is told."""
    if x is None or "subject" not in x.coords or x["subject"].dims not in ((), ("trial",)):
        return [""] * n_trials
    return [str(k) for k in np.broadcast_to(x["subject"].values, n_trials)]


def read_note(tokens: xr.DataArray, subjects: list[str]) -> tuple[RegionMontage, xr.DataArray]:
    """Read what `RegionMontage.describe` has written into ``attrs["contacts"]`` of tokens.

    Returns
    -------
    montage : Montage
        It holds the regions that are there, in the order of the tokens, without maps.
    source : xarray.DataArray
        The tokens with their contacts in place of the regions; values mean nothing.
    """
    note = json.loads(tokens.attrs["contacts"])
    order = tokens["channel"].values.tolist()
    kept = [k for k, region in enumerate(note["regions"]) if region in set(order)]
    coords = {
        name: np.array(coord["values"], dtype=coord["dtype"])[kept]
        for name, coord in note["coords"].items()
    }
    source = _with_channels(tokens, {"channel": np.array(kept)} | coords)
    largest = max(note["regions"].count(region) for region in set(note["regions"]))
    regions = [note["regions"][k] for k in kept]
    contacts = read_contacts(source, len(kept), {})
    source = source if "channel" in coords else source.drop_vars("channel")
    return RegionMontage(contacts, regions, subjects, order, largest), source


def _with_channels(x: xr.DataArray, coords: Mapping[str, ArrayLike]) -> xr.DataArray:
    """Replace the channels of ``x``; nothing is copied."""
    axis = x.get_axis_num("channel")
    one = x.isel(channel=0, drop=True).expand_dims(channel=coords["channel"], axis=axis)
    return one.assign_coords({k: ("channel", v) for k, v in coords.items() if k != "channel"})
