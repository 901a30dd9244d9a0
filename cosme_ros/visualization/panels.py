# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""One frame as a picture that explains itself.

Left the bright camera frame, on it the outlines of the obstacle mask and of the truth; right the
score as a heat map on the grey frame. Above stands what is shown, below what the colours mean.

Colour-blind people can distinguish the two outlines too: light blue against orange differ in hue
for all three kinds of colour blindness, and in lightness. The truth runs around the mask's outline,
so that neither hides the other where they agree.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from cosme_ros.metrics.labels import ANOMALY, IGNORED
from cosme_ros.visualization.colormap import MASK_COLOUR, SCALE_END, TRUTH_COLOUR, mapped
from cosme_ros.visualization.hatching import HATCH_COLOUR, hatch_hidden
from cosme_ros.visualization.text import text_height, text_width, unit_of, write

PANEL_WIDTH = 1280
"""Of `panel`, where nothing else is asked for: two frames of 640."""

VIDEO_WIDTH = 960
"""Of a panel in a video: OpenCV's VP8 takes a fixed number of bits a pixel, 70 kB a frame here."""

_PAPER = (248, 248, 248)  # BGR, behind captions
_INK = (40, 30, 20)
_SOFT_INK = (110, 100, 90)
_SCENE_INK, _SCENE_PAPER = (255, 255, 255), (150, 90, 20)
_RIM = (0, 0, 0)
_NOT_JUDGED = 128
_SMALLEST_UNIT = 0.85  # letters of fewer pixels are hard to read
_GREY = 165  # of a frame, behind the scale of the heat map
_QUALITY = 85  # of a JPEG
_CLEAR, _OPAQUE = 0.25, 0.85
"""Heat begins to cover the frame at a score of _CLEAR, and from the alarm line on covers so much of
it: what is ordinary stays a plain grey picture."""


class Region(NamedTuple):
    """A rectangle of a frame, in pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class FrameView:
    """What is to be shown of a frame; all arrays of one size.

    Attributes:
        image: uint8 [H, W, 3] BGR.
        score: float32 [H, W], 1.0 is the alarm line.
        mask: uint8 [H, W], 0 or 255; None where it was withheld.
        label: uint8 [H, W], values of `bag_reading`; None where the frame has none.
        looked_at: bool [H, W], what the static mask shows; the rest is dark and hatched, without
            the colours of scores and labels. None where all of the frame is looked at.
    """

    image: NDArray[np.uint8]
    score: NDArray[np.float32]
    mask: NDArray[np.uint8] | None
    label: NDArray[np.uint8] | None
    looked_at: NDArray[np.bool_] | None = None


def panel(
    view: FrameView,
    *,
    caption: str,
    note: str = "",
    new_scene: bool = False,
    width: int = PANEL_WIDTH,
    focus: Region | None = None,
    with_legend: bool = True,
) -> NDArray[np.uint8]:
    """Draw a frame, its score, and what the colours mean.

    Args:
        view: the frame.
        caption: what is shown, in the upper left corner.
        note: in the upper right corner, in softer ink.
        new_scene: whether the caption is to catch the eye, because the drive has been cut here.
        width: of the picture, about; pixels.
        focus: what is shown once more, enlarged, between frame and heat map; None for nothing.
        with_legend: whether what the colours mean stands below.

    Returns:
        uint8 [h, w, 3] BGR; h and w are even, as videos need them.
    """
    parts = 2.0 if focus is None else 2.0 + view.image.shape[0] / view.image.shape[1]
    own = even(width / parts)
    height = even(view.image.shape[0] * own / view.image.shape[1])
    unit = max(_SMALLEST_UNIT, min(own, 1.6 * height) / 640)
    frame = _outlined(scaled(view, own, height), unit)
    pictures = [frame, _heat(scaled(view, own, height))]
    if focus is not None:
        pictures.insert(1, _enlarged(view, focus, height, unit))
    gap = np.full((height, even(4 * unit), 3), _PAPER, np.uint8)
    row = pictures[0]
    for picture in pictures[1:]:
        row = np.hstack([row, gap, picture])
    strips = [title(caption, note, row.shape[1], unit, new_scene=new_scene), row]
    if with_legend:
        ignored = view.label is not None and view.label == IGNORED
        hidden = view.looked_at is not None and not view.looked_at.all()
        if view.looked_at is not None:
            ignored = ignored & view.looked_at
        strips.append(
            legend(
                row.shape[1],
                unit,
                scale_at=row.shape[1] - own,
                judged=view.label is not None,
                withheld=view.mask is None,
                ignored=bool(np.any(ignored)),
                hidden=hidden,
            )
        )
    return np.vstack(strips)


def outlined(view: FrameView, *, width: int) -> NDArray[np.uint8]:
    """Draw the bright frame with the outlines of mask and truth, and nothing else.

    Returns:
        uint8 [h, width, 3] BGR.
    """
    height = even(view.image.shape[0] * width / view.image.shape[1])
    return _outlined(scaled(view, width, height), unit_of(height, width))


def heat_map(
    image: NDArray[np.uint8],
    score: NDArray[np.float32],
    looked_at: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """Draw a score as colours on the grey frame.

    Args:
        image: uint8 [H, W, 3] BGR.
        score: float32 [H, W], 1.0 is the alarm line; it stands as a line in the mask's colour.
        looked_at: bool [H, W], as in FrameView.

    Returns:
        uint8 [H, W, 3] BGR.
    """
    return _heat(FrameView(image, score, None, None, looked_at))


def scaled(view: FrameView, width: int, height: int) -> FrameView:
    """Bring a frame to another size: masks and labels stay what they are, sharp."""
    if view.image.shape[:2] == (height, width):
        return view
    smaller = width < view.image.shape[1]
    smooth = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC

    def resized(array: NDArray, interpolation: int) -> NDArray:
        return np.asarray(cv2.resize(array, (width, height), interpolation=interpolation))

    def plane(array: NDArray) -> NDArray:
        return resized(array.view(np.uint8), cv2.INTER_NEAREST_EXACT).view(array.dtype)

    return _changed(view, resized(view.image, smooth), resized(view.score, cv2.INTER_LINEAR), plane)


def _changed(
    view: FrameView,
    image: NDArray[np.uint8],
    score: NDArray[np.float32],
    plane: Callable[[NDArray], NDArray],
) -> FrameView:
    """Return a view with this image and score, and `plane` of whichever other planes it has."""
    planes = (view.mask, view.label, view.looked_at)
    return FrameView(image, score, *(None if p is None else plane(p) for p in planes))


def even(size: float) -> int:
    """Round to an even number, 2 or more: a video's colours are stored for two by two pixels."""
    return max(2, round(size / 2) * 2)


def _outlined(view: FrameView, unit: float) -> NDArray[np.uint8]:
    picture = view.image.copy()
    if view.looked_at is not None:
        hatch_hidden(picture, view.looked_at, unit)
    thin = max(2, round(2 * unit))
    if view.label is not None:
        ignored = view.label == IGNORED
        if view.looked_at is not None:
            ignored &= view.looked_at
        picture[ignored] = (picture[ignored] // 2 + _NOT_JUDGED // 2).astype(np.uint8)
        around = 2 * round(1.5 * thin) + 3
        truth = (view.label == ANOMALY).astype(np.uint8)
        _draw_outline(
            picture, cv2.dilate(truth, np.ones((around, around), np.uint8)), TRUTH_COLOUR, thin
        )
    if view.mask is not None:
        _draw_outline(picture, view.mask, MASK_COLOUR, thin)
    return picture


def _draw_outline(
    picture: NDArray[np.uint8], region: NDArray, colour: tuple[int, int, int], thin: int
) -> None:
    lines, _ = cv2.findContours(region, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    # A dark rim, so that the line is seen on bright things as well.
    cv2.polylines(picture, lines, True, _RIM, thin + 2)
    cv2.polylines(picture, lines, True, colour, thin)


def _heat(view: FrameView) -> NDArray[np.uint8]:
    grey = cv2.cvtColor(view.image, cv2.COLOR_BGR2GRAY)
    score, unit = view.score, unit_of(*view.score.shape)
    if view.looked_at is not None:
        score = np.where(view.looked_at, score, np.float32(0))
    picture = _covered(np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)), score)
    if view.looked_at is not None:
        hatch_hidden(picture, view.looked_at, unit)
    alarm = (score >= 1.0).astype(np.uint8)
    _draw_outline(picture, alarm, MASK_COLOUR, max(2, round(1.3 * unit)))
    return picture


def _covered(grey: NDArray[np.uint8], score: NDArray[np.float32]) -> NDArray[np.uint8]:
    share = np.clip((score - _CLEAR) / (1.0 - _CLEAR), 0.0, 1.0)[..., np.newaxis] * _OPAQUE
    return np.asarray(np.rint(grey * (1.0 - share) + mapped(score) * share), np.uint8)


def _enlarged(view: FrameView, focus: Region, side: int, unit: float) -> NDArray[np.uint8]:
    """Return the square around a region, enlarged to the height of the frame."""
    height, width = view.image.shape[:2]
    # Room around it, and no more than four times as large: beyond it there is nothing to see.
    size = min(max(round(1.7 * max(focus.width, focus.height)), round(side / 6)), height, width)
    x = min(max(0, focus.x + (focus.width - size) // 2), width - size)
    y = min(max(0, focus.y + (focus.height - size) // 2), height - size)
    part = np.s_[y : y + size, x : x + size]
    crop = _changed(
        view, view.image[part], view.score[part], lambda p: np.ascontiguousarray(p[part])
    )
    return _outlined(scaled(crop, side, side), unit)


def title(
    caption: str, note: str, width: int, unit: float, *, new_scene: bool = False
) -> NDArray[np.uint8]:
    """Draw a line of text that stands above pictures; it is smaller where it would not fit.

    Args:
        caption: on the left.
        note: on the right, in softer ink.
        width: of the line in pixels.
        unit: as `text.unit_of` means it.
        new_scene: whether it is to catch the eye.

    Returns:
        uint8 [h, width, 3] BGR.
    """
    margin = round(7 * unit)
    large, small = 1.1 * unit, 0.9 * unit
    strip = _strip(width, large, margin, _SCENE_PAPER if new_scene else _PAPER)
    wanted = text_width(caption, large) + text_width(note, small)
    shrink = min(1.0, (width - 4 * margin) / max(1, wanted))
    baseline = strip.shape[0] - margin
    write(
        strip, caption, margin, baseline, large * shrink, colour=_SCENE_INK if new_scene else _INK
    )
    left = width - text_width(note, small * shrink) - margin
    soft = _SCENE_INK if new_scene else _SOFT_INK
    write(strip, note, left, baseline, small * shrink, colour=soft)
    return strip


def legend(
    width: int,
    unit: float,
    *,
    scale_at: int | None = None,
    judged: bool = True,
    withheld: bool = False,
    ignored: bool = False,
    hidden: bool = False,
) -> NDArray[np.uint8]:
    """Draw what outlines and colours mean, a line that stands below pictures.

    Args:
        width: of the line in pixels.
        unit: as `text.unit_of` means it.
        scale_at: where the scale of the heat map begins; None: right after the rest.
        judged: whether the truth is known.
        withheld: whether the obstacle mask was withheld.
        ignored: whether some of the picture is not judged.
        hidden: whether some of the picture is not looked at.

    Returns:
        uint8 [h, width, 3] BGR.
    """
    small, margin = 0.85 * unit, round(7 * unit)
    strip = _strip(width, small, margin, _PAPER)
    baseline = strip.shape[0] - margin
    found = "mask withheld: no road seen" if withheld else "found by the detector"
    x = _entry(strip, found, MASK_COLOUR, margin, baseline, small)
    if judged:
        x = _entry(strip, "truth", TRUTH_COLOUR, x, baseline, small)
    if ignored:
        x = _entry(strip, "not judged", (_NOT_JUDGED,) * 3, x, baseline, small)
    if hidden:
        x = _entry(strip, "hatched: not looked at", HATCH_COLOUR, x, baseline, small)
    _draw_scale(strip, x if scale_at is None else scale_at, baseline, small, margin)
    return strip


def _entry(
    strip: NDArray[np.uint8], text: str, colour: tuple[int, ...], x: int, baseline: int, unit: float
) -> int:
    """Draw a sample of the colour and its meaning; return where the next entry may begin."""
    box, thin = text_height(unit), max(2, round(2 * unit))
    corner = (x + round(2.2 * box), baseline)
    cv2.rectangle(strip, (x, baseline - box), corner, _RIM, thin + 2)
    cv2.rectangle(strip, (x, baseline - box), corner, colour, thin)
    left = corner[0] + round(7 * unit)
    write(strip, text, left, baseline, unit, colour=_INK)
    return left + text_width(text, unit) + round(16 * unit)


def _draw_scale(
    strip: NDArray[np.uint8], left: int, baseline: int, unit: float, margin: int
) -> None:
    """Draw `anomaly score 0 [colours] 2+`, and in the colours the alarm line."""
    letters = text_height(unit)
    before, after, alarm = "anomaly score 0", f"{SCALE_END:g}+", "(line: alarm at 1)"
    words = text_width(before + after, unit) + 3 * margin
    bar = round(max(40 * unit, min(150 * unit, strip.shape[1] - left - words)))
    x = left + round(2 * unit)
    write(strip, before, x, baseline, unit, colour=_INK)
    x += text_width(before, unit) + margin
    score = np.tile(np.linspace(0, SCALE_END, bar, dtype=np.float32), (letters, 1))
    end = min(x + bar, strip.shape[1])
    grey = np.full((letters, bar, 3), _GREY, np.uint8)
    strip[baseline - letters : baseline, x:end] = _covered(grey, score)[:, : end - x]
    middle, thin = x + round(bar / SCALE_END), max(2, round(2 * unit))
    for colour, size in ((_RIM, thin + 2), (MASK_COLOUR, thin)):
        cv2.line(strip, (middle, baseline - letters - 2), (middle, baseline + 1), colour, size)
    x += bar + margin
    write(strip, after, x, baseline, unit, colour=_INK)
    x += text_width(after, unit) + margin
    if x + text_width(alarm, unit) <= strip.shape[1]:
        write(strip, alarm, x, baseline, unit, colour=_SOFT_INK)


def _strip(width: int, unit: float, margin: int, paper: tuple[int, int, int]) -> NDArray[np.uint8]:
    return np.full((even(text_height(unit) + 2 * margin), width, 3), paper, np.uint8)


def write_picture(file: Path, picture: NDArray[np.uint8], *, quality: int = _QUALITY) -> None:
    """Write a PNG file, or a JPEG file of this quality.

    Raises:
        OSError: it cannot be written.
        ValueError: its name ends otherwise.
    """
    # OpenCV warns of a setting that is not the format's.
    settings = [] if file.suffix == ".png" else [cv2.IMWRITE_JPEG_QUALITY, quality]
    try:
        written = cv2.imwrite(str(file), picture, settings)
    except cv2.error as error:
        raise ValueError(f"{file} is no JPEG or PNG file's name: {error}") from error
    if not written:
        raise OSError(f"{file} cannot be written")


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    """Encode a picture for a page. Raises ValueError."""
    encoded, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not encoded:
        raise ValueError(f"a picture of {list(picture.shape)} cannot be encoded as JPEG")
    return data.tobytes()
