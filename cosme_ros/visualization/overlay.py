# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A frame with its scores and obstacles on it, as the node publishes it."""

from collections.abc import Sequence

import cv2
import numpy as np

from cosme_ros.health.state import NO_HEALTH, FrameHealth, HealthState
from cosme_ros.postprocessing.obstacles import Obstacle, outlines
from cosme_ros.postprocessing.static_mask import StaticMask
from cosme_ros.visualization.colormap import ALARM_COLOUR, draw_scale, mapped
from cosme_ros.visualization.hatching import hatch_hidden
from cosme_ros.visualization.text import (
    Box,
    counted,
    draw_backdrop,
    text_height,
    text_width,
    unit_of,
    write,
)

# Of the frame's brightness: no sky is so bright then that colours and letters drown in it.
_FRAME_BRIGHTNESS = 0.8
_OPACITY = 0.75
_DARK = (0, 0, 0)  # BGR
_AMBER = (0, 190, 255)


def draw_overlay(
    image: np.ndarray,
    score: np.ndarray,
    obstacles: Sequence[Obstacle],
    mask: np.ndarray | None,
    *,
    frame_rate: float | None = None,
    provider: str = "",
    static_mask: StaticMask | None = None,
    health: FrameHealth = NO_HEALTH,
) -> np.ndarray:
    """Draw the frame in grey, anomalous pixels in colour, and obstacles with their peak score.

    A coloured region without an outline is anomalous, but no obstacle: too small, or outside of the
    region of interest. The upper corners have the number of obstacles, the frame rate, the provider
    and the scale of the colours. The lower part of a frame is the road in front of the vehicle, and
    is left free.

    Args:
        image: uint8 [H, W, 3] BGR.
        score: float32 [H, W], 1.0 is the alarm line; below it the frame is unchanged.
        obstacles: of `find_obstacles`; none where the mask is withheld.
        mask: uint8 [H, W] of `find_obstacles`; None where it is withheld.
        frame_rate: frames a second, if it is known.
        provider: name of the execution provider.
        static_mask: what of the image is never looked at: it is dark and hatched, without colours,
            and the status has its share of the image.
        health: of the camera: the status says where it is degraded or out of domain, and why.

    Returns:
        A new picture, uint8 [H, W, 3] BGR.
    """
    height, width = image.shape[:2]
    if score.shape != (height, width):
        raise ValueError(f"score is {list(score.shape)}; the image's {[height, width]} is right")
    unit = unit_of(height, width)
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    cv2.convertScaleAbs(grey, dst=grey, alpha=_FRAME_BRIGHTNESS)
    picture = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))
    if static_mask is None:
        _colour_alarms(picture, score)
    else:
        looked_at = static_mask.at(height, width)
        _colour_alarms(picture, np.where(looked_at, score, np.float32(0)))
        hatch_hidden(picture, looked_at, unit)
    lines = () if mask is None else outlines(mask, obstacles)
    draw_outlines(picture, lines, unit)
    note = f"{health.state.words}: {health.reason}" if health.reason else ""
    speed = "" if frame_rate is None else f"{frame_rate:.1f} frames/s"
    taken = [
        *_draw_status(
            picture,
            _caption(obstacles, mask, static_mask, health),
            ("  ".join(filter(None, (speed, provider, not_looked_at_caption(static_mask)))), note),
            unit,
            unknown=mask is None or health.state == HealthState.OUT_OF_DOMAIN,
        ),
        *draw_scale(picture, unit),
    ]
    # The highest peak comes first, and keeps its label where two would cover each other.
    for obstacle, line in zip(obstacles, lines, strict=mask is not None):
        taken += _draw_label(picture, f"{obstacle.peak_score:.1f}", line, unit, taken)
    return picture


def _caption(
    obstacles: Sequence[Obstacle],
    mask: np.ndarray | None,
    static_mask: StaticMask | None,
    health: FrameHealth,
) -> str:
    if mask is None and health.state == HealthState.OUT_OF_DOMAIN:
        return "out of domain: obstacles unknown"
    if mask is None and static_mask is not None:
        return "no drivable area looked at: obstacles unknown"
    if mask is None:
        return "no drivable area: obstacles unknown"
    return counted(len(obstacles), "obstacle")


def not_looked_at_caption(static_mask: StaticMask | None) -> str:
    """Return how much of the image is not looked at, as in "12 % not looked at"; '' for nothing."""
    if static_mask is None or not static_mask.hidden_share:
        return ""
    percent = 100 * static_mask.hidden_share
    return f"{f'{percent:.0f}' if percent >= 1 else 'less than 1'} % not looked at"


def _colour_alarms(picture: np.ndarray, score: np.ndarray) -> None:
    alarm = (score >= 1.0).view(np.uint8)
    x, y, width, height = cv2.boundingRect(alarm)  # most frames: nothing to do
    if width == 0:
        return
    box = np.s_[y : y + height, x : x + width]
    part = picture[box]
    mixed = mapped(score[box])
    # In place: memory of another megabyte, new in every frame, takes longer than the arithmetic.
    cv2.addWeighted(mixed, _OPACITY, part, 1 - _OPACITY, 0, dst=mixed)
    cv2.copyTo(mixed, alarm[box], part)


def draw_outlines(picture: np.ndarray, lines: Sequence[np.ndarray], unit: float) -> None:
    """Draw obstacles' `outlines` into uint8 [H, W, 3] BGR; `unit` is `text.unit_of` it."""
    thin = max(1, round(1.5 * unit))
    # A dark rim, so that the line is seen on bright colours as well.
    cv2.polylines(picture, lines, True, _DARK, thin + 2 * max(1, round(unit)))
    cv2.polylines(picture, lines, True, ALARM_COLOUR, thin)


def _draw_label(
    picture: np.ndarray, text: str, line: np.ndarray, unit: float, taken: Sequence[Box]
) -> list[Box]:
    """Draw dark letters above an outline or, if covered, inside it; none where they do not fit."""
    pad = round(3 * unit)
    width, height = text_width(text, unit) + 2 * pad, text_height(unit) + 2 * pad
    y = int(line[:, 1].min())
    x = line[line[:, 1] == y, 0]
    left = max(0, min(int(x.min() + x.max() - width) // 2, picture.shape[1] - width))
    box = Box(left, max(0, y - height - pad), width, height)
    for other in taken:
        if box.overlaps(other):
            box = box._replace(top=other.top + other.height + pad)
    bottom = max(line[:, 1].max(), y + height)
    if box.top + height > min(bottom + 1, picture.shape[0]) or any(map(box.overlaps, taken)):
        return []
    picture[box.top : box.top + height, left : left + width] = ALARM_COLOUR
    write(picture, text, left + pad, box.top + height - pad, unit, colour=_DARK)
    return [box]


def _draw_status(
    picture: np.ndarray, caption: str, notes: Sequence[str], unit: float, *, unknown: bool
) -> list[Box]:
    """Draw lines in the upper left corner, the notes smaller; none in a small picture."""
    margin = round(5 * unit)
    lines = [(caption, 1.2), *((note, 0.8) for note in notes if note)]
    # A note that does not fit is left out: the caption is what must be seen.
    lines = [
        (text, size)
        for text, size in lines
        if size > 1 or text_width(text, size * unit) + 4 * margin <= picture.shape[1]
    ]
    sizes = [(text_width(text, size * unit), text_height(size * unit)) for text, size in lines]
    width = max(w for w, _ in sizes) + 2 * margin
    height = sum(h for _, h in sizes) + (len(lines) + 1) * margin
    if 2 * margin + width > picture.shape[1] or 2 * margin + height > picture.shape[0]:
        return []
    box = Box(margin, margin, width, height)
    if unknown:  # whether there are obstacles: amber, for that is no clear road
        picture[box.top : box.top + height, box.left : box.left + width] = _AMBER
    else:
        draw_backdrop(picture, box)
    baseline = margin
    for (text, size), (_, letters) in zip(lines, sizes, strict=True):
        baseline += margin + letters
        colour = _DARK if unknown else None
        write(picture, text, 2 * margin, baseline, size * unit, colour=colour)
    return [box]
