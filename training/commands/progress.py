# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Progress bars over frames."""

from collections.abc import Iterable

from tqdm import tqdm


def with_bar(title: str, frames: Iterable[int]) -> Iterable[int]:
    """Pass the numbers of frames on, and show how many are done."""
    bar: Iterable[int] = tqdm(frames, title, unit="frame")
    return bar
