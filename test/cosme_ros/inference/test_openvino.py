# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""OpenVINO inside onnxruntime-openvino, which replaces onnxruntime: skipped where it is not."""

import logging
import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from helpers.tiny_bundle import street_frame, write_tiny_bundle
from onnx import TensorProto, helper

from cosme_ros.inference.providers import ProviderError
from cosme_ros.inference.sessions import open_session, open_sessions

pytestmark = pytest.mark.skipif(
    "OpenVINOExecutionProvider" not in ort.get_available_providers(),
    reason="this ONNX Runtime is not onnxruntime-openvino",
)
PROCESSOR = Path("/proc/cpuinfo")
needs_bfloat16 = pytest.mark.skipif(
    not PROCESSOR.exists() or not re.search("avx512_bf16|amx_bf16", PROCESSOR.read_text()),
    reason="this processor has no bfloat16",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


def features(folder: Path, provider: str, **options: bool) -> np.ndarray:
    session = open_session(folder / "student.onnx", provider, **options)
    return session.run({"image": street_frame(360, 640)[np.newaxis]})["student_c5"]


def relative(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def test_it_computes_in_float32_unless_asked_otherwise(folder: Path) -> None:
    assert relative(features(folder, "openvino"), features(folder, "cpu")) < 1e-5


@needs_bfloat16
def test_it_computes_in_bfloat16_where_it_may(folder: Path) -> None:
    error = relative(features(folder, "openvino", bfloat16=True), features(folder, "cpu"))
    assert 1e-4 < error < 0.05  # 8 bits of a number


def test_options_of_the_user_win_over_the_precision(folder: Path) -> None:
    text = '{"CPU": {"INFERENCE_PRECISION_HINT": "f32"}}'
    session = open_session(
        folder / "student.onnx",
        "openvino",
        bfloat16=True,
        runtime_options={"load_config": text},
    )
    found = session.run({"image": street_frame(360, 640)[np.newaxis]})["student_c5"]
    assert relative(found, features(folder, "cpu")) < 1e-5


def test_auto_takes_bfloat16_only_if_it_is_faster_and_says_so(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cosme_ros.inference.sessions")
    graphs = {name: folder / f"{name}.onnx" for name in ("teacher", "student", "memory")}
    sessions = open_sessions(graphs, "auto", bfloat16=("teacher", "student"))
    (message,) = [r.getMessage() for r in caplog.records if "execution provider" in r.msg]
    numbers = re.search(r"teacher.onnx takes (\S+) ms, and (\S+) in float32", message)
    assert numbers is not None
    faster = float(numbers[1]) < float(numbers[2])
    assert {session.provider for session in sessions.values()} == {"openvino" if faster else "cpu"}
    assert ("openvino runs the graphs in bfloat16" in message) == faster


def write_products(path: Path, columns: dict[str, int]) -> None:
    rows = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["k", count])
        for name, count in columns.items()
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "first"], ["y"]),
        helper.make_node("MatMul", ["y", "second"], ["z"]),
    ]
    graph = helper.make_graph(
        nodes, "graph", rows, [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["k", 7])]
    )
    opset = helper.make_opsetid("", 18)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)


def test_a_graph_that_fails_at_its_first_run_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    """Nothing reads `unread`, and the provider counts the inputs behind it wrongly."""
    path = tmp_path / "memory.onnx"
    write_products(path, {"x": 64, "first": 64, "second": 7})
    assert open_session(path, "openvino").provider == "openvino"
    write_products(path, {"x": 64, "unread": 3, "first": 64, "second": 7})
    with pytest.raises(ProviderError, match=r"opens memory.onnx and cannot run it: .*exported ag"):
        open_session(path, "openvino")
    assert open_session(path, "cpu").provider == "cpu"
