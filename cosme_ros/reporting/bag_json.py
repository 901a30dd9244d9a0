# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""report.json: every figure of an evaluation, those of each frame included."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cosme_ros.atomic_files import write_atomically
from cosme_ros.bags.labelled_frames import LabelSettings
from cosme_ros.evaluation.results import BagFigures, FrameFigures
from cosme_ros.evaluation.settings import taken_for
from cosme_ros.evaluation.summary import BagEvaluation, Summary
from cosme_ros.evaluation.temporal_metrics import times

JSON_FILE = "report.json"
FORMAT = 1
"""Of the file; rises when a reader of an older one would misunderstand it."""


def write_json(folder: Path, evaluation: BagEvaluation) -> Path:
    """Write JSON_FILE to `folder`."""
    file = folder / JSON_FILE
    text = json.dumps(as_content(evaluation), indent=1, default=_as_text, allow_nan=False)
    write_atomically(file, text + "\n")
    return file


def as_content(evaluation: BagEvaluation) -> dict[str, Any]:
    """Return the content of JSON_FILE: shares 0..1, stamps in ns, times in s; null: unknown."""
    return {
        "format": FORMAT,
        "bundle": {
            "name": evaluation.bundle_name,
            "path": str(evaluation.bundle_path),
            "sha256": evaluation.bundle_digest,
            "alarm_threshold_raw_score": evaluation.alarm_threshold,
        },
        "settings": {"bundle": evaluation.bundle_path, **asdict(evaluation.settings)},
        "component_minimum_sizes": asdict(evaluation.sizes),
        "total": _summary(evaluation.total),
        "advised_rates": [
            {**asdict(rate), "setting": rate.setting} for rate in evaluation.advised_rates
        ],
        "bags": [
            _bag(bag, summary, evaluation.settings.labels)
            for bag, summary in zip(evaluation.bags, evaluation.by_bag, strict=True)
        ],
        "unreadable": [
            {
                "path": str(bag.path),
                "reason": bag.reason,
                "not_as_it_should_be": bag.warnings.sentences(),
            }
            for bag in evaluation.unreadable
        ],
        "outputs": {what: str(path) for what, path in evaluation.outputs.items()},
        "notes": list(evaluation.notes),
        "origin": evaluation.origin,
    }


def _summary(summary: Summary) -> dict[str, Any]:
    content = asdict(summary)
    for name in ("alarms", "alarms_where_nothing_is_wrong"):
        figures = getattr(summary, name)
        if figures is not None:
            content[name]["alarm_rate"] = figures.alarm_rate
            content[name]["time_in_alarm"] = figures.time_in_alarm
            content[name]["alarms_a_minute"] = figures.alarms_a_minute
    return content


def _bag(bag: BagFigures, summary: Summary, labels: LabelSettings) -> dict[str, Any]:
    return {
        "name": bag.name,
        "path": str(bag.path),
        "image_topic": bag.image_topic,
        "labels": bag.labels or None,
        "label_values": taken_for(labels, bag.label_values),
        "width": bag.width,
        "height": bag.height,
        "frames_expected": bag.expected,
        "interrupted": bag.interrupted,
        "not_as_it_should_be": bag.warnings.sentences(),
        "summary": _summary(summary),
        "obstacles": [{**asdict(o), "iou": o.iou} for o in bag.obstacles],
        "alarms_by_obstacle": None if bag.tracks is None else [asdict(t) for t in bag.tracks],
        "scores": {"edges": bag.scores.edges.tolist(), "counts": bag.scores.counts.tolist()},
        "frames": _columns(bag.frames),
    }


def _columns(frames: list[FrameFigures]) -> dict[str, list[Any]]:
    """Return the values of all frames by name: a tenth of a dictionary for each frame."""
    names = FrameFigures.__dataclass_fields__
    columns = {name: [getattr(frame, name) for frame in frames] for name in names}
    return {"seconds": times(frames), **columns}


def _as_text(value: object) -> str:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in {JSON_FILE}")
