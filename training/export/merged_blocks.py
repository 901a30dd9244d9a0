# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""One comparison with a bank instead of one a block: for a GPU.

The memory graph compares blocks of places with a bank, so that a processor's caches hold what it
works on (`training.method.memory.layer_score`). A GPU starts a dozen kernels for each block, and
each is too small to fill it.
"""

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import numpy_helper

_Description = tuple[object, ...]


def merge_blocks(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph with every concatenation of equal blocks computed as one block.

    A concatenation is merged where its inputs are computed in the same way from adjacent slices of
    one tensor. All others stay.

    Args:
        model: of which each row of a block depends on the same row of its slice alone.
    """
    merged = onnx.ModelProto()
    merged.CopyFrom(model)
    graph = merged.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for joined in [node.output[0] for node in graph.node if node.op_type == "Concat"]:
        makers = {name: node for node in graph.node for name in node.output}
        concat = makers[joined]
        slices = [_only_slice(name, makers) for name in concat.input]
        if len(slices) < 2 or not _adjacent(slices, constants):
            continue
        if len({_description(name, makers) for name in concat.input}) == 1:
            _keep_first(graph, concat, makers)
    used = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.value_info[:]  # the shapes of what was a block
    onnx.checker.check_model(merged)
    return merged


def _keep_first(
    graph: onnx.GraphProto, concat: onnx.NodeProto, makers: Mapping[str, onnx.NodeProto]
) -> None:
    result = concat.output[0]
    dropped = {result}
    for name in concat.input[1:]:
        dropped |= {node.output[0] for node in _block(name, makers)}
    first = _block(concat.input[0], makers)
    dropped |= {node.output[0] for node in first if node.op_type == "Slice"}
    kept = [node for node in graph.node if node.output[0] not in dropped]
    for node in first:
        for place, name in enumerate(node.input):
            if name in makers and makers[name].op_type == "Slice":
                node.input[place] = makers[name].input[0]
        if node.output[0] == concat.input[0]:
            node.output[0] = result
    del graph.node[:]
    graph.node.extend(kept)


def _block(name: str, makers: Mapping[str, onnx.NodeProto]) -> list[onnx.NodeProto]:
    """Return the nodes that make `name`, back to the slice that they begin with."""
    node = makers.get(name)
    if node is None:
        return []
    if node.op_type == "Slice":
        return [node]
    found: dict[str, onnx.NodeProto] = {}
    for source in node.input:
        if _begins_with_slice(source, makers):
            found |= {part.output[0]: part for part in _block(source, makers)}
    return [*found.values(), node]


def _begins_with_slice(name: str, makers: Mapping[str, onnx.NodeProto]) -> bool:
    node = makers.get(name)
    if node is None:
        return False
    return node.op_type == "Slice" or any(_begins_with_slice(x, makers) for x in node.input)


def _only_slice(name: str, makers: Mapping[str, onnx.NodeProto]) -> onnx.NodeProto | None:
    slices = [node for node in _block(name, makers) if node.op_type == "Slice"]
    return slices[0] if len(slices) == 1 else None


def _adjacent(slices: list[onnx.NodeProto | None], constants: Mapping[str, np.ndarray]) -> bool:
    """Return whether the slices have one source, each beginning where the one before ends."""
    end = 0
    for node in slices:
        if node is None or slices[0] is None or node.input[0] != slices[0].input[0]:
            return False
        bounds = [constants.get(name) for name in node.input[1:3]]
        if any(bound is None or bound.size != 1 for bound in bounds):
            return False
        start, stop = (int(bound.item()) for bound in bounds if bound is not None)
        if start != end:
            return False
        end = stop
    return True


def _description(name: str, makers: Mapping[str, onnx.NodeProto]) -> _Description:
    """Return how a tensor is computed: the same for two that differ in their slice alone."""
    node = makers.get(name)
    if node is None or not _begins_with_slice(name, makers):
        return ("tensor", name)
    if node.op_type == "Slice":
        return ("slice", node.input[0])
    attributes = tuple(sorted(part.SerializeToString() for part in node.attribute))
    return (node.op_type, attributes, *(_description(source, makers) for source in node.input))
