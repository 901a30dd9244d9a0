# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from cosme_ros.tracking.continuity import Continuity


def breaks(stamps_s, scenes=None) -> list[bool]:
    continuity = Continuity()
    scenes = scenes or [None] * len(stamps_s)
    return [
        continuity.breaks(round(stamp * 1e9), scene)
        for stamp, scene in zip(stamps_s, scenes, strict=True)
    ]


def test_a_gap_interrupts_and_dropped_frames_do_not() -> None:
    assert breaks([0, 0.1, 0.2, 1.1, 1.2, 2.3, 2.4]) == [False] * 5 + [True, False]


def test_time_that_goes_back_interrupts() -> None:
    assert breaks([5, 5.1, 0, 0.1]) == [False, False, True, False]


def test_a_cut_interrupts_without_a_gap() -> None:
    assert breaks([0, 0.1, 0.2, 0.3], [1, 1, 2, 2]) == [False, False, True, False]


def test_stamps_that_nobody_sets_do_not_interrupt() -> None:
    assert breaks([0, 0, 0]) == [False] * 3


def test_a_slow_detector_is_not_interrupted_by_its_own_period() -> None:
    """Else nothing would ever be seen in two frames, and with k of n never alarm."""
    stamps = [3.0 * frame for frame in range(6)]
    assert breaks(stamps) == [False, True, False, False, False, False]
    assert breaks([*stamps, 35.0])[-1]
