# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What marks do on a labelled drive: silence, the rest, the guard, undo, time.

An alarm is a connected region at or above the alarm line. It is a true obstacle if at least a tenth
of its pixels is labelled as one, else a false alarm.

    PYTHONPATH=. python test/benchmark/mark_normal.py demo/bag --bundle demo/bundle
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
from cosme_ros.metrics.anomaly_metrics import AnomalyHistogram
from cosme_ros.postprocessing.obstacle_decision import ObstacleRule
from cosme_ros.sources.labelled import open_labelled_frames

MINIMUM_AREA = 64
TRUE_FROM = 0.1
RULE = ObstacleRule(None, MINIMUM_AREA)


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
    return [labels == k for k in range(1, count) if boxes[k, cv2.CC_STAT_AREA] >= MINIMUM_AREA]


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
    print("| standing share | true obstacles | false alarms |\n|---|---|---|")
    accepted = guarding.MOST_STANDING
    for most in (0.02, 0.05, 0.1, 0.2, 1.0):
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
                detector, Path(folder) / "marks.jsonl", who="benchmark", limit=256
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
    for added in (0, 64, 256):
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
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    detector = Detector(load_bundle(options.bundle), provider="cpu", threads=options.threads)
    frames = read(options.drive)
    found = detect_all(detector, frames)
    show_guard(frames, found, detector)
    if options.mark:
        show_marks(frames, found, detector, options.mark)
        show_time(frames, detector, options.mark[0])


if __name__ == "__main__":
    main()
