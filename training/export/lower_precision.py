# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A bundle made faster by a lower precision, and what that costs, measured."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tqdm import tqdm

from cosme_ros.metrics.anomaly_metrics import AnomalyHistogram
from cosme_ros.metrics.labels import IGNORED, to_size
from cosme_ros.postprocessing.static_mask import StaticMask
from training.datasets.registry import Dataset
from training.errors import UsageError
from training.export.bundle_writer import relative_error
from training.export.graph_runner import GraphRunner
from training.export.manifest import (
    file_records,
    manifest_sha256,
    read_manifest,
    write_checked_manifest,
    written_whole,
)

MOST_PRECISION_LOST = 0.005
"""Share of the average precision that a faster bundle may cost."""

NETWORKS = ("teacher", "student")

Precision = Literal["float16", "int8", "bfloat16"]

_REMEDIES: dict[Precision, str] = {
    "int8": "Try more normal frames of all places and light (--normal, --normal-frames), from "
    "which the ranges of the values are taken, and more labelled pictures, if these are few. "
    "`python -m training halve` rounds less, for GPUs; `fit --half-weights` halves the files and "
    "nothing else",
    "float16": "Try more labelled pictures, if these are few; `fit --half-weights` rounds the "
    "weights only, and computes in float32",
    "bfloat16": "Try more labelled pictures, if these are few; without this command the bundle "
    "computes in float32",
}

Convert = Callable[[Path, Path, dict[str, Any]], None]
"""Writes the four files of the bundle at the first path, converted, to the second, and brings the
manifest, which it is given, up to date with them, but for hashes."""

OpenBundle = Callable[[Path], GraphRunner]


@dataclass(frozen=True)
class PrecisionCost:
    """What a lower precision changes on labelled frames.

    Attributes:
        frames: how many were measured.
        average_precision: of the score in the lower precision, 0..1.
        single_average_precision: of the score of the bundle it was made from.
        relative_error: by score map, the largest difference over the map's largest value; of
            class_id the largest share of a frame that differs.
    """

    frames: int
    average_precision: float
    single_average_precision: float
    relative_error: dict[str, float]

    @property
    def lost(self) -> float:
        """Return the share of the average precision that is lost; below 0 where it rose."""
        return 1.0 - self.average_precision / self.single_average_precision

    def sentence(self, title: str) -> str:
        """Return the cost in words; `title` is the data set's."""
        errors = ", ".join(f"{name} {error:.2e}" for name, error in self.relative_error.items())
        return (
            f"average precision {self.average_precision:.4f}, before "
            f"{self.single_average_precision:.4f} ({self.frames} frames of {title}); largest "
            f"difference over the largest value: {errors}"
        )


def write_faster_bundle(
    bundle: Path,
    out: Path,
    precision: Precision,
    convert: Convert,
    dataset: Dataset,
    open_lower: OpenBundle = GraphRunner,
    static_mask: StaticMask | None = None,
) -> PrecisionCost:
    """Write `bundle` in a lower precision to `out`, which appears whole or not at all.

    The manifest says what was measured on `dataset`.

    Args:
        bundle: in float32.
        out: the folder to write.
        precision: what the networks compute in.
        convert: makes the files.
        dataset: with labels 0 normal, 1 anomaly, 255 not judged.
        open_lower: opens what was written, as it computes where it is for.
        static_mask: of the bundle's camera. What it hides of frames with its ratio of sides is
            neither judged nor compared; other frames are another camera's, and are judged whole.

    Raises:
        UsageError: no bundle, one of lower precision already, labels of one kind only, values
            that overflow, or more than MOST_PRECISION_LOST of the AP lost.
    """
    manifest = read_manifest(bundle)
    if "precision" in manifest:
        raise UsageError(f"{bundle} is in {manifest['precision']['networks']} already")
    if out.resolve() == bundle.resolve():
        raise UsageError(f"{out} is the bundle itself; another folder is right")
    with written_whole(out) as part:
        convert(bundle, part, manifest)
        runners = (GraphRunner(bundle), open_lower(part))
        cost = _compare(runners, precision, dataset, static_mask)
        if cost.lost > MOST_PRECISION_LOST:
            raise UsageError(
                f"{precision} would lose {cost.lost:.1%} of the average precision on "
                f"{dataset.spelling} ({cost.single_average_precision:.4f} to "
                f"{cost.average_precision:.4f}); at most {MOST_PRECISION_LOST:.1%} is right. "
                f"Nothing was written. {_REMEDIES[precision]}"
            )
        manifest["precision"] = {
            "networks": precision,
            "made_from": manifest_sha256(bundle),
            "measured_on": dataset.title,
            "frames": cost.frames,
            "average_precision": cost.average_precision,
            "single_average_precision": cost.single_average_precision,
            "relative_error": cost.relative_error,
        }
        # Pictures of prototypes stay behind.
        files = (part / file for file in manifest["files"])
        manifest["files"] = file_records(path for path in files if path.exists())
        write_checked_manifest(part, manifest)
    return cost


def _compare(
    runners: tuple[GraphRunner, GraphRunner],
    precision: Precision,
    dataset: Dataset,
    static_mask: StaticMask | None,
) -> PrecisionCost:
    """Measure the bundle in float32 and the other one, in this order, on the same frames."""
    is_other_camera = False
    histograms = (AnomalyHistogram(), AnomalyHistogram())
    largest: dict[str, float] = {}
    for index in tqdm(range(len(dataset.source)), "both precisions", unit="frame"):
        image, label = dataset.source[index]
        wanted, found = (runner.run(image) for runner in runners)
        for name, value in found.items():
            if not np.isfinite(value).all():
                raise UsageError(
                    f"{name} is NaN or infinite in {precision} on "
                    f"{dataset.source.frame_name(index)}: the networks' values are too large for "
                    "it (float16 ends at 65504)"
                )
        height, width = label.shape
        mask = static_mask
        if mask is not None and (mismatch := mask.mismatch(height, width, "pictures are")):
            mask = None
            if not is_other_camera:
                tqdm.write(f"{mismatch}; they are judged whole")
            is_other_camera = True
        if mask is not None:
            label = mask.ignoring(label, IGNORED)
        for name in ("mulmem", "auxcon", "score", "class_id"):
            pair = [found[name], wanted[name]]
            if mask is not None:
                pair = [values[..., mask.places(*values.shape[-2:])] for values in pair]
            error = relative_error(name, *pair)
            largest[name] = max(error, largest.get(name, 0.0))
        for histogram, maps in zip(histograms, (wanted, found), strict=True):
            histogram.add(to_size(maps["score"][0, 0], label.shape), label)
    normal, anomalous = histograms[0].pixels
    if not (normal and anomalous):
        raise UsageError(
            f"{dataset.spelling} has {normal} normal and {anomalous} anomalous pixels; labels of "
            "both kinds are needed to measure an average precision"
        )
    before, after = (histogram.result().average_precision for histogram in histograms)
    return PrecisionCost(len(dataset.source), after, before, largest)
