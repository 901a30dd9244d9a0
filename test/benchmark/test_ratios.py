"""The ratios, against numbers made by hand."""

import pytest
from ratios import ratios


def median(value):
    return {"median": value, "q25": value, "q75": value, "runs": 3}


@pytest.fixture
def tree():
    sessions = [f"session {graph}, cpu" for graph in ("teacher", "student", "memory")]
    paper = {
        "detector": "Detector, cpu",
        "bare_sessions": sessions,
        "multiply_adds": {"all": 250e9},
        "matrix_product": {"dtype": "float32", "multiply_adds": 10e9},
        "milliseconds": {
            "Detector, cpu": median(2000.0),
            "PyTorch eager": median(9000.0),
            **dict(zip(sessions, (median(1200.0), median(600.0), median(100.0)), strict=True)),
            "matrix product": median(50.0),
        },
    }
    larger = {**paper, "milliseconds": {"Detector, cpu": median(1.0)}}
    return {
        "networks": {"demo 360x640": larger, "paper 512x1024": paper, "paper 1024x2048": larger},
        "node": {
            "of": "demo",
            "rates": {
                "10 Hz": {"share_of_highest": None, "latency_ms": {"p50": 1.0, "p99": 9.0}},
                "80 %": {"share_of_highest": 0.8, "latency_ms": {"p50": 50.0, "p99": 60.0}},
            },
            "overhead": {
                "of": "paper 1024x2048, cpu",
                "milliseconds": {"node": median(8160.0), "detector": median(8000.0)},
            },
        },
        "growth": {
            "prototypes": {
                "of": "paper 512x1024, cpu",
                "milliseconds": {
                    "teacher": median(1200.0),
                    "K 512": median(100.0),
                    "K 4096": median(340.0),
                },
            }
        },
    }


def test_all_of_them(tree):
    values, sources = ratios(tree)
    assert values == {
        "speedup_over_torch_eager": 4.5,  # 9000 / 2000
        "detector_over_bare_sessions": pytest.approx(2000 / 1900, abs=5e-5),
        # 10e9 in 50 ms is 200e9 a second; 250e9 would take 1250 ms of the 2000.
        "share_of_matrix_rate": 0.625,
        "node_over_detector": 1.02,
        "p99_over_p50": 1.2,
        "memory_growth_over_teacher": 0.2,
    }
    assert sources.keys() == values.keys()
    assert sources["share_of_matrix_rate"] == "paper 512x1024, float32"
    assert sources["node_over_detector"] == "paper 1024x2048, cpu"


def test_nothing_measured_gives_nothing():
    assert ratios({}) == ({}, {})


def test_a_detector_that_failed_has_no_ratios(tree):
    times = tree["networks"]["paper 512x1024"]["milliseconds"]
    times["Detector, cpu"] = {"failed": "RuntimeError: x"}
    values, _ = ratios(tree)
    assert not values.keys() & {"speedup_over_torch_eager", "share_of_matrix_rate"}


def test_a_session_that_is_missing_is_not_taken_for_one_that_takes_no_time(tree):
    del tree["networks"]["paper 512x1024"]["milliseconds"]["session student, cpu"]
    values, _ = ratios(tree)
    assert "detector_over_bare_sessions" not in values
    assert values["speedup_over_torch_eager"] == 4.5


def test_a_run_at_smaller_sizes_takes_the_largest_of_them_and_says_so(tree):
    tree["networks"] = {"paper 128x256": tree["networks"]["paper 512x1024"]}
    _, sources = ratios(tree)
    assert sources["speedup_over_torch_eager"] == "paper 128x256"
