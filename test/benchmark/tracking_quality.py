# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Do obstacles keep their id, and what does an alarm by k of n frames bring and cost?

    PYTHONPATH=. python test/benchmark/tracking_quality.py --cache /tmp/tracking \
        --drives bag:demo/bag obstacles:905003@0+45 normal:900001@0+45

A drive is `bag:PATH`, or so many seconds of a synthetic road without a cut, at 10 Hz, by the demo's
camera: `obstacles:SEED@START+SECONDS` with things on it, `normal:SEED@START+SECONDS` without. The
networks run once for each drive (about 0.15 s a frame on one core, half of it painting); what they
found is kept in --cache: another --minimum-area needs another folder.

For each rule k/n of --rules: labelled obstacles that had a track ("tracked"), identity switches and
fragmentations (CLEAR MOT, `evaluation/identity_metrics.py`), obstacles found, in how many of their
frames, and the median number of frames from their appearance to then; false alarms by obstacle in
all drives; and in frames without an anomaly, alarms and their number an hour: by obstacle, and by
gap as `calibrate` counts them. Milliseconds: median of the time that following takes a frame.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import cv2
import numpy as np

from cosme_ros.bags.labelled_frames import LabelSettings, at_size
from cosme_ros.bags.scenes import scene_at, scenes_of
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.calibration.false_alarms import ALARM_GAP, alarms_of
from cosme_ros.evaluation.alarm_tracks import AlarmTrack, AlarmTracks, obstacle_alarms
from cosme_ros.evaluation.identity_metrics import IdentityCounts
from cosme_ros.evaluation.obstacle_tracking import LabelledObstacle, LabelledObstacles
from cosme_ros.inference.detector import Detector
from cosme_ros.metrics.component_metrics import ANOMALY_TRACK
from cosme_ros.metrics.labels import ANOMALY
from cosme_ros.parameters import Settings
from cosme_ros.postprocessing.obstacle_decision import (
    ObstacleDecision,
    decide_obstacles,
    obstacle_rule,
)
from cosme_ros.postprocessing.obstacles import Obstacle
from cosme_ros.sources.labelled import open_labelled_frames
from cosme_ros.tracking.confirmed_obstacles import confirmed_only
from cosme_ros.tracking.continuity import Continuity
from cosme_ros.tracking.obstacle_tracker import ObstacleTracker
from training.demo.drive import BAG_QUALITY, CAMERA, HEIGHT, RATE_HZ, WIDTH
from training.street_renderer.drive import StreetDrive

ROAD = re.compile(r"(obstacles|normal):(\d+)@([\d.]+)\+([\d.]+)")


@dataclass(frozen=True)
class Frame:
    """What a frame shows, and what its label says. `scene` is 0 where there are none."""

    stamp: int
    scene: int
    obstacles: tuple[Obstacle, ...]
    mask: np.ndarray
    label: np.ndarray


def main() -> int:
    options = _parser().parse_args()
    cv2.setNumThreads(1)
    drives = [
        _opened(spelling, options.bundle, options.minimum_area, options.cache)
        for spelling in options.drives
    ]
    seconds = sum(len(frames) for frames in drives) / RATE_HZ
    normal = sum(not (f.label == ANOMALY).any() for frames in drives for f in frames) / RATE_HZ
    print(f"{len(drives)} drives, {seconds:.0f} s, of these {normal:.0f} s without an obstacle")
    print(
        f"{'rule':6}{'tracked':>9}{'switches':>10}{'fragments':>11}{'found':>12}"
        f"{'in frames':>14}{'median':>8}{'false':>7}"
        f"{'normal: by obstacle':>21}{'an hour':>9}{'by gap':>8}{'an hour':>9}{'ms':>7}"
    )
    for rule in options.rules:
        _print_row(rule, drives, normal)
    return 0


def _print_row(rule: tuple[int, int], drives: Sequence[Sequence[Frame]], normal: float) -> None:
    tracks: list[AlarmTrack] = []
    identities: list[IdentityCounts] = []
    obstacles: list[LabelledObstacle] = []
    times: list[float] = []
    by_gap = 0
    for frames in drives:
        alarms, labelled, alarming = followed(frames, rule, times)
        tracks += alarms.by_id.values()
        identities.append(alarms.identities)
        obstacles += labelled.all
        by_gap += alarms_of(np.array(alarming, np.int64), gap=ALARM_GAP)
    found = obstacle_alarms(tracks, identities, labelled=True, normal_seconds=normal)
    after = [o.found_after for o in obstacles if o.found_after is not None]
    frames_found = f"{sum(o.frames_found for o in obstacles)} of {sum(o.frames for o in obstacles)}"
    hour = 3600 / normal if normal else float("nan")
    print(
        f"{f'{rule[0]}/{rule[1]}':6}{found.identified:>9}{found.identity_switches:>10}"
        f"{found.fragmentations:>11}{f'{len(after)} of {len(obstacles)}':>12}"
        f"{frames_found:>14}{median(after) if after else float('nan'):>8.1f}{found.false_alarms:>7}"
        f"{found.where_nothing_is_wrong:>21}{found.where_nothing_is_wrong * hour:>9.0f}"
        f"{by_gap:>8}{by_gap * hour:>9.0f}{1e3 * median(times):>7.3f}",
        flush=True,
    )


def followed(
    frames: Sequence[Frame], rule: tuple[int, int], times: list[float]
) -> tuple[AlarmTracks, LabelledObstacles, list[int]]:
    """Return what evaluate_bag counts, and the stamps of normal frames that alarm."""
    tracker = ObstacleTracker(min_seen=rule[0], window=rule[1])
    labelled, alarms = LabelledObstacles(ANOMALY_TRACK.true), AlarmTracks()
    continuity = Continuity()
    alarming = []
    for number, frame in enumerate(frames):
        if continuity.breaks(frame.stamp, frame.scene):
            labelled.cut()
        began = perf_counter()
        tracks = tracker.update(frame.obstacles, frame.stamp, scene=frame.scene)
        decision = ObstacleDecision(frame.mask, frame.obstacles)
        tracked = confirmed_only(decision, tracks)
        times.append(perf_counter() - began)
        mask = tracked.decision.mask
        assert mask is not None
        labelled.add(number, frame.stamp, frame.label, mask)
        alarms.add(
            number,
            mask,
            tracked.decision.obstacles,
            tracked.tracks,
            label=frame.label,
            labelled=labelled,
        )
        if tracked.decision.obstacles and not (frame.label == ANOMALY).any():
            alarming.append(frame.stamp)
    return alarms, labelled, alarming


def _opened(spelling: str, bundle: Path, minimum_area: int, cache: Path) -> list[Frame]:
    """Return a drive's frames; the networks run only where `cache` does not hold them."""
    file = cache / f"{re.sub(r'[^A-Za-z0-9.+@]', '_', spelling)}.npz"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".part.npz")
        _write(unfinished, list(_found(spelling, bundle, minimum_area)))
        unfinished.replace(file)
    return list(_read(file))


def _write(file: Path, frames: Sequence[Frame]) -> None:
    np.savez_compressed(
        file,
        stamps=[frame.stamp for frame in frames],
        scenes=[frame.scene for frame in frames],
        counts=[len(frame.obstacles) for frame in frames],
        obstacles=np.array(
            [astuple(o) for frame in frames for o in frame.obstacles], np.float64
        ).reshape(-1, 6),
        masks=np.packbits(np.stack([frame.mask > 0 for frame in frames]), axis=-1),
        labels=np.stack([frame.label for frame in frames]),
    )


def _read(file: Path) -> Iterator[Frame]:
    with np.load(file) as kept:
        labels = kept["labels"]
        masks = np.unpackbits(kept["masks"], axis=-1, count=labels.shape[2]) * np.uint8(255)
        ends = np.cumsum(kept["counts"]).tolist()
        rows = kept["obstacles"].tolist()
        for index, (stamp, scene) in enumerate(
            zip(kept["stamps"].tolist(), kept["scenes"].tolist(), strict=True)
        ):
            of_frame = rows[ends[index - 1] if index else 0 : ends[index]]
            obstacles = tuple(Obstacle(*map(int, row[:5]), row[5]) for row in of_frame)
            yield Frame(stamp, scene, obstacles, masks[index], labels[index])


def _found(spelling: str, bundle: Path, minimum_area: int) -> Iterator[Frame]:
    loaded = load_bundle(bundle)
    detector = Detector(loaded, provider="cpu", threads=1)
    rule = obstacle_rule(
        loaded,
        region=Settings.region,
        minimum_area=minimum_area,
        outline=Settings.outline,
    )
    for image, label, stamp, scene in _pictures(spelling):
        decision = decide_obstacles(detector.detect(image), image, rule)
        assert decision.mask is not None
        yield Frame(stamp, scene, decision.obstacles, decision.mask, label)


def _pictures(spelling: str) -> Iterator[tuple[np.ndarray, np.ndarray, int, int]]:
    """Yield image, label, stamp and number of the scene."""
    kind, _, path = spelling.partition(":")
    if kind == "bag":
        scenes = scenes_of(path)
        with open_labelled_frames(
            Path(path),
            image_topic=None,
            labels=LabelSettings(),
            report=lambda *_: None,
            frame_rate=RATE_HZ,
        ) as frames:
            for frame in frames.read():
                assert frame.label is not None
                scene = scene_at(scenes, frame.bag_time)
                label = at_size(frame.label, *frame.image.shape[:2])
                yield frame.image, label, frame.stamp, 0 if scene is None else scene.number
        return
    road = ROAD.fullmatch(spelling)
    if road is None:
        raise ValueError(f"'{spelling}' is no drive; {__doc__}")
    drive = StreetDrive(int(road[2]), HEIGHT, WIDTH, road[1] == "obstacles", camera=CAMERA)
    for number in range(round(float(road[4]) * RATE_HZ)):
        street = drive.frame(float(road[3]) + number / RATE_HZ)
        quality = [cv2.IMWRITE_JPEG_QUALITY, BAG_QUALITY]  # as a bag of it would be
        image = cv2.imdecode(cv2.imencode(".jpg", street.image, quality)[1], cv2.IMREAD_COLOR)
        yield np.asarray(image, np.uint8), street.anomaly, round(number * 1e9 / RATE_HZ), 0


def _rule(text: str) -> tuple[int, int]:
    seen, window = (int(part) for part in text.split("/"))
    return seen, window


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, default=Path("demo/bundle"))
    parser.add_argument("--cache", type=Path, required=True, help="folder for what was found")
    parser.add_argument("--drives", nargs="+", required=True, help="see above")
    parser.add_argument("--minimum-area", type=int, default=Settings.minimum_area)
    parser.add_argument(
        "--rules", type=_rule, nargs="+", default=[(1, 1), (2, 3), (3, 5), (5, 8)], metavar="K/N"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
