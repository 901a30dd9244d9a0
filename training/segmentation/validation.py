# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How well a network names the pixels of labelled frames."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)
from numpy.typing import NDArray
from tqdm import tqdm

from training.datasets.interface import LabelledSource
from training.datasets.readers.class_list import SegmentationClass
from training.datasets.readers.label_map import IGNORE
from training.method.preprocessing import Preprocessing
from training.teachers.interface import Teacher

Image = NDArray[np.uint8]
Classes = NDArray[np.uint8]

_SIZE_MULTIPLE = 16


class ConfusionMatrix:
    """Counts of (true class, predicted class) over any number of frames.

    Args:
        classes: number of classes, 1..255.
    """

    def __init__(self, classes: int) -> None:
        self.counts = np.zeros((classes, classes), np.int64)

    def add(self, truth: np.ndarray, predicted: np.ndarray) -> None:
        """Count one frame.

        Args:
            truth: uint8, any shape, class ids, 255 = ignore.
            predicted: uint8, the same shape, class ids.
        """
        classes = len(self.counts)
        judged = truth != IGNORE
        pairs = truth[judged].astype(np.int64) * classes + predicted[judged]
        self.counts += np.bincount(pairs, minlength=classes**2).reshape(classes, classes)

    def intersection_over_union(self) -> np.ndarray:
        """Return TP / (TP + FP + FN) of each class, float64 [classes]; NaN without such pixels."""
        hits = np.diagonal(self.counts).astype(np.float64)
        union = self.counts.sum(axis=0) + self.counts.sum(axis=1) - hits
        scores = np.full(len(hits), np.nan)
        np.divide(hits, union, out=scores, where=union > 0)
        return scores

    def mean_intersection_over_union(self) -> float:
        """Return the mIoU of labelled or predicted classes, 0..1; NaN without a judged pixel."""
        scores = self.intersection_over_union()
        return float(np.nanmean(scores)) if np.isfinite(scores).any() else float("nan")


@torch.inference_mode()
def mean_iou(
    network: Teacher,
    classes: tuple[SegmentationClass, ...],
    source: LabelledSource,
    on_prediction: Callable[[int, Image, Classes, Classes], object] | None = None,
) -> dict[str, Any]:
    """Return the mean intersection over union on labelled frames.

    Each frame goes in at its own size, rounded to a multiple of 16 pixels; logits are brought
    to the label's size, and every pixel but the ignored counts.

    Args:
        network: in evaluation mode.
        classes: names for the result.
        source: labelled frames.
        on_prediction: called with a frame's index, the frame, uint8 [H, W, 3] BGR, its label and
            what was predicted, uint8 [H, W] both.

    Returns:
        `miou` (0..1), `iou` by class name (None for a class that does not occur) and `frames`.
    """
    device = next(network.parameters()).device
    matrix = ConfusionMatrix(len(classes))
    for index in tqdm(range(len(source)), "mIoU", unit="frame", leave=False):
        image, label = source[index]
        height, width = label.shape
        size = (_round_size(height), _round_size(width))
        preprocess = Preprocessing(network.mean, network.standard_deviation, size).to(device)
        logits = network(preprocess(torch.from_numpy(image)[None].to(device)))["o"]
        logits = F.interpolate(logits, size=label.shape, mode="bilinear", align_corners=False)
        predicted = logits.argmax(1)[0].to(torch.uint8).cpu().numpy()
        matrix.add(label, predicted)
        if on_prediction is not None:
            on_prediction(index, image, label, predicted)
    scores = matrix.intersection_over_union()
    return {
        "miou": matrix.mean_intersection_over_union(),
        "iou": {
            c.name: None if np.isnan(score) else float(score)
            for c, score in zip(classes, scores, strict=True)
        },
        "frames": len(source),
    }


def iou_table(result: Mapping[str, Any]) -> str:
    """Return IoU by class in percent, the highest first, for people."""
    rows = sorted(result["iou"].items(), key=lambda row: -1.0 if row[1] is None else row[1])
    width = max(len(name) for name, _ in rows)
    lines = [f"{'IoU, percent':{width}}"]
    lines += [
        f"{name:{width}}  {'not there' if iou is None else f'{100 * iou:5.1f}'}"
        for name, iou in reversed(rows)
    ]
    return "\n".join([*lines, f"{'mean':{width}}  {100 * result['miou']:5.1f}"])


def _round_size(pixels: int) -> int:
    return max(2 * _SIZE_MULTIPLE, round(pixels / _SIZE_MULTIPLE) * _SIZE_MULTIPLE)
