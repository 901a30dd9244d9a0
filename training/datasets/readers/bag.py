# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Frames of a rosbag2 image topic, read without ROS."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.interfaces import Connection
from rosbags.typesys import Stores, get_typestore

from cosme_ros.messages.images import DecodeError, decode_compressed, decode_image
from cosme_ros.messages.picture_headers import MAX_IMAGE_PIXELS
from cosme_ros.metrics.labels import ids_of_message
from training.errors import UsageError

BAG_SUFFIXES = (".mcap", ".db3")
_RAW = "sensor_msgs/msg/Image"
_COMPRESSED = "sensor_msgs/msg/CompressedImage"
_IMAGES = (_RAW, _COMPRESSED)

LABEL_ENDING = "/labels"
"""Ends the name of a topic whose images are of class ids, not of the world."""


def is_bag(path: Path) -> bool:
    """Tell a bag (a file, or a folder with one or its metadata) from a folder of pictures."""
    if path.is_dir():
        return (path / "metadata.yaml").is_file() or any(
            child.suffix in BAG_SUFFIXES for child in path.iterdir()
        )
    return path.suffix in BAG_SUFFIXES


class BagFrames:
    """The frames of one image topic, in order of time.

    Reading in order is cheap; jumping about costs a seek for each frame. Also a context
    manager, which closes the bag.

    Args:
        path: bag folder, .mcap or .db3.
        topic: Image or CompressedImage topic; None takes the only one (labels do not count).
        max_pixels: width times height of the largest frame that is decoded.

    Raises:
        UsageError: no readable bag, no such topic, none or several to choose from; on
            reading, a frame that cannot be decoded.
    """

    def __init__(
        self, path: Path, topic: str | None = None, *, max_pixels: int = MAX_IMAGE_PIXELS
    ) -> None:
        self.path = path
        self._max_pixels = max_pixels
        self._wanted = topic
        self._open()
        # Time and, among equal times, the place: together they find a message again.
        self._positions: list[tuple[int, int]] = []
        for _, time, _ in self._reader.messages(self._connections):
            twins = self._positions and self._positions[-1][0] == time
            self._positions.append((time, self._positions[-1][1] + 1 if twins else 0))
        if not self._positions:
            raise UsageError(f"topic {self.topic} of {path} holds no message")

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, index: int) -> np.ndarray:
        """Return one frame, uint8 [H, W, 3], BGR."""
        kind, message = self._message(index)
        decode = decode_compressed if kind == _COMPRESSED else decode_image
        try:
            return decode(message, max_pixels=self._max_pixels)
        except DecodeError as error:
            raise UsageError(f"{self.where(index)}: {error}") from error

    def ids(self, index: int) -> np.ndarray:
        """Return one frame as class ids, uint16 [H, W], as written.

        Raises:
            UsageError: it is no label image, see `cosme_ros.metrics.labels`.
        """
        kind, message = self._message(index)
        if kind != _RAW:
            raise UsageError(f"{self.where(index)} is a {kind}; labels are {_RAW}")
        try:
            return ids_of_message(message, max_pixels=self._max_pixels)
        except DecodeError as error:
            raise UsageError(f"{self.where(index)} is no label image: {error}") from error

    def where(self, index: int) -> str:
        """Return bag, topic and time of a frame, for an error's sake."""
        return f"{self.path}, {self.topic} at {self._positions[index][0]} ns"

    def stamps(self) -> list[int]:
        """Read the stamp of every frame's header, nanoseconds since 1970."""
        stamps = []
        for connection, _, data in self._reader.messages(self._connections):
            stamp = self._reader.deserialize(data, connection.msgtype).header.stamp  # type: ignore[attr-defined]
            stamps.append(stamp.sec * 1_000_000_000 + stamp.nanosec)
        return stamps

    def image_topics(self) -> list[str]:
        """List the bag's image topics, those of labels too."""
        return sorted({c.topic for c in self._reader.connections if c.msgtype in _IMAGES})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._reader.close()

    def __getstate__(self) -> dict[str, Any]:
        lasting = ("path", "_wanted", "_positions", "_max_pixels")
        return {name: self.__dict__[name] for name in lasting}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def _open(self) -> None:
        # Bags older than Iron carry no message definitions; Humble's are theirs.
        definitions = get_typestore(Stores.ROS2_HUMBLE)
        try:
            self._reader = AnyReader([self.path], default_typestore=definitions)
            self._reader.open()
        except (AnyReaderError, OSError) as error:
            raise UsageError(f"{self.path} cannot be read as a rosbag2: {error}") from error
        self._process = os.getpid()
        self._connections = _choose(self._reader, self.path, self._wanted)
        self.topic = self._connections[0].topic
        self._next = -1
        self._stream: Iterator[tuple[Connection, int, bytes]] = iter(())

    def _message(self, index: int) -> tuple[str, Any]:
        connection, data = self._read(range(len(self))[index])
        return connection.msgtype, self._reader.deserialize(data, connection.msgtype)

    def _read(self, index: int) -> tuple[Connection, bytes]:
        if self._process != os.getpid():
            # A forked worker would share the file's position with its parent.
            self._open()
        if index != self._next:
            time, twins_before = self._positions[index]
            self._stream = self._reader.messages(self._connections, start=time)
            for _ in range(twins_before):
                next(self._stream)
        connection, _, data = next(self._stream)
        self._next = index + 1
        return connection, data


def _choose(reader: AnyReader, path: Path, topic: str | None) -> list[Connection]:
    topics: dict[str, list[Connection]] = {}
    for connection in reader.connections:
        if connection.msgtype in _IMAGES:
            topics.setdefault(connection.topic, []).append(connection)
    listing = ", ".join(sorted(topics)) or "none"
    if topic is not None:
        if topic not in topics:
            raise UsageError(f"{path} has no image topic {topic}; its image topics: {listing}")
        return topics[topic]
    candidates = [name for name in topics if not name.endswith(LABEL_ENDING)]
    if not candidates:
        raise UsageError(f"{path} has no topic of type {_RAW} or {_COMPRESSED}")
    if len(candidates) > 1:
        raise UsageError(f"{path} has several image topics, choose one with --topic: {listing}")
    return topics[candidates[0]]
