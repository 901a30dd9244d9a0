# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The grade of a bundle by its self-test, and remedies."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tqdm import tqdm

from cosme_ros.bundle.writing import write_manifest
from training.datasets.normal_frames import FitFrames
from training.export.manifest import read_manifest
from training.fitting.self_test import (
    MOST_PICTURES,
    SMALL_PIXELS,
    Figures,
    SelfTest,
    SelfTestFigures,
    alarm_line,
    picture_frames,
    scored_pictures,
)
from training.fitting.self_test_sheet import SelfTestSheet

SHEET_FILE = "self_test.png"

GOOD_FROM = 0.3
FAIR_FROM = 0.1
"""Average precision of the self-test in another light: of the figures, the one that goes with what
is found in other places. docs/bundle_quality.md has the bundles that the limits lie between."""

_MUCH_LESS = 0.25
"""Difference of found shares that is worth a remedy of its own."""

_LARGEST_GAP = 0.1
"""Of mean similarity to the nearest prototype, from fitted to held-out frames."""

_LITTLE_ROAD = 0.05
_FEW_FRAMES = 100


class Grade(StrEnum):
    """Of a bundle."""

    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"


@dataclass(frozen=True)
class FitFacts:
    """What else a fit knows of itself.

    Attributes:
        frames: fitted to.
        similarity_gap: as in `suitability.Suitability`.
    """

    frames: int
    similarity_gap: Mapping[str, float]


@dataclass(frozen=True)
class Quality:
    """The result of a self-test, graded.

    Attributes:
        grade: of the bundle.
        self_test: its figures.
        remedies: what to try, the most likely first; empty where the grade is good.
    """

    grade: Grade
    self_test: SelfTest
    remedies: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return what goes into the manifest."""
        return asdict(self) | {"grade": self.grade.value, "remedies": list(self.remedies)}

    def lines(self) -> list[str]:
        """Return the sentences for the end of a fit."""
        test = self.self_test
        if test.other_light.average_precision is None:
            return ["self-test: no place was found to paint anything; the bundle is not graded"]
        return [
            f"self-test: {self.grade.value}. Of {test.all.things} things painted into held-back "
            f"frames {_percent(test.all.found)} are found at a false-positive rate of "
            f"{test.false_positive_rate:g} (small: {_found(test.small)}, large: "
            f"{_found(test.large)}); "
            f"AP {_percent(test.all.average_precision)}, FPR95 {_percent(test.all.fpr95)}. "
            "With light and colours changed, by which it is graded: "
            f"AP {_percent(test.other_light.average_precision)}, "
            f"FPR95 {_percent(test.other_light.fpr95)}",
            *(f"  - {remedy}" for remedy in self.remedies),
        ]


def grade_bundle(
    folder: Path, held_out: FitFrames, facts: FitFacts, seed: int, sheet_path: Path
) -> tuple[Quality, dict[str, Any]]:
    """Run a bundle's self-test, write its pictures, and add its figures to the manifest.

    Args:
        folder: of the bundle.
        held_out: normal frames that were not fitted to.
        facts: of the fit.
        seed: of what is painted.
        sheet_path: PNG with the pictures.

    Returns:
        The quality, and the manifest with it under `fitted_on.quality`.
    """
    manifest = read_manifest(folder)
    figures = SelfTestFigures(alarm_line(manifest)[0])
    sheet = SelfTestSheet(MOST_PICTURES)
    pictures = scored_pictures(folder, held_out, seed, MOST_PICTURES)
    total = len(picture_frames(len(held_out), MOST_PICTURES))
    for picture in tqdm(pictures, "self-test", total, unit="picture"):
        figures.add(picture)
        sheet.add(picture)
    quality = grade(figures.result(), facts)
    sheet.write(sheet_path, quality.lines()[0])
    manifest["fitted_on"]["quality"] = quality.as_dict()
    return quality, write_manifest(folder, manifest)


def grade(test: SelfTest, facts: FitFacts) -> Quality:
    """Grade a self-test, and list remedies."""
    precision = test.other_light.average_precision
    if precision is None or precision < FAIR_FROM:
        found = Grade.POOR
    else:
        found = Grade.GOOD if precision >= GOOD_FROM else Grade.FAIR
    remedies = () if found is Grade.GOOD else tuple(_remedies(test, facts))
    return Quality(found, test, remedies)


def _remedies(test: SelfTest, facts: FitFacts) -> list[str]:
    found = []
    if test.road_share < _LITTLE_ROAD:
        found.append(
            f"the teacher takes {_percent(test.road_share)} of these frames for drivable: it does "
            "not know this kind of frame; take another teacher, or train one on such frames"
        )
    if facts.frames < _FEW_FRAMES:
        found.append(
            f"{facts.frames} frames are few: fit to some hundred, of all places, light and weather"
        )
    for layer, gap in facts.similarity_gap.items():
        if gap > _LARGEST_GAP:
            found.append(
                f"{layer}: held-back frames resemble the memory less than the fitted ones do (by "
                f"{gap:.2f}): add frames of other places, light and weather"
            )
    if _less(test.small.found, test.large.found):
        found.append(
            f"things of fewer than {SMALL_PIXELS} pixels are missed more often than large ones: a "
            "larger --size shows them to the networks with more pixels"
        )
    if _halved(test.other_light.average_precision, test.all.average_precision):
        found.append(
            "with light and colours changed the AP is less than half: the teacher knows its frames "
            "too well; start it from ImageNet weights and train it for fewer steps"
        )
    found.append(
        "another teacher is what changes most: one that started from ImageNet weights and was "
        "trained for some dozens of steps, not for many hundreds, which unlearn what is not on "
        "roads; or one with a larger backbone"
    )
    return found


def _less(value: float | None, reference: float | None) -> bool:
    return value is not None and reference is not None and value < reference - _MUCH_LESS


def _halved(value: float | None, reference: float | None) -> bool:
    return value is not None and reference is not None and value < reference / 2


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.0f} %"


def _found(figures: Figures) -> str:
    return f"{_percent(figures.found)} of {figures.things}"
