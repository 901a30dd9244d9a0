# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import pytest

from cosme_ros.streaming.diagnostics import Configured, Level, report
from cosme_ros.streaming.frame_statistics import Percentiles, Snapshot

CONFIGURED = Configured(
    bundle="street (/bundles/street)",
    provider="cpu",
    false_positive_rate=0.001,
    threshold=0.25,
    drift_rate=0.01,
)
GOOD = Snapshot(
    received=100,
    processed=90,
    dropped=10,
    late=0,
    failed={},
    masks_withheld=0,
    input_rate=10.0,
    output_rate=9.0,
    arrival_gap=Percentiles(100.0, 105.0, 110.0),
    age_at_start=Percentiles(0.5, 1.0, 2.0),
    latency=Percentiles(20.0, 30.0, 40.0),
    stamp_latency=None,
    drift_share=0.012,
    seconds_since_input=0.1,
    recent_processed=90,
    recent_late=0,
    recent_failures={},
    recent_masks_withheld=0,
)


def status(
    snapshot=GOOD, *, state="active", refusal=None, configured=CONFIGURED, missing_input_reason=None
):
    return report(
        state=state,
        refusal=refusal,
        configured=configured,
        snapshot=snapshot,
        missing_input_reason=missing_input_reason,
    )


def test_a_working_detector_is_ok_and_dropping_is_no_fault():
    good = status()
    assert (good.level, good.message) == (Level.OK, "9.0 frames/s")
    assert good.values["latency from arrival p95 (ms)"] == "30.00"
    assert good.values["frames dropped (a newer one came)"] == "10"
    assert good.values["provider"] == "cpu"
    assert good.values["score drift (share of pixels)"] == "0.012"
    assert not [key for key in good.values if key.startswith("latency from stamp")]


@pytest.mark.parametrize("state", ["unconfigured", "inactive", "finalized"])
def test_a_detector_that_does_not_work_is_never_ok(state):
    configured = CONFIGURED if state == "inactive" else None
    resting = status(None, state=state, configured=configured)
    assert resting.level == Level.WARN
    assert resting.message.startswith(state)


def test_a_refused_configuration_is_an_error_with_its_sentence():
    refused = status(
        None, state="unconfigured", configured=None, refusal="cannot configure: x is missing"
    )
    assert refused.level == Level.ERROR
    assert "x is missing" in refused.message


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({"seconds_since_input": 1.5}, Level.STALE, "no image for 1.5 s: nobody publishes /a"),
        (
            {"recent_failures": {"score fault": 1, "wrong step": 2}},
            Level.ERROR,
            "1 x score fault, 2 x wrong step",
        ),
        (
            {"recent_failures": {"truncated data": 3}, "recent_processed": 0},
            Level.ERROR,
            "3 x truncated data",
        ),
        ({"recent_failures": {"truncated data": 3}}, Level.WARN, "3 x truncated data"),
        ({"recent_late": 5}, Level.WARN, "5 x older than the deadline"),
        ({"recent_late": 5, "recent_processed": 0}, Level.ERROR, "5 x older than the deadline"),
        (
            {"recent_late": 5, "recent_failures": {"wrong step": 2}},
            Level.WARN,
            "2 x wrong step, 5 x older than the deadline",
        ),
        ({"recent_masks_withheld": 4}, Level.WARN, "no drivable area in 4 frames"),
        ({"drift_share": 0.11}, Level.WARN, "11.0% of the pixels"),
        ({"drift_share": 0.09}, Level.OK, "frames/s"),
    ],
)
def test_levels(change, level, words):
    judged = status(replace(GOOD, **change), missing_input_reason="nobody publishes /a")
    assert judged.level == level
    assert words in judged.message


def test_silence_goes_before_what_was_right_before_it():
    silent = replace(GOOD, seconds_since_input=2.0, recent_failures={"score fault": 1})
    assert status(silent).level == Level.STALE


def test_failures_are_counted_by_reason():
    values = status(replace(GOOD, failed={"wrong step": 2, "truncated data": 3})).values
    assert values["frames failed"] == "5"
    assert values["frames failed: wrong step"] == "2"
    assert values["frames failed: truncated data"] == "3"


def test_late_frames_have_a_count_of_their_own():
    values = status(replace(GOOD, late=4)).values
    assert values["frames late (older than the deadline)"] == "4"
    assert values["frames dropped (a newer one came)"] == "10"
    assert values["frames failed"] == "0"


def test_levels_are_those_of_the_message():
    messages = pytest.importorskip("diagnostic_msgs.msg")
    for level in Level:
        assert getattr(messages.DiagnosticStatus, level.name) == bytes([level])
