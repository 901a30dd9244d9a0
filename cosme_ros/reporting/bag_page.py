# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""From an evaluation to the page that shows it."""

import math
from collections.abc import Sequence

from cosme_ros.evaluation.gallery import ALARM, FALSE_ALARM, HIGHEST, MISS, Picture
from cosme_ros.evaluation.obstacle_tracking import FOUND_SHARE
from cosme_ros.evaluation.results import BagFigures, named, pooled_scores
from cosme_ros.evaluation.settings import listed, taken_for
from cosme_ros.evaluation.summary import BagEvaluation, Summary
from cosme_ros.evaluation.temporal_metrics import times
from cosme_ros.reporting import figures as charts
from cosme_ros.reporting.html import Figure, Page, Section, Table, Thumbnail, Tile
from cosme_ros.visualization.text import counted

MOST_OBSTACLE_ROWS = 200
DRIFT_FACTOR = 10
"""Times the promised share from which on the page warns, as the node's diagnostics do."""
_TITLES = {
    MISS: "Missed",
    FALSE_ALARM: "False alarms",
    ALARM: "Alarms",
    HIGHEST: "Highest scores",
}
_EXPLANATIONS = {
    MISS: "Labelled obstacles of which the mask covers less than "
    f"{100 * FOUND_SHARE:.0f} %, largest first, each where it is largest.",
    FALSE_ALARM: "Obstacles in the mask that touch nothing labelled as an anomaly, highest peak "
    "first, one of each run of such frames.",
    ALARM: "Frames with an obstacle in the mask, highest peak first, one of each run of them.",
    HIGHEST: "The frames with the highest scores, whether or not they alarm.",
}


def as_page(evaluation: BagEvaluation) -> Page:
    """The whole report."""
    total = evaluation.total
    chosen = _chosen_pictures(evaluation)
    anchors = {
        id(picture): f"picture{number}"
        for number, picture in enumerate(p for pictures in chosen.values() for p in pictures)
    }
    names = ", ".join(bag.name for bag in evaluation.bags)
    return Page(
        title=f"Anomaly detection on {names}" if len(names) < 60 else
        f"Anomaly detection on {len(evaluation.bags)} bags",
        lead=f"{counted(total.frames, 'frame')} of {counted(len(evaluation.bags), 'bag')}, "
        f"judged by bundle {evaluation.bundle_name} at a false-positive rate of "
        f"{evaluation.settings.false_positive_rate:g} a pixel. "
        + (
            f"{total.labelled_frames} of them are labelled."
            if total.labelled_frames
            else "There are no labels: what alarms may be right or wrong."
        ),
        tiles=tuple(_tiles(evaluation)),
        warnings=tuple(_warnings(evaluation)),
        sections=tuple(
            section
            for section in (
                _timelines(evaluation, chosen, anchors),
                *(_pictures(evaluation, kind, chosen[kind], anchors) for kind in chosen),
                _by_bag(evaluation),
                _pixels(evaluation),
                _obstacles(evaluation),
                _calibration(evaluation),
                _meaning(evaluation),
            )
            if section is not None
        ),
        facts=_facts(evaluation),
    )  # fmt: skip


def _chosen_pictures(evaluation: BagEvaluation) -> dict[str, list[Picture]]:
    """The highest ranks of all bags, by kind. Without labels, the highest scores stand for what
    cannot be told."""
    kinds = [MISS, FALSE_ALARM, ALARM] if evaluation.total.labelled_frames else [ALARM, HIGHEST]
    chosen = {}
    for kind in kinds:
        offered = [picture for bag in evaluation.bags for picture in bag.pictures[kind]]
        offered.sort(key=lambda picture: -picture.rank)
        chosen[kind] = offered[: evaluation.settings.pictures]
    return chosen


def _tiles(evaluation: BagEvaluation) -> list[Tile]:
    total = evaluation.total
    tiles = []
    if total.pixels is not None:
        tiles += [
            Tile(_share(total.pixels.average_precision), "AP", "over all labelled pixels"),
            Tile(_share(total.pixels.auroc), "AUROC"),
            Tile(_share(total.pixels.fpr95), "FPR95", "normal pixels raised to find 95 %"),
        ]
    found = total.detection
    if found is not None and found.obstacles:
        tiles.append(Tile(f"{found.found} of {found.obstacles}", "labelled obstacles found",
                          f"{found.at_once} in the frame where they appear"))  # fmt: skip
        if found.median_frames is not None:
            tiles.append(Tile(f"{found.median_frames:g} frames", "from appearing to found",
                              f"median; at most {found.worst_frames}"))  # fmt: skip
    quiet = total.alarms_where_nothing_is_wrong
    if quiet is not None:
        alarms = f"{counted(quiet.alarms, 'alarm')} in {_duration(quiet.seconds)}"
        tiles.append(Tile(_number(quiet.alarms_a_minute), "alarms a minute, nothing wrong", alarms))
    elif not total.labelled_frames:
        tiles += [
            Tile(_percent(total.alarms.alarm_rate), "of frames alarm"),
            Tile(_number(total.alarms.alarms_a_minute), "alarms a minute",
                 f"{counted(total.alarms.alarms, 'alarm')} in {_duration(total.alarms.seconds)}"),
        ]  # fmt: skip
        peaks = [frame.peak for bag in evaluation.bags for frame in bag.frames]
        tiles.append(Tile(f"{max(peaks):.2f}", "highest score", "1.0 is the alarm line"))
    if total.stability.mask_iou is not None:
        tiles.append(Tile(_share(total.stability.mask_iou), "overlap of masks",
                          "from frame to frame, mean IoU"))  # fmt: skip
    if total.stability.single_frame_alarms is not None:
        tiles.append(Tile(_percent(total.stability.single_frame_alarms),
                          "of alarms last one frame"))  # fmt: skip
    return tiles


def _warnings(evaluation: BagEvaluation) -> list[str]:
    several = len(evaluation.bags) + len(evaluation.unreadable) > 1
    sentences = [*_calibration_warning(evaluation), *evaluation.notes]
    for refused in evaluation.unreadable:
        sentences.append(f"{refused.path} is not evaluated: {refused.reason}")
        name = refused.path.name
        sentences += [named(name, refused.path, told) for told in refused.troubles.sentences()]
    for bag in evaluation.bags:
        prefix = f"{bag.name}: " if several else ""
        told = bag.troubles.sentences()
        if bag.interrupted:
            sentences.append(
                f"{prefix}interrupted after {len(bag.frames)} of about {bag.expected} frames; "
                "all figures are of those"
            )
        if bag.failed:
            sentences.append(f"{prefix}{counted(bag.failed, 'frame')} without a result")
        sentences += [named(bag.name, bag.path, one) for one in told] if several else told
    return sentences


def _calibration_warning(evaluation: BagEvaluation) -> list[str]:
    """Where far more places alarm than the bundle promises, on frames that should be normal: those
    known to be so, or all where nothing is known."""
    chosen = evaluation.settings.false_positive_rate
    rows = evaluation.total.exceedance
    row = min(rows, key=lambda row: abs(math.log(row.promised_rate / chosen)))
    observed = row.observed_normal if evaluation.total.labelled_frames else row.observed
    if observed is None or observed <= DRIFT_FACTOR * row.promised_rate:
        return []
    return [
        f"{100 * observed:.3g} % of the score's places reach a score that the bundle promises of "
        f"{100 * row.promised_rate:g} %: this is not what it was calibrated on, or it is full of "
        "anomalies. Calibrate on your own drives before you trust alarms."
    ]


def _timelines(
    evaluation: BagEvaluation, chosen: dict[str, list[Picture]], anchors: dict[int, str]
) -> Section:
    figures = []
    for number, bag in enumerate(evaluation.bags):
        at = times(bag.frames)
        seconds = {frame.frame: second for frame, second in zip(bag.frames, at, strict=True)}
        peaks = {frame.frame: frame.peak for frame in bag.frames}
        marks = [
            charts.Mark(kind, seconds[picture.frame], peaks[picture.frame], anchors[id(picture)])
            for kind, pictures in chosen.items()
            for picture in pictures
            if picture.bag == bag.name
        ]
        shown = [
            None if frame.anomalous_pixels is None else frame.anomalous_pixels > 0
            for frame in bag.frames
        ]
        drawing = charts.timeline(
            f"{number}", at, [frame.peak for frame in bag.frames], shown, marks
        )
        figures.append(Figure(drawing, f"{bag.name}, {len(bag.frames)} frames"))
    return Section(
        "The drive",
        ("The highest score of each frame; from 1.0 on it alarms, if enough pixels do. Click a "
         "mark to see its frame.",),
        figures=tuple(figures),
    )  # fmt: skip


def _pictures(
    evaluation: BagEvaluation, kind: str, pictures: Sequence[Picture], anchors: dict[int, str]
) -> Section | None:
    if not pictures:
        return None
    several = len(evaluation.bags) > 1
    marks = "Light blue outlines what the detector has found"
    if evaluation.total.labelled_frames:
        marks = f"{marks}, orange what is labelled"
    return Section(
        _TITLES[kind],
        (f"{_EXPLANATIONS[kind]} {marks}. Click to enlarge, with the score.",),
        thumbnails=tuple(
            Thumbnail(
                anchors[id(picture)],
                picture.thumbnail,
                picture.large,
                (f"{picture.bag}, " if several else "")
                + f"frame {picture.frame}: {picture.caption}",
            )
            for picture in pictures
        ),
    )


def _by_bag(evaluation: BagEvaluation) -> Section:
    names = [bag.name for bag in evaluation.bags]
    summaries = list(evaluation.by_bag)
    if len(names) > 1:
        names, summaries = ["all", *names], [evaluation.total, *summaries]
    labelled = evaluation.total.labelled_frames > 0
    columns = ["", "frames", "without result", "alarming frames", "alarms a minute", "masks' IoU",
               "one-frame alarms"]  # fmt: skip
    if labelled:
        columns += ["labelled", "AP", "AUROC", "FPR95", "found", "alarms a minute, nothing wrong"]
    tables = [
        Table(
            tuple(columns),
            tuple(
                (name, *_drive_cells(summary), *(_label_cells(summary) if labelled else ()))
                for name, summary in zip(names, summaries, strict=True)
            ),
        )
    ]
    if labelled and not evaluation.total.absent:
        tables.append(_components(evaluation, names, summaries))
    reason = evaluation.total.absent if labelled else ""
    return Section(
        "Figures" if len(names) == 1 else "By bag",
        (f"Absent: {reason}.",) if reason else (),
        tables=tuple(tables),
    )


def _drive_cells(summary: Summary) -> tuple[str, ...]:
    return (
        f"{summary.frames}",
        f"{summary.failed + summary.alarms.withheld}",
        _percent(summary.alarms.alarm_rate),
        _number(summary.alarms.alarms_a_minute),
        _share(summary.stability.mask_iou),
        _percent(summary.stability.single_frame_alarms),
    )


def _label_cells(summary: Summary) -> tuple[str, ...]:
    pixels, found = summary.pixels, summary.detection
    quiet = summary.alarms_where_nothing_is_wrong
    return (
        f"{summary.labelled_frames}",
        *(
            ("-", "-", "-")
            if pixels is None
            else (_share(pixels.average_precision), _share(pixels.auroc), _share(pixels.fpr95))
        ),
        "-" if found is None else f"{found.found} of {found.obstacles}",
        "-" if quiet is None else _number(quiet.alarms_a_minute),
    )


def _components(
    evaluation: BagEvaluation, names: Sequence[str], summaries: Sequence[Summary]
) -> Table:
    rows = []
    for name, summary in zip(names, summaries, strict=True):
        for title, figures in (
            ("the mask, at the alarm line", summary.components_at_alarm_line),
            ("at best pixel F1", summary.components_at_best_f1),
        ):
            if figures is not None:
                where = f"{name}, {title}" if len(names) > 1 else title
                shares = (figures.siou, figures.ppv, figures.f1)
                rows.append((where, *map(_share, shares), f"{figures.true}", f"{figures.detected}"))
    sizes = evaluation.sizes
    return Table(
        ("", "sIoU", "PPV", "mean F1", "labelled", "detected"),
        tuple(rows),
        f"Components, as SegmentMeIfYouCan judges them: labelled ones from {sizes.true} pixels on, "
        f"detected ones from {sizes.detected}.",
    )


def _pixels(evaluation: BagEvaluation) -> Section | None:
    pixels, curve = evaluation.total.pixels, evaluation.curve
    if pixels is None or curve is None:
        return None
    best = pixels.best_f1_threshold / evaluation.alarm_threshold
    return Section(
        "Pixels",
        (f"{evaluation.total.anomalous_pixels} anomalous and {evaluation.total.normal_pixels} "
         f"normal pixels. The best F1, {pixels.best_f1:.3f}, would be had with an alarm line at "
         f"{best:.2f} of the present one.",),
        figures=tuple(Figure(drawing) for drawing in charts.curves(pixels, curve)),
    )  # fmt: skip


def _obstacles(evaluation: BagEvaluation) -> Section | None:
    obstacles = [(bag, obstacle) for bag in evaluation.bags for obstacle in bag.obstacles]
    if not obstacles:
        return None
    several = len(evaluation.bags) > 1
    rows = [
        (
            (f"{bag.name}, " if several else "") + f"obstacle {o.number}",
            f"{o.first_frame}",
            f"{o.first_area}",
            f"{o.frames}",
            f"{o.frames_found}",
            "never" if o.found_after is None else f"{o.found_after}",
            "-" if o.found_after_seconds is None else f"{o.found_after_seconds:.2f}",
            "-" if o.found_area is None else f"{o.found_area}",
            f"{o.largest_area}",
            _share(o.iou),
        )
        for bag, o in obstacles[:MOST_OBSTACLE_ROWS]
    ]
    left_out = len(obstacles) - len(rows)
    return Section(
        "How soon obstacles are found",
        ("A labelled obstacle is a connected anomalous region, followed from frame to frame by "
         f"overlap. It is found in the first frame in which the mask covers {100 * FOUND_SHARE:.0f}"
         " % of its pixels or more. Its IoU is the median of the frames in which it is found.",),
        figures=(Figure(charts.first_detections([o for _, o in obstacles])),),
        tables=(
            Table(
                ("", "appears in frame", "pixels then", "frames shown", "of them found",
                 "found after frames", "seconds", "pixels when found", "at most", "IoU"),
                tuple(rows),
                f"{left_out} more are in report.json" if left_out else "",
            ),
        ),
    )  # fmt: skip


def _calibration(evaluation: BagEvaluation) -> Section:
    rows = evaluation.total.exceedance
    scores = pooled_scores(evaluation.bags)
    return Section(
        "Scores and calibration",
        ("The bundle promises which share of normal places of the score's grid reaches a score. "
         "On ordinary drives far more than promised means that this is not what it was calibrated "
         "on: another camera, country or weather, or many anomalies.",),
        figures=(
            Figure(charts.score_distribution(scores, evaluation.alarm_threshold)),
            Figure(
                charts.promised_and_observed(rows, evaluation.settings.false_positive_rate)
            ),
        ),
        tables=(
            Table(
                ("promised share", "score, in alarm lines", "observed", "times the promise",
                 "observed, nothing wrong"),
                tuple(
                    (
                        f"{row.promised_rate:g}",
                        f"{row.raw_score / evaluation.alarm_threshold:.3f}",
                        f"{row.observed:.2g}",
                        f"{row.observed / row.promised_rate:.2f}",
                        "-" if row.observed_normal is None else f"{row.observed_normal:.2g}",
                    )
                    for row in rows
                ),
            ),
        ),
    )  # fmt: skip


def _meaning(evaluation: BagEvaluation) -> Section:
    return Section(
        "What the figures mean",
        (
            "AP, AUROC and FPR95 are over the labelled pixels of all frames together.",
            "An alarm is a run of frames with an obstacle in the mask; such frames no more than "
            f"{evaluation.settings.alarm_gap:g} s apart are one (--alarm-gap). Alarms a minute "
            "where nothing is wrong are those of frames that are labelled and show no anomaly, "
            "over the time of these frames.",
            "Overlap of masks is the mean intersection over union of the masks of neighbouring "
            "frames, where at least one of the two alarms.",
            "Without a result are frames whose score was not finite, and those whose mask was "
            "withheld because no drivable area was seen: unknown, not clear.",
        ),
    )


def _facts(evaluation: BagEvaluation) -> tuple[tuple[str, str], ...]:
    settings = evaluation.settings
    bags = [
        (f"bag {bag.name}",
         f"{bag.path}, pictures {bag.width}x{bag.height} on {bag.image_topic}, "
         + (f"labels from {bag.labels}, {_values(evaluation, bag)}" if bag.labels else "no labels"))
        for bag in evaluation.bags
    ]  # fmt: skip
    return (
        *bags,
        ("bundle", f"{evaluation.bundle_name} in {settings.bundle}"),
        ("bundle's SHA-256", evaluation.bundle_digest),
        ("false-positive rate", f"{settings.false_positive_rate:g}"),
        ("alarm line", f"raw score {evaluation.alarm_threshold:.6g}"),
        ("region", settings.region),
        ("minimum area", f"{settings.minimum_area} pixels"),
        ("outline", settings.outline),
        ("temporal", settings.temporal),
        ("alarm gap", f"{settings.alarm_gap:g} s"),
        ("anomaly ids, ignored ids", f"{listed(settings.labels.anomaly_ids)}; "
         f"{listed(settings.labels.ignored_ids)}"),
        *((what, str(path)) for what, path in evaluation.outputs.items()),
        *evaluation.origin.items(),
    )  # fmt: skip


def _values(evaluation: BagEvaluation, bag: BagFigures) -> str:
    taken = taken_for(evaluation.settings.labels, bag.label_values)
    return "; ".join(f"{meaning}: {listed(values)}" for meaning, values in taken.items())


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{rest:.1f} s" if not minutes else f"{minutes:.0f} min {rest:.0f} s"
