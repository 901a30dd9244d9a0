# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""StreetHazards: simulated streets; the test towns hold 250 kinds of things unknown elsewhere.

Source: Hendrycks et al., Scaling Out-of-Distribution Detection for Real-World Settings, ICML
2022; layout and colours as in the authors' anomaly-seg, create_dataset.py. Labels count from 1:
1 to 13 are the classes, 14 is the anomaly. The authors train with class 1, `unlabelled`, in
which the sky is, and judge its pixels too (their issues 16 and 17).
"""

from pathlib import Path

from training.datasets.interface import Entry, NamedSource
from training.datasets.readers.class_list import ClassList, SegmentationClass
from training.datasets.readers.label_map import IGNORE, LabelMap
from training.datasets.readers.labels import anomaly_labels
from training.datasets.readers.pairs import PairedPictures, by_name, pair, path_in
from training.datasets.readers.pictures import find_pictures, first_folder

_CLASSES = (
    SegmentationClass("unlabelled", (0, 0, 0), False),
    SegmentationClass("building", (70, 70, 70), False),
    SegmentationClass("fence", (190, 153, 153), False),
    SegmentationClass("other", (250, 170, 160), False),
    SegmentationClass("pedestrian", (220, 20, 60), False),
    SegmentationClass("pole", (153, 153, 153), False),
    SegmentationClass("road line", (157, 234, 50), True),
    SegmentationClass("road", (128, 64, 128), True),
    SegmentationClass("sidewalk", (244, 35, 232), False),
    SegmentationClass("vegetation", (107, 142, 35), False),
    SegmentationClass("car", (0, 0, 142), False),
    SegmentationClass("wall", (102, 102, 156), False),
    SegmentationClass("traffic sign", (220, 220, 0), False),
)
_ANOMALY = len(_CLASSES) + 1

# The authors' code takes 1 away, and ignores what was 0 before.
STREETHAZARDS = ClassList(
    _CLASSES, LabelMap({0: IGNORE, **{i + 1: i for i in range(len(_CLASSES))}})
)
_ANOMALIES = anomaly_labels(
    normal=range(1, _ANOMALY), anomaly=range(_ANOMALY, _ANOMALY + 1), ignored=(0,)
)

# Split to the archive that holds it and the name of its folders.
_PLACES = {
    "test": ("test", "test"),
    "train": ("train", "training"),
    "validation": ("train", "validation"),
}


def open_streethazards(root: Path, split: str) -> NamedSource:
    """Pair images/ with annotations/, town by town.

    Args:
        root: the folder that holds train/ and test/, as the archives unpack, or one of these.
        split: `test`, with anomalies; `train` or `validation`, with classes.

    Raises:
        UsageError: a folder is missing, or a picture or label has no partner.
    """
    archive, part = _PLACES[split]
    images = first_folder(root / archive / "images" / part, root / "images" / part)
    labels = first_folder(root / archive / "annotations" / part, root / "annotations" / part)
    pairs = pair(
        by_name(find_pictures(images, (".png",)), path_in(images)),
        by_name(find_pictures(labels, (".png",)), path_in(labels)),
        expected_image=lambda name: f"{images / name}.png",
        expected_label=lambda name: f"{labels / name}.png",
    )
    label_map = _ANOMALIES if split == "test" else STREETHAZARDS.label_map
    return PairedPictures(pairs, label_map.read)


ENTRY = Entry(
    name="streethazards",
    title="StreetHazards",
    splits={"test": "anomalies", "train": "classes", "validation": "classes"},
    classes=STREETHAZARDS,
    layout="test/images/test/TOWN/NAME.png, test/annotations/test/TOWN/NAME.png; for train and "
    "validation train/images/training/ and validation/, train/annotations/ alike",
    address="https://people.eecs.berkeley.edu/~hendrycks/streethazards_test.tar and "
    "streethazards_train.tar; https://github.com/hendrycks/anomaly-seg",
    terms="none stated with the archives; ask the authors",
    open=open_streethazards,
)
