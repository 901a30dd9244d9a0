# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Images turned upright, and maps turned back, against a slow statement pixel by pixel."""

import itertools

import numpy as np
import pytest

from cosme_ros.messages.image_orientation import FLIPS, ROTATIONS, ImageOrientation

ALL = [ImageOrientation(rotation, flip) for rotation, flip in itertools.product(ROTATIONS, FLIPS)]


def slowly(image, orientation):
    """Each pixel by itself: where it goes when the image is turned clockwise, then mirrored."""
    height, width = image.shape[:2]
    for _ in range(orientation.rotation // 90):
        turned = np.empty((image.shape[1], image.shape[0], *image.shape[2:]), image.dtype)
        for y, x in np.ndindex(*image.shape[:2]):
            turned[x, image.shape[0] - 1 - y] = image[y, x]
        image = turned
    assert image.shape[:2] == orientation.size(height, width)
    mirrored = image.copy()
    for y, x in np.ndindex(*image.shape[:2]):
        if orientation.flip == "horizontal":
            mirrored[y, image.shape[1] - 1 - x] = image[y, x]
        elif orientation.flip == "vertical":
            mirrored[image.shape[0] - 1 - y, x] = image[y, x]
    return mirrored


@pytest.mark.parametrize("orientation", ALL)
@pytest.mark.parametrize("shape", [(5, 7, 3), (4, 6)])
def test_an_image_is_turned_as_its_parameters_say(orientation, shape):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    before = image.copy()
    np.testing.assert_array_equal(orientation.upright(image), slowly(image, orientation))
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("orientation", ALL)
@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.bool_])
def test_maps_of_an_upright_image_lie_in_the_cameras_again(orientation, dtype):
    camera = np.random.default_rng(0).integers(0, 2, (5, 7)).astype(dtype)
    upright = np.stack([slowly(camera, orientation)] * 2)[None]
    back = orientation.as_camera(upright)
    assert back.shape == (1, 2, 5, 7) and back.dtype == dtype and back.flags.c_contiguous
    np.testing.assert_array_equal(back[0, 1], camera)


def test_a_padded_image_is_turned_too():
    padded = np.random.default_rng(0).integers(0, 256, (5, 9, 3), np.uint8)
    image = padded[:, :7]
    orientation = ImageOrientation(90)
    np.testing.assert_array_equal(orientation.upright(image), slowly(image, orientation))


def test_nothing_is_copied_where_nothing_is_to_be_done():
    image = np.zeros((2, 3, 3), np.uint8)
    assert ImageOrientation().upright(image) is image
    assert ImageOrientation().as_camera(image) is image


@pytest.mark.parametrize("values", [(45, "none"), (0, "both")])
def test_other_values_are_refused(values):
    with pytest.raises(ValueError, match="is right"):
        ImageOrientation(*values)
