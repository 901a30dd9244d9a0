# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Writes graphs so that the OpenVINO provider of onnxruntime-openvino (1.24) takes all of them.

It has no antialiased Resize, so it takes a graph in parts. What is computed stays the same.
"""

import onnx


def fit_openvino(graph: onnx.GraphProto) -> None:
    """Rewrite a graph in place so that OpenVINO takes all of it but the antialiased Resize.

    Args:
        graph: of a bundle; nodes in topological order.
    """
    _drop_unread_inputs(graph)
    _separate_outputs(graph)


def _drop_unread_inputs(graph: onnx.GraphProto) -> None:
    """Remove the inputs of which nothing but a fixed shape was read.

    The provider counts the inputs behind such a one wrongly, and fails at the first run.
    """
    read = {name for node in graph.node for name in node.input}
    kept = [value for value in graph.input if value.name in read]
    del graph.input[:]
    graph.input.extend(kept)


def _separate_outputs(graph: onnx.GraphProto) -> None:
    """Let every output that the graph reads itself be a copy of what is read.

    The provider leaves a part to the CPU in which the result of a convolution is both an output
    and read by another node. The copy stands behind its convolution and not at the end: ONNX
    Runtime sorts nodes from the last output on, and the parts begin and end where it says.
    """
    read = {name for node in graph.node for name in node.input}
    outputs = {value.name for value in graph.output}
    inner = {
        name: f"{name}_inner"
        for node in graph.node
        if node.op_type == "Conv"
        for name in node.output
        if name in read & outputs
    }
    nodes = []
    for node in graph.node:
        copies = [
            onnx.helper.make_node("Identity", [inner[name]], [name])
            for name in node.output
            if name in inner
        ]
        for names in (node.input, node.output):
            names[:] = [inner.get(name, name) for name in names]
        nodes += [node, *copies]
    del graph.node[:]
    graph.node.extend(nodes)
