# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The headers of the units of an H.264 or H.265 packet, without decoding.

A decoder has to begin at a key frame. FFmpeg's decoder of H.264 fills in a reference picture that
is missing, and marks nothing: the pictures until the next key frame are wrong. The frame numbers in
the slice headers (ITU-T H.264, 7.4.3) tell that one is missing. The decoder of H.265 gives no
picture whose references are missing, so that of H.265 only the kind of a unit is looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

_START_CODE = b"\0\0\1"
_LONGEST_HEADER = 64  # bytes of a slice that are looked at; its frame number is in the first 20

# Units of H.264 (table 7-1) and of H.265 (table 7-1).
_SLICE, _IDR_SLICE, _SEI, _SPS, _PPS = 1, 5, 6, 7, 8
_RECOVERY_POINT = 6  # payload type of an SEI
_H265_IDR = (19, 20)
_H265_RANDOM_ACCESS = range(16, 24)

# Profiles whose sequence parameter set says which chroma format they have (7.3.2.1.1).
_WITH_CHROMA_FORMAT = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)


class Access(IntEnum):
    """Whether a decoder can begin with a packet."""

    NONE = 0
    AFTER_OTHERS = 1
    """It can, and pictures near it may refer to earlier ones."""
    CLEAN = 2
    """It can, and nothing that follows refers to what was before."""


class MissingReferenceError(Exception):
    """The picture refers to one that is not there; the sentence says how that is known."""


@dataclass(frozen=True)
class _SequenceParameters:
    frame_number_bits: int
    gaps_allowed: bool
    separate_planes: bool


def units(packet: bytes) -> Iterator[bytes]:
    """Yield the units (NAL units) of an Annex B packet, without their start codes."""
    begin = packet.find(_START_CODE)
    while begin >= 0:
        begin += len(_START_CODE)
        end = packet.find(_START_CODE, begin)
        unit = packet[begin:] if end < 0 else packet[begin:end]
        if unit:
            yield unit
        begin = end


def is_annex_b(packet: bytes) -> bool:
    """Return whether a packet begins with a start code, as Annex B has it."""
    return packet.startswith((_START_CODE, b"\0" + _START_CODE))


def access_of(packet: bytes, codec: str) -> Access:
    """Return whether a decoder of `codec`, 'h264' or 'hevc', can begin with this packet."""
    access = Access.NONE
    for unit in units(packet):
        if codec == "hevc":
            kind = unit[0] >> 1 & 63
            if kind in _H265_IDR:
                return Access.CLEAN
            if kind in _H265_RANDOM_ACCESS:
                access = Access.AFTER_OTHERS
        else:
            kind = unit[0] & 31
            if kind == _IDR_SLICE:
                return Access.CLEAN
            if kind == _SEI and len(unit) > 1 and unit[1] == _RECOVERY_POINT:
                access = Access.AFTER_OTHERS
    return access


class FrameNumbers:
    """Follows the frame numbers of an H.264 stream, in the order of decoding."""

    def __init__(self) -> None:
        self._sequences: dict[int, _SequenceParameters] = {}
        self._pictures: dict[int, int] = {}
        self._reference: int | None = None

    def check(self, packet: bytes) -> None:
        """Take the next packet.

        Raises:
            MissingReferenceError: a reference picture before it is missing.
            ValueError: a header in it ends too early, or has values that none has.
        """
        for unit in units(packet):
            kind = unit[0] & 31
            if kind == _SPS:
                number, parameters = _sequence_parameters(_Bits(unit[1:]))
                self._sequences[number] = parameters
            elif kind == _PPS:
                bits = _Bits(unit[1 : 1 + _LONGEST_HEADER])
                number = bits.golomb()
                self._pictures[number] = bits.golomb()
            elif kind in (_SLICE, _IDR_SLICE):
                self._check_slice(unit, kind)

    def _check_slice(self, unit: bytes, kind: int) -> None:
        bits = _Bits(unit[1 : 1 + _LONGEST_HEADER])
        bits.golomb()  # address of its first macroblock
        bits.golomb()  # its type
        parameters = self._sequences.get(self._pictures.get(bits.golomb(), -1))
        if parameters is None:
            return  # the decoder refuses it
        if parameters.separate_planes:
            bits.take(2)
        number = bits.take(parameters.frame_number_bits)
        before = None if kind == _IDR_SLICE else self._reference
        following = None if before is None else (before + 1) % (1 << parameters.frame_number_bits)
        if unit[0] >> 5 & 3:
            self._reference = number
        if before is None or parameters.gaps_allowed or number in (before, following):
            return
        raise MissingReferenceError(f"frame number {number} comes where {following} was to come")


class _Bits:
    """Reads a header bit by bit. Raises ValueError behind its end."""

    def __init__(self, data: bytes) -> None:
        content = data.replace(b"\0\0\3", b"\0\0")  # which keep start codes out of the content
        self._left = 8 * len(content)
        self._value = int.from_bytes(content, "big")

    def take(self, count: int) -> int:
        """Return an unsigned number of `count` bits."""
        self._left -= count
        if self._left < 0:
            raise ValueError("a header in it ends too early")
        return self._value >> self._left & ((1 << count) - 1)

    def golomb(self) -> int:
        """Return an unsigned number in Exp-Golomb code (9.1)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise ValueError("a header in it has a number of more than 32 bits")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed_golomb(self) -> int:
        """Return a signed number in Exp-Golomb code (9.1.1)."""
        code = self.golomb()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def _sequence_parameters(bits: _Bits) -> tuple[int, _SequenceParameters]:
    """Return the number of a sequence parameter set (7.3.2.1.1) and what of it is needed."""
    profile = bits.take(8)
    bits.take(16)  # constraints and level
    number = bits.golomb()
    separate_planes = False
    if profile in _WITH_CHROMA_FORMAT:
        chroma_format = bits.golomb()
        if chroma_format == 3:
            separate_planes = bool(bits.take(1))
        bits.golomb()  # bit depth of luma
        bits.golomb()  # of chroma
        bits.take(1)
        if bits.take(1):
            for index in range(12 if chroma_format == 3 else 8):
                if bits.take(1):
                    _skip_scaling_list(bits, 16 if index < 6 else 64)
    frame_number_bits = bits.golomb() + 4
    order = bits.golomb()
    if order == 0:
        bits.golomb()
    elif order == 1:
        bits.take(1)
        bits.signed_golomb()
        bits.signed_golomb()
        for _ in range(bits.golomb()):
            bits.signed_golomb()
    bits.golomb()  # number of reference pictures
    return number, _SequenceParameters(frame_number_bits, bool(bits.take(1)), separate_planes)


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed_golomb()) % 256
        last = following or last
