# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The pictures of a self-test on one sheet: what was painted, what raised an alarm, the score."""

from pathlib import Path

import cv2
import numpy as np

from training.datasets.interface import evenly_spread
from training.errors import UsageError
from training.fitting.self_test import ScoredPicture

MOST_TILES = 12
PAINTED_COLOUR = (80, 230, 60)
ALARM_COLOUR = (40, 40, 255)
"""BGR."""

_TILE_WIDTH = 440
_TILES_A_ROW = 2
_CAPTION = 26
_BACKGROUND = 32
_SCORE_RANGE = 2.0
"""Scores from so many alarm lines on have the brightest colour."""


class SelfTestSheet:
    """Collects some of the pictures, evenly spread, each shrunk when it is added."""

    def __init__(self, pictures: int) -> None:
        self._wanted = evenly_spread(pictures, MOST_TILES)
        self._added = 0
        self._tiles: list[np.ndarray] = []

    def add(self, picture: ScoredPicture) -> None:
        """Draw a picture if it is one of those on the sheet."""
        if self._added in self._wanted:
            self._tiles.append(_tile(picture))
        self._added += 1

    def write(self, path: Path, title: str) -> None:
        """Write the sheet.

        Raises:
            UsageError: it cannot be written, or nothing was added.
        """
        if not self._tiles:
            raise UsageError("a sheet without pictures")
        height, width = self._tiles[0].shape[:2]
        rows = -(-len(self._tiles) // _TILES_A_ROW)
        top = 2 * _CAPTION
        sheet = np.full((top + rows * height, _TILES_A_ROW * width, 3), _BACKGROUND, np.uint8)
        _write(sheet, title, 0)
        legend = "green: painted in; red: alarm; right: score, white from twice the alarm line on"
        _write(sheet, legend, _CAPTION)
        for number, tile in enumerate(self._tiles):
            row, column = divmod(number, _TILES_A_ROW)
            y, x = top + row * height, column * width
            sheet[y : y + height, x : x + width] = tile
        if not cv2.imwrite(str(path), sheet):
            raise UsageError(f"{path} cannot be written")


def _tile(picture: ScoredPicture) -> np.ndarray:
    """Draw frame with outlines, score and caption; uint8 [h, w, 3] BGR."""
    image, thing = picture.painted.image, picture.painted.thing
    size = (_TILE_WIDTH, round(_TILE_WIDTH * image.shape[0] / image.shape[1]))
    frame = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    score = cv2.resize(picture.score, size, interpolation=cv2.INTER_LINEAR)
    # Each thing by itself: where two touch, both have an outline.
    for number in np.unique(thing[thing > 0]):
        _outline(frame, (thing == number).astype(np.uint8), PAINTED_COLOUR)
    _outline(frame, (score >= 1.0).astype(np.uint8), ALARM_COLOUR)
    brightness = np.clip(score / _SCORE_RANGE * 255, 0, 255).astype(np.uint8)
    colours = cv2.applyColorMap(brightness, cv2.COLORMAP_INFERNO)
    caption: np.ndarray = np.full((_CAPTION, 2 * size[0], 3), _BACKGROUND, np.uint8)
    found = sum(judged.found for judged in picture.things)
    _write(caption, f"{found} of {len(picture.things)} found", 0)
    return np.vstack([np.hstack([frame, colours]), caption])


def _outline(picture: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int]) -> None:
    size = picture.shape[1::-1]
    mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    lines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, lines, -1, colour, 1, cv2.LINE_AA)


def _write(picture: np.ndarray, text: str, top: int) -> None:
    place = (8, top + _CAPTION - 9)
    white = (255, 255, 255)
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, white, 1, cv2.LINE_AA)
