# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from training.datasets.readers.image_message import decode_compressed, decode_image
from training.errors import UsageError

BGR = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)


@dataclass
class Message:
    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: np.ndarray


def message(encoding, array, *, padding=0, big=0, height=4, width=6):
    rows = np.ascontiguousarray(array).reshape(height, -1).view(np.uint8)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    return Message(height, width, encoding, big, rows.shape[1], rows.reshape(-1))


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    ("encoding", "array"),
    [
        ("bgr8", BGR),
        ("8UC3", BGR),
        ("rgb8", BGR[..., ::-1]),
        ("bgra8", np.dstack([BGR, BGR[..., 0]])),
        ("rgba8", np.dstack([BGR[..., ::-1], BGR[..., 0]])),
    ],
)
def test_colour_encodings_come_out_as_bgr(encoding, array, padding):
    np.testing.assert_array_equal(decode_image(message(encoding, array, padding=padding)), BGR)


def test_mono8_is_grey():
    image = decode_image(message("mono8", BGR[..., 0]))
    np.testing.assert_array_equal(image, np.repeat(BGR[..., :1], 3, axis=2))


@pytest.mark.parametrize("big", [0, 1])
def test_mono16_is_scaled_whatever_its_byte_order(big):
    values = np.array([[0, 257, 65535, 25700, 514, 128]] * 4, ">u2" if big else "<u2")
    image = decode_image(message("mono16", values, big=big))
    np.testing.assert_array_equal(image[0, :, 0], [0, 1, 255, 100, 2, 0])


@pytest.mark.parametrize(
    ("encoding", "first_two_rows"),
    [
        ("bayer_rggb8", ["rg", "gb"]),
        ("bayer_bggr8", ["bg", "gr"]),
        ("bayer_gbrg8", ["gb", "rg"]),
        ("bayer_grbg8", ["gr", "bg"]),
    ],
)
def test_bayer_patterns_start_as_their_names_say(encoding, first_two_rows):
    colour = {"b": 200, "g": 100, "r": 50}
    mosaic = np.array([[colour[c] for c in row] for row in first_two_rows], np.uint8)
    image = decode_image(message(encoding, np.tile(mosaic, (4, 4)), height=8, width=8))
    np.testing.assert_array_equal(image[2:-2, 2:-2], np.full((4, 4, 3), (200, 100, 50)))


@pytest.mark.parametrize(
    ("encoding", "order"),
    [("yuv422", "UYVY"), ("uyvy", "UYVY"), ("yuv422_yuy2", "YUYV"), ("yuyv", "YUYV")],
)
def test_yuv422_byte_orders(encoding, order):
    # A strong red in limited-range BT.601.
    level = {"Y": 81, "U": 90, "V": 240}
    pairs = np.tile(np.array([level[c] for c in order], np.uint8), (4, 3))
    image = decode_image(message(encoding, pairs))
    np.testing.assert_allclose(image, np.full((4, 6, 3), (0, 0, 255)), atol=2)


def test_nv12():
    planes = np.full((6, 6), 81, np.uint8)
    planes[4:] = np.tile([90, 240], 3)
    image = decode_image(Message(4, 6, "nv12", 0, 6, planes.reshape(-1)))
    np.testing.assert_allclose(image, np.full((4, 6, 3), (0, 0, 255)), atol=2)


def test_unknown_encoding_is_named():
    with pytest.raises(UsageError, match="'32FC1' is not readable; readable are bgr8"):
        decode_image(message("32FC1", BGR))


def test_truncated_data():
    short = message("bgr8", BGR)
    short.data = short.data[:-1]
    with pytest.raises(UsageError, match=r"6x4 bgr8 has step 18 and 71 bytes"):
        decode_image(short)


def test_step_too_small():
    wrong = message("bgr8", BGR)
    wrong.step = 17
    with pytest.raises(UsageError, match="expected step 18 or more"):
        decode_image(wrong)


def test_compressed_png_is_exact():
    data = cv2.imencode(".png", BGR)[1].reshape(-1)
    np.testing.assert_array_equal(decode_compressed(data), BGR)


@pytest.mark.parametrize("size", [0, 40])
def test_undecodable_compressed_image(size):
    with pytest.raises(UsageError, match=f"{size} bytes cannot be decoded"):
        decode_compressed(np.zeros(size, np.uint8))
