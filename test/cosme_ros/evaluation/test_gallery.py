# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import cv2
import numpy as np

from cosme_ros.evaluation.gallery import ALARM, KINDS, LAPSE, MISS, Picture, PictureBook, draw_frame
from cosme_ros.visualization.panels import FrameView


def picture(rank: float, frame: int = 0) -> Picture:
    return Picture(ALARM, "bag", 0, frame, 0, rank, "", b"", b"")


def ranks(book: PictureBook) -> list[float]:
    return [kept.rank for kept in book.pictures(ALARM)]


def test_the_highest_of_each_group_are_kept() -> None:
    """Against a sort of all that were offered."""
    rng = np.random.default_rng(0)
    book = PictureBook(5)
    best: dict[int, float] = {}
    for frame in range(300):
        group, rank = frame // 10, float(rng.random())
        book.offer(ALARM, group, rank, lambda rank=rank, frame=frame: picture(rank, frame))
        best[group] = max(best.get(group, 0), rank)
    assert ranks(book) == sorted(best.values(), reverse=True)[:5]


def test_only_what_is_kept_is_drawn() -> None:
    book = PictureBook(1)
    book.offer(ALARM, 0, 2.0, lambda: picture(2.0))

    def fail() -> Picture:
        raise AssertionError("drawn in vain")

    book.offer(ALARM, 0, 1.0, fail)
    book.offer(ALARM, 1, 2.0, fail)
    PictureBook(0).offer(ALARM, 0, 9.0, fail)
    assert ranks(book) == [2.0]
    assert book.pictures(MISS) == [] and set(KINDS) >= {ALARM, MISS}


def test_a_picture_moves_to_another_kind_if_it_ranks_there() -> None:
    book = PictureBook(2)
    for group, rank in ((1, 5.0), (2, 3.0)):
        book.offer(MISS, group, rank, lambda rank=rank: picture(rank))
    for group in (1, 2, 3):
        book.move(MISS, LAPSE, group)
    assert book.pictures(MISS) == []
    assert [(p.kind, p.rank) for p in book.pictures(LAPSE)] == [(LAPSE, 5.0), (LAPSE, 3.0)]


def test_both_sizes_show_the_frame() -> None:
    image = np.full((180, 320, 3), 200, np.uint8)
    score, mask = np.zeros((180, 320), np.float32), np.zeros((180, 320), np.uint8)
    mask[60:120, 100:160] = 255
    view = FrameView(image, score, mask, (mask > 0).astype(np.uint8))
    small, large = (
        cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        for data in draw_frame(view, caption="miss", note="frame 3")
    )
    assert small.shape == (126, 224, 3)
    assert abs(large.shape[1] - 1400) < 12
    # Light blue around the mask: little red. What is inside and far is as the camera saw it.
    row = small[63].astype(int)
    assert (row[:, 0] - row[:, 2]).max() > 100
    assert abs(small[[5, 63], [5, 91]].astype(int) - 200).max() < 8  # JPEG
