# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Which factors make a good score? Each by itself, and products of them, on sets that choose.

    PYTHONPATH=. python test/benchmark/score_parts.py --teacher teacher.pt --cache /tmp/parts \
        --fit camvid=DIR:train --frames 184 \
        --data "Road Anomaly, choosing=road_anomaly=DIR@0:30" \
        --data "Road Anomaly, reporting=road_anomaly=DIR@30:60" \
        --data "composited CamVid=composited:0:camvid=DIR:test@::2"

The arithmetic is that of `python -m training fit` and of the bundle's graphs, in PyTorch; only the
order of work is another: both networks look at each frame once, without its mirror image, and what
they see is kept in CACHE, so that a second run, with another teacher or K, is quick. Pixels are
evaluated on the grid of `lh`. Prints Markdown, AP / FPR95 in percent.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from tqdm import tqdm

from cosme_ros.metrics.anomaly_metrics import AnomalyHistogram
from training.baselines.logit_scores import energy_score
from training.datasets.cropped import Cropped
from training.datasets.interface import FrameSource, crop_to_aspect
from training.datasets.normal_frames import FitFrames
from training.datasets.opening import open_frames
from training.datasets.registry import open_dataset
from training.fitting.memory import INITIAL_FRAMES, INITIAL_POSITIONS
from training.fitting.ridge_student import build_generalist
from training.fitting.settings import MemorySettings, RidgeSettings
from training.layers import (
    GENERALIST,
    LAST_HIDDEN,
    MEMORY_LAYERS,
    NOTHING,
    OUTPUT,
    bank_of,
    generalist_layer,
    student_layer,
)
from training.method import memory
from training.method.consensus import SecondMoments
from training.method.generalist import Generalist, on_grid, split_layers
from training.method.graphs import Consensus, MemoryGraph
from training.method.preprocessing import Preprocessing
from training.method.presets import DEFAULT, generalist_size
from training.method.ridge_student import RidgeStudent
from training.method.tensor_ops import smoothed
from training.teachers.checkpoint import load_teacher
from training.teachers.interface import Teacher

ENERGY = "energy"
FORWARD_LAYERS = ("c4", "c5")
BACKWARD_LAYERS = ("c4", "c5", LAST_HIDDEN)
REMEMBERED = ("c3", "c4", "c5")
"""Layers of the generalist that get a bank, as far as it has them."""

_ENERGY_DEVIATIONS = 3.0
_BINS = 1 << 16  # of scores: to the hundredth of a percent, and soon counted

Seen = dict[str, torch.Tensor]
"""Of one frame: the teacher's c4, c5 [1, C, h, w], `lh` on their grid, `energy` [1, 1, H, W] on the
grid of `lh`, and the generalist's features [1, D, h, w]."""


def memory_of(*layers: str) -> dict[str, float]:
    """Return the factors of the memory of layers, each to the power 1."""
    return {f"memory {layer}": 1.0 for layer in layers}


def powered(layer: str) -> str:
    """Return the name of a layer with the power that the default gives it, as `c5^0.5`.

    >>> powered("generalist_c3")
    'generalist_c3'
    """
    power = DEFAULT.layer_powers.get(layer, 1.0)
    return layer if power == 1.0 else f"{layer}^{power:g}"


def backward_of(power: float = 1.0) -> dict[str, float]:
    """Return the backward scores of the default's layers, to a power."""
    return {f"backward {layer}": power for layer in DEFAULT.backward_layers}


M = memory_of(*MEMORY_LAYERS)
C5 = memory_of("c5")
CHOSEN = memory_of(*(powered(layer) for layer in DEFAULT.memory_layers))
G345 = memory_of(*(generalist_layer(layer) for layer in REMEMBERED))
G34 = memory_of(generalist_layer("c3"), generalist_layer("c4"))
G45 = memory_of(generalist_layer("c4"), generalist_layer("c5"))
B, B2, B05 = backward_of(), backward_of(2.0), backward_of(0.5)
SMOOTHING = 8.0
"""Of every row, in pixels of the network input. The guided filter would need the pictures too."""

F = {f"forward {layer}": DEFAULT.auxcon_power for layer in DEFAULT.evaluation_layers}
F45 = {f"forward {layer}": DEFAULT.auxcon_power for layer in FORWARD_LAYERS}
E = {ENERGY: 1.0}

PRODUCTS: dict[str, dict[str, float]] = {
    "M": M,
    "M f f5": M | F45,
    "G345": G345,
    "M G345": M | G345,
    "M G345 f": M | G345 | F,
    "M G34 f": M | G34 | F,
    "M G34 f f5 (the demo)": M | G34 | F45,
    "M G34 B f": M | G34 | B | F,
    "B": B,
    "M B f": M | B | F,
    "M B^2 f": M | B2 | F,
    "M B^0.5 f": M | B05 | F,
    "c5 B f": C5 | B | F,
    "c5 B f e": C5 | B | F | E,
    "M G345 B f": M | G345 | B | F,
    "M G345 B^2 f": M | G345 | B2 | F,
    "M G345 B^2 f e": M | G345 | B2 | F | E,
    "M G45 B^2 f": M | G45 | B2 | F,
    "c5 G345 f": C5 | G345 | F,
    "c5 G345 B f": C5 | G345 | B | F,
    "c5^0.5 g3 g4^2 B f (the default)": CHOSEN | B | F,
    "c5 G345 B^2 f": C5 | G345 | B2 | F,
    "c5 G345 B f e": C5 | G345 | B | F | E,
    "G345 B": G345 | B,
    "G345 B^2": G345 | B2,
}
"""Title to the powers of the factors that are multiplied."""

LEGEND = (
    "M: memory of the teacher's c4, c5 and lh; c5: of its c5 alone. G345: memory of the "
    "generalist's c3, c4 and c5. B: backward c4 times backward c5. f: root of forward c4, f5 of "
    "forward c5. e: exp((energy - mean) / (3 deviations))."
)


class DataSpelling(NamedTuple):
    """A set to evaluate on: its title in the table, the spelling and the frames that are taken."""

    title: str
    spelling: str
    frames: slice

    def labelled(self, size: tuple[int, int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield image and label of the frames, cut to the ratio of sides of (height, width)."""
        source = Cropped(open_dataset(self.spelling).source, *size)
        for index in tqdm(range(len(source))[self.frames], self.title, unit="frame"):
            yield source[index]


def parse_data(text: str) -> DataSpelling:
    """Read `TITLE=SPELLING[@FIRST:LAST[:STEP]]`; LAST is the first frame that is not taken.

    >>> parse_data("choosing=road_anomaly=/data@0:30")
    DataSpelling(title='choosing', spelling='road_anomaly=/data', frames=slice(0, 30, None))
    """
    title, equals, rest = text.partition("=")
    found = re.fullmatch(r"(.+?)(?:@(-?\d*):(-?\d*)(?::(\d*))?)?", rest)
    if not equals or found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not TITLE=SPELLING[@FIRST:LAST[:STEP]]")
    spelling, *limits = found.groups()
    return DataSpelling(title, spelling, slice(*(int(x) if x else None for x in limits)))


class Watcher:
    """What both networks see of a frame, computed once and kept on disk.

    Args:
        teacher: frozen, on the CPU.
        generalist: on the teacher's grid.
        size: (height, width) of the teacher's input in pixels.
        folders: of what the teacher and the generalist saw; other networks need others.
    """

    def __init__(
        self,
        teacher: Teacher,
        generalist: Generalist,
        size: tuple[int, int],
        folders: tuple[Path, Path],
    ) -> None:
        self._teacher = teacher
        self.generalist = generalist
        self.size = size
        self._folders = folders
        self._teacher_input = Preprocessing(teacher.mean, teacher.standard_deviation, size)
        self._own_input = Preprocessing(
            generalist.mean, generalist.standard_deviation, generalist.size or size
        )

    def __call__(self, spelling: str, images: FrameSource, index: int) -> Seen:
        """Return what is seen of a frame; it is only decoded if that is not known yet.

        Args:
            spelling: of the set that the frame is of.
            images: the set's frames, uint8 [H, W, 3] BGR.
            index: number of the frame.
        """
        name = f"{hashlib.sha256(spelling.encode()).hexdigest()[:16]}/{index:06d}.pt"
        decoded: list[torch.Tensor] = []

        def image() -> torch.Tensor:
            if not decoded:
                frame = np.ascontiguousarray(crop_to_aspect(images[index], *self.size))
                decoded.append(torch.from_numpy(frame)[None])
            return decoded[0]

        seen: Seen = {}
        for folder, look in zip(
            self._folders, (self._by_teacher, self._by_generalist), strict=True
        ):
            path = folder / name
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                with torch.inference_mode():
                    torch.save(look(image()), path)
            seen |= torch.load(path, weights_only=True)
        return seen

    def _by_teacher(self, image: torch.Tensor) -> Seen:
        maps = self._teacher(self._teacher_input(image))
        kept = {layer: maps[layer] for layer in FORWARD_LAYERS}
        # On a quarter of the rows and columns, `lh` is a sixteenth to keep.
        kept[LAST_HIDDEN] = memory.pooled({layer: maps[layer] for layer in MEMORY_LAYERS})[
            LAST_HIDDEN
        ]
        kept[ENERGY] = on_grid(energy_score(maps[OUTPUT]), maps[LAST_HIDDEN].shape[2:])
        return kept

    def _by_generalist(self, image: torch.Tensor) -> Seen:
        return {GENERALIST: self.generalist(self._own_input(image))}


class Parts:
    """The factors of the score, fitted to normal frames.

    Args:
        watch: number of a fit frame to what is seen of it.
        frames: their number.
        generalist: that saw them.
        channels: of the teacher's layers.
        memory_grid: (height, width) that the memory reads the generalist on.
        settings: of the memory; its layers are not read.
    """

    def __init__(
        self,
        watch: Callable[[int], Seen],
        frames: int,
        generalist: Generalist,
        channels: Mapping[str, int],
        memory_grid: tuple[int, int],
        settings: MemorySettings,
    ) -> None:
        self._memory_grid = memory_grid
        moments = SecondMoments(
            generalist.channels, {layer: channels[layer] for layer in BACKWARD_LAYERS}
        )
        energies = []
        for index in tqdm(range(frames), "consensus", unit="frame"):
            seen = watch(index)
            explaining = {x: on_grid(seen[x], generalist.grid) for x in BACKWARD_LAYERS}
            moments.add(seen[GENERALIST], explaining)
            energies.append(seen[ENERGY].flatten())
        self._energy = torch.cat(energies).mean(), torch.cat(energies).std()
        self._student = RidgeStudent(generalist, {x: channels[x] for x in FORWARD_LAYERS})
        for layer in FORWARD_LAYERS:
            self._student.set_map(layer, *moments.forward_map(layer, RidgeSettings.penalty))
        backward = {layer: moments.backward_map(layer) for layer in BACKWARD_LAYERS}
        backward[NOTHING] = moments.backward_map(None)
        wanted = [generalist_layer(layer) for layer in REMEMBERED]
        self._places = {x: place for x, place in generalist.slices().items() if x in wanted}
        self.banks = self._fit_banks(watch, frames, settings)
        self._graph = MemoryGraph(
            tuple(self.banks),
            FORWARD_LAYERS,
            None,
            pooled=True,
            memory_grid=memory_grid,
            consensus=Consensus(generalist.layer_channels, backward),
        )

    @torch.inference_mode()
    def __call__(self, seen: Seen) -> dict[str, torch.Tensor]:
        """Return each factor by name, float32 [1, 1, H, W] on the grid of `lh`, >= 0."""
        tensors = seen | {bank_of(layer): bank for layer, bank in self.banks.items()}
        tensors |= self._remembered(seen)
        for layer, view in self._student.views(seen[GENERALIST]).items():
            tensors[student_layer(layer)] = view
        remembered = self._graph.layer_mulmem(tensors)
        # As in the graph, a power comes before the interpolation to the grid of `lh`.
        weighted = {
            powered(layer): remembered[layer].pow(power)
            for layer, power in DEFAULT.layer_powers.items()
            if layer in remembered
        }
        ways = {
            "memory": remembered | weighted,
            "forward": self._graph.forward_scores(tensors),
            "backward": self._graph.backward_scores(tensors),
        }
        grid = seen[ENERGY].shape[2:]
        factors = {
            f"{way} {layer}": on_grid(score, grid)
            for way, scores in ways.items()
            for layer, score in scores.items()
        }
        mean, deviation = self._energy
        factors[ENERGY] = ((seen[ENERGY] - mean) / (_ENERGY_DEVIATIONS * deviation)).exp()
        return factors

    def _fit_banks(
        self, watch: Callable[[int], Seen], frames: int, settings: MemorySettings
    ) -> dict[str, torch.Tensor]:
        """Run Algorithm 1, then Algorithm 2 over all frames, for every layer."""
        order = np.random.default_rng([settings.seed, 0]).permutation(frames)
        generator = torch.Generator().manual_seed(settings.seed)
        samples: dict[str, list[torch.Tensor]] = {}
        for index in order[:INITIAL_FRAMES].tolist():
            for layer, vectors in self._vectors([watch(index)]).items():
                rows = torch.randperm(len(vectors), generator=generator)[:INITIAL_POSITIONS]
                samples.setdefault(layer, []).append(vectors[rows])
        banks = {
            layer: memory.initialise(
                torch.cat(parts),
                size=settings.prototypes,
                similarity_threshold=settings.similarity_threshold,
                generator=generator,
            ).prototypes
            for layer, parts in samples.items()
        }
        batches = np.split(order, range(settings.batch, frames, settings.batch))
        for batch in tqdm(batches, "memory", unit="batch"):
            vectors_of = self._vectors([watch(index) for index in batch.tolist()])
            banks = {
                layer: memory.update(bank, vectors_of[layer], settings.momentum)
                for layer, bank in banks.items()
            }
        return {x: torch.nn.functional.normalize(bank, dim=1) for x, bank in banks.items()}

    def _vectors(self, several: Sequence[Seen]) -> dict[str, torch.Tensor]:
        frames = []
        for seen in several:
            own = memory.pooled({layer: seen[layer] for layer in MEMORY_LAYERS})
            frames.append(own | self._remembered(seen))
        return {x: memory.as_vectors(torch.cat([f[x] for f in frames])) for x in frames[0]}

    def _remembered(self, seen: Seen) -> dict[str, torch.Tensor]:
        return split_layers(on_grid(seen[GENERALIST], self._memory_grid), self._places)


def product(factors: Mapping[str, torch.Tensor], powers: Mapping[str, float]) -> torch.Tensor:
    """Multiply factors, each to its power, on their grid."""
    return torch.stack([factors[name].pow(power) for name, power in powers.items()]).prod(dim=0)


@dataclass(frozen=True)
class SetFigures:
    """AP and FPR95 of a row on one set, shares of 0..1."""

    average_precision: float
    fpr95: float


def evaluate_parts(
    several: Sequence[DataSpelling], watcher: Watcher, parts: Parts, deviation: float
) -> dict[str, dict[str, SetFigures]]:
    """Evaluate every factor and every product of which all factors are there.

    Args:
        several: sets that are labelled with anomalies.
        watcher: of both networks.
        parts: fitted.
        deviation: of the Gaussian that each row is smoothed by, in places of `lh`.

    Returns:
        Title of a set to name of a row to its figures.
    """
    histograms: dict[str, dict[str, AnomalyHistogram]] = {data.title: {} for data in several}
    for spelling in dict.fromkeys(data.spelling for data in several):
        source = open_dataset(spelling).source
        wanted = {
            data.title: range(len(source))[data.frames]
            for data in several
            if data.spelling == spelling
        }
        for index in tqdm(sorted(set().union(*wanted.values())), spelling, unit="frame"):
            factors = parts(watcher(spelling, source.images, index))
            label = crop_to_aspect(source[index][1], *watcher.size)
            height, width = factors[ENERGY].shape[2:]
            label = cv2.resize(label, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
            rows = {name: {name: 1.0} for name in factors}
            rows |= {name: p for name, p in PRODUCTS.items() if factors.keys() >= p.keys()}
            for name, powers in rows.items():
                score = smoothed(product(factors, powers), deviation)[0, 0].numpy()
                for title, numbers in wanted.items():
                    if index in numbers:
                        of_set = histograms[title]
                        of_set.setdefault(name, AnomalyHistogram(_BINS)).add(score, label)
    figures: dict[str, dict[str, SetFigures]] = {}
    for title, of_set in histograms.items():
        results = {name: histogram.result() for name, histogram in of_set.items()}
        figures[title] = {n: SetFigures(r.average_precision, r.fpr95) for n, r in results.items()}
    return figures


def as_table(figures: Mapping[str, Mapping[str, SetFigures]]) -> str:
    """Return a Markdown table, a row for each factor or product.

    Args:
        figures: title of a set to name of a row to its figures.
    """
    lines = [f"| | {' | '.join(figures)} |", "|---" * (1 + len(figures)) + "|"]
    for name in next(iter(figures.values())):
        cells = [
            f"{100 * rows[name].average_precision:.1f} / {100 * rows[name].fpr95:.1f}"
            for rows in figures.values()
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit, evaluate and print; `arguments` as on the command line."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    size = tuple(options.size)
    own_size = tuple(options.generalist_size) if options.generalist_size else generalist_size(size)
    teacher = load_teacher(options.teacher).network
    source = open_frames(options.fit)
    chosen = np.linspace(0, len(source) - 1, min(options.frames or len(source), len(source)))
    indices = chosen.round().astype(np.int64)
    resized = FitFrames(source, indices, size)
    settings = RidgeSettings(
        options.generalist,
        size=own_size,
        backbone_layers=options.generalist_layers and tuple(options.generalist_layers.split(",")),
        layers=FORWARD_LAYERS,
    )
    generalist = build_generalist(teacher, resized, settings)
    facts = (settings.backbone, own_size or size, tuple(generalist.layer_channels), generalist.grid)
    watcher = Watcher(
        teacher,
        generalist,
        size,
        (
            options.cache / f"teacher_{_digest(options.teacher.read_bytes())}_{size[0]}x{size[1]}",
            options.cache / f"generalist_{_digest(repr((facts, size)).encode())}",
        ),
    )

    def watch(number: int) -> Seen:
        if options.resized_first:
            return watcher(f"{options.fit} resized, {len(indices)} frames", resized, number)
        return watcher(options.fit, source, int(indices[number]))

    memory_grid = MemorySettings(stride=DEFAULT.memory_stride).grid(size)
    assert memory_grid is not None
    parts = Parts(
        watch,
        len(indices),
        generalist,
        teacher.channels,
        memory_grid,
        MemorySettings(prototypes=options.prototypes, seed=options.seed),
    )
    deviation = SMOOTHING / teacher.strides[LAST_HIDDEN]
    figures = evaluate_parts(options.data, watcher, parts, deviation)
    kept = ", ".join(f"{layer} {len(bank)}" for layer, bank in parts.banks.items())
    print(f"{len(indices)} fit frames; prototypes: {kept}\n\n{as_table(figures)}\n\n{LEGEND}")
    return 0


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--teacher", type=Path, required=True, help="checkpoint")
    parser.add_argument("--fit", required=True, help="normal frames, as `fit` takes them")
    parser.add_argument("--frames", type=int, help="of these, evenly spread; without it all")
    parser.add_argument(
        "--resized-first",
        action="store_true",
        help="bring fit frames to the teacher's input size before the generalist enlarges them, "
        "as `fit` does; without it both networks start from the frame as it is, as in the graphs",
    )
    parser.add_argument(
        "--data",
        type=parse_data,
        action="append",
        required=True,
        metavar="TITLE=SPELLING[@FIRST:LAST[:STEP]]",
        help="a set with labelled anomalies, as `evaluate` takes it, and which of its frames",
    )
    parser.add_argument("--size", type=int, nargs=2, default=(288, 512), metavar=("H", "W"))
    parser.add_argument("--generalist", default=RidgeSettings.backbone)
    parser.add_argument("--generalist-size", type=int, nargs=2, metavar=("H", "W"))
    parser.add_argument("--generalist-layers", metavar="LAYER,...", help="without it all")
    parser.add_argument("--prototypes", type=int, default=DEFAULT.prototypes, help="K")
    parser.add_argument("--seed", type=int, default=0, help="of the memory")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cache", type=Path, required=True, help="folder for features")
    return parser


if __name__ == "__main__":
    sys.exit(main())
