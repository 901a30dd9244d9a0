# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import json

import cv2
import numpy as np
import pytest
import torch
from helpers.tiny_bundle import CLASSES, street_frame, write_tiny_bundle
from typer.testing import CliRunner

from training.__main__ import app
from training.commands.evaluate import numbered
from training.datasets.readers.class_list import SegmentationClass
from training.evaluation import dataset_figures
from training.evaluation.frame_scores import TITLES
from training.teachers.checkpoint import TeacherCheckpoint, save_teacher
from training.teachers.factory import build_teacher

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
    """A bundle, and streets with a labelled box."""
    write_tiny_bundle(tmp_path / "bundle")
    for folder in ("images", "labels"):
        (tmp_path / "set" / folder).mkdir(parents=True)
    for number in range(2):
        image = street_frame(HEIGHT, WIDTH, box=BOX, seed=number)
        label = np.zeros((HEIGHT, WIDTH), np.uint8)
        x, y, width, height = BOX
        label[y : y + height, x : x + width] = 2
        cv2.imwrite(str(tmp_path / f"set/images/{number}.png"), image)
        cv2.imwrite(str(tmp_path / f"set/labels/{number}.png"), label)
    return tmp_path


def run(command, place, *arguments, labels="0:0,2:1"):
    words = [command, str(place / "bundle"), "--out", str(place / "out")]
    words += ["--data", f"boxes={place / 'set'}?{labels}"]
    return CliRunner().invoke(app, [*words, *arguments])


def test_without_a_teacher_the_bundles_own_scores_are_measured(place):
    result = run("evaluate", place, "--pictures", "1")
    assert result.exit_code == 0, result.output
    content = json.loads((place / "out/evaluation.json").read_text())
    (entry,) = content["datasets"].values()
    assert list(entry["methods"]) == ["mulmem", "auxcon", "score"]
    # The tiny bundle's magenta box stands out, and it alone.
    assert entry["methods"]["score"]["auroc"] > 0.95
    assert set(content["skipped"]) == set(TITLES) - {"mulmem", "auxcon", "score"}
    assert "minimum NLL; they need the teacher's logits: give --teacher" in result.output
    table = (place / "out/evaluation.md").read_text()
    line = next(line for line in table.splitlines() if line.startswith("| CosMe"))
    assert line in result.output
    assert len(content["origin"]["bundle_sha256"]) == 64
    assert content["origin"]["command"].startswith("python -m training")
    assert {path.name for path in (place / "out/boxes").iterdir()} == {"roc.png", "pr.png", "worst"}
    assert not list((place / "out").glob(".*"))


def test_pictures_of_another_ratio_are_cut_and_it_is_said(place):
    wide = place / "wide"
    for folder in ("images", "labels"):
        (wide / folder).mkdir(parents=True)
        for path in (place / "set" / folder).iterdir():
            picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            # 96x144 has the bundle's ratio; with 24 columns more on both sides it has not.
            margin = ((0, 0), (24, 24), (0, 0))[: picture.ndim]
            cv2.imwrite(str(wide / folder / path.name), np.pad(picture, margin))
    data = f"wide={wide}?0:0,2:1"
    pixels = []
    for option in ("--cut", "--no-cut"):
        result = run("evaluate", place, "--data", data, "--methods", "score", option, "--overwrite")
        assert result.exit_code == 0, result.output
        said = "wide: frames are 192x96 pixels and the network input is 96x64: 48 of 192 columns"
        assert (said in result.output) == (option == "--cut")
        entries = json.loads((place / "out/evaluation.json").read_text())["datasets"]
        pixels.append(entries[data]["normal_pixels"] + entries[data]["anomalous_pixels"])
    assert pixels == [2 * 96 * 144, 2 * 96 * 192]


@pytest.mark.parametrize("option", ["--crop", "--no-crop"])
def test_the_former_name_of_cut_is_refused_with_the_new_one(place, option):
    result = run("evaluate", place, "--data", "x", option)
    assert result.exit_code == 2
    assert "--cut or --no-cut" in result.output and "training window" in result.output


def test_ctrl_c_keeps_the_sets_that_are_done(place, monkeypatch):
    second = f"second={place / 'set'}?0:0,2:1"
    measure = dataset_figures.measure_dataset

    def interrupted(dataset, *arguments):
        if dataset.name == "second":
            raise KeyboardInterrupt
        return measure(dataset, *arguments)

    monkeypatch.setattr(dataset_figures, "measure_dataset", interrupted)
    result = run("evaluate", place, "--data", second, "--methods", "score")
    assert result.exit_code == 130
    assert "out holds what was done: boxes" in result.stderr
    content = json.loads((place / "out/evaluation.json").read_text())
    assert [entry["name"] for entry in content["datasets"].values()] == ["boxes"]


def test_another_networks_teacher_is_refused(place):
    for names, reason in ((["sea", "beach"], "sea, beach"), ([c["name"] for c in CLASSES], "c4")):
        save_random_teacher(place / "teacher.pt", names)
        for command in ("evaluate", "ablate"):
            result = run(command, place, "--teacher", str(place / "teacher.pt"))
            assert result.exit_code == 2
            assert reason in result.stderr
            assert "give the teacher that the bundle was fitted to" in result.stderr


def test_what_is_wrong_is_named(place):
    result = run("evaluate", place, labels="0:0,1:1")
    assert (result.exit_code, "label value 2" in result.stderr) == (2, True)
    result = run("evaluate", place, "--methods", "msp")
    assert (result.exit_code, "leaves nothing to measure" in result.stderr) == (2, True)
    result = run("evaluate", place, "--teacher", str(place / "none.pt"))
    assert (result.exit_code, "none.pt" in result.stderr) == (2, True)
    (place / "bundle/manifest.json").unlink()
    result = run("evaluate", place)
    assert (result.exit_code, "is no bundle" in result.stderr) == (2, True)


def test_an_unknown_method_lists_all(place):
    result = run("evaluate", place, "--methods", "score,other")
    assert (result.exit_code, "no method 'other'" in result.stderr) == (2, True)
    assert ", ".join(TITLES) in result.stderr


def test_equal_names_are_told_apart():
    assert numbered(["a", "b", "a", "a"]) == ["a", "b", "a_2", "a_3"]
