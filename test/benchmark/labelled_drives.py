# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Labelled drives and their raw scores, for judging outlines and temporal fusion.

A drive is spelled

    bag:PATH                    a labelled bag
    synthetic:SEED@START+N      N frames at 10 Hz of a synthetic street with things on it, from
                                1.2 s before the first moment after START (seconds) that shows one
    painted:SEED:FIRST+N:DATA   N frames from FIRST on of the drive DATA (as `python -m training
                                datasets` spells it, with classes), with things painted in, at 15 Hz

Networks run once for each; their scores are kept in a folder.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from painted_drive import painted_drive

from cosme_ros.bags.labelled_frames import BagFrames, LabelSettings, at_size
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.inference.detector import Detector
from training.datasets.registry import open_dataset
from training.street_renderer.drive import StreetDrive

_PAINTED_RATE_HZ = 15.0
_JPEG_QUALITY = 90
_SHOWN = 100  # pixels from which on a thing is there
_BEFORE_S = 1.2
_SEARCH_STEP_S = 0.7
_LONGEST_SEARCH_S = 30.0


@dataclass(frozen=True)
class Drive:
    """`images` uint8 [H, W, 3], `labels` uint8 [n, H, W] (0, 1, 255), `scores` float32 [n, h, w]
    raw, `stamps` in nanoseconds."""

    name: str
    images: tuple[np.ndarray, ...]
    labels: np.ndarray
    scores: np.ndarray
    stamps: tuple[int, ...]


def open_drive(spelling: str, bundle: Path, cache: Path) -> Drive:
    """Open a drive; the networks run only where `cache` does not hold its scores."""
    digest = load_bundle(bundle).digest
    file = cache / f"{hashlib.sha256(f'{spelling} {digest}'.encode()).hexdigest()[:24]}.npz"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        detector = Detector(load_bundle(bundle), threads=1)
        pictures, labels, scores, stamps = [], [], [], []
        for image, label, stamp in _frames(spelling):
            _, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
            pictures.append(coded.ravel())
            labels.append(label)
            scores.append(detector.detect(_decoded(coded)).raw_score_grid)
            stamps.append(stamp)
        coded_all: dict[str, Any] = {
            f"picture_{number}": picture for number, picture in enumerate(pictures)
        }
        unfinished = file.with_suffix(".part.npz")
        np.savez_compressed(
            unfinished, labels=np.stack(labels), scores=np.stack(scores), stamps=stamps, **coded_all
        )
        unfinished.replace(file)
    with np.load(file) as kept:
        stamps = kept["stamps"].tolist()
        images = tuple(_decoded(kept[f"picture_{number}"]) for number in range(len(stamps)))
        return Drive(spelling, images, kept["labels"], kept["scores"], tuple(stamps))


def _decoded(coded: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def _frames(spelling: str) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Yield image, label and stamp of every frame that has a label."""
    kind, _, rest = spelling.partition(":")
    if kind == "bag":
        labels = LabelSettings()
        with BagFrames(Path(rest), image_topic=None, labels=labels, report=lambda *_: None) as bag:
            for frame in bag.read():
                if frame.label is not None:
                    yield frame.image, at_size(frame.label, *frame.image.shape[:2]), frame.stamp
    elif kind == "synthetic" and (found := re.fullmatch(r"(\d+)@([\d.]+)\+(\d+)", rest)):
        drive = StreetDrive(int(found[1]), anomalies=True)
        start = _first_shown(drive, float(found[2])) - _BEFORE_S
        for number in range(int(found[3])):
            street = drive.frame(start + 0.1 * number)
            yield street.image, street.anomaly, number * 10**8
    elif kind == "painted" and (found := re.fullmatch(r"(\d+):(\d+)\+(\d+):(.*)", rest)):
        data = open_dataset(found[4])
        painted = painted_drive(
            data.source,
            data.class_list().classes,
            seed=int(found[1]),
            frame_rate=_PAINTED_RATE_HZ,
        )
        first, count = int(found[2]), int(found[3])
        for number, (image, label) in enumerate(itertools.islice(painted, first, first + count)):
            yield image, label, round(number * 1e9 / _PAINTED_RATE_HZ)
    else:
        raise ValueError(f"'{spelling}' is no drive; {__doc__}")


def _first_shown(drive: StreetDrive, start: float) -> float:
    steps = int(_LONGEST_SEARCH_S / _SEARCH_STEP_S)
    times = (start + _SEARCH_STEP_S * step for step in range(steps))
    return next((t for t in times if int(drive.frame(t).anomaly.sum()) >= _SHOWN), start)
