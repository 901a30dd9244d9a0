# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import pytest

from cosme_ros.dds_profile import profile_path, profile_variable


@pytest.mark.parametrize(
    ("distribution", "variable"),
    [
        ("humble", "FASTRTPS_DEFAULT_PROFILES_FILE"),
        ("jazzy", "FASTRTPS_DEFAULT_PROFILES_FILE"),
        ("kilted", "FASTDDS_DEFAULT_PROFILES_FILE"),
        ("rolling", "FASTDDS_DEFAULT_PROFILES_FILE"),
    ],
)
def test_the_variable_is_the_one_that_the_distribution_reads(distribution, variable, monkeypatch):
    monkeypatch.setenv("ROS_DISTRO", distribution)
    assert profile_variable() == variable


@pytest.mark.parametrize(
    ("wheel", "variable"),
    [
        ("ros-fastrtps", "FASTRTPS_DEFAULT_PROFILES_FILE"),
        ("ros-fastdds", "FASTDDS_DEFAULT_PROFILES_FILE"),
    ],
)
def test_where_nothing_is_sourced_the_wheel_tells(wheel, variable, monkeypatch):
    from importlib.metadata import PackageNotFoundError

    def version(name: str) -> str:
        if name != wheel:
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.delenv("ROS_DISTRO", raising=False)
    monkeypatch.setattr("importlib.metadata.version", version)
    assert profile_variable() == variable


def test_the_profile_is_found_in_the_checkout():
    assert profile_path().is_file()
