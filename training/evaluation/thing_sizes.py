# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Small and large things told apart: AP and FPR95 with the anomalies of one size alone.

Most anomalous pixels belong to few large things, so the figures of all pixels hardly show whether
small ones are found. A thing is a connected region of the label's anomalous pixels.
"""

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np

from cosme_ros.metrics.anomaly_metrics import AnomalyHistogram, AnomalyMetrics
from cosme_ros.metrics.labels import ANOMALY, IGNORED, NORMAL

SMALL_PIXELS = 500
"""Things of fewer pixels of the label are small."""

_EIGHT_NEIGHBOURS = 8


class Size(StrEnum):
    """Of a thing."""

    SMALL = "small"
    LARGE = "large"


@dataclass(frozen=True)
class SizedThings:
    """How much there is of one size.

    Attributes:
        things: connected regions.
        pixels: of all of them.
    """

    things: int
    pixels: int

    def __add__(self, other: "SizedThings") -> "SizedThings":
        return SizedThings(self.things + other.things, self.pixels + other.pixels)


def split_by_size(label: np.ndarray) -> dict[Size, tuple[np.ndarray, SizedThings]]:
    """Return the things of each size.

    Args:
        label: uint8 [H, W], 0 normal, 1 anomaly, 255 not judged.

    Returns:
        For each size a mask bool [H, W] of its things (8 neighbours), and how much there is.
    """
    _, numbers, stats, _ = cv2.connectedComponentsWithStats(
        (label == ANOMALY).astype(np.uint8), connectivity=_EIGHT_NEIGHBOURS
    )
    areas = stats[:, cv2.CC_STAT_AREA]
    is_thing = np.arange(areas.size) > 0
    chosen = {
        Size.SMALL: is_thing & (areas < SMALL_PIXELS),
        Size.LARGE: is_thing & (areas >= SMALL_PIXELS),
    }
    return {
        size: (of_size[numbers], SizedThings(int(of_size.sum()), int(areas[of_size].sum())))
        for size, of_size in chosen.items()
    }


class SizedHistogram:
    """Counts of pixels by score, the anomalous ones also by the size of their thing.

    Normal pixels and those of each size are counted apart, and are put together when a figure is
    wanted, so that no pixel is sorted twice.
    """

    def __init__(self) -> None:
        self._normal = AnomalyHistogram()
        self._things = {size: AnomalyHistogram() for size in Size}

    def add(self, score: np.ndarray, label: np.ndarray, masks: dict[Size, np.ndarray]) -> None:
        """Count one frame.

        Args:
            score: float32 [H, W], higher is more anomalous.
            label: uint8 [H, W], 0 normal, 1 anomaly, 255 not judged.
            masks: bool [H, W] of each size, from `split_by_size`.

        Raises:
            ValueError: A score is not finite, judged or not.
        """
        self._normal.add(score, np.where(label == NORMAL, np.uint8(NORMAL), np.uint8(IGNORED)))
        for size, mask in masks.items():
            self._things[size].add(score[mask], np.full(int(mask.sum()), ANOMALY, np.uint8))

    def all(self) -> AnomalyHistogram:
        """Return the counts of all pixels, to the bit those of an `AnomalyHistogram` of all."""
        return self._together(*Size)

    def of_size(self, size: Size) -> AnomalyMetrics | None:
        """Return the metrics of all normal pixels and the things of one size.

        Things of the other size are not judged. None where there are none of this one.

        Raises:
            ValueError: No normal pixel.
        """
        _, anomalous = self._things[size].pixels
        return self._together(size).result() if anomalous else None

    def _together(self, *sizes: Size) -> AnomalyHistogram:
        result = AnomalyHistogram()
        for part in (self._normal, *(self._things[size] for size in sizes)):
            result.include(part)
        return result
