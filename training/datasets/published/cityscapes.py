# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Cityscapes: German streets, 19 classes.

Source: Cordts et al., The Cityscapes Dataset for Semantic Urban Scene Understanding, CVPR 2016;
names, ids, train ids and colours as in cityscapesScripts, helpers/labels.py.
"""

from pathlib import Path

from training.datasets.interface import Entry, NamedSource
from training.datasets.readers.class_list import ClassList, SegmentationClass
from training.datasets.readers.label_map import IGNORE, LabelMap
from training.datasets.readers.pairs import PairedPictures, pair, pictures_by_name
from training.datasets.readers.pictures import first_folder

IMAGE_ENDING = "_leftImg8bit.png"
LABEL_ENDING = "_gtFine_labelIds.png"

# Id in the label pictures and class, in the order of the train ids. Only the road is drivable:
# the other flat classes are pavement, where an obstacle is in nobody's way, and parking and rail
# track, which the 19 classes leave out, so that no network learns them.
_CLASSES = (
    (7, SegmentationClass("road", (128, 64, 128), True)),
    (8, SegmentationClass("sidewalk", (244, 35, 232), False)),
    (11, SegmentationClass("building", (70, 70, 70), False)),
    (12, SegmentationClass("wall", (102, 102, 156), False)),
    (13, SegmentationClass("fence", (190, 153, 153), False)),
    (17, SegmentationClass("pole", (153, 153, 153), False)),
    (19, SegmentationClass("traffic light", (250, 170, 30), False)),
    (20, SegmentationClass("traffic sign", (220, 220, 0), False)),
    (21, SegmentationClass("vegetation", (107, 142, 35), False)),
    (22, SegmentationClass("terrain", (152, 251, 152), False)),
    (23, SegmentationClass("sky", (70, 130, 180), False)),
    (24, SegmentationClass("person", (220, 20, 60), False)),
    (25, SegmentationClass("rider", (255, 0, 0), False)),
    (26, SegmentationClass("car", (0, 0, 142), False)),
    (27, SegmentationClass("truck", (0, 0, 70), False)),
    (28, SegmentationClass("bus", (0, 60, 100), False)),
    (31, SegmentationClass("train", (0, 80, 100), False)),
    (32, SegmentationClass("motorcycle", (0, 0, 230), False)),
    (33, SegmentationClass("bicycle", (119, 11, 32), False)),
)
_IDS = range(34)

CITYSCAPES = ClassList(
    tuple(entry for _, entry in _CLASSES),
    LabelMap(
        dict.fromkeys(_IDS, IGNORE)
        | {label: class_id for class_id, (label, _) in enumerate(_CLASSES)}
    ),
)


def open_cityscapes(root: Path, split: str) -> NamedSource:
    """Pair leftImg8bit with gtFine; as unpacked, or with the archives' names around them.

    Raises:
        UsageError: a folder is missing, or a picture or label has no partner.
    """
    images = first_folder(
        root / "leftImg8bit" / split, root / "leftImg8bit_trainvaltest" / "leftImg8bit" / split
    )
    labels = first_folder(root / "gtFine" / split, root / "gtFine_trainvaltest" / "gtFine" / split)
    pairs = pair(
        pictures_by_name(images, IMAGE_ENDING),
        pictures_by_name(labels, LABEL_ENDING),
        expected_image=lambda name: str(images / _city(name) / f"{name}{IMAGE_ENDING}"),
        expected_label=lambda name: str(labels / _city(name) / f"{name}{LABEL_ENDING}"),
    )
    return PairedPictures(pairs, CITYSCAPES.label_map.read)


def _city(name: str) -> str:
    return name.split("_")[0]


ENTRY = Entry(
    name="cityscapes",
    title="Cityscapes",
    splits={"train": "classes", "val": "classes"},
    classes=CITYSCAPES,
    layout="leftImg8bit/SPLIT/CITY/NAME_leftImg8bit.png, "
    "gtFine/SPLIT/CITY/NAME_gtFine_labelIds.png",
    address="https://www.cityscapes-dataset.com/downloads/ "
    "(leftImg8bit_trainvaltest.zip, gtFine_trainvaltest.zip)",
    terms="registration; non-commercial research",
    open=open_cityscapes,
)
