# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The ratios, against numbers made by hand."""

import pytest
from ratios import ratios
from spread import spread


def times(*values):
    return spread(values)


@pytest.fixture
def tree():
    paper = {
        "detector": "Detector, cpu",
        "sessions_in_a_row": "3 sessions in a row, cpu",
        "multiply_adds": {"all": 250e9},
        "matrix_product": {"dtype": "float32", "multiply_adds": 10e9},
        "lower": {"int8": "Detector, cpu int8", "bfloat16": "Detector, openvino bfloat16"},
        "bfloat16_product": {"multiply_adds": 50e9},
        "milliseconds": {
            "Detector, cpu int8": times(1000.0, 2000.0, 1000.0),
            "Detector, openvino bfloat16": times(1500.0, 3000.0, 1600.0),
            "matrix product bfloat16": times(250.0, 500.0, 250.0),
            # The machine is half as fast in the second round, and everything with it.
            "Detector, cpu": times(2000.0, 4000.0, 2000.0),
            "PyTorch eager": times(9000.0, 18000.0, 8000.0),
            "3 sessions in a row, cpu": times(1900.0, 3800.0, 1950.0),
            "matrix product": times(50.0, 100.0, 56.0),
        },
    }
    larger = {**paper, "milliseconds": {"Detector, cpu": times(1.0)}}

    def run(p50, p99):
        return {"latency_ms": {"p50": p50, "p99": p99}}

    return {
        "networks": {"demo 360x640": larger, "paper 512x1024": paper, "paper 1024x2048": larger},
        "price": {
            "default 512x1024": {
                "provider": "cpu",
                "milliseconds": {"detector": times(1200.0, 2600.0), "teacher": times(1e3, 2e3)},
            },
            "paper 512x1024": {
                "provider": "cpu",
                "milliseconds": {"detector": times(1500.0), "teacher": times(1000.0)},
            },
        },
        "node": {
            "of": "demo",
            "rates": {
                "10 Hz": {"share_of_highest": None, "runs": [run(1.0, 9.0)]},
                "80 %": {"share_of_highest": 0.8, "runs": [run(50.0, 60.0), run(40.0, 60.0)]},
            },
            "detector_ms": {"runs": [{"p50": 40.0, "p99": 56.0}], "p50": 40.0, "p99": 56.0},
            "overhead": {
                "of": "paper 1024x2048, cpu",
                "milliseconds": {"node": times(8160.0), "detector": times(8000.0)},
            },
        },
        "growth": {
            "prototypes": {
                "of": "paper 512x1024, cpu",
                "milliseconds": {
                    "teacher": times(1200.0),
                    "K 512": times(100.0),
                    "K 4096": times(340.0),
                },
            }
        },
    }


def test_all_of_them_round_by_round(tree):
    found = ratios(tree)
    assert {name: ratio.values for name, ratio in found.items()} == {
        "speedup_over_torch_eager": [4.5, 4.5, 4.0],  # 9000 / 2000, 18000 / 4000, 8000 / 2000
        "int8_speedup_over_torch_eager": [9.0, 9.0, 8.0],
        "bfloat16_speedup_over_torch_eager": [6.0, 6.0, 5.0],
        # 50e9 in 250 ms is 200e9 a second; 250e9 would take 1250 ms.
        "bfloat16_over_floor": pytest.approx([1.2, 1.2, 1.28]),
        "detector_over_bare_sessions": pytest.approx([2000 / 1900, 2000 / 1900, 2000 / 1950]),
        # 10e9 in 50 ms is 200e9 a second; 250e9 would take 1250 ms of the 2000.
        "share_of_matrix_rate": pytest.approx([0.625, 0.625, 0.7]),
        "default_over_teacher": [1.2, 1.3],
        "paper_over_teacher": [1.5],
        "node_over_detector": [1.02],
        "p99_over_p50": [1.2, 1.5],
        "detector_p99_over_p50": [1.4],
        "memory_growth_over_teacher": [0.2],
    }
    assert found["share_of_matrix_rate"].of == "paper 512x1024, float32"
    assert found["default_over_teacher"].of == "default 512x1024, cpu"
    assert found["node_over_detector"].of == "paper 1024x2048, cpu"
    assert found["speedup_over_torch_eager"].described() == {
        "median": 4.5,
        "q25": 4.25,
        "q75": 4.5,
        "runs": 3,
        "values": [4.5, 4.5, 4.0],
        "of": "paper 512x1024",
    }


def test_nothing_measured_gives_nothing():
    assert ratios({}) == {}


def test_a_detector_that_failed_has_no_ratios(tree):
    timed = tree["networks"]["paper 512x1024"]["milliseconds"]
    timed["Detector, cpu"] = {"failed": "RuntimeError: x"}
    assert not ratios(tree).keys() & {"speedup_over_torch_eager", "share_of_matrix_rate"}


def test_what_ran_in_the_first_round_only_is_compared_with_that_round(tree):
    tree["networks"]["paper 512x1024"]["milliseconds"]["PyTorch eager"] = times(90000.0)
    assert ratios(tree)["speedup_over_torch_eager"].values == [45.0]


def test_sessions_that_were_not_run_are_not_taken_for_ones_that_take_no_time(tree):
    del tree["networks"]["paper 512x1024"]["milliseconds"]["3 sessions in a row, cpu"]
    found = ratios(tree)
    assert "detector_over_bare_sessions" not in found
    assert found["speedup_over_torch_eager"].values == [4.5, 4.5, 4.0]


def test_a_run_at_smaller_sizes_takes_the_largest_of_them_and_says_so(tree):
    tree["networks"] = {"paper 128x256": tree["networks"]["paper 512x1024"]}
    assert ratios(tree)["speedup_over_torch_eager"].of == "paper 128x256"
