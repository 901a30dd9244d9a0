# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The page of a replay: report.json's content, drawings, pictures and video."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cosme_ros.evaluation.obstacle_tracking import FOUND_SHARE
from cosme_ros.reporting import figures as charts
from cosme_ros.reporting.html import Thumbnail, write_html
from cosme_ros.reporting.replay_report import losses, static_mask_note, tables

TEMPLATE = "replay_report.html.j2"


def write_page(
    folder: Path,
    report: Mapping[str, Any],
    *,
    video: str = "",
    thumbnails: Sequence[Thumbnail] = (),
) -> Path:
    """Write a replay's page to `folder`.

    Args:
        folder: that receives it.
        report: the content of report.json.
        video: file name of the drive's video beside the page; empty: there is none.
        thumbnails: of the contact sheet.
    """
    return write_html(folder, TEMPLATE, **page_content(report), video=video, pictures=thumbnails)


def page_content(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what TEMPLATE shows, but for pictures and video."""
    rows = report["timeline"]
    known = [row for row in rows if row["judged_by_frame"] is not None]
    latencies = [row["latency_ms"] for row in rows if row["latency_ms"] is not None]
    seconds = [row["seconds"] for row in known]
    newest = [rows[row["judged_by_frame"]]["seconds"] for row in known]
    ages = [1000 * (now - then) for now, then in zip(seconds, newest, strict=True)]
    dropped = [row["seconds"] for row in rows if row["latency_ms"] is None]
    return {
        "report": report,
        "tables": tables(report),
        "warnings": _warnings(report),
        "static_mask": static_mask_note(report),
        "found_share": FOUND_SHARE,
        "latencies": charts.latencies(latencies),
        "ages": charts.ages_of_newest(seconds, ages, dropped) if known else "",
    }


def _warnings(report: Mapping[str, Any]) -> list[str]:
    frames = report["frames"]
    found = []
    if frames["failed"]:
        found.append(f"Frames that could not be processed: {frames['failed']}.")
    found += losses(frames)
    if not report["published_equals_detector"]:
        found.append(
            "The published scores differ from Detector.detect's by up to "
            f"{report['largest_difference_to_detector']:.3g}."
        )
    return found
