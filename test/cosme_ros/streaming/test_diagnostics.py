# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import pytest

from cosme_ros import topics
from cosme_ros.health.measures import MEASURES
from cosme_ros.health.state import FrameHealth, HealthState
from cosme_ros.streaming.diagnostics import PENDING_KEY, Configured, Level, Positions, report
from cosme_ros.streaming.frame_statistics import Percentiles, Snapshot
from cosme_ros.streaming.score_drift import DriftReference, ScoreSpread

CONFIGURED = Configured(
    bundle="street (/bundles/street)",
    provider="cpu",
    false_positive_rate=0.001,
    threshold=0.25,
    drift=DriftReference(rare_rate=0.01, rare_score=0.1, common_rate=0.2, common_score=0.02),
    stall_warning=2.0,
    stall_error=5.0,
)
GOOD = Snapshot(
    received=102,
    processed=90,
    dropped=10,
    late=0,
    failed={},
    waiting=1,
    under_way=1,
    pending_age=0.05,
    masks_withheld=0,
    input_rate=10.0,
    output_rate=9.0,
    arrival_gap=Percentiles(100.0, 105.0, 110.0),
    age_at_start=Percentiles(0.5, 1.0, 2.0),
    latency=Percentiles(20.0, 30.0, 40.0),
    stamp_latency=None,
    spread=ScoreSpread(rare=0.012, common=0.21, constant=0.0),
    seconds_since_input=0.1,
    recent_processed=90,
    recent_late=0,
    recent_failures={},
    recent_masks_withheld=0,
)


def status(
    snapshot=GOOD,
    *,
    state="active",
    refusal=None,
    configured=CONFIGURED,
    missing_input_reason=None,
    transition_age=None,
    positions=None,
):
    return report(
        state=state,
        transition_age=transition_age,
        refusal=refusal,
        configured=configured,
        snapshot=snapshot,
        missing_input_reason=missing_input_reason,
        positions=positions,
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
        ({"spread": ScoreSpread(0.11, 0.5, 0.0)}, Level.WARN, "11.0% of the pixels"),
        ({"spread": ScoreSpread(0.09, 0.5, 0.0)}, Level.OK, "frames/s"),
        ({"spread": ScoreSpread(0.0, 0.0, 0.0)}, Level.WARN, "unknown, not clear"),
        ({"spread": ScoreSpread(0.0, 1.0, 0.1)}, Level.WARN, "same score at every pixel"),
        ({"pending_age": 2.1}, Level.WARN, "pending for 2.1 s without a result"),
        ({"pending_age": 5.1}, Level.ERROR, "pending for 5.1 s without a result"),
        ({"pending_age": 1.9}, Level.OK, "frames/s"),
        # A camera that has fallen silent meanwhile does not hide that its last frame hangs.
        ({"pending_age": 5.1, "seconds_since_input": 4.0}, Level.ERROR, "pending for 5.1 s"),
        ({"recent_processed": 0, "output_rate": 0.0}, Level.WARN, "2 frames pending, and no res"),
    ],
)
def test_levels(change, level, words):
    judged = status(replace(GOOD, **change), missing_input_reason="nobody publishes /a")
    assert judged.level == level
    assert words in judged.message


def test_silence_goes_before_what_was_right_before_it():
    silent = replace(GOOD, seconds_since_input=2.0, recent_failures={"score fault": 1})
    assert status(silent).level == Level.STALE


def test_a_transition_is_told_with_its_age_and_never_ok():
    going_on = status(
        None, state="configuring", configured=None, refusal="of before", transition_age=75.0
    )
    assert going_on.level == Level.WARN
    assert going_on.message == "configuring for 75.0 s: no obstacles are looked for"


def test_the_counters_in_the_status_add_up():
    values = status(replace(GOOD, late=4, failed={"wrong step": 2}, received=108)).values
    parts = (
        "frames processed",
        "frames dropped (a newer one came)",
        "frames late (older than the deadline)",
        "frames failed",
        "frames waiting",
        "frames under way",
    )
    assert int(values["frames received"]) == sum(int(values[part]) for part in parts)
    assert values[PENDING_KEY] == "0.050"


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


def test_the_share_that_is_not_looked_at_has_a_key_in_every_state_once_configured():
    assert report_of(CONFIGURED).values[topics.NOT_LOOKED_AT] == "0"
    masked = replace(CONFIGURED, not_looked_at=0.125)
    assert report_of(masked).values[topics.NOT_LOOKED_AT] == "0.125"
    assert report_of(masked, snapshot=None).values[topics.NOT_LOOKED_AT] == "0.125"
    withheld = report_of(masked, snapshot=replace(GOOD, recent_masks_withheld=3))
    assert withheld.level == Level.WARN
    assert withheld.message.startswith("no drivable area that is looked at in 3 frames")


def report_of(configured, snapshot=GOOD):
    return report(
        state="active",
        refusal=None,
        configured=configured,
        snapshot=snapshot,
        missing_input_reason=None,
    )


def test_obstacles_that_are_not_confirmed_are_counted_where_an_alarm_needs_several_frames():
    assert not {topics.ALARM_RULE, topics.UNCONFIRMED_OBSTACLES} & set(status().values)
    waiting = status(
        replace(GOOD, unconfirmed=2, unconfirmed_frames=7),
        configured=replace(CONFIGURED, alarm_rule="3 of 5"),
    )
    assert (waiting.level, waiting.message) == (
        Level.OK,
        "9.0 frames/s, 2 obstacles not confirmed",
    )
    assert waiting.values[topics.ALARM_RULE] == "3 of 5"
    assert waiting.values[topics.UNCONFIRMED_OBSTACLES] == "2"
    assert waiting.values[topics.UNCONFIRMED_FRAMES] == "7"


def health(state, **values):
    return replace(GOOD, health=FrameHealth(state, **values))


def test_health_is_a_value_of_each_measure_and_never_hides():
    count = len(MEASURES)
    good = status(health(HealthState.IN_DOMAIN, values=(1.5,) * count, excess=(0.0,) * count))
    assert good.level == Level.OK
    assert good.values[topics.HEALTH] == "in_domain" and good.values[topics.HEALTH_CAUSE] == ""
    for measure in MEASURES:
        assert good.values[topics.health_key(measure.name)] == "1.5"
        assert good.values[topics.health_excess_key(measure.name)] == "0.00"


def test_degraded_warns_and_out_of_domain_is_an_error_with_its_cause():
    cause = {"reason": "the image is dark", "measured": "brightness, 1.2 beyond calibration"}
    degraded = status(health(HealthState.DEGRADED, **cause))
    assert degraded.level == Level.WARN and "the image is dark" in degraded.message
    out = status(health(HealthState.OUT_OF_DOMAIN, **cause))
    assert out.level == Level.ERROR and "unknown, not clear" in out.message
    assert out.values[topics.HEALTH_CAUSE] == (
        "the image is dark (brightness, 1.2 beyond calibration)"
    )


def test_a_bundle_without_reference_says_so_and_is_no_fault():
    older = status(GOOD)
    assert (older.level, older.values[topics.HEALTH]) == (Level.OK, "no_reference")


def test_obstacles_without_a_place_that_is_asked_for_are_a_warning():
    lacking = status(positions=Positions(gap="nothing came on /camera/camera_info"))
    assert lacking.level == Level.WARN
    assert "no place on the road: nothing came on /camera/camera_info" in lacking.message
    assert lacking.values[topics.POSITIONS] == "unknown: nothing came on /camera/camera_info"
    known = status(positions=Positions(gap=None))
    assert (known.level, known.values[topics.POSITIONS]) == (Level.OK, "known")
    assert topics.POSITIONS not in status().values
    # A worse state stays what is said.
    worse = status(replace(GOOD, pending_age=9.0), positions=Positions(gap="no pose"))
    assert worse.level == Level.ERROR and "pending" in worse.message
