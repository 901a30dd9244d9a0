# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Pictures of a replay: what the camera saw, what the detector said of it, and what is true."""

import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.bag_reading import ANOMALY, IGNORED
from cosme_ros.image_codec import BgrImage
from cosme_ros.overlay import score_colour
from cosme_ros.recording import Output

CONTACT_SHEET = "contact_sheet.png"
VIDEO = "drive.webm"
PICTURES = "pictures"
_SHEET_PANEL_WIDTH = 320
_VIDEO_WIDTH = 960
_DIMMED = 0.35  # of the frame's brightness, where something is drawn over it
_MASK_COLOUR = (0, 200, 255)  # BGR, of the obstacle mask
_TRUTH_COLOUR = (120, 255, 60)  # BGR, of labelled anomalies
_TEXT = (255, 255, 255)


class ReportPictures:
    """Writes a video of all frames, and pictures and a contact sheet of chosen ones.

    A context manager; the contact sheet is written on leaving it. `folder` receives VIDEO,
    CONTACT_SHEET and PICTURES/frame_NNNN.png (frame, score, mask and truth) with
    frame_NNNN_overlay.png (the overlay as published).
    """

    def __init__(self, folder: Path, *, frames_a_second: float, chosen: Collection[int]) -> None:
        """`chosen` holds stamps in nanoseconds."""
        self._folder = folder
        self._rate = frames_a_second
        self._chosen = frozenset(chosen)
        self._video: cv2.VideoWriter | None = None
        self._video_size = (0, 0)
        self._rows: list[BgrImage] = []
        (folder / PICTURES).mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> "ReportPictures":
        return self

    def __exit__(self, *_: object) -> None:
        if self._video is not None:
            self._video.release()
        if self._rows:
            _write(self._folder / CONTACT_SHEET, np.vstack(self._rows))

    def add(self, index: int, output: Output) -> None:
        """The frame of that index, counted from 0 in the order of playing."""
        four = panels(output, index)
        square = np.vstack([np.hstack(four[:2]), np.hstack(four[2:])])
        self._append_to_video(square)
        if output.stamp not in self._chosen:
            return
        stem = self._folder / PICTURES / f"frame_{index:04d}"
        _write(stem.with_suffix(".png"), square)
        if output.overlay is not None:
            _write(stem.with_name(f"{stem.name}_overlay.png"), output.overlay)
        self._rows.append(np.hstack([resized(panel, _SHEET_PANEL_WIDTH) for panel in four]))

    def _append_to_video(self, picture: BgrImage) -> None:
        picture = resized(picture, _VIDEO_WIDTH)
        if self._video is None:
            self._video_size = (picture.shape[1], picture.shape[0])
            self._video = open_video(self._folder / VIDEO, self._rate, self._video_size)
        elif self._video_size != (picture.shape[1], picture.shape[0]):
            picture = cv2.resize(picture, self._video_size).astype(np.uint8, copy=False)
        self._video.write(picture)


def panels(output: Output, index: int) -> list[BgrImage]:
    """Frame, score, obstacle mask and truth, each uint8 [H, W, 3] BGR with its name on it."""
    labelled = "truth" if output.label is not None else "no labels"
    return [
        _captioned(output.image, f"camera frame {index}"),
        _captioned(score_colour(output.score), "anomaly score, outlined from the alarm line up"),
        _captioned(
            _painted(output.image, output.mask, _MASK_COLOUR),
            "obstacle mask" if output.mask is not None else "obstacle mask withheld",
        ),
        _captioned(_truth(output), labelled),
    ]


def choose_frames(anomalous: Mapping[int, bool], wanted: int) -> set[int]:
    """Stamps of at most `wanted` frames, spread over the drive: three of four show anomalies.

    `anomalous` says of each stamp whether the frame shows one.
    """
    with_anomaly = [stamp for stamp, shown in anomalous.items() if shown]
    without = [stamp for stamp, shown in anomalous.items() if not shown]
    normal_share = wanted // 4 if with_anomaly else wanted
    return {*_spread(with_anomaly, wanted - wanted // 4), *_spread(without, normal_share)}


def _spread(stamps: Sequence[int], wanted: int) -> list[int]:
    # The middles of equal parts: the first and the last frames of a drive tell least.
    count = min(wanted, len(stamps))
    return [stamps[int((part + 0.5) * len(stamps) / count)] for part in range(count)]


def _truth(output: Output) -> BgrImage:
    if output.label is None:
        return _dimmed(output.image)
    anomaly = np.where(output.label == ANOMALY, 255, 0).astype(np.uint8)
    picture = _painted(output.image, anomaly, _TRUTH_COLOUR)
    picture[output.label == IGNORED] = (128, 128, 128)
    return picture


def _painted(
    image: BgrImage, mask: NDArray[np.uint8] | None, colour: tuple[int, int, int]
) -> BgrImage:
    picture = _dimmed(image)
    if mask is not None:
        picture[mask > 0] = colour
    return picture


def _dimmed(image: BgrImage) -> BgrImage:
    return cv2.convertScaleAbs(image, alpha=_DIMMED).astype(np.uint8, copy=False)


def _captioned(picture: BgrImage, caption: str) -> BgrImage:
    picture = picture.copy()
    scale = picture.shape[1] / 640 * 0.55
    thickness = max(1, round(scale * 2))
    height = round(scale * 40)
    picture[:height] = (picture[:height] * 0.4).astype(np.uint8)
    place = (round(scale * 12), round(scale * 28))
    cv2.putText(
        picture, caption, place, cv2.FONT_HERSHEY_SIMPLEX, scale, _TEXT, thickness, cv2.LINE_AA
    )
    return picture


def resized(picture: BgrImage, width: int) -> BgrImage:
    """In that width, uint8 [h, width, 3], with an even height."""
    # Even, because a video's colours are stored for two by two pixels.
    height = round(picture.shape[0] * width / picture.shape[1] / 2) * 2
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return small.astype(np.uint8, copy=False)


def open_video(path: Path, frames_a_second: float, size: tuple[int, int]) -> cv2.VideoWriter:
    """VP8 in a .webm, VP9 in an .mp4: every browser plays them, and OpenCV's wheels have their
    encoders, which they do not have for H.264. `size` is width and height. Raises OSError."""
    codec = {".webm": "VP80", ".mp4": "vp09"}[path.suffix]
    # OpenCV complains on the standard error that WebM has no tag for it, and then rightly goes on.
    with _silent_standard_error():
        video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), frames_a_second, size)
    if not video.isOpened():
        raise OSError(f"{path} cannot be written: this OpenCV has no encoder for {codec}")
    return video


@contextmanager
def _silent_standard_error() -> Iterator[None]:
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _write(path: Path, picture: BgrImage) -> None:
    if not cv2.imwrite(str(path), picture):
        raise OSError(f"{path} cannot be written")
