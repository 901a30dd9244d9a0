# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Writes the three modules of training/method/graphs.py as ONNX."""

import logging
import warnings
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import nn
from torch.export import Dim

from training.errors import UsageError
from training.export.openvino_graph import fit_openvino
from training.method.graphs import MemoryGraph, StudentGraph, TeacherGraph

OPSET = 18
"""Old enough for the runtimes on vehicles, new enough for what PyTorch exports."""

IR_VERSION = 8
"""ONNX Runtime refuses files of a newer version than its own; 8 is read since its 1.10."""


class ExportError(UsageError):
    """The exporter cannot express a network in ONNX."""


_LARGEST_SIDE = 1 << 14
_MOST_PROTOTYPES = 1 << 20


def write_image_graph(graph: TeacherGraph | StudentGraph, path: Path) -> None:
    """Write a graph of one input: image uint8 [1, height, width, 3] BGR of any size.

    Raises:
        ExportError: the network does what the exporter cannot express.
    """
    sides = {
        1: Dim("height", min=2, max=_LARGEST_SIDE),
        2: Dim("width", min=2, max=_LARGEST_SIDE),
    }
    # Not the network's own size: an exporter that saw it would drop the resize as idle.
    image = torch.zeros(1, 97, 131, 3, dtype=torch.uint8)
    _write(graph, (image,), ("image",), graph.output_names, {"image": sides}, path)


def write_memory_graph(graph: MemoryGraph, tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Write the memory graph; `tensors` holds an example of each input by name."""
    shapes = tuple(
        {0: Dim(f"k_{name.removeprefix('bank_')}", min=1, max=_MOST_PROTOTYPES)}
        if name.startswith("bank_")
        else None
        for name in graph.input_names
    )
    inputs = tuple(tensors[name] for name in graph.input_names)
    _write(graph, inputs, graph.input_names, graph.output_names, (shapes,), path)


def _write(
    graph: nn.Module,
    inputs: tuple[torch.Tensor, ...],
    input_names: tuple[str, ...],
    output_names: tuple[str, ...],
    dynamic_shapes: Any,
    path: Path,
) -> None:
    with warnings.catch_warnings():
        # The exporter warns about its own internals; the parity check judges the result.
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
        try:
            program = torch.onnx.export(
                graph.eval(),
                inputs,
                None,
                dynamo=True,
                verbose=False,
                input_names=list(input_names),
                output_names=list(output_names),
                dynamic_shapes=dynamic_shapes,
                opset_version=OPSET,
            )
        except torch.onnx.OnnxExporterError as error:
            raise ExportError(
                f"PyTorch cannot write {path.name} (opset {OPSET}): {_root_cause(error)}"
            ) from error
    assert program is not None
    model = program.model_proto
    model.ir_version = IR_VERSION
    _drop_paths(model)
    fit_openvino(model.graph)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _root_cause(error: BaseException) -> str:
    """Return the first line of the innermost exception: the exporter wraps its own around it."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"


def _drop_paths(model: onnx.ModelProto) -> None:
    """Forget where the exporter found each line of Python: it names this machine's folders."""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        del value.metadata_props[:]
        value.doc_string = ""
