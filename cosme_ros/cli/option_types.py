# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Numbers on the command line: types for argparse, which makes a sentence of what they refuse."""

import argparse
import math
from collections.abc import Callable


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
