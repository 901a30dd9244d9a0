# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Any source of frames as messages: those of a bag, or the images of all else as one topic."""

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from cosme_ros.bags.reading import IMAGE, Bag, BagMessage, image_message
from cosme_ros.live_address import live_address
from cosme_ros.sources.interface import FRAME_RATE, FrameSource
from cosme_ros.sources.labelled import FRAME_ID
from cosme_ros.sources.opening import is_read_as_bag, open_source


class ImageMessages:
    """The images of a folder, a video, a camera or a stream as sensor_msgs/Image of one topic.

    Args:
        text: as `open_source` takes it; no bag.
        topic: of all images.
        frame_rate: of a folder of images, in frames a second.
        report: takes a sentence for each image that is left out.

    Raises:
        SourceError: it cannot be opened.
    """

    def __init__(
        self,
        text: str,
        topic: str,
        *,
        frame_rate: float = FRAME_RATE,
        report: Callable[[str], object] = lambda sentence: None,
    ) -> None:
        self.path = Path(text)
        self._topic = topic
        self._open = lambda: open_source(text, frame_rate=frame_rate, report=report)
        # Now, and not at the first subscription: errors are to be reported at once.
        self._opened: FrameSource | None = self._open()
        self.live = self._opened.live
        self._count = self._opened.count or 0

    def type_of(self, topic: str, *, among: Sequence[str] = ()) -> str:
        """Return sensor_msgs/msg/Image."""
        return IMAGE

    def count(self, topic: str) -> int:
        """Return the number of images; 0 where it is not known."""
        return self._count

    def messages(self, topics: Collection[str]) -> Iterator[BagMessage]:
        """Yield the images, those of a live source as they come. Raises SourceError."""
        source, self._opened = self._opened or self._open(), None
        with source:
            for frame in source.read():
                yield image_message(
                    self._topic, frame.image, FRAME_ID, stamp=frame.stamp, bag_time=frame.stamp
                )


def is_recording_of_ros(text: str) -> bool:
    """Return whether a source is to be read as a bag, with topics of its own."""
    if live_address(text) is not None:
        return False
    path = Path(text).expanduser()
    return not path.exists() or is_read_as_bag(path)


def open_messages(
    text: str,
    topic: str,
    *,
    frame_rate: float = FRAME_RATE,
    report: Callable[[str], object] = lambda sentence: None,
) -> Bag | ImageMessages:
    """Open a source of messages.

    Args:
        text: a bag, or what else `open_source` takes.
        topic: of the images of what is no bag.
        frame_rate: as of ImageMessages.
        report: as of ImageMessages.

    Raises:
        BagError: it does not exist, or is a bag that cannot be read.
        SourceError: it cannot be opened.
    """
    if is_recording_of_ros(text):
        return Bag(text)
    return ImageMessages(text, topic, frame_rate=frame_rate, report=report)
