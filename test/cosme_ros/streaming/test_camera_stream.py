# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A camera's frames through a detector, with and without history."""

import numpy as np
import pytest
from helpers.tiny_bundle import street_frame, write_tiny_bundle

from cosme_ros.bundle.loading import load_bundle
from cosme_ros.inference.detector import Detector, ScoreFault
from cosme_ros.streaming.camera_stream import CameraStream

EMPTY = street_frame(180, 320)
WITH_BOX = street_frame(180, 320, box=(140, 120, 40, 30))
STEP = 10**8


@pytest.fixture(scope="module")
def detector(tmp_path_factory) -> Detector:
    return Detector(load_bundle(write_tiny_bundle(tmp_path_factory.mktemp("bundle"))))


def test_without_history_it_is_the_detector_to_the_bit(detector) -> None:
    stream = CameraStream(detector, temporal="none")
    for number, image in enumerate((WITH_BOX, EMPTY, WITH_BOX)):
        expected = detector.detect(image)
        found = stream.detect(image, number * STEP)
        assert np.array_equal(found.score, expected.score)
        assert np.array_equal(found.raw_score_grid, expected.raw_score_grid)


def test_with_history_the_score_is_fused_and_the_rest_is_the_frame_s_own(detector) -> None:
    stream = CameraStream(detector, temporal="flow")
    first = stream.detect(WITH_BOX, STEP)
    assert np.array_equal(first.raw_score_grid, detector.detect(WITH_BOX).raw_score_grid)
    darker = np.asarray(WITH_BOX * 0.98, np.uint8)
    alone, fused = detector.detect(darker), stream.detect(darker, 2 * STEP)
    assert not np.array_equal(fused.raw_score_grid, alone.raw_score_grid)
    lower = np.minimum(alone.raw_score_grid, first.raw_score_grid)
    higher = np.maximum(alone.raw_score_grid, first.raw_score_grid)
    assert fused.raw_score_grid.min() >= lower.min() * 0.999
    assert fused.raw_score_grid.max() <= higher.max() * 1.001
    assert np.array_equal(fused.score_grid, fused.raw_score_grid / np.float32(detector.threshold))
    assert fused.score.shape == darker.shape[:2]
    for name in ("mulmem", "auxcon", "class_id"):
        assert np.array_equal(getattr(fused, name), getattr(alone, name))


def test_a_fault_ends_the_history(detector, monkeypatch) -> None:
    stream = CameraStream(detector, temporal="flow")
    stream.detect(WITH_BOX, STEP)

    def fails(_: np.ndarray) -> None:
        raise ScoreFault("score is NaN")

    with monkeypatch.context() as patch:
        patch.setattr(detector, "detect", fails)
        with pytest.raises(ScoreFault):
            stream.detect(WITH_BOX, 2 * STEP)
    found = stream.detect(EMPTY, 3 * STEP)
    assert np.array_equal(found.raw_score_grid, detector.detect(EMPTY).raw_score_grid)


def test_another_temporal_is_refused(detector) -> None:
    with pytest.raises(ValueError, match="temporal is 'mean'; one of none, flow is right"):
        CameraStream(detector, temporal="mean")
