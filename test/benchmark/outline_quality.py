# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How well do masks outline what they have found? The alarm line beside outlines by the image.

    PYTHONPATH=. python test/benchmark/outline_quality.py --bundle demo/bundle --cache /tmp/drives \
        --drives bag:demo/bag synthetic:700001@600+40 --shares 0.3 0.4 0.5

The line is put where `--rate` of all normal pixels of these drives reach it. An obstacle is found
where the mask at the line covers a tenth of it, whatever the outline; its IoU is the adjusted one
of SegmentMeIfYouCan. Milliseconds are of CPU time, in frames with an obstacle, and without the
networks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time

import cv2
import numpy as np
from labelled_drives import Drive, open_drive

from cosme_ros.evaluation.obstacle_tracking import FOUND_SHARE
from cosme_ros.metrics.component_metrics import (
    ANOMALY_TRACK,
    ComponentAccumulator,
    MinimumSizes,
    judge_components,
)
from cosme_ros.parameters import SMALLEST_AREA
from cosme_ros.postprocessing import mask_refinement
from cosme_ros.postprocessing.obstacles import find_obstacles

Outline = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""From mask, score, grid and image to the outlined mask."""


def main() -> int:
    options = _parser().parse_args()
    cv2.setNumThreads(1)
    drives = [open_drive(spelling, options.bundle, options.cache) for spelling in options.drives]
    by_image = partial(_by_image, background=options.background)
    outlines: dict[str, Outline] = {"at the alarm line": lambda mask, *_: mask}
    for share in options.shares:
        outlines[f"image, share {share:g}"] = partial(by_image, share=share)
    if options.ablate:
        outlines["image, without a guide"] = partial(by_image, penalty=1e9)
        outlines["image, halo kept"] = partial(by_image, halo=0)
        outlines["image, background 0"] = partial(by_image, background=None)
    for radius in options.radii:
        outlines[f"image, radius {radius}"] = partial(by_image, radius=radius)
    for background in options.backgrounds:
        outlines[f"image, background {background:g}"] = partial(by_image, background=background)
    for penalty in options.penalties:
        outlines[f"image, penalty {penalty:g}"] = partial(by_image, penalty=penalty)
    for rate in options.rates:
        _print_table(drives, outlines, rate)
    return 0


def _by_image(
    mask: np.ndarray,
    score: np.ndarray,
    grid: np.ndarray,
    image: np.ndarray,
    *,
    share: float = mask_refinement.OUTLINE_SHARE,
    radius: int = mask_refinement.GUIDE_RADIUS,
    penalty: float = mask_refinement.GUIDE_PENALTY,
    halo: int = mask_refinement.HALO_RADIUS,
    background: float | None = mask_refinement.BACKGROUND_QUANTILE,
) -> np.ndarray:
    mask_refinement.GUIDE_RADIUS = radius
    mask_refinement.GUIDE_PENALTY = penalty
    mask_refinement.HALO_RADIUS = halo
    mask_refinement.BACKGROUND_QUANTILE = background
    return mask_refinement.refine_obstacles(mask, score, grid, image, region=None, share=share)[0]


def _print_table(drives: list[Drive], outlines: dict[str, Outline], rate: float) -> None:
    line = alarm_line(drives, [drive.scores for drive in drives], rate)
    ious: dict[str, list[float]] = {name: [] for name in outlines}
    large: dict[str, list[float]] = {name: [] for name in outlines}
    times: dict[str, list[float]] = {name: [] for name in outlines}
    components = {name: ComponentAccumulator(ANOMALY_TRACK) for name in outlines}
    silent = ComponentAccumulator(ANOMALY_TRACK)  # frames without a mask, the same for all
    shown = 0
    for drive in drives:
        for number, image in enumerate(drive.images):
            label = drive.labels[number]
            grid = drive.scores[number] / np.float32(line)
            score = cv2.resize(grid, label.shape[::-1], interpolation=cv2.INTER_LINEAR)
            mask, _ = find_obstacles(score, region=None, minimum_area=SMALLEST_AREA)
            things = list(_things(label))
            shown += len(things)
            found = [int((mask[thing] > 0).sum()) >= FOUND_SHARE * thing.sum() for thing in things]
            if not mask.any():
                silent.add(mask > 0, label)
                continue
            for name, outline in outlines.items():
                began = process_time()
                outlined = outline(mask, score, grid, image)
                times[name].append(1e3 * (process_time() - began))
                components[name].add(outlined > 0, label)
                if not any(found):
                    continue
                siou, _ = judge_components(outlined > 0, label, MinimumSizes(1, ANOMALY_TRACK.true))
                for thing, is_found, iou in zip(things, found, siou.tolist(), strict=True):
                    if is_found:
                        ious[name].append(iou)
                        if thing.sum() >= 400:
                            large[name].append(iou)
    print(f"\n{rate:g} of normal pixels; {shown} obstacles shown in {len(drives)} drives")
    print(f"{'outline':28}{'found':>7}{'median IoU':>12}{'>= 400 px':>11}", end="")
    print(f"{'sIoU':>8}{'PPV':>8}{'F1':>8}{'ms':>7}")
    for name, accumulated in components.items():
        accumulated.include(silent)
        result = accumulated.result()
        print(
            f"{name:28}{len(ious[name]):7}{_median(ious[name]):12.3f}{_median(large[name]):11.3f}"
            f"{result.siou or 0:8.3f}{result.ppv or 0:8.3f}{result.f1 or 0:8.3f}"
            f"{_median(times[name]):7.1f}",
            flush=True,
        )


def alarm_line(drives: list[Drive], scores: list[np.ndarray], rate: float) -> float:
    """Return the raw score that `rate` of the normal pixels reach; every third row and column."""
    normal = []
    for drive, grids in zip(drives, scores, strict=True):
        for label, grid in zip(drive.labels, grids, strict=True):
            score = cv2.resize(grid, label.shape[::-1], interpolation=cv2.INTER_LINEAR)
            normal.append(score[::3, ::3][label[::3, ::3] == 0])
    return float(np.quantile(np.concatenate(normal), 1 - rate))


def _things(label: np.ndarray) -> list[np.ndarray]:
    """Return the labelled obstacles that are judged, in the order of `judge_components`."""
    count, numbers = cv2.connectedComponents(
        (label == 1).astype(np.uint8), connectivity=8, ltype=cv2.CV_32S
    )
    things = [numbers == number for number in range(1, count)]
    return [thing for thing in things if thing.sum() >= ANOMALY_TRACK.true]


def _median(values: list[float]) -> float:
    return median(values) if values else float("nan")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="folder for scores")
    parser.add_argument("--drives", nargs="+", required=True, help="see labelled_drives.py")
    parser.add_argument("--rates", type=float, nargs="+", default=[0.001])
    parser.add_argument("--shares", type=float, nargs="*", default=[mask_refinement.OUTLINE_SHARE])
    parser.add_argument("--radii", type=int, nargs="*", default=[])
    parser.add_argument("--penalties", type=float, nargs="*", default=[])
    parser.add_argument(
        "--background",
        type=float,
        default=mask_refinement.BACKGROUND_QUANTILE,
        help="quantile, where no other is tried",
    )
    parser.add_argument("--backgrounds", type=float, nargs="*", default=[], help="quantiles")
    parser.add_argument(
        "--ablate", action="store_true", help="also without the guide, and with the halo kept"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
