# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a score looks like: the colours, and the scale that explains them.

The colours are Matplotlib's `inferno`, perceptually uniform: lightness rises steadily, so that the
order is seen by the colour-blind too, and on a black and white print.
"""

import cv2
import numpy as np

from cosme_ros.visualization.text import Box, draw_backdrop, text_height, text_width, write

# The colours span this many alarm lines; what is above looks like its end. Fixed, so that a colour
# means the same in every frame.
SCALE_END = 2.0
ALARM_COLOUR = (255, 255, 0)  # BGR cyan, which the map does not contain
MASK_COLOUR = ALARM_COLOUR  # what the detector has found, in every picture
TRUTH_COLOUR = (0, 120, 255)  # BGR orange, the labels


def mapped(score: np.ndarray) -> np.ndarray:
    """Return the colours of scores.

    Args:
        score: float32 [H, W], 0 or more.

    Returns:
        uint8 [H, W, 3] BGR: black at 0, pale yellow at SCALE_END and above.
    """
    levels = cv2.convertScaleAbs(score, alpha=255 / SCALE_END)
    return np.asarray(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO))


def draw_scale(picture: np.ndarray, unit: float) -> list[Box]:
    """Draw the scale of the colours in the upper right corner.

    Obstacles in a vehicle's way are at the bottom, so nothing may be drawn there. Colours begin at
    the alarm line: below it the frame is visible.

    Args:
        picture: uint8 [H, W, 3] BGR, drawn on.
        unit: `text.unit_of` the picture.

    Returns:
        The boxes that the scale covers; none if the picture is too small for it.
    """
    ticks = ("0", "alarm 1", f"{SCALE_END:g}+")
    margin = round(5 * unit)
    bar_width, bar_height = round(180 * unit), round(9 * unit)
    letters = text_height(unit)
    width, height = bar_width + 2 * margin, bar_height + letters + 3 * margin
    left, top = picture.shape[1] - width - margin, margin
    if left < 0 or top + height > picture.shape[0]:
        return []
    box = Box(left, top, width, height)
    draw_backdrop(picture, box)
    bar_left, bar_top = left + margin, top + margin
    bar = mapped(np.linspace(0, SCALE_END, bar_width, dtype=np.float32)[np.newaxis])
    alarm = round(bar_width / SCALE_END)
    bar[:, :alarm] = 110  # the grey of a frame that shows through
    picture[bar_top : bar_top + bar_height, bar_left : bar_left + bar_width] = bar
    line = max(2, round(2 * unit))
    alarm_left = bar_left + alarm - line // 2
    picture[bar_top - margin // 2 : bar_top + bar_height + margin, alarm_left:][:, :line] = (
        ALARM_COLOUR
    )
    baseline = top + height - margin
    for tick, x, colour in (
        (ticks[0], bar_left, None),
        (ticks[1], bar_left + alarm - text_width(ticks[1], unit) // 2, ALARM_COLOUR),
        (ticks[2], bar_left + bar_width - text_width(ticks[2], unit), None),
    ):
        write(picture, tick, x, baseline, unit, colour=colour)
    return [box]
