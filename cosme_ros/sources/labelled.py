# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Labelled frames from a bag, a folder of images or a video file: one interface for all."""

from collections.abc import Generator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from cosme_ros.bags.labelled_frames import (
    LABEL_SUFFIX,
    BagFrame,
    BagFrames,
    LabelReader,
    LabelSettings,
    Report,
)
from cosme_ros.bags.reading import header_of
from cosme_ros.live_address import live_address
from cosme_ros.sources.folder import FolderSource
from cosme_ros.sources.interface import FRAME_RATE, SourceError, SourceFrame
from cosme_ros.sources.opening import is_read_as_bag, open_images
from cosme_ros.sources.video import VideoSource

FRAME_ID = "camera"
"""Of the headers of frames that come without one."""


class LabelledFrames(AbstractContextManager["LabelledFrames"], Protocol):
    """Open frames of a recorded drive, in order; a context manager.

    Attributes:
        image_topic: of a bag; empty for all else.
        label_topic: of a bag; empty where labels come from elsewhere, or there are none.
        count: of the frames, as far as it is known beforehand; 0 where it is not.
    """

    image_topic: str
    label_topic: str
    count: int

    def read(self) -> Generator[BagFrame, None, None]:
        """Yield the frames that can be decoded. Raises BagError or SourceError."""

    def label_values(self) -> tuple[int, ...]:
        """Return every value that the labels read so far hold, rising."""


class SourceFrames(AbstractContextManager["SourceFrames"]):
    """The frames of a folder of images or a video file, with the labels of a label folder.

    The label of an image file has the name of the image. The label of a frame of a video is named
    by the index of the frame, counted from 0, or by its stamp in nanoseconds.

    Args:
        source: is closed with this.
        path: of the source.
        labels: of which the folder is used.
        report: takes warnings.
    """

    image_topic = ""
    label_topic = ""

    def __init__(
        self,
        source: FolderSource | VideoSource,
        path: Path,
        *,
        labels: LabelSettings,
        report: Report,
    ) -> None:
        self._source = source
        self._labels = labels
        self._report = report
        self._reader = LabelReader(labels, path)
        self.count = source.count or 0
        if labels.topic:
            report(
                "no label topic",
                f"there is no label topic '{labels.topic}', because {path.name} is no bag: give "
                "labels with --label-folder; it is evaluated without labels",
            )

    def __exit__(self, *_: object) -> None:
        self._source.__exit__(None, None, None)

    def read(self) -> Generator[BagFrame, None, None]:
        """Yield the frames that can be decoded. Raises SourceError."""
        frames = unlabelled = 0
        names: tuple[str, ...] = ()
        for frame in self._source.read():
            labelled = self._with_label(frame)
            frames += 1
            unlabelled += labelled.label is None
            names = frame.label_names
            yield labelled
        if self._labels.folder is None or not unlabelled:
            return
        if unlabelled < frames:
            self._report(
                "without labels",
                f"{unlabelled} of {frames} frames have no label; they are evaluated as frames "
                "without labels",
            )
        else:
            expected = " or ".join(f"{name}{LABEL_SUFFIX}" for name in names)
            self._report(
                "no labels at all",
                f"no frame has a label in {self._labels.folder}: that of the last frame would be "
                f"{expected}",
            )

    def label_values(self) -> tuple[int, ...]:
        """Return every value that the labels read so far hold, rising."""
        return self._reader.held()

    def _with_label(self, frame: SourceFrame) -> BagFrame:
        name = f"frame {frame.index}"
        label = self._reader.label_of(frame.image, name, frame.label_names, self._report)
        header = header_of(frame.stamp, FRAME_ID)
        return BagFrame(frame.index, frame.stamp, frame.stamp, header, frame.image, label)


def open_labelled_frames(
    path: Path,
    *,
    image_topic: str | None,
    labels: LabelSettings,
    report: Report,
    frame_rate: float = FRAME_RATE,
) -> LabelledFrames:
    """Open a recorded drive.

    Args:
        path: of a rosbag2 bag (folder or file) or ROS 1 bag, a folder of images, or a video file.
        image_topic: of a bag; None for the usual one, or the only one with images.
        labels: where labels are, and what their values mean.
        report: takes a warning for each thing that is left out.
        frame_rate: of a folder of images that are not named by stamps, in frames a second.

    Raises:
        BagError: a bag that cannot be read, or has no images.
        SourceError: nothing of the kind.
    """
    address = live_address(path)
    if address is not None:
        raise SourceError(
            f"{address} is a camera or a stream, which has no end; a bag, a folder of images or a "
            "video file is right: record it first. `watch` takes it as it is"
        )
    if not path.exists():
        raise SourceError(
            f"{path} does not exist; a bag, a folder of images or a video file is right"
        )
    try:
        if is_read_as_bag(path):
            return BagFrames(path, image_topic=image_topic, labels=labels, report=report)
        source = open_images(
            path, frame_rate=frame_rate, report=lambda sentence: report("image", sentence)
        )
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
    return SourceFrames(source, path, labels=labels, report=report)
