"""Does the detector node keep up, and does it ever queue?

Plays a bag at 10 and at 30 frames a second into the real detector process, over real DDS, and says
how many frames came in, went out and were dropped, and how old a frame is, counted from its
arrival, when the node begins to work on it. A node that never queues begins on frames younger than
one input period, whatever the rate: younger than the time until the next frame really came, that
is, which on a busy machine is not the nominal period.

    make bench
"""

import argparse
import json
import math
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from cosme_ros import bag_topics
from cosme_ros.bag_reading import Bag, read_frames
from cosme_ros.bundle import load_bundle
from cosme_ros.detector import Detector
from cosme_ros.execution import PROVIDERS
from cosme_ros.machine_facts import machine_facts
from cosme_ros.parameters import Settings
from cosme_ros.recording import Recording
from cosme_ros.replay import Replay

INPUT_RATES = (10.0, 30.0)  # frames a second
RESULT = "node_age.json"
AGE = "age at start from arrival"
GAP = "gap between arrivals"


def main() -> int:
    options = _parser().parse_args()
    bundle = load_bundle(options.bundle)
    detector = Detector(bundle, provider=options.provider, threads=options.threads)
    with Bag(options.bag) as bag:
        frames = bag.count(options.image_topic)
        own_rate = (frames - 1) / bag.duration
    image = next(read_frames(options.bag, options.image_topic)).image
    detector.warm_up(*image.shape[:2])
    began = monotonic()
    detector.detect(image)
    alone = monotonic() - began
    print(
        f"bundle {bundle.name}, {image.shape[1]}x{image.shape[0]}, provider {detector.provider}, "
        f"{1000 * alone:.0f} ms a frame without ROS"
    )
    runs = []
    for rate in INPUT_RATES:
        replay = Replay(
            bundle=bundle.path,
            bag=options.bag,
            image_topic=options.image_topic,
            label_topic="",
            provider=detector.provider,
            false_positive_rate=Settings.false_positive_rate,
            threads=options.threads,
            rate=rate / own_rate,
            seconds_a_frame=alone,
            rounds=math.ceil(options.seconds * rate / frames),
            overlay=False,
        )
        with tempfile.TemporaryDirectory() as folder:
            recording = replay.run(Path(folder), say=lambda sentence: print(f"  {sentence}"))
            runs.append(_measure(recording, rate))
    print(_table(runs))
    result = {
        "bundle": {"name": bundle.name, "sha256": bundle.digest},
        "image": {"height": image.shape[0], "width": image.shape[1]},
        "provider": detector.provider,
        "detector_alone_ms": 1000 * alone,
        "runs": runs,
        "machine": machine_facts(),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / RESULT).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"\n{options.out / RESULT}")
    return 0


def _measure(recording: Recording, rate: float) -> dict[str, Any]:
    counts = recording.counts()
    latencies = recording.latencies() * 1000
    # Each status covers the last seconds only; the worst one speaks for the whole run.
    windows = [
        (age, gap)
        for status in recording.statuses()
        if (age := status.percentiles(AGE)) and (gap := status.percentiles(GAP))
    ]
    worst, gap = max(windows, key=lambda window: window[0]["p99"])
    p50, p95, p99 = (float(value) for value in np.percentile(latencies, (50, 95, 99)))
    return {
        "input_rate_hz": rate,
        "period_ms": 1000 / rate,
        "frames": {
            "played": recording.played(),
            "in": counts.received,
            "out": len(latencies),
            "dropped": counts.dropped,
            "failed": counts.failed,
        },
        "age_at_start_ms": worst,
        "latency_ms": {"p50": p50, "p95": p95, "p99": p99},
        "arrival_gap_ms": gap,
        "starts_within_a_period": worst["p99"] < gap["p99"],
    }


def _table(runs: list[dict[str, Any]]) -> str:
    lines = [
        "",
        "            frames                          age at start, ms       "
        "between arrivals, ms      stamp to output, ms   starts within",
        "  input   played    in   out dropped      p50    p95    p99      "
        "p50    p95    p99      p50    p95    p99   one period",
    ]
    for run in runs:
        frames = run["frames"]
        times = [run[key] for key in ("age_at_start_ms", "arrival_gap_ms", "latency_ms")]
        lines.append(
            f"{run['input_rate_hz']:4.0f} Hz {frames['played']:8d}{frames['in']:6d}"
            f"{frames['out']:6d}{frames['dropped']:8d}  "
            + "  ".join("".join(f"{time[p]:7.1f}" for p in ("p50", "p95", "p99")) for time in times)
            + f"   {'yes' if run['starts_within_a_period'] else 'NO'} "
            f"(nominally {run['period_ms']:.0f} ms)"
        )
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, default=Path("demo/bundle"))
    parser.add_argument("--bag", type=Path, default=Path("demo/bag"))
    parser.add_argument("--out", type=Path, default=Path("bench_output"))
    parser.add_argument("--image-topic", default=bag_topics.CAMERA_IMAGE)
    parser.add_argument("--provider", choices=("auto", *PROVIDERS), default="auto")
    parser.add_argument("--threads", type=int, default=0, help="of ONNX Runtime; 0: its own choice")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to play, at least")
    return parser


if __name__ == "__main__":
    sys.exit(main())
