"""What a montage is to coding and decoding, and the one in which every channel stands alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import xarray as xr

from neurokit.inputs.signal import Signal, cut_spans
from neurokit.tokenizers.framing.level import SIDE
from neurokit.types import Codes, Floats, Tokens


class Montage(Protocol):
    """The channels of one recording, and the rows that are coded in their place."""

    n_channels: int
    n_rows: int  # that a trial is coded as

    def gather(self, frames: Floats) -> Floats:
        """Make the levelled frames of the rows from those of the channels."""

    def spread(self, frames: Floats) -> Floats:
        """Make the levelled frames of the channels from those of the rows."""

    def side_columns(self) -> dict[str, int]:
        """Name the columns that hold the level, and how many codes each has."""

    def pack_side(self, side: Codes) -> Codes:
        """Bring the level codes (trial * channel, frame, 2) of the channels to the rows."""

    def unpack_side(self, packed: Codes) -> Codes:
        """Invert `pack_side`."""

    def cut(self, n_trials: int, most: int) -> Iterator[tuple[slice, slice, Montage]]:
        """Cut trials into parts that are decoded at once: of rows, of channels, with a montage.

        Parameters
        ----------
        n_trials : int
        most : int
            Channels of a part, about.
        """

    def label_rows(self, source: xr.DataArray) -> xr.DataArray:
        """Put rows in place of the channels of a recording; values mean nothing."""

    def label_channels(self, tokens: xr.DataArray) -> xr.DataArray:
        """Put channels in place of the rows of tokens; values mean nothing."""

    def describe(self, source: xr.DataArray) -> dict[str, str]:
        """Return what labelled tokens must tell, in ``attrs``, to be decoded."""


class Montages(Protocol):
    """Who finds the montage of a recording."""

    def of_signal(self, signal: Signal) -> Montage:
        """Find that of a recording."""

    def of_tokens(self, tokens: Tokens, caller: str) -> Montage:
        """Find that of the recording which tokens stand for."""

    def of_plain(self, n_channels: int, n_trials: int) -> Montage:
        """Find that of a recording without labels."""


class EachChannel:
    """Every channel is coded alone, whatever it is: the rows are the channels.

    Parameters
    ----------
    n_channels : int
    """

    def __init__(self, n_channels: int) -> None:
        self.n_channels = self.n_rows = n_channels

    @classmethod
    def of_signal(cls, signal: Signal) -> EachChannel:
        """Find that of a recording."""
        return cls(signal.n_channels)

    @classmethod
    def of_tokens(cls, tokens: Tokens, caller: str) -> EachChannel:
        """Find that of the recording which tokens stand for; other dims are refused later."""
        if isinstance(tokens, xr.DataArray):
            return cls(tokens.sizes.get("channel", 1))
        return cls((1, 1, 1, *np.shape(tokens))[-3])

    @classmethod
    def of_plain(cls, n_channels: int, n_trials: int) -> EachChannel:
        """Find that of a recording without labels."""
        return cls(n_channels)

    def gather(self, frames: Floats) -> Floats:
        """Return the frames as they are."""
        return frames

    def spread(self, frames: Floats) -> Floats:
        """Return the frames as they are."""
        return frames

    def side_columns(self) -> dict[str, int]:
        """Name the columns that hold the level, and how many codes each has."""
        return SIDE

    def pack_side(self, side: Codes) -> Codes:
        """Return the level codes as they are."""
        return side

    def unpack_side(self, packed: Codes) -> Codes:
        """Return the level codes as they are."""
        return packed

    def cut(self, n_trials: int, most: int) -> Iterator[tuple[slice, slice, EachChannel]]:
        """Cut trials into parts that are decoded at once; channels of one trial may be parted."""
        for start, stop in cut_spans(n_trials * self.n_channels, most):
            yield slice(start, stop), slice(start, stop), self

    def label_rows(self, source: xr.DataArray) -> xr.DataArray:
        """Return the recording as it is."""
        return source

    def label_channels(self, tokens: xr.DataArray) -> xr.DataArray:
        """Return the tokens as they are."""
        return tokens

    def describe(self, source: xr.DataArray) -> dict[str, str]:
        """Return nothing: tokens of a channel tell all."""
        return {}
