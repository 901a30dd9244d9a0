# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`start`, on the pictures of a camera that is not mounted upright."""

import cv2
import numpy as np
import pytest
from helpers import any_network_bundle
from typer.testing import CliRunner

from training.__main__ import app
from training.commands.options import as_options
from training.fitting import fit as fitting

OPTIONS = ("--image-rotation", "270", "--image-flip", "vertical")


class FitReachedError(Exception):
    """The fit would begin; it takes a minute, and others test it."""


@pytest.fixture
def given(monkeypatch):
    """What `fit` is given, instead of a fit."""
    found = []

    def stop(checkpoint, frames, settings, *_, **__):
        found.append((frames, settings))
        raise FitReachedError

    monkeypatch.setattr(fitting, "fit", stop)
    return found


def test_pictures_of_a_turned_camera_are_fitted_as_upright_ones(tmp_path, given):
    any_network_bundle.write_inputs(tmp_path)
    turned = tmp_path / "turned"
    turned.mkdir()
    for file in (tmp_path / "frames").iterdir():
        upright = cv2.imread(str(file))
        # What OPTIONS undo: they rotate by 270 degrees clockwise, then flip.
        seen = cv2.rotate(cv2.flip(upright, 0), cv2.ROTATE_90_CLOCKWISE)
        cv2.imwrite(str(turned / file.name), seen)
    for folder, options in ((tmp_path / "frames", ()), (turned, OPTIONS)):
        arguments = ["start", str(folder), "--out", str(tmp_path / "bundle"), *options]
        result = CliRunner().invoke(
            app, [*arguments, *any_network_bundle.teacher_options(tmp_path)]
        )
        assert isinstance(result.exception, FitReachedError), result.output
        assert "network input 160x96" in result.output
    (upright, settings), (of_turned, turned_settings) = given
    assert turned_settings.size == settings.size == (96, 160)
    assert len(of_turned) == len(upright) == any_network_bundle.FRAMES
    for index in range(len(upright)):
        np.testing.assert_array_equal(of_turned[index], upright[index])
    # It turns the static mask, and the manifest names it.
    assert as_options(turned_settings.orientation) == " " + " ".join(OPTIONS)
    assert as_options(settings.orientation) == ""


def test_another_rotation_is_refused(tmp_path):
    any_network_bundle.write_inputs(tmp_path)
    arguments = ["start", str(tmp_path / "frames"), "--out", str(tmp_path / "bundle")]
    result = CliRunner().invoke(app, [*arguments, "--image-rotation", "45"])
    assert result.exit_code == 2
    assert "image_rotation is 45" in result.stderr
