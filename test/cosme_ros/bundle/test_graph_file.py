# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Wherever a graph refers to another file, it is found; weights inside are no offence."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, onnx_ml_pb2

from cosme_ros.bundle import graph_file
from cosme_ros.bundle.graph_file import GraphFileError, check_self_contained


def external(name: str = "weight") -> onnx.TensorProto:
    tensor = onnx.TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[2])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def inner_graph() -> onnx.GraphProto:
    return helper.make_graph([], "inner", [], [], [external()])


def in_branch(model: onnx.ModelProto) -> None:
    node = model.graph.node.add(op_type="If")
    node.attribute.append(helper.make_attribute("then_branch", inner_graph()))


def in_constant(model: onnx.ModelProto) -> None:
    node = model.graph.node.add(op_type="Constant")
    attribute = node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR)
    attribute.t.CopyFrom(external())


def in_function(model: onnx.ModelProto) -> None:
    node = model.functions.add(name="own", domain="own").node.add(op_type="Constant")
    node.attribute.add(name="values", type=onnx.AttributeProto.TENSORS).tensors.append(external())


def in_sparse(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add().values.CopyFrom(external())


def a_model() -> onnx.ModelProto:
    weight = numpy_helper.from_array(np.zeros(5000, np.float32), "inside")
    node = helper.make_node("Identity", ["inside"], ["out"])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [5000])
    return helper.make_model(helper.make_graph([node], "graph", [], [out], [weight]))


def test_values_inside_are_right() -> None:
    check_self_contained(a_model().SerializeToString())


@pytest.mark.parametrize(
    "add",
    [
        lambda m: m.graph.initializer.append(external()),
        in_branch,
        in_constant,
        in_function,
        in_sparse,
        lambda m: m.training_info.add().algorithm.CopyFrom(inner_graph()),
    ],
)
def test_external_data_is_found(add: Callable[[onnx.ModelProto], None]) -> None:
    model = a_model()
    add(model)
    with pytest.raises(GraphFileError, match="tensor 'weight' are external data"):
        check_self_contained(model.SerializeToString())


def test_a_compiled_node_is_refused() -> None:
    model = a_model()
    model.graph.node.add(op_type="EPContext", domain="com.microsoft")
    with pytest.raises(GraphFileError, match="EPContext node"):
        check_self_contained(model.SerializeToString())


def test_every_way_to_a_tensor_or_a_node_is_followed() -> None:
    kinds = graph_file._CHILDREN
    for kind, followed in kinds.items():
        fields = getattr(onnx_ml_pb2, kind).DESCRIPTOR.fields
        leading = {f.number: f.message_type.name for f in fields if f.message_type is not None}
        assert followed == {n: name for n, name in leading.items() if name in kinds}, kind
    tensor = onnx_ml_pb2.TensorProto.DESCRIPTOR.fields_by_name
    assert tensor["name"].number == graph_file._TENSOR_NAME
    assert tensor["external_data"].number == graph_file._TENSOR_EXTERNAL_DATA
    assert tensor["data_location"].number == graph_file._TENSOR_DATA_LOCATION
    node = onnx_ml_pb2.NodeProto.DESCRIPTOR.fields_by_name
    assert node["op_type"].number == graph_file._NODE_OPERATOR


@pytest.mark.parametrize(
    "content", [b"\x0b", b"\xff" * 11, b"\x3a\xff\x01ab", b"\x3a", b"\xba\x80\x80\x80\x10\x00"]
)
def test_bytes_that_are_no_graph(content: bytes) -> None:
    with pytest.raises(GraphFileError, match="damaged or no ONNX graph"):
        check_self_contained(content)
