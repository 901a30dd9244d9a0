# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`fit` on a network that is not this package's, to a bundle that the vehicle half runs."""

import json
import shlex

import numpy as np
import pytest
import torch
import yaml
from helpers import any_network_bundle, patch_former
from typer.testing import CliRunner

from cosme_ros.bundle.loading import load_bundle
from cosme_ros.inference.detector import Detector
from cosme_ros.parameters import PARAMETERS, check_settings
from cosme_ros.streaming.frame_pipeline import open_pipeline
from training.__main__ import app
from training.method.preprocessing import Preprocessing

MEAN, DEVIATION = (0.5,) * 3, (0.25,) * 3


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("any_network")
    any_network_bundle.write_inputs(folder)
    result, bundle = any_network_bundle.fit(folder)
    assert result.exit_code == 0, result.output
    (folder / "printed.txt").write_text(result.output)
    return folder, bundle


def test_the_last_line_is_a_command_that_works(fitted):
    """Few frames do not support the usual rate: the bundle names another, and runs."""
    printed = (fitted[0] / "printed.txt").read_text().strip()
    lowest, _ = load_bundle(fitted[1]).calibration.rates
    assert lowest > 0.001
    assert f"down to {lowest:g}; it runs at {lowest:g}. More frames" in " ".join(printed.split())
    words = shlex.split(printed.splitlines()[-1])
    assert words[:5] == ["next:", "ros2", "launch", "cosme_ros", "detector.launch.py"]
    given = dict(word.split(":=") for word in words[5:])
    assert given == {"bundle": str(fitted[1])}
    defaults = {row.name: row.default for row in PARAMETERS}
    pipeline = open_pipeline(check_settings({**defaults, "provider": "cpu", **given}))
    assert pipeline.settings.false_positive_rate == lowest


def detector(fitted):
    rate = any_network_bundle.FALSE_POSITIVE_RATE
    return Detector(load_bundle(fitted[1]), provider="cpu", false_positive_rate=rate)


def test_manifest_says_what_the_teacher_is(fitted):
    manifest = json.loads((fitted[1] / "manifest.json").read_text())
    teacher = manifest["teacher"]
    assert teacher["architecture"] == "module:helpers.patch_former:build"
    assert teacher["layers"]["lh"] == "head.norm"
    assert (teacher["mean"], teacher["standard_deviation"]) == (list(MEAN), list(DEVIATION))
    assert teacher["strides"] == {"c3": 8, "c4": 16, "c5": 32, "lh": 8, "o": 8}
    assert manifest["method"]["layers"] == ["c4", "c5", "lh"]
    assert manifest["method"]["evaluation_layers"] == ["c5"]
    assert manifest["student"]["architecture"] == "deeplabv3plus_resnet18"
    assert manifest["student"]["supervised_layers"] == ["c3", "c4", "c5", "lh", "o"]
    assert [c["name"] for c in manifest["classes"]] == list(any_network_bundle.CLASS_NAMES)


def test_detector_computes_what_the_network_does(fitted):
    """Class ids and MulMem (Eq. 3 and 4) again, from the module itself in float64."""
    image = any_network_bundle.random_image(1)
    detection = detector(fitted).detect(image)
    module = patch_former.build().eval().double()
    size = (any_network_bundle.HEIGHT, any_network_bundle.WIDTH)
    with torch.no_grad():
        x = Preprocessing(MEAN, DEVIATION, size)(torch.from_numpy(image)[None]).double()
        maps = [x]
        for stage in module.stages:
            maps.append(stage(maps[-1]))
        parts = [bring(m) for bring, m in zip(module.head.bring, maps[1:], strict=True)]
        grid = parts[0].shape[2:]
        interpolate = torch.nn.functional.interpolate
        lh = module.head.norm(sum(interpolate(p, size=grid, mode="bilinear") for p in parts))
        logits = module.head.logits(lh.relu())
        mulmem = torch.ones(1, 1, *grid, dtype=torch.float64)
        for layer, features in (("c4", maps[2]), ("c5", maps[3]), ("lh", lh)):
            unit = torch.nn.functional.normalize(features[0].flatten(1), dim=0)
            bank = torch.from_numpy(load_bundle(fitted[1]).banks[f"bank_{layer}"]).double()
            score = (1 - (bank @ unit).amax(dim=0)).clamp(min=0).reshape(1, 1, *features.shape[2:])
            mulmem *= interpolate(score, size=grid, mode="bilinear")
    grids = detection.grids["mulmem"]
    # float32 through a score of 1 - cosine, of three layers multiplied.
    np.testing.assert_allclose(grids, mulmem[0, 0].numpy(), rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(detection.class_grid, logits[0].argmax(0).numpy())


def test_scores_are_on_the_grid_of_lh_and_finite(fitted):
    detection = detector(fitted).detect(any_network_bundle.random_image(2))
    assert detection.raw_score_grid.shape == (12, 20)
    assert detection.score.shape == (120, 200)
    assert bool((detection.raw_score_grid > 0).any())


def test_evaluate_opens_the_same_teacher(fitted, tmp_path):
    import cv2
    from typer.testing import CliRunner

    from training.__main__ import app

    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    label = np.zeros((120, 200), np.uint8)
    label[40:60, 50:90] = 1
    cv2.imwrite(str(tmp_path / "images/0.png"), any_network_bundle.random_image(3))
    cv2.imwrite(str(tmp_path / "labels/0.png"), label)
    command = ["evaluate", str(fitted[1]), "--data", f"folder={tmp_path}"]
    command += ["--out", str(tmp_path / "o"), "--methods", "maxlogit,score"]
    command += any_network_bundle.teacher_options(fitted[0])
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "o" / "evaluation.json").read_text())
    (of_folder,) = figures["datasets"].values()
    assert 0 < of_folder["methods"]["maxlogit"]["auroc"] < 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--memory-layers", "c2"], "--memory-layers 'c2'; choose from c3, c4, c5, lh, o"),
        (["--evaluation-layers", "c9"], "--evaluation-layers 'c9'; choose from c3"),
        (
            ["--student-architecture", "vgg16"],
            "--student-architecture: unknown architecture 'vgg16'",
        ),
    ],
)
def test_layers_that_the_network_has_not_are_refused(fitted, arguments, words):
    result, _ = any_network_bundle.fit(fitted[0], *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_the_settings_that_were_used_can_be_used_again(fitted, tmp_path):
    folder, bundle = fitted
    settings = bundle.with_name("bundle.settings.yaml")
    again = tmp_path / "again"
    arguments = ["fit", str(folder / "frames"), "--out", str(again), "--config", str(settings)]
    result = CliRunner().invoke(app, [*arguments, *any_network_bundle.teacher_options(folder)])
    assert result.exit_code == 0, result.output
    assert again.with_name("again.settings.yaml").read_bytes() == settings.read_bytes()
    assert (again / "prototypes.npz").read_bytes() == (bundle / "prototypes.npz").read_bytes()


def test_an_option_wins_over_the_file(fitted, tmp_path):
    folder, bundle = fitted
    settings = bundle.with_name("bundle.settings.yaml")
    arguments = ["fit", str(folder / "frames"), "--out", str(tmp_path / "out"), "--prototypes", "8"]
    arguments += ["--config", str(settings)]
    result = CliRunner().invoke(app, [*arguments, *any_network_bundle.teacher_options(folder)])
    assert result.exit_code == 0, result.output
    kept = yaml.safe_load(settings.read_text())
    used = yaml.safe_load((tmp_path / "out.settings.yaml").read_text())
    assert used["memory"].pop("prototypes") == 8 != kept["memory"].pop("prototypes")
    assert used == kept


def test_a_bundle_of_another_fit_is_not_replaced_unasked(fitted, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text("{}")
    arguments = ["fit", str(fitted[0] / "frames"), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*arguments, *any_network_bundle.teacher_options(fitted[0])])
    assert result.exit_code == 2 and "is not empty" in result.stderr


def test_another_mapping_does_not_go_on_from_this_fit(fitted):
    """The record of an unfinished fit holds the mapping: weights alone would be the same."""
    options = any_network_bundle.teacher_options(fitted[0])
    options[3] = patch_former.LAYERS.replace("lh=head.norm", "lh=head.active")
    result, _ = any_network_bundle.fit(fitted[0], options=options)
    assert result.exit_code == 2
    assert "unfinished run with other settings" in result.stderr
