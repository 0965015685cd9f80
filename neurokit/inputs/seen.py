"""What of the data that they answer for estimators look at, told to whoever listens.

A step says what it did in the ``attrs`` of its result, and the next step of a pipeline drops them.
Whoever judges a pipeline listens while it predicts, and hears it all the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from sklearn.base import BaseEstimator

from neurokit.inputs.labels import name_of


class Seen(NamedTuple):
    """What a step has looked at to answer for trials."""

    step: str  # name of its class
    access: str  # "train", "trialwise" (each trial and those before it) or "batch" (all of them)
    words: str  # for each domain


_LISTENING: ContextVar[list[Seen] | None] = ContextVar("neurokit_seen", default=None)


@contextmanager
def listen() -> Iterator[list[Seen]]:
    """Collect what estimators tell while the block runs, in this thread.

    Yields
    ------
    list of Seen
    """
    heard: list[Seen] = []
    token = _LISTENING.set(heard)
    try:
        yield heard
    finally:
        _LISTENING.reset(token)


def tell(estimator: BaseEstimator, access: str, words: str) -> None:
    """Say what was looked at; nothing happens where nobody listens.

    Parameters
    ----------
    estimator : estimator
        The caller.
    access : {"train", "trialwise", "batch"}
        What the training trials alone have taught; a trial and those before it; all trials that
        came together.
    words : str
    """
    heard = _LISTENING.get()
    if heard is not None:
        heard.append(Seen(name_of(estimator), access, words))
