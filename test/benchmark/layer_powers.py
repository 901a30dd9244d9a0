# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Which powers of the layers' scores: searched on labelled pictures.

The score of a bundle is a product of one score a layer: of its memory (Eq. 3), each to a power of
its own (`fit --layer-power`), and of the forward consensus (Eq. 6), to `--auxcon-power`. This
command starts from the bundle's powers and moves one after the other by a step for as long as the
mean AP over the sets grows. Search on other sets than those that are reported.

Example:

    PYTHONPATH=. python test/benchmark/layer_powers.py --bundle demo/bundle \
        --data "drive 5=bag=/tmp/drive5/bag@::4" --data "drive 6=bag=/tmp/drive6/bag@::4"
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)
from score_parts import parse_data

from cosme_ros.inference.memory_features import memory_features
from cosme_ros.metrics.anomaly_metrics import AnomalyHistogram
from cosme_ros.metrics.labels import to_size
from training.export.graph_runner import GraphRunner
from training.export.manifest import read_manifest
from training.layers import GUIDE, LAST_HIDDEN, bank_of, student_layer
from training.method import memory, student
from training.method.guided_filter import guided
from training.method.guided_settings import GuidedFilter

STEP = 3
"""Of the rows and columns that are judged: neighbours say the same."""

STEPS = (0.5, 0.25)
ROUNDS = 3
LEAST_GAIN = 0.05
"""In percent of the mean AP; below it a move is noise."""

_BINS = 1 << 16
_SMALLEST_SCORE = 1e-6

Powers = Mapping[str, float]


@dataclass(frozen=True)
class Frame:
    """What the search needs of a frame.

    Attributes:
        logarithms: float32 [n, h, w], of each factor's score at the stride of `lh`.
        guide: float32 [1, 3, h, w].
        label: uint8 [H, W], 0 normal, 1 anomaly, 255 not judged.
    """

    logarithms: torch.Tensor
    guide: torch.Tensor
    label: np.ndarray


class Bundle:
    """The single scores of a bundle, and what it makes of them."""

    def __init__(self, folder: Path) -> None:
        self._runner = GraphRunner(folder)
        self._manifest = read_manifest(folder)
        method = self._manifest["method"]
        if method.get("backward_layers"):
            raise SystemExit(f"{folder} compares both ways; only one way can be searched")
        if "guided" not in method:
            raise SystemExit(f"{folder} has no guided filter; fit it with --guided")
        self.size = (
            self._manifest["input_size"]["height"],
            self._manifest["input_size"]["width"],
        )
        stride = self._manifest["teacher"]["strides"][LAST_HIDDEN]
        self._guided = GuidedFilter(**method["guided"]).places(stride)
        chosen = method.get("layer_powers", {})
        forward = method["auxcon_power"]
        self.powers = {f"memory {x}": chosen.get(x, 1.0) for x in method["layers"]} | {
            f"forward {x}": forward for x in method["evaluation_layers"]
        }

    def frame(self, image: np.ndarray, label: np.ndarray) -> Frame:
        """Compute the single scores of an image uint8 [H, W, 3] BGR."""
        outputs = self._runner.run(image, graphs=("teacher", "student"))
        method = self._manifest["method"]
        scores = [
            memory.layer_score(
                torch.from_numpy(feature)[None],
                torch.from_numpy(self._runner.banks[bank_of(layer)]),
            )
            for layer, feature in memory_features(self._manifest, outputs).items()
        ]
        scores += [
            student.layer_score(
                torch.from_numpy(outputs[layer]), torch.from_numpy(outputs[student_layer(layer)])
            )
            for layer in method["evaluation_layers"]
        ]
        guide = torch.from_numpy(outputs[GUIDE])
        at_one_size = [
            F.interpolate(score, size=guide.shape[2:], mode="bilinear", align_corners=False)
            for score in scores
        ]
        stacked = torch.cat(at_one_size, dim=1)[0].clamp(min=_SMALLEST_SCORE)
        return Frame(stacked.log(), guide, label)

    def score(self, frame: Frame, powers: Powers) -> np.ndarray:
        """Return the score float32 [h, w] with other powers."""
        exponents = torch.tensor([powers[name] for name in self.powers])
        product = torch.einsum("n,nhw->hw", exponents, frame.logarithms).exp()[None, None]
        return guided(product, frame.guide, *self._guided)[0, 0].numpy()


def measured(
    bundle: Bundle, sets: Mapping[str, Sequence[Frame]], powers: Powers
) -> dict[str, tuple[float, float]]:
    """Return AP and FPR95 by set, in percent."""
    figures = {}
    for title, frames in sets.items():
        histogram = AnomalyHistogram(_BINS)
        for frame in frames:
            score = to_size(bundle.score(frame, powers), frame.label.shape)
            histogram.add(score[::STEP, ::STEP], frame.label[::STEP, ::STEP])
        result = histogram.result()
        figures[title] = (100 * result.average_precision, 100 * result.fpr95)
    return figures


def row(powers: Powers, figures: Mapping[str, tuple[float, float]]) -> str:
    """Return a row of the table."""
    text = ", ".join(f"{name} {power:g}" for name, power in powers.items())
    mean = np.mean([precision for precision, _ in figures.values()])
    cells = " | ".join(f"{precision:.1f} / {rate:.1f}" for precision, rate in figures.values())
    return f"| {text} | {mean:.1f} | {cells} |"


def search(bundle: Bundle, sets: Mapping[str, Sequence[Frame]], rounds: int) -> None:
    """Print a row for the bundle's powers and one for each move that is better."""

    def mean(figures: Mapping[str, tuple[float, float]]) -> float:
        return float(np.mean([precision for precision, _ in figures.values()]))

    powers = dict(bundle.powers)
    figures = measured(bundle, sets, powers)
    print(row(powers, figures), flush=True)
    for step in STEPS:
        for _ in range(rounds):
            before = dict(powers)
            for name in powers:
                for move in (step, -step):
                    while powers[name] + move >= 0:
                        tried = powers | {name: powers[name] + move}
                        found = measured(bundle, sets, tried)
                        if mean(found) < mean(figures) + LEAST_GAIN:
                            break
                        powers, figures = tried, found
                        print(row(powers, figures), flush=True)
            if powers == before:
                break


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--data", type=parse_data, action="append", required=True)
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help="over all powers; 0: measure the bundle's only"
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    bundle = Bundle(options.bundle)
    sets = {
        data.title: [bundle.frame(image, label) for image, label in data.labelled(bundle.size)]
        for data in options.data
    }
    print(f"| powers | mean AP | {' | '.join(sets)} |")
    print("|---" * (2 + len(sets)) + "|")
    search(bundle, sets, options.rounds)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
