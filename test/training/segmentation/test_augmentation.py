# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import cv2
import numpy as np

from training.datasets.readers.label_map import IGNORE
from training.segmentation.augmentation import random_view, vary_colour


def striped(height=40, width=60):
    """A frame whose colour tells its label."""
    label = (np.arange(width) // 10 % 5 * np.ones((height, 1))).astype(np.uint8)
    return np.repeat(label[..., None] * 50, 3, axis=2), label


def views(count=60, size=(32, 48)):
    for seed in range(count):
        yield random_view(*striped(), size, np.random.default_rng(seed), zoom=2.0)


def test_shapes_and_types():
    for image, label in views(5):
        assert (image.shape, image.dtype) == ((32, 48, 3), np.uint8)
        assert (label.shape, label.dtype) == ((32, 48), np.uint8)


def test_same_chance_same_view():
    first, second = (
        random_view(*striped(), (32, 48), np.random.default_rng(4), zoom=2.0) for _ in "ab"
    )
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


def test_label_goes_with_the_image(monkeypatch):
    monkeypatch.setattr("training.segmentation.augmentation.vary_colour", lambda image, _: image)
    label = np.repeat(np.arange(4, dtype=np.uint8), 15)[None].repeat(40, axis=0)
    image = np.repeat(label[..., None] * 50, 3, axis=2)
    for seed in range(60):
        view, ids = random_view(image, label, (32, 48), np.random.default_rng(seed), zoom=2.0)
        # Not where the frame blends into the grey around it: two pixels at scale 2.
        known = np.pad((ids != IGNORE).astype(np.uint8), 1)
        judged = cv2.erode(known, np.ones((5, 5)))[1:-1, 1:-1] > 0
        error = np.abs(view[..., 0].astype(int) - ids.astype(int) * 50)[judged]
        # Between stripes, 50 apart, the label changes where the blend is half and half;
        # OpenCV rounds places to 1/32 pixel.
        assert error.max(initial=0) <= 25 + 3


def test_labels_are_never_blended():
    for _, label in views():
        assert set(np.unique(label)) <= {0, 1, 2, 3, 4, IGNORE}


def test_stripes_get_wider_and_narrower_and_are_mirrored():
    lengths, rising = [], 0
    for _, label in views(200):
        row = label[16][label[16] != IGNORE].astype(int)
        edges = np.flatnonzero(np.diff(row))
        if len(edges) > 2:
            lengths.append(np.median(np.diff(edges)))
            rising += row[edges[0] + 1] in ((row[edges[0]] + 1) % 5,)
    assert min(lengths) < 7
    assert max(lengths) > 12
    assert 0.3 < rising / len(lengths) < 0.7


def test_outside_the_frame_is_ignored():
    outside = [np.mean(label == IGNORE) for _, label in views(60, size=(64, 96))]
    assert max(outside) > 0.5


def test_colour_varies_about_the_original():
    grey = np.full((4, 4, 3), 100, np.uint8)
    means = [vary_colour(grey, np.random.default_rng(s)).mean() for s in range(300)]
    assert min(means) < 80
    assert max(means) > 120
    assert 90 < np.mean(means) < 110
