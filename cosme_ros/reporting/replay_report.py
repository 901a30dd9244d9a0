# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a replay comes to: as numbers for a file, and as tables for a page and for the terminal."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosme_ros.replay.evaluation import PixelResult, ReplayResult
from cosme_ros.replay.recording import DetectorCounts
from cosme_ros.replay.streaming_accuracy import Timeline

_NAMES = ("ap", "auroc", "fpr95")
_NO_LABELS = "No labels of both kinds, so nothing to judge the scores by."


@dataclass(frozen=True)
class Table:
    """A heading, and rows of words; the first row names the columns."""

    title: str
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    """What one has to know to read it."""


def report_of(result: ReplayResult, timeline: Timeline, counts: DetectorCounts) -> dict[str, Any]:
    """Return all numbers for report.json; metrics are None where there are no labels.

    `ap`, `auroc` and `fpr95` are of the published scores. Times are milliseconds unless their
    names say otherwise.
    """
    latencies, ages = timeline.latencies() * 1000, timeline.ages() * 1000
    behind = timeline.frames_behind()
    played, out = len(timeline.frames), len(latencies)
    return {
        **_metrics(result.published),
        **{f"mulmem_{name}": value for name, value in _metrics(result.mulmem).items()},
        **{f"auxcon_{name}": value for name, value in _metrics(result.auxcon).items()},
        "pixels": {
            "normal": result.published.normal_pixels,
            "anomalous": result.published.anomalous_pixels,
        },
        "labelled_frames": result.published.frames,
        "offline": {**_metrics(result.offline), "labelled_frames": result.offline.frames},
        "latency_aware": {
            **_metrics(result.latency_aware),
            "labelled_frames": result.latency_aware.frames,
            "frames_before_first_result": result.frames_before_first_result,
            "age_ms": _percentiles(ages),
            "frames_behind": {str(n): int((behind == n).sum()) for n in np.unique(behind)},
        },
        "published_equals_detector": result.published_equals_detector,
        "largest_difference_to_detector": result.largest_difference,
        "latency_ms": _percentiles(latencies),
        "latency_from": timeline.clock,
        "frames": {
            "played": played,
            "in": counts.received,
            "out": out,
            "dropped": counts.dropped,
            "failed": counts.failed,
            "lost_before_the_detector": max(0, played - counts.received),
            "unaccounted_for": counts.received - out - counts.dropped - counts.failed,
        },
        "timeline": _frame_by_frame(timeline),
        "diagnostics": counts.values,
    }


def tables(report: Mapping[str, Any]) -> list[Table]:
    """Return the content of a report, as `report_of` gives it, as tables of text."""
    frames, aware = report["frames"], report["latency_aware"]
    ways = (
        ("every frame at once (offline)", report["offline"]),
        ("every frame by the newest result there was", aware),
        ("frames with a result, by their own", report),
    )
    accounts = losses(frames)
    if not frames["unaccounted_for"]:
        accounts.append("Every frame that came in is out, dropped or failed.")
    parts = (("MulMem alone", "mulmem_"), ("AuxCon alone", "auxcon_"))
    found = [
        Table(
            "Frames",
            (
                ("played", "in", "out", "dropped", "failed"),
                tuple(str(frames[name]) for name in ("played", "in", "out", "dropped", "failed")),
            ),
            note=" ".join(accounts),
        ),
        Table(
            "Latency",
            (
                ("", "p50", "p95", "p99", "most"),
                ("until score and mask are there", *_cells(report["latency_ms"])),
                ("age of the newest result", *_cells(aware["age_ms"])),
            ),
            note="In milliseconds. The moment of a frame, from which all is counted, is its "
            f"{report['latency_from']}.",
        ),
    ]
    if report["offline"]["ap"] is None:
        return [*found, Table("Detection", (), note=_NO_LABELS)]
    obstacles = report.get("labelled_obstacles")
    return [
        *found,
        Table(
            "Detection",
            (
                ("", "AP", "AUROC", "FPR95", "frames"),
                *(
                    (title, *_shares(way[name] for name in _NAMES), str(way["labelled_frames"]))
                    for title, way in ways
                ),
                *(
                    (title, *_shares(report[prefix + name] for name in _NAMES), "")
                    for title, prefix in parts
                ),
            ),
            note="Frames before the first result, judged as if nothing had been found in them: "
            f"{aware['frames_before_first_result']}.",
        ),
        *([] if obstacles is None else [obstacle_table(obstacles)]),
    ]


def static_mask_note(report: Mapping[str, Any]) -> str:
    """Return a sentence on the static mask of a report; empty where there was none."""
    mask = report.get("static_mask")
    if mask is None:
        return ""
    return (
        f"{mask['hidden_share']:.1%} of the image is not looked at (static mask {mask['path']}): "
        "no obstacle is found there, and its labels are not judged"
    )


def obstacle_table(obstacles: Mapping[str, Any]) -> Table:
    """Return what became of each labelled obstacle, and of all in a note.

    `obstacles` are what `DriveObstacles.report` gives.
    """
    rows = [
        (
            f"{row['number']}" + ("" if row["scene"] is None else f" (scene {row['scene']})"),
            str(row["first_frame"]),
            str(row["first_area"]),
            str(row["largest_area"]),
            "never" if row["found_after"] is None else str(row["found_after"]),
            f"{row['frames_found']} of {row['frames']}",
            "-" if row["iou"] is None else f"{row['iou']:.2f}",
        )
        for row in obstacles["all"]
    ]
    columns = (
        "obstacle",
        "first seen in frame",
        "pixels then",
        "at most",
        "found after frames",
        "found in",
        "IoU",
    )
    iou = obstacles["median_iou_of_found"]
    note = (
        f"Found: {obstacles['found']} of {obstacles['obstacles']}. Of more than "
        f"{obstacles['large_pixels']} pixels: {obstacles['large']}, of these "
        f"{obstacles['large_found_promptly']} are found within {obstacles['prompt_frames']} frames "
        f"of being so large. Median IoU of those found: {'-' if iou is None else f'{iou:.2f}'}. "
        f"False alarms where nothing is wrong: {obstacles['false_alarms_on_normal_scenes']} in "
        f"{obstacles['normal_frames']} frames; "
        f"{obstacles['frames_with_false_alarms']} of all {obstacles['labelled_frames']} frames "
        "show one."
    )
    return Table("Obstacles", (columns, *rows), note=note)


def as_text(shown: Sequence[Table]) -> str:
    """Return the tables for the terminal."""
    blocks = []
    for table in shown:
        widths = [max(map(len, column)) for column in zip(*table.rows, strict=True)]
        lines = [table.title]
        for row in table.rows:
            first, *others = (
                cell.rjust(width) if place else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            lines.append("  " + "  ".join([first, *others]).rstrip())
        blocks.append("\n".join([*lines, *([f"  {table.note}"] if table.note else [])]))
    return "\n\n".join(blocks)


def _metrics(judged: PixelResult) -> dict[str, float | None]:
    found = judged.metrics
    values = (None,) * 3 if found is None else (found.average_precision, found.auroc, found.fpr95)
    return dict(zip(_NAMES, values, strict=True))


def _percentiles(values: NDArray[np.float64]) -> dict[str, float] | None:
    if not values.size:
        return None
    p50, p95, p99 = (float(value) for value in np.percentile(values, (50, 95, 99)))
    return {"p50": p50, "p95": p95, "p99": p99, "most": float(values.max())}


def _frame_by_frame(timeline: Timeline) -> list[dict[str, float | int | None]]:
    """Return time, latency and newest result of each frame, in the order of time."""
    rows: list[dict[str, float | int | None]] = []
    for frame, moment, newest in zip(
        timeline.frames, timeline.moments, timeline.newest, strict=True
    ):
        answered = None if frame.score is None else max(frame.score, frame.mask or 0) - moment
        rows.append(
            {
                "seconds": round((moment - timeline.moments[0]) * 1e-9, 6),
                "latency_ms": None if answered is None else round(answered * 1e-6, 3),
                "judged_by_frame": newest,
            }
        )
    return rows


def losses(frames: Mapping[str, int]) -> list[str]:
    """Return a sentence for each way in which frames were lost, of `frames` in a report."""
    sentences = []
    if frames["lost_before_the_detector"]:
        sentences.append(
            "Frames that were played and never reached the detector (its input is best effort): "
            f"{frames['lost_before_the_detector']}."
        )
    if frames["unaccounted_for"]:
        sentences.append(
            "The recording is not complete: of the frames that came in "
            f"{frames['unaccounted_for']} are neither out, dropped nor failed."
        )
    return sentences


def _cells(percentiles: Mapping[str, float] | None) -> tuple[str, ...]:
    if percentiles is None:
        return ("-",) * 4
    return tuple(f"{percentiles[name]:.1f}" for name in ("p50", "p95", "p99", "most"))


def _shares(values: Iterable[float | None]) -> tuple[str, ...]:
    return tuple("-" if value is None else f"{value:.3f}" for value in values)
