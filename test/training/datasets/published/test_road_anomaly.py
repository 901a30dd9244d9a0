# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import json

import numpy as np
import pytest

from training.datasets.registry import open_dataset
from training.errors import UsageError

LABELS = "frames/{}.labels/labels_semantic.png"


@pytest.fixture
def tree(tmp_path, put, put_label):
    for name, value in (("animals06_sheep", 60), ("rocks_2", 20)):
        put(f"frames/{name}.jpg", value)
        put_label(LABELS.format(name), [[0, 2, 0], [1, 2, 2]])
    names = ["animals06_sheep.webp", "rocks_2.webp"]
    (tmp_path / "frame_list.json").write_text(json.dumps(names))
    return tmp_path


def test_official_layout_whatever_the_suffix(tree):
    dataset = open_dataset(f"road_anomaly={tree}")
    assert [dataset.source.frame_name(i) for i in range(2)] == ["animals06_sheep", "rocks_2"]
    image, label = dataset.source[1]
    assert abs(int(image.mean()) - 20) <= 1  # jpeg is lossy
    np.testing.assert_array_equal(label, [[0, 1, 0], [0, 1, 1]])


def test_the_list_decides(tree, put):
    put("frames/not_listed.jpg", 1)
    assert len(open_dataset(f"road_anomaly={tree}").source) == 2


def test_missing_label_is_named(tree):
    (tree / LABELS.format("rocks_2")).unlink()
    with pytest.raises(UsageError, match=r"expected .*rocks_2\.labels/labels_semantic\.png"):
        open_dataset(f"road_anomaly={tree}")


def test_missing_picture_is_named(tree):
    (tree / "frames/rocks_2.jpg").unlink()
    with pytest.raises(UsageError, match=r"frames/rocks_2\.webp is missing"):
        open_dataset(f"road_anomaly={tree}")


def test_unknown_value(tree, put_label):
    put_label(LABELS.format("rocks_2"), [[0, 3, 0], [1, 2, 2]])
    with pytest.raises(UsageError, match="holds the label value 3; known are 0, 1, 2, 255"):
        open_dataset(f"road_anomaly={tree}").source[1]


@pytest.mark.parametrize("content", ["{", "3", '{"a": 1}', "[1]"])
def test_damaged_list(tree, content):
    (tree / "frame_list.json").write_text(content)
    with pytest.raises(UsageError, match=r"frame_list\.json"):
        open_dataset(f"road_anomaly={tree}")


def test_missing_list(tmp_path):
    with pytest.raises(UsageError, match=r"frame_list\.json is missing.*layout of road_anomaly"):
        open_dataset(f"road_anomaly={tmp_path}")


def test_repackaged_keeps_the_official_values(tmp_path, put, put_label):
    put("images/12.jpg", 9)
    put_label("labels/12.png", [[0, 2, 0], [0, 0, 2]])
    np.testing.assert_array_equal(
        open_dataset(f"road_anomaly={tmp_path}").source[0][1], [[0, 1, 0], [0, 0, 1]]
    )
