# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""From what was detected in a picture to what the node publishes: only what somebody hears."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosme_ros.inference.detector import Detection
from cosme_ros.postprocessing.obstacle_decision import decide_obstacles
from cosme_ros.postprocessing.obstacles import Obstacle, outlines
from cosme_ros.visualization.overlay import draw_overlay


@dataclass(frozen=True)
class RequestedOutputs:
    """Which outputs have a listener."""

    score: bool
    mask: bool
    overlay: bool
    obstacles: bool = False


@dataclass(frozen=True)
class FrameOutputs:
    """None is what nobody wanted, and mask and obstacles that cannot be trusted."""

    size: tuple[int, int]  # of the image: H, W
    score: NDArray[np.float32] | None  # [H, W] or the networks' grid, 1.0 is the alarm line
    mask: NDArray[np.uint8] | None  # [H, W], 0 or 255
    overlay: NDArray[np.uint8] | None  # [H, W, 3] BGR
    obstacles: tuple[Obstacle, ...] | None
    outlines: tuple[NDArray[np.int32], ...] | None  # of the obstacles, [N, 2] pixels (x, y)
    mask_withheld: bool
    drift_share: float  # of the score's own pixels, 0..1


def compute_outputs(
    detection: Detection,
    image: NDArray[np.uint8],
    wanted: RequestedOutputs,
    *,
    provider: str,
    drivable_class_ids: Collection[int] | None,
    minimum_area: int,
    drift_threshold: float,
    frame_rate: float | None = None,
    score_on_grid: bool = False,
    outline: str = "score",
) -> FrameOutputs:
    """Make the wanted outputs of what was detected in `image` uint8 [H, W, 3] BGR, all of its size;
    with `score_on_grid` the score as the networks give it instead.

    `drivable_class_ids` limits obstacles to the drivable area; None looks everywhere. Where no
    pixel is drivable the mask is withheld: an empty one would say that the road is clear, and
    there is no road. `minimum_area` is in pixels, `drift_threshold` a raw score; `provider` and
    `frame_rate`, in frames a second, are for the overlay to tell; `outline` is one of
    `parameters.OUTLINES`.
    """
    drift_share = float(np.mean(detection.raw_score_grid >= drift_threshold))
    withheld = False
    mask: NDArray[np.uint8] | None = None
    overlay: NDArray[np.uint8] | None = None
    obstacles: tuple[Obstacle, ...] = ()
    if wanted.mask or wanted.overlay or wanted.obstacles:
        decision = decide_obstacles(
            detection,
            image,
            drivable_class_ids=drivable_class_ids,
            minimum_area=minimum_area,
            outline=outline,
        )
        mask, obstacles = decision.mask, decision.obstacles
        withheld = mask is None
        if wanted.overlay:
            overlay = draw_overlay(
                image,
                detection.score,
                obstacles,
                mask,
                frame_rate=frame_rate,
                provider=provider,
            )
    lines = outlines(mask, obstacles) if wanted.obstacles and mask is not None else None
    score: NDArray[np.float32] | None = None
    if wanted.score:
        score = detection.score_grid if score_on_grid else detection.score
    height, width = image.shape[:2]
    return FrameOutputs(
        size=(height, width),
        score=score,
        mask=mask if wanted.mask else None,
        overlay=overlay,
        obstacles=None if lines is None else obstacles,
        outlines=lines,
        mask_withheld=withheld,
        drift_share=drift_share,
    )
