# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Label masks among images: a folder of both is never fitted by mistake."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from training.errors import UsageError

_MOST_COLOURS = 256
_FLAT_SHARE = 0.9
"""Of pixels that equal their right neighbour. Camera images have 0.01 to 0.41, masks 0.95 and
more (CamVid, RoadAnomaly, the synthetic streets)."""
_LOOKED_AT = 3  # images a folder


def is_label_mask(image: np.ndarray) -> bool:
    """Return whether an image is a label mask: few colours in flat areas.

    Args:
        image: uint8 [H, W, 3].
    """
    if image.shape[1] < 2 or (image[:, 1:] == image[:, :-1]).all(axis=2).mean() < _FLAT_SHARE:
        return False
    places = image[::4, ::4].reshape(-1, 3)
    # One colour alone is a dark camera, or a test picture.
    return 1 < len(np.unique(places, axis=0)) <= _MOST_COLOURS


def refuse_label_masks(paths: Sequence[Path], read: Callable[[Path], np.ndarray]) -> None:
    """Raise UsageError where a folder among those of `paths` holds label masks.

    Args:
        paths: of the images that would be fitted.
        read: gives one as uint8 [H, W, 3].
    """
    folders: dict[Path, list[Path]] = {}
    for path in paths:
        folders.setdefault(path.parent, []).append(path)
    masks = {
        folder: files
        for folder, files in folders.items()
        if all(is_label_mask(read(file)) for file in _spread(files))
    }
    if masks:
        folder, files = next(iter(masks.items()))
        others = sorted(str(f) for f in folders if f not in masks)
        advice = f"name the images' folder alone: {others[0]}" if others else "no image is beside"
        raise UsageError(
            f"{folder} holds {len(files)} label masks (few colours, flat areas), not camera "
            f"images; {advice}"
        )


def _spread(files: Sequence[Path]) -> list[Path]:
    step = max(1, len(files) // _LOOKED_AT)
    return list(files[::step][:_LOOKED_AT])
