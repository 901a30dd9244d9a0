# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The node's parameters as options of a command: the same names, defaults, ranges and meanings."""

import argparse
import math
from collections.abc import Callable

from cosme_ros.parameters import PARAMETERS_BY_NAME, Parameter

OBSTACLE_PARAMETERS = (
    "provider",
    "false_positive_rate",
    "region",
    "minimum_area",
    "outline",
    "temporal",
)
"""What decides which obstacles a frame shows: whoever draws or judges them offers all of it."""


def add_node_options(parser: argparse._ActionsContainer, *names: str) -> None:
    """`--minimum-area` for the parameter minimum_area, and so on. Numbers and choices only."""
    for name in names:
        row = PARAMETERS_BY_NAME[name]
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=str if row.choices else _number(row),
            choices=row.choices or None,
            default=row.default,
            help=f"{row.description} (default: %(default)s)",
        )


def _number(row: Parameter) -> Callable[[str], float | int]:
    kind = int if isinstance(row.default, int) else float

    def number(text: str) -> float | int:
        try:
            value = kind(text)
            row.check(value)
        except ValueError as error:
            what = "whole number" if kind is int else "number"
            raise argparse.ArgumentTypeError(
                f"'{text}' is no {what} from {row.minimum} to {row.maximum}"
            ) from error
        return value

    return number


def positive(text: str) -> float:
    """A finite number above 0."""
    return _between(text, 0, math.inf)


def probability(text: str) -> float:
    """A number between 0 and 1, neither of which it is."""
    return _between(text, 0, 1)


def at_least(lowest: int) -> Callable[[str], int]:
    """The type of a whole number that is not below `lowest`."""

    def whole(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = lowest - 1
        if value < lowest:
            raise argparse.ArgumentTypeError(f"'{text}' is no whole number from {lowest} on")
        return value

    return whole


def _between(text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low < value < high:
        limits = f"above {low:g}" + ("" if math.isinf(high) else f" and below {high:g}")
        raise argparse.ArgumentTypeError(f"'{text}' is no number {limits}")
    return value
