# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import cv2
import numpy as np
import pytest

from cosme_ros.metrics.labels import IGNORED, NORMAL
from cosme_ros.visualization.colormap import MASK_COLOUR, TRUTH_COLOUR
from cosme_ros.visualization.hatching import HATCH_COLOUR
from cosme_ros.visualization.panels import (
    FrameView,
    Region,
    heat_map,
    legend,
    outlined,
    panel,
    scaled,
    title,
)

IMAGE = np.full((180, 320, 3), 120, np.uint8)
BOX = np.s_[60:120, 100:160]


def view(*, mask: bool = True, labels: bool = True) -> FrameView:
    score = np.full((180, 320), 0.1, np.float32)
    score[BOX] = 1.5
    found = np.where(score >= 1, 255, 0).astype(np.uint8)
    label = (np.roll(found, 20, axis=1) > 0).astype(np.uint8)
    return FrameView(IMAGE, score, found if mask else None, label if labels else None)


def has(picture: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((picture == colour).all(axis=2).any())


def test_the_frame_stays_as_bright_as_it_is_but_for_the_outlines() -> None:
    picture = outlined(view(), width=320)
    assert picture.shape == (180, 320, 3)
    untouched = (picture == 120).all(axis=2)
    assert untouched.mean() > 0.9
    assert untouched[90, 130] and untouched[5, 5], "also inside of what was found"
    assert has(picture, MASK_COLOUR) and has(picture, TRUTH_COLOUR)
    assert not has(outlined(view(mask=False), width=320), MASK_COLOUR)
    assert not has(outlined(view(labels=False), width=320), TRUTH_COLOUR)


def test_both_outlines_are_seen_where_mask_and_truth_agree() -> None:
    found = view().mask
    assert found is not None
    same = FrameView(IMAGE, view().score, found, (found > 0).astype(np.uint8))
    picture = outlined(same, width=320)
    assert has(picture, MASK_COLOUR) and has(picture, TRUTH_COLOUR)
    truth = np.argwhere((picture == TRUTH_COLOUR).all(axis=2))
    mask = np.argwhere((picture == MASK_COLOUR).all(axis=2))
    assert truth.min() < mask.min() and truth[:, 1].max() > mask[:, 1].max(), "around it"


def test_outlines_differ_for_the_colour_blind_and_in_grey() -> None:
    """By the matrices of Viénot, Brettel and Mollon (1999) for red and green, in linear light."""
    linear = {
        name: (np.array(colour[::-1]) / 255) ** 2.2
        for name, colour in (("mask", MASK_COLOUR), ("truth", TRUTH_COLOUR))
    }
    for matrix in (
        [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],  # no red cones
        [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],  # no green cones
    ):
        mask, truth = (
            np.clip(np.array(matrix) @ linear[name], 0, 1) ** (1 / 2.2) for name in linear
        )
        assert np.abs(mask - truth).max() > 0.5
    lightness = [float(np.array([0.2126, 0.7152, 0.0722]) @ linear[name]) for name in linear]
    assert (lightness[0] + 0.05) / (lightness[1] + 0.05) > 1.8


def test_heat_covers_what_is_anomalous_and_leaves_the_rest_grey() -> None:
    shown = view()
    picture = heat_map(shown.image, shown.score)
    assert (picture[5, 5] == 120).all(), "neither coloured nor darkened"
    inside = picture[90, 130].astype(int)
    assert inside.max() - inside.min() > 60
    assert has(picture, MASK_COLOUR), "the alarm line"


@pytest.mark.parametrize("width", [640, 961, 1280])
def test_a_panel_is_even_and_bright_and_as_wide_as_asked_for(width: int) -> None:
    picture = panel(view(), caption="scene 1 of 2: fog", note="frame 3", width=width)
    assert picture.dtype == np.uint8
    assert picture.shape[0] % 2 == picture.shape[1] % 2 == 0
    assert abs(picture.shape[1] - width) < 12
    assert not (picture < 60).all(axis=(0, 2)).any(), "no black column"
    assert picture[-2:].mean() > 200 and picture[:2].mean() > 200


def test_focus_is_shown_enlarged_between_frame_and_score() -> None:
    image = IMAGE.copy()
    image[60:72, 100:112] = (0, 0, 255)
    shown = FrameView(image, np.zeros((180, 320), np.float32), None, None)
    focus = Region(100, 60, 12, 12)
    picture = panel(shown, caption="", width=1024, focus=focus, with_legend=False)
    red = (picture[..., 2] > 200) & (picture[..., 1] < 60)
    count, _, boxes, _ = cv2.connectedComponentsWithStats(red.astype(np.uint8))
    areas = sorted(boxes[1:count, cv2.CC_STAT_AREA].tolist())
    assert len(areas) == 2 and areas[1] > 4 * areas[0]


def test_a_panel_says_what_it_cannot_show() -> None:
    complete = panel(view(), caption="")
    for missing in (view(mask=False), view(labels=False)):
        assert (panel(missing, caption="")[-20:] != complete[-20:]).any()
    ignored = view()
    assert ignored.label is not None
    ignored.label[:20] = 255
    picture = panel(ignored, caption="")
    assert (picture[-20:] != complete[-20:]).any()


def test_long_captions_become_smaller_and_meet_nothing() -> None:
    strip = title("A caption" * 10, "a note" * 5, 700, 1.0)
    ink = np.flatnonzero((strip < 150).any(axis=(0, 2)))
    assert ink.min() > 2 and ink.max() < 698
    assert np.diff(ink).max() > 10, "a gap between the two"


def test_the_legend_shows_both_colours() -> None:
    strip = legend(800, 1.0)
    assert has(strip, MASK_COLOUR) and has(strip, TRUTH_COLOUR)
    assert not has(legend(800, 1.0, judged=False), TRUTH_COLOUR)


def test_what_is_not_looked_at_is_hatched_in_every_part_of_a_panel() -> None:
    """Scores of an alarm and labels that are not judged lie there, and neither is shown."""
    looked_at = np.ones((180, 320), bool)
    looked_at[100:] = False
    score = np.where(looked_at, 0.1, 1.8).astype(np.float32)
    label = np.where(looked_at, NORMAL, IGNORED).astype(np.uint8)
    none = np.zeros((180, 320), np.uint8)
    image = np.zeros((180, 320, 3), np.uint8)
    image[:] = (90, 60, 150)  # coloured, so that a grey is a hatch's
    shown, plain = (
        FrameView(image, score, none, label, looked_at),
        FrameView(image, score, none, none),
    )
    for picture, before in (
        (outlined(shown, width=320), outlined(plain, width=320)),
        (heat_map(image, score, looked_at), heat_map(image, np.full_like(score, 0.1))),
    ):
        np.testing.assert_array_equal(picture[:98], before[:98])
        hidden = picture[102:]
        assert hidden.min(axis=2).min() < 30, "dark"
        assert (hidden == HATCH_COLOUR).all(axis=2).mean() > 0.05, "hatched"
        assert hidden.max() <= max(HATCH_COLOUR), "and nothing else"
    whole = FrameView(image, score, none, none, np.ones_like(looked_at))
    np.testing.assert_array_equal(outlined(whole, width=320), outlined(plain, width=320))
    # The legend has it, and no "not judged": that is of what is looked at.
    with_legend = panel(shown, caption="")
    hidden_legend = legend(with_legend.shape[1], 1.0, scale_at=2, hidden=True)
    assert has(hidden_legend, HATCH_COLOUR) and not has(legend(640, 1.0), HATCH_COLOUR)
    assert has(with_legend[-30:], HATCH_COLOUR) and not has(with_legend[-30:], (128,) * 3)
    halved = scaled(shown, 160, 90)
    assert halved.looked_at is not None
    np.testing.assert_array_equal(halved.looked_at, np.arange(90)[:, None].repeat(160, 1) < 50)


def test_what_is_enlarged_is_hatched_too() -> None:
    looked_at = np.ones((180, 320), bool)
    looked_at[:, 160:] = False
    score = np.zeros((180, 320), np.float32)
    shown = FrameView(IMAGE, score, None, None, looked_at)
    focus = Region(150, 80, 20, 20)
    enlarged = panel(shown, caption="", focus=focus, with_legend=False)
    plain = panel(FrameView(IMAGE, score, None, None), caption="", focus=focus, with_legend=False)
    differs = (enlarged != plain).any(axis=2).any(axis=0)
    changes = np.flatnonzero(np.diff(differs.astype(int)))
    assert len(changes) >= 5, "in the frame, the enlarged part and the heat map"
