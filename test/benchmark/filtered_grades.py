# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The figure that `fit` grades by, of bundles without the guided filter, measured with it.

OUT is that of `fit_quality_table.py`, made before a fit had the filter. Its bundles stay as they
are: the product of their maps, MulMem and AuxCon, is filtered here as a graph would, in place of
the Gaussian. Bundles of the paper's method have neither, then and now. Every other figure than AP
and FPR95 would need a new calibration and is left out.

Example:

    PYTHONPATH=. python test/benchmark/filtered_grades.py --camvid DIR --road-anomaly DIR \
        --out OUT --size 160 288 --max-frames 40
"""

import argparse
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import fit_quality_table as table
import numpy as np
import torch
from scipy.stats import spearmanr

from training.datasets.normal_frames import split_frames
from training.datasets.opening import open_frames
from training.export.graph_runner import GRAPHS, GraphRunner
from training.export.manifest import read_manifest
from training.fitting import self_test
from training.method.guided_filter import guided
from training.method.guided_settings import GuidedFilter

FILTER = GuidedFilter(24, 3e-5)
CALIBRATION_SHARE = 0.2
RESULTS = "filtered_grades"


class FilteredRunner(GraphRunner):
    """A bundle's graphs with the guided filter behind them; the paper's method without."""

    def __init__(self, folder: Path, providers: Mapping[str, Sequence[Any]] | None = None) -> None:
        super().__init__(folder, providers)
        manifest = read_manifest(folder)
        self._smoothed = manifest["method"]["smoothing"] > 0
        self._height = manifest["input_size"]["height"]

    def run(
        self,
        image: np.ndarray,
        known: Mapping[str, np.ndarray] | None = None,
        graphs: Collection[str] = GRAPHS,
    ) -> dict[str, np.ndarray]:
        """As `GraphRunner.run`, the score filtered."""
        outputs = super().run(image, known, graphs)
        if self._smoothed and "score" in outputs:
            score = outputs["mulmem"] * outputs["auxcon"]
            size = score.shape[3], score.shape[2]
            small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            guide = torch.from_numpy(small[:, :, ::-1].astype(np.float32) / 255)
            places = FILTER.places(round(self._height / size[1]))
            filtered = guided(torch.from_numpy(score), guide.permute(2, 0, 1)[None], *places)
            outputs["score"] = filtered.numpy()
        return outputs


def grade_again(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one bundle: of the self-test, and on both sets."""
    case = table.CASES[name]
    bundle = table._result_path(options.out, name).with_suffix("")
    held_out = split_frames(
        open_frames(table._frames(case, options)),
        tuple(options.size),
        calibration_share=CALIBRATION_SHARE,
        most=case.most_frames or options.max_frames,
    )[1]
    figures = self_test.SelfTestFigures(self_test.alarm_line(read_manifest(bundle))[0])
    for picture in self_test.judged_pictures(bundle, held_out, 0):
        figures.add(picture)
    test = figures.result()
    spellings = (
        f"road_anomaly={options.road_anomaly}",
        f"composited:0:camvid={options.camvid}:test",
    )
    return {
        "other_light": test.other_light.average_precision,
        "as_taken": test.all.average_precision,
        "as_taken_fpr95": test.all.fpr95,
        "truth": {
            title: table._evaluate(bundle, spelling, options)
            for title, spelling in zip(table.TRUTHS, spellings, strict=True)
        },
    }


def as_table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the bundles by AP on Road Anomaly, and rank correlations; Markdown, in percent."""
    lines = [
        f"| bundle | {' | '.join(f'{t}: AP / FPR95' for t in table.TRUTHS)} | as taken: AP / FPR95 "
        "| other light: AP |",
        "|---|---|---|---|---|",
    ]
    for name in sorted(results, key=lambda n: results[n]["truth"][table.TRUTHS[0]]["ap"]):
        of = results[name]
        cells = [
            *(_pair(of["truth"][t]["ap"], of["truth"][t]["fpr95"]) for t in table.TRUTHS),
            _pair(of["as_taken"], of["as_taken_fpr95"]),
            f"{100 * of['other_light']:.1f}",
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", f"| rank correlation of {len(results)} | {' | '.join(table.TRUTHS)} | sum |"]
    lines += ["|---|---|---|---|"]
    truths = [[of["truth"][t]["ap"] for of in results.values()] for t in table.TRUTHS]
    truths.append([sum(aps) for aps in zip(*truths, strict=True)])
    for key in ("other_light", "as_taken", "as_taken_fpr95"):
        found = [spearmanr([of[key] for of in results.values()], t).statistic for t in truths]
        lines.append(f"| {key} | {' | '.join(f'{value:.2f}' for value in found)} |")
    return "\n".join(lines)


def _pair(precision: float, rate: float) -> str:
    return f"{100 * precision:.1f} / {100 * rate:.1f}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--camvid", required=True)
    parser.add_argument("--road-anomaly", required=True)
    parser.add_argument("--out", type=Path, required=True, help="with the bundles")
    parser.add_argument("--size", type=int, nargs=2, default=(360, 640), metavar=("H", "W"))
    parser.add_argument("--max-frames", type=int, default=60, help="that they were fitted to")
    parser.add_argument("--truth-frames", type=int, default=60, help="of each set, evenly spread")
    parser.add_argument("--only", nargs="*", metavar="BUNDLE", help="; ".join(table.CASES))
    options = parser.parse_args()
    torch.set_num_threads(1)
    # Whatever makes a runner of a folder now makes one with the filter.
    self_test.GraphRunner = table.GraphRunner = FilteredRunner  # type: ignore[misc]
    results = {}
    for name in options.only or list(table.CASES):
        path = options.out / RESULTS / table._result_path(options.out, name).name
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(grade_again(name, options)), encoding="utf-8")
        results[name] = json.loads(path.read_text(encoding="utf-8"))
        print(name, results[name], flush=True)
    like = {n: of for n, of in results.items() if table.CASES[n].frames == "camvid"}
    for chosen in (results, like):
        print(f"\n{as_table(chosen)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
