# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Reads what can be read of a rosbag2 bag, however it ended, and says what cannot.

A vehicle that loses its power leaves a bag without index or metadata, or cut in the middle of a
message. An intact bag is read by `rosbags`. Where that refuses, its files are read one by one, and
a damaged file from its beginning, record by record: MCAP as a stream (its specification makes every
file readable so, https://mcap.dev/spec), sqlite3 row by row. No message definition of the bag is
interpreted, so that an unknown type on one topic does not keep anybody from the others.
"""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO
from urllib.parse import quote

import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import EndOfFile
from mcap.opcode import Opcode
from mcap.reader import make_reader
from mcap.records import Channel, Chunk, McapRecord, Message, Schema
from mcap.stream_reader import StreamReader, get_chunk_data_stream
from rosbags.rosbag2 import Reader

from cosme_ros.bags.reading import STAMPED_TYPES, BagError, BagMessage, stamp_of
from cosme_ros.visualization.text import counted

Complain = Callable[[str], None]
"""Takes a sentence about something that could not be read."""

_STORAGE_SUFFIXES = (".mcap", ".db3")
_METADATA = "metadata.yaml"
_ZSTD_SUFFIX = ".zstd"
_SQLITE_MAGIC = b"SQLite format 3\0"
_MCAP_MAGIC = b"\x89MCAP"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # RFC 8878, 3.1.1; no CDR message begins so


@dataclass(frozen=True)
class _Raw:
    """A message as some storage holds it."""

    topic: str
    message_type: str
    bag_time: int
    data: bytes


class RecoverableBag:
    """An open bag, sound or not; a context manager.

    Raises BagError when it does not exist or nothing of it can be read. Everything else that is
    wrong with it goes to `complain`, a sentence each, when it is met.
    """

    def __init__(self, path: str | Path, complain: Complain) -> None:
        self.path = Path(path).expanduser()
        if not self.path.exists():
            raise BagError(
                f"bag {self.path} does not exist; give a rosbag2 folder, or an .mcap or .db3 file"
            )
        self._complain = complain
        self._stack = ExitStack()
        self.topics: dict[str, str] = {}
        """Topic to message type."""
        self.counts: Counter[str] = Counter()
        """Topic to number of messages, as far as that can be told beforehand."""
        try:
            self._parts = self._open_parts()
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> "RecoverableBag":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def messages(self, topics: Collection[str]) -> Iterator[BagMessage]:
        """The messages of `topics` in the order of the bag, as many as can be read."""
        for part in self._parts:
            for raw in part.messages(topics):
                data = raw.data
                try:
                    if data.startswith(_ZSTD_MAGIC):
                        data = zstandard.decompress(data)
                    stamped = raw.message_type in STAMPED_TYPES
                    stamp = stamp_of(data) if stamped else raw.bag_time
                # A message too short for its header, or not what its first bytes promise.
                except Exception as error:
                    self._complain(
                        f"{self.path}: a message on '{raw.topic}' recorded at {raw.bag_time} ns "
                        f"is left out: {_reason(error)}"
                    )
                    continue
                yield BagMessage(raw.topic, raw.message_type, raw.bag_time, stamp, data)

    def _open_parts(self) -> "list[_SoundPart | _DamagedFile]":
        files = self._files()
        if not files:
            raise BagError(f"{self.path} is no rosbag2 bag: {self._instead()}")
        try:
            return [self._sound(self.path, files)]
        except Exception as error:  # what rosbags' parsers meet, they let through
            if self.path.is_dir():
                self._complain(
                    f"{self.path}: cannot be read as a whole: {_reason(error)} Its files are read "
                    "one by one."
                )
        parts: list[_SoundPart | _DamagedFile] = []
        for file in files:
            opened = self._open_file(file)
            if opened is not None:
                parts.append(opened)
        if not parts:
            raise BagError(
                f"nothing of {self.path} can be read as a rosbag2 bag; right would be a folder "
                "with metadata.yaml and .mcap or .db3 files, or one such file"
            )
        return parts

    def _files(self) -> list[Path]:
        if self.path.is_file():
            return [self.path]
        names = (*_STORAGE_SUFFIXES, *(suffix + _ZSTD_SUFFIX for suffix in _STORAGE_SUFFIXES))
        found = (file for file in self.path.iterdir() if file.name.endswith(names))
        return sorted(found, key=_splitting_order)

    def _instead(self) -> str:
        """What to do with a folder that holds no storage file."""
        bags = sorted(file.parent.name for file in self.path.glob(f"*/{_METADATA}"))
        if bags:
            return f"the bags in it are {', '.join(bags)}; give these"
        return (
            f"it holds neither .mcap nor .db3 files; give a folder with {_METADATA} and such "
            "files, or one such file"
        )

    def _sound(self, path: Path, files: list[Path]) -> "_SoundPart":
        reader = Reader(path)
        reader.open()
        self._stack.callback(reader.close)
        for connection in reader.connections:
            self.topics[connection.topic] = connection.msgtype
            self.counts[connection.topic] += connection.msgcount

        def damaged_files() -> list[_DamagedFile]:
            return [_DamagedFile(self._decompressed(file), file) for file in files]

        return _SoundPart(path, reader, damaged_files, self._complain)

    def _open_file(self, file: Path) -> "_SoundPart | _DamagedFile | None":
        plain = self._decompressed(file)
        try:
            return self._sound(plain, [plain])
        except Exception as error:
            damaged = _DamagedFile(plain, file)
            found = 0
            # The first time for what is in it, and to tell what is wrong with it.
            for raw in damaged.messages(None, self._complain):
                self.topics[raw.topic] = raw.message_type
                self.counts[raw.topic] += 1
                found += 1
            if not found:
                self._complain(f"{file}: nothing in it can be read: {_reason(error)}")
                return None
            self._complain(
                f"{file}: is cut off or has no index: {_reason(error)} It is read from its "
                f"beginning; {found} messages are there."
            )
            return damaged

    def _decompressed(self, file: Path) -> Path:
        if file.suffix != _ZSTD_SUFFIX:
            return file
        folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="cosme_ros_")))
        plain = folder / file.stem
        with file.open("rb") as source, plain.open("wb") as target:
            reader = zstandard.ZstdDecompressor().stream_reader(source, read_across_frames=True)
            try:
                shutil.copyfileobj(reader, target)
            except zstandard.ZstdError as error:
                self._complain(f"{file}: is not wholly zstd: {error}.")
        return plain


class _SoundPart:
    """A bag or a file that opens; should it break in the middle, the rest is recovered."""

    def __init__(
        self,
        path: Path,
        reader: Reader,
        damaged_files: "Callable[[], list[_DamagedFile]]",
        complain: Complain,
    ) -> None:
        self._path = path
        self._reader = reader
        self._damaged_files = damaged_files
        self._complain = complain

    def messages(self, topics: Collection[str]) -> Iterator[_Raw]:
        connections = [c for c in self._reader.connections if c.topic in topics]
        if not connections:
            return
        given: set[tuple[str, int]] = set()
        found = self._reader.messages(connections)
        while True:
            try:
                connection, bag_time, data = next(found)
            except StopIteration:
                return
            except Exception as error:  # what rosbags' parsers meet, they let through
                self._complain(
                    f"{self._path}: is damaged after {counted(len(given), 'message')}: "
                    f"{_reason(error)} What else can be read is evaluated too."
                )
                break
            given.add((connection.topic, bag_time))
            yield _Raw(connection.topic, connection.msgtype, bag_time, bytes(data))
        for file in self._damaged_files():
            for raw in file.messages(topics, self._complain):
                if (raw.topic, raw.bag_time) not in given:
                    yield raw


class _DamagedFile:
    """One storage file, read from its beginning as far as it goes."""

    def __init__(self, plain: Path, named: Path) -> None:
        """`plain` is the uncompressed file, `named` what the user knows it as."""
        self._plain = plain
        self._named = named

    def messages(
        self, topics: Collection[str] | None, complain: Complain | None = None
    ) -> Iterator[_Raw]:
        """Of all topics if None."""

        def tell(what: str) -> None:
            if complain is not None:
                complain(f"{self._named}: {what}")

        with self._plain.open("rb") as stream:
            begin = stream.read(len(_SQLITE_MAGIC))
        if begin.startswith(_MCAP_MAGIC):
            read = _mcap_messages
        elif begin == _SQLITE_MAGIC:
            read = _sqlite_messages
        else:
            tell("begins neither as MCAP nor as SQLite does.")
            return
        for raw in read(self._plain, tell):
            if topics is None or raw.topic in topics:
                yield raw


def _mcap_messages(file: Path, damage: Complain) -> Iterator[_Raw]:
    schemas, channels = _mcap_summary(file)
    with file.open("rb") as stream:
        for inner in _mcap_records(stream, damage):
            if isinstance(inner, Schema):
                schemas[inner.id] = inner.name
            elif isinstance(inner, Channel):
                channels[inner.id] = (inner.topic, inner.schema_id)
            elif isinstance(inner, Message) and inner.channel_id in channels:
                topic, schema = channels[inner.channel_id]
                yield _Raw(topic, schemas.get(schema, "unknown"), inner.log_time, inner.data)


def _mcap_summary(file: Path) -> tuple[dict[int, str], dict[int, tuple[str, int]]]:
    """Schemas and channels, should the file still have its end: a damaged chunk may hold them."""
    with file.open("rb") as stream:
        try:
            summary = make_reader(stream).get_summary()
        except Exception:  # no end
            summary = None
    if summary is None:
        return {}, {}
    return (
        {schema.id: schema.name for schema in summary.schemas.values()},
        {channel.id: (channel.topic, channel.schema_id) for channel in summary.channels.values()},
    )


def _mcap_records(stream: BinaryIO, damage: Complain) -> Iterator[McapRecord]:
    """All records, those in chunks instead of these."""
    records = StreamReader(stream, emit_chunks=True).records
    complete = 0
    while True:
        try:
            record = next(records)
        except StopIteration:
            return
        except EndOfFile:
            yield from _cut_chunk(stream, complete)
            return
        except Exception as error:  # lengths and strings that are none
            damage(f"unreadable from byte {complete} on: {_reason(error)}")
            return
        complete = stream.tell()
        if isinstance(record, Chunk):
            yield from _chunk_records(record, damage)
        else:
            yield record


def _cut_chunk(stream: BinaryIO, start: int) -> Iterator[McapRecord]:
    """The records that are complete in a chunk at byte `start`, at the end of whose file it is
    cut off."""
    stream.seek(start)
    data = ReadDataStream(stream)
    try:
        if data.read1() != Opcode.CHUNK:
            return
        data.read8()
        chunk = Chunk.read(data)
        content = chunk.data
        if chunk.compression == "zstd":
            content = zstandard.ZstdDecompressor().decompressobj().decompress(content)
        elif chunk.compression:
            return  # lz4 gives nothing of a frame that is cut
        yield from _complete_records(content)
    except Exception:  # it ends before its content begins
        return


def _chunk_records(record: Chunk, damage: Complain) -> Iterator[McapRecord]:
    try:
        data, length = get_chunk_data_stream(record, validate_crc=True)
        content = data.read(length)
    except Exception as error:  # of the compression, or a wrong checksum
        damage(f"a chunk of {len(record.data)} bytes is left out: {_reason(error)}")
        return
    yield from _complete_records(content)


def _complete_records(content: bytes) -> Iterator[McapRecord]:
    records = StreamReader(BytesIO(content), skip_magic=True).records
    while True:
        try:
            yield next(records)
        except (StopIteration, EndOfFile):
            return


def _sqlite_messages(file: Path, damage: Complain) -> Iterator[_Raw]:
    # immutable: a file cut in the middle of a transaction has no journal to be rolled back with.
    connection = sqlite3.connect(f"file:{quote(str(file))}?immutable=1", uri=True)
    try:
        # Without it SQLite opens no file that is shorter than its header says.
        connection.execute("PRAGMA writable_schema = ON")
        topics = {
            number: (name, kind)
            for number, name, kind in connection.execute("SELECT id, name, type FROM topics")
        }
        for number, bag_time, data in _sqlite_rows(connection, damage):
            if number in topics:
                yield _Raw(*topics[number], bag_time, bytes(data))
    except sqlite3.Error as error:
        damage(f"unreadable from here on: {_reason(error)}")
    finally:
        connection.close()


def _sqlite_rows(
    connection: sqlite3.Connection, damage: Complain
) -> Iterator[tuple[int, int, bytes]]:
    """Topic, time and data of each row, in the order of writing: by number, which needs no index.

    Raises sqlite3.Error where the end of the table is not there.
    """
    done, last, lost = 0, None, 0
    while last is None or done < last:
        try:
            for row in connection.execute(
                "SELECT id, topic_id, timestamp, data FROM messages WHERE id > ? ORDER BY id",
                (done,),
            ):
                done = row[0]
                yield row[1:]
            break
        except sqlite3.Error:
            # The row is on a page that is not sound; those on others are. Raises if cut off.
            last = connection.execute("SELECT max(id) FROM messages").fetchone()[0]
            done, lost = done + 1, lost + 1
    if lost:
        damage(f"{lost} rows are left out: they are on a damaged page.")


def _splitting_order(file: Path) -> tuple[int, str]:
    """rosbag2 numbers the files of a split bag at the end of their stems: drive_10.mcap."""
    number = file.name.split(".")[0].rsplit("_", 1)[-1]
    return (int(number) if number.isdigit() else -1, file.name)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if text.endswith(".") else f"{text}."
