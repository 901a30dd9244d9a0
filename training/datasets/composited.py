"""Real frames with painted things on the road, for choosing settings by.

In the manner of Fishyscapes Static (Blum et al., IJCV 2021): pictures of normal driving, into
which things are blended that do not belong there. What is chosen by these, the test pictures
of a report have not been used for.
"""

import cv2
import numpy as np

from training.checkpoint import SegmentationClass
from training.datasets.entry import NamedSource
from training.datasets.frames import FrameSource, WithoutLabels
from training.datasets.label_map import IGNORE
from training.datasets.streets.anomaly_shapes import make_cutout

ANOMALY = 1

CAMERA_HEIGHT_M = 1.4
"""Of a camera behind a windscreen: together with the horizon it says how large things are."""

_FARTHEST_ROW = 0.25
_NEAREST_ROW = 0.9
"""Between horizon and lower edge: where things stand."""

_TRIES = 40


class CompositedAnomalies:
    """Labelled driving frames with one to three anomalies each.

    Frame `index` depends on (seed, index) and the source alone.

    Args:
        source: frames with class ids.
        classes: what the ids mean; anomalies stand on drivable ones.
        seed: which anomalies, and where.
    """

    def __init__(
        self, source: NamedSource, classes: tuple[SegmentationClass, ...], seed: int
    ) -> None:
        self._source = source
        self._drivable = [number for number, c in enumerate(classes) if c.drivable]
        self._seed = seed

    @property
    def images(self) -> FrameSource:
        """The same frames, painted things included."""
        return WithoutLabels(self)

    def frame_name(self, index: int) -> str:
        """Return the name that the frame has in the source."""
        return self._source.frame_name(index)

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Frame uint8 [H, W, 3] BGR and uint8 [H, W]: 0 normal, 1 anomaly, 255 not judged.

        Where nobody labelled the source, nothing is judged.
        """
        image, class_id = self._source[index]
        rng = np.random.default_rng((self._seed, index))
        label = np.where(class_id == IGNORE, IGNORE, 0).astype(np.uint8)
        road = np.isin(class_id, self._drivable)
        if not road.any():
            return image, label
        picture = image.astype(np.float32)
        # From far to near, so that what is nearer covers what is behind it.
        for row, column, pixels_per_metre in sorted(_places(road, rng)):
            paint_thing(picture, label, row, column, pixels_per_metre, rng)
        return np.clip(picture + 0.5, 0, 255).astype(np.uint8), label


def _places(road: np.ndarray, rng: np.random.Generator) -> list[tuple[int, int, float]]:
    """Feet of one to three things on the road: (row, column, pixels per metre)."""
    height = len(road)
    # A flat road ends at the horizon; what a hill or a car hides makes it a little lower.
    horizon = int(np.flatnonzero(road.any(axis=1))[0])
    places: list[tuple[int, int, float]] = []
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
            places.append((row, int(rng.choice(columns)), scale))
    return places


def paint_thing(
    picture: np.ndarray,
    label: np.ndarray,
    row: int,
    column: int,
    scale: float,
    rng: np.random.Generator,
) -> None:
    """Blend a thing into `picture` float32 [H, W, 3] and mark it in `label`."""
    cutout = make_cutout(rng)
    across = max(4.0, cutout.width * scale)
    bgra: np.ndarray = cutout.sprite.at_width(across).astype(np.float32)
    shrunk = (round(across), max(1, round(len(bgra) / bgra.shape[1] * across)))
    bgra = cv2.resize(bgra, shrunk, interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        bgra = bgra[:, ::-1]
    # One pixel of room, so that the softened edge is not cut.
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
    thing = cut[..., :3] * _light(picture)
    soft = cv2.GaussianBlur(np.dstack([thing * alpha, alpha]), (0, 0), 0.6)
    covered, colour = soft[..., 3:], soft[..., :3]
    noise = rng.normal(0.0, 2.0, colour.shape).astype(np.float32)
    _shade_ground(picture, row, column, 0.5 * cutout.width * scale)
    picture[inside] = picture[inside] * (1.0 - covered) + colour + noise * covered
    label[inside][soft[..., 3] > 0.5] = ANOMALY


def _light(picture: np.ndarray) -> float:
    """How bright things may be: the frame's bright parts are as bright as a cutout's."""
    return float(np.clip(np.percentile(picture, 90) / 200.0, 0.3, 1.1))


def _shade_ground(picture: np.ndarray, row: int, column: int, half_width: float) -> None:
    """Darken the ground that a thing stands on."""
    shade: np.ndarray = np.zeros(picture.shape[:2], np.float32)
    axes = (max(1, round(1.1 * half_width)), max(1, round(0.22 * half_width)))
    cv2.ellipse(shade, (column, row), axes, 0, 0, 360, 0.45, cv2.FILLED)
    shade = cv2.GaussianBlur(shade, (0, 0), max(0.8, 0.12 * half_width))
    picture *= (1.0 - shade)[..., None]
