# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The ground: asphalt, kerbs, paving and soil, its wear, wetness and the shadows on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .canvas import Bytes, Stage, fill
from .classes import LANE_MARKING, PAVEMENT, ROAD, TERRAIN
from .markings import marking_polygons
from .noise import Float, fractal_noise, stream, value_noise
from .street import BLOCK_M, KERB_M, Street
from .weather import Weather, scaled

Array = NDArray[np.float64]

_SURFACE, _WEAR = 30, 31
_TILE, _TEXELS_PER_M, _LEVELS = 512, 100.0, 5
_TILE_M = _TILE / _TEXELS_PER_M
_PROFILE_HALF_M, _PROFILE_PER_M = 40.0, 40.0
WEAR_CELL_M = 6.0
# Ground nearer than this is below every picture, so polygons may be cut there.
_NEAREST_GROUND_M = 1.5
_FARTHEST_DETAIL_M = 70.0

_ZONE_ROAD, _ZONE_KERB, _ZONE_PAVING, _ZONE_SOIL = range(4)
_ZONE_CLASS = np.array([ROAD, PAVEMENT, PAVEMENT, TERRAIN], np.uint8)


@dataclass(frozen=True)
class Surface:
    """What the ground of one drive looks like, made once.

    atlas: uint8, every zone's brightness tile at every level, flat (128 is neutral);
    level_start [_LEVELS]: where a level begins in it; zone_of: uint8, zone by distance q;
    colours: float32 [4, 3] BGR by zone.
    """

    atlas: Bytes
    level_start: NDArray[np.int32]
    zone_of: Bytes
    colours: Float
    blotches: float
    mark_wear: float
    mark_colour: tuple[float, float, float]
    offset: tuple[float, float]


@dataclass(frozen=True)
class Shade:
    """Polygons [n, 2] of (s, q) that take light from the ground.

    cast: hard shadows; dappled: under leaves; contact: the dark beneath things.
    """

    cast: list[Array]
    dappled: list[Array]
    contact: list[Array]


def _slabs(rng: np.random.Generator) -> Float:
    """Paving slabs: joints and a tone of its own for each slab, float32 [_TILE, _TILE]."""
    across, along = int(rng.choice([6, 8, 12, 16])), int(rng.choice([6, 8, 16]))
    tones = rng.normal(0.0, 9.0, (along, across)).astype(np.float32)
    enlarged = cv2.resize(tones, (_TILE, _TILE), interpolation=cv2.INTER_NEAREST)
    tile = np.asarray(enlarged, np.float32)
    shifted = rng.random() < 0.5
    step_x, step_y = _TILE / across, _TILE / along
    for j in range(along):
        tile[round(j * step_y) : round(j * step_y) + 2] -= 34.0
        for i in range(across):
            x = round((i + (0.5 if shifted and j % 2 else 0.0)) * step_x) % _TILE
            tile[round(j * step_y) : round((j + 1) * step_y), x : x + 2] -= 34.0
    return tile


def make_surface(street: Street, weather: Weather) -> Surface:
    """Return the ground of a street, by its seed."""
    rng = stream(street.seed, _SURFACE)
    grain = value_noise(_TILE, 1, int(rng.integers(3))) - 0.5
    coarse = value_noise(_TILE, 4, int(rng.integers(3))) - 0.5
    soft = fractal_noise(_TILE, 64, int(rng.integers(3))) - 0.5
    concrete = 128 + 16 * grain + 22 * soft
    road = 128 + rng.uniform(15, 75) * grain + rng.uniform(5, 30) * coarse + 20 * soft
    kerb = concrete.copy()
    kerb[:3, :] -= 45
    kerb[_TILE // 2 : _TILE // 2 + 3, :] -= 45
    paving = concrete + _slabs(rng) if rng.random() < 0.75 else 128 + 30 * grain + 20 * soft
    soil = 128 + 70 * coarse + 45 * grain + 40 * soft
    flats: list[Bytes] = []
    starts: list[int] = []
    total = 0
    tiles = [np.clip(tile, 0, 255).astype(np.uint8) for tile in (road, kerb, paving, soil)]
    for level in range(_LEVELS):
        starts.append(total)
        flats += [tile.ravel() for tile in tiles]
        total += 4 * tiles[0].size
        if level + 1 < _LEVELS:
            half = tiles[0].shape[0] // 2
            tiles = [cv2.resize(t, (half, half), interpolation=cv2.INTER_AREA) for t in tiles]
    q = np.arange(-_PROFILE_HALF_M, _PROFILE_HALF_M, 1 / _PROFILE_PER_M)
    zone = np.full(q.shape, _ZONE_SOIL, np.uint8)
    for sign in (-1, 1):
        side = street.side(sign)
        out = q * sign
        walk = (out >= side.pavement_start) & (out < side.pavement_start + side.pavement)
        zone[walk] = _ZONE_PAVING
        if side.yard < 1.0:
            zone[out >= side.pavement_start] = _ZONE_PAVING
        zone[(out >= side.edge) & (out < side.edge + KERB_M)] = _ZONE_KERB
        zone[(out >= 0) & (out < side.edge)] = _ZONE_ROAD
    asphalt = scaled(street.asphalt, 1.0 - 0.4 * weather.wet)
    yellowish = rng.random() < 0.12
    return Surface(
        atlas=np.concatenate(flats),
        level_start=np.array(starts, np.int32),
        zone_of=zone,
        colours=np.array([asphalt, street.kerb, street.paving, street.terrain], np.float32),
        blotches=float(rng.uniform(0.08, 0.4)),
        mark_wear=float(rng.uniform(0.0, 0.75)),
        mark_colour=(95.0, 205.0, 232.0) if yellowish else (228.0, 232.0, 234.0),
        offset=(float(rng.uniform(0, 256)), float(rng.uniform(0, 256))),
    )


def _blob(rng: np.random.Generator, s: float, q: float, length: float, width: float) -> Array:
    turn = np.linspace(0, 2 * math.pi, 18, endpoint=False)
    radius = (
        1.0
        + 0.25 * np.sin(turn * 2 + rng.uniform(0, 6))
        + 0.15 * np.sin(turn * 5 + rng.uniform(0, 6))
    )
    return np.stack([s + length * radius * np.cos(turn), q + width * radius * np.sin(turn)], -1)


def _crack(rng: np.random.Generator, s: float, q: float, along: float, wide: float) -> Array:
    """Return a thin ragged ribbon, [2 n, 2] of (s, q)."""
    count = 9
    step = rng.normal(0.0, 0.16, (count, 2)) + np.array([along, 0.32 - 0.3 * along])
    path = np.cumsum(step, axis=0) + np.array([s, q])
    half = wide * rng.uniform(0.3, 1.0, (count, 1)) * 0.5
    across = np.array([[0.3, 1.0]])
    return np.concatenate([path - half * across, (path + half * across)[::-1]])


@dataclass(frozen=True)
class WearCell:
    """Marks that time left on WEAR_CELL_M of street.

    tones: (polygon [n, 2] of (s, q), brightness, 128 neutral) in order; leaves: [n, 4, 2] and
    their colours [n, 3] BGR; puddles: polygons.
    """

    tones: list[tuple[Array, float]]
    leaves: Array
    leaf_colours: Array
    puddles: list[Array]


def make_wear(street: Street, weather: Weather, cell: int) -> WearCell:
    """Return the wear of one cell of the street."""
    rng = stream(street.seed, _WEAR, cell)
    habits = stream(street.seed, _WEAR, -1_000_000).random(6)
    left, right = -street.left.edge, street.right.edge
    s0 = cell * WEAR_CELL_M
    tones: list[tuple[Array, float]] = []

    def place() -> tuple[float, float]:
        return s0 + float(rng.uniform(0, WEAR_CELL_M)), float(rng.uniform(left, right))

    if rng.random() < 0.5 * habits[0]:
        s, q = place()
        length, width = rng.uniform(0.5, 3.5), rng.uniform(0.3, 1.4)
        patch = np.array(
            [[s, q - width], [s, q + width], [s + length, q + width], [s + length, q - width]]
        ) + rng.normal(0, 0.06, (4, 2))
        patch[:, 1] = np.clip(patch[:, 1], left, right)
        tones.append((patch, float(rng.choice([88.0, 100.0, 150.0]))))
    if rng.random() < 0.5 * habits[1]:
        for _ in range(int(rng.integers(1, 4))):
            s, q = place()
            tones.append(
                (
                    _blob(rng, s, q, rng.uniform(0.1, 0.7), rng.uniform(0.08, 0.4)),
                    float(rng.uniform(70, 112)),
                )
            )
    if habits[2] > 0.5:
        q = float(left + (right - left) * (0.3 + 0.4 * habits[3]))
        seam = np.array(
            [[s0, q], [s0, q + 0.05], [s0 + WEAR_CELL_M, q + 0.05], [s0 + WEAR_CELL_M, q]]
        )
        tones.append((seam, 74.0))
    for _ in range(int(rng.poisson(2.2 * habits[4]))):
        s, q = place()
        crack = _crack(rng, s, q, float(rng.choice([0.02, 0.3, 0.55])), rng.uniform(0.02, 0.09))
        crack[:, 1] = np.clip(crack[:, 1], left, right)
        tones.append((crack, float(rng.uniform(40, 85))))
    if rng.random() < 0.22:
        s, q = place()
        q *= 0.8
        turn = np.linspace(0, 2 * math.pi, 16, endpoint=False)
        disc = np.stack([np.cos(turn), np.sin(turn)], -1)
        for radius, tone in ((0.42, 150.0), (0.36, 72.0), (0.28, 96.0), (0.12, 66.0)):
            tones.append((disc * radius + np.array([s, q]), tone))
    fallen = {"summer": 1.0, "autumn": 34.0, "winter": 3.0}[weather.season]
    count = int(rng.poisson(fallen * street.right.tree_share))
    centre = np.stack(
        [s0 + rng.uniform(0, WEAR_CELL_M, count), rng.uniform(left - 3.0, right + 3.0, count)], -1
    )
    if count:
        gutter = rng.random(count) < 0.6
        centre[gutter, 1] = np.where(centre[gutter, 1] > 0, right, left) + rng.normal(
            0, 0.5, int(gutter.sum())
        )
    size = rng.uniform(0.04, 0.1, (count, 1, 1))
    leaves = centre[:, None] + size * (
        np.array([[-1, 0], [0, 0.7], [1, 0], [0, -0.7]])[None] + rng.normal(0, 0.3, (count, 4, 2))
    )
    palette = np.array([[30, 110, 190], [40, 150, 200], [40, 70, 120], [30, 60, 160]], float)
    puddles: list[Array] = []
    if weather.wet and rng.random() < 0.6:
        s, q = place()
        puddles.append(_blob(rng, s, q, rng.uniform(0.5, 2.5), rng.uniform(0.2, 0.9)))
    return WearCell(tones, leaves, palette[rng.integers(0, 4, count)], puddles)


def _project(stage: Stage, polygons: list[Array]) -> list[Array]:
    """Ground polygons [n, 2] of (s, q) -> pixel polygons, projected in one go."""
    if not polygons:
        return []
    joined = np.concatenate(polygons)
    s = np.maximum(joined[:, 0], stage.camera.z + _NEAREST_GROUND_M)
    world = stage.street.world(s, 0.0, joined[:, 1])
    uv = stage.camera.pixels(stage.camera.view(world))
    return np.split(uv, np.cumsum([len(p) for p in polygons])[:-1])


def _ahead(stage: Stage, polygons: list[Array], farthest: float) -> list[Array]:
    near, far = stage.camera.z + _NEAREST_GROUND_M, stage.camera.z + farthest
    return [p for p in polygons if p[:, 0].max() > near and p[:, 0].min() < far]


def _mask(stage: Stage, polygons: list[Array], first: int, softness: float) -> Float | None:
    """Soft coverage 0..1 of polygons, float32 [rows below first, w]; None when there is none."""
    visible = _ahead(stage, polygons, 120.0)
    if not visible:
        return None
    h, w = stage.class_id.shape
    mask = np.zeros((h, w), np.uint8)
    for uv in _project(stage, visible):
        fill(mask, uv, 255.0)
    below = mask[first:]
    if softness > 0.4:
        below = np.asarray(cv2.GaussianBlur(below, (0, 0), softness * w / 640), np.uint8)
    return below.astype(np.float32) * np.float32(1 / 255)


@dataclass(frozen=True)
class _Spot:
    """Where the ground pixels are: q and metres ahead of the camera, float32 [rows, w].

    The camera is at s = z.
    """

    q: Float
    ahead: Float
    z: float

    def sample(self, tile: Float, tile_m: float, offset: tuple[float, float]) -> Float:
        """Return a tile that covers tile_m x tile_m metres, as it lies on the street."""
        per_m = tile.shape[0] / tile_m
        # Only what is ahead goes through float32; the rest is folded into the tile in float64.
        start = (self.z % tile_m) * per_m + offset[1]
        across = self.q * np.float32(per_m) + np.float32(offset[0])
        along = self.ahead * np.float32(per_m) + np.float32(start)
        return np.asarray(
            cv2.remap(tile, across, along, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32
        )


def paint_ground(stage: Stage, surface: Surface, wear: list[WearCell], shade: Shade) -> None:
    """Paint everything below the horizon: surfaces, wear, markings, wetness, shadows and haze."""
    camera, street, weather = stage.camera, stage.street, stage.weather
    h, w = stage.class_id.shape
    first = max(math.ceil(camera.horizon + 1.5), 0)
    if first >= h:
        return
    x, ahead, depth = camera.ground(first)
    # The bend is smooth, so the phase may be taken relative to the camera in float32.
    phase = np.float32(camera.z / street.bend_length + street.bend_phase)
    q = x - np.float32(street.bend_amplitude) * np.sin(
        ahead * np.float32(1 / street.bend_length) + phase
    )
    spot = _Spot(q, ahead, camera.z)

    index = np.clip((q + _PROFILE_HALF_M) * _PROFILE_PER_M, 0, len(surface.zone_of) - 1)
    zone = surface.zone_of[index.astype(np.int32)]
    for block in range(int(camera.z // BLOCK_M), int((camera.z + 150) // BLOCK_M) + 1):
        joint = street.junction(block)
        if joint is not None:
            relative = joint[0] - camera.z, joint[1] - camera.z
            zone[(ahead >= relative[0]) & (ahead < relative[1])] = _ZONE_ROAD

    footprint = np.sqrt(depth / camera.focal * depth**2 / (camera.focal * camera.y))
    level = np.clip(np.log2(footprint * _TEXELS_PER_M), 0, _LEVELS - 1).astype(np.int32)[:, None]
    size = (_TILE >> level).astype(np.int32)
    texels = (size / np.float32(_TILE_M)).astype(np.float32)
    column = (q * texels).astype(np.int32) & (size - 1)
    along = ahead + np.float32(camera.z % _TILE_M)
    row = (along * texels).astype(np.int32) & (size - 1)
    place = surface.level_start[level] + (zone * (size * size)) + row * size + column
    gain = surface.atlas[place].astype(np.float32)

    blotch = spot.sample(fractal_noise(256, 64, 1), _TILE_M * 6, surface.offset)
    gain *= (1.0 + surface.blotches * (blotch - 0.5)) * np.float32(1 / 128)

    class_id = _ZONE_CLASS[zone]

    tone = np.full((h, w), 128, np.uint8)
    near_tones = [
        (p, value)
        for cell in wear
        for p, value in cell.tones
        if camera.z + _NEAREST_GROUND_M < p[:, 0].max() and p[:, 0].min() < camera.z + 45.0
    ]
    for uv, (_, value) in zip(_project(stage, [p for p, _ in near_tones]), near_tones, strict=True):
        fill(tone, uv, value)
    gain *= tone[first:].astype(np.float32) * np.float32(1 / 128)

    marks = _marking_alpha(stage, surface, first, spot)
    on_road = zone == _ZONE_ROAD
    marks *= on_road
    class_id[marks > 0.4] = LANE_MARKING

    wet = _wetness(stage, wear, first, depth, blotch) * on_road if weather.wet else None
    if wet is not None:
        gain += (1.0 - gain) * wet
    light = _light(stage, shade, first, spot)
    clear = np.exp(-depth / weather.visibility).astype(np.float32)[:, None]
    gain *= light
    gain *= clear
    # Shadow is filled with sky light: it turns bluish, not only dark.
    for channel, tint in enumerate((0.06, 0.0, -0.05)):
        colour = surface.colours[:, channel][zone]
        colour += (np.float32(surface.mark_colour[channel]) - colour) * marks
        if wet is not None:
            colour += (np.float32(0.85 * weather.sky_low[channel]) - colour) * wet
        colour *= gain
        if tint:
            colour *= np.float32(1.0 + tint) - np.float32(tint) * light
        colour += np.float32(weather.haze[channel]) * (1.0 - clear)
        stage.image[first:, :, channel] = np.minimum(colour, 255.0)
    stage.class_id[first:] = class_id
    _paint_leaves(stage, wear)


def _wetness(stage: Stage, wear: list[WearCell], first: int, depth: Array, blotch: Float) -> Float:
    """How much of the sky the ground mirrors, float32 [rows, w] in 0..1."""
    sheen = stage.weather.wet * (0.12 + 0.5 * np.clip(depth / 40.0, 0, 1))
    amount: Float = sheen.astype(np.float32)[:, None] * np.clip((blotch - 0.3) * 2.0, 0, 1)
    puddle = _mask(stage, [p for cell in wear for p in cell.puddles], first, 0.6)
    return amount if puddle is None else np.maximum(amount, puddle * np.float32(0.6))


def _marking_alpha(stage: Stage, surface: Surface, first: int, spot: _Spot) -> Float:
    """How much paint is left where, float32 [rows, w] in 0..1."""
    h, w = stage.class_id.shape
    mask = np.zeros((h, w), np.uint8)
    start = stage.camera.z + _NEAREST_GROUND_M
    polygons = marking_polygons(stage.street, start, start + _FARTHEST_DETAIL_M)
    for uv in _project(stage, _ahead(stage, polygons, _FARTHEST_DETAIL_M)):
        fill(mask, uv, 255.0)
    alpha = mask[first:].astype(np.float32) * np.float32(1 / 255)
    if surface.mark_wear > 0.1:
        left_over = spot.sample(fractal_noise(_TILE, 32, 2), _TILE_M * 2, (0.0, 0.0))
        worn = (left_over - (0.75 - 0.5 * surface.mark_wear)) * 6.0
        alpha *= 1.0 - np.clip(worn, 0, 1) * np.float32(min(0.35 + surface.mark_wear, 0.95))
    return alpha


def _light(stage: Stage, shade: Shade, first: int, spot: _Spot) -> Float:
    """Light that reaches the ground, float32 [rows, w], 1 is full."""
    weather = stage.weather
    light = np.ones_like(spot.q)
    if weather.shadow > 0.02:
        dark = _mask(stage, shade.cast, first, weather.shadow_softness)
        total = np.zeros_like(spot.q) if dark is None else dark
        leaves = _mask(stage, shade.dappled, first, weather.shadow_softness)
        if leaves is not None:
            holes = spot.sample(fractal_noise(_TILE, 64, 4), _TILE_M * 3, (9.0, 40.0))
            leaves *= np.clip(1.15 - np.clip((holes - 0.52) * 7.0, 0, 1), 0, 1)
            total = np.maximum(total, leaves)
        light -= weather.shadow * total
    contact = _mask(stage, shade.contact, first, 2.6)
    if contact is not None:
        light *= 1.0 - np.float32(0.8) * contact
    return light


def _paint_leaves(stage: Stage, wear: list[WearCell]) -> None:
    near = stage.camera.z + _NEAREST_GROUND_M
    for cell in wear:
        if not len(cell.leaves) or cell.leaves[0, 0, 0] > near + 28.0:
            continue
        for uv, colour in zip(_project(stage, list(cell.leaves)), cell.leaf_colours, strict=True):
            if uv[:, 1].min() < stage.camera.height:
                fill(stage.image, uv, (float(colour[0]), float(colour[1]), float(colour[2])))
