# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A bundle gets its references from normal drives, and then says why a frame alarms."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.tiny_bundle import street_frame, write_tiny_bundle

from cosme_ros.bundle.loading import PROTOTYPE_PICTURES, load_bundle
from cosme_ros.cli import explain, references
from cosme_ros.inference.detector import Detector

FRAMES = 25


@pytest.fixture(scope="module")
def drive(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("drive")
    for number in range(FRAMES):
        cv2.imwrite(str(folder / f"{number:03d}.png"), street_frame(90, 160, seed=number))
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory, drive) -> Path:
    folder = write_tiny_bundle(tmp_path_factory.mktemp("bundle"))
    status = references.main([str(folder), str(drive), "--provider", "cpu", "--prototype-pictures"])
    assert status == 0
    return folder


def test_the_references_are_in_the_manifest_and_nothing_else_has_changed(bundle, tmp_path):
    plain = load_bundle(write_tiny_bundle(tmp_path)).manifest
    measured = load_bundle(bundle).manifest
    calibration = dict(measured["calibration"])
    assert calibration.pop("health")["frames"] == FRAMES
    assert set(calibration.pop("parts")["values"]) == {"memory", "forward consensus"}
    assert calibration == plain["calibration"]
    files = dict(measured["files"])
    assert files.pop(PROTOTYPE_PICTURES)
    assert files == plain["files"]


def test_every_so_many_frames_can_be_measured(drive, tmp_path, capsys):
    folder = write_tiny_bundle(tmp_path)
    before = load_bundle(folder).digest
    status = references.main([str(folder), str(drive), "--every", "2", "--provider", "cpu"])
    assert status == 1 and "13 normal frames are too few" in capsys.readouterr().err
    assert load_bundle(folder).digest == before


def test_explain_writes_words_picture_and_json(bundle, tmp_path, capsys):
    folder = tmp_path / "drive"
    folder.mkdir()
    cv2.imwrite(str(folder / "0.png"), street_frame(90, 160))
    cv2.imwrite(str(folder / "1.png"), street_frame(90, 160, box=(70, 50, 24, 20)))
    picture, content = tmp_path / "alarm.jpg", tmp_path / "alarm.json"
    arguments = [str(folder), "--bundle", str(bundle), "--provider", "cpu"]
    status = explain.main([*arguments, "--picture", str(picture), "--json", str(content)])
    assert status == 0
    assert "of normal places reach" in capsys.readouterr().out
    assert cv2.imread(str(picture)).shape[1] == 960
    written = json.loads(content.read_text())
    assert written["frame"] == 1 and len(written["obstacles"]) == 1
    assert explain.main([*arguments, "--frame", "1"]) == 0
    capsys.readouterr()
    for frame, sentence in (("0", "has no obstacle to explain"), ("7", "no frame 7")):
        assert explain.main([*arguments, "--frame", frame]) == 1
        assert sentence in capsys.readouterr().err


def one_frame(folder: Path, image: np.ndarray) -> Path:
    folder.mkdir()
    cv2.imwrite(str(folder / "0.png"), image)
    return folder


def test_explain_turns_the_image_as_the_node_does(bundle, tmp_path):
    """The networks would see the image of a camera on its side stretched."""
    upright = street_frame(90, 160, box=(70, 50, 24, 20))
    on_its_side = cv2.rotate(upright, cv2.ROTATE_90_COUNTERCLOCKWISE)
    content = tmp_path / "alarm.json"

    def score(name: str, image: np.ndarray, *options: str) -> float:
        drive = one_frame(tmp_path / name, image)
        arguments = [str(drive), "--bundle", str(bundle), "--provider", "cpu"]
        assert explain.main([*arguments, *options, "--json", str(content)]) == 0
        return json.loads(content.read_text())["obstacles"][0]["obstacle"]["peak_score"]

    wanted = score("upright", upright)
    assert score("turned", on_its_side, "--image-rotation", "90") == pytest.approx(wanted, rel=1e-3)
    assert score("as it comes", on_its_side) != pytest.approx(wanted, rel=1e-2)


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [("--marks", "missing.jsonl", "missing.jsonl"), ("--device", "1", "device is 1")],
)
def test_explain_takes_the_options_that_it_offers(
    bundle, tmp_path, capsys, option, value, sentence
):
    drive = one_frame(tmp_path / "drive", street_frame(90, 160, box=(70, 50, 24, 20)))
    arguments = [str(drive), "--bundle", str(bundle), "--provider", "cpu"]
    assert explain.main([*arguments, option, value]) == 1
    assert sentence in capsys.readouterr().err


def test_explain_names_what_an_older_bundle_lacks(drive, tmp_path, capsys):
    folder = tmp_path / "drive"
    folder.mkdir()
    cv2.imwrite(str(folder / "0.png"), street_frame(90, 160, box=(70, 50, 24, 20)))
    older = write_tiny_bundle(tmp_path / "bundle")
    assert explain.main([str(folder), "--bundle", str(older), "--provider", "cpu"]) == 0
    assert "python -m cosme_ros references" in capsys.readouterr().err


def test_scores_are_the_same_bits_with_references(bundle, tmp_path):
    image = street_frame(90, 160, box=(70, 50, 24, 20))
    plain = write_tiny_bundle(tmp_path)
    scores = [
        Detector(load_bundle(each), provider="cpu").detect(image).score for each in (plain, bundle)
    ]
    np.testing.assert_array_equal(*scores)
