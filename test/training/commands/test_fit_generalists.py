# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`fit` on generalists of every kind, to bundles that the vehicle half runs."""

import json

import numpy as np
import pytest
import torch
from helpers import any_network_bundle, tiny_transformer
from typer.testing import CliRunner

from cosme_ros.bundle.loading import load_bundle
from cosme_ros.inference.detector import Detector
from training.__main__ import app
from training.method.generalist import on_grid
from training.method.preprocessing import Preprocessing
from training.teachers.any_module import IMAGENET

TRANSFORMER = (
    *("--student-backbone", "helpers.tiny_transformer:build"),
    *("--student-layers", "c4=blocks.1,c5=blocks.2", "--student-size", "70", "112"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generalists")
    any_network_bundle.write_inputs(folder)
    return folder


def fit(folder, name, *arguments):
    out = folder / name
    command = ["fit", str(folder / "frames"), "--out", str(out), "--prototypes", "8"]
    command += ["--size", str(any_network_bundle.HEIGHT), str(any_network_bundle.WIDTH)]
    command += ["--calibration-share", str(any_network_bundle.CALIBRATION_SHARE)]
    result = CliRunner().invoke(app, [*command, *arguments])
    return result, out


def detector(bundle):
    rate = any_network_bundle.FALSE_POSITIVE_RATE
    return Detector(load_bundle(bundle), provider="cpu", false_positive_rate=rate)


def test_a_transformer_explained_by_a_network_of_others(folder):
    result, out = fit(
        folder, "transformer", *any_network_bundle.teacher_options(folder), *TRANSFORMER
    )
    assert result.exit_code == 0, result.output
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["student"]["architecture"] == "helpers.tiny_transformer:build"
    assert manifest["student"]["channels"] == {"c4": 24, "c5": 24}
    assert manifest["student"]["input_size"] == {"height": 70, "width": 112}
    assert manifest["method"]["backward_layers"] == ["c4", "c5"]
    assert manifest["method"]["guided"] == {"radius": 24.0, "epsilon": 3e-5}
    detection = detector(out).detect(any_network_bundle.random_image(1))
    assert detection.score.shape == (120, 200)
    assert np.isfinite(detection.score).all()


def test_without_a_teacher_the_score_is_the_mahalanobis_distance(folder):
    result, out = fit(
        folder,
        "alone",
        "--teacher",
        "none",
        *TRANSFORMER,
        "--smoothing",
        "0",
        "--guided",
        "0",
        "0",
        "--memory-layers",
        "",
    )
    assert result.exit_code == 0, result.output
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["method"]["layers"] == []
    assert "guided" not in manifest["method"]
    assert manifest["method"]["backward_layers"] == ["nothing"]
    assert not any(c["drivable"] for c in manifest["classes"])
    frames = [
        any_network_bundle.street_frame(any_network_bundle.HEIGHT, any_network_bundle.WIDTH, seed=s)
        for s in range(any_network_bundle.FRAMES)
    ]
    held_out = round(len(frames) * any_network_bundle.CALIBRATION_SHARE)
    module = tiny_transformer.build()
    seen = {}
    for number in (1, 2):
        module.blocks[number].register_forward_hook(
            lambda _, __, output, number=number: seen.update({number: output})
        )
    resize = Preprocessing(*IMAGENET, (70, 112))

    def features(image):
        with torch.no_grad():
            module(resize(torch.from_numpy(np.ascontiguousarray(image))[None]))
        skipped = 1 + tiny_transformer.REGISTERS
        tokens = [seen[number][0, skipped:].T.reshape(24, 5, 8) for number in (1, 2)]
        return torch.cat(tokens)[None].double()

    fitted = [f for frame in frames[:-held_out] for f in (frame, frame[:, ::-1])]
    rows = torch.cat([features(f)[0].flatten(1).T for f in fitted]).numpy()
    values, vectors = np.linalg.eigh(np.cov(rows.T, bias=True))
    image = frames[-1]
    rest = (features(image)[0].flatten(1).T.numpy() - rows.mean(axis=0)) @ vectors
    wanted = (rest**2 / (values + 0.1 * values.mean())).mean(axis=1).reshape(1, 1, 5, 8)
    found = detector(out).detect(image).raw_score_grid
    assert found.shape == (24, 40)
    wanted = torch.nn.functional.interpolate(
        torch.from_numpy(wanted), size=(24, 40), mode="bilinear"
    )
    np.testing.assert_allclose(found, wanted[0, 0], rtol=2e-3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--student-backbone", "helpers.tiny_transformer:build"], "say which of its layers"),
        (
            [
                "--student-backbone",
                "helpers.tiny_transformer:build",
                "--student-layers",
                "c4=blocks.9",
            ],
            "no module 'blocks.9'",
        ),
        (
            [*TRANSFORMER[:4], "--student-size", "71", "112"],
            "tokens",
        ),
        (["--student-layers", "c9"], "has no layer c9"),
        (["--student-backbone", "vgg"], "unknown backbone 'vgg'"),
        (["--memory-layers", "c4"], "choose from"),
        (["--student", "scratch"], "--student ridge"),
        (["--guided", "24", "0"], "both above 0"),
        (["--guided", "-1", "1e-4"], "both above 0"),
        (["--similarity-threshold", "lh=0.95"], "for one of generalist_c3"),
        (["--similarity-threshold", "generalist_c3"], "LAYER=NUMBER is right"),
        (["--similarity-threshold", "generalist_c3=1.5"], "with -1 to 1"),
    ],
)
def test_what_cannot_be_a_generalist_is_refused(folder, arguments, words):
    result, _ = fit(folder, "refused", "--teacher", "none", *arguments)
    assert result.exit_code == 2
    assert words in result.output + result.stderr


def test_finer_layers_are_averaged_on_the_teachers_grid():
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert on_grid(x, (2, 2)).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
