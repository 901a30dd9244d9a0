# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Public checkpoints: what they compute here, and what is said when they do not fit."""

import argparse
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from helpers import public_deeplab  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from training.__main__ import app  # noqa: E402
from training.commands.import_teacher import Layout  # noqa: E402
from training.errors import UsageError  # noqa: E402
from training.teachers.checkpoint import load_teacher  # noqa: E402
from training.teachers.public_layouts import LAYOUTS  # noqa: E402
from training.teachers.public_weights import read_weights  # noqa: E402

CASES = {"vainf": "resnet50", "nvidia": "resnet101"}
"""The one in which each differs most from this package's own network."""


@pytest.fixture
def classes(tmp_path):
    entries = [
        {
            "name": f"class {number}",
            "colour": [number] * 3,
            "drivable": number == 0,
            "label": number,
        }
        for number in range(public_deeplab.CLASSES)
    ]
    path = tmp_path / "classes.json"
    path.write_text(json.dumps({"classes": entries}))
    return path


def run(checkpoint, layout, classes, *arguments):
    out = checkpoint.with_name("teacher.pt")
    command = ["import-teacher", str(checkpoint), "--layout", layout, "--out", str(out)]
    return CliRunner().invoke(app, [*command, "--classes", str(classes), *arguments]), out


def as_published(layout, state):
    """As their training writes it."""
    if layout == "vainf":
        return {"cur_itrs": 30000, "model_state": state, "best_score": np.float64(0.762)}
    return {"state_dict": {f"module.{k}": v for k, v in state.items()}, "mean_iu": 0.78, "epoch": 9}


def empty_state(layout, backbone):
    """Names and shapes without the weight of weights."""
    shapes = public_deeplab.shapes(layout, backbone)
    return {name: torch.zeros(()).expand(shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("layout", list(CASES))
def test_imported_network_computes_what_the_public_one_does(layout, classes, tmp_path):
    backbone = CASES[layout]
    state = public_deeplab.random_state(layout, backbone)
    torch.save(as_published(layout, state), tmp_path / "public.pth")
    result, out = run(tmp_path / "public.pth", layout, classes)
    assert result.exit_code == 0, result.output
    checkpoint = load_teacher(out)
    assert checkpoint.architecture == f"deeplabv3plus_{backbone}"
    assert checkpoint.network.settings["variant"] == layout
    image = torch.randn(1, 3, 49, 65, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted, c5 = public_deeplab.logits(layout, backbone, state, image)
        features = checkpoint.network(image)
    for name, reference in (("c5", c5), ("o", wanted)):
        # float32 through up to 110 layers, and a batch norm that went into its convolution.
        tolerance = 1e-4 * float(reference.abs().max())
        torch.testing.assert_close(features[name], reference, rtol=0, atol=tolerance)
    assert float(wanted.std()) > 1e-3


def test_what_does_not_match_is_listed(classes, tmp_path):
    state = empty_state("vainf", "resnet101")
    for number in range(12):
        del state[f"backbone.layer3.{number}.bn1.bias"]
    state["classifier.extra.weight"] = torch.zeros(2)
    state["classifier.project.0.weight"] = torch.zeros(48, 128, 1, 1)
    torch.save({"model_state": state}, tmp_path / "public.pth")
    result, out = run(tmp_path / "public.pth", "vainf", classes)
    assert result.exit_code == 2
    for words in (
        "12 missing: backbone.layer3.0.bn1.bias",
        "and 2 more",
        "1 unexpected: classifier.extra.weight",
        "1 of another shape: classifier.project.0.weight [48, 128, 1, 1], wanted [48, 256, 1, 1]",
    ):
        assert words in result.stderr
    assert "backbone.layer3.11.bn1.bias" not in result.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("layout", "given", "words"),
    [
        ("nvidia", "vainf", "has 0 blocks under layer3; resnet101 has 23"),
        ("vainf", "nvidia", "resnet50 has 6, resnet101 has 23"),
    ],
)
def test_another_layout_is_recognised(layout, given, words, classes, tmp_path):
    torch.save(empty_state(given, "resnet101"), tmp_path / "public.pth")
    result, _ = run(tmp_path / "public.pth", layout, classes)
    assert result.exit_code == 2
    assert words in result.stderr


def test_another_number_of_classes_and_output_stride_are_said(classes, tmp_path):
    state = empty_state("vainf", "resnet50")
    torch.save(state, tmp_path / "public.pth")
    result, _ = run(tmp_path / "public.pth", "vainf", classes, "--output-stride", "32")
    assert (result.exit_code, "choose 8 or 16" in result.stderr) == (2, True)
    state["classifier.classifier.3.weight"] = torch.zeros(21, 256, 1, 1)
    torch.save(state, tmp_path / "public.pth")
    result, _ = run(tmp_path / "public.pth", "vainf", classes)
    assert (result.exit_code, "tells 21 classes apart" in result.stderr) == (2, True)


def test_numpy_figures_beside_the_weights_are_read_and_objects_refused(tmp_path):
    path = tmp_path / "file.pth"
    state = {"a.weight": torch.ones(2)}
    for number in (np.float64(0.7), np.float32(0.7), np.int64(7)):
        torch.save({"model_state": state, "best_score": number}, path)
        assert list(read_weights(path)) == ["a.weight"]
    torch.save({"state_dict": state, "args": argparse.Namespace(lr=0.1)}, path)
    with pytest.raises(UsageError, match=r"could run any program.*an object of"):
        read_weights(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not a checkpoint at all", "cannot be read as weights|more than weights"),
        ({"epoch": 3, "lr": 0.1}, "epoch, lr are no tensors"),
        ([1, 2], "holds no weights by name"),
    ],
)
def test_files_without_weights_are_named(content, words, tmp_path):
    path = tmp_path / "file.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(UsageError, match=words):
        read_weights(path)
    with pytest.raises(UsageError, match="do not exist"):
        read_weights(tmp_path / "none.pth")


def test_command_offers_every_layout():
    assert [layout.value for layout in Layout] == list(LAYOUTS)
