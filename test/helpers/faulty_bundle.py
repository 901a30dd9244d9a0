# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The tiny bundle with a memory graph at fault: it hangs, raises, or its scores mean nothing."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from helpers.tiny_bundle import seal, write_tiny_bundle

MAGIC = (255, 0, 255)
"""BGR: a frame of this colour alone hangs, and no street of `street_frame` does."""
# What the filter for magenta gives there, and what it never gives on a noisy street.
_MAGIC_RESPONSE = 1.55
_ENDLESS = 2**62
"""Steps of a loop: years, on any machine."""


def write_hanging_bundle(folder: Path, *, at_once: bool = False) -> Path:
    """Write a bundle whose memory graph loops endlessly on a frame of MAGIC; else it is the tiny
    one. With `at_once` it hangs on every frame, the one of the warm-up too. Returns `folder`."""
    write_tiny_bundle(folder)
    model = onnx.load(folder / "memory.onnx")
    threshold = -1.0 if at_once else _MAGIC_RESPONSE
    nodes = _renamed_score(model)
    constants = {
        "magic_channel": np.array([7], np.int64),
        "magic_response": np.float32(threshold),
        "endless": np.int64(_ENDLESS),
        "no_step": np.int64(0),
        "go_on": np.bool_(True),
        "begin_with": np.float32(1),
        "never_reached": np.float32(2),
        "nothing": np.float32(0),
    }
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    )
    scalar = [
        helper.make_tensor_value_info(name, kind, [])
        for name, kind in (
            ("step", TensorProto.INT64),
            ("go_on_in", TensorProto.BOOL),
            ("value_in", TensorProto.FLOAT),
            ("go_on_out", TensorProto.BOOL),
            ("value_out", TensorProto.FLOAT),
        )
    ]
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on_in"], ["go_on_out"]),
            helper.make_node("Sqrt", ["value_in"], ["value_out"]),
        ],
        "step_of_the_loop",
        scalar[:3],
        scalar[3:],
    )
    nodes.extend(
        [
            helper.make_node("Gather", ["c5", "magic_channel"], ["magenta"], axis=1),
            helper.make_node("ReduceMax", ["magenta"], ["most_magenta"], keepdims=0),
            helper.make_node("Greater", ["most_magenta", "magic_response"], ["is_magic"]),
            helper.make_node("Where", ["is_magic", "endless", "no_step"], ["steps"]),
            helper.make_node("Loop", ["steps", "go_on", "begin_with"], ["end_value"], body=body),
            # Depends on the loop, so that no optimisation leaves it out, and changes nothing.
            helper.make_node("Greater", ["end_value", "never_reached"], ["is_reached"]),
            helper.make_node("Where", ["is_reached", "nothing", "score_before"], ["score"]),
        ]
    )
    return _written(folder, model)


def write_failing_bundle(folder: Path) -> Path:
    """Write a bundle whose memory graph raises on a frame of MAGIC, as that of a lost device does
    on every frame; else it is the tiny one. Returns `folder`."""
    write_tiny_bundle(folder)
    model = onnx.load(folder / "memory.onnx")
    nodes = _renamed_score(model)
    constants = {
        "magic_channel": np.array([7], np.int64),
        "magic_response": np.float32(_MAGIC_RESPONSE),
        "beyond_the_end": np.int64(1),
        "first": np.int64(0),
        "nothing": np.zeros(1, np.float32),
    }
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    )
    nodes.extend(
        [
            helper.make_node("Gather", ["c5", "magic_channel"], ["magenta"], axis=1),
            helper.make_node("ReduceMax", ["magenta"], ["most_magenta"], keepdims=0),
            helper.make_node("Greater", ["most_magenta", "magic_response"], ["is_magic"]),
            helper.make_node("Where", ["is_magic", "beyond_the_end", "first"], ["place"]),
            helper.make_node("Gather", ["nothing", "place"], ["added"]),
            helper.make_node("Add", ["score_before", "added"], ["score"]),
        ]
    )
    return _written(folder, model)


def write_scaled_bundle(folder: Path, *, factor: float, offset: float) -> Path:
    """Write the tiny bundle with `factor` times its raw scores plus `offset`. Returns `folder`."""
    write_tiny_bundle(folder)
    model = onnx.load(folder / "memory.onnx")
    nodes = _renamed_score(model)
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(np.asarray(factor, np.float32), "factor"),
            numpy_helper.from_array(np.asarray(offset, np.float32), "offset"),
        ]
    )
    nodes.extend(
        [
            helper.make_node("Mul", ["score_before", "factor"], ["score_scaled"]),
            helper.make_node("Add", ["score_scaled", "offset"], ["score"]),
        ]
    )
    return _written(folder, model)


def _renamed_score(model: onnx.ModelProto):
    """The graph's nodes, where what was the score is now 'score_before'."""
    (node,) = [node for node in model.graph.node if "score" in node.output]
    node.output[0] = "score_before"
    return model.graph.node


def _written(folder: Path, model: onnx.ModelProto) -> Path:
    onnx.checker.check_model(model, full_check=True)
    (folder / "memory.onnx").write_bytes(model.SerializeToString(deterministic=True))
    seal(folder, json.loads((folder / "manifest.json").read_text()))
    return folder
