# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from training.__main__ import app

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
        {"name": name, "colour": [0, 0, 0], "drivable": False, "label": value}
        for name, value in (("sky", 7), ("road", 9))
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
