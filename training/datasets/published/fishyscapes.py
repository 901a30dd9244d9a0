# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Fishyscapes' two validation sets: Lost & Found, and Static.

Source: Blum et al., The Fishyscapes Benchmark: Measuring Blind Spots in Semantic Segmentation,
IJCV 2021; file names and how Static is put together as in the authors' bdl-benchmark,
bdlb/fishyscapes/fishyscapes_tfds.py. Label files are called NUMBER_NAME_labels.png, where NAME
is that of a picture of Lost and Found or of Cityscapes, which the download does not hold.
"""

import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from training.datasets.interface import Entry, NamedSource
from training.datasets.published import repackaged
from training.datasets.published.cityscapes import IMAGE_ENDING
from training.datasets.readers.labels import ANOMALY_LABELS
from training.datasets.readers.pairs import PairedPictures, pair, pictures_by_name
from training.datasets.readers.pictures import read_image
from training.errors import UsageError

LABEL_ENDING = "_labels.png"
OVERLAY_ENDING = "_rgb.npz"
_OVERLAY = "rgb"


def open_fishyscapes_lost_and_found(root: Path, split: str) -> NamedSource:
    """Pair the label files with the pictures of Lost and Found; both anywhere below the root.

    Raises:
        UsageError: there are no label files, or the picture of one is missing.
    """
    if (found := repackaged.open_repackaged(root, ANOMALY_LABELS)) is not None:
        return found
    labels = pictures_by_name(root, LABEL_ENDING)
    pairs = pair(
        _pictures_of(labels, root),
        labels,
        expected_image=lambda name: _anywhere(name, root, "Lost and Found"),
        expected_label=_label_file,
    )
    return PairedPictures(pairs, ANOMALY_LABELS.read)


def open_fishyscapes_static(root: Path, split: str) -> NamedSource:
    """Lay the overlays on pictures of Cityscapes; labels, overlays and pictures below the root.

    Raises:
        UsageError: there are no label files, or the overlay or the picture of one is missing;
            on reading, an overlay is damaged or of another size than its picture.
    """
    if (found := repackaged.open_repackaged(root, ANOMALY_LABELS)) is not None:
        return found
    labels = pictures_by_name(root, LABEL_ENDING)
    overlays = pictures_by_name(root, OVERLAY_ENDING)
    pictures = _pictures_of(labels, root)
    pairs = pair(
        overlays,
        labels,
        expected_image=lambda name: f"{labels[name].parent / name}{OVERLAY_ENDING}",
        expected_label=_label_file,
    )
    pair(
        pictures,
        labels,
        expected_image=lambda name: _anywhere(name, root, "Cityscapes"),
        expected_label=_label_file,
    )
    bases = {overlays[name]: picture for name, picture in pictures.items()}
    return PairedPictures(pairs, ANOMALY_LABELS.read, partial(overlaid, bases))


def overlaid(bases: Mapping[Path, Path], overlay: Path) -> np.ndarray:
    """Return the picture that an overlay was made for with the overlay, uint8 [H, W, 3], BGR.

    Args:
        bases: overlay file to picture.
        overlay: an archive with `rgb`, integers [H, W, 3], RGB, what is to be added.

    Raises:
        UsageError: the overlay cannot be read or has another size than its picture.
    """
    base = read_image(bases[overlay])
    try:
        with np.load(overlay, allow_pickle=False) as content:
            rgb = content[_OVERLAY]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"{overlay} is no NumPy archive with an array {_OVERLAY!r} ({error})"
        ) from error
    if rgb.shape != base.shape:
        raise UsageError(
            f"{overlay} is an array of {rgb.shape}, its picture {bases[overlay].name} "
            f"one of {base.shape}; both must have the same size"
        )
    summed: np.ndarray = base.astype(np.int64) + rgb[..., ::-1].astype(np.int64)
    return summed.clip(0, 255).astype(np.uint8)


def _pictures_of(labels: Mapping[str, Path], root: Path) -> dict[str, Path]:
    pictures = pictures_by_name(root, IMAGE_ENDING)
    return {name: pictures[_base(name)] for name in labels if _base(name) in pictures}


def _base(name: str) -> str:
    # What stands before is the number in Fishyscapes.
    return name.partition("_")[2]


def _anywhere(name: str, root: Path, source: str) -> str:
    return f"{_base(name)}{IMAGE_ENDING} of {source} anywhere below {root}"


def _label_file(name: str) -> str:
    return f"{name}{LABEL_ENDING} beside it"


LOST_AND_FOUND = Entry(
    name="fishyscapes_lost_and_found",
    title="Fishyscapes Lost & Found",
    splits={"validation": "anomalies"},
    layout="NUMBER_NAME_labels.png and Lost and Found's NAME_leftImg8bit.png, both anywhere below "
    f"the root (fishyscapes_lostandfound/, leftImg8bit/train/, leftImg8bit/test/); "
    f"{repackaged.LAYOUT}",
    address="http://robotics.ethz.ch/~asl-datasets/Fishyscapes/fishyscapes_lostandfound.zip, "
    "and leftImg8bit.zip of lost_and_found",
    terms="those of Lost and Found",
    open=open_fishyscapes_lost_and_found,
)

STATIC = Entry(
    name="fishyscapes_static",
    title="Fishyscapes Static",
    splits={"validation": "anomalies"},
    layout="NUMBER_NAME_labels.png, NUMBER_NAME_rgb.npz and Cityscapes' NAME_leftImg8bit.png, all "
    f"anywhere below the root (fs_val_v3/, leftImg8bit/val/); {repackaged.LAYOUT}",
    address="http://robotics.ethz.ch/~asl-datasets/Fishyscapes/fs_val_v3.zip, "
    "and leftImg8bit_trainvaltest.zip of cityscapes",
    terms="those of Cityscapes and PASCAL VOC",
    open=open_fishyscapes_static,
)
