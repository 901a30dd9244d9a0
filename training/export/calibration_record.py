# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A manifest's `calibration`: the table, and what normal frames and the score's parts are like."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from tqdm import tqdm

from cosme_ros.bundle.calibration_table import rate_to_run_at
from cosme_ros.bundle.loading import SCORE_MAPS
from cosme_ros.explanation.part_reference import PartSamples
from cosme_ros.explanation.score_parts import samples_of
from cosme_ros.health.measures import frame_measures
from cosme_ros.health.reference import reference_record
from training.datasets.interface import evenly_spread
from training.datasets.normal_frames import FitFrames
from training.errors import UsageError
from training.export.graph_runner import GraphRunner
from training.export.manifest import input_size

RATES = tuple(m * 10.0**e for e in (-1, -2, -3, -4, -5) for m in (2.0, 1.0, 0.5))
"""False-positive rates of the table, per pixel, falling; those the data cannot support go."""

FEWEST_EXCEEDING = 100
"""Pixels that must lie above a rate's score for the rate to be in the table."""

MOST_FITTED = 500
"""Frames that were fitted to, of which the image is measured; evenly spread."""

# Scores are divided by the alarm threshold in float32; below it the quotient loses its digits.
_SMALLEST = float(np.finfo(np.float32).tiny)


def calibration_record(
    runner: GraphRunner,
    frames: FitFrames,
    manifest: Mapping[str, Any],
    fitted: FitFrames | None = None,
) -> dict[str, Any]:
    """Measure a manifest's `calibration` on normal frames.

    Args:
        runner: of the bundle's graphs.
        frames: normal ones; what their static mask hides is not measured.
        manifest: its `method` and `input_size` are read.
        fitted: normal frames that the bundle was fitted to. Scores on them would be too low, but
            the light and sharpness of their images are as normal as those of `frames`, which are
            often of another place and hour.

    Returns:
        The table and the rate to run at; `health` and `parts` where there are enough frames.

    Raises:
        UsageError: as `calibration_table`.
    """
    size, static_mask = input_size(manifest), frames.static_mask
    samples = PartSamples()
    scores, measures = [], []
    for number in tqdm(range(len(frames)), "calibration", unit="frame"):
        image = frames.original(number)
        maps = runner.run(frames.resized(image))
        grids = {name: maps[name][0, 0] for name in SCORE_MAPS}
        score = grids["score"]
        scores.append(score if static_mask is None else static_mask.values_of(score))
        measures.append(frame_measures(image, grids, input_size=size, static_mask=static_mask))
        samples.add(
            samples_of(manifest, grids, maps),
            None if static_mask is None else static_mask.places(*score.shape),
        )
    measures += _image_measures(fitted, size) if fitted is not None else []
    counted, pixels, table = calibration_table(scores)
    rates = (table[-1]["false_positive_rate"], table[0]["false_positive_rate"])
    health, parts = reference_record(measures), samples.record()
    return {
        "frames": counted,
        "pixels": pixels,
        "table": table,
        "false_positive_rate": rate_to_run_at(rates),  # the usual one, if it is among them
        **({} if health is None else {"health": health}),
        **({} if parts is None else {"parts": parts}),
    }


def _image_measures(frames: FitFrames, size: tuple[int, int]) -> list[np.ndarray]:
    return [
        frame_measures(frames.original(n), {}, input_size=size, static_mask=frames.static_mask)
        for n in tqdm(evenly_spread(len(frames), MOST_FITTED), "images", unit="frame")
    ]


def calibration_table(score_maps: Iterable[np.ndarray]) -> tuple[int, int, list[dict[str, float]]]:
    """Return the raw scores that given shares of normal pixels reach.

    Args:
        score_maps: raw CosMe scores (Eq. 8) of normal frames, any shapes.

    Returns:
        Number of frames, number of pixels (of the maps, at their stride), and the rows
        {false_positive_rate, raw_score} with rates falling and scores rising, both strictly: of
        two rates with the same score the lower one gets the next float32 above it.

    Raises:
        UsageError: no frames, a score that is not finite, or too few pixels for even the
            highest rates.
    """
    flat = [np.ravel(scores) for scores in score_maps]
    if not flat:
        raise UsageError("no frames to calibrate on")
    pooled = np.concatenate(flat)
    if not np.isfinite(pooled).all():
        raise UsageError("a score on a normal frame is not finite; the bundle would be useless")
    rates = [rate for rate in RATES if rate * pooled.size >= FEWEST_EXCEEDING]
    if len(rates) < 2:
        raise UsageError(
            f"{pooled.size} pixels are too few to calibrate on; "
            f"at least {round(FEWEST_EXCEEDING / RATES[1])} are needed"
        )
    scores = np.quantile(pooled, 1.0 - np.array(rates), method="higher")
    if scores[0] < _SMALLEST:
        raise UsageError(
            f"the score that {rates[0]:g} of the normal pixels reach is {scores[0]}; a calibration "
            f"needs scores of {_SMALLEST:.4g} or more"
        )
    table: list[dict[str, float]] = []
    score_before = np.float32(0)
    for rate, score in zip(rates, scores.astype(np.float32), strict=True):
        score_before = max(score, np.nextafter(score_before, np.float32(np.inf)))
        table.append({"false_positive_rate": rate, "raw_score": float(score_before)})
    return len(flat), pooled.size, table
