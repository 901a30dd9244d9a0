# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a street is made of: the class list and the ids drawn into class maps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StreetClass:
    """One class of the synthetic streets; its index in CLASSES is its class id.

    name: lower-case identifier; colour: RGB, 0..255; drivable: whether a vehicle may be on it.
    """

    name: str
    colour: tuple[int, int, int]
    drivable: bool


CLASSES: tuple[StreetClass, ...] = (
    StreetClass("road", (128, 64, 128), True),
    StreetClass("lane_marking", (255, 255, 255), True),
    StreetClass("pavement", (244, 35, 232), False),
    StreetClass("building", (70, 70, 70), False),
    StreetClass("wall_fence", (190, 153, 153), False),
    StreetClass("pole", (153, 153, 153), False),
    StreetClass("sign", (220, 220, 0), False),
    StreetClass("vegetation", (107, 142, 35), False),
    StreetClass("terrain", (152, 251, 152), False),
    StreetClass("sky", (70, 130, 180), False),
    StreetClass("person", (220, 20, 60), False),
    StreetClass("rider", (255, 0, 0), False),
    StreetClass("car", (0, 0, 142), False),
)

(
    ROAD,
    LANE_MARKING,
    PAVEMENT,
    BUILDING,
    WALL_FENCE,
    POLE,
    SIGN,
    VEGETATION,
    TERRAIN,
    SKY,
    PERSON,
    RIDER,
    CAR,
) = range(len(CLASSES))

VOID = 255
