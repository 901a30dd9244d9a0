"""A bundle whose networks compute in half precision, and what that costs, measured."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import onnx
from onnx import TensorProto, helper
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from cosme_ros.metrics.anomaly_metrics import AnomalyHistogram
from training.datasets.registry import Dataset
from training.errors import UsageError
from training.evaluation.bundle_manifest import manifest_sha256, read_manifest
from training.evaluation.frame_scores import to_size
from training.export import SCHEMA_PATH, relative_error
from training.graph_runner import GraphRunner

MOST_PRECISION_LOST = 0.005
"""Share of the average precision that a faster bundle may cost."""

_NETWORKS = ("teacher", "student")
_MEMORY = "memory"


@dataclass(frozen=True)
class HalfPrecision:
    """What half precision changes on labelled frames.

    Attributes:
        frames: how many were measured.
        average_precision: of the score in half precision, 0..1.
        single_average_precision: of the score of the bundle it was made from.
        relative_error: by score map, the largest difference over the map's largest value.
    """

    frames: int
    average_precision: float
    single_average_precision: float
    relative_error: dict[str, float]

    @property
    def lost(self) -> float:
        """Share of the average precision that is lost; below 0 where it rose."""
        return 1.0 - self.average_precision / self.single_average_precision


def halve_network(model: onnx.ModelProto) -> onnx.ModelProto:
    """Teacher or student in float16, from the pixels on to the features that come out.

    Weights are rounded to float16, which ends at 65504; whether the features stay below that
    only frames can show.
    """
    half: onnx.ModelProto = convert_float_to_float16(model)
    # The converter appends the casts that it needs at the end.
    OnnxModel(half).topological_sort()
    onnx.checker.check_model(half)
    return half


def halve_inputs(model: onnx.ModelProto, features: Iterable[str]) -> onnx.ModelProto:
    """The memory graph, taking `features` in float16 and computing in float32 as before.

    1 - cosine loses three digits where a feature lies nearly on its prototype, and a sum of
    squares passes 65504 soon; beside the networks all of it costs next to nothing.
    """
    half = onnx.ModelProto()
    half.CopyFrom(model)
    wanted = set(features)
    casts = []
    for value in half.graph.input:
        if value.name not in wanted:
            continue
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
        single = f"{value.name}_float32"
        for node in half.graph.node:
            for place, name in enumerate(node.input):
                if name == value.name:
                    node.input[place] = single
        casts.append(helper.make_node("Cast", [value.name], [single], to=TensorProto.FLOAT))
    nodes = [*casts, *half.graph.node]
    del half.graph.node[:]
    half.graph.node.extend(nodes)
    onnx.checker.check_model(half)
    return half


def write_half_bundle(
    bundle: Path,
    out: Path,
    dataset: Dataset,
    count: Callable[[Iterable[int]], Iterable[int]],
) -> HalfPrecision:
    """Write `bundle` in half precision to `out`, which appears whole or not at all.

    Banks and calibration stay as they are. The manifest says what was measured on `dataset`.

    Args:
        bundle: in single precision.
        out: the folder to write.
        dataset: with labels 0 normal, 1 anomaly, 255 not judged.
        count: passes the numbers of the frames on, for a progress bar.

    Raises:
        UsageError: no bundle, one that is in half precision already, labels of one kind only,
            features that overflow, or more than MOST_PRECISION_LOST of the AP lost.
    """
    manifest = read_manifest(bundle)
    if "precision" in manifest:
        raise UsageError(f"{bundle} is in half precision already")
    if out.resolve() == bundle.resolve():
        raise UsageError(f"{out} is the bundle itself; another folder is right")
    features = [
        name
        for graph in _NETWORKS
        for name, tensor in manifest["graphs"][graph]["outputs"].items()
        if tensor["dtype"] == "float32"
    ]
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        for graph in _NETWORKS:
            onnx.save(halve_network(onnx.load(bundle / f"{graph}.onnx")), part / f"{graph}.onnx")
        memory = halve_inputs(onnx.load(bundle / f"{_MEMORY}.onnx"), features)
        onnx.save(memory, part / f"{_MEMORY}.onnx")
        shutil.copyfile(bundle / "prototypes.npz", part / "prototypes.npz")
        measured = _compare(bundle, part, dataset, count)
        if measured.lost > MOST_PRECISION_LOST:
            raise UsageError(
                f"half precision would lose {measured.lost:.1%} of the average precision on "
                f"{dataset.spelling} ({measured.single_average_precision:.4f} to "
                f"{measured.average_precision:.4f}); at most {MOST_PRECISION_LOST:.1%} is right. "
                "Nothing was written"
            )
        graphs = manifest["graphs"]
        outputs = [graphs[network]["outputs"] for network in _NETWORKS]
        for side in (*outputs, graphs[_MEMORY]["inputs"]):
            for name in side.keys() & set(features):
                side[name]["dtype"] = "float16"
        _write_manifest(part, manifest, bundle, dataset, measured)
        shutil.rmtree(out, ignore_errors=True)
        part.replace(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return measured


def _compare(
    single: Path, half: Path, dataset: Dataset, count: Callable[[Iterable[int]], Iterable[int]]
) -> HalfPrecision:
    runners = (GraphRunner(single), GraphRunner(half))
    histograms = (AnomalyHistogram(), AnomalyHistogram())
    largest: dict[str, float] = {}
    for index in count(range(len(dataset.source))):
        image, label = dataset.source[index]
        wanted, found = (runner.run(image) for runner in runners)
        for name, value in found.items():
            if not np.isfinite(value).all():
                raise UsageError(
                    f"{name} is NaN or infinite in half precision on {dataset.frame_name(index)}: "
                    "the networks' values pass 65504, float16's largest"
                )
        for name in ("mulmem", "auxcon", "score"):
            error = relative_error(name, found[name], wanted[name])
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
    return HalfPrecision(len(dataset.source), after, before, largest)


def _write_manifest(
    folder: Path, manifest: dict[str, Any], origin: Path, dataset: Dataset, measured: HalfPrecision
) -> None:
    manifest["precision"] = {
        "networks": "float16",
        "made_from": manifest_sha256(origin),
        "measured_on": dataset.title,
        "frames": measured.frames,
        "average_precision": measured.average_precision,
        "single_average_precision": measured.single_average_precision,
        "relative_error": measured.relative_error,
    }
    manifest["files"] = {
        file: {"sha256": hashlib.sha256((folder / file).read_bytes()).hexdigest()}
        for file in manifest["files"]
    }
    jsonschema.validate(manifest, json.loads(SCHEMA_PATH.read_text(encoding="utf-8")))
    text = json.dumps(manifest, indent=2) + "\n"
    (folder / "manifest.json").write_text(text, encoding="utf-8")
