# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What is raised where a message or a file holds no picture that can be trusted."""

from cosme_ros.foreign_text import MOST_OF_A_SENTENCE, printable


class DecodeError(Exception):
    """A message or a file is not a picture we can trust.

    `reason` is a short constant phrase ("truncated data") to count by; the message is a sentence
    with the numbers.
    """

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(printable(sentence, MOST_OF_A_SENTENCE))
        self.reason = reason
