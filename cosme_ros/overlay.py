"""Pictures for people: scores in colour, and a frame with its scores and obstacles on it."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from cosme_ros.obstacles import Obstacle

# The colours span this many alarm lines; what is above looks like its end. Fixed, so that a colour
# means the same in every frame.
_SCALE_END = 2.0
# Perceptually uniform and safe for the colour-blind; no colour of it is a grey of the frame.
_COLOUR_MAP = cv2.COLORMAP_INFERNO
_OPACITY = 0.65
_OUTLINE = (255, 255, 0)  # BGR cyan, which the map does not contain
_TEXT = (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def score_colour(score: np.ndarray) -> np.ndarray:
    """A score map as a picture, uint8 [H, W, 3] BGR, with a cyan line around every alarm.

    `score` is float32 [H, W], 1.0 the alarm line. Colours run from black at 0 to pale yellow at
    2.0 and above, the same in every picture.
    """
    picture = _mapped(score)
    alarm = (score >= 1.0).astype(np.uint8)
    thickness = _unit(*score.shape)
    # The rim inside the alarm, so that a single anomalous pixel is seen too.
    inner = cv2.erode(alarm, np.ones((3, 3), np.uint8), iterations=thickness)
    picture[(alarm > inner)] = _OUTLINE
    return picture


def draw_overlay(
    image: np.ndarray, score: np.ndarray, obstacles: Iterable[Obstacle], *, caption: str
) -> np.ndarray:
    """The frame in grey, anomalous pixels in colour, obstacles boxed with their peak score.

    `image` is uint8 [H, W, 3] BGR and `score` float32 [H, W] of that size, 1.0 the alarm line:
    below it nothing is laid over the frame. `caption` stands in the upper left corner, a scale of
    the colours in the lower right one. Returns a new uint8 [H, W, 3] BGR.
    """
    height, width = image.shape[:2]
    if score.shape != (height, width):
        raise ValueError(f"score is {list(score.shape)}; the image's {[height, width]} is right")
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    alarm = score >= 1.0
    picture = np.asarray(grey)
    if alarm.any():
        mixed = cv2.addWeighted(_mapped(score), _OPACITY, grey, 1 - _OPACITY, 0)
        cv2.copyTo(mixed, alarm.astype(np.uint8), picture)
    unit = _unit(height, width)
    for obstacle in obstacles:
        left, top = obstacle.x, obstacle.y
        corner = (left + obstacle.width - 1, top + obstacle.height - 1)
        cv2.rectangle(picture, (left, top), corner, _OUTLINE, unit)
        label = f"{obstacle.peak_score:.1f}"
        _write(picture, label, left, top - 4 * unit, unit, colour=_OUTLINE)
    _write(picture, caption, 6 * unit, 0, unit, below=True)
    _draw_scale(picture, unit)
    return picture


def _mapped(score: np.ndarray) -> np.ndarray:
    levels = np.clip(score * (255 / _SCALE_END), 0, 255).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(levels, _COLOUR_MAP))


def _unit(height: int, width: int) -> int:
    """Thickness of a line: 1 pixel at 640 x 360, in proportion above."""
    return max(1, round(min(height / 360, width / 640)))


def _write(
    picture: np.ndarray,
    text: str,
    x: int,
    y: int,
    unit: int,
    *,
    colour: tuple[int, int, int] = _TEXT,
    below: bool = False,
) -> None:
    """Text with its baseline at y, or its top a line below y; moved to where it is all seen."""
    scale = 0.45 * unit
    (text_width, text_height), baseline = cv2.getTextSize(text, _FONT, scale, unit)
    if below:
        y += text_height + 6 * unit
    x = max(0, min(x, picture.shape[1] - text_width))
    y = max(text_height + baseline, min(y, picture.shape[0] - baseline))
    # A dark rim keeps it readable on a bright sky.
    cv2.putText(picture, text, (x, y), _FONT, scale, (0, 0, 0), 3 * unit, cv2.LINE_AA)
    cv2.putText(picture, text, (x, y), _FONT, scale, colour, unit, cv2.LINE_AA)


def _draw_scale(picture: np.ndarray, unit: int) -> None:
    """A bar of the colours with the alarm line on it."""
    height, width = picture.shape[:2]
    bar_width, bar_height = 120 * unit, 8 * unit
    left, top = width - bar_width - 12 * unit, height - bar_height - 10 * unit
    if left < 0 or top < 0:
        return  # a thumbnail has no room for it
    ramp = np.linspace(0, _SCALE_END, bar_width, dtype=np.float32)
    bar = _mapped(np.repeat(ramp[np.newaxis], bar_height, axis=0))
    picture[top : top + bar_height, left : left + bar_width] = bar
    right, bottom = left + bar_width - 1, top + bar_height - 1
    cv2.rectangle(picture, (left, top), (right, bottom), _TEXT, unit)
    middle = left + bar_width // 2
    cv2.line(picture, (middle, top - 3 * unit), (middle, bottom + 3 * unit), _OUTLINE, unit)
    _write(picture, "0", left, top - 5 * unit, unit)
    _write(picture, "alarm 1.0", middle - 33 * unit, top - 5 * unit, unit, colour=_OUTLINE)
    _write(picture, ">2", right - 14 * unit, top - 5 * unit, unit)
