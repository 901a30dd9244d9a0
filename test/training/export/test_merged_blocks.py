# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The comparison with a bank in one piece against the same in blocks."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

import onnxruntime as ort  # noqa: E402
from onnx import TensorProto, helper  # noqa: E402

from training.export.merged_blocks import merge_blocks  # noqa: E402

DEMO_MEMORY = Path(__file__).parents[3] / "demo" / "bundle" / "memory.onnx"


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def outputs(model: onnx.ModelProto, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
    return ort.InferenceSession(model.SerializeToString()).run(None, feed)


def test_the_demo_s_memory_compares_each_bank_once_and_scores_the_same() -> None:
    model = onnx.load(DEMO_MEMORY)
    merged = merge_blocks(model)
    before, after = operators(model), operators(merged)
    banks = [value.name for value in model.graph.input if value.name.startswith("bank_")]
    assert after.count("ReduceMax") == len(banks) < before.count("ReduceMax")
    random = np.random.default_rng(0)
    session = ort.InferenceSession(model.SerializeToString())
    feed = {}
    for value in session.get_inputs():
        shape = [length if isinstance(length, int) else 40 for length in value.shape]
        tensor = random.standard_normal(shape, np.float32)
        if value.name.startswith("bank_"):
            tensor /= np.linalg.norm(tensor, axis=1, keepdims=True)
        feed[value.name] = tensor
    for one, other in zip(outputs(model, feed), outputs(merged, feed), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
        assert one.any()


def joined_slices(bounds: list[tuple[int, int]], kinds: list[str]) -> onnx.ModelProto:
    """Slices of x [6, 2], an operator on each, and their concatenation y."""
    nodes, constants = [], []
    for index, ((start, end), kind) in enumerate(zip(bounds, kinds, strict=True)):
        names = [f"start{index}", f"end{index}", "axis"]
        constants += [
            helper.make_tensor(name, TensorProto.INT64, [1], [value])
            for name, value in zip(names[:2], (start, end), strict=True)
        ]
        nodes.append(helper.make_node("Slice", ["x", *names], [f"part{index}"]))
        nodes.append(helper.make_node(kind, [f"part{index}"], [f"made{index}"]))
    made = [f"made{index}" for index in range(len(bounds))]
    nodes.append(helper.make_node("Concat", made, ["y"], axis=0))
    constants.append(helper.make_tensor("axis", TensorProto.INT64, [1], [0]))
    graph = helper.make_graph(
        nodes,
        "joined",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [6, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.mark.parametrize(
    ("bounds", "kinds", "left"),
    [
        ([(0, 2), (2, 4), (4, 6)], ["Exp", "Exp", "Exp"], ["Exp"]),
        ([(0, 2), (2, 6)], ["Exp", "Sqrt"], None),
        ([(0, 2), (3, 6)], ["Exp", "Exp"], None),
        ([(2, 4), (0, 2)], ["Exp", "Exp"], None),
    ],
    ids=["blocks", "different work", "a gap", "another order"],
)
def test_only_equal_work_on_adjacent_slices_is_merged(bounds, kinds, left) -> None:
    model = joined_slices(bounds, kinds)
    merged = merge_blocks(model)
    assert operators(merged) == (left or operators(model))
    x = np.random.default_rng(0).random((6, 2), np.float32)
    np.testing.assert_array_equal(outputs(merged, {"x": x})[0], outputs(model, {"x": x})[0])
