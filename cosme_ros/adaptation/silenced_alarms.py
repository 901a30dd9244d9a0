# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Which other alarms of its own frame a mark silences: what looks alike may be an obstacle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.adaptation.rescoring import alarm_with_banks
from cosme_ros.inference.detector import Detector


@dataclass(frozen=True)
class OtherAlarms:
    """Alarms of the marked frame that are not marked.

    Attributes:
        count: of them.
        silenced: of these, how many are below the alarm line after the mark.
    """

    count: int
    silenced: int

    def words(self) -> str:
        """Return it for people."""
        if not self.silenced:
            return f"other alarms of the frame: {self.count}, and all stay"
        return (
            f"other alarms of the frame: {self.count}, of which it silences {self.silenced} too "
            "(an obstacle among them is a reason to take it back)"
        )


def other_alarms_after(
    detector: Detector,
    image: NDArray[np.uint8],
    others: NDArray[np.bool_],
    banks: Mapping[str, np.ndarray],
) -> OtherAlarms:
    """Return what a mark does to the alarms of its frame that are not marked.

    Args:
        detector: runs the frame once more, unless there are no others.
        image: the marked frame, uint8 [H, W, 3] BGR.
        others: bool [H, W], its alarms that are not marked.
        banks: of after the mark, as in `Detector.set_banks`.
    """
    count, labels = cv2.connectedComponents(others.astype(np.uint8), connectivity=8)
    if count == 1:
        return OtherAlarms(0, 0)
    still = alarm_with_banks(detector, image, banks)
    stay = np.bincount(labels[still], minlength=count)[1:] > 0
    return OtherAlarms(count - 1, int(np.count_nonzero(~stay)))
