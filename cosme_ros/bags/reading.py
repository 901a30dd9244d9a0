# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Reads rosbag2 bags (MCAP or sqlite3) without ROS, and joins what belongs to one frame.

Messages stay serialised until somebody needs their content: a player passes bytes on, and of a
header only the stamp is looked at, where CDR puts it.
"""

import struct
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.rosbag2 import ReaderError
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, get_typestore

from cosme_ros.messages.images import (
    BgrImage,
    DecodeError,
    decode_compressed,
    decode_image,
    decode_plane,
)

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
STAMPED_TYPES = (IMAGE, COMPRESSED_IMAGE, CAMERA_INFO)
"""Messages that begin with a std_msgs/Header, so that the stamp lies where `stamp_of` looks."""


TYPES = get_typestore(Stores.ROS2_HUMBLE)
"""Definitions of the above, the same in every ROS 2: what a bag says of them need not be parsed."""

_PLANES: dict[str, type[np.generic]] = {"mono8": np.uint8, "32FC1": np.float32}
_NANOSECONDS = 1_000_000_000
JOIN_WINDOW = 32
"""Messages of one frame lie within this many frames of each other, or do not meet."""


class BagError(Exception):
    """A bag, or something in it, cannot be used; the sentence says what would be right."""


@dataclass(frozen=True)
class BagMessage:
    """One message as the bag holds it. Times in nanoseconds since the epoch."""

    topic: str
    message_type: str
    bag_time: int
    """When the recorder received it."""
    stamp: int
    """Of its header; for a type without a header, the bag time."""
    cdr: bytes


@dataclass(frozen=True)
class LabelledFrame:
    """A camera picture and, where the bag has one with the same stamp, its labels."""

    stamp: int
    """Nanoseconds since the epoch."""
    image: BgrImage
    """uint8 [H, W, 3] BGR"""
    label: NDArray[np.uint8] | None
    """uint8 [H, W]: NORMAL, ANOMALY or IGNORED"""


class Bag:
    """An open bag; a context manager. Raises BagError when it is not a readable bag."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        if not self.path.exists():
            raise BagError(
                f"bag {self.path} does not exist; give the directory that holds metadata.yaml"
            )
        try:
            # Bags older than Iron hold no message definitions; those of these types never changed.
            self._reader = AnyReader([self.path], default_typestore=TYPES)
            self._reader.open()
        except (AnyReaderError, ReaderError, OSError) as error:
            raise BagError(f"{self.path} cannot be read as a rosbag2 bag: {error}") from error

    def __enter__(self) -> "Bag":
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    @property
    def topics(self) -> Mapping[str, str]:
        """Topic to message type."""
        return {connection.topic: connection.msgtype for connection in self._reader.connections}

    @property
    def duration(self) -> float:
        """Seconds between the first and the last message of all topics."""
        return float(self._reader.duration) * 1e-9

    def count(self, topic: str) -> int:
        """Number of messages on `topic`."""
        return sum(c.msgcount for c in self._reader.connections if c.topic == topic)

    def type_of(self, topic: str, *, among: Sequence[str] = ()) -> str:
        """The message type of `topic`. Raises BagError, which lists the bag's topics."""
        return type_of(self.path, self.topics, topic, among=among)

    def messages(self, topics: Sequence[str]) -> Iterator[BagMessage]:
        """The messages of `topics` in the order of the bag. Raises BagError."""
        for topic in topics:
            self.type_of(topic)
        connections = [c for c in self._reader.connections if c.topic in topics]
        try:
            for connection, bag_time, cdr in self._reader.messages(connections):
                kind = connection.msgtype
                stamp = stamp_of(cdr) if kind in STAMPED_TYPES else bag_time
                yield BagMessage(connection.topic, kind, bag_time, stamp, bytes(cdr))
        except (ReaderError, AnyReaderError, struct.error) as error:
            raise BagError(f"bag {self.path} is damaged: {error}") from error

    def joined(
        self, topics: Sequence[str], *, window: int = JOIN_WINDOW
    ) -> Iterator[dict[str, BagMessage]]:
        """The messages of `topics` by frame: one dictionary, topic to message, for each stamp.

        Frames come in the order in which the bag first mentions them. A topic is missing from a
        dictionary when it has no message of that stamp within `window` frames of the others, which
        bounds memory.
        """
        yield from join_by_stamp(self.messages(topics), len(topics), window=window)

    def decode(self, message: BagMessage) -> Any:
        """The message with its fields as attributes. Raises BagError."""
        try:
            return self._reader.deserialize(message.cdr, message.message_type)
        except (AnyReaderError, SerdeError) as error:
            raise BagError(
                f"a message on '{message.topic}' of bag {self.path} is damaged: {error}"
            ) from error

    def picture(self, message: BagMessage) -> BgrImage:
        """The camera picture in `message`, uint8 [H, W, 3] BGR. Raises BagError."""
        try:
            return picture_of(message)
        except DecodeError as error:
            raise BagError(
                f"the picture on '{message.topic}' with stamp {message.stamp} ns of bag "
                f"{self.path} is damaged: {error}"
            ) from error

    def plane(self, message: BagMessage, encoding: str) -> NDArray[Any]:
        """The one channel of an Image: [H, W] uint8 for mono8, float32 for 32FC1.

        Raises BagError for another encoding, or when size and data do not agree.
        """
        try:
            return decode_plane(self.decode(message), {encoding: _PLANES[encoding]})
        except DecodeError as error:
            raise BagError(
                f"the image on '{message.topic}' with stamp {message.stamp} ns of bag {self.path} "
                f"cannot be used: {error}"
            ) from error


def read_frames(
    bag: str | Path, image_topic: str, label_topic: str = ""
) -> Iterator[LabelledFrame]:
    """The pictures of a bag in order, each with the labels of the same stamp.

    `label` is None without `label_topic`, or where no label has the stamp. Raises BagError.
    """
    with Bag(bag) as opened:
        opened.type_of(image_topic, among=(IMAGE, COMPRESSED_IMAGE))
        if label_topic:
            opened.type_of(label_topic, among=(IMAGE,))
        for frame in opened.joined([topic for topic in (image_topic, label_topic) if topic]):
            if image_topic not in frame:
                continue
            image, label = frame[image_topic], frame.get(label_topic)
            yield LabelledFrame(
                stamp=image.stamp,
                image=opened.picture(image),
                label=opened.plane(label, "mono8") if label is not None else None,
            )


def type_of(path: Path, topics: Mapping[str, str], topic: str, *, among: Sequence[str] = ()) -> str:
    """The message type of one of a bag's `topics`. Raises BagError, which lists them."""
    kind = topics.get(topic)
    if kind is None:
        listed = "; ".join(f"{name} ({kind})" for name, kind in sorted(topics.items()))
        raise BagError(f"bag {path} has no topic '{topic}'. It has: {listed or 'no topics'}")
    if among and kind not in among:
        raise BagError(
            f"topic '{topic}' of bag {path} is of type {kind}, but must be {' or '.join(among)}"
        )
    return kind


def content_of(message: BagMessage) -> Any:
    """The fields of a message of one of STAMPED_TYPES. Raises DecodeError."""
    try:
        return TYPES.deserialize_cdr(message.cdr, message.message_type)
    except SerdeError as error:
        raise DecodeError("unreadable message", f"the message is damaged: {error}") from error


def picture_of(message: BagMessage) -> BgrImage:
    """The picture in an Image or CompressedImage, uint8 [H, W, 3] BGR. Raises DecodeError."""
    decode = decode_compressed if message.message_type == COMPRESSED_IMAGE else decode_image
    return decode(content_of(message))


def join_by_stamp(
    messages: Iterable[BagMessage], topics: int, *, window: int = JOIN_WINDOW
) -> Iterator[dict[str, BagMessage]]:
    """Messages of that many topics by frame; see `Bag.joined`."""
    pending: OrderedDict[int, dict[str, BagMessage]] = OrderedDict()
    for message in messages:
        frame = pending.setdefault(message.stamp, {})
        if message.topic in frame:  # a bag played in a loop repeats its stamps
            yield pending.pop(message.stamp)
            frame = pending.setdefault(message.stamp, {})
        frame[message.topic] = message
        while pending:
            oldest = next(iter(pending.values()))
            if len(oldest) < topics and len(pending) <= window:
                break
            yield pending.popitem(last=False)[1]
    yield from pending.values()


def stamp_of(cdr: bytes) -> int:
    """The stamp in nanoseconds of a serialised message that begins with a std_msgs/Header."""
    # With the length of the frame_id: what ends before it is no header.
    seconds, nanoseconds, _ = struct.unpack_from(_byte_order(cdr) + "iII", cdr, 4)
    return int(seconds) * _NANOSECONDS + int(nanoseconds)


def frame_id_of(cdr: bytes) -> str:
    """The frame_id of a serialised message that begins with a std_msgs/Header."""
    (length,) = struct.unpack_from(_byte_order(cdr) + "I", cdr, 12)
    # The length counts the NUL that ends the text.
    return bytes(cdr[16 : 16 + max(length - 1, 0)]).decode("utf-8", "replace")


def with_stamp(cdr: bytes, stamp: int) -> bytes:
    """A copy of such a message that bears `stamp` (nanoseconds since the epoch)."""
    patched = bytearray(cdr)
    struct.pack_into(_byte_order(cdr) + "iI", patched, 4, *divmod(stamp, _NANOSECONDS))
    return bytes(patched)


def _byte_order(cdr: bytes) -> str:
    # The four bytes before the content say how it is encoded; the second one's lowest bit is set
    # for little endian (DDS-XTypes 1.3, 7.6.3.1.2).
    return "<" if cdr[1] & 1 else ">"
