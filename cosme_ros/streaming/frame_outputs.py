# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""From what was detected in a picture to what the node publishes: only what somebody hears."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosme_ros.geometry.obstacle_position import GroundGeometry, ObstaclePosition, locate_obstacles
from cosme_ros.health.state import NO_HEALTH, FrameHealth, HealthState
from cosme_ros.inference.detector import Detection
from cosme_ros.postprocessing.obstacle_decision import (
    ObstacleDecision,
    ObstacleRule,
    decide_obstacles,
)
from cosme_ros.postprocessing.obstacles import Obstacle, contours, outlines
from cosme_ros.tracking.confirmed_obstacles import confirmed_only
from cosme_ros.tracking.obstacle_tracker import ObstacleTracker, Track
from cosme_ros.visualization.overlay import draw_overlay

NotesOf = Callable[[Detection, tuple[Obstacle, ...], NDArray[np.uint8]], tuple[str, ...]]
"""From a detection, its obstacles and their mask to a few words on each."""


@dataclass(frozen=True)
class RequestedOutputs:
    """Which outputs have a listener."""

    score: bool
    mask: bool
    overlay: bool
    obstacles: bool = False


@dataclass(frozen=True)
class FrameOutputs:
    """None is what nobody wanted, and mask and obstacles that cannot be trusted."""

    detection: Detection
    """Of the frame: for an output that needs no more than one of its maps."""
    size: tuple[int, int]
    """Of the image: H, W."""
    score: NDArray[np.float32] | None
    """[H, W] or the networks' grid, 1.0 is the alarm line."""
    mask: NDArray[np.uint8] | None
    """[H, W], 0 or 255."""
    overlay: NDArray[np.uint8] | None
    """[H, W, 3] BGR."""
    obstacles: tuple[Obstacle, ...] | None
    outlines: tuple[NDArray[np.int32], ...] | None
    """Of the obstacles, [N, 2] pixels (x, y)."""
    notes: tuple[str, ...]
    """Of each of `obstacles`, why it is one, in a few words."""
    mask_withheld: bool
    """Because it is unknown where an obstacle could be: no drivable area."""
    tracks: tuple[Track, ...] | None = None
    """Of each of `obstacles`, in order; None where they are not tracked."""
    unconfirmed: int = 0
    """Obstacles of the frame that are in no output, because an alarm needs more frames."""
    out_of_domain: bool = False
    """Whether mask and obstacles are withheld because the frame is unlike those of calibration."""
    health: FrameHealth = NO_HEALTH
    """Of the camera at the frame."""
    ground: GroundGeometry | None = None
    """By which the obstacles were placed on the road; None where that is off or not possible."""
    positions: tuple[ObstaclePosition | None, ...] | None = None
    """Of the obstacles; None where there is no `ground`. Of one that is not on the road, None."""

    @property
    def track_ids(self) -> tuple[int, ...] | None:
        """Return the track ids of the obstacles, in order; None where they are not tracked."""
        return None if self.tracks is None else tuple(track.id for track in self.tracks)


def compute_outputs(
    detection: Detection,
    image: NDArray[np.uint8],
    requested: RequestedOutputs,
    *,
    rule: ObstacleRule,
    provider: str,
    frame_rate: float | None = None,
    score_on_grid: bool = False,
    tracker: ObstacleTracker | None = None,
    stamp: int = 0,
    health: FrameHealth = NO_HEALTH,
    out_of_domain: str = "publish",
    notes: NotesOf | None = None,
    ground: GroundGeometry | None = None,
) -> FrameOutputs:
    """Make the wanted outputs of what was detected in a frame.

    Args:
        detection: of the frame.
        image: the frame itself, uint8 [H, W, 3] BGR.
        requested: what is made. All of it has the image's size.
        rule: what makes an obstacle. Where the obstacles are unknown, the mask is withheld.
        provider: shown in the overlay.
        frame_rate: frames a second, shown in the overlay.
        score_on_grid: gives the score as the networks do instead.
        tracker: of the frame's camera; gets every frame, and leaves out what is not confirmed yet.
            None: obstacles are not followed.
        stamp: of the frame, nanoseconds; for the tracker.
        health: of the camera at this frame.
        out_of_domain: one of OUT_OF_DOMAIN: 'withhold' makes neither mask nor obstacles where the
            health says so.
        notes: returns a short text on each obstacle; None: no notes.
        ground: by which obstacles get a place on the road; None leaves that out.
    """
    unlike = health.state == HealthState.OUT_OF_DOMAIN and out_of_domain == "withhold"
    withheld = False
    mask: NDArray[np.uint8] | None = None
    overlay: NDArray[np.uint8] | None = None
    obstacles: tuple[Obstacle, ...] = ()
    tracks: tuple[Track, ...] | None = None
    unconfirmed = 0
    if requested.mask or requested.overlay or requested.obstacles or tracker is not None:
        decision = decide_obstacles(detection, image, rule)
        # A frame whose obstacles are unknown is no frame without obstacles.
        if tracker is not None and decision.mask is not None:
            positions = _positions(decision, ground)
            tracked = confirmed_only(
                decision,
                tracker.update(decision.obstacles, stamp, positions=_on_the_ground(positions)),
            )
            decision, tracks = tracked.decision, tracked.tracks
            unconfirmed = tracked.unconfirmed
        mask, obstacles = decision.mask, decision.obstacles
        withheld = mask is None
        if unlike:
            mask, obstacles = None, ()
        if requested.overlay:
            overlay = draw_overlay(
                image,
                detection.score,
                obstacles,
                mask,
                frame_rate=frame_rate,
                provider=provider,
                static_mask=rule.static_mask,
                health=health,
            )
    lines = outlines(mask, obstacles) if requested.obstacles and mask is not None else None
    words: tuple[str, ...] = ()
    if lines is not None and mask is not None and obstacles and notes is not None:
        words = notes(detection, obstacles, mask)
    positions = None if lines is None else _positions(ObstacleDecision(mask, obstacles), ground)
    score: NDArray[np.float32] | None = None
    if requested.score:
        score = detection.score_grid if score_on_grid else detection.score
    height, width = image.shape[:2]
    return FrameOutputs(
        detection=detection,
        size=(height, width),
        score=score,
        mask=mask if requested.mask else None,
        overlay=overlay,
        obstacles=None if lines is None else obstacles,
        outlines=lines,
        notes=words,
        mask_withheld=withheld,
        tracks=None if lines is None else tracks,
        unconfirmed=unconfirmed,
        out_of_domain=unlike,
        health=health,
        ground=ground,
        positions=positions,
    )


def _positions(
    decision: ObstacleDecision, ground: GroundGeometry | None
) -> tuple[ObstaclePosition | None, ...] | None:
    """Return where the obstacles stand; None without geometry, and where they are unknown."""
    if ground is None or decision.mask is None:
        return None
    return locate_obstacles(contours(decision.mask, decision.obstacles), ground)


def _on_the_ground(
    positions: Sequence[ObstaclePosition | None] | None,
) -> list[tuple[float, float] | None] | None:
    """Return x and y of each in metres, in the vehicle's frame."""
    if positions is None:
        return None
    return [None if position is None else (position.x, position.y) for position in positions]
