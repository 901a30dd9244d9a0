# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Road Anomaly: 60 pictures from the internet of what should not be on a road.

Source: Lis et al., Detecting the Unexpected via Image Resynthesis, ICCV 2019; the layout and the
label values are those of the readme in its download.
"""

import json
from pathlib import Path

from training.datasets.interface import Entry, NamedSource
from training.datasets.published import repackaged
from training.datasets.readers.labels import anomaly_labels
from training.datasets.readers.pairs import PairedPictures, pair
from training.datasets.readers.pictures import IMAGE_SUFFIXES
from training.errors import UsageError

# Background 0 and anomaly 2; 1 is road where somebody drew it.
_LABELS = anomaly_labels(normal=range(2), anomaly=range(2, 3))
_FRAMES = "frames"
_LIST = "frame_list.json"
_LABEL = "labels_semantic.png"


def open_road_anomaly(root: Path, split: str) -> NamedSource:
    """Open the official layout, or a repackaged one with the same label values.

    Raises:
        UsageError: neither layout is there, or a listed picture or its label is missing.
    """
    folder = root / _FRAMES
    if (found := repackaged.open_repackaged(root, _LABELS)) is not None:
        return found
    if not (root / _LIST).is_file():
        raise UsageError(f"{root / _LIST} is missing; it lists the pictures in {folder}")
    names = _listed(root / _LIST)
    labels = {name: folder / f"{name}.labels" / _LABEL for name in names}
    pairs = pair(
        {name: _picture(folder, name, suffix) for name, suffix in names.items()},
        {name: path for name, path in labels.items() if path.is_file()},
        expected_image=lambda name: str(folder / name),
        expected_label=lambda name: str(labels[name]),
    )
    return PairedPictures(pairs, _LABELS.read)


def _listed(path: Path) -> dict[str, str]:
    try:
        listed = [Path(name) for name in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path} is no JSON list of file names ({error})") from error
    return {name.stem: name.suffix for name in listed}


def _picture(folder: Path, name: str, suffix: str) -> Path:
    # The list and the files were published with different suffixes, webp and jpg.
    for candidate in (suffix, *IMAGE_SUFFIXES):
        if (path := folder / f"{name}{candidate}").is_file():
            return path
    raise UsageError(f"{folder / name}{suffix} is missing, though {_LIST} lists it")


ENTRY = Entry(
    name="road_anomaly",
    title="Road Anomaly",
    splits={"test": "anomalies"},
    layout="frame_list.json, frames/NAME.jpg or .webp, frames/NAME.labels/labels_semantic.png "
    f"(0 normal, 2 anomaly); {repackaged.LAYOUT}",
    address="https://www.epfl.ch/labs/cvlab/data/road-anomaly/",
    terms="research; the pictures are their authors' (credits.txt)",
    open=open_road_anomaly,
)
