# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The detector against the equations in slow float64, and against its own promises."""

import logging
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
import pytest
from helpers.tiny_bundle import seal, street_frame, write_tiny_bundle

from cosme_ros.bundle.loading import Bundle, load_bundle
from cosme_ros.bundle.writing import write_recalibrated
from cosme_ros.inference.detector import Detection, Detector, ScoreFault


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return load_bundle(write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny"))


@pytest.fixture(scope="module")
def detector(bundle: Bundle) -> Detector:
    return Detector(bundle, provider="cpu", threads=1)


def bilinear(grid: np.ndarray, height: int, width: int) -> np.ndarray:
    """Half-pixel centres, edges repeated: pixel by pixel in float64."""
    rows, columns = grid.shape
    out = np.empty((height, width))
    for y in range(height):
        for x in range(width):
            v = min(max((y + 0.5) * rows / height - 0.5, 0.0), rows - 1.0)
            u = min(max((x + 0.5) * columns / width - 0.5, 0.0), columns - 1.0)
            top, left = int(v), int(u)
            bottom, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
            dv, du = v - top, u - left
            upper = (1 - du) * float(grid[top, left]) + du * float(grid[top, right])
            lower = (1 - du) * float(grid[bottom, left]) + du * float(grid[bottom, right])
            out[y, x] = (1 - dv) * upper + dv * lower
    return out


def features_of(bundle: Bundle, image: np.ndarray) -> dict[str, np.ndarray]:
    """Teacher's and student's outputs, asked of ONNX Runtime directly."""
    found = {}
    for graph in ("teacher", "student"):
        session = ort.InferenceSession(
            str(bundle.path / f"{graph}.onnx"), providers=["CPUExecutionProvider"]
        )
        names = [output.name for output in session.get_outputs()]
        found.update(zip(names, session.run(names, {"image": image[None]}), strict=True))
    return found


def test_scores_are_the_equations(bundle: Bundle, detector: Detector) -> None:
    # An image of the score grid's size: maps of camera size are then the graphs' own.
    image = street_frame(16, 24, box=(10, 11, 4, 3), seed=5)
    features = features_of(bundle, image)
    mulmem = np.ones((16, 24))
    for layer in ("c4", "c5", "lh"):  # Eq. 3 and 4
        feature = features[layer][0].astype(np.float64)
        distance = np.empty(feature.shape[1:])
        for i, j in np.ndindex(*distance.shape):
            f = feature[:, i, j]
            cosines = [
                float(p @ f / (np.linalg.norm(p) * np.linalg.norm(f)))
                for p in bundle.banks[f"bank_{layer}"].astype(np.float64)
            ]
            distance[i, j] = max(1 - max(cosines), 0)
        mulmem *= bilinear(distance, 16, 24)
    difference = features["c5"][0].astype(np.float64) - features["student_c5"][0]
    error = np.empty(difference.shape[1:])
    for i, j in np.ndindex(*error.shape):  # Eq. 6 and 7
        error[i, j] = sum(d * d for d in difference[:, i, j]) / len(difference)
    auxcon = bilinear(error, 16, 24)

    detection = detector.detect(image)
    # 1 - cosine loses what float32 cannot hold beside 1: 6e-8 a layer, times factors below 1.
    np.testing.assert_allclose(detection.mulmem, mulmem, rtol=1e-5, atol=3e-7)
    np.testing.assert_allclose(detection.auxcon, auxcon, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(
        detection.raw_score_grid, mulmem * auxcon, rtol=2e-5, atol=3e-7 * auxcon.max()
    )
    np.testing.assert_allclose(
        detection.score * detector.threshold, detection.raw_score_grid, rtol=1e-6
    )
    assert np.array_equal(detection.class_id, features["class_id"][0])
    assert detection.mulmem.max() > 0.01, "the box has to be anomalous for this to mean anything"


def test_the_threshold_is_the_calibrations(bundle: Bundle) -> None:
    for rate in (0.5, 0.02, 0.001):
        detector = Detector(bundle, provider="cpu", false_positive_rate=rate)
        assert detector.threshold == bundle.calibration.threshold(rate)
    with pytest.raises(ValueError, match=r"false_positive_rate is 0\.9; .* from 0\.001 to 0\.5"):
        Detector(bundle, provider="cpu", false_positive_rate=0.9)


def test_the_bundle_names_the_rate_to_run_at(bundle: Bundle, tmp_path: Path) -> None:
    """An older one, which names none, runs at 0.001."""
    threshold = bundle.calibration.threshold
    assert bundle.false_positive_rate == 0.001
    assert Detector(bundle, provider="cpu").threshold == threshold(0.001)
    named = tmp_path / "named"
    calibration = {**bundle.manifest["calibration"], "false_positive_rate": 0.02}
    write_recalibrated(bundle, {"": calibration}, named)
    detector = Detector(load_bundle(named), provider="cpu")
    assert detector.threshold == threshold(0.02)
    asked = Detector(load_bundle(named), provider="cpu", false_positive_rate=0.1)
    assert asked.threshold == threshold(0.1)


@pytest.mark.parametrize(("height", "width"), [(360, 640), (64, 96), (480, 640), (31, 57)])
def test_maps_have_camera_size(detector: Detector, height: int, width: int) -> None:
    detection = detector.detect(street_frame(height, width))
    for found, dtype in (
        (detection.score, np.float32),
        (detection.mulmem, np.float32),
        (detection.auxcon, np.float32),
        (detection.class_id, np.uint8),
    ):
        assert found.shape == (height, width)
        assert found.dtype == dtype
    assert detection.raw_score_grid.shape == (16, 24)
    assert detection.raw_score_grid.dtype == np.float32


def test_an_obstacle_raises_an_alarm_where_it_is_and_nowhere_else(detector: Detector) -> None:
    x, y, width, height = box = (280, 240, 80, 60)
    assert detector.detect(street_frame(360, 640, seed=9)).score.max() < 1
    score = detector.detect(street_frame(360, 640, box=box, seed=9)).score
    assert score[y : y + height, x : x + width].mean() > 10
    far = np.ones(score.shape, bool)
    far[y - 60 : y + height + 60, x - 60 : x + width + 60] = False
    assert score[far].max() < 1


def grids(random: np.random.Generator, rows: int, columns: int) -> dict[str, np.ndarray]:
    shape = (1, 1, rows, columns)
    maps = {name: random.random(shape, np.float32) for name in ("mulmem", "auxcon", "score")}
    return {**maps, "class_id": random.integers(0, 20, (1, rows, columns)).astype(np.uint8)}


@pytest.mark.parametrize(("height", "width"), [(36, 60), (23, 41), (9, 15), (7, 4)])
def test_resizing_keeps_things_in_place(height: int, width: int) -> None:
    maps = grids(np.random.default_rng(1), 9, 15)
    detection = Detection(maps, threshold=0.25, height=height, width=width)
    # OpenCV holds the weights in float32.
    for name in ("mulmem", "auxcon"):
        expected = bilinear(maps[name][0, 0], height, width)
        np.testing.assert_allclose(getattr(detection, name), expected, atol=2e-6)
    np.testing.assert_allclose(
        detection.score, bilinear(maps["score"][0, 0] / 0.25, height, width), atol=8e-6
    )
    for y in range(height):
        for x in range(width):
            cell = int((y + 0.5) * 9 / height), int((x + 0.5) * 15 / width)
            assert detection.class_id[y, x] == maps["class_id"][0][cell]


def test_maps_are_made_once_and_only_when_asked_for() -> None:
    maps = grids(np.random.default_rng(2), 9, 15)
    detection = Detection(maps, threshold=0.5, height=36, width=60)
    names = ("score", "mulmem", "auxcon", "class_id")
    assert not set(names) & set(vars(detection))
    for name in names:
        assert getattr(detection, name) is getattr(detection, name)


@pytest.mark.parametrize("name", ["mulmem", "auxcon", "score"])
@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_no_number_is_a_fault(name: str, poison: float) -> None:
    maps = grids(np.random.default_rng(3), 9, 15)
    maps[name][0, 0, 8, 14] = poison
    with pytest.raises(ScoreFault, match=f"{name} is NaN or infinite at 1 of 135 places"):
        Detection(maps, threshold=0.5, height=36, width=60)


def test_a_score_below_zero_is_a_fault_and_zero_is_none() -> None:
    maps = grids(np.random.default_rng(3), 9, 15)
    maps["score"][0, 0, 8, 14] = 0.0
    Detection(maps, threshold=0.5, height=36, width=60)
    maps["score"][0, 0, 8, 14] = -0.25
    with pytest.raises(ScoreFault, match=r"below 0 at 1 of 135 places, -0\.5 alarm lines"):
        Detection(maps, threshold=0.5, height=36, width=60)


def test_a_score_that_overflows_over_the_threshold_is_a_fault() -> None:
    maps = grids(np.random.default_rng(4), 9, 15)
    maps["score"][0, 0, 0, 0] = 1e30
    with pytest.raises(ScoreFault, match="score over threshold is NaN or infinite at 1 of 135"):
        Detection(maps, threshold=1e-12, height=36, width=60)


def test_the_same_image_gives_the_same_bits(bundle: Bundle) -> None:
    image = street_frame(360, 640, box=(280, 240, 80, 60), seed=11)
    other = street_frame(480, 640, seed=12)
    results = []
    for _ in range(2):
        detector = Detector(bundle, provider="cpu", threads=2)
        for _ in range(5):
            detection = detector.detect(image)
            detector.detect(other)  # nothing of another frame may stay behind
            results.append(
                (detection.score.tobytes(), detection.mulmem.tobytes(), detection.auxcon.tobytes())
            )
    assert len(set(results)) == 1


def test_an_earlier_detection_outlives_the_next(detector: Detector) -> None:
    first = detector.detect(street_frame(360, 640, box=(280, 240, 80, 60), seed=1))
    kept = first.raw_score_grid.copy()
    detector.detect(street_frame(360, 640, seed=2))
    assert np.array_equal(first.raw_score_grid, kept)


def test_a_view_of_a_larger_image_is_the_image_it_shows(detector: Detector) -> None:
    large = street_frame(400, 700, box=(300, 260, 80, 60), seed=1)
    view = large[20:380, 30:670]
    assert not view.flags.c_contiguous
    expected = detector.detect(view.copy()).score
    assert np.array_equal(detector.detect(view).score, expected)
    mirrored = view[:, ::-1]
    assert np.array_equal(detector.detect(mirrored).score, detector.detect(cv2.flip(view, 1)).score)


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (np.zeros((36, 64), np.uint8), r"uint8 \[36, 64\]"),
        (np.zeros((36, 64, 4), np.uint8), r"uint8 \[36, 64, 4\]"),
        (np.zeros((1, 36, 64, 3), np.uint8), r"uint8 \[1, 36, 64, 3\]"),
        (np.zeros((36, 64, 3), np.float32), r"float32 \[36, 64, 3\]"),
        (np.zeros((0, 64, 3), np.uint8), r"uint8 \[0, 64, 3\]"),
        ([[[0, 0, 0]]], "a list; a NumPy array"),
        (None, "a NoneType; a NumPy array"),
    ],
)
def test_what_is_no_image_is_refused(detector: Detector, image: np.ndarray, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"the image is {sentence}"):
        detector.detect(image)


def test_another_aspect_is_told_once_a_size(
    bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "cosme_ros.inference.detector")
    wide = Detector(bundle, provider="cpu")
    for _ in range(3):
        wide.detect(street_frame(320, 640))
    (record,) = caplog.records
    assert "640x320 pixels, and bundle tiny was fitted to 96x64" in record.getMessage()
    assert "by a factor of 0.75" in record.getMessage()
    assert "to their middle 480x320" in record.getMessage()
    caplog.clear()
    wide.detect(street_frame(200, 600))  # of another camera
    wide.detect(street_frame(320, 640))
    (record,) = caplog.records
    assert "600x200 pixels" in record.getMessage()
    caplog.clear()
    alike = Detector(bundle, provider="cpu")
    alike.detect(street_frame(400, 620))  # 3 % wider than 96 x 64
    assert not caplog.records


def test_warm_up_leaves_no_trace(bundle: Bundle, caplog: pytest.LogCaptureFixture) -> None:
    image = street_frame(360, 640, seed=3)
    cold = Detector(bundle, provider="cpu")
    warm = Detector(bundle, provider="cpu")
    warm.warm_up(360, 640)
    assert not caplog.records
    assert np.array_equal(warm.detect(image).score, cold.detect(image).score)


def test_memory_may_grow_without_a_new_graph(tmp_path: Path) -> None:
    """The banks are inputs: with one more prototype, magenta is known and no longer anomalous."""
    folder = write_tiny_bundle(tmp_path / "tiny")
    small = load_bundle(folder)
    image = street_frame(64, 96, box=(0, 0, 96, 64))
    features = features_of(small, image)
    grown = {}
    for layer in ("c4", "c5", "lh"):
        row = features[layer][0, :, 4, 4]
        grown[f"bank_{layer}"] = np.vstack(
            [small.banks[f"bank_{layer}"], row / np.linalg.norm(row)]
        )
    np.savez(folder / "prototypes.npz", **grown)
    manifest = dict(small.manifest)
    manifest["method"]["prototypes"] = {
        k: v + 1 for k, v in small.manifest["method"]["prototypes"].items()
    }
    seal(folder, manifest)
    before = Detector(small, provider="cpu").detect(image)
    after = Detector(load_bundle(folder), provider="cpu").detect(image)
    assert before.mulmem.min() > 1e-2
    assert after.mulmem.max() < 1e-6
