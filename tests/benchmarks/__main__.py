"""`python -m tests.benchmarks [NAME ...]`: measure, and print a table."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.measuring import CannotMeasure, Figure, Size
from tests.benchmarks.running import BENCHMARKS

_HEAD = ("figure", "work", "ours", "the other way", "other/ours", "goal")


def table(figures: list[Figure]) -> str:
    """The figures as Markdown."""
    rows = [_HEAD, *(figure.cells() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def main() -> None:
    """Measure what is named; everything when nothing is."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--rounds", type=int, default=5, help="runs of each way (%(default)s)")
    parser.add_argument("--dir", type=Path, help="where to write: on the disk that is to be measured")
    parser.add_argument("--json", action="store_true", help="a JSON document instead of the table")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]}; there are {', '.join(BENCHMARKS)}")
    figures: list[Figure] = []
    for name in given.names or BENCHMARKS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(dir=given.dir, prefix="ipwhl-mirror-") as directory:
            try:
                for figure in BENCHMARKS[name](Size(directory=Path(directory), rounds=given.rounds)):
                    figures.append(figure)
                    print("  " + " | ".join(figure.cells()), file=sys.stderr, flush=True)
            except CannotMeasure as reason:
                print(f"{name}: skipped, {reason}", file=sys.stderr, flush=True)
    if given.json:
        lines = [_line(figure) for figure in figures]
        print(json.dumps({"schema": "ipwhl-mirror/benchmarks/1", "figures": lines}, indent=2))
    else:
        print(table(figures))


def _line(figure: Figure) -> dict[str, object]:
    return {
        "name": figure.name,
        "work": figure.work,
        "ours": figure.ours,
        "other": figure.other,
        "other_way": figure.other_way,
        "unit": figure.unit.value,
        "ratio": figure.ratio,
        "goal": dataclasses.asdict(figure.goal),
        "met": figure.is_met,
    }


if __name__ == "__main__":
    main()
