# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import dataclasses
import json

import numpy as np
import pytest
import torch

from training.datasets.readers.class_list import SegmentationClass
from training.errors import UsageError
from training.segmentation.settings import TeacherSettings
from training.segmentation.trainer import (
    PROGRESS_FILE,
    REPORT_FILE,
    TEACHER_FILE,
    TeacherTraining,
    write_report,
)
from training.segmentation.validation import mean_iou
from training.teachers.checkpoint import load_teacher

CLASSES = (
    SegmentationClass("dark", (0, 0, 0), True),
    SegmentationClass("light", (255, 255, 255), False),
)
SETTINGS = TeacherSettings(
    architecture="deeplabv3plus_resnet18",
    width=0.0625,
    pretrained=False,
    backbone_weights=None,
    crop_height=32,
    crop_width=48,
    batch=2,
    steps=4,
    optimiser="adamw",
    learning_rate=3e-3,
    backbone_rate=1.0,
    weight_decay=1e-2,
    balance=False,
    seed=5,
    data="halves",
)


@pytest.fixture
def train(halves):
    def run(run_dir, settings=SETTINGS, *, stop_after=None, save_every=2, workers=0):
        training = TeacherTraining(settings, halves, CLASSES, run_dir, workers=workers)

        batches = training._batches()

        def until_stop():
            for batch in batches:
                if training.step == stop_after:
                    raise KeyboardInterrupt
                yield batch

        training._batches = until_stop
        training.run(save_every=save_every)
        return training

    return run


def state(run_dir):
    return load_teacher(run_dir / TEACHER_FILE).network.state_dict()


def assert_same_state(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_a_resumed_run_ends_as_an_unbroken_one(train, tmp_path, optimiser):
    settings = dataclasses.replace(
        SETTINGS, optimiser=optimiser, balance=True, auxiliary_weight=0.5
    )
    unbroken = train(tmp_path / "unbroken", settings)
    with pytest.raises(KeyboardInterrupt):
        # After the save at step 2, so that step 3 is done twice.
        train(tmp_path / "broken", settings, stop_after=3)
    assert not (tmp_path / "broken" / TEACHER_FILE).exists()
    resumed = train(tmp_path / "broken", settings)
    assert resumed.losses == unbroken.losses
    assert_same_state(state(tmp_path / "unbroken"), state(tmp_path / "broken"))


def test_workers_do_not_change_the_result(train, tmp_path):
    assert train(tmp_path / "none").losses == train(tmp_path / "two", workers=2).losses


def test_the_seed_changes_the_result(train, tmp_path):
    other = dataclasses.replace(SETTINGS, seed=6)
    assert train(tmp_path / "a").losses != train(tmp_path / "b", other).losses


def test_learns_and_measures(train, halves, tmp_path):
    settings = dataclasses.replace(SETTINGS, steps=30, batch=4)
    training = train(tmp_path, settings, save_every=100)
    assert np.mean(training.losses[-5:]) < 0.7 * np.mean(training.losses[:5])
    result = mean_iou(load_teacher(tmp_path / TEACHER_FILE).network, CLASSES, halves)
    assert result["frames"] == 7
    assert result["miou"] > 0.8
    assert result["miou"] == pytest.approx(np.mean(list(result["iou"].values())))
    write_report(training, result)
    report = json.loads((tmp_path / REPORT_FILE).read_text())
    assert report["settings"]["steps"] == 30
    assert len(report["losses"]) == 30
    assert report["validation"]["miou"] == result["miou"]


def test_a_finished_run_is_not_trained_again(train, tmp_path):
    train(tmp_path, dataclasses.replace(SETTINGS, steps=1))
    before = (tmp_path / TEACHER_FILE).stat().st_mtime_ns
    assert train(tmp_path, dataclasses.replace(SETTINGS, steps=1)).finished
    assert (tmp_path / TEACHER_FILE).stat().st_mtime_ns == before


def test_a_run_killed_before_the_teacher_was_saved_is_completed(train, tmp_path):
    train(tmp_path)
    wanted = state(tmp_path)
    (tmp_path / TEACHER_FILE).unlink()
    train(tmp_path)
    assert_same_state(state(tmp_path), wanted)


def test_another_setting_in_the_same_folder_is_refused(train, tmp_path):
    train(tmp_path, dataclasses.replace(SETTINGS, steps=1))
    other = dataclasses.replace(SETTINGS, steps=1, batch=3)
    with pytest.raises(UsageError, match="holds another run: batch 2, now 3"):
        train(tmp_path, other)


def test_the_checkpoint_tells_what_it_is(train, tmp_path):
    train(tmp_path, dataclasses.replace(SETTINGS, steps=1))
    checkpoint = load_teacher(tmp_path / TEACHER_FILE)
    assert checkpoint.classes == CLASSES
    assert checkpoint.architecture == "deeplabv3plus_resnet18"
    assert checkpoint.trained_on == "halves, 1 steps, seed 5"
    assert (tmp_path / PROGRESS_FILE).exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crop_width": 31}, "crop is 32x31"),
        ({"batch": 1}, "batch is 1"),
        ({"steps": 0}, "steps is 0"),
        ({"learning_rate": 0.0}, "learning rate is 0"),
        ({"architecture": "nothing"}, "unknown architecture 'nothing'"),
        ({"backbone_weights": "nowhere.pth"}, r"nowhere\.pth do not exist"),
    ],
)
def test_bad_settings(train, tmp_path, change, message):
    with pytest.raises(UsageError, match=message):
        train(tmp_path, dataclasses.replace(SETTINGS, **change))


def test_backbone_weights_are_loaded(train, tmp_path):
    one_step = dataclasses.replace(SETTINGS, steps=1)
    first = train(tmp_path / "first", one_step)
    backbone = load_teacher(tmp_path / "first" / TEACHER_FILE).network.encoder.state_dict()
    torch.save(backbone, tmp_path / "backbone.pth")
    # The same seed: only the file can make the loss another.
    settings = dataclasses.replace(one_step, backbone_weights=str(tmp_path / "backbone.pth"))
    assert train(tmp_path / "second", settings).losses != first.losses


def test_run_from_before_a_setting_existed_goes_on(train, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, stop_after=3)
    progress = torch.load(tmp_path / PROGRESS_FILE, weights_only=True)
    del progress["settings"]["output_stride"]
    torch.save(progress, tmp_path / PROGRESS_FILE)
    assert train(tmp_path).finished


def test_output_stride_is_kept_with_the_weights(train, tmp_path):
    train(tmp_path, dataclasses.replace(SETTINGS, steps=1, output_stride=8))
    network = load_teacher(tmp_path / TEACHER_FILE).network
    assert network.strides["c5"] == 8
    content = torch.load(tmp_path / TEACHER_FILE, weights_only=True)
    # Checkpoints had no settings before there was a choice.
    del content["settings"]
    torch.save(content, tmp_path / TEACHER_FILE)
    assert load_teacher(tmp_path / TEACHER_FILE).network.strides["c5"] == 16
