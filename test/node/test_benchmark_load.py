# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The benchmark's camera and listener, with the real detector between them."""

import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from helpers.tiny_bundle import street_frame

sys.path.append(str(Path(__file__).parents[1] / "benchmark"))
from load_process import DetectorUnderLoad

from cosme_ros.replay.subprocesses import ChildError


@pytest.fixture(scope="module")
def load(bundle):
    parameters = {"bundle": str(bundle), "provider": "cpu", "false_positive_rate": 0.1}
    with DetectorUnderLoad(parameters, np.stack([street_frame(64, 96)] * 2)) as running:
        yield running


def test_frames_one_at_a_time_are_all_answered(load):
    latencies = load.ask("ask", frames=5)["latencies"]
    assert len(latencies) == 5
    assert all(latency > 0 for latency in latencies)


def test_a_slow_camera_s_frames_come_back_in_order_and_are_counted(load):
    run = load.ask("play", frames=8, rate=4.0)
    assert run["sent"] == 8
    assert 0 < run["answered"] <= 8
    assert len(run["latencies"]) == len(run["arrivals"]) == run["answered"]
    assert run["arrivals"] == sorted(run["arrivals"])
    # It never sends early: the last of 8 is due after 7 periods.
    assert run["sent_rate"] <= 4.0 * 1.001
    assert min(run["sent_late"]) >= 0
    assert run["age_at_start_ms"]["p50"] >= 0


def test_publishing_is_timed_each_time(load):
    published = load.ask("publish", times=4)
    assert len(published["fill"]) == len(published["publish"]) == 4
    assert all(seconds > 0 for seconds in published["fill"] + published["publish"])


def test_the_process_that_is_watched_is_the_detector(load):
    assert "detector_node" in psutil.Process(load.pid).cmdline()


def test_a_detector_that_refuses_its_bundle_is_said_with_its_own_words(tmp_path):
    parameters = {"bundle": str(tmp_path / "none"), "provider": "cpu"}
    load = DetectorUnderLoad(parameters, street_frame(64, 96)[None], patience=5.0)
    with pytest.raises(ChildError, match="none does not exist"), load:
        pass
