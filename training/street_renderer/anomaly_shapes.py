# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Pictures of things that do not belong on a road. No texture or shape here is used elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from .camera import Array
from .canvas import Bytes, Sprite
from .noise import Float, crop, fractal_noise, value_noise

_PER_M = 110.0
_LARGEST = 280


class Cutout(NamedTuple):
    """A sprite and the size of its whole box in metres (width, height)."""

    sprite: Sprite
    width: float
    height: float


def _pigment(rng: np.random.Generator) -> Float:
    """Return a random saturated or dull BGR colour, float32 [3]."""
    hue, saturation, value = rng.uniform(0, 180), rng.uniform(30, 255), rng.uniform(60, 245)
    pixel = np.array([[[hue, saturation, value]]], np.uint8)
    return np.asarray(cv2.cvtColor(pixel, cv2.COLOR_HSV2BGR)[0, 0], np.float32)


def _pattern(h: int, w: int, rng: np.random.Generator) -> Float:
    """Return checker, dots, stripes, plasma, waves or scales as a surface, float32 [h, w, 3]."""
    first, second = _pigment(rng), _pigment(rng)
    if np.abs(first - second).max() < 70:
        second = 255.0 - second
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    angle, period = rng.uniform(0, math.pi), rng.uniform(0.09, 0.28) * min(h, w) + 5.0
    a = (x * math.cos(angle) + y * math.sin(angle)) / period
    b = (-x * math.sin(angle) + y * math.cos(angle)) / period
    kind = int(rng.integers(6))
    if kind == 0:
        share = ((np.floor(a) + np.floor(b)) % 2).astype(np.float32)
    elif kind == 1:
        share = (np.hypot(a % 1 - 0.5, b % 1 - 0.5) < rng.uniform(0.2, 0.4)).astype(np.float32)
    elif kind == 2:
        share = (a % 1 < rng.uniform(0.3, 0.7)).astype(np.float32)
    elif kind == 3:
        noise = crop(fractal_noise(256, 64, 7), h, w, rng)
        share = 0.5 + 0.5 * np.sin(noise * rng.uniform(15, 40))
        third = _pigment(rng)
        extra = crop(fractal_noise(256, 64, 8), h, w, rng)[..., None]
        second = np.broadcast_to(second, (h, w, 3)) * (1 - extra) + third * extra
    elif kind == 4:
        share = ((a + 0.35 * np.sin(b * 4.0)) % 1 < 0.5).astype(np.float32)
    else:
        rows = np.floor(b)
        share = np.clip(np.hypot((a + 0.5 * (rows % 2)) % 1 - 0.5, b % 1) * 1.3, 0, 1)
    return np.asarray(first * (1 - share[..., None]) + second * share[..., None], np.float32)


def _cut(
    bgr: Float | Bytes, alpha: Bytes, width: float, height: float, shading: Float | None = None
) -> Cutout:
    """Return a cutout of colours [h, w, 3] and coverage uint8 [h, w], lit from above by default."""
    h = alpha.shape[0]
    if shading is None:
        shading = np.linspace(1.1, 0.72, h, dtype=np.float32)[:, None]
    lit = np.clip(np.asarray(bgr, np.float32) * shading[..., None], 0, 255)
    return Cutout(Sprite.build(np.dstack([lit, alpha]).astype(np.uint8)), width, height)


def _size(width: float, height: float) -> tuple[int, int]:
    """Pixels (h, w) of a sprite that is width x height metres."""
    scale = min(_PER_M, _LARGEST / max(width, height))
    return max(int(height * scale), 16), max(int(width * scale), 16)


def _solid(alpha: Bytes, points: Array | list[tuple[float, float]], value: int = 255) -> None:
    """Fill a polygon given in shares of the picture (x right, y down)."""
    h, w = alpha.shape[:2]
    scaled = np.rint(np.asarray(points, np.float64) * np.array([w, h]) * 16 - 8).astype(np.int32)
    cv2.fillPoly(alpha, [scaled], value, cv2.LINE_AA, 4)


def _ellipse(alpha: Bytes, x: float, y: float, rx: float, ry: float, turn: float = 0.0) -> None:
    angle = np.linspace(0, 2 * math.pi, 28, endpoint=False)
    px, py = rx * np.cos(angle), ry * np.sin(angle)
    cos, sin = math.cos(turn), math.sin(turn)
    _solid(alpha, np.stack([x + px * cos - py * sin, y + px * sin + py * cos], -1))


def _round_shading(alpha: Bytes) -> Float:
    """Brightness of a body that bulges towards the viewer, float32 [h, w]."""
    h = alpha.shape[0]
    depth = cv2.distanceTransform((alpha > 127).astype(np.uint8), cv2.DIST_L2, 3)
    bulge = np.sqrt(np.clip(depth / max(float(depth.max()), 1.0), 0, 1))
    from_top = np.linspace(1.12, 0.6, h, dtype=np.float32)[:, None]
    return np.asarray((0.6 + 0.5 * bulge) * from_top, np.float32)


def _animal(rng: np.random.Generator) -> Cutout:
    kind = int(rng.integers(5))
    length = (2.2, 0.95, 1.7, 1.3, 1.9)[kind] * rng.uniform(0.85, 1.15)
    tall = length * (0.66, 0.8, 0.95, 0.7, 0.85)[kind]
    h, w = _size(length, tall)
    alpha = np.zeros((h, w), np.uint8)
    body_y, body_r = (0.45, 0.22) if kind in (0, 3) else (0.5, 0.14)
    if kind == 3:
        for _ in range(14):
            _ellipse(alpha, rng.uniform(0.22, 0.7), body_y + rng.uniform(-0.12, 0.12), 0.13, 0.15)
    _ellipse(alpha, 0.46, body_y, 0.32, body_r)
    _ellipse(alpha, 0.27, body_y - 0.02, 0.16, body_r * 1.05)
    _ellipse(alpha, 0.64, body_y, 0.16, body_r)
    swing = rng.uniform(-0.05, 0.05, 4)
    for i, x in enumerate((0.2, 0.28, 0.62, 0.7)):
        thick = 0.028 if kind != 0 else 0.035
        foot = x + swing[i]
        _solid(
            alpha,
            [
                (x - thick * 1.4, body_y + 0.06),
                (x + thick * 1.4, body_y + 0.06),
                (foot + thick, 0.995),
                (foot - thick, 0.995),
            ],
        )
    up = 0.42 if kind in (0, 3) else 0.26 if kind != 2 else 0.18
    if rng.random() < 0.25:
        up = 0.8
    _solid(
        alpha,
        [(0.6, body_y - body_r * 0.8), (0.75, body_y + 0.08), (0.9, up + 0.06), (0.8, up - 0.08)],
    )
    _ellipse(alpha, 0.88, up, 0.1, 0.075, 0.35)
    _solid(alpha, [(0.8, up - 0.03), (0.79, up - 0.13), (0.86, up - 0.05)])
    if kind in (0, 2):
        _solid(alpha, [(0.84, up - 0.05), (0.86, up - 0.16), (0.93, up - 0.17), (0.88, up - 0.11)])
    tail = rng.uniform(0.3, 0.75)
    _solid(alpha, [(0.13, body_y - 0.08), (0.17, body_y - 0.1), (0.08, tail), (0.05, tail)])
    first, second = _pigment(rng) * 0.5 + np.array([60, 75, 90]), np.array([235.0, 238.0, 240.0])
    if rng.random() < 0.5:
        first = np.array([40.0, 44.0, 50.0])
    style = int(rng.integers(3))
    noise = crop(fractal_noise(256, 64, 9), h, w, rng)
    if style == 0:
        share = (noise > rng.uniform(0.45, 0.6)).astype(np.float32)
    elif style == 1:
        column = np.arange(w, dtype=np.float32)[None] / w
        share = (np.sin(column * rng.uniform(40, 80) + 6 * noise) > 0).astype(np.float32)
    else:
        share = 0.25 * noise
    fur = first * (1 - share[..., None]) + second * share[..., None]
    fur = fur * (0.75 + 0.5 * crop(value_noise(256, 2), h, w, rng)[..., None])
    return _cut(fur.astype(np.float32), alpha, length, tall, _round_shading(alpha))


def _planks(h: int, w: int, rng: np.random.Generator, board: float) -> Float:
    """Rough sawn boards lying across, float32 [h, w, 3]."""
    wood = np.array([85.0, 140.0, 190.0]) * rng.uniform(0.65, 1.15)
    tall = np.clip(crop(fractal_noise(256, 32, 5), h * 4, max(w // 4, 1), rng), 0, 1)
    grain = cv2.resize(tall, (w, h))
    row = np.floor(np.arange(h) / max(board, 2.0)).astype(int)
    tones = rng.uniform(0.75, 1.15, row.max() + 1)[row]
    tones = np.where(np.arange(h) % max(int(board), 2) == 0, 0.35, tones)
    return np.asarray(wood * ((0.65 + 0.7 * grain) * tones[:, None])[..., None], np.float32)


def _box(
    rng: np.random.Generator,
    front: Float,
    width: float,
    tall: float,
    side_share: float,
    top_share: float,
) -> Cutout:
    """Return a box with its front (texture), one side and its top in view."""
    h, w = front.shape[:2]
    picture = np.zeros((h, w, 3), np.float32)
    alpha = np.zeros((h, w), np.uint8)
    flip = rng.random() < 0.5
    x = int(w * (1 - side_share))
    y = int(h * top_share)
    rise = int(y * 0.9)
    picture[y:, :x] = front[y:, :x]
    _solid(alpha, [(0, y / h), (x / w, y / h), (x / w, 1), (0, 1)])
    side = cv2.warpPerspective(
        front,
        cv2.getPerspectiveTransform(
            np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32),
            np.array([[x, y], [w, y - rise], [w, h - rise * 1.2], [x, h]], np.float32),
        ),
        (w, h),
    )
    top = cv2.warpPerspective(
        front,
        cv2.getPerspectiveTransform(
            np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32),
            np.array([[w - x, y - rise], [w, y - rise], [x, y], [0, y]], np.float32),
        ),
        (w, h),
    )
    for face, points, light in (
        (top, [(w - x, y - rise), (w, y - rise), (x, y), (0, y)], 1.2),
        (side, [(x, y), (w, y - rise), (w, h - rise * 1.2), (x, h)], 0.62),
    ):
        mask = np.zeros((h, w), np.uint8)
        _solid(mask, np.array(points) / np.array([w, h]))
        picture[mask > 127] = face[mask > 127] * light
        alpha = np.maximum(alpha, mask)
    if flip:
        picture, alpha = picture[:, ::-1], np.ascontiguousarray(alpha[:, ::-1])
    return _cut(picture, alpha, width, tall, np.full((h, w), 0.95, np.float32))


def _crate(rng: np.random.Generator) -> Cutout:
    width = rng.uniform(0.8, 1.8)
    tall = width * rng.uniform(0.5, 1.0)
    h, w = _size(width, tall)
    front = _planks(h, w, rng, h / rng.uniform(4, 7))
    edge = max(h // 12, 2)
    for rows, cols in (
        (slice(0, edge), slice(None)),
        (slice(-edge, None), slice(None)),
        (slice(None), slice(0, edge)),
        (slice(None), slice(-edge, None)),
    ):
        front[rows, cols] *= 0.72
    if rng.random() < 0.5:
        cv2.line(front, (0, h), (w, 0), (50.0, 85.0, 125.0), edge)
    return _box(rng, front, width, tall, rng.uniform(0.15, 0.35), rng.uniform(0.08, 0.25))


def _pallet(rng: np.random.Generator) -> Cutout:
    width, layers = rng.uniform(1.0, 1.5), int(rng.integers(2, 6))
    tall = 0.15 * layers + 0.05
    h, w = _size(width, tall)
    alpha, wood = np.zeros((h, w), np.uint8), _planks(h, w, rng, h / (layers * 2.0))
    for i in range(layers):
        y = i / layers
        shift = rng.uniform(-0.04, 0.04)
        for y0, y1 in ((y, y + 0.3 / layers), (y + 0.7 / layers, y + 1.0 / layers)):
            _solid(
                alpha,
                [(0.05 + shift, y0), (0.95 + shift, y0), (0.95 + shift, y1), (0.05 + shift, y1)],
            )
        for x in (0.08, 0.44, 0.8):
            _solid(
                alpha,
                [
                    (x + shift, y),
                    (x + 0.12 + shift, y),
                    (x + 0.12 + shift, y + 1 / layers),
                    (x + shift, y + 1 / layers),
                ],
            )
    return _cut(wood, alpha, width, tall)


def _tyres(rng: np.random.Generator) -> Cutout:
    standing = rng.random() < 0.45
    if standing:
        size = rng.uniform(0.65, 1.15)
        h, w = _size(size, size)
        alpha = np.zeros((h, w), np.uint8)
        _ellipse(alpha, 0.5, 0.5, 0.49 * rng.uniform(0.6, 1.0), 0.49)
        hole = np.zeros((h, w), np.uint8)
        _ellipse(hole, 0.5, 0.5, 0.22, 0.26)
        y, x = np.mgrid[0:h, 0:w].astype(np.float32)
        radius = np.hypot((x - w / 2) / w, (y - h / 2) / h)
        tread = (
            36 + 26 * (np.sin(radius * 110) > 0.2) + 40 * np.exp(-(((radius - 0.36) / 0.04) ** 2))
        )
        return _cut(
            np.repeat(tread[..., None], 3, 2).astype(np.float32),
            np.asarray(cv2.subtract(alpha, hole), np.uint8),
            size,
            size,
        )
    layers = int(rng.integers(1, 6))
    width, tall = rng.uniform(0.65, 1.0), 0.2 * layers + 0.1
    h, w = _size(width, tall)
    alpha, picture = np.zeros((h, w), np.uint8), np.full((h, w, 3), 40.0, np.float32)
    for i in range(layers, 0, -1):
        y, half = (i - 0.35) / (layers + 0.5), 0.52 / (layers + 0.5)
        shift = rng.uniform(-0.03, 0.03)
        ring = np.zeros((h, w), np.uint8)
        _ellipse(ring, 0.5 + shift, y, 0.46, half * 1.1)
        tone = float(rng.uniform(34, 60))
        columns = np.sin(np.arange(w) * rng.uniform(0.8, 1.6))[None] > 0.5
        picture[ring > 100] = np.broadcast_to((tone + 22 * columns)[..., None], (h, w, 3))[
            ring > 100
        ]
        alpha = np.maximum(alpha, ring)
    inside = np.zeros((h, w), np.uint8)
    top = 0.65 / (layers + 0.5)
    _ellipse(inside, 0.5, top * 0.75, 0.25, 0.2 / (layers + 0.5))
    picture[inside > 127] = 12
    if rng.random() < 0.3:
        picture *= np.array([1.0, 1.0, 3.6]) if rng.random() < 0.5 else 4.0
    return _cut(picture, alpha, width, tall)


def _sofa(rng: np.random.Generator) -> Cutout:
    width, tall = rng.uniform(1.3, 2.3), rng.uniform(0.75, 1.0)
    h, w = _size(width, tall)
    fabric = _pattern(h, w, rng) * 0.6 + _pigment(rng) * 0.4
    alpha = np.zeros((h, w), np.uint8)
    light = np.full((h, w), 0.9, np.float32)

    def cushion(x0: float, y0: float, x1: float, y1: float, bright: float) -> None:
        mask = np.zeros((h, w), np.uint8)
        _solid(
            mask,
            [
                (x0, y0 + 0.05),
                (x0 + 0.03, y0),
                (x1 - 0.03, y0),
                (x1, y0 + 0.05),
                (x1, y1),
                (x0, y1),
            ],
        )
        inner = cv2.GaussianBlur(mask, (0, 0), max(h * 0.03, 0.8))
        shade = bright * (0.55 + 0.45 * inner.astype(np.float32) / 255)
        np.copyto(light, shade, where=mask > 127)
        np.maximum(alpha, mask, out=alpha)

    for x in (0.08, 0.86):
        _solid(alpha, [(x, 0.9), (x + 0.06, 0.9), (x + 0.06, 1.0), (x, 1.0)])
    cushion(0.06, 0.0, 0.94, 0.6, 0.85)
    seats = int(rng.integers(2, 4))
    for i in range(seats):
        cushion(0.14 + 0.72 * i / seats, 0.45, 0.14 + 0.72 * (i + 1) / seats, 0.66, 1.1)
    cushion(0.12, 0.64, 0.88, 0.93, 0.75)
    cushion(0.0, 0.3, 0.15, 0.94, 0.95)
    cushion(0.85, 0.3, 1.0, 0.94, 0.95)
    return _cut(fabric, alpha, width, tall, light)


def _mattress(rng: np.random.Generator) -> Cutout:
    lying = rng.random() < 0.5
    width, tall = (
        (rng.uniform(1.6, 2.1), rng.uniform(0.3, 0.5))
        if lying
        else (rng.uniform(1.2, 1.9), rng.uniform(0.8, 1.3))
    )
    h, w = _size(width, tall)
    pale = _pattern(h, w, rng) * 0.35 + 0.65 * np.array([215.0, 220.0, 225.0])
    return _box(rng, pale.astype(np.float32), width, tall, 0.08, 0.5 if lying else 0.08)


def _chair(rng: np.random.Generator) -> Cutout:
    width, tall = rng.uniform(0.6, 1.6), rng.uniform(0.8, 1.1)
    h, w = _size(width, tall)
    alpha = np.zeros((h, w), np.uint8)
    table = rng.random() < 0.5
    seat = 0.02 if table else 0.5
    _solid(alpha, [(0.0, seat), (1.0, seat), (0.97, seat + 0.14), (0.03, seat + 0.14)])
    for x in (0.05, 0.2, 0.76, 0.9):
        _solid(alpha, [(x, seat), (x + 0.06, seat), (x + 0.05, 1.0), (x, 1.0)])
    if not table:
        for x in (0.05, 0.3, 0.6, 0.89):
            _solid(alpha, [(x, 0.0), (x + 0.06, 0.0), (x + 0.06, 0.5), (x, 0.5)])
        _solid(alpha, [(0.05, 0.0), (0.95, 0.0), (0.95, 0.16), (0.05, 0.16)])
    skin = _planks(h, w, rng, h / 3) if rng.random() < 0.6 else _pattern(h, w, rng)
    return _cut(skin, alpha, width, tall)


def _rubble(rng: np.random.Generator) -> Cutout:
    width = rng.uniform(0.8, 2.4)
    tall = width * rng.uniform(0.3, 0.55)
    h, w = _size(width, tall)
    alpha, picture = np.zeros((h, w), np.uint8), np.zeros((h, w, 3), np.float32)
    base = _pigment(rng) * 0.3 + np.array([110.0, 120.0, 130.0]) * rng.uniform(0.5, 1.1)
    count = int(rng.integers(5, 26))
    for i in range(count):
        height = 1 - i / count
        x = 0.5 + (rng.random() - 0.5) * (0.95 - 0.75 * height)
        radius = rng.uniform(0.1, 0.22) * (0.6 + 3.0 / count)
        y = min(1.0 - 0.85 * height * (1 - abs(2 * x - 1)) + 0.05, 1 - radius * 0.7)
        turn = np.sort(rng.uniform(0, 2 * math.pi, int(rng.integers(5, 9))))
        rock = np.stack(
            [
                x + radius * np.cos(turn) * tall / width * 1.5,
                np.minimum(y + radius * 1.2 * np.sin(turn), 0.995),
            ],
            -1,
        )
        mask = np.zeros((h, w), np.uint8)
        _solid(mask, rock)
        tone = base * rng.uniform(0.55, 1.35)
        facet = np.linspace(1.3, 0.6, h)[:, None] + 0.4 * (rng.random() - 0.5)
        shaded = tone * (facet * np.ones((h, w)))[..., None]
        picture[mask > 100] = shaded[mask > 100]
        alpha = np.maximum(alpha, mask)
    picture *= 0.75 + 0.5 * crop(fractal_noise(256, 16, 6), h, w, rng)[..., None]
    return _cut(picture, alpha, width, tall, np.ones((h, w), np.float32))


def _blob(rng: np.random.Generator) -> Cutout:
    width = rng.uniform(0.6, 1.9)
    tall = width * rng.uniform(0.45, 1.1)
    h, w = _size(width, tall)
    turn = np.linspace(0, 2 * math.pi, 60, endpoint=False)
    radius = 0.42 + sum(
        rng.uniform(0, 0.22 / k) * np.sin(turn * k + rng.uniform(0, 6)) for k in range(2, 6)
    )
    outline = np.stack([radius * np.cos(turn), radius * np.sin(turn)], -1)
    outline -= outline.min(axis=0)
    outline /= outline.max(axis=0)
    outline[:, 1] = np.minimum(outline[:, 1] * 1.08, 1.0)
    alpha = np.zeros((h, w), np.uint8)
    _solid(alpha, outline * 0.98 + 0.01)
    return _cut(_pattern(h, w, rng), alpha, width, tall, _round_shading(alpha))


def _bag(rng: np.random.Generator) -> Cutout:
    width = rng.uniform(0.6, 1.1)
    tall = width * rng.uniform(0.9, 1.3)
    h, w = _size(width, tall)
    alpha = np.zeros((h, w), np.uint8)
    _ellipse(alpha, 0.5, 0.62, 0.46, 0.37)
    _solid(alpha, [(0.4, 0.3), (0.28, 0.02), (0.5, 0.08), (0.72, 0.02), (0.6, 0.3)])
    folds = crop(fractal_noise(256, 64, 2), h, w, rng)
    crease = np.abs(np.sin(folds * 22.0)) ** 3
    colour = _pigment(rng) if rng.random() < 0.6 else np.array([35.0, 32.0, 30.0])
    skin = colour * (0.7 + 0.2 * folds)[..., None] + 120 * (1 - crease)[..., None] ** 6
    return _cut(skin.astype(np.float32), alpha, width, tall, _round_shading(alpha))


def _ball(rng: np.random.Generator) -> Cutout:
    size = rng.uniform(0.5, 1.3)
    h, w = _size(size, size)
    alpha = np.zeros((h, w), np.uint8)
    _ellipse(alpha, 0.5, 0.5, 0.49, 0.49)
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    shine = np.exp(-(((x / w - 0.35) ** 2 + (y / h - 0.28) ** 2) / 0.012))
    picture = (
        _pattern(h, w, rng) if rng.random() < 0.5 else np.broadcast_to(_pigment(rng), (h, w, 3))
    )
    bright = picture * _round_shading(alpha)[..., None] + 200 * shine[..., None]
    return _cut(bright.astype(np.float32), alpha, size, size, np.ones((h, w), np.float32))


def _carton(rng: np.random.Generator) -> Cutout:
    width = rng.uniform(0.5, 1.3)
    tall = width * rng.uniform(0.55, 1.2)
    h, w = _size(width, tall)
    card = np.array([95.0, 145.0, 185.0]) * rng.uniform(0.8, 1.15)
    ribs = 1.0 + 0.03 * np.sin(np.arange(h) * 1.7)[:, None]
    soft = crop(fractal_noise(256, 64, 4), h, w, rng)
    front = (card * ((0.88 + 0.24 * soft) * ribs)[..., None]).astype(np.float32)
    front[:, int(w * 0.4) : int(w * 0.48)] *= np.array([1.15, 1.12, 1.05])
    if rng.random() < 0.6:
        y, x = int(h * rng.uniform(0.4, 0.6)), int(w * rng.uniform(0.1, 0.3))
        front[y : y + h // 5, x : x + w // 4] = _pigment(rng)
    return _box(rng, front, width, tall, rng.uniform(0.2, 0.4), rng.uniform(0.12, 0.28))


def _cone(rng: np.random.Generator) -> Cutout:
    tall = rng.uniform(0.7, 1.2)
    width = tall * rng.uniform(0.55, 0.75)
    h, w = _size(width, tall)
    alpha = np.zeros((h, w), np.uint8)
    _solid(alpha, [(0.43, 0.0), (0.57, 0.0), (0.82, 0.93), (0.18, 0.93)])
    _solid(alpha, [(0.04, 0.9), (0.96, 0.9), (1.0, 1.0), (0.0, 1.0)])
    y = np.linspace(0, 1, h)[:, None]
    white = ((y * rng.uniform(2.2, 3.6) + rng.random()) % 1 < 0.4) & (y < 0.9)
    body = np.array([20.0, 85.0, 240.0]) if rng.random() < 0.7 else _pigment(rng)
    share = np.broadcast_to(white, (h, w)).astype(np.float32)[..., None]
    picture = body * (1 - share) + np.array([235.0, 235.0, 235.0]) * share
    light = np.broadcast_to(np.linspace(1.1, 0.65, w, dtype=np.float32)[None], (h, w))
    return _cut(picture.astype(np.float32), alpha, width, tall, light)


def _log(rng: np.random.Generator) -> Cutout:
    width, tall = rng.uniform(1.3, 3.0), rng.uniform(0.3, 0.65)
    h, w = _size(width, tall)
    alpha = np.zeros((h, w), np.uint8)
    _solid(alpha, [(0.04, 0.12), (0.95, 0.25), (0.97, 0.97), (0.05, 1.0)])
    _ellipse(alpha, 0.05, 0.56, 0.05, 0.44)
    stub = rng.uniform(0.4, 0.8)
    _solid(alpha, [(stub, 0.3), (stub + 0.03, 0.0), (stub + 0.06, 0.0), (stub + 0.07, 0.3)])
    rows = cv2.resize(crop(fractal_noise(256, 16, 6), h, max(w // 6, 2), rng), (w, h))
    bark = np.array([50.0, 72.0, 95.0]) * rng.uniform(0.7, 1.4) * (0.4 + 1.1 * rows)[..., None]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    end = np.hypot((x / w - 0.05) / 0.05, (y / h - 0.56) / 0.44)
    rings = np.array([120.0, 170.0, 205.0]) * (0.85 + 0.15 * np.sin(end * 22))[..., None]
    picture = np.where((end < 0.92)[..., None], rings, bark).astype(np.float32)
    light = np.linspace(1.25, 0.55, h, dtype=np.float32)[:, None]
    return _cut(picture, alpha, width, tall, light)


def _ladder(rng: np.random.Generator) -> Cutout:
    width, tall = rng.uniform(1.4, 2.4), rng.uniform(0.4, 0.9)
    h, w = _size(width, tall)
    alpha = np.zeros((h, w), np.uint8)
    lift = rng.uniform(0.0, 0.35)
    for y in (0.0, 0.62):
        _solid(
            alpha,
            [
                (0.0, y + 0.2),
                (1.0, y + 0.2 - lift * 0.5),
                (1.0, y + 0.36 - lift * 0.5),
                (0.0, y + 0.36),
            ],
        )
    for x in np.linspace(0.06, 0.92, int(rng.integers(5, 9))):
        drop = lift * 0.5 * x
        _solid(
            alpha,
            [(x, 0.25 - drop), (x + 0.03, 0.25 - drop), (x + 0.03, 0.9 - drop), (x, 0.9 - drop)],
        )
    _solid(alpha, [(0.0, 0.9), (0.05, 0.9), (0.05, 1.0), (0.0, 1.0)])
    metal = _pigment(rng) if rng.random() < 0.5 else np.array([190.0, 195.0, 200.0])
    picture = np.broadcast_to(metal, (h, w, 3)) * (
        0.8 + 0.4 * crop(value_noise(256, 4), h, w, rng)[..., None]
    )
    return _cut(picture.astype(np.float32), alpha, width, tall)


def _pipes(rng: np.random.Generator) -> Cutout:
    width, rows = rng.uniform(0.8, 1.8), int(rng.integers(1, 4))
    tall = width * 0.28 * rows
    h, w = _size(width, tall)
    alpha, picture = np.zeros((h, w), np.uint8), np.zeros((h, w, 3), np.float32)
    colour = _pigment(rng)
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    for row in range(rows):
        count = 4 - row
        for i in range(count):
            cx, cy = 0.5 + (i - (count - 1) / 2) * 0.24, 1 - (row + 0.5) / rows
            ring = np.zeros((h, w), np.uint8)
            _ellipse(ring, cx, cy, 0.12, 0.5 / rows)
            radius = np.hypot((x / w - cx) / 0.12, (y / h - cy) * rows * 2)
            tube = np.where(
                (radius < 0.72)[..., None], colour * 0.12, colour * (1.3 - 0.6 * (y / h))[..., None]
            )
            picture[ring > 100] = tube[ring > 100]
            alpha = np.maximum(alpha, ring)
    return _cut(picture, alpha, width, tall, np.ones((h, w), np.float32))


KINDS: dict[str, Callable[[np.random.Generator], Cutout]] = {
    "animal": _animal,
    "blob": _blob,
    "crate": _crate,
    "pallet": _pallet,
    "tyres": _tyres,
    "sofa": _sofa,
    "mattress": _mattress,
    "chair": _chair,
    "rubble": _rubble,
    "bag": _bag,
    "ball": _ball,
    "carton": _carton,
    "cone": _cone,
    "log": _log,
    "ladder": _ladder,
    "pipes": _pipes,
}
_WEIGHTS = {"animal": 3.0, "blob": 2.5, "sofa": 1.5, "cone": 0.7}


def make_cutout(rng: np.random.Generator) -> Cutout:
    """Return a thing of a random kind."""
    names = list(KINDS)
    weights = np.array([_WEIGHTS.get(name, 1.0) for name in names])
    return KINDS[str(rng.choice(names, p=weights / weights.sum()))](rng)
