# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Pictures and their label pictures, paired by name."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosme_ros.natural_order import natural_order
from training.datasets.mapped_frames import MappedFrames
from training.datasets.readers.pictures import find_pictures, read_image
from training.errors import UsageError


@dataclass(frozen=True)
class Pair:
    """One labelled picture.

    Attributes:
        name: unique in its set, for reports.
        image: the picture.
        label: its label picture.
    """

    name: str
    image: Path
    label: Path


class PairedPictures:
    """Labelled frames out of pairs of files; opened files are not kept open.

    Args:
        pairs: in order.
        read_label: from a label picture to class ids, uint8 [H, W], 255 = ignore.
        read_picture: from a pair's image to uint8 [H, W, 3], BGR.

    Raises:
        UsageError: on reading, a file cannot be decoded, sizes differ, or a label value is
            unknown.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        read_label: Callable[[Path], np.ndarray],
        read_picture: Callable[[Path], np.ndarray] = read_image,
    ) -> None:
        self.pairs = tuple(pairs)
        self._read_label = read_label
        self._read_picture = read_picture

    @property
    def images(self) -> MappedFrames:
        """Return the same frames; their labels are not read."""
        return MappedFrames([pair.image for pair in self.pairs], self._read_picture)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return one frame, uint8 [H, W, 3] BGR, and its class ids, uint8 [H, W], 255 = ignore."""
        pair = self.pairs[index]
        image = self._read_picture(pair.image)
        label = self._read_label(pair.label)
        if label.shape != image.shape[:2]:
            raise UsageError(
                f"{pair.label} is {label.shape[1]}x{label.shape[0]}, its image "
                f"{pair.image.name} is {image.shape[1]}x{image.shape[0]}; "
                "both must have the same size"
            )
        return image, label

    def frame_name(self, index: int) -> str:
        """Return what to call a frame in a report."""
        return self.pairs[index].name


def by_name(paths: Iterable[Path], name: Callable[[Path], str]) -> dict[str, Path]:
    """Index files by name.

    Raises:
        UsageError: two files have the same.
    """
    found: dict[str, Path] = {}
    for path in paths:
        key = name(path)
        if key in found:
            raise UsageError(f"{path} and {found[key]} have the same name; keep one of them")
        found[key] = path
    return found


def pictures_by_name(root: Path, ending: str) -> dict[str, Path]:
    """Find the pictures under a folder, by what stands before `ending` in the file's name.

    Raises:
        UsageError: as `find_pictures` and `by_name`.
    """
    return by_name(find_pictures(root, (ending,)), lambda path: path.name[: -len(ending)])


def path_in(root: Path) -> Callable[[Path], str]:
    """Name files by their path below a folder, without suffix."""
    return lambda path: path.relative_to(root).with_suffix("").as_posix()


def pair(
    images: Mapping[str, Path],
    labels: Mapping[str, Path],
    *,
    expected_image: Callable[[str], str],
    expected_label: Callable[[str], str],
) -> list[Pair]:
    """Put pictures and labels of the same name together, in natural order of the names.

    Args:
        images: by name.
        labels: by name.
        expected_image: where the picture of that name should be, for the error's sake.
        expected_label: where the label of that name should be.

    Raises:
        UsageError: a picture or a label is alone.
    """
    if unmatched := sorted(images.keys() - labels.keys(), key=natural_order):
        raise UsageError(
            f"{len(unmatched)} of {len(images)} images have no label, the first is "
            f"{images[unmatched[0]]}; expected {expected_label(unmatched[0])}"
        )
    if unmatched := sorted(labels.keys() - images.keys(), key=natural_order):
        raise UsageError(
            f"{len(unmatched)} of {len(labels)} labels have no image, the first is "
            f"{labels[unmatched[0]]}; expected {expected_image(unmatched[0])}"
        )
    return [Pair(name, images[name], labels[name]) for name in sorted(images, key=natural_order)]
