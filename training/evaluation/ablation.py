# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Table 4 of the paper for a bundle: which layers are remembered, and which are compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)
from tqdm import tqdm

from cosme_ros.metrics.anomaly_metrics import AnomalyHistogram, AnomalyMetrics
from cosme_ros.metrics.labels import to_size
from training.datasets.registry import Dataset
from training.errors import UsageError
from training.evaluation.frame_scores import SAME_TEACHER, FrameScorer
from training.evaluation.paper_tables import EVALUATION_LAYER_SETS, MEMORY_LAYER_SETS
from training.layers import GENERALIST, GUIDE, LAST_HIDDEN, bank_of, student_layer
from training.method.generalist import layer_slices
from training.method.graphs import Consensus, MemoryGraph
from training.method.guided_filter import guided
from training.method.guided_settings import GuidedFilter
from training.method.preprocessing import Preprocessing
from training.method.student import Student
from training.method.tensor_ops import smoothed

LayerSet = tuple[str, ...]

_SMALLEST_PSI = 1e-12


@dataclass(frozen=True)
class ScoreArithmetic:
    """What a bundle makes of its layers' scores.

    Attributes:
        pooled: the banks are of layers that were pooled to the grid of the coarsest.
        memory_grid: that finer layers were pooled to instead; None for none.
        layer_powers: layer to the power of its score in Eq. 4; 1 for the others.
        auxcon_power: of Eq. 7 in the product of Eq. 8.
        smoothing: standard deviation of the score's Gaussian, in places of `lh`.
        evaluation_layers: L_e of Eq. 7.
        backward_layers: of the teacher, that explain the generalist.
        guided: radius in places of `lh` and epsilon of the guided filter; None for none.
    """

    pooled: bool
    auxcon_power: float
    smoothing: float
    evaluation_layers: LayerSet
    backward_layers: LayerSet = ()
    guided: tuple[int, float] | None = None
    memory_grid: tuple[int, int] | None = None
    layer_powers: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> "ScoreArithmetic":
        """Read it from a bundle's manifest; older bundles have no such entries."""
        method = manifest["method"]
        stride = manifest["teacher"].get("strides", {}).get(LAST_HIDDEN, 1)
        of_guide = method.get("guided")
        return cls(
            pooled=method.get("pooled", False),
            memory_grid=tuple(method["memory_grid"]) if "memory_grid" in method else None,
            layer_powers=method.get("layer_powers", {}),
            auxcon_power=method.get("auxcon_power", 1.0),
            smoothing=method.get("smoothing", 0.0) / stride,
            evaluation_layers=tuple(method["evaluation_layers"]),
            backward_layers=tuple(method.get("backward_layers", ())),
            guided=None if of_guide is None else GuidedFilter(**of_guide).places(stride),
        )


@dataclass(frozen=True)
class LayerMaps:
    """The scores of single layers of one frame, float32 [1, 1, h, w] at the stride of `lh`.

    Attributes:
        gamma: Eq. 3 by layer with a bank, to the bundle's power, before any standardisation.
        psi: Eq. 6 by layer that the student knows.
        backward: the product of the backward scores, as the bundle weighs them; 1 without any.
        guide: the picture float32 [1, 3, h, w], 0..1; None where the score does not follow it.
    """

    gamma: dict[str, torch.Tensor]
    psi: dict[str, torch.Tensor]
    backward: torch.Tensor
    guide: torch.Tensor | None = None


@dataclass(frozen=True)
class Ablation:
    """Both halves of the table; a row that could not be measured has its reason instead.

    Attributes:
        memory: L of Eq. 4 to the figures of MulMem alone.
        evaluation: L_e of Eq. 7 to the figures of CosMe.
        memory_layers: L of the lower half.
        frames: number of frames.
    """

    memory: dict[LayerSet, AnomalyMetrics | str]
    evaluation: dict[LayerSet, AnomalyMetrics | str]
    memory_layers: LayerSet
    frames: int


class LayerScores:
    """The scores of single layers as the bundle computes them.

    Before any standardisation: that would be another one for each set of layers.

    Args:
        scorer: of the bundle, with its teacher.
        trained: the student with all layers it learned; without it only those in the bundle are
            compared.
        arithmetic: the bundle's.
    """

    def __init__(
        self, scorer: FrameScorer, trained: Student | None, arithmetic: ScoreArithmetic
    ) -> None:
        self._scorer = scorer
        self.arithmetic = arithmetic
        self._trained = (
            None
            if trained is None
            else torch.nn.Sequential(
                Preprocessing(trained.mean, trained.standard_deviation, scorer.input_size), trained
            )
        )
        self._agrees = False

    @torch.inference_mode()
    def __call__(self, image: np.ndarray) -> LayerMaps:
        """Score one image uint8 [H, W, 3] BGR.

        Raises:
            UsageError: the trained student is not the bundle's.
        """
        arrays = self._scorer.tensors(image)
        tensors = {name: torch.from_numpy(value) for name, value in arrays.items()}
        size = tensors[LAST_HIDDEN].shape[2:]
        own = self._graph(tensors, self.arithmetic.evaluation_layers).forward_scores(tensors)
        backward = self._backward(tensors["auxcon"], _at(size, own))
        if self._trained is not None:
            views = self._trained(torch.from_numpy(image)[None])
            self._check(tensors, views)
            tensors |= {student_layer(layer): view for layer, view in views.items()}
        graph = self._graph(tensors, tuple(x for x in tensors if student_layer(x) in tensors))
        gamma, psi = graph.layer_mulmem(tensors), graph.forward_scores(tensors)
        return LayerMaps(_at(size, gamma), _at(size, psi), backward, tensors.get(GUIDE))

    def _graph(self, tensors: Mapping[str, torch.Tensor], compared: LayerSet) -> MemoryGraph:
        """Return the bundle's arithmetic of every layer with a bank, and of those compared."""
        channels = self._scorer.generalist_channels if GENERALIST in tensors else {}
        names = (*tensors, *layer_slices(channels))
        return MemoryGraph(
            tuple(layer for layer in names if bank_of(layer) in tensors),
            compared,
            None,
            pooled=self.arithmetic.pooled,
            memory_grid=self.arithmetic.memory_grid,
            layer_powers=self.arithmetic.layer_powers,
            consensus=Consensus(channels, {}),
        )

    def _backward(self, auxcon: torch.Tensor, own: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return what is left of the bundle's Psi when its forward way is divided out."""
        if not self.arithmetic.backward_layers:
            return torch.ones_like(auxcon)
        if not own:
            return auxcon
        forward = torch.stack(list(own.values())).prod(dim=0).clamp(min=_SMALLEST_PSI)
        return auxcon / forward.pow(self.arithmetic.auxcon_power)

    def _check(self, tensors: dict[str, torch.Tensor], views: dict[str, torch.Tensor]) -> None:
        if self._agrees:
            return
        for layer, view in views.items():
            exported = tensors.get(student_layer(layer))
            if exported is None:
                continue
            difference = float((view - exported).abs().max())
            if not difference <= SAME_TEACHER * float(exported.abs().max()):
                raise UsageError(
                    f"the student that `fit` kept differs from the bundle's in {layer} by up to "
                    f"{difference:.3g}: they are of different runs"
                )
        self._agrees = True


def ablate(dataset: Dataset, scores: LayerScores) -> Ablation:
    """Measure every row of Table 4 that the bundle's banks and student allow.

    Args:
        dataset: with labels 0 normal, 1 anomaly, 255 not judged.
        scores: of the bundle.

    Raises:
        UsageError: labels are classes or of one kind only; no bank at all.
    """
    if dataset.kind != "anomalies":
        raise UsageError(
            f"{dataset.spelling} is labelled with classes; labels have to say what is an anomaly"
        )
    of_memory: dict[LayerSet, AnomalyHistogram] = {}
    of_evaluation: dict[LayerSet, AnomalyHistogram] = {}
    banks: set[str] = set()
    learned: set[str] = set()
    all_layers: LayerSet = ()
    frames = range(len(dataset.source))
    for index in tqdm(frames, dataset.name, unit="frame"):
        image, label = dataset.source[index]
        maps = scores(image)
        gamma, psi = maps.gamma, maps.psi
        if index == 0:
            banks, learned = set(gamma), set(psi)
            all_layers = tuple(gamma)
            of_memory = {s: AnomalyHistogram() for s in MEMORY_LAYER_SETS if banks >= set(s)}
            of_evaluation = {
                s: AnomalyHistogram() for s in EVALUATION_LAYER_SETS if learned >= set(s)
            }
        for layers, histogram in of_memory.items():
            _add(histogram, _product(gamma, layers), label)
        whole = _product(gamma, all_layers)
        for layers, histogram in of_evaluation.items():
            forward = _product(psi, layers).pow(scores.arithmetic.auxcon_power)
            score = whole * forward * maps.backward
            if scores.arithmetic.smoothing > 0:
                score = smoothed(score, scores.arithmetic.smoothing)
            if scores.arithmetic.guided is not None and maps.guide is not None:
                score = guided(score, maps.guide, *scores.arithmetic.guided)
            _add(histogram, score, label)
    try:
        return Ablation(
            {s: _row(of_memory.get(s), s, banks, "no bank of") for s in MEMORY_LAYER_SETS},
            {
                s: _row(of_evaluation.get(s), s, learned, "the student never learned")
                for s in EVALUATION_LAYER_SETS
            },
            all_layers,
            len(frames),
        )
    except ValueError as error:
        raise UsageError(f"the labels of {dataset.spelling} hold {error}") from error


def _add(histogram: AnomalyHistogram, score: torch.Tensor, label: np.ndarray) -> None:
    histogram.add(to_size(score[0, 0].numpy(), label.shape), label)


def _row(
    histogram: AnomalyHistogram | None, layers: LayerSet, there: set[str], why: str
) -> AnomalyMetrics | str:
    if histogram is not None:
        return histogram.result()
    return f"{why} {' and '.join(layer for layer in layers if layer not in there)}"


def _product(scores: dict[str, torch.Tensor], layers: LayerSet) -> torch.Tensor:
    """Return the product over layers (Eq. 4 and 7)."""
    return torch.stack([scores[layer] for layer in layers]).prod(dim=0)


def _at(size: torch.Size, scores: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Bring scores of layers to one size, as the bundle does."""
    return {
        layer: score
        if score.shape[2:] == size
        else F.interpolate(score, size=size, mode="bilinear", align_corners=False)
        for layer, score in scores.items()
    }
