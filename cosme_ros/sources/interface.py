# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What every source of frames gives."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FRAME_RATE = 10.0
"""Of a folder of images that are not named by their stamps, in frames a second."""


class SourceError(Exception):
    """A source cannot be opened or read; the sentence says what would be right."""


@dataclass(frozen=True)
class SourceFrame:
    """One image of a source.

    Attributes:
        index: counted from 0, images that could not be decoded included.
        stamp: nanoseconds; rises from frame to frame.
        image: uint8 [H, W, 3] BGR.
        label_names: what a label of it may be named, without suffix, the surest first.
    """

    index: int
    stamp: int
    image: NDArray[np.uint8]
    label_names: tuple[str, ...] = ()


class Frame(Protocol):
    """What frames of every source have."""

    @property
    def index(self) -> int:
        """Return the number, counted from 0."""

    @property
    def stamp(self) -> int:
        """Return the stamp, nanoseconds."""

    @property
    def image(self) -> NDArray[np.uint8]:
        """Return the image, uint8 [H, W, 3] BGR."""


class FrameSource(AbstractContextManager["FrameSource"], Protocol):
    """An open source: a context manager.

    Attributes:
        name: for people, for example the name of the file.
        live: whether frames come in real time, and those that nobody takes are lost.
    """

    name: str
    live: bool

    @property
    def count(self) -> int | None:
        """Return the number of frames, as far as it is known beforehand; None if live."""

    def read(self) -> Iterator[Frame]:
        """Yield the frames in order. Raises BagError or SourceError where it cannot go on."""
