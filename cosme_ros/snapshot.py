"""`python -m cosme_ros.snapshot`: what RViz would show of frames of a bag, as PNG. No ROS needed.

Every frame is made by the node's own `make_outputs`: what is seen here is what the node publishes.
"""

from __future__ import annotations

import argparse
import heapq
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from cosme_ros import bag_topics
from cosme_ros.bag_reading import COMPRESSED_IMAGE, IMAGE, Bag, BagError, read_frames
from cosme_ros.bundle import Bundle, BundleError, load_bundle
from cosme_ros.detector import Detector, ScoreFault
from cosme_ros.execution import ProviderError
from cosme_ros.frame_outputs import FrameOutputs, Wanted, make_outputs
from cosme_ros.node_options import add_node_options
from cosme_ros.option_types import at_least
from cosme_ros.snapshot_picture import snapshot_picture

DEFAULT_WORST = 6


class SnapshotError(Exception):
    """No picture can be made as asked; the sentence says what would be right."""


@dataclass(frozen=True)
class _Frame:
    index: int
    """In the bag, from 0."""
    seconds: float
    """Since the first picture."""
    image: np.ndarray


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        count = _run(options)
    except (BagError, BundleError, OSError, ProviderError, SnapshotError, ValueError) as error:
        print(f"snapshot: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nInterrupted; the pictures made so far are in {options.out}", file=sys.stderr)
        return 130
    print(f"{count} pictures in {options.out}")
    return 0


def _run(options: argparse.Namespace) -> int:
    with Bag(options.bag) as bag:
        total = _total(bag, options.image_topic)
    wanted = _wanted(options, total)
    bundle = load_bundle(options.bundle)
    if options.region == "drivable" and not bundle.drivable_class_ids:
        raise SnapshotError(
            f"--region is 'drivable', but bundle {bundle.name} has no drivable class; "
            "'everything' is right for it"
        )
    detector = Detector(
        bundle,
        provider=options.provider,
        false_positive_rate=options.false_positive_rate,
        threads=options.threads,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    frames = _frames(options, total)
    if wanted is not None:
        last = max(wanted)
        needed = takewhile(lambda frame: frame.index <= last, frames)
        chosen = (frame for frame in needed if frame.index in wanted)
        return _write(chosen, detector, options)
    worst = _Worst(DEFAULT_WORST if options.worst is None else options.worst)
    try:
        for frame in frames:
            worst.add(frame, detector, options)
    except (BagError, KeyboardInterrupt):  # what could be read until then is worth a look
        _write(worst.frames(), detector, options)
        raise
    return _write(worst.frames(), detector, options)


def _write(frames: Iterable[_Frame], detector: Detector, options: argparse.Namespace) -> int:
    """How many pictures were written."""
    count = 0
    for frame in frames:
        try:
            made = _outputs(detector, frame.image, options, Wanted(True, True, True, True))
        except ScoreFault as error:
            tqdm.write(f"frame {frame.index} has no picture: {error}", file=sys.stderr)
            continue
        path = options.out / f"frame_{frame.index:04d}.png"
        caption = _caption(frame, made, detector.bundle, options)
        if not cv2.imwrite(str(path), snapshot_picture(frame.image, made, caption=caption)):
            raise OSError(f"{path} cannot be written")
        count += 1
    return count


def _total(bag: Bag, topic: str) -> int:
    bag.type_of(topic, among=(IMAGE, COMPRESSED_IMAGE))
    total = bag.count(topic)
    if total == 0:
        raise SnapshotError(f"bag {bag.path} has no picture on '{topic}'")
    return total


def _wanted(options: argparse.Namespace, total: int) -> set[int] | None:
    """Indices of frames; None where the scores decide."""
    if options.every is not None:
        return set(range(0, total, options.every))
    if options.frames is None:
        return None
    beyond = [index for index in options.frames if index >= total]
    if beyond:
        raise SnapshotError(
            f"--frames names {beyond[0]}, but bag {options.bag} has {total} pictures on "
            f"'{options.image_topic}': 0 to {total - 1}"
        )
    return set(options.frames)


def _frames(options: argparse.Namespace, total: int) -> Iterator[_Frame]:
    first: int | None = None
    frames = read_frames(options.bag, options.image_topic)
    for index, frame in enumerate(tqdm(frames, total=total, unit=" frames", desc="reading")):
        first = frame.stamp if first is None else first
        yield _Frame(index, (frame.stamp - first) * 1e-9, frame.image)


class _Worst:
    """The frames with the highest obstacles, or the highest scores where there are none.

    Only their pictures are kept: each is looked at once more when it is drawn.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._kept: list[tuple[float, float, int, _Frame]] = []

    def add(self, frame: _Frame, detector: Detector, options: argparse.Namespace) -> None:
        try:
            made = _outputs(detector, frame.image, options, Wanted(True, False, False, True))
        except ScoreFault as error:
            tqdm.write(f"frame {frame.index} is left out: {error}", file=sys.stderr)
            return
        assert made.score is not None
        highest = made.obstacles[0].peak_score if made.obstacles else 0.0
        # Of equal ones the earlier; the index is unique, so frames are never compared.
        entry = (highest, float(made.score.max()), -frame.index, frame)
        (heapq.heappush if len(self._kept) < self._count else heapq.heappushpop)(self._kept, entry)

    def frames(self) -> list[_Frame]:
        """In the order of the bag."""
        return sorted((frame for *_, frame in self._kept), key=lambda frame: frame.index)


def _outputs(
    detector: Detector, image: np.ndarray, options: argparse.Namespace, wanted: Wanted
) -> FrameOutputs:
    return make_outputs(
        detector.detect(image),
        image,
        wanted,
        provider=detector.provider,
        drivable_class_ids=(
            detector.bundle.drivable_class_ids if options.region == "drivable" else None
        ),
        minimum_area=options.minimum_area,
        drift_threshold=detector.threshold,
        outline=options.outline,
    )


def _caption(frame: _Frame, made: FrameOutputs, bundle: Bundle, options: argparse.Namespace) -> str:
    assert made.score is not None
    return (
        f"frame {frame.index} at {frame.seconds:.2f} s of {options.bag.name or options.bag}; "
        f"highest score {made.score.max():.2f} alarm lines; bundle {bundle.name}, "
        f"false-positive rate {options.false_positive_rate:g}"
    )


def _indices(text: str) -> list[int]:
    try:
        indices = [int(part) for part in text.split(",")]
    except ValueError:
        indices = []
    if not indices or min(indices) < 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no list of indices such as 0,10,20")
    return indices


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cosme_ros.snapshot",
        description="Write what RViz would show of frames of a rosbag2 bag as PNG: camera, "
        "overlay, score and mask side by side. Needs rosbags, tqdm and OpenCV, but no ROS.",
    )
    parser.add_argument("bag", type=Path, metavar="BAG", help="rosbag2 bag, MCAP or sqlite3")
    parser.add_argument("--bundle", type=Path, required=True, help="bundle directory")
    parser.add_argument("--out", type=Path, required=True, help="folder for frame_NNNN.png")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--frames", type=_indices, help="these frames, from 0, e.g. 0,10,20")
    which.add_argument("--every", type=at_least(1), metavar="N", help="every Nth frame")
    which.add_argument(
        "--worst",
        type=at_least(1),
        metavar="N",
        help="the N frames with the highest obstacles, or scores where there are no obstacles; "
        f"{DEFAULT_WORST} of them where nothing else is asked for",
    )
    parser.add_argument(
        "--image-topic",
        default=bag_topics.CAMERA_IMAGE,
        help="Image or CompressedImage (default: %(default)s)",
    )
    add_node_options(
        parser,
        "provider",
        "false_positive_rate",
        "region",
        "minimum_area",
        "outline",
        "threads",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
