# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m cosme_ros replay_bag BAG --bundle B --out DIR`: what would a vehicle have had?

Plays a bag through a bundle's detector over real DDS: the detector runs as its node, in a process
of its own, exactly as on a vehicle. Then judges what was recorded, as
cosme_ros/cli/judge_recording.py says. `ros2 launch cosme_ros replay.launch.py` does the same in
ROS's own way; this command also runs where ROS comes from wheels.
"""

import argparse
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any

from cosme_ros import topics
from cosme_ros.bags.reading import read_frames
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.cli.judge_recording import ERRORS, evaluate_recording
from cosme_ros.cli.options import add_node_options, positive
from cosme_ros.inference.detector import Detector
from cosme_ros.replay.runner import (
    RECORDING,
    Replay,
    ReplayError,
    prepare_output_dir,
)
from cosme_ros.replay.subprocesses import ChildError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    return replay_and_judge(
        options, shlex.join(["python", "-m", "cosme_ros", "replay_bag", *given])
    )


def replay_and_judge(options: argparse.Namespace, command: str) -> int:
    """`options` as `add_options` names them and `bag`; `command` is for the report.

    Says on the standard error what went wrong, and returns the exit status.
    """
    try:
        with _every_signal_interrupts():
            _run(options, command)
    except (ChildError, *ERRORS) as error:
        print(f"\nThe replay failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; every process that was started has been ended.", file=sys.stderr)
        if (options.out / RECORDING).is_dir():
            out = shlex.quote(str(options.out))
            print(
                f"What was recorded until then: python -m cosme_ros judge_recording {out}",
                file=sys.stderr,
            )
        return 130
    return 0


def _run(options: argparse.Namespace, command: str) -> None:
    began = monotonic()

    def say(sentence: str) -> None:
        print(f"[{monotonic() - began:5.1f} s] {sentence}", flush=True)

    out: Path = options.out
    bundle = load_bundle(options.bundle)
    say(f"the bundle {bundle.name} in {bundle.path} is sound")
    # Made before anything is started, because what is wrong with it is told best from here.
    detector = Detector(
        bundle,
        provider=options.provider,
        false_positive_rate=options.false_positive_rate,
        threads=options.threads,
    )
    seconds_a_frame = _time_one_frame(detector, options)
    say(f"provider {detector.provider}, about {1000 * seconds_a_frame:.0f} ms a frame")
    replay = Replay(
        bundle=bundle.path,
        bag=options.bag,
        image_topic=options.image_topic,
        label_topic=options.label_topic,
        provider=detector.provider,
        false_positive_rate=options.false_positive_rate,
        threads=options.threads,
        rate=options.rate,
        seconds_a_frame=seconds_a_frame,
        overlay=options.pictures,
    )
    replay.image_transport()  # tells of topics that are not as they should be, before `out` changes
    prepare_output_dir(out)
    replay.run(out, say=say)
    say("judging what was published" + (", and drawing pictures" if options.pictures else ""))
    summary = evaluate_recording(
        out, replay, command=command, pictures=options.pictures, detector=detector
    )
    if not options.keep_recording:
        shutil.rmtree(out / RECORDING)
    say("done\n")
    print(summary)
    if options.keep_recording:
        print(f"\nThe rosbag2 bag of all topics is {out / RECORDING}/")


def _time_one_frame(detector: Detector, options: argparse.Namespace) -> float:
    """Seconds; checks on the way that the bag holds pictures."""
    frame = next(read_frames(options.bag, options.image_topic), None)
    if frame is None:
        raise ReplayError(f"bag {options.bag} has no picture on '{options.image_topic}'")
    detector.warm_up(*frame.image.shape[:2])
    began = monotonic()
    detector.detect(frame.image)
    return monotonic() - began


@contextmanager
def _every_signal_interrupts() -> Iterator[None]:
    """SIGTERM and a closed terminal end the children as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {
        number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def add_options(parser: argparse.ArgumentParser) -> None:
    """All but the bag, the bundle and the folder to write to."""
    parser.add_argument(
        "--image-topic", default=topics.CAMERA_IMAGE, help="Image or CompressedImage"
    )
    parser.add_argument(
        "--label-topic",
        default=topics.CAMERA_LABELS,
        help="mono8 Image: 0 normal, 1 anomaly, 255 ignored; '' for a bag without labels",
    )
    parser.add_argument(
        "--rate", type=positive, default=1.0, help="multiple of the speed of recording"
    )
    add_node_options(parser, "provider", "false_positive_rate", "threads")
    parser.add_argument(
        "--keep-recording",
        action="store_true",
        help="keep the bag of all topics, about 2 MB a frame of 640x360",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cosme_ros replay_bag",
        description="Play a bag through a bundle's detector over real DDS, and say what a vehicle "
        "would have had: latency, dropped frames, detection in time. Needs ROS (pip install "
        "'.[ros]' will do), rosbags and OpenCV.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("bag", type=Path, help="rosbag2 bag")
    parser.add_argument("--bundle", type=Path, required=True, help="bundle directory")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    add_options(parser)
    parser.add_argument(
        "--pictures", action="store_true", help="draw a contact sheet, pictures and a video too"
    )
    return parser
