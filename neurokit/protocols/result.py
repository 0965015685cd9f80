"""What an evaluation found: tables, predictions, paired tests, and the card."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from neurokit.protocols.card import ProtocolCard
from neurokit.protocols.scores import unit_means

_N_DRAWS = 10_000


@dataclass
class Evaluation:
    """Scores of estimators under one protocol.

    Attributes
    ----------
    table : pandas.DataFrame
        One row for each estimator: ``accuracy``, ``balanced_accuracy`` and ``auroc``, means over
        units (subjects, where there are several) and seeds; ``sd_units`` and ``sd_seeds``, the
        two spreads of the accuracy; ``worst`` and ``best`` unit; ``n_units``, ``n_seeds``; and
        ``fit_s``, the mean time of a fit.
    scores : pandas.DataFrame
        One row for each estimator, seed and fold.
    predictions : pandas.DataFrame
        One row for each estimator, seed and tested trial: ``trial`` (its place in X), ``truth``,
        ``prediction``, and ``score ...`` for each class.
    card : ProtocolCard
        How all of this was obtained.
    """

    table: pd.DataFrame
    scores: pd.DataFrame
    predictions: pd.DataFrame
    card: ProtocolCard

    def predicted(self, estimator: str, seed: int | None = None) -> np.ndarray:
        """Return what an estimator said of the tested trials, in the order of X.

        Parameters
        ----------
        estimator : str
        seed : int, optional
            Default: the first.

        Returns
        -------
        ndarray of shape (n_tested,)
        """
        mine = self.predictions[self.predictions["estimator"] == estimator]
        if not len(mine):
            raise ValueError(
                f"Evaluation: knows no estimator {estimator!r}; there are"
                f" {self.table.index.tolist()}."
            )
        first = mine["seed"].iloc[0] if seed is None else seed
        mine = mine[mine["seed"] == first].sort_values("trial", kind="stable")
        return mine["prediction"].to_numpy()

    def compare(self, reference: str | None = None) -> pd.DataFrame:
        """Compare estimators in pairs, on the same units and the same trials.

        Parameters
        ----------
        reference : str, optional
            Compare all others with this one. Default: all pairs.

        Returns
        -------
        pandas.DataFrame
            ``difference``, the accuracy of ``estimator`` minus that of ``reference``, averaged
            over units; ``low`` and ``high``, 95 % of 2,000 draws of the trials of each unit with
            replacement; ``p_units``, two-sided, by flipping the signs of the units' differences
            (all ways of 14 units or fewer, else 10,000), and ``p_units_holm``, corrected for the
            number of pairs. With n units no p lies below 2 / 2^n. ``p_trials`` is that of the
            trials that one gets right and the other wrong (McNemar, exact): it speaks of these
            people, not of others.

        Raises
        ------
        ValueError
            If the reference is unknown.
        """
        names = self.table.index.tolist()
        if reference is not None and reference not in names:
            raise ValueError(
                f"Evaluation.compare: reference must be one of {names}, got {reference!r}."
            )
        pairs = (
            list(combinations(names, 2))
            if reference is None
            else [(name, reference) for name in names if name != reference]
        )
        right = self._right()
        units = {
            str(n): unit_means(mine)["accuracy"].groupby("unit").mean()
            for n, mine in self.scores.groupby("estimator", sort=False)
        }
        rows = [self._pair(a, b, units, right) for a, b in pairs]
        table = pd.DataFrame(rows)
        if len(table):
            table["p_units_holm"] = holm(table["p_units"].to_numpy())
        return table

    def _pair(
        self, a: str, b: str, units: dict[str, pd.Series[float]], right: pd.DataFrame
    ) -> dict[str, object]:
        apart = (units[a] - units[b]).dropna().to_numpy()
        trials = right[a] - right[b]
        rng = np.random.default_rng(0)
        drawn = [
            part.to_numpy()[rng.integers(0, len(part), (2000, len(part)))].mean(1)
            for _, part in trials.dropna().groupby("unit")
        ]
        low, high = np.quantile(np.mean(drawn, axis=0), (0.025, 0.975))
        more, less = int((trials > 0).sum()), int((trials < 0).sum())
        return {
            "estimator": a,
            "reference": b,
            "difference": float(apart.mean()),
            "low": float(low),
            "high": float(high),
            "p_units": flip_signs(apart),
            "p_trials": float(binomtest(more, more + less).pvalue) if more + less else 1.0,
            "n_units": len(apart),
        }

    def _right(self) -> pd.DataFrame:
        """Share of the seeds that got each trial right; one column for each estimator."""
        rows = self.predictions.assign(
            right=(self.predictions["truth"] == self.predictions["prediction"]).astype(float)
        )
        return rows.pivot_table(
            index=["unit", "fold", "trial"], columns="estimator", values="right"
        )

    def __str__(self) -> str:
        return f"{self.table.round(3).to_string()}\n\n{self.card}"

    def _repr_html_(self) -> str:
        return self.table.round(3).to_html() + self.card._repr_html_()


def flip_signs(differences: np.ndarray) -> float:
    """Two-sided p of a mean of paired differences, by flipping their signs.

    Parameters
    ----------
    differences : ndarray of shape (n,)

    Returns
    -------
    float
        NaN for fewer than two.
    """
    n = len(differences)
    if n < 2:
        return float("nan")
    if n <= 14:
        signs = np.array(list(product((1, -1), repeat=n)))
    else:
        signs = np.random.default_rng(0).choice((-1, 1), (_N_DRAWS, n))
        signs[0] = 1
    means = np.abs(signs @ differences)
    return float(np.mean(means >= abs(differences.sum()) - 1e-12))


def holm(p: np.ndarray) -> np.ndarray:
    """Correct p values for their number, after Holm (1979)."""
    out = np.full(len(p), np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    raised = p[order] * (len(order) - np.arange(len(order)))
    out[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return out
