# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Exports a teacher before anything is fitted to it: what cannot be a bundle costs no hours."""

import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from training.export.bundle_writer import PARITY_TOLERANCE, ParityError, relative_error
from training.export.graph_runner import PROVIDER
from training.export.onnx_writer import write_image_graph
from training.layers import LAYERS, OUTPUT
from training.method.graphs import TeacherGraph
from training.teachers.interface import Teacher


def try_export(teacher: Teacher, size: tuple[int, int]) -> dict[str, float]:
    """Write the teacher's graph, run it on noise, compare with PyTorch, forget it.

    Args:
        teacher: frozen, on the CPU.
        size: (height, width) of the network input in pixels.

    Returns:
        Relative error of each output.

    Raises:
        ExportError: the network cannot be expressed in ONNX.
        ParityError: ONNX Runtime does not compute what PyTorch does.
    """
    layers = tuple(x for x in LAYERS if x in teacher.channels and x != OUTPUT)
    graph = TeacherGraph(teacher, layers, size).eval()
    image = np.random.default_rng(0).integers(0, 256, (1, *size, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "teacher.onnx"
        write_image_graph(graph, path)
        session = onnxruntime.InferenceSession(path, providers=[PROVIDER])
        values = session.run(list(graph.output_names), {"image": image})
    with torch.inference_mode():
        references = graph(torch.from_numpy(image))
    errors = {
        name: relative_error(name, value, reference.numpy())
        for name, value, reference in zip(graph.output_names, values, references, strict=True)
    }
    broken = {name: error for name, error in errors.items() if not error <= PARITY_TOLERANCE}
    if broken:
        raise ParityError(
            f"the teacher in ONNX differs from PyTorch by more than {PARITY_TOLERANCE}: {broken}; "
            "a network that draws random numbers or keeps something from image to image does"
        )
    return errors
