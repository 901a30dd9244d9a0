# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a command line may call a teacher."""

import json

import pytest

torch = pytest.importorskip("torch")

from helpers import patch_former  # noqa: E402

from training.datasets.readers.class_list import SegmentationClass  # noqa: E402
from training.errors import UsageError  # noqa: E402
from training.teachers.any_module import IMAGENET  # noqa: E402
from training.teachers.checkpoint import TeacherCheckpoint, save_teacher  # noqa: E402
from training.teachers.factory import build_teacher  # noqa: E402
from training.teachers.loading import open_teacher  # noqa: E402

SIZES = ((64, 96),)
BUILD = "helpers.patch_former:build"


@pytest.fixture
def classes(tmp_path):
    entries = [
        {"name": name, "colour": [0, 0, 0], "drivable": name == "road", "label": number}
        for number, name in enumerate(("road", "sky", "car", "tree"))
    ]
    path = tmp_path / "classes.json"
    path.write_text(json.dumps({"classes": entries}))
    return str(path)


def opened(classes, teacher=BUILD, **options):
    given = {"layers": patch_former.LAYERS, "classes": classes, **options}
    return open_teacher(teacher, sizes=SIZES, **given)


def test_module_is_described(classes):
    checkpoint = opened(classes, normalization="0,0,0/1,1,1")
    assert checkpoint.architecture == "module:helpers.patch_former:build"
    assert [c.name for c in checkpoint.classes] == ["road", "sky", "car", "tree"]
    assert checkpoint.network.mean == (0, 0, 0)
    assert checkpoint.network.settings["layers"]["c4"] == "stages.1"
    assert (opened(classes).network.mean, opened(classes).network.standard_deviation) == IMAGENET


def test_weights_are_loaded_or_their_differences_listed(classes, tmp_path):
    module = patch_former.build()
    with torch.no_grad():
        module.head.logits.bias.fill_(7.0)
    state = module.state_dict()
    path = tmp_path / "weights.pt"
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}, "epoch": 3}, path)
    network = opened(classes, weights=path).network
    assert bool((network.module.head.logits.bias == 7.0).all())
    state["head.other"] = state.pop("head.logits.bias")
    state["head.logits.weight"] = torch.zeros(9, 16, 1, 1)
    torch.save(state, path)
    with pytest.raises(UsageError) as caught:
        opened(classes, weights=path)
    for words in (
        "1 missing: head.logits.bias",
        "1 unexpected: head.other",
        "1 of another shape: head.logits.weight [9, 16, 1, 1], wanted [4, 16, 1, 1]",
    ):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("teacher", "words"),
    [
        ("no_such_module:build", "cannot import no_such_module .* ModuleNotFoundError"),
        ("helpers.patch_former:make", "patch_former has no make"),
        ("helpers.patch_former:LAYERS", "is a str; a function without arguments"),
        ("helpers.patch_former:Mixer", r"patch_former:Mixer\(\) failed: TypeError"),
        ("json:JSONDecoder", r"json:JSONDecoder\(\) returns a JSONDecoder; a torch.nn.Module"),
    ],
)
def test_wrong_teachers_are_said(classes, teacher, words):
    with pytest.raises(UsageError, match=words):
        opened(classes, teacher)


def test_a_missing_checkpoint_is_named():
    with pytest.raises(UsageError, match=r"runs/nothing\.pt does not exist; expected a checkpoint"):
        open_teacher("runs/nothing.pt", sizes=SIZES)


def test_a_module_has_to_be_described_and_a_checkpoint_not(classes, tmp_path):
    with pytest.raises(UsageError, match="needs --layers"):
        opened(classes, layers=None)
    with pytest.raises(UsageError, match="and --classes"):
        opened(None)
    names = tuple(SegmentationClass(name, (0, 0, 0), True) for name in "ab")
    network = build_teacher("pspnet_resnet18", 2, width=0.125, output_stride=8)
    path = tmp_path / "teacher.pt"
    save_teacher(path, TeacherCheckpoint(network, "pspnet_resnet18", 0.125, names, "nothing"))
    checkpoint = open_teacher(str(path), sizes=SIZES)
    assert checkpoint.network.strides == network.strides
    with pytest.raises(UsageError, match="--layers and --classes describe a teacher given as"):
        opened(classes, str(path))
