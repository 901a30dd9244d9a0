# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Picture files: whole or refused, by simplejpeg and by OpenCV alone."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from helpers.tiny_bundle import street_frame

from cosme_ros.messages import picture_files
from cosme_ros.messages.errors import DecodeError
from cosme_ros.messages.picture_files import decode_picture, decode_stored
from cosme_ros.messages.picture_headers import MAX_IMAGE_PIXELS, read_header

HEIGHT, WIDTH = 90, 160


@pytest.fixture(params=["simplejpeg", "OpenCV"])
def decoder(request, monkeypatch):
    """Both decoders of JPEGs: a vehicle may have OpenCV alone."""
    if request.param == "OpenCV":
        monkeypatch.setattr(picture_files, "simplejpeg", None)
    else:
        pytest.importorskip("simplejpeg")
    return request.param


def pixels(height=HEIGHT, width=WIDTH):
    noise = np.random.default_rng(0).normal(0, 9, (height, width, 3))
    return np.clip(street_frame(height, width, box=None, seed=1) + noise, 0, 255).astype(np.uint8)


def encoded(extension, picture, *parameters):
    return cv2.imencode(extension, picture, parameters)[1].tobytes()


def reason(data, **limits):
    with pytest.raises(DecodeError) as caught:
        decode_picture(data, **limits)
    return caught.value.reason


WHOLE = encoded(".jpg", pixels())
MIDDLE = len(WHOLE) // 2
RESTARTS = encoded(".jpg", pixels(), cv2.IMWRITE_JPEG_RST_INTERVAL, 4)
SAMPLINGS = [
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440,
]


@pytest.mark.parametrize("size", [(90, 160), (33, 49), (1, 1), (16, 17)])
@pytest.mark.parametrize(
    "parameters",
    [
        *[(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling) for sampling in SAMPLINGS],
        (cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        (cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
    ],
)
def test_jpegs_have_the_pixels_that_opencv_gives_them(decoder, parameters, size):
    data = encoded(".jpg", pixels(*size), *parameters)
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(decode_picture(data), expected)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_picture_of_one_grey_is_no_damage(decoder, value):
    """Also the grey that decoders fill with."""
    picture = np.full((10 * HEIGHT, 10 * WIDTH, 3), value, np.uint8)
    for parameters in (
        (),
        # Codes of its own, in which a flat picture is zeros.
        (cv2.IMWRITE_JPEG_OPTIMIZE, 1),
        (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
        (cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    ):
        data = encoded(".jpg", picture, *parameters)
        np.testing.assert_array_equal(decode_picture(data), picture)
        data = encoded(".jpg", picture[..., 0], *parameters)
        np.testing.assert_array_equal(decode_picture(data), picture)
    optimized = encoded(".jpg", picture, cv2.IMWRITE_JPEG_OPTIMIZE, 1)
    assert bytes(500) in optimized, "zeros that are no damage"


@pytest.mark.parametrize(
    "padding",
    [b"x", bytes(5000), b"\xff", WHOLE[MIDDLE:], WHOLE],
    ids=["one byte", "zeros", "0xff", "the end of an older picture", "an older picture"],
)
@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
def test_what_follows_the_end_is_ignored(decoder, extension, padding):
    data = encoded(extension, pixels())
    assert read_header(memoryview(data + padding)).end == len(data)
    np.testing.assert_array_equal(decode_picture(data + padding), decode_picture(data))


DAMAGES = {
    "zeroed bytes": WHOLE[:MIDDLE] + bytes(1400) + WHOLE[MIDDLE + 1400 :],
    "cut and closed": WHOLE[:MIDDLE] + b"\xff\xd9",
    "bytes missing": WHOLE[:MIDDLE] + WHOLE[MIDDLE + 1000 :],
    "one restart interval missing": RESTARTS[: RESTARTS.index(b"\xff\xd2")]
    + RESTARTS[RESTARTS.index(b"\xff\xd3") :],
    "bytes of 0xff": WHOLE[:MIDDLE] + b"\xff" * 40 + WHOLE[MIDDLE + 40 :],
    "zeroed tables": WHOLE[:100] + bytes(200) + WHOLE[300:],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_jpeg_that_is_damaged_in_its_middle_is_refused(decoder, damage):
    # 0xff is where a marker begins, whose length may lead beyond the end.
    assert reason(DAMAGES[damage]) in ("damaged data", "truncated data")


@pytest.mark.parametrize("lost", [64, 1400])
def test_lost_bytes_are_found_wherever_they_are(decoder, lost):
    """Also where the scan has its right length afterwards, so that no decoder warns."""
    scan = WHOLE.index(b"\xff\xda") + 14
    for place in range(scan, len(WHOLE) - lost - 2, 97):
        data = WHOLE[:place] + bytes(lost) + WHOLE[place + lost :]
        assert reason(data) == "damaged data", place


def test_a_jpeg_with_too_much_in_its_scan_is_refused(decoder):
    longer = WHOLE[:MIDDLE] + WHOLE[MIDDLE - 1000 :]
    if decoder == "OpenCV":
        # The limit that is written down: it is read, with what it holds in other places.
        assert decode_picture(longer).shape == (HEIGHT, WIDTH, 3)
    else:
        assert reason(longer) == "damaged data"


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".tiff"])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_cut_files_are_refused(decoder, extension, share):
    data = encoded(extension, pixels())
    assert reason(data[: int(len(data) * share)]) in ("truncated data", "unsupported format")


def test_every_byte_of_a_png_counts():
    data = encoded(".png", pixels(6, 8))
    for place in range(8, len(data)):
        broken = bytearray(data)
        broken[place] ^= 0x10
        assert reason(bytes(broken)) in ("damaged data", "truncated data"), place


@pytest.mark.parametrize("extension", [".bmp", ".jp2"])
def test_other_formats_are_refused_with_those_that_are_read(extension):
    with pytest.raises(DecodeError, match="JPEG, PNG, TIFF, WebP") as caught:
        decode_picture(encoded(extension, pixels()))
    assert caught.value.reason == "unsupported format"


@pytest.mark.parametrize("orientation", range(2, 9))
def test_orientation_tags_rotate_nothing(decoder, orientation):
    # APP1 with one EXIF entry: orientation (0x0112).
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([orientation]) + bytes(6)
    exif = b"Exif\0\0" + tiff
    tagged = WHOLE[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + WHOLE[2:]
    upright = cv2.imdecode(np.frombuffer(tagged, np.uint8), cv2.IMREAD_COLOR)
    assert not np.array_equal(upright, decode_picture(WHOLE)), "OpenCV reads the tag"
    np.testing.assert_array_equal(decode_picture(tagged), decode_picture(WHOLE))


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".tiff"])
@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 7)])
def test_headers_have_the_size_of_the_picture(extension, size):
    header = read_header(memoryview(encoded(extension, pixels(*size))))
    assert (header.height, header.width) == size
    assert (header.channels, header.bits) == (3, 8)


def test_headers_of_every_kind_of_webp():
    for quality in (80, 101):  # lossy and lossless
        data = encoded(".webp", pixels(30, 41), cv2.IMWRITE_WEBP_QUALITY, quality)
        assert read_header(memoryview(data))[1:3] == (41, 30)
    alpha = np.dstack([pixels(30, 41), np.full((30, 41), 9, np.uint8)])
    # With alpha and loss there is a chunk before the picture that has the size.
    data = encoded(".webp", alpha, cv2.IMWRITE_WEBP_QUALITY, 80)
    assert data[12:16] == b"VP8X"
    assert read_header(memoryview(data))[1:3] == (41, 30)


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".tiff"])
def test_the_limit_of_pixels_is_inclusive(decoder, extension):
    data = encoded(extension, pixels())
    assert decode_picture(data, max_pixels=HEIGHT * WIDTH).shape == (HEIGHT, WIDTH, 3)
    assert reason(data, max_pixels=HEIGHT * WIDTH - 1) == "too many pixels"


def png_of_one_bit(width, height):
    """A few kilobytes that are gigabytes when they are decoded."""

    def chunk(kind, content):
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    rows = zlib.compress(bytes((width // 8 + 1) * height), 9)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def test_a_small_file_of_many_pixels_is_refused_before_it_is_decoded(monkeypatch):
    def never(*_):
        raise AssertionError("it was decoded")

    data = png_of_one_bit(12000, 9000)
    assert len(data) < 20_000 and MAX_IMAGE_PIXELS < 12000 * 9000
    monkeypatch.setattr(cv2, "imdecode", never)
    with pytest.raises(DecodeError, match=r"12000x9000.*max_image_pixels"):
        decode_picture(data)


def test_values_as_they_are_stored(decoder):
    wide = np.random.default_rng(2).integers(0, 65536, (5, 7)).astype(np.uint16)
    values, header = decode_stored(encoded(".png", wide))
    np.testing.assert_array_equal(values, wide)
    assert (header.bits, header.channels) == (16, 1)
    grey = pixels()[..., 0]
    values, header = decode_stored(encoded(".jpg", grey, cv2.IMWRITE_JPEG_QUALITY, 100))
    assert values.shape == grey.shape and header.channels == 1
    np.testing.assert_allclose(values.astype(int), grey, atol=3)


def test_sixteen_bits_of_a_png_are_read_by_their_upper_byte():
    wide = np.random.default_rng(2).integers(0, 65536, (5, 7, 3)).astype(np.uint16)
    np.testing.assert_array_equal(decode_picture(encoded(".png", wide)), wide >> 8)
