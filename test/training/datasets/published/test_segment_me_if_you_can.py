# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from training.datasets.registry import open_dataset
from training.errors import UsageError

FOLDERS = {"road_anomaly_21": "dataset_AnomalyTrack", "road_obstacle_21": "dataset_ObstacleTrack"}


@pytest.fixture(params=FOLDERS)
def track(request, tmp_path, put, put_label):
    """A track's name, its folder, and what writes labelled frames there."""
    folder = FOLDERS[request.param]

    def write(frame, suffix=".jpg", labels=((0, 1, 255), (0, 0, 1))):
        put(f"{folder}/images/{frame}{suffix}", 9)
        put_label(f"{folder}/labels_masks/{frame}_labels_semantic.png", labels)

    write("validation0000")
    write("validation_2", ".webp")
    put(f"{folder}/images/airplane0000.jpg", 1)
    put(f"{folder}/labels_masks/validation0000_labels_semantic_color.png", 1)
    return request.param, folder, write


def names(dataset):
    return [dataset.source.frame_name(i) for i in range(len(dataset.source))]


def test_validation_pictures_have_labels_and_test_pictures_none(tmp_path, track):
    name, folder, _ = track
    for root in (tmp_path, tmp_path / folder):
        dataset = open_dataset(f"{name}={root}")
        assert names(dataset) == ["validation0000", "validation_2"]
        np.testing.assert_array_equal(dataset.source[1][1], [[0, 1, 255], [0, 0, 1]])


def test_labelled_takes_what_the_benchmark_leaves_out(tmp_path, track):
    name, _, write = track
    write("validation_21", ".webp")
    write("curvy-street_1")
    assert names(open_dataset(f"{name}={tmp_path}")) == ["validation0000", "validation_2"]
    assert names(open_dataset(f"{name}={tmp_path}:labelled")) == [
        "curvy-street_1",
        "validation0000",
        "validation_2",
        "validation_21",
    ]


def test_validation_picture_without_label(tmp_path, track, put):
    name, folder, _ = track
    put(f"{folder}/images/validation_3.webp", 1)
    with pytest.raises(UsageError, match=r"labels_masks/validation_3_labels_semantic\.png"):
        open_dataset(f"{name}={tmp_path}")


def test_label_without_picture(tmp_path, track, put_label):
    name, folder, _ = track
    put_label(f"{folder}/labels_masks/gravel_1_labels_semantic.png", [[0]])
    with pytest.raises(UsageError, match=r"expected .*images/gravel_1\.jpg or \.webp"):
        open_dataset(f"{name}={tmp_path}")


def test_unknown_value(tmp_path, track):
    name, _, write = track
    write("validation0001", labels=[[0, 254, 255], [0, 0, 1]])
    with pytest.raises(UsageError, match="holds the label value 254; known are 0, 1, 255"):
        open_dataset(f"{name}={tmp_path}").source[1]


def test_labels_not_unpacked(tmp_path, put):
    put("images/validation0000.jpg", 1)
    with pytest.raises(UsageError, match=r"holds no \*_labels_semantic\.png"):
        open_dataset(f"road_anomaly_21={tmp_path}")


def test_repackaged(tmp_path, put, put_label):
    put("images/0.webp", 1)
    put_label("labels_masks/0.png", [[0, 1, 255], [0, 0, 1]])
    assert names(open_dataset(f"road_obstacle_21={tmp_path}")) == ["0"]
