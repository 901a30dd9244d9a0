# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from cosme_ros.calibration.guarantee import (
    counting_sentence,
    guarantee_status,
    static_mask_sentence,
    temporal_sentence,
)
from cosme_ros.parameters import Settings

GUARANTEE = {
    "false_positive_rate": 2e-5,
    "false_alarms_per_hour": 1.0,
    "confidence": 0.95,
    "alarm_gap": 2.0,
    "region": "drivable",
    "minimum_area": 100,
}
CALIBRATION = {"promise": GUARANTEE}


def test_the_guarantee_is_said_where_it_holds() -> None:
    kept = Settings(false_positive_rate=2e-5, region="drivable", minimum_area=100)
    assert guarantee_status(CALIBRATION, kept) == (
        "no more than 1 false alarm(s) an hour guaranteed at 95 % confidence, on drives like those "
        "of the calibration",
        True,
    )


def test_an_alarm_that_needs_several_frames_voids_it() -> None:
    """With fewer frames between them, alarms that a gap has joined can count as several."""
    later = Settings(
        false_positive_rate=2e-5,
        region="drivable",
        minimum_area=100,
        tracking=True,
        alarm_min_seen=3,
        alarm_window=5,
    )
    sentence, holds = guarantee_status(CALIBRATION, later) or ("", True)
    assert "but for alarm_min_seen 1 (it is 3): the guarantee does not hold" in sentence
    assert not holds


def test_other_settings_void_it() -> None:
    other = Settings(false_positive_rate=2e-5, region="everything", minimum_area=64)
    assert guarantee_status(CALIBRATION, other) == (
        "no more than 1 false alarm(s) an hour guaranteed at 95 % confidence, but for region "
        "drivable (it is everything) and minimum_area 100 (it is 64): the guarantee does not hold",
        False,
    )


def test_it_is_of_one_camera() -> None:
    kept = {"false_positive_rate": 2e-5, "region": "drivable", "minimum_area": 100}
    assert guarantee_status(CALIBRATION, Settings(**kept, cameras="front"))[1]
    assert guarantee_status(CALIBRATION, Settings(**kept, cameras="front,rear,left")) == (
        "no more than 1 false alarm(s) an hour guaranteed at 95 % confidence, but for one camera "
        "(there are 3): the guarantee does not hold",
        False,
    )


def test_it_is_of_one_static_mask() -> None:
    kept = Settings(false_positive_rate=2e-5, region="drivable", minimum_area=100)
    masked = {"promise": {**GUARANTEE, "static_mask": "a" * 64}}
    assert guarantee_status(masked, kept, static_mask_sha256="a" * 64)[1]
    for calibration, given, names in (
        (masked, "", f"the static mask with SHA-256 {'a' * 64} (it is no static mask)"),
        (CALIBRATION, "b" * 64, f"no static mask (it is the static mask with SHA-256 {'b' * 64})"),
    ):
        sentence, holds = guarantee_status(calibration, kept, static_mask_sha256=given)
        assert not holds and f"but for {names}: the guarantee does not hold" in sentence


def test_nothing_is_said_of_another_rate_or_without_a_guarantee() -> None:
    assert guarantee_status(CALIBRATION, Settings(false_positive_rate=1e-5)) is None
    assert guarantee_status({"table": []}, Settings()) is None


def test_alarms_counted_otherwise_are_told() -> None:
    assert counting_sentence(CALIBRATION, 5.0) == (
        "the bundle's guarantee of 1 false alarm(s) an hour counts alarms by a gap of 2 s, and "
        "here it is 5 s; --alarm-gap 2 counts as it does"
    )
    assert counting_sentence(CALIBRATION, 2.0) is None
    assert counting_sentence({"table": []}, 5.0) is None


def test_a_line_measured_on_single_frames_is_none_for_scores_over_time() -> None:
    kept = {"false_positive_rate": 2e-5, "region": "drivable", "minimum_area": 100}
    over_time = {"promise": {**GUARANTEE, "temporal": "flow"}}
    assert temporal_sentence(CALIBRATION, temporal="none", false_positive_rate=2e-5) is None
    assert temporal_sentence({"table": []}, temporal="none", false_positive_rate=1e-3) is None
    assert temporal_sentence(over_time, temporal="flow", false_positive_rate=2e-5) is None
    assert guarantee_status(over_time, Settings(**kept, temporal="flow"))[1]
    assert guarantee_status(CALIBRATION, Settings(**kept, temporal="flow")) == (
        "no more than 1 false alarm(s) an hour guaranteed at 95 % confidence, but for temporal "
        "none (it is flow): the guarantee does not hold",
        False,
    )
    assert temporal_sentence(over_time, temporal="none", false_positive_rate=2e-5) == (
        "temporal is 'none', and the bundle's calibration was measured with 'flow': "
        "false_positive_rate 2e-05 is not the share of normal pixels that alarm, and no number of "
        "false alarms is guaranteed; calibrate the bundle with --temporal none"
    )


def test_a_bundle_fitted_with_another_static_mask_is_named() -> None:
    fitted = {"static_mask": {"sha256": "a" * 64, "hidden_share": 0.1}}
    assert static_mask_sentence({}, static_mask_sha256="b" * 64) is None
    assert static_mask_sentence(fitted, static_mask_sha256="a" * 64) is None
    sentence = static_mask_sentence(fitted, static_mask_sha256="")
    assert sentence is not None and "and it is no static mask" in sentence
