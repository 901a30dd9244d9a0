# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What is never looked at: read from a file, and without obstacles for everybody who asks."""

import cv2
import numpy as np
import pytest
from helpers.tiny_bundle import street_frame, write_tiny_bundle

from cosme_ros.bundle.loading import load_bundle
from cosme_ros.calibration.frame_threshold import frame_alarm_threshold
from cosme_ros.inference.detector import Detection
from cosme_ros.parameters import PARAMETERS, ParameterError, Settings, check_settings
from cosme_ros.postprocessing.obstacle_decision import (
    UNKNOWN,
    ObstacleRule,
    decide_obstacles,
    search_area,
)
from cosme_ros.postprocessing.static_mask import StaticMask, StaticMaskError, load_static_mask
from cosme_ros.streaming.frame_pipeline import open_pipeline
from cosme_ros.visualization.overlay import draw_overlay

HEIGHT, WIDTH = 90, 160
ROAD = 0
BONNET = np.vstack([np.full((60, 160), 255, np.uint8), np.zeros((30, 160), np.uint8)])


def written(folder, picture, name="mask.png"):
    path = folder / name
    assert cv2.imwrite(str(path), picture)
    return str(path)


def detection_of(*anomalous, road=True):
    """Scores of 2 alarm lines in these rows and columns, else 0.1."""
    score = np.full((HEIGHT, WIDTH), 0.1, np.float32)
    for window in anomalous:
        score[window] = 2.0
    class_id = np.full((HEIGHT, WIDTH), 1, np.uint8)
    if road:
        class_id[70:] = ROAD
    maps = dict.fromkeys(("mulmem", "auxcon", "score"), score[None, None])
    return Detection(
        {**maps, "class_id": class_id[None]}, threshold=1.0, height=HEIGHT, width=WIDTH
    )


def test_white_is_looked_at_in_every_size(tmp_path):
    mask = load_static_mask(written(tmp_path, BONNET))
    assert mask.hidden_share == pytest.approx(1 / 3)
    for height, width in ((90, 160), (180, 320), (9, 16)):
        expected = np.arange(height)[:, None] < 2 * height / 3
        np.testing.assert_array_equal(mask.at(height, width), np.broadcast_to(
            expected, (height, width)))  # fmt: skip
    assert mask.at(90, 160) is mask.at(90, 160)
    assert load_static_mask("") is None


@pytest.mark.parametrize(
    "picture",
    [
        cv2.cvtColor(BONNET, cv2.COLOR_GRAY2BGR),
        cv2.cvtColor(BONNET, cv2.COLOR_GRAY2BGRA),
        BONNET.astype(np.uint16) * 257,
        np.where(BONNET > 0, 128, 127).astype(np.uint8),
    ],
)
def test_grey_in_other_forms_is_the_same_mask(tmp_path, picture):
    mask = load_static_mask(written(tmp_path, picture))
    np.testing.assert_array_equal(mask.at(HEIGHT, WIDTH), BONNET > 0)


def test_what_is_no_mask_is_refused_with_a_sentence(tmp_path):
    colours = cv2.cvtColor(BONNET, cv2.COLOR_GRAY2BGR)
    colours[0, 0] = (0, 0, 255)
    transparent = cv2.cvtColor(BONNET, cv2.COLOR_GRAY2BGRA)
    transparent[0, 0, 3] = 0
    (tmp_path / "text.png").write_text("no picture")
    whole = (tmp_path / written(tmp_path, BONNET)).read_bytes()
    (tmp_path / "short.png").write_bytes(whole[:-20])
    for path, sentence in (
        (written(tmp_path, np.zeros_like(BONNET), "black.png"), "has no white pixel"),
        (written(tmp_path, BONNET // 255, "ones.png"), "has no white pixel"),
        (written(tmp_path, colours, "colours.png"), "has colours; one channel"),
        (written(tmp_path, transparent, "transparent.png"), "has transparent pixels"),
        (written(tmp_path, BONNET, "mask.jpg"), "is a JPEG; a PNG"),
        (tmp_path / "text.png", "cannot be read as a picture"),
        (tmp_path / "short.png", "cannot be read as a picture"),
        (tmp_path / "none.png", "there is no such file"),
        (tmp_path, "there is no such file"),
    ):
        with pytest.raises(StaticMaskError, match=sentence):
            load_static_mask(str(path))


def test_a_mask_of_other_images_is_named_with_both_sizes():
    mask = StaticMask(BONNET > 0, "m.png")
    assert mask.mismatch(1080, 1920, "frames are") is None
    assert mask.mismatch(1080, 1990, "frames are") is None
    assert "'m.png' is 160x90 pixels and frames are 640x480" in mask.mismatch(
        480, 640, "frames are"
    )


@pytest.mark.parametrize("outline", ["score", "image"])
def test_an_obstacle_under_the_mask_raises_no_alarm_and_one_beside_it_does(outline):
    rule = ObstacleRule(None, 16, outline, StaticMask(BONNET > 0))
    image = street_frame(HEIGHT, WIDTH)
    under, beside = np.s_[65:80, 20:40], np.s_[30:45, 20:40]
    across = np.s_[50:75, 100:120]
    decision = decide_obstacles(detection_of(under), image, rule)
    assert decision.obstacles == () and not decision.mask.any()
    decision = decide_obstacles(detection_of(under, beside, across), image, rule)
    assert len(decision.obstacles) == 2
    assert not decision.mask[60:].any(), "nothing is published under the mask"


@pytest.mark.parametrize("ids", [None, (ROAD,)])
def test_a_frame_alarms_where_a_calibration_counts_it(ids):
    random = np.random.default_rng(1)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[40:85, 30:120] = True
    rule = ObstacleRule(ids, 30, "image", StaticMask(mask))
    alarms = []
    for _ in range(40):
        top, left = random.integers(0, 80), random.integers(0, 150)
        detection = detection_of(np.s_[top : top + 12, left : left + 12])
        line = frame_alarm_threshold(
            detection.score, region=search_area(detection, rule).region, minimum_area=30
        )
        alarms.append(
            bool(decide_obstacles(detection, street_frame(HEIGHT, WIDTH), rule).obstacles)
        )
        assert alarms[-1] == (line >= 1.0)
    assert set(alarms) == {True, False}


def test_a_road_that_is_all_under_the_mask_is_unknown():
    rule = ObstacleRule((ROAD,), 16, "score", StaticMask(BONNET > 0))
    detection = detection_of(np.s_[75:85, 20:40])
    assert search_area(detection, rule) is None
    assert decide_obstacles(detection, street_frame(HEIGHT, WIDTH), rule) is UNKNOWN
    whole = ObstacleRule((ROAD,), 16, "score")
    assert decide_obstacles(detection, street_frame(HEIGHT, WIDTH), whole).obstacles


def test_the_overlay_shows_that_it_is_not_looked_at():
    size = (360, 640)
    image = np.full((*size, 3), 120, np.uint8)
    score, none = np.full(size, 3.0, np.float32), np.zeros(size, np.uint8)
    mask = StaticMask(BONNET > 0)
    plain = draw_overlay(image, score, (), none)
    masked = draw_overlay(image, score, (), none, static_mask=mask)
    hidden = masked[240:].astype(int)
    assert (hidden.max(axis=2) == hidden.min(axis=2)).all(), "no colour of an alarm"
    assert hidden.min() < 30 and hidden.max() > 100, "dark, with hatching"
    np.testing.assert_array_equal(masked[100:240], plain[100:240])
    assert (masked[:100] != plain[:100]).any(), "the status states the share"


def settings(bundle, **values):
    return check_settings(
        {**{row.name: row.default for row in PARAMETERS}, "bundle": str(bundle), **values}
    )


def test_settings_with_a_mask_are_checked_before_the_networks_are_loaded(tmp_path):
    bundle = write_tiny_bundle(tmp_path / "bundle")
    black = written(tmp_path, np.zeros_like(BONNET), "black.png")
    with pytest.raises(ParameterError, match=r"parameter static_mask '.*' has no white pixel"):
        open_pipeline(settings(bundle, static_mask=black, provider="cpu"))
    with pytest.raises(ParameterError, match="'cameras' names 2; start a node for each"):
        settings(bundle, static_mask=written(tmp_path, BONNET), cameras="front,rear")
    pipeline = open_pipeline(
        settings(bundle, static_mask=written(tmp_path, BONNET), provider="cpu")
    )
    assert pipeline.configured().not_looked_at == pytest.approx(1 / 3)
    pipeline.change(settings(bundle, static_mask=pipeline.settings.static_mask, region="drivable"))
    assert pipeline._choices.rule.static_mask is pipeline.static_mask
    assert Settings.static_mask == ""
    assert load_bundle(bundle).drivable_class_ids
