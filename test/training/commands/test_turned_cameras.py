# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Frames, labels and static mask of a camera that is mounted on its side, and the same upright."""

import hashlib
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from helpers.tiny_bundle import street_frame, write_tiny_bundle
from typer.testing import CliRunner

from cosme_ros.bundle.writing import write_manifest
from training.__main__ import app
from training.datasets.opening import open_frames
from training.datasets.registry import open_dataset
from training.evaluation import ablation
from training.export import lower_precision
from training.teachers import loading

DEMO_BUNDLE = Path(__file__).parents[3] / "demo" / "bundle"
OPTIONS = ("--image-rotation", "270", "--image-flip", "vertical")
HEIGHT, WIDTH = 72, 128


def as_camera(upright: np.ndarray) -> np.ndarray:
    """Undo OPTIONS: they rotate by 270 degrees clockwise, then flip."""
    return cv2.rotate(cv2.flip(upright, 0), cv2.ROTATE_90_CLOCKWISE)


@pytest.fixture
def drives(tmp_path: Path) -> dict[str, Path]:
    """Labelled streets with a box, and a static mask: upright, and as the camera sees them."""
    for number in range(2):
        box = (20 + 40 * number, 30, 24, 16)
        image = street_frame(HEIGHT, WIDTH, box=box, seed=number)
        label = np.zeros((HEIGHT, WIDTH), np.uint8)
        x, y, width, height = box
        label[y : y + height, x : x + width] = 1
        bonnet = np.full((HEIGHT, WIDTH), 255, np.uint8)
        bonnet[40:, :40] = 0
        for name, seen in (("upright", lambda picture: picture), ("camera", as_camera)):
            folder = tmp_path / name
            for part in ("set/images", "set/labels"):
                (folder / part).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / f"set/images/{number}.png"), seen(image))
            cv2.imwrite(str(folder / f"set/labels/{number}.png"), seen(label))
            cv2.imwrite(str(folder / "bonnet.png"), seen(bonnet))
    return {name: tmp_path / name for name in ("upright", "camera")}


def run(command: str, bundle: Path, drive: Path, *arguments: str) -> Path:
    out = drive / f"{command}_out"
    words = [command, str(bundle), "--data", f"own={drive / 'set'}?0:0,1:1", "--out", str(out)]
    words += OPTIONS if drive.name == "camera" else ()
    result = CliRunner().invoke(app, [*words, *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return out


def test_evaluate_gives_the_figures_of_the_upright_drive(tmp_path, drives):
    bundle = write_tiny_bundle(tmp_path / "bundle")
    figures = {}
    for name, drive in drives.items():
        normal = ("--normal", str(drive / "set/images"), "--pictures", "0")
        out = run("evaluate", bundle, drive, "--methods", "mulmem,score", *normal)
        (figures[name],) = json.loads((out / "evaluation.json").read_text())["datasets"].values()
    assert figures["camera"] == figures["upright"]
    assert figures["upright"]["methods"]["score"]["auroc"] > 0.95


def test_ablate_measures_upright_frames(tmp_path, drives, monkeypatch):
    class MeasuredError(Exception):
        pass

    found = []

    def measure(dataset, *_):
        found.append([dataset.source[index] for index in range(len(dataset.source))])
        raise MeasuredError

    # The networks are not asked: what they are given is the question.
    monkeypatch.setattr(ablation, "ablate", measure)
    monkeypatch.setattr(ablation.ScoreArithmetic, "of", lambda manifest: None)
    monkeypatch.setattr(ablation, "LayerScores", lambda *_: None)
    monkeypatch.setattr("training.evaluation.frame_scores.FrameScorer", lambda *_: None)
    monkeypatch.setattr("training.fitting.state.read_student", lambda *_: None)

    class Checkpoint:
        network = None

    monkeypatch.setattr(loading, "open_teacher", lambda *_, **__: Checkpoint)
    bundle = write_tiny_bundle(tmp_path / "bundle")
    for drive in drives.values():
        with pytest.raises(MeasuredError):
            run("ablate", bundle, drive, "--teacher", "any")
    for upright, turned in zip(*found, strict=True):
        np.testing.assert_array_equal(turned[0], upright[0])
        np.testing.assert_array_equal(turned[1], upright[1])


@pytest.mark.parametrize("command", ["halve", "bfloat16", "quantise"])
def test_a_faster_bundle_is_the_one_of_the_upright_drive(tmp_path, drives, command, monkeypatch):
    # Two small pictures: what is lost on them says nothing.
    monkeypatch.setattr(lower_precision, "MOST_PRECISION_LOST", 1.0)
    manifests = {}
    for name, drive in drives.items():
        bundle = drive / "bundle"
        shutil.copytree(DEMO_BUNDLE, bundle)
        manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
        mask = drive / "bonnet.png"
        sha256 = hashlib.sha256(mask.read_bytes()).hexdigest()
        manifest["fitted_on"]["static_mask"] = {"sha256": sha256, "hidden_share": 0.2}
        write_manifest(bundle, manifest)
        normal = ("--normal", str(drive / "set/images")) if command == "quantise" else ()
        out = run(command, bundle, drive, "--static-mask", str(mask), *normal)
        manifests[name] = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
        del manifests[name]["content_sha256"], manifests[name]["precision"]["made_from"]
        del manifests[name]["fitted_on"]["static_mask"]
    assert manifests["camera"] == manifests["upright"]


def test_frames_of_others_are_upright_already(tmp_path, drives):
    from cosme_ros.messages.image_orientation import ImageOrientation

    orientation = ImageOrientation(270, "vertical")
    text = "synthetic_anomalies:3:1"
    plain, turned = open_dataset(text), open_dataset(text, orientation)
    np.testing.assert_array_equal(turned.source[0][0], plain.source[0][0])
    of_set = open_frames(f"folder={drives['camera'] / 'set'}", orientation=orientation)
    of_folder = open_frames(drives["camera"] / "set/images", orientation=orientation)
    wanted = open_frames(drives["upright"] / "set/images")
    np.testing.assert_array_equal(of_set[1], wanted[1])
    np.testing.assert_array_equal(of_folder[1], wanted[1])


@pytest.mark.parametrize("command", ["evaluate", "ablate", "halve", "bfloat16", "quantise"])
def test_another_rotation_is_refused(tmp_path, drives, command):
    bundle = write_tiny_bundle(tmp_path / "bundle")
    words = [command, str(bundle), "--data", f"own={drives['camera'] / 'set'}?0:0,1:1"]
    words += ["--out", str(tmp_path / "out"), "--image-rotation", "45"]
    words += {"quantise": ["--normal", str(tmp_path)], "ablate": ["--teacher", "x"]}.get(
        command, []
    )
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert "image_rotation is 45" in result.stderr
