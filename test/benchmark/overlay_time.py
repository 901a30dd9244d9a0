# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How long the overlay and the markers of one frame take, by how much of it is anomalous.

`python test/benchmark/overlay_time.py`: milliseconds of one core for a frame of 720 x 1280, the
median of many, on a frame and scores made up here. It is the thread's own time, so that whatever
else runs changes it little. The markers' outlines are made, not their messages, which need ROS.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import thread_time

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from cosme_ros.postprocessing.obstacles import find_obstacles, outlines
from cosme_ros.visualization.overlay import draw_overlay

# Of the frame; what a street without anomalies, a tyre on the road, and a bundle fitted to another
# camera look like.
SHARES = (0.0, 0.01, 0.1, 0.4)


def score_map(height: int, width: int, share: float) -> np.ndarray:
    """Smooth scores, float32 [height, width], of which `share` reaches the alarm line."""
    random = np.random.default_rng(5)
    coarse = random.random((height // 90, width // 90)).astype(np.float32)
    score = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))
    score = np.maximum(score, 0)
    line = np.quantile(score, 1 - share) if share else 2 * score.max()
    return (score / np.float32(line)).astype(np.float32)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    random = np.random.default_rng(1)
    image = random.integers(0, 255, (options.height, options.width, 3)).astype(np.uint8)
    print(
        f"{options.height} x {options.width}, median of {options.rounds}, OpenCV {cv2.__version__}"
    )
    print("anomalous  obstacles  overlay ms  outlines ms")
    for share in SHARES:
        score = score_map(options.height, options.width, share)
        mask, obstacles = find_obstacles(score, region=None, minimum_area=64)
        overlays, lines = [], []
        for _ in range(options.rounds):
            began = thread_time()
            draw_overlay(image, score, obstacles, mask, frame_rate=9.9, provider="cpu")
            drawn = thread_time()
            outlines(mask, obstacles)
            lines.append(thread_time() - drawn)
            overlays.append(drawn - began)
        print(
            f"{share:9.0%}{len(obstacles):11}{1000 * np.median(overlays):12.1f}"
            f"{1000 * np.median(lines):13.1f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
