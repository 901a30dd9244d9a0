# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Topics of H.264 and H.265 packets read as pictures: each with its own stamp, or with a reason."""

import logging

import cv2
import numpy as np
import pytest
from helpers.small_bag import label, stamp_of_frame
from helpers.video_bag import (
    H264_B,
    LOSSLESS_H264,
    LOSSLESS_H265,
    LOSSLESS_H265_P,
    VIDEO_TOPIC,
    encode,
    video_message,
    write_video_bag,
)

from cosme_ros.bags.labelled_frames import BagFrames, LabelSettings
from cosme_ros.bags.reading import IMAGE, Bag, BagError, picture_of, read_frames
from cosme_ros.messages.errors import DecodeError
from cosme_ros.messages.video_packets import (
    COMPRESSED_VIDEO,
    FFMPEG_PACKET,
    WAITING,
    VideoDecoder,
    codec_of,
    packet_of,
)

FRAMES = 20
STAMPS = [stamp_of_frame(index) for index in range(FRAMES)]
INDEX_OF = {stamp: index for index, stamp in enumerate(STAMPS)}


@pytest.fixture(scope="module")
def images():
    """A texture that moves, so that pictures are predicted from one another."""
    noise = np.random.default_rng(0).integers(0, 255, (160, 260, 3), np.uint8)
    blurred = cv2.GaussianBlur(noise, (0, 0), 4)
    texture = cv2.normalize(blurred, None, 0, 255, cv2.NORM_MINMAX)
    return [texture[i : i + 96, 2 * i : 2 * i + 160].copy() for i in range(FRAMES)]


def without(*places):
    return lambda packets: [p for place, p in enumerate(packets) if place not in places]


def cut(place, size):
    def change(packets):
        index, key, data = packets[place]
        return [*packets[:place], (index, key, data[:size]), *packets[place + 1 :]]

    return change


def read(bag, **options):
    """By index of the picture in the order of reading: its pixels, or the reason why not."""
    with Bag(bag, lambda sentence: None) as opened:
        found = {}
        for message in opened.messages([VIDEO_TOPIC], **options):
            assert message.message_type == IMAGE
            assert INDEX_OF[message.stamp] not in found
            found[INDEX_OF[message.stamp]] = (
                picture_of(message) if message.error is None else message.error.reason
            )
    return found


def reasons(found):
    return {index: value for index, value in found.items() if isinstance(value, str)}


def assert_right(found, images, *, exact=True):
    """No picture is given that is not the camera's: pixel by pixel where `exact`."""
    for index, value in found.items():
        if isinstance(value, str):
            continue
        if exact:
            np.testing.assert_array_equal(value, images[index], err_msg=f"frame {index}")
        else:
            differences = [np.abs(value.astype(int) - image).mean() for image in images]
            assert np.argmin(differences) == index
            assert differences[index] < 4


@pytest.mark.parametrize("kind", [COMPRESSED_VIDEO, FFMPEG_PACKET])
@pytest.mark.parametrize("encoder", [LOSSLESS_H264, H264_B, LOSSLESS_H265, LOSSLESS_H265_P])
def test_every_picture_comes_with_its_own_stamp_in_the_order_of_time(
    tmp_path, images, encoder, kind
):
    bag = write_video_bag(tmp_path / "bag", images, STAMPS, encoder=encoder, kind=kind)
    with Bag(bag) as opened:
        assert [m.bag_time for m in opened.messages([VIDEO_TOPIC])] == STAMPS
    found = read(bag)
    assert list(found) == list(range(FRAMES))
    assert not reasons(found)
    assert_right(found, images, exact=encoder is not H264_B)


@pytest.mark.parametrize("encoder", [H264_B, LOSSLESS_H265])
def test_the_order_of_packets_is_not_that_of_pictures_where_there_are_b_frames(images, encoder):
    order = [index for index, _, _ in encode(images, encoder)]
    assert order != sorted(order)


@pytest.mark.parametrize(
    ("encoder", "next_key"), [(LOSSLESS_H264, 5), (LOSSLESS_H265_P, 5), (H264_B, 8)]
)
def test_a_recording_that_begins_between_key_frames_is_read_from_the_next_on(
    tmp_path, images, encoder, next_key
):
    bag = write_video_bag(tmp_path / "bag", images, STAMPS, encoder=encoder, change=without(0, 1))
    found = read(bag)
    assert len(found) == FRAMES - 2
    assert set(reasons(found).values()) == {WAITING}
    assert sorted(set(found) - set(reasons(found))) == list(range(next_key, FRAMES))
    assert_right(found, images, exact=encoder is not H264_B)


@pytest.mark.parametrize("encoder", [LOSSLESS_H264, LOSSLESS_H265_P])
def test_after_a_lost_packet_nothing_is_read_until_the_next_key_frame(tmp_path, images, encoder):
    bag = write_video_bag(tmp_path / "bag", images, STAMPS, encoder=encoder, change=without(6))
    found = read(bag)
    assert sorted(reasons(found)) == [7, 8, 9]
    assert_right(found, images)


def test_the_gap_check_is_needed(images):
    """FFmpeg itself gives wrong pictures after a lost H.264 packet and marks none."""
    import av

    context = av.CodecContext.create("h264", "r")
    context.thread_count = 1
    wrong = []
    for place, (index, _, data) in enumerate(encode(images, LOSSLESS_H264)):
        if place == 6:
            continue
        packet = av.Packet(data)
        packet.pts = index
        for frame in context.decode(packet):
            if not frame.is_corrupt and (frame.to_ndarray(format="bgr24") != images[index]).any():
                wrong.append(frame.pts)
    assert wrong == [7, 8, 9]


@pytest.mark.parametrize(
    ("encoder", "size"),
    [*((LOSSLESS_H264, size) for size in (0, 3, 40)), (LOSSLESS_H265_P, 0), (LOSSLESS_H265_P, 3)],
)
def test_a_packet_that_is_cut_off_is_left_out_with_those_that_refer_to_it(
    tmp_path, images, encoder, size
):
    bag = write_video_bag(tmp_path / "bag", images, STAMPS, encoder=encoder, change=cut(6, size))
    found = read(bag)
    assert sorted(reasons(found)) == [6, 7, 8, 9]
    assert found[7] == WAITING
    assert found[6] in ("damaged packet", "no start code")
    assert_right(found, images)


def test_damage_anywhere_in_a_packet_never_keeps_the_others_from_being_read(tmp_path, images):
    packets = encode(images, LOSSLESS_H264)
    generator = np.random.default_rng(1)
    for _ in range(60):
        place = int(generator.integers(len(packets)))
        data = bytearray(packets[place][2])
        for at in generator.integers(0, len(data), 8):
            data[at] ^= int(generator.integers(1, 256))
        decoder: VideoDecoder[int] = VideoDecoder()
        done = []
        for number, packet in enumerate(packets):
            content = video_message(
                0,
                COMPRESSED_VIDEO,
                "h264",
                (0, False, bytes(data) if number == place else packet[2]),
            )
            try:
                codec, sent = packet_of(content)
            except DecodeError as error:
                done += decoder.refuse(number, error)
                continue
            done += decoder.decode(number, STAMPS[packet[0]], codec, sent)
        done += decoder.flush()
        assert sorted(each.item for each in done) == list(range(len(packets)))
        next_key = place // 5 * 5 + 5
        for each in done:
            assert (each.image is None) == (each.error is not None)
            if each.item < place or each.item >= next_key:
                np.testing.assert_array_equal(each.image, images[each.item])


def test_labels_find_their_pictures(tmp_path, images):
    labels = [label(index, 96, 160) for index in range(FRAMES)]
    bag = write_video_bag(
        tmp_path / "bag", images, STAMPS, encoder=H264_B, labels=labels, change=without(1)
    )
    told = []
    with BagFrames(
        bag, image_topic=None, labels=LabelSettings(), report=lambda *words: told.append(words)
    ) as frames:
        assert frames.image_topic == VIDEO_TOPIC
        found = list(frames.read())
    assert {kind for kind, _ in told} == {f"picture: {WAITING}", "label without a picture"}
    assert [INDEX_OF[frame.stamp] for frame in found][-12:] == list(range(8, FRAMES))
    for frame in found:
        index = INDEX_OF[frame.stamp]
        assert_right({index: frame.image}, images, exact=False)
        assert frame.label is not None
        np.testing.assert_array_equal(frame.label == 1, labels[index] == 1)
        assert frame.header.frame_id == "camera"


def test_a_sound_reader_passes_over_what_no_key_frame_comes_before(tmp_path, images, caplog):
    bag = write_video_bag(tmp_path / "bag", images, STAMPS, change=without(0))
    with caplog.at_level(logging.WARNING):
        stamps = [frame.stamp for frame in read_frames(bag, VIDEO_TOPIC)]
    assert stamps == STAMPS[5:]
    assert "4 packets at the beginning" in caplog.text


def test_a_sound_reader_refuses_damage(tmp_path, images):
    bag = write_video_bag(tmp_path / "bag", images, STAMPS, change=cut(6, 40))
    with pytest.raises(BagError, match="cannot be used: FFmpeg refuses it: Invalid data"):
        list(read_frames(bag, VIDEO_TOPIC))


@pytest.mark.parametrize("encoder", [LOSSLESS_H264, H264_B, LOSSLESS_H265])
def test_from_any_time_on_the_same_is_read(tmp_path, images, encoder):
    bag = write_video_bag(tmp_path / "bag", images, STAMPS, encoder=encoder)
    with Bag(bag) as opened:
        whole = [(m.bag_time, m.cdr) for m in opened.messages([VIDEO_TOPIC])]
        for start in STAMPS:
            part = [(m.bag_time, m.cdr) for m in opened.messages([VIDEO_TOPIC], start=start)]
            assert part == [each for each in whole if each[0] >= start]


def test_packets_can_be_left_as_they_are(tmp_path, images):
    bag = write_video_bag(tmp_path / "bag", images, STAMPS, change=without(0, 7))
    with Bag(bag, lambda sentence: None) as opened:
        assert opened.topics[VIDEO_TOPIC] == IMAGE
        packets = list(opened.messages([VIDEO_TOPIC], decode_video=False))
        assert {packet.message_type for packet in packets} == {COMPRESSED_VIDEO}
        assert len(packets) == len(list(opened.messages([VIDEO_TOPIC]))) == FRAMES - 2


def test_what_is_no_codec_that_is_read_is_said(tmp_path, images):
    with pytest.raises(DecodeError, match="'vp9'; h264 and h265"):
        codec_of("vp9")


def test_a_packet_without_start_codes_is_said(images):
    (first, *_) = encode(images, LOSSLESS_H264)
    message = video_message(0, FFMPEG_PACKET, "h264", (0, True, first[2][4:]))
    with pytest.raises(DecodeError, match="Annex B"):
        packet_of(message)


def test_a_picture_that_is_too_large_takes_no_memory(images):
    decoder: VideoDecoder[int] = VideoDecoder(max_pixels=96 * 160 - 1)
    (packet, *_) = encode(images, LOSSLESS_H264)
    done = [*decoder.decode(0, 0, "h264", packet[2]), *decoder.flush()]
    assert done[0].image is None
    assert done[0].error is not None
