"""Live use: what a stream is."""

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Stream(Protocol):
    """What ``est.stream(...)`` returns: the state of one live recording.

    Outputs of ``push`` for chunks of any length, and of the final ``flush``, joined together,
    are what the estimator gives for the whole recording. The estimator itself does not change,
    so one fitted estimator serves any number of streams. Chunks have the axes of plain arrays:
    (n_times, n_units) for decoders along time, (n_channels, n_times) for tokenizers.
    """

    def push(self, chunk: Any) -> Any:
        """Take the next samples; return the outputs that are now decided."""

    def flush(self) -> Any:
        """End the recording; return the outputs that waited for more samples."""
