"""What a trainer draws from: anything that has a length, hands out rows, and has a fingerprint."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurokit.solvers.resuming import fingerprint_of
from neurokit.training.devices import bring_near, import_torch

if TYPE_CHECKING:
    import torch
    import xarray as xr
    from torch import Tensor

Rows = NDArray[np.intp]
_AHEAD = 2  # batches that a reader in the background has ready
_PROBED = 8  # examples whose values tell lazy data from others


class Examples:
    """Base of what a trainer draws from.

    A subclass says how many examples there are (``__len__``), hands some of them out (`take`),
    and names them (`fingerprint`), so that a checkpoint is taken up by the same data only.
    """

    waits = False  # whether `take` waits for a disk, so that it pays to read ahead

    def __len__(self) -> int:
        raise NotImplementedError

    def take(self, rows: Rows) -> tuple[Tensor, ...]:
        """Return the examples at ``rows``, tensors with the examples first."""
        raise NotImplementedError

    def fingerprint(self) -> str:
        """Return a name that other examples do not have."""
        raise NotImplementedError

    def divide(self, rows: Rows, batch_size: int) -> list[Rows]:
        """Cut ``rows``, whose order was drawn, into batches.

        Examples of different shapes override it, so that those of a batch have one shape. How
        many batches there are may not depend on the order.
        """
        return [rows[at : at + batch_size] for at in range(0, len(rows), batch_size)]

    def near(self, device: torch.device) -> Examples:
        """Return the same examples, beside the module where there is room for them."""
        return self

    def batches(self, parts: Sequence[Rows]) -> Iterator[tuple[Tensor, ...]]:
        """Yield the examples of each part; where that waits for a disk, read ahead.

        Parameters
        ----------
        parts : sequence of ndarray of int
        """
        if not self.waits:
            for rows in parts:
                yield self.take(rows)
            return
        yield from read_ahead(self, parts)


class TensorExamples(Examples):
    """Tensors in memory, the examples along the first axis of each.

    Parameters
    ----------
    *tensors : Tensor

    Raises
    ------
    ValueError
        If they differ in length, or are empty.

    Examples
    --------
    >>> import torch
    >>> examples = TensorExamples(torch.arange(4), torch.arange(4) * 10)
    >>> [part.tolist() for part in examples.take(np.array([3, 1]))]
    [[3, 1], [30, 10]]
    """

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors or len({len(x) for x in tensors}) != 1 or len(tensors[0]) == 0:
            raise ValueError(
                "Trainer: data must be tensors with one common, positive number of examples,"
                f" got {[len(x) for x in tensors]}."
            )
        self.tensors = tensors

    def __len__(self) -> int:
        return len(self.tensors[0])

    def take(self, rows: Rows) -> tuple[Tensor, ...]:
        """Return the examples at ``rows``."""
        torch = import_torch("TensorExamples")
        at = torch.from_numpy(rows)
        return tuple(x[at.to(x.device)] for x in self.tensors)

    def fingerprint(self) -> str:
        """Return a name for all their bytes."""
        return fingerprint_of(*describe(*self.tensors))

    def near(self, device: torch.device) -> TensorExamples:
        """Return the same tensors, on ``device`` where there is room for them."""
        return TensorExamples(*(bring_near(x, device) for x in self.tensors))


class LazyExamples(Examples):
    """Windows of recordings that stay on disk until they are drawn.

    Recordings are labelled arrays over files: lazy signals (``read_signal`` keeps them so), zarr
    stores, token files. A batch reads its windows and no more, in the background.

    Parameters
    ----------
    recordings : sequence of xarray.DataArray
        Each with the dim ``along``, and with all other dims alike.
    window : int
        Samples (or frames) of an example.
    step : int, optional
        Samples from the start of one example to that of the next. Default: ``window``.
    along : str, default="time"
    targets : sequence of array-like, optional
        For each recording, one row for each of its examples.

    Raises
    ------
    ValueError
        If no recording is as long as a window, or targets do not fit.

    Examples
    --------
    >>> import xarray as xr
    >>> x = xr.DataArray(np.arange(20.0).reshape(2, 10), dims=("channel", "time"))
    >>> examples = LazyExamples([x], window=4)
    >>> len(examples), examples.take(np.array([1]))[0].tolist()
    (2, [[[4.0, 5.0, 6.0, 7.0], [14.0, 15.0, 16.0, 17.0]]])
    """

    waits = True

    def __init__(
        self,
        recordings: Sequence[xr.DataArray],
        *,
        window: int,
        step: int | None = None,
        along: str = "time",
        targets: Sequence[ArrayLike] | None = None,
    ) -> None:
        step = window if step is None else step
        if window < 1 or step < 1:
            raise ValueError(
                f"LazyExamples: window and step must be at least 1, got {window!r} and {step!r}."
            )
        self.recordings, self.window, self.along = list(recordings), window, along
        starts = [np.arange(0, x.sizes[along] - window + 1, step) for x in self.recordings]
        owners = [np.full(len(found), k) for k, found in enumerate(starts)]
        self.starts = np.concatenate([np.arange(0), *starts])
        self.owners = np.concatenate([np.arange(0), *owners])
        if not len(self.starts):
            raise ValueError(
                f"LazyExamples: no recording holds a window of {window} samples, got"
                f" {[x.sizes[along] for x in self.recordings]}; give a shorter window."
            )
        self.targets: np.ndarray | None = None
        if targets is not None:
            self.targets = np.concatenate([np.asarray(part) for part in targets])
            if len(self.targets) != len(self.starts):
                raise ValueError(
                    f"LazyExamples: targets must have one row for each of {len(self.starts)}"
                    f" examples, got {len(self.targets)}."
                )

    def __len__(self) -> int:
        return len(self.starts)

    def take(self, rows: Rows) -> tuple[Tensor, ...]:
        """Read the windows at ``rows``."""
        torch = import_torch("LazyExamples")
        found = [np.ascontiguousarray(self._read(k)) for k in rows]
        batch = torch.from_numpy(np.stack(found))
        if self.targets is None:
            return (batch,)
        return batch, torch.from_numpy(self.targets[rows])

    def fingerprint(self) -> str:
        """Return a name for sizes, labels, targets, and the values of a few examples."""
        spread = np.unique(np.linspace(0, len(self) - 1, _PROBED).astype(int))
        parts: list[object] = [(x.sizes, x.dtype.str) for x in self.recordings]
        parts += [np.asarray(self._read(k)) for k in spread]
        if self.targets is not None:
            parts.append(self.targets)
        return fingerprint_of(self.window, self.starts, self.owners, *parts)

    def _read(self, k: int) -> Any:
        start = int(self.starts[k])
        window = {self.along: slice(start, start + self.window)}
        return self.recordings[self.owners[k]].isel(window).values


def as_examples(data: Examples | Tensor | Sequence[Tensor]) -> Examples:
    """Return ``data`` as examples: a tensor, several, or examples already."""
    if isinstance(data, Examples):
        if len(data) == 0:
            raise ValueError("Trainer: data must hold one example or more, got none.")
        return data
    torch = import_torch("Trainer")
    return TensorExamples(*((data,) if isinstance(data, torch.Tensor) else tuple(data)))


def describe(*tensors: Tensor) -> list[object]:
    """Return type, shape and bytes of each tensor, for `fingerprint_of`."""
    import torch

    found: list[object] = []
    for tensor in tensors:
        values = tensor.detach().cpu().contiguous()
        found += [
            (values.dtype, tuple(values.shape)),
            values.reshape(-1).view(torch.uint8).numpy(),
        ]
    return found


def read_ahead(examples: Examples, parts: Sequence[Rows]) -> Iterator[tuple[Tensor, ...]]:
    """Yield the batches in order while a thread reads those to come.

    An error of the reader comes out here; a consumer that stops early stops the reader.

    Parameters
    ----------
    examples : Examples
    parts : sequence of ndarray of int
        Rows of each batch.
    """
    ready: queue.Queue[Any] = queue.Queue(_AHEAD)
    stop = threading.Event()

    def hand_over(item: object) -> None:
        while not stop.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return

    def read() -> None:
        try:
            for rows in parts:
                hand_over(examples.take(rows))
                if stop.is_set():
                    return
        except BaseException as error:
            hand_over(error)

    reader = threading.Thread(target=read, name="neurokit examples", daemon=True)
    reader.start()
    try:
        for _ in parts:
            found = ready.get()
            if isinstance(found, BaseException):
                raise found
            yield found
    finally:
        stop.set()
        reader.join()
