# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Frames out of anything that is numbered."""

from collections.abc import Callable
from typing import Any

import numpy as np


class MappedFrames:
    """Frames that are each made of one item: a file, a labelled frame, a frame before a change.

    Args:
        items: by number; their `worth_keeping` is that of the frames.
        frame_of: from an item to its frame, uint8 [H, W, 3], BGR.
    """

    def __init__(self, items: Any, frame_of: Callable[[Any], np.ndarray]) -> None:
        self._items = items
        self._frame_of = frame_of
        self.worth_keeping: bool = getattr(items, "worth_keeping", False)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> np.ndarray:
        """Return frame `index`, uint8 [H, W, 3], BGR."""
        return self._frame_of(self._items[index])
