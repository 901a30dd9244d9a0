# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Folders, videos and bags as the messages that a player sends."""

import cv2
import numpy as np
import pytest
from helpers.small_bag import picture, stamp_of_frame, write_small_bag

from cosme_ros import topics
from cosme_ros.bags.reading import COMPRESSED_IMAGE, IMAGE, Bag, BagError, content_of, picture_of
from cosme_ros.sources.as_messages import is_recording_of_ros, open_messages
from cosme_ros.sources.interface import SourceError

IMAGES = [picture(index, 45, 80) for index in range(3)]


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "drive"
    path.mkdir()
    for index, image in enumerate(IMAGES):
        cv2.imwrite(str(path / f"{stamp_of_frame(index)}.png"), image)
    return path


def test_images_of_a_folder_are_messages_again_and_again(folder):
    source = open_messages(str(folder), "/image")
    assert (source.count("/image"), source.live) == (3, False)
    assert source.type_of("/image") == IMAGE
    for _ in range(2):
        found = list(source.messages(["/image"]))
        assert [m.stamp for m in found] == [m.bag_time for m in found]
        assert [m.stamp for m in found] == [stamp_of_frame(index) for index in range(3)]
        for message, image in zip(found, IMAGES, strict=True):
            assert message.topic == "/image"
            assert content_of(message).header.frame_id == "camera"
            np.testing.assert_array_equal(picture_of(message), image)


def test_what_is_left_out_is_reported(folder):
    (folder / f"{stamp_of_frame(1)}.png").write_bytes(b"no picture")
    told = []
    source = open_messages(str(folder), "/image", report=told.append)
    assert len(list(source.messages(["/image"]))) == 2
    assert len(told) == 1


def test_a_bag_keeps_its_topics(tmp_path):
    bag = write_small_bag(tmp_path / "bag", frames=2)
    assert is_recording_of_ros(str(bag))
    with open_messages(str(bag), "/other") as opened:
        assert isinstance(opened, Bag)
        assert opened.type_of(topics.CAMERA_IMAGE) == COMPRESSED_IMAGE


def test_cameras_and_streams_are_no_bags():
    assert not is_recording_of_ros("/dev/video0")
    assert not is_recording_of_ros("rtsp://camera/front")


def test_what_is_not_there_is_said_at_once(tmp_path):
    with pytest.raises(BagError, match="does not exist"):
        open_messages(str(tmp_path / "absent"), "/image")
    with pytest.raises(SourceError, match="cannot be opened"):
        open_messages("/dev/video93", "/image")
