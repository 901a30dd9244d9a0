# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import struct
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from cosme_ros.messages.encodings import LABEL_ENCODINGS
from cosme_ros.messages.errors import DecodeError
from cosme_ros.metrics.labels import ids_of_file, ids_of_message

IDS = np.array([[0, 1, 255], [2, 254, 7]])
DTYPES = {"mono8": "u1", "8UC1": "u1", "mono16": "u2", "16UC1": "u2", "32SC1": "i4"}


def message(encoding, ids, *, is_bigendian=0, padding=0):
    rows = ids.astype(np.dtype(DTYPES[encoding]).newbyteorder(">" if is_bigendian else "<"))
    rows = np.pad(rows.view(np.uint8), ((0, 0), (0, padding)), constant_values=77)
    return SimpleNamespace(
        height=len(ids),
        width=ids.shape[1],
        encoding=encoding,
        is_bigendian=is_bigendian,
        step=rows.shape[1],
        data=rows.reshape(-1),
    )


def reason(call, *arguments, **limits):
    with pytest.raises(DecodeError) as caught:
        call(*arguments, **limits)
    return caught.value.reason


def test_the_encodings_are_these():
    assert set(LABEL_ENCODINGS) == set(DTYPES)


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize("is_bigendian", [0, 1])
@pytest.mark.parametrize("encoding", DTYPES)
def test_ids_are_as_written(encoding, is_bigendian, padding):
    read = ids_of_message(message(encoding, IDS, is_bigendian=is_bigendian, padding=padding))
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, IDS)


@pytest.mark.parametrize("value", [-1, 65536])
def test_ids_that_no_label_has_are_named(value):
    with pytest.raises(DecodeError, match=f"the id {value}; ids are 0 to 65535"):
        ids_of_message(message("32SC1", np.where(IDS == 7, value, IDS)))


def test_messages_that_are_no_labels():
    colours = message("mono8", IDS)
    colours.encoding = "rgb8"
    assert reason(ids_of_message, colours) == "encoding"
    assert reason(ids_of_message, message("mono8", IDS), max_pixels=5) == "too many pixels"
    longer = message("mono8", IDS)
    longer.data = np.append(longer.data, 0)
    assert reason(ids_of_message, longer) == "too much data"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_ids_of_a_png_are_as_written(dtype):
    read = ids_of_file(cv2.imencode(".png", IDS.astype(dtype))[1].tobytes())
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, IDS)


def png(bits, colour_type, rows, *chunks):
    def chunk(kind, content):
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", 3, 2, bits, colour_type, 0, 0, 0)
    parts = ((b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize(
    "data",
    [
        # A decoder would make 255 of 1, which is "ignored" and not an anomaly.
        png(1, 0, bytes([0, 0b01000000] * 2)),
        png(8, 3, bytes([0, 0, 1, 1] * 2), (b"PLTE", bytes([0, 0, 0, 9, 9, 9]))),
        cv2.imencode(".png", np.zeros((2, 3, 3), np.uint8))[1].tobytes(),
        cv2.imencode(".jpg", np.zeros((2, 3), np.uint8))[1].tobytes(),
    ],
    ids=["one bit", "palette", "colours", "JPEG"],
)
def test_files_that_are_no_labels(data):
    assert reason(ids_of_file, data) == "label format"
