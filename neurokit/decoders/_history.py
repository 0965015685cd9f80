"""The recent past of a live recording, always as one contiguous array."""

import numpy as np
from numpy.typing import NDArray


class History:
    """Rows that came before, in front of the rows that just came, without allocation.

    Parameters
    ----------
    past : ndarray of shape (n_past, n_features)
        What stood before the first row.

    Examples
    --------
    >>> history = History(np.zeros((1, 1)))
    >>> history.push(np.array([[1.0], [2.0]])).ravel()
    array([0., 1., 2.])
    >>> history.push(np.array([[3.0]])).ravel()
    array([2., 3.])
    """

    def __init__(self, past: NDArray[np.float64]) -> None:
        self.n_past, n_features = past.shape
        self._rows = np.empty((4 * self.n_past + 256, n_features))
        self._rows[: self.n_past] = past
        self._end = self.n_past

    def push(self, chunk: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the view of the ``n_past`` rows before ``chunk`` and of its own.

        It is overwritten by the next calls: copy what must stay.
        """
        n, end = len(chunk), self._end
        if end + n > len(self._rows):  # the newest rows move to the front, now and then
            past = self._rows[end - self.n_past : end].copy()
            if self.n_past + n > len(self._rows):
                self._rows = np.empty((self.n_past + 2 * n, past.shape[1]))
            self._rows[: self.n_past] = past
            end = self.n_past
        self._rows[end : end + n] = chunk
        self._end = end + n
        return self._rows[end - self.n_past : end + n]
