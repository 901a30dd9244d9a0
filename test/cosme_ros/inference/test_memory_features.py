# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Banks replaced in an open detector, and the features that they are compared with."""

import threading
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from helpers.tiny_bundle import street_frame, write_tiny_bundle

from cosme_ros.bags.reading import read_frames
from cosme_ros.bundle.loading import Bundle, load_bundle
from cosme_ros.inference.detector import Detection, Detector
from cosme_ros.topics import CAMERA_IMAGE

DEMO = Path(__file__).parents[3] / "demo"
LAYERS = ("c4", "c5", "lh", "generalist_c2")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(DEMO / "bundle")


@pytest.fixture(scope="module")
def detector(bundle: Bundle) -> Detector:
    return Detector(bundle, provider="cpu", threads=1)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return next(iter(read_frames(DEMO / "bag", CAMERA_IMAGE))).image


@pytest.fixture
def tiny(tmp_path: Path) -> Detector:
    return Detector(load_bundle(write_tiny_bundle(tmp_path / "tiny")), provider="cpu", threads=1)


def bits(detection: Detection) -> list[bytes]:
    return [grid.tobytes() for grid in (detection.raw_score_grid, detection.mulmem)]


def test_the_same_banks_give_the_same_bits(
    bundle: Bundle, detector: Detector, image: np.ndarray
) -> None:
    before = bits(detector.detect(image))
    detector.set_banks(bundle.banks)
    assert bits(detector.detect(image)) == before
    reordered = {name: bank[::-1] for name, bank in bundle.banks.items()}
    detector.set_banks(reordered)
    assert bits(detector.detect(image)) == before


def test_features_are_what_the_memory_graph_compares(
    bundle: Bundle, detector: Detector, image: np.ndarray
) -> None:
    """The graph's own tensors, asked of ONNX Runtime by more outputs."""
    model = onnx.load(bundle.graph_path("memory"))
    # What is flattened to [C, places] is compared; the order is that of the manifest's layers.
    nodes = model.graph.node
    compared = [
        node.input[0] for node in nodes if node.op_type == "Reshape" and _is_sliced(nodes, node)
    ]
    assert len(compared) == len(LAYERS)
    known = {value.name for value in model.graph.input}
    model.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in compared if name not in known
    )
    inputs = dict(bundle.banks)
    for graph in ("teacher", "student"):
        session = ort.InferenceSession(bundle.graph_path(graph), providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        inputs |= dict(zip(names, session.run(names, {"image": image[None]}), strict=True))
    memory = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    fed = {value.name: inputs[value.name] for value in memory.get_inputs()}
    names = [output.name for output in memory.get_outputs()]
    inside = fed | dict(zip(names, memory.run(names, fed), strict=True))
    found = detector.features(image)
    assert tuple(found) == tuple(bundle.manifest["method"]["layers"]) == LAYERS
    for layer, name in zip(LAYERS, compared, strict=True):
        assert found[layer].dtype == np.float32
        # Means of 16 float32 numbers, added up in another order.
        np.testing.assert_allclose(found[layer], inside[name][0], rtol=1e-5, atol=1e-5)


def _is_sliced(nodes, node) -> bool:
    return any(other.op_type == "Slice" and other.input[0] == node.output[0] for other in nodes)


def test_a_place_that_is_remembered_is_no_longer_unusual(
    bundle: Bundle, detector: Detector, image: np.ndarray
) -> None:
    before = detector.detect(image)
    unusual = before.mulmem
    # A place of the coarse grid, in the middle of a block of pixels.
    features = detector.features(image)
    rows, columns = features["c4"].shape[1:]
    height, width = unusual.shape
    row, column = max(
        np.ndindex(rows, columns),
        key=lambda place: unusual[_pixel(place[0], rows, height), _pixel(place[1], columns, width)],
    )
    pixel = _pixel(row, rows, height), _pixel(column, columns, width)
    grown = {}
    for layer, feature in features.items():
        # On a finer grid all places of the coarse one's place, and those around it.
        finer = round(feature.shape[1] / rows)
        first = [max(0, finer * place - finer + 1) for place in (row, column)]
        last = [finer * place + 2 * finer - 1 for place in (row, column)]
        part = feature[:, first[0] : last[0], first[1] : last[1]]
        vectors = part.reshape(len(part), -1).T
        prototypes = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        grown[f"bank_{layer}"] = np.vstack([bundle.banks[f"bank_{layer}"], prototypes])
    detector.set_banks(grown)
    try:
        after = detector.detect(image)
    finally:
        detector.set_banks(bundle.banks)
    assert unusual[pixel] > 0
    assert after.mulmem[pixel] < 1e-3 * unusual[pixel]
    # Nothing became more unusual: a bank that grew remembers what it did.
    assert (after.mulmem <= unusual * (1 + 1e-4) + 1e-9).all()
    assert bits(detector.detect(image)) == bits(before)


def _pixel(place: int, places: int, pixels: int) -> int:
    return min(int((place + 0.5) * pixels / places), pixels - 1)


def test_one_layer_alone_can_be_replaced_and_shrink(tiny: Detector) -> None:
    image = street_frame(64, 96, box=(40, 40, 20, 15))
    before = tiny.detect(image).mulmem
    tiny.set_banks({"bank_lh": tiny.bundle.banks["bank_lh"][:1]})
    assert not np.array_equal(tiny.detect(image).mulmem, before)
    tiny.set_banks({"bank_lh": tiny.bundle.banks["bank_lh"]})
    assert np.array_equal(tiny.detect(image).mulmem, before)


def test_what_is_given_may_change_afterwards(tiny: Detector) -> None:
    image = street_frame(64, 96)
    before = bits(tiny.detect(image))
    given = {name: bank.copy() for name, bank in tiny.bundle.banks.items()}
    tiny.set_banks(given)
    for bank in given.values():
        bank[:] = 0
    assert bits(tiny.detect(image)) == before


def unit(rows: int, channels: int) -> np.ndarray:
    bank = np.zeros((rows, channels), np.float32)
    bank[:, 0] = 1
    return bank


@pytest.mark.parametrize(
    ("banks", "sentence"),
    [
        ({"bank_c9": unit(2, 7)}, "there is no bank bank_c9; bank_c4, bank_c5, bank_lh are right"),
        ({"c4": unit(2, 7)}, "there is no bank c4"),
        ({"bank_c4": unit(2, 8)}, r"bank_c4 is float32 \[2, 8\]; float32 \[K, 7\]"),
        ({"bank_c4": unit(2, 7)[0]}, r"bank_c4 is float32 \[7\]"),
        ({"bank_c4": unit(2, 7)[:0]}, r"bank_c4 is float32 \[0, 7\]"),
        ({"bank_c4": unit(2, 7).astype(np.float64)}, "bank_c4 is float64"),
        ({"bank_c4": [[1.0]]}, "bank_c4 is a list"),
        ({"bank_c4": 2 * unit(2, 7)}, "row 0 of bank_c4 has length 2;"),
        ({"bank_c4": np.full((2, 7), np.nan, np.float32)}, "row 0 of bank_c4 has length nan"),
        # The first one is right, and is not taken either.
        ({"bank_lh": unit(2, 7), "bank_c5": unit(2, 9)}, "bank_c5 is"),
    ],
)
def test_banks_that_do_not_fit_are_refused_and_nothing_changes(
    tiny: Detector, banks, sentence: str
) -> None:
    image = street_frame(64, 96, box=(40, 40, 20, 15))
    before = bits(tiny.detect(image))
    with pytest.raises(ValueError, match=sentence):
        tiny.set_banks(banks)
    assert bits(tiny.detect(image)) == before


def test_what_is_no_image_has_no_features(tiny: Detector) -> None:
    with pytest.raises(ValueError, match="the image is float32"):
        tiny.features(np.zeros((64, 96, 3), np.float32))


def test_banks_replaced_while_frames_come_are_never_mixed(tiny: Detector) -> None:
    """Every frame is scored with one set of banks or with the other."""
    image = street_frame(64, 96, box=(40, 40, 20, 15))
    one = tiny.bundle.banks
    other = {name: bank[:1] for name, bank in one.items()}
    allowed = set()
    for banks in (other, one):
        tiny.set_banks(banks)
        allowed.add(tiny.detect(image).raw_score_grid.tobytes())
    assert len(allowed) == 2
    end = threading.Event()

    def replace() -> None:
        while not end.is_set():
            for banks in (one, other):
                tiny.set_banks(banks)

    thread = threading.Thread(target=replace)
    thread.start()
    try:
        seen = {tiny.detect(image).raw_score_grid.tobytes() for _ in range(300)}
    finally:
        end.set()
        thread.join()
    assert seen <= allowed
