# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m cosme_ros replay_bag BAG --bundle B --out DIR`: what would a vehicle have had?

Plays a bag through a bundle's detector over real DDS: the detector runs as its node, in a process
of its own, exactly as on a vehicle. Then evaluates what was recorded, as `judge_recording` does.
`ros2 launch cosme_ros replay.launch.py` does the same in ROS's own way; this command also runs
where ROS comes from wheels.
"""

import argparse
import shlex
import shutil
from pathlib import Path
from time import monotonic

from cosme_ros import topics
from cosme_ros.bags.reading import read_frames
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.cli.detector_options import FAILURES
from cosme_ros.cli.judge_recording import summary
from cosme_ros.cli.options import (
    add_node_options,
    add_overwrite_option,
    command,
    command_parser,
    orientation_of,
    positive,
)
from cosme_ros.cli.progress import ProgressBars
from cosme_ros.command_frame import Interrupted
from cosme_ros.inference.detector import Detector
from cosme_ros.output_folder import prepare_output_dir
from cosme_ros.postprocessing.static_mask import load_static_mask
from cosme_ros.replay.runner import CONTENTS, RECORDING, Replay, ReplayError
from cosme_ros.replay.subprocesses import ChildError
from cosme_ros.reporting.replay_evaluator import evaluate_recording

REPLAY_FAILURES = (*FAILURES, ChildError, ReplayError)


def run_replay(options: argparse.Namespace) -> None:
    """Play, record and evaluate; `options` as `add_options` names them, and `bag`."""
    began = monotonic()

    def log(sentence: str) -> None:
        print(f"[{monotonic() - began:5.1f} s] {sentence}", flush=True)

    out: Path = options.out
    bundle = load_bundle(options.bundle)
    log(f"the bundle {bundle.name} in {bundle.path} is sound")
    load_static_mask(options.static_mask)  # raises for a file that the node would refuse
    # Made before anything is started: its errors are reported here.
    detector = Detector(
        bundle,
        provider=options.provider,
        false_positive_rate=options.false_positive_rate,
        threads=options.threads,
        orientation=orientation_of(options),
    )
    seconds_a_frame = _time_one_frame(detector, options)
    log(f"provider {detector.provider}, about {1000 * seconds_a_frame:.0f} ms a frame")
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
        image_rotation=options.image_rotation,
        image_flip=options.image_flip,
        static_mask=options.static_mask,
    )
    replay.image_transport()  # raises for topics that are not as they should be, before `out`
    prepare_output_dir(out, CONTENTS, overwrite=options.overwrite)
    try:
        replay.run(out, log=log)
        log("evaluating what was published" + (", drawing pictures" if options.pictures else ""))
        with ProgressBars() as bars:
            report = evaluate_recording(
                out,
                pictures=options.pictures,
                detector=detector,
                command=options.command,
                on_progress=bars,
            )
    except KeyboardInterrupt:
        raise Interrupted(_after_interrupt(out)) from None
    if not options.keep_recording:
        shutil.rmtree(out / RECORDING)
    log("done\n")
    print(summary(report, out, pictures=options.pictures))
    if options.keep_recording:
        print(f"\nThe rosbag2 bag of all topics is {out / RECORDING}/")


def _after_interrupt(out: Path) -> str:
    ended = "every process that was started has ended"
    if not (out / RECORDING).is_dir():
        return ended
    evaluate = f"python -m cosme_ros judge_recording {shlex.quote(str(out))}"
    return f"{ended}; to evaluate what was recorded until then: {evaluate}"


def _time_one_frame(detector: Detector, options: argparse.Namespace) -> float:
    """Return seconds. Raises ReplayError for a bag without pictures."""
    frame = next(read_frames(options.bag, options.image_topic), None)
    if frame is None:
        raise ReplayError(f"bag {options.bag} has no picture on '{options.image_topic}'")
    detector.warm_up(*frame.image.shape[:2])
    began = monotonic()
    detector.detect(frame.image)
    return monotonic() - began


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add all options but the bag, the bundle and the folder to write to."""
    add_overwrite_option(parser)
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
    add_node_options(
        parser,
        "provider",
        "false_positive_rate",
        "static_mask",
        "image_rotation",
        "image_flip",
        "threads",
    )
    parser.add_argument(
        "--keep-recording",
        action="store_true",
        help="keep the bag of all topics, about 2 MB a frame of 640x360",
    )


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "replay_bag",
        "Play a bag through a bundle's detector over real DDS, and report what a vehicle would "
        "have had: latency, dropped frames, detection in time. Needs ROS (pip install '.[ros]' "
        "will do), rosbags and OpenCV.",
        example="demo/bag --bundle demo/bundle --out replay_output --pictures",
    )
    parser.add_argument("bag", type=Path, help="rosbag2 bag")
    parser.add_argument("--bundle", type=Path, required=True, help="bundle directory")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    add_options(parser)
    parser.add_argument(
        "--pictures", action="store_true", help="draw a contact sheet, pictures and a video too"
    )
    return parser


main = command("replay_bag", _parser, run_replay, REPLAY_FAILURES)
