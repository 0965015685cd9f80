"""Tables of the primate reaching task: the leaderboard's columns, published figures beside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from neurokit.cli.bench.rows import FIGURES
from neurokit.datasets.fetch import REACHING_SESSIONS

SOURCE = (
    "NeuroBench's committed results, github.com/NeuroBench/neurobench at e521c28,"
    " examples/primate_reaching/benchmark_*.py"
)
LEADERBOARD = (
    "Rank",
    "Baseline",
    "R^2",
    "Footprint (bytes)",
    "Model Exec. Rate (Hz)",
    "Connection Sparsity",
    "Activation Sparsity",
    "Dense",
    "Eff_MACs",
    "Eff_ACs",
    "Date Submitted",
)

# R2, activation sparsity, dense, effective MACs and ACs of each recording, in the order of
# REACHING_SESSIONS; bytes for indy and loco. Connection sparsity is 0 for all.
PUBLISHED: dict[str, dict[str, tuple[float, ...]]] = {
    "ANN2D": {
        "r2": (0.6327, 0.5241, 0.6217, 0.5727, 0.4746, 0.6272),
        "footprint": (20_824,) * 3 + (33_496,) * 3,
        "activation_sparsity": (0.7069, 0.7274, 0.6143, 0.6290, 0.6793, 0.6964),
        "dense": (4702.26, 4701.84, 4699.55, 7773.22, 7771.02, 7772.63),
        "macs": (4306.32, 3595.21, 3607.26, 5851.98, 5995.01, 6462.79),
        "acs": (0.0,) * 6,
    },
    "ANN3D": {
        "r2": (0.6739, 0.5933, 0.6587, 0.5970, 0.5282, 0.6411),
        "footprint": (94_552,) * 3 + (180_952,) * 3,
        "activation_sparsity": (0.7647, 0.7170, 0.5857, 0.7323, 0.5230, 0.7613),
        "dense": (23_136,) * 3 + (44_640,) * 3,
        "macs": (10_443.12, 7005.95, 6213.92, 14_398.12, 14_647.87, 16_333.47),
        "acs": (0.0063, 0.0021, 0.0056, 0.0117, 0.0109, 0.0074),
    },
    "SNN2": {
        "r2": (0.6774, 0.5011, 0.5994, 0.5707, 0.5145, 0.6202),
        "footprint": (19_648,) * 3 + (38_848,) * 3,
        "activation_sparsity": (0.9963, 0.9969, 0.9964, 0.9987, 0.9986, 0.9988),
        "dense": (4900,) * 3 + (9700,) * 3,
        "macs": (0.0,) * 6,
        "acs": (396.64, 244.43, 185.92, 510.37, 558.83, 584.92),
    },
    "SNN3": {
        "r2": (0.6968, 0.5772, 0.6517, 0.6226, 0.5677, 0.6813),
        "footprint": (24_972,) * 3 + (43_020,) * 3,
        "activation_sparsity": (0.6453, 0.6873, 0.9192, 0.9158, 0.7036, 0.8569),
        "dense": (32_928,) * 3 + (54_432,) * 3,
        "macs": (21_504.0,) * 3 + (43_008.0,) * 3,
        "acs": (6321.46, 7215.40, 5009.05, 4860.22, 5612.50, 5969.86),
    },
}
# Test samples of each recording. ANN2D answers the first 49 without its layers, so its dense
# operations fall short of 4704 or 7776 by 49 parts in so many.
N_TEST = dict(
    zip(REACHING_SESSIONS, (132_593, 106_862, 51_792, 137_047, 76_476, 113_159), strict=True)
)
_BESIDE = {"ann2d": "ANN2D", "ann3d": "ANN3D", "snn2": "SNN2", "snn3d": "SNN3"}
_MEANS = [name for name in FIGURES if name not in ("execution_rate", "n_test", "fit_s")]


def summary(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Average rows of the benchmark over seeds, then over the recordings of each monkey and all.

    Parameters
    ----------
    rows : sequence of dict
        As `neurokit.cli.bench.reaching.evaluate` yields them.

    Returns
    -------
    pandas.DataFrame
        One row for each decoder, filter and ``monkey`` ("indy", "loco", "all"), with
        ``recordings``, how many, and ``r2_sd``, the spread over seeds of the mean over
        recordings; NaN for one seed.
    """
    table = pd.DataFrame(rows)
    table["monkey"] = table["recording"].str.partition("_")[0]
    made = []
    for (decoder, name), mine in table.groupby(["decoder", "filter"], sort=False):
        for monkey, part in [*mine.groupby("monkey"), ("all", mine)]:
            means = part.groupby("recording")[_MEANS].mean().mean()
            by_seed = part.groupby("seed")["r2"].mean()
            line = {"decoder": decoder, "filter": name, "monkey": monkey}
            line |= {"recordings": part["recording"].nunique(), **means.to_dict()}
            made.append(line | {"r2_sd": by_seed.std()})
    return pd.DataFrame(made)


def published(recordings: Iterable[str]) -> pd.DataFrame:
    """Return NeuroBench's own figures, averaged as `summary` does, over the same recordings.

    Parameters
    ----------
    recordings : iterable of str

    Returns
    -------
    pandas.DataFrame
    """
    wanted = [name for name in REACHING_SESSIONS if name in set(recordings)]
    made = []
    for decoder, figures in PUBLISHED.items():
        of = pd.DataFrame(figures, index=pd.Index(REACHING_SESSIONS)).loc[wanted]
        groups = [*of.groupby(of.index.str.partition("_").get_level_values(0)), ("all", of)]
        for monkey, part in groups:
            line = {"decoder": decoder, "filter": "none", "monkey": monkey}
            line |= {"recordings": len(part), "connection_sparsity": 0.0}
            made.append(line | part.mean().to_dict())
    return pd.DataFrame(made)


def as_text(rows: Sequence[Mapping[str, object]]) -> str:
    """Lay the summary out for the screen, NeuroBench's own networks under the same ones here.

    Parameters
    ----------
    rows : sequence of dict

    Returns
    -------
    str
    """
    ours = summary(rows)
    theirs = published({str(row["recording"]) for row in rows})
    head = "decoder,filter,monkey,R2,aligned,bytes,Hz,con.sp.,act.sp.,dense,MACs,ACs,mem.upd."
    lines = [tuple(head.split(","))]
    last: dict[Any, int] = {d: i for i, d in enumerate(ours["decoder"])}
    for i, row in enumerate(ours.to_dict("records")):
        lines.append(_line(row, str(row["decoder"])))
        name = _BESIDE.get(str(row["decoder"]))
        if name and last[row["decoder"]] == i:
            beside = theirs[theirs["decoder"] == name].to_dict("records")
            lines += [_line(other, f"* {name}") for other in beside]
    shown = {_BESIDE[d] for d in ours["decoder"] if d in _BESIDE}
    for name in [n for n in PUBLISHED if n not in shown]:
        beside = theirs[theirs["decoder"] == name].to_dict("records")
        lines += [_line(other, f"* {name}") for other in beside]
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    text = [
        "  ".join(
            cell.ljust(w) if k < 3 else cell.rjust(w)
            for k, (cell, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    text.append("")
    text.append(
        "R2 in real time, the mean over x and y; aligned: with the filter's delay forgiven."
    )
    text.append(f"* {SOURCE}.")
    return "\n".join(text)


def _line(row: Mapping[Any, Any], name: str) -> tuple[str, ...]:
    r2 = f"{row['r2']:.3f}"
    if not np.isnan(row.get("r2_sd", np.nan)):
        r2 += f" ± {row['r2_sd']:.3f}"
    return (
        name,
        str(row["filter"]),
        f"{row['monkey']} ({row['recordings']})",
        r2,
        _number(row.get("r2_aligned"), ".3f"),
        _number(row["footprint"], ",.0f"),
        "250",
        _number(row["connection_sparsity"], ".3f"),
        _number(row["activation_sparsity"], ".3f"),
        _number(row["dense"], ",.0f"),
        _number(row["macs"], ",.0f"),
        _number(row["acs"], ",.0f"),
        _number(row.get("membrane_updates"), ",.0f"),
    )


def _number(value: Any, form: str) -> str:
    return "-" if value is None or np.isnan(value) else format(value, form)


def as_rst(rows: Sequence[Mapping[str, object]]) -> str:
    """Write the rows that NeuroBench's leaderboard.rst would have: two lines, one per monkey.

    Parameters
    ----------
    rows : sequence of dict

    Returns
    -------
    str
        A grid table, best first by the mean R2 over all recordings.
    """
    table = summary(rows)
    order = table[table["monkey"] == "all"].sort_values("r2", ascending=False, kind="stable")
    blocks: list[list[tuple[str, ...]]] = [[LEADERBOARD]]
    for rank, (decoder, name) in enumerate(zip(order["decoder"], order["filter"], strict=True), 1):
        mine = table[(table["decoder"] == decoder) & (table["filter"] == name)]
        mine = mine[mine["monkey"] != "all"].sort_values("monkey")
        title = str(decoder) if name == "none" else f"{decoder} + {name}"
        blocks.append(
            [
                (
                    f"{rank}." if first else "",
                    title if first else "",
                    f"{row['r2']:.3f}",
                    f"{row['footprint']:.0f}",
                    "250",
                    _number(row["connection_sparsity"], ".3f"),
                    _number(row["activation_sparsity"], ".3f"),
                    f"{row['dense']:.0f}",
                    f"{row['macs']:.0f}",
                    f"{row['acs']:.0f}",
                    "-",
                )
                for first, row in zip((True, False), mine.to_dict("records"), strict=False)
            ]
        )
    lines = [line for block in blocks for line in block]
    widths = [max(len(line[k]) for line in lines) for k in range(len(LEADERBOARD))]

    def rule(mark: str) -> str:
        return "+" + "+".join(mark * (w + 2) for w in widths) + "+"

    text = [rule("-")]
    for k, block in enumerate(blocks):
        for line in block:
            cells = (f" {cell.ljust(w)} " for cell, w in zip(line, widths, strict=True))
            text.append("|" + "|".join(cells) + "|")
        text.append(rule("=" if k == 0 else "-"))
    return "\n".join(text) + "\n"
