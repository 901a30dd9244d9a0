# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Recognise the kind of a source, so that a user need not give it."""

from collections.abc import Callable
from pathlib import Path

from cosme_ros.bags.labelled_frames import BagFrames, LabelSettings
from cosme_ros.bags.metadata import METADATA
from cosme_ros.bags.recognition import is_bag
from cosme_ros.live_address import live_address
from cosme_ros.sources.folder import SUFFIXES, FolderSource
from cosme_ros.sources.interface import FRAME_RATE, FrameSource, SourceError
from cosme_ros.sources.video import VideoSource


def open_source(
    text: str,
    *,
    image_topic: str | None = None,
    frame_rate: float = FRAME_RATE,
    report: Callable[[str], object] = lambda sentence: None,
) -> FrameSource:
    """Open a source of frames.

    Args:
        text: a rosbag2 bag (folder or file) or ROS 1 bag, a folder of images, a video file,
            `/dev/videoN`, or the address of a stream (rtsp, http and what else FFmpeg reads).
        image_topic: of a bag; None for the usual one, or the only one with images.
        frame_rate: of a folder of images, in frames a second.
        report: takes a sentence for each thing that is left out.

    Returns:
        The open source, a context manager.

    Raises:
        BagError: a bag that cannot be read, or has no images.
        SourceError: there is nothing of the kind.
    """
    if (address := live_address(text)) is not None:
        return VideoSource(address, live=True, report=report)
    path = Path(text)
    if not path.exists():
        raise SourceError(
            f"there is no {text}; a bag, a folder of images, a video file, /dev/videoN or the "
            "address of a stream is right"
        )
    if is_read_as_bag(path):
        return BagFrames(
            path,
            image_topic=image_topic,
            labels=LabelSettings(topic=""),
            report=lambda _kind, sentence: report(sentence),
        )
    return open_images(path, frame_rate=frame_rate, report=report)


def open_images(
    path: Path, *, frame_rate: float, report: Callable[[str], object]
) -> FolderSource | VideoSource:
    """Open a folder of images or a video file; arguments and errors as of `open_source`."""
    if path.is_dir():
        return FolderSource(path, frame_rate=frame_rate, report=report)
    return VideoSource(str(path), live=False, report=report)


def is_read_as_bag(path: Path) -> bool:
    """Return whether a file or folder that exists is to be read as a bag."""
    if is_bag(path):
        return True
    if not path.is_dir():
        return False
    # Of a folder with bags in it, the reader of bags says which they are.
    images = any(file.suffix.lower() in SUFFIXES for file in path.iterdir())
    return not images and any(path.glob(f"*/{METADATA}"))
