# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A recorded drive with labels, and things painted onto its road that come nearer.

Single frames with painted things say nothing about time. Here each thing has a place on a flat
road, and the camera drives towards it at a constant speed: its foot, its size and its label move as
those of a real thing would. It looks the same in every frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from training.datasets.interface import NamedSource
from training.datasets.painting import CAMERA_HEIGHT_M, Place, drawn_thing, paint, to_bytes
from training.datasets.readers.class_list import SegmentationClass
from training.datasets.readers.label_map import IGNORE

FOCAL_LENGTH = 1.05
"""Of the picture's width: a camera that sees 51 degrees across."""
FARTHEST_M, NEAREST_M = (14.0, 28.0), 5.0
"""Where things appear (from, to), and where they are out of the way."""
SPEED_M_S = 7.0
FRAMES_BETWEEN_THINGS = 14
_TRIES = 60


@dataclass(frozen=True)
class _Thing:
    first_frame: int
    distance: float
    """Metres ahead in its first frame."""
    across: float
    """Metres to the right of the camera's axis."""
    seed: int


def painted_drive(
    source: NamedSource,
    classes: tuple[SegmentationClass, ...],
    *,
    seed: int,
    frame_rate: float,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield image uint8 [H, W, 3] BGR and label uint8 [H, W], 0 normal, 1 anomaly, 255 not judged.

    The same (source, seed, frame_rate) gives the same drive.
    """
    drivable = [number for number, c in enumerate(classes) if c.drivable]
    frames = [source[index] for index in range(len(source))]
    roads = [np.isin(class_id, drivable) for _, class_id in frames]
    width = roads[0].shape[1]
    # A flat road ends at the horizon; cars and hills hide its end in some frames.
    tops = [int(np.flatnonzero(road.any(axis=1))[0]) for road in roads if road.any()]
    horizon = int(np.percentile(tops, 10))
    step = SPEED_M_S / frame_rate
    things = _things(roads, horizon, step, np.random.default_rng(seed))
    focal = FOCAL_LENGTH * width
    for number, (image, class_id) in enumerate(frames):
        label = np.where(class_id == IGNORE, IGNORE, 0).astype(np.uint8)
        picture = image.astype(np.float32)
        present = [(t.distance - step * (number - t.first_frame), t) for t in things]
        # From far to near, so that what is nearer covers what is behind it.
        for distance, thing in sorted(present, key=lambda entry: -entry[0]):
            if number < thing.first_frame or distance < NEAREST_M:
                continue
            row = round(horizon + focal * CAMERA_HEIGHT_M / distance)
            column = round(width / 2 + focal * thing.across / distance)
            scale = focal / distance
            rng = np.random.default_rng(thing.seed)
            paint(picture, label, Place(row, column, scale), drawn_thing(scale, rng), rng)
        yield to_bytes(picture), label


def _things(
    roads: list[np.ndarray], horizon: int, step: float, rng: np.random.Generator
) -> list[_Thing]:
    """Choose things whose feet are on the road for as long as they are in view."""
    height, width = roads[0].shape
    focal = FOCAL_LENGTH * width
    things = []
    for first in range(4, len(roads), FRAMES_BETWEEN_THINGS):
        for _ in range(_TRIES):
            thing = _Thing(
                first_frame=first,
                distance=float(rng.uniform(*FARTHEST_M)),
                across=float(rng.uniform(-4.0, 4.0)),
                seed=int(rng.integers(2**31)),
            )
            if _stands_on_road(thing, roads, horizon, step, focal, height, width):
                things.append(thing)
                break
    return things


def _stands_on_road(
    thing: _Thing,
    roads: list[np.ndarray],
    horizon: int,
    step: float,
    focal: float,
    height: int,
    width: int,
) -> bool:
    for number in range(thing.first_frame, len(roads)):
        distance = thing.distance - step * (number - thing.first_frame)
        row = round(horizon + focal * CAMERA_HEIGHT_M / distance) if distance > 0 else height
        column = round(width / 2 + focal * thing.across / max(distance, 0.1))
        if distance < NEAREST_M or row >= height or not 0 <= column < width:
            return True
        if not roads[number][row, column]:
            return False
    return True
