# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What is known of a published data set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from training.datasets.readers.class_list import ClassList


class FrameSource(Protocol):
    """Frames by number; each uint8 [H, W, 3], BGR, sizes may differ.

    A source whose frames take long, or are quick in their order only, has `worth_keeping = True`.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> np.ndarray: ...


class LabelledSource(Protocol):
    """Frames with labels: uint8 [H, W, 3] BGR and class ids uint8 [H, W], 255 = ignore."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]: ...


def evenly_spread(count: int, most: int | None) -> list[int]:
    """Return the numbers of `most` of `count` frames, the first and the last among them.

    Args:
        count: of all frames.
        most: at least 1; None, or as many as there are: all of them.

    >>> evenly_spread(9, 3)
    [0, 4, 8]
    """
    wanted = count if most is None else min(most, count)
    return [int(index) for index in np.linspace(0, count - 1, wanted).round()]


def crop_to_aspect(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Cut the middle out of a picture, as large as has the wanted ratio of sides.

    A network input of another ratio than the camera's would squash what the network sees.

    Args:
        image: [H, W] or [H, W, C], any dtype.
        height: of the wanted ratio, at least 1.
        width: of the wanted ratio, at least 1.

    Returns:
        A view of `image`, [h, w] or [h, w, C], where h : w = height : width to a pixel.
    """
    rows, columns = image.shape[:2]
    new_rows, new_columns = rows, columns
    if columns * height > rows * width:
        new_columns = max(1, round(rows * width / height))
    else:
        new_rows = max(1, round(columns * height / width))
    top, left = (rows - new_rows) // 2, (columns - new_columns) // 2
    return image[top : top + new_rows, left : left + new_columns]


Kind = Literal["classes", "anomalies"]
"""What labels are: ids of a class list, or 0 normal and 1 anomaly; 255 is ignored in both."""


class NamedSource(LabelledSource, Protocol):
    """Labelled frames that have names, and can be read without their labels."""

    @property
    def images(self) -> FrameSource:
        """Return the same frames; their labels are not read."""
        ...

    def frame_name(self, index: int) -> str:
        """Return what to call a frame in a report, unique in its set."""
        ...


@dataclass(frozen=True)
class Entry:
    """A data set that others publish.

    Attributes:
        name: on the command line.
        title: in tables.
        splits: what the labels of each are; the first is the default.
        classes: of the splits whose labels are classes.
        layout: the files that are expected below the root, for people.
        address: where it is to be had.
        terms: of use, in a phrase.
        open: from root folder and split to the frames; lists files, decodes nothing. Raises
            UsageError where the layout is another or a label is missing.
    """

    name: str
    title: str
    splits: Mapping[str, Kind]
    layout: str
    address: str
    terms: str
    open: Callable[[Path, str], NamedSource]
    classes: ClassList | None = None
