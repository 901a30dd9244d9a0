# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Reads what a picture file says of itself, before anything is decoded.

The formats are those that compressed_image_transport sends (JPEG, PNG, TIFF), and WebP. A file is
believed by its structure from the first byte on, never by its last bytes: a camera may send its
whole buffer, where anything may follow the picture's end, also the end of an older picture.

What is found here, without decoding:

========  ==================================================================================
JPEG      a segment that does not follow the one before it; a missing end marker; restart
          markers that do not count from 0 to 7 and again; a run of zeros that no encoder writes
PNG       every damage: each chunk has a checksum
TIFF      strips or tiles that lie beyond the end of the file
WebP      a file that is shorter than its header says
========  ==================================================================================
"""

import re
import struct
import zlib
from typing import NamedTuple

from cosme_ros.messages.errors import DecodeError

MAX_IMAGE_PIXELS = 1 << 25
"""The default limit, 33 554 432 pixels (8192x4096): four times a 4K camera.

A file of a few kilobytes can ask for gigabytes. What follows the decoder (scores and outputs in the
camera's size) takes about 60 bytes a pixel, 2 GB at this limit.
"""


class PictureHeader(NamedTuple):
    """What a picture file says of itself."""

    format: str
    """JPEG, PNG, TIFF or WebP."""
    width: int
    height: int
    bits: int
    """Of one value, as stored."""
    channels: int
    """As stored: 1 for a PNG with a palette, whose pixels are colours when they are decoded."""
    end: int
    """Bytes from the beginning to the end of the picture; what follows is padding."""


def read_header(data: memoryview) -> PictureHeader:
    """Return the header of a picture file.

    Args:
        data: The whole file, bytes; anything may follow the picture's end.

    Raises:
        DecodeError: It is empty, none of the formats, cut off, or its structure is damaged.
    """
    if not len(data):
        raise DecodeError("empty image", "the picture has no data")
    for name, first_bytes, read in _FORMATS:
        if first_bytes.match(data):
            try:
                return read(data)
            except (IndexError, struct.error):
                raise _truncated(name, data) from None
    raise DecodeError(
        "unsupported format",
        f"{len(data)} bytes that begin with {bytes(data[:8])!r} are none of the formats that are "
        f"read: {', '.join(name for name, _, _ in _FORMATS)}",
    )


def check_pixels(width: int, height: int, max_pixels: int) -> None:
    """Raise DecodeError where an image has no pixel, or more than `max_pixels`."""
    if width == 0 or height == 0:
        raise DecodeError("empty image", f"the image is {width}x{height} pixels, which is empty")
    if width * height > max_pixels:
        raise DecodeError(
            "too many pixels",
            f"the image is {width}x{height}, {width * height} pixels, but at most {max_pixels} "
            "are decoded (the node's parameter max_image_pixels)",
        )


def _truncated(name: str, data: memoryview, missing: str = "its end") -> DecodeError:
    return DecodeError(
        "truncated data", f"the {name} ends after {len(data)} bytes without {missing}"
    )


def _damaged(name: str, position: int, what: str) -> DecodeError:
    return DecodeError("damaged data", f"the {name} is damaged at byte {position}: {what}")


_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_CODES, _END, _SCAN, _RESTART_INTERVAL = 0xC4, 0xD9, 0xDA, 0xDD
_SEQUENTIAL = frozenset({0xC0, 0xC1})
_AC, _END_OF_BLOCK, _STANDARD = 0x10, 0x00, 0x01
_LOST = bytes(64)
# In a scan, 0xFF is followed by zero, a restart marker, or another 0xFF that fills.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")


def _jpeg(data: memoryview) -> PictureHeader:
    frame: tuple[int, int, int, int] | None = None
    scans, restarts, sequential, position = 0, False, False, 2
    zero_codes: dict[int, int] = {}
    while True:
        if data[position] != 0xFF:
            raise _damaged("JPEG", position, f"{data[position]:#04x} where a marker must be")
        while data[position] == 0xFF:
            position += 1
        marker = data[position]
        position += 1
        if marker == _END:
            break
        if marker in _WITHOUT_LENGTH:
            continue
        (length,) = struct.unpack_from(">H", data, position)
        if marker in _FRAME_HEADERS:
            if frame is not None:
                raise _damaged("JPEG", position, "a second frame header")
            frame = struct.unpack_from(">BHHB", data, position + 2)
            sequential = marker in _SEQUENTIAL
        elif marker == _CODES:
            zero_codes |= _zero_codes(data[position + 2 : position + length])
        elif marker == _RESTART_INTERVAL:
            restarts = True
        position += length
        if marker == _SCAN:
            scans += 1
            after = _AFTER_SCAN.search(data, position)
            if after is None:
                raise _truncated("JPEG", data, "an end marker")
            if restarts:
                _check_restarts(data, position, after.start())
            if sequential and frame is not None and data[position - length + 2] == frame[3]:
                _check_zeros(data, position, after.start(), frame[3], zero_codes)
            position = after.start()
    if frame is None or not scans:
        raise _damaged("JPEG", position, "it ends before there was a picture")
    bits, height, width, channels = frame
    return PictureHeader("JPEG", width, height, bits, channels, position)


def _zero_codes(tables: memoryview) -> dict[int, int]:
    """Return what the code of zeros stands for, by table, for AC tables alone."""
    found, position = {}, 0
    while position < len(tables):
        symbols = sum(tables[position + 1 : position + 17])
        if symbols and tables[position] & _AC:
            found[tables[position]] = tables[position + 17]
        position += 17 + symbols
    return found


def _check_zeros(
    data: memoryview, begin: int, end: int, components: int, zero_codes: dict[int, int]
) -> None:
    # Where the code of zeros ends a block, zeros are a flat picture. In another table they are
    # block after block of coefficients that are all alike: bytes that were lost. A JPEG without
    # tables means the standard's, of which that for brightness is such a one.
    tables = {_AC | data[begin - 4 - 2 * place] & 0x0F for place in range(components)}
    if all(zero_codes.get(table, _STANDARD) == _END_OF_BLOCK for table in tables):
        return
    place = bytes(data[begin:end]).find(_LOST)
    if place >= 0:
        raise _damaged("JPEG", begin + place, "a run of zeros")


def _check_restarts(data: memoryview, begin: int, end: int) -> None:
    for place, found in enumerate(_RESTART.finditer(data[begin:end])):
        if found[1][0] != 0xD0 + place % 8:
            raise _damaged("JPEG", begin + found.start(), "a restart marker is out of order")


_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def _png(data: memoryview) -> PictureHeader:
    position, kind = 8, b""
    width = height = bits = colour = 0
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, position)
        after = position + 12 + length
        if after > len(data):
            raise _truncated("PNG", data, "its end chunk")
        (checksum,) = struct.unpack_from(">I", data, after - 4)
        if zlib.crc32(data[position + 4 : after - 4]) != checksum:
            raise _damaged("PNG", position, f"the checksum of chunk {kind!r} is another")
        if position == 8:
            if kind != b"IHDR":
                raise _damaged("PNG", position, f"chunk {kind!r} where the header must be")
            width, height, bits, colour = struct.unpack_from(">IIBB", data, position + 8)
        position = after
    return PictureHeader("PNG", width, height, bits, _PNG_CHANNELS.get(colour, 0), position)


_TIFF_TYPES = {1: "B", 3: "H", 4: "I"}
_WIDTH, _HEIGHT, _BITS, _CHANNELS = 256, 257, 258, 277
_OFFSETS_AND_SIZES = ((273, 279), (324, 325))  # of strips, of tiles


def _tiff(data: memoryview) -> PictureHeader:
    order = "<" if data[0] == ord("I") else ">"
    (directory,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, directory)
    tags: dict[int, tuple[int, ...]] = {}
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind, number = struct.unpack_from(order + "HHI", data, entry)
        if kind in _TIFF_TYPES and number <= len(data):
            layout = f"{order}{number}{_TIFF_TYPES[kind]}"
            place = entry + 8
            if struct.calcsize(layout) > 4:
                (place,) = struct.unpack_from(order + "I", data, place)
            tags[tag] = struct.unpack_from(layout, data, place)
    if not (tags.get(_WIDTH) and tags.get(_HEIGHT)):
        raise _damaged("TIFF", directory, "the directory has no size of the picture")
    for offsets, sizes in _OFFSETS_AND_SIZES:
        places = zip(tags.get(offsets, ()), tags.get(sizes, ()), strict=False)
        if any(offset + size > len(data) for offset, size in places):
            raise _truncated("TIFF", data, "all of its pixels")
    bits, channels = tags.get(_BITS, (1,))[0], tags.get(_CHANNELS, (1,))[0]
    # Its parts may lie in any order.
    return PictureHeader("TIFF", tags[_WIDTH][0], tags[_HEIGHT][0], bits, channels, len(data))


def _webp(data: memoryview) -> PictureHeader:
    (size,) = struct.unpack_from("<I", data, 4)
    kind, end = bytes(data[12:16]), size + 8
    if end > len(data):
        raise _truncated("WebP", data, f"the {end} that its header announces")
    if kind == b"VP8X":
        low, high = struct.unpack_from("<HB", data, 24), struct.unpack_from("<HB", data, 27)
        width, height = (part[0] + (part[1] << 16) + 1 for part in (low, high))
    elif kind == b"VP8L":
        (packed,) = struct.unpack_from("<I", data, 21)
        width, height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    else:
        raise _damaged("WebP", 12, f"chunk {kind!r} where the picture must be")
    return PictureHeader("WebP", width, height, 8, 3, end)


_FORMATS = (
    ("JPEG", re.compile(rb"\xff\xd8"), _jpeg),
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n"), _png),
    ("TIFF", re.compile(rb"II\*\x00|MM\x00\*"), _tiff),
    ("WebP", re.compile(rb"RIFF.{4}WEBP", re.DOTALL), _webp),
)
