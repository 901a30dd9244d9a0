# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

r"""Does the grade that `fit` gives a bundle hold? Bundles from bad to good, graded and evaluated.

Teachers are trained (briefly, on CamVid), bundles are fitted, each with its self-test, and then
evaluated on what `fit` never saw: Road Anomaly and things composited into other CamVid frames. The
table has the rank correlation (Spearman) of each figure of the self-test with the AP on either set.

    PYTHONPATH=. python test/benchmark/fit_quality_table.py --camvid DIR --road-anomaly DIR \
        --out DIR

What is in OUT is not made again, so the command goes on where it was stopped, and several with
different `--only` may share an OUT.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.stats import spearmanr
from typer.testing import CliRunner

from cosme_ros.metrics.anomaly_metrics import AnomalyHistogram
from cosme_ros.metrics.labels import to_size
from training.__main__ import app
from training.datasets.cropped import Cropped
from training.datasets.registry import open_dataset
from training.export.graph_runner import GraphRunner

_LITE0 = "--architecture deeplabv3plus_efficientnet_lite0 --width 0.25 --crop 128 160"
_IMAGENET = f"{_LITE0} --pretrained --backbone-rate 0.5"

TEACHERS = {
    "random": f"{_LITE0} --steps 1 --learning-rate 1e-9",
    "resnet_60": "--architecture deeplabv3plus_resnet18 --width 0.1875 --crop 128 160 --steps 60",
    "lite0_5": f"{_IMAGENET} --steps 5",
    "lite0_20": f"{_IMAGENET} --steps 20",
    "lite0_100": f"{_IMAGENET} --steps 100",
    "lite0_60_seed0": f"{_IMAGENET} --steps 60 --seed 0",
    "lite0_60_seed1": f"{_IMAGENET} --steps 60 --seed 1",
    "lite0_60_seed2": f"{_IMAGENET} --steps 60 --seed 2",
}
"""Name to the options of `python -m training teacher`."""


@dataclass(frozen=True)
class Case:
    """A bundle of the table.

    Attributes:
        teacher: a key of TEACHERS.
        frames: `camvid`, `dark` (the same, darkened) or `synthetic`.
        most_frames: that are used; None is the command line's.
        options: more options of `python -m training fit`.
    """

    teacher: str
    frames: str = "camvid"
    most_frames: int | None = None
    options: str = ""


CASES = {
    "random weights": Case("random"),
    "ResNet-18 from scratch, 60 steps": Case("resnet_60"),
    "ImageNet, 5 steps": Case("lite0_5"),
    "ImageNet, 20 steps": Case("lite0_20"),
    "ImageNet, 60 steps": Case("lite0_60_seed0"),
    "the same, seed 1": Case("lite0_60_seed1"),
    "the same, seed 2": Case("lite0_60_seed2"),
    "ImageNet, 100 steps": Case("lite0_100"),
    "60 steps, 8 frames": Case("lite0_60_seed0", most_frames=8),
    "60 steps, darkened frames": Case("lite0_60_seed0", "dark"),
    "60 steps, synthetic streets": Case("lite0_60_seed0", "synthetic"),
    "60 steps, the paper's method, short": Case(
        "lite0_60_seed0", options="--method paper --student-steps 20 --batch 2 --crop 96 160"
    ),
}

DARKER = 0.35
TRUTHS = ("Road Anomaly", "composited CamVid")


def main() -> int:
    options = _parser().parse_args()
    chosen = options.only or list(CASES)
    unknown = set(chosen) - set(CASES)
    if unknown:
        raise SystemExit(f"no such bundle: {', '.join(sorted(unknown))}")
    for name in chosen:
        _make(name, CASES[name], options)
    results = {
        name: json.loads(_result_path(options.out, name).read_text(encoding="utf-8"))
        for name in CASES
        if _result_path(options.out, name).exists()
    }
    table = as_table(results)
    (options.out / "table.md").write_text(table, encoding="utf-8")
    print(table)
    return 0


def as_table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the bundles, sorted by AP on Road Anomaly, and the rank correlations; Markdown.

    Args:
        results: name of the bundle to {"quality": as in its manifest, "truth": {set: {"ap",
            "fpr95"}}, "confidence": mean largest softmax}.
    """
    lines = [
        "| bundle | Road Anomaly, AP / FPR95 | composited CamVid | self-test: AP / FPR95 | drawn "
        "things, pieces: AP | other light: AP | found: all, small, large | teacher's confidence | "
        "grade |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in sorted(results, key=lambda n: results[n]["truth"][TRUTHS[0]]["ap"]):
        quality, truth = results[name]["quality"], results[name]["truth"]
        test = quality["self_test"]
        kinds = ", ".join(_share(kind["average_precision"]) for kind in test["kinds"].values())
        found = ", ".join(_share(test[group]["found"]) for group in ("all", "small", "large"))
        cells = [
            name,
            *(f"{_share(truth[t]['ap'])} / {_share(truth[t]['fpr95'])}" for t in TRUTHS),
            f"{_share(test['all']['average_precision'])} / {_share(test['all']['fpr95'])}",
            kinds,
            _share(test["other_light"]["average_precision"]),
            found,
            f"{results[name]['confidence']:.2f}",
            quality["grade"],
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *_correlations(results)]
    return "\n".join(lines) + "\n"


def _correlations(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [
        f"| rank correlation over {len(results)} bundles of | {' | '.join(TRUTHS)} | their mean |",
        "|---|---|---|---|",
    ]
    truths = {t: [r["truth"][t]["ap"] for r in results.values()] for t in TRUTHS}
    truths["their mean"] = [float(np.mean(both)) for both in zip(*truths.values(), strict=True)]
    for title, read in FIGURES.items():
        figures = [read(r["quality"]["self_test"], r) for r in results.values()]
        numbers = [np.nan if f is None else f for f in figures]
        found = [spearmanr(numbers, aps, nan_policy="omit").statistic for aps in truths.values()]
        lines.append(f"| {title} | {' | '.join(f'{value:.2f}' for value in found)} |")
    return lines


FIGURES: dict[str, Any] = {
    "self-test, AP": lambda test, _: test["all"]["average_precision"],
    "self-test, FPR95": lambda test, _: test["all"]["fpr95"],
    "drawn things alone, AP": lambda test, _: test["kinds"]["drawn"]["average_precision"],
    "pieces alone, AP": lambda test, _: test["kinds"]["piece of a frame"]["average_precision"],
    "large things alone, AP": lambda test, _: test["large"]["average_precision"],
    "in another light, AP": lambda test, _: test["other_light"]["average_precision"],
    "in another light, FPR95": lambda test, _: test["other_light"]["fpr95"],
    "share found": lambda test, _: test["all"]["found"],
    "teacher's confidence (what `fit` warned by)": lambda _, result: result["confidence"],
}


def _make(name: str, case: Case, options: argparse.Namespace) -> None:
    """Train, fit and evaluate what is not there yet."""
    path = _result_path(options.out, name)
    if path.exists():
        return
    teacher = options.out / "teachers" / case.teacher
    if not (teacher / "teacher.pt").exists():
        words = ["teacher", f"camvid={options.camvid}:train", "--out", str(teacher)]
        _run([*words, *TEACHERS[case.teacher].split()])
    bundle = path.with_suffix("")
    if not (bundle / "manifest.json").exists():
        words = ["fit", _frames(case, options), "--teacher", str(teacher / "teacher.pt")]
        words += ["--out", str(bundle), "--size", *map(str, options.size)]
        words += ["--max-frames", str(case.most_frames or options.max_frames)]
        _run([*words, "--prototypes", str(options.prototypes), *case.options.split()])
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    fitted_on = manifest["fitted_on"]
    result = {
        "quality": fitted_on["quality"],
        "confidence": fitted_on["suitability"]["confidence"],
        "suitability": fitted_on["suitability"],
        "truth": {
            TRUTHS[0]: _evaluate(bundle, f"road_anomaly={options.road_anomaly}", options),
            TRUTHS[1]: _evaluate(bundle, f"composited:0:camvid={options.camvid}:test", options),
        },
    }
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _evaluate(bundle: Path, spelling: str, options: argparse.Namespace) -> dict[str, float]:
    source = Cropped(open_dataset(spelling).source, *options.size)
    runner, histogram = GraphRunner(bundle), AnomalyHistogram()
    count = min(options.truth_frames, len(source))
    for index in np.linspace(0, len(source) - 1, count).round().astype(int).tolist():
        image, label = source[index]
        histogram.add(to_size(runner.run(image)["score"][0, 0], label.shape), label)
    found = histogram.result()
    return {"ap": found.average_precision, "fpr95": found.fpr95}


def _frames(case: Case, options: argparse.Namespace) -> str:
    if case.frames == "synthetic":
        return f"synthetic:0:{options.max_frames}"
    if case.frames == "dark":
        return str(_darkened(options))
    return f"camvid={options.camvid}:train"


def _darkened(options: argparse.Namespace) -> Path:
    """As many CamVid frames as a fit uses, at a third of their brightness."""
    folder: Path = options.out / "dark"
    source = open_dataset(f"camvid={options.camvid}:train").source.images
    folder.mkdir(parents=True, exist_ok=True)
    for index in np.linspace(0, len(source) - 1, options.max_frames).round().astype(int).tolist():
        path = folder / f"{index:04d}.png"
        if not path.exists():
            cv2.imwrite(str(path), (source[index] * DARKER).astype(np.uint8))
    return folder


def _run(words: list[str]) -> None:
    print(f"python -m training {' '.join(words)}", flush=True)
    result = CliRunner().invoke(app, words)
    if result.exit_code:
        raise SystemExit(f"{result.output}\n{result.exception!r}")


def _result_path(out: Path, name: str) -> Path:
    return out / f"{''.join(c if c.isalnum() else '_' for c in name)}.json"


def _share(value: float | None) -> str:
    return "none" if value is None else f"{100 * value:.1f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--camvid", required=True)
    parser.add_argument("--road-anomaly", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, nargs=2, default=(360, 640), metavar=("H", "W"))
    parser.add_argument("--max-frames", type=int, default=60, help="that a bundle is fitted to")
    parser.add_argument("--prototypes", type=int, default=64)
    parser.add_argument("--truth-frames", type=int, default=60, help="of each set, evenly spread")
    parser.add_argument("--only", nargs="*", metavar="BUNDLE", help="; ".join(CASES))
    return parser


if __name__ == "__main__":
    sys.exit(main())
