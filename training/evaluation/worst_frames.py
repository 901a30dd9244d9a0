# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Pictures of the frames that a method judges worst."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from cosme_ros.metrics.labels import to_size
from training.datasets.registry import Dataset
from training.evaluation.dataset_figures import DatasetFigures, FrameErrors, ScoreStore
from training.evaluation.frame_scores import TITLES

FOLDER = "worst"
FOUND = (60, 200, 90)
FALSE_ALARM = (240, 60, 50)
MISSED = (50, 110, 255)
NOT_JUDGED = (128, 128, 128)
"""RGB."""

_DIMMED = 0.35
_WIDTH_INCHES = 15.0
_DOTS_PER_INCH = 100
_COLOURED_SHARES = (0.01, 0.999)
"""Of a frame's scores, by rank: what is lower or higher is drawn like the first or the last."""


def draw_worst_frames(
    folder: Path,
    dataset: Dataset,
    figures: DatasetFigures,
    method: str,
    store: ScoreStore,
    count: int,
    origin: dict[str, str],
) -> list[Path]:
    """Write the `count` frames with the most false alarms and with the most misses.

    Each picture shows the frame, its score, and the outcome of every pixel at the method's
    threshold of best F1 over the set: found, false alarm, missed, not judged.

    Args:
        folder: the pictures go into FOLDER in it.
        dataset: as it was measured.
        figures: of the data set.
        method: whose errors.
        store: still holds the method's maps.
        count: of each kind; frames without such an error are left out.
        origin: goes into the pictures' metadata.
    """
    worst = {
        "false_alarms": _highest(figures.errors[method], "false_alarms", count),
        "misses": _highest(figures.errors[method], "misses", count),
    }
    written = []
    for kind, frames in worst.items():
        for place, frame in enumerate(frames, start=1):
            name = re.sub(r"[^\w.-]+", "_", dataset.source.frame_name(frame.frame))
            path = folder / FOLDER / f"{method}_{kind}_{place}_{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image, label = dataset.source[frame.frame]
            score = to_size(store.get(method, frame.frame), label.shape)
            threshold = figures.methods[method].pixels.best_f1_threshold
            title = (
                f"{TITLES[method]} on {dataset.title}, {dataset.source.frame_name(frame.frame)}: "
                f"{frame.false_alarms} pixels of false alarm, {frame.misses} missed"
            )
            _draw(path, title, image, label, score, threshold, origin)
            written.append(path)
    return written


def outcome_picture(
    image: np.ndarray, label: np.ndarray, score: np.ndarray, threshold: float
) -> np.ndarray:
    """Colour every pixel by its outcome.

    Args:
        image: uint8 [H, W, 3] BGR.
        label: uint8 [H, W], 0 normal, 1 anomaly, 255 not judged.
        score: float32 [H, W].
        threshold: scores from it on are alarms.

    Returns:
        uint8 [H, W, 3] RGB: the colours at the head of this file over the dimmed frame.
    """
    picture = (image[..., ::-1] * _DIMMED).astype(np.uint8)
    alarm = score >= np.float32(threshold)
    picture[(label == 1) & alarm] = FOUND
    picture[(label == 0) & alarm] = FALSE_ALARM
    picture[(label == 1) & ~alarm] = MISSED
    picture[(label != 0) & (label != 1)] = NOT_JUDGED
    return picture


def _highest(errors: tuple[FrameErrors, ...], kind: str, count: int) -> list[FrameErrors]:
    ordered = sorted(errors, key=lambda error: (-getattr(error, kind), error.frame))
    return [error for error in ordered[:count] if getattr(error, kind)]


def _draw(
    path: Path,
    title: str,
    image: np.ndarray,
    label: np.ndarray,
    score: np.ndarray,
    threshold: float,
    origin: dict[str, str],
) -> None:
    height = _WIDTH_INCHES / 3 * label.shape[0] / label.shape[1] + 0.8
    figure = Figure(figsize=(_WIDTH_INCHES, height), layout="constrained")
    figure.suptitle(title, fontsize=10)
    lowest, highest = (float(value) for value in np.quantile(score, _COLOURED_SHARES))
    # Products of distances span decades, of which linear colours would show the last.
    norm = (LogNorm if lowest > 0 else Normalize)(lowest, max(highest, threshold), clip=True)
    panels: tuple[tuple[str, np.ndarray, dict[str, Any]], ...] = (
        ("frame", image[..., ::-1], {}),
        (
            f"score; outlined from {threshold:.3g} on",
            score,
            {"cmap": "magma", "norm": norm},
        ),
        (
            "green found, red false alarm, blue missed, grey not judged",
            outcome_picture(image, label, score, threshold),
            {},
        ),
    )
    for axes, (name, picture, settings) in zip(figure.subplots(1, 3), panels, strict=True):
        axes.imshow(picture, **settings)
        axes.set_title(name, fontsize=8)
        axes.set_axis_off()
        if picture is score and score.min() < threshold <= score.max():
            axes.contour(score, [threshold], colors="white", linewidths=0.6)
    figure.savefig(path, dpi=_DOTS_PER_INCH, metadata=origin)
