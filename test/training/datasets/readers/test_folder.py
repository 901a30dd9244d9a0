# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import cv2
import numpy as np
import pytest

from training.datasets.readers.folder import ImageFolder, LabelledFolder
from training.datasets.readers.label_map import IDENTITY, LabelMap
from training.errors import UsageError


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), array)


def picture(value, height=4, width=6):
    return np.full((height, width, 3), value, np.uint8)


@pytest.fixture
def tree(tmp_path):
    for number in (1, 2, 10):
        write(tmp_path / "images" / f"frame_{number}.png", picture(number))
        write(tmp_path / "labels" / f"frame_{number}.png", picture(number)[..., 0])
    return tmp_path


def test_frames_come_in_natural_order_and_labels_are_no_frames(tree):
    frames = ImageFolder(tree)
    assert [int(frames[i][0, 0, 0]) for i in range(len(frames))] == [1, 2, 10]
    assert frames[0].shape == (4, 6, 3)
    assert frames[0].dtype == np.uint8


def test_colour_order_is_bgr(tmp_path):
    blue = picture(0)
    blue[..., 0] = 200
    write(tmp_path / "a.png", blue)
    np.testing.assert_array_equal(ImageFolder(tmp_path)[0], blue)


def test_reads_all_levels_and_passes_over_hidden_files(tmp_path):
    write(tmp_path / "city" / "a.jpg", picture(1))
    write(tmp_path / "b.PNG", picture(2))
    write(tmp_path / ".c.png", picture(3))
    assert [path.name for path in ImageFolder(tmp_path).paths] == ["b.PNG", "a.jpg"]


def test_pairs_images_with_labels(tree):
    labelled = LabelledFolder(tree, LabelMap({1: 0, 2: 1, 10: 255}))
    for index, (value, class_id) in enumerate([(1, 0), (2, 1), (10, 255)]):
        image, label = labelled[index]
        assert np.all(image == value)
        np.testing.assert_array_equal(label, np.full((4, 6), class_id, np.uint8))


def test_pairs_in_subfolders(tmp_path):
    write(tmp_path / "images" / "a" / "x.jpg", picture(9))
    write(tmp_path / "labels" / "a" / "x.png", picture(3)[..., 0])
    assert np.all(LabelledFolder(tmp_path, IDENTITY)[0][1] == 3)


def test_missing_root_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere is no folder"):
        ImageFolder(tmp_path / "nowhere")


def test_empty_root_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"holds no picture; expected \.jpg, \.jpeg, \.png"):
        ImageFolder(tmp_path)


def test_missing_labels_folder_is_named(tmp_path):
    write(tmp_path / "images" / "a.png", picture(1))
    with pytest.raises(UsageError, match=r"labels is no folder"):
        LabelledFolder(tmp_path, IDENTITY)


def test_image_without_label(tree):
    (tree / "labels" / "frame_2.png").unlink()
    with pytest.raises(UsageError, match=r"1 of 3 images have no label.*expected .*frame_2\.png"):
        LabelledFolder(tree, IDENTITY)


def test_label_without_image(tree):
    (tree / "images" / "frame_2.png").unlink()
    with pytest.raises(UsageError, match=r"1 of 3 labels have no image.*frame_2"):
        LabelledFolder(tree, IDENTITY)


def test_two_images_of_one_name(tree):
    write(tree / "images" / "frame_2.jpg", picture(2))
    with pytest.raises(UsageError, match="same name"):
        LabelledFolder(tree, IDENTITY)


def test_undecodable_image(tree):
    whole = (tree / "images" / "frame_1.png").read_bytes()
    (tree / "images" / "frame_1.png").write_bytes(whole[:20])
    with pytest.raises(UsageError, match=r"frame_1\.png cannot be decoded"):
        ImageFolder(tree)[0]


def test_label_of_another_size(tree):
    write(tree / "labels" / "frame_1.png", picture(1, height=5)[..., 0])
    with pytest.raises(UsageError, match=r"frame_1\.png is 6x5, its image frame_1\.png is 6x4"):
        LabelledFolder(tree, IDENTITY)[0]


def test_colour_label(tree):
    write(tree / "labels" / "frame_1.png", picture(1))
    with pytest.raises(UsageError, match=r"has 3 channels of 8 bits; a label picture has one"):
        LabelledFolder(tree, IDENTITY)[0]


def test_sixteen_bit_label_is_not_scaled(tree):
    write(tree / "labels" / "frame_1.png", np.full((4, 6), 255, np.uint16))
    assert np.all(LabelledFolder(tree, LabelMap({1: 0, 2: 1}))[0][1] == 255)
    write(tree / "labels" / "frame_1.png", np.full((4, 6), 256, np.uint16))
    with pytest.raises(UsageError, match=r"frame_1\.png holds the label value 256; known are 0, 1"):
        LabelledFolder(tree, IDENTITY)[0]


def test_cut_jpeg_is_no_frame(tree):
    path = tree / "images" / "frame_1.jpg"
    write(path, np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UsageError, match=r"frame_1\.jpg cannot be decoded: .* ends after 2000"):
        ImageFolder(tree)[0]


def test_unknown_label_value(tree):
    with pytest.raises(UsageError, match=r"frame_10\.png holds the label value 10"):
        LabelledFolder(tree, LabelMap({1: 0, 2: 1}))[2]
