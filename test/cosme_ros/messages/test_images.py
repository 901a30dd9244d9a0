# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The codec against encodings written by hand: OpenCV's conversions are not asked to check it."""

import array
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from cosme_ros.messages.encodings import PICTURE_ENCODINGS
from cosme_ros.messages.guarded_cv_bridge import CvBridgeUnusableError, cv_bridge
from cosme_ros.messages.images import (
    DecodeError,
    decode_compressed,
    decode_image,
    fill_image,
)

HEIGHT, WIDTH = 6, 8
RANDOM = np.random.default_rng(0)


def message(encoding, rows, *, width=WIDTH, height=HEIGHT, padding=0, is_bigendian=0):
    """An Image message of `rows`, uint8 [any, bytes of a row], each followed by padding."""
    rows = np.asarray(rows, np.uint8)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    return SimpleNamespace(
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=is_bigendian,
        step=padded.shape[1],
        data=array.array("B", padded.tobytes()),
    )


def picture(channels):
    return RANDOM.integers(0, 256, (HEIGHT, WIDTH, channels), np.uint8)


def flat(pixels):
    return pixels.reshape(len(pixels), -1)


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    ("encoding", "order"),
    [
        ("bgr8", [0, 1, 2]),
        ("8UC3", [0, 1, 2]),
        ("rgb8", [2, 1, 0]),
        ("bgra8", [0, 1, 2]),
        ("rgba8", [2, 1, 0]),
    ],
)
def test_colour_encodings_are_reordered_exactly(encoding, order, padding):
    pixels = picture(4 if "a8" in encoding else 3)
    decoded = decode_image(message(encoding, flat(pixels), padding=padding))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, pixels[:, :, order])


def sixteen_bits(values, is_bigendian):
    """Rows of bytes of integers [H, any]."""
    order = ">u2" if is_bigendian else "<u2"
    return np.ascontiguousarray(values.reshape(len(values), -1).astype(order)).view(np.uint8)


@pytest.mark.parametrize("is_bigendian", [0, 1])
@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    ("encoding", "order"),
    [
        ("bgr16", [0, 1, 2]),
        ("rgb16", [2, 1, 0]),
        ("bgra16", [0, 1, 2]),
        ("rgba16", [2, 1, 0]),
    ],
)
def test_colours_of_sixteen_bits_are_read_by_their_upper_byte(
    encoding, order, padding, is_bigendian
):
    values = RANDOM.integers(0, 65536, (HEIGHT, WIDTH, 4 if "a" in encoding else 3))
    rows = sixteen_bits(values, is_bigendian)
    decoded = decode_image(message(encoding, rows, padding=padding, is_bigendian=is_bigendian))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, values[:, :, order] // 256)


@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
@pytest.mark.parametrize("padding", [0, 3])
def test_mono8_becomes_grey(padding, encoding):
    grey = picture(1)
    decoded = decode_image(message(encoding, flat(grey), padding=padding))
    np.testing.assert_array_equal(decoded, np.repeat(grey, 3, axis=2))


@pytest.mark.parametrize("padding", [0, 4])
@pytest.mark.parametrize(("is_bigendian", "order"), [(0, "<u2"), (1, ">u2")])
def test_mono16_is_scaled_to_eight_bits_in_either_byte_order(is_bigendian, order, padding):
    values = RANDOM.integers(0, 65536, (HEIGHT, WIDTH))
    rows = values.astype(order).view(np.uint8).reshape(HEIGHT, -1)
    decoded = decode_image(message("mono16", rows, padding=padding, is_bigendian=is_bigendian))
    expected = np.round(values / 257.0)
    for channel in range(3):
        np.testing.assert_array_equal(decoded[:, :, channel], expected)


PATTERNS = ["rggb", "bggr", "gbrg", "grbg"]


def mosaic(pattern):
    """A picture of one colour, BGR 30, 120, 200, as a camera with that pattern sees it."""
    colour = {"r": 200, "g": 120, "b": 30}
    tile = np.array([colour[letter] for letter in pattern], np.uint8).reshape(2, 2)
    return np.tile(tile, (HEIGHT // 2, WIDTH // 2))


def assert_of_that_colour(decoded):
    assert decoded.shape == (HEIGHT, WIDTH, 3) and decoded.dtype == np.uint8
    inside = decoded[1:-1, 1:-1].reshape(-1, 3)
    np.testing.assert_array_equal(inside, np.broadcast_to([30, 120, 200], inside.shape))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_bayer_patterns_are_named_by_their_first_four_pixels(pattern):
    assert_of_that_colour(decode_image(message(f"bayer_{pattern}8", mosaic(pattern), padding=2)))


@pytest.mark.parametrize("is_bigendian", [0, 1])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_bayer_patterns_of_sixteen_bits(pattern, is_bigendian):
    rows = sixteen_bits(mosaic(pattern).astype(int) * 256 + 255, is_bigendian)
    sent = message(f"bayer_{pattern}16", rows, padding=2, is_bigendian=is_bigendian)
    assert_of_that_colour(decode_image(sent))


@pytest.mark.parametrize("target", ["", " ", "{}"])
@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("bits", [8, 16])
def test_a_compressed_mosaic_is_interpolated_as_the_raw_one(pattern, bits, target):
    values = RANDOM.integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8)
    if bits == 16:
        values = values.astype(np.uint16) * 256 + 7
    encoding = f"bayer_{pattern}{bits}"
    raw = decode_image(message(encoding, values.view(np.uint8).reshape(HEIGHT, -1)))
    sent = compressed(
        encoded(".png", values), f"{encoding}; png compressed {target.format(encoding)}"
    )
    np.testing.assert_array_equal(decode_compressed(sent), raw)


@pytest.mark.parametrize(
    "image_format", ["mono8; png compressed ", "bayer_rggb8; png compressed mono8", "png", ""]
)
def test_a_compressed_picture_that_is_grey_stays_grey(image_format):
    grey = picture(1)
    decoded = decode_compressed(compressed(encoded(".png", grey), image_format))
    np.testing.assert_array_equal(decoded, np.repeat(grey, 3, axis=2))


@pytest.mark.parametrize("target", ["", "bgr8"])
def test_a_compressed_picture_that_was_a_mosaic_before_has_its_colours(target):
    pixels = picture(3)
    sent = compressed(encoded(".png", pixels), f"bayer_rggb8; png compressed {target}")
    np.testing.assert_array_equal(decode_compressed(sent), pixels)


def bt601(y, u, v):
    """Video-range BT.601 to BGR, float."""
    y, u, v = 1.164 * (y - 16.0), u - 128.0, v - 128.0
    return np.clip([y + 2.018 * u, y - 0.813 * v - 0.391 * u, y + 1.596 * v], 0, 255)


@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize(
    ("encoding", "layout"),
    [("yuv422", "uyvy"), ("uyvy", "uyvy"), ("yuv422_yuy2", "yuyv"), ("yuyv", "yuyv")],
)
def test_yuv422_layouts(encoding, layout, padding):
    values = {"y": 90, "u": 110, "v": 180}
    row = [values[letter] for letter in layout] * (WIDTH // 2)
    decoded = decode_image(message(encoding, [row] * HEIGHT, padding=padding))
    # OpenCV calculates in fixed point: one step of rounding.
    np.testing.assert_allclose(decoded[2, 3], bt601(90, 110, 180), atol=1.5)


@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize(("encoding", "pair"), [("nv12", "uv"), ("nv21", "vu")])
def test_semi_planar_layouts(encoding, pair, padding):
    values = {"u": 110, "v": 180}
    luma = [[90] * WIDTH] * HEIGHT
    chroma = [[values[letter] for letter in pair] * (WIDTH // 2)] * (HEIGHT // 2)
    decoded = decode_image(message(encoding, luma + chroma, padding=padding))
    assert decoded.shape == (HEIGHT, WIDTH, 3)
    np.testing.assert_allclose(decoded[3, 2], bt601(90, 110, 180), atol=1.5)


@pytest.mark.parametrize("padding", [0, 5])
def test_bgr8_is_not_copied(padding):
    original = message("bgr8", flat(picture(3)), padding=padding)
    decoded = decode_image(original)
    assert np.shares_memory(decoded, np.frombuffer(original.data, np.uint8))


def rows_of(encoding):
    """Bytes a row and rows of a WIDTH x HEIGHT picture."""
    if encoding in ("nv12", "nv21"):
        return WIDTH, HEIGHT * 3 // 2
    pairs = ("yuv422", "uyvy", "yuv422_yuy2", "yuyv")
    channels = {"bgr": 3, "rgb": 3, "bgra": 4, "rgba": 4, "8UC": 3 if encoding == "8UC3" else 1}
    per_pixel = channels.get(encoding.rstrip("0123456789"), 2 if encoding in pairs else 1)
    return WIDTH * per_pixel * (2 if encoding.endswith("16") else 1), HEIGHT


@pytest.mark.parametrize("encoding", PICTURE_ENCODINGS)
class TestBrokenMessages:
    """Every encoding refuses every kind of broken message, and takes the whole one."""

    def whole(self, encoding):
        used, rows = rows_of(encoding)
        return message(encoding, np.full((rows, used), 90))

    def refused(self, broken, reason, *mentioned):
        with pytest.raises(DecodeError) as caught:
            decode_image(broken)
        assert caught.value.reason == reason
        for text in mentioned:
            assert str(text) in str(caught.value)

    def test_whole(self, encoding):
        assert decode_image(self.whole(encoding)).shape == (HEIGHT, WIDTH, 3)

    def test_truncated(self, encoding):
        broken = self.whole(encoding)
        length = len(broken.data)
        broken.data = broken.data[:-1]
        self.refused(broken, "truncated data", length - 1, length)

    def test_no_data(self, encoding):
        broken = self.whole(encoding)
        broken.data = array.array("B")
        self.refused(broken, "truncated data", "0 bytes")

    def test_too_much(self, encoding):
        broken = self.whole(encoding)
        broken.data = broken.data + array.array("B", [0])
        self.refused(broken, "too much data", len(broken.data))

    def test_step_shorter_than_the_pixels(self, encoding):
        broken = self.whole(encoding)
        used, rows = rows_of(encoding)
        broken.step = used - 1
        broken.data = broken.data[: rows * broken.step]
        self.refused(broken, "wrong step", used - 1, used)

    def test_step_of_zero(self, encoding):
        broken = self.whole(encoding)
        broken.step = 0
        broken.data = array.array("B")
        self.refused(broken, "wrong step")

    def test_wider_than_its_data(self, encoding):
        broken = self.whole(encoding)
        broken.width = WIDTH + 2
        self.refused(broken, "wrong step")

    def test_higher_than_its_data(self, encoding):
        broken = self.whole(encoding)
        broken.height = HEIGHT + 2
        self.refused(broken, "truncated data")

    @pytest.mark.parametrize("side", ["height", "width"])
    def test_empty(self, encoding, side):
        broken = self.whole(encoding)
        setattr(broken, side, 0)
        self.refused(broken, "empty image")


def test_the_limit_of_pixels_is_inclusive():
    sent = message("mono8", np.zeros((HEIGHT, WIDTH)))
    assert decode_image(sent, max_pixels=HEIGHT * WIDTH).shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(DecodeError, match="8x6, 48 pixels, but at most 47") as caught:
        decode_image(sent, max_pixels=HEIGHT * WIDTH - 1)
    assert caught.value.reason == "too many pixels"


@pytest.mark.parametrize("encoding", ["yuv422", "uyvy", "yuv422_yuy2", "yuyv", "nv12", "nv21"])
def test_odd_width_is_refused_where_pixels_share_colour(encoding):
    used, rows = rows_of(encoding)
    odd = message(encoding, np.full((rows, used), 90), width=WIDTH - 1)
    with pytest.raises(DecodeError, match=str(WIDTH - 1)) as caught:
        decode_image(odd)
    assert caught.value.reason == "wrong size"


@pytest.mark.parametrize("encoding", ["nv12", "nv21"])
def test_odd_height_is_refused_where_rows_share_colour(encoding):
    with pytest.raises(DecodeError) as caught:
        decode_image(message(encoding, np.full((7, WIDTH), 90), height=5))
    assert caught.value.reason == "wrong size"


def test_unknown_encoding_names_itself_and_the_known_ones():
    with pytest.raises(DecodeError) as caught:
        decode_image(message("no_such_encoding", np.zeros((HEIGHT, WIDTH))))
    assert caught.value.reason == "unsupported encoding"
    assert "no_such_encoding" in str(caught.value)
    for encoding in PICTURE_ENCODINGS:
        assert encoding in str(caught.value)


@pytest.mark.parametrize("encoding", ["32FC1", "8UC4", "16UC1", "32SC1"])
def test_numbers_without_a_meaning_are_refused_without_useless_advice(encoding):
    with pytest.raises(DecodeError, match=encoding) as caught:
        decode_image(message(encoding, np.zeros((HEIGHT, WIDTH * 4))))
    assert caught.value.reason == "unsupported encoding"
    assert "cv_bridge" not in str(caught.value)


def test_other_encodings_go_through_cv_bridge_where_there_is_one():
    try:
        cv_bridge()
    except CvBridgeUnusableError as error:  # importing it here might end this process
        pytest.skip(f"cv_bridge: {error}")
    images = pytest.importorskip("sensor_msgs.msg")
    # Luma, then chroma of the same size: both 128 are grey.
    nv24 = images.Image(height=HEIGHT, width=WIDTH, encoding="nv24", step=WIDTH)
    nv24.data = array.array("B", bytes([128]) * (WIDTH * HEIGHT * 3))
    assert decode_image(nv24).shape == (HEIGHT, WIDTH, 3)


def compressed(data, image_format="jpeg"):
    return SimpleNamespace(format=image_format, data=array.array("B", bytes(data)))


def encoded(extension, pixels):
    return cv2.imencode(extension, pixels)[1].tobytes()


def test_png_comes_back_exactly():
    pixels = picture(3)
    np.testing.assert_array_equal(
        decode_compressed(compressed(encoded(".png", pixels), "png")), pixels
    )


def test_jpeg_comes_back_as_colour_even_when_it_is_grey():
    decoded = decode_compressed(compressed(encoded(".jpg", np.full((HEIGHT, WIDTH), 99, np.uint8))))
    assert decoded.shape == (HEIGHT, WIDTH, 3)
    np.testing.assert_allclose(decoded, 99, atol=1)


def test_orientation_tag_does_not_turn_the_picture():
    data = encoded(".jpg", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    # APP1 with one EXIF entry: orientation (0x0112) 6, a quarter turn.
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    exif = b"Exif\0\0" + tiff
    turned = data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:]
    assert decode_compressed(compressed(turned)).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("extension", [".jpg", ".png"])
@pytest.mark.parametrize("share", [0.5, 0.99])
def test_cut_pictures_are_refused_though_decoders_would_fill_them(extension, share):
    data = encoded(extension, RANDOM.integers(0, 256, (64, 64, 3), np.uint8))
    with pytest.raises(DecodeError) as caught:
        decode_compressed(compressed(data[: int(len(data) * share)]))
    assert caught.value.reason == "truncated data"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty image"),
        (b"this is no picture", "unsupported format"),
        (b"\xff\xd8 no jpeg either \xff\xd9", "damaged data"),
    ],
)
def test_what_is_no_picture_is_refused(data, reason):
    with pytest.raises(DecodeError) as caught:
        decode_compressed(compressed(data))
    assert caught.value.reason == reason


OUTPUTS = [
    ("32FC1", RANDOM.random((HEIGHT, WIDTH), np.float32), 4 * WIDTH),
    ("mono8", picture(1)[:, :, 0], WIDTH),
    ("bgr8", picture(3), 3 * WIDTH),
]


@pytest.mark.parametrize(("encoding", "pixels", "step"), OUTPUTS)
def test_filled_message_is_what_the_definition_says(encoding, pixels, step):
    filled, header = SimpleNamespace(), object()
    fill_image(filled, pixels, encoding, header)
    assert filled.header is header
    assert (filled.height, filled.width, filled.step) == (HEIGHT, WIDTH, step)
    assert (filled.encoding, filled.is_bigendian) == (encoding, 0)
    assert len(filled.data) == HEIGHT * step
    back = np.frombuffer(filled.data, pixels.dtype).reshape(pixels.shape)
    np.testing.assert_array_equal(back, pixels)


@pytest.mark.parametrize(("encoding", "pixels", "_step"), OUTPUTS)
def test_filled_message_is_a_real_one(encoding, pixels, _step):
    images = pytest.importorskip("sensor_msgs.msg")
    headers = pytest.importorskip("std_msgs.msg")
    filled = images.Image()
    fill_image(filled, pixels[:, ::-1], encoding, headers.Header(frame_id="camera"))
    assert filled.header.frame_id == "camera"
    np.testing.assert_array_equal(
        np.frombuffer(filled.data, pixels.dtype).reshape(pixels.shape), pixels[:, ::-1]
    )


@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("32FC1", np.zeros((2, 2))),
        ("mono8", np.zeros((2, 2), bool)),
        ("mono8", np.zeros((2, 2, 3), np.uint8)),
        ("bgr8", np.zeros((2, 2), np.uint8)),
        ("bgr8", np.zeros((2, 2, 4), np.uint8)),
    ],
)
def test_arrays_that_do_not_fit_their_encoding_are_refused(encoding, pixels):
    with pytest.raises(ValueError, match=encoding):
        fill_image(SimpleNamespace(), pixels, encoding, None)
