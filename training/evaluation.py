"""Compares a bundle's scores with the baselines on pictures whose anomalies are known."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from training.anomaly_metrics import AnomalyHistogram
from training.baselines import maximum_logit_score, maximum_softmax_score
from training.checkpoint import TeacherCheckpoint
from training.datasets.frames import LabelledSource
from training.errors import UsageError
from training.graph_runner import GraphRunner
from training.preprocessing import Preprocessing

MANIFEST_FILE = "manifest.json"

METHODS = {
    "msp": "maximum softmax",
    "maxlogit": "maximum logit",
    "mulmem": "MulMem",
    "auxcon": "AuxCon",
    "score": "CosMe",
}
"""Name in the figures to name for people; the last three are the bundle's maps."""

_BUNDLE_MAPS = ("mulmem", "auxcon", "score")


def read_manifest(bundle: Path) -> dict[str, Any]:
    """Read a bundle's manifest.

    Raises:
        UsageError: no bundle there.
    """
    path = bundle / MANIFEST_FILE
    if not path.is_file():
        raise UsageError(f"{bundle} is no bundle: {path} does not exist")
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return manifest


@torch.inference_mode()
def evaluate_bundle(
    bundle: Path,
    teacher: TeacherCheckpoint,
    source: LabelledSource,
    on_frame: Callable[[], object],
) -> dict[str, Any]:
    """Figures of every method over all judged pixels of all frames.

    Every map is brought to the label's size bilinearly. The baselines see the same network
    input as the bundle.

    Args:
        bundle: folder of a bundle.
        teacher: the teacher that the bundle was fitted to; the bundle has no logits.
        source: frames with labels 0 normal, 1 anomaly, 255 not judged.
        on_frame: called after each frame.

    Returns:
        `methods` (name in METHODS to average_precision, auroc, fpr95), `frames`,
        `normal_pixels`, `anomalous_pixels`.

    Raises:
        UsageError: no bundle, a teacher with other classes than the bundle's, or labels
            without both kinds of pixels.
    """
    manifest = read_manifest(bundle)
    _check_teacher(manifest, teacher, bundle)
    graphs = GraphRunner(bundle)
    size = manifest["input_size"]
    network = teacher.network
    preprocess = Preprocessing(
        network.mean, network.standard_deviation, (size["height"], size["width"])
    )
    histograms = {method: AnomalyHistogram() for method in METHODS}
    for index in range(len(source)):
        image, label = source[index]
        logits = network(preprocess(torch.from_numpy(image)[None]))["o"]
        outputs = graphs.run(image)
        maps = {
            "msp": maximum_softmax_score(logits).numpy(),
            "maxlogit": maximum_logit_score(logits).numpy(),
            **{name: outputs[name] for name in _BUNDLE_MAPS},
        }
        for method, histogram in histograms.items():
            histogram.add(_to_size(maps[method][0, 0], label.shape), label)
        on_frame()
    try:
        results = {method: asdict(h.result()) for method, h in histograms.items()}
    except ValueError as error:
        raise UsageError(
            f"the labels hold {error}; --label-map turns your values into 0 normal, 1 anomaly"
        ) from error
    normal, anomalous = histograms["score"].pixels
    return {
        "methods": results,
        "frames": len(source),
        "normal_pixels": normal,
        "anomalous_pixels": anomalous,
    }


def as_table(result: dict[str, Any]) -> str:
    """Make a Markdown table of `evaluate_bundle`'s result, in percent as in the paper."""
    lines = ["| method | AP | AUROC | FPR95 |", "|---|---|---|---|"]
    for method, title in METHODS.items():
        values = result["methods"][method]
        cells = (values[key] for key in ("average_precision", "auroc", "fpr95"))
        lines.append(f"| {title} | " + " | ".join(f"{100 * value:.2f}" for value in cells) + " |")
    share = result["anomalous_pixels"] / (result["normal_pixels"] + result["anomalous_pixels"])
    lines += ["", f"{result['frames']} frames, {100 * share:.2f} % of their pixels anomalous."]
    return "\n".join(lines) + "\n"


def _check_teacher(manifest: dict[str, Any], teacher: TeacherCheckpoint, bundle: Path) -> None:
    of_bundle = [entry["name"] for entry in manifest["classes"]]
    of_teacher = [entry.name for entry in teacher.classes]
    if of_bundle != of_teacher:
        raise UsageError(
            f"{bundle} has the classes {', '.join(of_bundle)}, the teacher "
            f"{', '.join(of_teacher)}: give the teacher that the bundle was fitted to"
        )


def _to_size(score: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    return cv2.resize(score, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
