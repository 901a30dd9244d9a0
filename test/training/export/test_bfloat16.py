# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What bfloat16 costs, as it is measured without a processor that has it."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

import onnxruntime as ort  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from cosme_ros.bundle.loading import load_bundle  # noqa: E402
from cosme_ros.inference.detector import Detector  # noqa: E402
from training.datasets.registry import Dataset  # noqa: E402
from training.export import lower_precision  # noqa: E402
from training.export.bfloat16 import (  # noqa: E402
    allow_bfloat16,
    open_emulated,
    open_rounded,
    round_network,
    runs_bfloat16,
)
from training.export.graph_runner import GraphRunner  # noqa: E402
from training.export.lower_precision import write_faster_bundle  # noqa: E402
from training.export.openvino_graph import fit_openvino  # noqa: E402

DEMO_BUNDLE = Path(__file__).parents[3] / "demo" / "bundle"


def to_bfloat16(values: np.ndarray) -> np.ndarray:
    """Round float32 to the nearest bfloat16, ties to even, by its bits."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.uint64)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return rounded.astype(np.uint32).view(np.float32)


def two_layers(weights: list[np.ndarray], bias: np.ndarray) -> onnx.ModelProto:
    """x -> 1x1 convolution (feature `a`) -> ReLU -> 1x1 convolution (`b`); x / 2 is `guide`."""
    constants = {"first": weights[0], "second": weights[1], "bias": bias, "two": np.float32([2])}
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "first", "bias"], ["a"]),
            helper.make_node("Relu", ["a"], ["relu"]),
            helper.make_node("Conv", ["relu", "second"], ["b"]),
            helper.make_node("Div", ["x", "two"], ["guide"]),
        ],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 6, 3, 3])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, count, 3, 3])
            for name, count in (("a", 5), ("b", 4), ("guide", 6))
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def run(model: onnx.ModelProto, x: np.ndarray) -> dict[str, np.ndarray]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return dict(zip(("a", "b", "guide"), session.run(["a", "b", "guide"], {"x": x}), strict=True))


@pytest.fixture
def numbers() -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    shapes = ((5, 6, 1, 1), (4, 5, 1, 1))
    weights = [random.standard_normal(shape).astype(np.float32) for shape in shapes]
    bias = random.standard_normal(5).astype(np.float32)
    return weights, bias, random.standard_normal((1, 6, 3, 3)).astype(np.float32)


def test_every_product_reads_and_gives_rounded_numbers(
    numbers: tuple[list[np.ndarray], np.ndarray, np.ndarray],
) -> None:
    weights, bias, x = numbers
    found = run(round_network(two_layers(weights, bias)), x)
    first, second = (to_bfloat16(weight[:, :, 0, 0]) for weight in weights)
    sums = np.einsum("oc,nchw->nohw", first, to_bfloat16(x)) + bias[:, None, None]
    a = to_bfloat16(sums)
    b = to_bfloat16(np.einsum("oc,nchw->nohw", second, np.maximum(a, 0)))
    # Where float32 adds in another order, a sum may fall to the other side of a rounding.
    for name, wanted in (("a", a), ("b", b)):
        assert np.mean(found[name] == wanted) > 0.9
        np.testing.assert_allclose(found[name], wanted, rtol=2**-7, atol=1e-5)
        np.testing.assert_array_equal(found[name], to_bfloat16(found[name]))
    np.testing.assert_array_equal(found["guide"], x / 2)


def test_a_convolution_that_is_an_output_is_read_as_a_copy(
    numbers: tuple[list[np.ndarray], np.ndarray, np.ndarray],
) -> None:
    weights, bias, x = numbers
    model = two_layers(weights, bias)
    before = run(model, x)
    model.graph.input.append(helper.make_tensor_value_info("unread", TensorProto.FLOAT, [1]))
    fit_openvino(model.graph)
    onnx.checker.check_model(model)
    assert [value.name for value in model.graph.input] == ["x"]
    convolutions = {x for n in model.graph.node if n.op_type == "Conv" for x in n.output}
    outputs = {value.name for value in model.graph.output}
    read = {name for node in model.graph.node for name in node.input}
    assert not convolutions & outputs & read
    for name, value in run(model, x).items():
        np.testing.assert_array_equal(value, before[name])


class Box:
    """One grey picture with a magenta box, labelled."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if index:
            raise IndexError
        image = np.random.default_rng(0).integers(90, 130, (360, 640, 3)).astype(np.uint8)
        label = np.zeros((360, 640), np.uint8)
        image[200:280, 100:190], label[200:280, 100:190] = (230, 20, 230), 1
        return image, label

    def frame_name(self, index: int) -> str:
        return f"box {index}"


def test_a_bundle_that_may_use_bfloat16_is_the_same_in_float32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One picture that is no street: what is lost on it says nothing, only that it is measured.
    monkeypatch.setattr(lower_precision, "MOST_PRECISION_LOST", 1.0)
    out = tmp_path / "bfloat16"
    dataset = Dataset("boxes", "boxes", "Boxes", "anomalies", Box())
    cost = write_faster_bundle(DEMO_BUNDLE, out, "bfloat16", allow_bfloat16, dataset, open_emulated)
    bundle, single = load_bundle(out), load_bundle(DEMO_BUNDLE)
    assert bundle.may_use_bfloat16
    assert not single.may_use_bfloat16
    assert bundle.manifest["precision"]["average_precision"] == cost.average_precision
    assert 1e-4 < cost.relative_error["score"] < 0.5
    image = Box()[0][0]
    found, wanted = (
        Detector(one, provider="cpu").detect(image).raw_score_grid for one in (bundle, single)
    )
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.skipif(
    not runs_bfloat16(), reason="no onnxruntime-openvino, or no processor with bfloat16"
)
def test_rounding_is_near_to_what_openvino_computes(tmp_path: Path) -> None:
    manifest = json.loads((DEMO_BUNDLE / "manifest.json").read_text(encoding="utf-8"))
    allow_bfloat16(DEMO_BUNDLE, tmp_path, manifest)
    image = Box()[0][0]
    single, real, emulated = (
        runner.run(image)
        for runner in (GraphRunner(tmp_path), open_rounded(tmp_path), open_emulated(tmp_path))
    )
    for name in ("c4", "c5", "lh", "generalist"):
        errors = [np.linalg.norm(x[name] - single[name]) for x in (real, emulated)]
        assert 0.7 < errors[1] / errors[0] < 1.4, name
        assert errors[0] < 0.1 * np.linalg.norm(single[name]), name
