# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What does the option `driven_over` change over long drives?

    PYTHONPATH=. python test/benchmark/driven_over.py --drives drive:5 drive:6 obstacles:905003@0+60

A drive is `drive:N`, drive N of `training/demo/drive.py`, or so many seconds of a synthetic road
without a cut, as in `tracking_quality.py`. All are driven one after the other with one detector, at
--rate frames a second, with exact odometry at 20 Hz; at a cut the odometry jumps. Marks of earlier
drives hold in later ones. The option is off, on with each of --periods, and judged by the same
networks' outputs: the memory alone runs for each.

The classes are those that the node uses; marks are made when they are due and hold from the next
frame on. The vehicle of the synthetic roads does not brake: it also drives over obstacles.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from mark_normal import regions
from range_error import ground_of
from tracking_quality import ROAD, Frame, followed

from cosme_ros.adaptation.adaptation import Adaptation, open_adaptation
from cosme_ros.adaptation.driven_over import DrivenOver, driven_over_mask, mark_driven_over
from cosme_ros.adaptation.recent_frames import RecentFrame
from cosme_ros.adaptation.vehicle_path import VehiclePose
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.evaluation.alarm_tracks import obstacle_alarms
from cosme_ros.inference.detector import Detection, Detector
from cosme_ros.inference.sessions import Session, open_session
from cosme_ros.metrics.anomaly_metrics import AnomalyHistogram
from cosme_ros.metrics.labels import ANOMALY
from cosme_ros.parameters import Settings
from cosme_ros.postprocessing.obstacle_decision import (
    ObstacleRule,
    decide_obstacles,
    obstacle_rule,
)
from training.demo.drive import BAG_QUALITY, CAMERA, HEIGHT, RATE_HZ, WIDTH, plan_drive
from training.street_renderer.drive import StreetDrive

ODOMETRY_HZ = 20.0
_CUT_S = 10.0
_TRUE_FROM = 0.1
_CAMERA_NAME = ""


@dataclass(frozen=True)
class Shown:
    """One frame of the drive. `drive` is its number among --drives."""

    drive: int
    scene: int
    image: np.ndarray
    label: np.ndarray
    stamp: int
    road: StreetDrive
    poses: tuple[VehiclePose, ...]
    """Up to its stamp, since the frame before."""


@dataclass
class Variant:
    """The option with one period, or off; and what it found."""

    name: str
    detector: Detector
    marks: Adaptation
    driven_over: DrivenOver | None
    frames: dict[int, list[Frame]] = field(default_factory=dict)
    histograms: dict[int, AnomalyHistogram] = field(default_factory=dict)
    false_regions: dict[int, int] = field(default_factory=dict)
    judged: int = 0
    refused: int = 0
    made: int = 0
    on_obstacles: int = 0
    """Marks of which some pixel is labelled as an obstacle."""

    def take(self, shown: Shown, detection: Detection, rule: ObstacleRule) -> None:
        """Judge one frame, and let the option see it."""
        histogram = self.histograms.setdefault(shown.drive, AnomalyHistogram())
        histogram.add(detection.score, shown.label)
        false = sum(
            (shown.label[region] == ANOMALY).mean() < _TRUE_FROM
            for region in regions(detection.score)
        )
        self.false_regions[shown.drive] = self.false_regions.get(shown.drive, 0) + false
        decision = decide_obstacles(detection, shown.image, rule)
        assert decision.mask is not None
        self.frames.setdefault(shown.drive, []).append(
            Frame(shown.stamp, shown.scene, decision.obstacles, decision.mask, shown.label)
        )
        if self.driven_over is None:
            return
        frame = RecentFrame(_CAMERA_NAME, shown.stamp, shown.image, detection, rule)
        self.marks.remember(frame)
        self.driven_over.add_frame(frame, ground_of(shown.road))

    def drive(self, poses: tuple[VehiclePose, ...], labels: dict[int, np.ndarray]) -> None:
        """Let the odometry come, and make the marks that are due."""
        if self.driven_over is None:
            return
        drivable = self.detector.bundle.drivable_class_ids
        for pose in poses:
            driven = self.driven_over.add_pose(pose)
            if driven is None:
                continue
            self.judged += 1
            mask = driven_over_mask(driven, drivable)
            answer = mark_driven_over(driven, drivable, self.marks)
            self.driven_over.release(tried=answer is not None)
            if answer is None:
                continue
            if answer.success:
                self.made += 1
                on_obstacle = int((labels[driven.frame.stamp][mask] == ANOMALY).sum())
                self.on_obstacles += on_obstacle > 0
                print(
                    f"  {self.name}: frame at {driven.frame.stamp / 1e9:.1f} s, "
                    f"{int(mask.sum())} pixels, of an obstacle {on_obstacle}: {answer.message}",
                    flush=True,
                )
            else:
                self.refused += 1
                print(f"  {self.name}: refused: {answer.message}", flush=True)


def main() -> int:
    options = _parser().parse_args()
    cv2.setNumThreads(1)
    bundle = load_bundle(options.bundle)
    networks = Detector(bundle, provider="cpu", threads=1)
    memory = open_session(bundle.path / "memory.onnx", "cpu", threads=1)
    rule = obstacle_rule(
        bundle,
        region=Settings.region,
        minimum_area=Settings.minimum_area,
        outline=Settings.outline,
    )
    with tempfile.TemporaryDirectory() as folder:
        variants = []
        for period in (None, *options.periods):
            detector = Detector(bundle, provider="cpu", threads=1)
            name = "off" if period is None else f"on, a mark in {period:g} s"
            marks = open_adaptation(
                detector,
                Path(folder) / f"{name}.jsonl",
                who="benchmark",
                limit=Settings.marks_limit,
            )
            driven_over = (
                None
                if period is None
                else DrivenOver(width=Settings.driven_over_width, period=period)
            )
            variants.append(Variant(name, detector, marks, driven_over))
        _drive_all(options.drives, options.rate, variants, networks, memory, rule)
    for drive, spelling in enumerate(options.drives):
        print(f"\n{spelling}")
        _print_rows(variants, [drive])
    print("\nall")
    _print_rows(variants, list(range(len(options.drives))))
    for v in variants[1:]:
        grown = {
            name: len(bank) - len(bundle.banks[name]) for name, bank in v.detector.banks.items()
        }
        print(
            f"{v.name}: {v.judged} frames judged, {v.made} marks made ({v.on_obstacles} of them "
            f"with pixels of an obstacle), {v.refused} refused; prototypes added {grown}"
        )
    return 0


def _drive_all(
    drives: list[str],
    rate: float,
    variants: list[Variant],
    networks: Detector,
    memory: Session,
    rule: ObstacleRule,
) -> None:
    labels: dict[int, np.ndarray] = {}
    drive = -1
    for shown in _frames(drives, rate):
        if shown.drive != drive:
            drive = shown.drive
            print(drives[drive], flush=True)
        labels[shown.stamp] = shown.label
        outputs = networks.network_outputs(shown.image)
        features = {name: outputs[name] for name in outputs.keys() & memory.inputs.keys()}
        for variant in variants:
            variant.drive(shown.poses, labels)
            scored = memory.run({**features, **variant.detector.banks})
            detection = Detection(
                {**scored, "class_id": outputs["class_id"]},
                threshold=networks.threshold,
                height=HEIGHT,
                width=WIDTH,
            )
            variant.take(shown, detection, rule)


def _print_rows(variants: list[Variant], drives: list[int]) -> None:
    print("| option | AP | obstacles found | false alarms by obstacle | false regions in frames |")
    for variant in variants:
        histogram = AnomalyHistogram()
        tracks, identities, obstacles = [], [], []
        for drive in drives:
            histogram.include(variant.histograms[drive])
            alarms, labelled, _ = followed(variant.frames[drive], (1, 1), [])
            tracks += alarms.by_id.values()
            identities.append(alarms.identities)
            obstacles += labelled.all
        found = obstacle_alarms(tracks, identities, labelled=True, normal_seconds=0.0)
        after = sum(o.found_after is not None for o in obstacles)
        regions_ = sum(variant.false_regions[drive] for drive in drives)
        print(
            f"| {variant.name} | {100 * (histogram.result().average_precision or 0.0):.2f} "
            f"| {after} of {len(obstacles)} | {found.false_alarms} | {regions_} |",
            flush=True,
        )


def _frames(drives: list[str], rate: float) -> Iterator[Shown]:
    begins = 0.0  # seconds of the stamps
    scene = 0
    for number, spelling in enumerate(drives):
        for road, start, seconds in _stretches(spelling):
            for index in range(round(seconds * rate)):
                t = start + index / rate
                street = road.frame(t)
                quality = [cv2.IMWRITE_JPEG_QUALITY, BAG_QUALITY]  # as a bag of it would be
                coded = cv2.imencode(".jpg", street.image, quality)[1]
                image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
                steps = round(ODOMETRY_HZ / rate) if index else 1
                moments = [t - step / ODOMETRY_HZ for step in reversed(range(steps))]
                poses = tuple(_pose(road, moment, begins + moment - start) for moment in moments)
                yield Shown(number, scene, image, street.anomaly, poses[-1].stamp, road, poses)
            begins += seconds + _CUT_S
            scene += 1


def _pose(road: StreetDrive, t: float, seconds: float) -> VehiclePose:
    camera = road._camera(t)
    # The renderer's x is to the right, z forward, and its yaw positive to the right.
    return VehiclePose(round(seconds * 1e9), camera.z, -camera.x, -camera.yaw)


def _stretches(spelling: str) -> Iterator[tuple[StreetDrive, float, float]]:
    if spelling.startswith("drive:"):
        for s in plan_drive(int(spelling.removeprefix("drive:"))):
            yield (
                StreetDrive(s.seed, HEIGHT, WIDTH, s.obstacles, camera=CAMERA),
                s.start_s,
                s.frames,
            )
        return
    found = ROAD.fullmatch(spelling)
    if found is None:
        raise ValueError(f"'{spelling}' is no drive; {__doc__}")
    drive = StreetDrive(int(found[2]), HEIGHT, WIDTH, found[1] == "obstacles", camera=CAMERA)
    yield drive, float(found[3]), float(found[4])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, default=Path("demo/bundle"))
    parser.add_argument("--drives", nargs="+", required=True, help="see above")
    parser.add_argument("--rate", type=float, default=RATE_HZ, help="frames a second")
    parser.add_argument(
        "--periods",
        type=float,
        nargs="+",
        default=[Settings.driven_over_period, 0.0],
        help="values of driven_over_period, seconds",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
