# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The same frames as a data set on the workstation and as a bag: the same figures."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.small_bag import label, picture
from helpers.tiny_bundle import write_tiny_bundle
from typer.testing import CliRunner

from cosme_ros.bundle.loading import load_bundle
from cosme_ros.cli.evaluate_bag import main
from cosme_ros.inference.detector import Detector
from training.__main__ import app
from training.datasets.interface import crop_to_aspect

FRAMES = 4
SIZE = (180, 320)


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> tuple[dict, dict]:
    folder: Path = tmp_path_factory.mktemp("both")
    bundle = write_tiny_bundle(folder / "bundle")
    data = folder / "data"
    for kind in ("images", "labels"):
        (data / kind).mkdir(parents=True)
    for index in range(FRAMES):
        image = picture(index, *SIZE)
        if index == 3:  # something that is missed, and something that is raised for nothing
            image[20:50, 30:90] = (230, 20, 230)
        cv2.imwrite(str(data / "images" / f"{index}.png"), image)
        cv2.imwrite(str(data / "labels" / f"{index}.png"), label(index, *SIZE))
    spelling = f"folder={data}?0:0,1:1,255:255"
    run = CliRunner().invoke(
        app,
        ["evaluate", str(bundle), "--data", spelling, "--out", str(folder / "figures"),
         "--methods", "score", "--no-cut"],
    )  # fmt: skip
    assert run.exit_code == 0, run.output
    made = CliRunner().invoke(
        app,
        ["make-bag", str(data), "--labels", str(data / "labels"), "--out", str(folder / "bag"),
         "--format", "raw"],
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    arguments = [str(folder / "bag"), "--bundle", str(bundle), "--out", str(folder / "out")]
    assert main([*arguments, "--false-positive-rate", "0.01", "--quiet"]) == 0
    figures = json.loads((folder / "figures" / "evaluation.json").read_text())
    report = json.loads((folder / "out" / "report.json").read_text())
    (dataset,) = figures["datasets"].values()
    return dataset, report["total"]


def test_pixels(both) -> None:
    dataset, total = both
    assert total["normal_pixels"] == dataset["normal_pixels"]
    assert total["anomalous_pixels"] == dataset["anomalous_pixels"]
    method = dataset["methods"]["score"]
    for name in ("average_precision", "auroc", "fpr95", "best_f1", "best_f1_threshold"):
        assert total["pixels"][name] > 0
        assert total["pixels"][name] == pytest.approx(method[name], abs=1e-6)


def test_components(both) -> None:
    dataset, total = both
    components = dataset["methods"]["score"]["components"]
    assert components["true"] == FRAMES // 2 and components["detected"] > components["true"]
    for name, value in components.items():
        assert total["components_at_best_f1"][name] == pytest.approx(value, abs=1e-6)
    assert np.isfinite(total["components_at_alarm_line"]["f1"])


@pytest.mark.parametrize("size", [(180, 320), (320, 180), (64, 96), (365, 641), (1, 9)])
def test_the_crop_that_the_node_names_is_that_of_fit_and_evaluate(tmp_path, size) -> None:
    detector = Detector(load_bundle(write_tiny_bundle(tmp_path / "bundle")), provider="cpu")
    cut = crop_to_aspect(np.zeros(size, np.uint8), *detector.bundle.input_size)
    assert detector.matching_crop(*size) == cut.shape
