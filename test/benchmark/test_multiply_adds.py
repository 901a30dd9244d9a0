# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The count of multiply-adds, against counts by hand of graphs that are written here."""

import math

import numpy as np
import onnx
import pytest
from multiply_adds import count_multiply_adds, operator_multiply_adds
from onnx import TensorProto, helper, numpy_helper


def model_of(path, nodes, inputs, output, constants):
    """Write a graph of `nodes`; `inputs` name to shape, `constants` name to array."""
    graph = helper.make_graph(
        nodes,
        "counted",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path
    )
    return path


def zeros(*shape):
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ("attributes", "places"),
    [
        ({}, 6 * 8),  # 8x10 without padding under a 3x3 kernel
        ({"pads": [1, 1, 1, 1]}, 8 * 10),
        ({"pads": [1, 1, 1, 1], "strides": [2, 2]}, 4 * 5),
        ({"dilations": [2, 2]}, 4 * 6),
    ],
)
def test_convolution(tmp_path, attributes, places):
    path = model_of(
        tmp_path / "graph.onnx",
        [helper.make_node("Conv", ["x", "w", "b"], ["y"], **attributes)],
        {"x": [1, 4, "h", "w_"]},
        "y",
        {"w": zeros(6, 4, 3, 3), "b": zeros(6)},
    )
    # Each place of each of 6 channels: 3x3 products with each of 4 channels. A bias adds only.
    assert count_multiply_adds(path, {"x": zeros(1, 4, 8, 10)}) == places * 6 * 4 * 9


def test_a_grouped_convolution_reads_its_own_group_only(tmp_path):
    path = model_of(
        tmp_path / "graph.onnx",
        [helper.make_node("Conv", ["x", "w"], ["y"], group=4)],
        {"x": [1, 4, 8, 8]},
        "y",
        {"w": zeros(4, 1, 1, 1)},
    )
    assert count_multiply_adds(path, {"x": zeros(1, 4, 8, 8)}) == 8 * 8 * 4


def test_products_of_matrices_and_of_their_transposes(tmp_path):
    path = model_of(
        tmp_path / "graph.onnx",
        [
            helper.make_node("MatMul", ["x", "w"], ["y"]),
            helper.make_node("Gemm", ["y", "v", "b"], ["z"], transB=1),
            helper.make_node("Relu", ["z"], ["out"]),
        ],
        {"x": ["n", 7]},
        "out",
        {"w": zeros(7, 5), "v": zeros(3, 5), "b": zeros(3)},
    )
    assert count_multiply_adds(path, {"x": zeros(11, 7)}) == 11 * 7 * 5 + 11 * 5 * 3


def test_a_batch_of_products_counts_each(tmp_path):
    path = model_of(
        tmp_path / "graph.onnx",
        [helper.make_node("MatMul", ["x", "y"], ["z"])],
        {"x": [2, 3, 4, 5], "y": [2, 3, 5, 6]},
        "z",
        {},
    )
    given = {"x": zeros(2, 3, 4, 5), "y": zeros(2, 3, 5, 6)}
    assert count_multiply_adds(path, given) == 2 * 3 * 4 * 5 * 6


def test_a_loop_counts_as_often_as_it_turns(tmp_path):
    scalar = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on"], ["still"]),
            helper.make_node("MatMul", ["state", "square"], ["next"]),
        ],
        "body",
        [
            scalar("turn", TensorProto.INT64, []),
            scalar("go_on", TensorProto.BOOL, []),
            scalar("state", TensorProto.FLOAT, [2, 4]),
        ],
        [
            scalar("still", TensorProto.BOOL, []),
            scalar("next", TensorProto.FLOAT, [2, 4]),
        ],
    )
    path = model_of(
        tmp_path / "graph.onnx",
        [helper.make_node("Loop", ["turns", "", "x"], ["y"], body=body)],
        {"x": [2, 4]},
        "y",
        {"turns": np.array(5, np.int64), "square": zeros(4, 4)},
    )
    assert count_multiply_adds(path, {"x": zeros(2, 4)}) == 5 * 2 * 4 * 4


def test_a_transposed_convolution_spreads_every_input():
    # Each of 2x5x5 inputs is multiplied with 3 channels of a 2x2 kernel.
    shapes = [[1, 2, 5, 5], [2, 3, 2, 2]], [[1, 3, 10, 10]]
    assert operator_multiply_adds("ConvTranspose", *shapes) == math.prod((2, 5, 5, 3, 2, 2))


def test_an_operator_that_multiplies_in_a_way_not_known_here_is_refused():
    with pytest.raises(ValueError, match="FusedMatMul"):
        operator_multiply_adds("FusedMatMul", [[2, 3], [3, 4]], [[2, 4]])


def test_operators_that_do_not_multiply_count_nothing():
    assert operator_multiply_adds("Resize", [[1, 3, 4, 4]], [[1, 3, 8, 8]]) == 0
