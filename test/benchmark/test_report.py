# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The page: what was measured stands in it, and what was not leaves no empty tables."""

from report import report


def number(value, runs=3):
    return {"median": value, "q25": value - 1, "q75": value + 1, "runs": runs}


def test_nothing_measured_is_a_head_that_says_so():
    page = report({"machine": {"processor": "a processor"}, "left_out": {"node": "no ROS"}})
    assert "a processor" in page
    assert "Not complete" in page
    assert "Left out: node: no ROS." in page
    assert "|" not in page and "##" not in page


def test_a_network_s_table_has_the_fastest_first():
    network = {
        "multiply_adds": {"all": 2.2e9},
        "matrix_product": {"multiply_adds": 5e9, "dtype": "float32"},
        "milliseconds": {
            "eager": number(90.0),
            "one": number(30.0),
            "two": number(12.5, runs=1),
            "matrix product": number(60.0),
            "compiled": {"failed": "RuntimeError: no compiler"},
        },
        "score_error": {"eager": {"mean": 1e-6, "largest": 2e-5}},
        "missing": {"cuda": "not here"},
    }
    page = report({"complete": True, "networks": {"paper 64x128": network}})
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows[2:]] == [
        "two",
        "one",
        "matrix product: 5.0 x 10^9, float32",
        "eager",
        "compiled",
    ]
    assert "| two | 12.5 (once) |" in page
    assert "| one | 30 (29 to 31) |" in page
    assert "| eager | 90 (89 to 91) | 1.0e-06 / 2.0e-05 |" in page
    assert "failed: RuntimeError: no compiler" in page
    assert "- cuda: not here" in page
    assert "Not complete" not in page


def test_a_run_of_the_node_without_an_answer_still_has_a_row():
    run = {
        "rate_hz": 30.0,
        "answered": 0,
        "sent": 100,
        "latency_ms": None,
        "jitter_ms": None,
        "age_at_start_ms": None,
        "starts_within_a_period": False,
        "processor_cores": 1.5,
        "memory_mb": 200.0,
    }
    page = report({"node": {"of": "demo", "most_loss": 0.01, "rates": {"30 Hz": run}}})
    assert "| 30 Hz | 30.00 | 0/100 |  |  |  | no | 1.50 | 200 |" in page
