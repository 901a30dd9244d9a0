# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Text that others wrote, made fit for a terminal and a log.

Names of topics, files, encodings and frames come with bags and messages. In a terminal, control
characters move the cursor or change what was printed before; in a log, a line break is a forged
line.
"""

MOST_CHARACTERS = 200
"""Of one name."""

MOST_OF_A_SENTENCE = 4000
"""Of a sentence with several names in it."""


def printable(text: object, most: int = MOST_CHARACTERS) -> str:
    r"""Return a text on one line, without control characters, of bounded length.

    Args:
        text: anything; `str` is taken of it.
        most: characters of `text` that are kept; what is cut off is counted.

    Returns:
        The text with every character that is not printable as its escape, as Python writes it.

    Example:
        >>> printable("front\x1b[2J\ncamera")
        'front\\x1b[2J\\ncamera'
    """
    whole = str(text)
    kept = whole[:most]
    if not kept.isprintable():
        kept = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in kept)
    cut = len(whole) - most
    return kept if cut <= 0 else f"{kept}... ({cut} more characters)"
