# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The page of an evaluation on bags: report.json's content, drawings and pictures."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cosme_ros.bundle.calibration_table import decimal_rate
from cosme_ros.evaluation.advised_rates import NO_SUCH_RATE
from cosme_ros.evaluation.gallery import ALARM, FALSE_ALARM, HIGHEST, LAPSE, MISS, Picture
from cosme_ros.evaluation.obstacle_tracking import FOUND_SHARE
from cosme_ros.evaluation.results import BagFigures, interruption, named, pooled_scores
from cosme_ros.evaluation.summary import BagEvaluation
from cosme_ros.evaluation.temporal_metrics import times
from cosme_ros.reporting import figures as charts
from cosme_ros.reporting.bag_json import as_content
from cosme_ros.reporting.html import Thumbnail, write_html
from cosme_ros.visualization.text import counted

TEMPLATE = "bag_report.html.j2"
MOST_OBSTACLE_ROWS = 200
DRIFT_FACTOR = 10
"""Times the calibrated share from which on the page warns, as the node's diagnostics do."""


def write_page(folder: Path, evaluation: BagEvaluation) -> Path:
    """Write the evaluation's page to `folder`."""
    return write_html(folder, TEMPLATE, **page_content(evaluation))


def page_content(evaluation: BagEvaluation) -> dict[str, Any]:
    """Return what TEMPLATE shows."""
    total, bags, settings = evaluation.total, evaluation.bags, evaluation.settings
    pictures = _chosen_pictures(evaluation)
    anchors = {
        id(picture): f"picture{number}"
        for number, picture in enumerate(p for chosen in pictures.values() for p in chosen)
    }
    obstacles = [(bag.name, obstacle) for bag in bags for obstacle in bag.obstacles]
    left_out = len(obstacles) - MOST_OBSTACLE_ROWS
    curves: Sequence[str] = ()
    if total.pixels is not None and evaluation.curve is not None:
        curves = charts.curves(total.pixels, evaluation.curve)
    return {
        "report": as_content(evaluation),
        "warnings": _warnings(evaluation),
        "found_share": FOUND_SHARE,
        "highest_peak": max(frame.peak for bag in bags for frame in bag.frames),
        "timelines": [_timeline(number, bag, pictures, anchors) for number, bag in enumerate(bags)],
        "pictures": {
            kind: [_thumbnail(picture, anchors, several=len(bags) > 1) for picture in chosen]
            for kind, chosen in pictures.items()
        },
        "curves": curves,
        "first_detections": charts.first_detections([o for _, o in obstacles]) if obstacles else "",
        "obstacle_anchors": {
            (picture.bag, picture.group): anchors[id(picture)]
            for kind in (MISS, LAPSE)
            for picture in pictures.get(kind, ())
        },
        "this_setting": f"false_positive_rate:={decimal_rate(settings.false_positive_rate)}",
        "no_such_rate": NO_SUCH_RATE,
        "obstacles": obstacles[:MOST_OBSTACLE_ROWS],
        "obstacles_left_out": f"{left_out} more" if left_out > 0 else "",
        "calibration": (
            charts.score_distribution(pooled_scores(bags), evaluation.alarm_threshold),
            charts.calibrated_and_observed(total.exceedance, settings.false_positive_rate),
        ),
    }


def _chosen_pictures(evaluation: BagEvaluation) -> dict[str, list[Picture]]:
    """Return the highest ranks of all bags by kind; without labels, the highest scores instead."""
    labelled = evaluation.total.labelled_frames
    kinds = [MISS, LAPSE, FALSE_ALARM, ALARM] if labelled else [ALARM, HIGHEST]
    chosen = {}
    for kind in kinds:
        offered = [picture for bag in evaluation.bags for picture in bag.pictures[kind]]
        offered.sort(key=lambda picture: -picture.rank)
        chosen[kind] = offered[: evaluation.settings.pictures]
    return chosen


def _thumbnail(picture: Picture, anchors: Mapping[int, str], *, several: bool) -> Thumbnail:
    bag = f"{picture.bag}, " if several else ""
    caption = f"{bag}frame {picture.frame}: {picture.caption}"
    return Thumbnail(anchors[id(picture)], picture.thumbnail, picture.large, caption)


def _timeline(
    number: int, bag: BagFigures, chosen: Mapping[str, list[Picture]], anchors: Mapping[int, str]
) -> str:
    at = times(bag.frames)
    place = {frame.frame: index for index, frame in enumerate(bag.frames)}
    peaks = [frame.peak for frame in bag.frames]
    marks = [
        charts.Mark(kind, at[place[p.frame]], peaks[place[p.frame]], anchors[id(p)])
        for kind, pictures in chosen.items()
        for p in pictures
        if p.bag == bag.name
    ]
    shown = [
        None if frame.anomalous_pixels is None else frame.anomalous_pixels > 0
        for frame in bag.frames
    ]
    return charts.timeline(f"{number}", at, peaks, shown, marks)


def _warnings(evaluation: BagEvaluation) -> list[str]:
    several = len(evaluation.bags) + len(evaluation.unreadable) > 1
    sentences = [*_calibration_warning(evaluation), *evaluation.notes]
    for refused in evaluation.unreadable:
        sentences.append(f"{refused.path} is not evaluated: {refused.reason}")
        name = refused.path.name
        sentences += [named(name, refused.path, one) for one in refused.warnings.sentences()]
    for bag in evaluation.bags:
        prefix = f"{bag.name}: " if several else ""
        of_bag = bag.warnings.sentences()
        if bag.interrupted:
            sentences.append(f"{prefix}{interruption(bag)}; all figures are of those")
        if bag.failed:
            sentences.append(f"{prefix}{counted(bag.failed, 'frame')} without a result")
        sentences += [named(bag.name, bag.path, one) for one in of_bag] if several else of_bag
    return sentences


def _calibration_warning(evaluation: BagEvaluation) -> list[str]:
    """Warn where far more places alarm than the calibration states on frames that should be normal.

    Those are the frames known to be so, or all where nothing is known.
    """
    chosen = evaluation.settings.false_positive_rate
    rows = evaluation.total.exceedance
    row = min(rows, key=lambda row: abs(math.log(row.promised_rate / chosen)))
    observed = row.observed_normal if evaluation.total.labelled_frames else row.observed
    if observed is None or observed <= DRIFT_FACTOR * row.promised_rate:
        return []
    return [
        f"{100 * observed:.3g} % of the score's places reach a score that the calibration states "
        f"for {100 * row.promised_rate:g} %: this is not what it was fitted on (another camera, "
        "country, light or weather), or it is full of anomalies. If these are ordinary drives, fit "
        "a bundle to their pictures (python -m training start); calibrate would only raise the "
        "alarm line, and lose obstacles with it."
    ]
