# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Lost and Found: small obstacles that were laid on German roads.

Source: Pinggera et al., Lost and Found: Detecting Small Road Hazards for Self-Driving Vehicles,
IROS 2016. What counts as an anomaly, and the splits, are as in SegmentMeIfYouCan (Chan et al.,
NeurIPS 2021 Datasets and Benchmarks; road_anomaly_benchmark, datasets/tracks.py): every id from
2 on is an obstacle, 1 is free road, and what is not labelled, the car's own bonnet and the
surroundings of the road among it, is not judged.
"""

from pathlib import Path

from training.datasets.interface import Entry, NamedSource
from training.datasets.published.cityscapes import IMAGE_ENDING
from training.datasets.readers.labels import anomaly_labels
from training.datasets.readers.pairs import PairedPictures, pair, pictures_by_name
from training.errors import UsageError

LABEL_ENDING = "_gtCoarse_labelIds.png"
NO_KNOWN = "test_no_known"
"""The test split without the sequences whose obstacles a network on Cityscapes knows."""

_LABELS = anomaly_labels(normal=range(1, 2), anomaly=range(2, 201), ignored=(0,))
# Children, and bicycles.
_KNOWN = (
    "15_Rechbergstr_Deckenpfronn",
    "01_Hanns_Klemm_Str_45_000006",
    "01_Hanns_Klemm_Str_45_000007",
    "10_Schlossberg_9_000004",
)


def open_lost_and_found(root: Path, split: str) -> NamedSource:
    """Pair leftImg8bit with gtCoarse.

    Raises:
        UsageError: a folder is missing, or a picture or label has no partner.
    """
    part = "test" if split == NO_KNOWN else split
    images, labels = root / "leftImg8bit" / part, root / "gtCoarse" / part
    pairs = pair(
        pictures_by_name(images, IMAGE_ENDING),
        pictures_by_name(labels, LABEL_ENDING),
        expected_image=lambda name: str(images / _street(name) / f"{name}{IMAGE_ENDING}"),
        expected_label=lambda name: str(labels / _street(name) / f"{name}{LABEL_ENDING}"),
    )
    if split == NO_KNOWN:
        pairs = [pair for pair in pairs if not pair.name.startswith(_KNOWN)]
        if not pairs:
            raise UsageError(f"{images} holds none but sequences of children and bicycles")
    return PairedPictures(pairs, _LABELS.read)


def _street(name: str) -> str:
    # What is left when sequence and frame are taken away.
    return name.rsplit("_", 2)[0]


ENTRY = Entry(
    name="lost_and_found",
    title="Lost and Found",
    splits={"test": "anomalies", NO_KNOWN: "anomalies", "train": "anomalies"},
    layout="leftImg8bit/SPLIT/STREET/NAME_leftImg8bit.png, "
    "gtCoarse/SPLIT/STREET/NAME_gtCoarse_labelIds.png "
    f"({NO_KNOWN}: test without children and bicycles)",
    address="http://www.6d-vision.com/lostandfounddataset (leftImg8bit.zip, gtCoarse.zip)",
    terms="research and teaching; see the site",
    open=open_lost_and_found,
)
