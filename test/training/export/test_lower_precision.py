# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Bundles of lower precision against the one they were made from and NumPy's own arithmetic."""

import hashlib
import json
import shutil
from operator import itemgetter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from cosme_ros.bundle.loading import load_bundle  # noqa: E402
from cosme_ros.bundle.writing import write_manifest  # noqa: E402
from cosme_ros.inference.detector import Detector  # noqa: E402
from cosme_ros.postprocessing.static_mask import StaticMask, load_static_mask  # noqa: E402
from training.__main__ import app  # noqa: E402
from training.datasets.mapped_frames import MappedFrames  # noqa: E402
from training.datasets.normal_frames import FitFrames  # noqa: E402
from training.datasets.registry import Dataset  # noqa: E402
from training.errors import UsageError  # noqa: E402
from training.export import lower_precision  # noqa: E402
from training.export.bfloat16 import allow_bfloat16  # noqa: E402
from training.export.calibration_record import calibration_table  # noqa: E402
from training.export.float16 import halve, halve_inputs, halve_network  # noqa: E402
from training.export.graph_runner import GraphRunner  # noqa: E402
from training.export.half_weights import load_unpacked  # noqa: E402
from training.export.int8 import to_int8  # noqa: E402
from training.export.lower_precision import (  # noqa: E402
    Convert,
    Precision,
    PrecisionCost,
    write_faster_bundle,
)
from training.export.manifest import SCHEMA_PATH, read_manifest, static_mask_of_fit  # noqa: E402
from training.street_renderer.drive import StreetDrive  # noqa: E402

DEMO_BUNDLE = Path(__file__).parents[3] / "demo" / "bundle"


class Boxes:
    """Three streets with a magenta box, labelled; the labels of `blank` are all normal."""

    def __init__(self, *, blank: bool = False) -> None:
        self.blank = blank

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if index >= len(self):
            raise IndexError
        image = StreetDrive(index, 360, 640).frame(0.0).image
        label = np.zeros((360, 640), np.uint8)
        image[200:280, 100 * index : 100 * index + 90] = (230, 20, 230)
        if not self.blank:
            label[200:280, 100 * index : 100 * index + 90] = 1
        return image, label

    def frame_name(self, index: int) -> str:
        return f"box {index}"


def boxes(*, blank: bool = False) -> Dataset:
    return Dataset("boxes", "boxes", "Boxes", "anomalies", Boxes(blank=blank))


def test_a_halved_bundle_runs_and_says_what_it_cost(tmp_path: Path) -> None:
    out = tmp_path / "half"
    measured = write_faster_bundle(DEMO_BUNDLE, out, "float16", halve, boxes())
    assert measured.frames == 3
    assert measured.lost <= lower_precision.MOST_PRECISION_LOST
    bundle, single = load_bundle(out), load_bundle(DEMO_BUNDLE)
    said = bundle.manifest["precision"]
    assert (
        said["made_from"]
        == hashlib.sha256((DEMO_BUNDLE / "manifest.json").read_bytes()).hexdigest()
    )
    assert said["average_precision"] == measured.average_precision
    assert bundle.manifest["graphs"]["student"]["outputs"]["student_c5"]["dtype"] == "float16"
    # The demo's weights are stored in 16 bits already.
    single_size = load_unpacked(DEMO_BUNDLE / "teacher.onnx").ByteSize()
    assert (out / "teacher.onnx").stat().st_size < 0.6 * single_size
    # The detector checks the graphs against the manifest, and finds what was measured.
    half, full = Detector(bundle, provider="cpu"), Detector(single, provider="cpu")
    worst = 0.0
    for index in range(3):
        image = Boxes()[index][0]
        wanted = full.detect(image).raw_score_grid
        worst = max(
            worst, float(np.abs(half.detect(image).raw_score_grid - wanted).max() / wanted.max())
        )
    # Sessions with other threads add in another order.
    assert worst == pytest.approx(measured.relative_error["score"], rel=0.1)
    with pytest.raises(UsageError, match="is in float16 already"):
        write_faster_bundle(out, tmp_path / "again", "float16", halve, boxes())


STREETS = FitFrames(MappedFrames(Boxes(), itemgetter(0)), range(3), (360, 640))
"""The pictures of Boxes as normal frames."""


def test_a_quantised_bundle_runs_with_a_table_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # These pictures are no street: what is lost on them says nothing, only that it is measured.
    monkeypatch.setattr(lower_precision, "MOST_PRECISION_LOST", 1.0)
    out = tmp_path / "int8"
    cost = write_faster_bundle(DEMO_BUNDLE, out, "int8", to_int8(STREETS), boxes())
    bundle = load_bundle(out)
    assert bundle.manifest["precision"]["networks"] == "int8"
    assert bundle.manifest["precision"]["average_precision"] == cost.average_precision
    assert cost.relative_error["score"] > 0
    single_size = load_unpacked(DEMO_BUNDLE / "teacher.onnx").ByteSize()
    assert (out / "teacher.onnx").stat().st_size < 0.4 * single_size
    weights = onnx.load(out / "teacher.onnx").graph.initializer
    assert sum(weight.data_type == TensorProto.INT8 for weight in weights) > 20
    # The table is of this bundle's scores on the normal frames: 1 in 10 of them is at or above
    # its entry for 0.1.
    detector = Detector(bundle, provider="cpu", false_positive_rate=0.1)
    scores = np.concatenate(
        [detector.detect(STREETS[index]).raw_score_grid.ravel() for index in range(3)]
    )
    # Threads add in another order than the export's session did, and scores may then tie.
    assert np.mean(scores >= detector.threshold) == pytest.approx(0.1, abs=0.002)
    assert bundle.manifest["calibration"]["frames"] == 3
    lowest, _ = bundle.calibration.rates
    assert bundle.false_positive_rate == max(0.001, lowest)


@pytest.fixture
def bonnet(tmp_path: Path) -> Path:
    """A static mask of Boxes: the lower half of the boxes is hidden."""
    picture = np.full((360, 640), 255, np.uint8)
    picture[240:] = 0
    file = tmp_path / "bonnet.png"
    cv2.imwrite(str(file), picture)
    return file


@pytest.fixture
def masked_bundle(tmp_path: Path, bonnet: Path) -> Path:
    """The demo's bundle, as if it had been fitted with `bonnet`."""
    bundle = tmp_path / "masked"
    shutil.copytree(DEMO_BUNDLE, bundle)
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    sha256 = hashlib.sha256(bonnet.read_bytes()).hexdigest()
    manifest["fitted_on"]["static_mask"] = {"sha256": sha256, "hidden_share": 1 / 3}
    write_manifest(bundle, manifest)
    return bundle


class SpoiltUnderBonnet(GraphRunner):
    """A bundle with nonsense in the lower third of all maps.

    A row less of it: scores are interpolated to the labels' size, across the edge of the mask.
    """

    def run(self, image: np.ndarray) -> dict[str, np.ndarray]:
        maps = super().run(image)
        for name in ("mulmem", "auxcon", "score", "class_id"):
            maps[name] = maps[name].copy()
            rows = maps[name].shape[-2]
            maps[name][..., 1 - rows // 3 :, :] = 99
        return maps


def test_what_a_static_mask_hides_costs_nothing(
    tmp_path: Path, bonnet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lower_precision, "MOST_PRECISION_LOST", 1.0)

    def cost(open_lower: Any, mask: StaticMask | None) -> PrecisionCost:
        return write_faster_bundle(
            *(DEMO_BUNDLE, tmp_path / "half", "float16", halve, boxes(), open_lower),
            static_mask=mask,
        )

    mask = load_static_mask(str(bonnet))
    sound = cost(GraphRunner, mask)
    assert cost(SpoiltUnderBonnet, mask) == sound
    whole = cost(SpoiltUnderBonnet, None)
    assert whole.average_precision != sound.average_precision
    assert whole.relative_error["score"] > 10 * sound.relative_error["score"]
    # A mask of another camera hides nothing of these pictures.
    square = StaticMask(np.tri(100, dtype=bool))
    assert cost(SpoiltUnderBonnet, square) == whole


def test_a_command_wants_the_static_mask_of_the_fit(
    tmp_path: Path, bonnet: Path, masked_bundle: Path
) -> None:
    other = tmp_path / "other.png"
    cv2.imwrite(str(other), np.eye(360, 640, dtype=np.uint8) * 255)
    manifest = read_manifest(masked_bundle)
    mask = static_mask_of_fit(bonnet, manifest)
    assert mask is not None and mask.hidden_share == pytest.approx(1 / 3)
    unmasked = read_manifest(DEMO_BUNDLE)
    assert static_mask_of_fit(None, unmasked) is None
    for file, of, sentence in (
        (None, manifest, "it is none, and the bundle was fitted with a mask with SHA-256"),
        (other, manifest, "and the bundle was fitted with a mask with SHA-256"),
        (bonnet, unmasked, "and the bundle was fitted with none"),
        (tmp_path / "none.png", manifest, "there is no such file"),
    ):
        with pytest.raises(UsageError, match=f"--static-mask: .*{sentence}"):
            static_mask_of_fit(file, of)
    for command in ("halve", "bfloat16", "quantise"):
        normal = ["--normal", str(tmp_path)] if command == "quantise" else []
        out = ["--out", str(tmp_path / "out"), "--data", f"bag={tmp_path}"]
        result = CliRunner().invoke(app, [command, str(masked_bundle), *normal, *out])
        assert result.exit_code == 2
        assert "--static-mask: it is none" in result.output


def test_a_quantised_table_is_of_what_is_looked_at(
    tmp_path: Path, bonnet: Path, masked_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lower_precision, "MOST_PRECISION_LOST", 1.0)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for index in range(3):
        cv2.imwrite(str(pictures / f"{index}.png"), STREETS[index])
    monkeypatch.setattr(
        "training.datasets.registry.open_dataset", lambda spelling, orientation: boxes()
    )
    out = tmp_path / "int8"
    options = ["--normal", str(pictures), "--data", "boxes", "--out", str(out)]
    arguments = ["quantise", str(masked_bundle), *options, "--static-mask", str(bonnet)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    runner, mask = GraphRunner(out), load_static_mask(str(bonnet))
    assert mask is not None
    scores = [mask.values_of(runner.run(STREETS[index])["score"][0, 0]) for index in range(3)]
    frames, pixels, table = calibration_table(scores)
    calibration = load_bundle(out).manifest["calibration"]
    assert (calibration["frames"], calibration["pixels"]) == (frames, pixels)
    assert calibration["table"] == table


@pytest.mark.parametrize(
    ("precision", "convert"), [("float16", halve), ("bfloat16", allow_bfloat16)]
)
def test_too_much_lost_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: Precision, convert: Convert
) -> None:
    monkeypatch.setattr(lower_precision, "MOST_PRECISION_LOST", -1.0)
    with pytest.raises(UsageError, match=r"would lose .* on boxes.*Try more labelled pictures"):
        write_faster_bundle(DEMO_BUNDLE, tmp_path / "half", precision, convert, boxes())
    assert not list(tmp_path.iterdir())


def test_labels_of_one_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="and 0 anomalous pixels; labels of both kinds"):
        write_faster_bundle(DEMO_BUNDLE, tmp_path / "half", "float16", halve, boxes(blank=True))
    assert not list(tmp_path.iterdir())


def model(nodes: list, inputs: list, outputs: list, constants: list) -> "onnx.ModelProto":
    graph = helper.make_graph(nodes, "graph", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def test_a_network_computes_in_float16_from_the_pixels_on() -> None:
    import onnxruntime

    image = helper.make_tensor_value_info("image", TensorProto.UINT8, [1, 4])
    lh = helper.make_tensor_value_info("lh", TensorProto.FLOAT, [1, 4])
    weight = numpy_helper.from_array(np.array([[0.1, 0.3, 1 / 3, 3e-5]], np.float32), "weight")
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["pixels", "weight"], ["lh"]),
    ]
    half = halve_network(model(nodes, [image], [lh], [weight]))
    session = onnxruntime.InferenceSession(
        half.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    pixels = np.array([[255, 7, 100, 3]], np.uint8)
    (found,) = session.run(None, {"image": pixels})
    assert found.dtype == np.float16
    wanted = pixels.astype(np.float16) * np.array([0.1, 0.3, 1 / 3, 3e-5], np.float32).astype(
        np.float16
    )
    assert np.array_equal(found[0], wanted[0])


def test_memory_takes_halves_and_computes_in_float32() -> None:
    import onnxruntime

    tensors = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in ("lh", "bank_lh")
    ]
    score = helper.make_tensor_value_info("score", TensorProto.FLOAT, [3])
    nodes = [
        helper.make_node("Mul", ["lh", "lh"], ["square"]),
        helper.make_node("Mul", ["square", "bank_lh"], ["score"]),
    ]
    half = halve_inputs(model(nodes, tensors, [score], []), ["lh"])
    session = onnxruntime.InferenceSession(
        half.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    assert [value.type for value in session.get_inputs()] == ["tensor(float16)", "tensor(float)"]
    lh, bank = np.array([300, 1e-3, 60000], np.float16), np.array([1, 2, 3], np.float32)
    (found,) = session.run(None, {"lh": lh, "bank_lh": bank})
    assert np.array_equal(found, lh.astype(np.float32) ** 2 * bank)  # 300² is past 65504


def test_the_schema_knows_the_precision() -> None:
    schema = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    assert "precision" not in schema["required"]
    assert schema["properties"]["precision"]["additionalProperties"] is False
