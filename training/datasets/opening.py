# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the fitting code sees of a data set, whatever it is stored in."""

from pathlib import Path

import numpy as np

from cosme_ros.bags.recognition import is_bag
from cosme_ros.live_address import live_address
from cosme_ros.messages.image_orientation import AS_IT_IS, ImageOrientation
from training.datasets.interface import FrameSource, crop_to_aspect
from training.datasets.label_masks import refuse_label_masks
from training.datasets.mapped_frames import MappedFrames
from training.datasets.readers.bag import BagFrames
from training.datasets.readers.folder import ImageFolder
from training.datasets.readers.pictures import read_image
from training.datasets.readers.video import SUFFIXES, VideoFrames
from training.datasets.registry import open_dataset
from training.datasets.synthetic_streets import SYNTHETIC
from training.errors import UsageError


def open_frames(
    source: str | Path, topic: str | None = None, orientation: ImageOrientation = AS_IT_IS
) -> FrameSource:
    """Open whatever holds frames.

    Args:
        source: a folder of pictures, a video, a bag (folder, .mcap, .db3 or .bag), or
            `synthetic:SEED` for frames of the synthetic streets, `synthetic:SEED:COUNT` for that
            many; or a data set as `registry.open_dataset` spells it, whose labels are left alone.
        topic: the image topic, where a bag has several.
        orientation: how the images of the user's camera become upright. Published and synthetic
            sets are upright already.

    Raises:
        UsageError: there is nothing of the kind, or it is damaged; the message names it.
    """
    text = str(source)
    if is_spelling(text):
        if topic is not None:
            raise UsageError(f"--topic {topic} is for bags by path; write bag=PATH:{topic}")
        return open_dataset(text, orientation).source.images
    if text.split(":")[0] == SYNTHETIC:
        return open_dataset(text).source.images
    frames = _open_path(Path(source), topic)
    return MappedFrames(frames, orientation.upright) if orientation.turns else frames


def _open_path(path: Path, topic: str | None) -> FrameSource:
    if not path.exists():
        if (address := live_address(path)) is not None:
            raise UsageError(
                f"{address} is a camera or a stream, which has no end: record it first; expected a "
                "folder of pictures, a video or a rosbag2"
            )
        raise UsageError(
            f"{path} does not exist; expected a folder of pictures, a video or a rosbag2"
        )
    if is_bag(path):
        return BagFrames(path, topic)
    if topic is not None:
        raise UsageError(f"--topic {topic} is for bags; {path} is none")
    if path.suffix.lower() in SUFFIXES:
        return VideoFrames(path)
    folder = ImageFolder(path)
    refuse_label_masks(folder.paths, read_image)
    return folder


def is_spelling(text: str) -> bool:
    """Return whether a text is a data set's spelling, NAME=PATH, and not a path."""
    return "=" in text and not Path(text).exists()


def cut_sentence(image: np.ndarray, height: int, width: int) -> str | None:
    """Describe what `crop_to_aspect` cuts away from a picture of this size.

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
