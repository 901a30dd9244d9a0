# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Which state does health give which condition? A table, for choosing its limits or reporting them.

    PYTHONPATH=. python test/benchmark/health_states.py --bundle demo/bundle \
        --roads 905000:20 --frames 40 --cache /tmp/health
    PYTHONPATH=. python test/benchmark/health_states.py --bundle demo/bundle \
        --reference CAMVID/train/images --pictures CAMVID/test/images --cache /tmp/health

Frames are those of synthetic roads at 10 Hz (the demo's camera, all weathers), or the pictures of a
folder in order of name, one a second. "normal" are the frames as they are. A condition is put on
every --step-th frame, each judged by itself, as the first frame of a drive is. "thing" is an
unknown thing that covers the share of the image that is given: a frame with it must not be taken
for bad conditions. Of normal frames the state is that of the drive, with its hysteresis.

`--reference` measures the reference on the pictures of a folder instead of taking the bundle's: the
same networks, calibrated in another town. Measures are kept in `--cache`; what networks or measures
change needs another folder.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import camera_conditions as conditions
import cv2
import numpy as np

from cosme_ros.bundle.loading import Bundle, load_bundle
from cosme_ros.health.measures import MEASURES, frame_measures
from cosme_ros.health.reference import HealthReference, health_reference, reference_record
from cosme_ros.health.state import FrameHealth, HealthState, HealthTracker
from cosme_ros.inference.detector import Detector
from training.street_renderer.drive import StreetDrive

CHANGES: dict[str, conditions.Change] = {
    **{f"dirt, {s:.0%}": partial(conditions.dirt, share=s) for s in (0.1, 0.2, 0.3, 0.5)},
    **{f"blur, {p:g} px": partial(conditions.blur, pixels=p) for p in (1.5, 3, 6)},
    **{f"dark, {g:.0%} of light": partial(conditions.dark, gain=g) for g in (0.4, 0.2, 0.1)},
    **{f"overexposed x{g:g}": partial(conditions.overexposed, gain=g) for g in (1.8, 3)},
    **{f"glare, {s:g}": partial(conditions.glare, size=s) for s in (0.08, 0.2)},
    **{f"fog, {d:g}": partial(conditions.fog, density=d) for d in (1, 3)},
    **{f"rain, {n} streaks": partial(conditions.rain, streaks=n) for n in (150, 500)},
}
THINGS = (0.02, 0.1, 0.2, 0.3, 0.5)
DEMO_CAMERA = 10
OTHER_ROADS = 60_000
"""Seeds between the roads and those whose pieces the things are made of."""


def main() -> int:
    options = _parser().parse_args()
    cv2.setNumThreads(1)
    bundle = load_bundle(options.bundle)
    measured = _Measured(bundle, options.cache)
    if options.reference is None:
        reference = health_reference(bundle.manifest["calibration"])
    else:
        pictures = _pictures(options.reference)[:: options.reference_step]
        record = reference_record(
            [measured(str(path), partial(_read, path, options.crop)) for path in pictures]
        )
        measured.save()
        reference = None if record is None else HealthReference(record)
    if reference is None:
        sys.exit("no reference: the bundle has none, or there are too few pictures")
    drives = list(_drives(options))
    print(
        f"{'condition':24}{'frames':>8}{'in domain':>11}{'degraded':>10}{'out':>8}"
        f"{'excess 10/50/90 %':>20}  worst measure"
    )
    _normal(measured, reference, drives)
    sample = [frame for drive in drives for frame in drive][:: options.step]
    for name, change in CHANGES.items():
        _single(measured, reference, name, sample, change)
    looks = [_painted(OTHER_ROADS + number, 30) for number in range(8)]
    for share in THINGS:

        def put(image: np.ndarray, seed: int, share: float = share) -> np.ndarray:
            return conditions.thing(image, seed, share=share, texture=looks[seed % len(looks)])

        _single(measured, reference, f"thing, {share:.0%}", sample, put)
    return 0


@dataclass(frozen=True)
class _Frame:
    """A frame that is painted or read when it is needed."""

    name: str
    stamp: int
    read: Callable[[], np.ndarray]


def _drives(options: argparse.Namespace) -> Iterator[list[_Frame]]:
    if options.pictures is not None:
        yield [
            _Frame(str(path), number * 10**9, partial(_read, path, options.crop))
            for number, path in enumerate(_pictures(options.pictures))
        ]
        return
    first, roads = (int(part) for part in options.roads.split(":"))
    for seed in range(first, first + roads):
        yield [
            _Frame(f"road {seed} {number}", number * 10**8, partial(_painted, seed, number))
            for number in range(options.frames)
        ]


@lru_cache(maxsize=1)
def _road(seed: int) -> StreetDrive:
    return StreetDrive(seed, camera=DEMO_CAMERA)


def _painted(seed: int, number: int) -> np.ndarray:
    return _road(seed).frame(0.1 * number).image


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in (".jpg", ".png"))


def _read(path: Path, crop: bool) -> np.ndarray:
    image = np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR), np.uint8)
    height, width = image.shape[:2]
    if crop:  # to 16:9, the demo's ratio of sides
        kept = min(height, round(width * 9 / 16))
        top = (height - kept) // 2
        image = image[top : top + kept]
    return np.ascontiguousarray(image)


class _Measured:
    """The measures of frames; networks run only where the cache does not have them."""

    def __init__(self, bundle: Bundle, cache: Path) -> None:
        self._bundle = bundle
        files = hashlib.sha256(str(sorted(bundle.manifest["files"].items())).encode())
        self._file = cache / f"{files.hexdigest()[:16]}.json"
        self._rows: dict[str, list[float]] = {}
        if self._file.exists():
            self._rows = json.loads(self._file.read_text())
        self._detector: Detector | None = None

    def __call__(self, name: str, image: Callable[[], np.ndarray]) -> np.ndarray:
        if name not in self._rows:
            if self._detector is None:
                self._detector = Detector(self._bundle, provider="cpu", threads=1)
            pixels = image()
            grids = self._detector.detect(pixels).grids
            size = self._bundle.input_size
            self._rows[name] = frame_measures(pixels, grids, input_size=size).tolist()
        return np.array(self._rows[name])

    def save(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(self._rows))


def _normal(
    measured: _Measured, reference: HealthReference, drives: Sequence[Sequence[_Frame]]
) -> None:
    alone, driven = _Row(), _Row()
    for drive in drives:
        tracker = HealthTracker(reference)
        for frame in drive:
            values = measured(frame.name, frame.read)
            driven.add(tracker.update(values, frame.stamp))
            alone.add(HealthTracker(reference).update(values, 0))
        measured.save()
    driven.print("normal, in drives")
    alone.print("normal, single")


def _single(
    measured: _Measured,
    reference: HealthReference,
    name: str,
    frames: Sequence[_Frame],
    change: Callable[[np.ndarray, int], np.ndarray],
) -> None:
    row = _Row()
    for seed, frame in enumerate(frames):

        def changed(seed: int = seed, frame: _Frame = frame) -> np.ndarray:
            return change(frame.read(), seed)

        values = measured(f"{frame.name}, {name}, {seed}", changed)
        row.add(HealthTracker(reference).update(values, 0))
    measured.save()
    row.print(name)


class _Row:
    """The states that frames of one condition have."""

    def __init__(self) -> None:
        self._states: Counter[HealthState] = Counter()
        self._worst: Counter[str] = Counter()
        self._excess: list[float] = []

    def add(self, health: FrameHealth) -> None:
        self._states[health.state] += 1
        worst = int(np.abs(health.excess).argmax())
        self._excess.append(abs(health.excess[worst]))
        if self._excess[-1]:
            self._worst[MEASURES[worst].name] += 1

    def print(self, name: str) -> None:
        frames = self._states.total()
        shares = [
            self._states[state] / frames
            for state in (HealthState.IN_DOMAIN, HealthState.DEGRADED, HealthState.OUT_OF_DOMAIN)
        ]
        worst = self._worst.most_common(1)
        low, middle, high = np.quantile(self._excess, (0.1, 0.5, 0.9))
        print(
            f"{name:24}{frames:8}{shares[0]:11.1%}{shares[1]:10.1%}{shares[2]:8.1%}"
            f"{low:8.2f}{middle:6.2f}{high:6.2f}  {worst[0][0] if worst else '-'}",
            flush=True,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="folder for measures")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--roads", metavar="FIRST:COUNT", help="seeds of synthetic roads")
    source.add_argument("--pictures", type=Path, help="folder of normal pictures")
    parser.add_argument("--frames", type=int, default=40, help="of each road")
    parser.add_argument("--step", type=int, default=20, help="of the frames with conditions")
    parser.add_argument("--crop", action="store_true", help="pictures to their middle 16:9")
    parser.add_argument("--reference", type=Path, help="folder of pictures, see above")
    parser.add_argument("--reference-step", type=int, default=2)
    return parser


if __name__ == "__main__":
    sys.exit(main())
