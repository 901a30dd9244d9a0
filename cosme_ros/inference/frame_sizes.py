# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""When ONNX Runtime should return the memory that frames of a rare size took.

A session keeps what its largest frame took: the resizing of one 8K frame leaves two gigabytes in
its arena for good. To return everything after every frame would cost time in each. So memory is
returned after a frame of a size that is not usual, and once after a usual size has gone out of use.
"""

from collections import Counter, deque

WINDOW = 100
"""Frames in which a size counts."""

USUAL = 3
"""Frames of a size within WINDOW, from which on its memory is kept."""

Shape = tuple[int, ...]


class FrameSizes:
    """The sizes of the last WINDOW frames."""

    def __init__(self) -> None:
        self._recent: deque[Shape] = deque()
        self._counts: Counter[Shape] = Counter()

    def returns_memory(self, shape: Shape) -> bool:
        """Count a frame, and return whether memory is to be returned after it.

        >>> sizes = FrameSizes()
        >>> [sizes.returns_memory((360, 640)) for _ in range(4)]
        [True, True, False, False]
        """
        self._recent.append(shape)
        self._counts[shape] += 1
        gone = False
        if len(self._recent) > WINDOW:
            oldest = self._recent.popleft()
            self._counts[oldest] -= 1
            gone = not self._counts[oldest]
            if gone:
                del self._counts[oldest]
        return gone or self._counts[shape] < USUAL
