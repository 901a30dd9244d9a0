"""`python -m cosme_ros.demo`: a bag through a bundle's detector over real DDS, then a report.

The detector runs as its node, in a process of its own, exactly as on a vehicle. Afterwards the
recording is judged by the bag's labels, and compared with what `Detector.detect` says of the same
pictures.
"""

import argparse
import json
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

import numpy as np

from cosme_ros import bag_topics
from cosme_ros.bag_reading import BagError, read_frames
from cosme_ros.bundle import BundleError, load_bundle
from cosme_ros.child_processes import ChildError
from cosme_ros.detector import Detector, ScoreFault
from cosme_ros.evaluation import Evaluation, Verdict
from cosme_ros.execution import PROVIDERS, ProviderError
from cosme_ros.machine_facts import machine_facts
from cosme_ros.metrics.anomaly_metrics import AnomalyMetrics
from cosme_ros.parameters import Settings
from cosme_ros.recording import Recording
from cosme_ros.replay import Replay
from cosme_ros.report_pictures import CONTACT_SHEET, PICTURES, VIDEO, ReportPictures, choose_frames

REPORT = "report.json"
RECORDING, LOGS = "recording", "logs"
CHOSEN_FRAMES = 12


class DemoError(Exception):
    """The demo cannot go on; the sentence says what would be right."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "-m", "cosme_ros.demo", *given])
    try:
        with _every_signal_interrupts():
            _run(options, command)
    except (
        BagError,
        BundleError,
        ChildError,
        DemoError,
        OSError,
        ProviderError,
        ScoreFault,
        ValueError,
    ) as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; every process that was started has been ended.", file=sys.stderr)
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
    _make_room(out)
    recording = Replay(
        bundle=bundle.path,
        bag=options.bag,
        image_topic=options.image_topic,
        label_topic=options.label_topic,
        provider=detector.provider,
        false_positive_rate=options.false_positive_rate,
        threads=options.threads,
        rate=options.rate,
        seconds_a_frame=seconds_a_frame,
    ).run(out, say=say)
    say("judging what was published, and drawing pictures")
    verdict = _judge_and_draw(recording, detector, out)
    report = {
        **_judgement(verdict),
        **_performance(recording),
        "provider": detector.provider,
        "false_positive_rate": options.false_positive_rate,
        "threads": options.threads,
        "playback_rate": options.rate,
        "bundle": {"name": bundle.name, "path": str(options.bundle), "sha256": bundle.digest},
        "bag": {"path": str(options.bag), "image_topic": options.image_topic},
        "command": command,
        "machine": machine_facts(),
    }
    (out / REPORT).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if not options.keep_recording:
        shutil.rmtree(recording.path)
    say("done\n")
    print(_summary(report, out, kept=options.keep_recording))


def _time_one_frame(detector: Detector, options: argparse.Namespace) -> float:
    """Seconds; checks on the way that the bag holds pictures."""
    frame = next(read_frames(options.bag, options.image_topic), None)
    if frame is None:
        raise DemoError(f"bag {options.bag} has no picture on '{options.image_topic}'")
    detector.warm_up(*frame.image.shape[:2])
    began = monotonic()
    detector.detect(frame.image)
    return monotonic() - began


def _make_room(out: Path) -> None:
    """Remove what an earlier demo left in `out`; anything else there is not ours to touch."""
    if out.exists() and any(out.iterdir()) and not (out / LOGS / "detector.log").exists():
        raise DemoError(f"{out} exists, and was not written by the demo; give another --out")
    for folder in (RECORDING, LOGS, PICTURES):
        shutil.rmtree(out / folder, ignore_errors=True)
    for file in (REPORT, CONTACT_SHEET, VIDEO):
        (out / file).unlink(missing_ok=True)


def _judge_and_draw(recording: Recording, detector: Detector, out: Path) -> Verdict:
    shown = recording.anomalous()
    if not shown:
        raise DemoError(f"the detector published no score; its log is {out / LOGS}/detector.log")
    stamps = np.array(sorted(shown))
    period = float(np.median(np.diff(stamps))) * 1e-9 if len(stamps) > 1 else 1.0
    evaluation = Evaluation(detector)
    with ReportPictures(
        out, frames_a_second=1.0 / period, chosen=choose_frames(shown, CHOSEN_FRAMES)
    ) as pictures:
        for index, output in enumerate(recording.outputs()):
            evaluation.add(output)
            pictures.add(index, output)
    return evaluation.verdict()


def _judgement(verdict: Verdict) -> dict[str, Any]:
    """Null where there are no labels to judge by."""
    metrics: dict[str, Any] = {}
    for prefix, found in (
        ("", verdict.score),
        ("mulmem_", verdict.mulmem),
        ("auxcon_", verdict.auxcon),
    ):
        metrics |= _named(prefix, found)
    return {
        **metrics,
        "pixels": {"normal": verdict.normal_pixels, "anomalous": verdict.anomalous_pixels},
        "published_equals_detector": verdict.published_equals_detector,
        "largest_difference_to_detector": verdict.largest_difference,
    }


def _named(prefix: str, metrics: AnomalyMetrics | None) -> dict[str, float | None]:
    return {
        f"{prefix}ap": None if metrics is None else metrics.average_precision,
        f"{prefix}auroc": None if metrics is None else metrics.auroc,
        f"{prefix}fpr95": None if metrics is None else metrics.fpr95,
    }


def _performance(recording: Recording) -> dict[str, Any]:
    latencies = recording.latencies()
    counts = recording.counts()
    p50, p95, p99 = (float(value) for value in np.percentile(latencies * 1000, (50, 95, 99)))
    return {
        "latency_ms": {"p50": p50, "p95": p95, "p99": p99},
        "frames": {
            "played": recording.played(),
            "in": counts.received,
            "out": len(latencies),
            "dropped": counts.dropped,
            "failed": counts.failed,
        },
        "diagnostics": counts.values,
    }


def _summary(report: dict[str, Any], out: Path, *, kept: bool) -> str:
    lines = []
    if report["ap"] is None:
        lines += ["no labels of both kinds, so nothing to judge the scores by", ""]
    else:
        lines.append(f"{'':24}{'AP':>8}{'AUROC':>8}{'FPR95':>8}")
        for title, prefix in (
            ("CosMe, as published", ""),
            ("MulMem alone", "mulmem_"),
            ("AuxCon alone", "auxcon_"),
        ):
            values = (report[f"{prefix}{name}"] for name in ("ap", "auroc", "fpr95"))
            lines.append(f"{title:24}" + "".join(f"{value:8.3f}" for value in values))
        lines.append("")
    frames, latency = report["frames"], report["latency_ms"]
    equal = "equal" if report["published_equals_detector"] else "do NOT equal"
    lines += [
        f"frames    {frames['played']} played, {frames['in']} in, {frames['out']} out, "
        f"{frames['dropped']} dropped, {frames['failed']} failed",
        f"latency   p50 {latency['p50']:.1f} ms, p95 {latency['p95']:.1f} ms, "
        f"p99 {latency['p99']:.1f} ms, from stamp to the arrival of score and mask",
        f"provider  {report['provider']}",
        f"          the published scores {equal} Detector.detect's to the bit",
        "",
        "Look at",
    ]
    places = {
        f"{out / CONTACT_SHEET}": "frame, score, mask and truth of some frames",
        f"{out / VIDEO}": "the same of the whole drive; any browser plays it",
        f"{out / PICTURES}/": "those frames in full size, and the overlay as in RViz",
        f"{out / REPORT}": "all numbers",
    }
    if kept:
        places[f"{out / RECORDING}/"] = "the rosbag2 bag of all topics"
    width = max(map(len, places))
    lines += [f"  {place:{width}}  {what}" for place, what in places.items()]
    return "\n".join(lines)


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


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cosme_ros.demo",
        description="Play a bag through a bundle's detector over real DDS, and write pictures and "
        "report.json. Needs ROS (pip install '.[ros]' will do), rosbags and OpenCV.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--bundle", type=Path, default=Path("demo/bundle"), help="bundle directory")
    parser.add_argument("--bag", type=Path, default=Path("demo/bag"), help="rosbag2 bag")
    parser.add_argument("--out", type=Path, default=Path("demo_output"), help="where to write")
    parser.add_argument(
        "--image-topic", default=bag_topics.CAMERA_IMAGE, help="Image or CompressedImage"
    )
    parser.add_argument(
        "--label-topic",
        default=bag_topics.CAMERA_LABELS,
        help="mono8 Image: 0 normal, 1 anomaly, 255 ignored; '' for a bag without labels",
    )
    parser.add_argument(
        "--rate", type=_positive, default=1.0, help="multiple of the speed of recording"
    )
    parser.add_argument(
        "--provider",
        choices=("auto", *PROVIDERS),
        default=Settings.provider,
        help="ONNX Runtime execution provider",
    )
    parser.add_argument(
        "--false-positive-rate",
        type=float,
        default=Settings.false_positive_rate,
        help="share of normal pixels that may raise an alarm",
    )
    parser.add_argument(
        "--threads", type=int, default=Settings.threads, help="of ONNX Runtime; 0: its own choice"
    )
    parser.add_argument(
        "--keep-recording",
        action="store_true",
        help="keep the bag of all topics, about 2 MB a frame of 640x360",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
