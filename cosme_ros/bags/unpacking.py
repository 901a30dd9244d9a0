# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Decompression with a limit: a few bytes may unpack to any number of them."""

import io
import shutil
from pathlib import Path

import zstandard

MOST_UNPACKED = 1 << 29
"""Bytes of one chunk or message; an image of 16384 x 8192 pixels in colour has fewer."""

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
"""How every zstd frame begins (RFC 8878, 3.1.1); no CDR message begins so."""

_BLOCK = 1 << 20


class UnpackingError(Exception):
    """Compressed bytes are damaged, or unpack to more than is sensible; the message states it."""


def unpack(data: bytes, compression: str, most: int = MOST_UNPACKED) -> bytes:
    """Decompress the bytes of a chunk or a message.

    Args:
        data: the compressed bytes.
        compression: as MCAP names it: '', 'zstd' or 'lz4'.
        most: how many bytes may come out. No more memory than that is taken.

    Raises:
        UnpackingError: they are damaged, or would give more.
    """
    if not compression:
        unpacked = data
    elif compression == "zstd":
        unpacked = _zstd(data, most)
    elif compression == "lz4":
        unpacked = _lz4(data, most)
    else:
        raise UnpackingError(f"its compression {compression!r} is unknown; known are zstd and lz4")
    if len(unpacked) > most:
        raise UnpackingError(_too_many(most))
    return unpacked


def unpack_file(packed: Path, unpacked: Path, most: int) -> None:
    """Decompress a zstd file as far as it goes.

    Args:
        packed: the compressed file.
        unpacked: the file to write.
        most: bytes it may have.

    Raises:
        UnpackingError: it is damaged, or has more bytes; what came before is written.
    """
    with packed.open("rb") as source, unpacked.open("wb") as target:
        try:
            reader = zstandard.ZstdDecompressor().stream_reader(source, read_across_frames=True)
            while block := reader.read(_BLOCK):
                most -= len(block)
                if most < 0:
                    raise UnpackingError(
                        "it unpacks to more bytes than the disk that holds temporary files has free"
                    )
                target.write(block)
        except zstandard.ZstdError as error:
            raise UnpackingError(f"it is not wholly zstd: {error}") from error


def free_bytes(folder: Path) -> int:
    """Return the bytes that may be written to a folder, with some left for others."""
    return int(0.9 * shutil.disk_usage(folder).free)


def _zstd(data: bytes, most: int) -> bytes:
    blocks, size = [], 0
    try:
        declared = zstandard.frame_content_size(data)
        if declared > most:
            raise UnpackingError(_too_many(most))
        # What is declared may be a lie; blocks take no more memory than really comes.
        with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)) as reader:
            while size <= most and (block := reader.read(_BLOCK)):
                blocks.append(block)
                size += len(block)
    except zstandard.ZstdError as error:
        raise UnpackingError(f"it is no sound zstd: {error}") from error
    if declared > size:
        raise UnpackingError(f"it is cut: {size} of {declared} bytes can be unpacked")
    return b"".join(blocks)


def _lz4(data: bytes, most: int) -> bytes:
    # Comes with mcap; most bags need it never.
    from lz4.frame import LZ4FrameDecompressor

    decompressor = LZ4FrameDecompressor()
    try:
        unpacked = bytes(decompressor.decompress(data, max_length=most + 1))
    except (RuntimeError, EOFError, MemoryError) as error:
        raise UnpackingError(f"it is no sound lz4: {error}") from error
    if len(unpacked) <= most and not decompressor.eof:
        raise UnpackingError(f"it is cut after {len(unpacked)} unpacked bytes")
    return unpacked


def _too_many(most: int) -> str:
    return f"it unpacks to more than {most} bytes"
