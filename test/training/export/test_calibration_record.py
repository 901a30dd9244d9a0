# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The calibration table keeps the rates it promises."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from cosme_ros.bundle.calibration_table import Calibration
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.health.measures import MEASURES, frame_measures
from training.datasets.normal_frames import FitFrames
from training.errors import UsageError
from training.export.calibration_record import RATES, calibration_record, calibration_table
from training.export.graph_runner import GraphRunner
from training.street_renderer.drive import StreetDrive

SHARPNESS = [measure.name for measure in MEASURES].index("sharpness")


def test_rates_hold_on_the_frames_themselves() -> None:
    maps = list(np.random.default_rng(0).gamma(2.0, size=(5, 60, 80)).astype(np.float32))
    frames, pixels, table = calibration_table(maps)
    assert (frames, pixels) == (5, 5 * 60 * 80)
    pooled = np.concatenate([m.ravel() for m in maps])
    for row in table:
        share = np.mean(pooled >= row["raw_score"])
        # Never more than promised by more than one pixel, never much less.
        assert share == pytest.approx(row["false_positive_rate"], abs=2 / pixels)
    rates = [row["false_positive_rate"] for row in table]
    assert rates == sorted(rates, reverse=True)


def test_rates_that_the_pixels_cannot_support_are_left_out() -> None:
    _, pixels, table = calibration_table([np.random.default_rng(0).random((100, 100))])
    lowest = table[-1]["false_positive_rate"]
    assert lowest * pixels >= 100
    assert len(table) < len(RATES)


def test_the_bundle_takes_a_table_of_scores_that_few_values_have() -> None:
    maps = [np.repeat(np.float32([0.5, 2.0]), (9_990, 10)).reshape(100, 100)]
    _, _, table = calibration_table(maps)
    Calibration(table)
    assert [row["raw_score"] for row in table] == pytest.approx([0.5] * len(table), rel=1e-6)


@pytest.mark.parametrize(
    ("maps", "sentence"),
    [
        ([], "no frames"),
        ([np.full((100, 100), np.nan)], "not finite"),
        ([np.ones((4, 4))], "too few"),
        ([np.zeros((100, 100))], "scores of 1.175e-38 or more"),
    ],
)
def test_refusals(maps: list[np.ndarray], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        calibration_table(maps)


def test_images_of_fitted_frames_count_as_normal_and_at_their_own_size() -> None:
    """Frames enlarged for the networks are less sharp than those that the node measures."""
    folder = Path(__file__).parents[3] / "demo" / "bundle"
    street = cv2.resize(StreetDrive(1, 360, 640).frame(0.0).image, (320, 180))
    held_out = [street] * 20
    fitted = [cv2.convertScaleAbs(street, alpha=1 + 0.01 * n) for n in range(30)]

    def frames(images: list[np.ndarray]) -> FitFrames:
        return FitFrames(images, np.arange(len(images)), (360, 640), (720, 1280))

    runner, manifest = GraphRunner(folder), load_bundle(folder).manifest
    alone = calibration_record(runner, frames(held_out), manifest)
    both = calibration_record(runner, frames(held_out), manifest, frames(fitted))
    assert both["table"] == alone["table"]
    assert both["health"]["frames"] == alone["health"]["frames"] == 20
    narrow, wide = (record["health"]["measures"] for record in (alone, both))
    assert wide["memory distance"] == narrow["memory distance"]
    assert narrow["brightness"]["high"] == pytest.approx(narrow["brightness"]["low"])
    assert wide["brightness"]["high"] > 1.2 * narrow["brightness"]["high"]
    sharpness = frame_measures(street, {}, input_size=(360, 640))[SHARPNESS]
    assert narrow["sharpness"]["middle"] == pytest.approx(sharpness, abs=1e-5)
