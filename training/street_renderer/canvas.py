# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The picture being painted, far to near: colours and class ids together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .camera import NEAR_M, Array, Camera, clip_near
from .street import Street
from .weather import Colour, Weather

Bytes = NDArray[np.uint8]

_SHIFT = 4


def fixed_point(uv: Array) -> NDArray[np.int32]:
    """Pixel coordinates (0 at the outer edge of the first pixel) as OpenCV's fixed point."""
    return np.rint((uv - 0.5) * (1 << _SHIFT)).astype(np.int32)


def fill(target: Bytes, uv: Array, value: Colour | float) -> None:
    """Fill a polygon [n, 2] in an 8-bit picture with smooth edges."""
    cv2.fillPoly(target, [fixed_point(uv)], value, cv2.LINE_AA, _SHIFT)


@dataclass(frozen=True)
class Sprite:
    """A flat picture with transparency, as a pyramid: uint8 [h, w, 4] BGRA, each half the last."""

    levels: tuple[Bytes, ...]

    @staticmethod
    def build(bgra: Bytes) -> Sprite:
        """Return a sprite of a picture, uint8 [h, w, 4], with all its smaller levels."""
        levels = [bgra]
        while min(levels[-1].shape[:2]) > 12:
            levels.append(np.asarray(cv2.pyrDown(levels[-1]), np.uint8))
        return Sprite(tuple(levels))

    def at_width(self, pixels: float) -> Bytes:
        """Return the level that is least minified when drawn `pixels` wide."""
        for level in self.levels[::-1]:
            if level.shape[1] >= 0.8 * pixels:
                return level
        return self.levels[0]


@dataclass(frozen=True)
class Stage:
    """Everything a thing needs to paint itself: picture, class map, camera, plan, light, time.

    image uint8 [h, w, 3] BGR and class_id uint8 [h, w] are painted in place. t in seconds.
    """

    image: Bytes
    class_id: Bytes
    camera: Camera
    street: Street
    weather: Weather
    t: float

    def flat(self, uv: Array, colour: Colour, class_id: int, depth: float) -> None:
        """Paint a polygon [n, 2] in pixels, of one colour, as seen at depth metres."""
        points = fixed_point(uv)
        cv2.fillPoly(self.image, [points], self.weather.hazed(colour, depth), cv2.LINE_AA, _SHIFT)
        cv2.fillPoly(self.class_id, [points], class_id, cv2.LINE_8, _SHIFT)

    def face(self, view: Array, colour: Colour, class_id: int) -> None:
        """Paint a polygon [n, 3] given in camera space."""
        seen = clip_near(view)
        if len(seen) >= 3:
            self.flat(self.camera.pixels(seen), colour, class_id, float(seen[:, 2].mean()))

    def group(
        self, polygons: list[tuple[Array, Colour]], class_id: int, project: bool, depth: float = 0.0
    ) -> None:
        """Paint many polygons at once, in order.

        project: they are [n, 3] in camera space and know their depth; otherwise [n, 2] in pixels,
        all at depth metres. Much cheaper than one by one.
        """
        if not polygons:
            return
        joined = np.concatenate([points for points, _ in polygons])
        if project and joined[:, 2].min() < NEAR_M:
            for points, colour in polygons:
                self.face(points, colour, class_id)
            return
        fixed = fixed_point(self.camera.pixels(joined) if project else joined)
        start = 0
        for points, colour in polygons:
            stop = start + len(points)
            outline = [fixed[start:stop]]
            away = float(points[0, 2]) if project else depth
            seen = self.weather.hazed(colour, away)
            cv2.fillPoly(self.image, outline, seen, cv2.LINE_AA, _SHIFT)
            cv2.fillPoly(self.class_id, outline, class_id, cv2.LINE_8, _SHIFT)
            start = stop

    def tone_table(self, depth: float, factor: float) -> Bytes:
        """uint8 [256, 1, 3]: what haze and lighting make of each channel value at a depth."""
        clear = math.exp(-max(depth, 0.0) / self.weather.visibility)
        ramp = np.minimum(np.arange(256.0)[:, None] * factor, 255.0)
        table = ramp * clear + np.array(self.weather.haze)[None] * (1.0 - clear)
        return np.clip(table, 0, 255).astype(np.uint8)[:, None]

    def plane(self, texture: Bytes, corners: Array, factor: float, class_id: int) -> None:
        """Paint a texture [h, w, 3] on a quadrilateral.

        corners: camera space [4, 3] for the texture's top left, top right, bottom right, bottom
        left, all in front of the camera.
        """
        uv = self.camera.pixels(corners)
        h, w = self.image.shape[:2]
        left, top = (max(math.floor(low), 0) for low in uv.min(axis=0))
        right = min((math.ceil(uv[:, 0].max())) + 1, w)
        bottom = min((math.ceil(uv[:, 1].max())) + 1, h)
        if right - left < 1 or bottom - top < 1:
            return
        th, tw = texture.shape[:2]
        source = np.array([[0, 0], [tw, 0], [tw, th], [0, th]], np.float32) - 0.5
        target = (uv - np.array([left, top]) - 0.5).astype(np.float32)
        if cv2.contourArea(target) < 1.0:
            return
        toned = cv2.LUT(texture, self.tone_table(float(corners[:, 2].mean()), factor))
        cv2.warpPerspective(
            toned,
            cv2.getPerspectiveTransform(source, target),
            (right - left, bottom - top),
            dst=self.image[top:bottom, left:right],
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_TRANSPARENT,
        )
        cv2.fillPoly(self.class_id, [fixed_point(uv)], class_id, cv2.LINE_8, _SHIFT)

    def sprite(
        self,
        sprite: Sprite,
        box: tuple[float, float, float, float],
        depth: float,
        class_id: int,
        factor: float = 1.0,
        mirrored: bool = False,
    ) -> None:
        """Paint a sprite into box (left, top, right, bottom) in pixels."""
        h, w = self.image.shape[:2]
        x0, y0 = max(math.floor(box[0]), 0), max(math.floor(box[1]), 0)
        x1, y1 = min(math.ceil(box[2]), w), min(math.ceil(box[3]), h)
        if x1 - x0 < 1 or y1 - y0 < 1 or box[2] - box[0] < 1.0:
            return
        level = sprite.at_width(box[2] - box[0])
        sx, sy = (box[2] - box[0]) / level.shape[1], (box[3] - box[1]) / level.shape[0]
        source = level[:, ::-1] if mirrored else level
        matrix = np.array(
            [[sx, 0, box[0] - x0 + 0.5 * sx - 0.5], [0, sy, box[1] - y0 + 0.5 * sy - 0.5]]
        )
        drawn = cv2.warpAffine(np.ascontiguousarray(source), matrix, (x1 - x0, y1 - y0))
        alpha = drawn[..., 3]
        colour = cv2.LUT(np.ascontiguousarray(drawn[..., :3]), self.tone_table(depth, factor))
        weight = alpha.astype(np.float32) * np.float32(1.0 / 255.0)
        area = self.image[y0:y1, x0:x1]
        area[...] = cv2.blendLinear(colour, np.ascontiguousarray(area), weight, 1.0 - weight)
        self.class_id[y0:y1, x0:x1][alpha > 127] = class_id

    def upright(self, s: float, q: float) -> tuple[float, float, float, float] | None:
        """Return where a thing that stands at (s, q) meets the ground; None behind the lens.

        Returns:
            Column, row, pixels per metre, and depth in metres.
        """
        x = q + self.street.bend(s)
        depth = self.camera.depth(x, s)
        if depth < 1.0:
            return None
        u, v = self.camera.pixels(self.camera.view(np.array([x, 0.0, s])))
        return float(u), float(v), self.camera.focal / depth, depth
