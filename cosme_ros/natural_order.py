# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The order in which people count the files of a folder."""

import re


def natural_order(text: str) -> list[tuple[int, str]]:
    """Return a key to sort by that counts numbers as numbers.

    >>> sorted(["10.png", "9.png"], key=natural_order)
    ['9.png', '10.png']
    """
    pieces = re.split(r"(\d+)", text)
    # Text and numbers alternate, so that text meets text; the text behind a number decides
    # between 1 and 01.
    return [(int(piece) if piece.isdecimal() else 0, piece) for piece in pieces]
