# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A bundle that was calibrated on drives of the user's own, in the node."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.normal_bag import TOPIC, write_normal_bag
from helpers.tiny_bundle import street_frame

from cosme_ros.bundle.loading import load_bundle
from cosme_ros.cli import calibrate

AREA = 20


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory, bundle) -> Path:
    folder = tmp_path_factory.mktemp("calibrated")
    drive = write_normal_bag(folder / "drive", frames=30, rate=1.0)
    status = calibrate.main(
        [
            *(str(drive), "--bundle", str(bundle), "--out", str(folder / "mine")),
            *("--image-topic", TOPIC, "--minimum-area", str(AREA), "--provider", "cpu"),
            *("--false-alarms-per-hour", "500", "--alarm-gap", "2"),
        ]
    )
    assert status == 0
    return folder / "mine"


def test_the_node_runs_at_the_guaranteed_line(start, calibrated) -> None:
    guarantee = json.loads((calibrated / "manifest.json").read_bytes())["calibration"]["promise"]
    assert guarantee["alarms_allowed"] == 0
    rate = guarantee["false_positive_rate"]
    detector, camera = start(bundle=calibrated, false_positive_rate=rate, minimum_area=AREA)
    camera.listen("score", "mask")

    def ask(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        _, (score, mask) = camera.ask(lambda: camera.image(picture), "score", "mask")
        size = picture.shape[:2]
        return (
            np.frombuffer(score.data, np.float32).reshape(size),
            np.frombuffer(mask.data, np.uint8).reshape(size),
        )

    # Frames of the drive itself, of which none may alarm, and an obstacle, which must.
    for number in (0, 17):
        _, mask = ask(street_frame(160, 240, seed=number))
        assert not mask.any()
    score, mask = ask(street_frame(160, 240, box=(60, 100, 40, 30), seed=1))
    assert mask[105:125, 65:95].all() and score[115, 80] > 1
    line = load_bundle(calibrated).calibration.threshold(rate)
    assert "no more than 500 false alarm(s) an hour guaranteed" in detector.log
    assert f"alarm at a raw score of {line:.4g} (false_positive_rate {rate:g})" in detector.log
