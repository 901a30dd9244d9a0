# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a bundle finds of things painted into normal frames: measured before anyone drives.

No label and no example of an anomaly goes into a fit, so the bundle's quality is unknown. But
frames were held back for calibration, and things can be painted into them whose places are then
known. They are scored by the bundle's own ONNX graphs: what is measured is what the vehicle runs,
however the score is made. Nothing is fitted or chosen by the result.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cosme_ros.bundle.calibration_table import Calibration, rate_to_run_at
from cosme_ros.metrics.anomaly_metrics import AnomalyHistogram
from training.datasets.interface import evenly_spread
from training.datasets.normal_frames import FitFrames
from training.datasets.painting import (
    choose_places,
    drawn_thing,
    other_light,
    paint,
    piece_of_frame,
    to_bytes,
)
from training.export.graph_runner import GraphRunner
from training.export.manifest import read_manifest
from training.method.graphs import CLASS_ID

MOST_PICTURES = 48
"""Painted pictures; each is scored twice, as it was taken and in another light."""

FOUND_SHARE = 0.5
"""Of a thing's pixels at or above the alarm line: from this share on it is found."""

SMALL_PIXELS = 500
"""Things of fewer pixels of the network input are small."""

FEWEST_PIXELS = 20
"""Of a thing that is counted: others are hidden by what is nearer."""

DRAWN = "drawn"
PIECE = "piece of a frame"
KINDS = (DRAWN, PIECE)

_FEWEST_ROAD = 0.02
"""Share of the frame: where the teacher sees less road, things stand in the lower middle."""

_LOWER_MIDDLE = (0.5, 0.2, 0.8)
"""Upper edge, left edge and right edge of that, in shares of the frame."""

_NORMAL, _ANOMALY, _NOT_JUDGED = 0, 1, 255


@dataclass(frozen=True)
class PaintedPicture:
    """A normal frame with things painted in.

    Attributes:
        image: uint8 [H, W, 3] BGR, of the network input's size.
        thing: uint8 [H, W]; 0 where the frame is as it was, else 1 + the number of the thing.
        kinds: of each thing, one of KINDS.
    """

    image: np.ndarray
    thing: np.ndarray
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class ScoredThing:
    """One painted thing.

    Attributes:
        number: its value in `PaintedPicture.thing`.
        kind: one of KINDS.
        pixels: of the network input that it covers.
        share: of these at or above the alarm line, 0..1.
    """

    number: int
    kind: str
    pixels: int
    share: float

    @property
    def found(self) -> bool:
        """Return whether at least FOUND_SHARE of it raises an alarm."""
        return self.share >= FOUND_SHARE

    @property
    def size(self) -> str:
        """Return `small` if it has fewer than SMALL_PIXELS, else `large`."""
        return "small" if self.pixels < SMALL_PIXELS else "large"


@dataclass(frozen=True)
class Figures:
    """Of some of the painted things against all normal pixels; shares of 0..1.

    Attributes:
        things: their number.
        found: share of them that is found; None where there are none.
        average_precision: over pooled pixels; None where there are none.
        fpr95: false-positive rate at which 95 % of their pixels are found; None likewise.
    """

    things: int
    found: float | None
    average_precision: float | None
    fpr95: float | None


@dataclass(frozen=True)
class SelfTest:
    """The result.

    Attributes:
        pictures: painted.
        false_positive_rate: of normal pixels, where the alarm line is; the usual one as far
            as the calibration reaches it.
        road_share: mean share of the frames that the teacher takes for drivable, 0..1.
        all, small, large: figures by the things' size.
        kinds: figures by kind.
        other_light: figures of all things where the same pictures are in another light.
    """

    pictures: int
    false_positive_rate: float
    road_share: float
    all: Figures
    small: Figures
    large: Figures
    kinds: dict[str, Figures]
    other_light: Figures


@dataclass(frozen=True)
class ScoredPicture:
    """A painted picture and what the bundle says to it.

    Attributes:
        painted: the picture.
        score: float32 [H, W]; 1.0 is the alarm line.
        things: judged, without those that are hidden.
        road_share: share of the frame that the teacher takes for drivable, 0..1.
        other_light: the score of the same picture in another light; float32 [H, W].
        looked_at: bool [H, W], pixels that are judged; None for all.
    """

    painted: PaintedPicture
    score: np.ndarray
    things: tuple[ScoredThing, ...]
    road_share: float
    other_light: np.ndarray
    looked_at: np.ndarray | None = None


def scored_pictures(
    folder: Path, frames: FitFrames, seed: int, most_pictures: int = MOST_PICTURES
) -> Iterator[ScoredPicture]:
    """Paint into the frames and score them with a bundle's graphs.

    Args:
        folder: of the bundle.
        frames: normal, not fitted to. Where they are fewer than the pictures, each is painted
            several times. What their static mask hides is not judged.
        seed: the same seed, frames and bundle give the same pictures and scores.
        most_pictures: how many are painted.
    """
    manifest = read_manifest(folder)
    drivable = [number for number, c in enumerate(manifest["classes"]) if c["drivable"]]
    threshold = alarm_line(manifest)[1]
    runner = GraphRunner(folder)
    roads: dict[int, tuple[np.ndarray, float]] = {}
    for number, index in enumerate(picture_frames(len(frames), most_pictures)):
        image = frames[index]
        mask = frames.static_mask
        looked_at = None if mask is None else mask.at(*image.shape[:2])
        if index not in roads:
            classes = runner.run(image, graphs=("teacher",))[CLASS_ID][0]
            drivable_places = np.isin(classes, drivable)
            ground = standing_ground(drivable_places, image.shape[:2])
            if looked_at is not None:
                visible = ground & looked_at
                ground = visible if visible.any() else looked_at
            roads[index] = (ground, float(drivable_places.mean()))
        rng = np.random.default_rng((seed, number))
        donor = frames[int(rng.integers(len(frames)))]
        ground, road_share = roads[index]
        painted = paint_picture(image, ground, donor, rng)
        score = _score(runner, painted.image, threshold)
        changed = _score(runner, other_light(painted.image, rng), threshold)
        if looked_at is not None:  # as the node: no alarm, and nothing to find
            painted = replace(painted, thing=np.where(looked_at, painted.thing, np.uint8(0)))
            score, changed = (np.where(looked_at, s, np.float32(0)) for s in (score, changed))
        share = math.prod(frames.size) / math.prod(image.shape[:2])
        things = score_things(painted, score, share)
        yield ScoredPicture(painted, score, things, road_share, changed, looked_at)


def _score(runner: GraphRunner, image: np.ndarray, threshold: float) -> np.ndarray:
    """Score an image of the network input's size; float32 [H, W], 1.0 is the alarm line."""
    grid = runner.run(image)["score"][0, 0] / np.float32(threshold)
    return np.asarray(cv2.resize(grid, image.shape[1::-1], interpolation=cv2.INTER_LINEAR))


class SelfTestFigures:
    """Collects the figures over pictures.

    Args:
        false_positive_rate: where the alarm line of their scores is.
    """

    def __init__(self, false_positive_rate: float) -> None:
        self._false_positive_rate = false_positive_rate
        self._pictures = 0
        self._road: list[float] = []
        self._groups = {name: _Group() for name in ("all", "small", "large", *KINDS)}
        self._other_light = _Group()

    def add(self, picture: ScoredPicture) -> None:
        """Count a picture."""
        self._pictures += 1
        self._road.append(picture.road_share)
        thing = picture.painted.thing
        # All things, then those of each group alone: the others are then not judged.
        for name, group in self._groups.items():
            members = [t for t in picture.things if name == "all" or name in (t.size, t.kind)]
            label = np.where(thing == 0, _NORMAL, _NOT_JUDGED).astype(np.uint8)
            label[np.isin(thing, [t.number for t in members])] = _ANOMALY
            if picture.looked_at is not None:
                label[~picture.looked_at] = _NOT_JUDGED
            group.add(picture.score, label, members)
            if name == "all":
                members = list(score_things(picture.painted, picture.other_light))
                self._other_light.add(picture.other_light, label, members)

    def result(self) -> SelfTest:
        """Return the figures of all pictures so far."""
        figures = {name: group.result() for name, group in self._groups.items()}
        return SelfTest(
            self._pictures,
            self._false_positive_rate,
            float(np.mean(self._road)) if self._road else 0.0,
            figures["all"],
            figures["small"],
            figures["large"],
            {kind: figures[kind] for kind in KINDS},
            self._other_light.result(),
        )


class _Group:
    """Some of the things, against all normal pixels."""

    def __init__(self) -> None:
        self._histogram = AnomalyHistogram()
        self._found: list[bool] = []

    def add(self, score: np.ndarray, label: np.ndarray, things: list[ScoredThing]) -> None:
        self._histogram.add(score, label)
        self._found += [thing.found for thing in things]

    def result(self) -> Figures:
        if not self._found:
            return Figures(0, None, None, None)
        pixels = self._histogram.result()
        return Figures(
            len(self._found), float(np.mean(self._found)), pixels.average_precision, pixels.fpr95
        )


def picture_frames(count: int, most: int) -> list[int]:
    """Return the frame of each painted picture: evenly spread, or each several times.

    >>> picture_frames(7, 4)
    [0, 2, 4, 6]
    >>> picture_frames(2, 5)
    [0, 1, 0, 1, 0]
    """
    if count >= most:
        return evenly_spread(count, most)
    return [number % count for number in range(most)]


def alarm_line(manifest: dict[str, Any]) -> tuple[float, float]:
    """Return the false-positive rate that a bundle runs at, and its raw score."""
    calibration = Calibration(manifest["calibration"]["table"])
    rate = rate_to_run_at(calibration.rates)
    return rate, calibration.threshold(rate)


def standing_ground(drivable: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return where things may stand, bool of `size`.

    Args:
        drivable: bool [h, w], where the teacher predicts a drivable class.
        size: (height, width) of the network input.
    """
    if drivable.mean() >= _FEWEST_ROAD:
        road = cv2.resize(
            drivable.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST_EXACT
        )
        return road.astype(bool)
    height, width = size
    top, left, right = _LOWER_MIDDLE
    middle: np.ndarray = np.zeros(size, bool)
    middle[round(top * height) :, round(left * width) : round(right * width)] = True
    return middle


def paint_picture(
    image: np.ndarray, road: np.ndarray, donor: np.ndarray, rng: np.random.Generator
) -> PaintedPicture:
    """Paint one to three things, drawn ones and pieces of another frame alternately.

    Args:
        image: uint8 [H, W, 3] BGR.
        road: bool [H, W], where they may stand.
        donor: uint8 [H, W, 3] BGR, the other frame.
        rng: the only source of chance.
    """
    picture = image.astype(np.float32)
    thing = np.zeros(road.shape, np.uint8)
    kinds = []
    first = int(rng.integers(len(KINDS)))
    for number, place in enumerate(choose_places(road, rng)):
        kind = KINDS[(first + number) % len(KINDS)]
        what = (
            drawn_thing(place.scale, rng)
            if kind == DRAWN
            else piece_of_frame(donor, place.scale, rng)
        )
        covered = np.zeros_like(thing)
        paint(picture, covered, place, what, rng)
        thing[covered > 0] = number + 1
        kinds.append(kind)
    return PaintedPicture(to_bytes(picture), thing, tuple(kinds))


def score_things(
    painted: PaintedPicture, score: np.ndarray, pixel_share: float = 1.0
) -> tuple[ScoredThing, ...]:
    """Measure how much of each thing raises an alarm.

    Args:
        painted: the picture.
        score: float32 [H, W]; 1.0 is the alarm line.
        pixel_share: pixels of the network input for one of the picture.
    """
    judged = []
    for number, kind in enumerate(painted.kinds, start=1):
        of_thing = score[painted.thing == number]
        pixels = round(of_thing.size * pixel_share)
        if pixels >= FEWEST_PIXELS:
            judged.append(ScoredThing(number, kind, pixels, float(np.mean(of_thing >= 1.0))))
    return tuple(judged)
