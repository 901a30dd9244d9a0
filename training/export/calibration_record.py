# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A manifest's `calibration`: the table, and what normal frames and the score's parts are like."""

from collections.abc import Mapping
from typing import Any

from tqdm import tqdm

from cosme_ros.bundle.loading import SCORE_MAPS
from cosme_ros.explanation.part_reference import PartSamples
from cosme_ros.explanation.score_parts import samples_of
from cosme_ros.health.measures import frame_measures
from cosme_ros.health.reference import reference_record
from training.datasets.normal_frames import FitFrames
from training.export.calibration_table import calibration_of
from training.export.graph_runner import GraphRunner
from training.export.manifest import input_size


def calibration_record(
    runner: GraphRunner, frames: FitFrames, manifest: Mapping[str, Any]
) -> dict[str, Any]:
    """Measure a manifest's `calibration` on normal frames.

    Args:
        runner: of the bundle's graphs.
        frames: normal ones; what their static mask hides is not measured.
        manifest: its `method` and `input_size` are read.

    Returns:
        The table, with `health` and `parts` where there are enough frames for them.

    Raises:
        UsageError: as `calibration_table`.
    """
    size, static_mask = input_size(manifest), frames.static_mask
    samples = PartSamples()
    scores, measures = [], []
    for number in tqdm(range(len(frames)), "calibration", unit="frame"):
        image = frames[number]
        maps = runner.run(image)
        grids = {name: maps[name][0, 0] for name in SCORE_MAPS}
        score = grids["score"]
        scores.append(score if static_mask is None else static_mask.values_of(score))
        measures.append(frame_measures(image, grids, input_size=size, static_mask=static_mask))
        samples.add(
            samples_of(manifest, grids, maps),
            None if static_mask is None else static_mask.places(*score.shape),
        )
    health, parts = reference_record(measures), samples.record()
    return {
        **calibration_of(scores),
        **({} if health is None else {"health": health}),
        **({} if parts is None else {"parts": parts}),
    }
