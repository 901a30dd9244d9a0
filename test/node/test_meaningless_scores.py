# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Scores that say nothing are never taken for a clear road."""

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from helpers.faulty_bundle import write_scaled_bundle
from helpers.tiny_bundle import street_frame

from cosme_ros.bundle.loading import load_bundle

STREET = street_frame(90, 160)


def test_scores_below_zero_publish_nothing_and_are_an_error(start, tmp_path):
    _, camera = start(bundle=write_scaled_bundle(tmp_path / "negative", factor=1.0, offset=-0.5))
    camera.listen("score", "mask", "overlay")

    def failed():
        camera.send(camera.image(STREET))
        camera.spin_for(0.1)
        return camera.count("frames failed: score fault")

    camera.spin_until(failed, "a score fault")
    assert camera.next_status().level == DiagnosticStatus.ERROR
    assert "a score has no meaning, nothing was published" in camera.status.message
    assert not any(camera.answers.values())


def level_after_a_frame(camera):
    camera.send(camera.image(STREET))
    camera.spin_for(0.1)
    return camera.status.level


@pytest.mark.parametrize(
    ("factor", "share"),
    [(0.0, 0.0), (0.0, 0.5), (0.0, 3.0), (1e-6, 0.0)],
    ids=["all zero", "half of the common score", "three times the common score", "a millionth"],
)
def test_scores_that_say_nothing_are_told(start, tmp_path, bundle, factor, share):
    calibration = load_bundle(bundle).calibration
    common = calibration.threshold(calibration.rates[1])
    dead = write_scaled_bundle(tmp_path / "dead", factor=factor, offset=share * common)
    _, camera = start(bundle=dead)
    camera.listen("mask")
    camera.ask(lambda: camera.image(STREET), "mask")

    def warned():
        return level_after_a_frame(camera) == DiagnosticStatus.WARN

    camera.spin_until(warned, "a warning")
    camera.spin_until(lambda: warned() and "gives nothing" in camera.status.message, "its sentence")
    assert "unknown, not clear" in camera.status.message


def test_the_same_scene_with_the_bundle_as_it_is_is_fine(start, bundle):
    _, camera = start(bundle=bundle)
    camera.listen("mask")
    camera.ask(lambda: camera.image(STREET), "mask")
    camera.spin_until(lambda: level_after_a_frame(camera) == DiagnosticStatus.OK, "OK")
