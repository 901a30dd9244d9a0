# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Both networks of a bundle in float16, for a GPU."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from training.export.half_weights import load_unpacked
from training.export.lower_precision import NETWORKS
from training.export.merged_blocks import merge_blocks


def halve(bundle: Path, folder: Path, manifest: dict[str, Any]) -> None:
    """Convert to float16 (`lower_precision.Convert`); banks and calibration do not change."""
    graphs = manifest["graphs"]
    outputs = [graphs[network]["outputs"] for network in NETWORKS]
    features = {
        name for side in outputs for name, tensor in side.items() if tensor["dtype"] == "float32"
    }
    for network in NETWORKS:
        half = halve_network(load_unpacked(bundle / f"{network}.onnx"))
        onnx.save(half, folder / f"{network}.onnx")
    memory = merge_blocks(onnx.load(bundle / "memory.onnx"))
    onnx.save(halve_inputs(memory, features), folder / "memory.onnx")
    shutil.copyfile(bundle / "prototypes.npz", folder / "prototypes.npz")
    for side in (*outputs, graphs["memory"]["inputs"]):
        for name in side.keys() & features:
            side[name]["dtype"] = "float16"


def halve_network(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return teacher or student in float16, from the pixels to the features.

    Weights are rounded to float16, which ends at 65504; whether the features stay below that
    only frames can show.
    """
    half: onnx.ModelProto = convert_float_to_float16(model)
    # The converter appends the casts that it needs at the end.
    OnnxModel(half).topological_sort()
    onnx.checker.check_model(half)
    return half


def halve_inputs(model: onnx.ModelProto, features: Iterable[str]) -> onnx.ModelProto:
    """Return the memory graph, taking `features` in float16 and computing in float32 as before.

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
