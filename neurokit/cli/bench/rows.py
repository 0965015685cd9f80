"""Rows of figures of a benchmark, in a file that grows."""

import csv
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neurokit.atomic import atomic_path

KEY = ("recording", "decoder", "filter", "seed", "epochs", "count")
FIGURES = (
    "r2",
    "r2_aligned",
    "waits_s",
    "footprint",
    "execution_rate",
    "connection_sparsity",
    "activation_sparsity",
    "dense",
    "macs",
    "acs",
    "membrane_updates",
    "n_test",
    "fit_s",
)
_WHOLE = {"seed", "epochs", "count", "footprint", "execution_rate", "n_test"}


class Rows:
    """Rows of figures in a file that grows: each is there as soon as it is known.

    Parameters
    ----------
    path : path-like or None
        ``.csv`` or ``.json``. Rows that it already holds are known. None: in memory only.

    Raises
    ------
    ValueError
        If the file is of another kind, or holds something else.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self.path = None if path is None else Path(path)
        self.rows: list[dict[str, Any]] = []
        if self.path is None:
            return
        if self.path.suffix.lower() not in (".csv", ".json"):
            raise ValueError(
                f"{self.path}: results are written to .csv or .json, not"
                f" {self.path.suffix or 'a name without extension'!r}."
            )
        if self.path.exists():
            self.rows = self._read(self.path)

    def known(self, **key: object) -> bool:
        """Tell whether the row of these values of ``KEY`` is there."""
        return any(all(row[k] == v for k, v in key.items()) for row in self.rows)

    def add(self, row: Mapping[str, object]) -> None:
        """Add a row, and write all: beside, then rename."""
        self.rows.append({name: row[name] for name in (*KEY, *FIGURES)})
        if self.path is None:
            return
        with atomic_path(self.path) as part, part.open("w", newline="") as file:
            if self.path.suffix.lower() == ".json":
                json.dump([_plain(row) for row in self.rows], file, indent=1)
            else:
                table = csv.DictWriter(file, [*KEY, *FIGURES], lineterminator="\n")
                table.writeheader()
                table.writerows(self.rows)

    @staticmethod
    def _read(path: Path) -> list[dict[str, Any]]:
        try:
            with path.open(newline="") as file:
                if path.suffix.lower() == ".json":
                    found = json.load(file)
                    fine = isinstance(found, list)
                else:
                    table = csv.DictReader(file)
                    found, fine = list(table), table.fieldnames == [*KEY, *FIGURES]
            if not fine:
                raise ValueError("another layout")
            return [{name: _value(name, row[name]) for name in (*KEY, *FIGURES)} for row in found]
        except (ValueError, KeyError, TypeError, csv.Error) as error:
            raise ValueError(
                f"{path}: does not hold results of this benchmark; give another name."
            ) from error


def _value(name: str, value: str) -> object:
    if name in KEY[:3]:
        return str(value)
    if value in ("", None):
        return None if name in ("epochs", "count") else float("nan")
    return int(value) if name in _WHOLE else float(value)


def _plain(row: Mapping[str, object]) -> dict[str, Any]:
    """NaN is no JSON."""
    return {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in row.items()}
