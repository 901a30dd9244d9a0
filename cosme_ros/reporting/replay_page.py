# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A replay as a page: what a vehicle would have had."""

from collections.abc import Mapping
from typing import Any

from cosme_ros.evaluation.obstacle_tracking import FOUND_SHARE
from cosme_ros.reporting import figures as charts
from cosme_ros.reporting.html import Figure, Page, Section, Table, Thumbnail, Tile
from cosme_ros.reporting.replay_report import LATENCY, OBSTACLES, tables
from cosme_ros.visualization.text import counted

_EXPLANATIONS = {
    "Detection": "By the time that a frame is processed the world has moved on. Each labelled "
    "frame is therefore judged by the newest result that had been published at its moment, as in "
    "Li, Wang and Ramanan, Towards Streaming Perception, ECCV 2020: even the fastest detector is "
    "judged by what it said of the frame before. Beside it stand the figures that no latency and "
    "no dropped frame would give.",
    OBSTACLES: "A labelled obstacle is a connected anomalous region, followed from frame to frame "
    f"by overlap. A frame finds it where the mask covers {100 * FOUND_SHARE:.0f} % of it or more. "
    "Its IoU is the median of the frames that find it.",
}


def as_page(
    report: Mapping[str, Any], *, video: str = "", thumbnails: tuple[Thumbnail, ...] = ()
) -> Page:
    """Make a page of a replay.

    Args:
        report: that of report.json: `replay_report.report_of`, and how it was made.
        video: file name of the drive's video beside the page; empty: there is none.
        thumbnails: of the contact sheet.
    """
    frames = report["frames"]
    sections = [
        Section(
            title=table.title,
            paragraphs=tuple(filter(None, (_EXPLANATIONS.get(table.title), table.note))),
            figures=_figures(report) if table.title == LATENCY else (),
            tables=(Table(table.rows[0], table.rows[1:]),) if table.rows else (),
        )
        for table in tables(report)
    ]
    return Page(
        title=f"Replay of {report['bag']['path']}",
        lead=f"{counted(frames['played'], 'frame')} through the live node at "
        f"{report['playback_rate']:g} x the speed of recording, bundle {report['bundle']['name']}, "
        f"provider {report['provider']}: what a vehicle would have had.",
        tiles=_tiles(report),
        warnings=_warnings(report),
        sections=(*_drive(video, thumbnails), *sections),
        facts=_facts(report),
    )


def _drive(video: str, thumbnails: tuple[Thumbnail, ...]) -> tuple[Section, ...]:
    if not video and not thumbnails:
        return ()
    colours = (
        "Left the camera frame: light blue outlines what the detector has found, orange what is "
        "labelled. Right the anomaly score."
    )
    return (
        Section("The drive", (colours,), video=video),
        *(
            [Section("Worth a look", ("Click to enlarge.",), thumbnails=thumbnails)]
            if thumbnails
            else []
        ),
    )


def _tiles(report: Mapping[str, Any]) -> tuple[Tile, ...]:
    frames, aware, offline = report["frames"], report["latency_aware"], report["offline"]
    tiles = [
        Tile(
            f"{frames['dropped']}",
            "frames dropped",
            f"of {frames['in']} that came in; {frames['out']} have a result",
        ),
        Tile(
            f"{report['latency_ms']['p95']:.0f} ms",
            "latency, p95",
            f"p50 {report['latency_ms']['p50']:.0f} ms, p99 {report['latency_ms']['p99']:.0f} ms",
        ),
    ]
    if aware["age_ms"] is not None:
        tiles.append(
            Tile(
                f"{aware['age_ms']['p50']:.0f} ms",
                "age of the newest result, p50",
                f"p95 {aware['age_ms']['p95']:.0f} ms",
            )
        )
    obstacles = report.get("labelled_obstacles")
    if obstacles is not None and obstacles["large"]:
        tiles.append(
            Tile(
                f"{obstacles['large_found_promptly']} of {obstacles['large']}",
                "obstacles found in time",
                f"those of more than {obstacles['large_pixels']} pixels, within "
                f"{obstacles['prompt_frames']} frames",
            )
        )
    if aware["ap"] is not None:
        tiles.append(Tile(f"{aware['ap']:.3f}", "latency-aware AP", f"offline {offline['ap']:.3f}"))
    return tuple(tiles)


def _warnings(report: Mapping[str, Any]) -> tuple[str, ...]:
    frames = report["frames"]
    found = []
    if frames["failed"]:
        found.append(f"Frames that could not be processed: {frames['failed']}.")
    if frames["lost_before_the_detector"]:
        found.append(
            "Frames that were played and never reached the detector: "
            f"{frames['lost_before_the_detector']}."
        )
    if frames["unaccounted_for"]:
        found.append(
            f"The recording is not complete: of the frames that came in "
            f"{frames['unaccounted_for']} are neither out, dropped nor failed."
        )
    if not report["published_equals_detector"]:
        found.append(
            "The published scores differ from Detector.detect's by up to "
            f"{report['largest_difference_to_detector']:.3g}."
        )
    return tuple(found)


def _figures(report: Mapping[str, Any]) -> tuple[Figure, ...]:
    rows = report["timeline"]
    known = [row for row in rows if row["judged_by_frame"] is not None]
    figures = [
        Figure(
            charts.latencies([r["latency_ms"] for r in rows if r["latency_ms"] is not None]),
            "Until score and mask are there.",
        )
    ]
    if known:
        figures.append(
            Figure(
                charts.ages_of_newest(
                    [row["seconds"] for row in known],
                    [
                        1000 * (row["seconds"] - rows[row["judged_by_frame"]]["seconds"])
                        for row in known
                    ],
                    [row["seconds"] for row in rows if row["latency_ms"] is None],
                ),
                "How long before each frame the one was taken that the newest result shows.",
            )
        )
    return tuple(figures)


def _facts(report: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    bundle, machine = report["bundle"], report["machine"]
    return (
        ("bag", f"{report['bag']['path']}, pictures on {report['bag']['image_topic']}"),
        ("played", f"at {report['playback_rate']:g} x its speed"),
        ("bundle", f"{bundle['name']}, {bundle['path']}, SHA-256 {bundle['sha256']}"),
        ("false-positive rate", f"{report['false_positive_rate']:g}"),
        ("provider, threads", f"{report['provider']}, {report['threads']}"),
        ("command", report["command"]),
        ("machine", f"{machine['processor']}, {machine['cores']} cores, {machine['system']}"),
        (
            "versions",
            ", ".join(
                [f"Python {machine['python']}"]
                + [f"{name} {version}" for name, version in machine["libraries"].items()]
            ),
        ),
    )
