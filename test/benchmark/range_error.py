# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How far off are the places of obstacles on the road, and what do they cost a frame?

    PYTHONPATH=. python test/benchmark/range_error.py --bundle demo/bundle --drives 0 1 --slope 0.03

The drives are those of `training/demo/drive.py`, painted again because a bag does not hold where
things stand; number 0 is the demo bag's. The camera is the demo's, and its CameraInfo says what the
painter knows: focal length, principal point and height. The nodding of the vehicle is not known.

An obstacle counts as found where a detected region covers a tenth of what is seen of it. Of each
obstacle in each frame: the range to the near side of its region, as the node publishes it, against
the truth; beside it that of the region that is labelled, which no detector blurs. With `--slope`
the same again on a road that rises from below the camera on, which the parameters do not know.

Milliseconds are of CPU time on one thread.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import process_time
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np

from cosme_ros.bundle.loading import load_bundle
from cosme_ros.geometry.ground_source import GroundSource, pose_of_settings
from cosme_ros.geometry.obstacle_position import (
    GroundGeometry,
    ObstaclePosition,
    locate_obstacles,
)
from cosme_ros.inference.detector import Detector
from cosme_ros.obstacle_messages.points import fill_points
from cosme_ros.parameters import Settings
from cosme_ros.postprocessing.obstacle_decision import decide_obstacles, obstacle_rule
from cosme_ros.postprocessing.obstacles import Obstacle, contours, find_obstacles
from training.demo.drive import BAG_QUALITY, CAMERA, HEIGHT, RATE_HZ, WIDTH, plan_drive
from training.street_renderer.drive import Place, StreetDrive

_SHOWN = 100  # pixels of a label from which on an obstacle is there
_FOUND_SHARE = 0.1
_BINS_M = (5.0, 10.0, 15.0, 20.0, 27.0)


@dataclass(frozen=True)
class Seen:
    """One obstacle in one frame: where it is, and where it was placed."""

    truth: float
    """Range, metres."""
    bearing: float
    width: float
    row: float
    """Of its foot in the picture."""
    detected: ObstaclePosition | None
    """None where it was not found, or found in no place."""
    detected_row: float
    labelled: ObstaclePosition | None


@dataclass
class Costs:
    """CPU milliseconds of each frame with obstacles."""

    detect: list[float]
    decide: list[float]
    locate: list[float]
    obstacles: list[int]


def main() -> int:
    options = _parser().parse_args()
    cv2.setNumThreads(1)
    detector = Detector(load_bundle(options.bundle), threads=1)
    for slope in (0.0, options.slope) if options.slope else (0.0,):
        for number in options.drives:
            seen: list[Seen] = []
            costs = Costs([], [], [], [])
            for road, start, frames in _roads(number, slope):
                for index in range(frames):
                    seen += _judged(road, start + index / RATE_HZ, detector, costs)
            road_is = f"rises by {slope:.0%}" if slope else "flat"
            print(f"\ndrive {number}, road {road_is}: {len(seen)} obstacles in frames")
            _print_errors(seen)
            if not slope:
                _print_costs(costs)
    return 0


def _roads(number: int, slope: float) -> Iterator[tuple[StreetDrive, float, int]]:
    for stretch in plan_drive(number):
        if stretch.obstacles:
            road = StreetDrive(
                stretch.seed, HEIGHT, WIDTH, anomalies=True, camera=CAMERA, slope=slope
            )
            yield road, stretch.start_s, stretch.frames


def ground_of(road: StreetDrive) -> GroundGeometry:
    """As the node makes it of its parameters and a CameraInfo."""
    mount = road.mounting
    settings = Settings(camera_height=mount.height)
    (cx, cy), focal = mount.centre, mount.focal
    info = SimpleNamespace(
        width=WIDTH,
        height=HEIGHT,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=[focal, 0.0, cx, 0.0, focal, cy, 0.0, 0.0, 1.0],
        p=[focal, 0.0, cx, 0.0, 0.0, focal, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
        binning_x=0,
        binning_y=0,
        roi=SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0),
    )
    return GroundSource().geometry(settings, pose_of_settings(settings), info, HEIGHT, WIDTH)


def _judged(road: StreetDrive, t: float, detector: Detector, costs: Costs) -> list[Seen]:
    places = road.places(t)
    if not places:
        return []
    frame, ground = road.frame(t), ground_of(road)
    coded = cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, BAG_QUALITY])[1]
    image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    rule = obstacle_rule(
        detector.bundle,
        region=Settings.region,
        minimum_area=Settings.minimum_area,
        outline=Settings.outline,
    )
    times = [process_time()]
    detection = detector.detect(image)
    times.append(process_time())
    decision = decide_obstacles(detection, image, rule)
    times.append(process_time())
    mask, obstacles = decision.mask, decision.obstacles
    assert mask is not None
    positions = locate_obstacles(contours(mask, obstacles), ground)
    message: Any = SimpleNamespace()
    fill_points(
        message,
        SimpleNamespace,
        None,
        obstacles,
        positions,
        range(len(obstacles)),
        point_height=ground.point_height,
    )
    times.append(process_time())
    if obstacles:
        took = (np.diff(times) * 1e3).tolist()
        for column, value in zip((costs.detect, costs.decide, costs.locate), took, strict=True):
            column.append(value)
        costs.obstacles.append(len(obstacles))
    return list(_matched(places, frame.anomaly, decision.mask, obstacles, positions, ground))


def _matched(
    places: list[Place],
    anomaly: np.ndarray,
    mask: np.ndarray,
    obstacles: tuple[Obstacle, ...],
    positions: tuple[ObstaclePosition | None, ...],
    ground: GroundGeometry,
) -> Iterator[Seen]:
    """Yield what is seen of each obstacle. A region is of the nearest one that it covers: what is
    joined with it is not found."""
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    by_box = {(o.x, o.y, o.width, o.height): n for n, o in enumerate(obstacles)}
    taken: set[int] = set()
    for place in sorted(places, key=lambda place: place.forward):
        label = _label_of(place, anomaly)
        if int(label.sum()) < _SHOWN:
            continue
        counts = np.bincount(labels[label], minlength=len(boxes))
        counts[0] = 0
        best = int(counts.argmax())
        position, row = None, math.nan
        if counts[best] >= _FOUND_SHARE * label.sum() and best not in taken:
            taken.add(best)
            x, y, width, height, _ = boxes[best].tolist()
            position, row = positions[by_box[x, y, width, height]], y + height - 0.5
        score = np.where(label, 2.0, 0.0).astype(np.float32)
        shown, things = find_obstacles(score, region=None, minimum_area=1)
        largest = (max(things, key=lambda thing: thing.area),)
        (labelled,) = locate_obstacles(contours(shown, largest), ground)
        yield Seen(
            truth=math.hypot(place.forward, place.left),
            bearing=math.atan2(place.left, place.forward),
            width=place.width,
            row=place.box[3],
            detected=position,
            detected_row=row,
            labelled=labelled,
        )


def _label_of(place: Place, anomaly: np.ndarray) -> np.ndarray:
    """Return the labelled pixels in the box of an obstacle, bool [H, W]."""
    left, top, right, bottom = place.box
    rows = slice(max(math.floor(top), 0), max(math.ceil(bottom) + 3, 0))
    box = rows, slice(max(math.floor(left), 0), max(math.ceil(right) + 2, 0))
    label = np.zeros(anomaly.shape, bool)
    label[box] = anomaly[box] > 0
    return label


def _print_errors(seen: list[Seen]) -> None:
    print(
        f"{'range':>10}{'shown':>7}{'found':>7}{'median':>9}{'95 %':>8}{'bias':>8}"
        f"{'of range':>10}{'1 sigma':>9}{'2 sigma':>9}{'bearing':>9}{'foot px':>9}"
        f"{'label median':>14}{'95 %':>8}"
    )
    for low, high in [*pairwise(_BINS_M), (_BINS_M[0], _BINS_M[-1])]:
        rows = [row for row in seen if low <= row.truth < high]
        placed = [(row, row.detected) for row in rows if row.detected is not None]
        if not placed:
            continue
        error = np.array([place.range - row.truth for row, place in placed])
        sigma = np.array([place.range_sigma for _, place in placed])
        share = np.abs(error) / [row.truth for row, _ in placed]
        bearing = [abs(place.bearing - row.bearing) for row, place in placed]
        foot = [row.detected_row - row.row for row, _ in placed]
        label = [abs(row.labelled.range - row.truth) for row in rows if row.labelled is not None]
        print(
            f"{low:5.0f}-{high:2.0f} m{len(rows):7}{len(placed):7}"
            f"{np.median(np.abs(error)):7.2f} m{np.percentile(np.abs(error), 95):6.2f} m"
            f"{np.median(error):+6.2f} m{np.median(share):10.1%}"
            f"{np.mean(np.abs(error) <= sigma):9.0%}{np.mean(np.abs(error) <= 2 * sigma):9.0%}"
            f"{np.degrees(np.median(bearing)):7.2f} °{np.median(foot):+9.1f}"
            f"{np.median(label):12.2f} m{np.percentile(label, 95):6.2f} m"
        )


def _print_costs(costs: Costs) -> None:
    print(
        f"{len(costs.locate)} frames with {np.mean(costs.obstacles):.1f} obstacles each; ms a frame"
    )
    for name, values in (
        ("networks", costs.detect),
        ("obstacles and their outline", costs.decide),
        ("places and points", costs.locate),
    ):
        print(f"{name:30}{np.median(values):8.2f}  95 %{np.percentile(values, 95):8.2f}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, default=Path("demo/bundle"))
    parser.add_argument("--drives", type=int, nargs="+", default=[0])
    parser.add_argument(
        "--slope", type=float, default=0.0, help="metres that the road rises a metre"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
