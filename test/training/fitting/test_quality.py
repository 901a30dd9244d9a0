# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""From a self-test's figures to a grade, sentences, remedies and a manifest."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from helpers.tiny_bundle import street_frame, write_tiny_bundle

from cosme_ros.bundle.loading import load_bundle
from training.datasets.normal_frames import FitFrames
from training.fitting import quality
from training.fitting.quality import FAIR_FROM, GOOD_FROM, FitFacts, Grade, grade, grade_bundle
from training.fitting.self_test import KINDS, Figures, SelfTest

SIZE = (64, 96)
FACTS = FitFacts(frames=300, similarity_gap={"c5": 0.01})
NONE = Figures(0, None, None, None)


def self_test(precision: float | None, **changes: Figures | float) -> SelfTest:
    figures = NONE if precision is None else Figures(10, 0.6, precision, 0.2)
    kinds = dict.fromkeys(KINDS, figures)
    return replace(SelfTest(24, 0.001, 0.3, figures, figures, figures, kinds, figures), **changes)


def test_grades_follow_the_average_precision() -> None:
    for precision, wanted in (
        (GOOD_FROM, Grade.GOOD),
        (GOOD_FROM - 0.01, Grade.FAIR),
        (FAIR_FROM, Grade.FAIR),
        (FAIR_FROM - 0.01, Grade.POOR),
        (None, Grade.POOR),
    ):
        assert grade(self_test(precision), FACTS).grade is wanted


def test_a_good_bundle_needs_no_remedy_and_its_line_has_the_figures() -> None:
    found = grade(self_test(0.9), FACTS)
    (line,) = found.lines()
    assert found.remedies == ()
    assert line.startswith("self-test: good. Of 10 things painted")
    assert "60 % are found at a false-positive rate of 0.001" in line
    assert "AP 90 %, FPR95 20 %. With light and colours changed" in line


@pytest.mark.parametrize(
    ("test", "facts", "words"),
    [
        (self_test(0.05, road_share=0.01), FACTS, "takes 1 % of these frames for drivable"),
        (self_test(0.05), replace(FACTS, frames=12), "12 frames are few"),
        (self_test(0.05), replace(FACTS, similarity_gap={"c5": 0.2}), "c5: held-back frames"),
        (
            self_test(0.05, small=Figures(5, 0.1, 0.1, 0.9), large=Figures(5, 0.8, 0.1, 0.9)),
            FACTS,
            "a larger --size",
        ),
        (self_test(0.35, other_light=Figures(9, 0.1, 0.05, 0.9)), FACTS, "fewer steps"),
    ],
)
def test_each_cause_has_its_remedy_and_the_teacher_is_always_one(
    test: SelfTest, facts: FitFacts, words: str
) -> None:
    first, last = grade(test, facts).remedies
    assert words in first
    assert "another teacher" in last
    assert grade(self_test(0.05), FACTS).remedies == (last,)


def test_without_a_place_to_paint_there_is_no_figure() -> None:
    (line,) = grade(self_test(None), FACTS).lines()
    assert "not graded" in line


class Streets:
    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> np.ndarray:
        return street_frame(*SIZE, seed=index)


def test_manifest_and_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "MOST_PICTURES", 5)
    folder = write_tiny_bundle(tmp_path / "tiny")
    held_out = FitFrames(Streets(), np.arange(3), SIZE)
    sheet = tmp_path / "sheet.png"
    found, manifest = grade_bundle(folder, held_out, FACTS, 0, sheet)
    assert manifest == json.loads((folder / "manifest.json").read_text())
    written = manifest["fitted_on"]["quality"]
    assert written["grade"] == found.grade
    assert written["self_test"]["pictures"] == 5
    assert written["self_test"]["all"]["things"] > 0
    assert load_bundle(folder).name == "tiny"
    assert sorted(p.name for p in folder.iterdir()) == ["manifest.json", *sorted(manifest["files"])]
    # Five tiles in two columns and two lines of text.
    height, width = cv2.imread(str(sheet)).shape[:2]
    assert (height - 52) % 3 == 0
    assert width == 4 * 440
