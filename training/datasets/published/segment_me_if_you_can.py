# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""SegmentMeIfYouCan's two tracks: RoadAnomaly21 and RoadObstacle21.

Source: Chan et al., SegmentMeIfYouCan: A Benchmark for Anomaly Segmentation, NeurIPS 2021 Datasets
and Benchmarks; layout, label values and what is in the validation splits as in its
road_anomaly_benchmark, datasets/tracks.py. The labels of the test pictures are not published.
"""

from functools import partial
from pathlib import Path

from training.datasets.interface import Entry, Kind, NamedSource
from training.datasets.published import repackaged
from training.datasets.readers.labels import ANOMALY_LABELS
from training.datasets.readers.pairs import PairedPictures, by_name, pair, pictures_by_name
from training.datasets.readers.pictures import find_pictures
from training.errors import UsageError

LABEL_ENDING = "_labels_semantic.png"
VALIDATION = "validation"
LABELLED = "labelled"

# Pictures of RoadObstacle21 that have labels and yet are not in the benchmark's validation split.
_LEFT_OUT = tuple(f"validation_{number}" for number in (19, *range(21, 30)))
_SPLITS: dict[str, Kind] = {VALIDATION: "anomalies", LABELLED: "anomalies"}


def open_track(root: Path, split: str, *, folder: str) -> NamedSource:
    """Pair images/ with labels_masks/; pictures that are not in the split need no label.

    Args:
        root: the track's folder, or the one that holds it.
        split: `validation`, the benchmark's; or `labelled`, all that have a label.
        folder: the track's, as it is unpacked.

    Raises:
        UsageError: a folder is missing, a picture of the validation split has no label, or a
            label no picture.
    """
    home = root / folder if (root / folder).is_dir() else root
    images, masks = home / "images", home / "labels_masks"
    if not (masks.is_dir() and any(masks.glob(f"*{LABEL_ENDING}"))):
        if (found := repackaged.open_repackaged(home, ANOMALY_LABELS)) is not None:
            return found
        raise UsageError(f"{masks} holds no *{LABEL_ENDING}; are the labels unpacked too?")
    labels = pictures_by_name(masks, LABEL_ENDING)
    pictures = by_name(find_pictures(images), lambda path: path.stem)
    wanted = {name: path for name, path in pictures.items() if name in labels or _validates(name)}
    pairs = pair(
        wanted,
        labels,
        expected_image=lambda name: f"{images / name}.jpg or .webp",
        expected_label=lambda name: f"{masks / name}{LABEL_ENDING}",
    )
    if split == VALIDATION:
        pairs = [pair for pair in pairs if _validates(pair.name)]
        if not pairs:
            raise UsageError(f"{images} holds no validation*.jpg or .webp; try :{LABELLED}")
    return PairedPictures(pairs, ANOMALY_LABELS.read)


def _validates(name: str) -> bool:
    return name.startswith(VALIDATION) and not name.startswith(_LEFT_OUT)


_LAYOUT = (
    "images/NAME.jpg or .webp, labels_masks/NAME_labels_semantic.png (0 normal, 1 anomaly, 255 "
    "not judged); validation: names that begin with validation; labelled: all that have a label; "
    f"{repackaged.LAYOUT}"
)
_TERMS = "LICENSE.txt in the download; the pictures are their authors'"

ROAD_ANOMALY_21 = Entry(
    name="road_anomaly_21",
    title="SMIYC RoadAnomaly21",
    splits=_SPLITS,
    layout=f"dataset_AnomalyTrack/ or what is in it: {_LAYOUT}",
    address="https://segmentmeifyoucan.com/datasets, https://zenodo.org/record/5270237",
    terms=_TERMS,
    open=partial(open_track, folder="dataset_AnomalyTrack"),
)

ROAD_OBSTACLE_21 = Entry(
    name="road_obstacle_21",
    title="SMIYC RoadObstacle21",
    splits=_SPLITS,
    layout=f"dataset_ObstacleTrack/ or what is in it: {_LAYOUT}",
    address="https://segmentmeifyoucan.com/datasets, https://zenodo.org/record/5281633",
    terms=_TERMS,
    open=partial(open_track, folder="dataset_ObstacleTrack"),
)
