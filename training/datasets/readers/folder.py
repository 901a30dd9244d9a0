# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Frames and labels in folders."""

from pathlib import Path

from training.datasets.mapped_frames import MappedFrames
from training.datasets.readers.label_map import LabelMap
from training.datasets.readers.pairs import PairedPictures, by_name, pair, path_in
from training.datasets.readers.pictures import find_pictures, read_image
from training.errors import UsageError


class ImageFolder(MappedFrames):
    """The pictures under a folder, all levels deep, in natural order of their paths.

    Natural order counts numbers as numbers: frame_2 comes before frame_10. Where the folder
    holds a folder `images`, only what is under that counts: label pictures beside it are no
    frames.

    Raises:
        UsageError: no such folder, or no picture in it; on reading, an undecodable picture.
    """

    def __init__(self, root: Path) -> None:
        self.root = root / "images" if (root / "images").is_dir() else root
        self.paths = find_pictures(self.root)
        super().__init__(self.paths, read_image)


class LabelledFolder(PairedPictures):
    """Pictures in `images/` and their labels in `labels/`, paired by path without suffix.

    Args:
        root: the folder that holds `images/`, and `labels/` unless that is given.
        label_map: from the labels' values to class ids.
        labels: folder of the label pictures (PNG, one channel, 8 or 16 bits).

    Raises:
        UsageError: a folder is missing or empty, a picture or label has no partner; on
            reading, a file cannot be decoded, sizes differ, or a label value is unknown.
    """

    def __init__(self, root: Path, label_map: LabelMap, *, labels: Path | None = None) -> None:
        pictures = ImageFolder(root)
        folder = labels or root / "labels"
        if not folder.is_dir():
            raise UsageError(
                f"{folder} is no folder; labels are PNG pictures named like the images in "
                f"{pictures.root}"
            )
        pairs = pair(
            by_name(pictures.paths, path_in(pictures.root)),
            by_name(find_pictures(folder, (".png",)), path_in(folder)),
            expected_image=lambda name: f"{pictures.root / name}.jpg or .png",
            expected_label=lambda name: f"{folder / name}.png",
        )
        super().__init__(pairs, label_map.read)
