# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Refuses marks that would blind the detector.

A mark says that something is normal, here and wherever it looks alike. The guard judges each
connected region of a mark by the bundle and the frame. What it refuses can still
be marked where the user switches the guard off; the journal then says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.bundle.loading import Bundle
from cosme_ros.inference.detector import Detection
from cosme_ros.postprocessing.obstacle_decision import drivable_area

MOST_OF_THE_ROAD = 0.1
"""Share of the drivable area (of the image, for a bundle without drivable classes) that one mark
may cover."""

MOST_STANDING = 0.03
"""Share of a marked region that may be a hole in the drivable area: surrounded by road, and not
taken for road by the teacher. docs/adaptation.md has the measurement that chose it."""

FEWEST_LINES = 1.05
"""Alarm lines that the calibration table has to reach, to say which alarm is too high for a false
one. A table that ends at the alarm line knows no alarms, and is not asked."""


class MarkRefused(Exception):  # noqa: N818, it is an answer, no fault of the program
    """A mark is refused; the sentence says why."""


@dataclass(frozen=True)
class MarkFigures:
    """What the guard judges a mark by.

    Attributes:
        pixels: marked, of the camera image.
        road_share: of the drivable area that is marked, 0..1.
        standing_share: of the region with the most of it, what is a hole in the road, 0..1; None
            for a bundle without drivable classes.
        peak: highest score, in alarm lines, in the marked regions that reach into the drivable area
            (in all, for a bundle without drivable classes); 0 where none does.
        calibrated_peak: the highest score of the calibration table, in alarm lines.
    """

    pixels: int
    road_share: float
    standing_share: float | None
    peak: float
    calibrated_peak: float


def mark_figures(mask: NDArray[np.bool_], detection: Detection, bundle: Bundle) -> MarkFigures:
    """Measure a mark.

    Args:
        mask: bool [H, W], at least one pixel.
        detection: of the marked frame of H x W pixels.
        bundle: says which classes are drivable, and what calibration saw.

    Raises:
        MarkRefused: the frame shows no road, so the mark cannot be checked.
    """
    table = bundle.manifest["calibration"]["table"]
    calibrated_peak = max(row["raw_score"] for row in table) / detection.threshold
    pixels = int(np.count_nonzero(mask))
    if not bundle.drivable_class_ids:
        peak = float(detection.score[mask].max())
        return MarkFigures(pixels, pixels / mask.size, None, peak, calibrated_peak)
    region = drivable_area(detection, bundle.drivable_class_ids)
    if not region.any():
        raise MarkRefused("no road is recognised in this frame, so that the mark cannot be judged")
    holes = region & ~np.isin(detection.class_id, bundle.drivable_class_ids)
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    sizes = np.bincount(labels.ravel(), minlength=count)[1:]
    standing = np.bincount(labels[holes], minlength=count)[1:]
    # A sign above the road or a lamp may score as high as it likes.
    on_road = np.bincount(labels[region], minlength=count) > 0
    on_road[0] = False
    peak = float(detection.score[on_road[labels]].max(initial=0.0))
    return MarkFigures(
        pixels,
        float(np.count_nonzero(mask & region) / np.count_nonzero(region)),
        float((standing / sizes).max()),
        peak,
        calibrated_peak,
    )


def check_mark(figures: MarkFigures) -> None:
    """Refuse a mark that would blind the detector.

    Raises:
        MarkRefused: it covers too much of the road, it is an unknown thing that stands on the road,
            or its score is higher than any that calibration saw.
    """
    if figures.road_share > MOST_OF_THE_ROAD:
        raise MarkRefused(
            f"the mark covers {figures.road_share:.0%} of the drivable area; at most "
            f"{MOST_OF_THE_ROAD:.0%} can be marked at once"
        )
    if figures.standing_share is not None and figures.standing_share > MOST_STANDING:
        raise MarkRefused(
            f"{figures.standing_share:.0%} of a marked region is surrounded by road and not "
            f"recognised as road (at most {MOST_STANDING:.0%} is accepted): it may be an obstacle "
            "on the road"
        )
    if figures.calibrated_peak > FEWEST_LINES and figures.peak > figures.calibrated_peak:
        raise MarkRefused(
            f"the score reaches {figures.peak:.2f} alarm lines, and the highest of the calibration "
            f"on normal frames is {figures.calibrated_peak:.2f}: it may be an obstacle"
        )
