# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Whether a second run of the benchmark says what the first one said.

    python test/benchmark/compare.py FIRST/bench.json SECOND/bench.json

A figure is reproduced when the intervals meet in which each run leaves the median (at 95 %).
Exits 1 where one of the ratios is not; the other figures move with what else the machine does, and
are listed only.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from spread import median_interval

Tree = Mapping[str, Any]
RATIOS = "ratio_rounds"


def figures(tree: Tree, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Tree]]:
    """Every figure in `tree` that was measured repeatedly, with where it stands."""
    if "median" in tree and "values" in tree:
        yield place, tree
        return
    for key, branch in tree.items():
        if isinstance(branch, Mapping):
            yield from figures(branch, (*place, key))


def is_reproduced(first: Tree, second: Tree) -> bool:
    """Whether the intervals in which the medians lie meet."""
    (low, high), (other_low, other_high) = (
        median_interval(figure["values"]) for figure in (first, second)
    )
    return low <= other_high and other_low <= high


def compared(first: Tree, second: Tree) -> list[tuple[tuple[str, ...], Tree, Tree]]:
    """The figures that both runs have, ratios first."""
    theirs = dict(figures(second))
    both = [(place, one, theirs[place]) for place, one in figures(first) if place in theirs]
    return sorted(both, key=lambda row: row[0][0] != RATIOS)


def _shown(figure: Tree) -> str:
    low, high = median_interval(figure["values"])
    return f"{figure['median']:.4g} ({low:.4g} to {high:.4g})"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("first", type=Path, metavar="FIRST")
    parser.add_argument("second", type=Path, metavar="SECOND")
    options = parser.parse_args()
    try:
        first, second = (
            json.loads(path.read_text(encoding="utf-8")) for path in (options.first, options.second)
        )
    except (OSError, ValueError) as error:
        print(f"that is no bench.json: {error}", file=sys.stderr)
        return 2
    rows = compared(first, second)
    if not rows:
        print("the two runs have no figure in common", file=sys.stderr)
        return 2
    reproduced = [is_reproduced(one, two) for _, one, two in rows]
    print("| figure | first | second | change | reproduced |\n| --- | --- | --- | --- | --- |")
    for (place, one, two), same in zip(rows, reproduced, strict=True):
        change = two["median"] / one["median"] - 1 if one["median"] else 0.0
        shown = [_shown(figure) for figure in (one, two)]
        cells = (", ".join(place), *shown, f"{change:+.1%}", "yes" if same else "no")
        print(f"| {' | '.join(cells)} |")
    ratios = [
        same for (place, *_), same in zip(rows, reproduced, strict=True) if place[0] == RATIOS
    ]
    print(
        f"\n{sum(reproduced)} of {len(rows)} figures reproduced, "
        f"{sum(ratios)} of {len(ratios)} ratios"
    )
    return 0 if all(ratios) else 1


if __name__ == "__main__":
    sys.exit(main())
