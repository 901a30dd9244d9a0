# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""When a node that gives no results has to end."""

from cosme_ros.streaming.frame_statistics import Progress
from cosme_ros.streaming.stall_watch import StallWatch


def progress(*, processed=1, pending=0.0, failing=0.0):
    return Progress(processed, 0, pending, failing)


def ends(*cameras, limit=5.0, looks=2):
    """The reason after so many looks that see the same."""
    watch = StallWatch()
    return [watch.reason_to_end(cameras, limit) for _ in range(looks)][-1]


def test_what_hangs_ends_when_it_is_seen_a_second_time():
    hanging = progress(pending=5.1)
    assert ends(hanging, looks=1) is None
    assert ends(hanging) == "frames have been pending for 5.1 s without a result"
    assert ends(progress(pending=5.0)) is None
    assert ends(hanging, limit=0.0) is None


def test_a_process_that_was_stopped_and_goes_on_does_not_end():
    watch = StallWatch()
    for pending in (0.0, 600.0, 0.0, 600.0):
        assert watch.reason_to_end([progress(pending=pending)], 5.0) is None
    assert watch.reason_to_end([progress(pending=601.0)], 5.0) is not None


def test_a_frame_that_waits_while_another_camera_has_results_is_no_hang():
    assert ends(progress(pending=9.0), progress(pending=0.2)) is None
    assert ends(progress(pending=9.0), progress(pending=6.0)) is not None
    assert ends(progress(pending=9.0), progress()) is not None, "the other sends nothing"


def test_nothing_ends_before_a_first_result_of_any_camera():
    assert ends(progress(processed=0, pending=99.0)) is None
    assert ends(progress(processed=0, failing=99.0)) is None
    assert ends(progress(processed=0, pending=99.0), progress(processed=3)) is not None


def test_frames_that_all_fail_end_it():
    reason = "every frame has failed for 6.0 s by an unexpected error"
    assert ends(progress(failing=6.0)) == reason
    assert ends(progress(failing=6.0), progress(failing=0.0)) == reason
    assert ends(progress(failing=4.0), progress(failing=6.0)) is None
