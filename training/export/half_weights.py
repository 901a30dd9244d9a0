# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Weights stored in 16 bits and computed with in 32: half the size on disk, the same speed.

A runtime unpacks them once, when it opens the graph.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_SUFFIX = "_half"
_SMALLEST = 2048
"""Numbers in a tensor that is worth it; biases and normalisations stay as they are."""


def store_half(path: Path) -> None:
    """Rewrite a graph's file with its large float32 weights rounded to float16."""
    model = onnx.load(path)
    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < _SMALLEST:
            continue
        name = weight.name
        rounded = numpy_helper.to_array(weight).astype(np.float16)
        weight.CopyFrom(numpy_helper.from_array(rounded, name + _SUFFIX))
        casts.append(helper.make_node("Cast", [name + _SUFFIX], [name], to=TensorProto.FLOAT))
    _replace_nodes(model, [*casts, *model.graph.node])
    onnx.checker.check_model(model)
    onnx.save(model, path)


def load_unpacked(path: Path) -> onnx.ModelProto:
    """Read a graph whose weights are float32 again, whether or not they were stored so."""
    model: onnx.ModelProto = onnx.load(path)
    packed = {
        node.output[0]: node.input[0]
        for node in model.graph.node
        if node.op_type == "Cast" and node.input[0] == node.output[0] + _SUFFIX
    }
    by_stored_name = {stored: name for name, stored in packed.items()}
    for weight in model.graph.initializer:
        name = by_stored_name.get(weight.name)
        if name is not None:
            single = numpy_helper.to_array(weight).astype(np.float32)
            weight.CopyFrom(numpy_helper.from_array(single, name))
    _replace_nodes(model, [node for node in model.graph.node if node.output[0] not in packed])
    return model


def _replace_nodes(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> None:
    del model.graph.node[:]
    model.graph.node.extend(nodes)
