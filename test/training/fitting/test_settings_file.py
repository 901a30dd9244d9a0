# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import pytest

from training.errors import UsageError
from training.fitting.settings import FitSettings, MemorySettings, RidgeSettings, StudentSettings
from training.fitting.settings_file import (
    option_defaults,
    read_settings,
    without_option,
    write_settings,
)
from training.method.guided_settings import GuidedFilter

RIDGE = FitSettings(
    size=(64, 96),
    memory=MemorySettings(
        layers=("c5", "generalist_c4"),
        similarity_threshold=0.7,
        seed=3,
        layer_thresholds={"c5": 0.95},
        stride=8,
        layer_powers={"c5": 1.5},
    ),
    student=RidgeSettings(size=(96, 128), backbone_layers=("c2", "c3"), backward_layers=("c5",)),
    evaluation_layers=("c4",),
    guided=GuidedFilter(12.0, 1e-4),
    most_frames=40,
    static_mask="bonnet.png",
)
SCRATCH = FitSettings(
    size=(64, 96),
    memory=MemorySettings(pooled=False),
    student=StudentSettings("resnet18", crop_height=32, crop_width=48),
    standardised=True,
)


def test_a_ridge_fit_becomes_its_options(tmp_path: Path) -> None:
    write_settings(tmp_path / "s.yaml", RIDGE)
    content = read_settings(tmp_path / "s.yaml")
    options = option_defaults(content)
    assert options["size"] == [64, 96] and options["student_size"] == [96, 128]
    assert options["memory_layers"] == "c5,generalist_c4" and options["seed"] == 3
    assert options["student"] == "ridge" and options["student_layers"] == "c2,c3"
    assert options["backward_layers"] == "c5" and options["evaluation_layers"] == "c4"
    assert options["similarity_threshold"] == "c5=0.95" and options["guided"] == (12.0, 1e-4)
    assert options["standardisation"] == "none" and options["max_frames"] == 40
    assert options["static_mask"] == "bonnet.png"
    assert not {"student_steps", "crop"} & set(options)
    assert without_option(content) == (
        {"similarity_threshold": 0.7, "batch": 4},
        {"backward_penalty": 1e-3},
    )


def test_a_fit_from_scratch_becomes_its_options(tmp_path: Path) -> None:
    write_settings(tmp_path / "s.yaml", SCRATCH)
    options = option_defaults(read_settings(tmp_path / "s.yaml"))
    assert options["student"] == "scratch" and options["standardisation"] == "class"
    assert options["guided"] == (0.0, 0.0)  # none, whatever the method has
    assert options["crop"] == (32, 48) and options["pooled"] is False
    assert options["student_architecture"] == "resnet18" and options["learning_rate"] == 2e-3
    assert "ridge_penalty" not in options and "max_frames" not in options
    assert "static_mask" not in options


def test_what_a_file_leaves_out_stays_at_its_default(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("memory: {prototypes: 64}\n")
    assert option_defaults(read_settings(file)) == {"prototypes": 64}
    file.write_text("")
    assert option_defaults(read_settings(file)) == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sise: [64, 96]", "the file has 'sise', which is no setting; there are size, memory"),
        ("memory: {k: 3}", "memory has 'k', which is no setting"),
        ("student: {penalty: 1.0}", "'kind' of student is None; ridge or scratch is right"),
        ("student: {kind: scratch, penalty: 1.0}", "student has 'penalty', which is no setting"),
        ("[1, 2]", "the file must hold names and values"),
        ("a: [", "cannot be read"),
    ],
)
def test_what_is_no_setting_is_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=f"settings {file}") as caught:
        read_settings(file)
    assert words in str(caught.value)
