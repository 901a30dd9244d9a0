# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Label masks are told from images, and a folder that holds both is refused."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.datasets.label_masks import is_label_mask
from training.datasets.opening import open_frames
from training.datasets.synthetic_streets import SyntheticStreets
from training.errors import UsageError

COUNT = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images and labels of streets, in folders that no rule knows by name."""
    root = tmp_path_factory.mktemp("drive")
    streets = SyntheticStreets(3, COUNT)
    for name in ("camera", "truth", "colours"):
        (root / name).mkdir()
    palette = np.random.default_rng(0).integers(0, 256, (256, 3), np.uint8)
    for index in range(COUNT):
        image, label = streets[index]
        cv2.imwrite(str(root / "camera" / f"{index}.jpg"), image)
        cv2.imwrite(str(root / "truth" / f"{index}.png"), label)
        cv2.imwrite(str(root / "colours" / f"{index}.png"), palette[label])
    return root


def test_images_are_no_masks_and_masks_are(folder: Path) -> None:
    found = {
        name: [is_label_mask(cv2.imread(str(file))) for file in (folder / name).iterdir()]
        for name in ("camera", "truth", "colours")
    }
    assert found == {
        "camera": [False] * COUNT,
        "truth": [True] * COUNT,
        "colours": [True] * COUNT,
    }


def test_a_black_or_overexposed_image_among_images_is_no_reason_to_refuse(
    folder: Path, tmp_path: Path
) -> None:
    for index, file in enumerate(sorted((folder / "camera").iterdir())):
        cv2.imwrite(str(tmp_path / f"{index}.png"), cv2.imread(str(file)))
    cv2.imwrite(str(tmp_path / "night.png"), np.zeros((90, 160, 3), np.uint8))
    assert len(open_frames(tmp_path)) == COUNT + 1


def test_a_folder_of_both_is_refused_with_the_right_one_named(folder: Path) -> None:
    with pytest.raises(UsageError, match=rf"label masks .* alone: {folder / 'camera'}"):
        open_frames(folder)
    assert len(open_frames(folder / "camera")) == COUNT


def test_a_folder_of_masks_alone_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match=f"holds {COUNT} label masks"):
        open_frames(folder / "truth")
