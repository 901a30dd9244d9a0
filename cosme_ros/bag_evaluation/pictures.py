# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The few frames worth looking at, kept small while a drive goes by."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.bag_reading import ANOMALY
from cosme_ros.image_codec import BgrImage
from cosme_ros.recording import Output
from cosme_ros.report_pictures import panels

MISS, FALSE_ALARM, ALARM, HIGHEST = "miss", "false alarm", "alarm", "highest score"
KINDS = (MISS, FALSE_ALARM, ALARM, HIGHEST)
_THUMBNAIL_WIDTH, _LARGE_WIDTH = 224, 1400
_QUALITY = 82
_MASK_COLOUR = (0, 200, 255)  # BGR, as in the large picture
_TRUTH_COLOUR = (120, 255, 60)


@dataclass(frozen=True)
class Picture:
    """One frame worth looking at."""

    kind: str
    bag: str
    frame: int
    stamp: int
    rank: float
    """By which it was chosen among its kind."""
    caption: str
    thumbnail: bytes
    """JPEG: the frame with the mask, and the outline of what is labelled."""
    large: bytes
    """JPEG: frame, score, mask and truth."""


class PictureBook:
    """Keeps the `most` highest-ranking frames of each kind, one of a group.

    A group is what would look alike: the frames of one alarm, or of one missed obstacle.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._groups: dict[str, dict[int, Picture]] = {kind: {} for kind in KINDS}

    def offer(self, kind: str, group: int, rank: float, draw: Callable[[], Picture]) -> None:
        """`draw` is called only if the frame is kept."""
        kept = self._groups[kind]
        if group in kept:
            if rank > kept[group].rank:
                kept[group] = draw()
            return
        if len(kept) == self._most:
            lowest = min(kept, key=lambda place: (kept[place].rank, -place), default=None)
            if lowest is None or rank <= kept[lowest].rank:
                return
            del kept[lowest]
        kept[group] = draw()

    def pictures(self, kind: str) -> list[Picture]:
        """Highest rank first."""
        return sorted(self._groups[kind].values(), key=lambda p: (-p.rank, p.bag, p.frame))


def draw_frame(
    *,
    frame: int,
    stamp: int,
    image: BgrImage,
    score: NDArray[np.float32],
    mask: NDArray[np.uint8] | None,
    label: NDArray[np.uint8] | None,
) -> tuple[bytes, bytes]:
    """Thumbnail and large picture as JPEG; arrays of the picture's size."""
    output = Output(stamp, image, label, score, mask, None, latency=0.0)
    four = panels(output, frame)
    square = np.vstack([np.hstack(four[:2]), np.hstack(four[2:])])
    return _jpeg(_at_a_glance(image, mask, label), _THUMBNAIL_WIDTH), _jpeg(square, _LARGE_WIDTH)


def _at_a_glance(
    image: BgrImage, mask: NDArray[np.uint8] | None, label: NDArray[np.uint8] | None
) -> BgrImage:
    """The frame, what alarms filled, what is labelled outlined."""
    picture = image.copy()
    if mask is not None:
        inside = mask > 0
        picture[inside] = (0.35 * picture[inside] + 0.65 * np.array(_MASK_COLOUR)).astype(np.uint8)
    if label is not None:
        anomalous = (label == ANOMALY).astype(np.uint8)
        outlines, _ = cv2.findContours(anomalous, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        thickness = max(2, round(2.5 * image.shape[1] / _THUMBNAIL_WIDTH))
        cv2.drawContours(picture, outlines, -1, _TRUTH_COLOUR, thickness)
    return picture


def _jpeg(picture: BgrImage, width: int) -> bytes:
    if picture.shape[1] > width:
        height = max(1, round(picture.shape[0] * width / picture.shape[1]))
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(
            np.uint8, copy=False
        )
    encoded, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not encoded:
        raise ValueError(f"a picture of {list(picture.shape)} cannot be encoded as JPEG")
    return data.tobytes()
