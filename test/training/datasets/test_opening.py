# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import cv2
import numpy as np
import pytest

from training.datasets.interface import crop_to_aspect
from training.datasets.opening import cut_sentence, open_frames
from training.datasets.readers.bag import BagFrames
from training.datasets.readers.folder import ImageFolder
from training.datasets.synthetic_streets import parse_synthetic
from training.errors import UsageError


def test_crop_keeps_the_middle_of_a_wide_picture():
    image = np.arange(4 * 10).reshape(4, 10)
    np.testing.assert_array_equal(crop_to_aspect(image, 100, 150), image[:, 2:8])


def test_crop_keeps_the_middle_of_a_tall_picture():
    image = np.arange(10 * 4 * 3).reshape(10, 4, 3)
    np.testing.assert_array_equal(crop_to_aspect(image, 3, 2), image[2:8])


def test_crop_leaves_the_same_ratio_alone():
    assert crop_to_aspect(np.zeros((360, 640)), 180, 320).shape == (360, 640)


def test_what_is_cut_away_is_said():
    tall, wide = np.zeros((360, 480, 3)), np.zeros((360, 1280, 3))
    assert "480x360 pixels" in cut_sentence(tall, 360, 640)
    assert "90 of 360 rows are cut away (25 %)" in cut_sentence(tall, 360, 640)
    assert "640 of 1280 columns are cut away (50 %)" in cut_sentence(wide, 180, 320)
    assert cut_sentence(np.zeros((720, 1280, 3)), 180, 320) is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("synthetic", (0, 400)), ("synthetic:7", (7, 400)), ("synthetic:7:3", (7, 3))],
)
def test_synthetic_names(text, wanted):
    assert parse_synthetic(text) == wanted


@pytest.mark.parametrize("text", ["synthetic:", "synthetic:x", "synthetic:1:0", "synthetic:1:2:3"])
def test_bad_synthetic_names(text):
    with pytest.raises(UsageError, match="synthetic"):
        parse_synthetic(text)


@pytest.mark.parametrize("source", ["/dev/video9", "rtsp://camera/front"])
def test_what_has_no_end_is_no_set_of_frames(source):
    with pytest.raises(
        UsageError, match=f"{source} is a camera or a stream, which has no end: record it first"
    ):
        open_frames(source)


def test_opens_a_folder(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((2, 2, 3), np.uint8))
    assert isinstance(open_frames(tmp_path), ImageFolder)
    with pytest.raises(UsageError, match="--topic /camera is for bags"):
        open_frames(tmp_path, "/camera")


def test_opens_a_bag(tmp_path):
    from training.bag_writer import BagFrame, write_bag

    write_bag(tmp_path / "bag", [BagFrame(np.zeros((2, 2, 3), np.uint8))], rate=1)
    assert isinstance(open_frames(tmp_path / "bag"), BagFrames)
    assert isinstance(open_frames(tmp_path / "bag" / "bag.mcap"), BagFrames)


def test_opens_synthetic_streets():
    frames = open_frames("synthetic:3:5")
    assert len(frames) == 5
    assert frames[0].shape == (360, 640, 3)


def test_missing_path_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere does not exist; expected a folder"):
        open_frames(tmp_path / "nowhere")
