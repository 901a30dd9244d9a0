# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Scores over time: those of a camera's last frames, carried along by optical flow.

A camera is a stream. What was seen in the frame before is moved to where it is now, by dense
inverse search (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016;
`cv2.DISOpticalFlow`) on a small grey image, and averaged with the frame's own score:

    F_t = (1 - w) S_t + w F_{t-1}(x + flow),    w = c r^(dt / 0.1 s)

`c`, 0..1 for each place, is how well the moved image agrees with the new one: what was hidden, is
new or is moved wrongly counts for nothing. `r` may be one number where the score rises and another
where it falls. The history ends at a cut, a gap, a stamp that does not rise, or another size.

The result is a score of the newest frame, on its grid: a mask made from it belongs to that frame's
stamp. It is another score than that of single frames, so an alarm line has to be measured on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.metrics.labels import to_size

RISE_WEIGHT = 0.5
FALL_WEIGHT = 0.5
"""Of what is carried along, where the frame's own score is higher or lower, over PERIOD_S."""

PERIOD_S = 0.1
LONGEST_GAP_S = 0.5
"""Between two frames; after a longer one the history is of another place."""

FLOW_WIDTH = 160
"""Of the grey image that the flow is computed on, pixels; a narrower image stays as it is."""

AGREEMENT_DEVIATION = 12.0
"""Grey values, of 255: by how much moved and new image may differ."""

LEAST_AGREEMENT = 0.4
"""Mean agreement of two frames; below it lies a cut."""

_AGREEMENT_SIDE = 5  # pixels of the grey image over which differences are averaged
_SMALLEST_FOR_FLOW = 48  # pixels; below it an image has too few patches, and stands still


@dataclass(frozen=True)
class _Before:
    grey: NDArray[np.uint8]
    fused: NDArray[np.float32]
    stamp: int
    size: tuple[int, int]


class TemporalFusion:
    """The history of one camera's scores."""

    def __init__(self) -> None:
        self._before: _Before | None = None
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        # With it, results would depend on the number of threads.
        self._flow.setUseSpatialPropagation(False)

    def reset(self) -> None:
        """Forget all frames."""
        self._before = None

    def fuse(
        self, image: NDArray[np.uint8], stamp: int, score: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the score of the newest frame with its history, float32 [h, w], 0 or more.

        Args:
            image: the frame, uint8 [H, W, 3] BGR.
            stamp: of the frame, nanoseconds.
            score: of the frame alone, float32 [h, w], finite, 0 or more, in any unit that does not
                change from frame to frame.
        """
        grey = small_grey(image)
        fused = score
        before = self._before
        if before is not None and _follows(before, stamp, image.shape[:2], score.shape):
            flow = self._flow_back(grey, before.grey)
            agreement = agreement_of(grey, moved(before.grey, flow), flow)
            if float(agreement.mean()) >= LEAST_AGREEMENT:
                fused = blended(
                    score,
                    carried(before.fused, flow),
                    to_size(agreement, score.shape),
                    seconds=(stamp - before.stamp) * 1e-9,
                )
        height, width = image.shape[:2]
        self._before = _Before(grey, fused, stamp, (height, width))
        return fused

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Return the history as arrays, for a file; empty where there is none."""
        before = self._before
        if before is None:
            return {}
        return {
            "grey": before.grey,
            "fused": before.fused,
            "stamp": np.array(before.stamp, np.int64),
            "size": np.array(before.size, np.int64),
        }

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue from what `state` returned."""
        self._before = None
        if state:
            height, width = np.asarray(state["size"]).tolist()
            self._before = _Before(
                np.asarray(state["grey"], np.uint8),
                np.asarray(state["fused"], np.float32),
                int(state["stamp"]),
                (height, width),
            )

    def _flow_back(self, now: NDArray[np.uint8], before: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return where each pixel of `now` was, float32 [h, w, 2] of (x, y) pixels to add."""
        if min(now.shape) < _SMALLEST_FOR_FLOW:
            return np.zeros((*now.shape, 2), np.float32)
        flow = self._flow.calc(now, before, np.zeros((*now.shape, 2), np.float32))
        return np.asarray(flow, np.float32)


def small_grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the frame in grey, uint8 [h, w], at most FLOW_WIDTH wide."""
    height, width = image.shape[:2]
    if width > FLOW_WIDTH:
        # By a whole number first: that is many times as fast as averaging over parts of pixels.
        factor = max(1, width // (2 * FLOW_WIDTH))
        image = image[: height - height % factor, : width - width % factor]
        whole = (image.shape[1] // factor, image.shape[0] // factor)
        image = np.asarray(cv2.resize(image, whole, interpolation=cv2.INTER_AREA), np.uint8)
        size = (FLOW_WIDTH, max(1, round(height * FLOW_WIDTH / width)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def moved(
    values: NDArray[np.uint8] | NDArray[np.float32], flow: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return `values` [h, w] at x + flow, bilinear; beyond the edge the outermost value."""
    rows, columns = np.indices(values.shape, np.float32)
    return np.asarray(
        cv2.remap(
            values.astype(np.float32),
            columns + flow[..., 0],
            rows + flow[..., 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.float32,
    )


def carried(fused: NDArray[np.float32], flow: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the history where it is now, float32 [h, w]; `flow` may be of another size."""
    height, width = fused.shape
    scale = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
    return moved(fused, to_size(flow, fused.shape) * scale)


def agreement_of(
    now: NDArray[np.uint8], before: NDArray[np.float32], flow: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return how well each place agrees with where it came from, float32 [h, w], 0..1.

    exp(-(d / AGREEMENT_DEVIATION)^2), with d the mean absolute difference around the place; 0 for
    what came from outside of the image.
    """
    difference = np.abs(now - before)
    side = (_AGREEMENT_SIDE, _AGREEMENT_SIDE)
    mean = cv2.boxFilter(difference, -1, side, borderType=cv2.BORDER_REFLECT_101)
    agreement = np.exp(-np.square(np.asarray(mean) / np.float32(AGREEMENT_DEVIATION)))
    height, width = now.shape
    rows, columns = np.indices(now.shape, np.float32)
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    return np.asarray(agreement * inside, np.float32)


def blended(
    score: NDArray[np.float32],
    history: NDArray[np.float32],
    agreement: NDArray[np.float32],
    *,
    seconds: float,
) -> NDArray[np.float32]:
    """Return F_t of the module's equation, float32 [h, w]; all arguments are of that shape."""
    periods = seconds / PERIOD_S
    rate = np.where(
        history > score, np.float32(FALL_WEIGHT**periods), np.float32(RISE_WEIGHT**periods)
    )
    weight = agreement * rate
    return np.asarray((1 - weight) * score + weight * history, np.float32)


def _follows(before: _Before, stamp: int, size: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    seconds = (stamp - before.stamp) * 1e-9
    return 0 < seconds <= LONGEST_GAP_S and before.size == size and before.fused.shape == shape
