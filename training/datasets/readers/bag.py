# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Frames of a bag's image topic, read without ROS."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np

from cosme_ros.bags.reading import COMPRESSED_IMAGE, IMAGE, Bag, BagError, BagMessage
from cosme_ros.messages.images import DecodeError, decode_compressed, decode_image
from cosme_ros.messages.picture_headers import MAX_IMAGE_PIXELS
from cosme_ros.metrics.labels import ids_of_message
from training.errors import UsageError

LABEL_ENDING = "/labels"
"""Ends the name of a topic whose images are of class ids, not of the world."""


class BagFrames:
    """The frames of one image topic, in order of time.

    Reading in order is cheap; jumping about costs a seek for each frame. Also a context
    manager, which closes the bag.

    Args:
        path: bag folder, .mcap, .db3 or .bag.
        topic: of Image, CompressedImage or video packets; None takes the only one (labels do not
            count).
        max_pixels: width times height of the largest frame that is decoded.

    Raises:
        UsageError: no readable bag, no such topic, none or several to choose from; on
            reading, a frame that cannot be decoded.
    """

    worth_keeping = True

    def __init__(
        self, path: Path, topic: str | None = None, *, max_pixels: int = MAX_IMAGE_PIXELS
    ) -> None:
        self.path = path
        self._max_pixels = max_pixels
        self._wanted = topic
        self._open()
        # Time and, among equal times, the place: together they find a message again.
        self._positions: list[tuple[int, int]] = []
        for message in self._messages():
            time = message.bag_time
            latest, twins = self._positions[-1] if self._positions else (time - 1, 0)
            if time < latest:
                raise UsageError(
                    f"{path}: messages on {self.topic} are not in the order of time, and the bag "
                    "has no index; record or convert it with one"
                )
            self._positions.append((time, twins + 1 if time == latest else 0))
        if not self._positions:
            raise UsageError(f"topic {self.topic} of {path} holds no message")

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, index: int) -> np.ndarray:
        """Return one frame, uint8 [H, W, 3], BGR."""
        message = self._message(index)
        decode = decode_compressed if message.message_type == COMPRESSED_IMAGE else decode_image
        try:
            return decode(self._bag.decode(message), max_pixels=self._max_pixels)
        except (BagError, DecodeError) as error:
            raise UsageError(f"{self.where(index)}: {error}") from error

    def ids(self, index: int) -> np.ndarray:
        """Return one frame as class ids, uint16 [H, W], as written.

        Raises:
            UsageError: it is no label image, see `cosme_ros.metrics.labels`.
        """
        message = self._message(index)
        if message.message_type != IMAGE:
            raise UsageError(f"{self.where(index)} is a {message.message_type}; labels are {IMAGE}")
        try:
            return ids_of_message(self._bag.decode(message), max_pixels=self._max_pixels)
        except (BagError, DecodeError) as error:
            raise UsageError(f"{self.where(index)} is no label image: {error}") from error

    def where(self, index: int) -> str:
        """Return bag, topic and time of a frame, for an error's sake."""
        return f"{self.path}, {self.topic} at {self._positions[index][0]} ns"

    def stamps(self) -> list[int]:
        """Read the stamp of every frame's header, nanoseconds since 1970."""
        return [message.stamp for message in self._messages()]

    def image_topics(self) -> list[str]:
        """List the bag's image topics, those of labels too."""
        return _image_topics(self._bag)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._bag.__exit__(*error)

    def __getstate__(self) -> dict[str, Any]:
        lasting = ("path", "_wanted", "_positions", "_max_pixels")
        return {name: self.__dict__[name] for name in lasting}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def _open(self) -> None:
        try:
            self._bag = Bag(self.path)
        except BagError as error:
            raise UsageError(str(error)) from error
        self._process = os.getpid()
        self.topic = _choose(self._bag, self._wanted)
        self._next = -1
        self._stream: Iterator[BagMessage] = iter(())

    def _messages(self, start: int = 0) -> Iterator[BagMessage]:
        try:
            yield from self._bag.messages([self.topic], start=start)
        except BagError as error:
            raise UsageError(str(error)) from error

    def _message(self, index: int) -> BagMessage:
        index = range(len(self))[index]
        if self._process != os.getpid():
            # A forked worker would share the file's position with its parent.
            self._open()
        if index != self._next:
            time, twins_before = self._positions[index]
            self._stream = self._messages(time)
            for _ in range(twins_before):
                next(self._stream)
        message = next(self._stream)
        self._next = index + 1
        return message


def _image_topics(bag: Bag) -> list[str]:
    return sorted(name for name, kind in bag.topics.items() if kind in (IMAGE, COMPRESSED_IMAGE))


def _choose(bag: Bag, topic: str | None) -> str:
    topics = _image_topics(bag)
    listing = ", ".join(topics) or "none"
    if topic is not None:
        if topic not in topics:
            raise UsageError(f"{bag.path} has no image topic {topic}; its image topics: {listing}")
        return topic
    candidates = [name for name in topics if not name.endswith(LABEL_ENDING)]
    if not candidates:
        raise UsageError(
            f"{bag.path} has no topic of type {IMAGE} or {COMPRESSED_IMAGE}, or with packets of "
            "H.264 or H.265"
        )
    if len(candidates) > 1:
        raise UsageError(f"{bag.path} has several image topics, choose one with --topic: {listing}")
    return candidates[0]
