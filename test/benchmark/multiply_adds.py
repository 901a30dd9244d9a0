# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Counts the multiply-adds of an ONNX graph: what no implementation can save but by other maths.

ONNX Runtime runs the graph once as it stands, without any optimisation, and reports the shapes that
each operator saw. So lengths that only a run decides are exact, and a loop counts as often as it
turns.
"""

import json
import math
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

Shape = list[int]


def count_multiply_adds(model: Path, inputs: Mapping[str, np.ndarray]) -> int:
    """Of all convolutions and matrix products of the graph in `model`, run on `inputs` (by name).

    Element-wise work, pooling and resizing are not counted: in these networks they are less than a
    hundredth of it.
    """
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        session.run(None, dict(inputs))
        events = json.loads(Path(session.end_profiling()).read_bytes())
    return sum(
        operator_multiply_adds(
            event["args"]["op_name"],
            _shapes(event["args"]["input_type_shape"]),
            _shapes(event["args"]["output_type_shape"]),
        )
        for event in events
        if event.get("cat") == "Node" and "input_type_shape" in event.get("args", {})
    )


def operator_multiply_adds(operator: str, inputs: list[Shape], outputs: list[Shape]) -> int:
    """Of one operator, from the shapes of its inputs and outputs; 0 for one that has none.

    Shapes are as the ONNX definitions of Conv, ConvTranspose, MatMul and Gemm order them. Raises
    ValueError for an operator that surely multiplies, but that is not known here.
    """
    if operator == "Conv":  # weight [C_out, C_in / groups, *kernel]
        return math.prod(outputs[0]) * math.prod(inputs[1][1:])
    if operator == "ConvTranspose":  # weight [C_in, C_out / groups, *kernel]
        return math.prod(inputs[0]) * math.prod(inputs[1][1:])
    if operator == "MatMul":
        return math.prod(outputs[0]) * inputs[0][-1]
    if operator == "Gemm":  # whichever of them is transposed
        return math.prod(inputs[0]) * outputs[0][1]
    if any(part in operator for part in ("Conv", "MatMul", "Gemm", "Einsum", "Attention")):
        raise ValueError(f"the multiply-adds of the operator {operator} are not known here")
    return 0


def _shapes(described: Iterable[Mapping[str, Any]]) -> list[Shape]:
    """ONNX Runtime writes each tensor as {type: shape}."""
    return [next(iter(entry.values())) for entry in described]
