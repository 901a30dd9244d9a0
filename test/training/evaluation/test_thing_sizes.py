# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_curve

from cosme_ros.metrics.anomaly_metrics import AnomalyHistogram
from training.evaluation.thing_sizes import (
    Size,
    SizedHistogram,
    SizedThings,
    split_by_size,
)


def counted(frames):
    histogram = SizedHistogram()
    for score, label in frames:
        masks = {size: mask for size, (mask, _) in split_by_size(label).items()}
        histogram.add(score, label, masks)
    return histogram


def two_things():
    """A small thing of 4 pixels and a large one of 500; 6 normal pixels, the rest not judged."""
    label = np.full((60, 60), 255, np.uint8)
    label[0, :6] = 0
    label[10:12, 10:12] = 1
    label[20:45, 20:40] = 1
    score = np.zeros(label.shape, np.float32)
    score[0, :6] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    score[10:12, 10:12] = ((0.9, 0.9), (0.55, 0.35))
    score[20:45, 20:40] = 0.95
    return score, label


def test_figures_of_a_size_as_computed_by_hand():
    histogram = counted([two_things()])
    small, large = (histogram.of_size(size) for size in Size)
    # By falling score: two of the small thing, normal 0.6, small 0.55, normal 0.5 and 0.4,
    # small 0.35. The precision at each of the four is 2/2 (twice, tied), 3/4 and 4/7.
    assert small.average_precision == pytest.approx(2 / 4 * 1 + 1 / 4 * 3 / 4 + 1 / 4 * 4 / 7)
    # 95 % of four pixels are reached with the last of them, behind three of six normal ones.
    assert small.fpr95 == pytest.approx(3 / 6)
    # Every pixel of the large thing is above all normal ones; the small one is no false alarm.
    assert (large.average_precision, large.fpr95) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("pixels", "size"), [(499, Size.SMALL), (500, Size.LARGE), (1, Size.SMALL)]
)
def test_a_thing_is_small_below_500_pixels(pixels, size):
    label = np.zeros((30, 30), np.uint8)
    label.ravel()[:pixels] = 1
    (mask, things) = split_by_size(label)[size]
    assert things == SizedThings(1, pixels)
    assert (mask == (label == 1)).all()
    other = next(s for s in Size if s is not size)
    assert split_by_size(label)[other][1] == SizedThings(0, 0)


def test_pixels_that_touch_at_a_corner_are_one_thing():
    label = np.zeros((40, 40), np.uint8)
    label[:20, :20] = label[20:, 20:] = 1
    assert split_by_size(label)[Size.LARGE][1] == SizedThings(1, 800)
    label[:20, 20:30] = 255  # what is not judged joins nothing
    label[0, 35:38] = 1
    assert split_by_size(label)[Size.SMALL][1] == SizedThings(1, 3)


def random_frames(seed):
    random = np.random.default_rng(seed)
    for _ in range(3):
        label = np.zeros((80, 90), np.uint8)
        for _ in range(4):
            y, x = random.integers(0, 70, 2)
            label[y : y + random.integers(2, 30), x : x + random.integers(2, 40)] = 1
        label[random.random(label.shape) < 0.05] = 255
        # Few different values, so that there are ties.
        yield (random.normal(size=label.shape) + label % 2).round(2).astype(np.float32), label


@pytest.mark.parametrize("seed", range(3))
def test_figures_of_a_size_are_scikit_learns_without_the_other_size(seed):
    frames = list(random_frames(seed))
    histogram = counted(frames)
    for size in Size:
        truths, scores = [], []
        for score, label in frames:
            # Independent of the code under test: things are grown from pixel to pixel.
            of_thing = sizes_by_growing(label == 1)
            wanted = (of_thing > 0) & ((of_thing < 500) == (size is Size.SMALL))
            judged = (label == 0) | wanted
            truths.append(wanted[judged])
            scores.append(score[judged])
        truth, score = np.concatenate(truths), np.concatenate(scores)
        assert truth.any()
        found = histogram.of_size(size)
        assert found.average_precision == pytest.approx(average_precision_score(truth, score))
        false_rate, true_rate, _ = roc_curve(truth, score, drop_intermediate=False)
        assert found.fpr95 == pytest.approx(false_rate[true_rate >= 0.95][0])


def sizes_by_growing(mask):
    """The number of pixels of the thing that each pixel belongs to; 0 outside."""
    sizes = np.zeros(mask.shape, int)
    left = {tuple(place) for place in np.argwhere(mask).tolist()}
    while left:
        thing, waiting = set(), [left.pop()]
        while waiting:
            y, x = waiting.pop()
            thing.add((y, x))
            near = {(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            waiting += near
        rows, columns = zip(*thing, strict=True)
        sizes[rows, columns] = len(thing)
    return sizes


def test_all_pixels_together_are_counted_to_the_bit_as_without_sizes():
    frames = list(random_frames(7))
    plain = AnomalyHistogram()
    for score, label in frames:
        plain.add(score, label)
    together = counted(frames).all()
    assert together.result() == plain.result()
    assert together.pixels == plain.pixels


def test_a_size_that_the_set_lacks_has_no_figures():
    score, label = two_things()
    label[20:45, 20:40] = 0
    histogram = counted([(score, label)])
    assert histogram.of_size(Size.LARGE) is None
    assert histogram.of_size(Size.SMALL) is not None


def test_a_score_that_is_not_finite_is_refused_also_where_nothing_is_judged():
    score, label = two_things()
    score[59, 59] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        counted([(score, label)])
