# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The API that a notebook calls; the command's tests cover the figures."""

from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from helpers.small_bag import label, picture, write_small_bag
from helpers.tiny_bundle import write_tiny_bundle

from cosme_ros.evaluation.evaluator import EvaluationError, Evaluator
from cosme_ros.evaluation.settings import EvaluationSettings, LabelSettings

SETTINGS = EvaluationSettings(provider="cpu", false_positive_rate=0.01, threads=1)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


def test_it_returns_results_reports_progress_and_prints_nothing(bundle, tmp_path, capfd) -> None:
    bags = [write_small_bag(tmp_path / f"drive_{number}", frames=4) for number in range(2)]
    calls = []
    evaluation = Evaluator(bundle, SETTINGS, jobs=1).evaluate(
        bags, on_progress=lambda *call: calls.append(call)
    )
    assert evaluation.total.frames == 8 and [bag.frames for bag in evaluation.by_bag] == [4, 4]
    assert evaluation.total.pixels is not None
    assert calls[-1] == ("evaluating", 8, 8)
    assert [done for _, done, _ in calls] == sorted(done for _, done, _ in calls)
    assert capfd.readouterr() == ("", "")
    assert {path.name for path in tmp_path.iterdir()} == {"drive_0", "drive_1"}


def test_a_stopped_evaluation_is_of_the_frames_until_then(bundle, tmp_path) -> None:
    evaluator = Evaluator(bundle, SETTINGS, jobs=1)
    assert not evaluator.request_stop()  # nothing runs
    bag = write_small_bag(tmp_path / "drive", frames=400)
    requests = []

    def stop(_stage: str, done: int, _total: int | None) -> None:
        if done:
            requests.append(evaluator.request_stop())

    evaluation = evaluator.evaluate([bag], on_progress=stop)
    assert evaluation.bags[0].interrupted and 0 < evaluation.total.frames < 400
    assert requests[0] and not any(requests[1:])


def test_without_a_frame_the_reasons_are_in_the_error(bundle, tmp_path) -> None:
    absent = tmp_path / "absent"
    with pytest.raises(EvaluationError, match="nothing could be evaluated") as caught:
        Evaluator(bundle, SETTINGS).evaluate([absent])
    (refused,) = caught.value.unreadable
    assert refused.path == absent and "does not exist" in refused.reason


def test_settings_that_contradict_each_other_are_refused(bundle, tmp_path) -> None:
    with pytest.raises(ValueError, match="not both"):
        LabelSettings(topic="/labels", folder=tmp_path)
    with pytest.raises(ValueError, match="calibrated for"):
        Evaluator(bundle, EvaluationSettings(false_positive_rate=1e-8))


def test_a_camera_upside_down_has_the_figures_of_an_upright_one(bundle, tmp_path) -> None:
    found = []
    for name, turn in (("upright", lambda image: image), ("upside_down", lambda i: i[::-1, ::-1])):
        images, labels = tmp_path / name, tmp_path / f"{name}_labels"
        for folder in (images, labels):
            folder.mkdir()
        for index in range(4):
            cv2.imwrite(str(images / f"{index}.png"), turn(picture(index, 90, 160, on_road)))
            cv2.imwrite(str(labels / f"{index}.png"), turn(label(index, 90, 160, on_road)))
        settings = replace(
            SETTINGS,
            region="drivable",
            outline="score",
            labels=LabelSettings(folder=labels),
            image_rotation=180 if name == "upside_down" else 0,
        )
        found.append(Evaluator(bundle, settings, jobs=1).evaluate([images]).total)
    upright, turned = found
    assert upright.detection.found == turned.detection.found == 2
    assert turned.pixels.average_precision == pytest.approx(
        upright.pixels.average_precision, rel=1e-4
    )


def on_road(index: int) -> tuple[int, int, int, int] | None:
    return (70, 60, 20, 15) if index % 2 else None
