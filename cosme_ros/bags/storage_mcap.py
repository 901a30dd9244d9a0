# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Reads an MCAP file: by its index, or without one from its beginning, record by record.

The specification (https://mcap.dev/spec) makes every file readable as a stream. A record that
cannot be read is left out, a damaged chunk with all that it holds.
"""

import heapq
import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import zstandard
from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, ChunkIndex, Schema, Statistics

from cosme_ros.bags.storage import Contents, OnWarning, StoredMessage, reason_of
from cosme_ros.bags.unpacking import MOST_UNPACKED, UnpackingError, unpack
from cosme_ros.visualization.text import counted

MAGIC = b"\x89MCAP0\r\n"

_PREFIX = struct.Struct("<BQ")  # of every record: operation code, length
_MESSAGE = struct.Struct("<HIQQ")  # channel, sequence, log time, publish time
_FOOTER_SIZE = _PREFIX.size + 20 + len(MAGIC)


@dataclass
class _Names:
    """Topics and types of messages, by the schemas and channels of the file."""

    schemas: dict[int, str] = field(default_factory=dict)
    channels: dict[int, tuple[str, int]] = field(default_factory=dict)
    """Channel to topic and schema."""

    def register(self, operation: int, content: bytes) -> None:
        """Take in a record, if it is a schema or a channel."""
        if operation == Opcode.SCHEMA:
            schema = Schema.read(_stream(content))
            self.schemas[schema.id] = schema.name
        elif operation == Opcode.CHANNEL:
            channel = Channel.read(_stream(content))
            self.channels[channel.id] = (channel.topic, channel.schema_id)

    def of(self, channel: int) -> tuple[str, str]:
        """Return topic and message type of a channel that is described."""
        topic, schema = self.channels[channel]
        return topic, self.schemas.get(schema, "unknown")


class McapFile:
    """An open MCAP file, sound or not.

    Args:
        file: the uncompressed file.
        named: what the user knows it as.
        on_warning: takes a sentence for each thing that cannot be read, when it is met.
    """

    def __init__(self, file: Path, named: Path, on_warning: OnWarning) -> None:
        self._named = named
        self._on_warning = on_warning
        self._stream = file.open("rb")
        self._size = file.stat().st_size
        self._names = _Names()
        self._chunks: list[ChunkIndex] | None = None
        self.contents = Contents()
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def messages(self, topics: Collection[str], start: int) -> Iterator[StoredMessage]:
        """Yield the messages by time where there is an index, else in the order of the file."""
        found = self._scanned(topics) if self._chunks is None else self._indexed(topics, start)
        return (message for message in found if message.bag_time >= start)

    def _open(self) -> None:
        try:
            statistics = self._read_summary()
        except Exception as error:  # of a damaged summary anything may be raised
            self._names, self._chunks = _Names(), None
            statistics, reason = None, reason_of(error)
        else:
            reason = ""  # a recorder may be configured to write no index
        if statistics is not None:
            for channel in self._names.channels:
                topic, kind = self._names.of(channel)
                self.contents.topics.setdefault(topic, kind)
                self.contents.counts[topic] += statistics.channel_message_counts.get(channel, 0)
            if statistics.message_count:
                self.contents.first = statistics.message_start_time
                self.contents.last = statistics.message_end_time
            return
        for message in self._scanned(None):
            self.contents.add(message.topic, message.message_type, message.bag_time)
        count = self.contents.counts.total()
        if not reason:
            return
        if count:
            self._on_warning(
                f"{self._named}: is cut off or has no index: {reason} It is read from its "
                f"beginning; {counted(count, 'message')} are there."
            )
        else:
            self._on_warning(f"{self._named}: nothing in it can be read: {reason}")

    def _read_summary(self) -> Statistics | None:
        """Return the statistics; None without a complete index. Raises anything where damaged."""
        self._stream.seek(max(self._size - _FOOTER_SIZE, 0))
        end = self._stream.read(_FOOTER_SIZE)
        if not end.endswith(MAGIC) or end[:1] != bytes([Opcode.FOOTER]):
            raise ValueError("its end is missing")
        (begin,) = struct.unpack_from("<Q", end, _PREFIX.size)
        if not begin:
            return None
        statistics: Statistics | None = None
        chunks = []
        for position, operation, length in self._records(begin):
            if operation in (Opcode.SCHEMA, Opcode.CHANNEL):
                self._names.register(operation, self._content(position, length))
            elif operation == Opcode.STATISTICS:
                statistics = Statistics.read(_stream(self._content(position, length)))
            elif operation == Opcode.CHUNK_INDEX:
                chunks.append(ChunkIndex.read(_stream(self._content(position, length))))
        if statistics is None or set(statistics.channel_message_counts) - set(self._names.channels):
            return None
        if chunks and len(chunks) != statistics.chunk_count:
            raise ValueError(f"its index has {len(chunks)} of {statistics.chunk_count} chunks")
        if statistics.message_count and chunks:
            self._chunks = sorted(
                chunks, key=lambda c: (c.message_start_time, c.chunk_start_offset)
            )
        return statistics

    def _records(self, position: int) -> Iterator[tuple[int, int, int]]:
        """Yield position, operation code and length of each record; the last may be cut off."""
        while position + _PREFIX.size <= self._size:
            self._stream.seek(position)
            operation, length = _PREFIX.unpack(self._stream.read(_PREFIX.size))
            position += _PREFIX.size
            yield position, operation, length
            if operation in (Opcode.FOOTER, 0):
                return
            position += length

    def _content(self, position: int, length: int) -> bytes:
        if length > self._size - position:
            raise ValueError(f"the record at byte {position} ends behind the file")
        self._stream.seek(position)
        return self._stream.read(length)

    def _indexed(self, topics: Collection[str], start: int) -> Iterator[StoredMessage]:
        wanted = {number for number, (topic, _) in self._names.channels.items() if topic in topics}
        # Chunks may overlap in time: a message waits until none that begins earlier is left.
        waiting: list[tuple[int, int, StoredMessage]] = []
        given = number = 0
        for chunk in self._chunks or ():
            while waiting and waiting[0][0] < chunk.message_start_time:
                given += 1
                yield heapq.heappop(waiting)[2]
            if chunk.message_end_time < start:
                continue
            offsets = chunk.message_index_offsets
            if offsets and not wanted & offsets.keys():
                continue
            try:
                content = self._chunk_at(chunk)
            except Exception as error:  # whatever a damaged chunk makes its readers raise
                self._on_warning(
                    f"{self._named}: is damaged after {counted(given + len(waiting), 'message')}: "
                    f"a chunk of {chunk.chunk_length} bytes is left out: {reason_of(error)}"
                )
                continue
            for message in self._messages_in(content, topics):
                heapq.heappush(waiting, (message.bag_time, number, message))
                number += 1
        while waiting:
            yield heapq.heappop(waiting)[2]

    def _chunk_at(self, index: ChunkIndex) -> bytes:
        position = index.chunk_start_offset
        self._stream.seek(position)
        operation, length = _PREFIX.unpack(self._stream.read(_PREFIX.size))
        if operation != Opcode.CHUNK:
            raise ValueError(f"there is no chunk at byte {position}")
        return _unpacked(self._content(position + _PREFIX.size, length))

    def _scanned(self, topics: Collection[str] | None) -> Iterator[StoredMessage]:
        """Yield the messages from the beginning to the last readable one; None: of all topics."""
        # While the file is opened, it is too early to on_warning: it is read again.
        on_warning: OnWarning = (lambda _: None) if topics is None else self._on_warning
        for position, operation, length in self._records(len(MAGIC)):
            if length > self._size - position:
                if operation == Opcode.CHUNK:
                    self._stream.seek(position)
                    yield from self._messages_in(
                        _cut_chunk(self._stream.read()), topics, on_warning, cut=True
                    )
                elif operation not in Opcode._value2member_map_:
                    on_warning(f"{self._named}: unreadable from byte {position} on.")
                return
            if operation in (Opcode.DATA_END, Opcode.FOOTER):
                return
            if operation not in (Opcode.CHUNK, Opcode.MESSAGE, Opcode.SCHEMA, Opcode.CHANNEL):
                continue
            if operation != Opcode.CHUNK and length > MOST_UNPACKED:
                on_warning(
                    f"{self._named}: a record of {length} bytes is left out: it is too long."
                )
                continue
            content = self._content(position, length)
            if operation == Opcode.CHUNK:
                try:
                    content = _unpacked(content)
                except Exception as error:  # whatever a damaged chunk makes its readers raise
                    on_warning(
                        f"{self._named}: a chunk of {length} bytes is left out: {reason_of(error)}"
                    )
                    continue
                yield from self._messages_in(content, topics, on_warning)
            else:
                yield from self._message(operation, content, topics, on_warning)

    def _messages_in(
        self,
        content: bytes,
        topics: Collection[str] | None,
        on_warning: OnWarning | None = None,
        *,
        cut: bool = False,
    ) -> Iterator[StoredMessage]:
        """Yield the messages of a chunk; where it is cut, the last record is incomplete."""
        position = 0
        while position + _PREFIX.size <= len(content):
            operation, length = _PREFIX.unpack_from(content, position)
            position += _PREFIX.size
            if length > len(content) - position:
                if not cut:
                    (on_warning or self._on_warning)(
                        f"{self._named}: the end of a chunk is left out: a record in it is longer "
                        "than the chunk."
                    )
                return
            record = content[position : position + length]
            yield from self._message(operation, record, topics, on_warning or self._on_warning)
            position += length

    def _message(
        self, operation: int, content: bytes, topics: Collection[str] | None, on_warning: OnWarning
    ) -> Iterator[StoredMessage]:
        """Yield the message in a record, or register the schema or channel in it."""
        try:
            if operation != Opcode.MESSAGE:
                self._names.register(operation, content)
                return
            channel, _, bag_time, _ = _MESSAGE.unpack_from(content)
        except Exception as error:  # lengths and texts that are none
            on_warning(f"{self._named}: a record is left out: {reason_of(error)}")
            return
        if channel not in self._names.channels:
            on_warning(
                f"{self._named}: a message is left out: it is of channel {channel}, which the "
                "file does not describe."
            )
            return
        topic, kind = self._names.of(channel)
        if topics is None or topic in topics:
            yield StoredMessage(topic, kind, bag_time, content[_MESSAGE.size :])


def _stream(content: bytes) -> ReadDataStream:
    return ReadDataStream(BytesIO(content))


def _unpacked(record: bytes) -> bytes:
    """Return the uncompressed content of a chunk. Raises anything where it is damaged."""
    chunk = Chunk.read(_stream(record))
    if chunk.uncompressed_size > MOST_UNPACKED:
        raise UnpackingError(f"it unpacks to {chunk.uncompressed_size} bytes, which is too many")
    content = unpack(chunk.data, chunk.compression, chunk.uncompressed_size)
    if len(content) != chunk.uncompressed_size:
        raise UnpackingError(f"it has {len(content)} bytes, not {chunk.uncompressed_size}")
    if chunk.uncompressed_crc and zlib.crc32(content) != chunk.uncompressed_crc:
        raise UnpackingError("its checksum is wrong")
    return content


def _cut_chunk(record: bytes) -> bytes:
    """Return the readable part of a chunk that is cut off by the end of the file."""
    try:
        chunk = Chunk.read(_stream(record))
        if not chunk.compression:
            return bytes(chunk.data)
        if chunk.compression != "zstd" or chunk.uncompressed_size > MOST_UNPACKED:
            return b""  # lz4 gives nothing of a frame that is cut
        reader = zstandard.ZstdDecompressor().stream_reader(BytesIO(chunk.data))
        blocks, size = [], 0
        try:
            while size < chunk.uncompressed_size and (block := reader.read(1 << 16)):
                blocks.append(block)
                size += len(block)
        except zstandard.ZstdError:
            pass
        return b"".join(blocks)
    except Exception:  # it ends before its content begins
        return b""
