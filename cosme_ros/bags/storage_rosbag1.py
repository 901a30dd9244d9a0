# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Reads a ROS 1 bag (.bag) by rosbags, and gives its messages as ROS 2 would have recorded them.

Types are taken as ROS 1 defines them, and not as the bag does: only messages whose definition has
the MD5 sum of the one that is known are converted.
"""

from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from rosbags.rosbag1 import Reader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from cosme_ros.bags.storage import Contents, OnWarning, StoredMessage, reason_of
from cosme_ros.messages.video_packets import COMPRESSED_VIDEO, FFMPEG_PACKET, PACKET_DEFINITIONS
from cosme_ros.visualization.text import counted

MAGIC = b"#ROSBAG V2.0\n"

CONVERTED = (
    "sensor_msgs/msg/CameraInfo",
    "sensor_msgs/msg/CompressedImage",
    "sensor_msgs/msg/Image",
    "std_msgs/msg/String",
    COMPRESSED_VIDEO,
    FFMPEG_PACKET,
)
"""Types whose messages are given; the topics of others are listed only."""

_DEFINITIONS = {
    COMPRESSED_VIDEO: "time timestamp\nstring frame_id\nuint8[] data\nstring format",
    FFMPEG_PACKET: "std_msgs/Header header\nuint8[] data\nint32 img_width\nint32 img_height\n"
    "string encoding\nuint64 pts\nuint8 flags",
}
_OTHER_NAMES = {"width": "img_width", "height": "img_height"}


class Rosbag1File:
    """An open ROS 1 bag with an index.

    Args:
        file: the bag.
        named: what the user knows it as.
        on_warning: takes a sentence for each thing that cannot be read, when it is met.
    """

    def __init__(self, file: Path, named: Path, on_warning: OnWarning) -> None:
        self._named = named
        self._on_warning = on_warning
        self.contents = Contents()
        self._reader = Reader(file)
        self._open = False
        try:
            self._reader.open()
            self._open = True
        except Exception as error:  # whatever a damaged index makes its reader raise
            on_warning(
                f"{named}: is cut off, damaged or has no index: {reason_of(error)} `rosbag "
                "reindex` of ROS 1 mends what it can."
            )
            return
        for connection in self._reader.connections:
            self.contents.topics[connection.topic] = connection.msgtype
            self.contents.counts[connection.topic] += connection.msgcount
        if self._reader.message_count:
            self.contents.first = self._reader.start_time
            self.contents.last = self._reader.end_time - 1  # exclusive

    def close(self) -> None:
        """Close the file."""
        if self._open:
            self._reader.close()

    def messages(self, topics: Collection[str], start: int) -> Iterator[StoredMessage]:
        """Yield messages by time; what is behind a damaged chunk is not read."""
        wanted = []
        for connection in self._reader.connections if self._open else ():
            if connection.topic not in topics:
                continue
            kind, digest = connection.msgtype, connection.digest
            if kind in CONVERTED and digest == _digest(kind):
                wanted.append(connection)
            elif connection.msgcount:
                self._on_warning(
                    f"{self._named}: {counted(connection.msgcount, 'message')} on "
                    f"'{connection.topic}' left out: they are of a {kind} (MD5 sum {digest}) that "
                    "is not known here"
                )
        if not wanted:
            return
        given = 0
        stored = self._reader.messages(wanted, start=start or None)
        while True:
            try:
                connection, time, data = next(stored)
            except StopIteration:
                return
            except Exception as error:  # whatever a damaged chunk makes its readers raise
                self._on_warning(
                    f"{self._named}: is damaged after {counted(given, 'message')}: "
                    f"{reason_of(error)} What follows is left out."
                )
                return
            given += 1
            try:
                cdr = _converted(bytes(data), connection.msgtype)
            except Exception as error:  # lengths and texts that are none
                self._on_warning(
                    f"{self._named}: a message on '{connection.topic}' recorded at {time} ns is "
                    f"left out: {reason_of(error)}"
                )
                continue
            yield StoredMessage(connection.topic, connection.msgtype, time, cdr)


@cache
def _stores() -> tuple[Any, Any]:
    """Return the types of ROS 1, and those of ROS 2."""
    old, new = get_typestore(Stores.ROS1_NOETIC), get_typestore(Stores.ROS2_HUMBLE)
    for name, definition in _DEFINITIONS.items():
        old.register(get_types_from_msg(definition, name))
        new.register(get_types_from_msg(PACKET_DEFINITIONS[name], name))
    return old, new


@cache
def _digest(kind: str) -> str:
    """Return the MD5 sum of a type's definition in ROS 1."""
    return str(_stores()[0].generate_msgdef(kind)[1])


def _converted(data: bytes, kind: str) -> bytes:
    """Return a serialised message of ROS 1 as ROS 2 serialises it (CDR)."""
    old, new = _stores()
    message = old.deserialize_ros1(data, kind)
    return bytes(new.serialize_cdr(_message(message, kind, new), kind))


def _message(message: Any, kind: str, store: Any) -> Any:
    """Return a message with the fields that ROS 2 has: no seq, small letters, other names."""
    fields = {}
    for name, (node, description) in store.fielddefs[kind][1]:
        value = _field(message, name)
        nested = node.name == "NAME"
        fields[name] = _message(value, description, store) if nested else value
    return store.types[kind](**fields)


def _field(message: Any, name: str) -> Any:
    for known in (name, name.upper(), _OTHER_NAMES.get(name, "")):
        if known and hasattr(message, known):
            return getattr(message, known)
    return False  # is_bigendian, which ROS 1's packet lacks
