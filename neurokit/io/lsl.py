"""Live streams of the Lab Streaming Layer: chunks for whatever runs live."""

import threading
import time
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import xarray as xr

from neurokit.recording.clock import exact
from neurokit.recording.make import signal
from neurokit.types import Floats


def stream_lsl(
    name: str | None = None, *, kind: str | None = None, timeout: float = 5.0, buffer: float = 30.0
) -> "LSLStream":
    """Open a live stream of samples that an amplifier, or another program, sends over LSL.

    Parameters
    ----------
    name : str, optional
        Name of the stream.
    kind : str, optional
        Its type, "EEG" say. Without either the only stream in the network is taken.
    timeout : float, default=5.0
        Seconds to look for it.
    buffer : float, default=30.0
        Seconds of samples that are kept while nobody takes them.

    Returns
    -------
    LSLStream
        An iterator over chunks, and a context manager.

    Raises
    ------
    ImportError
        If pylsl or its library is missing.
    OSError
        If no such stream is found in time, or several are.

    Examples
    --------
    Decode while the amplifier runs::

        live = decoder.stream()
        with io.stream_lsl(kind="EEG") as amplifier:
            for chunk in amplifier:  # (time, channel), as it came
                cursor.move(live.push(chunk))
    """
    pylsl = _pylsl()
    found: list[Any] = []
    until = time.monotonic() + timeout
    while not found and time.monotonic() < until:
        wait = max(0.1, min(1.0, until - time.monotonic()))
        if name is not None:
            found = pylsl.resolve_byprop("name", name, timeout=wait)
        elif kind is not None:
            found = pylsl.resolve_byprop("type", kind, timeout=wait)
        else:
            found = pylsl.resolve_streams(wait)
    found = [f for f in found if f.nominal_srate() > 0 and kind in (None, f.type())]
    if len(found) != 1:
        asked = f"name {name!r}" if name is not None else f"type {kind!r}" if kind else "any name"
        held = [f"{f.name()} ({f.type()})" for f in found]
        raise OSError(
            f"stream_lsl: expects one stream of {asked} and regular samples, found"
            f" {held or f'none in {timeout:g} s'}; name it by name= or kind=."
        )
    return LSLStream(pylsl.StreamInlet(found[0], max_buflen=max(1, round(buffer)), recover=True))


class LSLStream:
    """Chunks of a live stream, as they come.

    Parameters
    ----------
    inlet : pylsl.StreamInlet
        What `stream_lsl` has opened.

    Attributes
    ----------
    sampling_rate : float
        In Hz, as the sender states it.
    channels : list of str
    n_lost : int
        Samples that the times of what came say were lost on the way.
    """

    def __init__(self, inlet: Any) -> None:
        self._inlet = inlet
        info = inlet.info(timeout=5.0)
        self.sampling_rate = float(info.nominal_srate())
        self.channels = _labels(info)
        self.n_lost = 0
        self._first: float | None = None
        self._n = 0
        self._stopped = threading.Event()
        inlet.open_stream(timeout=5.0)

    def pull(self, timeout: float = 1.0) -> Floats:
        """Wait for samples, and take all that have come.

        Parameters
        ----------
        timeout : float, default=1.0
            Longest wait, in seconds.

        Returns
        -------
        ndarray of shape (n_times, n_channels)
            None after ``timeout``: n_times is then 0.
        """
        sample, stamp = self._inlet.pull_sample(timeout=timeout)
        if sample is None:
            return np.empty((0, len(self.channels)))
        rest, stamps = self._inlet.pull_chunk(timeout=0.0)
        rows = np.asarray([sample, *rest], dtype=np.float64)
        self._watch(np.asarray([stamp, *stamps]))
        return rows

    def record(self, seconds: float) -> xr.DataArray:
        """Take ``seconds`` of the stream as a labelled signal.

        Returns
        -------
        xarray.DataArray of dims ("channel", "time")
            It begins at 0 s.
        """
        wanted = max(1, round(seconds * self.sampling_rate))
        rows: list[Floats] = []
        until = time.monotonic() + 2 * seconds + 5
        while sum(map(len, rows)) < wanted:
            rows.append(self.pull(0.2))
            if time.monotonic() > until:
                raise OSError(
                    f"stream_lsl: only {sum(map(len, rows))} of {wanted} samples came in"
                    f" {2 * seconds + 5:g} s; is the sender still there?"
                )
        values = np.concatenate(rows)[:wanted].T
        rate = exact(self.sampling_rate)
        return signal(values, sampling_rate=rate, channels=self.channels)

    def stop(self) -> None:
        """End the iteration, from any thread."""
        self._stopped.set()

    def close(self) -> None:
        """End the connection."""
        self.stop()
        self._inlet.close_stream()

    def __iter__(self) -> Iterator[Floats]:
        while not self._stopped.is_set():
            rows = self.pull(0.2)
            if len(rows):
                yield rows

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _watch(self, stamps: Floats) -> None:
        """Tell what is missing: times later than the number of samples accounts for."""
        self._n += len(stamps)
        self._first = float(stamps[0]) if self._first is None else self._first
        # stamps that jitter come late and catch up; what is lost is never caught up with
        due = (stamps - self._first) * self.sampling_rate - np.arange(-len(stamps), 0) - self._n
        self.n_lost = max(0, round(float(due.min())))


def _labels(info: Any) -> list[str]:
    n = int(info.channel_count())
    names, child = [], info.desc().child("channels").child("channel")
    for _ in range(n):
        names.append(str(child.child_value("label")))
        child = child.next_sibling()
    return names if all(names) and len({*names}) == n else [f"ch{k}" for k in range(n)]


def _pylsl() -> Any:
    try:
        import pylsl
    except (ImportError, RuntimeError) as error:
        raise ImportError(
            "stream_lsl needs pylsl and its library liblsl; pip install 'neurokit-brain[lsl]'"
            f" ({str(error).splitlines()[0]})."
        ) from None
    return pylsl
