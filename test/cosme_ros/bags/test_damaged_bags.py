# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Bags as accidents leave them: each is made whole, and then spoilt in its file."""

import os
import shutil
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import lz4.frame
import numpy as np
import pytest
import zstandard
from helpers.small_bag import TYPES, compressed_message, picture, stamp_of_frame, write_small_bag
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from cosme_ros.bags.reading import COMPRESSED_IMAGE, Bag, BagError
from cosme_ros.topics import CAMERA_IMAGE, CAMERA_LABELS

FRAMES = 30  # some chunks of MCAP, and pages of SQLite of which a few can be lost
TOPICS = [CAMERA_IMAGE, CAMERA_LABELS]
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
STORAGES = {"mcap": StoragePlugin.MCAP, "db3": StoragePlugin.SQLITE3}


def recovered(path: Path, topics=TOPICS):
    warnings: list[str] = []
    with Bag(path, warnings.append) as bag:
        messages = list(bag.messages(topics))
    return messages, warnings


def whole(path: Path):
    with Bag(path) as bag:
        return list(bag.messages(TOPICS))


def storage_file(bag: Path) -> Path:
    (file,) = (f for f in bag.iterdir() if f.suffix != ".yaml")
    return file


@pytest.fixture(params=STORAGES)
def sound_bag(request, tmp_path: Path) -> Path:
    return write_small_bag(tmp_path / "bag", frames=FRAMES, storage=STORAGES[request.param])


def assert_first_ones(messages, of_all) -> None:
    """In order, unaltered, and none but the last ones missing."""
    assert messages == of_all[: len(messages)]


def test_of_a_sound_bag_nothing_is_said(sound_bag: Path) -> None:
    for path in (sound_bag, storage_file(sound_bag)):
        messages, warnings = recovered(path)
        assert messages == whole(sound_bag)
        assert warnings == []


def test_topics_and_counts_are_known(sound_bag: Path) -> None:
    with Bag(sound_bag, pytest.fail) as bag:
        assert bag.topics[CAMERA_IMAGE] == COMPRESSED_IMAGE
        assert bag.counts[CAMERA_LABELS] == FRAMES


@pytest.mark.parametrize("share", [0.4, 0.97])
@pytest.mark.parametrize("folder", [True, False])
def test_what_comes_before_a_cut_is_read(sound_bag: Path, share: float, folder: bool) -> None:
    expected = whole(sound_bag)
    file = storage_file(sound_bag)
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    messages, warnings = recovered(sound_bag if folder else file)
    assert_first_ones(messages, expected)
    # The message that was cut is lost, and in SQLite what hangs on the same page.
    assert len(messages) >= share * len(expected) - 4
    assert len(messages) < len(expected)
    assert any(str(file) in warning and "cut off" in warning for warning in warnings)


def test_a_bag_without_metadata_is_read_file_by_file(sound_bag: Path) -> None:
    expected = whole(sound_bag)
    (sound_bag / "metadata.yaml").unlink()
    messages, warnings = recovered(sound_bag)
    assert messages == expected
    (warning,) = warnings
    assert "metadata" in warning and "one by one" in warning


def test_mcap_without_its_end_is_read(tmp_path: Path) -> None:
    """A recorder that is killed writes neither index nor footer."""
    bag = write_small_bag(tmp_path / "bag", frames=FRAMES)
    expected = whole(bag)
    file = storage_file(bag)
    content = file.read_bytes()
    data_end = content.rindex(b"\x0f" + (4).to_bytes(8, "little"))  # record 15: end of the data
    file.write_bytes(content[:data_end])
    messages, warnings = recovered(file)
    assert messages == expected
    assert len(warnings) == 1


def test_a_damaged_page_costs_its_rows_only(tmp_path: Path) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=FRAMES, storage=StoragePlugin.SQLITE3)
    expected = whole(bag)
    file = storage_file(bag)
    connection = sqlite3.connect(file)
    page = connection.execute("PRAGMA page_size").fetchone()[0]
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.close()
    content = bytearray(file.read_bytes())
    for number in range(1, pages):
        if content[number * page] == 13 and number > pages // 3:  # leaf of a table
            content[number * page : (number + 1) * page] = bytes(page)
            break
    file.write_bytes(content)
    messages, warnings = recovered(file)
    assert len(expected) - 8 <= len(messages) < len(expected)
    assert {m.bag_time for m in messages} >= {m.bag_time for m in (expected[0], expected[-1])}
    assert [m for m in expected if m in messages] == messages
    assert any("damaged page" in warning for warning in warnings)


def test_a_damaged_chunk_costs_its_messages_only(tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    writer = Writer(bag, version=8, storage_plugin=StoragePlugin.MCAP)
    writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
    with writer:
        connection = writer.add_connection(CAMERA_IMAGE, COMPRESSED_IMAGE, typestore=TYPES)
        for index in range(40):
            noise = np.random.default_rng(index).integers(0, 256, (180, 320, 3), np.uint8)
            message = compressed_message(stamp_of_frame(index), noise)
            data = TYPES.serialize_cdr(message, COMPRESSED_IMAGE)
            writer.write(connection, stamp_of_frame(index), data)
    expected, _ = recovered(bag, [CAMERA_IMAGE])
    file = storage_file(bag)
    content = bytearray(file.read_bytes())
    first = content.index(ZSTD_MAGIC)
    second = content.index(ZSTD_MAGIC, first + 1)
    content[second : second + 64] = bytes(64)
    file.write_bytes(content)
    messages, warnings = recovered(bag, [CAMERA_IMAGE])
    assert 0 < len(messages) < len(expected)
    assert messages[0] == expected[0] and messages[-1] == expected[-1]
    assert [m for m in expected if m in messages] == messages
    assert any("is damaged after" in warning for warning in warnings)


@pytest.mark.parametrize("mode", [CompressionMode.FILE, CompressionMode.MESSAGE])
@pytest.mark.parametrize("storage", STORAGES.values())
def test_compressed_bags(tmp_path: Path, mode: CompressionMode, storage) -> None:
    bag = tmp_path / "bag"
    writer = Writer(bag, version=8, storage_plugin=storage)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    sent = []
    with writer:
        connection = writer.add_connection(CAMERA_IMAGE, COMPRESSED_IMAGE, typestore=TYPES)
        for index in range(FRAMES):  # more than a block of zstd, 128 KiB, holds
            message = compressed_message(stamp_of_frame(index), picture(index, 180, 320))
            sent.append(bytes(TYPES.serialize_cdr(message, COMPRESSED_IMAGE)))
            writer.write(connection, stamp_of_frame(index), sent[-1])
    messages, warnings = recovered(bag, [CAMERA_IMAGE])
    assert [message.cdr for message in messages] == sent
    assert warnings == []
    # Neither does a file on its own say that its messages are compressed.
    messages, _ = recovered(storage_file(bag), [CAMERA_IMAGE])
    assert [message.cdr for message in messages] == sent
    content = storage_file(bag).read_bytes()
    storage_file(bag).write_bytes(content[: int(0.9 * len(content))])
    messages, warnings = recovered(bag, [CAMERA_IMAGE])
    assert [message.cdr for message in messages] == sent[: len(messages)]
    assert 0 < len(messages) < FRAMES
    assert warnings


def test_a_split_bag_with_a_damaged_file_keeps_the_others(tmp_path: Path) -> None:
    parts = [write_small_bag(tmp_path / f"part{n}", frames=FRAMES) for n in (9, 10)]
    bag = tmp_path / "bag"
    bag.mkdir()
    for number, part in zip((9, 10), parts, strict=True):
        shutil.copy(storage_file(part), bag / f"bag_{number}.mcap")
    (bag / "bag_9.mcap").write_bytes((bag / "bag_9.mcap").read_bytes()[:1000])
    messages, warnings = recovered(bag)
    assert messages == whole(parts[1])
    assert any("bag_9.mcap" in warning for warning in warnings)


def test_an_unknown_type_on_another_topic_is_no_obstacle(tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    with Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        pictures = writer.add_connection(CAMERA_IMAGE, COMPRESSED_IMAGE, typestore=TYPES)
        strange = writer.add_connection(
            "/strange", "robot_msgs/msg/Strange", msgdef="This is % no definition", rihs01="none"
        )
        message = compressed_message(stamp_of_frame(0), picture(0, 180, 320))
        writer.write(strange, stamp_of_frame(0), b"\x00\x01\x00\x00abc")
        data = TYPES.serialize_cdr(message, COMPRESSED_IMAGE)
        writer.write(pictures, stamp_of_frame(0), data)
    messages, warnings = recovered(bag, [CAMERA_IMAGE])
    assert [m.cdr for m in messages] == [bytes(data)]
    assert warnings == []


def test_a_message_too_short_for_a_header_is_left_out(tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    with Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection(CAMERA_IMAGE, COMPRESSED_IMAGE, typestore=TYPES)
        writer.write(connection, 1, b"\x00\x01\x00\x00\x01")
        message = compressed_message(stamp_of_frame(0), picture(0, 180, 320))
        writer.write(connection, 2, TYPES.serialize_cdr(message, COMPRESSED_IMAGE))
    messages, warnings = recovered(bag, [CAMERA_IMAGE])
    assert [message.bag_time for message in messages] == [2]
    assert len(warnings) == 2 and "recorded at 1 ns" in warnings[0]
    assert "lists 2 messages" in warnings[1] and "1 missing" in warnings[1]


@pytest.mark.parametrize("content", [b"", b"no bag at all" * 100, b"SQLite format 3\0" + bytes(90)])
def test_what_is_no_bag_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file.mcap"
    file.write_bytes(content)
    warnings: list[str] = []
    with pytest.raises(BagError, match=r"nothing of .* can be read"):
        Bag(file, warnings.append)
    assert (
        "begins neither as MCAP nor as SQLite nor as a ROS 1 bag" in warnings[0]
        or b"SQLite" in content
    )
    with pytest.raises(BagError, match="does not exist"):
        Bag(tmp_path / "absent", warnings.append)


def test_a_folder_that_is_no_bag_is_refused_with_what_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "notes.txt").write_text("no bag")
    refusal = r"folder cannot be read as a rosbag2 bag: it holds neither \.mcap nor"
    with pytest.raises(BagError, match=refusal):
        Bag(folder, pytest.fail)
    for name in ("tuesday", "monday"):
        write_small_bag(folder / name, frames=1)
    with pytest.raises(BagError, match="the bags in it are monday, tuesday; give these"):
        Bag(folder, pytest.fail)


def contents_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_rows_in_a_write_ahead_log_are_read(tmp_path: Path) -> None:
    """A recorder that was killed: the last rows are beside the file, and the file does not know."""
    bag = write_small_bag(tmp_path / "bag", frames=FRAMES, storage=StoragePlugin.SQLITE3)
    expected = whole(bag)
    file = storage_file(bag)
    connection = sqlite3.connect(tmp_path / "working.db3", isolation_level=None)
    shutil.copy(file, tmp_path / "working.db3")
    connection.execute("PRAGMA journal_mode = WAL")
    rows = connection.execute("SELECT * FROM messages ORDER BY id").fetchall()
    connection.execute("DELETE FROM messages WHERE id > ?", (rows[9][0],))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for row in rows[10:]:
        connection.execute("INSERT INTO messages VALUES (?, ?, ?, ?)", row)
    for suffix in ("", "-wal"):
        shutil.copy(tmp_path / f"working.db3{suffix}", file.with_name(file.name + suffix))
    connection.close()
    before = contents_of(bag)
    messages, warnings = recovered(bag)
    assert messages == expected == whole(bag)
    assert warnings == []
    assert contents_of(bag) == before


def test_a_profile_that_was_edited_hides_nothing(sound_bag: Path) -> None:
    expected = whole(sound_bag)
    metadata = sound_bag / "metadata.yaml"
    text = metadata.read_text()
    edited = text.replace("offered_qos_profiles: []", "offered_qos_profiles: [{history: 1}]")
    edited = edited.replace("offered_qos_profiles: ''", "offered_qos_profiles: '- history: 1'")
    assert edited != text
    metadata.write_text(edited)
    messages, warnings = recovered(sound_bag)
    assert messages == expected and warnings == []


@pytest.mark.parametrize("name", ["drive #2", "100%20", "who?", "a%b#c?d&mode=rw", "größer"])
def test_any_name_of_a_folder(sound_bag: Path, name: str) -> None:
    expected = whole(sound_bag)
    renamed = sound_bag.rename(sound_bag.with_name(name))
    messages, warnings = recovered(renamed)
    assert messages == expected and warnings == []


def test_what_the_metadata_promises_is_missed(
    sound_bag: Path, caplog: pytest.LogCaptureFixture
) -> None:
    metadata = sound_bag / "metadata.yaml"
    before, after = f"message_count: {FRAMES}\n", f"message_count: {FRAMES + 7}\n"
    metadata.write_text(metadata.read_text().replace(before, after))
    messages, warnings = recovered(sound_bag, [CAMERA_IMAGE])
    assert len(messages) == FRAMES
    assert len(warnings) == 1 and "7 missing" in warnings[0]
    with Bag(sound_bag) as strict:
        list(strict.messages([CAMERA_IMAGE]))
    assert "7 missing" in caplog.text


@pytest.mark.parametrize("value", [None, "text", 5])
@pytest.mark.parametrize("column", ["data", "timestamp", "topic_id"])
def test_a_row_of_no_message_costs_itself_only(tmp_path: Path, column: str, value: object) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=FRAMES, storage=StoragePlugin.SQLITE3)
    expected = whole(bag)
    file = storage_file(bag)
    connection = sqlite3.connect(file)
    if value is None:  # rosbag2 writes NOT NULL, others do not
        connection.execute("CREATE TABLE copy AS SELECT * FROM messages")
        connection.execute("DROP TABLE messages")
        connection.execute("ALTER TABLE copy RENAME TO messages")
    (number,) = connection.execute("SELECT id FROM messages ORDER BY id LIMIT 1").fetchone()
    connection.execute(f"UPDATE messages SET {column} = ? WHERE id = ?", (value, number))
    connection.commit()
    connection.close()
    messages, warnings = recovered(bag)
    if (column, value) != ("timestamp", 5):  # that is a time
        assert messages == expected[1:]
        assert any("is left out" in warning for warning in warnings)
        with pytest.raises(BagError, match="is left out"):
            whole(bag)


def write_record(operation: int, content: bytes) -> bytes:
    return struct.pack("<BQ", operation, len(content)) + content


def text(value: str) -> bytes:
    return struct.pack("<I", len(value)) + value.encode()


def described(records: bytes) -> bytes:
    """MCAP records of one channel of pictures, and then `records`."""
    schema = write_record(3, struct.pack("<H", 1) + text(COMPRESSED_IMAGE) + text("") + text(""))
    names = text(CAMERA_IMAGE) + text("cdr") + text("")
    channel = write_record(4, struct.pack("<HH", 1, 1) + names)
    return schema + channel + records


def message_record(index: int) -> bytes:
    message = compressed_message(stamp_of_frame(index), picture(index, 90, 160))
    data = bytes(TYPES.serialize_cdr(message, COMPRESSED_IMAGE))
    return write_record(5, struct.pack("<HIQQ", 1, index, index, index) + data)


def mcap_file(file: Path, *records: bytes) -> Path:
    """An MCAP file without checksums and index."""
    header = write_record(1, text("ros2") + text("test"))
    end = write_record(15, bytes(4)) + write_record(2, bytes(20))
    magic = b"\x89MCAP0\r\n"
    file.write_bytes(magic + header + b"".join(records) + end + magic)
    return file


def chunk_record(content: bytes, compression: str, data: bytes, *, declared: int | None = None):
    size = len(content) if declared is None else declared
    head = struct.pack("<QQQI", 0, 9, size, 0) + text(compression)
    return write_record(6, head + struct.pack("<Q", len(data)) + data)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda r: r[:1] + struct.pack("<Q", 1 << 40) + r[9:],  # longer than the chunk
        lambda r: b"\x04" + r[1:],  # a message that calls itself a channel
        lambda r: r[:9] + b"\xff\xff" + r[11:],  # of a channel that is not there
        lambda r: write_record(5, b"short"),
        lambda r: write_record(3, struct.pack("<HI", 7, 1 << 31)),
    ],
)
def test_a_damaged_record_without_checksums(
    tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    records = [message_record(index) for index in range(4)]
    records[2] = spoil(records[2])
    content = described(b"".join(records))
    file = mcap_file(tmp_path / "bag.mcap", chunk_record(content, "", content))
    messages, warnings = recovered(file, [CAMERA_IMAGE])
    assert [message.bag_time for message in messages] in ([0, 1], [0, 1, 3])
    assert any("left out" in warning for warning in warnings)


GIGABYTES = 3


def bomb(compression: str) -> bytes:
    block = bytes(1 << 20)
    if compression == "zstd":
        packer = zstandard.ZstdCompressor(level=1).compressobj()
        parts = [packer.compress(block) for _ in range(GIGABYTES << 10)]
        return b"".join(parts) + packer.flush()
    lz4_packer = lz4.frame.LZ4FrameCompressor()
    parts = [lz4_packer.begin()] + [lz4_packer.compress(block) for _ in range(GIGABYTES << 10)]
    return b"".join(parts) + lz4_packer.flush()


MEASURE = """
import resource, sys
from cosme_ros.bags.reading import Bag
sentences = []
with Bag(sys.argv[1], sentences.append) as bag:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = [m.bag_time for m in bag.messages([sys.argv[2]])]
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(found, grown // 1024, sentences)
"""


@pytest.mark.parametrize(
    ("compression", "place"),
    [
        ("zstd", "chunk"),
        ("zstd", "lying chunk"),
        ("zstd", "message"),  # rosbag2 compresses messages by zstd alone
        ("lz4", "chunk"),
        ("lz4", "lying chunk"),
    ],
)
def test_few_bytes_that_unpack_to_gigabytes(tmp_path: Path, compression: str, place: str) -> None:
    sound = described(message_record(0)) + message_record(2)
    data = bomb(compression)
    if place == "message":
        packed = write_record(5, struct.pack("<HIQQ", 1, 1, 1, 1) + data)
    else:
        size = GIGABYTES << 30 if place == "chunk" else 1000
        packed = chunk_record(b"", compression, data, declared=size)
    file = mcap_file(tmp_path / "bag.mcap", sound, packed)
    ended = subprocess.run(
        [sys.executable, "-c", MEASURE, str(file), CAMERA_IMAGE],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    times, rest = ended.stdout.split("] ", 1)
    assert times == "[0, 2"
    assert int(rest.split()[0]) < 1100, "megabytes more"
    assert "unpacks to" in rest


def test_a_message_with_a_damaged_header_is_left_out(tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    message = compressed_message(stamp_of_frame(0), picture(0, 90, 160))
    sound = bytes(TYPES.serialize_cdr(message, COMPRESSED_IMAGE))
    length = struct.unpack_from("<I", sound, 12)[0]
    damaged = [
        sound[:12] + struct.pack("<I", 1 << 20) + sound[16:],
        sound[:12] + struct.pack("<I", length - 1) + sound[16:],
        sound[:16] + b"\x1b" + sound[17:],
        sound[:16] + b"\xff" + sound[17:],
        sound[:8] + struct.pack("<I", 1 << 31) + sound[12:],
        b"\x07" + sound[1:],
    ]
    with Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection(CAMERA_IMAGE, COMPRESSED_IMAGE, typestore=TYPES)
        for time, data in enumerate([sound, *damaged]):
            writer.write(connection, time, data)
    messages, warnings = recovered(bag, [CAMERA_IMAGE])
    assert [message.bag_time for message in messages] == [0]
    assert sum("is left out" in warning for warning in warnings) == len(damaged)


@pytest.mark.parametrize("content", ["", "[]", "rosbag2_bagfile_information: 5", "a: [", "\0"])
def test_metadata_that_is_none(sound_bag: Path, content: str) -> None:
    expected = whole(sound_bag)
    (sound_bag / "metadata.yaml").write_text(content)
    messages, warnings = recovered(sound_bag)
    assert messages == expected
    assert len(warnings) == 1 and "metadata.yaml is damaged" in warnings[0]


def test_an_index_that_forgets_a_chunk(tmp_path: Path) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=FRAMES)
    expected = whole(bag)
    file = storage_file(bag)
    content = bytearray(file.read_bytes())
    (begin,) = struct.unpack_from("<Q", content, len(content) - 28)  # of the summary
    position = begin
    while content[position] != 8:  # the index of a chunk
        position += 9 + struct.unpack_from("<Q", content, position + 1)[0]
    content[position] = 0x7F
    file.write_bytes(content)
    messages, warnings = recovered(bag)
    assert {m.cdr for m in messages} == {m.cdr for m in expected}
    assert len(messages) == len(expected)
    assert any("its index has" in warning for warning in warnings) or all(
        "no index" in warning for warning in warnings
    )


def test_a_file_name_that_is_no_utf8(sound_bag: Path) -> None:
    expected = whole(sound_bag)
    renamed = Path(os.fsdecode(os.fsencode(sound_bag.parent) + b"/\xff\xfe"))
    sound_bag.rename(renamed)
    messages, warnings = recovered(renamed)
    assert messages == expected and warnings == []
