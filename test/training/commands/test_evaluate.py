import json

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from tiny_bundle import CLASSES, street_frame, write_tiny_bundle
from typer.testing import CliRunner

from training.__main__ import app
from training.checkpoint import SegmentationClass, TeacherCheckpoint, save_teacher
from training.evaluation import METHODS, as_table
from training.teachers import build_teacher

ARCHITECTURE = "deeplabv3plus_resnet18"
BOX = (40, 60, 24, 16)
HEIGHT, WIDTH = 96, 144


def save_random_teacher(path, names):
    torch.manual_seed(0)
    network = build_teacher(ARCHITECTURE, len(names), width=0.0625).eval()
    classes = tuple(SegmentationClass(name, (0, 0, 0), False) for name in names)
    save_teacher(path, TeacherCheckpoint(network, ARCHITECTURE, 0.0625, classes, "nothing"))


@pytest.fixture
def place(tmp_path):
    """A bundle, a teacher with its classes, and streets with a labelled box."""
    write_tiny_bundle(tmp_path / "bundle")
    save_random_teacher(tmp_path / "teacher.pt", [c["name"] for c in CLASSES])
    for folder in ("images", "labels"):
        (tmp_path / "set" / folder).mkdir(parents=True)
    for number in range(2):
        image = street_frame(HEIGHT, WIDTH, box=BOX, seed=number)
        label = np.zeros((HEIGHT, WIDTH), np.uint8)
        x, y, width, height = BOX
        label[y : y + height, x : x + width] = 2
        label[:5] = 255
        cv2.imwrite(str(tmp_path / f"set/images/{number}.png"), image)
        cv2.imwrite(str(tmp_path / f"set/labels/{number}.png"), label)
    return tmp_path


def evaluate(place, *arguments):
    command = ["evaluate", str(place / "bundle"), "--images", str(place / "set")]
    command += ["--teacher", str(place / "teacher.pt"), "--out", str(place / "out")]
    return CliRunner().invoke(app, [*command, *arguments])


def independent_scores(bundle, image):
    """CosMe of one picture by hand: names written out, bilinear resize by OpenCV."""
    sessions = {
        name: onnxruntime.InferenceSession(bundle / f"{name}.onnx")
        for name in ("teacher", "student", "memory")
    }
    teacher = sessions["teacher"].run(["c4", "c5", "lh"], {"image": image[None]})
    banks = np.load(bundle / "prototypes.npz")
    tensors = dict(zip(("c4", "c5", "lh"), teacher, strict=True))
    tensors["student_c5"] = sessions["student"].run(["student_c5"], {"image": image[None]})[0]
    tensors.update({name: banks[name] for name in ("bank_c4", "bank_c5", "bank_lh")})
    score = sessions["memory"].run(["score"], tensors)[0][0, 0]
    return cv2.resize(score, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)


def test_figures_are_those_of_all_pixels_together(place):
    result = evaluate(place, "--label-map", "0:0,2:1")
    assert result.exit_code == 0, result.output
    figures = json.loads((place / "out" / "evaluation.json").read_text())
    scores, truths = [], []
    for number in range(2):
        image = cv2.imread(str(place / f"set/images/{number}.png"))
        label = cv2.imread(str(place / f"set/labels/{number}.png"), cv2.IMREAD_GRAYSCALE)
        scores.append(independent_scores(place / "bundle", image)[label != 255])
        truths.append(label[label != 255] == 2)
    score, truth = np.concatenate(scores), np.concatenate(truths)
    # Scores within 1 part in 2048 count as equal.
    assert figures["methods"]["score"]["average_precision"] == pytest.approx(
        average_precision_score(truth, score), abs=2e-3
    )
    assert figures["methods"]["score"]["auroc"] == pytest.approx(
        roc_auc_score(truth, score), abs=2e-3
    )
    assert figures["methods"].keys() == METHODS.keys()
    assert figures["frames"] == 2
    assert figures["anomalous_pixels"] == truth.sum()
    assert figures["normal_pixels"] == (~truth).sum()


def test_table_shows_the_figures_in_percent(place):
    result = evaluate(place, "--label-map", "0:0,2:1")
    figures = json.loads((place / "out" / "evaluation.json").read_text())
    table = (place / "out" / "evaluation.md").read_text()
    assert table in result.output
    assert table == as_table(figures)
    ap, auroc, fpr95 = (
        100 * figures["methods"]["score"][name] for name in ("average_precision", "auroc", "fpr95")
    )
    assert f"| CosMe | {ap:.2f} | {auroc:.2f} | {fpr95:.2f} |" in table
    assert "2 frames, 2.93 % of their pixels anomalous." in table


def test_unmapped_labels_are_refused(place):
    result = evaluate(place)
    assert result.exit_code == 2
    assert "holds the label value 2; known are 0, 1, 255" in result.stderr


def test_labels_without_anomalies_are_refused(place):
    result = evaluate(place, "--label-map", "0:0,2:0")
    assert result.exit_code == 2
    assert "and 0 anomalous pixels; there must be both" in result.stderr


def test_another_bundles_teacher_is_refused(place):
    save_random_teacher(place / "teacher.pt", ["sea", "beach"])
    result = evaluate(place, "--label-map", "0:0,2:1")
    assert result.exit_code == 2
    assert "give the teacher that the bundle was fitted to" in result.stderr


def test_missing_bundle_and_teacher_are_named(place):
    (place / "teacher.pt").unlink()
    result = evaluate(place, "--label-map", "0:0,2:1")
    assert (result.exit_code, "teacher.pt does not exist" in result.stderr) == (2, True)
    (place / "bundle" / "manifest.json").unlink()
    result = evaluate(place, "--label-map", "0:0,2:1")
    assert (result.exit_code, "bundle is no bundle" in result.stderr) == (2, True)
