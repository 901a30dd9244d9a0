# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A bag as a source of frames."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from pathlib import Path

from cosme_ros.bags.labelled_frames import BagFrames, LabelSettings
from cosme_ros.bags.reading import BagError
from cosme_ros.sources.interface import SourceError, SourceFrame


class BagSource(AbstractContextManager["BagSource"]):
    """The images of one topic of a rosbag2 bag.

    Args:
        path: of the bag.
        image_topic: None for the usual one, or the only one with images.
        report: takes a sentence for each thing that is left out.

    Raises:
        SourceError: no bag, or no such topic.
    """

    live = False

    def __init__(
        self, path: Path, *, image_topic: str | None, report: Callable[[str], object]
    ) -> None:
        self.name = path.name
        try:
            self._frames = BagFrames(
                path,
                image_topic=image_topic,
                labels=LabelSettings(topic=""),
                report=lambda _kind, sentence: report(sentence),
            )
        except BagError as error:
            raise SourceError(str(error)) from error
        self.count: int | None = self._frames.count

    def __exit__(self, *_: object) -> None:
        self._frames.__exit__()

    def read(self) -> Generator[SourceFrame, None, None]:
        """Yield the images that can be decoded, in the order of the bag."""
        try:
            for frame in self._frames.read():
                yield SourceFrame(frame.index, frame.stamp, frame.image)
        except BagError as error:
            raise SourceError(str(error)) from error
