# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from training.datasets.published.streethazards import STREETHAZARDS, open_streethazards
from training.datasets.registry import open_dataset
from training.errors import UsageError


@pytest.fixture
def town(put, put_label):
    def write(part, name, labels, archive="test/"):
        put(f"{archive}images/{part}/{name}.png", 7)
        put_label(f"{archive}annotations/{part}/{name}.png", labels)

    return write


def test_the_fourteenth_label_is_the_anomaly(tmp_path, town):
    town("test", "t5/300", [[1, 7, 13], [14, 14, 0]])
    town("test", "t6/20", [[1, 2, 3], [4, 5, 6]])
    dataset = open_dataset(f"streethazards={tmp_path}")
    assert (dataset.kind, dataset.classes) == ("anomalies", None)
    assert [dataset.source.frame_name(i) for i in range(2)] == ["t5/300", "t6/20"]
    np.testing.assert_array_equal(dataset.source[0][1], [[0, 0, 0], [1, 1, 255]])
    np.testing.assert_array_equal(dataset.source[1][1], np.zeros((2, 3)))


@pytest.mark.parametrize(("split", "folder"), [("train", "training"), ("validation", "validation")])
def test_classes_count_from_one(tmp_path, town, split, folder):
    town(folder, "t1/5", [[1, 8, 13], [0, 7, 9]], "train/")
    dataset = open_dataset(f"streethazards={tmp_path}:{split}")
    assert (dataset.kind, dataset.classes) == ("classes", STREETHAZARDS)
    names = [c.name for c in STREETHAZARDS.classes]
    label = dataset.source[0][1]
    found = ["ignored" if i == 255 else names[i] for i in label.reshape(-1).tolist()]
    assert found == ["unlabelled", "road", "traffic sign", "ignored", "road line", "sidewalk"]


def test_the_root_may_be_an_archives_folder(tmp_path, town):
    town("test", "t5/300", [[1] * 3] * 2)
    assert len(open_streethazards(tmp_path / "test", "test")) == 1


def test_training_has_no_anomaly(tmp_path, town):
    town("training", "t1/5", [[14, 1, 1], [1, 1, 1]], "train/")
    with pytest.raises(UsageError, match=r"t1/5\.png holds the label value 14"):
        open_streethazards(tmp_path, "train")[0]


def test_unknown_value(tmp_path, town):
    town("test", "t5/1", [[15, 1, 1], [1, 1, 1]])
    with pytest.raises(UsageError, match=r"t5/1\.png holds the label value 15"):
        open_streethazards(tmp_path, "test")[0]


def test_missing_annotation_is_named(tmp_path, town, put):
    town("test", "t5/1", [[1] * 3] * 2)
    put("test/images/test/t6/1.png", 1)
    with pytest.raises(UsageError, match=r"expected .*test/annotations/test/t6/1\.png"):
        open_streethazards(tmp_path, "test")
