# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Bags as accidents leave them: each is made whole, and then spoilt in its file."""

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from helpers.small_bag import TYPES, compressed_message, picture, stamp_of_frame, write_small_bag
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from cosme_ros.bags.reading import COMPRESSED_IMAGE, Bag, BagError
from cosme_ros.bags.recovery import RecoverableBag
from cosme_ros.topics import CAMERA_IMAGE, CAMERA_LABELS

FRAMES = 30  # some chunks of MCAP, and pages of SQLite of which a few can be lost
TOPICS = [CAMERA_IMAGE, CAMERA_LABELS]
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
STORAGES = {"mcap": StoragePlugin.MCAP, "db3": StoragePlugin.SQLITE3}


def recovered(path: Path, topics=TOPICS):
    complaints: list[str] = []
    with RecoverableBag(path, complaints.append) as bag:
        messages = list(bag.messages(topics))
    return messages, complaints


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
        messages, complaints = recovered(path)
        assert messages == whole(sound_bag)
        assert complaints == []


def test_topics_and_counts_are_known(sound_bag: Path) -> None:
    with RecoverableBag(sound_bag, pytest.fail) as bag:
        assert bag.topics[CAMERA_IMAGE] == COMPRESSED_IMAGE
        assert bag.counts[CAMERA_LABELS] == FRAMES


@pytest.mark.parametrize("share", [0.4, 0.97])
@pytest.mark.parametrize("folder", [True, False])
def test_what_comes_before_a_cut_is_read(sound_bag: Path, share: float, folder: bool) -> None:
    expected = whole(sound_bag)
    file = storage_file(sound_bag)
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    messages, complaints = recovered(sound_bag if folder else file)
    assert_first_ones(messages, expected)
    # The message that was cut is lost, and in SQLite what hangs on the same page.
    assert len(messages) >= share * len(expected) - 4
    assert len(messages) < len(expected)
    assert any(str(file) in complaint and "cut off" in complaint for complaint in complaints)


def test_a_bag_without_metadata_is_read_file_by_file(sound_bag: Path) -> None:
    expected = whole(sound_bag)
    (sound_bag / "metadata.yaml").unlink()
    messages, complaints = recovered(sound_bag)
    assert messages == expected
    (complaint,) = complaints
    assert "metadata" in complaint and "one by one" in complaint


def test_mcap_without_its_end_is_read(tmp_path: Path) -> None:
    """A recorder that is killed writes neither index nor footer."""
    bag = write_small_bag(tmp_path / "bag", frames=FRAMES)
    expected = whole(bag)
    file = storage_file(bag)
    content = file.read_bytes()
    data_end = content.rindex(b"\x0f" + (4).to_bytes(8, "little"))  # record 15: end of the data
    file.write_bytes(content[:data_end])
    messages, complaints = recovered(file)
    assert messages == expected
    assert len(complaints) == 1


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
    messages, complaints = recovered(file)
    assert len(expected) - 8 <= len(messages) < len(expected)
    assert {m.bag_time for m in messages} >= {m.bag_time for m in (expected[0], expected[-1])}
    assert [m for m in expected if m in messages] == messages
    assert any("damaged page" in complaint for complaint in complaints)


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
    messages, complaints = recovered(bag, [CAMERA_IMAGE])
    assert 0 < len(messages) < len(expected)
    assert messages[0] == expected[0] and messages[-1] == expected[-1]
    assert [m for m in expected if m in messages] == messages
    assert any("is damaged after" in complaint for complaint in complaints)


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
    messages, complaints = recovered(bag, [CAMERA_IMAGE])
    assert [message.cdr for message in messages] == sent
    assert complaints == []
    # Neither does a file on its own say that its messages are compressed.
    messages, _ = recovered(storage_file(bag), [CAMERA_IMAGE])
    assert [message.cdr for message in messages] == sent
    content = storage_file(bag).read_bytes()
    storage_file(bag).write_bytes(content[: int(0.9 * len(content))])
    messages, complaints = recovered(bag, [CAMERA_IMAGE])
    assert [message.cdr for message in messages] == sent[: len(messages)]
    assert 0 < len(messages) < FRAMES
    assert complaints


def test_a_split_bag_with_a_damaged_file_keeps_the_others(tmp_path: Path) -> None:
    parts = [write_small_bag(tmp_path / f"part{n}", frames=FRAMES) for n in (9, 10)]
    bag = tmp_path / "bag"
    bag.mkdir()
    for number, part in zip((9, 10), parts, strict=True):
        shutil.copy(storage_file(part), bag / f"bag_{number}.mcap")
    (bag / "bag_9.mcap").write_bytes((bag / "bag_9.mcap").read_bytes()[:1000])
    messages, complaints = recovered(bag)
    assert messages == whole(parts[1])
    assert any("bag_9.mcap" in complaint for complaint in complaints)


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
    messages, complaints = recovered(bag, [CAMERA_IMAGE])
    assert [m.cdr for m in messages] == [bytes(data)]
    assert complaints == []


def test_a_message_too_short_for_a_header_is_left_out(tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    with Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection(CAMERA_IMAGE, COMPRESSED_IMAGE, typestore=TYPES)
        writer.write(connection, 1, b"\x00\x01\x00\x00\x01")
        message = compressed_message(stamp_of_frame(0), picture(0, 180, 320))
        writer.write(connection, 2, TYPES.serialize_cdr(message, COMPRESSED_IMAGE))
    messages, complaints = recovered(bag, [CAMERA_IMAGE])
    assert [message.bag_time for message in messages] == [2]
    assert len(complaints) == 1 and "recorded at 1 ns" in complaints[0]


@pytest.mark.parametrize("content", [b"", b"no bag at all" * 100, b"SQLite format 3\0" + bytes(90)])
def test_what_is_no_bag_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file.mcap"
    file.write_bytes(content)
    complaints: list[str] = []
    with pytest.raises(BagError, match=r"nothing of .* can be read"):
        RecoverableBag(file, complaints.append)
    assert "begins neither as MCAP nor as SQLite does" in complaints[0] or b"SQLite" in content
    with pytest.raises(BagError, match="does not exist"):
        RecoverableBag(tmp_path / "absent", complaints.append)


def test_a_folder_that_is_no_bag_is_refused_with_what_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "notes.txt").write_text("no bag")
    with pytest.raises(BagError, match=r"folder is no rosbag2 bag: it holds neither \.mcap nor"):
        RecoverableBag(folder, pytest.fail)
    for name in ("tuesday", "monday"):
        write_small_bag(folder / name, frames=1)
    with pytest.raises(BagError, match="the bags in it are monday, tuesday; give these"):
        RecoverableBag(folder, pytest.fail)
