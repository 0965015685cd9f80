"""Tables of the page "Which decoder, at what cost", from the rows that decoders_real.py wrote.

    python benchmarks/decoders_page.py decoders.jsonl docs/decoders

One CSV for each set of recordings, for the picture, and all of them in tables.md, for the page:
accuracy raw and with the filters that wait for nothing or for half of their length, and what a
step costs. R2 is over all scored blocks together, of each output of each session, then the mean;
± is the standard deviation of the blocks' own scores. A decoder that lacks a block is left out.
"""

import csv
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np

COLUMNS = (
    "decoder",
    "R2",
    "±",
    "R2 with FIR",
    "R2 late, aligned",
    "MACs",
    "ACs",
    "kB",
    "nJ float32",
    "nJ int8",
    "nJ memory",
)


TITLES = {
    "simulated": "Simulated reaching: 96 units, bins of 4 ms, velocity",
    "contdata95": "Macaque motor cortex: 95 channels, bins of 50 ms, velocity of a cursor",
    "centerout": "Macaque motor cortex, reaches from a centre: bins of 200 ms, velocity",
    "placecells": "Rat hippocampus: place cells, position",
    "track": "Rat hippocampus: position on a track",
    "worm": "Worm: calcium of the whole brain, velocity",
}


def over_blocks(rows):
    """Mean R2 over outputs and sessions, all blocks put together."""
    scores = []
    for session in sorted({row["session"] for row in rows}):
        parts = [row["sums"] for row in rows if row["session"] == session]
        n, y, _, yy, pp, yp = (sum(map(np.array, each)) for each in zip(*parts, strict=True))
        scores.append(np.mean(1 - (yy - 2 * yp + pp) / (yy - y * y / n)))
    return float(np.mean(scores))


def line(decoder, rows):
    """One row of a table."""
    by_filter = {name: [r for r in rows if r["filter"] == name] for name in ("raw", "FIR")}
    late = [row["r2_aligned"] for row in rows if row["filter"] == "FIR late"]
    raw = by_filter["raw"]
    cost = {
        key: np.mean([row[key] for row in raw])
        for key in ("macs", "acs", "bytes", "nj_float32", "nj_int8", "nj_memory")
    }
    return dict(
        zip(
            COLUMNS,
            (
                decoder,
                f"{over_blocks(raw):.3f}",
                f"{np.std([row['r2_rt'] for row in raw], ddof=1):.3f}" if len(raw) > 1 else "",
                f"{over_blocks(by_filter['FIR']):.3f}",
                f"{np.mean(late):.3f}",
                f"{cost['macs']:.0f}",
                f"{cost['acs']:.0f}",
                f"{cost['bytes'] / 1000:.1f}",
                *(f"{cost[key]:.3g}" for key in ("nj_float32", "nj_int8", "nj_memory")),
            ),
            strict=True,
        )
    )


def main(source, folder):
    rows = [json.loads(text) for text in Path(source).read_text().splitlines()]
    rows = [row for row in rows if not row["decoder"].endswith((", float16", ", int8"))]
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    page = []
    for name in dict.fromkeys(row["set"] for row in rows):
        mine = [row for row in rows if row["set"] == name]
        scored = Counter(row["decoder"] for row in mine if row["filter"] == "raw")
        short = [decoder for decoder, n in scored.items() if n < max(scored.values())]
        lines = [
            line(decoder, [row for row in mine if row["decoder"] == decoder])
            for decoder in scored
            if decoder not in short
        ]
        lines.sort(key=lambda entry: -float(entry["R2"]))
        with (folder / f"{name}.csv").open("w", newline="") as file:
            table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            table.writeheader()
            table.writerows(lines)
        ceilings = [row["ceiling"] for row in mine if row.get("ceiling") is not None]
        n_sessions = len({row["session"] for row in mine})
        page += [f"### {TITLES.get(name, name)}", "", f"{len({r['seed'] for r in mine})} blocks"]
        page[-1] += f" of {n_sessions} recordings" if n_sessions > 1 else " of time"
        page[-1] += (
            f"; the best possible decoder has {np.mean(ceilings):.3f}." if ceilings else "."
        )
        page += ["", "| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
        page += ["| " + " | ".join(entry.values()) + " |" for entry in lines] + [""]
        print(f"{name}: {len(lines)} decoders; blocks are missing of {short or 'none'}")
    (folder / "tables.md").write_text("\n".join(page))


if __name__ == "__main__":
    main(*sys.argv[1:])
