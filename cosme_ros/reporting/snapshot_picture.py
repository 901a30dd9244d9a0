# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""One picture of one frame: what RViz shows of the detector, side by side."""

import cv2
import numpy as np

from cosme_ros.postprocessing.static_mask import StaticMask, looked_at
from cosme_ros.streaming.frame_outputs import FrameOutputs
from cosme_ros.visualization.panels import FrameView, heat_map, legend, outlined, title
from cosme_ros.visualization.text import unit_of

# A panel is at least so wide that its letters are clean, and at most that four fit on a screen.
_PANEL_WIDTHS = (640, 960)
_PAPER = 248


def snapshot_picture(
    image: np.ndarray, made: FrameOutputs, *, caption: str, static_mask: StaticMask | None = None
) -> np.ndarray:
    """Return one picture: camera and overlay, below them score and mask, and a legend.

    `image` is uint8 [H, W, 3] BGR, `made` what `compute_outputs` made of it with everything wanted;
    mask and outlines may be withheld. What `static_mask` hides is hatched. Returns uint8
    [h, w, 3] BGR, w 1288 to 1928.
    """
    assert made.score is not None
    assert made.overlay is not None
    width = min(max(image.shape[1], _PANEL_WIDTHS[0]), _PANEL_WIDTHS[1])
    visible = looked_at(static_mask, made.score)
    view = FrameView(image, made.score, made.mask, None, visible)
    withheld = made.mask is None
    mask = outlined(view, width=width)
    height = mask.shape[0]
    panels = [
        ("Camera", image),
        ("Overlay, as the node publishes it", made.overlay),
        ("Anomaly score", heat_map(image, made.score, visible)),
        (
            "Obstacle mask: withheld, because no drivable area is seen"
            if withheld
            else "Obstacle mask",
            mask,
        ),
    ]
    unit = unit_of(height, width)
    titled = [
        np.vstack([title(name, "", width, unit), _resized(picture, width, height)])
        for name, picture in panels
    ]
    gap = np.full((titled[0].shape[0], 8, 3), _PAPER, np.uint8)
    rows = [np.hstack([left, gap, right]) for left, right in (titled[:2], titled[2:])]
    whole = rows[0].shape[1]
    hidden = visible is not None and not visible.all()
    explained = legend(whole, 0.9 * unit, judged=False, withheld=withheld, hidden=hidden)
    return np.vstack([*rows, explained, title(caption, "", whole, 0.8 * unit)])


def _resized(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    smaller = width < picture.shape[1]
    interpolation = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (width, height), interpolation=interpolation))
