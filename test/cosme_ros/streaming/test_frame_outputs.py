# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Only what is wanted is made; an unknown road gives no mask."""

import cv2
import numpy as np
import pytest
from helpers.small_bag import camera_info_message
from helpers.tiny_bundle import street_frame, write_tiny_bundle

from cosme_ros.bundle.loading import load_bundle
from cosme_ros.geometry.ground_source import GroundSource, pose_of_settings
from cosme_ros.geometry.obstacle_position import locate_obstacles
from cosme_ros.health.state import FrameHealth, HealthState
from cosme_ros.inference.detector import Detector
from cosme_ros.parameters import Settings
from cosme_ros.postprocessing.obstacle_decision import ObstacleRule, obstacle_rule
from cosme_ros.postprocessing.obstacles import contours, find_obstacles, outlines
from cosme_ros.streaming.frame_outputs import RequestedOutputs, compute_outputs
from cosme_ros.tracking.obstacle_tracker import ObstacleTracker
from cosme_ros.visualization.overlay import draw_overlay

STREET = street_frame(90, 160, box=(70, 60, 20, 15))
SKY = np.full_like(STREET, (230, 100, 20))
EVERYTHING = RequestedOutputs(score=True, mask=True, overlay=True, obstacles=True)


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    bundle = load_bundle(write_tiny_bundle(tmp_path_factory.mktemp("bundle")))
    return Detector(bundle, provider="cpu")


def outputs(
    detector,
    image,
    wanted,
    *,
    drivable=False,
    minimum_area=16,
    frame_rate=None,
    score_on_grid=False,
    outline="score",
    ground=None,
    **tracking,
):
    return compute_outputs(
        detector.detect(image),
        image,
        wanted,
        rule=obstacle_rule(
            detector.bundle,
            region="drivable" if drivable else "everything",
            minimum_area=minimum_area,
            outline=outline,
        ),
        provider="cpu",
        frame_rate=frame_rate,
        score_on_grid=score_on_grid,
        ground=ground,
        **tracking,
    )


@pytest.fixture(scope="module")
def ground():
    info = camera_info_message(0, *STREET.shape[:2])
    info.k = np.array([120.0, 0, 80, 0, 120, 45, 0, 0, 1])
    settings = Settings(camera_height=1.5)
    return GroundSource().geometry(settings, pose_of_settings(settings), info, *STREET.shape[:2])


@pytest.mark.parametrize("score", [True, False])
@pytest.mark.parametrize("mask", [True, False])
@pytest.mark.parametrize("overlay", [True, False])
@pytest.mark.parametrize("obstacles", [True, False])
def test_each_output_is_made_only_when_wanted(detector, score, mask, overlay, obstacles):
    wanted = RequestedOutputs(score=score, mask=mask, overlay=overlay, obstacles=obstacles)
    made = outputs(detector, STREET, wanted)
    assert made.size == STREET.shape[:2]
    assert (made.score is not None) == score
    assert (made.mask is not None) == mask
    assert (made.overlay is not None) == overlay
    assert (made.obstacles is not None) == (made.outlines is not None) == obstacles


def test_obstacles_are_those_of_the_mask(detector):
    made = outputs(detector, STREET, EVERYTHING)
    expected, obstacles = find_obstacles(
        detector.detect(STREET).score, region=None, minimum_area=16
    )
    assert obstacles
    assert made.obstacles == obstacles
    np.testing.assert_array_equal(made.mask, expected)
    for line, wanted in zip(made.outlines, outlines(expected, obstacles), strict=True):
        np.testing.assert_array_equal(line, wanted)


def test_the_score_as_the_networks_give_it_is_that_of_the_camera_before_it_is_enlarged(detector):
    made = outputs(detector, STREET, EVERYTHING)
    coarse = outputs(detector, STREET, EVERYTHING, score_on_grid=True)
    assert coarse.score.shape < made.score.shape == STREET.shape[:2]
    height, width = STREET.shape[:2]
    enlarged = cv2.resize(coarse.score, (width, height), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(enlarged, made.score)
    np.testing.assert_array_equal(coarse.mask, made.mask)
    np.testing.assert_array_equal(coarse.overlay, made.overlay)


def test_the_overlay_tells_frame_rate_and_provider(detector):
    score = detector.detect(STREET).score
    mask, obstacles = find_obstacles(score, region=None, minimum_area=16)
    made = outputs(detector, STREET, EVERYTHING, frame_rate=7.5)
    expected = draw_overlay(
        STREET,
        score,
        obstacles,
        mask,
        frame_rate=7.5,
        provider="cpu",
    )
    np.testing.assert_array_equal(made.overlay, expected)


def test_without_a_listener_no_map_of_camera_size_is_made(detector):
    detection = detector.detect(STREET)
    compute_outputs(
        detection,
        STREET,
        RequestedOutputs(score=False, mask=False, overlay=False),
        rule=ObstacleRule(None, minimum_area=16),
        provider="cpu",
    )
    assert not {"score", "class_id", "mulmem", "auxcon"} & set(vars(detection))


def test_minimum_area_leaves_small_obstacles_out_of_the_mask(detector):
    assert outputs(detector, STREET, EVERYTHING).mask.any()
    assert not outputs(detector, STREET, EVERYTHING, minimum_area=STREET.size).mask.any()


def test_a_road_that_is_not_there_withholds_the_mask_but_not_the_score(detector):
    made = outputs(detector, SKY, EVERYTHING, drivable=True)
    assert made.mask_withheld
    assert made.mask is None
    assert made.obstacles is None
    assert made.outlines is None
    assert made.score is not None
    assert made.overlay is not None
    assert not outputs(detector, STREET, EVERYTHING, drivable=True).mask_withheld
    assert outputs(detector, SKY, EVERYTHING, drivable=False).mask is not None


def test_an_outline_by_the_image_changes_the_mask_and_not_what_alarms(detector):
    by_score = outputs(detector, STREET, EVERYTHING)
    by_image = outputs(detector, STREET, EVERYTHING, outline="image")
    assert np.array_equal(by_image.score, by_score.score)
    assert len(by_image.obstacles) == len(by_score.obstacles) > 0
    assert [o.peak_score for o in by_image.obstacles] == [o.peak_score for o in by_score.obstacles]
    assert not np.array_equal(by_image.mask, by_score.mask)
    # Outlines, boxes and mask are of the same regions.
    for line, obstacle in zip(by_image.outlines, by_image.obstacles, strict=True):
        x, y, width, height = cv2.boundingRect(line[:, None])
        assert (x, y, width, height) == (obstacle.x, obstacle.y, obstacle.width, obstacle.height)


def test_another_outline_is_refused(detector):
    with pytest.raises(ValueError, match="outline is 'box'; one of score, image is right"):
        outputs(detector, STREET, EVERYTHING, outline="box")


def test_without_a_tracker_nothing_has_an_id(detector):
    made = outputs(detector, STREET, EVERYTHING)
    assert made.tracks is None and made.track_ids is None and made.unconfirmed == 0


def test_followed_obstacles_change_nothing_but_have_ids_that_stay(detector):
    """By default one frame is enough for an alarm: the outputs are the same to the bit."""
    alone = outputs(detector, STREET, EVERYTHING)
    tracker = ObstacleTracker()
    for number in range(3):
        made = outputs(detector, STREET, EVERYTHING, tracker=tracker, stamp=number * 10**8)
        assert made.mask.tobytes() == alone.mask.tobytes()
        assert made.overlay.tobytes() == alone.overlay.tobytes()
        assert made.obstacles == alone.obstacles
        assert made.track_ids == tuple(range(1, len(alone.obstacles) + 1))
        assert made.tracks[0].frames_seen == number + 1


def test_what_is_not_confirmed_is_in_no_output_and_is_counted(detector):
    alone = outputs(detector, STREET, EVERYTHING)
    clear = outputs(detector, STREET, EVERYTHING, minimum_area=STREET.size)
    tracker = ObstacleTracker(min_seen=3, window=3)
    for number, expected in enumerate([clear, clear, alone]):
        # Frames count, whether or not somebody listens.
        wanted = EVERYTHING if number else RequestedOutputs(False, False, False)
        made = outputs(detector, STREET, wanted, tracker=tracker, stamp=number * 10**8)
        assert made.unconfirmed == len(alone.obstacles) - len(expected.obstacles)
        if number == 0:
            assert made.mask is None and made.obstacles is None and made.tracks is None
            continue
        assert not made.mask_withheld
        assert made.mask.tobytes() == expected.mask.tobytes()
        assert made.overlay.tobytes() == expected.overlay.tobytes()
        assert made.obstacles == expected.obstacles
        assert len(made.outlines) == len(made.tracks) == len(made.obstacles)
        assert made.score.tobytes() == alone.score.tobytes(), "scores are not held back"


def test_a_frame_whose_obstacles_are_unknown_does_not_count(detector):
    tracker = ObstacleTracker(min_seen=2, window=2)
    pictures = [STREET, SKY, STREET]
    made = [
        outputs(detector, picture, EVERYTHING, drivable=True, tracker=tracker, stamp=i * 10**8)
        for i, picture in enumerate(pictures)
    ]
    assert [bool(m.obstacles) for m in made] == [False, False, True]
    assert [m.mask_withheld for m in made] == [False, True, False]


def of_health(detector, state, choice):
    return compute_outputs(
        detector.detect(STREET),
        STREET,
        EVERYTHING,
        rule=obstacle_rule(detector.bundle, region="everything", minimum_area=16),
        provider="cpu",
        health=FrameHealth(state, "the image is dark", "brightness, 1.2 beyond calibration"),
        out_of_domain=choice,
        notes=lambda detection, obstacles, mask: tuple("why" for _ in obstacles),
    )


def test_out_of_domain_the_mask_is_withheld_and_the_scores_are_not(detector):
    made = of_health(detector, HealthState.OUT_OF_DOMAIN, "withhold")
    assert made.out_of_domain and not made.mask_withheld
    assert made.mask is None and made.obstacles is None and made.outlines is None
    assert made.notes == () and made.score is not None and made.overlay is not None


@pytest.mark.parametrize(
    ("state", "choice"),
    [
        (HealthState.OUT_OF_DOMAIN, "publish"),
        (HealthState.DEGRADED, "withhold"),
        (HealthState.IN_DOMAIN, "withhold"),
        (HealthState.NO_REFERENCE, "withhold"),
    ],
)
def test_else_it_is_published_with_a_note_an_obstacle(detector, state, choice):
    made = of_health(detector, state, choice)
    assert not made.out_of_domain and made.mask is not None and made.mask.any()
    assert made.notes == ("why",) * len(made.obstacles)


def test_the_overlay_says_that_it_is_out_of_domain_or_degraded(detector):
    drawn = {
        (state, choice): of_health(detector, state, choice).overlay
        for state in HealthState
        for choice in ("withhold", "publish")
    }
    plain = drawn[HealthState.NO_REFERENCE, "publish"]
    out = HealthState.OUT_OF_DOMAIN
    assert (drawn[out, "withhold"] != plain).any()
    assert (drawn[out, "publish"] != plain).any()
    assert (drawn[out, "publish"] != drawn[out, "withhold"]).any()


def test_obstacles_get_a_place_on_the_road_where_the_camera_is_known(detector, ground):
    made = outputs(detector, STREET, EVERYTHING, ground=ground)
    expected = locate_obstacles(contours(made.mask, made.obstacles), ground)
    assert [place.range for place in made.positions] == [place.range for place in expected]
    # The box of the picture ends at row 75: 30 pixels below the horizon of a focal length of 120.
    assert made.positions[0].range == pytest.approx(1.5 * 120 / 30, rel=0.2)
    assert outputs(detector, STREET, EVERYTHING).positions is None
    unheard = RequestedOutputs(score=True, mask=True, overlay=True)
    assert outputs(detector, STREET, unheard, ground=ground).positions is None


def test_unknown_obstacles_have_no_places_and_none_are_no_places(detector, ground):
    assert outputs(detector, SKY, EVERYTHING, drivable=True, ground=ground).positions is None
    road = street_frame(90, 160)
    assert outputs(detector, road, EVERYTHING, ground=ground).positions == ()


def test_followed_obstacles_have_a_speed_where_they_have_a_place(detector, ground):
    """Its lower edge comes down in the picture, so that it comes nearer."""
    tracker = ObstacleTracker()
    for number in range(4):
        image = street_frame(90, 160, box=(70, 60, 20, 15 + 3 * number))
        stamp = number * 10**8
        made = outputs(detector, image, EVERYTHING, tracker=tracker, stamp=stamp, ground=ground)
        assert (made.tracks[0].velocity is None) == (number < 2)
    assert made.track_ids[0] == 1 and made.tracks[0].velocity[0] < -1.0
    alone = outputs(detector, image, EVERYTHING, tracker=ObstacleTracker())
    assert alone.tracks[0].velocity is None
