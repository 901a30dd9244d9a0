# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""An explained obstacle as a picture: where it is, its score's parts, the nearest prototypes."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.explanation.explanation import Explanation
from cosme_ros.explanation.prototype_pictures import PrototypePictures
from cosme_ros.explanation.wording import share_of_places
from cosme_ros.visualization.colormap import ALARM_COLOUR
from cosme_ros.visualization.text import text_height, write

Picture = NDArray[np.uint8]

_WIDTH, _CLOSE = 960, 240  # pixels
_MARGIN = 12
_PAPER, _INK, _SOFT_INK, _BAR = (248, 248, 248), (40, 30, 20), (110, 100, 90), (150, 90, 20)
_AROUND = 0.6  # of the obstacle's longer side, that the close view shows on each side


def explanation_picture(
    image: Picture,
    explanation: Explanation,
    line: NDArray[np.int32],
    pictures: PrototypePictures | None,
    *,
    caption: str,
) -> Picture:
    """Draw the explanation of one obstacle.

    Left the frame with the obstacle's outline and a close view; right how much each part of the
    score contributed, which class it was taken for, and for each layer of the memory the nearest
    prototype with its picture.

    Args:
        image: uint8 [H, W, 3] BGR.
        explanation: of the obstacle.
        line: its outline, int32 [n, 2] of (x, y).
        pictures: of the prototypes; None where the bundle has none.
        caption: what is shown.

    Returns:
        uint8 [h, 960, 3] BGR.
    """
    left = _WIDTH // 2 - _MARGIN
    frame = image.copy()
    cv2.polylines(frame, [line], True, ALARM_COLOUR, max(1, round(image.shape[1] / 320)))
    size = (left, round(image.shape[0] * left / image.shape[1]))
    frame = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
    close = _close_view(image, explanation)
    height = 40 + len(frame) + _MARGIN + _CLOSE + _MARGIN
    picture = np.full((height, _WIDTH, 3), _PAPER, np.uint8)
    write(picture, caption, _MARGIN, 26, 1.1, colour=_INK)
    picture[40 : 40 + len(frame), _MARGIN : _MARGIN + left] = frame
    top = 40 + len(frame) + _MARGIN
    picture[top : top + _CLOSE, _MARGIN : _MARGIN + close.shape[1]] = close
    y = _draw_parts(picture, explanation, _WIDTH // 2 + 2 * _MARGIN, 40)
    _draw_nearest(picture, explanation, pictures, _WIDTH // 2 + 2 * _MARGIN, y)
    return picture


def _close_view(image: Picture, explanation: Explanation) -> Picture:
    """Return the obstacle and what is around it, a square of _CLOSE pixels."""
    obstacle = explanation.obstacle
    height, width = image.shape[:2]
    longer = max(obstacle.width, obstacle.height)
    side = min(max(16, round(longer * (1 + 2 * _AROUND))), height, width)
    left = round(obstacle.x + obstacle.width / 2 - side / 2)
    top = round(obstacle.y + obstacle.height / 2 - side / 2)
    left, top = min(max(left, 0), width - side), min(max(top, 0), height - side)
    cut = image[top : top + side, left : left + side]
    return np.asarray(cv2.resize(cut, (_CLOSE, _CLOSE), interpolation=cv2.INTER_CUBIC), np.uint8)


def _draw_parts(picture: Picture, explanation: Explanation, x: int, y: int) -> int:
    """Draw a bar for each part of the score; returns the row below."""
    peak = explanation.obstacle.peak_score
    y = _line(picture, f"score {peak:.1f} alarm lines, made of", x, y, ink=_INK)
    room = _WIDTH - x - _MARGIN
    for contribution in explanation.contributions:
        y = _line(picture, contribution.part, x, y, ink=_INK)
        if contribution.share is not None:
            end = x + max(2, round((room - 60) * contribution.share))
            cv2.rectangle(picture, (x, y), (end, y + 12), _BAR, -1)
            write(picture, f"{100 * contribution.share:.0f} %", end + 6, y + 11, 0.8, colour=_INK)
            y += 20
        if contribution.rarity is not None:
            rare = share_of_places(contribution.rarity)
            y = _line(picture, f"{rare} of normal places reach it", x, y, ink=_SOFT_INK)
        y += 4
    if explanation.taken_for:
        share = f"{100 * explanation.taken_share:.0f} %"
        y = _line(picture, f"taken for {explanation.taken_for} ({share} of it)", x, y, ink=_INK)
    return y + 6


def _draw_nearest(
    picture: Picture, explanation: Explanation, pictures: PrototypePictures | None, x: int, y: int
) -> None:
    """Draw the nearest prototype of each layer, most alike first, as far as there is place."""
    nearest: Sequence = sorted(explanation.nearest, key=lambda near: -near.similarity)
    if not nearest:
        return
    y = _line(picture, "nearest in memory, of normal frames", x, y, ink=_INK)
    side = 56
    for near in nearest:
        if y + side > len(picture):
            return
        jpeg = pictures and pictures.jpeg(near.layer, near.prototype)
        patch = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg else None
        text_at = x
        if patch is not None:
            picture[y : y + side, x : x + side] = cv2.resize(patch, (side, side))
            text_at += side + 10
        write(
            picture, f"{near.layer}: prototype {near.prototype}", text_at, y + 20, 0.8, colour=_INK
        )
        write(picture, f"similarity {near.similarity:.2f}", text_at, y + 40, 0.8, colour=_SOFT_INK)
        y += side + 6 if patch is not None else 48


def _line(picture: Picture, text: str, x: int, y: int, *, ink: tuple[int, int, int]) -> int:
    """Write a line; returns the row below."""
    baseline = y + text_height(0.9)
    write(picture, text, x, baseline, 0.9, colour=ink)
    return baseline + 9
