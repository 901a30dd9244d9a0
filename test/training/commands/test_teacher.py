# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import csv
import json
import re
from importlib.util import find_spec

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from training.__main__ import app

SKY, ROAD = [10, 20, 200], [128, 64, 0]
SMALL = ["--width", "0.0625", "--crop", "32", "32", "--batch", "2", "--workers", "0"]


@pytest.fixture
def tree(tmp_path):
    """Labelled frames, and the class list that explains their labels."""
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for number in range(3):
        label = np.full((40, 48), 7, np.uint8)
        label[20:] = 9
        cv2.imwrite(str(tmp_path / f"labels/{number}.png"), label)
        cv2.imwrite(str(tmp_path / f"images/{number}.png"), np.dstack([label * 20] * 3))
    classes = [
        {"name": name, "colour": colour, "drivable": False, "label": value}
        for name, colour, value in (("sky", SKY, 7), ("road", ROAD, 9))
    ]
    (tmp_path / "classes.json").write_text(json.dumps({"classes": classes}))
    return tmp_path


def teacher(tree, *arguments):
    command = ["teacher", str(tree), "--classes", str(tree / "classes.json")]
    command += ["--out", str(tree / "run"), *SMALL, *arguments]
    return CliRunner().invoke(app, command)


def test_trains_then_measures_again_without_training(tree):
    result = teacher(tree, "--steps", "2")
    assert result.exit_code == 0, result.output
    report = json.loads((tree / "run" / "report.json").read_text())
    assert len(report["losses"]) == 2
    assert report["validation"] is None
    before = (tree / "run" / "teacher.pt").read_bytes()
    result = teacher(tree, "--steps", "2", "--val", str(tree))
    assert result.exit_code == 0, result.output
    report = json.loads((tree / "run" / "report.json").read_text())
    assert (report["validation"]["data"], report["validation"]["frames"]) == (str(tree), 3)
    assert report["validation"]["iou"].keys() == {"sky", "road"}
    assert (tree / "run" / "teacher.pt").read_bytes() == before


def test_ctrl_c_says_what_was_kept_and_the_same_command_resumes(tree, monkeypatch):
    from training.segmentation.trainer import TeacherTraining

    whole_step = TeacherTraining._take_step

    def interrupted_at_two(self, *batch):
        if self.step == 2:
            raise KeyboardInterrupt
        return whole_step(self, *batch)

    with monkeypatch.context() as patch:
        patch.setattr(TeacherTraining, "_take_step", interrupted_at_two)
        result = teacher(tree, "--steps", "3", "--save-every", "1")
        assert result.exit_code == 130
        assert "progress.pt keeps the last save; the same command resumes" in result.stderr
    result = teacher(tree, "--steps", "3", "--save-every", "1")
    assert result.exit_code == 0, result.output
    assert len(json.loads((tree / "run" / "report.json").read_text())["losses"]) == 3


def test_ctrl_c_before_the_first_save(tree, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("training.segmentation.trainer.TeacherTraining._take_step", interrupt)
    result = teacher(tree, "--steps", "3")
    assert result.exit_code == 130
    assert "nothing was saved yet" in result.stderr


def test_synthetic_streets_need_no_class_list(tmp_path):
    command = ["teacher", "synthetic:4", "--out", str(tmp_path / "run"), "--steps", "1"]
    result = CliRunner().invoke(app, [*command, *SMALL, "--val", "synthetic:5:1"])
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["validation"]["frames"] == 1


def test_a_data_set_brings_its_classes(tree):
    spelling = f"roads={tree}?{tree / 'classes.json'}"
    command = ["teacher", spelling, "--val", spelling, "--out", str(tree / "run"), "--steps", "1"]
    result = CliRunner().invoke(app, [*command, *SMALL])
    assert result.exit_code == 0, result.output
    report = json.loads((tree / "run" / "report.json").read_text())
    assert report["validation"]["iou"].keys() == {"sky", "road"}


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ("x={tree}?7:0,9:1", [], "say where anomalies are"),
        ("x={tree}?{tree}/classes.json", ["--classes", "camvid"], "--classes camvid is for plain"),
        (
            "x={tree}?{tree}/classes.json",
            ["--val", "x={tree}?camvid"],
            "are not those that are trained: sky, road",
        ),
    ],
)
def test_a_data_set_without_or_with_other_classes(tree, data, options, message):
    arguments = [text.format(tree=tree) for text in (data, *options)]
    result = CliRunner().invoke(app, ["teacher", *arguments, "--out", str(tree / "run"), *SMALL])
    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr


def test_pictures_need_one(tree):
    command = ["teacher", str(tree), "--out", str(tree / "run")]
    result = CliRunner().invoke(app, command)
    assert (result.exit_code, "--classes is missing" in result.stderr) == (2, True)


def test_bad_setting_is_one_sentence(tree):
    result = teacher(tree, "--architecture", "vgg")
    assert result.exit_code == 2
    assert "unknown architecture 'vgg'; known are deeplabv3plus_resnet18" in result.stderr
    assert "Traceback" not in result.output


def logged(path):
    with path.open(newline="") as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


def test_logs_hold_every_step_and_every_validation(tree):
    result = teacher(tree, "--steps", "3", "--val", str(tree), "--val-every", "2")
    assert result.exit_code == 0, result.output
    report = json.loads((tree / "run/report.json").read_text())
    rows = logged(tree / "run/logs/version_0/metrics.csv")
    steps = [row for row in rows if "loss" in row]
    assert [row["step"] for row in steps] == [1, 2, 3]
    assert [row["loss"] for row in steps] == pytest.approx(report["losses"], abs=1e-5)
    validations = [row for row in rows if "miou" in row]
    assert [row["step"] for row in validations] == [2, 3]
    last = report["validation"]
    assert validations[-1]["miou"] == pytest.approx(last["miou"])
    assert validations[-1]["iou/road"] == pytest.approx(last["iou"]["road"])


def test_a_continued_run_adds_a_version_of_its_log(tree):
    assert teacher(tree, "--steps", "2").exit_code == 0
    assert teacher(tree, "--steps", "2", "--val", str(tree)).exit_code == 0
    (validation,) = logged(tree / "run/logs/version_1/metrics.csv")
    assert validation["step"] == 2 and "miou" in validation
    assert len(logged(tree / "run/logs/version_0/metrics.csv")) == 2


def test_no_logs_where_none_are_wanted(tree):
    assert teacher(tree, "--steps", "1", "--log", "none").exit_code == 0
    assert not (tree / "run/logs").exists()


def test_tensorboard(tree):
    result = teacher(tree, "--steps", "2", "--val", str(tree), "--log", "tensorboard")
    if find_spec("tensorboard") is None and find_spec("tensorboardX") is None:
        assert result.exit_code == 2
        assert "pip install tensorboard" in result.stderr
        return
    assert result.exit_code == 0, result.output
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(tree / "run/logs/version_0")).Reload()
    report = json.loads((tree / "run/report.json").read_text())
    losses = events.Scalars("loss")
    assert [event.step for event in losses] == [1, 2]
    assert [event.value for event in losses] == pytest.approx(report["losses"], abs=1e-5)
    for name, share in report["validation"]["iou"].items():
        (event,) = events.Scalars(f"iou/{name}")
        assert (event.step, event.value) == (2, pytest.approx(share))
    for number in range(3):
        (event,) = events.Images(f"pictures/frame_{number:04d}")
        seen = cv2.imdecode(np.frombuffer(event.encoded_image_string, np.uint8), cv2.IMREAD_COLOR)
        np.testing.assert_array_equal(
            seen, cv2.imread(str(tree / f"run/pictures/frame_{number:04d}.png"))
        )


def test_iou_by_class_is_printed_and_predictions_are_drawn(tree):
    result = teacher(tree, "--steps", "1", "--val", str(tree))
    assert result.exit_code == 0, result.output
    iou = json.loads((tree / "run/report.json").read_text())["validation"]["iou"]
    for name, share in iou.items():
        assert re.search(rf"^{name} +{100 * share:.1f}$", result.stdout, re.M), result.stdout
    pictures = sorted((tree / "run/pictures").iterdir())
    assert [path.name for path in pictures] == [f"frame_{n:04d}.png" for n in range(3)]
    drawn = cv2.imread(str(pictures[0]))
    assert drawn.shape == (40, 3 * 48, 3)
    image = cv2.imread(str(tree / "images/0.png"))
    assert np.array_equal(drawn[:, :48], image)
    # The label's panel has the two classes' colours, mixed with the frame.
    sky, road = drawn[5, 60], drawn[35, 60]
    assert np.allclose(sky, 0.4 * image[5, 12] + 0.6 * np.array(SKY[::-1]), atol=1)
    assert np.allclose(road, 0.4 * image[35, 12] + 0.6 * np.array(ROAD[::-1]), atol=1)
