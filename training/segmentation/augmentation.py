# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Random views of labelled frames, NumPy and OpenCV only."""

import cv2
import numpy as np

from training.datasets.readers.label_map import IGNORE

_GAIN = 0.3
_TINT = 0.08
_GAMMA = 0.25
_SATURATION = 0.4


def random_view(
    image: np.ndarray,
    label: np.ndarray,
    size: tuple[int, int],
    rng: np.random.Generator,
    *,
    zoom: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Scale by 1 / zoom to zoom, cut a window out, flip half of the time, vary colour.

    Args:
        image: uint8 [H, W, 3], BGR.
        label: uint8 [H, W], class ids, 255 = ignore.
        size: (height, width) of the window, pixels; where it is larger than the scaled
            frame, the rest is grey and ignored.
        rng: the only source of chance.
        zoom: at least 1, which leaves the frame's own scale.

    Returns:
        uint8 [height, width, 3] BGR and uint8 [height, width].
    """
    height, width = size
    scale = zoom ** rng.uniform(-1.0, 1.0)
    # The window in the frame's own pixels; it slides over the frame, or the frame under it.
    left = rng.uniform(*sorted((0.0, image.shape[1] - width / scale)))
    top = rng.uniform(*sorted((0.0, image.shape[0] - height / scale)))
    step = 1.0 / scale
    # Maps the centre of a window's pixel to the frame: x' + 0.5 = (x + 0.5) / scale + left.
    to_frame = np.array([[step, 0.0, left], [0.0, step, top]])
    to_frame[:, 2] += 0.5 * step - 0.5
    if rng.random() < 0.5:
        to_frame[0] = -to_frame[0] * [1, 1, -1] + [0, 0, step * (width - 1)]
    inverse = cv2.WARP_INVERSE_MAP
    view = cv2.warpAffine(
        image, to_frame, (width, height), flags=cv2.INTER_LINEAR | inverse,
        borderMode=cv2.BORDER_CONSTANT, borderValue=(128, 128, 128),
    )  # fmt: skip
    view_label = cv2.warpAffine(
        label, to_frame, (width, height), flags=cv2.INTER_NEAREST | inverse,
        borderMode=cv2.BORDER_CONSTANT, borderValue=IGNORE,
    )  # fmt: skip
    return vary_colour(view, rng), view_label


def vary_colour(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Vary brightness, contrast, white balance and saturation, as cameras and weather do.

    Args:
        image: uint8 [H, W, 3], BGR.
        rng: the only source of chance.

    Returns:
        uint8 [H, W, 3], BGR.
    """
    gains = 1.0 + rng.uniform(-_GAIN, _GAIN) + rng.uniform(-_TINT, _TINT, size=3)
    gamma = np.exp(rng.uniform(-_GAMMA, _GAMMA))
    levels = (np.arange(256) / 255.0) ** gamma
    table = np.clip(levels[:, None] * gains * 255.0 + 0.5, 0, 255).astype(np.uint8)
    varied = cv2.LUT(image, table[:, None, :])
    grey = cv2.cvtColor(cv2.cvtColor(varied, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    share = 1.0 + rng.uniform(-_SATURATION, _SATURATION)
    return cv2.addWeighted(varied, share, grey, 1.0 - share, 0.0)
