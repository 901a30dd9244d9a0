# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""From a teacher and frames to a bundle: resumable, checked, complete."""

import hashlib
import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

import onnx  # noqa: E402

from cosme_ros.bundle.loading import PROTOTYPE_PICTURES, load_bundle  # noqa: E402
from cosme_ros.explanation.prototype_pictures import read_prototype_pictures  # noqa: E402
from cosme_ros.inference.detector import Detector  # noqa: E402
from cosme_ros.messages.image_orientation import ImageOrientation  # noqa: E402
from cosme_ros.postprocessing.static_mask import StaticMask  # noqa: E402
from training.compute import Compute  # noqa: E402
from training.datasets.mapped_frames import MappedFrames  # noqa: E402
from training.datasets.normal_frames import FitFrames, open_static_mask, split_frames  # noqa: E402
from training.datasets.readers.class_list import SegmentationClass  # noqa: E402
from training.errors import UsageError  # noqa: E402
from training.evaluation.ablation import LayerScores, ScoreArithmetic  # noqa: E402
from training.evaluation.frame_scores import FrameScorer  # noqa: E402
from training.export import bundle_writer  # noqa: E402
from training.export.bundle_writer import ParityError, run_torch  # noqa: E402
from training.export.calibration_record import calibration_table  # noqa: E402
from training.export.graph_runner import GraphRunner  # noqa: E402
from training.export.half_weights import load_unpacked  # noqa: E402
from training.fitting import memory as memory_fitting  # noqa: E402
from training.fitting import scratch_student  # noqa: E402
from training.fitting.crops import CropBatches  # noqa: E402
from training.fitting.fit import fit  # noqa: E402
from training.fitting.memory import fit_memory  # noqa: E402
from training.fitting.scratch_student import train_student  # noqa: E402
from training.fitting.settings import FitSettings, MemorySettings, RidgeSettings, StudentSettings  # noqa: E402
from training.method.guided_filter import guided  # noqa: E402
from training.method.guided_settings import GuidedFilter  # noqa: E402
from training.method.memory import as_vectors  # noqa: E402
from training.method.student import on_places  # noqa: E402
from training.method.tensor_ops import smoothed  # noqa: E402
from training.teachers.checkpoint import TeacherCheckpoint, load_teacher, save_teacher  # noqa: E402
from training.teachers.factory import build_teacher  # noqa: E402
from training.teachers.interface import Teacher  # noqa: E402

ARCHITECTURE = "deeplabv3plus_resnet18"
CLASSES = (
    SegmentationClass("road", (128, 64, 128), True),
    SegmentationClass("sky", (70, 130, 180), False),
    SegmentationClass("car", (0, 0, 142), False),
)


class NoiseFrames:
    """Smooth random pictures; enough for shapes, order and arithmetic."""

    def __len__(self) -> int:
        return 20

    def __getitem__(self, index: int) -> np.ndarray:
        coarse = np.random.default_rng(index).integers(0, 256, (9, 12, 3), dtype=np.uint8)
        return np.kron(coarse, np.ones((8, 8, 1), np.uint8))


def settings(steps: int = 6, **changes: Any) -> FitSettings:
    student = StudentSettings(
        ARCHITECTURE, width=0.125, steps=steps, batch=2, crop_height=48, crop_width=48, workers=0
    )
    memory = MemorySettings(layers=("c4", "c5", "lh"), prototypes=16)
    content: dict[str, Any] = {"size": (64, 96), "memory": memory, "student": student}
    return FitSettings(**{**content, **changes})


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> TeacherCheckpoint:
    torch.manual_seed(0)
    network = build_teacher(ARCHITECTURE, len(CLASSES), width=0.125)
    path = tmp_path_factory.mktemp("teacher") / "teacher.pt"
    save_teacher(path, TeacherCheckpoint(network, ARCHITECTURE, 0.125, CLASSES, "nothing"))
    return load_teacher(path)


def run(teacher: TeacherCheckpoint, out: Path, wanted: FitSettings) -> dict[str, Any]:
    torch.set_num_threads(1)
    return fit(
        teacher, NoiseFrames(), wanted, out, name="tiny", licence="Apache-2.0", description="noise"
    )


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "standardised"])
def bundle(
    request: pytest.FixtureRequest,
    teacher: TeacherCheckpoint,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    out = tmp_path_factory.mktemp("fit") / "bundle"
    run(teacher, out, settings(standardised=request.param))
    return out


def test_bundle_says_what_it_is(bundle: Path) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert sorted(path.name for path in bundle.iterdir()) == sorted(
        ["manifest.json", *manifest["files"]]
    )
    assert manifest["input_size"] == {"height": 64, "width": 96}
    assert [c["name"] for c in manifest["classes"]] == ["road", "sky", "car"]
    assert manifest["calibration"]["frames"] == 4
    assert max(manifest["parity"]["relative_error"].values()) <= 1e-3
    assert set(manifest["student"]["explained_variance"]) == {"c2", "c3", "c4", "c5", "lh", "o"}


def backbone_weights(folder: Path) -> tuple[Path, Teacher]:
    """Write the weights of another network, for the generalist; return file and network."""
    weights = folder / "backbone.pt"
    torch.manual_seed(5)
    other = build_teacher(ARCHITECTURE, len(CLASSES), width=0.125)
    save_teacher(weights, TeacherCheckpoint(other, ARCHITECTURE, 0.125, CLASSES, "nothing"))
    return weights, other


def test_closed_form_student_and_smoothed_score_make_a_bundle(
    teacher: TeacherCheckpoint, tmp_path: Path
) -> None:
    weights, _ = backbone_weights(tmp_path)
    student = RidgeSettings(weights=str(weights), layers=("c4", "c5"))
    wanted = settings(
        student=student, evaluation_layers=("c4", "c5"), smoothing=8.0, auxcon_power=0.5
    )
    manifest = run(teacher, tmp_path / "bundle", wanted)
    assert manifest["student"]["fitted"] == "ridge"
    assert manifest["student"]["supervised_layers"] == ["c4", "c5"]
    said = manifest["method"]
    assert (said["pooled"], said["smoothing"], said["auxcon_power"]) == (True, 8.0, 0.5)
    assert max(manifest["parity"]["relative_error"].values()) <= 1e-3
    outputs = GraphRunner(tmp_path / "bundle").run(NoiseFrames()[0])
    # lh is at stride 4.
    wanted_score = smoothed(torch.from_numpy(outputs["mulmem"] * outputs["auxcon"]), 2.0)
    np.testing.assert_allclose(outputs["score"], wanted_score, rtol=1e-4)
    assert set(manifest["fitted_on"]["suitability"]["similarity"]) == {"c4", "c5", "lh"}


def test_what_a_static_mask_hides_is_in_no_part_of_a_fit(
    teacher: TeacherCheckpoint, tmp_path: Path
) -> None:
    weights, _ = backbone_weights(tmp_path)
    file = tmp_path / "mask.png"
    picture = np.full((72, 96), 255, np.uint8)
    picture[52:] = 0  # of 72 rows, of which the network sees 4 to 68
    cv2.imwrite(str(file), picture)
    wanted = settings(
        student=RidgeSettings(weights=str(weights), layers=("c4",)),
        evaluation_layers=("c4",),
        standardised=True,
    )
    masked = replace(wanted, static_mask=str(file), prototype_pictures=True)
    manifest = run(teacher, tmp_path / "bundle", masked)
    whole = run(teacher, tmp_path / "whole", wanted)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    assert manifest["fitted_on"]["static_mask"] == {"sha256": sha256, "hidden_share": 0.25}
    assert "static_mask" not in whole["fitted_on"]
    bundle = load_bundle(tmp_path / "bundle")
    pictures = read_prototype_pictures(bundle)
    assert pictures is not None and PROTOTYPE_PICTURES not in whole["files"]
    for name, bank in bundle.banks.items():
        assert all(pictures.jpeg(name.removeprefix("bank_"), row) for row in range(len(bank)))

    held_out = split_frames(
        NoiseFrames(), (64, 96), calibration_share=wanted.calibration_share, most=None
    )[1]
    runner = GraphRunner(tmp_path / "bundle")
    visible = [runner.run(held_out[index])["score"][0, 0, :12] for index in range(len(held_out))]
    frames, pixels, table = calibration_table(visible)
    parts = manifest["calibration"].pop("parts")  # too few frames for health
    assert manifest["calibration"].pop("false_positive_rate") == table[-1]["false_positive_rate"]
    assert set(parts["values"]) >= {"memory", "forward consensus"}
    assert manifest["calibration"] == {"frames": frames, "pixels": pixels, "table": table}
    assert whole["calibration"]["pixels"] == pixels * 16 // 12
    with (
        np.load(tmp_path / "bundle" / "prototypes.npz") as banks,
        np.load(tmp_path / "whole" / "prototypes.npz") as of_whole,
    ):
        assert not any(np.array_equal(banks[name], of_whole[name]) for name in banks)
    # Another mask under the same name is another fit.
    picture[40:] = 0
    cv2.imwrite(str(file), picture)
    with pytest.raises(UsageError, match="unfinished run with other settings"):
        run(teacher, tmp_path / "bundle", masked)


def test_vectors_of_the_memory_are_those_that_are_looked_at() -> None:
    mask = StaticMask(np.array([[True, True, False], [True, False, False]]))
    features = torch.arange(2 * 5 * 2 * 3, dtype=torch.float32).reshape(2, 5, 2, 3)
    expected = [features[n, :, y, x] for n in (0, 1) for y, x in ((0, 0), (0, 1), (1, 0))]
    torch.testing.assert_close(
        memory_fitting.visible_vectors(features, mask), torch.stack(expected)
    )
    torch.testing.assert_close(memory_fitting.visible_vectors(features, None), as_vectors(features))


def test_crops_know_what_of_them_is_looked_at() -> None:
    """The mask is cut and mirrored with each crop: here each pixel says where it lies."""

    class Places:
        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int) -> np.ndarray:
            frame = np.zeros((64, 96, 3), np.uint8)
            frame[..., 0], frame[..., 1] = np.arange(64)[:, np.newaxis], np.arange(96)
            return frame

    looked_at = np.ones((64, 96), bool)
    looked_at[40:, 30:] = False
    frames = FitFrames(Places(), np.arange(1), (64, 96), static_mask=StaticMask(looked_at))
    crops = StudentSettings("", steps=1, batch=8, crop_height=32, crop_width=40, seed=1)
    batch = CropBatches(frames, crops)[0]
    assert batch.looked_at is not None
    rows, columns = batch.images[..., 0].numpy(), batch.images[..., 1].numpy()
    np.testing.assert_array_equal(batch.looked_at.numpy(), looked_at[rows, columns])
    assert {bool(row[0] > row[-1]) for row in columns[:, 0].astype(int)} == {True, False}


def test_a_student_from_scratch_imitates_what_is_looked_at(
    teacher: TeacherCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the teacher has under the mask, the student becomes the same, weight by weight."""
    torch.set_num_threads(1)
    network, wanted = teacher.network, settings().student
    assert isinstance(wanted, StudentSettings)
    looked_at = np.ones((64, 96), bool)
    looked_at[32:] = False

    class Spoilt(torch.nn.Module):
        """The teacher; nonsense where the pixels that it is shown are hidden."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def __getattr__(self, name: str) -> Any:
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(network, name)

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {layer: self._spoil(values) for layer, values in network(x).items()}

        def _spoil(self, values: torch.Tensor) -> torch.Tensor:
            (shown,) = batches
            hidden = 1 - on_places(shown, *values.shape[2:])
            return values + 100.0 * hidden

    batches: list[torch.Tensor] = []
    whole_batch = CropBatches.__getitem__

    def noted(self: CropBatches, step: int) -> Any:
        batch = whole_batch(self, step)
        batches[:] = [torch.ones(batch.images.shape[:3], dtype=torch.bool)]
        if batch.looked_at is not None:
            batches[:] = [batch.looked_at]
        return batch

    monkeypatch.setattr(CropBatches, "__getitem__", noted)
    masked = FitFrames(NoiseFrames(), np.arange(8), (64, 96), static_mask=StaticMask(looked_at))

    def student(of: Any, name: str, frames: FitFrames) -> dict[str, torch.Tensor]:
        fabric = Compute().launch()
        trained = train_student(of, frames, wanted, tmp_path / f"{name}.pt", fabric=fabric)
        return dict(trained.state_dict())

    sound = student(network, "sound", masked)
    spoilt = student(Spoilt(), "spoilt", masked)
    assert sound.keys() == spoilt.keys()
    for name, value in sound.items():
        assert torch.equal(value, spoilt[name]), name
    unmasked = student(network, "unmasked", FitFrames(NoiseFrames(), np.arange(8), (64, 96)))
    assert any(not torch.equal(value, sound[name]) for name, value in unmasked.items())


def test_a_static_mask_is_turned_as_the_frames_are(tmp_path: Path) -> None:
    """The mask lies as the camera's images do: of a camera on its side, 72 x 96 here."""
    camera = ImageOrientation(90)
    picture = np.full((96, 72), 255, np.uint8)
    picture[80:] = 0  # the camera's bottom is on the left of the upright image
    file = tmp_path / "mask.png"
    cv2.imwrite(str(file), picture)
    frames = MappedFrames([np.zeros((96, 72, 3), np.uint8)], camera.upright)
    assert len(frames) == 1 and frames[0].shape == (72, 96, 3)
    mask = open_static_mask(str(file), frames, (72, 96), orientation=camera)
    assert mask is not None
    np.testing.assert_array_equal(mask.at(72, 96)[0], np.arange(96) >= 16)


def test_a_static_mask_is_cut_as_the_frames_are(tmp_path: Path) -> None:
    picture = np.full((144, 192), 255, np.uint8)
    picture[110:] = 0  # of twice the frames' size
    file = tmp_path / "mask.png"
    cv2.imwrite(str(file), picture)
    mask = open_static_mask(str(file), NoiseFrames(), (64, 96))
    assert mask is not None and mask.size == (64, 96)
    np.testing.assert_array_equal(mask.at(64, 96)[:, 0], np.arange(64) < 51)
    assert open_static_mask(None, NoiseFrames(), (64, 96)) is None
    picture[:] = 0
    picture[:4] = 255  # nothing of what the network sees
    cv2.imwrite(str(file), picture)
    with pytest.raises(UsageError, match=r"--static-mask: .* has no white pixel"):
        open_static_mask(str(file), NoiseFrames(), (64, 96))
    cv2.imwrite(str(file), np.full((100, 100), 255, np.uint8))
    with pytest.raises(UsageError, match="is 100x100 pixels and frames are 96x72"):
        open_static_mask(str(file), NoiseFrames(), (64, 96))
    with pytest.raises(UsageError, match="there is no such file"):
        open_static_mask(str(tmp_path / "none.png"), NoiseFrames(), (64, 96))


def test_a_guided_score_makes_a_bundle_that_everything_reads(
    teacher: TeacherCheckpoint, tmp_path: Path
) -> None:
    wanted = settings(guided=GuidedFilter(radius=8.0, epsilon=1e-4))
    manifest = run(teacher, tmp_path / "bundle", wanted)
    assert manifest["method"]["guided"] == {"radius": 8.0, "epsilon": 1e-4}
    assert list(manifest["graphs"]["teacher"]["outputs"]) == ["c4", "c5", "lh", "guide", "class_id"]
    assert manifest["graphs"]["memory"]["inputs"]["guide"]["shape"] == [1, 3, 16, 24]
    assert max(manifest["parity"]["relative_error"].values()) <= 1e-3
    assert set(manifest["parity"]["relative_error"]) >= {"guide", "score"}
    image = NoiseFrames()[0]
    outputs = GraphRunner(tmp_path / "bundle").run(image)
    product = torch.from_numpy(outputs["mulmem"] * outputs["auxcon"])
    # lh is at stride 4.
    filtered = guided(product, torch.from_numpy(outputs["guide"]), 2, 1e-4).numpy()
    np.testing.assert_allclose(outputs["score"], filtered, rtol=1e-3, atol=1e-4 * filtered.max())
    detector = Detector(load_bundle(tmp_path / "bundle"), provider="cpu", false_positive_rate=0.1)
    np.testing.assert_array_equal(detector.detect(image).raw_score_grid, outputs["score"][0, 0])
    scorer = FrameScorer(tmp_path / "bundle", teacher, ("energy", "score"))
    np.testing.assert_allclose(
        scorer.maps(image)["score"], outputs["score"][0, 0], rtol=1e-2, atol=1e-3 * filtered.max()
    )
    arithmetic = ScoreArithmetic.of(manifest)
    assert arithmetic.guided == (2, 1e-4)
    guide = LayerScores(scorer, None, arithmetic)(image).guide
    assert guide is not None
    np.testing.assert_allclose(guide, outputs["guide"], atol=1e-5)


def test_a_layer_has_a_threshold_of_its_own(
    teacher: TeacherCheckpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Banks of layers that are all alike stay small, unless told to tell them apart."""
    frames = FitFrames(NoiseFrames(), np.arange(16), (64, 96))
    banks = {
        tau: fit_memory(
            teacher.network,
            frames,
            MemorySettings(
                layers=("c5", "lh"),
                prototypes=16,
                similarity_threshold=-0.5,
                layer_thresholds={"lh": tau},
            ),
            tmp_path / f"{tau}.pt",
            fabric=Compute().launch(),
        )
        for tau in (-0.5, 0.999)
    }
    assert len(banks[-0.5]["lh"]) < len(banks[0.999]["lh"])
    assert len(banks[-0.5]["c5"]) == len(banks[0.999]["c5"])
    said = capsys.readouterr().out
    assert "more than -0.5 similar to one of them; --similarity-threshold lh=" in said


@pytest.mark.parametrize("size", [None, (96, 144)], ids=["teachers_size", "own_size"])
def test_two_way_consensus_and_banks_of_the_generalist_make_a_bundle(
    teacher: TeacherCheckpoint, tmp_path: Path, size: tuple[int, int] | None
) -> None:
    weights, other = backbone_weights(tmp_path)
    wanted = settings(
        memory=MemorySettings(layers=("c5", "lh", "generalist_c3"), prototypes=16),
        student=RidgeSettings(
            weights=str(weights), layers=("c4",), backward_layers=("c4", "c5"), size=size
        ),
        evaluation_layers=("c4",),
        auxcon_power=0.5,
        backward_power=2.0,
    )
    manifest = run(teacher, tmp_path / "bundle", wanted)
    assert manifest["format_version"] == 2
    assert manifest["method"]["backward_layers"] == ["c4", "c5"]
    assert manifest["method"]["layers"] == ["c5", "lh", "generalist_c3"]
    assert max(manifest["parity"]["relative_error"].values()) <= 1e-3
    outputs = GraphRunner(tmp_path / "bundle").run(NoiseFrames()[0])
    channels = sum(other.encoder.channels.values())
    # The finer of the grids of the teacher's c4 and the generalist's deepest layer, at stride 16.
    grid = outputs["c4"].shape[2:] if size is None else (size[0] // 16, size[1] // 16)
    assert outputs["generalist"].shape == (1, channels, *grid)
    np.testing.assert_allclose(outputs["score"], outputs["mulmem"] * outputs["auxcon"], rtol=1e-5)
    assert load_bundle(tmp_path / "bundle").banks["bank_generalist_c3"].shape[1] == 16


@pytest.mark.parametrize("size", [None, (96, 144)], ids=["teachers_size", "own_size"])
def test_a_memory_of_stride_8_holds_fine_layers_of_both_networks(
    teacher: TeacherCheckpoint, tmp_path: Path, size: tuple[int, int] | None
) -> None:
    weights, _ = backbone_weights(tmp_path)
    powers = {"c4": 1.5, "generalist_c2": 0.5}
    wanted = settings(
        memory=MemorySettings(
            layers=("c4", "lh", "generalist_c2"), prototypes=16, stride=8, layer_powers=powers
        ),
        student=RidgeSettings(weights=str(weights), layers=("c4",), size=size),
        evaluation_layers=("c4",),
    )
    manifest = run(teacher, tmp_path / "bundle", wanted)
    assert manifest["method"]["memory_grid"] == [8, 12]
    assert manifest["method"]["layer_powers"] == powers
    assert max(manifest["parity"]["relative_error"].values()) <= 1e-3
    image = NoiseFrames()[0]
    outputs = GraphRunner(tmp_path / "bundle").run(image)
    assert "generalist" not in outputs
    assert outputs["generalist_c2"].shape[2:] == (8, 12)
    bundle = load_bundle(tmp_path / "bundle")
    features = Detector(bundle, provider="cpu").features(image)
    assert features["lh"].shape[1:] == features["generalist_c2"].shape[1:] == (8, 12)
    assert features["c4"].shape[1:] == outputs["c4"].shape[2:] == (4, 6)
    product = np.ones(outputs["mulmem"].shape[2:], np.float32)
    for layer, feature in features.items():
        unit = feature / np.linalg.norm(feature, axis=0)
        nearest = np.einsum("kc,chw->khw", bundle.banks[f"bank_{layer}"], unit).max(axis=0)
        gamma = np.maximum(1 - nearest, 0) ** powers.get(layer, 1)
        product *= cv2.resize(gamma, product.shape[::-1], interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(outputs["mulmem"][0, 0], product, rtol=2e-3, atol=1e-5)
    scorer = FrameScorer(tmp_path / "bundle", teacher, ("score",))
    gammas = LayerScores(scorer, None, ScoreArithmetic.of(manifest))(image).gamma
    whole = np.prod([gamma.numpy() for gamma in gammas.values()], axis=0)
    np.testing.assert_allclose(whole, outputs["mulmem"], rtol=2e-3, atol=1e-5)


def test_weights_stored_in_half_are_read_as_they_were(
    teacher: TeacherCheckpoint, bundle: Path, tmp_path: Path
) -> None:
    standardised = json.loads((bundle / "manifest.json").read_text())["method"]["standardisation"]
    wanted = settings(half_weights=True, standardised=standardised == "class")
    manifest = run(teacher, tmp_path / "half", wanted)
    assert 0 < manifest["weights"]["relative_error"]["score"] < 0.05
    size, half = (
        (folder / "teacher.onnx").stat().st_size for folder in (bundle, tmp_path / "half")
    )
    assert half < 0.75 * size
    stored = load_unpacked(tmp_path / "half" / "teacher.onnx").graph
    single = {w.name: w for w in onnx.load(bundle / "teacher.onnx").graph.initializer}
    assert {w.name for w in stored.initializer} == set(single)
    assert [n.op_type for n in stored.node] == [
        n.op_type for n in onnx.load(bundle / "teacher.onnx").graph.node
    ]
    for weight in stored.initializer:
        kept = onnx.numpy_helper.to_array(single[weight.name])
        # float16 has 11 bits of precision.
        np.testing.assert_allclose(
            onnx.numpy_helper.to_array(weight), kept, rtol=2.0**-11, atol=1e-7
        )
    assert load_bundle(tmp_path / "half").manifest["weights"]["stored"] == "float16"


def test_a_generalist_with_a_larger_input_sees_frames_as_sharp_as_on_the_vehicle() -> None:
    """Not shrunk to the teacher's input and enlarged again."""
    frames = FitFrames(NoiseFrames(), np.arange(3), (36, 48), (72, 96))
    np.testing.assert_array_equal(frames[1], NoiseFrames()[1])
    assert (frames.size, frames.resize_to) == ((36, 48), (36, 48))
    assert FitFrames(NoiseFrames(), np.arange(3), (72, 96)).resize_to is None
    halved = FitFrames(NoiseFrames(), np.arange(3), (36, 48))[1]
    # Made smaller by averaging, as the graphs do it.
    wanted = NoiseFrames()[1].reshape(36, 2, 48, 2, 3).astype(float).mean(axis=(1, 3))
    assert np.abs(halved - wanted).max() <= 0.5


def test_graphs_are_old_enough_for_vehicles_and_name_no_folder(bundle: Path) -> None:
    for path in bundle.glob("*.onnx"):
        model = onnx.load(path)
        assert model.ir_version == 8
        assert {entry.domain: entry.version for entry in model.opset_import} == {"": 18}
        assert b"site-packages" not in path.read_bytes()
        assert b".py" not in path.read_bytes()


def test_banks_are_unit_rows(bundle: Path) -> None:
    for bank in GraphRunner(bundle).banks.values():
        np.testing.assert_allclose(np.linalg.norm(bank, axis=1), 1.0, rtol=1e-6)


def test_graphs_take_any_camera_size(bundle: Path) -> None:
    runner = GraphRunner(bundle)
    for height, width in ((30, 50), (64, 96), (201, 173)):
        image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
        assert runner.run(image)["score"].shape == (1, 1, 16, 24)


def test_memory_can_grow_without_a_new_export(bundle: Path) -> None:
    runner = GraphRunner(bundle)
    image = NoiseFrames()[0]
    before = runner.run(image)
    # The feature itself as a new prototype: its place becomes perfectly familiar. That of c5 at
    # 1, 2 is the four by four of lh that have 5, 9 in their middle.
    feature = before["c5"][0, :, 1, 2]
    prototype = feature / np.linalg.norm(feature)
    runner.banks["bank_c5"] = np.vstack([runner.banks["bank_c5"], prototype])
    assert runner.run(image)["mulmem"][0, 0, 5, 9] < before["mulmem"][0, 0, 5, 9]


def raise_interrupt() -> None:
    raise KeyboardInterrupt


def press_ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("end", [raise_interrupt, press_ctrl_c])
def test_resumed_run_is_the_uninterrupted_one(
    teacher: TeacherCheckpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    end: Callable[[], None],
) -> None:
    torch.set_num_threads(1)
    wanted = settings()
    frames = FitFrames(NoiseFrames(), np.arange(20), wanted.size)
    often = {"fabric": Compute().launch(), "save_every": 2}

    def train(folder: Path) -> dict[str, torch.Tensor]:
        network = teacher.network
        banks = fit_memory(network, frames, wanted.memory, folder / "memory.pt", **often)
        student = train_student(network, frames, wanted.student, folder / "student.pt", **often)
        return {**banks, **student.state_dict()}

    whole = train(tmp_path / "whole")
    interruptions = [(memory_fitting.memory, "update", 10), (scratch_student, "imitation_loss", 4)]
    for module, function, fatal_call in interruptions:
        with monkeypatch.context() as patch:
            patch.setattr(module, function, killed_at(getattr(module, function), fatal_call, end))
            with pytest.raises(KeyboardInterrupt):
                train(tmp_path / "resumed")
    resumed = train(tmp_path / "resumed")
    assert resumed.keys() == whole.keys()
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name


def killed_at(
    function: Callable[..., Any], fatal_call: int, end: Callable[[], None] = raise_interrupt
) -> Callable[..., Any]:
    calls = 0

    def call(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == fatal_call:
            end()
        return function(*arguments)

    return call


def test_unfinished_run_with_other_settings_is_not_mixed_in(
    teacher: TeacherCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(memory_fitting.memory, "update", killed_at(print, 1))
        with pytest.raises(KeyboardInterrupt):
            run(teacher, tmp_path / "bundle", settings(steps=1))
    with pytest.raises(UsageError, match="other settings"):
        run(teacher, tmp_path / "bundle", settings(steps=2))


def test_evaluation_layer_that_is_not_learnt_is_refused(
    teacher: TeacherCheckpoint, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="never learns c9"):
        run(teacher, tmp_path / "bundle", settings(evaluation_layers=("c9",)))


def test_wrong_export_is_not_written(
    teacher: TeacherCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shifted(*arguments: Any) -> dict[str, torch.Tensor]:
        result = run_torch(*arguments)
        return {**result, "c5": result["c5"] * 1.01}

    monkeypatch.setattr(bundle_writer, "run_torch", shifted)
    with pytest.raises(ParityError, match="c5"):
        run(teacher, tmp_path / "bundle", settings(steps=1))
    assert not (tmp_path / "bundle").exists()


def test_last_frames_are_held_out() -> None:
    fitting, held_out = split_frames(NoiseFrames(), (72, 96), calibration_share=0.25, most=8)
    assert (len(fitting), len(held_out)) == (6, 2)
    np.testing.assert_array_equal(held_out[1], NoiseFrames()[19])
    np.testing.assert_array_equal(fitting[0], NoiseFrames()[0])


def test_frames_of_another_ratio_are_cropped_not_squashed() -> None:
    frame = FitFrames(NoiseFrames(), np.array([3]), (36, 96))[0]
    np.testing.assert_array_equal(frame, NoiseFrames()[3][18:54])


def test_workers_do_not_change_the_crops() -> None:
    frames = FitFrames(NoiseFrames(), np.arange(20), (72, 96))
    of_crops = StudentSettings("", steps=6, batch=3, crop_height=32, crop_width=40, seed=1)
    crops = CropBatches(frames, of_crops)
    alone, by_two = list(crops.batches(2, workers=0)), list(crops.batches(2, workers=2))
    assert len(alone) == 4
    images = [torch.stack([batch.images for batch in of]) for of in (alone, by_two)]
    assert torch.equal(*images)
    assert all(batch.looked_at is None for batch in (*alone, *by_two))
