"""The protocol card: how a score was obtained, beside the score."""

from __future__ import annotations

import html
import importlib.metadata
import os
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from sklearn.base import BaseEstimator
from sklearn.model_selection._search import BaseSearchCV

import neurokit
from neurokit.types import Json

_PACKAGES = ("numpy", "scipy", "scikit-learn", "xarray", "mne", "pyriemann", "moabb", "torch")
_MODULES = {"scikit-learn": "sklearn"}


@dataclass
class ProtocolCard:
    """What a reader must know to believe a score.

    Attributes
    ----------
    protocol : str
        Its name.
    split : str
        Who was trained on and who was tested.
    trials : str
        How many, and of which labels.
    unit : str
        What scores are averaged over and compared by.
    chance : float
        Share of the commonest label among the tested trials.
    lucky : float
        What the luckiest of twenty guessers reaches with as many trials.
    seeds : dict
        For each estimator, those it was fitted with; one where they change nothing.
    target_data : dict
        For each estimator, what of the tested data was seen, in MOABB's words
        (``CrossSubjectMode``), and how that was found out.
    alignment : dict
        For each estimator, what its steps said of how test trials were aligned.
    selection : dict
        For each estimator, how its parameters were chosen.
    estimators : dict
        What each was.
    hidden : list of str
        Coordinates that estimators were not shown.
    notes : list of str
        Warnings of the fits, and folds that failed.
    machine : dict
        BLAS, threads, versions.
    """

    protocol: str
    split: str
    trials: str
    unit: str
    chance: float
    lucky: float
    seeds: dict[str, list[int] | str] = field(default_factory=dict)
    target_data: dict[str, str] = field(default_factory=dict)
    alignment: dict[str, str] = field(default_factory=dict)
    selection: dict[str, str] = field(default_factory=dict)
    estimators: dict[str, str] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    machine: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> Json:
        """Return the card as what JSON can hold."""
        return asdict(self)

    def facts(self) -> dict[str, str]:
        """Return the card as names and one line each; what all estimators share is said once."""
        lines: dict[str, str] = {}
        for name, value in self.to_dict().items():
            shown = name.replace("_", " ").capitalize()
            if isinstance(value, dict) and name != "machine":
                words = {k: ", ".join(map(str, v)) if isinstance(v, list) else str(v)
                         for k, v in value.items()}  # fmt: skip
                if len(set(words.values())) == 1:
                    lines[shown] = next(iter(words.values()))
                else:
                    lines[shown] = "; ".join(f"{k}: {v}" for k, v in words.items())
            elif isinstance(value, dict):
                lines[shown] = ", ".join(f"{k} {v}" for k, v in value.items())
            elif isinstance(value, list):
                lines[shown] = "; ".join(value) if value else "none"
            else:
                lines[shown] = f"{value:.3f}" if isinstance(value, float) else str(value)
        return lines

    def __str__(self) -> str:
        facts = self.facts()
        width = max(map(len, facts))
        return "\n".join(f"{name:<{width}}  {words}" for name, words in facts.items())

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<dt>{html.escape(name)}</dt><dd>{html.escape(words)}</dd>"
            for name, words in self.facts().items()
        )
        return f"<dl>{rows}</dl>"


def describe_selection(estimator: BaseEstimator) -> str:
    """Say how the parameters of an estimator are chosen: as given, or searched in training."""
    from sklearn.pipeline import Pipeline

    steps = estimator.steps if isinstance(estimator, Pipeline) else [("", estimator)]
    found = [step for _, step in steps if isinstance(step, BaseSearchCV)]
    if not found:
        return "none: parameters as given"
    said = []
    for search in found:
        given = search.get_params(deep=False)
        grid = given.get("param_grid", given.get("param_distributions"))
        said.append(f"{grid} by cv={given['cv']}, inside the training trials of each fold")
    return "; ".join(said)


def describe_estimator(estimator: BaseEstimator) -> str:
    """Put an estimator on one line, without addresses in memory, which differ from run to run."""
    return re.sub(r" at 0x[0-9a-f]+", "", " ".join(repr(estimator).split()))


def describe_machine(n_jobs: int | None) -> dict[str, str]:
    """Say what may change the last digits: BLAS, threads, versions, processors."""
    from threadpoolctl import threadpool_info

    pools = [
        f"{p['internal_api']} {p.get('version') or ''} ({p['num_threads']} threads)"
        for p in threadpool_info()
    ]
    loaded = {
        name: importlib.metadata.version(name)
        for name in _PACKAGES
        if _MODULES.get(name, name) in sys.modules
    }
    return {
        "BLAS": " and ".join(sorted(set(pools))) or "unknown",
        "n_jobs": str(n_jobs or 1),
        "processors": str(os.cpu_count()),
        "python": platform.python_version(),
        "neurokit": neurokit.__version__,
        **loaded,
    }


def moabb_words(access: Mapping[str, bool], share: float) -> str:
    """Name what of the target was seen as MOABB's ``CrossSubjectMode`` does.

    Parameters
    ----------
    access : mapping
        ``alone``: a trial by itself is answered as among others; ``before``: the first trials
        are answered as they are when later ones follow.
    share : float
        Share of the target's trials whose labels were learnt from.

    Returns
    -------
    str
    """
    if share:
        name = f"train_and_target_labeled_{100 * share:.0f}p"
    elif access["alone"] and access["before"]:
        return "train"
    elif access["before"]:
        return "train_trialwise"
    else:
        return "train_and_target_unlabeled_full"
    if access["alone"] and access["before"]:
        return name
    how = "each test trial and those before it" if access["before"] else "all test trials"
    return f"{name}, and {how} without labels"
