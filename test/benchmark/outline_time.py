# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What outlines by the image and scores over time cost a frame, at two sizes.

    PYTHONPATH=. python test/benchmark/outline_time.py

One thread, three obstacles; milliseconds of CPU time, median of `--rounds`, so that what else the
machine does counts little.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from statistics import median
from time import process_time

import cv2
import numpy as np

from cosme_ros.postprocessing.mask_refinement import refine_obstacles
from cosme_ros.postprocessing.obstacles import find_obstacles
from cosme_ros.postprocessing.temporal_fusion import TemporalFusion

_SIZES = ((360, 640, 90, 160), (1024, 2048, 128, 256))  # of image and grid


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    cv2.setNumThreads(1)
    print(f"{'':14}{'find_obstacles':>16}{'refine_obstacles':>18}{'TemporalFusion':>16}")
    for size in _SIZES:
        times = _times(*size, rounds)
        what = f"{size[1]}x{size[0]}"
        print(f"{what:14}{times[0]:16.1f}{times[1]:18.1f}{times[2]:16.1f}")
    return 0


def _times(
    height: int, width: int, rows: int, columns: int, rounds: int
) -> tuple[float, float, float]:
    """Return the milliseconds of each column."""
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    image = np.asarray(cv2.GaussianBlur(image, (0, 0), 4), np.uint8)
    grid = np.full((rows, columns), 0.2, np.float32)
    for y, x in ((1 / 2, 1 / 2), (2 / 3, 1 / 4), (1 / 2, 3 / 4)):
        top, left = int(y * rows), int(x * columns)
        grid[top : top + rows // 12, left : left + columns // 14] = 3.0
    grid = np.asarray(cv2.GaussianBlur(grid, (0, 0), 2), np.float32)
    score = np.asarray(cv2.resize(grid, (width, height)), np.float32)
    mask, _ = find_obstacles(score, region=None, minimum_area=64)
    fusion = TemporalFusion()
    moving = [np.roll(image, 3 * number, axis=1) for number in range(rounds + 1)]
    fusion.fuse(moving[0], 0, grid)
    return (
        _median(rounds, lambda _: find_obstacles(score, region=None, minimum_area=64)),
        _median(rounds, lambda _: refine_obstacles(mask, score, grid, image, region=None)),
        _median(rounds, lambda n: fusion.fuse(moving[n + 1], (n + 1) * 10**8, grid)),
    )


def _median(rounds: int, work: Callable[[int], object]) -> float:
    times = []
    for number in range(rounds):
        began = process_time()
        work(number)
        times.append(1e3 * (process_time() - began))
    return median(times)


if __name__ == "__main__":
    sys.exit(main())
