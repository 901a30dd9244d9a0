"""Frames and labels in folders."""

import re
from pathlib import Path

import cv2
import numpy as np

from training.datasets.label_map import LabelMap
from training.errors import UsageError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")


class ImageFolder:
    """The pictures under a folder, all levels deep, in natural order of their paths.

    Natural order counts numbers as numbers: frame_2 comes before frame_10. Where the folder
    holds a folder `images`, only what is under that counts: label pictures beside it are no
    frames.

    Raises:
        UsageError: no such folder, or no picture in it; on reading, an undecodable picture.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise UsageError(f"{root} is no folder; give a folder of {_suffixes()} pictures")
        self.root = root / "images" if (root / "images").is_dir() else root
        self.paths = _pictures(self.root)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> np.ndarray:
        """Return one frame, uint8 [H, W, 3], BGR."""
        return read_image(self.paths[index])


class LabelledFolder:
    """Pictures in `images/` and their labels in `labels/`, paired by path without suffix.

    Args:
        root: the folder that holds `images/`, and `labels/` unless that is given.
        label_map: from the labels' values to class ids.
        labels: folder of the label pictures (8-bit, one channel, PNG).

    Raises:
        UsageError: a folder is missing or empty, a picture or label has no partner; on
            reading, a file cannot be decoded, sizes differ, or a label value is unknown.
    """

    def __init__(self, root: Path, label_map: LabelMap, *, labels: Path | None = None) -> None:
        self.images = ImageFolder(root)
        self.label_map = label_map
        labels = labels or root / "labels"
        if not labels.is_dir():
            raise UsageError(
                f"{labels} is no folder; labels are 8-bit PNG pictures named like the images in "
                f"{self.images.root}"
            )
        of_image = _by_stem(self.images.paths, self.images.root)
        of_label = _by_stem(_pictures(labels, (".png",)), labels)
        if lonely := sorted(of_image.keys() - of_label.keys()):
            raise UsageError(
                f"{len(lonely)} of {len(of_image)} images have no label, the first is "
                f"{of_image[lonely[0]]}; expected {labels / lonely[0]}.png"
            )
        if lonely := sorted(of_label.keys() - of_image.keys()):
            raise UsageError(
                f"{len(lonely)} of {len(of_label)} labels have no image, the first is "
                f"{of_label[lonely[0]]}; expected {self.images.root / lonely[0]}.jpg or .png"
            )
        self.label_paths = [of_label[stem] for stem in of_image]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return one frame, uint8 [H, W, 3] BGR, and its class ids, uint8 [H, W], 255 = ignore."""
        image = self.images[index]
        path = self.label_paths[index]
        label = _read(path, cv2.IMREAD_UNCHANGED)
        if label.ndim != 2 or label.dtype != np.uint8:
            channels = 1 if label.ndim == 2 else label.shape[2]
            raise UsageError(
                f"{path} has {channels} channels of {label.dtype}; a label picture has one "
                "channel of uint8, whose values are class ids (no palette, no colours)"
            )
        if label.shape != image.shape[:2]:
            raise UsageError(
                f"{path} is {label.shape[1]}x{label.shape[0]}, its image "
                f"{self.images.paths[index].name} is {image.shape[1]}x{image.shape[0]}; "
                "both must have the same size"
            )
        return image, self.label_map(label, path)


def read_image(path: Path) -> np.ndarray:
    """Read a picture as uint8 [H, W, 3], BGR.

    Raises:
        UsageError: the file cannot be decoded.
    """
    return _read(path, cv2.IMREAD_COLOR)


def _read(path: Path, flags: int) -> np.ndarray:
    image = cv2.imread(str(path), flags)
    if image is None:
        raise UsageError(f"{path} cannot be decoded as a picture; is it complete?")
    return image


def _suffixes() -> str:
    return ", ".join(IMAGE_SUFFIXES)


def _pictures(root: Path, suffixes: tuple[str, ...] = IMAGE_SUFFIXES) -> list[Path]:
    found = [
        path
        for path in root.rglob("*")
        if path.suffix.lower() in suffixes and not path.name.startswith(".")
    ]
    if not found:
        raise UsageError(f"{root} holds no picture; expected {', '.join(suffixes)} files")
    return sorted(found, key=lambda path: _natural_order(path.relative_to(root)))


def _natural_order(path: Path) -> list[tuple[int, str]]:
    pieces = re.split(r"(\d+)", path.as_posix())
    # Text and numbers alternate, so that text meets text; the text behind a number decides
    # between 1 and 01.
    return [(int(piece) if piece.isdecimal() else 0, piece) for piece in pieces]


def _by_stem(paths: list[Path], root: Path) -> dict[str, Path]:
    stems: dict[str, Path] = {}
    for path in paths:
        stem = path.relative_to(root).with_suffix("").as_posix()
        if stem in stems:
            raise UsageError(f"{path} and {stems[stem]} have the same name; keep one of them")
        stems[stem] = path
    return stems
