# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Figures of every method on one data set, in one pass of the networks over its frames."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from tqdm import tqdm

from cosme_ros.metrics.anomaly_metrics import AnomalyMetrics, Curve
from cosme_ros.metrics.component_metrics import (
    ANOMALY_TRACK,
    OBSTACLE_TRACK,
    ComponentAccumulator,
    ComponentMetrics,
    MinimumSizes,
)
from cosme_ros.metrics.labels import to_size
from training.datasets.registry import Dataset
from training.errors import UsageError
from training.evaluation.frame_scores import FrameScorer
from training.evaluation.thing_sizes import Size, SizedHistogram, SizedThings, split_by_size


class ScoreStore:
    """Keeps float32 maps by method and frame in a temporary folder; a context manager.

    What is kept in memory does not grow with the number of frames. On disk a map takes four
    bytes for each of its places.

    Args:
        parent: an existing folder on a disk with room; the temporary one goes in there.
    """

    def __init__(self, parent: Path) -> None:
        self._folder = TemporaryDirectory(prefix=".scores_", dir=parent)

    def __enter__(self) -> "ScoreStore":
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def put(self, method: str, frame: int, score: np.ndarray) -> None:
        """Keep a map."""
        np.save(self._path(method, frame), score.astype(np.float32, copy=False))

    def get(self, method: str, frame: int) -> np.ndarray:
        """Return the map that was put."""
        score: np.ndarray = np.load(self._path(method, frame), allow_pickle=False)
        return score

    def _path(self, method: str, frame: int) -> Path:
        return Path(self._folder.name) / f"{method}_{frame:06d}.npy"


OBSTACLE_SETS = ("fishyscapes_lost_and_found", "lost_and_found", "road_obstacle_21")
"""Sets of small things on the road, judged with the obstacle track's minimum sizes; all others
with the anomaly track's."""


@dataclass(frozen=True)
class MethodFigures:
    """One method on one data set.

    Attributes:
        pixels: all judged pixels.
        by_size: with the things of one size alone; None where the set has none of it.
        components: at the threshold of best pixel F1.
        curve: of all judged pixels.
    """

    pixels: AnomalyMetrics
    by_size: dict[Size, AnomalyMetrics | None]
    components: ComponentMetrics
    curve: Curve


@dataclass(frozen=True)
class FrameErrors:
    """Pixels of one frame that one method judged wrongly, at its threshold of best F1.

    Attributes:
        frame: number in the data set.
        false_alarms: normal pixels from the threshold on.
        misses: anomalous pixels below it.
    """

    frame: int
    false_alarms: int
    misses: int


@dataclass(frozen=True)
class DatasetFigures:
    """Every method on one data set.

    Attributes:
        frames: number of frames.
        normal_pixels: judged, over all frames.
        anomalous_pixels: over all frames.
        things: how many small and large ones there are, and their pixels.
        sizes: what components had to have at least.
        methods: by name, in the order of tables.
        errors: by method, of each frame.
    """

    frames: int
    normal_pixels: int
    anomalous_pixels: int
    things: dict[Size, SizedThings]
    sizes: MinimumSizes
    methods: dict[str, MethodFigures]
    errors: dict[str, tuple[FrameErrors, ...]]


def measure_dataset(dataset: Dataset, scorer: FrameScorer, store: ScoreStore) -> DatasetFigures:
    """Score every frame, then judge every score.

    Pixels of all frames are pooled, as Fishyscapes does. Every map is brought to the label's
    size bilinearly. Components are judged at each method's threshold of best pixel F1 over the
    set, as SegmentMeIfYouCan does, which is known only after the last frame: maps wait in
    `store`, and the second pass runs no network.

    Args:
        dataset: with labels 0 normal, 1 anomaly, 255 not judged.
        scorer: its `learn` done.
        store: takes the maps.

    Raises:
        UsageError: labels are classes, of one kind only, or of another size than the score can
            be brought to; a score is not finite.
    """
    if dataset.kind != "anomalies":
        raise UsageError(
            f"{dataset.spelling} is labelled with classes; to evaluate, labels have to say what "
            "is an anomaly, for example NAME=PATH?0:0,1:1"
        )
    histograms = {method: SizedHistogram() for method in scorer.methods}
    things = dict.fromkeys(Size, SizedThings(0, 0))
    frames = range(len(dataset.source))
    for index in tqdm(frames, f"{dataset.name}: scores", unit="frame"):
        image, label = dataset.source[index]
        masks = {}
        for size, (masks[size], of_frame) in split_by_size(label).items():
            things[size] += of_frame
        for method, score in scorer.maps(image).items():
            try:
                histograms[method].add(to_size(score, label.shape), label, masks)
            except ValueError as error:
                raise UsageError(
                    f"{method} on {dataset.name} {dataset.source.frame_name(index)}: {error}"
                ) from error
            store.put(method, index, score)
    try:
        together = {method: histogram.all() for method, histogram in histograms.items()}
        pixels = {method: histogram.result() for method, histogram in together.items()}
    except ValueError as error:
        raise UsageError(f"the labels of {dataset.spelling} hold {error}") from error
    sizes = OBSTACLE_TRACK if dataset.name in OBSTACLE_SETS else ANOMALY_TRACK
    components = {method: ComponentAccumulator(sizes) for method in scorer.methods}
    errors: dict[str, list[FrameErrors]] = {method: [] for method in scorer.methods}
    for index in tqdm(frames, f"{dataset.name}: components", unit="frame"):
        _, label = dataset.source[index]
        for method in scorer.methods:
            score = to_size(store.get(method, index), label.shape)
            detected = score >= np.float32(pixels[method].best_f1_threshold)
            components[method].add(detected, label)
            errors[method].append(_errors(index, detected, label))
    normal, anomalous = together[scorer.methods[0]].pixels
    return DatasetFigures(
        len(frames),
        normal,
        anomalous,
        things,
        sizes,
        {
            method: MethodFigures(
                pixels[method],
                {size: histograms[method].of_size(size) for size in Size},
                components[method].result(),
                together[method].curve(),
            )
            for method in scorer.methods
        },
        {method: tuple(of_method) for method, of_method in errors.items()},
    )


def _errors(frame: int, detected: np.ndarray, label: np.ndarray) -> FrameErrors:
    return FrameErrors(
        frame,
        false_alarms=int((detected & (label == 0)).sum()),
        misses=int((~detected & (label == 1)).sum()),
    )
