# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""An ONNX graph as bytes, and the check that it refers to no other file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

# The messages of onnx.proto3 through which a tensor or a node can be reached, each with the numbers
# of the fields that lead on and the message that lies there.
_TENSOR, _NODE, _GRAPH = "TensorProto", "NodeProto", "GraphProto"
_ATTRIBUTE, _SPARSE, _FUNCTION = "AttributeProto", "SparseTensorProto", "FunctionProto"
_TRAINING, _MODEL = "TrainingInfoProto", "ModelProto"
_CHILDREN: Mapping[str, Mapping[int, str]] = {
    _MODEL: {7: _GRAPH, 20: _TRAINING, 25: _FUNCTION},
    _GRAPH: {1: _NODE, 5: _TENSOR, 15: _SPARSE},
    _NODE: {5: _ATTRIBUTE},
    _ATTRIBUTE: {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
    _SPARSE: {1: _TENSOR, 2: _TENSOR},
    _FUNCTION: {7: _NODE, 11: _ATTRIBUTE},
    _TRAINING: {1: _GRAPH, 2: _GRAPH},
    _TENSOR: {},
}
_TENSOR_NAME, _TENSOR_EXTERNAL_DATA, _TENSOR_DATA_LOCATION = 8, 13, 14
_NODE_OPERATOR = 4
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5

# Its engine is a file of its own, unless an attribute says otherwise, and no graph of a bundle
# needs one.
_COMPILED_OPERATOR = b"EPContext"
_DAMAGED = "it is damaged or no ONNX graph"


class GraphFileError(Exception):
    """The bytes are no ONNX graph that may be run; the sentence says why."""


@dataclass(frozen=True, eq=False)
class GraphFile:
    """The bytes of an ONNX graph. What was checked is what a runtime is given."""

    path: Path
    """Where they were read; for messages only."""
    content: bytes


def check_self_contained(content: bytes) -> None:
    """Check that an ONNX graph refers to no other file.

    Only the lengths of the protobuf encoding are followed; weights are not copied.

    Raises:
        GraphFileError: a tensor's values or a compiled node lie in another file, or the bytes are
            no protobuf message.
    """
    pending: list[tuple[str, memoryview]] = [(_MODEL, memoryview(content))]
    while pending:
        kind, message = pending.pop()
        children = _CHILDREN[kind]
        name, external = b"", False
        for number, value in _fields(message):
            if isinstance(value, memoryview) and number in children:
                pending.append((children[number], value))
            elif kind == _TENSOR:
                if number == _TENSOR_NAME and isinstance(value, memoryview):
                    name = bytes(value)
                external |= number == _TENSOR_EXTERNAL_DATA
                external |= number == _TENSOR_DATA_LOCATION and bool(value)
            elif kind == _NODE and number == _NODE_OPERATOR and value == _COMPILED_OPERATOR:
                raise GraphFileError(
                    "it holds an EPContext node, which refers to a compiled engine in another "
                    "file; export the graph without compiling it"
                )
        if external:
            raise GraphFileError(
                f"the values of tensor {name.decode('utf-8', 'replace')[:80]!r} are external data "
                "in another file, which no hash of the bundle covers; save the graph with all "
                "values inside"
            )


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and value of each field of a protobuf message."""
    position, end = 0, len(message)
    while position < end:
        key, position = _varint(message, position)
        if key > 0xFFFFFFFF:  # parsers differ in which bits of it they drop
            raise GraphFileError(_DAMAGED)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        if wire_type == _LENGTH:
            length, position = _varint(message, position)
        elif wire_type in (_FIXED64, _FIXED32):
            length = 8 if wire_type == _FIXED64 else 4
        else:
            raise GraphFileError(_DAMAGED)
        if length > end - position:
            raise GraphFileError(_DAMAGED)
        if wire_type == _LENGTH:
            yield number, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return the number at a position, and the position behind it."""
    value = 0
    for place in range(10):
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
    raise GraphFileError(_DAMAGED)
