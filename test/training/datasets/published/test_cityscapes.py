# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from training.datasets.published.cityscapes import CITYSCAPES, open_cityscapes
from training.datasets.registry import open_dataset
from training.errors import UsageError

IMAGE = "leftImg8bit/val/{city}/{name}_leftImg8bit.png"
LABEL = "gtFine/val/{city}/{name}_gtFine_labelIds.png"

# The evaluated labels of cityscapesScripts' helpers/labels.py: id, name, colour; in the order of
# their train ids.
OFFICIAL = [
    (7, "road", (128, 64, 128)),
    (8, "sidewalk", (244, 35, 232)),
    (11, "building", (70, 70, 70)),
    (12, "wall", (102, 102, 156)),
    (13, "fence", (190, 153, 153)),
    (17, "pole", (153, 153, 153)),
    (19, "traffic light", (250, 170, 30)),
    (20, "traffic sign", (220, 220, 0)),
    (21, "vegetation", (107, 142, 35)),
    (22, "terrain", (152, 251, 152)),
    (23, "sky", (70, 130, 180)),
    (24, "person", (220, 20, 60)),
    (25, "rider", (255, 0, 0)),
    (26, "car", (0, 0, 142)),
    (27, "truck", (0, 0, 70)),
    (28, "bus", (0, 60, 100)),
    (31, "train", (0, 80, 100)),
    (32, "motorcycle", (0, 0, 230)),
    (33, "bicycle", (119, 11, 32)),
]


@pytest.fixture
def frame(put, put_label):
    def write(name, value, labels):
        city = name.split("_")[0]
        put(IMAGE.format(city=city, name=name), value, len(labels), len(labels[0]))
        put_label(LABEL.format(city=city, name=name), labels)

    return write


def test_classes_are_the_official_nineteen():
    assert [(c.name, c.colour) for c in CITYSCAPES.classes] == [(n, c) for _, n, c in OFFICIAL]
    assert [c.name for c in CITYSCAPES.classes if c.drivable] == ["road"]


def test_ids_become_train_ids(tmp_path, frame):
    frame("munster_000000_000019", 5, [list(range(34))])
    wanted = np.full((1, 34), 255)
    for train_id, (number, _, _) in enumerate(OFFICIAL):
        wanted[0, number] = train_id
    np.testing.assert_array_equal(open_cityscapes(tmp_path, "val")[0][1], wanted)


def test_pairs_by_name_over_cities(tmp_path, frame):
    frame("munster_000001_000019", 30, [[7, 0, 26], [23, 24, 33]])
    frame("frankfurt_000000_000294", 20, [[7, 7, 7], [8, 8, 8]])
    dataset = open_dataset(f"cityscapes={tmp_path}:val")
    assert (dataset.kind, dataset.classes, len(dataset.source)) == ("classes", CITYSCAPES, 2)
    names = [dataset.source.frame_name(i) for i in range(2)]
    assert names == ["frankfurt_000000_000294", "munster_000001_000019"]
    image, label = dataset.source[1]
    assert np.all(image == 30)
    np.testing.assert_array_equal(label, [[0, 255, 13], [10, 11, 18]])


def test_reads_the_archives_as_they_unpack(tmp_path, put, put_label):
    name = "ulm/ulm_000000_000019"
    put(f"leftImg8bit_trainvaltest/leftImg8bit/train/{name}_leftImg8bit.png", 1)
    put_label(f"gtFine_trainvaltest/gtFine/train/{name}_gtFine_labelIds.png", [[7] * 3] * 2)
    assert len(open_dataset(f"cityscapes={tmp_path}").source) == 1


def test_other_pictures_of_gtfine_are_no_labels(tmp_path, frame, put, put_label):
    frame("ulm_000000_000019", 1, [[7] * 3] * 2)
    put("gtFine/val/ulm/ulm_000000_000019_gtFine_color.png", 1)
    put_label("gtFine/val/ulm/ulm_000000_000019_gtFine_instanceIds.png", [[1]])
    assert len(open_cityscapes(tmp_path, "val")) == 1


def test_missing_label_is_named(tmp_path, frame, put):
    frame("ulm_000000_000019", 1, [[7] * 3] * 2)
    put(IMAGE.format(city="ulm", name="ulm_000001_000019"), 1)
    with pytest.raises(
        UsageError,
        match=r"1 of 2 images have no label.*gtFine/val/ulm/ulm_000001_000019_gtFine_labelIds\.png",
    ):
        open_cityscapes(tmp_path, "val")


def test_unknown_value_is_named(tmp_path, frame):
    frame("ulm_000000_000019", 1, [[7, 7, 34], [7, 7, 7]])
    with pytest.raises(UsageError, match=r"ulm_000000_000019_gtFine.* holds the label value 34"):
        open_cityscapes(tmp_path, "val")[0]


def test_missing_split_folder_comes_with_the_layout(tmp_path, frame):
    frame("ulm_000000_000019", 1, [[7] * 3] * 2)
    with pytest.raises(UsageError, match=r"leftImg8bit/train is no folder.*layout of cityscapes"):
        open_dataset(f"cityscapes={tmp_path}:train")
