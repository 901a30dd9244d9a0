# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import subprocess
import sys
from pathlib import Path

import pytest

from cosme_ros.inference.provider_settings import PROVIDERS
from cosme_ros.parameters import (
    PARAMETERS,
    PARAMETERS_BY_NAME,
    PLAYER_PARAMETERS,
    RECORDER_PARAMETERS,
    ParameterError,
    Settings,
    check_settings,
)

DEFAULTS = {row.name: row.default for row in PARAMETERS}
REPOSITORY = Path(__file__).parents[2]
CONFIG = REPOSITORY / "config" / "detector.yaml"


def test_defaults_and_a_bundle_are_enough():
    settings = check_settings({**DEFAULTS, "bundle": "/bundles/street"})
    assert settings == Settings(bundle="/bundles/street")


def test_every_row_tells_what_it_is_for():
    for row in (*PARAMETERS, *PLAYER_PARAMETERS, *RECORDER_PARAMETERS):
        assert row.description.endswith("."), row.name
        row.check(row.default)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("bundle", "", "'bundle' is empty"),
        ("provider", "abacus", ", ".join(("auto", *PROVIDERS))),
        ("region", "moon", "everything, drivable"),
        ("image_transport", "Raw", "raw, compressed"),
        ("false_positive_rate", -0.1, "between 0.0 and 0.5"),
        ("false_positive_rate", 0.6, "between 0.0 and 0.5"),
        ("false_positive_rate", float("nan"), "nan"),
        ("false_positive_rate", 1, "of type float"),
        ("minimum_area", -1, "between 0 and"),
        ("minimum_area", True, "of type int"),
        ("max_image_pixels", 0, "between 1 and"),
        ("threads", -1, "between 0 and"),
        ("thread_affinity", "2", "places 1 threads and threads is 0"),
        ("cameras", "front,rear,front", "'front' is there twice"),
        ("cameras", "front/left", "cannot be part of a topic's name"),
        ("deadline", -0.1, "between 0.0 and 60.0"),
        ("deadline", 1, "of type float"),
        ("overlap", "on", "auto, always, never"),
        ("alarm_min_seen", 0, "between 1 and 100"),
        ("alarm_min_seen", 2, "must be 'alarm_window', 1, or less"),
        ("camera_pose", "urdf", "parameters, tf"),
        ("camera_height", -1.0, "between 0.0 and 100.0"),
        ("vehicle_frame", "", "'base_link'"),
        ("autostart", 1, "of type bool"),
        ("diagnostics_period", 0.01, "between 0.1 and"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(name, value, words):
    with pytest.raises(ParameterError) as caught:
        check_settings({**DEFAULTS, "bundle": "/bundles/street", name: value})
    assert name in str(caught.value)
    assert words in str(caught.value)


def test_an_alarm_over_several_frames_needs_obstacles_that_are_followed():
    values = {**DEFAULTS, "bundle": "/bundles/street", "alarm_min_seen": 3, "alarm_window": 5}
    with pytest.raises(ParameterError, match="'tracking' true is right with it"):
        check_settings(values)
    assert check_settings({**values, "tracking": True}).alarm_min_seen == 3


@pytest.mark.parametrize("row", PARAMETERS, ids=lambda row: row.name)
def test_bounds_are_inclusive(row):
    for bound in (row.minimum, row.maximum):
        if bound is not None:
            PARAMETERS_BY_NAME[row.name].check(type(row.default)(bound))


@pytest.mark.parametrize("row", PARAMETERS, ids=lambda row: row.name)
def test_every_choice_is_to_yaml_what_the_parameter_takes(row):
    """ROS reads parameters as YAML 1.1, in which on, off, yes and no are true and false."""
    yaml = pytest.importorskip("yaml")
    for choice in row.choices:
        assert yaml.safe_load(str(choice)) == choice


def test_the_shipped_file_holds_every_parameter_at_its_default():
    yaml = pytest.importorskip("yaml")
    assert yaml.safe_load(CONFIG.read_text()) == {"/**": {"ros__parameters": DEFAULTS}}


def test_generated_files_are_what_the_tables_say():
    for name in ("yaml", "rosbags"):
        pytest.importorskip(name)
    ended = subprocess.run(
        [sys.executable, ".ci/write_parameter_files.py", "--check"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_number_without_an_upper_limit_says_so():
    (rate,) = [row for row in PLAYER_PARAMETERS if row.name == "rate"]
    rate.check(1000.0)
    with pytest.raises(ParameterError, match=r"'rate' is 0\.0, but must be 1e-06 or more"):
        rate.check(0.0)


def test_a_pose_by_parameters_is_of_one_camera():
    values = {**DEFAULTS, "bundle": "/bundles/street", "cameras": "front,rear"}
    assert check_settings({**values, "camera_pose": "tf", "camera_height": 1.5})
    with pytest.raises(ParameterError, match=r"'camera_height' is of one camera, but .* names 2"):
        check_settings({**values, "camera_height": 1.5})
