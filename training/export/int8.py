# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Both networks of a bundle in int8, for a CPU."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from tqdm import tqdm

from training.datasets.normal_frames import FitFrames
from training.export.calibration_record import calibration_record
from training.export.graph_runner import GraphRunner
from training.export.half_weights import load_unpacked
from training.export.lower_precision import NETWORKS, Convert

_QUANTISED = ("Conv", "Relu", "Add", "MaxPool", "Concat")
_COLOURS = 3


class _Frames(CalibrationDataReader):
    """Feeds frames, from which ONNX Runtime takes the range of every tensor."""

    def __init__(self, frames: Iterable[np.ndarray]) -> None:
        self._frames: Iterator[np.ndarray] = iter(frames)

    def get_next(self) -> dict[str, np.ndarray] | None:
        frame = next(self._frames, None)
        return None if frame is None else {"image": frame[None]}


def to_int8(frames: FitFrames) -> Convert:
    """Make a `lower_precision.Convert` to int8 by the ranges that `frames` show.

    Scores move by more than rounding, so the calibration table is measured anew, on the same
    frames. Banks stay as they are, and so does the memory graph, which computes in float32.

    Args:
        frames: normal ones; a dozen show the ranges, the table wants more. What their static mask
            hides is not in the table. Ranges are of whole frames, which is what the networks see.
    """

    def convert(bundle: Path, folder: Path, manifest: dict[str, Any]) -> None:
        for network in NETWORKS:
            numbers = tqdm(range(len(frames)), f"ranges, {network}", unit="frame")
            quantise_network(
                bundle / f"{network}.onnx",
                folder / f"{network}.onnx",
                (frames[index] for index in numbers),
            )
        for file in ("memory.onnx", "prototypes.npz"):
            shutil.copyfile(bundle / file, folder / file)
        manifest["calibration"] = calibration_record(GraphRunner(folder), frames, manifest)

    return convert


def quantise_network(source: Path, target: Path, frames: Iterable[np.ndarray]) -> None:
    """Write the network at `source` to `target` with weights and values in 8 bits.

    Weights are rounded channel by channel, to 7 bits: sums of products of 8 bits overflow on CPUs
    with AVX2 and without VNNI.
    """
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / source.name
        unpacked = Path(folder) / f"unpacked_{source.name}"
        onnx.save(load_unpacked(source), unpacked)
        quant_pre_process(str(unpacked), str(prepared), skip_symbolic_shape=True)
        first = _first_convolutions(onnx.load(prepared).graph)
        quantize_static(
            str(prepared),
            str(target),
            _Frames(frames),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(_QUANTISED),
            nodes_to_exclude=first,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


def _first_convolutions(graph: onnx.GraphProto) -> list[str]:
    """Return the network's stem, and a normalisation of the pixels that is a convolution.

    They stay in float32: every feature is made of them, and they cost next to nothing.
    """
    outputs = {weight.name: weight.dims[0] for weight in graph.initializer if weight.dims}
    names = []
    for node in graph.node:
        if node.op_type == "Conv":
            names.append(node.name)
            if outputs[node.input[1]] > _COLOURS:
                break
    return names
