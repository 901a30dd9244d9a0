# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The bound chain gives the bits that the three graphs give when they are run one by one."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers.tiny_bundle import IR_VERSION, OPSET, street_frame, write_tiny_bundle
from onnx import TensorProto, helper

from cosme_ros.bundle.loading import GRAPHS, Bundle, load_bundle
from cosme_ros.inference.pipeline import InferencePipeline
from cosme_ros.inference.sessions import Session, open_session


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return load_bundle(write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny"))


def opened(folder: Path) -> dict[str, Session]:
    return {graph: open_session(folder / f"{graph}.onnx", "cpu", threads=1) for graph in GRAPHS}


def one_by_one(
    sessions: dict[str, Session], banks: dict[str, np.ndarray], image: np.ndarray
) -> dict[str, np.ndarray]:
    made = dict(banks)
    for graph in ("teacher", "student"):
        made |= sessions[graph].run({"image": image[np.newaxis]})
    memory = sessions["memory"]
    return {
        **memory.run({name: made[name] for name in memory.inputs}),
        "class_id": made["class_id"],
    }


def assert_same_bits(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert found[name].dtype == value.dtype
        assert np.array_equal(found[name], value), name


def test_a_bound_chain_gives_the_bits_of_plain_runs(bundle: Bundle) -> None:
    chain = InferencePipeline(opened(bundle.path), bundle.banks)
    plain = opened(bundle.path)
    for seed, (height, width) in enumerate(((360, 640), (360, 640), (200, 300), (360, 640))):
        image = street_frame(height, width, box=(20, 150, 80, 40), seed=seed)
        assert_same_bits(chain.run(image), one_by_one(plain, dict(bundle.banks), image))


def test_what_a_frame_gave_outlives_the_next(bundle: Bundle) -> None:
    chain = InferencePipeline(opened(bundle.path), bundle.banks)
    first = chain.run(street_frame(360, 640, box=(280, 240, 80, 60), seed=1))
    kept = {name: value.copy() for name, value in first.items()}
    second = chain.run(street_frame(360, 640, seed=2))
    assert_same_bits(first, kept)
    assert not np.array_equal(first["score"], second["score"])


def test_features_of_a_free_shape_follow_the_image(tmp_path: Path) -> None:
    """Graphs that score at the image's own size: no buffer can be made before the frame comes."""
    floats = ["n", "h", "w", "c"]
    teacher = [
        helper.make_node("Cast", ["image"], ["lh"], to=TensorProto.FLOAT),
        helper.make_node("ArgMax", ["lh"], ["index"], axis=3, keepdims=0),
        helper.make_node("Cast", ["index"], ["class_id"], to=TensorProto.UINT8),
    ]
    student = [
        helper.make_node("Cast", ["image"], ["image_32"], to=TensorProto.FLOAT),
        helper.make_node("Sqrt", ["image_32"], ["student_lh"]),
    ]
    memory = [
        helper.make_node("Sub", ["lh", "student_lh"], ["gap"]),
        helper.make_node("Mul", ["gap", "bank_lh"], ["score"]),
    ]
    image = ("image", TensorProto.UINT8, [1, "h", "w", 3])
    lh, student_lh = (("lh", TensorProto.FLOAT, floats), ("student_lh", TensorProto.FLOAT, floats))
    class_id = ("class_id", TensorProto.UINT8, ["n", "h", "w"])
    bank = ("bank_lh", TensorProto.FLOAT, ["k"])
    score = ("score", TensorProto.FLOAT, floats)
    for name, nodes, inputs, outputs in (
        ("teacher", teacher, [image], [lh, class_id]),
        ("student", student, [image], [student_lh]),
        ("memory", memory, [lh, student_lh, bank], [score]),
    ):
        graph = helper.make_graph(
            nodes,
            name,
            [helper.make_tensor_value_info(*value) for value in inputs],
            [helper.make_tensor_value_info(*value) for value in outputs],
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )
        onnx.save(model, tmp_path / f"{name}.onnx")
    chain = InferencePipeline(opened(tmp_path), {"bank_lh": np.array([2.0], np.float32)})
    for seed, (height, width) in enumerate(((6, 9), (4, 5), (6, 9))):
        picture = street_frame(height, width, seed=seed)
        wanted = picture.astype(np.float32)
        found = chain.run(picture)
        # Exact but for the square root, which is rounded to half a unit in the last place.
        np.testing.assert_allclose(
            found["score"][0], 2 * (wanted - np.sqrt(wanted)), rtol=0, atol=6e-5
        )
        assert np.array_equal(found["class_id"][0], picture.argmax(axis=2))


def test_a_graph_that_fails_leaves_the_chain_usable(bundle: Bundle) -> None:
    chain = InferencePipeline(opened(bundle.path), bundle.banks)
    image = street_frame(64, 96, seed=1)
    wanted = chain.run(image)
    with pytest.raises(Exception, match="image"):
        chain.run(image[..., :2])
    assert_same_bits(chain.run(image), wanted)
