# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Strides of students for teachers of any strides."""

import pytest

pytest.importorskip("torch")

from training.teachers.networks.strides import (
    decoder_layer,
    matching_stage_strides,
    stage_strides,
)


@pytest.mark.parametrize(
    ("teacher", "stages"),
    [
        ({"c2": 4, "c3": 8, "c4": 16, "c5": 16, "lh": 4}, (4, 8, 16, 16)),
        ({"c2": 4, "c3": 8, "c4": 8, "c5": 8, "lh": 4}, (4, 8, 8, 8)),
        ({"c2": 4, "c3": 8, "c4": 16, "c5": 32, "lh": 4}, (4, 8, 16, 32)),
        ({"c4": 16, "c5": 32, "lh": 8}, (4, 8, 16, 32)),
        ({"c5": 8, "lh": 8}, (4, 8, 8, 8)),
        ({"c3": 8, "c4": 16, "c5": 32, "lh": 8}, (4, 8, 16, 32)),
        ({"c2": 8, "c3": 16, "c4": 32, "c5": 32, "lh": 8}, (8, 16, 32, 32)),
        # A transformer's: one stride everywhere, which the stages reach as soon as they can.
        ({"c2": 16, "c3": 16, "c4": 16, "c5": 16, "lh": 16}, (8, 16, 16, 16)),
        # Finer than the stem: interpolation does the rest.
        ({"c4": 2, "c5": 2, "lh": 1}, (4, 4, 4, 4)),
        ({"lh": 4}, (4, 8, 16, 32)),
        ({"c5": 64, "lh": 8}, (4, 8, 16, 32)),
    ],
)
def test_stages_come_as_near_as_they_can(teacher: dict[str, int], stages: tuple[int, ...]) -> None:
    assert matching_stage_strides(teacher) == stages


@pytest.mark.parametrize(
    ("lh", "layer"), [(1, "c2"), (4, "c2"), (8, "c3"), (12, "c4"), (16, "c4"), (64, "c5")]
)
def test_decoder_works_where_the_teachers_does(lh: int, layer: str) -> None:
    stages = dict(zip(("c2", "c3", "c4", "c5"), stage_strides(16), strict=True))
    assert decoder_layer(stages, {"lh": lh}) == layer
