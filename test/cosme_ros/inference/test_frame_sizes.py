# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Memory of a rare frame size goes back; that of a usual one stays."""

from pathlib import Path

import numpy as np
import psutil
from helpers.tiny_bundle import street_frame, write_tiny_bundle

from cosme_ros.bundle.loading import load_bundle
from cosme_ros.inference.detector import Detector
from cosme_ros.inference.frame_sizes import USUAL, WINDOW, FrameSizes

SMALL, LARGE = (360, 640), (4320, 7680)


def megabytes() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6


def test_a_size_is_usual_after_some_frames() -> None:
    sizes = FrameSizes()
    returned = [sizes.returns_memory(SMALL) for _ in range(2 * USUAL)]
    assert returned == [True] * (USUAL - 1) + [False] * (USUAL + 1)
    assert sizes.returns_memory(LARGE)
    assert not sizes.returns_memory(SMALL)


def test_two_usual_sizes_in_turn_return_nothing() -> None:
    sizes = FrameSizes()
    for _ in range(USUAL):
        sizes.returns_memory(SMALL)
        sizes.returns_memory(LARGE)
    assert not any(sizes.returns_memory(s) for _ in range(WINDOW) for s in (SMALL, LARGE))


def test_a_usual_size_that_went_out_of_use_returns_memory_once() -> None:
    sizes = FrameSizes()
    for _ in range(2 * USUAL):
        sizes.returns_memory(LARGE)
    returned = [sizes.returns_memory(SMALL) for _ in range(2 * WINDOW)]
    assert sum(returned[USUAL - 1 :]) == 1
    # The last frame of the large size leaves the window when WINDOW frames have come after it.
    assert returned[WINDOW - 1]


def test_an_8k_frame_does_not_keep_its_memory(tmp_path: Path) -> None:
    bundle = load_bundle(write_tiny_bundle(tmp_path / "bundle"))
    detector = Detector(bundle, provider="cpu", threads=1)
    street = street_frame(90, 160)
    for _ in range(2 * USUAL):
        score = detector.detect(street).score
    before = megabytes()
    detector.detect(np.full((*LARGE, 3), 90, np.uint8))
    np.testing.assert_array_equal(detector.detect(street).score, score)
    assert megabytes() < before + 150, "one frame of 100 MB left gigabytes before"
