# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A bundle whose networks may compute in bfloat16, on processors that have it.

The files stay in float32: OpenVINO rounds as it runs. What the rounding costs is measured on
OpenVINO where it and such a processor are here, and on any other machine by graphs that round
every value to bfloat16 where it would be.
"""

import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
from onnx import TensorProto, helper, shape_inference
from tqdm import tqdm

from training.export.graph_runner import PROVIDER, GraphRunner
from training.export.half_weights import load_unpacked
from training.export.lower_precision import NETWORKS
from training.export.openvino_graph import fit_openvino

_OPENVINO = "OpenVINOExecutionProvider"
_PRODUCTS = ("Conv", "Gemm", "MatMul")


def allow_bfloat16(bundle: Path, folder: Path, manifest: dict[str, Any]) -> None:
    """Convert to bfloat16 (`lower_precision.Convert`); weights and calibration do not change."""
    shutil.copyfile(bundle / "prototypes.npz", folder / "prototypes.npz")
    for name in (*NETWORKS, "memory"):
        model = onnx.load(bundle / f"{name}.onnx")
        fit_openvino(model.graph)
        onnx.checker.check_model(model)
        onnx.save(model, folder / f"{name}.onnx")
        kept = {value.name for value in model.graph.input}
        inputs = manifest["graphs"][name]["inputs"]
        manifest["graphs"][name]["inputs"] = {k: v for k, v in inputs.items() if k in kept}


def open_rounded(folder: Path) -> GraphRunner:
    """Open a bundle with both networks in bfloat16, and the scores in float32.

    On OpenVINO where it and a processor with bfloat16 are here, else by graphs that round.
    """
    if runs_bfloat16():
        tqdm.write("bfloat16 of this processor, by OpenVINO")
        config = json.dumps({"CPU": {"INFERENCE_PRECISION_HINT": "bf16"}})
        openvino = (_OPENVINO, {"device_type": "CPU", "load_config": config})
        return GraphRunner(folder, {name: [openvino, PROVIDER] for name in NETWORKS})
    tqdm.write("bfloat16 by rounding: OpenVINO or a processor with bfloat16 is not here")
    return open_emulated(folder)


def runs_bfloat16() -> bool:
    """Return whether onnxruntime-openvino is installed and this processor has bfloat16."""
    processor = Path("/proc/cpuinfo")
    return (
        _OPENVINO in onnxruntime.get_available_providers()
        and processor.exists()
        and re.search("avx512_bf16|amx_bf16", processor.read_text(encoding="utf-8")) is not None
    )


def open_emulated(folder: Path) -> GraphRunner:
    """Open a bundle with both networks rounding to bfloat16 in graphs for any processor."""
    with tempfile.TemporaryDirectory() as temporary:
        rounded = Path(temporary)
        for name in NETWORKS:
            network = round_network(load_unpacked(folder / f"{name}.onnx"))
            onnx.save(network, rounded / f"{name}.onnx")
        for file in ("memory.onnx", "prototypes.npz"):
            shutil.copyfile(folder / file, rounded / file)
        return GraphRunner(rounded)


def round_network(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a network that rounds to bfloat16: what products read, and all that comes of it.

    Sums of products are in float32 until they are rounded, as processors do it. The picture that
    guides the score, on the way to which no product is, stays in float32.

    Args:
        model: teacher or student in float32, nodes in topological order.
    """
    inferred = shape_inference.infer_shapes(model).graph
    known = (*inferred.input, *inferred.output, *inferred.value_info)
    single = {x.name for x in known if x.type.tensor_type.elem_type == TensorProto.FLOAT}
    single |= {x.name for x in inferred.initializer if x.data_type == TensorProto.FLOAT}
    rounded: dict[str, str] = {}
    low: set[str] = set()
    nodes = []

    def rounding(name: str, to: str) -> list[onnx.NodeProto]:
        return [
            helper.make_node("Cast", [name], [f"{to}_bfloat16"], to=TensorProto.BFLOAT16),
            helper.make_node("Cast", [f"{to}_bfloat16"], [to], to=TensorProto.FLOAT),
        ]

    for node in model.graph.node:
        product = node.op_type in _PRODUCTS
        if product:
            # A bias is added to the sum, which is in float32.
            for place, name in enumerate(node.input[:2]):
                if name in single and name not in low:
                    if name not in rounded:
                        rounded[name] = f"{name}_rounded"
                        nodes += rounding(name, rounded[name])
                    node.input[place] = rounded[name]
        reached = product or bool(low.intersection(node.input))
        made = [name for name in node.output if reached and name in single]
        node.output[:] = [f"{name}_exact" if name in made else name for name in node.output]
        nodes.append(node)
        for name in made:
            nodes += rounding(f"{name}_exact", name)
        low.update(made)
    result = onnx.ModelProto()
    result.CopyFrom(model)
    del result.graph.node[:]
    result.graph.node.extend(nodes)
    onnx.checker.check_model(result)
    return result
