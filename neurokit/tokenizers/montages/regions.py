"""The contacts of one recording at work: frames of contacts to frames of regions, and back."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurokit.tokenizers.montages.spatial import (
    Contacts,
    Kernel,
    principal_map,
    read_contacts,
    second_moments,
)


class Montage:
    """Regions of a recording's contacts, and the spatial maps of its trials.

    Within a region, contacts stand in the order of their names, so that the order of channels
    makes no difference. Sums over them run in that order, one after the other: they come out the
    same for blocks of any length.

    Parameters
    ----------
    contacts : Contacts
        Of each channel.
    regions : sequence of str
        Of each channel.
    subjects : sequence of str
        Of each trial.
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
        self.maps: dict[str, list[NDArray[Any]]] = {}  # of each subject, (contact, signal)

    def find_maps(self, records: Mapping[str, Any], kernel: Kernel, n_signals: int) -> Self:
        """Find the spatial map of each subject and region; return the montage."""
        for subject in dict.fromkeys(self.subjects):
            self.maps[subject] = []
            for rows in self.members:
                names, places = [self.contacts.names[k] for k in rows], self.contacts.places[rows]
                moment = second_moments(names, places, subject, records, kernel)
                self.maps[subject].append(principal_map(moment, n_signals))
        return self

    def of_trials(self, start: int, stop: int) -> "Montage":
        """Take some of the trials."""
        subjects = self.subjects[start:stop]
        part = Montage(self.contacts, self.contact_regions, subjects, self.regions, self.n_slots)
        part.maps = self.maps
        return part

    # ------------------------------------------------------------ signals

    def gather(self, frames: NDArray[Any]) -> NDArray[Any]:
        """Frames of regions, (trial * region, frame, signal * sample), a hop of each signal.

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

    def spread(self, frames: NDArray[Any]) -> NDArray[Any]:
        """Frames of contacts, (trial * channel, frame, sample), that those of regions mean."""
        n_signals = next(iter(self.maps.values()))[0].shape[1]
        n_frames = frames.shape[1]
        size = frames.shape[2] // n_signals
        parts = frames.reshape(len(self.subjects), self.n_rows, n_frames, n_signals, size)
        out = np.zeros((len(parts), self.n_channels, n_frames, size))
        for trials, region, row, own in self._entries():
            for signal, weight in enumerate(own * self._roots[region]):
                out[trials, row] += weight * parts[trials, region, :, signal]
        return out.reshape(len(parts) * self.n_channels, n_frames, size)

    def _entries(self) -> Iterator[tuple[NDArray[Any], int, int, NDArray[Any]]]:
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

    def pack_side(self, side: NDArray[Any]) -> NDArray[Any]:
        """Level codes (trial * region, frame, column) of those of the channels; 0 where none."""
        side = side.reshape(len(self.subjects), self.n_channels, *side.shape[1:])
        n_frames = side.shape[2]
        out = np.zeros((len(side), self.n_rows, n_frames, self.n_slots, 2), side.dtype)
        for region, rows in enumerate(self.members):
            out[:, region, :, : len(rows)] = side[:, rows].transpose(0, 2, 1, 3)
        return out.reshape(len(side) * self.n_rows, n_frames, 2 * self.n_slots)

    def unpack_side(self, packed: NDArray[Any]) -> NDArray[Any]:
        """Invert `pack_side`: (trial * channel, frame, 2)."""
        n_frames = packed.shape[1]
        packed = packed.reshape(len(self.subjects), self.n_rows, n_frames, self.n_slots, 2)
        out = np.zeros((len(packed), self.n_channels, n_frames, 2), packed.dtype)
        for region, rows in enumerate(self.members):
            out[:, rows] = packed[:, region, :, : len(rows)].transpose(0, 2, 1, 3)
        return out.reshape(len(packed) * self.n_channels, n_frames, 2)

    def side_columns(self) -> dict[str, int]:
        """Names of the columns that `pack_side` gives, and how many codes each has."""
        columns: dict[str, int] = {}
        for slot in range(1, self.n_slots + 1):
            columns |= {f"scale.{slot}": 256, f"offset.{slot}": 65536}
        return columns

    # ------------------------------------------------------------ labels

    def label_regions(self, source: xr.DataArray) -> xr.DataArray:
        """Rows of regions in place of the channels of a recording; values mean nothing."""
        return _with_channels(source, {"channel": self.regions})

    def note(self, source: xr.DataArray) -> str:
        """Write what labels the channels of a recording, and their regions, as JSON."""
        coords = {}
        for name, coord in source.coords.items():
            values = coord.values.tolist() if coord.dims == ("channel",) else [()]
            if all(v is None or isinstance(v, bool | int | float | str) for v in values):
                dtype = coord.dtype.str if coord.dtype.kind in "biufU" else "O"
                coords[str(name)] = {"dtype": dtype, "values": values}
        return json.dumps({"regions": self.contact_regions, "coords": coords})


def from_note(tokens: xr.DataArray, subjects: list[str]) -> tuple[Montage, xr.DataArray]:
    """Read what `Montage.note` has written into ``attrs["contacts"]`` of tokens.

    Returns
    -------
    montage : Montage
        Of the regions that are there, in the order of the tokens; without maps.
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
    source = _with_channels(tokens, {"channel": kept} | coords)
    largest = max(note["regions"].count(region) for region in set(note["regions"]))
    regions = [note["regions"][k] for k in kept]
    contacts = read_contacts(source, len(kept))
    source = source if "channel" in coords else source.drop_vars("channel")
    return Montage(contacts, regions, subjects, order, largest), source


def _with_channels(x: xr.DataArray, coords: Mapping[str, Any]) -> xr.DataArray:
    """Replace the channels of ``x``; nothing is copied."""
    axis = x.get_axis_num("channel")
    one = x.isel(channel=0, drop=True).expand_dims(channel=coords["channel"], axis=axis)
    return one.assign_coords({k: ("channel", v) for k, v in coords.items() if k != "channel"})
