# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Frames out of anything that is numbered, and labelled frames changed together."""

from collections.abc import Callable
from typing import Any

import numpy as np

from training.datasets.interface import NamedSource


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


class MappedLabelledFrames:
    """The frames of a labelled source and their labels, each changed alike.

    Args:
        source: labelled frames.
        change: of an array [H, W, ...], which may get another size.
    """

    def __init__(self, source: NamedSource, change: Callable[[np.ndarray], np.ndarray]) -> None:
        self._source = source
        self._change = change

    @property
    def images(self) -> MappedFrames:
        """Return the same frames; their labels are not read."""
        return MappedFrames(self._source.images, self._change)

    def frame_name(self, index: int) -> str:
        """Return the name that the frame has in the source."""
        return self._source.frame_name(index)

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a frame, uint8 [H, W, 3] BGR, and its labels, uint8 [H, W]."""
        image, label = self._source[index]
        return self._change(image), self._change(label)
