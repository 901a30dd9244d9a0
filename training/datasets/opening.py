# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the fitting code sees of a data set, whatever it is stored in."""

from pathlib import Path
from typing import Protocol

import numpy as np

from training.errors import UsageError

SYNTHETIC = "synthetic"
SYNTHETIC_FRAMES = 400


class FrameSource(Protocol):
    """Frames by number; each uint8 [H, W, 3], BGR, sizes may differ."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> np.ndarray: ...


class LabelledSource(Protocol):
    """Frames with labels: uint8 [H, W, 3] BGR and class ids uint8 [H, W], 255 = ignore."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]: ...


class WithoutLabels:
    """The frames of a source that makes frame and labels in one go.

    Args:
        source: labelled frames.
    """

    def __init__(self, source: LabelledSource) -> None:
        self._source = source

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> np.ndarray:
        """Return frame `index`, uint8 [H, W, 3], BGR."""
        return self._source[index][0]


def open_frames(source: str | Path, topic: str | None = None) -> FrameSource:
    """Open whatever holds frames.

    Args:
        source: a folder of pictures, a rosbag2 (folder, .mcap or .db3), or `synthetic:SEED`
            for frames of the synthetic streets, `synthetic:SEED:COUNT` for that many; or a
            data set as `registry.open_dataset` spells it, whose labels are left alone.
        topic: the image topic, where a bag has several.

    Raises:
        UsageError: there is nothing of the kind, or it is damaged; the message names it.
    """
    text = str(source)
    if is_spelling(text):
        if topic is not None:
            raise UsageError(f"--topic {topic} is for bags by path; write bag=PATH:{topic}")
        from training.datasets.registry import open_dataset

        return open_dataset(text).source.images
    if text.split(":")[0] == SYNTHETIC:
        from training.datasets.synthetic_streets import SyntheticStreets

        seed, count = parse_synthetic(text)
        return SyntheticStreets(seed, count).images
    path = Path(source)
    if not path.exists():
        raise UsageError(f"{path} does not exist; expected a folder of pictures or a rosbag2")
    from training.datasets.readers.bag import BagFrames, is_bag

    if is_bag(path):
        return BagFrames(path, topic)
    if topic is not None:
        raise UsageError(f"--topic {topic} is for bags; {path} is none")
    from training.datasets.readers.folder import ImageFolder

    return ImageFolder(path)


def is_spelling(text: str) -> bool:
    """Tell a data set's spelling, NAME=PATH, from a path."""
    return "=" in text and not Path(text).exists()


def parse_synthetic(
    text: str, count: int = SYNTHETIC_FRAMES, name: str = SYNTHETIC
) -> tuple[int, int]:
    """Read `NAME[:SEED[:COUNT]]`; without them seed 0 and `count` frames.

    Raises:
        UsageError: not of that form.
    """
    found, *numbers = text.split(":")
    if found != name or len(numbers) > 2 or not all(n.isdecimal() for n in numbers):
        raise UsageError(f"{text!r} is not {name}:SEED or {name}:SEED:COUNT")
    seed = int(numbers[0]) if numbers else 0
    count = int(numbers[1]) if len(numbers) == 2 else count
    if count < 1:
        raise UsageError(f"{text!r} asks for no frame; COUNT is at least 1")
    return seed, count


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


def cut_sentence(image: np.ndarray, height: int, width: int) -> str | None:
    """Say what `crop_to_aspect` cuts away from a picture of this size.

    Args:
        image: [H, W] or [H, W, C].
        height: of the network input, pixels.
        width: of the network input, pixels.

    Returns:
        A sentence without a full stop; None where nothing is cut.

    >>> cut_sentence(np.zeros((360, 480)), 360, 640)
    'frames are 480x360 pixels and the network input is 640x360: 90 of 360 rows are cut away (25 %)'
    """
    rows, columns = image.shape[:2]
    left = crop_to_aspect(image, height, width)
    for lost, whole, name in (
        (rows - left.shape[0], rows, "rows"),
        (columns - left.shape[1], columns, "columns"),
    ):
        if lost:
            return (
                f"frames are {columns}x{rows} pixels and the network input is {width}x{height}: "
                f"{lost} of {whole} {name} are cut away ({lost / whole:.0%})".replace("%", " %")
            )
    return None
