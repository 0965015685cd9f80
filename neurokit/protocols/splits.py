"""Which trials are learnt from and which are tested, by the name of a protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from neurokit.types import Codes

PROTOCOLS = ("within-session", "cross-session", "leave-one-subject-out", "transfer")
DOMAINS = ("subject", "session", "run")


class Fold(NamedTuple):
    """One training set, and the trials that it is tested on."""

    name: str  # what is tested
    unit: str  # whose score it adds to: a subject, where there are several
    train: Codes
    test: Codes
    calibration: Codes  # those of ``train`` that are labelled trials of the one tested


def make_folds(
    protocol: str,
    y: np.ndarray,
    domains: pd.DataFrame,
    *,
    n_splits: int = 5,
    folds: str = "auto",
    target_share: float = 0.2,
    seed: int = 0,
) -> list[Fold]:
    """Split trials as a protocol has it.

    Parameters
    ----------
    protocol : {"within-session", "cross-session", "leave-one-subject-out", "transfer"}
        Within a session: parts of a session are left out in turn, and learnt from the others of
        the same session. Across sessions: each session of a subject, learnt from their others.
        Leave one subject out: each subject, learnt from all others. Transfer: the same, but the
        first trials of the subject that is tested are learnt from too, with their labels.
    y : ndarray of shape (n_trials,)
        Labels.
    domains : pandas.DataFrame
        One row for each trial, with the columns ``subject``, ``session`` and ``run`` as far as
        they are known; trials stand in order of time.
    n_splits : int, default=5
        Parts of a session where these are not runs.
    folds : {"auto", "runs", "blocks", "shuffled"}, default="auto"
        What the parts of a session are: its runs; blocks of successive trials of each label; or
        trials drawn by ``seed``. Trials that follow one another are alike, so that drawn parts
        flatter. "auto" takes runs where every session has two or more, else blocks.
    target_share : float, default=0.2
        Share of the tested subject's trials that "transfer" learns from, the first ones.
    seed : int, default=0
        For ``folds="shuffled"``.

    Returns
    -------
    list of Fold

    Raises
    ------
    ValueError
        If the protocol is unknown, needs a coordinate that is missing, leaves nothing to learn
        from, or if the training trials of a fold hold one class only.

    Examples
    --------
    >>> domains = pd.DataFrame({"subject": list("aabbcc")})
    >>> made = make_folds("leave-one-subject-out", np.array([0, 1] * 3), domains)
    >>> [(fold.name, fold.test.tolist()) for fold in made]
    [('subject a', [0, 1]), ('subject b', [2, 3]), ('subject c', [4, 5])]
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"evaluate: protocol must be one of {PROTOCOLS}, got {protocol!r}.")
    if protocol == "within-session":
        made = _within(y, domains, n_splits, folds, seed)
    elif protocol == "cross-session":
        made = _across(domains)
    else:
        share = target_share if protocol == "transfer" else 0.0
        if not 0 <= share < 1 or (protocol == "transfer" and share == 0):
            raise ValueError(
                f"evaluate: target_share must lie between 0 and 1, got {target_share!r}."
            )
        made = _subjects(domains, share)
    check_folds(made, y)
    return made


def read_folds(
    given: Iterable[Any] | Mapping[str, Any], y: np.ndarray, domains: pd.DataFrame
) -> list[Fold]:
    """Read splits that were made elsewhere: pairs of indices, by name or one after the other.

    Parameters
    ----------
    given : iterable of (train, test), or mapping of name to such a pair
    y : ndarray of shape (n_trials,)
    domains : pandas.DataFrame

    Returns
    -------
    list of Fold
    """
    pairs = given.items() if isinstance(given, Mapping) else enumerate(given, 1)
    made = []
    for name, pair in pairs:
        train, test = (np.asarray(part) for part in pair)
        train, test = (
            np.flatnonzero(p) if p.dtype == bool else p.astype(int) for p in (train, test)
        )
        label = name if isinstance(name, str) else f"fold {name}"
        made.append(Fold(label, _owner(domains, test), train, test, np.array([], int)))
    check_folds(made, y)
    return made


def check_folds(made: list[Fold], y: np.ndarray) -> None:
    """Refuse folds that share trials, are empty, or teach one class only."""
    if not made:
        raise ValueError("evaluate: the protocol makes no fold; it needs trials to test.")
    for fold in made:
        if not len(fold.train) or not len(fold.test):
            raise ValueError(
                f"evaluate: fold {fold.name!r} has {len(fold.train)} trials to train on and"
                f" {len(fold.test)} to test; take fewer folds or another protocol."
            )
        if np.isin(fold.test, fold.train).any():
            raise ValueError(f"evaluate: fold {fold.name!r} tests trials that it trains on.")
        classes = np.unique(y[fold.train])
        if len(classes) < 2:
            raise ValueError(
                f"evaluate: fold {fold.name!r} trains on one class, {classes.tolist()}; take"
                " another protocol or fewer folds, or leave that session out."
            )


def blocks_of_time(y: np.ndarray, n_blocks: int) -> list[tuple[Codes, Codes]]:
    """Split trials into blocks of successive trials of each label; train on all blocks but one.

    Parameters
    ----------
    y : ndarray of shape (n_trials,)
        Labels, in order of time.
    n_blocks : int

    Returns
    -------
    list of (train, test)

    Examples
    --------
    >>> import numpy as np
    >>> [test.tolist() for _, test in blocks_of_time(np.array([0, 1, 0, 1, 0, 1, 0, 1]), 2)]
    [[0, 1, 2, 3], [4, 5, 6, 7]]
    """
    block = np.empty(len(y), int)
    for label in np.unique(y):
        mine = np.flatnonzero(y == label)
        block[mine] = np.arange(len(mine)) * n_blocks // len(mine)
    return [(np.flatnonzero(block != k), np.flatnonzero(block == k)) for k in range(n_blocks)]


def _within(
    y: np.ndarray, domains: pd.DataFrame, n_splits: int, folds: str, seed: int
) -> list[Fold]:
    sessions = list(_sessions(domains))
    runs = "run" in domains and all(
        domains["run"].iloc[rows].nunique() > 1 for _, _, rows in sessions
    )
    if folds not in ("auto", "runs", "blocks", "shuffled"):
        raise ValueError(
            "evaluate: folds must be auto, runs, blocks or shuffled, got " + repr(folds) + "."
        )
    if folds == "runs" and not runs:
        raise ValueError(
            'evaluate: folds="runs" needs a coordinate run with two runs or more in every'
            ' session; folds="blocks" leaves out stretches of time.'
        )
    made = []
    for name, unit, rows in sessions:
        if folds in ("auto", "runs") and runs:
            run = domains["run"].to_numpy()[rows]
            parts = {f"run {r}": (rows[run != r], rows[run == r]) for r in pd.unique(run)}
        else:
            fewest = int(np.unique(y[rows], return_counts=True)[1].min())
            if fewest < 2:
                raise ValueError(
                    f"evaluate: {name or 'the session'} has a class of one trial only; leave"
                    " that class or session out."
                )
            if folds == "shuffled":
                from sklearn.model_selection import StratifiedKFold

                cut = StratifiedKFold(min(n_splits, fewest), shuffle=True, random_state=seed)
                pairs = [(np.asarray(a), np.asarray(b)) for a, b in cut.split(rows, y[rows])]
            else:
                pairs = blocks_of_time(y[rows], min(n_splits, fewest))
            parts = {f"part {k}": (rows[a], rows[b]) for k, (a, b) in enumerate(pairs, 1)}
        for part, (train, test) in parts.items():
            whole = ", ".join(p for p in (name, part) if p)
            made.append(Fold(whole, unit, train, test, np.array([], int)))
    return made


def _across(domains: pd.DataFrame) -> list[Fold]:
    if "session" not in domains:
        raise ValueError(
            "evaluate: cross-session needs the coordinate session on trial;"
            " x.assign_coords(session=('trial', names)) gives it."
        )
    made = []
    subject = _column(domains, "subject")
    for who in pd.unique(subject):
        mine = np.flatnonzero(subject == who)
        session = domains["session"].to_numpy()[mine]
        if len(pd.unique(session)) < 2:
            continue  # nothing to learn from
        for s in pd.unique(session):
            name = f"session {s}" if "subject" not in domains else f"subject {who}, session {s}"
            test, train = mine[session == s], mine[session != s]
            made.append(Fold(name, str(who), train, test, np.array([], int)))
    if not made:
        raise ValueError(
            "evaluate: cross-session needs a subject with two sessions or more, and all have"
            " one; within-session leaves out parts of it."
        )
    return made


def _subjects(domains: pd.DataFrame, share: float) -> list[Fold]:
    subject = _column(domains, "subject")
    if len(pd.unique(subject)) < 2:
        raise ValueError(
            "evaluate: to leave a subject out needs the coordinate subject on trial with two"
            f" subjects or more, got {len(pd.unique(subject)) if 'subject' in domains else 0}."
        )
    made = []
    for who in pd.unique(subject):
        mine, others = np.flatnonzero(subject == who), np.flatnonzero(subject != who)
        first = mine[: round(share * len(mine))]
        train, test = np.concatenate([others, first]), mine[len(first) :]
        made.append(Fold(f"subject {who}", str(who), train, test, first))
    return made


def _sessions(domains: pd.DataFrame) -> Iterable[tuple[str, str, Codes]]:
    """Yield name, unit and trials of every session."""
    names = [name for name in ("subject", "session") if name in domains]
    if not names:
        yield "", "all", np.arange(len(domains))
        return
    for values, mine in domains.groupby(names, sort=False).indices.items():
        key = values if isinstance(values, tuple) else (values,)
        shown = ", ".join(f"{n} {v}" for n, v in zip(names, key, strict=True))
        yield shown, str(key[0]) if "subject" in names else "all", np.sort(mine)


def _owner(domains: pd.DataFrame, rows: Codes) -> str:
    who = pd.unique(_column(domains, "subject")[rows])
    return str(who[0]) if len(who) == 1 else "all"


def _column(domains: pd.DataFrame, name: str) -> np.ndarray:
    return domains[name].to_numpy() if name in domains else np.full(len(domains), "all")
