# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Against hand-made masks, and a slow reference that works on sets of pixels."""

import numpy as np
import pytest

from cosme_ros.metrics.component_metrics import (
    ANOMALY_TRACK,
    OBSTACLE_TRACK,
    ComponentAccumulator,
    MinimumSizes,
    judge_components,
)

ALL = MinimumSizes(detected=1, true=1)
LABELS = {".": 0, "#": 1, "?": 255}


def label_of(*rows):
    return np.array([[LABELS[sign] for sign in row] for row in rows], np.uint8)


def mask_of(*rows):
    return np.array([[sign == "x" for sign in row] for row in rows])


def judge(mask, label, sizes=ALL):
    siou, ppv = judge_components(mask, label, sizes)
    return siou.tolist(), ppv.tolist()


def flood(pixels):
    """Sets of pixels that hang together by any of eight neighbours."""
    left, components = set(pixels), []
    while left:
        edge, component = {left.pop()}, set()
        while edge:
            component |= edge
            around = {(y + dy, x + dx) for y, x in edge for dy in (-1, 0, 1) for dx in (-1, 0, 1)}
            edge = around & left
            left -= edge
        components.append(component)
    return components


def slow_reference(mask, label, sizes):
    """The definitions, component by component."""
    every = list(np.ndindex(label.shape))
    truth = flood({p for p in every if label[p] == 1})
    detected = flood({p for p in every if mask[p] and label[p] != 255})
    detected = [d for d in detected if len(d) >= sizes.detected]
    judged = {p for p in every if label[p] != 255}
    for component in truth:
        if len(component) < sizes.true:
            judged -= component
    truth = [t for t in truth if len(t) >= sizes.true]
    detected = [d & judged for d in detected if d & judged]
    siou = []
    for component in truth:
        touching = set().union(*(d for d in detected if d & component))
        others = set().union(*(t for t in truth if t is not component))
        siou.append(len(component & touching) / len((component | touching) - (others & touching)))
    anomalous = set().union(*truth)
    return siou, [len(d & anomalous) / len(d) for d in detected]


def test_one_thing_found_in_two_pieces():
    label = label_of("######", "......")
    mask = mask_of("xx..xx", "xx....")
    # Four of six pixels found, two beside it; the left piece is half on it.
    assert judge(mask, label) == ([4 / 8], [1 / 2, 1.0])


def test_one_detection_over_two_things_is_held_against_neither():
    label = label_of("##..##", "##..##")
    mask = mask_of("xxxxxx", "xxxxxx")
    assert judge(mask, label) == ([4 / 8, 4 / 8], [8 / 12])


def test_missed_and_false():
    label = label_of("##....", "......")
    mask = mask_of("....xx", "....xx")
    assert judge(mask, label) == ([0.0], [0.0])


def test_neighbours_across_a_corner_hang_together():
    label = label_of("#.", ".#")
    assert judge(mask_of("x.", ".x"), label) == ([1.0], [1.0])


def test_detections_where_nothing_is_judged_do_not_count():
    label = label_of("##??", "####")
    assert judge(mask_of("xxxx", "...."), label) == ([2 / 6], [1.0])
    assert judge(mask_of("..xx", "...."), label) == ([0.0], [])


def test_small_detections_count_as_none():
    label = label_of("####", "....", "....")
    mask = mask_of("xx..", "....", "xxx.")
    assert judge(mask, label, MinimumSizes(detected=3, true=1)) == ([0.0], [0.0])


def test_small_things_are_taken_out_with_what_is_detected_on_them():
    label = label_of("##....", "......", "####..")
    mask = mask_of("xxx...", "......", "......")
    assert judge(mask, label, MinimumSizes(detected=1, true=3)) == ([0.0], [0.0])
    mask = mask_of("xx....", "......", "....xx")
    assert judge(mask, label, MinimumSizes(detected=2, true=3)) == ([0.0], [0.0])


def test_sizes_of_the_tracks():
    label = np.zeros((64, 64), np.uint8)
    label[:10, :10] = 1  # 100 pixels
    label[20:29, :11] = 1  # 99
    label[40:43, :3] = 1  # 9
    mask = np.zeros((64, 64), bool)
    mask[30:53, 30:52] = True  # 506
    mask[:7, 30:37] = True  # 49
    assert [len(v) for v in judge_components(mask, label, ANOMALY_TRACK)] == [1, 1]
    assert [len(v) for v in judge_components(mask, label, OBSTACLE_TRACK)] == [2, 1]


@pytest.mark.parametrize("sizes", [ALL, MinimumSizes(detected=4, true=3)])
def test_random_masks_against_the_slow_reference(sizes):
    rng = np.random.default_rng(3)
    for _ in range(60):
        label = rng.choice(np.array([0, 1, 255], np.uint8), (9, 12), p=[0.65, 0.25, 0.1])
        mask = rng.random((9, 12)) < rng.choice([0.1, 0.3, 0.6])
        for ours, theirs in zip(
            judge_components(mask, label, sizes), slow_reference(mask, label, sizes), strict=True
        ):
            assert sorted(ours) == pytest.approx(sorted(theirs))


def test_figures_are_over_the_components_of_all_frames():
    accumulator = ComponentAccumulator(ALL)
    accumulator.add(mask_of("xx..xx", "xx...."), label_of("######", "......"))
    accumulator.add(mask_of("xx....", "......"), label_of("##....", "......"))
    accumulator.add(mask_of("......", "......"), label_of("....##", "......"))
    result = accumulator.result()
    # sIoU 1/2, 1, 0; PPV 1/2, 1, 1.
    assert (result.true, result.detected) == (3, 3)
    assert result.siou == pytest.approx(0.5)
    assert result.ppv == pytest.approx(2.5 / 3)
    # Up to 0.5 (6 thresholds): TP 2, FN 1, FP 0; above (5): TP 1, FN 2, FP 1.
    assert result.f1 == pytest.approx((6 * 4 / 5 + 5 * 2 / 5) / 11)


def test_nothing_to_judge_is_no_figure():
    result = ComponentAccumulator(ALL).result()
    assert (result.siou, result.ppv, result.f1) == (None, None, None)


def test_parts_put_together_are_as_one():
    rng = np.random.default_rng(5)
    frames = [
        (rng.random((40, 40)) > 0.7, (rng.random((40, 40)) > 0.8).astype(np.uint8))
        for _ in range(6)
    ]
    sizes = MinimumSizes(detected=2, true=2)
    whole, first, second = (ComponentAccumulator(sizes) for _ in range(3))
    for index, (detected, label) in enumerate(frames):
        whole.add(detected, label)
        (first if index < 4 else second).add(detected, label)
    first.include(second)
    assert first.result() == whole.result()
    assert whole.result().true > second.result().true > 0
