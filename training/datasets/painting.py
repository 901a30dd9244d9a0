# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Things painted on the road of a real frame, for sets of known anomalies and for self-tests.

In the manner of Fishyscapes Static (Blum et al., IJCV 2021): pictures of normal driving, into
which things are blended that do not belong there. Two kinds of things: drawn ones (a crate, an
animal, a cone), and pieces of other frames in a smooth random shape with changed colours, whose
texture is that of a camera.
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from training.street_renderer.anomaly_shapes import make_cutout

ANOMALY = 1

CAMERA_HEIGHT_M = 1.4
"""Of a camera behind a windscreen: together with the horizon it says how large things are."""

_FARTHEST_ROW = 0.25
_NEAREST_ROW = 0.9
"""Between horizon and lower edge: where things stand."""

_TRIES = 40

_PIECE_WIDTH_M = (0.4, 2.4)
_PIECE_RATIO = (0.6, 1.7)
_PIECE_PIXELS = 160
"""Length of the longer side of a piece before it is brought to its place."""

_OUTLINE_WAVES = 5


class Place(NamedTuple):
    """The foot of a thing: pixel row and column, and pixels per metre at that distance."""

    row: int
    column: int
    scale: float


@dataclass(frozen=True)
class Thing:
    """What is painted.

    Attributes:
        bgra: float32 [h, w, 4], 0..255; the last channel is coverage.
        width: of the whole box in metres.
        mirrored: drawn the other way round.
    """

    bgra: np.ndarray
    width: float
    mirrored: bool


def choose_places(road: np.ndarray, rng: np.random.Generator) -> list[Place]:
    """Return the feet of one to three things on the road, the farthest first.

    Args:
        road: bool [H, W].
        rng: the only source of chance.

    Returns:
        Fewer places, or none, where the road has few pixels.
    """
    if not road.any():
        return []
    height = len(road)
    # A flat road ends at the horizon; what a hill or a car hides makes it a little lower.
    horizon = int(np.flatnonzero(road.any(axis=1))[0])
    places: list[Place] = []
    wanted = int(rng.integers(1, 4))
    for _ in range(_TRIES):
        if len(places) == wanted:
            break
        # Evenly over the logarithm of the distance.
        share = np.exp(rng.uniform(np.log(_FARTHEST_ROW), np.log(_NEAREST_ROW)))
        row = horizon + int(share * (height - 1 - horizon))
        columns = np.flatnonzero(road[row])
        if row > horizon and len(columns):
            scale = (row - horizon) / CAMERA_HEIGHT_M
            places.append(Place(row, int(rng.choice(columns)), scale))
    # What is nearer covers what is behind it.
    return sorted(places)


def drawn_thing(scale: float, rng: np.random.Generator) -> Thing:
    """Return a drawn thing as large as it is at `scale` pixels per metre."""
    cutout = make_cutout(rng)
    across = max(4.0, cutout.width * scale)
    bgra: np.ndarray = cutout.sprite.at_width(across).astype(np.float32)
    shrunk = (round(across), max(1, round(len(bgra) / bgra.shape[1] * across)))
    bgra = cv2.resize(bgra, shrunk, interpolation=cv2.INTER_AREA)
    return Thing(bgra, cutout.width, bool(rng.random() < 0.5))


def piece_of_frame(donor: np.ndarray, scale: float, rng: np.random.Generator) -> Thing:
    """Return a piece of another frame in a smooth random shape, with changed colours.

    Args:
        donor: uint8 [H, W, 3] BGR, a frame of any content.
        scale: pixels per metre where the thing stands.
        rng: the only source of chance.
    """
    width = float(np.exp(rng.uniform(*np.log(_PIECE_WIDTH_M))))
    ratio = float(np.exp(rng.uniform(*np.log(_PIECE_RATIO))))
    across = max(4, round(width * scale))
    size = (across, max(4, round(across * ratio)))
    # A window from a twentieth to a third of the frame's height: texture, not a whole scene.
    tall = max(8, round(len(donor) * rng.uniform(0.05, 0.33)))
    wide = min(max(8, round(tall / ratio)), donor.shape[1])
    top = int(rng.integers(len(donor) - tall + 1))
    left = int(rng.integers(donor.shape[1] - wide + 1))
    window = donor[top : top + tall, left : left + wide]
    shrinking = wide > size[0]
    window = cv2.resize(
        window, size, interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC
    )
    colours = _other_colours(window, rng)
    coverage = _blob(rng)
    coverage = cv2.resize(coverage, size, interpolation=cv2.INTER_AREA)
    # Lit from above, as drawn things are.
    light = np.linspace(1.1, 0.75, size[1], dtype=np.float32)[:, None, None]
    bgra = np.dstack([np.clip(colours * light, 0, 255), coverage]).astype(np.float32)
    return Thing(bgra, width, bool(rng.random() < 0.5))


def paint(
    picture: np.ndarray, label: np.ndarray, place: Place, thing: Thing, rng: np.random.Generator
) -> None:
    """Blend a thing into a picture and mark it.

    Args:
        picture: float32 [H, W, 3] BGR, 0..255; changed.
        label: uint8 [H, W]; ANOMALY is written where the thing covers more than half of a pixel.
        place: of the thing's foot.
        thing: what to paint.
        rng: the only source of chance.
    """
    row, column, scale = place
    bgra = thing.bgra[:, ::-1] if thing.mirrored else thing.bgra
    # One pixel of margin, so that the softened edge is not cut.
    bgra = cv2.copyMakeBorder(bgra, 2, 2, 2, 2, cv2.BORDER_CONSTANT)
    height, width = bgra.shape[:2]
    top, left = row - height + 3, column - width // 2
    inside = (
        slice(max(top, 0), min(top + height, len(picture))),
        slice(max(left, 0), min(left + width, picture.shape[1])),
    )
    if inside[0].start >= inside[0].stop or inside[1].start >= inside[1].stop:
        return
    cut = bgra[
        inside[0].start - top : inside[0].stop - top, inside[1].start - left : inside[1].stop - left
    ]
    alpha = cut[..., 3:] / 255.0
    lit = cut[..., :3] * _light(picture)
    soft = cv2.GaussianBlur(np.dstack([lit * alpha, alpha]), (0, 0), 0.6)
    covered, colour = soft[..., 3:], soft[..., :3]
    noise = rng.normal(0.0, 2.0, colour.shape).astype(np.float32)
    _shade_ground(picture, row, column, 0.5 * thing.width * scale)
    picture[inside] = picture[inside] * (1.0 - covered) + colour + noise * covered
    label[inside][soft[..., 3] > 0.5] = ANOMALY


def other_light(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a frame as another camera might have taken it at another hour.

    Gamma, brightness, colour of the light, saturation and sharpness are changed.

    Args:
        image: uint8 [H, W, 3] BGR.
        rng: the only source of chance.
    """
    picture = (image / np.float32(255.0)) ** float(np.exp(rng.uniform(-0.5, 0.5)))
    picture *= rng.uniform(0.6, 1.3) * np.exp(rng.uniform(-0.15, 0.15, 3)).astype(np.float32)
    grey = picture.mean(axis=2, keepdims=True)
    picture = grey + (picture - grey) * rng.uniform(0.3, 1.7)
    blur = rng.uniform(0.0, 1.2)
    if blur > 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), blur)
    return to_bytes(picture * 255.0)


def to_bytes(picture: np.ndarray) -> np.ndarray:
    """Return a painted picture, float32 [H, W, 3], as uint8."""
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8)


def _other_colours(window: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rotate hue, change saturation, contrast and brightness; uint8 to float32, 0..255."""
    hsv = cv2.cvtColor(window, cv2.COLOR_BGR2HSV)
    hue = (hsv[..., 0].astype(np.int32) + int(rng.integers(180))) % 180
    # Grey pieces would stay grey whatever their hue.
    saturation = np.clip(hsv[..., 1] * rng.uniform(0.5, 2.0) + rng.uniform(0, 90), 0, 255)
    hsv = np.dstack([hue, saturation, hsv[..., 2]]).astype(np.uint8)
    colours: np.ndarray = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR).astype(np.float32)
    mean = colours.mean()
    wanted = rng.uniform(50, 200)
    colours = (colours - mean) * rng.uniform(0.7, 1.8) + wanted
    return np.asarray(np.clip(colours, 0, 255))


def _blob(rng: np.random.Generator) -> np.ndarray:
    """Return the coverage of a smooth closed shape in its box; uint8 [_PIECE_PIXELS] * 2."""
    angle = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    radius = np.ones_like(angle)
    for wave in range(2, 2 + _OUTLINE_WAVES):
        radius += rng.normal(0.0, 0.22 / (wave - 1)) * np.cos(wave * angle + rng.uniform(0, 6.3))
    radius = np.maximum(radius, 0.2)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    points -= points.min(axis=0)
    points *= (_PIECE_PIXELS - 1) / points.max(axis=0)
    shape: np.ndarray = np.zeros((_PIECE_PIXELS, _PIECE_PIXELS), np.uint8)
    cv2.fillPoly(shape, [np.rint(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return shape


def _light(picture: np.ndarray) -> float:
    """Return the brightness of things: the frame's bright parts are as bright as a cutout's."""
    return float(np.clip(np.percentile(picture, 90) / 200.0, 0.3, 1.1))


def _shade_ground(picture: np.ndarray, row: int, column: int, half_width: float) -> None:
    """Darken the ground that a thing stands on."""
    shade: np.ndarray = np.zeros(picture.shape[:2], np.float32)
    axes = (max(1, round(1.1 * half_width)), max(1, round(0.22 * half_width)))
    cv2.ellipse(shade, (column, row), axes, 0, 0, 360, 0.45, cv2.FILLED)
    shade = cv2.GaussianBlur(shade, (0, 0), max(0.8, 0.12 * half_width))
    picture *= (1.0 - shade)[..., None]
