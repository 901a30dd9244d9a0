# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Decodes the packets of a video topic: H.264 and H.265, by PyAV (FFmpeg).

A message holds the packet of one picture, and its stamp is that of the picture. A packet may refer
to earlier pictures, and where there are B-frames to later ones: packets then come in the order of
decoding, and pictures leave in the order of their stamps, a few packets later. Each picture goes
with the message whose packet holds it.

A picture that is made without a picture it refers to looks like a road and is none. Decoding
therefore begins at a key frame, and after a packet that is damaged or missing it goes on with the
next one. A damage that leaves valid content is found by no decoder, as in a JPEG; of H.265 the
decoder sees no more than damaged headers.
"""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from cosme_ros.messages.errors import DecodeError
from cosme_ros.messages.picture_headers import MAX_IMAGE_PIXELS
from cosme_ros.messages.video_frames import image_of_video_frame
from cosme_ros.messages.video_units import (
    FrameNumbers,
    MissingReferenceError,
    access_of,
    is_annex_b,
)

COMPRESSED_VIDEO = "foxglove_msgs/msg/CompressedVideo"
FFMPEG_PACKET = "ffmpeg_image_transport_msgs/msg/FFMPEGPacket"
PACKET_TYPES = (COMPRESSED_VIDEO, FFMPEG_PACKET)
"""Both begin as a std_msgs/Header does: stamp, then frame_id."""

PACKET_DEFINITIONS = {
    COMPRESSED_VIDEO: """
        builtin_interfaces/Time timestamp
        string frame_id
        uint8[] data
        string format
    """,
    FFMPEG_PACKET: """
        std_msgs/Header header
        int32 width
        int32 height
        string encoding
        uint64 pts
        uint8 flags
        bool is_bigendian
        uint8[] data
    """,
}
"""Of ROS 2; rosbags has neither type."""

WAITING = "no key frame"
"""Reason for packets from which decoding cannot begin."""

_CODECS = {
    "h264": "h264",
    "x264": "h264",
    "avc": "h264",
    "openh264": "h264",
    "h265": "hevc",
    "hevc": "hevc",
    "x265": "hevc",
}
_MOST_PENDING = 32  # pictures; H.264 and H.265 hold back 16 at most

T = TypeVar("T")


@dataclass(frozen=True)
class DecodedPacket(Generic[T]):
    """What became of a packet.

    Attributes:
        item: what came with the packet.
        image: uint8 [H, W, 3] BGR; None where there is no picture that can be trusted.
        error: why there is none.
    """

    item: T
    image: NDArray[np.uint8] | None
    error: DecodeError | None


@dataclass(frozen=True)
class _Pending(Generic[T]):
    item: T
    stamp: int


def packet_of(message: Any) -> tuple[str, bytes]:
    """Return the codec, 'h264' or 'hevc', and the packet of a message of one of PACKET_TYPES.

    Raises:
        DecodeError: another codec, or no packet that begins as Annex B has it.
    """
    name = message.format if hasattr(message, "format") else message.encoding
    codec = codec_of(name)
    packet = bytes(message.data)
    if not is_annex_b(packet):
        raise DecodeError(
            "no start code",
            f"the packet of {len(packet)} bytes does not begin with a start code; H.264 and H.265 "
            "are read in the form of Annex B",
        )
    return codec, packet


def codec_of(name: str) -> str:
    """Return 'h264' or 'hevc' for what a message calls its codec. Raises DecodeError.

    >>> codec_of("h265"), codec_of("libx264;yuv420p;bgr8;bgr8"), codec_of("hevc_nvenc")
    ('hevc', 'h264', 'hevc')
    """
    encoder = name.split(";")[0].strip().lower()
    codec = _CODECS.get(encoder.removeprefix("lib").split("_")[0])
    if codec is None:
        raise DecodeError(
            "unsupported codec", f"its codec is '{name}'; h264 and h265 (hevc) are read"
        )
    return codec


class VideoDecoder(Generic[T]):
    """Decodes the packets of one topic, in the order of the messages.

    Every packet comes back once, from the same call or a later one, with its picture or the reason
    why it has none.

    Args:
        max_pixels: width times height of the largest picture that is decoded.
    """

    def __init__(self, *, max_pixels: int = MAX_IMAGE_PIXELS) -> None:
        self._max_pixels = max_pixels
        self._codec = ""
        self._context: Any = None
        self._numbers = FrameNumbers()
        self._pending: dict[int, _Pending[T]] = {}
        self._count = 0
        self._cause = "its beginning"
        # Else they are those of the packets: the picture of one that was passed over did come.
        self._stamps_of_pictures = True

    @property
    def began(self) -> bool:
        """Return whether there has been a key frame."""
        return bool(self._codec)

    def decode(self, item: T, stamp: int, codec: str, packet: bytes) -> list[DecodedPacket[T]]:
        """Take the next packet; return what is known of it and those before by now.

        Args:
            item: comes back with the picture.
            stamp: of the picture, nanoseconds.
            codec: as `packet_of` returns it.
            packet: as `packet_of` returns it.
        """
        import av  # FFmpeg takes a tenth of a second to load

        done: list[DecodedPacket[T]] = []
        if self._context is not None:
            fault = "another codec" if codec != self._codec else self._fault(packet)
            if fault:
                done = self._stop(fault)
        if self._context is None:
            if not access_of(packet, codec):
                return [*done, _without(item, self._waiting())]
            self._begin(codec)
            fault = self._fault(packet)
            if fault:
                return [*done, *self._stop(fault), _without(item, self._waiting())]
        self._pending[self._count] = _Pending(item, stamp)
        sent = av.Packet(packet)
        sent.pts = self._count
        self._count += 1
        try:
            frames = self._context.decode(sent)
        except (OSError, ValueError) as error:  # FFmpeg's errors are among them
            del self._pending[self._count - 1]
            sentence = f"FFmpeg refuses it: {getattr(error, 'strerror', None) or error}"
            stopped = self._stop("a damaged packet")
            return [*done, *stopped, _without(item, DecodeError("damaged packet", sentence))]
        return [*done, *self._taken(frames)]

    def refuse(self, item: T, error: DecodeError) -> list[DecodedPacket[T]]:
        """Take a message whose packet cannot be read."""
        return [*self._stop("a packet that cannot be read"), _without(item, error)]

    def flush(self) -> list[DecodedPacket[T]]:
        """Return what is left when no message follows. The next packet begins anew."""
        return self._stop("its end")

    def _begin(self, codec: str) -> None:
        import av

        self._codec = codec
        self._numbers = FrameNumbers()
        context: Any = av.CodecContext.create(codec, "r")
        # Threads over frames would hold back one picture each; with threads over slices FFmpeg does
        # not mark damaged H.264 pictures.
        context.thread_count = 1
        context.thread_type = "NONE"
        context.options = {"max_pixels": str(self._max_pixels), "err_detect": "explode"}
        self._context = context

    def _stop(self, cause: str) -> list[DecodedPacket[T]]:
        """End the stream; what was decoded before is right."""
        self._cause = cause
        done: list[DecodedPacket[T]] = []
        if self._context is not None:
            try:
                frames = self._context.decode(None)
            except (OSError, ValueError):
                frames = []
            self._context = None
            done = self._taken(frames, ended=True)
        for number in sorted(self._pending):
            done.append(_without(self._pending.pop(number).item, _no_picture()))
        return done

    def _taken(self, frames: list[Any], *, ended: bool = False) -> list[DecodedPacket[T]]:
        """Return the packets that these frames are of, and those that can have no frame now."""
        done: list[DecodedPacket[T]] = []
        for frame in frames:
            pending = self._pending.pop(frame.pts, None)
            if pending is None:
                self._stamps_of_pictures &= ended  # at the end come remains of a damaged packet
                continue
            if self._stamps_of_pictures:
                done += self._passed_over(pending.stamp)
            if frame.is_corrupt:
                error = DecodeError("damaged packet", "its picture cannot be decoded as a whole")
                done.append(_without(pending.item, error))
                if not ended:
                    return [*done, *self._stop("a damaged packet")]
                continue
            done.append(DecodedPacket(pending.item, image_of_video_frame(frame), None))
        while len(self._pending) > _MOST_PENDING:
            oldest = self._pending.pop(min(self._pending))
            done.append(_without(oldest.item, _no_picture()))
        return done

    def _passed_over(self, stamp: int) -> list[DecodedPacket[T]]:
        """Return those before a picture that came: pictures leave in the order of their stamps."""
        numbers = [number for number, pending in self._pending.items() if pending.stamp < stamp]
        return [
            _without(self._pending.pop(number).item, _no_picture())
            for number in sorted(numbers, key=lambda number: self._pending[number].stamp)
        ]

    def _fault(self, packet: bytes) -> str:
        """Return what is wrong with the packet of an H.264 stream; '' where nothing is known."""
        if self._codec != "h264":
            return ""
        try:
            self._numbers.check(packet)
        except MissingReferenceError as error:
            return f"missing packets ({error})"
        except ValueError as error:
            return f"a damaged packet ({error})"
        return ""

    def _waiting(self) -> DecodeError:
        return DecodeError(
            WAITING, f"after {self._cause} there is no key frame yet, from which to decode"
        )


def _without(item: T, error: DecodeError) -> DecodedPacket[T]:
    return DecodedPacket(item, None, error)


def _no_picture() -> DecodeError:
    return DecodeError(
        "missing packets", "the decoder gives no picture of it: one that it refers to is missing"
    )
