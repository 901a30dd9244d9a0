# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The progress of an API as bars in the terminal."""

import sys
from contextlib import AbstractContextManager
from typing import Any

from tqdm import tqdm


class ProgressBars(AbstractContextManager["ProgressBars"]):
    """A context manager that shows one bar for each stage of the work.

    Args:
        quiet: show no bar; None: show bars in a terminal alone.
    """

    def __init__(self, *, quiet: bool | None = None) -> None:
        self._quiet = quiet
        self._stage = ""
        self._bar: tqdm[Any] | None = None

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Show that `done` of `total` frames are done; None: it is not known how many there are."""
        if self._bar is None or stage != self._stage:
            self.__exit__()
            self._stage = stage
            self._bar = tqdm(desc=stage, unit="frame", disable=self._quiet)
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def warn(self, sentence: str) -> None:
        """Print a sentence to standard error, above the bars."""
        tqdm.write(sentence, file=sys.stderr)
