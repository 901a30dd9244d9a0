# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What keeping freed memory brings to all that follows the networks, by the size of the frame.

`python test/benchmark/frame_memory.py`: milliseconds for enlarging a score, finding its obstacles
and filling the messages of score and mask, and the pages of memory that the system had to hand out
for it, in a process as it comes and in one that called `configure_malloc`. They take turns. ONNX
Runtime is not loaded: on a CPU its own freed memory has the same effect, on a GPU it has none.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from resource import RUSAGE_THREAD, getrusage
from statistics import median
from time import perf_counter
from types import SimpleNamespace

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from cosme_ros.malloc_settings import configure_malloc
from cosme_ros.messages.images import fill_image
from cosme_ros.postprocessing.obstacles import find_obstacles

SIZES = ((360, 640), (720, 1280), (1024, 2048))
GRID = (64, 128)
WARM_UP, FRAMES, TURNS = 5, 20, 5
VARIANTS = ("as it comes", "kept")


def grid() -> np.ndarray:
    """Scores on the teacher's grid, float32: three obstacles, and nothing else."""
    score = np.abs(np.random.default_rng(0).normal(0.1, 0.05, GRID)).astype(np.float32)
    score[30:34, 60:66] = score[40:42, 20:23] = score[45:48, 100:104] = 1.5
    return score


def follow(score: np.ndarray, height: int, width: int) -> None:
    """A frame, from the networks' scores to the messages."""
    enlarged = np.asarray(cv2.resize(score, (width, height), interpolation=cv2.INTER_LINEAR))
    mask, _ = find_obstacles(enlarged, region=None, minimum_area=64)
    for picture, encoding in ((enlarged, "32FC1"), (mask, "mono8")):
        fill_image(SimpleNamespace(), picture, encoding, None)


def measure(height: int, width: int) -> dict[str, float]:
    """Medians of a frame in this process."""
    score, milliseconds, pages = grid(), [], []
    for _ in range(WARM_UP + FRAMES):
        before, began = getrusage(RUSAGE_THREAD).ru_minflt, perf_counter()
        follow(score, height, width)
        milliseconds.append(1000 * (perf_counter() - began))
        pages.append(getrusage(RUSAGE_THREAD).ru_minflt - before)
    return {"ms": median(milliseconds[WARM_UP:]), "pages": median(pages[WARM_UP:])}


def in_a_process(variant: str, height: int, width: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", variant, str(height), str(width)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--one", nargs=3, metavar=("VARIANT", "HEIGHT", "WIDTH"), help=argparse.SUPPRESS
    )
    one = parser.parse_args().one
    if one is not None:
        cv2.setNumThreads(1)
        if one[0] == "kept":
            configure_malloc()
        print(json.dumps(measure(int(one[1]), int(one[2]))))
        return 0
    print(f"medians of {TURNS} processes, {FRAMES} frames each")
    print("     frame  " + "  ".join(f"{name + ', ms':>15}  {'pages':>6}" for name in VARIANTS))
    for height, width in SIZES:
        found: dict[str, list[dict[str, float]]] = {name: [] for name in VARIANTS}
        for _ in range(TURNS):
            for name in VARIANTS:
                found[name].append(in_a_process(name, height, width))
        cells = [
            f"{median(run['ms'] for run in runs):15.1f}  "
            f"{median(run['pages'] for run in runs):6.0f}"
            for runs in found.values()
        ]
        print(f"{width:5}x{height:<4}  " + "  ".join(cells), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
