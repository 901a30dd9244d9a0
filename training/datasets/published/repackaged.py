# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Anomaly sets as papers' code shares them: all pictures in one folder, all labels in another."""

from pathlib import Path

from training.datasets.readers.label_map import LabelMap
from training.datasets.readers.pairs import PairedPictures, by_name, pair, pictures_by_name
from training.datasets.readers.pictures import find_pictures

LAYOUT = "or images/NAME.png, .jpg or .webp (or original/), labels/NAME.png (or labels_masks/)"

_IMAGES = ("images", "original")
_LABELS = ("labels", "labels_masks")


def open_repackaged(root: Path, label_map: LabelMap) -> PairedPictures | None:
    """Pair the two folders by name without suffix.

    Args:
        root: the folder that holds both.
        label_map: from the labels' values to 0 normal, 1 anomaly, 255 not judged.

    Returns:
        The frames, or None where one of the folders is not there.

    Raises:
        UsageError: a picture or label has no partner.
    """
    images = next((root / name for name in _IMAGES if (root / name).is_dir()), None)
    labels = next((root / name for name in _LABELS if (root / name).is_dir()), None)
    if images is None or labels is None:
        return None
    pairs = pair(
        by_name(find_pictures(images), lambda path: path.stem),
        pictures_by_name(labels, ".png"),
        expected_image=lambda name: f"{images / name}.png, .jpg or .webp",
        expected_label=lambda name: f"{labels / name}.png",
    )
    return PairedPictures(pairs, label_map.read)
