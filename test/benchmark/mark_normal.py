# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What marks do on a labelled drive: silence, the rest, the guard, undo, time.

An alarm is a connected region at or above the alarm line. It is a true obstacle if at least a tenth
of its pixels is labelled as one, else a false alarm. False alarms of consecutive frames that
overlap are one thing.

    PYTHONPATH=. python test/benchmark/mark_normal.py demo/bag --bundle demo/bundle --things

`--things` marks each thing once, in its first frame, and scores the drive again. "Rest" are all
pixels but those of the thing, in all frames. Where its AP moves by more than a point, the AP is
also given with the scores after the mark in one kind of pixels, or in one scene, alone.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import cv2
import numpy as np

from cosme_ros.adaptation import guard as guarding
from cosme_ros.adaptation.adaptation import Adaptation, open_adaptation
from cosme_ros.adaptation.guard import MarkRefused, check_mark, mark_figures
from cosme_ros.adaptation.recent_frames import RecentFrame
from cosme_ros.bags.labelled_frames import LabelSettings
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.inference.detector import Detection, Detector
from cosme_ros.inference.sessions import open_session
from cosme_ros.metrics.anomaly_metrics import AnomalyHistogram
from cosme_ros.parameters import SMALLEST_AREA, Settings
from cosme_ros.postprocessing.obstacle_decision import ObstacleRule
from cosme_ros.sources.labelled import open_labelled_frames

TRUE_FROM = 0.1
RULE = ObstacleRule(None, SMALLEST_AREA)
OVERLAP_MARGIN = 9  # pixels around a region that moves from one frame to the next
MOST_AP = 1.0  # points, by which the rest may move without an explanation
SCENE_FRAMES = 55


@dataclass(frozen=True)
class Alarm:
    frame: int
    mask: np.ndarray
    true: bool


@dataclass(frozen=True)
class Frame:
    image: np.ndarray
    label: np.ndarray
    stamp: int


def regions(score: np.ndarray) -> list[np.ndarray]:
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(
        (score >= 1).astype(np.uint8), connectivity=8
    )
    return [labels == k for k in range(1, count) if boxes[k, cv2.CC_STAT_AREA] >= SMALLEST_AREA]


def read(drive: Path) -> list[Frame]:
    with open_labelled_frames(
        drive, image_topic=None, labels=LabelSettings(), report=lambda kind, sentence: None
    ) as source:
        return [Frame(f.image, f.label, f.stamp) for f in source.read() if f.label is not None]


def alarms_of(frames: list[Frame], found: list[Detection]) -> list[Alarm]:
    return [
        Alarm(i, mask, bool((frame.label[mask] == 1).mean() >= TRUE_FROM))
        for i, (frame, detection) in enumerate(zip(frames, found, strict=True))
        for mask in regions(detection.score)
    ]


def fresh(detection: Detection) -> Detection:
    """Without maps of the image's size, which would fill the memory."""
    return detection.with_raw_score(detection.raw_score_grid)


def detect_all(detector: Detector, frames: list[Frame]) -> list[Detection]:
    return [fresh(detector.detect(frame.image)) for frame in frames]


def precision(frames: list[Frame], found: list[Detection], ignored: list[Alarm]) -> float:
    """Return the AP of all pixels but those of the ignored alarms, in percent."""
    histogram = AnomalyHistogram()
    for i, (frame, detection) in enumerate(zip(frames, found, strict=True)):
        label = frame.label.copy()
        for alarm in ignored:
            if alarm.frame == i:
                label[alarm.mask] = 255
        histogram.add(fresh(detection).score, label)
    return 100 * (histogram.result().average_precision or 0.0)


def refusal(mask: np.ndarray, detection: Detection, detector: Detector) -> str:
    try:
        check_mark(mark_figures(mask, detection, detector.bundle))
    except MarkRefused as error:
        return str(error)
    return ""


def show_guard(frames: list[Frame], found: list[Detection], detector: Detector) -> None:
    alarms = alarms_of(frames, found)
    print("guard: share of alarms that is refused, by the largest standing share that is accepted")
    accepted = guarding.MOST_STANDING
    print("| standing share | true obstacles | false alarms |\n|---|---|---|")
    for most in (0.0, 0.01, 0.02, accepted, 0.05, 0.1, 1.0):
        guarding.MOST_STANDING = most
        shares = []
        for true in (True, False):
            tries = [a for a in alarms if a.true == true]
            refused = sum(bool(refusal(a.mask, found[a.frame], detector)) for a in tries)
            shares.append(f"{refused} of {len(tries)}")
        print(f"| {most:g} | {shares[0]} | {shares[1]} |")
    guarding.MOST_STANDING = accepted
    print("frames whose alarms include a true obstacle, marked whole as ~/mark_normal does:")
    with_true = sorted({a.frame for a in alarms if a.true})
    refused = 0
    for index in with_true:
        mask = np.any([a.mask for a in alarms if a.frame == index], axis=0)
        refused += bool(refusal(mask, found[index], detector))
    print(f"refused {refused} of {len(with_true)}")


def add_frame(adaptation: Adaptation, frame: Frame, detection: Detection) -> None:
    adaptation.remember(RecentFrame("", frame.stamp, frame.image, detection, RULE))


def show_marks(
    frames: list[Frame], found: list[Detection], detector: Detector, marked: list[int]
) -> None:
    alarms = alarms_of(frames, found)
    false = [a for a in alarms if not a.true]
    print(
        f"AP of the drive {precision(frames, found, []):.2f}, without the pixels of false alarms "
        f"{precision(frames, found, false):.2f}"
    )
    for index in marked:
        with tempfile.TemporaryDirectory() as folder:
            adaptation = open_adaptation(
                detector, Path(folder) / "marks.jsonl", who="benchmark", limit=Settings.marks_limit
            )
            for before in range(max(0, index - 60), index + 1):
                add_frame(adaptation, frames[before], found[before])
            mask = np.any([a.mask for a in false if a.frame == index], axis=0)
            forced = bool(refusal(mask, found[index], detector))
            answer = adaptation.mark_pixels(
                "", frames[index].stamp, mask.astype(np.uint8), guard=not forced
            )
            print(f"\nframe {index}{', guard off' if forced else ''}: {answer.message}")
            after = detect_all(detector, frames)
            for later in range(index, min(index + 5, len(frames))):
                was = np.any(
                    [np.zeros_like(mask), *(a.mask for a in false if a.frame == later)], axis=0
                )
                left = int(np.count_nonzero(was & (fresh(after[later]).score >= 1)))
                print(f"  frame {later}: {int(was.sum())} pixels of false alarm, {left} after it")
            print(f"  AP of the rest {precision(frames, after, false):.2f}")
            lost = [
                a for a in alarms if a.true and not (fresh(after[a.frame]).score[a.mask] >= 1).any()
            ]
            count = sum(a.true for a in alarms)
            print(f"  alarms on true obstacles that are lost: {len(lost)} of {count}")
            adaptation.undo()
            again = detect_all(detector, frames[::10])
            same = all(
                a.raw_score_grid.tobytes() == b.raw_score_grid.tobytes()
                for a, b in zip(again, found[::10], strict=True)
            )
            print(f"  undone: old scores to the bit: {'yes' if same else 'NO'}")


def things_of(alarms: list[Alarm]) -> list[list[Alarm]]:
    """Return the false alarms thing by thing, those of consecutive frames that overlap together."""
    kernel = np.ones((2 * OVERLAP_MARGIN + 1,) * 2, np.uint8)
    things: list[list[Alarm]] = []
    for alarm in (a for a in alarms if not a.true):
        around = cv2.dilate(alarm.mask.astype(np.uint8), kernel) > 0
        earlier = (
            thing
            for thing in things
            if any(a.frame == alarm.frame - 1 and (a.mask & around).any() for a in thing[-3:])
        )
        thing = next(earlier, None)
        if thing is None:
            things.append([alarm])
        else:
            thing.append(alarm)
    return things


class Rescored:
    """The score of frames with other banks: memory runs alone, on what the networks gave once."""

    def __init__(
        self, detector: Detector, frames: list[Frame], judged: set[int], threads: int
    ) -> None:
        self._detector = detector
        self._memory = open_session(detector.bundle.path / "memory.onnx", "cpu", threads=threads)
        self._outputs = {}
        for i in sorted(judged):
            outputs = detector.network_outputs(frames[i].image)
            names = outputs.keys() & self._memory.inputs.keys()
            self._outputs[i] = {name: outputs[name] for name in names}

    def detections(self, found: list[Detection]) -> dict[int, Detection]:
        return {
            i: found[i].with_raw_score(
                self._memory.run({**outputs, **self._detector.banks})["score"][0, 0]
            )
            for i, outputs in self._outputs.items()
        }

    def scores(self, found: list[Detection]) -> dict[int, np.ndarray]:
        return {i: detection.score for i, detection in self.detections(found).items()}


def rest_of(frames: list[Frame], ignored: list[Alarm], judged: set[int]) -> dict[int, np.ndarray]:
    """Return the labels of frames, 255 where an alarm is ignored."""
    labels = {i: frames[i].label.copy() for i in judged}
    for alarm in ignored:
        if alarm.frame in labels:
            labels[alarm.frame][alarm.mask] = 255
    return labels


def rest_precision(scores: dict[int, np.ndarray], labels: dict[int, np.ndarray]) -> float:
    histogram = AnomalyHistogram()
    for i, label in labels.items():
        histogram.add(scores[i], label)
    return 100 * (histogram.result().average_precision or 0.0)


def explain(
    before: dict[int, np.ndarray],
    after: dict[int, np.ndarray],
    labels: dict[int, np.ndarray],
    alarms: list[Alarm],
) -> None:
    """Print the AP of the rest with the scores after the mark in one part of the pixels alone."""
    alarming = {i: np.zeros(label.shape, bool) for i, label in labels.items()}
    for alarm in alarms:
        if alarm.frame in labels:
            alarming[alarm.frame] |= alarm.mask
    obstacle = {i: label == 1 for i, label in labels.items()}
    parts = {
        "obstacles": obstacle,
        "normal pixels in alarms": {i: alarming[i] & ~obstacle[i] for i in labels},
        "normal pixels below the alarm line": {i: ~alarming[i] & ~obstacle[i] for i in labels},
    }
    shown = []
    for name, part in parts.items():
        mixed = {i: np.where(chosen, after[i], before[i]) for i, chosen in part.items()}
        shown.append(f"{name} {rest_precision(mixed, labels):.2f}")
    for first in range(0, max(labels) + 1, SCENE_FRAMES):
        last = first + SCENE_FRAMES - 1
        mixed = {i: (after if first <= i <= last else before)[i] for i in labels}
        shown.append(f"frames {first} to {last} {rest_precision(mixed, labels):.2f}")
    print(f"    of these alone: {', '.join(shown)}")


def show_things(
    frames: list[Frame], found: list[Detection], detector: Detector, every: int, threads: int
) -> None:
    alarms = alarms_of(frames, found)
    true, false = [a for a in alarms if a.true], [a for a in alarms if not a.true]
    things = things_of(alarms)
    judged = set(range(0, len(frames), every))
    rescored = Rescored(detector, frames, judged | {a.frame for a in false}, threads)
    before = rescored.scores(found)
    true = [a for a in true if a.frame in before]
    without_false = rest_of(frames, false, judged)
    print(f"{len(false)} false alarms, {len(things)} things")
    print(
        "| frames | pixels | guard | left in its frame | later frames: gone, pixels left "
        "| AP of the rest | of the rest without the other false alarms | obstacles lost |"
    )
    for thing in things:
        first = thing[0].frame
        with tempfile.TemporaryDirectory() as folder:
            adaptation = open_adaptation(
                detector, Path(folder) / "marks.jsonl", who="benchmark", limit=Settings.marks_limit
            )
            add_frame(adaptation, frames[first], found[first])
            mask = np.any([a.mask for a in thing if a.frame == first], axis=0)
            refused = bool(refusal(mask, found[first], detector))
            adaptation.mark_pixels(
                "", frames[first].stamp, mask.astype(np.uint8), guard=not refused
            )
            after = rescored.scores(found)
            left: dict[int, int] = {}
            for a in thing:
                count = int(np.count_nonzero(after[a.frame][a.mask] >= 1))
                left[a.frame] = left.get(a.frame, 0) + count
            later = [count for i, count in left.items() if i > first]
            rest = rest_of(frames, thing, judged)
            was, now = rest_precision(before, rest), rest_precision(after, rest)
            was_all = rest_precision(before, without_false)
            now_all = rest_precision(after, without_false)
            lost = sum(not (after[a.frame][a.mask] >= 1).any() for a in true)
            print(
                f"| {first} to {thing[-1].frame} | {int(mask.sum())} "
                f"| {'refused' if refused else 'accepted'} | {left[first]} "
                f"| {sum(not n for n in later)} of {len(later)}, {sum(later)} "
                f"| {was:.2f} -> {now:.2f} | {was_all:.2f} -> {now_all:.2f} "
                f"| {lost} of {len(true)} |",
                flush=True,
            )
            if abs(now - was) > MOST_AP:
                explain(before, after, rest, alarms)
            adaptation.undo()
            again = rescored.detections(found)
            if any(
                again[i].raw_score_grid.tobytes() != found[i].raw_score_grid.tobytes()
                for i in again
            ):
                print("    undone: NOT the old scores to the bit")
    print("undone: compared to the bit after each mark")


def show_time(frames: list[Frame], detector: Detector, marked: int) -> None:
    def median(action: object, count: int = 15) -> float:
        # Of the processor, all threads together: other processes do not count.
        times = []
        for _ in range(count):
            begin = process_time()
            action()  # type: ignore[operator]
            times.append(process_time() - begin)
        return 1000 * float(np.median(times))

    image = frames[marked].image
    banks = detector.bundle.banks
    print(
        f"\nprocessor time: detect {median(lambda: detector.detect(image)):.1f} ms, "
        f"features {median(lambda: detector.features(image)):.1f} ms, "
        f"set_banks {median(lambda: detector.set_banks(banks)):.1f} ms"
    )
    random = np.random.default_rng(0)
    for added in (0, 64, Settings.marks_limit):
        grown = {}
        for name, bank in banks.items():
            rows = random.normal(size=(added, bank.shape[1]))
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            grown[name] = np.concatenate([bank, rows.astype(np.float32)])
        detector.set_banks(grown)
        print(
            f"with {added} prototypes more in each layer: detect "
            f"{median(lambda: detector.detect(image), 25):.1f} ms"
        )
    detector.set_banks(banks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("drive", type=Path)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--mark", type=int, action="append", default=[], help="frame to mark")
    parser.add_argument("--things", action="store_true", help="mark each false alarm once")
    parser.add_argument("--every", type=int, default=1, help="frames for the AP with --things")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    detector = Detector(load_bundle(options.bundle), provider="cpu", threads=options.threads)
    frames = read(options.drive)
    found = detect_all(detector, frames)
    show_guard(frames, found, detector)
    if options.things:
        show_things(frames, found, detector, options.every, options.threads)
    if options.mark:
        show_marks(frames, found, detector, options.mark)
        show_time(frames, detector, options.mark[0])


if __name__ == "__main__":
    main()
