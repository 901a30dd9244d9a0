# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Explains the obstacles of a frame: in a few words with every frame, in full when asked."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosme_ros.explanation.explanation import explain, explain_briefly
from cosme_ros.explanation.part_reference import part_reference
from cosme_ros.explanation.prototype_pictures import read_prototype_pictures
from cosme_ros.explanation.wording import as_content, few_words
from cosme_ros.health.state import FrameHealth
from cosme_ros.inference.detector import Detection, Detector
from cosme_ros.postprocessing.obstacle_decision import ObstacleRule, decide_obstacles
from cosme_ros.postprocessing.obstacles import Obstacle


class FrameExplainer:
    """Explains what one detector has found.

    Raises BundleError where the pictures of the prototypes are damaged.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._reference = part_reference(detector.bundle.manifest["calibration"])
        self._pictures = read_prototype_pictures(detector.bundle)

    def notes(
        self, detection: Detection, obstacles: tuple[Obstacle, ...], mask: NDArray[np.uint8]
    ) -> tuple[str, ...]:
        """Return a few words on each obstacle; no network runs.

        Args:
            detection: of the frame.
            obstacles: of the frame.
            mask: uint8 [H, W] of them.
        """
        bundle = self._detector.bundle
        brief = explain_briefly(bundle, self._reference, detection, obstacles, mask)
        return tuple(few_words(explanation) for explanation in brief)

    def explain(
        self,
        detection: Detection,
        image: NDArray[np.uint8],
        rule: ObstacleRule,
        health: FrameHealth,
        stamp: int,
    ) -> dict[str, Any]:
        """Return what JSON has of a frame; teacher and student run again.

        Args:
            detection: of the frame.
            image: the frame, uint8 [H, W, 3] BGR.
            rule: what makes an obstacle.
            health: of the camera at the frame.
            stamp: of the frame, nanoseconds.

        Returns:
            `stamp`, `health`, `health_cause`, and `obstacles`: each with its box, the
            contributions of the score's parts, the class it was taken for, the nearest prototype
            of each layer, and the same in words. `obstacles` is None where they are unknown.
        """
        decision = decide_obstacles(detection, image, rule)
        explained = None
        if decision.mask is not None:
            explained = as_content(
                explain(
                    self._detector,
                    self._reference,
                    detection,
                    image,
                    decision.obstacles,
                    decision.mask,
                ),
                self._pictures,
            )
        return {
            "stamp": stamp,
            "health": health.state.text,
            "health_cause": health.cause,
            "obstacles": explained,
        }
