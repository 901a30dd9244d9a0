# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Why each obstacle of a frame is one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cosme_ros.bundle.loading import Bundle
from cosme_ros.explanation.nearest import NearestPrototype, nearest_prototypes
from cosme_ros.explanation.part_reference import PartReference
from cosme_ros.explanation.places import Places, places_of
from cosme_ros.explanation.score_parts import CONSENSUS, MEMORY, parts_of, score_parts
from cosme_ros.inference.detector import Detection, Detector
from cosme_ros.postprocessing.obstacles import Obstacle


@dataclass(frozen=True)
class Contribution:
    """One part of a score on an obstacle."""

    part: str
    value: float
    """Geometric mean over the obstacle, no unit."""
    rarity: float | None
    """Share of normal places that reach the value; None where the bundle has no reference."""
    share: float | None
    """Of what makes the score higher than that of normal places, 0..1; None likewise."""


@dataclass(frozen=True)
class Explanation:
    """Why one obstacle is one."""

    obstacle: Obstacle
    contributions: tuple[Contribution, ...]
    taken_for: str
    """The teacher's class on most of it; '' in a bundle without classes."""
    taken_share: float
    """Share of the obstacle that has this class, 0..1."""
    nearest: tuple[NearestPrototype, ...] = ()
    """By layer of the memory, at the highest score; empty where the features are not at hand."""


def explain_briefly(
    bundle: Bundle,
    reference: PartReference | None,
    detection: Detection,
    obstacles: Sequence[Obstacle],
    mask: NDArray[np.uint8],
) -> tuple[Explanation, ...]:
    """Explain a frame's obstacles by what the frame has anyway: no network runs.

    Forward and backward consensus are separate only in a bundle that has one of them alone.

    Args:
        bundle: that was run.
        reference: of the bundle; None where it has none.
        detection: of the frame.
        obstacles: of the frame.
        mask: uint8 [H, W] of the obstacles.
    """
    names = parts_of(bundle.manifest)
    ways = [name for name in names if name != MEMORY]
    parts = {MEMORY: detection.grids["mulmem"]} if MEMORY in names else {}
    if ways:
        parts[ways[0] if len(ways) == 1 else CONSENSUS] = detection.grids["auxcon"]
    return tuple(
        _explained(bundle, reference, detection, obstacle, mask, parts) for obstacle in obstacles
    )


def explain(
    detector: Detector,
    reference: PartReference | None,
    detection: Detection,
    image: NDArray[np.uint8],
    obstacles: Sequence[Obstacle],
    mask: NDArray[np.uint8],
) -> tuple[Explanation, ...]:
    """Explain a frame's obstacles in full: teacher and student run once more.

    Args:
        detector: that made the detection.
        reference: of its bundle; None where it has none.
        detection: of the frame.
        image: the frame, uint8 [H, W, 3] BGR.
        obstacles: of the frame.
        mask: uint8 [H, W] of the obstacles.
    """
    if not obstacles:
        return ()
    outputs = detector.network_outputs(image)
    features = detector.remembered(outputs)
    bundle = detector.bundle
    parts = score_parts(bundle.manifest, detection.grids, outputs)
    explained = []
    for obstacle in obstacles:
        brief = _explained(bundle, reference, detection, obstacle, mask, parts)
        row, column = _highest(detection, places_of(obstacle, mask, detection.raw_score_grid.shape))
        nearest = nearest_prototypes(features, detector.banks, (row, column))
        explained.append(replace(brief, nearest=nearest))
    return tuple(explained)


def _explained(
    bundle: Bundle,
    reference: PartReference | None,
    detection: Detection,
    obstacle: Obstacle,
    mask: NDArray[np.uint8],
    parts: Mapping[str, NDArray[np.float32]],
) -> Explanation:
    places = places_of(obstacle, mask, detection.raw_score_grid.shape)
    classes, counts = np.unique(detection.class_grid[places], return_counts=True)
    most = int(counts.argmax())
    number = int(classes[most])
    return Explanation(
        obstacle,
        _contributions(parts, places, reference),
        bundle.classes[number].name if number < len(bundle.classes) else "",
        float(counts[most] / counts.sum()),
    )


def _contributions(
    parts: Mapping[str, NDArray[np.float32]], places: Places, reference: PartReference | None
) -> tuple[Contribution, ...]:
    values = {
        name: float(np.exp(np.log(np.maximum(grid[places], np.float32(1e-12))).mean()))
        for name, grid in parts.items()
    }
    if reference is None:
        return tuple(Contribution(name, value, None, None) for name, value in values.items())
    above = {name: max(0.0, reference.excess(name, value)) for name, value in values.items()}
    total = sum(above.values())
    return tuple(
        Contribution(
            name, value, reference.rarity(name, value), above[name] / total if total else None
        )
        for name, value in values.items()
    )


def _highest(detection: Detection, places: Places) -> tuple[float, float]:
    """Return where the score is highest among some places, as shares of height and width."""
    grid = detection.raw_score_grid
    best = int(grid[places].argmax())
    height, width = grid.shape
    return (float(places[0][best]) + 0.5) / height, (float(places[1][best]) + 0.5) / width
