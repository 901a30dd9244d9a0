# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Lane markings as polygons on the street plan."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .noise import stream
from .street import BLOCK_M, Street

Array = NDArray[np.float64]

_MARKINGS = 20
_SEGMENT_M = 4.0


def _strip(s0: float, s1: float, q: float, width: float) -> Array:
    half = width / 2
    return np.array([[s0, q - half], [s0, q + half], [s1, q + half], [s1, q - half]])


def _arrow(s: float, q: float, turning: bool) -> list[Array]:
    shaft = _strip(s, s + 3.0, q, 0.16)
    if not turning:
        return [shaft, np.array([[s + 3.0, q - 0.4], [s + 3.0, q + 0.4], [s + 4.4, q]])]
    bar = np.array([[s + 2.6, q], [s + 2.6, q + 0.6], [s + 3.0, q + 0.6], [s + 3.0, q]])
    return [shaft, bar, np.array([[s + 2.0, q + 0.6], [s + 3.6, q + 0.6], [s + 2.8, q + 1.15]])]


def _line(
    street: Street,
    start: float,
    stop: float,
    q: float,
    dashed: bool,
    width: float,
    dash: float,
    gap: float,
) -> list[Array]:
    step = dash + gap if dashed else _SEGMENT_M
    length = dash if dashed else _SEGMENT_M
    first, last = int(np.floor(start / step)), int(np.ceil(stop / step))
    return [_strip(i * step, i * step + length, q, width) for i in range(first, last)]


def marking_polygons(street: Street, start: float, stop: float) -> list[Array]:
    """Polygons [n, 2] of (s, q) painted on the road between s = start and stop."""
    rng = stream(street.seed, _MARKINGS)
    marked = rng.random() < (0.85 if street.setting != "rural" else 0.7)
    centre = str(rng.choice(["dashed", "solid", "double"], p=[0.6, 0.25, 0.15]))
    edges = rng.random() < 0.55
    bays = rng.random() < 0.5
    arrows = rng.random() < 0.4
    width = float(rng.uniform(0.1, 0.18))
    dash, gap = float(rng.uniform(1.5, 4.5)), float(rng.uniform(2.0, 7.0))
    lane = street.lane_width
    polygons: list[Array] = []
    if marked:
        if street.oncoming_lanes:
            shifts = (-0.14, 0.14) if centre == "double" else (0.0,)
            for q in shifts:
                polygons += _line(street, start, stop, q, centre == "dashed", width, dash, gap)
        for i in range(1, max(street.own_lanes, street.oncoming_lanes)):
            for sign in (-1, 1):
                polygons += _line(street, start, stop, sign * i * lane, True, width, dash, gap)
        if edges:
            for sign, lanes in ((-1, street.oncoming_lanes), (1, street.own_lanes)):
                q = sign * (lanes * lane + 0.15)
                polygons += _line(street, start, stop, q, False, width, dash, gap)
    if bays:
        for sign in (-1, 1):
            side = street.side(sign)
            if side.parking:
                for i in range(int(start // 6.0), int(stop // 6.0) + 1):
                    inner, outer = sorted((sign * (side.edge - side.parking), sign * side.edge))
                    polygons.append(
                        np.array(
                            [
                                [i * 6.0, inner],
                                [i * 6.0, outer],
                                [i * 6.0 + 0.1, outer],
                                [i * 6.0 + 0.1, inner],
                            ]
                        )
                    )
    for block in range(int(start // BLOCK_M) - 1, int(stop // BLOCK_M) + 1):
        if street.has_zebra(block):
            s = street.zebra_at(block)
            left, right = -street.left.edge + 0.3, street.right.edge - 0.3
            for q in np.arange(left + 0.25, right, 1.0):
                polygons.append(_strip(s - 1.6, s + 1.6, float(q), 0.5))
            stop_line = np.array(
                [[s - 3.2, 0.1], [s - 3.2, right], [s - 2.8, right], [s - 2.8, 0.1]]
            )
            polygons.append(stop_line)
        if arrows and marked:
            turning = block % 3 == 0
            polygons += _arrow(block * BLOCK_M + 20.0, 0.5 * lane, turning)
    return polygons
