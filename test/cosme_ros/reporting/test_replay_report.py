# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import json
import re

import pytest

from cosme_ros.metrics.anomaly_metrics import AnomalyMetrics
from cosme_ros.replay.evaluation import PixelResult, ReplayResult
from cosme_ros.replay.recording import DetectorCounts
from cosme_ros.replay.streaming_accuracy import FrameTimes, timeline
from cosme_ros.reporting.environment import describe_environment
from cosme_ros.reporting.html import Thumbnail, as_html
from cosme_ros.reporting.replay_page import TEMPLATE, page_content
from cosme_ros.reporting.replay_report import Table, as_text, report_of, tables

MS = 1_000_000


def pixels(share: float | None, frames: int = 4) -> PixelResult:
    metrics = share and AnomalyMetrics(share, share + 0.1, share - 0.1, 0.0, 0.5, 1.0)
    return PixelResult(metrics or None, frames, 90, 10 if share else 0)


def result(share: float | None = 0.5) -> ReplayResult:
    less = share and share - 0.2
    return ReplayResult(
        published=pixels(share, 2),
        mulmem=pixels(share, 2),
        auxcon=pixels(less, 2),
        offline=pixels(share),
        latency_aware=pixels(less),
        frames_before_first_result=1,
        published_equals_detector=True,
        largest_difference=0.0,
    )


# Four frames, 100 ms apart; the first and the third have a result, after 80 and 60 ms.
TIMES = timeline(
    [
        FrameTimes(0, 1, 80 * MS, 70 * MS),
        FrameTimes(100 * MS, 100 * MS + 1, None, None),
        FrameTimes(200 * MS, 200 * MS + 1, 260 * MS, None),
        FrameTimes(300 * MS, 300 * MS + 1, None, None),
    ]
)


def counts(received: int, dropped: int, failed: int = 0) -> DetectorCounts:
    return DetectorCounts(received, 2, dropped, failed, {"state": "active"})


def test_every_frame_is_accounted_for() -> None:
    report = report_of(result(), TIMES, counts(received=4, dropped=2))
    assert report["frames"] == {
        "played": 4,
        "in": 4,
        "out": 2,
        "dropped": 2,
        "failed": 0,
        "lost_before_the_detector": 0,
        "unaccounted_for": 0,
    }
    assert "Every frame that came in is out, dropped or failed" in as_text(tables(report))


def test_what_is_missing_is_told() -> None:
    report = report_of(result(), TIMES, counts(received=3, dropped=0))
    assert report["frames"]["lost_before_the_detector"] == 1
    assert report["frames"]["unaccounted_for"] == 1
    said = as_text(tables(report))
    assert "never reached the detector (its input is best effort): 1" in said
    assert "of the frames that came in 1 are neither out, dropped nor failed" in said


def test_times_and_ages() -> None:
    report = json.loads(json.dumps(report_of(result(), TIMES, counts(4, 2))))
    assert report["latency_ms"]["p50"] == pytest.approx(70.0)
    assert report["latency_ms"]["most"] == pytest.approx(80.0)
    assert report["latency_from"] == "stamp"
    aware = report["latency_aware"]
    assert aware["age_ms"]["p50"] == pytest.approx(100.0)
    assert aware["age_ms"]["most"] == pytest.approx(200.0)
    assert aware["frames_behind"] == {"1": 2, "2": 1}
    assert [row["judged_by_frame"] for row in report["timeline"]] == [None, 0, 0, 2]
    assert [row["latency_ms"] for row in report["timeline"]] == [80.0, None, 60.0, None]
    assert [row["seconds"] for row in report["timeline"]] == [0.0, 0.1, 0.2, 0.3]


def test_three_ways_of_judging_side_by_side() -> None:
    report = report_of(result(), TIMES, counts(4, 2))
    assert report["ap"] == 0.5 and report["offline"]["ap"] == 0.5
    assert report["latency_aware"]["ap"] == pytest.approx(0.3)
    assert report["auxcon_auroc"] == pytest.approx(0.4)
    (table,) = (table for table in tables(report) if table.title == "Detection")
    assert table.rows[0] == ("", "AP", "AUROC", "FPR95", "frames")
    assert [row[1:] for row in table.rows[1:4]] == [
        ("0.500", "0.600", "0.400", "4"),
        ("0.300", "0.400", "0.200", "4"),
        ("0.500", "0.600", "0.400", "2"),
    ]
    assert table.note.endswith("nothing had been found in them: 1.")


def test_without_labels_there_is_no_figure() -> None:
    report = report_of(result(None), TIMES, counts(4, 2))
    assert report["ap"] is None and report["latency_aware"]["ap"] is None
    assert "nothing to judge the scores by" in as_text(tables(report))


def test_text_has_straight_columns() -> None:
    text = as_text([Table("Title", (("", "long column"), ("long name", "1")), note="a note")])
    assert text.splitlines() == [
        "Title",
        "             long column",
        "  long name            1",
        "  a note",
    ]


def made(report: dict) -> dict:
    """With what `evaluate_recording` adds: how it was made."""
    return {
        **report,
        "provider": "cpu",
        "false_positive_rate": 0.001,
        "threads": 0,
        "playback_rate": 2.0,
        "bundle": {"name": "mine", "path": "/bundles/mine", "sha256": "ab" * 32},
        "bag": {"path": "/bags/<drive>", "image_topic": "/camera"},
        "command": "python -m cosme_ros replay_bag",
        "machine": describe_environment(),
    }


def shown(report: dict, **more) -> tuple[str, list[str]]:
    """The page, and the titles of its sections."""
    page = as_html(TEMPLATE, **page_content(made(report)), **{"video": "", "pictures": (), **more})
    return page, re.findall("<h2>(.*)</h2>", page)


def test_page_shows_the_figures_and_what_is_missing() -> None:
    page, titles = shown(report_of(result(), TIMES, counts(received=3, dropped=0)))
    warnings = "Not as it should be"
    assert titles == [warnings, "Frames", "Latency", "Detection", "How this was made"]
    tiles = re.findall('class="tile"><b>(.*?)</b>', page)
    assert tiles == ["0", "79 ms", "100 ms", "0.300"]
    assert "<small>offline 0.500</small>" in page
    found = re.findall("<li>(.*)</li>", page)
    assert len(found) == 2 and "never reached the detector" in found[0]
    assert "/bags/&lt;drive&gt;" in page and page.count("<svg") == 2


def test_page_without_labels_claims_nothing() -> None:
    page, titles = shown(report_of(result(None), TIMES, counts(4, 2)))
    assert titles == ["Frames", "Latency", "Detection", "How this was made"]
    assert "latency-aware AP" not in page
    detection = page[page.index("<h2>Detection") :]
    assert "<thead>" not in detection and "<thead>" in page


def test_page_begins_with_the_drive_and_tells_of_its_obstacles() -> None:
    obstacles = {
        "all": [
            {
                "number": 1,
                "scene": 2,
                "first_frame": 3,
                "first_area": 120,
                "largest_area": 900,
                "frames": 9,
                "frames_found": 4,
                "found_after": 5,
                "found_after_large": 1,
                "iou": 0.625,
            }
        ],
        "obstacles": 1,
        "found": 1,
        "median_iou_of_found": 0.625,
        "large": 1,
        "large_pixels": 400,
        "prompt_frames": 5,
        "large_found_promptly": 1,
        "normal_frames": 12,
        "false_alarms_on_normal_scenes": 0,
        "frames_with_false_alarms": 2,
        "labelled_frames": 20,
    }
    report = {**report_of(result(), TIMES, counts(4, 2)), "labelled_obstacles": obstacles}
    page, titles = shown(
        report,
        video="drive <1>.webm",
        pictures=(Thumbnail("frame0", b"small", b"large", "the median"),),
    )
    assert titles[:2] == ["The drive", "Worth a look"] and titles[-2] == "Obstacles"
    assert '<video src="drive &lt;1&gt;.webm" controls' in page
    assert '<a href="drive &lt;1&gt;.webm">' in page
    cells = ("1 (scene 2)", "3", "120", "900", "5", "4 of 9", "0.62")
    assert "".join(f"<td>{cell}</td>" for cell in cells) in page
    assert "<b>1 of 1</b>" in page
    assert page.index("<video") < page.index("Latency")
