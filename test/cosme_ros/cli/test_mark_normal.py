# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`mark_normal` on a real folder of images, in this process and as users start it."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
from helpers.tiny_bundle import street_frame, write_tiny_bundle

from cosme_ros.adaptation.adaptation import open_adaptation
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.cli.mark_normal import main
from cosme_ros.inference.detector import Detector

BOX = street_frame(180, 320, box=(4, 100, 40, 30))
ON_ROAD = street_frame(180, 320, box=(150, 120, 20, 16))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture
def drive(tmp_path):
    folder = tmp_path / "drive"
    folder.mkdir()
    frames = [street_frame(180, 320, seed=s) for s in range(3)]
    for index, image in enumerate([*frames, BOX, ON_ROAD]):
        cv2.imwrite(str(folder / f"{index:03}.png"), image)
    return folder


@pytest.fixture
def command(bundle, tmp_path):
    marks = tmp_path / "marks.jsonl"

    def run(*arguments):
        return main([*map(str, arguments), "--bundle", str(bundle), "--marks", str(marks)])

    return run, marks


def peak(bundle, marks, image):
    detector = Detector(load_bundle(bundle), provider="cpu")
    open_adaptation(detector, marks, who="a test", limit=256)
    return float(detector.detect(image).score.max())


def test_all_alarms_of_a_drive_are_marked_and_the_guard_refuses(drive, command, bundle, capsys):
    run, marks = command
    assert run(drive, "--provider", "cpu") == 0
    printed = capsys.readouterr().out
    assert "frame 3: mark 1: " in printed
    # The same magenta: what the first mark silenced is no alarm any more.
    assert "frame 4" not in printed
    assert peak(bundle, marks, BOX) < 1


def test_one_frame_by_guard_force_undo_forget_and_list(drive, command, bundle, capsys):
    run, marks = command
    assert run(drive, "--frame", 4, "--provider", "cpu") == 1
    printed = capsys.readouterr()
    assert "refused: " in printed.out and "nothing was changed" in printed.err
    assert not marks.exists()
    assert run(drive, "--frame", 4, "--force", "--provider", "cpu") == 0
    assert peak(bundle, marks, ON_ROAD) < 1
    assert run("--undo") == 0
    assert peak(bundle, marks, ON_ROAD) >= 1
    assert run("--undo") == 1
    assert run(drive, "--frame", 3, "--provider", "cpu") == 0
    assert run("--forget") == 0
    capsys.readouterr()
    assert run("--list") == 0
    printed = capsys.readouterr().out
    assert "mark 1 (taken back, guard off)" in printed
    assert "mark 2 (taken back)" in printed
    assert "mark 1 undone" in printed and "all marks forgotten" in printed
    assert "0 of 2 marks hold" in printed


def test_a_mask_of_a_file(drive, command, bundle, tmp_path):
    run, marks = command
    mask = np.zeros((180, 320), np.uint8)
    mask[100:130, 4:44] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    options = ("--mask", tmp_path / "mask.png", "--provider", "cpu")
    assert run(drive, *options) == 2
    assert run(drive, "--frame", 3, *options) == 0
    assert peak(bundle, marks, BOX) < 1


def test_a_damaged_file_is_a_sentence(bundle, tmp_path):
    marks = tmp_path / "marks.jsonl"
    marks.write_text("{}\n")
    command = [sys.executable, "-m", "cosme_ros", "mark_normal", "--list"]
    ended = subprocess.run(
        [*command, "--bundle", bundle, "--marks", marks], capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert "marks.jsonl is damaged or was changed" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_something_to_mark_is_needed(command, capsys):
    run, _ = command
    assert run() == 2
    assert "a drive to mark is missing" in capsys.readouterr().err
