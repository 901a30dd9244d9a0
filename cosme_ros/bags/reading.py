# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Reads bags of ROS 2 (MCAP, sqlite3) and ROS 1, and joins what belongs to one frame. No ROS.

With a callback for warnings, a damaged bag is read as far as possible; without, it is refused. A
topic of video packets (H.264, H.265) is read as if it were one of sensor_msgs/Image.

Messages stay serialised until somebody needs their content: a player passes bytes on, and of a
header only the stamp is looked at, where CDR puts it.
"""

import logging
import sqlite3
import struct
from collections import Counter, OrderedDict, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from cosme_ros.bags import storage_mcap, storage_rosbag1, storage_sqlite
from cosme_ros.bags.metadata import METADATA, BagMetadata, MetadataError, read_metadata
from cosme_ros.bags.storage import OnWarning, StorageFile, StoredMessage, reason_of
from cosme_ros.bags.unpacking import ZSTD_MAGIC, UnpackingError, free_bytes, unpack, unpack_file
from cosme_ros.foreign_text import MOST_OF_A_SENTENCE, printable
from cosme_ros.messages.images import (
    BgrImage,
    DecodeError,
    decode_compressed,
    decode_image,
    decode_plane,
)
from cosme_ros.messages.video_packets import (
    PACKET_DEFINITIONS,
    PACKET_TYPES,
    WAITING,
    DecodedPacket,
    VideoDecoder,
    packet_of,
)
from cosme_ros.messages.video_units import Access, access_of
from cosme_ros.visualization.text import counted

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
STAMPED_TYPES = (IMAGE, COMPRESSED_IMAGE, CAMERA_INFO, *PACKET_TYPES)
"""Messages that begin with a std_msgs/Header, so that the stamp lies where `stamp_of` looks."""


TYPES = get_typestore(Stores.ROS2_HUMBLE)
"""Definitions of the above, the same in every ROS 2: those in a bag need not be parsed."""
for _name, _definition in PACKET_DEFINITIONS.items():
    TYPES.register(get_types_from_msg(_definition, _name))

_PLANES: dict[str, type[np.generic]] = {"mono8": np.uint8, "32FC1": np.float32}
_NANOSECONDS = 1_000_000_000
_STORAGE_SUFFIXES = (".mcap", ".db3")
ROSBAG1_SUFFIX = ".bag"
_ZSTD_SUFFIX = ".zstd"
_MOST_WARNINGS = 20  # of one reading
_LONGEST_FRAME_ID = 1000  # characters; tf2 knows no limit, and no camera has more

_log = logging.getLogger(__name__)

JOIN_WINDOW = 32
"""Messages of one frame lie within this many frames of each other, or do not meet."""


class BagError(Exception):
    """A bag, or something in it, cannot be used; the message states what would be right."""

    def __init__(self, sentence: str) -> None:
        super().__init__(printable(sentence, MOST_OF_A_SENTENCE))


class HeaderError(Exception):
    """The bytes of a message do not begin with a std_msgs/Header; the message states why."""


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
    error: DecodeError | None = None
    """Why a video packet gave no picture; `cdr` is that of the packet then."""


@dataclass(frozen=True)
class LabelledFrame:
    """A camera picture and, where the bag has one with the same stamp, its labels."""

    stamp: int
    """Nanoseconds since the epoch."""
    image: BgrImage
    """uint8 [H, W, 3] BGR"""
    label: NDArray[np.uint8] | None
    """uint8 [H, W]: NORMAL, ANOMALY or IGNORED"""


class Bag(AbstractContextManager["Bag"]):
    """An open bag: a folder with metadata.yaml, or one storage file; a context manager.

    A vehicle that loses its power leaves a bag without index or metadata, or cut in the middle of a
    message. No message definition of the bag is interpreted, so that an unknown type on one topic
    does not prevent reading the others. The files of the bag are not changed.

    Args:
        path: the folder or the file.
        on_warning: called with a sentence for each thing that cannot be read; what can be
            read is. Without it the bag has to be sound: the first such thing is a BagError.

    Raises:
        BagError: it does not exist, or nothing of it can be read.
    """

    def __init__(self, path: str | Path, on_warning: OnWarning | None = None) -> None:
        self.path = Path(path).expanduser()
        if not self.path.exists():
            raise BagError(
                f"bag {self.path} does not exist; give the directory that holds metadata.yaml, or "
                "an .mcap, .db3 or .bag file"
            )
        self._strict = on_warning is None
        self._listener = self._refuse if on_warning is None else on_warning
        self._warnings = 0
        self._stack = ExitStack()
        self._metadata: BagMetadata | None = None
        self._files: list[StorageFile] = []
        self.topics: dict[str, str] = {}
        """Topic to message type."""
        self.counts: Counter[str] = Counter()
        """Topic to number of messages, as far as it is known before reading."""
        self._packet_types: dict[str, str] = {}
        """Of the topics of video packets, which are in `topics` as Image."""
        self._key_frames: dict[str, list[tuple[int, Access]]] = {}
        """Topic to the bag times from which a decoder can begin, in order."""
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def duration(self) -> float:
        """Return the seconds between the first and the last message of all topics."""
        first = [f.contents.first for f in self._files if f.contents.first is not None]
        last = [f.contents.last for f in self._files if f.contents.last is not None]
        return (max(last) - min(first)) / _NANOSECONDS if first and last else 0.0

    def count(self, topic: str) -> int:
        """Return the number of messages on `topic`."""
        return self.counts[topic]

    def type_of(self, topic: str, *, among: Sequence[str] = ()) -> str:
        """Return the message type of `topic`.

        Args:
            topic: name of the topic.
            among: types that are accepted; empty accepts all.

        Raises:
            BagError: the bag has no such topic, or its type is not accepted.
        """
        kind = self.topics.get(topic)
        if kind is None:
            raise BagError(f"bag {self.path} has no topic '{topic}'. {self.listed_topics()}")
        if among and kind not in among:
            raise BagError(
                f"topic '{topic}' of bag {self.path} is of type {kind}, but must be "
                f"{' or '.join(among)}. {self.listed_topics()}"
            )
        return kind

    def listed_topics(self) -> str:
        """Return a sentence with the topics of the bag and their types."""
        listed = [
            f"{printable(name)} ({printable(self.topics[name])})" for name in sorted(self.topics)
        ]
        return f"It has: {'; '.join(listed) or 'no topics'}"

    def messages(
        self, topics: Collection[str], *, start: int = 0, decode_video: bool = True
    ) -> Iterator[BagMessage]:
        """Yield the messages of `topics` in the order of the bag, from bag time `start` on.

        A video packet comes as the Image of its picture, or with an `error`. Where there are
        B-frames, this is not the order of the packets: the first picture has the bag time of the
        first packet, and so on.

        Args:
            topics: names of topics of the bag.
            start: bag time in nanoseconds.
            decode_video: False yields video packets undecoded, which is faster.

        Raises:
            BagError: the bag lacks a topic, or has to be sound and is not.
        """
        for topic in topics:
            self.type_of(topic)
        self._warnings = 0
        read: Counter[str] = Counter()
        found = self._stored(topics, start, read)
        yield from self._decoded(found, start) if decode_video else found
        if self._warnings > _MOST_WARNINGS:
            self._listener(
                f"{printable(self.path)}: {self._warnings - _MOST_WARNINGS} more sentences "
                "like these"
            )
        if not start:
            self._compare_counts(topics, read)

    def _stored(
        self, topics: Collection[str], start: int, read: Counter[str]
    ) -> Iterator[BagMessage]:
        """Yield the messages as they are stored; video starts at a key frame."""
        begin = min((self._key_frame_before(topic, start) for topic in topics), default=start)
        for file in self._files:
            for stored in file.messages(topics, begin):
                message = self._message(stored)
                if message is None:
                    continue
                read[message.topic] += 1
                if message.bag_time >= start or message.message_type in PACKET_TYPES:
                    yield message

    def _decoded(self, messages: Iterable[BagMessage], start: int) -> Iterator[BagMessage]:
        decoders: dict[str, VideoDecoder[BagMessage]] = {}
        times: dict[str, deque[int]] = {}
        left_out: Counter[str] = Counter()

        def made(packets: Iterable[DecodedPacket[BagMessage]]) -> Iterator[BagMessage]:
            for packet in packets:
                message = packet.item
                time = times[message.topic].popleft()
                # A recording may begin anywhere: that is no damage.
                waits = packet.error is not None and packet.error.reason == WAITING
                if self._strict and waits and not decoders[message.topic].began:
                    left_out[message.topic] += 1
                    continue
                if time >= start:
                    yield _picture_message(packet, time)

        for message in messages:
            if message.message_type not in PACKET_TYPES:
                yield message
                continue
            decoder = decoders.setdefault(message.topic, VideoDecoder())
            times.setdefault(message.topic, deque()).append(message.bag_time)
            try:
                codec, data = packet_of(content_of(message))
            except DecodeError as error:
                yield from made(decoder.refuse(message, error))
                continue
            yield from made(decoder.decode(message, message.stamp, codec, data))
        for decoder in decoders.values():
            yield from made(decoder.flush())
        for topic, count in left_out.items():
            _log.warning(
                "%s: %s at the beginning of '%s' left out: there is no key frame before",
                printable(self.path),
                counted(count, "packet"),
                printable(topic),
            )

    def _key_frame_before(self, topic: str, start: int) -> int:
        """Return the bag time from which a topic must be read to decode messages from `start` on.

        Pictures near a key frame that is not clean may refer to pictures before it. In this case
        the key frame before it is used.
        """
        if topic not in self._packet_types or not start:
            return start
        if topic not in self._key_frames:
            found = self._key_frames[topic] = []
            for message in self.messages([topic], decode_video=False):
                try:
                    codec, packet = packet_of(content_of(message))
                except DecodeError:
                    continue
                access = access_of(packet, codec)
                if access:
                    found.append((message.bag_time, access))
        before = [entry for entry in self._key_frames[topic] if entry[0] <= start]
        if before and before[-1][1] == Access.CLEAN:
            return before[-1][0]
        return before[-2:][0][0] if before else start

    def _message(self, stored: StoredMessage) -> BagMessage | None:
        """Return a stored message with its stamp; None where it cannot be read."""
        data = stored.data
        try:
            if data.startswith(ZSTD_MAGIC):
                data = unpack(data, "zstd")
            if stored.message_type in STAMPED_TYPES:
                check_header(data)
                stamp = stamp_of(data)
            else:
                stamp = stored.bag_time
        # A message too short for its header, or not what its first bytes declare.
        except (UnpackingError, HeaderError, struct.error) as error:
            self._warn(
                f"{self.path}: a message on '{stored.topic}' recorded at {stored.bag_time} ns is "
                f"left out: {reason_of(error)}"
            )
            return None
        return BagMessage(stored.topic, stored.message_type, stored.bag_time, stamp, data)

    def _compare_counts(self, topics: Collection[str], read: Counter[str]) -> None:
        counts = self.counts if self._metadata is None else self._metadata.counts
        source = "its index" if self._metadata is None else METADATA
        for topic in topics:
            listed = counts.get(topic, 0)
            if read[topic] < listed:
                sentence = (
                    f"{self.path}: {source} lists {counted(listed, 'message')} on '{topic}', "
                    f"and {read[topic]} can be read: {listed - read[topic]} missing."
                )
                # All that is there was given, so that a sound reader's work need not be lost.
                (_log.warning if self._strict else self._listener)(
                    printable(sentence, MOST_OF_A_SENTENCE)
                )

    def _warn(self, sentence: str) -> None:
        """Report a warning; beyond _MOST_WARNINGS, only their number is reported at the end."""
        self._warnings += 1
        if self._warnings <= _MOST_WARNINGS:
            self._listener(printable(sentence, MOST_OF_A_SENTENCE))

    def _refuse(self, sentence: str) -> None:
        raise BagError(f"{self.path} cannot be read as a rosbag2 bag: {sentence}")

    def _open(self) -> None:
        files = self._storage_files()
        if not files:
            raise BagError(f"{self.path} cannot be read as a rosbag2 bag: {self._hint()}")
        for file in files:
            opened = self._open_file(file)
            if opened is None:
                continue
            self._stack.callback(opened.close)
            self._files.append(opened)
            for topic, kind in opened.contents.topics.items():
                self.topics[topic] = IMAGE if kind in PACKET_TYPES else kind
                if kind in PACKET_TYPES:
                    self._packet_types[topic] = kind
            self.counts.update(opened.contents.counts)
        if not self.topics:
            if self._metadata is not None and not sum(self._metadata.counts.values()):
                return  # a bag of no messages
            raise BagError(
                f"nothing of {self.path} can be read as a rosbag2 bag; right would be a folder "
                f"with {METADATA} and .mcap or .db3 files, or one such file"
            )

    def _storage_files(self) -> list[Path]:
        if self.path.is_file():
            return [self.path]
        names = (*_STORAGE_SUFFIXES, *(suffix + _ZSTD_SUFFIX for suffix in _STORAGE_SUFFIXES))
        found = (file for file in self.path.iterdir() if file.name.endswith(names))
        present = sorted(found, key=_splitting_order)
        try:
            metadata = read_metadata(self.path)
        except MetadataError as error:
            if present:
                self._warn(
                    f"{self.path}: cannot be read as a whole: {reason_of(error)} Its files are "
                    "read one by one."
                )
            return present
        self._metadata = metadata
        listed = [self.path / name for name in metadata.files]
        missing = [file.name for file in listed if not file.is_file()]
        if not missing:
            return listed
        if present:
            self._warn(f"{self.path}: {', '.join(missing)} missing, which {METADATA} lists.")
        return present

    def _hint(self) -> str:
        """Return a hint for the user on a folder that holds no storage file."""
        bags = sorted(file.parent.name for file in self.path.glob(f"*/{METADATA}"))
        if bags:
            return f"the bags in it are {', '.join(bags)}; give these"
        bags = sorted(file.name for file in self.path.glob(f"*{ROSBAG1_SUFFIX}"))
        if bags:
            return f"the ROS 1 bags in it are {', '.join(bags)}; give these, which are a drive each"
        return (
            f"it holds neither .mcap nor .db3 files; give a folder with {METADATA} and such "
            "files, or one such file"
        )

    def _open_file(self, file: Path) -> StorageFile | None:
        try:
            plain = self._decompressed(file)
            with plain.open("rb") as stream:
                begin = stream.read(16)
            if begin.startswith(storage_mcap.MAGIC):
                return storage_mcap.McapFile(plain, file, self._warn)
            if begin == storage_sqlite.MAGIC:
                return storage_sqlite.SqliteFile(plain, file, self._warn)
            if begin.startswith(storage_rosbag1.MAGIC):
                return storage_rosbag1.Rosbag1File(plain, file, self._warn)
        except (OSError, sqlite3.Error) as error:
            raise BagError(f"{file} cannot be read: {error}") from error
        self._warn(f"{file}: begins neither as MCAP nor as SQLite nor as a ROS 1 bag does.")
        return None

    def _decompressed(self, file: Path) -> Path:
        if file.suffix != _ZSTD_SUFFIX:
            return file
        folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="cosme_ros_")))
        plain = folder / file.stem
        try:
            unpack_file(file, plain, free_bytes(folder))
        except UnpackingError as error:
            self._warn(f"{file}: {reason_of(error)}")
        return plain

    def joined(
        self, topics: Sequence[str], *, window: int = JOIN_WINDOW
    ) -> Iterator[dict[str, BagMessage]]:
        """Yield the messages of `topics` by frame: a dictionary, topic to message, a stamp.

        Frames come in the order in which the bag first mentions them. A topic is missing from a
        dictionary when it has no message of that stamp within `window` frames of the others, which
        bounds memory.
        """
        yield from join_by_stamp(self.messages(topics), len(topics), window=window)

    def decode(self, message: BagMessage) -> Any:
        """Return the deserialized message, with its fields as attributes.

        Raises:
            BagError: the message is damaged, or its type is unknown.
        """
        with self._errors_of(message):
            return content_of(message)

    def picture(self, message: BagMessage) -> BgrImage:
        """Return the camera picture in `message`.

        Returns:
            uint8 [H, W, 3] BGR.

        Raises:
            BagError: the picture is damaged.
        """
        with self._errors_of(message):
            return picture_of(message)

    def plane(self, message: BagMessage, encoding: str) -> NDArray[Any]:
        """Return the single channel of an Image.

        Args:
            message: a sensor_msgs/Image.
            encoding: the only one accepted, mono8 or 32FC1.

        Returns:
            [H, W], uint8 for mono8 and float32 for 32FC1.

        Raises:
            BagError: the encoding is another one, or size and data do not agree.
        """
        with self._errors_of(message):
            return decode_plane(content_of(message), {encoding: _PLANES[encoding]})

    @contextmanager
    def _errors_of(self, message: BagMessage) -> Iterator[None]:
        """Raise a BagError that names the message for what is wrong with it."""
        try:
            yield
        except DecodeError as error:
            raise BagError(
                f"the message on '{message.topic}' with stamp {message.stamp} ns of bag "
                f"{self.path} cannot be used: {error}"
            ) from error


def read_frames(
    bag: str | Path, image_topic: str, label_topic: str = ""
) -> Iterator[LabelledFrame]:
    """Yield the pictures of a bag in order, each with the label of the same stamp.

    Args:
        bag: folder or file of the bag.
        image_topic: of sensor_msgs/Image or CompressedImage.
        label_topic: of sensor_msgs/Image; '' reads no labels.

    Yields:
        The frames; `label` is None without `label_topic`, or where no label has the stamp.

    Raises:
        BagError: the bag cannot be read, or lacks a topic.
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


def content_of(message: BagMessage) -> Any:
    """Return the deserialized message, with its fields as attributes.

    Raises:
        DecodeError: the message is damaged, or its type is unknown.
    """
    if message.error is not None:
        raise message.error
    if message.message_type not in TYPES.fielddefs:
        raise DecodeError(
            "unknown type", f"it is of type {message.message_type}, whose fields are not known here"
        )
    try:
        return TYPES.deserialize_cdr(message.cdr, message.message_type)
    # Whatever bytes that are no such message make of lengths, texts and memory.
    except Exception as error:
        raise DecodeError(
            "unreadable message", f"the message is damaged: {reason_of(error)}"
        ) from error


def picture_of(message: BagMessage) -> BgrImage:
    """Return the picture in an Image or CompressedImage.

    Returns:
        uint8 [H, W, 3] BGR.

    Raises:
        DecodeError: the message or its picture is damaged.
    """
    decode = decode_compressed if message.message_type == COMPRESSED_IMAGE else decode_image
    return decode(content_of(message))


def image_message(
    topic: str, image: BgrImage, frame_id: str, *, stamp: int, bag_time: int
) -> BagMessage:
    """Return a serialized sensor_msgs/Image (bgr8) of an image, as a bag stores it.

    Args:
        topic: of the message.
        image: uint8 [H, W, 3] BGR.
        frame_id: of its header.
        stamp: of its header, nanoseconds.
        bag_time: nanoseconds.
    """
    cdr = image_cdr(image, "bgr8", header_of(stamp, frame_id))
    return BagMessage(topic, IMAGE, bag_time, stamp, cdr)


def image_cdr(picture: NDArray[Any], encoding: str, header: Any) -> bytes:
    """Return a serialized sensor_msgs/Image.

    Args:
        picture: [H, W] or [H, W, channels], as the encoding has it.
        encoding: of the pixels.
        header: a std_msgs/Header of TYPES.
    """
    content = TYPES.types[IMAGE](
        header=header,
        height=picture.shape[0],
        width=picture.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=picture[0].nbytes,
        data=np.ascontiguousarray(picture).reshape(-1).view(np.uint8),
    )
    return bytes(TYPES.serialize_cdr(content, IMAGE))


def header_of(stamp: int, frame_id: str) -> Any:
    """Return the std_msgs/Header of a stamp in nanoseconds."""
    time = TYPES.types["builtin_interfaces/msg/Time"](*divmod(stamp, _NANOSECONDS))
    return TYPES.types["std_msgs/msg/Header"](stamp=time, frame_id=frame_id)


def _picture_message(packet: DecodedPacket[BagMessage], bag_time: int) -> BagMessage:
    message = packet.item
    if packet.image is None:
        return replace(message, message_type=IMAGE, bag_time=bag_time, error=packet.error)
    frame_id = frame_id_of(message.cdr)
    return image_message(
        message.topic, packet.image, frame_id, stamp=message.stamp, bag_time=bag_time
    )


def join_by_stamp(
    messages: Iterable[BagMessage], topics: int, *, window: int = JOIN_WINDOW
) -> Iterator[dict[str, BagMessage]]:
    """Yield the messages of that many topics by frame; see `Bag.joined`."""
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
    """Return the stamp (ns) of a serialized message that begins with a std_msgs/Header."""
    # With the length of the frame_id: what ends before it is no header.
    seconds, nanoseconds, _ = struct.unpack_from(_byte_order(cdr) + "iII", cdr, 4)
    return int(seconds) * _NANOSECONDS + int(nanoseconds)


def check_header(cdr: bytes) -> None:
    """Check that a serialised message begins with a std_msgs/Header.

    Raises:
        HeaderError: its time is none, or its frame_id does not fit or is no text.
    """
    order = _byte_order(cdr) if len(cdr) >= 16 else "<"
    if len(cdr) < 16 or cdr[0] != 0 or cdr[1] > 1:
        raise HeaderError("it does not begin as a CDR message with a header does")
    _, nanoseconds, length = struct.unpack_from(order + "iII", cdr, 4)
    if nanoseconds >= _NANOSECONDS:
        raise HeaderError(f"the stamp in its header has {nanoseconds} nanoseconds")
    text = cdr[16 : 16 + length]
    if length > _LONGEST_FRAME_ID or len(text) < length or (length and text[-1] != 0):
        raise HeaderError(f"the frame_id in its header has {length} bytes, and does not end there")
    try:
        printable = text[:-1].decode("utf-8").isprintable()
    except UnicodeDecodeError:
        printable = False
    if not printable:
        raise HeaderError("the frame_id in its header is no text")


def frame_id_of(cdr: bytes) -> str:
    """Return the frame_id of a serialized message that begins with a std_msgs/Header."""
    (length,) = struct.unpack_from(_byte_order(cdr) + "I", cdr, 12)
    # The length counts the NUL that ends the text.
    return bytes(cdr[16 : 16 + max(length - 1, 0)]).decode("utf-8", "replace")


def with_stamp(cdr: bytes, stamp: int) -> bytes:
    """Return a copy of a serialized message with another stamp.

    Args:
        cdr: the message, which begins with a std_msgs/Header.
        stamp: nanoseconds since the epoch.
    """
    patched = bytearray(cdr)
    struct.pack_into(_byte_order(cdr) + "iI", patched, 4, *divmod(stamp, _NANOSECONDS))
    return bytes(patched)


def _byte_order(cdr: bytes) -> str:
    # The four bytes before the content say how it is encoded; the second one's lowest bit is set
    # for little endian (DDS-XTypes 1.3, 7.6.3.1.2).
    return "<" if cdr[1] & 1 else ">"


def _splitting_order(file: Path) -> tuple[int, str]:
    """Return a key by which the files of a split bag sort: the number that ends drive_10.mcap."""
    number = file.name.split(".")[0].rsplit("_", 1)[-1]
    return (int(number) if number.isdecimal() else -1, file.name)
