# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What do scores over time bring? Single frames beside scores carried along by optical flow.

    PYTHONPATH=. python test/benchmark/temporal_quality.py --bundle demo/bundle --cache /tmp/d \
        --drives bag:demo/bag synthetic:700001@600+40 --weights 0.3/0.7 0.5/0.5

Weights are those of a rising and of a falling score (`temporal_fusion`). For each the line is put
where `--rate` of all normal pixels of these drives reach it, so that all alarm on equally many.
"steady": mean IoU of the masks of neighbouring frames, where either alarms; "single": share of
alarming frames whose neighbours do not alarm; "found": obstacles found within their life and frames
in which one is found; "false": obstacles on nothing labelled, per frame. Milliseconds: median of
the CPU time that a frame costs more than without.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import fmean, median
from time import process_time

import cv2
import numpy as np
from labelled_drives import Drive, open_drive
from outline_quality import alarm_line

from cosme_ros.evaluation.obstacle_tracking import LabelledObstacles
from cosme_ros.metrics.anomaly_metrics import AnomalyHistogram
from cosme_ros.metrics.component_metrics import ANOMALY_TRACK
from cosme_ros.parameters import SMALLEST_AREA
from cosme_ros.postprocessing import temporal_fusion
from cosme_ros.postprocessing.obstacles import find_obstacles
from cosme_ros.postprocessing.temporal_fusion import TemporalFusion


def main() -> int:
    options = _parser().parse_args()
    cv2.setNumThreads(1)
    drives = [open_drive(spelling, options.bundle, options.cache) for spelling in options.drives]
    print(f"{options.rate:g} of normal pixels; {len(drives)} drives")
    print(
        f"{'':16}{'AP':>7}{'FPR95':>8}{'obstacles found':>17}{'frames':>8}{'median':>8}"
        f"{'within 5':>10}{'steady':>8}{'single':>8}{'false':>7}{'ms':>6}"
    )
    _print_row("single frames", drives, [drive.scores for drive in drives], options.rate, [])
    for weights in options.weights:
        times: list[float] = []
        fused = [_fused(drive, weights, times) for drive in drives]
        _print_row(f"flow {weights[0]:g}/{weights[1]:g}", drives, fused, options.rate, times)
    return 0


def _fused(drive: Drive, weights: tuple[float, float], times: list[float]) -> np.ndarray:
    temporal_fusion.RISE_WEIGHT, temporal_fusion.FALL_WEIGHT = weights
    fusion = TemporalFusion()
    fused = []
    for image, stamp, score in zip(drive.images, drive.stamps, drive.scores, strict=True):
        began = process_time()
        fused.append(fusion.fuse(image, stamp, score))
        times.append(1e3 * (process_time() - began))
    return np.stack(fused)


def _print_row(
    name: str, drives: list[Drive], scores: list[np.ndarray], rate: float, times: list[float]
) -> None:
    line = alarm_line(drives, scores, rate)
    histogram = AnomalyHistogram()
    steady: list[float] = []
    after: list[int] = []
    obstacles = shown = found = alarming = single = false = frames = 0
    for drive, grids in zip(drives, scores, strict=True):
        followed = LabelledObstacles(ANOMALY_TRACK.true)
        before: np.ndarray | None = None
        alarms = []
        for number, (label, grid) in enumerate(zip(drive.labels, grids, strict=True)):
            enlarged = cv2.resize(grid, label.shape[::-1], interpolation=cv2.INTER_LINEAR)
            histogram.add(
                np.ascontiguousarray(enlarged[::2, ::2]), np.ascontiguousarray(label[::2, ::2])
            )
            mask, _ = find_obstacles(
                enlarged / np.float32(line), region=None, minimum_area=SMALLEST_AREA
            )
            followed.add(number, drive.stamps[number], label, mask)
            alarms.append(bool(mask.any()))
            if before is not None and (mask.any() or before.any()):
                union = np.count_nonzero(mask | before)
                steady.append(np.count_nonzero(mask & before) / union)
            before = mask
            count, parts = cv2.connectedComponents(mask, connectivity=8)
            false += count - 1 - len(set(np.unique(parts[label != 0]).tolist()) - {0})
            frames += 1
        around = [False, *alarms, False]
        alarming += sum(alarms)
        single += sum(
            now and not earlier and not later
            for earlier, now, later in zip(around, around[1:], around[2:], strict=False)
        )
        for obstacle in followed.all:
            obstacles += 1
            shown += obstacle.frames
            found += obstacle.frames_found
            if obstacle.found_after is not None:
                after.append(obstacle.found_after)
    result = histogram.result()
    print(
        f"{name:16}{result.average_precision:7.3f}{result.fpr95:8.3f}"
        f"{f'{len(after)} of {obstacles}':>17}{found / max(shown, 1):8.2f}"
        f"{median(after) if after else float('nan'):8.1f}{sum(f <= 5 for f in after):10}"
        f"{fmean(steady) if steady else float('nan'):8.3f}{single / max(alarming, 1):8.3f}"
        f"{false / frames:7.2f}{median(times) if times else 0:6.1f}",
        flush=True,
    )


def _weights(text: str) -> tuple[float, float]:
    rise, fall = (float(part) for part in text.split("/"))
    return rise, fall


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="folder for scores")
    parser.add_argument("--drives", nargs="+", required=True, help="see labelled_drives.py")
    parser.add_argument("--rate", type=float, default=0.001)
    parser.add_argument(
        "--weights",
        type=_weights,
        nargs="+",
        default=[(temporal_fusion.RISE_WEIGHT, temporal_fusion.FALL_WEIGHT)],
        metavar="RISE/FALL",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
